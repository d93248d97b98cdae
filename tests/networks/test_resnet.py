"""Residual blocks, attention over positions, and the encoder and decoder made of them."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.layers import ResidualBlock, SpatialAttention, group_normalization

MAP = np.random.default_rng(0).standard_normal((3, 4, 5, 8)).astype("float32")


def numpy_of(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


@pytest.mark.parametrize("layer", [lambda: ResidualBlock(8), lambda: SpatialAttention(2)], ids=["block", "attention"])
def test_starts_as_the_identity(layer):
    np.testing.assert_allclose(numpy_of(layer()(MAP)), MAP, atol=1e-6)


def test_a_block_that_moves_is_no_identity():
    block = ResidualBlock(8)
    block.build(MAP.shape)
    block.last.kernel.assign(np.full(block.last.kernel.shape, 0.1))
    assert np.abs(numpy_of(block(MAP)) - MAP).max() > 0.1


@pytest.mark.parametrize(("strides", "upsample", "size"), [(2, 1, (2, 3)), (1, 2, (8, 10)), (1, 1, (4, 5))])
def test_sizes_of_a_block(strides, upsample, size):
    block = ResidualBlock(6, strides=strides, upsample=upsample)
    assert tuple(block(MAP).shape) == (3, *size, 6) == block.compute_output_shape(MAP.shape)


def test_the_shortcut_takes_what_a_stride_would():
    """Without a strided kernel of size 1, whose gradient kills TensorFlow for some numbers of channels."""
    block = ResidualBlock(6, strides=2)
    shortcut = numpy_of(block(MAP))  # all there is at the start
    assert block.skip.strides == (1, 1)
    strided = keras.layers.Conv2D(6, 1, strides=2, padding="same", data_format="channels_last")
    strided.build(MAP.shape)
    strided.set_weights(block.skip.get_weights())
    np.testing.assert_allclose(shortcut, numpy_of(strided(MAP)), atol=1e-5)


def test_bad_blocks():
    with pytest.raises(ValueError, match=r"`strides` and `upsample` must be 1. Received: strides=2, upsample=2"):
        ResidualBlock(4, strides=2, upsample=2)
    with pytest.raises(ValueError, match=r"Argument `dropout` must be in \[0, 1\)"):
        ResidualBlock(4, dropout=1.0)
    with pytest.raises(ValueError, match=r"layer 'ResidualBlock' needs data of shape .* Received: \(4,\)"):
        ResidualBlock(4).build((None, 4))


@pytest.mark.parametrize("channels", [1, 2, 3, 7, 12, 24, 30, 64])
def test_groups_divide_any_width_and_keep_what_a_single_position_says(channels):
    norm = group_normalization(channels)
    assert channels % norm.groups == 0
    x = np.random.default_rng(0).standard_normal((2, 1, 1, channels)).astype("float32")
    assert channels < 2 or np.abs(numpy_of(norm(x))).max() > 0.1


def test_normalisation_is_computed_in_float32():
    """Squares of these overflow float16."""
    large = (2e4 * MAP / np.abs(MAP).max()).astype("float16")
    block = ResidualBlock(8, dtype="mixed_float16")
    block.build(MAP.shape)
    block.last.kernel.assign(0.1 * np.random.default_rng(0).standard_normal(block.last.kernel.shape))
    assert np.isfinite(numpy_of(block(large))).all()


@pytest.fixture(scope="module")
def odd_images():
    """A model of odd sizes with spatial latents and attention, and its data."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).random((6, 7, 5, 2)).astype("float32")
    vae = kv.VAE(
        x.shape[1:],
        prior=kv.priors.Hierarchical([kv.priors.Level((2, 2, 3))], merge=kv.layers.MergeConv(4), decoder_sees="state"),
        encoder=kv.encoders.ResNet((4, 8), hidden_units=None, attention=True, heads=2),
        decoder=kv.decoders.ResNet((8, 4), blocks=2, attention=True),
        seed=0,
    )
    vae.compile("adam")
    vae.fit(x, batch_size=3, verbose=0)
    return vae, x


def test_sizes_follow_the_data(odd_images):
    vae, x = odd_images
    assert vae.decoder.spatial
    assert vae.encode(x).shape == (6, 2, 2, 3)
    assert vae.predict(x).shape == x.shape
    assert vae.generate(2).shape == (2, 7, 5, 2)


def test_no_example_sees_the_others_of_its_batch(odd_images):
    vae, x = odd_images
    np.testing.assert_allclose(vae.predict(x, batch_size=6)[:1], vae.predict(x[:1]), atol=1e-5)


@pytest.mark.parametrize("shape", [(9, 2), (3, 4, 2, 1)], ids=["signals", "volumes"])
def test_other_ranks(shape):
    encoder, decoder = kv.encoders.ResNet((4,), hidden_units=5), kv.decoders.ResNet((4,))
    assert tuple(encoder(np.zeros((2, *shape), "float32")).shape) == (2, 5)
    decoder.build((None, 5), (None, *shape))
    assert tuple(decoder(np.zeros((2, 5), "float32")).shape) == (2, *shape[:-1], 4)


def test_vectors_are_refused():
    with pytest.raises(ValueError, match=r"encoder 'resnet' needs data .* Received: \(6,\).* use the encoder 'mlp'"):
        kv.VAE((6,), 2, encoder="resnet")
    with pytest.raises(ValueError, match=r"decoder 'resnet' needs data .* Received: \(6,\).* use the decoder 'mlp'"):
        kv.VAE((6,), 2, decoder="resnet")
