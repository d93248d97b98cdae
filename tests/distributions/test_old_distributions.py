"""Distributions that were written for version 0.1: `sample(seed, temperature)`, and no samples' axis."""

import dataclasses
import warnings

import keras
import numpy as np
import pytest
from keras import ops

from keras_vae.distributions import Distribution, Gaussian, Independent, Tempered, Transformed

ZEROS = np.zeros((2, 3), "float32")


def numpy(value):
    return ops.convert_to_numpy(value)


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)

    @dataclasses.dataclass(frozen=True, eq=False)
    class Old(Independent):
        loc: object

        def __post_init__(self):
            self._set(loc=ops.convert_to_tensor(self.loc))

        def elementwise_log_prob(self, value):
            return -0.5 * ops.square(value - self.loc) - 0.9189385

        def sample(self, seed=None, temperature=1.0):
            return self.loc + temperature * keras.random.normal(ops.shape(self.loc), dtype="float32", seed=seed)

        def mean(self):
            return self.loc

    @dataclasses.dataclass(frozen=True, eq=False)
    class OldPair(Old):
        samples_with_log_prob = True

        def sample_and_log_prob(self, seed=None):
            value = self.sample(seed)
            return value, self.log_prob(value)

    @dataclasses.dataclass(frozen=True, eq=False)
    class Wider(Gaussian):
        """Calls up, to a class that is of today."""

        def sample(self, seed=None, temperature=1.0):
            return super().sample(seed, temperature=2.0 * temperature)


def test_the_definition_warns_where_it_stands():
    with pytest.warns(DeprecationWarning, match=r"Mine.sample.*tempered\(temperature\)") as caught:

        class Mine(Distribution):
            def sample(self, seed=None, temperature=1.0):
                return ZEROS

    assert [warning.filename for warning in caught] == [__file__]


def test_a_class_of_today_does_not_warn():
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*deprecated and will be removed")

        class Mine(Gaussian):
            def sample(self, seed=None, num_samples=None):
                return super().sample(seed, num_samples=num_samples)

        class Passes(Gaussian):
            def sample(self, *args, **kwargs):
                return super().sample(*args, **kwargs)

        for kind in (Mine, Passes):
            assert kind(ZEROS, ZEROS).sample(1, num_samples=4).shape == (4, 2, 3)
            np.testing.assert_array_equal(
                numpy(kind(ZEROS, ZEROS).tempered(0.5).sample(1)), numpy(Gaussian(ZEROS, ZEROS).tempered(0.5).sample(1))
            )


@pytest.mark.parametrize("kind", [Old, OldPair])
@pytest.mark.parametrize("seed", [3, None, "generator"])
def test_samples_are_stacked_with_different_noise(kind, seed):
    value = kind(ZEROS)
    seed = keras.random.SeedGenerator(1) if seed == "generator" else seed
    draws = numpy(value.sample(seed, num_samples=5))
    assert draws.shape == (5, 2, 3)
    assert len(np.unique(draws)) == 30
    drawn, log_prob = value.sample_and_log_prob(seed, num_samples=5)
    assert len(np.unique(numpy(drawn))) == 30
    assert log_prob.shape == (5, 2)
    np.testing.assert_allclose(numpy(log_prob), numpy(value.log_prob(drawn)), rtol=1e-5)


def test_an_int_gives_the_same_samples_again_and_one_draw_as_before():
    value = Old(ZEROS)
    np.testing.assert_array_equal(numpy(value.sample(3, num_samples=2)), numpy(value.sample(3, num_samples=2)))
    noise = numpy(keras.random.normal((2, 3), dtype="float32", seed=3))
    np.testing.assert_array_equal(numpy(value.sample(3)), noise)
    np.testing.assert_array_equal(numpy(value.sample_and_log_prob(3)[0]), noise)


def test_a_temperature_is_the_old_argument():
    value = Old(ZEROS + 1.0)
    noise = numpy(value.sample(3)) - 1.0
    for temperature in (0.5, ops.convert_to_tensor(0.5)):
        tempered = value.tempered(temperature)
        assert isinstance(tempered, Tempered)
        np.testing.assert_allclose(numpy(tempered.sample(3)), 1.0 + 0.5 * noise, rtol=1e-6)
        assert tempered.sample(3, num_samples=4).shape == (4, 2, 3)
    np.testing.assert_allclose(numpy(value.sample(3, temperature=0.5)), 1.0 + 0.5 * noise, rtol=1e-6)
    np.testing.assert_allclose(numpy(value.sample(3, 0.5)), 1.0 + 0.5 * noise, rtol=1e-6)
    assert value.tempered(1.0) is value
    with pytest.raises(NotImplementedError, match="Old"):
        value.tempered(0.5).log_prob(ZEROS)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_class_may_call_up_to_one_of_today():
    value, noise = Wider(ZEROS, ZEROS), numpy(Gaussian(ZEROS, ZEROS).sample(3))
    np.testing.assert_allclose(numpy(value.sample(3)), 2.0 * noise, rtol=1e-5)
    np.testing.assert_allclose(numpy(value.tempered(0.25).sample(3)), 0.5 * noise, rtol=1e-5)
    assert value.sample(3, num_samples=4).shape == (4, 2, 3)


def test_an_old_class_as_the_base_of_a_flow():
    value = Transformed(Old(ZEROS), lambda z: (2.0 * z, ops.zeros_like(z[..., 0])), lambda y: (0.5 * y, 0.0))
    np.testing.assert_allclose(numpy(value.tempered(0.5).sample(3)), numpy(Old(ZEROS).sample(3)), rtol=1e-6)
    assert value.sample_and_log_prob(3, num_samples=4)[1].shape == (4, 2)


def test_a_class_without_a_temperature_is_pulled_towards_its_mean():
    @dataclasses.dataclass(frozen=True, eq=False)
    class Plain(Old):
        def sample(self, seed=None, num_samples=None):
            return Gaussian(self.loc, ops.zeros_like(self.loc)).sample(seed, num_samples)

        def tempered(self, temperature):
            return Distribution.tempered(self, temperature)

    value = Plain(ZEROS + 2.0)
    draws = numpy(value.sample(3, num_samples=4))
    for temperature in (0.5, ops.convert_to_tensor(0.5)):
        cold = numpy(value.tempered(temperature).sample(3, num_samples=4))
        np.testing.assert_allclose(cold, 2.0 + 0.5 * (draws - 2.0), rtol=1e-5)
    np.testing.assert_array_equal(numpy(value.tempered(ops.convert_to_tensor(1.0)).sample(3, num_samples=4)), draws)
