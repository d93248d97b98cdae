"""torch: steps that nobody asked to be recorded are recorded after a while, where nothing of a user's is in them."""

import functools

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.backend import recorded_steps
from tests.models.test_captured_steps import Counts, WritesInPlace, dense_model, fit

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="other backends trace their steps")

AFTER = 3


@pytest.fixture(autouse=True)
def records(monkeypatch):
    """The shapes of the batches whose steps were recorded, after few steps."""
    made = []

    class Noted(recorded_steps.CapturedStep):
        def __init__(self, model, data):
            super().__init__(model, data)
            made.append(tuple(keras.tree.flatten(data)[0].shape))

    monkeypatch.setattr(recorded_steps, "UNASKED_AFTER", AFTER)
    monkeypatch.setattr(recorded_steps, "CapturedStep", Noted)
    return made


def eagerly(vae):
    vae.compile(vae.optimizer, run_eagerly=True)
    return vae


def test_a_long_fit_is_recorded_and_trains_the_same(records):
    losses = fit(dense_model(1))
    assert records == [(8, 5)]  # the smaller last batch comes too seldom
    expected = fit(eagerly(dense_model(1)))
    assert records == [(8, 5)]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_so_are_batches_that_a_user_trains_on_and_datasets(records):
    import torch

    x = np.random.default_rng(0).random((4, 5)).astype("float32")
    losses = []
    for vae in (dense_model(1), eagerly(dense_model(1))):
        losses.append([vae.train_on_batch(x)[0] for _ in range(6)])
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(48, 5)), batch_size=8)
        losses[-1] += vae.fit(loader, verbose=0).history["loss"]
    assert records == [(4, 5), (8, 5)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


class OwnModel(kv.VAE):
    pass


class OwnOptimizer(keras.optimizers.Adam):
    pass


def own_relu(x):
    return keras.ops.relu(x)


def own_metric(y_true, y_pred):
    return keras.ops.mean(y_true - y_pred, axis=-1)


class Counter:
    """Python that changes in every step, as a part of another object."""

    count = 0

    def counted(self):
        self.count += 1
        return self.count


class OwnRegularizer(Counter, keras.regularizers.Regularizer):
    def __call__(self, x):
        return 0.01 * self.counted() * keras.ops.sum(x * x)


class OwnConstraint(Counter, keras.constraints.Constraint):
    def __call__(self, x):
        return x / (1.0 + self.counted())


class OwnSchedule(Counter, keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.01 / (1 + self.counted())


class OwnLoss(Counter, keras.losses.Loss):
    def call(self, y_true, y_pred):
        return self.counted() * keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


class OwnActivation(Counter):
    def __call__(self, x):
        return x / self.counted()

    def method(self, x):
        return x / self.counted()


class OwnOperation(Counter, keras.Operation):
    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)

    def call(self, x):
        return x / self.counted()


def of_operation():
    inputs = keras.Input((5,))
    encoder = keras.Model(inputs, keras.layers.Dense(5)(OwnOperation()(inputs)))
    vae = kv.VAE((5,), 2, encoder=encoder, decoder="mlp", likelihood="gaussian", seed=0)
    return compiled(vae)


def of_loss():
    objective = kv.objectives.Supervised(loss=OwnLoss())
    return compiled(kv.VAE((5,), 2, encoder="mlp", decoder="mlp", likelihood="gaussian", objective=objective, seed=0))


def hooked():
    vae = dense_model(1)
    vae.encoder.register_forward_hook(lambda module, given, result: result * 1.0)
    return vae


def hooked_gradient():
    vae = dense_model(1)
    vae.trainable_variables[0].value.register_hook(lambda gradient: gradient * 0.5)
    return vae


def dense_with(**options):
    return of_layer(lambda: keras.layers.Dense(5, **options))


def of_layer(layer):
    return lambda: dense_model(1, layer)


def compiled(vae, *args, **kwargs):
    vae.compile(*args, **kwargs)
    return vae


OF_USER = {
    "a layer": of_layer(WritesInPlace),
    "a layer that counts": of_layer(Counts),
    "a Lambda": of_layer(lambda: keras.layers.Lambda(own_relu)),
    "an activation": of_layer(lambda: keras.layers.Dense(5, activation=own_relu)),
    "a model": lambda: compiled(OwnModel((5,), 2, encoder="mlp", decoder="mlp", likelihood="gaussian")),
    "an optimizer": lambda: dense_model(1, optimizer=OwnOptimizer()),
    "a regularizer": dense_with(kernel_regularizer=OwnRegularizer()),
    "a constraint": dense_with(kernel_constraint=OwnConstraint()),
    "a callable": dense_with(activation=OwnActivation()),
    "a method": dense_with(activation=OwnActivation().method),
    "a partial": dense_with(activation=functools.partial(keras.ops.leaky_relu, negative_slope=0.1)),
    "a schedule": lambda: dense_model(1, optimizer=keras.optimizers.Adam(OwnSchedule())),
    "an operation": of_operation,
    "a loss": of_loss,
    "a hook": hooked,
    "a hook of a gradient": hooked_gradient,
    "a metric": lambda: compiled(dense_model(1), metrics=[own_metric]),
}


@pytest.mark.parametrize("make", OF_USER.values(), ids=OF_USER)
def test_what_a_user_wrote_is_not_recorded(make, records):
    vae = make()
    options = {"y": np.ones((52, 1), "float32")} if vae.objective.uses_y else {}
    fit(vae, **options)
    fit(vae, **options)
    assert records == []


def test_keras_own_metrics_are_no_hindrance(records):
    fit(compiled(dense_model(1), metrics=["mae"]))
    assert records == [(8, 5)]


def test_steps_that_cannot_be_recorded_run_as_before_in_silence(recwarn, records):
    fit(dense_model(1, optimizer="nadam"))
    assert records == []
    assert [str(each.message) for each in recwarn if "record" in str(each.message)] == []


def test_what_changes_again_and_again_is_left_to_keras(monkeypatch, records):
    monkeypatch.setattr(recorded_steps, "MOST_RECORDS", 2)
    losses = []
    for vae in (dense_model(1), eagerly(dense_model(1))):
        losses.append([])
        for turn in range(4):
            vae.encoder.trainable = turn % 2 == 0
            losses[-1] += fit(vae)
    assert len(records) == 2
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def regularized():
    def layer():
        regularizer, constraint = keras.regularizers.L2(0.01), keras.constraints.MaxNorm(2.0)
        return keras.layers.Dense(5, activation="relu", kernel_regularizer=regularizer, kernel_constraint=constraint)

    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    return dense_model(1, layer, optimizer=keras.optimizers.Adam(schedule))


def dense_of(vae):
    return vae.encoder.model.layers[-1]


CHANGES = {
    "activation": lambda vae: setattr(dense_of(vae), "activation", keras.activations.tanh),
    "constraint": lambda vae: setattr(dense_of(vae)._kernel, "constraint", keras.constraints.MaxNorm(0.1)),
    "regularizer": lambda vae: setattr(dense_of(vae)._kernel, "regularizer", keras.regularizers.L2(0.5)),
    "its strength": lambda vae: setattr(dense_of(vae).kernel_regularizer, "l2", 1.0),
    "its largest value": lambda vae: setattr(dense_of(vae).kernel_constraint, "max_value", 0.1),
    "the schedule": lambda vae: setattr(vae.optimizer._learning_rate, "initial_learning_rate", 0.1),
    "a hook": lambda vae: vae.encoder.register_forward_hook(lambda module, given, result: result * 0.5),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_changes_between_fits_counts(change, records):
    losses = []
    for vae in (regularized(), eagerly(regularized())):
        fit(vae)
        assert records[0] == (8, 5)
        change(vae)
        losses.append(fit(vae))
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_another_optimizer_in_a_callback(records):
    class Replace(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.optimizer = keras.optimizers.RMSprop(0.01)

    losses = [fit(vae, callbacks=[Replace()]) for vae in (dense_model(1), eagerly(dense_model(1)))]
    assert records == [(8, 5), (8, 5)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_jit_compile_compiles_the_record(monkeypatch, records):
    """Keras would compile its own Python, which fails; what Inductor gets is the record, from the first step on."""
    import torch

    compiled_graphs = []
    monkeypatch.setattr(torch, "compile", lambda graph, **options: compiled_graphs.append(graph) or graph)
    vae = dense_model(1)
    vae.compile("adam", jit_compile=True)
    fit(vae)
    assert records == [(8, 5), (4, 5)]
    assert len(compiled_graphs) == 2
    assert all(isinstance(graph, torch.fx.GraphModule) for graph in compiled_graphs)


def test_a_variable_of_a_regularizer_counts_whenever_it_changes(records):
    """Nobody lists it among the model's own: the record must look at it, and not keep its value."""

    def model():
        regularizer = keras.regularizers.L2(0.1)
        regularizer.l2 = keras.Variable(1.0, trainable=False)
        networks = [keras.Input((5,)), keras.layers.Dense(4, kernel_regularizer=regularizer)]
        vae = kv.VAE((5,), 2, encoder=keras.Sequential(networks), decoder=kv.decoders.MLP((4,)), seed=2)
        vae.compile("adam")
        return vae, regularizer

    losses = []
    for eager in (False, True):
        keras.utils.set_random_seed(1)
        vae, regularizer = model()
        vae = eagerly(vae) if eager else vae
        losses.append(fit_unit(vae))
        regularizer.l2.assign(0.1)
        losses[-1] += fit_unit(vae)
    assert records
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_a_slice_times_one_is_still_laid_out_anew(records):
    """As behind `Rescaling(1.0)` in front of a concatenation, whose gradient is a slice that a `Reshape` views."""
    inputs = keras.Input((6,))
    first = keras.layers.Rescaling(1.0)(keras.layers.Reshape((2, 3))(keras.layers.Dense(6)(inputs)))
    second = keras.layers.Reshape((2, 3))(keras.layers.Dense(6, activation="tanh")(inputs))
    joined = keras.layers.Flatten()(keras.layers.Concatenate()([first, second]))
    vae = kv.VAE((6,), 2, encoder=keras.Model(inputs, keras.layers.Dense(4)(joined)), decoder=kv.decoders.MLP((4,)))
    vae.compile("adam")
    history = vae.fit(np.random.default_rng(0).random((48, 6)), batch_size=8, verbose=0).history
    assert records
    assert np.isfinite(history["loss"]).all()


def fit_unit(vae):
    x = np.random.default_rng(0).random((48, 5)).astype("float32")
    return vae.fit(x, epochs=2, batch_size=8, shuffle=False, verbose=0).history["loss"]
