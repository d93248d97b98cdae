"""`KLDivergenceRegularizer`: the KL term, once, in nats per example."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae import KLDivergenceRegularizer, Sampling
from keras_vae.distributions import Distribution, Gaussian, kl_divergence
from keras_vae.testing.config import plain

RNG = np.random.default_rng(0)
Z_MEAN = RNG.standard_normal((6, 3)).astype("float32")
Z_LOG_VAR = (0.5 * RNG.standard_normal((6, 3))).astype("float32")


def closed_form(z_mean, z_log_var):
    """KL to N(0, 1), summed over all but the batch axis, averaged over it; in float64."""
    z_mean, z_log_var = z_mean.astype("float64"), z_log_var.astype("float64")
    elements = 0.5 * (np.exp(z_log_var) + z_mean**2 - 1.0 - z_log_var)
    return elements.reshape(len(z_mean), -1).sum(1).mean()


def added(z_mean=Z_MEAN, z_log_var=Z_LOG_VAR, **kwargs):
    layer = KLDivergenceRegularizer(**kwargs)
    layer([z_mean, z_log_var])
    (loss,) = layer.losses
    return float(ops.convert_to_numpy(loss))


def functional(layer, activity_regularizer=None):
    """A model whose loss is the regulariser's alone."""
    inputs = keras.Input((3,))
    z_mean = keras.layers.Dense(2, name="mean", activity_regularizer=activity_regularizer)(inputs)
    z_log_var = keras.layers.Dense(2, name="log_var")(inputs)
    model = keras.Model(inputs, layer([z_mean, z_log_var])[0])
    model.compile(keras.optimizers.SGD(0.0))
    return model


def loss_of(model, x=Z_MEAN, batch_size=None):
    return model.evaluate(x, batch_size=batch_size or len(x), verbose=0)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 5, 3), (4, 2, 2, 3)])
def test_equals_the_closed_form_for_any_rank(shape):
    z_mean, z_log_var = (RNG.standard_normal(shape).astype("float32") for _ in range(2))
    assert added(z_mean, z_log_var) == pytest.approx(closed_form(z_mean, z_log_var), rel=1e-5)


def test_passes_its_inputs_through():
    for before, after in zip((Z_MEAN, Z_LOG_VAR), KLDivergenceRegularizer()([Z_MEAN, Z_LOG_VAR]), strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(after), before)


def test_counts_once_in_a_model():
    layer = KLDivergenceRegularizer(weight=2.0)
    model = functional(layer)
    heads = [ops.convert_to_numpy(model.get_layer(name)(ops.convert_to_tensor(Z_MEAN))) for name in ("mean", "log_var")]
    assert loss_of(model) == pytest.approx(2.0 * closed_form(*heads), rel=1e-5)


def test_does_not_depend_on_the_batch_size():
    model = functional(KLDivergenceRegularizer())
    tiled = np.concatenate([Z_MEAN] * 4)
    assert loss_of(model) == pytest.approx(loss_of(model, tiled), rel=1e-5)
    assert loss_of(model, tiled, batch_size=2) == pytest.approx(loss_of(model, tiled), rel=1e-5)


def test_does_not_depend_on_activity_regularizers():
    plain = functional(KLDivergenceRegularizer())
    regularized = functional(KLDivergenceRegularizer(), activity_regularizer=keras.regularizers.L2(0.1))
    regularized.set_weights(plain.get_weights())
    mean = ops.convert_to_numpy(plain.get_layer("mean")(ops.convert_to_tensor(Z_MEAN)))
    # Keras divides an activity regulariser by the batch size; the KL stays what it is.
    activity = 0.1 * np.sum(mean.astype("float64") ** 2) / len(Z_MEAN)
    assert loss_of(regularized) - activity == pytest.approx(loss_of(plain), rel=1e-4)


def test_the_weight_moves_the_loss_of_a_compiled_model():
    layer = KLDivergenceRegularizer(weight=1.0)
    model = functional(layer)
    unit = loss_of(model)
    assert model.fit(Z_MEAN, batch_size=6, verbose=0).history["loss"][0] == pytest.approx(unit, rel=1e-5)
    layer.weight.assign(0.25)
    assert loss_of(model) == pytest.approx(0.25 * unit, rel=1e-5)
    assert model.fit(Z_MEAN, batch_size=6, verbose=0).history["loss"][0] == pytest.approx(0.25 * unit, rel=1e-5)


def test_a_callback_anneals_the_weight_inside_fit():
    layer = KLDivergenceRegularizer(weight=0.0)
    model = functional(layer)
    anneal = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: layer.weight.assign(float(epoch)))
    losses = model.fit(Z_MEAN, batch_size=6, epochs=3, callbacks=[anneal], verbose=0).history["loss"]
    layer.weight.assign(1.0)
    np.testing.assert_allclose(losses, np.arange(3) * loss_of(model), rtol=1e-5)


@pytest.mark.parametrize("prior", ["standard", Gaussian(np.ones(3), np.ones(3))])
def test_the_estimate_agrees_with_the_closed_form(prior):
    exact = added(prior=prior)
    p = Gaussian(np.zeros(3), np.zeros(3)) if prior == "standard" else prior
    q = Gaussian(Z_MEAN, Z_LOG_VAR)
    samples = 2000
    ratios = [q.log_prob(z) - p.log_prob(z) for z in (q.sample(seed) for seed in range(200))]
    error = np.std([ops.convert_to_numpy(ratio).mean() for ratio in ratios]) / np.sqrt(samples)
    estimate = added(
        np.tile(Z_MEAN, (samples, 1)), np.tile(Z_LOG_VAR, (samples, 1)), prior=prior, use_exact_kl=False, seed=0
    )
    assert abs(estimate - exact) < 5 * error
    assert estimate != exact


def test_more_samples_estimate_better_and_the_seed_repeats():
    few = [added(use_exact_kl=False, seed=seed) for seed in range(30)]
    many = [added(use_exact_kl=False, seed=seed, num_samples=16) for seed in range(30)]
    assert np.std(many) < 0.6 * np.std(few)
    assert added(use_exact_kl=False, seed=3) == few[3]


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("value", [-1e4, 0.0, 1e4])
def test_finite_for_any_log_variance_under_every_policy(value, policy, dtype, exact):
    z_mean, z_log_var = np.full((4, 3), 3.0, dtype), np.full((4, 3), value, dtype)
    layer = KLDivergenceRegularizer(dtype=policy, use_exact_kl=exact, seed=0)
    outputs = layer([z_mean, z_log_var])
    (loss,) = layer.losses
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    assert np.isfinite(float(ops.convert_to_numpy(loss)))
    assert [keras.backend.standardize_dtype(output.dtype) for output in outputs] == [dtype, dtype]


def test_many_nats_do_not_overflow_in_half_precision():
    # 256 examples at 640 nats are beyond float16 when summed there.
    z_mean = np.full((256, 5), 16.0, "float16")
    assert added(z_mean, np.zeros((256, 5), "float16"), dtype="mixed_float16") == pytest.approx(640.0, rel=1e-5)


def test_gradients_reach_both_inputs_in_mixed_precision():
    model = functional(KLDivergenceRegularizer(dtype="mixed_float16"))
    model.compile(keras.optimizers.SGD(0.1))
    before = [ops.convert_to_numpy(weight).copy() for weight in model.trainable_weights]
    model.fit(Z_MEAN, verbose=0)
    for weight, start in zip(model.trainable_weights, before, strict=True):
        assert not np.array_equal(ops.convert_to_numpy(weight), start), weight.path


class TestMask:
    # Two sequences of lengths 3 and 1; what lies behind counts nowhere.
    mask = np.array([[True, True, True], [True, False, False]])
    z_mean = RNG.standard_normal((2, 3, 2)).astype("float32")
    z_log_var = RNG.standard_normal((2, 3, 2)).astype("float32")

    def loss(self, z_mean, z_log_var, **kwargs):
        layer = KLDivergenceRegularizer(**kwargs)
        layer([z_mean, z_log_var], mask=[ops.convert_to_tensor(self.mask)] * 2)
        return float(ops.convert_to_numpy(layer.losses[0]))

    def test_padding_does_not_count(self):
        elements = 0.5 * (np.exp(self.z_log_var) + self.z_mean**2 - 1 - self.z_log_var)
        expected = (elements.sum(-1) * self.mask).sum(1).mean()
        assert self.loss(self.z_mean, self.z_log_var) == pytest.approx(expected, rel=1e-5)

    def test_the_mask_of_the_mean_counts(self):
        layer = KLDivergenceRegularizer()
        layer([self.z_mean, self.z_log_var], mask=[ops.convert_to_tensor(self.mask), None])
        assert float(layer.losses[0]) == pytest.approx(self.loss(self.z_mean, self.z_log_var), rel=1e-6)

    @pytest.mark.parametrize("prior", ["standard", Gaussian(np.zeros((3, 2)), np.zeros((3, 2)))])
    def test_nor_in_the_estimate(self, prior):
        other = np.where(self.mask[..., None], self.z_mean, 100.0).astype("float32")
        kwargs = {"use_exact_kl": False, "seed": 0, "prior": prior}
        estimate = self.loss(self.z_mean, self.z_log_var, **kwargs)
        assert self.loss(other, self.z_log_var, **kwargs) == pytest.approx(estimate, rel=1e-5)

    def test_keras_hands_the_mask_on(self):
        tokens = np.array([[1, 2, 3], [4, 0, 0]], "int32")
        inputs = keras.Input((None,), dtype="int32")
        hidden = keras.layers.Embedding(6, 2, mask_zero=True, embeddings_initializer="normal")(inputs)
        z_mean, _ = KLDivergenceRegularizer()([hidden, hidden])
        model = keras.Model(inputs, z_mean)
        model.compile()
        longer = np.pad(tokens, ((0, 0), (0, 2)))
        assert loss_of(model, tokens) == pytest.approx(loss_of(model, longer), rel=1e-5)


class TestPriors:
    def test_a_distribution_value(self):
        p = Gaussian(np.array([1.0, 0.0, -1.0]), np.array([0.0, 1.0, 0.5]))
        expected = float(np.mean(ops.convert_to_numpy(kl_divergence(Gaussian(Z_MEAN, Z_LOG_VAR), p))))
        assert added(prior=p) == pytest.approx(expected, rel=1e-6)

    def test_a_distribution_value_of_one_axis_for_latents_of_two(self):
        p = Gaussian(np.full((4, 2), 0.5), np.zeros((4, 2)))
        z_mean, z_log_var = np.zeros((7, 4, 2), "float32"), np.zeros((7, 4, 2), "float32")
        assert added(z_mean, z_log_var, prior=p) == pytest.approx(8 * 0.125, rel=1e-6)
        estimates = [added(z_mean, z_log_var, prior=p, use_exact_kl=False, num_samples=300, seed=s) for s in range(3)]
        np.testing.assert_allclose(estimates, 1.0, atol=5 * np.sqrt(2.0 / 2100))

    def test_a_learned_prior_trains_with_the_model(self):
        layer = KLDivergenceRegularizer(prior="gaussian")
        model = functional(layer)
        assert len(layer.trainable_weights) == 2
        model.compile(keras.optimizers.SGD(0.1))
        before = loss_of(model)
        model.fit(Z_MEAN, epochs=3, verbose=0)
        assert all(np.any(ops.convert_to_numpy(weight)) for weight in layer.trainable_weights)
        assert loss_of(model) < before

    def test_an_instance(self):
        assert added(prior=kv.priors.Standard()) == pytest.approx(added(), rel=1e-6)


@keras.saving.register_keras_serializable("tests")
@dataclasses.dataclass(frozen=True, eq=False)
class NoClosedForm(Distribution):
    """N(0, 1) without a registered KL."""

    loc: object

    def log_prob(self, value):
        return Gaussian(ops.cast(self.loc, "float32"), ops.zeros_like(self.loc)).log_prob(value)

    def sample(self, seed=None, num_samples=None):
        return Gaussian(self.loc, ops.zeros_like(self.loc)).sample(seed, num_samples)

    def mean(self):
        return self.loc


def test_without_a_closed_form_it_says_what_to_do():
    prior = NoClosedForm(np.zeros((3,), "float32"))
    with pytest.raises(ValueError, match=r"no closed form.*use_exact_kl=False"):
        added(prior=prior)
    tiled = [np.tile(value, (500, 1)) for value in (Z_MEAN, Z_LOG_VAR)]
    assert added(*tiled, prior=prior, use_exact_kl=False, seed=0) == pytest.approx(added(), abs=0.2)


@pytest.mark.parametrize("prior", ["standard", "gaussian", Gaussian(np.array([1.0, 0.0]), np.zeros(2))])
def test_saved_and_loaded_in_a_functional_model(prior, tmp_path):
    inputs = keras.Input((3,))
    heads = [keras.layers.Dense(2)(inputs), keras.layers.Dense(2)(inputs)]
    layer = KLDivergenceRegularizer(prior=prior, weight=1.5, seed=1, name="kl")
    model = keras.Model(inputs, keras.layers.Dense(3)(Sampling(seed=0, deterministic=True)(layer(heads))))
    model.compile(keras.optimizers.SGD(0.01), "mse")
    model.fit(Z_MEAN, Z_MEAN, verbose=0)
    layer.weight.assign(0.75)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert float(ops.convert_to_numpy(loaded.get_layer("kl").weight)) == 0.75
    loss = model.evaluate(Z_MEAN, Z_MEAN, verbose=0)
    assert loaded.evaluate(Z_MEAN, Z_MEAN, verbose=0) == pytest.approx(loss, rel=1e-5)
    assert plain(loaded.get_layer("kl").get_config()) == plain(layer.get_config())
    assert plain(keras.models.clone_model(model).get_layer("kl").get_config()) == plain(layer.get_config())


class NeedsEncoder(kv.priors.Prior):
    requires_encoder = True


ZEROS = np.zeros((2, 3), "float32")


@pytest.mark.parametrize(
    ("make", "exception", "words"),
    [
        (lambda: added(prior="standart"), ValueError, ["standart", "'standard'"]),
        (lambda: added(prior=None), ValueError, ["`prior`", "None"]),
        (lambda: added(prior=3), TypeError, ["prior", "3"]),
        (lambda: added(prior=NeedsEncoder()), ValueError, ["NeedsEncoder", "encoder", "VAE"]),
        (lambda: added(prior=Gaussian(np.zeros(4), np.zeros(4))), ValueError, ["(4,)", "(3,)"]),
        (lambda: added(weight=-1.0), ValueError, ["`weight`", "-1.0"]),
        (lambda: added(weight=float("nan")), ValueError, ["`weight`", "nan"]),
        (lambda: added(num_samples=0), ValueError, ["`num_samples`", "0"]),
        (lambda: added(seed="a"), ValueError, ["`seed`", "'a'"]),
        (lambda: added(use_exact_kl="no"), ValueError, ["`use_exact_kl`", "'no'"]),
        (lambda: KLDivergenceRegularizer()(ZEROS), ValueError, ["[z_mean, z_log_var]", "one tensor"]),
        (lambda: KLDivergenceRegularizer()([ZEROS]), ValueError, ["1 tensors"]),
        (lambda: added(ZEROS, np.zeros((2, 4), "float32")), ValueError, ["the same shape", "(2, 4)"]),
    ],
)
def test_bad_input(make, exception, words):
    with pytest.raises(exception) as raised:
        make()
    for word in words:
        assert word in str(raised.value)
