"""Models that were spoilt on purpose, one for each finding, and healthy ones, of which the report says nothing."""

import sys

import keras
import pytest

from keras_vae.reports.findings import FINDINGS
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
