"""What convolutional decoders share."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.decoders.decoder import Decoder
from keras_vae.hints import Activation, Shape, Tensor
from keras_vae.layers.spatial import spatial_rank

__all__ = ["Spatial"]


class Spatial(Decoder):
    """From latents to a small map, which a subclass widens stage by stage: base class of `conv` and `resnet`.

    Where an axis does not divide by the stride, every stage is cropped to the size that the encoder had there.
    Latents that are spatial already, and as large as the small map, stay so.

    A subclass sets `filters`, calls `build_first` in `build`, and `first_map` and `crop` in `call`.

    Attributes:
        strides: by how much every stage widens the axes.
        sizes: the spatial axes in front of every stage and behind the last, known after `build_first`.

    Example:

    >>> import keras_vae as kv
    >>> decoder = kv.decoders.ResNet((16, 8))
    >>> decoder.build((None, 4), (None, 27, 30, 1))
    >>> decoder.sizes
    [(7, 8), (14, 15), (27, 30)]
    """

    filters: Any
    strides = 2

    def build_first(self, z_shape: Shape, target_shape: Shape | None, activation: Activation = None) -> int:
        """Create the dense layer in front, and learn the sizes of all stages; returns the number of spatial axes.

        Args:
            z_shape: shape of the latents, batch axis included.
            target_shape: shape of the data, likewise.
            activation: activation of the dense layer.

        Raises:
            ValueError: data without spatial axes, or no `target_shape`.
        """
        name = type(self).__name__.lower()
        if target_shape is None:
            raise ValueError(
                f"The decoder {name!r} must know the data's shape: call build(z_shape, target_shape) first, as "
                "keras_vae.VAE does, or pass the data as `target`."
            )
        rank = spatial_rank(tuple(target_shape)[1:], "decoder", name)
        self.sizes = [tuple(target_shape)[1:-1]]
        for _ in self.filters:
            self.sizes.insert(0, tuple(-(-axis // self.strides) for axis in self.sizes[0]))
        self.width = math.prod(tuple(z_shape)[1:])
        self.spatial = tuple(z_shape)[1:-1] == self.sizes[0]
        self.dense = keras.layers.Dense(
            self.filters[0] if self.spatial else math.prod(self.sizes[0]) * self.filters[0],
            activation=activation,
            dtype=self.dtype_policy,
            name="dense",
        )
        self.dense.build(tuple(z_shape) if self.spatial else (None, self.width))
        return rank

    def first_map(self, z: Tensor) -> Tensor:
        """The small map `(batch, *sizes[0], filters[0])`.

        Args:
            z: as for `call`.
        """
        if self.spatial:
            return self.dense(z)
        return ops.reshape(self.dense(ops.reshape(z, (-1, self.width))), (-1, *self.sizes[0], self.filters[0]))

    @staticmethod
    def crop(x: Tensor, size: Shape) -> Tensor:
        """`x` without what is beyond `size`.

        Args:
            x: `(batch, *spatial, channels)`.
            size: the spatial axes that are left.
        """
        return x if tuple(x.shape[1:-1]) == size else x[(slice(None), *(slice(axis) for axis in size))]

    def compute_output_shape(self, z_shape: Shape, target_shape: Shape | None = None) -> Shape:
        spatial = self.sizes[-1] if target_shape is None else tuple(target_shape)[1:-1]
        return (z_shape[0], *spatial, self.filters[-1])
