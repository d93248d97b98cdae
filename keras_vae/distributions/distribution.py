"""The contract of a distribution value."""

import abc
import copy
import dataclasses
from typing import Any, ClassVar, Self

import keras
import numpy as np
from keras import ops

from keras_vae.distributions.compatibility import adapt_draws, is_one
from keras_vae.hints import Config, Seed, Tensor

__all__ = ["Distribution", "Independent"]


@dataclasses.dataclass(frozen=True, eq=False)
class Distribution(abc.ABC):
    """A distribution value: parameters and mathematics, no weights and no random state.

    Values are what the methods of priors, posteriors and likelihoods return. Parameters are float32,
    whatever the compute dtype: densities in half precision overflow. To write one, subclass it as a
    frozen dataclass whose tensor fields are the parameters, and register it with
    `keras.saving.register_keras_serializable` if it should survive in a saved config.

    `log_prob` takes `(..., *event)`, sums over the event axes, broadcasts over all leading ones, and is in nats.
    So parameters `(batch, *event)` and a value `(samples, batch, *event)` give `(samples, batch)`: samples
    stand in front of the batch everywhere.

    A class written for version 0.1, whose `sample` takes a temperature and no number of samples, goes on
    working, with a warning where it is defined.

    Attributes:
        samples_with_log_prob: True where `sample_and_log_prob` is cheaper than `sample` followed by
            `log_prob`, as in flows.
        has_tensors: False where the value cannot be taken apart into tensors and rebuilt, as a flow's
            cannot: nothing that needs q(z | x) outside of the model goes with it.
        has_temperature: False where draws are the distribution's own at every temperature.
        has_exact_mode: False where `mode` is a likely value and not always the most likely one.

    Example:

    >>> import dataclasses
    >>> import numpy as np
    >>> from keras import ops
    >>> import keras_vae as kv
    >>> @dataclasses.dataclass(frozen=True, eq=False)
    ... class Point(kv.distributions.Distribution):
    ...     loc: object
    ...
    ...     def log_prob(self, value):
    ...         return ops.where(ops.all(value == self.loc, axis=-1), 0.0, -np.inf)
    ...
    ...     def sample(self, seed=None, num_samples=None):
    ...         return self.loc if num_samples is None else ops.stack([self.loc] * num_samples)
    ...
    ...     def mean(self):
    ...         return self.loc
    >>> [float(value) for value in Point(np.ones((2, 3))).log_prob(np.ones((2, 3)))]
    [0.0, 0.0]
    """

    samples_with_log_prob: ClassVar[bool] = False
    has_tensors: ClassVar[bool] = True
    has_temperature: ClassVar[bool] = True
    has_exact_mode: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        adapt_draws(cls)

    @abc.abstractmethod
    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of `value`, in nats: `(..., *event) -> (...)`."""

    def log_prob_per_element(self, value: Tensor) -> Any:
        """Log density of every element, in nats: `(..., *event) -> (..., *event)`, which sum to `log_prob`.

        Elements that a mask leaves out are 0. Axes over which elements share one density have length 1, as the channels
        of a pixel in `DiscretizedLogisticMixture`.

        Args:
            value: as for `log_prob`.

        Raises:
            NotImplementedError: the elements depend on each other, so that none has a density of its own.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no densities of single elements: they depend on each other, or the class does "
            "not say. Use log_prob, the density of the whole."
        )

    @abc.abstractmethod
    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        """One draw for each leading index: `(..., *event)`, float32; or several, `(num_samples, ..., *event)`.

        Args:
            seed: an int or a `keras.random.SeedGenerator`.
            num_samples: number of independent draws for each leading index, along a new first axis; None for
                one, without that axis.
        """

    def sample_and_log_prob(self, seed: Seed = None, num_samples: int | None = None) -> tuple[Tensor, Tensor]:
        """A draw `(..., *event)` and its log density `(...)`, in nats; flows override it where one pass gives both.

        Args:
            seed: as for `sample`.
            num_samples: as for `sample`: both results then have an axis of samples first.
        """
        value = self.sample(seed, num_samples=num_samples)
        return value, self.log_prob(value)

    def tempered(self, temperature: Tensor | float) -> "Distribution":
        """The distribution at a temperature: 1 is this one, towards 0 draws come to the mode, or to the mean.

        What else a temperature means, each class says. This one, for classes that do not, multiplies the
        distance of a draw `(..., *event)` to the mean, and gives draws without a density.

        Args:
            temperature: a number or a scalar tensor, at least 0.
        """
        # here, because Tempered is made of this class
        from keras_vae.distributions.tempered import Tempered

        return self if is_one(temperature) else Tempered.towards(self, self.mean, temperature)

    @abc.abstractmethod
    def mean(self) -> Tensor:
        """Expected value, `(..., *event)`."""

    def point_estimate(self) -> Tensor:
        """The value that stands for a posterior where none is drawn, as in `encode`, `(..., *event)`: the mean."""
        return self.mean()

    def mode(self) -> Tensor:
        """Most likely value, `(..., *event)`."""
        raise NotImplementedError(f"{type(self).__name__} has no mode in closed form. Use mean() or sample().")

    def variance(self) -> Tensor:
        """Variance of every element, `(..., *event)`."""
        raise NotImplementedError(f"{type(self).__name__} has no variance in closed form.")

    def tensors(self) -> dict[str, Tensor]:
        """The tensor parameters by name; `replace(value, **tensors)` rebuilds the value."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if hasattr(getattr(self, field.name), "shape")
        }

    def get_config(self) -> Config:
        """Constructor arguments, the tensors as NumPy arrays."""
        config = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {
            name: np.asarray(ops.convert_to_numpy(value)) if hasattr(value, "shape") else value
            for name, value in config.items()
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        # Keras hands nested configs, arrays among them, to `from_config` as it wrote them.
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
                for name, value in config.items()
            }
        )

    def _changed(self, **values: Any) -> Self:
        """The same with other parameters, which may lie outside of the range that the constructor clips to."""
        value = copy.copy(self)
        value._set(**values)
        return value

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclasses.dataclass(frozen=True, eq=False)
class Independent(Distribution):
    """A distribution whose elements are independent, so that a mask can leave some of them out.

    Subclasses write `elementwise_log_prob`, and get `log_prob` from it.

    Args:
        event_ndims: number of trailing axes that make up one event.
        mask: boolean `(batch, time)`, or more axes; elements that are False count nowhere. Or floats, the weights
            that the log densities of the elements are multiplied by. It lines up with the batch axis and the first
            event axes; a value may have axes of samples in front.

    Example:

    >>> import dataclasses
    >>> import keras
    >>> import numpy as np
    >>> from keras import ops
    >>> import keras_vae as kv
    >>> @dataclasses.dataclass(frozen=True, eq=False)
    ... class Exponential(kv.distributions.Independent):
    ...     rate: object
    ...
    ...     def elementwise_log_prob(self, value):
    ...         return ops.log(self.rate) - self.rate * value
    ...
    ...     def sample(self, seed=None, num_samples=None):
    ...         leading = () if num_samples is None else (num_samples,)
    ...         shape = (*leading, *ops.shape(self.rate))
    ...         return -ops.log(keras.random.uniform(shape, 1e-7, seed=seed)) / self.rate
    ...
    ...     def mean(self):
    ...         return 1.0 / self.rate
    >>> mask = np.array([[True, True, False]])
    >>> float(Exponential(ops.ones((1, 3)), mask=mask).log_prob(np.ones((1, 3)))[0])
    -2.0
    """

    event_ndims: int = dataclasses.field(default=1, kw_only=True)
    mask: Tensor = dataclasses.field(default=None, kw_only=True)

    @abc.abstractmethod
    def elementwise_log_prob(self, value: Tensor) -> Tensor:
        """Log density of every element, in nats: `(..., *event) -> (..., *event)`.

        Args:
            value: `(..., *event)`.
        """

    def log_prob(self, value: Tensor) -> Tensor:
        return self.sum_over_event(self.elementwise_log_prob(self._filled(value)))

    def log_prob_per_element(self, value: Tensor) -> Tensor:
        return self.apply_mask(self.elementwise_log_prob(self._filled(value)))

    def _filled(self, value: Tensor) -> Tensor:
        value = ops.cast(value, "float32")
        if self.mask is None:
            return value
        # Padding may hold anything, NaN too, and a gradient of zero times infinity is NaN.
        return ops.where(self._event_mask(), value, self.filler())

    def filler(self) -> Tensor:
        """Values `(..., *event)` at which the density is finite, for what the mask leaves out: the mean."""
        return ops.stop_gradient(self.mean())

    def sum_over_event(self, elements: Tensor) -> Tensor:
        """Sum `(..., *event)` over the event axes, masked elements left out: `(...)`.

        Args:
            elements: `(..., *event)`.
        """
        elements = self.apply_mask(elements)
        if self.event_ndims == 0:
            return elements
        return ops.sum(elements, axis=tuple(range(-self.event_ndims, 0)))

    def apply_mask(self, elements: Tensor) -> Tensor:
        """Set the elements of `(..., *event)` that the mask leaves out to zero, and multiply the others by its weights.

        Args:
            elements: `(..., *event)`.
        """
        if self.mask is None:
            return elements
        kept = ops.where(self._event_mask(), elements, ops.zeros_like(elements))
        weights = self._expanded(ops.convert_to_tensor(self.mask))
        return kept * ops.cast(weights, "float32") if keras.backend.is_float_dtype(weights.dtype) else kept

    def _event_mask(self) -> Tensor:
        return self._expanded(ops.cast(self.mask, "bool"))

    def _expanded(self, mask: Tensor) -> Tensor:
        for _ in range(self.event_ndims + 1 - len(mask.shape)):
            mask = ops.expand_dims(mask, -1)
        return mask
