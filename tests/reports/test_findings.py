"""Models that were spoilt on purpose, one for each finding, and healthy ones, of which the report says nothing."""

import sys

import keras
import pytest

import keras_vae as kv
from keras_vae.reports.findings import FINDINGS
from keras_vae.reports.findings.samples_unlike_data import learned_priors
from tests.benchmarks.reports import MODELS

# What is tested are thresholds of numbers that are the same on every backend: here where nothing is compiled.
pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="trains a dozen models; torch compiles none")


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_it_finds_what_was_spoilt_and_nothing_in_healthy_models(make, monkeypatch):
    # Drawing takes longer than training, and findings are made of numbers; test_report.py has the pictures.
    monkeypatch.setattr(sys.modules["keras_vae.reports.report"], "pictures", lambda *args: {})
    expected = MODELS[make]
    vae, test, train = make()
    report = vae.report(test, x_train=train, verbose=0)
    found = {finding.name for finding in report.findings}
    assert found >= expected, str(report)
    if not expected:
        assert not found, str(report)
    for finding in report.findings:
        assert any(character.isdigit() for character in finding.evidence), "evidence is numbers"
        assert finding.change


def test_every_finding_has_a_model():
    names = set().union(*MODELS.values())
    assert names == {finding.__name__ for finding in FINDINGS}


MODELS_FOR_PRIORS = [
    ({}, ["vamp", "flow"]),
    ({"latent_dim": 1}, ["vamp"]),
    ({"posterior": "iaf"}, ["flow"]),
    ({"posterior": "product_of_experts"}, []),
    ({"posterior": "residual"}, []),
    ({"posterior": "von_mises_fisher", "prior": "uniform_sphere"}, []),
    ({"likelihood": lambda: kv.likelihoods.Categorical(4)}, ["flow"]),
    ({"data_shape": {"a": (4,), "b": (3,)}, "likelihood": lambda: dict.fromkeys("ab", "gaussian")}, ["flow"]),
    ({"condition_shape": (2,)}, ["vamp", "flow"]),
]


@pytest.mark.parametrize(("options", "expected"), MODELS_FOR_PRIORS)
def test_the_priors_to_try_are_those_that_the_model_can_have(options, expected):
    def made(**other):
        given = {"data_shape": (4,), "latent_dim": 2, **options, **other}
        return kv.VAE(**{name: value() if callable(value) else value for name, value in given.items()})

    assert learned_priors(made()) == expected
    for name in ("vamp", "flow"):
        if name in expected:
            made(prior=name)
        else:
            with pytest.raises(ValueError, match=r"prior|Prior|flow"):
                made(prior=name)


def test_latents_of_several_levels_have_priors_of_their_own():
    assert learned_priors(kv.VAE((4,), (2, 2), prior="hierarchical")) == []
