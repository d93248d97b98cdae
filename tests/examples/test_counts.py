"""The counts example: its simulated cells are what it says, its measures are right, and a short run works."""

import numpy as np
import pytest

from tests.examples.test_quickstart import load_example


@pytest.fixture(scope="module")
def counts():
    pytest.importorskip("sklearn")
    return load_example("counts")


@pytest.mark.on_torch
def test_the_cells_are_as_they_are_described(counts):
    cells = counts.simulate(20000, 12, num_kinds=2, num_batches=2, dropout=0.0, seed=1)
    mean = np.exp(cells.log_depths[:, None] + cells.log_profiles[cells.kinds] + cells.log_effects[cells.batches])
    np.testing.assert_allclose((cells.counts / mean).mean(axis=0), 1.0, atol=0.05)
    # a count's squared distance to its mean is mean + mean^2 / dispersion
    expected = (mean + mean**2 / cells.dispersions).mean(axis=0)
    np.testing.assert_allclose(np.square(cells.counts - mean).mean(axis=0), expected, rtol=0.2)
    lost = counts.simulate(20000, 12, num_kinds=2, num_batches=2, dropout=0.3, seed=1)
    np.testing.assert_allclose(lost.counts[:, 1:].sum(axis=0) / cells.counts[:, 1:].sum(axis=0), 0.7, atol=0.05)
    assert cells.sizes.mean() == pytest.approx(1.0)
    # the kinds' shares differ between the batches
    shares = [np.bincount(cells.kinds[cells.batches == batch]) / (cells.batches == batch).sum() for batch in (0, 1)]
    assert abs(shares[0] - shares[1]).max() > 0.05


@pytest.mark.on_torch
def test_averages_of_counts_recover_the_truth(counts):
    """Of many cells the averages are the truth, up to the depth, which is not known."""
    cells = counts.simulate(20000, 6, num_kinds=2, dropout=0.0, seed=0)
    found = counts.recovered(counts.counted(cells, np.arange(20000)), cells)
    assert all(correlation > 0.98 for correlation, _ in found.values())
    assert found["profiles of kinds"][1] < 0.1
    exact = counts.centred(cells.log_profiles)[:, None] + counts.centred(cells.log_effects)[None]
    for correlation, error in counts.recovered(exact + 3.0, cells).values():
        assert correlation == pytest.approx(1.0)
        assert error == pytest.approx(0.0, abs=1e-10)


@pytest.mark.on_torch
def test_measures_tell_kinds_from_batches(counts):
    rng = np.random.default_rng(0)
    kinds, batches = np.arange(300) % 3, np.arange(300) // 100
    by_kind = np.eye(3)[kinds] + 0.05 * rng.normal(size=(300, 3))
    found = counts.measures(by_kind, kinds, batches)
    assert found["kinds apart"] > 0.8
    assert found["clusters right"] == 1.0
    assert abs(found["batches apart"]) < 0.1
    assert found["kBET rejects"] < 0.2
    found = counts.measures(by_kind + 10 * np.eye(3)[batches], kinds, batches)
    assert found["batches apart"] > 0.8
    assert found["kBET rejects"] == 1.0
    assert found["kinds apart"] < 0.1


@pytest.mark.on_torch
def test_centred_components_are_fitted_to_the_training_cells(counts):
    cells = counts.simulate(600, 20, seed=0)
    train = np.arange(600) < 400
    parts = counts.principal_components(cells, train, train, 2, centred=True)
    for batch in range(3):
        np.testing.assert_allclose(parts[cells.batches[train] == batch].mean(axis=0), 0.0, atol=1e-8)
    as_is = counts.principal_components(cells, train, train, 2, centred=False)
    assert abs(as_is[cells.batches[train] == 0].mean(axis=0)).max() > 0.1


@pytest.mark.on_torch
def test_a_short_run(counts, capsys):
    results = counts.main(["--smoke"])
    printed = capsys.readouterr().out
    assert set(counts.MODELS) < set(results["measures"])
    for name in ("NB, encoder and decoder", "ZINB, encoder and decoder"):
        assert set(results["recovered"][name]) > {"dispersions", "effects of batches"}
        assert f"{results['elbo'][name]:.2f}" in printed
    assert f"{results['measures']['NB, decoder']['kBET rejects']:.3f}" in printed
