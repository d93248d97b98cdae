"""Draws with an axis of samples and at temperatures, and densities over that axis, of every distribution class."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from keras_vae import distributions as d
from keras_vae.distributions import Distribution, Independent
from tests.distributions.cases import BATCH, CASES, ELEMENTS, FILE, SEED, TEMPERATURES, mixture, noise, parameters

COUNTS = ("BetaBinomial", "Multinomial", "NegativeBinomial", "Poisson", "ZeroInflated")
YOUNGER = (
    "ExpertMixture",
    "Multinomial",
    "VonMisesFisher",
    "RiemannianNormal",
    "WrappedNormal",
)  # than version 0.1, or drawn in another way since


def numpy(value):
    return ops.convert_to_numpy(value)


@pytest.fixture(params=CASES, name="case")
def fixture_case(request):
    return request.param, CASES[request.param]()


def test_every_class_has_a_case():
    classes = {name for name in d.__all__ if isinstance(getattr(d, name), type)}
    seen = {type(make()).__name__ for make in CASES.values()}
    # TFPDistribution has tests of its own, on TensorFlow; Tempered is what the counts' `tempered` gives
    by_hand = {"Concatenated", "Joint", "Deterministic"}  # values made of others, below; points have no density
    assert classes - seen == {"Distribution", "Independent", "TFPDistribution", "Tempered", *by_hand}
    assert all(issubclass(getattr(d, name), Distribution) for name in classes)


def test_samples_of_values_made_of_others():
    first, second = d.Gaussian(np.zeros((3, 2)), np.zeros((3, 2))), d.Bernoulli(np.zeros((3, 1)))
    table, fields = d.Concatenated([first, second], [2, 1]), d.Joint({"a": first, "b": second})
    draws = table.sample(seed=0, num_samples=50)
    assert tuple(draws.shape) == (50, 3, 3)
    assert tuple(table.log_prob(draws).shape) == (50, 3)
    assert numpy(table.tempered(0.01).sample(0, 50))[..., :2].std() < 0.05 < numpy(draws)[..., :2].std()
    draws = fields.sample(seed=0, num_samples=50)
    assert {name: tuple(field.shape) for name, field in draws.items()} == {"a": (50, 3, 2), "b": (50, 3, 1)}
    expected = numpy(first.log_prob(draws["a"])) + numpy(second.log_prob(draws["b"]))
    np.testing.assert_allclose(numpy(fields.log_prob(draws)), expected, rtol=1e-5)
    assert numpy(fields.tempered(0.01).sample(0, 50)["a"]).std() < 0.05


class TestDrawsOfVersionOne:
    @pytest.fixture(params=[name for name in CASES if name not in YOUNGER])
    def case(self, request):
        return request.param, CASES[request.param]()

    @pytest.fixture
    def stored(self):
        stored = json.loads(FILE.read_text())[keras.backend.backend()]
        if not np.allclose(noise(), stored["noise"], atol=1e-6):
            pytest.skip("keras.random gives other numbers here than where the file was written")
        return stored["draws"]

    @pytest.mark.parametrize("temperature", TEMPERATURES)
    def test_a_seed_gives_the_draws_that_it_gave(self, case, stored, temperature):
        name, value = case
        expected = np.array(stored[name][str(temperature)])
        for given in (temperature, ops.convert_to_tensor(temperature, "float32")):
            np.testing.assert_allclose(numpy(value.tempered(given).sample(SEED)), expected, rtol=1e-4, atol=1e-5)
        if temperature == 1.0:
            np.testing.assert_allclose(numpy(value.sample(SEED)), expected, rtol=1e-6, atol=1e-7)

    def test_the_old_argument_still_works_and_warns(self, case, stored):
        name, value = case
        half = ops.convert_to_tensor(0.5)
        calls = [lambda: value.sample(SEED, temperature=0.5), lambda: value.sample(SEED, temperature=half)]
        calls += [lambda: value.sample(SEED, 0.5), lambda: value.sample(SEED, half)]
        for call in calls:
            with pytest.warns(DeprecationWarning, match=r"tempered\(temperature\)"):
                draws = call()
            np.testing.assert_allclose(numpy(draws), np.array(stored[name]["0.5"]), rtol=1e-4, atol=1e-5)


class TestTempered:
    def test_one_changes_nothing(self, case):
        _, value = case
        one = ops.convert_to_tensor(1.0)
        np.testing.assert_array_equal(numpy(value.tempered(1.0).sample(SEED)), numpy(value.sample(SEED)))
        np.testing.assert_array_equal(numpy(value.tempered(one).sample(SEED)), numpy(value.sample(SEED)))

    def test_a_tempered_density_fits_its_draws(self, case):
        """At every temperature, zero too, the density is finite at the draws, or says that there is none."""
        name, value = case
        for temperature in (0.0, 0.3, 2.0):
            tempered = value.tempered(temperature)
            draws = tempered.sample(SEED)
            assert np.all(np.isfinite(numpy(draws)))
            if name in COUNTS:
                assert isinstance(tempered, d.Tempered)
                with pytest.raises(NotImplementedError, match=type(value).__name__):
                    tempered.log_prob(draws)
            else:
                assert type(tempered) is type(value)
                assert np.all(np.isfinite(numpy(tempered.log_prob(draws))))

    @pytest.mark.parametrize("name", COUNTS)
    def test_hot_counts_are_counts(self, name):
        draws = numpy(CASES[name]().tempered(5.0).sample(SEED, num_samples=50))
        assert draws.min() == 0
        assert name != "BetaBinomial" or draws.max() == 20

    def test_a_gaussian_at_a_temperature_is_the_narrower_gaussian(self):
        value, x = CASES["Gaussian"](), parameters(BATCH, 2, seed=9)
        narrow = d.Gaussian(value.loc, value.log_var + 2 * np.log(0.5))
        np.testing.assert_allclose(numpy(value.tempered(0.5).log_prob(x)), numpy(narrow.log_prob(x)), rtol=1e-5)
        np.testing.assert_allclose(numpy(value.tempered(0.5).variance()), numpy(narrow.variance()), rtol=1e-5)

    def test_a_flow_at_a_temperature_has_the_density_of_its_draws(self):
        value = CASES["Transformed by couplings"]().tempered(0.4)
        draws, log_prob = value.sample_and_log_prob(SEED)
        np.testing.assert_allclose(numpy(log_prob), numpy(value.log_prob(draws)), rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("temperature", [-0.5, float("nan")])
    def test_a_number_that_is_none(self, case, temperature):
        with pytest.raises(ValueError, match="`temperature`"):
            case[1].tempered(temperature)

    def test_draws_alone_are_not_tempered_twice(self):
        with pytest.raises(NotImplementedError, match="product of both"):
            CASES["Poisson"]().tempered(0.5).tempered(0.5)


class TestSamples:
    def test_draws_stand_in_front_of_the_batch(self, case):
        _, value = case
        one, several = numpy(value.sample(SEED)), numpy(value.sample(SEED, num_samples=4))
        assert several.shape == (4, *one.shape)
        assert several.dtype == one.dtype
        assert np.array_equal(several, numpy(value.sample(SEED, num_samples=4)))
        assert not np.array_equal(several, numpy(value.sample(SEED + 1, num_samples=4)))
        many = numpy(value.sample(SEED, num_samples=40))
        assert len(np.unique(many.reshape(40, -1), axis=0)) > 10
        assert numpy(value.sample(SEED, num_samples=1)).shape == (1, *one.shape)
        tempered = numpy(value.tempered(0.7).sample(SEED, num_samples=4))
        assert tempered.shape == several.shape

    def test_every_sample_follows_the_distribution(self, case):
        """Many samples spread over every row as many calls with one do."""
        _, value = case
        samples = numpy(value.sample(SEED, num_samples=3000)).astype("float64")
        generator = keras.random.SeedGenerator(3)
        singles = np.stack([numpy(value.sample(generator)) for _ in range(40)]).astype("float64")
        # by how often a draw lies below each quartile: tails of Student's t are heavy
        for quantile in (0.25, 0.5, 0.75):
            bound = np.quantile(samples, quantile, axis=0)
            difference = np.mean(singles < bound, axis=0) - np.mean(samples < bound, axis=0)
            assert np.all(np.abs(difference) < 5 * np.sqrt(0.25 / 40))
            assert np.abs(np.mean(difference)) < 5 * np.sqrt(0.25 / 40 / BATCH)

    def test_densities_broadcast_over_samples(self, case):
        _, value = case
        draws = value.sample(SEED, num_samples=4)
        together = numpy(value.log_prob(draws))
        looped = np.stack([numpy(value.log_prob(draws[index])) for index in range(4)])
        assert together.shape == (4, BATCH)
        np.testing.assert_allclose(together, looped, rtol=1e-4, atol=1e-5)

    def test_two_axes_in_front(self, case):
        _, value = case
        draws = numpy(value.sample(SEED, num_samples=6))
        deep = draws.reshape(2, 3, *draws.shape[1:])
        together = numpy(value.log_prob(draws)).reshape(2, 3, BATCH)
        np.testing.assert_allclose(numpy(value.log_prob(deep)), together, rtol=1e-4, atol=1e-5)

    def test_draws_and_densities_at_once(self, case):
        _, value = case
        draws, log_prob = value.sample_and_log_prob(SEED, num_samples=4)
        np.testing.assert_allclose(numpy(draws), numpy(value.sample(SEED, num_samples=4)), rtol=1e-5, atol=1e-6)
        assert log_prob.shape == (4, BATCH)
        np.testing.assert_allclose(numpy(log_prob), numpy(value.log_prob(draws)), rtol=1e-3, atol=1e-3)

    @pytest.mark.parametrize("name", ELEMENTS)
    def test_a_mask_belongs_to_the_batch(self, name):
        # as many samples as rows and steps, so that a mask on the wrong axis would fit too
        mask = np.array([[True, True, False], [True, False, False], [True, True, True]])
        value = ELEMENTS[name]((3, 3, 2), event_ndims=2, mask=mask)
        draws = numpy(value.sample(SEED, num_samples=3)).copy()
        elements = numpy(value.elementwise_log_prob(ops.convert_to_tensor(draws)))
        expected = np.sum(elements * mask[None, :, :, None], axis=(-2, -1))
        draws[:, ~mask] = 0 if name == "Categorical" else np.nan
        found = numpy(value.log_prob(draws))
        assert found.shape == (3, 3)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("number", [0, -1, True, "3"])
    def test_a_number_of_samples_that_is_none(self, number):
        with pytest.raises(ValueError, match="`num_samples`"):
            CASES["Gaussian"]().sample(SEED, num_samples=number)

    def test_a_mixture_without_a_batch(self):
        assert mixture(None).sample(SEED, num_samples=5).shape == (5, 2)

    @pytest.mark.parametrize("scale", [1.0, 1e4])
    def test_the_gradient_of_a_mixture_over_samples(self, scale):
        """Both of its paths: a large distance makes the fast one inexact."""
        draws = mixture(BATCH).sample(SEED, num_samples=4)
        loc = scale * parameters(4, 2)

        class Weights(keras.layers.Layer):
            def __init__(self):
                super().__init__()
                self.loc = self.add_weight(shape=(4, 2), initializer="zeros")

            def call(self, z):
                value = d.GaussianMixture(self.loc + loc, parameters(4, 2, seed=1) - 8, None)
                return value.log_prob(z + loc[0])

        moved = []
        for axes in (lambda z: z[None], lambda z: ops.reshape(z, (1, -1, 2))):
            layer = Weights()
            model = keras.Sequential([layer])
            model.compile(keras.optimizers.SGD(1e-4), loss=lambda y, found: -ops.mean(found))
            model.fit(numpy(axes(draws)), np.zeros((1, 1)), verbose=0)
            moved.append(numpy(layer.loc))
        assert np.abs(moved[0]).max() > 0
        np.testing.assert_allclose(moved[0], moved[1], rtol=1e-4, atol=1e-8)


@pytest.mark.on_tensorflow
class TestTFP:
    @pytest.mark.parametrize("batch_size", [None, 3])
    def test_draws_and_densities(self, batch_size):
        tfp = pytest.importorskip("tensorflow_probability")
        loc = parameters(2) if batch_size else parameters(3, 2)
        value = d.TFPDistribution(tfp.distributions.Independent(tfp.distributions.Laplace(loc, 1.0), 1), batch_size)
        draws, log_prob = value.sample_and_log_prob(SEED, num_samples=4)
        assert draws.shape == (4, 3, 2)
        looped = np.stack([numpy(value.log_prob(draws[index])) for index in range(4)])
        np.testing.assert_allclose(numpy(log_prob), looped, rtol=1e-5)
        assert len(np.unique(numpy(draws))) == 24
        np.testing.assert_array_equal(numpy(value.tempered(0.1).sample(SEED)), numpy(value.sample(SEED)))


def test_the_independent_ones_are_all_here():
    members = [getattr(d, name) for name in d.__all__]
    independent = {m.__name__ for m in members if isinstance(m, type) and issubclass(m, Independent)}
    assert independent - set(ELEMENTS) == {"Independent", "DiscretizedLogisticMixture", "Multinomial"}


def test_points_are_their_own_draws():
    point = d.Deterministic(parameters(BATCH, 2))
    expected = np.broadcast_to(numpy(point.loc), (4, BATCH, 2))
    np.testing.assert_array_equal(numpy(point.sample(SEED, num_samples=4)), expected)
    for value in (point.sample(SEED), point.mean(), point.mode(), point.tempered(0.5).sample(SEED)):
        np.testing.assert_array_equal(numpy(value), expected[0])
    assert not numpy(point.variance()).any()
    with pytest.raises(NotImplementedError, match="no density"):
        point.log_prob(point.loc)
