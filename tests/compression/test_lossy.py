"""Latents as bytes: what comes back is what the decoder makes of rounded latents, at the price of the prior."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.compression import compress, compress_latents, decompress, decompress_latents

SMALL = {"encoder": "mlp", "decoder": "mlp", "likelihood": "gaussian", "seed": 0}


def data(rows=70):
    return np.random.default_rng(0).normal(size=(rows, 6)).astype("float32")


@pytest.mark.parametrize(
    ("latent_dim", "options"),
    [(3, {}), (3, {"prior": kv.priors.Mixture(3, seed=0)}), ((2, 3), {"latents": "hierarchical"})],
)
def test_finer_steps_come_closer_to_the_reconstruction(tmp_path, latent_dim, options):
    keras.utils.set_random_seed(0)
    vae = kv.VAE((6,), latent_dim, **SMALL, **options)
    x, path = data(), tmp_path / "x.kvc"
    exact = vae.reconstruct(x)
    errors, sizes = [], []
    for step in (1.0, 0.1, 0.001):
        result = compress_latents(vae, x, path, step=step, batch_size=32)
        assert result.file_bytes == path.stat().st_size
        errors.append(np.abs(decompress_latents(vae, path) - exact).max())
        sizes.append(result.code_bytes)
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.01
    assert sizes[0] < sizes[1] < sizes[2]


def test_the_code_costs_what_the_prior_says(tmp_path):
    keras.utils.set_random_seed(0)
    vae = kv.VAE((6,), 3, **SMALL)
    result = compress_latents(vae, data(500), step=0.1)
    assert result.path is None
    assert result.net_bits_per_dim == pytest.approx(result.elbo_bits_per_dim, rel=0.01)


@pytest.mark.refusals
def test_refusals(tmp_path):
    path = tmp_path / "x.kvc"
    vae = kv.VAE((6,), 3, **SMALL)
    compress_latents(vae, data(), path)
    with pytest.raises(ValueError, match="decompress_latents"):
        decompress(vae, path)
    with pytest.raises(ValueError, match="other weights"):
        decompress_latents(kv.VAE((6,), 3, **SMALL), path)
    with pytest.raises(ValueError, match="without conditions"):
        compress_latents(kv.VAE((6,), 3, condition_shape=(2,), **SMALL), [data(), data()[:, :2]])
    categories = kv.latents.Single(2, prior=kv.priors.UniformCategorical(3), posterior="categorical")
    with pytest.raises(ValueError, match="real numbers, which can be rounded"):
        compress_latents(kv.VAE((6,), latents=categories, **SMALL), data())
    other = kv.VAE((6,), 3, **{**SMALL, "decoder": kv.decoders.MLP(activation="tanh")})
    other.set_weights(vae.get_weights())
    with pytest.raises(ValueError, match="decoder returns something else"):
        decompress_latents(other, path)
    with pytest.raises(ValueError, match="too far out"):
        compress_latents(vae, 1e10 * data())
    with pytest.raises(TypeError, match="load_model"):
        compress_latents("model.keras", data())
    with pytest.raises(ValueError, match="must not be masked"):
        compress(kv.VAE((6,), 3), np.ma.masked_equal(np.eye(6), 1))
    with pytest.raises(ValueError, match="step"):
        compress_latents(vae, data(), step=0)
