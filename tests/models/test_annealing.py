"""Schedules of beta count batches, as schedules of the learning rate do."""

import keras
import numpy as np
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


def value_of(schedule, step):
    return float(schedule(step))


def test_a_sigmoid_rises_between_its_ends_and_is_symmetric():
    schedule = kv.callbacks.SigmoidWarmUp(100, start=2.0, end=6.0)
    values = [value_of(schedule, step) for step in range(0, 151, 5)]
    assert values[0] == pytest.approx(2.0)
    assert values[20:] == pytest.approx([6.0] * 11)
    assert np.all(np.diff(values[:21]) > 0)
    assert [value_of(schedule, 50 - n) + value_of(schedule, 50 + n) for n in (10, 30)] == pytest.approx([8.0, 8.0])
    # Bowman's logistic curve, where its ends are far away
    steep = kv.callbacks.SigmoidWarmUp(100, sharpness=40.0)
    assert value_of(steep, 40) == pytest.approx(1 / (1 + np.exp(4.0)), rel=1e-3)


def test_cycles_of_a_long_training_are_exact():
    schedule = kv.callbacks.Cyclical(1000, ramp=1.0, end=2.0)
    late = 20_000_000  # beyond the whole numbers of float32
    assert [value_of(schedule, late + step) for step in (0, 1, 500)] == pytest.approx([0.0, 0.002, 1.0], abs=1e-6)


@pytest.mark.parametrize("ramp", [0.0, 1.5, np.nan])
def test_a_ramp_is_a_share(ramp):
    with pytest.raises(ValueError, match="Argument `ramp` must be"):
        kv.callbacks.Cyclical(10, ramp=ramp)


@pytest.mark.parametrize(
    "schedule",
    [
        kv.callbacks.LinearWarmUp(7, 0.5, 2.0),
        kv.callbacks.SigmoidWarmUp(7, 0.5, 2.0, 3.0),
        kv.callbacks.Cyclical(7, 0.25, 0.5, 2.0, cycles=3),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_schedules_are_saved_in_configs(schedule):
    config = keras.optimizers.schedules.serialize(schedule)
    again = keras.optimizers.schedules.deserialize(config)
    assert [value_of(again, step) for step in range(25)] == [value_of(schedule, step) for step in range(25)]


def test_several_schedules_are_logged_under_their_names_and_resumed(tmp_path):
    """Also in a model that was saved and loaded in between."""

    def fit(vae, epochs, first):
        callbacks = [
            kv.callbacks.CapacitySchedule(20),
            kv.callbacks.BetaSchedule(kv.callbacks.LinearWarmUp(20, end=5.0)),
            kv.callbacks.TemperatureSchedule(kv.callbacks.LinearWarmUp(20, 1.0, 0.5)),
        ]
        return vae.fit(X, batch_size=4, epochs=epochs, initial_epoch=first, callbacks=callbacks, verbose=0).history

    vae = small_vae(
        latent_dim=3,
        prior="uniform_categorical",
        posterior="categorical",
        objective=kv.objectives.Capacity(8.0),
    )
    vae.compile("adam")
    history = fit(vae, 2, 0)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    resumed = fit(loaded, 3, 2)
    shares = [(BATCHES * (epoch + 1) - 1) / 20 for epoch in range(3)]
    for name, expected in (
        ("capacity", [8.0 * share for share in shares]),
        ("beta", [5.0 * share for share in shares]),
        ("temperature", [1.0 - 0.5 * share for share in shares]),
    ):
        assert history[name] + resumed[name] == pytest.approx(expected)
    assert float(loaded.objective.capacity) == pytest.approx(8.0 * shares[2])
    assert float(loaded.posterior.temperature) == pytest.approx(1.0 - 0.5 * shares[2])


def test_a_capacity_inside_of_another_objective():
    vae = small_vae(objective=kv.objectives.DIP(kv.objectives.Capacity(4.0)))
    vae.compile("sgd")
    history = vae.fit(X, batch_size=4, callbacks=[kv.callbacks.CapacitySchedule(5)], verbose=0).history
    assert history["capacity"] == pytest.approx([4.0 * 4 / 5])


def test_tensorboard_writes_the_value(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorflow.python.summary.summary_iterator import summary_iterator

    vae = small_vae()
    vae.compile("sgd")
    callbacks = [kv.callbacks.BetaSchedule(10), keras.callbacks.TensorBoard(tmp_path)]
    vae.fit(X, batch_size=4, epochs=2, callbacks=callbacks, verbose=0)
    (path,) = (tmp_path / "train").glob("events*")
    tags = {value.tag for event in summary_iterator(str(path)) for value in event.summary.value}
    assert "epoch_beta" in tags


@pytest.mark.parametrize(
    ("callback", "match"),
    [
        (lambda: kv.callbacks.CapacitySchedule(4), "no objective with a `capacity`"),
        (lambda: kv.callbacks.TemperatureSchedule(kv.callbacks.LinearWarmUp(4)), "no posterior with a `temperature`"),
        (lambda: kv.callbacks.VariableSchedule(4), "Argument `variable`"),
        (lambda: kv.callbacks.TemperatureSchedule(4), "starts and ends above 0"),
        (lambda: kv.callbacks.BetaSchedule("linear"), "Argument `schedule`"),
    ],
)
def test_schedules_without_a_variable_or_values(callback, match):
    vae = small_vae()
    vae.compile("sgd")
    with pytest.raises(ValueError, match=match):
        vae.fit(X, callbacks=[callback()], verbose=0)


def test_cycles_shorter_than_an_execution_are_named():
    vae = small_vae()
    vae.compile("sgd", steps_per_execution=5)
    with pytest.warns(UserWarning, match="cycles of 6 steps, and 5 steps run in one execution"):
        vae.fit(X, batch_size=4, epochs=3, callbacks=[kv.callbacks.BetaSchedule(kv.callbacks.Cyclical(6))], verbose=0)


# Numbers in place of `assign` ---------------------------------------------------------------------------


def number(variable):
    return float(keras.ops.convert_to_numpy(variable))


def test_a_number_in_place_of_a_factor_is_assigned_to_it(tmp_path):
    """In a compiled step too, and in the file."""
    vae = small_vae()
    vae.objective.beta = 2.0
    vae.compile(keras.optimizers.SGD(0.0))

    def losses():
        logs = vae.evaluate(X, verbose=0, return_dict=True)
        return logs["loss"] - logs["reconstruction_loss"], logs["kl_loss"]

    weighted, kl = losses()
    np.testing.assert_allclose(weighted, 2.0 * kl, rtol=1e-3)
    vae.fit(X, verbose=0)
    for value in (0.0, np.float32(3.0), np.array(1)):
        vae.objective.beta = value
        weighted, kl = losses()
        np.testing.assert_allclose(weighted, float(value) * kl, rtol=1e-3, atol=1e-3)
    vae.objective.beta += 0.5  # a tensor
    assert isinstance(vae.objective.beta, keras.Variable)
    weighted, kl = losses()
    np.testing.assert_allclose(weighted, 1.5 * kl, rtol=1e-3)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert number(loaded.objective.beta) == 1.5
    assert loaded.objective.initial_beta == 1.0
    vae.objective.beta.assign(0.25)
    assert number(vae.objective.beta) == 0.25
    assert betas(vae) == expected(1 + 2 * BATCHES)[1:]  # after one step of fit


@pytest.mark.on_torch
@pytest.mark.parametrize(
    ("objective", "names"),
    [
        ("beta_tc", ["beta"]),
        ("capacity", ["beta", "capacity"]),
        ("ciwae", ["beta"]),
        ("free_bits", ["nats"]),
        ("info_vae", ["beta"]),
        ("semi_supervised", ["beta"]),
    ],
)
def test_every_factor_stays_a_variable(objective, names):
    objective = kv.registry.objectives.get(objective)
    weights = list(objective.weights)
    for name in names:
        factor = getattr(objective, name)
        setattr(objective, name, 0.375)
        assert getattr(objective, name) is factor
        assert number(factor) == 0.375
    assert list(map(id, objective.weights)) == list(map(id, weights))


@pytest.mark.on_torch
def test_an_objective_made_from_another_hands_beta_on():
    objective = kv.objectives.Supervised("elbo", head=keras.layers.Dense(1))
    objective.beta = 0.5
    assert number(objective.objective.beta) == 0.5
    objective.objective = kv.objectives.ELBO(beta=3.0)  # no number, and replaced as any attribute
    assert number(objective.beta) == 3.0


@pytest.mark.on_torch
def test_a_subclass_may_set_a_factor_to_a_number_or_another_factor():
    class Mine(kv.objectives.ELBO):
        def __init__(self, replace=False, **kwargs):
            super().__init__(**kwargs)
            self.beta = self.add_factor("own", 4.0) if replace else 4.0

    assert number(Mine().beta) == 4.0
    objective = Mine(replace=True)
    objective.beta = 5
    assert objective.beta.name == "own"
    assert number(objective.beta) == 5.0
    again = Mine.from_config({"beta": 2.0, "replace": False})
    assert (number(again.beta), again.initial_beta) == (4.0, 2.0)


@pytest.mark.on_torch
@pytest.mark.parametrize(
    "value", ["1.0", None, True, np.nan, np.inf, [1.0], np.ones(2), keras.optimizers.schedules.CosineDecay(1.0, 10)]
)
def test_a_factor_is_no_other_thing_than_a_number(value):
    objective = kv.objectives.ELBO()
    with pytest.raises(ValueError, match="Argument `beta` must be a finite number"):
        objective.beta = value
    assert number(objective.beta) == 1.0
