"""Errors in the middle of inference are the plain ones, without what Keras and tf.data write around them."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.models.small import small_vae, vectors

X = vectors(8)


class Late(keras.utils.PyDataset):
    """Two good batches and a bad one."""

    def __init__(self, last):
        super().__init__()
        self.last = last

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return (self.last if index == 2 else X,)


class Picky(kv.encoders.MLP):
    def call(self, x, mask=None, training=None):
        if x.shape[1] == 6:
            raise ValueError("Argument `x`: not six, please.")
        return super().call(x, mask=mask, training=training)


ERRORS = {
    "no length": (
        lambda: kv.VAE((None, 2), 2, decoder=kv.decoders.GRU(4), likelihood="gaussian").generate(2),
        r"Argument `length`: the data's shape \(None, 2\)",
    ),
    "in a layer": (lambda: small_vae(encoder=Picky((4,))).predict(X), "Argument `x`: not six"),
    "a late width": (lambda: small_vae().predict(Late(np.zeros((8, 7), "float32"))), r"every batch must be .*\(8, 7\)"),
    "a late axis": (lambda: small_vae().elbo(Late(X[..., None])), r"every batch must be .*\(8, 6, 1\)"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_of_inference_are_plain(name):
    raising, message = ERRORS[name]
    with pytest.raises(ValueError, match=f"^(Argument `x`: )?{message}") as caught:
        raising()
    text = str(caught.value)
    assert "\x1b" not in text
    assert "Exception encountered" not in text
    assert "\n" not in text


def test_a_model_works_after_an_error():
    vae = small_vae()
    before = vae.predict(X)
    with pytest.raises(ValueError, match="every batch"):
        vae.predict(Late(X[:, :5]))
    np.testing.assert_array_equal(vae.predict(X), before)


@pytest.mark.refusals
@pytest.mark.parametrize("z", ["a", [[1, 2], [1]], np.ones((2, 2), "complex64"), [[1, "a"]]])
def test_latents_and_exposures_are_real_numbers(z):
    with pytest.raises(ValueError, match="Argument `z` must be an array of real numbers"):
        small_vae().decode(z)
    counts = small_vae(likelihood=kv.likelihoods.Poisson(exposure=True))
    with pytest.raises(ValueError, match="Argument `exposure` must be an array of real numbers"):
        counts.generate(2, exposure=z)


@pytest.mark.refusals
def test_every_level_of_latents_has_as_many_rows():
    vae = small_vae(latents="hierarchical", latent_dim=(2, 3))
    with pytest.raises(ValueError, match=r"Argument `z` must hold as many rows .* \[2, 3\] rows"):
        vae.decode((np.zeros((2, 2)), np.zeros((3, 3))))
