"""The variational mixture of posteriors."""

import math
import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import optional_seed, positive_int
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.distributions.gaussian_mixture import GaussianMixture
from keras_vae.hints import Config, Encode, Initializer, Part, Shape, Tensor
from keras_vae.layers.between import Between
from keras_vae.priors.prior import Prior
from keras_vae.registry import priors

__all__ = ["VampPrior"]


@priors.register("vamp", package="keras_vae")
class VampPrior(Prior):
    """p(z) = sum_k weight_k q(z | u_k), posteriors of learned pseudo-inputs u_k (Tomczak and Welling, 2018).

    The pseudo-inputs are trained with the model. They are clipped to the support of the
    likelihood, and stored in units of its width if it is finite, so that a learning rate has the same effect
    on 8-bit pixels and on pixels from 0 to 1. In a conditional model each has a pseudo-context,
    a point in the space of encoded conditions.

    Attributes:
        unit: width of the support, by which the weight `pseudo_inputs` is multiplied to get data.

    Args:
        components: number of pseudo-inputs.
        initializer: `"data"`, a sample of the training data, taken by `fit` before the first step or by
            `adapt`; or any Keras initializer, such as
            `keras.initializers.RandomNormal(mean, stddev)` with moments of the data.
        learn_weights: learn the components' weights; if False, the weights are equal, as in the paper.
        seed: int, the seed of the sample of the data; by default that of the model, `VAE(seed=...)`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments; when built where there is no encoder, or for data of unknown length;
            when the posterior is not a diagonal Gaussian.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> x = np.random.default_rng(0).random((64, 6)).astype("float32")
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, prior=kv.priors.VampPrior(10))
    >>> vae.compile("adam")
    >>> _ = vae.fit(x, verbose=0)
    >>> vae.generate(3).shape
    (3, 6)
    """

    requires_encoder = True
    distribution_class = GaussianMixture

    def check_posterior(self, posterior: Part) -> None:
        super().check_posterior(posterior)
        if posterior.distribution_class not in (Gaussian, None) or posterior.requires_prior:
            raise ValueError(
                "The prior VampPrior needs diagonal Gaussian posteriors. Received: the posterior "
                f"{type(posterior).__name__}. Use posterior='gaussian', or another prior."
            )

    def __init__(
        self,
        components: int = 500,
        initializer: Initializer = "data",
        learn_weights: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.components = positive_int(components, "components")
        self.from_data = initializer == "data"
        self.initializer = initializer if self.from_data else keras.initializers.get(initializer)
        self.learn_weights = learn_weights
        self.seed = optional_seed(seed)

    def build(self, context_shape: Shape, latent_shape: Shape, data_spec: dict[str, Any] | None = None) -> None:
        super().build(context_shape, latent_shape, data_spec)
        if data_spec is None:
            raise ValueError(
                "VampPrior is a mixture of the encoder's posteriors, but there is no encoder. Use it as the prior of a "
                "keras_vae.VAE."
            )
        self.data_shape = tuple(data_spec["shape"])
        self.model_seed = data_spec.get("seed")
        if data_spec.get("categorical", data_spec.get("nominal")):
            raise ValueError(
                "VampPrior learns pseudo-inputs by gradient descent, and does not support categorical data such as "
                "tokens. Use prior='mixture' or prior='standard'."
            )
        if data_spec.get("several_fields"):
            raise ValueError(
                "VampPrior learns pseudo-inputs of one array, and the data here have several fields. Use "
                "prior='mixture' or prior='standard'."
            )
        if None in self.data_shape:
            raise ValueError(
                f"VampPrior needs data whose every axis has a known length. Received: data of shape {self.data_shape}. "
                "Give the length, and masks of what is valid, or use prior='mixture'."
            )
        low, high = data_spec["support"]
        self.unit = high - low if math.isfinite(high - low) else 1.0
        low, high = low / self.unit, high / self.unit
        initializer = "zeros" if self.from_data else self.initializer
        self.pseudo_inputs = self.add_weight(
            name="pseudo_inputs",
            shape=(self.components, *self.data_shape),
            initializer=initializer,
            constraint=Between(low, high),
            autocast=False,
        )
        if not self.from_data:
            # the initializer draws data
            self.pseudo_inputs.assign(Between(low, high)(self.pseudo_inputs / self.unit))
        self.pseudo_contexts = self.add_weight(
            name="pseudo_contexts",
            shape=(self.components, self.context_width),
            initializer="zeros" if self.from_data else "random_normal",
            trainable=self.context_width > 0,
            autocast=False,
        )
        if self.learn_weights:
            self.logits = self.add_weight(name="logits", shape=(self.components,), initializer="zeros", autocast=False)
        # Saved with the weights, so that a loaded model is not initialised again.
        self.adapted = self.add_weight(
            name="adapted",
            shape=(),
            initializer="zeros" if self.from_data else "ones",
            trainable=False,
            autocast=False,
        )

    def adapt(self, x: Tensor, context: Tensor | None = None) -> None:
        """Initialise the pseudo-inputs with a random sample of data.

        Args:
            x: `(n, *data_shape)`; with fewer rows than components, rows repeat with a little noise.
            context: `(n, width)`, the encoded conditions, for a conditional model.

        Raises:
            ValueError: data of another shape, or no `context` for a conditional model.
        """
        x = np.asarray(ops.convert_to_numpy(x), dtype="float32")
        if x.shape[1:] != self.data_shape or not len(x):
            raise ValueError(
                f"Argument `x` must have shape (n, {', '.join(map(str, self.data_shape))}), n > 0. Received: {x.shape}"
            )
        if context is None and self.context_width:
            raise ValueError(
                f"Argument `context` must have shape ({len(x)}, {self.context_width}) for a conditional model. "
                "Received: None"
            )
        if np.isnan(x).any():
            # Missing elements start at the mean of the observed ones: a pseudo-input has all of its elements.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # an element that is missing in all rows
                x = np.where(np.isnan(x), np.nan_to_num(np.nanmean(x, axis=0)), x)
        generator = np.random.default_rng(self.model_seed if self.seed is None else self.seed)
        rows = generator.permutation(len(x))[: self.components]
        repeats = generator.integers(len(x), size=self.components - len(rows))
        noise = 0.1 * x.std() * generator.standard_normal((len(repeats), *self.data_shape))
        chosen = np.concatenate([x[rows], x[repeats] + noise.astype("float32")]) / np.float32(self.unit)
        self.pseudo_inputs.assign(self.pseudo_inputs.constraint(ops.convert_to_tensor(chosen)))
        if self.context_width:
            context = np.asarray(ops.convert_to_numpy(context), dtype="float32")
            self.pseudo_contexts.assign(context[np.concatenate([rows, repeats])])
        self.adapted.assign(1.0)

    def prepare(self, encode: Encode) -> dict[str, Tensor]:
        q = encode(self.unit * ops.convert_to_tensor(self.pseudo_inputs), ops.convert_to_tensor(self.pseudo_contexts))
        if type(q) is not Gaussian:
            raise ValueError(
                f"VampPrior needs diagonal Gaussian posteriors. Received: a posterior of type {type(q).__name__}. Use "
                "posterior='gaussian', or another prior."
            )
        return {"loc": q.loc, "log_var": q.log_var}

    def distribution(
        self, context: Tensor, *, encode: Encode | None = None, prepared: dict[str, Tensor] | None = None
    ) -> Distribution:
        if prepared is not None:
            components = prepared
        elif encode is not None:
            components = self.prepare(encode)
        else:
            raise ValueError(
                "VampPrior is made of the encoder's posteriors: distribution(context, encode=...) needs `encode`, a "
                "function (x, context) -> q(z | x). Received: encode=None"
            )
        logits = ops.convert_to_tensor(self.logits) if self.learn_weights else None
        return GaussianMixture(**components, logits=logits, batch_size=ops.shape(context)[0])

    def get_config(self) -> Config:
        initializer = self.initializer if self.from_data else keras.initializers.serialize(self.initializer)
        return {
            **super().get_config(),
            "components": self.components,
            "initializer": initializer,
            "learn_weights": self.learn_weights,
            "seed": self.seed,
        }
