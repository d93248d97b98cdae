"""The anomalies example in its smoke setting, and how it takes and splits its data."""

import re

import numpy as np
import pytest

from tests.examples.test_quickstart import EXAMPLES, load_example


@pytest.fixture(scope="module")
def anomalies():
    pytest.importorskip("sklearn")
    return load_example("anomalies")


def test_breast_cancer(anomalies, capsys):
    results = anomalies.main(["--smoke"])["breast_cancer"]
    printed = capsys.readouterr().out
    assert "569 rows of 30 numbers, 212 of them anomalies" in printed
    assert set(results) == {"-ELBO", "-log p(x)", "neighbour 5", "squared norm"}
    for name, rows in results.items():
        assert f"  {name:14s} {rows[0, 0]:.3f} ± 0.000" in printed
        # Malignant cells are larger: every score must find that, and none ranks the wrong way round.
        assert 0.85 < rows[0, 0] < 1


@pytest.mark.one_backend
def test_split_is_by_ordinary_rows(anomalies):
    x = np.random.default_rng(0).normal(5.0, 3.0, (50, 3))
    x[:, 2] = 7.0  # a column that never varies
    odd = np.arange(50) < 10
    x[odd] += 100.0
    train, test, labels = anomalies.split(x, odd, seed=0)
    assert (train.shape, test.shape, labels.sum()) == ((20, 3), (30, 3), 10)
    np.testing.assert_allclose(train.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(train.std(axis=0), [1.0, 1.0, 0.0], atol=1e-5)
    assert test[labels][:, :2].min() > test[~labels][:, :2].max()
    assert not np.array_equal(train, anomalies.split(x, odd, seed=1)[0])


@pytest.mark.one_backend
def test_the_tutorial_has_the_same_settings(anomalies):
    page = (EXAMPLES.parent / "docs" / "tutorials" / "anomalies.md").read_text(encoding="utf-8")
    program = (EXAMPLES / "anomalies.py").read_text(encoding="utf-8")
    assert f"latent_dim={re.search(r'--latent-dim., type=int, default=([0-9]+)', program)[1]}," in page


@pytest.mark.one_backend
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
