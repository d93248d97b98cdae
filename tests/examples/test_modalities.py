"""The example of several modalities on a small budget."""

import numpy as np
import pytest

from tests.examples.test_quickstart import load_example


@pytest.fixture(scope="module")
def example():
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    return load_example("modalities")


@pytest.mark.parametrize("task", ["labels", "measures"])
def test_a_row_for_each_model(example, task, capsys):
    table = example.main(["--smoke", "--task", task, "--models", "alone", "poe", "moe", "--known", "0.5"])
    printed = capsys.readouterr().out
    assert list(table) == ["alone", "poe", "moe"]
    for name in ("poe", "moe"):
        joint, there, back, first, second, both = table[name]
        assert all(0 <= share <= 1 for share in (joint, there, back))
        assert both < min(first, second) + 1
        assert f"| {name} | {100 * joint:.1f} % |" in printed


@pytest.mark.on_torch
def test_pictures_of_style(example, tmp_path):
    moved = example.main(["--smoke", "--task", "style", "--out", str(tmp_path)])
    assert np.isfinite(moved).all()
    assert (tmp_path / "style.png").stat().st_size > 1000


@pytest.mark.on_torch
def test_measured_numbers(example):
    """A slanted bar leans, a wide one is wider, a thick one thicker."""
    rows, columns = np.mgrid[0:20, 0:20]
    bars = np.stack(
        [
            np.abs(columns - 10) < 2,
            np.abs(columns - 10 + 0.5 * (rows - 10)) < 2,
            np.abs(columns - 10) < 4,
        ]
    ).astype("float32")
    slant, width, thickness, ink = example.measure(bars).T
    assert slant[1] > 0.3 > abs(slant[0]) + 0.2
    assert width[2] > width[0]
    assert thickness[2] > 1.5 * thickness[0]
    np.testing.assert_allclose(ink, bars.sum(axis=(1, 2)), rtol=1e-4)
