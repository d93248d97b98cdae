"""A learned mixture of Gaussians."""

from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import optional_seed, positive_int, positive_number
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.gaussian import LOG_VAR_RANGE
from keras_vae.distributions.gaussian_mixture import GaussianMixture
from keras_vae.hints import Array, Config, Encode, Seed, Shape, Tensor
from keras_vae.priors.prior import Prior
from keras_vae.registry import priors

__all__ = ["Mixture"]


@priors.register("mixture", package="keras_vae")
class Mixture(Prior):
    """p(z) = sum_k weight_k N(loc_k, diag exp(log_var_k)), all learned; it ignores the context.

    The "MoG" of Tomczak and Welling (2018), and with the weights learned the prior of deep clustering
    (VaDE; Jiang et al., 2017): the ELBO under q(c | x) = p(c | z) is that of the mixture's density, in which the
    component c is summed out. In clustered data each component tends to fit one cluster; so that it does, train the
    model, `fit` the prior to its encodings, and train on. `vae.responsibilities(x)` then gives p(c | z), and
    `vae.generate(component=3)` draws from one component. Draws are `(batch, *latent_shape)`.

    Args:
        components: number of Gaussians.
        learn_weights: learn the components' weights; if False, the weights are equal.
        spread: standard deviation of the initial means; components with equal means would stay equal.
        seed: seed of the initial means.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import keras_vae as kv
    >>> from keras import ops
    >>> prior = kv.priors.Mixture(10, seed=0)
    >>> prior.build((None, 0), (2,))
    >>> tuple(prior.distribution(ops.zeros((5, 0))).log_prob(ops.zeros((5, 2))).shape)
    (5,)
    """

    distribution_class = GaussianMixture

    def __init__(
        self, components: int = 10, learn_weights: bool = True, spread: float = 1.0, seed: Seed = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.components = positive_int(components, "components")
        self.learn_weights = learn_weights
        self.spread = positive_number(spread, "spread")
        self.seed = seed

    def build(self, context_shape: Shape, latent_shape: Shape, data_spec: dict[str, Any] | None = None) -> None:
        super().build(context_shape, latent_shape, data_spec)
        shape = (self.components, *self.latent_shape)
        initializer = keras.initializers.RandomNormal(0.0, self.spread, seed=self.seed)
        self.loc = self.add_weight(name="loc", shape=shape, initializer=initializer, autocast=False)
        self.log_var = self.add_weight(name="log_var", shape=shape, initializer="zeros", autocast=False)
        self.logits = self.add_weight(
            name="logits",
            shape=(self.components,),
            initializer="zeros",
            trainable=self.learn_weights,
            autocast=False,
        )

    def distribution(self, context: Tensor, *, encode: Encode | None = None) -> Distribution:
        return GaussianMixture(self.loc, self.log_var, self.logits, batch_size=ops.shape(context)[0])

    def fit(self, z: Any, *, seed: int | None = None, num_starts: int = 5) -> Self:
        """Set means, variances and weights to those of a Gaussian mixture of encodings, by scikit-learn's EM.

        With equal weights, if these are not learned. Training goes on from there.

        Args:
            z: `(n, *latent)`, such as `vae.encode(x)`, or draws, `vae.encode(x, mode="sample")`.
            seed: int, for a result that is reproducible.
            num_starts: how often EM starts anew; the best fit counts.

        Raises:
            ValueError: encodings of another shape, or fewer than components; a prior that has not been built.
            ImportError: without scikit-learn.
        """
        num_starts, seed = positive_int(num_starts, "num_starts"), optional_seed(seed)
        try:
            from sklearn import mixture
        except ImportError as error:
            raise ImportError(
                "The prior 'mixture' is fitted by scikit-learn: pip install 'keras-vae[examples]'."
            ) from error
        if not self.built:
            raise ValueError(
                "The prior 'mixture' has no weights yet. Fit it in its model: vae.prior.fit(vae.encode(x))."
            )
        try:
            rows = np.asarray(ops.convert_to_numpy(z), "float64")
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Argument `z` must be one array of encodings, (n, {', '.join(map(str, self.latent_shape))}). "
                f"Received: {type(z).__name__}. Of several groups of latents, pass those of this prior."
            ) from error
        if rows.shape[1:] != self.latent_shape or len(rows) < self.components or not np.isfinite(rows).all():
            raise ValueError(
                f"Argument `z` must hold finite encodings of shape (n, {', '.join(map(str, self.latent_shape))}), at "
                f"least one for each of the {self.components} components. Received: shape {rows.shape}."
            )
        fitted = mixture.GaussianMixture(
            self.components,
            covariance_type="diag",
            n_init=num_starts,
            max_iter=200,
            reg_covar=1e-4,
            random_state=seed,
        ).fit(rows.reshape(len(rows), -1))
        shape = (self.components, *self.latent_shape)
        self.loc.assign(fitted.means_.reshape(shape))
        self.log_var.assign(np.log(fitted.covariances_).reshape(shape))
        if self.learn_weights:
            self.logits.assign(np.log(np.maximum(fitted.weights_, 1e-8)))
        return self

    def sample_component(self, component: Any, *, seed: int | None = None, temperature: float = 1.0) -> Array:
        """Draws of one component for each row, as a NumPy array `(n, *latent)`.

        Args:
            component: index of the component of every row, `(n,)`.
            seed: int, for draws that are reproducible.
            temperature: factor of the component's standard deviations.
        """
        loc = ops.convert_to_numpy(self.loc)[component]
        scale = np.exp(0.5 * np.clip(ops.convert_to_numpy(self.log_var), *LOG_VAR_RANGE))[component]
        noise = np.random.default_rng(seed).standard_normal(loc.shape)
        return (loc + temperature * scale * noise).astype("float32")

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "components": self.components,
            "learn_weights": self.learn_weights,
            "spread": self.spread,
            "seed": self.seed,
        }
