"""`steps_per_execution`: several steps in one call, over data that stay on the device."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.backend import ResidentRows
from keras_vae.models import executions

ROWS = np.random.default_rng(0).normal(size=(100, 5)).astype("float32")
BATCH = 16  # the last batch has four rows


def vector_model(steps, **options):
    keras.utils.set_random_seed(1)
    vae = kv.VAE(
        data_shape=(5,), latent_dim=2, encoder=kv.encoders.MLP((8,)), decoder=kv.decoders.MLP((8,)), seed=2,
        likelihood="gaussian", **options,
    )  # fmt: skip
    vae.compile(keras.optimizers.Adam(1e-2), steps_per_execution=steps, metrics=["mse"])
    return vae


def conditional_model(steps):
    return vector_model(steps, condition_shape=(1,), dtype="mixed_float16")


def history_of(vae, x=ROWS, **options):
    options = {"epochs": 2, "batch_size": BATCH, "shuffle": False, "verbose": 0, **options}
    return vae.fit(x, **options).history


class Batches(keras.callbacks.Callback):
    """The numbers of the batches at which Keras calls back, and whether the data were on the device."""

    def __init__(self):
        super().__init__()
        self.begins, self.ends, self.resident = [], [], set()

    def on_train_batch_begin(self, batch, logs=None):
        self.begins.append(batch)
        self.resident.add(self.model.resident is not None)

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(batch)


CASES = {
    "validation_split": (vector_model, {"validation_split": 0.25}),
    "weights": (vector_model, {"sample_weight": np.linspace(0.0, 1.0, 100)}),
    "targets": (vector_model, {"y": ROWS[::-1], "validation_data": (ROWS[:20], ROWS[:20])}),
    "condition_in_half_precision": (
        conditional_model,
        {"x": [ROWS.astype("float64"), np.arange(100.0)[:, None] / 100]},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_losses_equal_those_of_single_steps(case):
    model, options = CASES[case]
    single, seen = history_of(model(1), **options), Batches()
    several = history_of(model(4), callbacks=[seen], **options)
    assert seen.resident == {True}
    assert single.keys() == several.keys()
    for name, values in single.items():
        np.testing.assert_allclose(several[name], values, rtol=1e-5, err_msg=name)


def test_callbacks_come_once_an_execution_and_data_leave_the_device():
    vae, seen = vector_model(4), Batches()
    history_of(vae, epochs=1, callbacks=[seen])
    assert seen.begins == [0, 4]
    assert seen.ends == [3, 7]  # seven batches, numbered as Keras numbers them
    assert vae.resident is None
    function = vae.train_function
    history_of(vae, x=ROWS[:90], epochs=1)
    assert vae.train_function is function, "another fit compiles again"
    assert int(vae.optimizer.iterations) == 7 + 6


def test_auto_picks_a_number_and_trains_as_single_steps_do():
    vae = vector_model("auto")
    history = history_of(vae)
    assert vae.steps_per_execution >= 1
    np.testing.assert_allclose(history["loss"], history_of(vector_model(1))["loss"], rtol=1e-5)
    assert vae.get_compile_config()["steps_per_execution"] == "auto"


def test_data_that_do_not_fit_stay_where_they_are(monkeypatch):
    monkeypatch.setattr(executions, "free_memory", lambda: 3000)  # the data take 2000, and may take half
    seen = Batches()
    with pytest.warns(UserWarning, match="stay where they are"):
        history = history_of(vector_model(4), callbacks=[seen])
    assert seen.resident == {False}
    np.testing.assert_allclose(history["loss"], history_of(vector_model(1))["loss"], rtol=1e-5)


def test_eager_steps_and_steps_per_epoch_go_the_way_of_keras():
    seen = Batches()
    history_of(vector_model(2), callbacks=[seen], steps_per_epoch=4, epochs=1)
    vae = vector_model(2)
    vae.run_eagerly = True
    history_of(vae, callbacks=[seen], epochs=1, x=ROWS[:32])
    assert seen.resident == {False}


def test_evaluation_and_prediction_take_several_steps_too():
    several, single = vector_model(3), vector_model(1)
    for vae in (several, single):
        history_of(vae, epochs=1)
    np.testing.assert_allclose(
        several.evaluate(ROWS, batch_size=BATCH, verbose=0),
        single.evaluate(ROWS, batch_size=BATCH, verbose=0),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        several.predict(ROWS, batch_size=BATCH, verbose=0), single.predict(ROWS, batch_size=BATCH, verbose=0), atol=1e-5
    )


@pytest.mark.parametrize("shuffle", [True, "batch", False])
def test_every_row_comes_once_an_epoch(shuffle):
    rows = ResidentRows(ROWS, steps_per_execution=4, batch_size=BATCH, shuffle=shuffle)
    epochs = []
    for _ in range(2):
        if keras.backend.backend() == "torch":
            numbers = [np.asarray(item) for item in rows.get_torch_dataloader() if item is not None]
        else:
            items = [[np.asarray(part) for part in item] for item in rows]
            numbers = [batch for batches, first, count, _ in items for batch in batches[first : first + count]]
            numbers += [rest for *_, rest in items if len(rest)]
        assert [len(batch) for batch in numbers] == [16] * 6 + [4]
        epochs.append(np.concatenate(numbers))
        assert sorted(epochs[-1]) == list(range(100))
        if shuffle == "batch":
            assert all(sorted(batch) == list(range(min(batch), max(batch) + 1)) for batch in numbers)
    assert (epochs[0].tolist() == epochs[1].tolist()) == (shuffle is False)


@pytest.mark.parametrize("steps", [0, -1, 2.5, "many"])
def test_other_numbers_of_steps_are_refused(steps):
    with pytest.raises((TypeError, ValueError), match="steps_per_execution"):
        vector_model(steps)


def test_single_batches_go_between_fits_and_in_callbacks():
    results = []
    for steps in (1, 4):
        vae = vector_model(steps)

        class OneBatch(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None, vae=vae):
                vae.train_on_batch(ROWS[:5])

        losses = history_of(vae, callbacks=[OneBatch()])["loss"]
        function = vae.train_function
        losses += [*np.ravel(vae.train_on_batch(ROWS[:8])), *np.ravel(vae.train_on_batch(ROWS[:5]))]
        assert vae.train_function is function or steps == 1
        results.append(losses + history_of(vae)["loss"])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-4)


class InALoopError(Exception):
    pass


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="there is no loop to compile")
def test_convolutions_are_not_compiled_in_a_loop_on_a_cpu(monkeypatch):
    """XLA computes them there many times more slowly than in single steps."""
    if keras.backend.backend() == "jax":
        import jax

        monkeypatch.setattr(jax.lax, "fori_loop", refuse)
    else:
        import tensorflow as tf

        monkeypatch.setattr(tf, "while_loop", refuse)
    images, losses = np.random.default_rng(0).random((20, 4, 4, 1)).astype("float32"), []
    for steps in (1, 3):
        keras.utils.set_random_seed(0)
        vae = kv.VAE((4, 4, 1), 2, encoder=kv.encoders.Conv((2,)), decoder="mlp", likelihood="bernoulli", seed=0)
        vae.compile("adam", steps_per_execution=steps, jit_compile=True)
        losses.append(history_of(vae, images, batch_size=3)["loss"])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    dense = vector_model(3)
    dense.compile("adam", steps_per_execution=3, jit_compile=True)
    with pytest.raises(InALoopError):
        history_of(dense)


def refuse(*args, **kwargs):
    raise InALoopError


@pytest.mark.parametrize("steps", ["fast", 0, 2.5])
def test_a_number_of_steps_that_is_none(steps):
    with pytest.raises(ValueError, match="`steps_per_execution` must be an int >= 1"):
        kv.VAE((4,), 2).compile("adam", steps_per_execution=steps)
    with pytest.raises(ValueError, match="or 'auto'"):
        kv.VAE((4,), 2).compile("adam", steps_per_execution="fast")
