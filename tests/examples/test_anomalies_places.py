"""Images and series with defects, and the example that finds them, in its smoke setting."""

import numpy as np
import pytest

from tests.examples.test_quickstart import load_example


@pytest.fixture(scope="module")
def places():
    pytest.importorskip("sklearn")
    return load_example("anomalies_places")


@pytest.mark.on_torch
def test_defects_are_where_they_are_said_to_be(places):
    rng = np.random.default_rng(0)
    for material in ("cloth", "wood", "metal"):
        pictures = places.surfaces(material, 9, rng)
        assert pictures.shape == (9, places.SIZE, places.SIZE)
        damaged, where = places.with_defects(pictures, rng)
        assert where.any(axis=(1, 2)).all()
        difference = np.abs(damaged.astype(int) - pictures)
        assert difference[where].mean() > 10
        assert difference[~where].mean() < 2
    hidden, where = places.covered(pictures, rng)
    assert (hidden[where] == 128).all()
    np.testing.assert_array_equal(hidden[~where], pictures[~where])


@pytest.mark.on_torch
def test_faults_of_a_machine(places):
    healthy, nowhere = places.machines(6, np.random.default_rng(0))
    faulty, where = places.machines(6, np.random.default_rng(0), fault=True)
    assert not nowhere.any()
    np.testing.assert_array_equal(healthy[~where], faulty[~where])
    assert (healthy[where] != faulty[where]).any(axis=1).mean() > 0.8


def test_smoke(places, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    results = places.main(["--smoke", "--sets", "wood", "machine", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "wood: 60 rows of (32, 32), 12 ordinary and 12 odd ones" in printed
    assert set(results["machine"]) == {"VAEDetector", "PCA error", "nearest row", "IsolationForest"}
    assert results["wood"]["PCA error"][1] > 0.9
    assert (tmp_path / "wood.png").stat().st_size > 1000


@pytest.mark.on_torch
def test_faces_need_a_file(places, tmp_path):
    with pytest.raises(SystemExit):
        places.main(["--sets", "faces"])
    # Brighter than the square that covers them.
    faces = np.random.default_rng(0).integers(190, 210, (40, 64, 64), "uint8")
    np.savez(tmp_path / "faces.npz", x=faces)
    results = places.main(["--smoke", "--sets", "faces", "--data", str(tmp_path / "faces.npz")])
    assert results["faces"]["nearest row"][1] > 0.95
