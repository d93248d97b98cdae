"""Any Keras model as an encoder."""

from typing import Any, Self

import keras

from keras_vae.encoders.encoder import Encoder
from keras_vae.hints import Config, Shape, Tensor
from keras_vae.layers.call_arguments import accepted_arguments, call_model, passes_masks_on

__all__ = ["FromModel"]


@keras.saving.register_keras_serializable("keras_vae.encoders")
class FromModel(Encoder):
    """Wraps a plain Keras model or layer; `VAE(encoder=my_model)` does it by itself.

    The model receives `training`, `mask` and `condition` only if its `call` takes them: the condition as a vector
    for each example, `(batch, width)`. Functional and Sequential models and Keras' own layers get the mask of padded
    steps, `(batch, time)`, as Keras passes it on from layer to layer. A model that takes no mask sees zeros at padded
    steps. For data of several fields, a Functional model has inputs with the names of fields: all, or some of them. A
    model that is built already must have been built for the data's shape.

    Args:
        model: a `keras.Model` or layer from data to features.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Example:

    >>> import keras
    >>> import keras_vae as kv
    >>> import numpy as np
    >>> encoder = kv.encoders.FromModel(keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(7)]))
    >>> tuple(encoder(np.zeros((2, 4, 4, 1), "float32")).shape)
    (2, 7)
    """

    def __init__(self, model: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self._taken = accepted_arguments(model, ("condition",))
        if passes_masks_on(model):
            model.supports_masking = True  # its layers do; otherwise Keras warns that the mask is lost

    @property
    def takes_condition(self) -> bool:
        return "condition" in self._taken

    def build(self, input_shape: Shape) -> None:
        if not self.model.built:
            self._output_spec(input_shape)

    def call(
        self, x: Tensor, mask: Tensor | None = None, training: bool | None = None, condition: Tensor | None = None
    ) -> Tensor:
        options = {"condition": condition} if self._taken and condition is not None else {}
        return call_model(self.model, x, mask, training=training, **options)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return keras.tree.map_structure(lambda spec: tuple(spec.shape), self._output_spec(input_shape))

    def _output_spec(self, input_shape: Shape) -> Any:
        # A symbolic call: it builds any model and knows its shapes, even if a subclass implements only `call`.
        kwargs = {}
        if "condition" in self._taken and self.condition_width:
            kwargs["condition"] = keras.KerasTensor((None, self.condition_width), dtype="float32")
        shapes = input_shape if isinstance(input_shape, dict) else {"": input_shape}
        inputs = {name: keras.KerasTensor(tuple(own), dtype=self.compute_dtype) for name, own in shapes.items()}
        x = inputs if isinstance(input_shape, dict) else inputs[""]
        return call_model(self.model, x, None, training=False, **kwargs)

    def get_config(self) -> Config:
        return {**super().get_config(), "model": keras.saving.serialize_keras_object(self.model)}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**{**config, "model": keras.saving.deserialize_keras_object(config["model"])})
