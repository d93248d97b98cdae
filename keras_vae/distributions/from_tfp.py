"""TensorFlow Probability's distributions as values."""

import dataclasses
from typing import Any, ClassVar, Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.draws import at_least, with_samples
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.hints import Config, Seed, Shape, Tensor

__all__ = ["TFPDistribution", "check_event", "from_tfp", "is_tfp", "require_tensorflow"]


def is_tfp(value: Any) -> bool:
    """Whether `value` is a distribution of TensorFlow Probability; does not import it."""
    return hasattr(value, "log_prob") and type(value).__module__.startswith("tensorflow_probability.")


def require_tensorflow(what: str) -> None:
    """Raise where the backend is not TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"{what} needs the TensorFlow backend, and the backend here is {keras.backend.backend()!r}. TensorFlow "
            "Probability's JAX substrate does not work with current JAX (tensorflow/probability#2009). Use the "
            "distributions of keras_vae.distributions, which run on every backend."
        )


def from_tfp(distribution: Any, batch_size: int | None = None) -> Distribution:
    """Wrap a `tfp.distributions` object as a value of `keras_vae.distributions`.

    Diagonal Gaussians (`Normal`, `MultivariateNormalDiag`, `Independent` of `Normal`) become `Gaussian`,
    with its closed-form KL; all others are wrapped as they are, and their KL is estimated from samples.

    Args:
        distribution: the object. Its event shape is the shape of one example, or of its latents.
        batch_size: number of draws that `sample` makes where the object has no batch axis.

    Raises:
        TypeError: not a distribution of TensorFlow Probability.
        ValueError: the backend is not TensorFlow.

    Example:

    >>> import keras
    >>> import keras_vae as kv
    >>> if keras.backend.backend() == "tensorflow":  # TensorFlow Probability runs there alone
    ...     import tensorflow_probability as tfp
    ...
    ...     value = kv.distributions.from_tfp(tfp.distributions.Normal([0.0, 1.0], 1.0))
    ...     assert isinstance(value, kv.distributions.Gaussian)
    """
    if not is_tfp(distribution):
        raise TypeError(
            "Argument `distribution` must be an object of tensorflow_probability.distributions. Received: "
            f"{distribution!r} (of type {type(distribution).__name__})"
        )
    require_tensorflow("from_tfp")
    if _is_diagonal_gaussian(distribution):
        event_ndims = max(1, len(distribution.event_shape))
        loc, log_var = distribution.mean(), ops.log(distribution.variance())
        if batch_size is not None:
            loc, log_var = (ops.broadcast_to(value, (batch_size, *value.shape)) for value in (loc, log_var))
        return Gaussian(loc, log_var, event_ndims=event_ndims)
    return TFPDistribution(distribution, batch_size)


def _is_diagonal_gaussian(distribution: Any) -> bool:
    inner = distribution
    while type(inner).__name__ in ("Independent", "_Independent"):
        inner = inner.distribution
    return type(inner).__name__ in ("Normal", "MultivariateNormalDiag")


@dataclasses.dataclass(frozen=True, eq=False)
class TFPDistribution(Distribution):
    """A value that hands every question to a `tfp.distributions` object. See `from_tfp`.

    Args:
        distribution: the object; its event shape is that of one example, and draws are `(batch_size, *event)`.
        batch_size: number of draws that `sample` makes where the object has no batch axis.

    Example:

    >>> import keras
    >>> import keras_vae as kv
    >>> if keras.backend.backend() == "tensorflow":  # TensorFlow Probability runs there alone
    ...     import tensorflow_probability as tfp
    ...
    ...     value = kv.distributions.from_tfp(tfp.distributions.Sample(tfp.distributions.Laplace(0.0, 1.0), 3))
    ...     assert value.log_prob([[0.0, 0.0, 0.0]]).shape == (1,)
    """

    has_temperature: ClassVar[bool] = False

    distribution: Any
    batch_size: int | None = None

    def log_prob(self, value: Any) -> Tensor:
        return ops.cast(self.distribution.log_prob(ops.cast(value, self.distribution.dtype)), "float32")

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        shape = with_samples(() if self.batch_size is None else (self.batch_size,), num_samples)
        state = seed.next() if isinstance(seed, keras.random.SeedGenerator) else ops.convert_to_tensor([seed or 0, 0])
        return ops.cast(self.distribution.sample(shape, seed=ops.cast(state, "int32")), "float32")

    def tempered(self, temperature: Tensor | float) -> Self:
        """The value itself, with draws `(..., *event)` of its own: TFP's objects know no temperature."""
        at_least(temperature, 0.0)
        return self

    def _broadcast(self, value: Any) -> Tensor:
        value = ops.cast(value, "float32")
        return value if self.batch_size is None else ops.broadcast_to(value, (self.batch_size, *value.shape))

    def mean(self) -> Tensor:
        return self._broadcast(self.distribution.mean())

    def mode(self) -> Tensor:
        return self._broadcast(self.distribution.mode())

    def variance(self) -> Tensor:
        return self._broadcast(self.distribution.variance())

    def get_config(self) -> Config:
        raise NotImplementedError(
            f"A {type(self.distribution).__name__} of TensorFlow Probability cannot be saved in a config. Use "
            "keras_vae.priors.TFP with a registered function, or a value of keras_vae.distributions."
        )


def check_event(made: Any, shape: Shape, wanted: str, who: str) -> None:
    """Check that a function returned a TFP distribution over events of `shape`."""
    if not is_tfp(made):
        hint = ""
        if type(made).__module__.startswith(("tf_keras", "keras")):
            hint = " Layers of tfp.layers or tf_keras do not work with Keras 3: return the distribution itself."
        raise ValueError(
            f"{who}: the function must return a tfp.distributions object. Received: {type(made).__name__}.{hint}"
        )
    event = tuple(made.event_shape)
    if event != tuple(shape):
        raise ValueError(
            f"{who}: the distribution {type(made).__name__} has event shape {event} and batch shape "
            f"{tuple(made.batch_shape)}, and the model has {wanted}. Wrap it in tfp.distributions.Independent or "
            "Sample until its event shape is that."
        )
