"""Files of a model's inference methods, which run without keras_vae."""

import os
from collections.abc import Callable
from typing import Any

import keras

from keras_vae.arguments import one_of
from keras_vae.backend import StepSeed, check_exported, export_options, exports_loops, exports_seeds, sync_state
from keras_vae.decoders.autoregressive import Autoregressive
from keras_vae.hints import Part
from keras_vae.inference.call import decoding_mode
from keras_vae.inference.decode import decode_latents
from keras_vae.inference.generate import draw_latents
from keras_vae.inference.reconstruct import reconstruct_batch

__all__ = ["export"]

FORMATS = ("tf_saved_model", "onnx", "openvino", "litert", "torch")


def export(
    model: Part,
    filepath: str | os.PathLike,
    format: str = "tf_saved_model",  # noqa: A002 as in Keras
    verbose: bool | None = None,
    input_signature: Any = None,
    *,
    method: str = "reconstruct",
    **kwargs: Any,
) -> None:
    """Write one method of the model to a file that runs without keras_vae, as `keras.Model.export`.

    The file holds what the method computes with its default arguments. All methods but `"generate"` are
    deterministic: latents are the mean of the posterior, and data the mean of p(x|z), or the mode for tokens.

    | method | inputs | outputs |
    |---|---|---|
    | `"reconstruct"` | x | `(batch, *data_shape)` |
    | `"encode"` | x | latents, `(batch, latent_dim)` |
    | `"decode"` | latents | `(batch, *data_shape)` |
    | `"generate"` | integers `(batch,)`, the seed of as many examples | `(batch, *data_shape)` |

    A method with one input takes an array. Several are a dict, with the names `x`, `z` and `seed`, and `condition`
    and `exposure` for models that have them. Several levels of latents are a dict with the names `z_1`, `z_2` and so
    on.

    Args:
        model: the `VAE`.
        filepath: where to write. Keras wants the ending `.tflite` for LiteRT, `.xml` for OpenVINO, `.pt2` for torch.
        format: `"tf_saved_model"`, `"onnx"`, `"openvino"`, `"litert"` or `"torch"`.
        verbose: whether to print a message.
        input_signature: list of one structure of `keras.InputSpec`, for other inputs than above, such as a `mask`.
        method: what to export, see above.
        **kwargs: options of the format, as for `keras.Model.export`.

    Raises:
        ValueError: an unknown format or method, or a combination that the backend cannot export.
        ImportError: the format needs a package that is not installed.
        RuntimeError: Keras, or a converter that it uses, cannot write the model in this format.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> vae.export("encoder", method="encode")  # doctest: +SKIP
    >>> import tensorflow as tf  # doctest: +SKIP
    >>> tf.saved_model.load("encoder").serve(tf.zeros((3, 4))).shape  # doctest: +SKIP
    TensorShape([3, 2])
    """
    one_of(format, FORMATS, "format")
    one_of(method, tuple(METHODS), "method")
    model.runner.require_ready(model)
    sync_state(model)
    inputs, function = METHODS[method]
    if input_signature is None:
        input_signature = [unless_alone(inputs(model))]
    check_possible(model, format, method, input_signature)
    path = os.fspath(filepath)
    exported = Exported(model, function, dtype=model.dtype_policy, name=method)
    options = {**export_options(format, input_signature), **kwargs}
    try:
        exported.export(path, format=format, verbose=verbose, input_signature=input_signature, **options)
        check_exported(path, format)
    except (ImportError, OSError, TypeError, ValueError):
        raise  # plain already
    except Exception as error:
        # Converters print whole graphs; the first line says what they lack.
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise RuntimeError(
            f"Keras cannot export {method!r} of this model to format {format!r} on the {keras.backend.backend()} "
            f"backend. The guide 'Exporting' has a table of what works. {type(error).__name__}: {reason:.300}"
        ) from error


def check_possible(model: Part, file_format: str, method: str, input_signature: Any) -> None:
    """Refuse what would be written, but compute something else.

    Raises:
        ValueError: naming what to export instead.
    """
    backend = keras.backend.backend()
    if method == "generate" and not exports_seeds(file_format):
        raise ValueError(
            "Argument `method`: files that draw random numbers need format='tf_saved_model' and the TensorFlow or JAX "
            f"backend. Received: method='generate', format={file_format!r} on the {backend} backend. Export "
            "method='decode', and pass it draws from the prior."
        )
    if exports_loops():
        return
    if method != "encode" and any(map(loops, model.decoder._flatten_layers())):
        raise ValueError(
            f"Argument `method`: the decoder {type(model.decoder).__name__} writes data step by step, in a loop that "
            f"cannot be exported on the torch backend. Received: method={method!r}. Load the saved model on the "
            "TensorFlow or JAX backend to export it there, or export method='encode'."
        )
    for spec in keras.tree.flatten(input_signature):
        if None in spec.shape[1:]:
            fixed = (None, *(10 if size is None else size for size in spec.shape[1:]))
            raise ValueError(
                "Argument `input_signature`: on the torch backend, only the batch may be of any size. Received: shape "
                f"{tuple(spec.shape)} of the input {spec.name!r}. Pass the lengths, such as "
                f"input_signature=[keras.InputSpec(shape={fixed}, dtype={spec.dtype!r})]."
            )


def loops(layer: Any) -> bool:
    """Whether a layer writes data step by step; sequence decoders with `autoregressive=False` do not."""
    return isinstance(layer, Autoregressive) and getattr(layer, "autoregressive", True)


class Exported(keras.Model):
    """A method of a VAE as a Keras model: a function of tensors, without random state."""

    def __init__(self, vae: Part, function: Callable, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.vae = vae
        self.function = function
        self.built = True

    def call(self, inputs: Any) -> Any:
        return self.function(self.vae, inputs)


def unless_alone(named: dict[str, Any]) -> Any:
    """A dict of inputs or outputs, or its value if it has one."""
    return next(iter(named.values())) if len(named) == 1 else named


def named(inputs: Any, names: Any) -> dict[str, Any]:
    """The inverse of `unless_alone`."""
    return inputs if isinstance(inputs, dict) else {next(iter(names)): inputs}


# Inputs of the methods: names and `keras.InputSpec` -----------------------------------------------------


def array_spec(shape: Any, name: str, integers: bool = False) -> keras.InputSpec:
    return keras.InputSpec(shape=(None, *shape), dtype="int32" if integers else "float32", name=name)


def inputs_beside(model: Part) -> dict[str, Any]:
    """Condition and exposure, of models that have them."""
    found = {}
    if model.condition_shape is not None:
        found["condition"] = array_spec(model.condition_shape, "condition", integers=not model.condition_shape)
    if getattr(model.likelihood, "exposure", False):
        found["exposure"] = array_spec((), "exposure")
    return found


def data_inputs(model: Part) -> dict[str, Any]:
    shapes, supports = model.data_shape, model.likelihood.support
    if isinstance(shapes, dict):
        x: Any = {name: array_spec(shape, name, supports[name].categorical) for name, shape in shapes.items()}
    else:
        x = array_spec(shapes, "x", supports.categorical)
    return {"x": x, **inputs_beside(model)}


def latent_inputs(model: Part) -> dict[str, Any]:
    shapes = dict(zip(latent_names(model), model.latents.level_shapes(), strict=True))
    return {**{name: array_spec(shape, name) for name, shape in shapes.items()}, **inputs_beside(model)}


def seed_inputs(model: Part) -> dict[str, Any]:
    return {"seed": array_spec((), "seed", integers=True), **inputs_beside(model)}


def latent_names(model: Part) -> list[str]:
    levels = len(model.latents.level_shapes())
    return ["z"] if levels == 1 else [f"z_{level}" for level in range(1, levels + 1)]


# The methods: functions of the model and a batch --------------------------------------------------------


def reconstruct_inputs(model: Part, inputs: Any) -> Any:
    return reconstruct_batch(model, inputs)


def encode_inputs(model: Part, inputs: Any) -> Any:
    levels = model.terms(inputs, deterministic=True).levels
    return unless_alone({name: level.z for name, level in zip(latent_names(model), levels, strict=True)})


def decode_inputs(model: Part, inputs: Any) -> Any:
    names = latent_names(model)
    inputs = named(inputs, names)
    latents = tuple(inputs[name] for name in names)
    mode = decoding_mode(model, None, 1.0)
    return decode_latents(model, latents, {**inputs, "rows": latents[0]}, mode, None, 1.0, None)


def generate_inputs(model: Part, inputs: Any) -> Any:
    inputs = named(inputs, ("seed",))
    seeds = inputs["seed"]
    rows = {**inputs, "rows": seeds}
    seed = StepSeed(StepSeed.key_of(seeds), 0)
    latents, own = draw_latents(model, rows, seed, 1.0, None, None)
    return decode_latents(model, latents, rows, decoding_mode(model, None, 1.0), None, 1.0, None, **own)


METHODS: dict[str, tuple[Callable, Callable]] = {
    "reconstruct": (data_inputs, reconstruct_inputs),
    "encode": (data_inputs, encode_inputs),
    "decode": (latent_inputs, decode_inputs),
    "generate": (seed_inputs, generate_inputs),
}
