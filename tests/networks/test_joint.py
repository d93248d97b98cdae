"""Encoders and decoders of several fields, by hand."""

import json

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv

RNG = np.random.default_rng(0)
ROWS = 4
SEEN = {"picture": (None, 6, 6, 1), "tokens": (None, 5, 4), "row": (None, 3)}
"""What the networks see of each field."""
DATA_SHAPES = {"picture": (6, 6, 1), "tokens": (5,), "row": (3,)}
X = {
    "picture": RNG.random((ROWS, 6, 6, 1)).astype("float32"),
    "tokens": np.eye(4, dtype="float32")[np.array([[3, 2, 1, 0, 0], [2, 1, 0, 0, 0]] * 2)],
    "row": RNG.standard_normal((ROWS, 3)).astype("float32"),
}
STEPS = X["tokens"][..., 0] == 0.0
Z = RNG.standard_normal((ROWS, 2)).astype("float32")


def encoder(**kwargs):
    row = keras.Sequential([keras.layers.Dense(4, activation="tanh")])
    parts = {"picture": kv.encoders.Conv((2,), hidden_units=None), "tokens": kv.encoders.GRU((3,)), "row": row}
    return kv.encoders.Joint(parts, **kwargs)


def decoder(tokens=None, **kwargs):
    parts = {"picture": "conv", "tokens": tokens or kv.decoders.GRU((3,)), "row": keras.layers.Dense(4)}
    return kv.decoders.Joint(parts, **kwargs)


def likelihood(**kwargs):
    tokens = kv.likelihoods.Categorical(4, padding=0, end=1)
    return kv.likelihoods.Joint({"picture": "bernoulli", "tokens": tokens, "row": "gaussian"}, **kwargs)


def built(network, likelihood):
    network.build((None, 2), SEEN)
    likelihood.build(network.compute_output_shape((None, 2)), DATA_SHAPES)
    return network, likelihood


def numpy(value):
    return keras.tree.map_structure(ops.convert_to_numpy, value)


class TestEncoder:
    def test_features_side_by_side(self):
        network = encoder()
        network.build(SEEN)
        features = numpy(network(X))
        parts = [numpy(part(X[name])).reshape(ROWS, -1) for name, part in network.parts.items()]
        assert [part.shape[1] for part in parts] == [18, 6, 4]
        np.testing.assert_allclose(features, np.concatenate(parts, axis=1), rtol=1e-5, atol=1e-6)
        assert tuple(network.compute_output_shape(SEEN)) == (None, 28)

    def test_builds_itself_and_works_symbolically(self):
        network = encoder()
        inputs = {name: keras.Input(shape[1:], name=name) for name, shape in SEEN.items()}
        assert network(inputs).shape == (None, 28)
        model = keras.Model(inputs, network(inputs))
        np.testing.assert_allclose(model.predict(X, verbose=0), numpy(network(X)), rtol=1e-5, atol=1e-5)

    def test_masks_of_the_fields(self):
        network = encoder()
        network.build(SEEN)
        plain = numpy(network(X))
        masked = numpy(network(X, mask={"tokens": STEPS, "row": None}))
        changed = {**X, "tokens": np.where(STEPS[..., None], X["tokens"], 9.0).astype("float32")}
        np.testing.assert_allclose(numpy(network(changed, mask={"tokens": STEPS})), masked, rtol=1e-5, atol=1e-6)
        assert np.abs(masked[:, 18:24] - plain[:, 18:24]).max() > 1e-3
        np.testing.assert_allclose(masked[:, :18], plain[:, :18], rtol=1e-5, atol=1e-6)

    def test_training_reaches_the_parts(self):
        network = kv.encoders.Joint({"row": kv.encoders.MLP((50,), dropout=0.5)})
        network.build({"row": (None, 3)})
        x = {"row": X["row"]}
        np.testing.assert_array_equal(numpy(network(x, training=False)), numpy(network(x, training=False)))
        assert np.abs(numpy(network(x, training=True)) - numpy(network(x, training=False))).max() > 1e-3

    def test_config(self):
        network = encoder()
        network.build(SEEN)
        text = json.dumps(keras.saving.serialize_keras_object(network))
        restored = keras.saving.deserialize_keras_object(json.loads(text))
        assert [type(part) for part in restored.parts.values()] == [type(part) for part in network.parts.values()]
        assert list(restored.parts) == list(SEEN)
        if not restored.built:
            restored.build(SEEN)
        restored.set_weights(network.get_weights())
        np.testing.assert_array_equal(numpy(restored(X)), numpy(network(X)))

    def test_half_precision(self):
        network = kv.encoders.Joint({"picture": "conv", "row": "mlp"}, dtype="mixed_float16")
        features = network({name: X[name] for name in ("picture", "row")})
        assert keras.backend.standardize_dtype(features.dtype) == "float16"
        assert {part.compute_dtype for part in network.parts.values()} == {"float16"}
        assert np.isfinite(numpy(features)).all()

    def test_features_of_no_one_shape(self):
        network = kv.encoders.Joint({"picture": kv.encoders.Pyramid((2, 3), kernel_size=2)})
        with pytest.raises(ValueError, match=r"Argument `encoders`: that of the field 'picture', Pyramid.*Received"):
            network.build({"picture": (None, 8, 8, 1)})
        network = kv.encoders.Joint({"steps": keras.layers.Dense(3)})
        with pytest.raises(ValueError, match=r"the field 'steps'.*Received: \(None, None, 3\)"):
            network.build({"steps": (None, None, 2)})

    def test_bad_fields(self):
        network = encoder()
        with pytest.raises(ValueError, match=r"Argument `input_shape`.*Received: \['row'\]"):
            network.build({"row": (None, 3)})
        network.build(SEEN)
        with pytest.raises(ValueError, match=r"Argument `x`.*Expected \['picture', 'tokens', 'row'\]"):
            network({"row": X["row"]})
        part = kv.encoders.MLP((3,))
        with pytest.raises(ValueError, match=r"Argument `encoders` must not hold one instance twice"):
            kv.encoders.Joint({"a": part, "b": part})
        with pytest.raises(ValueError, match=r"'joint' has no default for encoders"):
            kv.encoders.get("joint")


class TestDecoder:
    def test_features_of_each_field(self):
        network, _ = built(decoder(), likelihood())
        assert network.requires_target
        features = numpy(network(Z, target=X))
        for name, part in network.parts.items():
            alone = part(Z, target=X[name] if name == "tokens" else None)
            np.testing.assert_allclose(features[name], numpy(alone), rtol=1e-5, atol=1e-6)
        shapes = network.compute_output_shape((None, 2))
        assert {name: tuple(shape)[1:] for name, shape in shapes.items()} == {
            name: value.shape[1:] for name, value in features.items()
        }
        assert network.compute_output_shape((None, 2), SEEN) == shapes

    def test_mask_of_a_field(self):
        network, _ = built(decoder(), likelihood())
        mask = {"tokens": STEPS, "row": None}
        changed = {**X, "tokens": np.where(STEPS[..., None], X["tokens"], np.nan).astype("float32")}
        before, after = (numpy(network(Z, target=target, mask=mask)["tokens"]) for target in (X, changed))
        np.testing.assert_allclose(before, after, rtol=1e-5, atol=1e-6)

    def test_needs_a_target_only_where_a_part_does(self):
        network = kv.decoders.Joint({"row": "mlp", "tokens": kv.decoders.GRU((3,), autoregressive=False)})
        assert not network.requires_target
        network.build((None, 2), {"row": SEEN["row"], "tokens": (None, None, 4)})
        assert network.requires_target  # it has to learn how many steps there are

    @pytest.mark.parametrize("mode", [None, "mode", "sample", "mean"])
    def test_decode(self, mode):
        network, parts = built(decoder(), likelihood())
        data = numpy(network.decode(Z, parts, seed=3, mode=mode))
        assert {name: values.shape[1:] for name, values in data.items()} == DATA_SHAPES
        assert set(np.unique(data["picture"])) <= {0.0, 1.0} or mode in (None, "mean")
        if mode != "sample":
            for name in ("picture", "row"):
                alone = network.parts[name].decode(Z, parts.parts[name], mode="mode" if mode == "mode" else "mean")
                np.testing.assert_allclose(data[name], numpy(alone), rtol=1e-5, atol=1e-6)
            if mode is None:
                alone = network.parts["tokens"].decode(Z, parts.parts["tokens"], mode="mode")
                np.testing.assert_array_equal(data["tokens"], numpy(alone))
                assert data["tokens"].dtype == "int32"

    def test_draws_are_repeatable_and_each_fields_own(self):
        network = kv.decoders.Joint({name: keras.layers.Dense(1, kernel_initializer="zeros") for name in "ab"})
        parts = kv.likelihoods.Joint({name: kv.likelihoods.Gaussian(scale=1.0) for name in "ab"})
        network.build((None, 2), dict.fromkeys("ab", (None, 1)))
        parts.build(network.compute_output_shape((None, 2)), dict.fromkeys("ab", (1,)))
        z = np.zeros((1000, 2), "float32")
        first, again, cold = (
            numpy(network.decode(z, parts, seed=3, mode="sample", temperature=t)) for t in (1.0, 1.0, 0.1)
        )
        assert abs(np.corrcoef(first["a"][:, 0], first["b"][:, 0])[0, 1]) < 0.15
        np.testing.assert_array_equal(first["a"], again["a"])
        np.testing.assert_allclose(cold["b"], 0.1 * first["b"], rtol=1e-4, atol=1e-6)

    def test_length_of_fields_that_leave_it_open(self):
        network = kv.decoders.Joint({"tokens": kv.decoders.GRU((3,)), "row": "mlp"})
        network.build((None, 2), {"tokens": (None, None, 4), "row": (None, 3)})
        parts = kv.likelihoods.Joint({"tokens": kv.likelihoods.Categorical(4), "row": "gaussian"})
        parts.build(network.compute_output_shape((None, 2)), {"tokens": (None,), "row": (3,)})
        data = network.decode(Z, parts, length=7)
        assert {name: tuple(value.shape) for name, value in data.items()} == {"tokens": (ROWS, 7), "row": (ROWS, 3)}

    def test_config(self):
        network, _ = built(decoder(), likelihood())
        text = json.dumps(keras.saving.serialize_keras_object(network))
        restored = keras.saving.deserialize_keras_object(json.loads(text))
        assert [type(part) for part in restored.parts.values()] == [type(part) for part in network.parts.values()]
        if not restored.built:
            restored.build((None, 2), SEEN)
        restored.set_weights(network.get_weights())
        before, after = (numpy(layer(Z, target=X)) for layer in (network, restored))
        for name in SEEN:
            np.testing.assert_array_equal(before[name], after[name])

    def test_half_precision(self):
        network, parts = built(kv.decoders.Joint(dict.fromkeys(DATA_SHAPES, "mlp"), dtype="mixed_float16"),
                               likelihood(dtype="mixed_float16"))  # fmt: skip
        features = network(Z)
        for value in features.values():
            assert keras.backend.standardize_dtype(value.dtype) == "float16"
        value = parts.distribution(parts(features))
        data = {"picture": X["picture"], "tokens": np.argmax(X["tokens"], axis=-1), "row": X["row"]}
        log_prob = value.log_prob(data)
        assert keras.backend.standardize_dtype(log_prob.dtype) == "float32"
        assert np.isfinite(numpy(log_prob)).all()

    def test_bad_fields(self):
        network = decoder()
        with pytest.raises(ValueError, match=r"Argument `target_shape`.*Received: None"):
            network.build((None, 2))
        network.build((None, 2), SEEN)
        with pytest.raises(ValueError, match=r"Argument `likelihood`.*Received: \['row'\]"):
            network.decode(Z, kv.likelihoods.Joint({"row": "gaussian"}))
        with pytest.raises(ValueError, match=r"'joint' has no default for decoders"):
            kv.decoders.get("joint")


class TestModeNone:
    """What a decoder of one field returns where no mode is asked for."""

    @pytest.mark.parametrize("autoregressive", [True, False])
    def test_sequences(self, autoregressive):
        network = kv.decoders.GRU((3,), autoregressive=autoregressive)
        network.build((None, 2), (None, 5, 4))
        tokens = kv.likelihoods.Categorical(4)
        tokens.build(network.compute_output_shape((None, 2)), (5,))
        found, expected = (numpy(network.decode(Z, tokens, mode=mode)) for mode in (None, "mode"))
        np.testing.assert_array_equal(found, expected)

    def test_columns_step_by_step(self):
        """Every step's own typical row is fed back."""
        network = kv.decoders.GRU((3,))
        network.build((None, 2), (None, 5, 5))
        rows = kv.likelihoods.Columns([("bernoulli", 2), (kv.likelihoods.Categorical(3), 1)])
        rows.build(network.compute_output_shape((None, 2)), (5, 3))
        found = numpy(network.decode(Z, rows, mode=None))
        target = rows.to_network(found)
        value = rows.distribution(rows(network(Z, target=target)))
        np.testing.assert_allclose(found, numpy(rows.typical(value)), rtol=1e-5, atol=1e-5)

    def test_without_a_likelihood(self):
        from keras_vae.decoders.decoder import draw

        with pytest.raises(ValueError, match=r"Argument `mode`.*Received: mode=None, likelihood=None"):
            draw(kv.distributions.Bernoulli(np.zeros((1, 1))), None)
