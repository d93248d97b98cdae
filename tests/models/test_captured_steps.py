"""torch: steps that are recorded and replayed train as Keras' own do, with every registered component."""

import warnings

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.distributions import gaussian_mixture
from keras_vae.testing.subject import with_condition
from tests.contracts.cases import CASES, small_model

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="other backends trace their steps")

# Components whose step cannot be recorded: chains seed their draws by other draws.
ONE_BY_ONE = [("latents", "markov"), ("latents", "recurrent")]


TRAINED = sorted(case for case in CASES if case[0] != "samplers")  # these are fitted on the host


def model_of(family, name, steps, jit_compile=False):
    vae, x = small_model(family, name)
    vae.compile(keras.optimizers.Adam(0.01), steps_per_execution=steps, jit_compile=jit_compile)
    return vae, np.concatenate([x] * 3)


def losses_of(vae, x):
    y = np.zeros((len(x), 1), "float32") if vae.objective.uses_y else None
    x = with_condition(vae, x, missing=True)
    return vae.fit(x, y, batch_size=3, epochs=2, shuffle=False, verbose=0).history["loss"]


@pytest.mark.parametrize(("family", "name"), TRAINED, ids=lambda value: value)
def test_recorded_steps_train_as_single_ones(family, name):
    if CASES[family, name].get("only_on", "torch") != "torch":
        pytest.skip("tensorflow_probability's objects run on TensorFlow only")
    single = losses_of(*model_of(family, name, 1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        several = losses_of(*model_of(family, name, 4))
    reasons = [str(each.message) for each in caught if "one by one" in str(each.message)]
    np.testing.assert_allclose(several, single, rtol=1e-4)
    assert len(reasons) == ((family, name) in ONE_BY_ONE)
    assert all("value of a tensor" in reason for reason in reasons)


def test_a_replayed_step_chooses_again_between_two_computations(monkeypatch):
    """Of a mixture's density: narrow components far from their centre take the slow one, which was not recorded."""
    losses, slow, added_up = [], [], gaussian_mixture._added_up

    def counted(*args):
        slow.append(len(losses))
        return added_up(*args)

    monkeypatch.setattr(gaussian_mixture, "_added_up", counted)
    for steps in (1, 4):
        vae, x = model_of("priors", "mixture", steps)
        losses.append(losses_of(vae, x))
        assert len(losses) not in slow
        loc, log_var = vae.prior.trainable_weights[:2]
        assert loc.shape == log_var.shape
        loc.assign(keras.ops.linspace(-30.0, 30.0, loc.shape[0])[:, None] + keras.ops.zeros_like(loc))
        log_var.assign(keras.ops.zeros_like(log_var) - 8.0)
        losses[-1] += losses_of(vae, x)
    assert slow.count(2) == slow.count(1) > 0
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)


def dense_model(steps, layer=None, optimizer="adam"):
    keras.utils.set_random_seed(1)
    encoder = kv.encoders.MLP((4,)) if layer is None else keras.Sequential([keras.Input((5,)), layer()])
    vae = kv.VAE(
        data_shape=(5,), latent_dim=2, encoder=encoder, decoder=kv.decoders.MLP((4,)), seed=2, likelihood="gaussian"
    )
    vae.compile(optimizer, steps_per_execution=steps)
    return vae


def fit(vae, **options):
    x = np.random.default_rng(0).normal(size=(52, 5)).astype("float32")
    return vae.fit(x, epochs=2, batch_size=8, shuffle=False, verbose=0, **options).history["loss"]


class OfUser(keras.layers.Layer):
    """A layer that a record of its operations does not repeat."""

    def __init__(self):
        super().__init__()
        self.count, self.mean = 0, keras.ops.zeros((5,))

    def compute_output_shape(self, input_shape):
        return input_shape


class Counts(OfUser):
    def call(self, x):
        self.count += x.device.type != "meta"
        return x * (1 + self.count)


class CountsLater(OfUser):
    def call(self, x):
        self.later = getattr(self, "later", 0) + (x.device.type != "meta")
        return x * (1 + self.later)


class Rebinds(OfUser):
    def call(self, x):
        if x.device.type != "meta":
            self.mean = 0.9 * self.mean + keras.ops.mean(x.detach(), axis=0)
        return x + self.mean


class WritesInPlace(OfUser):
    def call(self, x):
        if x.device.type != "meta":
            self.mean.mul_(0.9).add_(x.detach().mean(0))
        return x + self.mean


class Selects(OfUser):
    def call(self, x):
        self.add_loss(x[x > 0].mean() + keras.ops.mean(x))
        return x


class DrawsWithNumpy(OfUser):
    def call(self, x):
        return x + float(np.random.rand())


REASONS = {
    Counts: "attribute Counts.count",
    CountsLater: "attribute CountsLater.later",
    Rebinds: "attribute Rebinds.mean",
    WritesInPlace: None,
    Selects: "shapes",
    DrawsWithNumpy: "numpy",
}


@pytest.mark.parametrize("layer", REASONS)
def test_layers_that_no_record_repeats_run_one_by_one(layer):
    single = fit(dense_model(1, layer))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        several = fit(dense_model(3, layer))
    np.testing.assert_allclose(several, single, rtol=1e-4)
    reasons = [str(each.message) for each in caught if "one by one" in str(each.message)]
    assert len(reasons) == (REASONS[layer] is not None)
    assert all(REASONS[layer] in reason for reason in reasons)


def test_an_optimizer_that_reads_its_state_runs_one_by_one():
    single = fit(dense_model(1, optimizer="nadam"))
    with pytest.warns(UserWarning, match="numpy array"):
        several = fit(dense_model(3, optimizer="nadam"))
    np.testing.assert_allclose(several, single, rtol=1e-4)


def freeze(vae):
    vae.encoder.trainable = False


def change_rate(vae):
    vae.optimizer.learning_rate = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)


def change_beta(vae):
    vae.objective.beta = 9.0


@pytest.mark.parametrize("change", [freeze, change_rate, change_beta])
def test_changes_between_fits_count(change):
    histories = []
    for steps in (1, 3):
        vae = dense_model(steps)
        fit(vae)
        change(vae)
        histories.append(fit(vae))
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-4)


def test_another_fit_may_have_other_arguments():
    weights = np.random.default_rng(3).random((52, 5))
    histories = []
    for steps in (1, 3):
        vae = dense_model(steps)
        histories.append([fit(vae, sample_weight=own) for own in (weights, weights[:, 0], None)])
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-4)
