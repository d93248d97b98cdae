"""Keras' quantisation and low-rank adaptation of the layers in a VAE."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.models.small import compiled, small_vae, vectors

X = vectors(16)


def dense_layers(vae):
    return [layer for layer in vae._flatten_layers() if isinstance(layer, keras.layers.Dense)]


def test_a_quantized_model_is_near_the_float_one_and_loads_with_its_numbers(tmp_path):
    vae, quantized = small_vae(prior="vamp"), small_vae(prior="vamp")
    for model in (vae, quantized):
        model.prior.adapt(X)
        model.set_weights(vae.get_weights())
    quantized.quantize("int8")
    layers = dense_layers(quantized)
    assert layers
    assert all(ops.convert_to_numpy(layer._kernel).dtype == "int8" for layer in layers)
    for name, options in (("predict", {}), ("encode", {}), ("elbo", {"seed": 0})):
        exact, near = (getattr(model, name)(X, **options) for model in (vae, quantized))
        assert 0 < np.abs(exact - near).max() < 0.2, name
    assert quantized.generate(3).shape == (3, 6)
    quantized.save(tmp_path / "quantized.keras")
    again = keras.saving.load_model(tmp_path / "quantized.keras")
    np.testing.assert_array_equal(again.encode(X), quantized.encode(X))
    np.testing.assert_array_equal(again.predict(X), quantized.predict(X))


@pytest.mark.on_torch
def test_a_filter_leaves_the_other_layers_float_also_in_the_file(tmp_path):
    vae = small_vae()
    chosen = {id(layer) for layer in vae.decoder._flatten_layers()}
    vae.quantize("int8", filters=lambda layer: id(layer) in chosen)
    vae.save(tmp_path / "decoder.keras")
    again = keras.saving.load_model(tmp_path / "decoder.keras")
    assert [layer.quantization_mode for layer in dense_layers(again)] == [
        layer.quantization_mode for layer in dense_layers(vae)
    ]
    assert {layer.quantization_mode for layer in dense_layers(vae)} == {None, "int8"}


def test_lora_trains_its_factors_and_is_merged_in_the_file(tmp_path):
    vae = small_vae()
    for layer in dense_layers(vae):
        layer.enable_lora(2)
    kernels = [ops.convert_to_numpy(layer._kernel) for layer in dense_layers(vae)]
    factors = [ops.convert_to_numpy(layer.lora_kernel_b) for layer in dense_layers(vae)]
    compiled(vae).fit(X, epochs=1, verbose=0)
    for layer, kernel, factor in zip(dense_layers(vae), kernels, factors, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(layer._kernel), kernel)
        assert np.abs(ops.convert_to_numpy(layer.lora_kernel_b) - factor).max() > 0
    vae.save(tmp_path / "lora.keras")
    again = keras.saving.load_model(tmp_path / "lora.keras")
    np.testing.assert_allclose(again.predict(X), vae.predict(X), atol=1e-6)
    assert not any(layer.lora_enabled for layer in dense_layers(again))
