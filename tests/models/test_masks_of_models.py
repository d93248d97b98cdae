"""Masks of padded steps reach the layers inside Keras models, and padding is never read."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv

STEPS, WIDTH = 6, 2
MASK = np.arange(STEPS) < np.array([[6], [2], [4], [3]])
NOISE = np.random.default_rng(0)
X = NOISE.normal(size=(4, STEPS, WIDTH)).astype("float32")
OTHER = np.where(MASK[..., None], X, NOISE.normal(size=X.shape)).astype("float32")


def functional(*layers):
    inputs = outputs = keras.Input((STEPS, WIDTH))
    for layer in layers:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


@keras.saving.register_keras_serializable("tests")
class WithoutMask(keras.Model):
    """A model whose `call` takes no mask."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flatten, self.dense = keras.layers.Flatten(), keras.layers.Dense(4)

    def call(self, inputs, training=None):
        return self.dense(self.flatten(inputs))


ENCODERS = {
    "Sequential": lambda: keras.Sequential([keras.layers.Dense(4), keras.layers.GRU(4)]),
    "built Sequential": lambda: keras.Sequential([keras.Input((STEPS, WIDTH)), keras.layers.GRU(4)]),
    "functional": lambda: functional(keras.layers.Dense(4), keras.layers.Bidirectional(keras.layers.GRU(4))),
    "average": lambda: functional(keras.layers.Dense(4), keras.layers.GlobalAveragePooling1D()),
    "a layer": lambda: keras.layers.GRU(4),
    "no use of masks": lambda: keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)]),
    "no mask": WithoutMask,
}


def series_vae(**networks):
    options = {"encoder": "gru", "decoder": keras.layers.Dense(8), **networks}
    return kv.VAE((STEPS, WIDTH), 2, likelihood="gaussian", seed=0, **options)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_padding_of_a_keras_encoder_changes_nothing(encoder):
    vae = series_vae(encoder=ENCODERS[encoder]())
    first, second = (vae.elbo({"x": x, "mask": MASK}, seed=0) for x in (X, OTHER))
    np.testing.assert_allclose(first, second, rtol=1e-5)
    assert np.abs(vae.elbo({"x": X[:, ::-1].copy(), "mask": MASK}, seed=0) - first).max() > 1e-3


@pytest.mark.parametrize("encoder", ["Sequential", "a layer"])
def test_more_padding_changes_no_features(encoder):
    """Masks reach the layers that use them: without, a mean over the steps would shrink."""
    wrapped = kv.encoders.FromModel(ENCODERS[encoder]())
    two, more = (ops.convert_to_numpy(wrapped(X[1:2, :steps], mask=MASK[1:2, :steps])) for steps in (2, STEPS))
    np.testing.assert_allclose(two, more, rtol=1e-5)


@pytest.mark.parametrize("decoder", ["Sequential", "functional"])
def test_padding_does_not_reach_a_decoder_that_reads_backwards(decoder):
    layers = [keras.layers.Bidirectional(keras.layers.GRU(4, return_sequences=True)), keras.layers.Dense(4)]
    inputs = keras.Input((STEPS, 3))
    made = keras.Sequential(layers) if decoder == "Sequential" else keras.Model(inputs, layers[1](layers[0](inputs)))
    wrapped = kv.decoders.FromModel(made)
    vae = kv.VAE((STEPS, WIDTH), 3, decoder=wrapped, latents="markov", likelihood="gaussian", seed=0)
    first, second = (vae.elbo({"x": x, "mask": MASK}, seed=0) for x in (X, OTHER))
    np.testing.assert_allclose(first, second, rtol=1e-5)
    z = NOISE.normal(size=(4, STEPS, 3)).astype("float32")
    outputs = [ops.convert_to_numpy(wrapped(latents, mask=MASK)) for latents in (z, np.where(MASK[..., None], z, 9.0))]
    np.testing.assert_allclose(*(output[MASK] for output in outputs), rtol=1e-5)


def test_a_functional_encoder_of_fields():
    """It sees the fields that its inputs name, each with its mask."""
    inputs = {"series": keras.Input((STEPS, WIDTH), name="series"), "row": keras.Input((3,), name="row")}
    for names in (["series", "row"], ["series"]):
        found = [keras.layers.GRU(4)(inputs["series"])]
        found += [keras.layers.Dense(4)(inputs["row"])] if "row" in names else []
        outputs = keras.layers.Concatenate()(found) if len(found) > 1 else found[0]
        shapes = {"series": (STEPS, WIDTH), "row": (3,), "absent": (2,)}
        encoder = keras.Model({name: inputs[name] for name in names}, outputs)
        vae = kv.VAE(shapes, 2, encoder=encoder, likelihood=dict.fromkeys(shapes, "gaussian"), seed=0)
        rows = {"row": np.ones((4, 3), "float32"), "absent": np.ones((4, 2), "float32")}
        first, second = (vae.encode({"x": {**rows, "series": x}, "mask": {"series": MASK}}) for x in (X, OTHER))
        np.testing.assert_allclose(first, second, rtol=1e-5)
        other = vae.encode({**rows, "row": -rows["row"], "series": X})
        assert (np.abs(other - vae.encode({**rows, "series": X})).max() > 1e-3) == ("row" in names)


def test_no_warning_that_a_mask_is_lost(recwarn):
    vae = series_vae(encoder=ENCODERS["Sequential"]())
    vae.compile("adam")
    vae.fit({"x": X, "mask": MASK}, verbose=0)
    assert not [warning for warning in recwarn if "mask" in str(warning.message)]
