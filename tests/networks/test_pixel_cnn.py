"""Masked convolutions and the decoder that goes pixel by pixel: no pixel sees itself or what comes after it."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.layers import MaskedConvolution
from tests.mathematics.autodiff import jacobian

SHAPE = (4, 3, 2)
RNG = np.random.default_rng(0)


def sees(matrix, shape):
    """Whether the output at each pixel moves with the input at each pixel: `(pixels, pixels)`, over all channels."""
    pixels = shape[0] * shape[1]
    moved = np.abs(matrix).reshape(pixels, -1, pixels, shape[2]).max(axis=(1, 3))
    return moved > 0


@pytest.mark.parametrize("sees_present", [False, True])
def test_what_a_masked_convolution_sees(sees_present):
    """A 3x3 kernel: three pixels above, one to the left, and the present one behind the first layer."""
    layer = MaskedConvolution(3, 3, sees_present=sees_present)
    seen = sees(jacobian(lambda x: layer(ops.reshape(x, (1, *SHAPE))), RNG.random((1, 24))), SHAPE)
    for row, column in np.ndindex(SHAPE[:2]):
        before = {(row - 1, column - 1), (row - 1, column), (row - 1, column + 1), (row, column - 1)}
        before |= {(row, column)} if sees_present else set()
        expected = [place in before for place in np.ndindex(SHAPE[:2])]
        assert list(seen[row * SHAPE[1] + column]) == expected


def test_a_kernel_has_a_middle():
    with pytest.raises(
        ValueError, match=r"Argument `kernel_size` must be odd, to have a centre\. Received: kernel_size=4"
    ):
        kv.decoders.PixelCNN(first_kernel_size=4)


@pytest.fixture(scope="module")
def images():
    """A trained model of small images, so that no weight is what it started as."""
    keras.utils.set_random_seed(0)
    x = RNG.random((8, *SHAPE)).round().astype("float32")
    decoder = kv.decoders.PixelCNN(4, depth=2, network=kv.decoders.MLP((3,)))
    vae = kv.VAE(SHAPE, 2, encoder=kv.encoders.MLP((4,)), decoder=decoder, seed=0)
    vae.compile(keras.optimizers.SGD(0.1))
    vae.fit(x, epochs=2, verbose=0)
    return vae, x


def test_no_feature_sees_its_own_pixel_or_a_later_one(images):
    vae, x = images
    z = ops.convert_to_tensor([[0.3, -0.7]])

    def features(target):
        return vae.decoder(z, target=ops.reshape(target, (1, *SHAPE)))

    seen = sees(jacobian(features, x[:1].reshape(1, -1)), SHAPE)
    assert not np.triu(seen).any()
    assert seen[1:].any(axis=1).all()  # every pixel but the first sees something before it


def test_every_feature_sees_the_latents(images):
    vae, x = images
    matrix = jacobian(lambda z: vae.decoder(z, target=ops.convert_to_tensor(x[:1])), [[0.3, -0.7]])
    assert (np.abs(matrix).reshape(12, -1).max(axis=1) > 0).all()


def test_generated_images_are_what_the_network_says_of_them(images):
    """The loop's result is a fixed point: pixel by pixel the mean of p(x_i | pixels before i, z)."""
    vae, _ = images
    z = ops.convert_to_tensor(RNG.standard_normal((3, 2)).astype("float32"))
    made = vae.decode(ops.convert_to_numpy(z))
    said = vae.likelihood.distribution(vae.likelihood(vae.decoder(z, target=ops.convert_to_tensor(made)))).mean()
    np.testing.assert_allclose(made, ops.convert_to_numpy(said), atol=1e-5)


class WholePasses(kv.decoders.PixelCNN):
    """The loop without a state: a pass over the whole image for every pixel."""

    carries_state = False
    start = kv.decoders.Autoregressive.start
    next_features = kv.decoders.Autoregressive.next_features


@pytest.mark.parametrize("mode", ["mean", "sample"])
def test_pixel_by_pixel_it_decodes_what_passes_over_the_whole_image_do(images, mode):
    vae, _ = images
    whole = WholePasses.from_config(vae.decoder.get_config())
    whole.build((None, 2), (None, *SHAPE))
    whole.set_weights(vae.decoder.get_weights())
    z = ops.convert_to_tensor(RNG.standard_normal((3, 2)), dtype="float32")
    found, expected = (decoder.decode(z, vae.likelihood, mode=mode, seed=1) for decoder in (vae.decoder, whole))
    np.testing.assert_allclose(ops.convert_to_numpy(found), ops.convert_to_numpy(expected), atol=1e-5)
    assert len(np.unique(ops.convert_to_numpy(found))) > 1


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("shape", [(3, 5, 1), (4, 1, 2), (1, 4, 1)])
def test_features_of_a_pixel_are_those_of_the_whole_pass(shape, policy):
    """With kernels that reach beyond the image's edges."""
    decoder = kv.decoders.PixelCNN(4, 2, kernel_size=5, first_kernel_size=7, network="mlp", dtype=policy)
    decoder.build((None, 2), (None, *shape))
    z = ops.convert_to_tensor(RNG.standard_normal((3, 2)), dtype="float32")
    x = ops.cast(RNG.standard_normal((3, *shape)), decoder.compute_dtype)
    expected = decoder(z, target=x)
    state = decoder.start(z, shape[0] * shape[1])
    flat = ops.reshape(x, (3, -1, 1, 1, shape[2]))
    before = ops.zeros_like(flat[:, 0])
    for step, place in enumerate(np.ndindex(*shape[:2])):
        features, state = decoder.next_features(z, before, ops.convert_to_tensor(step, dtype="int32"), state)
        assert features.dtype == expected.dtype
        found, right = (
            ops.convert_to_numpy(ops.cast(value, "float32"))
            for value in (features[:, 0, 0], expected[:, place[0], place[1]])
        )
        np.testing.assert_allclose(found, right, atol=1e-5 if policy == "float32" else 0.05)
        before = flat[:, step]


def test_samples(images):
    vae, _ = images
    samples = vae.generate(5, mode="sample", seed=3)
    assert samples.shape == (5, *SHAPE)
    assert set(np.unique(samples)) == {0.0, 1.0}
    np.testing.assert_array_equal(samples, vae.generate(5, mode="sample", seed=3))
    assert not np.array_equal(samples, vae.generate(5, mode="sample", seed=4))


@pytest.mark.on_torch
def test_it_learns_what_depends_on_neighbours():
    """Rows of equal pixels: after the first pixel of a row the others are known, and samples have learnt it."""
    x = np.repeat(RNG.integers(0, 2, (256, 4, 1, 1)), 4, axis=2).astype("float32")
    decoder = kv.decoders.PixelCNN(8, depth=1, first_kernel_size=3, network=kv.decoders.MLP((4,)))
    vae = kv.VAE((4, 4, 1), 1, encoder=kv.encoders.MLP((4,)), decoder=decoder, seed=0)
    vae.compile(keras.optimizers.Adam(0.02))
    vae.fit(x, batch_size=64, epochs=30, verbose=0)
    samples = vae.generate(64, mode="sample", seed=0)
    assert (samples == samples[:, :, :1]).mean() > 0.95
    assert 0.2 < samples.mean() < 0.8


def test_what_it_cannot_do():
    with pytest.raises(ValueError, match=r"'pixel_cnn' needs images of shape .* Received: \(6, 2\)"):
        kv.VAE((6, 2), 2, decoder=kv.decoders.PixelCNN(4, network="mlp"))
    decoder = kv.decoders.PixelCNN(4, depth=1, network=kv.decoders.MLP((3,)))
    decoder.build((None, 2), (None, *SHAPE))
    with pytest.raises(ValueError, match="'pixel_cnn' needs `target`"):
        decoder(np.zeros((1, 2), "float32"))
