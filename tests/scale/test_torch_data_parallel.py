"""The callback for several torch processes, in a group of one, and where it refuses."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

needs_torch = pytest.mark.skipif(keras.backend.backend() != "torch", reason="torch alone has torch.distributed")


@pytest.fixture
def group():
    import torch.distributed as distributed

    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def train(callbacks, **options):
    keras.utils.set_random_seed(0)
    vae = compiled(small_vae(encoder=keras.Sequential([keras.layers.BatchNormalization(), keras.layers.Dense(4)])))
    history = vae.fit(vectors(), epochs=2, validation_data=vectors(seed=1), verbose=0, callbacks=callbacks, **options)
    return vae, history.history


@needs_torch
def test_one_process_trains_as_without(group):
    alone, expected = train([])
    together, history = train([kv.callbacks.TorchDataParallel()])
    assert history == expected
    for one, other in zip(alone.variables, together.variables, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other))
    assert not {"apply", "get_metrics_result"} & (set(vars(together)) | set(vars(together.optimizer)))


@needs_torch
def test_in_half_precision_and_with_accumulated_gradients(group):
    keras.config.set_dtype_policy("mixed_float16")
    for optimizer in ("adam", keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)):
        vae = compiled(small_vae(), optimizer)
        losses = vae.fit(vectors(), epochs=2, verbose=0, callbacks=[kv.callbacks.TorchDataParallel()]).history["loss"]
        assert np.isfinite(losses).all()


@needs_torch
def test_after_an_error_the_next_call_starts_anew(group):
    class Fails(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("stopped")

    vae = compiled(small_vae())
    callback = kv.callbacks.TorchDataParallel()
    with pytest.raises(RuntimeError, match="stopped"):
        vae.fit(vectors(), verbose=0, callbacks=[callback, Fails()])
    vae.fit(vectors(), verbose=0, callbacks=[callback])
    assert "get_metrics_result" not in vars(vae)
    vae.evaluate(vectors(), verbose=0, callbacks=[callback])
    assert "get_metrics_result" not in vars(vae)


@needs_torch
def test_shifted_seeds_come_back():
    from keras_vae.backend import shift_seed

    state = keras.random.SeedGenerator(5).state
    before = keras.ops.convert_to_numpy(state).copy()
    seen = {tuple(before.tolist())}
    for rank in (1, 2, 63):
        shift_seed(state, rank)
        seen.add(tuple(keras.ops.convert_to_numpy(state).tolist()))
        shift_seed(state, -rank)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(state), before)
    assert len(seen) == 4


@needs_torch
def test_refuses_a_callback_that_stops_one_process(group):
    callbacks = [kv.callbacks.StopOnInvalid(), kv.callbacks.TorchDataParallel()]
    with pytest.raises(ValueError, match="StopOnInvalid decides by the loss of its own process"):
        train(callbacks)


def test_refuses_without_a_group():
    message = "no process group" if keras.backend.backend() == "torch" else "Expected KERAS_BACKEND=torch"
    vae = compiled(small_vae())
    with pytest.raises(RuntimeError, match=message):
        vae.fit(vectors(), verbose=0, callbacks=[kv.callbacks.TorchDataParallel()])
