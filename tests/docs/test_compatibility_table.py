"""The table of posteriors and priors is true: its pairs work, by the KL that it says, and others are refused."""

import re

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.distributions import has_kl_divergence
from tests.docs.component_table import ROOT
from tests.registered import own

PAGE = ROOT / "docs" / "guide" / "posteriors.md"
ROW = re.compile(r"^\| (`[^|]*) \| (`[^|]*) \| (closed form|at the draw) \|$", re.MULTILINE)
NAME = re.compile(r"`(\w+)`")
PAIRS = [
    (posterior, prior, row[3] == "closed form")
    for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))
    for posterior in NAME.findall(row[1])
    for prior in NAME.findall(row[2])
    # Its density comes from a function, so no name says what it is.
    if prior != "tfp"
]


@pytest.mark.on_torch
@pytest.mark.parametrize(("posterior", "prior", "closed"), PAIRS)
def test_pair(posterior, prior, closed):
    x = np.random.default_rng(0).random((4, 6)).astype("float32")
    networks = {"encoder": kv.encoders.MLP((5,)), "decoder": kv.decoders.MLP((5,))}
    vae = kv.VAE(data_shape=(6,), latent_dim=3, prior=prior, posterior=posterior, seed=0, **networks)
    if hasattr(vae.prior, "adapt"):
        vae.prior.adapt(x)
    (level,) = vae.terms(keras.ops.convert_to_tensor(x), seed=0).levels
    assert has_kl_divergence(level.posterior, level.prior) is closed
    log_prior = keras.ops.convert_to_numpy(level.prior.log_prob(level.z))
    assert log_prior.shape == (4,)
    assert np.isfinite(log_prior).all()


OTHERS = [
    (posterior, prior)
    for posterior in sorted({posterior for posterior, _, _ in PAIRS})
    for prior in sorted({prior for _, prior, _ in PAIRS})
    if (posterior, prior) not in {pair[:2] for pair in PAIRS}
]


@pytest.mark.on_torch
@pytest.mark.parametrize(("posterior", "prior"), OTHERS)
def test_other_pairs_are_refused(posterior, prior):
    with pytest.raises(ValueError, match=r"posterior|latents"):
        kv.VAE(data_shape=(6,), latent_dim=3, prior=prior, posterior=posterior)


@pytest.mark.on_torch
def test_table_names_every_posterior():
    # Points have no KL with any prior.
    classes = dict(kv.registry.posteriors.items())
    with_kl = {name for name in own(kv.registry.posteriors) if classes[name].has_density}
    assert {posterior for posterior, _, _ in PAIRS} == with_kl
