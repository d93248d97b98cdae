"""Files of NumPy arrays, coded by a model."""

import io
import lzma
import os
import pathlib
import tempfile
import zipfile
from typing import Any

import numpy as np

from keras_vae.compression.file import package_version, read_file, write_file
from keras_vae.compression.lossless import compress, decompress
from keras_vae.hints import Array, Part

__all__ = ["compress_npz", "decompress_npz"]


def compress_npz(
    vae: Part, source: str | os.PathLike, path: str | os.PathLike, *, verbose: str | int = "auto"
) -> list[tuple[str, str]]:
    """Write all arrays of an `.npz` file to a file, without loss: those that the model knows are coded by it.

    Arrays of rows `(n, *data_shape)` are coded by `compress`; axes of length one may be missing. Everything else, such
    as labels, or rows that the model cannot code, is stored with lzma. Of a model of several fields, the arrays with
    their names are coded together.
    `decompress_npz` restores names, order, dtypes and shapes.

    Args:
        vae: a trained `VAE` without conditions.
        source: the `.npz` file.
        path: the file to write.
        verbose: as for `compress`.

    Returns:
        For each array its name, and what it costs, in words.

    Raises:
        FileNotFoundError: there is no file `source`.
        ValueError: no `.npz` file, or no array that the model can code.

    Example:

    >>> import tempfile
    >>> import numpy as np
    >>> import keras_vae as kv
    >>> from keras_vae.compression import compress_npz, decompress_npz
    >>> vae = kv.VAE(data_shape=(6,), latent_dim=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/a.npz", x=np.ones((4, 6), "uint8"), y=np.arange(4))
    ...     costs = compress_npz(vae, f"{folder}/a.npz", f"{folder}/a.kvc")
    ...     decompress_npz(vae, f"{folder}/a.kvc", f"{folder}/b.npz")
    ...     list(np.load(f"{folder}/b.npz"))
    ['x', 'y']
    """
    arrays = read_arrays(source)
    if vae.condition_shape is not None:
        raise ValueError(
            "Argument `vae`: a file of arrays does not say which condition belongs to which row. Expected a model "
            f"without conditions. Received: condition_shape={vae.condition_shape}. Use "
            "keras_vae.compression.compress(vae, [x, condition], path)."
        )
    fields = vae.data_shape if isinstance(vae.data_shape, dict) else None
    coded = list(fields) if fields else [name for name, array in arrays.items() if rows_of(array, vae.data_shape)]
    if not coded or not set(coded) <= set(arrays):
        shapes = ", ".join(f"{name!r} {array.shape}" for name, array in arrays.items())
        raise ValueError(
            f"Argument `source`: no array fits the model. Expected rows of shape {vae.data_shape}. Received: {shapes}."
        )
    entries, parts, costs, refused = [], {}, [], []
    for name, array in arrays.items():
        if fields and name == coded[0]:
            together = {key: arrays[key] for key in coded}
            parts[name], cost = coded_bytes(vae, together, verbose, ", ".join(coded))
        elif name in coded and not fields:
            try:
                parts[name], cost = coded_bytes(vae, array.reshape(-1, *vae.data_shape), verbose, name)
            except ValueError as error:
                refused.append(error)
                parts[name] = stored_bytes(array)
                cost = f"stored with lzma in {len(parts[name])} bytes, since the model cannot code it. {error}"
                coded.remove(name)
        elif name not in coded:
            parts[name] = stored_bytes(array)
            cost = f"stored with lzma in {len(parts[name])} bytes, since the model does not know it"
        else:
            cost = f"coded with {coded[0]}"
        costs.append((name, cost))
        entries.append((name, array.shape, name in coded))
    if not coded:
        raise refused[0]
    header = {"kind": "archive", "keras_vae": package_version(), "entries": entries}
    write_file(path, header, parts)
    return costs


def decompress_npz(
    vae: Part, path: str | os.PathLike, target: str | os.PathLike, *, verbose: str | int = "auto"
) -> None:
    """Write the `.npz` file that `compress_npz` read.

    Args:
        vae: the model that coded it.
        path: the file that `compress_npz` wrote.
        target: the `.npz` file to write.
        verbose: as for `decompress`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read here; the message says why.

    Example:

    >>> import keras_vae as kv
    >>> from keras_vae.compression import decompress_npz
    >>> try:
    ...     decompress_npz(kv.VAE(data_shape=(6,), latent_dim=2), "nothing.kvc", "nothing.npz")
    ... except FileNotFoundError as error:
    ...     print(error.filename)
    nothing.kvc
    """
    header, parts = read_file(path, "archive")
    fields = isinstance(vae.data_shape, dict)
    together: Any = None
    arrays: dict[str, Array] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, shape, coded in header["entries"]:
            if not coded:
                arrays[name] = np.load(io.BytesIO(lzma.decompress(parts[name])), allow_pickle=False)
                continue
            if name in parts:
                part = pathlib.Path(folder) / "part.kvc"
                part.write_bytes(parts[name])
                together = decompress(vae, part, verbose=verbose)
            own = together[name] if fields else together
            arrays[name] = own.reshape(shape)
    # numpy.savez takes names as keywords, of which some are its own, such as `file`
    with zipfile.ZipFile(target, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def read_arrays(source: str | os.PathLike) -> dict[str, Array]:
    """The arrays of an `.npz` file, in order.

    Args:
        source: the file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no `.npz` file, or holds Python objects.
    """
    if not os.path.isfile(source):
        raise FileNotFoundError(2, "There is no such file", os.fspath(source))
    try:
        with np.load(source, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
            others = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
            if others:
                raise ValueError(f"{others[0]!r} is no array.")
            return arrays
    except (ValueError, OSError, AttributeError, TypeError) as error:
        raise ValueError(
            f"Argument `source` must be an .npz file of arrays of numbers, as numpy.savez writes it. Received: "
            f"{os.fspath(source)!r}, which cannot be read: {error}"
        ) from error


def rows_of(array: Array, shape: tuple[int, ...]) -> bool:
    """Whether an array holds rows of a shape, up to axes of length one.

    >>> rows_of(np.zeros((3, 28, 28)), (28, 28, 1)), rows_of(np.zeros(3), (28, 28, 1))
    (True, False)
    """
    numbers = array.dtype.kind in "biuf" and array.ndim > 0 and array.size > 0
    return numbers and [n for n in array.shape[1:] if n != 1] == [n for n in shape if n != 1]


def coded_bytes(vae: Part, x: Any, verbose: str | int, name: str) -> tuple[bytes, str]:
    """The file of `compress`, and what it says; an error names the arrays.

    Args:
        vae: the `VAE`.
        x: data.
        verbose: as for `compress`.
        name: of the arrays.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "part.kvc"
        try:
            result = compress(vae, x, path, verbose=verbose)
        except ValueError as error:
            raise ValueError(f"The array {name!r}: {error}") from error
        return path.read_bytes(), str(result)


def stored_bytes(array: Array) -> bytes:
    """An array of any dtype, with lzma.

    Args:
        array: the array.
    """
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return lzma.compress(file.getvalue(), preset=9)
