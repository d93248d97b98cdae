"""Tables whose columns are of different kinds."""

import json

import keras
import numpy as np
import pytest
import scipy.stats
from keras import ops

import keras_vae as kv
from tests.likelihoods.test_likelihoods import SINGLE
from tests.mathematics.autodiff import vector_jacobian

pytestmark = pytest.mark.eager

RNG = np.random.default_rng(0)
ROWS = 7
FEATURES = RNG.standard_normal((ROWS, 5)).astype("float32")
# Two real numbers, one category of four, one binary, two counts.
TABLE = np.column_stack(
    [
        RNG.standard_normal((ROWS, 2)),
        RNG.integers(0, 4, ROWS),
        RNG.integers(0, 2, ROWS),
        RNG.poisson(3.0, (ROWS, 2)),
    ]
).astype("float32")
GAPS = RNG.random(TABLE.shape) < 0.4
GAPS[0] = [True, False, True, True, False, True]
WITH_GAPS = np.where(GAPS, np.nan, TABLE).astype("float32")


def mixed(scale=None, **kwargs):
    columns = [("gaussian", 2), (kv.likelihoods.Categorical(4), 1), ("bernoulli", 1), (kv.likelihoods.Poisson(), 2)]
    likelihood = kv.likelihoods.Columns(columns, **kwargs)
    likelihood.build((None, 5), (6,))
    if scale is not None:
        likelihood.adapt(scale * TABLE)
    return likelihood


def numpy(value):
    return ops.convert_to_numpy(value)


def by_scipy(value, x):
    """Log densities of all elements, `(batch, columns)`."""
    gaussian, category, binary, counts = value.parts
    scale = np.exp(0.5 * float(numpy(gaussian.log_var)))
    probabilities = scipy.special.softmax(numpy(category.logits).astype("float64"), axis=-1)[:, 0]
    return np.column_stack(
        [
            scipy.stats.norm.logpdf(x[:, :2], numpy(gaussian.loc), scale),
            np.log(probabilities[np.arange(len(x)), x[:, 2].astype(int)]),
            scipy.stats.bernoulli.logpmf(x[:, 3:4], scipy.special.expit(numpy(binary.logits).astype("float64"))),
            scipy.stats.poisson.logpmf(x[:, 4:], np.exp(numpy(counts.log_rate).astype("float64"))),
        ]
    )


def test_density_is_scipys():
    likelihood = mixed(scale=3.0)
    value = likelihood.distribution(likelihood(FEATURES))
    np.testing.assert_allclose(numpy(value.log_prob(TABLE)), by_scipy(value, TABLE).sum(axis=1), rtol=1e-5, atol=1e-4)


def test_missing_elements_count_nowhere():
    likelihood = mixed(missing="nan")
    value = likelihood.distribution(likelihood(FEATURES), mask=~GAPS)
    expected = np.where(GAPS, 0.0, by_scipy(value, TABLE)).sum(axis=1)
    np.testing.assert_allclose(numpy(value.log_prob(WITH_GAPS)), expected, rtol=1e-5, atol=1e-4)
    all_missing = likelihood.distribution(likelihood(FEATURES), mask=np.zeros_like(GAPS))
    np.testing.assert_array_equal(numpy(all_missing.log_prob(np.full_like(TABLE, np.nan))), 0.0)


def test_several_draws_of_one_table():
    """A leading axis of samples, which the mask does not have."""
    likelihood = mixed(missing="nan")
    value = likelihood.distribution(likelihood(FEATURES), mask=~GAPS)
    one = numpy(value.log_prob(WITH_GAPS))
    np.testing.assert_allclose(numpy(value.log_prob(np.stack([WITH_GAPS] * 3))), np.stack([one] * 3), rtol=1e-6)


def test_mean_mode_variance_and_typical():
    likelihood = mixed()
    value = likelihood.distribution(likelihood(FEATURES))
    gaussian, category, binary, counts = value.parts
    typical = numpy(likelihood.typical(value))
    expected = [gaussian.mean(), category.mode(), binary.mean(), counts.mean()]
    np.testing.assert_allclose(typical, np.column_stack([numpy(part) for part in expected]), rtol=1e-6)
    for method in ("mean", "mode", "variance", "sample"):
        found = getattr(value, method)()
        assert keras.backend.standardize_dtype(found.dtype) == "float32"
        assert found.shape == TABLE.shape
    np.testing.assert_allclose(numpy(value.variance())[:, 3:4], numpy(binary.variance()), rtol=1e-6)
    np.testing.assert_allclose(numpy(value.mode())[:, 4:], numpy(counts.mode()), rtol=1e-6)


def test_a_column_without_a_variance_is_named():
    class NoVariance(kv.distributions.Gaussian):
        def variance(self):
            raise NotImplementedError("none here")

    zeros = np.zeros((1, 2), "float32")
    value = kv.distributions.Concatenated([kv.distributions.Gaussian(zeros, zeros), NoVariance(zeros, zeros)], (2, 2))
    with pytest.raises(NotImplementedError, match=r"columns 2 to 3, a NoVariance, have no variance: none here"):
        value.variance()
    assert value.mean().shape == (1, 4)


def test_noise_of_each_group_is_its_own():
    zeros = np.zeros((500, 2), "float32")
    value = kv.distributions.Concatenated([kv.distributions.Gaussian(zeros, zeros) for _ in range(2)], (2, 2))
    drawn = numpy(value.sample(seed=3))
    assert np.abs(np.corrcoef(drawn, rowvar=False) - np.eye(4)).max() < 0.2
    np.testing.assert_array_equal(drawn, numpy(value.sample(seed=3)))
    generator = keras.random.SeedGenerator(0)
    assert np.abs(numpy(value.sample(generator)) - numpy(value.sample(generator))).max() > 0.1


@pytest.mark.parametrize("name", SINGLE)
def test_masked_nan_in_every_likelihood(name):
    """A column of every kind beside one of real numbers: value and gradients ignore what is missing."""
    make = {"categorical": lambda: kv.likelihoods.Categorical(4)}
    if name == "discretized_logistic_mixture":
        pytest.skip("is of images, and not of columns")
    part = make.get(name, lambda: kv.likelihoods.get(name))()
    likelihood = kv.likelihoods.Columns([("gaussian", 1), (part, 2)], missing="nan")
    likelihood.build((None, 5), (3,))
    inside = 0.5 if part.support.open_low or part.support.high == 1.0 else 2.0
    x = np.full((4, 3), inside, "float32")
    gaps = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 0]], dtype="bool")
    for size in (0.0, 60.0, -60.0):  # far out a mean may be infinite, and may not stand in for what is missing
        params = {key: numpy(value) + size for key, value in likelihood(FEATURES[:4])["1"].items()}
        names = sorted(params)

        def loss(*values, filled, names=names):
            loc = ops.zeros((4, 1))
            value = likelihood.distribution({"0": {"loc": loc}, "1": dict(zip(names, values, strict=True))}, mask=~gaps)
            return value.log_prob(np.where(gaps, filled, x).astype("float32"))

        arguments = [params[key].astype("float32") for key in names]
        ones = np.ones(4, "float32")
        found = vector_jacobian(lambda *values, f=loss: f(*values, filled=np.nan), arguments, ones)
        expected = vector_jacobian(lambda *values, f=loss: f(*values, filled=inside), arguments, ones)
        for one, other in zip((found[0], *found[1]), (expected[0], *expected[1]), strict=True):
            assert np.isfinite(one).all(), (name, size)
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
        for gradient in found[1]:  # (batch, 2) or (batch, 2, categories)
            assert np.all(gradient[gaps[:, 1:]] == 0.0)


def test_what_the_network_sees():
    likelihood = mixed()
    expected = np.column_stack([TABLE[:, :2], np.eye(4)[TABLE[:, 2].astype(int)], TABLE[:, 3], TABLE[:, 4:]])
    counts = numpy(likelihood.parts[3].to_network(TABLE[:, 4:]))
    expected[:, -2:] = counts
    np.testing.assert_allclose(numpy(likelihood.to_network(TABLE)), expected, rtol=1e-6)
    hidden = np.repeat(GAPS, [1, 1, 4, 1, 1, 1], axis=1)
    shown = numpy(likelihood.to_network(TABLE, present=~GAPS))
    np.testing.assert_allclose(shown, np.where(hidden, 0.0, expected), rtol=1e-6)
    missing = mixed(missing="nan")
    np.testing.assert_allclose(numpy(missing.to_network(WITH_GAPS)), shown, rtol=1e-6)
    # the model fills NaN with what it likes
    np.testing.assert_allclose(numpy(missing.to_network(np.where(GAPS, -1.0, TABLE), present=~GAPS)), shown, rtol=1e-6)


def test_several_columns_of_categories_and_of_logarithms():
    likelihood = kv.likelihoods.Columns([(kv.likelihoods.Categorical(3), 2), ("log_normal", 1)], missing="nan")
    x = np.array([[2, 0, 1.0], [np.nan, 1, np.nan]], "float32")
    expected = [[0, 0, 1, 1, 0, 0, 0.0], [0, 0, 0, 0, 1, 0, 0]]
    np.testing.assert_allclose(numpy(likelihood.to_network(x)), expected, atol=1e-6)


def test_a_series_of_rows():
    """Axes in front of the columns are all groups' own, and a mask of steps is handed on."""
    likelihood = kv.likelihoods.Columns([("gaussian", 2), (kv.likelihoods.Categorical(3), 1)])
    likelihood.build((None, None, 5), (None, 3))
    features = RNG.standard_normal((2, 4, 5)).astype("float32")
    x = np.concatenate([RNG.standard_normal((2, 4, 2)), RNG.integers(0, 3, (2, 4, 1))], axis=-1).astype("float32")
    steps = np.array([[True, True, False, False], [True] * 4])
    params = likelihood(features)
    by_steps = numpy(likelihood.distribution(params, mask=steps).log_prob(x))
    by_elements = numpy(likelihood.distribution(params, mask=np.repeat(steps[..., None], 3, -1)).log_prob(x))
    short = {place: {name: t[:1, :2] for name, t in group.items()} for place, group in params.items()}
    np.testing.assert_allclose(by_steps, by_elements, rtol=1e-6)
    np.testing.assert_allclose(by_steps[:1], numpy(likelihood.distribution(short).log_prob(x[:1, :2])), rtol=1e-5)
    assert likelihood.to_network(x).shape == (2, 4, 5)


def test_support_names_the_columns():
    found = kv.data.column_supports(mixed().support, 6)
    assert [entry[:2] for entry in found] == [(0, 1), (2, 2), (3, 3), (4, 5)]
    assert [entry[2].categorical for entry in found] == [False, True, False, False]
    assert found[3][2] == kv.likelihoods.Poisson.support


def test_adapt_shows_every_group_its_own():
    likelihood = kv.likelihoods.Columns([("gaussian", 2), ("bernoulli", 1), ("log_normal", 1)], missing="nan")
    likelihood.build((None, 5), (4,))
    n = 4000
    x = np.column_stack(
        [3.0 * RNG.standard_normal((n, 2)), RNG.integers(0, 2, n), np.exp(0.5 * RNG.standard_normal(n))]
    )
    x[RNG.random(x.shape) < 0.3] = np.nan
    assert not likelihood.adapted
    assert not likelihood.must_adapt
    likelihood.adapt(x, None)
    assert likelihood.adapted
    assert likelihood.parts[0].current_scale() == pytest.approx(3.0, rel=0.1)
    assert likelihood.parts[2].current_scale() == pytest.approx(0.5, rel=0.1)


def test_a_group_adapted_by_hand_is_left_as_it_is():
    likelihood = kv.likelihoods.Columns([("gaussian", 1), ("laplace", 1)])
    likelihood.build((None, 5), (2,))
    likelihood.parts[0].adapt(10.0 * RNG.standard_normal((1000, 1)))
    likelihood.adapt(RNG.standard_normal((1000, 2)))
    assert likelihood.parts[0].current_scale() == pytest.approx(10.0, rel=0.1)
    likelihood.adapt(RNG.standard_normal((1000, 2)))  # all have been: once more
    assert likelihood.parts[0].current_scale() == pytest.approx(1.0, rel=0.1)


class MustSee(kv.likelihoods.Gaussian):
    must_adapt = True


def test_a_group_that_must_be_shown_data():
    likelihood = kv.likelihoods.Columns([(MustSee(), 1), ("bernoulli", 1)])
    likelihood.build((None, 5), (2,))
    assert likelihood.must_adapt
    likelihood.adapt(TABLE[:, :2])
    assert not likelihood.must_adapt


@pytest.mark.parametrize("name", ["gaussian", "laplace", "student_t", "log_normal"])
@pytest.mark.parametrize(("x", "expected"), [(np.full((5, 1), 2.0), 1e-3), (np.full((5, 1), np.nan), None)])
def test_constant_and_empty_columns_have_a_scale(name, x, expected):
    likelihood = kv.likelihoods.get(name)
    likelihood.build((None, 5), (1,))
    likelihood.adapt(x)
    assert np.isfinite(float(likelihood.initial_log_var))
    if expected is None:
        expected = np.sqrt(likelihood.squared_scale + 1e-6)
        assert float(likelihood.initial_log_var) == pytest.approx(2 * np.log(expected), abs=1e-5)
    else:
        assert expected <= likelihood.current_scale() < 2 * expected
    value = likelihood.distribution(likelihood(FEATURES))
    assert np.isfinite(numpy(value.log_prob(np.full((ROWS, 1), 2.0)))).all()


def test_config():
    likelihood = mixed(missing="nan")
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(likelihood)))
    restored = keras.saving.deserialize_keras_object(config)
    assert "project" not in likelihood.get_config()
    assert (restored.widths, restored.missing) == ((2, 1, 1, 2), "nan")
    assert [type(part) for part in restored.parts] == [type(part) for part in likelihood.parts]
    if not restored.built:
        restored.build((None, 5), (6,))
    restored.set_weights(likelihood.get_weights())
    before, after = (numpy(layer.distribution(layer(FEATURES)).log_prob(TABLE)) for layer in (likelihood, restored))
    np.testing.assert_array_equal(before, after)


def test_config_of_the_value():
    likelihood = mixed()
    value = likelihood.distribution(likelihood(FEATURES))
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(value))
    np.testing.assert_allclose(numpy(restored.log_prob(TABLE)), numpy(value.log_prob(TABLE)), rtol=1e-6)
    assert restored.widths == value.widths
    assert not value.has_tensors
    with pytest.raises(NotImplementedError, match="parts"):
        value.tensors()
    with pytest.raises(ValueError, match=r"`widths`.*Expected 4. Received: widths=\(1,\)"):
        kv.distributions.Concatenated(value.parts, [1])


def test_half_precision():
    likelihood = mixed(missing="nan", dtype="mixed_float16")
    assert {part.compute_dtype for part in likelihood.parts} == {"float32", "float16"}  # an instance keeps its own
    params = likelihood(FEATURES)
    for tensor in keras.tree.flatten(params):
        assert keras.backend.standardize_dtype(tensor.dtype) == "float32"
    shown = likelihood.to_network(WITH_GAPS)
    assert keras.backend.standardize_dtype(shown.dtype) == "float32"
    value = likelihood.distribution(params, mask=~GAPS)
    assert keras.backend.standardize_dtype(value.log_prob(WITH_GAPS).dtype) == "float32"
    assert np.isfinite(numpy(value.log_prob(WITH_GAPS))).all()


def test_in_a_model():
    """The model takes a table that has no gaps as it takes any other data."""
    likelihood = kv.likelihoods.Columns(
        [("gaussian", 2), (kv.likelihoods.Categorical(4), 1), ("bernoulli", 1), ("poisson", 2)]
    )
    vae = kv.VAE((6,), 2, encoder=kv.encoders.MLP((8,)), decoder=kv.decoders.MLP((8,)), likelihood=likelihood, seed=0)
    vae.compile("adam")
    history = vae.fit(np.repeat(TABLE, 8, axis=0), epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    made = vae.predict(TABLE, verbose=0)
    assert made.shape == TABLE.shape
    assert set(np.unique(made[:, 2])) <= {0.0, 1.0, 2.0, 3.0}  # the mode of a category
    assert np.abs(made[:, 3] - np.round(made[:, 3])).max() > 1e-3  # the mean of a binary


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([], r"list of pairs"),
        ("gaussian", r"list of pairs.*Received: columns='gaussian'"),
        ([("gaussian",)], r"list of pairs"),
        ([("gaussian", 0)], r"`columns` must be an int >= 1.*Received"),
        ([(kv.likelihoods.Categorical(4, padding=0), 1)], r"without `padding` and `end`"),
        ([(kv.likelihoods.Categorical(4, end=1), 1)], r"without `padding` and `end`"),
        ([(kv.likelihoods.Columns([("gaussian", 1)]), 1)], r"Received: a Columns. List its parts"),
        ([(kv.likelihoods.Joint({"a": "gaussian"}), 1)], r"Received: a Joint"),
    ],
)
def test_bad_columns(columns, message):
    with pytest.raises(ValueError, match=message):
        kv.likelihoods.Columns(columns)


def test_one_instance_twice():
    part = kv.likelihoods.Gaussian()
    with pytest.raises(ValueError, match=r"must not hold one instance twice"):
        kv.likelihoods.Columns([(part, 1), (part, 2)])
    kv.likelihoods.Columns([("gaussian", 1), ("gaussian", 2)])  # a name makes one each


@pytest.mark.parametrize("shape", [(7,), (6, 5), None])
def test_widths_that_do_not_add_up(shape):
    likelihood = kv.likelihoods.Columns([("gaussian", 4), ("bernoulli", 2)])
    with pytest.raises(ValueError, match=r"Expected .*Received: 6, the sum of \[4, 2\]"):
        likelihood.build((None, 5), shape)


def test_the_name_alone_says_what_it_needs():
    with pytest.raises(ValueError, match=r"'columns' has no default for columns.*Columns\(columns=\.\.\.\)"):
        kv.likelihoods.get("columns")
    with pytest.raises(ValueError, match=r"Argument `missing` must be one of"):
        kv.likelihoods.Columns([("gaussian", 1)], missing=-1)


def test_a_part_that_was_built_for_other_data():
    part = kv.likelihoods.Gaussian()
    part.build((None, 5), (3,))
    likelihood = kv.likelihoods.Columns([(part, 2), ("bernoulli", 1)])
    with pytest.raises(ValueError, match=r"Gaussian inside of Columns.*Expected \(2,\). Received: \(3,\)"):
        likelihood.build((None, 5), (3,))
