"""torch: while a model trains, numbers below float32's normal range are zero, and afterwards what they were."""

import keras
import numpy as np
import pytest

from keras_vae.backend import flushed_denormals
from tests.models.small import small_vae, vectors

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="the other backends do so always")


@pytest.fixture(autouse=True)
def torch_with_denormals():
    import torch

    if not torch.set_flush_denormal(False):
        pytest.skip("this processor cannot choose")
    yield torch
    torch.set_flush_denormal(False)


def flushed():
    import torch

    return float(torch.tensor(1e-30) * 1e-10) == 0.0


class Watch(keras.callbacks.Callback):
    def __init__(self, fails=False):
        super().__init__()
        self.seen, self.fails = [], fails

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(flushed())
        if self.fails:
            raise KeyboardInterrupt


@pytest.mark.parametrize("fails", [False, True])
def test_in_fit_and_not_behind_it(fails):
    vae, watch = small_vae(), Watch(fails)
    vae.compile("adam")
    assert not flushed()
    try:
        vae.fit(vectors(16), batch_size=8, callbacks=[watch], verbose=0)
    except KeyboardInterrupt:
        assert fails
    assert watch.seen == [True] * (1 if fails else 2)
    assert not flushed()


def test_what_a_user_has_set_stays(torch_with_denormals):
    torch_with_denormals.set_flush_denormal(True)
    with flushed_denormals():
        assert flushed()
    assert flushed()


def test_gradients_through_long_sequences_are_those_of_keras_but_for_what_is_zero():
    import torch

    from keras_vae.layers import recurrent_layer

    layer = recurrent_layer("gru")(4, seed=0)
    layer.build((None, None, 2))
    x = torch.as_tensor(np.random.default_rng(0).normal(size=(3, 400, 2)).astype("float32")).requires_grad_()
    gradients = []
    for flush in (True, False):
        torch.set_flush_denormal(flush)
        gradients.append(torch.autograd.grad(layer(x).sum(), x)[0].numpy())
    np.testing.assert_allclose(*gradients, atol=1e-35)
    tiny = np.finfo("float32").tiny
    assert not np.any((np.abs(gradients[0]) < tiny) & (gradients[0] != 0))
    assert np.any((np.abs(gradients[1]) < tiny) & (gradients[1] != 0))
