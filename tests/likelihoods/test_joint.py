"""Likelihoods of several fields, and their values."""

import json

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.mathematics.autodiff import vector_jacobian

RNG = np.random.default_rng(0)
ROWS = 6
SHAPES = {"picture": (4, 3, 1), "tokens": (None,), "row": (3,)}
FEATURES = {
    "picture": RNG.standard_normal((ROWS, 5)).astype("float32"),
    "tokens": RNG.standard_normal((ROWS, 4, 6)).astype("float32"),
    "row": RNG.standard_normal((ROWS, 2)).astype("float32"),
}
FEATURE_SHAPES = {"picture": (None, 5), "tokens": (None, None, 6), "row": (None, 2)}
X = {
    "picture": RNG.random((ROWS, 4, 3, 1)).astype("float32"),
    "tokens": np.array([[3, 2, 1, 0], [4, 1, 0, 0]] * 3),
    "row": RNG.standard_normal((ROWS, 3)).astype("float32"),
}


def joint(**kwargs):
    tokens = kv.likelihoods.Categorical(5, padding=0, end=1)
    likelihood = kv.likelihoods.Joint({"picture": "bernoulli", "tokens": tokens, "row": "gaussian"}, **kwargs)
    likelihood.build(FEATURE_SHAPES, SHAPES)
    return likelihood


def numpy(value):
    return keras.tree.map_structure(ops.convert_to_numpy, value)


def test_log_prob_is_the_sum_of_the_parts():
    likelihood = joint()
    masks = {"tokens": X["tokens"] > 0, "row": None}
    value = likelihood.distribution(likelihood(FEATURES), mask=masks)
    fields = numpy(value.log_prob_per_field(X))
    for name, part in likelihood.parts.items():
        alone = part.distribution(part(FEATURES[name]), mask=masks.get(name)).log_prob(X[name])
        np.testing.assert_allclose(fields[name], numpy(alone), rtol=1e-6)
    total = numpy(value.log_prob(X))
    assert total.shape == (ROWS,)
    np.testing.assert_allclose(total, sum(fields.values()), rtol=1e-6)
    unmasked = numpy(likelihood.distribution(likelihood(FEATURES)).log_prob_per_field(X))
    assert np.abs(unmasked["tokens"] - fields["tokens"]).max() > 1e3  # padding is impossible where it counts
    np.testing.assert_allclose(unmasked["picture"], fields["picture"], rtol=1e-6)


def test_fields_with_gaps():
    """NaN where a field's mask is False changes neither value nor gradient."""
    likelihood = joint()
    params = likelihood(FEATURES)
    present = np.array([[True, False, True]] * ROWS)
    gaps = np.where(present, X["row"], np.nan).astype("float32")

    def log_prob(loc, row=gaps):
        value = likelihood.distribution({**params, "row": {"loc": loc}}, mask={"row": present})
        return value.log_prob_per_field({**X, "row": row})["row"]

    loc, ones = numpy(params["row"]["loc"]), np.ones(ROWS, "float32")
    with_nan = vector_jacobian(log_prob, [loc], ones)
    without = vector_jacobian(lambda loc: log_prob(loc, X["row"]), [loc], ones)
    np.testing.assert_allclose(with_nan[0], without[0], rtol=1e-6)
    assert np.isfinite(with_nan[1][0]).all()
    np.testing.assert_allclose(with_nan[1][0], without[1][0], rtol=1e-6)
    assert np.all(with_nan[1][0][:, 1] == 0.0)
    assert np.all(with_nan[1][0][:, 0] != 0.0)


def test_one_tensor_of_features_for_all_fields():
    likelihood = kv.likelihoods.Joint({"a": "gaussian", "b": "bernoulli"})
    likelihood.build((None, 5), {"a": (3,), "b": (2, 2, 1)})
    params = likelihood(FEATURES["picture"])
    assert params["a"]["loc"].shape == (ROWS, 3)
    assert params["b"]["logits"].shape == (ROWS, 2, 2, 1)
    assert likelihood.data_shape == {"a": (3,), "b": (2, 2, 1)}


def test_mean_mode_variance_and_typical():
    likelihood = joint()
    value = likelihood.distribution(likelihood(FEATURES))
    found = numpy({"mean": value.mean(), "mode": value.mode(), "variance": value.variance()})
    for name, part in value.parts.items():
        for what, values in found.items():
            np.testing.assert_array_equal(values[name], numpy(getattr(part, what)()))
    typical = numpy(likelihood.typical(value))
    np.testing.assert_array_equal(typical["tokens"], found["mode"]["tokens"])
    np.testing.assert_array_equal(typical["picture"], found["mean"]["picture"])
    assert likelihood.default_mode is None
    assert not np.array_equal(found["mean"]["picture"], found["mode"]["picture"])


def test_base_class_knows_what_is_typical():
    for likelihood, method in ((kv.likelihoods.Bernoulli(), "mean"), (kv.likelihoods.Categorical(5), "mode")):
        likelihood.build((None, 5), (3,))
        value = likelihood.distribution(likelihood(FEATURES["picture"]))
        np.testing.assert_array_equal(numpy(likelihood.typical(value)), numpy(getattr(value, method)()))


def test_noise_of_each_field_is_its_own():
    zeros = np.zeros((1000,), "float32")
    part = kv.distributions.Gaussian(zeros, zeros, event_ndims=0)
    value = kv.distributions.Joint({"a": part, "b": part})
    drawn, again = numpy(value.sample(seed=3)), numpy(value.sample(seed=3))
    assert abs(np.corrcoef(drawn["a"], drawn["b"])[0, 1]) < 0.15
    np.testing.assert_array_equal(drawn["a"], again["a"])
    cold = numpy(value.sample(seed=3, temperature=0.1))
    np.testing.assert_allclose(cold["b"], 0.1 * drawn["b"], rtol=1e-4, atol=1e-6)


def test_what_the_network_sees_and_where_fields_end():
    likelihood = joint()
    shown = numpy(likelihood.to_network(X))
    np.testing.assert_array_equal(shown["tokens"], np.eye(5)[X["tokens"]] * (X["tokens"] != 0)[..., None])
    np.testing.assert_array_equal(shown["row"], X["row"])
    valid, ended = likelihood.valid_mask(X), likelihood.has_ended(X)
    assert (valid["picture"], valid["row"], ended["row"]) == (None, None, None)
    np.testing.assert_array_equal(numpy(valid["tokens"]), X["tokens"] != 0)
    np.testing.assert_array_equal(numpy(ended["tokens"]), X["tokens"] == 1)
    plain = kv.likelihoods.Joint({"a": "gaussian", "b": "bernoulli"})
    assert plain.valid_mask({"a": X["row"], "b": X["row"]}) is None
    assert plain.has_ended({"a": X["row"], "b": X["row"]}) is None


def test_support_of_each_field():
    support = joint().support
    assert support["picture"] == kv.likelihoods.Bernoulli.support
    assert support["tokens"].categorical
    assert not support["row"].categorical


def test_adapt_shows_every_field_its_own():
    likelihood = kv.likelihoods.Joint({"a": "gaussian", "b": "laplace", "c": "bernoulli"})
    likelihood.build((None, 5), {"a": (2,), "b": (1,), "c": (2,)})
    assert (float(likelihood.adapted), likelihood.must_adapt) == (0.0, False)
    x = {"a": 4.0 * RNG.standard_normal((2000, 2)), "b": np.full((2000, 1), np.nan), "c": np.zeros((2000, 2))}
    x["a"][::3] = np.nan
    likelihood.adapt(x, np.zeros((2000, 0)))
    assert float(likelihood.adapted) == 1.0
    assert likelihood.parts["a"].current_scale() == pytest.approx(4.0, rel=0.1)
    assert np.isfinite(likelihood.parts["b"].current_scale())
    with pytest.raises(ValueError, match=r"Argument `x`.*Expected \['a', 'b', 'c'\]. Received: \['a'\]"):
        likelihood.adapt({"a": x["a"]})


def test_nothing_to_adapt():
    likelihood = kv.likelihoods.Joint({"a": "bernoulli"})
    assert (float(likelihood.adapted), likelihood.must_adapt) == (1.0, False)


def test_config():
    likelihood = joint()
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(likelihood)))
    restored = keras.saving.deserialize_keras_object(config)
    assert list(restored.parts) == list(likelihood.parts)
    assert [type(part) for part in restored.parts.values()] == [type(part) for part in likelihood.parts.values()]
    assert restored.parts["tokens"].get_config() == likelihood.parts["tokens"].get_config()
    if not restored.built:
        restored.build(FEATURE_SHAPES, SHAPES)
    restored.set_weights(likelihood.get_weights())
    masks = {"tokens": X["tokens"] > 0}
    before, after = (numpy(layer.distribution(layer(FEATURES), masks).log_prob(X)) for layer in (likelihood, restored))
    np.testing.assert_array_equal(before, after)


def test_config_of_the_value():
    likelihood = joint()
    value = likelihood.distribution(likelihood(FEATURES))
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(value))
    for name, log_prob in numpy(value.log_prob_per_field(X)).items():
        np.testing.assert_allclose(numpy(restored.log_prob_per_field(X)[name]), log_prob, rtol=1e-6)
    assert not value.has_tensors
    with pytest.raises(NotImplementedError, match="parts"):
        value.tensors()


def test_half_precision():
    likelihood = joint(dtype="mixed_float16")
    assert likelihood.parts["picture"].compute_dtype == "float16"
    params = likelihood(FEATURES)
    for tensor in keras.tree.flatten(params):
        assert keras.backend.standardize_dtype(tensor.dtype) == "float32"
    value = likelihood.distribution(params, mask=likelihood.valid_mask(X))
    assert keras.backend.standardize_dtype(value.log_prob(X).dtype) == "float32"
    assert np.isfinite(numpy(value.log_prob(X))).all()


@pytest.mark.parametrize("wrong", [{}, ["gaussian"], "gaussian", {3: "gaussian"}, {"": "gaussian"}])
def test_no_fields(wrong):
    with pytest.raises(ValueError, match=r"Argument `likelihoods` must be a dict of fields. Expected.*Received"):
        kv.likelihoods.Joint(wrong)


def test_bad_builds():
    likelihood = kv.likelihoods.Joint({"a": "gaussian", "b": "bernoulli"})
    with pytest.raises(ValueError, match=r"Argument `data_shape`.*Expected \['a', 'b'\]. Received: \['a'\]"):
        likelihood.build((None, 5), {"a": (3,)})
    with pytest.raises(ValueError, match=r"Argument `data_shape`.*Received: \(3,\)"):
        likelihood.build((None, 5), (3,))
    with pytest.raises(ValueError, match=r"Argument `features_shape`.*Received: \['b'\]"):
        likelihood.build({"b": (None, 5)}, {"a": (3,), "b": (3,)})
    part = kv.likelihoods.Gaussian()
    with pytest.raises(ValueError, match=r"one instance twice"):
        kv.likelihoods.Joint({"a": part, "b": part})
    with pytest.raises(ValueError, match=r"'joint' has no default for likelihoods"):
        kv.likelihoods.get("joint")
    with pytest.raises(ValueError, match=r"Unknown likelihood 'gausian'"):
        kv.likelihoods.Joint({"a": "gausian"})
