"""Inference after a model has changed: nothing that was compiled before is used again."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

X = vectors(8)


def dense_vae():
    return small_vae(encoder=keras.Sequential([keras.layers.Dense(6, "relu", name="first"), keras.layers.Dense(6)]))


def layer(vae, index=0):
    return vae.encoder.model.layers[index]


def enable_lora(vae):
    layer(vae).enable_lora(2)
    compiled(vae, keras.optimizers.SGD(1.0)).fit(X, epochs=2, verbose=0)


def enable_lora_alone(vae):
    layer(vae).enable_lora(2)
    layer(vae).lora_kernel_b.assign(np.ones((2, 6)))


def quantize(vae):
    layer(vae).quantize("int8")


def set_policy(vae):
    layer(vae).dtype_policy = keras.DTypePolicy("mixed_bfloat16")


def set_attribute(vae):
    layer(vae).activation = keras.activations.sigmoid


def swap_frozen_layers(vae):
    """As many trainable weights of the same shapes, which on JAX are found by their position."""
    layer(vae).trainable = True
    layer(vae, 1).trainable = False


CHANGES = (enable_lora, enable_lora_alone, quantize, set_policy, set_attribute, swap_frozen_layers)


@pytest.mark.parametrize("change", CHANGES)
def test_inference_sees_a_changed_layer(change):
    vae = dense_vae()
    layer(vae).trainable = change is not swap_frozen_layers
    before = vae.predict(X)
    change(vae)
    now = vae.predict(X)
    np.testing.assert_allclose(now, ops.convert_to_numpy(vae(X)), atol=2e-3 if change in CHANGES[2:4] else 1e-6)
    assert np.abs(now - before).max() > 1e-6 or change is swap_frozen_layers
    assert vae.runner.functions
    function = vae.runner.functions["predict"]
    vae.predict(X)
    assert vae.runner.functions["predict"] is function  # and nothing is compiled twice


def test_compile_forgets_and_fit_does_not():
    vae = dense_vae()
    vae.predict(X)
    compiled(vae)
    assert not vae.runner.functions
    seen = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: (vae.predict(X), seen.append(vae.runner.functions["predict"]))
    )
    vae.fit(X, epochs=3, verbose=0, callbacks=[note])
    assert seen[1] is seen[2]


@pytest.mark.refusals
@pytest.mark.parametrize("name", ["encoder", "decoder", "likelihood", "prior", "posterior", "condition_encoder"])
def test_a_component_is_not_replaced(name):
    """The forward pass would go on with the one before."""
    with pytest.raises(AttributeError, match=f"The {name} of a model cannot be replaced.*VAE"):
        setattr(dense_vae(), name, kv.encoders.MLP((8,)))
