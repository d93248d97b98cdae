"""Any Keras model as a decoder."""

from typing import Any, Self

import keras

from keras_vae.decoders.decoder import Decoder
from keras_vae.hints import Config, Shape, Tensor
from keras_vae.layers.call_arguments import accepted_arguments, call_model, passes_masks_on

__all__ = ["FromModel"]


@keras.saving.register_keras_serializable("keras_vae.decoders")
class FromModel(Decoder):
    """Wraps a plain Keras model or layer; `VAE(decoder=my_model)` does it by itself.

    The model gets `training`, and `target`, `mask` and `condition` only where its `call` takes them: the condition as a
    vector for each example, `(batch, width)`. Where latents have a time axis, Functional and Sequential models and
    Keras' own layers get the mask of padded steps, `(batch, time)`, as Keras passes it on from layer to layer, and a
    model that takes no mask sees zeros at padded steps.

    Args:
        model: a `keras.Model` or layer from latents to features.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Example:

    >>> import keras
    >>> import keras_vae as kv
    >>> import numpy as np
    >>> decoder = kv.decoders.FromModel(keras.layers.Dense(7))
    >>> tuple(decoder(np.zeros((2, 3), "float32")).shape)
    (2, 7)
    """

    def __init__(self, model: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self._taken = accepted_arguments(model, ("target", "condition"))
        self.requires_target = "target" in self._taken
        self.latents_in_time = False
        if passes_masks_on(model):
            model.supports_masking = True  # its layers do; otherwise Keras warns that the mask is lost

    @property
    def takes_condition(self) -> bool:
        return "condition" in self._taken

    def build(self, z_shape: Shape, target_shape: Shape | None = None) -> None:
        self.target_shape = None if target_shape is None else tuple(target_shape)
        if not self.model.built:
            self._output_spec(z_shape)

    def call(
        self,
        z: Tensor,
        target: Tensor | None = None,
        mask: Tensor | None = None,
        training: bool | None = None,
        condition: Tensor | None = None,
    ) -> Tensor:
        optional = {"target": target, "condition": condition}
        kwargs = {name: optional[name] for name in self._taken if optional[name] is not None}
        return call_model(self.model, z, mask, self.latents_in_time, training=training, **kwargs)

    def compute_output_shape(self, z_shape: Shape, target_shape: Shape | None = None) -> Shape:
        return keras.tree.map_structure(lambda spec: tuple(spec.shape), self._output_spec(z_shape))

    def _output_spec(self, z_shape: Shape) -> Any:
        # A symbolic call: it builds any model and knows its shapes, also where a subclass writes only `call`.
        kwargs = {}
        if self.requires_target and self.target_shape is not None:
            kwargs["target"] = keras.KerasTensor(self.target_shape, dtype=self.compute_dtype)
        if "condition" in self._taken and self.condition_width:
            kwargs["condition"] = keras.KerasTensor((None, self.condition_width), dtype="float32")
        return self.model(keras.KerasTensor(tuple(z_shape), dtype=self.compute_dtype), training=False, **kwargs)

    def get_config(self) -> Config:
        return {**super().get_config(), "model": keras.saving.serialize_keras_object(self.model)}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**{**config, "model": keras.saving.deserialize_keras_object(config["model"])})
