"""Data as bytes, without loss, and back."""

import os
from typing import Any

import keras
import numpy as np

from keras_vae.arguments import positive_int, positive_number
from keras_vae.compression.bits_back import BitsBack, Group, next_group
from keras_vae.compression.checks import check_outputs, check_weights, checked_data, checked_model, same_condition
from keras_vae.compression.coder import new_stack, words_of
from keras_vae.compression.file import (
    arithmetic,
    as_bytes,
    as_words,
    check_arithmetic,
    checksum,
    package_version,
    read_file,
    write_file,
)
from keras_vae.compression.grid import Grid, fitted_grid
from keras_vae.compression.networks import Networks, weights_fingerprint
from keras_vae.compression.result import CompressionResult, progress_bar
from keras_vae.compression.support import symbols_of
from keras_vae.hints import Array, Data, Part

__all__ = ["compress", "decompress"]

PILOT_ROWS = 512

DIFFERENT = (
    "Argument `path`: the restored data are not those that were compressed: their checksum is another one. The "
    "networks rounded otherwise somewhere, although they agree on a probe. Decode with as many threads and on the same "
    "processor as the data were compressed with."
)


def compress(
    vae: Part,
    x: Data,
    path: str | os.PathLike | None = None,
    *,
    precision: float = 4.0,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> CompressionResult:
    """Write data to a file without loss, in about as many bits as the model's negative ELBO.

    Bits-back coding with asymmetric numeral systems (Townsend, Bird and Barber, 2019, "Practical lossless compression
    with latent variables using bits back coding"), for one level of latents, groups, or a hierarchy of any depth, from
    the top (Kingma, Abbeel and Ho, 2019, give the order for other hierarchies). `decompress` needs the same model, with
    the same weights, on the same kind of machine.

    Args:
        vae: a trained `VAE`, with a likelihood of whole numbers.
        x: array `(n, *data_shape)`, `[x, condition]`, or a dict; whole numbers of any dtype, which is restored.
        path: the file to write; None only counts the bits.
        precision: grid points for each standard deviation of the latents, see the guide.
        batch_size: rows that the networks see at a time, on both sides.
        verbose: 0 or 1 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        A `CompressionResult`.

    Raises:
        ValueError: data or models that cannot be coded; the message says what to do.

    Example:

    >>> import tempfile
    >>> import numpy as np
    >>> import keras_vae as kv
    >>> from keras_vae.compression import compress, decompress
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2)
    >>> x = np.random.default_rng(0).integers(0, 2, (20, 6), dtype="uint8")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = compress(vae, x, f"{folder}/x.kvc")
    ...     restored = decompress(vae, f"{folder}/x.kvc")
    >>> bool((restored == x).all()), restored.dtype, result.rows
    (True, dtype('uint8'), 20)
    """
    positive_number(precision, "precision")
    leaves = checked_model(vae)
    arrays, condition = checked_data(vae, x)
    symbols = [symbols_of(leaf, arrays) for leaf in leaves]
    rows = len(symbols[0])
    counts = [leaf.values_for(own + leaf.low) for leaf, own in zip(leaves, symbols, strict=True)]
    networks = Networks(vae, leaves, counts, None if batch_size is None else positive_int(batch_size, "batch_size"))
    types = keras.tree.map_structure(lambda array: array.dtype.str, arrays)
    if checksum(arrays) != checksum(restored(networks, symbols, types)):
        raise ValueError(
            "Argument `x` must hold values that a whole number stands for. Received: negative zeros, or a dtype whose "
            "bytes are not those of its values. Write x + 0.0, or convert x to integers."
        )
    condition_shape = None if condition is None else condition.shape[1:]
    fingerprint = networks.fingerprint(condition_shape)
    if networks.fingerprint(condition_shape) != fingerprint:
        raise ValueError(
            "Argument `vae`: two runs of the model on the same inputs gave different numbers, so nothing could decode "
            "what it codes. Received: a device or a layer whose arithmetic is not repeatable. Use the CPU, or "
            "deterministic operations, for example keras.config and tf.config.experimental.enable_op_determinism()."
        )
    grids, needed = fitted_grids(networks, symbols, condition, precision)
    code, stack = BitsBack(networks, grids), new_stack()
    progress = progress_bar(rows, verbose)
    groups, done = [], 0
    while done < rows:
        group = next_group(stack.num_valid_bits(), needed, rows - done, networks.batch_size)
        part = slice(done, done + group.rows)
        own_condition = None if condition is None else condition[part]
        code.push(stack, [own[part] for own in symbols], own_condition, group.direct)
        groups.append(group)
        done += group.rows
        progress(group.rows)
    words, dimensions = words_of(stack), sum(leaf.width for leaf in leaves)
    header = {
        "kind": "lossless",
        "keras_vae": package_version(),
        "rows": rows,
        "types": types,
        "batch_size": networks.batch_size,
        "counts": counts,
        "grids": [(grid.step, grid.half) for grid in grids],
        "groups": run_lengths(groups),
        "arithmetic": arithmetic(vae.dtype_policy.name),
        "weights": weights_fingerprint(vae),
        "outputs": fingerprint,
        "condition": None if condition is None else checksum(condition),
        "data": checksum(arrays),
    }
    payload = as_bytes(words)
    file_bytes = write_file(path, header, {"code": payload})
    net_bits = stack.num_valid_bits() - code.first_bits
    return CompressionResult.of(path, rows, dimensions, file_bytes, len(payload), net_bits, code.elbo_bits)


def decompress(vae: Part, path: str | os.PathLike, condition: Any = None, *, verbose: str | int = "auto") -> Any:
    """Read what `compress` wrote: an array `(n, *data_shape)`, or a dict of fields, of the dtype that it had.

    The file says which weights, which software and which rounding it was written with. Another model, another backend,
    a damaged file and other floating point are refused, each with its own message, and the restored data are compared
    with a checksum.

    Args:
        vae: the model that compressed them.
        path: the file.
        condition: `(n, *condition_shape)`, as it was passed to `compress`, for a conditional model.
        verbose: 0 or 1 as in Keras; `"auto"` is silent for a few thousand rows.

    Raises:
        ValueError: the file cannot be read here; the message says why.
        FileNotFoundError: there is no such file.

    Example:

    >>> import tempfile
    >>> import numpy as np
    >>> import keras_vae as kv
    >>> from keras_vae.compression import compress, decompress
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2, likelihood="poisson")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = compress(vae, np.ones((3, 6), "int64"), f"{folder}/x.kvc")
    ...     decompress(vae, f"{folder}/x.kvc")[0]
    array([1, 1, 1, 1, 1, 1])
    """
    header, parts = read_file(path, "lossless")
    check_weights(vae, header)
    check_arithmetic(header["arithmetic"], arithmetic(vae.dtype_policy.name))
    rows = header["rows"]
    condition = same_condition(vae, condition, rows, header["condition"])
    networks = Networks(vae, checked_model(vae), header["counts"], header["batch_size"])
    check_outputs(networks.fingerprint(None if condition is None else condition.shape[1:]), header)
    grids = [Grid(shape, step, half) for shape, (step, half) in zip(networks.shapes, header["grids"], strict=True)]
    code, stack = BitsBack(networks, grids), new_stack(as_words(parts["code"]))
    progress = progress_bar(rows, verbose)
    found, end = [], rows
    for count, size, direct in reversed(header["groups"]):
        for _ in range(count):
            own_condition = None if condition is None else condition[end - size : end]
            try:
                found.append(code.pop(stack, Group(size, direct), own_condition))
            except KeyError as error:  # a symbol that the encoder cannot have written
                raise ValueError(DIFFERENT) from error
            end -= size
            progress(size)
    symbols = [np.concatenate(parts) for parts in zip(*reversed(found), strict=True)]
    arrays = restored(networks, symbols, header["types"])
    if checksum(arrays) != header["data"]:
        raise ValueError(DIFFERENT)
    return arrays


def fitted_grids(
    networks: Networks, symbols: list[Array], condition: Array | None, precision: float
) -> tuple[list[Grid], float]:
    """For each level a grid, and the bits that the latents of a row take on average, from some rows.

    Args:
        networks: the networks.
        symbols: all data.
        condition: all conditions, or None.
        precision: as for `compress`.
    """
    rows = len(symbols[0])
    chosen = np.unique(np.linspace(0, rows - 1, min(rows, PILOT_ROWS)).astype(int))
    collected: list[list[Any]] = [[] for _ in networks.shapes]
    for start in range(0, len(chosen), networks.batch_size):
        part = chosen[start : start + networks.batch_size]
        z: list[Any] = [None] * len(networks.shapes)
        for level in range(len(networks.shapes)):
            own = None if condition is None else condition[part]
            q = networks.posteriors([array[part] for array in symbols], z, own)[level]
            z[level] = q["loc"] if "loc" in q else q["probabilities"]
            collected[level].append(q)
    joined = [{name: np.concatenate([q[name] for q in found]) for name in found[0]} for found in collected]
    grids = [fitted_grid(shape, q, precision) for shape, q in zip(networks.shapes, joined, strict=True)]
    return grids, float(sum(grid.entropy(q).mean() for grid, q in zip(grids, joined, strict=True)))


def restored(networks: Networks, symbols: list[Array], types: Any) -> Any:
    """Data of their own dtypes from symbols.

    Args:
        networks: the networks, which know the shapes.
        symbols: for each leaf `(rows, width)`.
        types: name of the dtype, or a dict of them.
    """
    data = networks.data(symbols, len(symbols[0]))
    if isinstance(types, dict):
        return {name: data[name].astype(dtype) for name, dtype in types.items()}
    return data.astype(types)


def run_lengths(groups: list[Group]) -> list[tuple[int, int, bool]]:
    """Groups as `(how many, rows, direct)`.

    >>> run_lengths([Group(1, True), Group(8, False), Group(8, False)])
    [(1, 1, True), (2, 8, False)]
    """
    lengths: list[tuple[int, int, bool]] = []
    for group in groups:
        count = 1
        if lengths and lengths[-1][1:] == (group.rows, group.direct):
            count += lengths.pop()[0]
        lengths.append((count, group.rows, group.direct))
    return lengths
