"""Draws as version 0.1 wrote and called them: `sample(seed, temperature)`, without an axis of samples."""

import functools
import inspect
import numbers
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.deprecation import warn_renamed
from keras_vae.distributions.draws import several
from keras_vae.hints import Seed, Tensor

__all__ = ["adapt_draws", "is_one", "stacked"]

NEW_WAY = "sample(seed, num_samples) and tempered(temperature)"


def adapt_draws(cls: type) -> None:
    """Let a class that was just defined be called in both ways, whichever of them it was written for.

    Args:
        cls: a subclass of `Distribution`.
    """
    own: Any = vars(cls)
    sample, both = own.get("sample"), own.get("sample_and_log_prob")
    if is_unknown(sample):
        if takes(sample, "num_samples"):
            cls.sample = _with_temperature(cls, sample)  # type: ignore[attr-defined]
        else:
            # the frames between: this function, __init_subclass__, and that of the class statement's metaclass
            warn_renamed(f"The method {cls.__qualname__}.sample(seed, temperature)", NEW_WAY, stacklevel=5)
            cls.sample = _with_samples(sample)  # type: ignore[attr-defined]
            if takes(sample, "temperature") and "tempered" not in own:
                cls.tempered = _tempered_by(sample)  # type: ignore[attr-defined]
    if is_unknown(both) and not takes(both, "num_samples"):
        cls.sample_and_log_prob = _pairs_with_samples(both)  # type: ignore[attr-defined]


def is_unknown(function: Any) -> bool:
    """Whether a class wrote this method itself, and it was not adapted before."""
    written = inspect.isfunction(function) and not getattr(function, "__isabstractmethod__", False)
    return written and not hasattr(function, "adapted_draws")


def takes(function: Callable, name: str) -> bool:
    """Whether a function has the argument `name`, or hands on whatever it gets."""
    parameters = inspect.signature(function).parameters
    return name in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())


def is_one(temperature: Any) -> bool:
    """Whether a temperature is the number one, which changes nothing; of a tensor it is not known."""
    return isinstance(temperature, numbers.Real) and temperature == 1


def stacked(draw: Callable, seed: Seed, num_samples: int | None) -> Any:
    """What `draw(seed)` gives, several times with different noise, along a new first axis.

    Args:
        draw: function of a seed; it returns a tensor `(...)`, or a tuple of them.
        seed: an int, a `SeedGenerator` or None.
        num_samples: how often; None for once, without the axis.
    """
    if num_samples is None:
        return draw(seed)
    seed = several(seed)
    draws = [draw(seed) for _ in range(num_samples)]
    return keras.tree.map_structure(lambda *one: ops.stack(one), *draws)


def _arguments(num_samples: Any, temperature: Any) -> tuple[int | None, Any]:
    """`(num_samples, temperature)`: no whole number in the second place is a temperature, as it was in version 0.1."""
    fraction = isinstance(num_samples, numbers.Real) and not isinstance(num_samples, numbers.Integral)
    if fraction or "float" in str(getattr(num_samples, "dtype", "")):
        return None, num_samples
    return None if num_samples is None else positive_int(num_samples, "num_samples"), temperature


def _with_temperature(cls: type, function: Callable) -> Callable:
    @functools.wraps(function)
    def sample(self: Any, seed: Seed = None, num_samples: int | None = None, *, temperature: Any = None) -> Tensor:
        num_samples, temperature = _arguments(num_samples, temperature)
        if temperature is None:
            return function(self, seed, num_samples=num_samples)
        warn_renamed("sample(seed, temperature)", "tempered(temperature).sample(seed)")
        # of this class, and not of self's: a subclass of version 0.1 calls up from its own `sample`
        value = cls.tempered(self, temperature)  # type: ignore[attr-defined]
        if isinstance(value, cls):
            return function(value, seed, num_samples=num_samples)
        return value.sample(seed, num_samples=num_samples)

    sample.adapted_draws = True  # type: ignore[attr-defined]
    return sample


def _with_samples(function: Callable) -> Callable:
    @functools.wraps(function)
    def sample(self: Any, seed: Seed = None, num_samples: int | None = None, *, temperature: Any = None) -> Tensor:
        num_samples, temperature = _arguments(num_samples, temperature)
        options = {} if temperature is None else {"temperature": temperature}
        return stacked(lambda one: function(self, one, **options), seed, num_samples)

    sample.adapted_draws = True  # type: ignore[attr-defined]
    return sample


def _pairs_with_samples(function: Callable) -> Callable:
    @functools.wraps(function)
    def sample_and_log_prob(self: Any, seed: Seed = None, num_samples: int | None = None) -> tuple[Tensor, Tensor]:
        return stacked(lambda one: function(self, one), seed, num_samples)

    sample_and_log_prob.adapted_draws = True  # type: ignore[attr-defined]
    return sample_and_log_prob


def _tempered_by(function: Callable) -> Callable:
    def tempered(self: Any, temperature: Any) -> Any:
        """Draws by the argument `temperature` of this class' own `sample`, which is of version 0.1.

        Args:
            temperature: a number or a scalar tensor.
        """
        # here, because Tempered is a Distribution, which this module adapts
        from keras_vae.distributions.tempered import Tempered

        if is_one(temperature):
            return self
        return Tempered(
            self, lambda seed, n: stacked(lambda one: function(self, one, temperature=temperature), seed, n)
        )

    return tempered
