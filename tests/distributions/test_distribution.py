"""The contract of distribution values, and the table of closed forms."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from keras import ops

from keras_vae import distributions
from keras_vae.distributions import (
    Bernoulli,
    Distribution,
    Gaussian,
    Independent,
    OneHotCategorical,
    has_kl_divergence,
    kl_divergence,
    kl_divergence_per_dimension,
    register_kl_divergence,
)
from keras_vae.distributions.laplace import BELOW_ONE
from tests.distributions.cases import CASES


@dataclasses.dataclass(frozen=True, eq=False)
class Narrow(Gaussian):
    """A subclass, which has the closed forms of its base."""


@dataclasses.dataclass(frozen=True, eq=False)
class Sums(Gaussian):
    """With itself, a closed form that gives the sum alone."""


@register_kl_divergence(Sums, Sums, factorises=False)
def _kl_sums(q, p):
    return ops.sum(ops.square(q.loc - p.loc), axis=-1)


@dataclasses.dataclass(frozen=True, eq=False)
class Bare(Distribution):
    loc: object

    def log_prob(self, value):
        return ops.zeros(ops.shape(value)[:-1])

    def sample(self, seed=None, num_samples=None):
        return self.loc if num_samples is None else ops.stack([self.loc] * num_samples)

    def mean(self):
        return self.loc


ZEROS = np.zeros((2, 3), "float32")


@pytest.mark.parametrize("name", CASES)
def test_a_value_is_itself_alone_and_cannot_be_changed(name):
    """Compared by identity: an array has no truth, so that equal fields could be neither compared nor hashed."""
    value = CASES[name]()
    field = dataclasses.fields(value)[0].name
    assert type(value).__eq__ is object.__eq__
    assert type(value).__hash__ is object.__hash__
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, field, None)


def test_the_relaxation_is_split_with_the_rows():
    assert tuple(OneHotCategorical(np.zeros((3, 2, 4))).tensors()["relaxation"].shape) == (3, 1, 1)


def test_a_laplace_draw_at_the_end_of_the_uniform_noise_is_finite():
    """Draws are a logarithm of one minus this."""
    assert np.float32(BELOW_ONE) == np.nextafter(np.float32(1.0), np.float32(0.0))


@pytest.mark.parametrize("value", [Gaussian(ZEROS + 1, ZEROS, event_ndims=2), Bernoulli(ZEROS - 2)])
def test_a_value_survives_a_json_config(value):
    text = json.dumps(keras.saving.serialize_keras_object(value))
    restored = keras.saving.deserialize_keras_object(json.loads(text))
    assert type(restored) is type(value)
    assert restored.event_ndims == value.event_ndims
    assert sorted(restored.tensors()) == sorted(value.tensors())
    for name, tensor in value.tensors().items():
        np.testing.assert_array_equal(ops.convert_to_numpy(restored.tensors()[name]), ops.convert_to_numpy(tensor))


# Values that hold functions or foreign objects, made anew by the layer that owns them, cannot be saved.
UNSAVED = {"TFPDistribution", "Tempered", "Transformed"}


def test_every_public_value_is_registered_with_keras():
    for name in set(distributions.__all__) - UNSAVED:
        member = getattr(distributions, name)
        if isinstance(member, type) and issubclass(member, Distribution) and member not in (Distribution, Independent):
            assert keras.saving.get_registered_name(member) == f"keras_vae.distributions>{name}"


def test_tensors_rebuild_the_value():
    value = Gaussian(ZEROS + 1, ZEROS - 1, event_ndims=1)
    rebuilt = dataclasses.replace(value, **value.tensors())
    np.testing.assert_array_equal(
        ops.convert_to_numpy(rebuilt.log_prob(ZEROS)), ops.convert_to_numpy(value.log_prob(ZEROS))
    )


def test_sample_and_log_prob_is_a_draw_and_its_density():
    value = Gaussian(ZEROS, ZEROS)
    draw, log_prob = value.sample_and_log_prob(seed=3)
    np.testing.assert_array_equal(ops.convert_to_numpy(draw), ops.convert_to_numpy(value.sample(seed=3)))
    np.testing.assert_array_equal(ops.convert_to_numpy(log_prob), ops.convert_to_numpy(value.log_prob(draw)))


def test_closed_forms_are_found_for_subclasses():
    q, p = Narrow(ZEROS + 1, ZEROS), Gaussian(ZEROS, ZEROS)
    assert has_kl_divergence(q, p, per_dimension=True)
    np.testing.assert_allclose(ops.convert_to_numpy(kl_divergence(q, p)), [1.5, 1.5], rtol=1e-6)


def test_a_closed_form_that_does_not_factorise():
    q, p = Sums(ZEROS + 1, ZEROS), Sums(ZEROS, ZEROS)
    assert has_kl_divergence(q, p)
    assert not has_kl_divergence(q, p, per_dimension=True)
    np.testing.assert_allclose(ops.convert_to_numpy(kl_divergence(q, p)), [3.0, 3.0])
    with pytest.raises(NotImplementedError, match="does not factorise"):
        kl_divergence_per_dimension(q, p)


def test_a_missing_closed_form_says_what_to_do():
    assert not has_kl_divergence(Bare(ZEROS), Gaussian(ZEROS, ZEROS))
    with pytest.raises(NotImplementedError, match=r"Bare.*Gaussian.*register_kl_divergence"):
        kl_divergence(Bare(ZEROS), Gaussian(ZEROS, ZEROS))


def test_a_closed_form_is_registered_once():
    with pytest.raises(ValueError, match="closed form already"):
        register_kl_divergence(Gaussian, Gaussian)(lambda q, p: 0.0)


def test_what_a_distribution_lacks_it_says():
    for method in (Bare(ZEROS).mode, Bare(ZEROS).variance):
        with pytest.raises(NotImplementedError, match="Bare"):
            method()


@pytest.mark.parametrize("padding", [3e38, np.inf, np.nan])
def test_padding_of_any_value_leaves_the_gradient_finite(padding):
    x = np.array([[[1.0], [padding]]], "float32")
    mask = np.array([[True, False]])

    class Loss(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return -Gaussian(y_pred, ops.zeros_like(y_pred), event_ndims=2, mask=mask).log_prob(y_true)

    model = keras.Sequential([keras.Input((2, 1)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), Loss())
    model.fit(np.ones((1, 2, 1), "float32"), x, verbose=0)
    for weight in model.trainable_weights:
        assert np.all(np.isfinite(ops.convert_to_numpy(weight)))
