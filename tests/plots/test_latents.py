"""Pictures of the latent space: what is changed, in which order, and where the points are."""

import itertools
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

import keras_vae as kv
from keras_vae.plots.kl_per_dimension import kl_of_levels
from keras_vae.plots.prior_range import prior_range
from tests.plots.models import cell, data, one_hot, pixels_of, ticks, tiny

plt.switch_backend("agg")


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def vae():
    return tiny(latent_dim=4)


@pytest.fixture(scope="module")
def two_levels():
    return tiny(latent_dim=(3, 2), latents="hierarchical")


def kl_by_hand(q):
    """Of N(loc, exp(log_var)) from N(0, 1), averaged over the rows."""
    loc, log_var = (np.asarray(each, "float64") for each in (q.loc, q.log_var))
    return (0.5 * (loc**2 + np.exp(log_var) - 1.0 - log_var)).mean(axis=0)


def test_bars_are_the_kls_from_the_largest_on(vae):
    x = data(rows=40)
    ax = kv.plots.kl_per_dimension(vae, x)
    expected = kl_by_hand(vae.encode(x, mode="distribution"))
    order = np.argsort(-expected)
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], expected[order], rtol=1e-4)
    assert ticks(ax.xaxis) == [str(dim) for dim in order]
    assert f"KL {expected.sum():.2f} nats" in ax.get_title()


def test_collapsed_bars_have_another_colour():
    ax = kv.plots.kl_per_dimension(None, kl=[0.001, 1.0, 0.2], threshold=0.01)
    colours = [bar.get_facecolor() for bar in ax.patches]
    assert colours[0] == colours[1] != colours[2]
    assert ax.get_title().startswith("2 of 3 latents active")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["active", "collapsed, at most 0.01 nats"]


def test_levels_side_by_side(two_levels):
    x = data(rows=20)
    ax = kv.plots.kl_per_dimension(two_levels, x)
    levels = kl_of_levels(two_levels, x)
    assert [level.shape for level in levels] == [(3,), (2,)]
    heights = [bar.get_height() for bar in ax.patches]
    np.testing.assert_allclose(heights, [*sorted(levels[0], reverse=True), *sorted(levels[1], reverse=True)])
    total = two_levels.elbo(x, seed=0, reduction="none")[1].mean(axis=0)
    np.testing.assert_allclose([level.sum() for level in levels], total, rtol=1e-4)
    assert f"level 1\n{levels[1].sum():.2f} nats" in [text.get_text() for text in ax.texts]
    gaps = np.diff([bar.get_x() for bar in ax.patches])
    assert gaps[2] > gaps[0]  # between the levels


def test_a_kl_that_is_no_sum_has_one_bar():
    mixture = tiny(latent_dim=2, prior=kv.priors.Mixture(3))
    ax = kv.plots.kl_per_dimension(mixture, data())
    (bar,) = ax.patches
    expected = mixture.elbo(data(), seed=0, reduction="none")[1].mean()
    assert bar.get_height() == pytest.approx(expected, rel=1e-4)
    assert "no sum" in ax.get_xlabel()


def test_spatial_latents_have_a_bar_for_each_channel():
    top = kv.latents.Level((2, 2, 3), merge=kv.layers.MergeConv(4, upsample=2))
    lower = kv.latents.Level((4, 4, 2), posterior="residual", merge=kv.layers.MergeConv(4))
    spatial = kv.VAE(
        (8, 8, 1),
        latents=kv.latents.Hierarchical([top, lower], decoder_sees="state"),
        encoder=kv.encoders.Pyramid((4, 4)),
        decoder=kv.decoders.Conv((4,)),
        seed=0,
    )
    x = data((8, 8, 1), 4)
    levels = kl_of_levels(spatial, x)
    assert [level.shape for level in levels] == [(3,), (2,)]
    total = spatial.elbo(x, seed=0, reduction="none")[1].mean(axis=0)
    np.testing.assert_allclose([level.sum() for level in levels], total, rtol=1e-4)
    assert kv.plots.latents(spatial, x, level=1).collections[0].get_offsets().shape == (4, 2)
    with pytest.raises(ValueError, match=r"vectors of real numbers. Received: level 0 of shape \(2, 2, 3\)"):
        kv.plots.latent_grid(spatial)


def test_traversals_change_one_latent_of_the_first_example(vae):
    x = data(rows=30)
    ax = kv.plots.traversals(vae, x, steps=3, extent=2.0)
    kl = kl_by_hand(vae.encode(x, mode="distribution"))
    order = np.argsort(-kl)
    assert ticks(ax.yaxis) == [f"{dim}  ({kl[dim]:.2f} nats)" for dim in order]
    assert ticks(ax.xaxis) == ["-2.0", "0", "+2.0"]
    shown, base = pixels_of(ax), vae.encode(x[:1])
    for row, dim in enumerate(order):
        for column, value in enumerate((-2.0, 0.0, 2.0)):
            z = base.copy()
            z[0, dim] = value
            np.testing.assert_allclose(cell(shown, row, column), vae.decode(z)[0, ..., 0], atol=1e-5)


def test_without_data_the_row_that_varies_most_comes_first(vae):
    ax = kv.plots.traversals(vae, steps=5)
    line = np.linspace(-2.5, 2.5, 5)
    spread = [vae.decode(np.eye(4)[dim] * line[:, None]).var(axis=0).mean() for dim in range(4)]
    assert ticks(ax.yaxis) == [str(dim) for dim in np.argsort(spread)[::-1]]
    z = np.zeros((1, 4))
    z[0, np.argmax(spread)] = 2.5
    np.testing.assert_allclose(cell(pixels_of(ax), 0, 4), vae.decode(z)[0, ..., 0], atol=1e-5)
    assert ticks(kv.plots.traversals(vae, order="index").yaxis) == ["0", "1", "2", "3"]


def test_levels_below_follow_the_one_that_is_changed(two_levels):
    ax = kv.plots.traversals(two_levels, dims=[1], steps=3, extent=1.0)
    z = np.array([[0.0, 1.0, 0.0]])
    expected = two_levels.generate(1, fixed={0: z}, temperature=0.0, seed=0)
    np.testing.assert_allclose(cell(pixels_of(ax), 0, 2), expected[0, ..., 0], atol=1e-5)
    assert ax.get_title().endswith("level 0 of 2")
    lower = kv.plots.traversals(two_levels, data(rows=1), dims=[0], steps=3, level=1)
    (top, below), spread = two_levels.encode(data(rows=1)), prior_range(two_levels, 1)
    below[0, 0] = spread.centre[0]  # the middle column, on average over the upper level
    expected = two_levels.decode((top, below))[0, ..., 0]
    np.testing.assert_allclose(cell(pixels_of(lower), 0, 1), expected, atol=1e-5)


def test_traversals_under_a_condition():
    conditional = tiny(condition_shape=(), condition_encoder=one_hot(3))
    ax = kv.plots.traversals(conditional, condition=2, dims=[0], steps=3, extent=1.0)
    z = np.array([[1.0, 0.0, 0.0]])
    np.testing.assert_allclose(cell(pixels_of(ax), 0, 2), conditional.decode(z, [2])[0, ..., 0], atol=1e-5)
    of_data = kv.plots.traversals(conditional, [data(rows=4), np.array([1, 0, 2, 0])], dims=[0], steps=3, extent=1.0)
    z = conditional.encode([data(rows=1), np.array([1])])
    z[0, 0] = -1.0
    np.testing.assert_allclose(cell(pixels_of(of_data), 0, 0), conditional.decode(z, [1])[0, ..., 0], atol=1e-5)


def test_an_animation_has_as_many_frames_as_asked(vae, tmp_path):
    path = kv.plots.traversal_animation(vae, tmp_path / "a.gif", frames=7, dims=[0, 2])
    with Image.open(path) as file:
        assert file.n_frames == 7
        frames = []
        for index in range(7):
            file.seek(index)
            frames.append(np.asarray(file.convert("L"), "int16"))
    assert all(np.abs(a - b).max() > 0 for a, b in itertools.pairwise(frames))
    assert plt.get_fignums() == []
    with pytest.raises(ValueError, match=r"`path` must be the name of a .gif file. Received: path='.*a.mp4'"):
        kv.plots.traversal_animation(vae, tmp_path / "a.mp4")


def test_two_latents_are_points_by_class():
    vae = tiny(latent_dim=2)
    x, labels = data(), np.arange(12) % 3
    ax = kv.plots.latents(vae, x, labels)
    z = vae.encode(x)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0", "1", "2"]
    for label, points in enumerate(ax.collections):
        np.testing.assert_allclose(points.get_offsets(), z[labels == label], atol=1e-6)


def test_more_latents_are_principal_components(vae):
    from sklearn.decomposition import PCA

    x = data(rows=30)
    numbers = np.linspace(0.0, 1.0, 30)
    ax = kv.plots.latents(vae, x, numbers)
    (points,) = ax.collections
    expected = PCA(2).fit(vae.encode(x))
    np.testing.assert_allclose(points.get_offsets(), expected.transform(vae.encode(x)), atol=1e-4)
    assert f"{expected.explained_variance_ratio_[0]:.0%}" in ax.get_xlabel()
    np.testing.assert_array_equal(points.get_array(), numbers)
    first = kv.plots.latents(vae, x, method="first").collections[0].get_offsets()
    np.testing.assert_allclose(first, vae.encode(x)[:, :2], atol=1e-6)


def test_a_level_of_several(two_levels):
    x = data()
    points = kv.plots.latents(two_levels, x, level=1).collections[0].get_offsets()
    np.testing.assert_allclose(points, two_levels.encode(x)[1], atol=1e-6)


def test_one_latent_is_a_histogram():
    ax = kv.plots.latents(tiny(latent_dim=1), data(), np.arange(12) % 2)
    assert sum(patch.get_height() for patch in ax.patches) > 0
    assert ax.get_ylabel() == "examples"


@pytest.mark.on_torch
@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda vae: kv.plots.latents(vae, data(), [1, 2]), r"`labels` must have shape \(12,\)"),
        (lambda vae: kv.plots.latents(vae, data(rows=30), [str(i) for i in range(30)]), "at most 20 classes"),
        (lambda vae: kv.plots.latents(vae, data(), method="tsne"), "`method` must be one of"),
        (lambda vae: kv.plots.latents(vae, data(), level=1), "`level` must be the index"),
        (lambda vae: kv.plots.traversals(vae, dims=[4]), "dimensions of the latents, from 0 to 3"),
        (lambda vae: kv.plots.traversals(vae, order="kl"), "the KL of a dimension is a mean over data"),
        (lambda vae: kv.plots.kl_per_dimension(vae), "expected one of them.*Received: neither"),
        (lambda vae: kv.plots.kl_per_dimension(None, kl=[np.nan]), "`kl` must hold finite numbers"),
        (lambda vae: kv.plots.traversal_animation(tiny((4,)), "a.gif"), "animations are of images"),
    ],
)
def test_refusals(vae, draw, words):
    with pytest.raises(ValueError, match=f"(?s){words}"):
        draw(vae)


@pytest.mark.on_torch
def test_umap_where_it_is_missing_says_what_to_install(vae, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match=r"pip install umap-learn.*method='pca'"):
        kv.plots.latents(vae, data(), method="umap")
    monkeypatch.setitem(sys.modules, "sklearn.decomposition", None)
    with pytest.raises(ImportError, match=r"pip install scikit-learn.*method='first'"):
        kv.plots.latents(vae, data())


@pytest.mark.on_torch
def test_umap_is_drawn_as_it_comes(vae, monkeypatch):
    class Fake:
        def __init__(self, random_state):
            self.random_state = random_state

        def fit_transform(self, z):
            return z[:, 2:] + self.random_state

    monkeypatch.setitem(sys.modules, "umap", type("Module", (), {"UMAP": Fake}))
    points = kv.plots.latents(vae, data(), method="umap", seed=3).collections[0].get_offsets()
    np.testing.assert_allclose(points, vae.encode(data())[:, 2:] + 3, atol=1e-5)
