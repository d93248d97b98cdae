"""What can be coded without loss: discrete data under independent elements, and latents on a grid."""

import dataclasses
import math
from typing import Any

import numpy as np

from keras_vae.data.field import Field
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.distributions.gaussian_mixture import GaussianMixture
from keras_vae.distributions.laplace import Laplace
from keras_vae.distributions.one_hot_categorical import OneHotCategorical
from keras_vae.hints import Array, Part, Shape
from keras_vae.likelihoods.bernoulli import Bernoulli
from keras_vae.likelihoods.columns import Columns
from keras_vae.likelihoods.composite import Composite
from keras_vae.likelihoods.discretized_logistic_mixture import DiscretizedLogisticMixture
from keras_vae.likelihoods.joint import Joint
from keras_vae.likelihoods.multinomial import Multinomial

__all__ = ["Leaf", "check_decoder", "check_latents", "leaves_of"]

LARGEST = 2**24
"""Whole numbers up to this one are exact in float32, in which the networks see them."""

MOST_VALUES = 1024
"""Counts from this one on are coded by an escape and their bits, so that the tables stay small."""


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One array of the data, or some columns of it, under one likelihood.

    Attributes:
        field: name of the field, or None for data of a single one.
        columns: first and last column, plus one, of the last axis; None for all of them.
        place: key of the parameters of the columns, or None.
        likelihood: the likelihood.
        shape: shape of one example.
        low: smallest value.
        high: largest value, or infinity.
    """

    field: str | None
    columns: tuple[int, int] | None
    place: str | None
    likelihood: Any
    shape: Shape
    low: int
    high: float

    @property
    def width(self) -> int:
        """Number of elements of one example."""
        return math.prod(self.shape)

    def own(self, structure: Any) -> Any:
        """Its part of data `(rows, *data_shape)`, or of a dict of fields.

        Args:
            structure: as above.
        """
        array = structure if self.field is None else structure[self.field]
        return array if self.columns is None else array[..., slice(*self.columns)]

    def parameters(self, params: Any) -> Any:
        """Its part of the parameters of the likelihood.

        Args:
            params: what the likelihood returned.
        """
        own = params if self.field is None else params[self.field]
        return own if self.place is None else own[self.place]

    def values_for(self, x: Array) -> int:
        """How many values have a place in the tables, from `low` on: those of the likelihood, or those that occur.

        Args:
            x: its data.
        """
        highest = self.high if math.isfinite(self.high) else min(float(x.max(initial=self.low)), MOST_VALUES - 1.0)
        return max(2, int(highest) - self.low + 1)

    @property
    def label(self) -> str:
        """How messages name it."""
        return "`x`" if self.field is None else f"`x[{self.field!r}]`"


def leaves_of(vae: Part) -> list[Leaf]:
    """The parts of a model's data, each with one likelihood of whole numbers.

    Args:
        vae: the `VAE`.

    Raises:
        ValueError: data that cannot be coded, and what to do.
    """
    return list(_leaves(vae.likelihood, vae.spec, None))


def _leaves(likelihood: Any, spec: Any, field: str | None) -> Any:
    if isinstance(likelihood, Joint):
        for name, part in likelihood.members().items():
            yield from _leaves(part, spec[name], name)
    elif isinstance(likelihood, Columns):
        first = 0
        for place, (part, width) in enumerate(zip(likelihood.parts, likelihood.widths, strict=True)):
            shape = (*spec.shape[:-1], width)
            yield _leaf(part, Field(shape), field, (first, first + width), str(place))
            first += width
    else:
        yield _leaf(likelihood, spec, field, None, None)


def _leaf(likelihood: Any, spec: Field, field: str | None, columns: tuple[int, int] | None, place: str | None) -> Leaf:
    name, where = type(likelihood).__name__, "" if field is None else f" of the field {field!r}"
    if None in spec.shape:
        raise ValueError(
            f"Argument `vae`: data of unknown length cannot be coded. Expected a data_shape without None{where}. "
            f"Received: {spec.shape}. Pad every series to one length, with a value that the likelihood knows."
        )
    if isinstance(likelihood, (Multinomial, Composite)):
        raise ValueError(
            f"Argument `vae`: every element must have a probability of its own{where}. Expected a likelihood such as "
            f"'categorical' or 'poisson'. Received: {name}, whose elements depend on each other given z."
        )
    if isinstance(likelihood, DiscretizedLogisticMixture) and spec.shape[-1] > 1:
        raise ValueError(
            "Argument `vae`: the channels of a pixel depend on each other under DiscretizedLogisticMixture, and "
            "elements are coded independently given z. Expected one channel. Received: "
            f"{spec.shape[-1]} channels{where}. Use 'discretized_logistic' or 'beta_binomial' for colours."
        )
    if getattr(likelihood, "given_padding", None) is not None:
        raise ValueError(
            "Argument `vae`: padding is masked, and has no probability to code it with. Expected Categorical(...) "
            f"without `padding`{where}. Received: padding={likelihood.given_padding}. Train with padding as a category."
        )
    if isinstance(likelihood, Bernoulli):
        return Leaf(field, columns, place, likelihood, spec.shape, 0, 1.0)
    support = likelihood.support
    if not support.integer or not math.isfinite(support.low):
        raise ValueError(
            "Argument `vae`: a density over real numbers gives no bits. Expected a likelihood of whole numbers"
            f"{where}, such as 'bernoulli' for zeros and ones, 'beta_binomial' or 'discretized_logistic' for grey "
            "levels, 'poisson' or 'negative_binomial' for counts, Categorical(n) for categories. "
            f"Received: {name}. Round the data to "
            "the precision that matters, and train on whole numbers; for codes with a loss see "
            "keras_vae.compression.compress_latents."
        )
    return Leaf(field, columns, place, likelihood, spec.shape, int(support.low), float(support.high))


CODABLE = (Gaussian, Laplace, GaussianMixture, OneHotCategorical)
"""Distributions of latents that have a grid or categories; None stands for those of plugins, checked when they run."""


def check_latents(vae: Part, posteriors: bool = True) -> None:
    """Refuse latents that have no density in one dimension at a time.

    Args:
        vae: the `VAE`.
        posteriors: whether the posteriors are coded as well as the priors.

    Raises:
        ValueError: such latents, and what to use.
    """
    if vae.latents.has_time_axis:
        raise ValueError(
            "Argument `vae`: a latent for every time step is coded step by step, which is not supported. Expected the "
            f"latents Single, Product or Hierarchical. Received: {type(vae.latents).__name__}."
        )
    for prior, posterior in vae.latents.pairs:
        kinds: list[tuple[str, Any, tuple[type, ...]]] = [("prior", prior, CODABLE)]
        if posteriors:
            kinds.append(("posterior", posterior, (Gaussian, Laplace, OneHotCategorical)))
        for name, part, known in kinds:
            if part.distribution_class is not None and part.distribution_class not in known:
                raise ValueError(
                    f"Argument `vae`: the {name} needs a density for one dimension after another. Expected a "
                    f"{name} such as {PRIORS if name == 'prior' else POSTERIORS}. Received: {type(part).__name__}, a "
                    f"{part.distribution_class.__name__}."
                )


PRIORS = "'standard', 'gaussian', 'laplace', 'mixture', 'vamp' or 'uniform_categorical'"
POSTERIORS = "'gaussian', 'residual' or 'categorical'"


def check_decoder(vae: Part) -> None:
    """Refuse decoders that read x.

    Args:
        vae: the `VAE`.

    Raises:
        ValueError: such a decoder.
    """
    for part in getattr(vae.decoder, "parts", {"": vae.decoder}).values():
        if part.requires_target:
            raise ValueError(
                "Argument `vae`: the decoder must not read x. An autoregressive one has a distribution for every "
                "element given those before it, so that decoding would run the network once for every element. "
                f"Expected a decoder such as 'mlp', 'conv' or 'resnet'. Received: {type(part).__name__}."
            )


def symbols_of(leaf: Leaf, x: Any) -> Array:
    """The data of a leaf as whole numbers from 0 on, `(rows, width)`, int32.

    Args:
        leaf: the `Leaf`.
        x: data, or a dict of fields.

    Raises:
        ValueError: values that are missing, fractions, or outside of the likelihood's support.
    """
    own = np.asarray(leaf.own(x))
    values = own.reshape(len(own), -1)
    if values.dtype.kind == "f":
        if np.isnan(values).any():
            raise ValueError(
                f"Argument {leaf.label} must not have missing values: they have no probability to code them with. "
                "Received: NaN. Fill them, for example with vae.impute(x), and store where they were."
            )
        if (values != np.round(values)).any():
            wrong = values[values != np.round(values)][0]
            raise ValueError(
                f"Argument {leaf.label} must hold whole numbers under {type(leaf.likelihood).__name__}. Received: "
                f"{wrong!r}. Round the data, or binarise them: a fraction is no event of this likelihood."
            )
    low, high = (values.min(initial=leaf.low), values.max(initial=leaf.low))
    if low < leaf.low or high > min(leaf.high, LARGEST):
        raise ValueError(
            f"Argument {leaf.label} must hold values from {leaf.low} to {min(leaf.high, LARGEST):.0f}. Received: "
            f"values from {low} to {high}."
        )
    return values.astype("int32") - np.int32(leaf.low)
