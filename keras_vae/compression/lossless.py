"""Data as bytes, without loss, and back."""

import dataclasses
import importlib.metadata
import os
from typing import Any

import keras
import numpy as np

from keras_vae.arguments import positive_int, positive_number
from keras_vae.compression.bits_back import BitsBack, Group, next_group
from keras_vae.compression.coder import new_stack, words_of
from keras_vae.compression.file import (
    arithmetic,
    as_bytes,
    as_words,
    check_arithmetic,
    checksum,
    read_file,
    write_file,
)
from keras_vae.compression.grid import Grid, fitted_grid
from keras_vae.compression.networks import Networks, weights_fingerprint
from keras_vae.compression.support import Leaf, check_decoder, check_latents, leaves_of, symbols_of
from keras_vae.data.streams import is_stream, to_numpy, unpack
from keras_vae.hints import Array, Data, Part
from keras_vae.inference.call import checked_condition

__all__ = ["CompressionResult", "compress", "decompress"]

QUIET_ROWS = 4096
PILOT_ROWS = 512

DIFFERENT = (
    "Argument `path`: the restored data are not those that were compressed: their checksum is another one. The "
    "networks rounded otherwise somewhere, although they agree on a probe. Decode with as many threads and on the same "
    "processor as the data were compressed with."
)


@dataclasses.dataclass(frozen=True)
class CompressionResult:
    """What a code costs. Bits per dimension are bits divided by rows times elements of a row.

    Args:
        path: the file, or None.
        rows: number of rows.
        dimensions: elements of one row.
        file_bytes: size of the file.
        code_bytes: the part of it that is the code, without the header.
        bits_per_dim: all bits of the file, per dimension.
        net_bits_per_dim: those of the code, without what the first rows cost because they found no bits to get back:
            the rate that many rows approach.
        elbo_bits_per_dim: what the model says that it should cost: -log2 p(x, z) + log2 q(z | x) at the latents of
            the code, per dimension, from the densities.

    Example:

    >>> from keras_vae.compression import CompressionResult
    >>> CompressionResult(None, 10, 8, 30, 20, 3.0, 1.9, 1.9).file_bytes
    30
    """

    path: str | None
    rows: int
    dimensions: int
    file_bytes: int
    code_bytes: int
    bits_per_dim: float
    net_bits_per_dim: float
    elbo_bits_per_dim: float

    def __str__(self) -> str:
        return (
            f"{self.rows} rows of {self.dimensions} elements in {self.file_bytes} bytes: {self.bits_per_dim:.4f} bits "
            f"per dimension, net {self.net_bits_per_dim:.4f}, -ELBO {self.elbo_bits_per_dim:.4f}"
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
    per_dim = 1.0 / (rows * dimensions)
    return CompressionResult(
        None if path is None else os.fspath(path),
        rows,
        dimensions,
        file_bytes,
        len(payload),
        8 * file_bytes * per_dim,
        (stack.num_valid_bits() - code.first_bits) * per_dim,
        code.elbo_bits * per_dim,
    )


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


def checked_model(vae: Part) -> list[Leaf]:
    """The parts of the data of a model that can be coded.

    Args:
        vae: the `VAE`.

    Raises:
        ValueError: it cannot.
    """
    check_latents(vae)
    check_decoder(vae)
    return leaves_of(vae)


def checked_data(vae: Part, x: Data) -> tuple[Any, Array | None]:
    """Data as arrays of their own dtype, and the condition.

    Args:
        vae: the `VAE`.
        x: as for `compress`.

    Raises:
        ValueError: data that do not fit the model.
    """
    if is_stream(x):
        raise ValueError(
            "Argument `x` must be an array, [x, condition] or a dict of arrays, since a code has a fixed number of "
            f"rows. Received: a {type(x).__name__}. Read it into an array first."
        )
    given = unpack(x, vae.spec)
    for name in ("mask", "condition_mask", "exposure"):
        if getattr(given, name) is not None:
            raise ValueError(
                f"Argument `x`: rows are coded whole, with nothing beside them but a condition. Received: "
                f"`{name}`. Leave it out."
            )
    arrays = to_numpy(given.x)
    numbers = [np.asarray(array) for array in keras.tree.flatten(arrays)]
    if any(array.dtype.kind not in "biuf" or array.dtype.hasobject for array in numbers):
        kinds = ", ".join(str(array.dtype) for array in numbers)
        raise ValueError(f"Argument `x` must hold whole numbers or booleans. Received: an array of dtype {kinds}.")
    as_floats = keras.tree.map_structure(lambda array: np.asarray(array).astype("float32"), arrays)
    vae.checks.check_data(as_floats if given.condition is None else {"x": as_floats, "condition": given.condition})
    rows = len(numbers[0])
    return keras.tree.map_structure(np.asarray, arrays), checked_condition(vae, given.condition, None, rows)[
        "condition"
    ]


def same_condition(vae: Part, condition: Any, rows: int, expected: str | None) -> Array | None:
    """The condition of a code, compared with that of `compress`.

    Args:
        vae: the `VAE`.
        condition: as for `decompress`.
        rows: number of rows.
        expected: checksum, or None for a model without conditions.

    Raises:
        ValueError: it is another one, or missing.
    """
    array = checked_condition(vae, condition, None, rows)["condition"]
    if array is not None and checksum(array) != expected:
        raise ValueError(
            "Argument `condition` must be the one that the data were compressed with, of the same dtype: p(x | z) "
            "depends on it. Received: an array with another checksum."
        )
    return array


def check_weights(vae: Part, header: dict[str, Any]) -> None:
    """Refuse a model that did not write a file.

    Args:
        vae: the `VAE`.
        header: of the file.

    Raises:
        ValueError: its weights are other ones.
    """
    if weights_fingerprint(vae) != header["weights"]:
        raise ValueError(
            "Argument `vae` must be the model that wrote the file, with the same weights. Received: a model with other "
            "weights. Load the file of the model, keras.saving.load_model(...), that was used for compressing."
        )


def check_outputs(fingerprint: str, header: dict[str, Any]) -> None:
    """Refuse to decode where the networks give other numbers.

    Args:
        fingerprint: of the networks here.
        header: of the file.

    Raises:
        ValueError: they do.
    """
    if fingerprint != header["outputs"]:
        raise ValueError(
            "Argument `path`: the networks round otherwise here than where the file was written: the same weights and "
            "inputs gave other numbers. Received: another processor, another number of threads or another device, or a "
            "model with other activations. Decode under the conditions under which the data were compressed; for "
            "threads, set OMP_NUM_THREADS, TF_NUM_INTRAOP_THREADS or XLA_FLAGS as they were."
        )


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


def progress_bar(rows: int, verbose: str | int) -> Any:
    """A function that is told how many rows are done, and shows them as Keras does.

    Args:
        rows: number of rows.
        verbose: as for `compress`.
    """
    quiet = rows <= QUIET_ROWS if verbose == "auto" else not verbose
    if quiet:
        return lambda count: None
    bar = keras.utils.Progbar(rows, unit_name="row")
    return bar.add


def package_version() -> str:
    """The version of keras_vae."""
    return importlib.metadata.version("keras-vae")
