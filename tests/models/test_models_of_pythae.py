"""Every line of the page on pythae's models is a model that trains."""

import ast
import pathlib
import re

import numpy as np
import pytest

import keras_vae as kv
from tests.models.small import vectors

# The contract checks train the same components on every backend.
pytestmark = pytest.mark.on_torch

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "models-of-pythae.md"
ROW = re.compile(r"^\| `(\w+)` \| `(kv\.VAE\(shape.*?\))`(?:[,;] .*)? \|$", re.MULTILINE)
MODELS = dict(ROW.findall(PAGE.read_text(encoding="utf-8")))
IMAGES = np.random.default_rng(0).random((12, 8, 8, 1)).astype("float32")
NETWORKS = "encoder=kv.encoders.MLP((8,)), decoder=kv.decoders.MLP((8,)), latent_dim=3, seed=0"


def test_all_rows_are_found():
    names = "AE VAE BetaVAE DisentangledBetaVAE BetaTCVAE FactorVAE DIP_VAE INFOVAE_MMD WAE_MMD IWAE MIWAE CIWAE PIWAE"
    names += " MSSSIM_VAE VAMP SVAE PoincareVAE VAE_IAF VAE_LinNF RAE_L2 RAE_GP Adversarial_AE HVAE RHVAE"
    assert list(MODELS) == names.split()


@pytest.mark.parametrize("name", MODELS)
def test_it_takes_three_arguments_at_most(name):
    call = ast.parse(MODELS[name]).body[0].value
    assert len(call.args) == 1
    assert len(call.keywords) <= 3


@pytest.mark.eager
@pytest.mark.parametrize("name", MODELS)
def test_it_trains_and_generates(name):
    """With small networks in place of the default ones, on images where the objective compares images."""
    shape, x = ((8, 8, 1), IMAGES) if name == "MSSSIM_VAE" else ((6,), vectors(12))
    code = MODELS[name].replace("VampPrior(50)", "VampPrior(3)")
    vae = eval(f"{code[:-1]}, {NETWORKS})", {"kv": kv, "shape": shape})
    vae.compile("adam")
    history = vae.fit(x, batch_size=6, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert vae.generate(2, seed=0).shape == (2, *shape)
