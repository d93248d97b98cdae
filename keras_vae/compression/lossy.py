"""Latents as bytes: a code with a loss."""

import math
import os
from typing import Any

import keras
import numpy as np

from keras_vae.arguments import positive_number
from keras_vae.compression.checks import check_is_vae, check_outputs, check_weights
from keras_vae.compression.coder import new_stack, words_of
from keras_vae.compression.file import (
    arithmetic,
    as_bytes,
    as_words,
    check_arithmetic,
    package_version,
    read_file,
    write_file,
)
from keras_vae.compression.grid import Grid
from keras_vae.compression.networks import Networks, weights_fingerprint
from keras_vae.compression.result import CompressionResult, progress_bar
from keras_vae.compression.support import check_latents
from keras_vae.data.field import shape_of
from keras_vae.hints import Data, Part

__all__ = ["compress_latents", "decompress_latents"]

UNIFORM = math.sqrt(12.0)
"""Rounding to steps of this many standard deviations adds noise of one standard deviation."""
FARTHEST = 2**20
"""Grid points on each side of 0 at most."""
PROBED = 16
"""Numbers of each field, decoded from fixed latents, by which another decoder is recognised."""


def compress_latents(
    vae: Part,
    x: Data,
    path: str | os.PathLike | None = None,
    *,
    step: float = 1.0,
    batch_size: int = 128,
    verbose: str | int = "auto",
) -> CompressionResult:
    """Write the latents of data to a file, rounded to a grid: a code with a loss, of any data.

    The mean of q(z | x) is rounded and coded under the prior. The grid of each dimension is as coarse as the noise that
    the decoder was trained with (Balle, Laparra and Simoncelli, 2017, train with uniform noise for that reason): a
    dimension that the model does not use costs next to nothing. `beta` of the objective chooses the rate, and
    `step` varies it a little.

    Args:
        vae: a trained `VAE` without conditions, whose latents are real and have a prior that is not a mixture of
            levels: one level, groups, or a hierarchy.
        x: `(n, *data_shape)`, or a dict of fields.
        path: the file to write; None only counts the bits.
        step: width of the grid, in steps whose rounding adds as much noise as q(z | x) has on average; finer steps
            cost more and lose less.
        batch_size: rows that the networks see at a time, on both sides.
        verbose: 0 or 1 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        A `CompressionResult`. Its `elbo_bits_per_dim` is -log2 p(z) of the rounded latents, which the code should cost.

    Raises:
        ValueError: models whose latents have no grid.

    Example:

    >>> import tempfile
    >>> import numpy as np
    >>> import keras_vae as kv
    >>> from keras_vae.compression import compress_latents, decompress_latents
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = compress_latents(vae, np.zeros((9, 6)), f"{folder}/x.kvc")
    ...     decompress_latents(vae, f"{folder}/x.kvc").shape
    (9, 6)
    """
    positive_number(step, "step")
    networks = latent_networks(vae, batch_size)
    means, spreads = encoded(vae, x, batch_size)
    rows = len(means[0])
    grids, symbols = [], []
    for shape, loc, spread in zip(networks.shapes, means, spreads, strict=True):
        size = float(step) * UNIFORM * np.sqrt(np.square(spread.astype("float64")).mean(axis=0))
        whole = np.round(loc / size)
        if not np.abs(whole).max(initial=0.0) < FARTHEST:
            raise ValueError(
                "Argument `x`: the latents are too far out for a grid. Expected data like those that the model was "
                f"trained on. Received: a latent {np.abs(loc).max():.3g} steps of {size.min():.3g} wide from 0."
            )
        half = int(np.abs(whole).max(initial=1)) + 1
        grids.append(Grid(shape, size.astype("float32").astype("float64"), half))
        symbols.append(whole.reshape(rows, -1).astype("int32"))
    fingerprint, stack, cost = networks.fingerprint(with_data=False), new_stack(), 0.0
    progress = progress_bar(rows, verbose)
    for start in range(0, rows, batch_size):
        own = [level[start : start + batch_size] for level in symbols]
        z = [grid.latents(level) for grid, level in zip(grids, own, strict=True)]
        priors = latent_priors(networks, z, len(own[0]))
        for grid, level, p in reversed(list(zip(grids, own, priors, strict=True))):
            cost += float(grid.bits(level, p).sum())
            grid.push(stack, level, p)
        progress(len(own[0]))
    payload = as_bytes(words_of(stack))
    header = {
        "kind": "latents",
        "keras_vae": package_version(),
        "rows": rows,
        "batch_size": batch_size,
        "grids": [grid.half for grid in grids],
        "arithmetic": arithmetic(vae.dtype_policy.name),
        "weights": weights_fingerprint(vae),
        "outputs": fingerprint,
        "decoder": decoder_probe(networks),
    }
    steps = b"".join(grid.step.astype("<f4").tobytes() for grid in grids)
    file_bytes = write_file(path, header, {"steps": steps, "code": payload})
    shapes = shape_of(vae.spec)
    dimensions = sum(math.prod(shape) for shape in (shapes.values() if isinstance(shapes, dict) else [shapes]))
    return CompressionResult.of(path, rows, dimensions, file_bytes, len(payload), stack.num_valid_bits(), cost)


def decompress_latents(vae: Part, path: str | os.PathLike, *, verbose: str | int = "auto") -> Any:
    """Data from a file of `compress_latents`: the mean of p(x | z), or its mode for categories, `(n, *data_shape)`.

    Args:
        vae: the model that wrote it.
        path: the file.
        verbose: 0 or 1 as in Keras; `"auto"` is silent for a few thousand rows.

    Raises:
        ValueError: the file cannot be read here; the message says why.
        FileNotFoundError: there is no such file.

    Example:

    >>> import tempfile
    >>> import numpy as np
    >>> import keras_vae as kv
    >>> from keras_vae.compression import compress_latents, decompress_latents
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=(2, 3), latents="hierarchical", likelihood="gaussian")
    >>> x = np.random.default_rng(0).normal(size=(9, 6))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = compress_latents(vae, x, f"{folder}/x.kvc", step=0.5)
    ...     decompress_latents(vae, f"{folder}/x.kvc").shape
    (9, 6)
    """
    header, parts = read_file(path, "latents")
    check_weights(vae, header)
    check_arithmetic(header["arithmetic"], arithmetic(vae.dtype_policy.name))
    networks = latent_networks(vae, header["batch_size"])
    check_outputs(networks.fingerprint(with_data=False), header)
    check_decoder_probe(decoder_probe(networks), header["decoder"])
    steps, grids, first = np.frombuffer(parts["steps"], "<f4"), [], 0
    for shape, half in zip(networks.shapes, header["grids"], strict=True):
        size = math.prod(shape)
        grids.append(Grid(shape, steps[first : first + size].reshape(shape).astype("float64"), half))
        first += size
    stack, rows, size = new_stack(as_words(parts["code"])), header["rows"], header["batch_size"]
    found = []
    progress = progress_bar(rows, verbose)
    for start in reversed(range(0, rows, size)):
        count = min(size, rows - start)
        z: list[Any] = [None] * len(grids)
        for level, grid in enumerate(grids):
            z[level] = grid.latents(grid.pop(stack, latent_priors(networks, z, count, level)[level]))
        found.append(z)
        progress(count)
    latents = tuple(np.concatenate(level) for level in zip(*reversed(found), strict=True))
    return vae.decode(latents if len(latents) > 1 else latents[0], batch_size=size, verbose=0)


def latent_networks(vae: Part, batch_size: int) -> Networks:
    """The networks of a model whose latents are coded, and not its data.

    Args:
        vae: the `VAE`.
        batch_size: rows at a time.

    Raises:
        ValueError: latents that have no grid, or a model with conditions.
    """
    check_is_vae(vae)
    check_latents(vae)
    if vae.condition_shape is not None:
        raise ValueError(
            "Argument `vae`: latents are coded without conditions. Expected a model without `condition_shape`. "
            f"Received: condition_shape={vae.condition_shape}."
        )
    if any(getattr(prior, "latent_space", "reals") != "reals" for prior, _ in vae.latents.pairs):
        raise ValueError(
            "Argument `vae`: latents must be real numbers, which can be rounded. Received: categories. Use "
            "keras_vae.compression.compress, or real latents."
        )
    return Networks(vae, [], [], batch_size)


def decoder_probe(networks: Networks) -> list[float]:
    """Some of what the decoder returns for fixed latents.

    Args:
        networks: the networks.
    """
    z = tuple(np.linspace(-1.0, 1.0, math.prod(shape)).reshape(1, *shape) for shape in networks.shapes)
    found = networks.vae.decode(z if len(z) > 1 else z[0], batch_size=1, verbose=0)
    parts = [np.asarray(part).reshape(-1)[:PROBED] for part in keras.tree.flatten(found)]
    return [round(float(number), 6) for number in np.concatenate(parts)]


def check_decoder_probe(found: list[float], expected: list[float]) -> None:
    """Refuse a decoder that does not return what that of the file returned, up to rounding.

    Args:
        found: of `decoder_probe`.
        expected: likewise.

    Raises:
        ValueError: they differ.
    """
    if len(found) != len(expected) or not np.allclose(found, expected, rtol=1e-2, atol=1e-3):
        raise ValueError(
            "Argument `vae` must be the model that wrote the file. Received: a model with the same weights whose "
            "decoder returns something else, such as one with another activation."
        )


def latent_priors(networks: Networks, z: list[Any], rows: int, level: int | None = None) -> list[Any]:
    """p(z_l | levels above) of every level, from the same inputs on both sides.

    Args:
        networks: the networks.
        z: for each level `(rows, *latent)`, or None.
        rows: how many.
        level: that alone, the others being anything.
    """
    if networks.independent:
        return networks.priors([None] * len(z), rows)
    found: list[Any] = [None] * len(z)
    for index in range(len(z)) if level is None else [level]:
        known = [own if place < index else None for place, own in enumerate(z)]
        found[index] = networks.priors(known, rows)[index]
    return found


def encoded(vae: Part, x: Data, batch_size: int) -> tuple[list[Any], list[Any]]:
    """Mean and standard deviation of q(z | x) of every level, `(n, *latent)`, the levels above at their mean.

    Args:
        vae: the `VAE`.
        x: data.
        batch_size: rows at a time.
    """

    def encode_batch(vae: Part, inputs: Any, prepared: Any = None, **_: Any) -> Any:
        levels = vae.terms(inputs, deterministic=True, prepared=prepared).levels
        return tuple((level.posterior.mean(), level.posterior.variance() ** 0.5) for level in levels)

    x = vae.checks.check_data(x, noisy=True)
    found = vae.runner.run(("compression", "encode"), encode_batch, x, batch_size=batch_size, verbose=0)
    return [level[0] for level in found], [level[1] for level in found]
