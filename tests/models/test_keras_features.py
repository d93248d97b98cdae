"""What Keras users try on any model."""

import copy
import pickle

import keras
import numpy as np
import pytest
from keras import ops

from tests.models.small import compiled, small_vae, vectors

X = vectors(16)


@pytest.mark.on_torch
def test_a_summary_names_the_components_and_their_shapes():
    vae = small_vae(latent_dim=(3, 2), latents="hierarchical")
    plain, nested = [], []
    vae.summary(print_fn=plain.append, line_length=120)
    vae.summary(print_fn=nested.append, line_length=120, expand_nested=True, show_trainable=True)
    rows = [line for line in plain[0].splitlines() if "(None" in line]
    names = [line.split()[1] for line in rows]
    assert names == ["encoder", "posterior", "latents", "decoder", "likelihood", "objective"]
    assert "[(None, 3), (None, 2)]" in rows[2]
    assert "(None, 6)" in rows[4]
    assert f"Total params: {vae.count_params():,}" in plain[0]
    assert "└ dense_0 (Dense)" in nested[0]
    assert "dense_0" not in plain[0]


@pytest.mark.on_torch
def test_a_component_is_found_by_the_name_of_its_argument():
    vae = small_vae()
    assert vae.get_layer("encoder") is vae.encoder
    assert vae.get_layer("prior") is vae.prior
    assert vae.get_layer(vae.decoder.name) is vae.decoder
    assert vae.get_layer(index=0) is vae.layers[0]
    with pytest.raises(ValueError, match="No such layer: flow"):
        vae.get_layer("flow")


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda vae: pickle.loads(pickle.dumps(vae))], ids=["deepcopy", "pickle"]
)
def test_a_copy_has_weights_of_its_own(copied):
    vae = compiled(small_vae(prior="vamp"))
    vae.fit(X, epochs=1, verbose=0)
    again = copied(vae)
    before = vae.predict(X)
    np.testing.assert_allclose(again.predict(X), before, atol=1e-6)
    again.fit(X, epochs=1, verbose=0)
    np.testing.assert_array_equal(vae.predict(X), before)
    assert np.abs(again.predict(X) - before).max() > 1e-6


def test_the_encoder_is_a_layer_of_a_functional_model():
    vae = small_vae()
    inputs = keras.Input((6,))
    features = keras.Model(inputs, vae.encoder(inputs)).predict(X, verbose=0)
    wanted = vae.encoder(ops.convert_to_tensor(X))
    np.testing.assert_allclose(features, ops.convert_to_numpy(wanted), atol=1e-6)
