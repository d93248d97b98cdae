"""A Gaussian mixture, by scikit-learn."""

import numpy as np

from keras_vae.arguments import one_of, positive_int
from keras_vae.hints import Array, Config
from keras_vae.registry import samplers
from keras_vae.samplers.vectors import VectorSampler

__all__ = ["Mixture"]


@samplers.register("mixture", package="keras_vae")
class Mixture(VectorSampler):
    """q(z) ≈ sum_k weight_k N(mean_k, covariance_k), fitted by expectation maximisation (Ghosh et al., 2020).

    The first to try: ten Gaussians with full covariances are what Ghosh et al. (2020, section 4) fit to the latents of
    autoencoders of every kind. One component is the Gaussian with the latents' own moments. scikit-learn fits it (extra
    `examples`); drawing from it, also after loading, does not need it. Latents of any shape `(n, *latent)`.

    Args:
        components: number of Gaussians.
        covariance: `"full"`, or `"diag"` for wide latents: a full one has width²/2 numbers for each component.
        max_iter: most steps of expectation maximisation.

    Raises:
        ValueError: bad arguments; when fitted to fewer rows than components.
        ImportError: when fitted without scikit-learn.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> z = np.random.default_rng(0).normal(size=(200, 2)) + [[0.0, 5.0]]
    >>> sampler = kv.samplers.Mixture(components=1).fit(z)
    >>> (draws,) = sampler.sample(1000, seed=0)
    >>> [round(float(mean)) for mean in draws.mean(axis=0)]
    [0, 5]
    """

    spaces = ("reals", "sphere")

    def __init__(self, components: int = 10, covariance: str = "full", max_iter: int = 200) -> None:
        self.components = positive_int(components, "components")
        self.covariance = one_of(covariance, ("full", "diag"), "covariance")
        self.max_iter = positive_int(max_iter, "max_iter")

    def fit_rows(self, rows: Array, generator: np.random.Generator, verbose: str | int) -> None:
        try:
            from sklearn.mixture import GaussianMixture
        except ImportError as error:
            raise ImportError(
                "The sampler 'mixture' is fitted by scikit-learn: pip install 'keras-vae[examples]'."
            ) from error
        if len(rows) < self.components:
            raise ValueError(
                f"The sampler 'mixture' needs at least as many rows as components, {self.components}. Received: "
                f"{len(rows)} rows. Pass more, or fewer components: kv.samplers.Mixture(components=1)."
            )
        fitted = GaussianMixture(
            self.components,
            covariance_type=self.covariance,
            reg_covar=1e-5,  # the latents are standardised
            max_iter=self.max_iter,
            random_state=int(generator.integers(2**31)),
        ).fit(rows)
        self.weights, self.means = fitted.weights_.astype("float32"), fitted.means_.astype("float32")
        # of every covariance a factor: lower triangles, or standard deviations
        factor = np.linalg.cholesky if self.covariance == "full" else np.sqrt
        self.factors = factor(fitted.covariances_).astype("float32")

    def draw_rows(self, n: int, generator: np.random.Generator, temperature: float) -> Array:
        weights = self.weights.astype("float64")
        component = generator.choice(len(weights), n, p=weights / weights.sum())
        rows = generator.standard_normal((n, self.width)).astype("float32")
        for index in range(len(weights)):
            own, factor = component == index, self.factors[index]
            spread = rows[own] @ factor.T if factor.ndim == 2 else rows[own] * factor
            rows[own] = self.means[index] + temperature * spread
        return rows

    def log_prob_of_rows(self, rows: Array) -> Array:
        logs = []
        for weight, mean, factor in zip(self.weights, self.means, self.factors, strict=True):
            full = factor.ndim == 2
            z = np.linalg.solve(factor, (rows - mean).T).T if full else (rows - mean) / factor
            scales = np.diagonal(factor) if full else factor
            log_normaliser = np.log(scales).sum() + 0.5 * self.width * np.log(2.0 * np.pi)
            logs.append(np.log(weight) - 0.5 * np.square(z).sum(axis=1) - log_normaliser)
        return np.logaddexp.reduce(logs, axis=0)

    def get_state(self) -> dict[str, Array]:
        return {**super().get_state(), "weights": self.weights, "means": self.means, "factors": self.factors}

    def set_state(self, state: dict[str, Array]) -> None:
        super().set_state(state)
        self.weights, self.means, self.factors = state["weights"], state["means"], state["factors"]

    def get_config(self) -> Config:
        return {"components": self.components, "covariance": self.covariance, "max_iter": self.max_iter}
