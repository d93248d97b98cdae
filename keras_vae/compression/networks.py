"""The networks of a model as both sides of a code run them: batches of one size, through the same functions."""

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.compression.support import Leaf
from keras_vae.distributions.beta_binomial import BetaBinomial
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.distributions.gaussian_mixture import GaussianMixture
from keras_vae.distributions.laplace import Laplace
from keras_vae.distributions.one_hot_categorical import OneHotCategorical
from keras_vae.hints import Array, Part, Tensor
from keras_vae.inference.decode import decode_latents

__all__ = ["Networks", "weights_fingerprint"]

TABLE_NUMBERS = 2**24
"""Probabilities that are in memory at once, 64 MB."""

MOST_ROWS = 128
"""More rows at a time are hardly faster."""


class Networks:
    """Posteriors, priors and tables of a model's data, for exactly `batch_size` rows at a time.

    Rounding depends on how an operation is cut into pieces, and so on the shape. With one shape, one program for each
    function, and the same inputs in the same places, both sides compute the same bits.

    Args:
        vae: the model.
        leaves: the parts of the data.
        counts: number of values that have a place in the table of each leaf.
        batch_size: rows at a time; by default as many as `TABLE_NUMBERS` allows.
    """

    def __init__(self, vae: Part, leaves: Sequence[Leaf], counts: Sequence[int], batch_size: int | None = None) -> None:
        self.vae, self.leaves, self.counts = vae, list(leaves), list(counts)
        width = sum(leaf.width * (count + 1) for leaf, count in zip(leaves, counts, strict=True))
        self.batch_size = batch_size or max(1, min(MOST_ROWS, TABLE_NUMBERS // max(width, 1)))
        self.shapes = [tuple(shape) for shape in vae.latents.level_shapes()]
        self.independent = vae.latents.independent_levels

    def _run(self, name: str, function: Any, inputs: dict[str, Any]) -> Any:
        key = ("compression", name, self.batch_size, tuple(self.counts))
        return self.vae.runner.run(key, function, inputs, batch_size=self.batch_size, verbose=0, repeatable=True)

    def _inputs(self, x: Any, z: Sequence[Array | None], condition: Array | None) -> dict[str, Any]:
        """Inputs of `batch_size` rows; what is not known yet, and rows that there are not, are zeros."""
        given = [
            np.zeros((self.batch_size, *shape), "float32") if own is None else _padded(own, self.batch_size)
            for own, shape in zip(z, self.shapes, strict=True)
        ]
        inputs = {"rows": np.zeros((self.batch_size, 1), "float32"), "z": tuple(given)}
        inputs["x"] = keras.tree.map_structure(lambda array: _padded(array, self.batch_size), x)
        if condition is not None:
            inputs["condition"] = _padded(condition, self.batch_size)
        return inputs

    def data(self, symbols: Sequence[Array] | None, rows: int) -> Any:
        """Data as the networks see them, float32, from the symbols of all leaves; the lowest values for None.

        Args:
            symbols: for each leaf `(rows, width)`, or None.
            rows: how many.
        """
        spec = self.vae.data_shape
        shapes = spec if isinstance(spec, dict) else {None: spec}
        arrays = {name: np.zeros((rows, *shape), "float32") for name, shape in shapes.items()}
        whole: Any = arrays if isinstance(spec, dict) else arrays[None]
        for index, leaf in enumerate(self.leaves):
            own = leaf.own(whole)
            values = np.zeros((rows, leaf.width)) if symbols is None else symbols[index]
            own[...] = (values + leaf.low).reshape(rows, *leaf.shape)
        return whole

    def posteriors(
        self, symbols: Sequence[Array], z: Sequence[Array | None], condition: Array | None = None
    ) -> list[dict[str, Array]]:
        """q(z | x, levels above) of every level, for a level whose levels above are given; see `Grid`.

        Args:
            symbols: x.
            z: for each level `(rows, *latent)`, or None.
            condition: `(rows, *condition_shape)`, or None.
        """
        rows = len(symbols[0])
        inputs = self._inputs(self.data(symbols, rows), z, condition)
        return self._first(self._run("posteriors", posteriors_of_batch, inputs), rows)

    def priors(self, z: Sequence[Array | None], rows: int, condition: Array | None = None) -> list[dict[str, Array]]:
        """p(z | levels above) of every level; see `posteriors`.

        Args:
            z: for each level `(rows, *latent)`, or None.
            rows: how many.
            condition: `(rows, *condition_shape)`, or None.
        """
        inputs = self._inputs(self.data(None, rows), z, condition)
        return self._first(self._run("priors", priors_of_batch, inputs), rows)

    def tables(self, z: Sequence[Array | None], rows: int, condition: Array | None = None) -> list[Array]:
        """For each leaf the probability of every value, `(rows, width, values)`, float32; of counts an escape is last.

        Args:
            z: for each level `(rows, *latent)`.
            rows: how many.
            condition: `(rows, *condition_shape)`, or None.
        """
        leaves, counts = self.leaves, self.counts

        def tables_of_batch(vae: Part, inputs: Any, seed: Any, temperature: Tensor, **_: Any) -> Any:
            params = decode_latents(vae, inputs["z"], inputs, "parameters", seed, temperature[1], None)
            found = []
            for leaf, count in zip(leaves, counts, strict=True):
                found.append(table(leaf.likelihood.distribution(leaf.parameters(params)), leaf, count))
            return tuple(found)

        inputs = self._inputs(self.data(None, rows), z, condition)
        return self._first(self._run("tables", tables_of_batch, inputs), rows)

    def _first(self, structure: Any, rows: int) -> Any:
        return [keras.tree.map_structure(lambda array: array[:rows], item) for item in structure]

    def fingerprint(self, condition_shape: Any = None, with_data: bool = True) -> str:
        """A hash of what the networks return for fixed inputs: other rounding gives another one.

        Args:
            condition_shape: shape of one example's condition, or None.
            with_data: whether posteriors and tables take part, and not the priors alone.
        """
        rows, digest = self.batch_size, hashlib.sha256()
        symbols = [
            (np.arange(rows * leaf.width).reshape(rows, -1) * 7919) % min(count, 256)
            for leaf, count in zip(self.leaves, self.counts, strict=True)
        ]
        z = [((np.arange(rows * math.prod(shape)) * 104729) % 997 / 250 - 2).astype("float32") for shape in self.shapes]
        z = [level.reshape(rows, *shape) for level, shape in zip(z, self.shapes, strict=True)]
        condition = None if condition_shape is None else np.zeros((rows, *condition_shape), "float32")
        found: list[Any] = [self.priors(z, rows, condition)]
        if with_data:
            found += [self.posteriors(symbols, z, condition), self.tables(z, rows, condition)]
        for array in keras.tree.flatten(found):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]


def _padded(array: Array, rows: int) -> Array:
    if len(array) == rows:
        return array
    return np.concatenate([array, np.zeros((rows - len(array), *array.shape[1:]), array.dtype)])


def _levels(vae: Part, inputs: Any, prepared: Any) -> Any:
    given = {name: inputs[name] for name in ("x", "condition") if name in inputs}
    terms = vae.terms(given, deterministic=True, prepared=prepared)
    forward = vae.forward_pass
    return forward.latents.infer(
        terms.features,
        forward.seen_by("posterior", terms.context),
        encode=forward.encode,
        prepared=prepared,
        deterministic=True,
        prior_context=forward.seen_by("prior", terms.context),
        given=inputs["z"],
    )


def posteriors_of_batch(vae: Part, inputs: Any, prepared: Any = None, **_: Any) -> Any:
    """The parameters of q of every level, for the runner."""
    return tuple(described(level.posterior, level.z) for level in _levels(vae, inputs, prepared))


def priors_of_batch(vae: Part, inputs: Any, prepared: Any = None, **_: Any) -> Any:
    """The parameters of p of every level, for the runner."""
    return tuple(described(level.prior, level.z) for level in _levels(vae, inputs, prepared))


def described(value: Distribution, z: Tensor) -> dict[str, Tensor]:
    """The parameters of a distribution of latents, with a row for each example.

    Args:
        value: the distribution.
        z: `(rows, *latent)`.

    Raises:
        ValueError: it has no density in one dimension at a time.
    """
    shape = ops.shape(z)
    if type(value) is Gaussian:
        scale = ops.exp(0.5 * value.log_var)
        return {"loc": ops.broadcast_to(value.loc, shape), "std": ops.broadcast_to(scale, shape)}
    if type(value) is Laplace:
        scale = ops.exp(value.log_scale)
        return {"loc": ops.broadcast_to(value.loc, shape), "scale": ops.broadcast_to(scale, shape)}
    if type(value) is OneHotCategorical:
        return {"probabilities": ops.broadcast_to(ops.softmax(value.logits, axis=-1), shape)}
    if type(value) is GaussianMixture:
        rows, every = shape[0], (shape[0], *value.loc.shape)
        return {
            "locs": ops.broadcast_to(value.loc[None], every),
            "stds": ops.broadcast_to(ops.exp(0.5 * value.log_var)[None], every),
            "weights": ops.broadcast_to(ops.exp(value.log_weights())[None], (rows, value.loc.shape[0])),
        }
    raise ValueError(
        "Argument `vae`: latents are coded one dimension after another. Expected a Gaussian, a Laplace, a mixture of "
        f"Gaussians or a categorical distribution. Received: {type(value).__name__}."
    )


def table(value: Any, leaf: Leaf, count: int) -> Tensor:
    """The probability of every value of every element, `(rows, width, count)`; with one more for all other counts.

    Args:
        value: p(x | z), a distribution.
        leaf: the part of the data that it is of.
        count: number of values.

    Raises:
        ValueError: elements that depend on each other.
    """
    if type(value) is BetaBinomial:
        return beta_binomial_table(value, leaf.width)
    values = ops.arange(count, dtype="float32") + float(leaf.low)
    rows = ops.shape(keras.tree.flatten(value.mean())[0])[0]
    grid = ops.broadcast_to(ops.reshape(values, (count, *[1] * (1 + len(leaf.shape)))), (count, rows, *leaf.shape))
    try:
        each = value.log_prob_per_element(grid)
    except NotImplementedError as error:
        raise ValueError(
            "Argument `vae`: every element must have a probability of its own. Expected a likelihood such as "
            f"'categorical'. Received: {type(leaf.likelihood).__name__}: {error}"
        ) from error
    each = ops.exp(ops.transpose(ops.reshape(each, (count, rows, leaf.width)), (1, 2, 0)))
    if math.isfinite(leaf.high):
        return each
    return ops.concatenate([each, ops.maximum(1.0 - ops.sum(each, axis=-1, keepdims=True), 0.0)], axis=-1)


def beta_binomial_table(value: BetaBinomial, width: int) -> Tensor:
    """As `table`, from the ratios of neighbours, of which each takes one logarithm in the place of forty.

    Args:
        value: p(x | z).
        width: number of elements of a row.
    """
    n = float(value.num_trials)
    alpha, beta = (ops.reshape(ops.exp(log), (-1, width, 1)) for log in (value.log_alpha, value.log_beta))
    k = ops.arange(value.num_trials, dtype="float32")
    ratios = ops.log((n - k) * (k + alpha) / ((k + 1.0) * (n - k - 1.0 + beta)))
    return ops.softmax(ops.concatenate([0.0 * alpha, ops.cumsum(ratios, axis=-1)], axis=-1), axis=-1)


def weights_fingerprint(vae: Part) -> str:
    """A hash of the weights of all components that take part in coding.

    Args:
        vae: the model.
    """
    digest = hashlib.sha256()
    for part in (vae.encoder, vae.latents, vae.decoder, vae.likelihood, vae.condition_encoder):
        for weight in [] if part is None else part.weights:
            array = np.ascontiguousarray(ops.convert_to_numpy(weight))
            digest.update(f"{array.shape}{array.dtype}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()[:32]
