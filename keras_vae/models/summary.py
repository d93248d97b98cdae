"""Components by the names of their arguments, in `summary` and `get_layer`."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_vae.hints import Part

__all__ = ["get_layer", "summary"]


def get_layer(model: Part, name: str | None = None, index: int | None = None) -> Any:
    """A component by the name of its argument, such as `"encoder"`, or any layer as in Keras.

    Args:
        model: the `VAE`.
        name: name of the argument or of a layer.
        index: index in `layers`.
    """
    if name is not None and index is None and not any(layer.name == name for layer in model.layers):
        name = next((layer.name for role, layer in roles(model) if role == name), name)
    return keras.Model.get_layer(model, name, index)


def summary(
    model: Part,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """As `keras.Model.summary`: components in the order of the forward pass, by the names of their arguments.

    Args:
        model: the `VAE`.
        line_length: width in characters.
        positions: relative positions of the columns.
        print_fn: function that is called with the text; `print` by default.
        expand_nested: whether to list the layers of the components too.
        show_trainable: whether to show which layers are trainable.
        layer_range: first and last row, by name.
    """
    keras.Model.summary(
        Rows(model),
        line_length,
        positions,
        print_fn,
        expand_nested,
        show_trainable,
        layer_range,
    )


def roles(model: Part) -> list[tuple[str, Any]]:
    """The components of a model in the order of the forward pass, with the names of their arguments."""
    single = model.prior is not model.latents
    found = [
        ("condition_encoder", model.condition_encoder),
        ("encoder", model.encoder),
        ("posterior", model.posterior),
        ("prior" if single else "latents", model.prior),
        ("decoder", model.decoder),
        ("likelihood", model.likelihood),
        ("objective", model.objective),
    ]
    return [(role, layer) for role, layer in found if layer is not None]


def output_shapes(model: Part) -> dict[str, Any]:
    """Shapes of what the components are about, where Keras cannot know them: they return distributions."""
    levels = [(None, *shape) for shape in model.latents.level_shapes()]
    shapes = model.data_shape
    data = {name: (None, *shape) for name, shape in shapes.items()} if isinstance(shapes, dict) else (None, *shapes)
    latents = levels[0] if len(levels) == 1 else levels
    return {"posterior": levels[0], "prior": levels[0], "latents": latents, "likelihood": data, "objective": (None,)}


class Rows:
    """A model as `keras.Model.summary` reads it, with rows in place of its layers."""

    def __init__(self, model: Part) -> None:
        self.model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    @property
    def layers(self) -> list[Any]:
        """Components first, then the layers that a subclass has added."""
        named = roles(self.model)
        shapes = output_shapes(self.model)
        known = {id(layer) for _, layer in named}
        return [Row(layer, role, shapes.get(role)) for role, layer in named] + [
            Row(layer, layer.name) for layer in self.model.layers if id(layer) not in known
        ]


class Row:
    """A layer as `keras.Model.summary` reads it, under another name and with the layers below it."""

    def __init__(self, layer: Part, name: str, shape: Any = None) -> None:
        self.layer = layer
        self.name = name
        self.shape = shape

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The layer's, whose name is printed."""
        return type(self.layer)

    @property
    def layers(self) -> list[Any]:
        return [Row(layer, layer.name) for layer in self.layer._flatten_layers(include_self=False, recursive=False)]

    @property
    def _build_shapes_dict(self) -> Any:
        return self.layer._build_shapes_dict if self.shape is None else {"known": self.shape}

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        if self.shape is not None:
            return self.shape
        try:
            return self.layer.compute_output_shape(*args, **kwargs)
        except Exception as error:
            # `summary` prints a question mark: a shape that a layer cannot tell is no reason to fail.
            raise NotImplementedError from error
