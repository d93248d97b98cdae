"""Training curves and calibration: every number that was logged, and bars of the right height."""

import types

import matplotlib.pyplot as plt
import numpy as np
import pytest

import keras_vae as kv

plt.switch_backend("agg")
pytestmark = pytest.mark.on_torch

LOGS = {
    "loss": [9.0, 8.0, 7.0],
    "kl_loss": [1.0, 2.0, 3.0],
    "kl_loss_1": [0.4, 0.8, 1.0],
    "kl_loss_2": [0.6, 1.2, 2.0],
    "reconstruction_loss": [8.0, 6.0, 4.0],
    "bits_per_dim": [3.0, 2.0, 1.0],
    "beta": [0.0, 0.5, 1.0],
    "capacity": [1.0, 2.0, 3.0],
}
LOGS |= {f"val_{name}": [value + 0.1 for value in values] for name, values in LOGS.items() if "_" in name}
LOGS["val_loss"] = [9.5, 8.5, 7.5]


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def curves(ax):
    return [list(line.get_ydata()) for line in ax.lines if len(line.get_ydata())]


def test_everything_that_was_logged_is_drawn():
    figure = kv.plots.history(types.SimpleNamespace(history=LOGS))
    panels = {ax.get_title(): ax for ax in figure.axes if ax.get_title()}
    assert list(panels) == ["loss", "reconstruction_loss", "kl_loss", "bits_per_dim"]
    assert curves(panels["loss"]) == [LOGS["loss"], LOGS["val_loss"]]
    (right,) = [ax for ax in figure.axes if not ax.get_title()]
    assert curves(right) == [LOGS["beta"], LOGS["capacity"]]
    assert right.get_ylabel() == "beta, capacity"
    levels = [LOGS[prefix + name] for name in ("kl_loss", "kl_loss_1", "kl_loss_2") for prefix in ("", "val_")]
    assert curves(panels["kl_loss"]) == levels
    assert panels["kl_loss"].get_ylabel() == "nats per example"
    assert panels["bits_per_dim"].get_ylabel() == ""
    drawn = [curve for ax in figure.axes for curve in curves(ax)]
    assert len(drawn) == len(LOGS)


def test_epochs_count_from_one():
    figure = kv.plots.history({"loss": [3.0, 2.0]})
    assert list(figure.axes[0].lines[0].get_xdata()) == [1, 2]
    assert figure.axes[0].get_legend() is None  # one curve, which the title names


def test_chosen_names():
    figure = kv.plots.history(LOGS, names=["loss", "kl_loss"])
    assert [ax.get_title() for ax in figure.axes] == ["loss", "kl_loss"]
    with pytest.raises(ValueError, match=r"`names` must be names that were logged.*Received: \['elbo'\]"):
        kv.plots.history(LOGS, names=["elbo"])


def test_high_first_epochs_are_cut_off_and_said():
    ax = kv.plots.history({"loss": [1000.0, *np.linspace(20.0, 10.0, 29)]}).axes[0]
    assert ax.get_ylim()[1] < 30
    assert [text.get_text() for text in ax.texts] == ["up to 1000"]
    ax = kv.plots.history({"loss": list(np.linspace(20.0, 10.0, 30))}).axes[0]
    assert ax.get_ylim()[1] > 20
    assert not ax.texts


@pytest.mark.parametrize("logs", [{}, {"loss": []}, [1.0]])
def test_no_logs(logs):
    with pytest.raises(ValueError, match="`logs` must be what `fit` returned"):
        kv.plots.history(logs)


def test_histogram_of_transforms():
    values = np.array([[0.05, 0.06], [0.5, 0.95], [np.nan, 1.0]])
    ax = kv.plots.calibration(values, bins=10)
    heights = [bar.get_height() for bar in ax.patches[:10]]
    expected = np.zeros(10)
    expected[[0, 5, 9]] = 2 * 2, 2, 2 * 2  # shares of five values, in bars a tenth wide
    np.testing.assert_allclose(heights, expected)


def test_the_band_holds_nine_bars_in_ten_of_a_calibrated_model():
    values = np.random.default_rng(0).random((40, 1000))
    inside = []
    for row in values:
        with kv.plots.off_screen():
            ax = kv.plots.calibration(row, bins=20)
        *bars, band = ax.patches
        low, high = band.get_y(), band.get_y() + band.get_height()
        inside += [low <= bar.get_height() <= high for bar in bars]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.03)


def test_reliability_is_the_share_of_smaller_values():
    values = np.random.default_rng(0).beta(2.0, 1.0, 5000)
    ax = kv.plots.calibration(values, "reliability")
    x, y = ax.lines[1].get_data()
    np.testing.assert_allclose(y, x**2, atol=0.03)  # the distribution function of Beta(2, 1)
    assert kv.plots.calibration(values).patches[0].get_height() < 0.2


def test_the_result_of_evaluation_has_the_same_bars():
    values = np.random.default_rng(0).beta(2.0, 1.0, (50, 4))
    shares = np.histogram(values, np.linspace(0, 1, 21))[0] / values.size
    found = kv.evaluation.Calibration(shares, 0.1, {0.5: 0.5, 0.9: 0.9}, np.zeros(4), values.size)
    heights = [[bar.get_height() for bar in kv.plots.calibration(given).patches] for given in (found, values)]
    np.testing.assert_allclose(*heights)
    with pytest.raises(ValueError, match="Argument `style`"):
        kv.plots.calibration(found, "reliability")


@pytest.mark.parametrize(
    ("values", "words"), [([0.5, 1.5], "Received: from 0.5 to 1.5"), ([np.nan], "Received: none"), ([], "none")]
)
def test_values_that_are_no_probabilities(values, words):
    with pytest.raises(ValueError, match=f"`values` must hold probability.*{words}"):
        kv.plots.calibration(values)
