"""Models of every kind of data, so small that they are made in no time; untrained, which pictures do not mind."""

import keras
import numpy as np

import keras_vae as kv

IMAGE = (6, 5, 1)


def tiny(data_shape=IMAGE, latent_dim=3, **kwargs):
    networks = {"encoder": kv.encoders.MLP((8,)), "decoder": kv.decoders.MLP((8,)), "seed": 0}
    return kv.VAE(data_shape, latent_dim, **{**networks, **kwargs})


def one_hot(classes):
    return keras.layers.CategoryEncoding(classes, output_mode="one_hot")


def data(shape=IMAGE, rows=12, seed=0):
    return np.random.default_rng(seed).random((rows, *shape), "float32")


def pixels_of(ax):
    """What the only image on the axes shows."""
    (image,) = ax.images
    return np.ma.filled(np.ma.asarray(image.get_array(), "float64"), np.nan)


def cell(picture, row, column, shape=IMAGE):
    """One image of a mosaic with lines of one pixel."""
    height, width = shape[:2]
    top, left = row * (height + 1), column * (width + 1)
    return picture[top : top + height, left : left + width]


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]
