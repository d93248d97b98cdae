"""Grids of examples show what the model returns, each at its place."""

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

import keras_vae as kv
from tests.plots.models import IMAGE, cell, data, one_hot, pixels_of, ticks, tiny

plt.switch_backend("agg")


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def vae():
    return tiny()


def test_samples_are_those_of_generate(vae):
    ax = kv.plots.samples(vae, 7, columns=3, seed=4)
    drawn, shown = vae.generate(7, seed=4), pixels_of(ax)
    assert shown.shape == (3 * 7 - 1, 3 * 6 - 1)
    for index in range(7):
        np.testing.assert_array_equal(cell(shown, index // 3, index % 3), drawn[index, ..., 0])
    assert np.isnan(cell(shown, 2, 1)).all()  # the rest of the last row
    assert np.isnan(shown[6]).all()  # a line
    assert ax.images[0].get_clim() == (0.0, 1.0)


def test_samples_are_the_same_in_every_call_unless_asked(vae):
    first, second = (pixels_of(kv.plots.samples(vae, 2)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    first, second = (pixels_of(kv.plots.samples(vae, 2, seed=None)) for _ in range(2))
    assert np.nanmax(np.abs(first - second)) > 0


def test_colour_images_are_scaled_by_the_limits_of_the_likelihood():
    vae = tiny((4, 5, 3), likelihood="discretized_logistic")
    ax = kv.plots.samples(vae, 2, columns=2)
    drawn = vae.generate(2, seed=0)
    shown = np.asarray(ax.images[0].get_array())
    assert shown.shape == (4, 11, 3)
    np.testing.assert_allclose(shown[:, :5], drawn[0] / 255.0, atol=1e-6)
    assert (shown[:, 5] == 1.0).all()  # white between them


def test_images_without_limits_take_those_of_the_data():
    vae = tiny(likelihood="gaussian")
    x = 10.0 * data() - 3.0
    assert kv.plots.samples(vae, 4, x=x).images[0].get_clim() == pytest.approx((x.min(), x.max()))
    assert kv.plots.reconstructions(vae, x).images[0].get_clim() == pytest.approx((x[:10].min(), x[:10].max()))


def test_rows_of_conditions_are_named():
    vae = tiny(condition_shape=(), condition_encoder=one_hot(3))
    labels = np.repeat([2, 0], 4)
    ax = kv.plots.samples(vae, condition=labels, columns=4)
    assert ticks(ax.yaxis) == ["2", "0"]
    expected = vae.generate(8, labels, seed=0)
    np.testing.assert_array_equal(cell(pixels_of(ax), 1, 3), expected[7, ..., 0])
    assert ticks(kv.plots.samples(vae, condition=labels, columns=3).yaxis) == []  # a row of both
    np.testing.assert_array_equal(
        cell(pixels_of(kv.plots.samples(vae, 2, condition=1)), 0, 1), vae.generate(2, 1, seed=0)[1, ..., 0]
    )


def test_reconstructions_stand_below_their_originals(vae):
    x = data()
    ax = kv.plots.reconstructions(vae, x, 6, columns=3)
    shown, rebuilt = pixels_of(ax), vae.predict(x[:6])
    for index in range(6):
        row, column = 2 * (index // 3), index % 3
        np.testing.assert_allclose(cell(shown, row, column), x[index, ..., 0], atol=1e-6)
        np.testing.assert_allclose(cell(shown, row + 1, column), rebuilt[index, ..., 0], atol=1e-6)
    assert ticks(ax.yaxis) == ["data", "model"] * 2


def test_interpolation_has_the_originals_at_both_ends(vae):
    start, end = data(rows=2), data(rows=2, seed=1)
    ax = kv.plots.interpolation(vae, start, end, steps=3)
    shown, path = pixels_of(ax), vae.interpolate(start, end, steps=3)
    for row in range(2):
        np.testing.assert_allclose(cell(shown, row, 0), start[row, ..., 0], atol=1e-6)
        np.testing.assert_allclose(cell(shown, row, 4), end[row, ..., 0], atol=1e-6)
        for step in range(3):
            np.testing.assert_allclose(cell(shown, row, 1 + step), path[row, step, ..., 0], atol=1e-6)
    assert ticks(ax.xaxis) == ["data", "start", "", "end", "data"]
    single = kv.plots.interpolation(vae, start[0], end[0], steps=3, originals=False)
    np.testing.assert_allclose(cell(pixels_of(single), 0, 2), path[0, 2, ..., 0], atol=1e-5)


def test_grid_of_two_latents_lies_at_quantiles_with_the_second_upwards():
    vae = tiny(latent_dim=2)
    shown = pixels_of(kv.plots.latent_grid(vae, steps=3))
    third = 0.9674215661017014  # scipy.stats.norm.ppf(5 / 6)
    line = [-third, 0.0, third]
    for row in range(3):
        for column in range(3):
            z = np.array([[line[column], line[2 - row]]])
            np.testing.assert_allclose(cell(shown, row, column), vae.decode(z)[0, ..., 0], atol=1e-5)


def test_grid_of_chosen_latents_leaves_the_others_at_zero(vae):
    ax = kv.plots.latent_grid(vae, extent=2.0, steps=3, dims=(2, 0))
    z = np.array([[2.0, 0.0, 0.0]])  # the middle column of dimension 2, the top of dimension 0
    np.testing.assert_allclose(cell(pixels_of(ax), 0, 1), vae.decode(z)[0, ..., 0], atol=1e-5)
    assert ticks(ax.xaxis) == ["-2.0", "0.0", "2.0"]
    assert ticks(ax.yaxis) == ["2.0", "0.0", "-2.0"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("latent 2", "latent 0")


def test_grid_of_many_latents_takes_those_that_change_most(vae):
    line = np.linspace(-2.0, 2.0, 5)[:, None]
    spread = [vae.decode(np.eye(3)[dim] * line).var(axis=0).mean() for dim in range(3)]
    ax = kv.plots.latent_grid(vae, steps=2)
    assert [ax.get_xlabel(), ax.get_ylabel()] == [f"latent {dim}" for dim in sorted(np.argsort(spread)[1:])]


def test_grid_under_another_prior_is_where_the_prior_is():
    vae = tiny(latent_dim=2, prior=kv.priors.Mixture(2))
    vae.prior.loc.assign(np.array([[5.0, -3.0], [5.0, -3.0]]))
    ax = kv.plots.latent_grid(vae, extent=1.0, steps=3)
    assert [float(text) for text in ticks(ax.xaxis)] == pytest.approx([4.0, 5.0, 6.0], abs=0.15)
    assert [float(text) for text in ticks(ax.yaxis)] == pytest.approx([-2.0, -3.0, -4.0], abs=0.15)


def test_series_are_lines_in_panels_with_one_scale():
    vae = tiny((9, 2), likelihood="gaussian")
    x = data((9, 2), 3)
    ax = kv.plots.reconstructions(vae, x, 3)
    rebuilt = vae.predict(x)
    assert len(ax.child_axes) == 6
    for index in range(3):
        for row, values in ((0, x), (1, rebuilt)):
            lines = ax.child_axes[3 * row + index].lines
            np.testing.assert_allclose([line.get_ydata() for line in lines], values[index].T, atol=1e-6)
    assert len({panel.get_ylim() for panel in ax.child_axes}) == 1


def test_padded_steps_are_left_out():
    vae = tiny((None, 1), likelihood="gaussian", encoder=kv.encoders.GRU((4,)), decoder=kv.decoders.GRU((4,)))
    mask = np.arange(5) < np.array([[3], [5]])
    ax = kv.plots.reconstructions(vae, {"x": data((5, 1), 2), "mask": mask})
    shown = [~np.isnan(panel.lines[0].get_ydata()) for panel in ax.child_axes]
    np.testing.assert_array_equal(shown, [*mask, *mask])
    assert len(kv.plots.samples(vae, 2, length=7).child_axes[0].lines[0].get_ydata()) == 7


def test_wide_series_are_rolls_of_time_and_number():
    vae = tiny((7, 12))
    ax = kv.plots.samples(vae, 2, mode="sample")
    drawn = vae.generate(2, mode="sample", seed=0)
    image = ax.child_axes[1].images[0]
    np.testing.assert_array_equal(image.get_array(), drawn[1].T)
    assert image.origin == "lower"


def test_tables_are_histograms_of_draws_beside_the_data():
    vae = tiny((3,), likelihood="gaussian")
    x = data((3,), 200)
    ax = kv.plots.samples(vae, 500, x=x, names=["a", "b", "c"], columns=[2, 0])
    assert [panel.get_title() for panel in ax.child_axes if panel.get_visible()] == ["c", "a"]
    drawn = vae.generate(500, mode="sample", seed=0)
    for panel, column in zip(ax.child_axes, (2, 0), strict=False):
        *bars, outline = panel.patches  # the data, and the outline of the samples
        edges = [bar.get_x() for bar in bars] + [bars[-1].get_x() + bars[-1].get_width()]
        counts, _ = np.histogram(x[:, column], edges, density=True)
        np.testing.assert_allclose([bar.get_height() for bar in bars], counts, rtol=1e-4, atol=1e-6)
        heights = np.histogram(drawn[:, column], edges)[0] / (500 * (edges[1] - edges[0]))
        assert outline.get_xy()[:, 1].max() == pytest.approx(heights.max(), rel=1e-3)


def test_bars_of_counts_are_around_whole_numbers():
    vae = tiny((2,), likelihood="poisson")
    x = np.random.default_rng(0).poisson(3.0, (100, 2)).astype("float32")
    bars = kv.plots.samples(vae, 50, x=x).child_axes[0].patches[:-1]
    assert {bar.get_x() % 1 for bar in bars} == {0.5}
    assert {round(bar.get_width(), 5) for bar in bars} == {1.0}


def test_one_field_of_several():
    vae = kv.VAE(
        {"image": IMAGE, "number": (2,)},
        2,
        likelihood={"image": "bernoulli", "number": "gaussian"},
        encoder={"image": kv.encoders.MLP((4,)), "number": kv.encoders.MLP((4,))},
        decoder={"image": kv.decoders.MLP((4,)), "number": kv.decoders.MLP((4,))},
        seed=0,
    )
    x = {"image": data(), "number": data((2,))}
    shown = pixels_of(kv.plots.reconstructions(vae, x, 3, field="image"))
    np.testing.assert_allclose(cell(shown, 1, 2), vae.predict(x)["image"][2, ..., 0], atol=1e-5)
    with pytest.raises(ValueError, match=r"`field` must be one of \['image', 'number'\]"):
        kv.plots.samples(vae)
    with pytest.raises(ValueError, match="no interpolation between data of several fields"):
        kv.plots.interpolation(vae, x, x)


def test_datasets_are_read_from_their_start(vae):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return (data(rows=4, seed=index),)

    shown = pixels_of(kv.plots.reconstructions(vae, Batches(), 6))
    np.testing.assert_allclose(cell(shown, 0, 5), data(rows=4, seed=1)[1, ..., 0], atol=1e-6)
    with pytest.raises(ValueError, match=r"can be read again.*Received: a generator"):
        kv.plots.reconstructions(vae, (data() for _ in range(2)))


def test_axes_of_the_user_are_used_and_nothing_else_is_opened(vae):
    figure, (left, right) = plt.subplots(1, 2)
    series = tiny((5, 1), likelihood="gaussian")
    assert kv.plots.samples(vae, 2, ax=left) is left
    assert kv.plots.samples(series, 2, ax=right) is right
    assert right.child_axes[0].figure is figure
    assert plt.get_fignums() == [figure.number]
    with pytest.raises(ValueError, match=r"Argument `ax` must be the matplotlib Axes.*Received: ndarray"):
        kv.plots.samples(vae, ax=np.array([left, right]))


def test_off_screen_figures_are_unknown_to_pyplot_and_as_wide_as_asked(vae, tmp_path):
    with kv.plots.off_screen(width=4.5):
        ax = kv.plots.samples(vae, 20)
    assert plt.get_fignums() == []
    assert ax.figure.get_figwidth() == 4.5
    ax.figure.savefig(tmp_path / "wide.svg")
    ax.figure.savefig(tmp_path / "wide.png", dpi=100)
    assert plt.imread(tmp_path / "wide.png").shape[1] == 450
    kv.plots.samples(vae, 2)
    assert len(plt.get_fignums()) == 1


@pytest.mark.on_torch
@pytest.mark.parametrize(
    ("given", "shape"),
    [
        (np.zeros((12, 4, 3)), (2 * 5 - 1, 10 * 4 - 1)),
        (np.zeros((12, 4, 3, 1)), (2 * 5 - 1, 10 * 4 - 1)),
        (np.zeros((12, 4, 5, 3)), (2 * 5 - 1, 10 * 6 - 1, 3)),
        (np.zeros((2, 6, 4, 5, 1)), (2 * 5 - 1, 6 * 6 - 1)),
        ([np.zeros((6, 4, 5, 1)), np.ones((6, 4, 5, 1))], (2 * 5 - 1, 6 * 6 - 1)),
    ],
)
def test_forms_of_images(given, shape):
    assert kv.plots.images(given).images[0].get_array().shape == shape


@pytest.mark.on_torch
def test_limits_of_images_are_guessed_from_their_values():
    limits = [
        kv.plots.images(np.full((2, 4, 4), top) * data((4, 4), 2)).images[0].get_clim() for top in (1.0, 16.0, 1000.0)
    ]
    assert limits[0] == (0.0, 1.0)
    assert limits[1] == (0.0, 255.0)
    assert limits[2][1] > 900
    assert kv.plots.images(data((4, 4), 2), limits=(0, 16)).images[0].get_clim() == (0, 16)


@pytest.mark.on_torch
@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda vae: kv.plots.images(np.zeros((4, 3))), r"`x` must be images.*Received: shape \(4, 3\)"),
        (lambda vae: kv.plots.images([np.zeros((2, 4, 4)), np.zeros((3, 4, 4))]), "arrays of one shape, one for each"),
        (lambda vae: kv.plots.samples(vae, 0), "`n` must be an int >= 1"),
        (lambda vae: kv.plots.samples(vae, field="image"), "`field` is for data of several fields"),
        (lambda vae: kv.plots.latent_grid(vae, dims=(0, 3)), "two different dimensions of 3, from 0 to 2"),
        (lambda vae: kv.plots.latent_grid(vae, dims=(1, 1)), "two different dimensions"),
        (lambda vae: kv.plots.latent_grid(vae, extent=-1.0), "`extent` must be a finite number > 0"),
        (lambda vae: kv.plots.latent_grid(vae, level=1), "`level` must be the index of a level"),
        (lambda vae: kv.plots.samples(tiny((4, 4, 2))), r"There are pictures of images .*\(4, 4, 2\)"),
        (
            lambda vae: kv.plots.samples(kv.VAE((5,), likelihood=kv.likelihoods.Categorical(4))),
            "Sequences of categories, such as tokens, have no picture",
        ),
        (lambda vae: kv.plots.samples(tiny((3,)), names=["a"]), "`names` must hold a name for each column. Expected 3"),
        (lambda vae: kv.plots.samples(tiny((3,)), columns=[3]), "indices of columns, from 0 to 2"),
    ],
)
def test_refusals(vae, draw, words):
    with pytest.raises(ValueError, match=f"(?s){words}"):
        draw(vae)


@pytest.mark.on_torch
def test_latents_that_are_no_vectors_of_real_numbers_are_refused():
    sphere = tiny(latent_dim=3, prior="uniform_sphere", posterior="von_mises_fisher")
    with pytest.raises(ValueError, match=r"vectors of real numbers. Received: level 0 .*'sphere'"):
        kv.plots.traversals(sphere)


# One style under every label --------------------------------------------------------------------------


def labelled(**options):
    return tiny(condition_shape=(), condition_encoder=one_hot(3), **options)


def test_analogies_decode_the_latents_of_an_example_under_every_label():
    vae, x, own = labelled(), data(rows=4), np.array([2, 0, 1, 1])
    ax = kv.plots.analogies(vae, {"x": x, "label": own}, 3)
    shown, z = pixels_of(ax), vae.encode([x, own])
    assert ticks(ax.xaxis) == ["data", "0", "1", "2"]
    for row in range(3):
        np.testing.assert_array_equal(cell(shown, row, 0), x[row, ..., 0])
        for label in range(3):
            expected = vae.decode(z[row : row + 1], np.array([label]))[0, ..., 0]
            np.testing.assert_allclose(cell(shown, row, 1 + label), expected, atol=1e-6)
    chosen = kv.plots.analogies(vae, [x, own], 1, labels=[2])
    np.testing.assert_allclose(pixels_of(chosen)[:, 6:], cell(shown, 0, 3), atol=1e-6)


@pytest.mark.parametrize("rows", [False, True])
def test_a_label_that_is_missing_is_predicted(rows):
    own = np.array([2, -1, 1, -1])
    options = {"condition_shape": (3,)} if rows else {"condition_shape": (), "condition_encoder": one_hot(3)}
    vae, x = tiny(objective="semi_supervised", **options), data(rows=4)
    guessed = np.where(own < 0, vae.predict_label(x).argmax(axis=1), own)
    given = np.where(own[:, None] < 0, np.nan, np.eye(3)[own]).astype("float32") if rows else own
    known = np.eye(3, dtype="float32")[guessed] if rows else guessed
    first, second = (pixels_of(kv.plots.analogies(vae, [x, labels])) for labels in (given, known))
    np.testing.assert_array_equal(first, second)
    assert pixels_of(kv.plots.analogies(vae, x)).shape == first.shape


@pytest.mark.refusals
def test_analogies_need_labels():
    with pytest.raises(ValueError, match=r"condition is a label.*condition_shape=None"):
        kv.plots.analogies(tiny(), data())
    with pytest.raises(ValueError, match=r"`x`: an example is encoded with its own label.*ELBO"):
        kv.plots.analogies(labelled(), data())
    with pytest.raises(ValueError, match=r"`labels`.*0 to 2.*\[3\]"):
        kv.plots.analogies(labelled(), [data(), np.zeros(12, "int32")], labels=[3])
