"""Assembly of a model: components from names, each built for the shapes of its neighbours."""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_vae import registry
from keras_vae.arguments import one_of
from keras_vae.data.description import describe
from keras_vae.data.field import Spec, over_fields, shape_of
from keras_vae.decoders.from_model import FromModel as DecoderFromModel
from keras_vae.decoders.one_step import check_causal
from keras_vae.encoders.from_model import FromModel as EncoderFromModel
from keras_vae.hints import DType, Part, Shape
from keras_vae.latents.latents import Latents
from keras_vae.latents.single import Single
from keras_vae.layers.context import width_with_context
from keras_vae.models.forward import CONDITION_TO, Forward

__all__ = ["assemble", "condition_names", "make_component", "make_latents", "make_network"]

DEFAULTS = {"prior": "standard", "posterior": "gaussian"}


def make_component(name: str, identifier: Any, dtype: DType) -> Any:
    """A component from its name, config, class or instance.

    Args:
        name: the argument of `VAE`, such as `"prior"`.
        identifier: the user's argument.
        dtype: dtype or policy of new components.

    Raises:
        ValueError: an unknown name.
        TypeError: a component of another family.
    """
    if identifier is None:
        raise ValueError(f"Argument `{name}` must be a name or an instance. Received: None")
    family = getattr(registry, name if name == "latents" else f"{name}s")
    return family.get(identifier, dtype=dtype)


def make_network(
    name: str,
    identifier: Any,
    spec: Spec,
    likelihood: Part,
    dtype: DType,
    time_axis: bool = False,
    per_field: bool = False,
) -> Any:
    """An encoder or a decoder, as in `make_component`; or from any Keras model, a dict, or None for the default.

    Args:
        name: `"encoder"` or `"decoder"`.
        identifier: the user's argument.
        spec: the spec of the data.
        likelihood: the likelihood, whose support says which data are tokens.
        dtype: dtype or policy of new components.
        time_axis: whether there is a latent for each time step, which takes features of each.
        per_field: whether an encoder of several fields keeps the features of each apart.
    """
    family = getattr(registry, f"{name}s")
    if identifier is None and time_axis:
        return family.get("gru", dtype=dtype, **({"return_sequences": True} if name == "encoder" else {}))
    if identifier is None:
        identifier = over_fields(default_network, shape_of(spec), likelihood.support, like=spec)
    names = sorted(spec) if isinstance(spec, dict) else []
    if names and isinstance(identifier, str) and identifier not in ("joint", "per_field"):
        raise ValueError(
            f"Argument `{name}`: data of several fields need a dict with one for each field, {names}, or one "
            f"that takes a dict. Received: {name}={identifier!r}"
        )
    if isinstance(identifier, dict) and "class_name" not in identifier:
        if not set(identifier) <= set(names) or (name == "decoder" and set(identifier) != set(names)):
            raise ValueError(
                f"Argument `{name}` must be a dict with one for each field of data_shape, {names}. Received the "
                f"keys {sorted(map(str, identifier))}."
            )
        joint = "per_field" if per_field else "joint"
        return family.get(joint, **{f"{name}s": identifier}, dtype=dtype)
    if isinstance(identifier, keras.layers.Layer):
        if isinstance(identifier, family.contract_class):
            return identifier
        wrapper = EncoderFromModel if name == "encoder" else DecoderFromModel
        return wrapper(identifier, dtype=identifier.dtype_policy, name=name)
    return family.get(identifier, dtype=dtype)


def default_network(shape: Shape, support: Any) -> str:
    """Name of the default encoder and decoder for data of a shape."""
    # A single category is a label, and no sequence.
    tokens = len(shape) == 1 and shape != (1,) and getattr(support, "categorical", False)
    if tokens or (len(shape) == 2 and shape[0] is None):
        return "gru"
    return "conv" if 2 < len(shape) <= 4 and None not in shape else "mlp"


def make_latents(latents: Any, prior: Any, posterior: Any, dtype: DType, default: str = DEFAULTS["posterior"]) -> Any:
    """The latent structure, from `latents`, or from `prior` and `posterior`.

    Args:
        latents: the user's argument, or None.
        prior: likewise; also the name of a structure, such as `"hierarchical"`.
        posterior: likewise.
        dtype: dtype or policy of new components.
        default: name of the posterior of a single level, if the user gave none.

    Raises:
        ValueError: arguments that exclude each other.
    """
    if latents is None and names_latents(prior):
        latents, prior = prior, DEFAULTS["prior"]
    if posterior is None:
        posterior = default if latents is None else DEFAULTS["posterior"]
    if latents is None:
        parts = {
            name: make_component(name, value, dtype) for name, value in (("prior", prior), ("posterior", posterior))
        }
        return Single(None, **parts, dtype=dtype)
    latents = make_component("latents", latents, dtype)
    taken = {"prior": prior} if hasattr(latents, "take_posterior") else {"prior": prior, "posterior": posterior}
    for name, value in taken.items():
        if not isinstance(value, str) or value != DEFAULTS[name]:
            raise ValueError(
                f"Argument `{name}`: the latents {type(latents).__name__} have their own. Received: {name}={value!r}. "
                f"Pass it to them, as in keras_vae.latents.Single(8, {name}=...), and leave it out here."
            )
    if hasattr(latents, "take_posterior"):
        latents.take_posterior(make_component("posterior", posterior, dtype))
    return latents


def names_latents(prior: Any) -> bool:
    """Whether the argument `prior` is a latent structure: in version 0.1 the hierarchy was a prior."""
    if isinstance(prior, str):
        return registry.latents.has(prior) and not registry.priors.has(prior)
    if isinstance(prior, dict):
        saved = keras.saving.get_registered_object(str(prior.get("registered_name")))
        named = str(prior.get("class_name"))
        return (isinstance(saved, type) and issubclass(saved, Latents)) or (saved is None and named == "hierarchical")
    cls = prior if isinstance(prior, type) else type(prior)
    if callable(getattr(cls, "infer", None)) and not issubclass(cls, Latents):
        raise TypeError(
            f"Argument `prior`: {cls.__name__} has a method `infer`, with which priors of version 0.1 ran several "
            "levels. A prior is now p(z | context) only: subclass keras_vae.latents.Latents instead, and pass it as "
            "latents=..."
        )
    return issubclass(cls, Latents)


def condition_names(names: Any) -> tuple[str, ...]:
    """The value of an argument `condition_to`."""
    if names is None or isinstance(names, dict):
        raise ValueError(f"Argument `condition_to` must be a list of names. Received: condition_to={names!r}")
    names = (names,) if isinstance(names, str) else tuple(names)
    for name in names:
        one_of(name, CONDITION_TO, "condition_to")
    return tuple(name for name in CONDITION_TO if name in names)


def assemble(
    spec: Spec,
    latent_dim: Any,
    encoder: Part,
    latents: Part,
    decoder: Part,
    likelihood: Part,
    objective: Part,
    condition_shape: Shape | None,
    condition_encoder: Part,
    condition_to: tuple[str, ...],
    dtype_policy: Any,
    seed: int,
) -> Forward:
    """Build every component for the shapes of its neighbours, of the data and of the latents.

    Args:
        spec: the spec of the data.
        latent_dim: as for `VAE`.
        encoder: the encoder.
        latents: the latent structure.
        decoder: the decoder.
        likelihood: the likelihood.
        objective: the objective.
        condition_shape: shape of one example's condition, or None.
        condition_encoder: layer from a condition to a vector, or None.
        condition_to: names of the components that see the condition.
        dtype_policy: the model's precision.
        seed: seed of the model's noise.

    Returns:
        The `Forward` pass.

    Raises:
        ValueError: components that do not fit each other or the data.
    """
    data_shape = shape_of(spec)
    # Only here, and not while a step is traced: it calls the condition encoder symbolically.
    width = width_of_condition(condition_shape, condition_encoder)
    forward = Forward(
        encoder, latents, decoder, likelihood, condition_encoder, width, condition_to, dtype_policy.compute_dtype
    )
    target_shape = output_shape(likelihood.to_network, data_shape)
    input_shape = target_shape
    context_shape = (None, width)
    for name, network in (("encoder", encoder), ("decoder", decoder)):
        if forward.by_name[name]:
            network.condition_width = width
    if "encoder" in forward.condition_to and not forward.by_name["encoder"]:
        if isinstance(spec, dict):
            raise ValueError(
                "Argument `condition_to`: with several fields, a condition cannot be appended to the data. Received: "
                "'encoder'. Leave it out, or pass an encoder whose call takes `condition`."
            )
        input_shape = width_with_context(target_shape, context_shape)
    build_once(encoder, input_shape)
    features_shape = encoder.compute_output_shape(input_shape)
    if isinstance(spec, dict):
        check_per_field(features_shape, encoder, latents)
    latent_shape = latents.resolve_latent_shape(latent_dim, data_shape)
    if isinstance(latents, Single):
        # Before the prior sees the data: where it refuses these, it names others, which the posterior may refuse.
        latents.check()
    latents.build(
        latents.root_features(features_shape) if isinstance(latents, Single) else features_shape,
        context_shape,
        latent_shape,
        {
            **describe(data_shape, likelihood.support, condition_shape, features_shape),
            "network_shape": target_shape,
            "seed": seed,
        },
    )
    latents.built = True
    latents.check()
    z_shape = (None, *latents.decoder_input_shape())
    if "decoder" in forward.condition_to and not forward.by_name["decoder"]:
        z_shape = width_with_context(z_shape, context_shape)
    if getattr(decoder, "flatten_latents", None) is False and not latents.has_time_axis:
        decoder.flatten_latents = True  # latents with two axes, none of them time, are one vector for every step
    if isinstance(decoder, DecoderFromModel):
        decoder.latents_in_time = latents.has_time_axis
    build_once(decoder, z_shape, target_shape)
    if latents.sees_data:
        check_causal(decoder, z_shape[-1], target_shape, f"the latents {type(latents).__name__} see earlier data")
    decoder_features = decoder.compute_output_shape(z_shape)
    warn_of_probabilities(decoder, likelihood)
    warn_of_full_precision(dtype_policy, encoder=encoder, decoder=decoder)
    build_likelihood(likelihood, decoder_features, data_shape, decoder)
    if not objective.built:
        objective.build(
            {
                "data_shape": data_shape,
                "network_shape": target_shape,
                "latent_shapes": latents.level_shapes(),
                "decoder_input_shape": latents.decoder_input_shape(),
                "features_shape": features_shape,
                "condition_shape": condition_shape,
                "context_width": width,
                # Not as items: Keras tracks the layers in what `build` is given as parts of the objective.
                "components": forward,
            }
        )
        objective.built = True
    for _, posterior in latents.pairs:
        if posterior is not None:
            posterior.independent_draws = objective.independent_draws
    # A loaded component must pass its flag on to the layers that were created after it was set.
    for component in (encoder, *[part for pair in latents.pairs for part in pair], latents, decoder, likelihood):
        if not component.trainable:
            component.trainable = True  # TensorFlow skips assignments that change nothing
            component.trainable = False
    return forward


def check_per_field(features_shape: Any, encoder: Part, latents: Part) -> None:
    """Refuse features of all fields in one, where a posterior combines an expert of each."""
    for _, posterior in latents.pairs:
        if posterior is not None and posterior.requires_fields and not isinstance(features_shape, dict):
            raise ValueError(
                f"Argument `encoder`: the posterior {type(posterior).__name__} has an expert for every field. Expected "
                "an encoder that gives the features of each by itself, a dict of encoders or "
                f"keras_vae.encoders.PerField. Received: {type(encoder).__name__}, with features of shape "
                f"{features_shape}."
            )


def output_shape(function: Callable, shape: Any) -> Any:
    """Output shape of a function of data of a shape, batch axis included; a dict of them for several fields."""
    several = isinstance(shape, dict)
    given = {name: keras.KerasTensor((None, *one)) for name, one in shape.items()} if several else None
    made = function(given if several else keras.KerasTensor((None, *shape)))
    return {name: tuple(one.shape) for name, one in made.items()} if isinstance(made, dict) else tuple(made.shape)


def build_likelihood(likelihood: Part, features_shape: Any, data_shape: Any, decoder: Part) -> None:
    """Build the likelihood on the decoder's features."""
    try:
        build_once(likelihood, features_shape, data_shape)
    except ValueError as error:
        raise ValueError(
            f"The decoder {type(decoder).__name__} gives features that the likelihood "
            f"{type(likelihood).__name__} cannot use for data of shape {data_shape}: {error}"
        ) from error
    if not isinstance(data_shape, dict) and tuple(likelihood.data_shape) != data_shape:
        raise ValueError(
            f"The likelihood {type(likelihood).__name__} was built for data of shape "
            f"{tuple(likelihood.data_shape)}, and the model has data_shape={data_shape}. Pass a likelihood that "
            "has not been built."
        )


def warn_of_probabilities(decoder: Part, likelihood: Part) -> None:
    """Warn about a decoder that ends in a sigmoid or a softmax: as logits, these keep probabilities near the middle."""
    layers = getattr(getattr(decoder, "model", None), "layers", None) or [None]
    activation = getattr(layers[-1], "activation", None)
    if "logits" in likelihood.parameter_names and activation in (keras.activations.sigmoid, keras.activations.softmax):
        warnings.warn(
            f"The decoder ends in a {activation.__name__}, and the likelihood {type(likelihood).__name__} expects "
            f"{'logits' if not likelihood.project else 'features'}: it computes the probabilities itself. Leave the "
            "decoder's last activation out.",
            stacklevel=5,
        )


def warn_of_full_precision(policy: Any, **networks: Part) -> None:
    """Warn about networks passed as objects that keep a float32 policy, whatever the `dtype` of the model."""
    names = [name for name, network in networks.items() if network.compute_dtype == "float32"]
    if policy.compute_dtype in ("float16", "bfloat16") and names:
        warnings.warn(
            f"The model's dtype is {policy.name!r}, and its {' and '.join(names)}, passed as an object, "
            "computes in float32: an object keeps the policy it was created with. Create it with dtype="
            f"{policy.name!r} too, or call keras.config.set_dtype_policy first.",
            stacklevel=5,
        )


def width_of_condition(condition_shape: Shape | None, condition_encoder: Part) -> int:
    """Number of features of an encoded condition; 0 without one."""
    if condition_shape is None:
        return 0
    if condition_encoder is not None:
        dtype = "int32" if not condition_shape else "float32"
        spec = condition_encoder(keras.KerasTensor((None, *condition_shape), dtype=dtype))
        if None in spec.shape[1:]:
            raise ValueError(
                "Argument `condition_encoder` must return a vector for each example. Received: features of shape "
                f"{tuple(spec.shape)} for conditions of shape {condition_shape}. End it in a layer that aggregates the "
                "steps, such as keras.layers.GlobalAveragePooling1D() or keras.layers.GRU(16)."
            )
        return int(math.prod(spec.shape[1:]))
    if not condition_shape:
        raise ValueError(
            "Argument `condition_shape`: () means integer labels, which need a `condition_encoder`, such as "
            "keras.layers.CategoryEncoding(10, output_mode='one_hot') or keras.layers.Embedding(10, 16)."
        )
    if None in condition_shape:
        raise ValueError(
            f"Argument `condition_shape`: conditions of unknown length need a `condition_encoder` that maps them to a "
            f"vector, such as keras.layers.GRU(16). Received: condition_shape={condition_shape}"
        )
    return int(math.prod(condition_shape))


def check_built_for(component: Any, shapes: Sequence[Any]) -> None:
    """Refuse a component that was built for other shapes, such as in another model."""
    known = getattr(component, "_build_shapes_dict", None)
    for built, wanted in zip((known or {}).values(), shapes, strict=False):
        built, wanted = without_batch(built), without_batch(wanted)
        if built is not None and built != wanted:
            raise ValueError(
                f"The component {type(component).__name__} was built for inputs of shape {built}, and here they have "
                f"shape {wanted}. Pass one that has not been built: an instance belongs to one model."
            )


def without_batch(shape: Any) -> Any:
    """A shape, or a structure of them, without the batch axis and as tuples; None for what is no shape."""
    if isinstance(shape, dict):
        return {name: without_batch(own) for name, own in shape.items()}
    if not isinstance(shape, (list, tuple)) or not shape:
        return None
    if all(axis is None or isinstance(axis, int) for axis in shape):
        return tuple(shape)[1:]
    return [without_batch(own) for own in shape]


def build_once(component: Any, *shapes: Any) -> None:
    """Build a component, unless it is built already, as loaded ones are."""
    if component.built:
        check_built_for(component, shapes)
    else:
        component.build(*shapes)


def build_plain_layers(model: Any) -> None:
    """Count layers without weights as built, which Keras does in their first call: `quantize` refuses others."""
    for layer in model._flatten_layers(include_self=False):
        if not layer.built and type(layer).build is keras.layers.Layer.build:
            layer.built = True
