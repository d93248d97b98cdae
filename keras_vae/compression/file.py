"""The file of a code: a header that says what can decode it, and words."""

import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
import struct
import zlib
from typing import Any

import keras
import numpy as np

from keras_vae.hints import Array, Config

__all__ = ["arithmetic", "check_arithmetic", "read_file", "write_file"]

MAGIC = b"KVAEcode"
FORMAT = 1
DIGEST = 16
WRITERS = {"lossless": "compress", "latents": "compress_latents", "archive": "compress_npz"}
"""The function that writes each kind of file; that which reads it has a `de` in front."""
PACKAGES = {"tensorflow": "tensorflow", "jax": "jaxlib", "torch": "torch"}


def arithmetic(dtype_policy: str) -> dict[str, str]:
    """What the rounding of the networks depends on, by name.

    Args:
        dtype_policy: name of the model's.
    """
    backend = keras.backend.backend()
    return {
        "backend": f"{backend} {importlib.metadata.version(PACKAGES.get(backend, backend))}",
        "keras": keras.__version__,
        "numpy": np.__version__,
        "constriction": importlib.metadata.version("constriction"),
        "processor": platform.machine(),
        "dtype": dtype_policy,
    }


def check_arithmetic(written: dict[str, str], here: dict[str, str]) -> None:
    """Refuse to decode with other software than the code was written with.

    Args:
        written: what `arithmetic` returned where the code was written.
        here: what it returns here.

    Raises:
        ValueError: they differ; the message says in what.
    """
    other = [f"{name} {value}, here {here.get(name)}" for name, value in written.items() if here.get(name) != value]
    if other:
        raise ValueError(
            "Argument `path`: the code can only be read where the networks round as they did where it was written. "
            f"Expected: the same software. Received: {'; '.join(other)}. Decode it there, and compress the data again."
        )


def write_file(path: Any, header: Config, parts: dict[str, bytes]) -> int:
    """Write a file; the number of its bytes.

    Args:
        path: where, or None to count only.
        header: what `json` can write.
        parts: bytes by name.
    """
    entries = {"format": FORMAT, "parts": {name: len(part) for name, part in parts.items()}, **header}
    packed = zlib.compress(json.dumps(entries, separators=(",", ":")).encode(), 9)
    body = struct.pack("<I", len(packed)) + packed + b"".join(parts.values())
    whole = MAGIC + hashlib.sha256(body).digest()[:DIGEST] + struct.pack("<Q", len(body)) + body
    if path is not None:
        pathlib.Path(path).write_bytes(whole)
    return len(whole)


def read_file(path: Any, kind: str) -> tuple[Config, dict[str, bytes]]:
    """The header and the parts of a file.

    Args:
        path: of the file.
        kind: what the header must say that it is.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is of another kind, truncated, or altered.
    """
    whole, start = pathlib.Path(os.fspath(path)).read_bytes(), len(MAGIC) + DIGEST + 8
    name = os.fspath(path)
    if whole[: len(MAGIC)] != MAGIC:
        raise ValueError(
            f"Argument `path` must be a file that keras_vae.compression wrote. Received: {name!r}, which does not "
            "begin as one."
        )
    length = struct.unpack("<Q", whole[start - 8 : start])[0] if len(whole) >= start else None
    if length is None or len(whole) - start < length:
        raise ValueError(
            f"Argument `path`: the file {name!r} is truncated. Expected {start + (length or 0)} bytes at least. "
            f"Received: {len(whole)}. Copy it again."
        )
    body = whole[start:]
    if len(body) > length or hashlib.sha256(body).digest()[:DIGEST] != whole[len(MAGIC) : len(MAGIC) + DIGEST]:
        raise ValueError(
            f"Argument `path`: the file {name!r} was altered after it was written: its checksum is another one. Copy "
            "it again."
        )
    size = struct.unpack("<I", body[:4])[0]
    header = json.loads(zlib.decompress(body[4 : 4 + size]))
    if header["format"] > FORMAT:
        raise ValueError(
            f"Argument `path`: the file {name!r} has format {header['format']}, and this version of keras_vae reads "
            f"formats up to {FORMAT}. Install the version that wrote it, {header.get('keras_vae')}."
        )
    if header["kind"] != kind:
        raise ValueError(
            f"Argument `path` must be a file that `{WRITERS[kind]}` wrote. Received: {name!r}, which "
            f"`{WRITERS[header['kind']]}` wrote. Read it with keras_vae.compression.de{WRITERS[header['kind']]}."
        )
    parts, start = {}, 4 + size
    for part, count in header["parts"].items():
        parts[part] = body[start : start + count]
        start += count
    return header, parts


def as_bytes(words: Array) -> bytes:
    """Words as bytes, the lowest first on every machine.

    Args:
        words: uint32.
    """
    return words.astype("<u4").tobytes()


def as_words(data: bytes) -> Array:
    """The inverse of `as_bytes`.

    Args:
        data: the bytes.
    """
    return np.frombuffer(data, "<u4").astype("uint32")


def checksum(arrays: Any) -> str:
    """A hash of the values, types and shapes of a structure of arrays.

    Args:
        arrays: an array, or a dict of them.
    """
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()) if isinstance(arrays, dict) else [("", arrays)]:
        array = np.ascontiguousarray(array)
        digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:32]


def package_version() -> str:
    """The version of keras_vae."""
    return importlib.metadata.version("keras-vae")
