"""The example of sparse priors on a small budget."""

import pytest

from tests.examples.test_quickstart import load_example


@pytest.mark.on_torch
def test_prints_what_it_measures(capsys):
    pytest.importorskip("sklearn")
    example = load_example("sparse_latents")
    results = example.main(["--epochs", "1", "--latent-dim", "3", "--priors", "spike_and_slab"])
    elbo, active, near_zero = results["spike_and_slab"]
    assert f"spike_and_slab: test ELBO {elbo:.2f}, {active} of 3 dimensions active, " in capsys.readouterr().out
    assert -64 < elbo < -20
    assert 0 <= near_zero <= 1
