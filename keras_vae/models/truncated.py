"""Draws of tokens from the most likely ones only."""

from typing import Any

from keras_vae.distributions.categorical import Categorical
from keras_vae.distributions.concatenated import Concatenated
from keras_vae.distributions.joint import Joint
from keras_vae.hints import Part, Seed

__all__ = ["Truncated"]


class Truncated:
    """A likelihood whose categories are drawn from the most likely ones, for decoders, which draw but know no limits.

    Fields and columns without categories are drawn as ever.

    Args:
        likelihood: the likelihood.
        top_k: see `Categorical.truncated`.
        top_p: likewise.
    """

    def __init__(self, likelihood: Part, top_k: int | None, top_p: float | None) -> None:
        self.likelihood = likelihood
        self.limits: dict[str, Any] = {"top_k": top_k, "top_p": top_p}

    def __call__(self, features: Any) -> Any:
        return self.likelihood(features)

    @property
    def parts(self) -> Any:
        """The parts of a joint likelihood, likewise."""
        return {name: Truncated(part, **self.limits) for name, part in self.likelihood.parts.items()}

    def distribution(self, params: Any) -> Any:
        value = self.likelihood.distribution(params)
        if getattr(self.likelihood.support, "categorical", False) and not isinstance(value, Categorical):
            raise ValueError(
                f"Arguments `top_k` and `top_p`: the likelihood {type(self.likelihood).__name__} has a distribution "
                "over categories of another class. Expected: a keras_vae.distributions.Categorical. Received: a "
                f"{type(value).__name__}. Leave them out, or return a Categorical."
            )
        return TruncatedDraws(value, self.limits)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.likelihood, name)


class TruncatedDraws:
    """A distribution whose draws are truncated last, so that the mass that `top_p` counts is that at the temperature.

    Args:
        value: the distribution.
        limits: the arguments of `Categorical.truncated`.
    """

    def __init__(self, value: Any, limits: dict[str, Any]) -> None:
        self.value = value
        self.limits = limits

    def tempered(self, temperature: Any) -> "TruncatedDraws":
        return TruncatedDraws(self.value.tempered(temperature), self.limits)

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Any:
        return truncated(self.value, self.limits).sample(seed, num_samples)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.value, name)


def truncated(value: Any, limits: dict[str, Any]) -> Any:
    """A distribution with its categories truncated, in all fields and columns that have any."""
    if isinstance(value, Categorical):
        return value.truncated(**limits)
    if isinstance(value, Joint):
        return Joint({name: truncated(part, limits) for name, part in value.parts.items()})
    if isinstance(value, Concatenated):
        return Concatenated([truncated(part, limits) for part in value.parts], value.widths)
    return value
