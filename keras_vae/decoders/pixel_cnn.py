"""An autoregressive decoder of images."""

from typing import Any

import keras
from keras import ops

from keras_vae import registry
from keras_vae.arguments import positive_int
from keras_vae.decoders.autoregressive import Autoregressive
from keras_vae.decoders.decoder import Decoder
from keras_vae.decoders.from_model import FromModel
from keras_vae.hints import Component, Config, Shape, Tensor
from keras_vae.layers.convolution import convolution
from keras_vae.layers.masked_convolution import MaskedConvolution
from keras_vae.layers.projection import Projection
from keras_vae.registry import decoders

__all__ = ["PixelCNN"]


@decoders.register("pixel_cnn", package="keras_vae")
class PixelCNN(Autoregressive):
    """p(x | z) = prod_i p(x_i | pixels before i, z): gated masked convolutions over a picture made from z.

    The decoder of PixelVAE (Gulrajani et al., 2017): a network turns z into a map of features as large as the
    image, which every layer of a gated PixelCNN (van den Oord et al., 2016) gets beside what it sees of the
    pixels. Training is one pass; generation is one compiled loop over the pixels, in which every layer computes one
    pixel from the rows that it sees. The channels of a pixel are one step, so the likelihood says how they depend on
    each other.

    A pixel sees `first_kernel_size // 2 + depth * (kernel_size // 2)` pixels around it. Where it sees
    everything it can do without z, and the KL goes to zero: keep the sight small, and z carries what
    lies further apart than that (the lossy code of Chen et al., 2017).

    Args:
        filters: number of channels of every layer.
        depth: number of gated layers behind the first.
        kernel_size: size of their kernels, odd.
        first_kernel_size: size of the first layer's kernel, odd.
        network: decoder that turns z into the map: a name, a config or an instance, or any Keras model.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments, or data that are no images.

    Example:

    >>> import keras_vae as kv
    >>> import numpy as np
    >>> decoder = kv.decoders.PixelCNN(filters=8, depth=1)
    >>> decoder.build((None, 4), (None, 6, 6, 1))
    >>> z, x = np.zeros((2, 4), "float32"), np.zeros((2, 6, 6, 1), "float32")
    >>> tuple(decoder(z, target=x).shape)
    (2, 6, 6, 8)
    """

    step_axes = 2
    carries_state = True

    def __init__(
        self,
        filters: int = 32,
        depth: int = 3,
        kernel_size: int = 3,
        first_kernel_size: int = 5,
        network: Component = "conv",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = positive_int(filters, "filters")
        self.depth = positive_int(depth, "depth")
        if not isinstance(network, keras.layers.Layer):
            network = registry.decoders.get(network, dtype=self.dtype_policy)
        self.network = network if isinstance(network, Decoder) else FromModel(network, dtype=network.dtype_policy)
        self.first = MaskedConvolution(filters, first_kernel_size, dtype=self.dtype_policy, name="first")
        self.masked = [
            MaskedConvolution(2 * filters, kernel_size, sees_present=True, dtype=self.dtype_policy, name=f"masked_{i}")
            for i in range(self.depth)
        ]
        options = {"data_format": "channels_last", "dtype": self.dtype_policy}
        # From the map to each gated layer, and from its gates back to the sum.
        self.given = [
            convolution(2)(2 * filters, 1, use_bias=False, name=f"given_{i}", **options) for i in range(self.depth)
        ]
        self.out = [convolution(2)(filters, 1, name=f"out_{i}", **options) for i in range(self.depth)]
        self.first_kernel_size, self.kernel_size = self.first.kernel_size[0], self.masked[0].kernel_size[0]

    def build(self, z_shape: Shape, target_shape: Shape | None = None) -> None:
        super().build(z_shape, target_shape)
        if len(self.target_shape) != 3 or None in self.target_shape:
            raise ValueError(
                "The decoder 'pixel_cnn' needs images of shape (height, width, channels), every axis known. "
                f"Received: {self.target_shape}"
            )
        if not self.network.built:
            self.network.build(tuple(z_shape), (None, *self.target_shape))
        shape = (None, *self.target_shape[:-1], self.filters)
        self.map = Projection(shape[1:], dtype=self.dtype_policy, name="map")
        self.map.build(self.network.compute_output_shape(tuple(z_shape)))
        self.first.build((None, *self.target_shape))
        for masked, given, out in zip(self.masked, self.given, self.out, strict=True):
            for layer in (masked, given, out):
                layer.build(shape)

    def call(
        self, z: Tensor, target: Tensor | None = None, mask: Tensor | None = None, training: bool | None = None
    ) -> Tensor:
        if target is None:
            raise ValueError(
                "The decoder 'pixel_cnn' needs `target`, the image whose pixels it sees: call(z, target=x). To make an "
                "image from z alone, use decode."
            )
        picture = self._map(z, training)
        x = self.first(target) + picture
        for masked, given, out in zip(self.masked, self.given, self.out, strict=True):
            signal, gate = ops.split(masked(x) + given(picture), 2, axis=-1)
            x = x + out(ops.tanh(signal) * ops.sigmoid(gate))
        return ops.silu(x)

    def _map(self, z: Tensor, training: bool | None = False) -> Tensor:
        return ops.cast(self.map(self.network(z, training=training)), self.compute_dtype)

    def start(self, z: Tensor, length: int) -> Any:
        """The map from z, which all steps share, and what each layer sees of earlier pixels: nothing yet."""
        batch, width = ops.shape(z)[0], self.target_shape[1]
        return self._map(z), tuple(layer.start(batch, width) for layer in (self.first, *self.masked))

    def next_features(self, z: Tensor, target: Tensor, step: Tensor, state: Any) -> tuple[Tensor, Any]:
        (picture, (seen, *others)), column = state, step % self.target_shape[1]
        here = self.at_step(picture, step)
        x, seen = self.first.step(target, seen, column)
        x, after = x + here, [seen]
        for masked, given, out, before in zip(self.masked, self.given, self.out, others, strict=True):
            both, seen = masked.step(x, before, column)
            signal, gate = ops.split(both + given(here), 2, axis=-1)
            x = x + out(ops.tanh(signal) * ops.sigmoid(gate))
            after.append(seen)
        return ops.silu(x), (picture, tuple(after))

    def compute_output_shape(self, z_shape: Shape, target_shape: Shape | None = None) -> Shape:
        return (z_shape[0], *self.target_shape[:-1], self.filters)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "filters": self.filters,
            "depth": self.depth,
            "kernel_size": self.kernel_size,
            "first_kernel_size": self.first_kernel_size,
            "network": keras.saving.serialize_keras_object(self.network),
        }
