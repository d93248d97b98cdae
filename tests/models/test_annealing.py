"""Schedules of beta count batches, as schedules of the learning rate do."""

import keras
import pytest

import keras_vae as kv
from tests.models.small import small_vae, vectors

X = vectors(20)
BATCHES = 5  # of 4 rows: no multiple of the accumulated steps below


class Betas(keras.callbacks.Callback):
    """beta after every step or execution."""

    def __init__(self):
        super().__init__()
        self.values = []

    def on_train_batch_end(self, batch, logs=None):
        self.values.append(round(float(self.model.objective.beta), 4))


def betas(vae, epochs=2, initial_epoch=0):
    seen = Betas()
    callbacks = [kv.callbacks.BetaSchedule(8), seen]
    vae.fit(X, batch_size=4, epochs=epochs, initial_epoch=initial_epoch, callbacks=callbacks, verbose=0)
    return seen.values


def expected(steps):
    return [round(min(step / 8, 1.0), 4) for step in range(steps)]


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_annealing_counts_batches_where_gradients_are_accumulated(policy):
    optimizer = keras.optimizers.Adam(gradient_accumulation_steps=2)
    if policy == "mixed_float16":  # with a scale at which no update is left out
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=16.0)
    vae = small_vae(dtype=policy)
    vae.compile(optimizer)
    seen = betas(vae)
    resumed = betas(vae, epochs=3, initial_epoch=2)
    assert seen + resumed == expected(3 * BATCHES)


def test_annealing_counts_every_step_of_an_execution():
    vae = small_vae()
    vae.compile("sgd", steps_per_execution=2)
    assert betas(vae) == [expected(10)[step] for step in (0, 2, 4, 5, 7, 9)]
