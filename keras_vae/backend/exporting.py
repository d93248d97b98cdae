"""What the formats of exported files can hold, and how Keras is told."""

from typing import Any

import keras

__all__ = ["check_exported", "export_options", "exports_loops", "exports_seeds"]


def exports_loops() -> bool:
    """Whether exported files can hold loops: on torch they hold the steps that one example took."""
    return keras.backend.backend() != "torch"


def exports_seeds(file_format: str) -> bool:
    """Whether exported files can draw random numbers from a seed that is their input."""
    return file_format == "tf_saved_model" and keras.backend.backend() in ("tensorflow", "jax")


def export_options(file_format: str, input_signature: Any) -> dict[str, Any]:
    """Options of `keras.Model.export` for a batch of any size; for torch's own format Keras would fix it.

    Args:
        file_format: `format` of `keras.Model.export`.
        input_signature: list of one structure of `keras.InputSpec`.
    """
    if file_format != "torch" or keras.backend.backend() != "torch":
        return {}
    import torch

    def sizes(spec: Any) -> Any:
        return {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(spec.shape) if size is None}

    # In Keras' form for the `*args` of a model's `forward`.
    return {"dynamic_shapes": [tuple(keras.tree.map_structure(sizes, spec) for spec in input_signature)]}


def check_exported(filepath: str, file_format: str) -> None:
    """Check a file that Keras wrote, where Keras does not.

    Args:
        filepath: the file.
        file_format: `format` of `keras.Model.export`.

    Raises:
        onnx.checker.ValidationError: on TensorFlow, tf2onnx keeps operations that ONNX does not have.
    """
    if file_format == "onnx" and keras.backend.backend() == "tensorflow":
        import onnx

        onnx.checker.check_model(filepath)
