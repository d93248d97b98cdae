"""The anomalies example in its smoke setting, and how it takes and splits its data."""

import numpy as np
import pytest

from tests.examples.test_quickstart import load_example


@pytest.fixture(scope="module")
def anomalies():
    pytest.importorskip("sklearn")
    return load_example("anomalies")


def test_breast_cancer(anomalies, capsys):
    results = anomalies.main(["--smoke", "--no-pyod", "--scores", "latent_distance"])["breast_cancer"]
    printed = capsys.readouterr().out
    assert "569 rows of 30 numbers, 212 of them anomalies" in printed
    peers = {"neighbour 5", "squared norm", "IsolationForest", "PCA error"}
    assert set(results) == {"elbo", "latent_distance"} | peers
    for name, rows in results.items():
        assert f"  {name:26s} {rows[0, 0]:.3f} ± 0.000" in printed
    # Malignant cells are larger: every score must find that, and none ranks the wrong way round.
    for name in {"elbo", *peers}:
        assert 0.85 < results[name][0, 0] < 1


@pytest.mark.on_torch
def test_split_is_by_ordinary_rows(anomalies):
    x = np.random.default_rng(0).normal(5.0, 3.0, (50, 3))
    x[:, 2] = 7.0  # a column that never varies
    odd = np.arange(50) < 10
    x[odd] += 100.0
    train, test, labels = anomalies.split(x, odd, seed=0)
    assert (train.shape, test.shape, labels.sum()) == ((20, 3), (30, 3), 10)
    assert not np.array_equal(train, anomalies.split(x, odd, seed=1)[0])
    train, test = anomalies.standardised(train, test)
    np.testing.assert_allclose(train.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(train.std(axis=0), [1.0, 1.0, 0.0], atol=1e-5)
    assert test[labels][:, :2].min() > test[~labels][:, :2].max()


@pytest.mark.on_torch
def test_files(anomalies, tmp_path):
    x, y = np.random.default_rng(0).integers(0, 9, (12, 2), "uint8"), np.arange(12) // 9
    for name in ("X", "x"):
        np.savez(tmp_path / "a.npz", **{name: x, "y": y})
        rows, odd = anomalies.load(tmp_path / "a.npz")
        np.testing.assert_array_equal(rows, x)
        assert odd.sum() == 3
    np.savez(tmp_path / "b.npz", x=x)
    np.savez(tmp_path / "c.npz", x=x, y=np.zeros(12))
    for name, message in (
        ("none", "There is no file"),
        ("b", "must hold the arrays X"),
        ("c", "0 for some, another for others"),
    ):
        with pytest.raises(SystemExit, match=message):
            anomalies.main(["--data", str(tmp_path / f"{name}.npz")])
