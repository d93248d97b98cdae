"""What can be coded, and what can be decoded here."""

from typing import Any

import keras
import numpy as np

from keras_vae.compression.file import checksum
from keras_vae.compression.networks import weights_fingerprint
from keras_vae.compression.support import Leaf, check_decoder, check_latents, leaves_of
from keras_vae.data.streams import is_stream, to_numpy, unpack
from keras_vae.hints import Array, Data, Part
from keras_vae.inference.call import checked_condition

__all__ = ["check_is_vae", "check_outputs", "check_weights", "checked_data", "checked_model", "same_condition"]


def checked_model(vae: Part) -> list[Leaf]:
    """The parts of the data of a model that can be coded.

    Args:
        vae: the `VAE`.

    Raises:
        ValueError: it cannot.
    """
    check_is_vae(vae)
    check_latents(vae)
    check_decoder(vae)
    return leaves_of(vae)


def check_is_vae(vae: Part) -> None:
    """Refuse what is no model, such as its path.

    Args:
        vae: the `VAE`.

    Raises:
        TypeError: it is something else.
    """
    if not hasattr(vae, "forward_pass"):
        raise TypeError(
            f"Argument `vae` must be a keras_vae.VAE. Received: {vae!r:.100}. Load a saved one with "
            "keras.saving.load_model(path)."
        )


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
    if any(np.ma.is_masked(array) for array in keras.tree.flatten(given.x)):
        raise ValueError(
            "Argument `x` must not be masked: what a mask hides has no code. Received: a masked array. Pass "
            "x.filled(0), and store the mask beside it."
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
