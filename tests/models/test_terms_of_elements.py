"""Densities of single elements, and p(x | z) as a distribution."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import small_vae, vectors

ROWS = 7
RNG = np.random.default_rng(0)
SERIES = RNG.random((ROWS, 5, 2)).astype("float32")
MASK = np.arange(5) < RNG.integers(1, 6, (ROWS, 1))
TOKENS = np.where(MASK, RNG.integers(1, 4, (ROWS, 5)), 0)
HOLES = np.where(RNG.random((ROWS, 6)) < 0.3, np.nan, vectors(ROWS))
MIXED = np.concatenate([RNG.standard_normal((ROWS, 2)), RNG.integers(0, 3, (ROWS, 1))], axis=1)
COUNTS = RNG.poisson(3.0, (ROWS, 4))
SIZES = RNG.random(ROWS).astype("float32") + 0.5


def series_vae(data_shape=(None, 2), autoregressive=True, **kwargs):
    decoder = kv.decoders.GRU((4,), autoregressive=autoregressive, max_length=5)
    return kv.VAE(data_shape, 2, encoder=kv.encoders.GRU((4,)), decoder=decoder, seed=0, **kwargs)


def columns():
    return kv.likelihoods.Columns([("gaussian", 2), (kv.likelihoods.Categorical(3), 1)])


def fields_vae(autoregressive=True):
    return kv.VAE(
        data_shape={"series": (5, 2), "table": (3,)},
        latent_dim=2,
        encoder={"series": kv.encoders.GRU((4,)), "table": kv.encoders.MLP((4,))},
        decoder={
            "series": kv.decoders.GRU((4,), autoregressive=autoregressive),
            "table": kv.decoders.MLP((4,)),
        },
        likelihood={"series": "gaussian", "table": columns()},
        seed=0,
    )


def sized_vae():
    return small_vae((4,), likelihood=kv.likelihoods.NegativeBinomial(exposure=True))


MODELS = {
    "levels": (lambda: small_vae(latent_dim=(2, 3), latents="hierarchical"), vectors(ROWS), (6,)),
    "missing": (lambda: small_vae(kv.data.Field((6,), missing="nan")), HOLES, (6,)),
    "masked gru": (lambda: series_vae(likelihood="gaussian"), {"x": SERIES, "mask": MASK}, (5, 2)),
    "tokens": (lambda: series_vae((5,), likelihood=kv.likelihoods.Categorical(4, padding=0)), TOKENS, (5,)),
    "columns": (lambda: small_vae((3,), likelihood=columns()), MIXED, (3,)),
    "fields": (fields_vae, {"series": SERIES, "table": MIXED}, {"series": (5, 2), "table": (3,)}),
    "sizes": (sized_vae, {"x": COUNTS, "exposure": SIZES}, (4,)),
}


def total(elements):
    return sum(array.reshape(len(array), -1).sum(axis=1) for array in keras.tree.flatten(elements))


@pytest.mark.parametrize("kind", MODELS)
def test_the_terms_of_elements_and_levels_sum_to_the_elbo(kind):
    make, x, shape = MODELS[kind]
    vae = make()
    options = {"num_samples": 3, "seed": 1, "batch_size": 4}
    log_likelihood, kl = vae.elbo(x, reduction="none", **options)
    np.testing.assert_allclose(total(log_likelihood) - kl.sum(axis=1), vae.elbo(x, **options), rtol=1e-4, atol=1e-4)
    found = {n: a.shape[1:] for n, a in log_likelihood.items()} if kind == "fields" else log_likelihood.shape[1:]
    assert (found, kl.shape) == (shape, (ROWS, 2 if kind == "levels" else 1))
    absent = {"missing": np.isnan(HOLES), "masked gru": ~MASK, "tokens": ~MASK}.get(kind)
    if absent is not None:
        assert np.all(log_likelihood[absent] == 0)
        assert np.all(log_likelihood[~absent] != 0)


class Coupled(kv.likelihoods.Gaussian):
    """One density for all elements at once."""

    def distribution(self, params, mask=None):
        loc = params["loc"]
        width = loc.shape[-1]
        return kv.distributions.MultivariateGaussian(loc, ops.eye(width) + ops.zeros((1, width, width)))


def test_elements_that_depend_on_each_other_have_no_terms():
    vae = small_vae(likelihood=Coupled(scale=1.0))
    assert np.isfinite(vae.elbo(vectors(ROWS))).all()
    with pytest.raises(NotImplementedError, match="MultivariateGaussian has no densities of single elements"):
        vae.elbo(vectors(ROWS), reduction="none")


@pytest.mark.refusals
def test_unknown_reductions_are_refused():
    with pytest.raises(ValueError, match=r"`reduction`.*mean"):
        small_vae().elbo(vectors(ROWS), reduction="mean")


DISTRIBUTIONS = {
    "levels": {},
    "columns": {},
    "sizes": {"exposure": SIZES},
    "fields": {},
    "series": {"length": 5},
}


@pytest.mark.parametrize("kind", DISTRIBUTIONS)
def test_decode_returns_the_distribution_of_the_data(kind):
    others = {
        "fields": (lambda: fields_vae(autoregressive=False), MODELS["fields"][1], None),
        "series": (lambda: series_vae(autoregressive=False, likelihood="gaussian"), SERIES, None),
    }
    make, x, _ = {**MODELS, **others}[kind]
    vae = make()
    p = vae.decode(vae.encode(x), mode="distribution", batch_size=3, **DISTRIBUTIONS[kind])
    data = x["x"] if kind == "sizes" else x
    expected = ops.convert_to_numpy(vae.terms(x, deterministic=True).log_likelihood)[:, 0]
    np.testing.assert_allclose(np.asarray(p.log_prob(data)), expected, rtol=1e-4)
    assert keras.tree.map_structure(lambda array: tuple(array.shape), p.sample(seed=0)) == (
        keras.tree.map_structure(lambda array: tuple(array.shape), data)
    )
    for weight in vae.likelihood.trainable_weights:
        weight.assign(weight + 1.0)
    np.testing.assert_allclose(np.asarray(p.log_prob(data)), expected, rtol=1e-4)


@pytest.mark.refusals
@pytest.mark.parametrize("make", [fields_vae, lambda: series_vae(likelihood="gaussian")])
def test_an_autoregressive_decoder_has_no_distribution_without_data(make):
    with pytest.raises(ValueError, match=r"GRU is autoregressive.*mode='distribution'"):
        make().decode(np.zeros((1, 2)), mode="distribution")
