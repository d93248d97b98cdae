"""What users do that nobody planned for: interrupted methods, frozen components, noisy inputs, a second compile."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv

pytestmark = pytest.mark.eager

X = np.random.default_rng(0).random((48, 4)).astype("float32")


def small(**options):
    options = {"encoder": kv.encoders.MLP((5,)), "decoder": kv.decoders.MLP((5,)), **options}
    vae = kv.VAE((4,), 2, seed=0, **options)
    vae.compile("adam")
    return vae


def test_an_interrupted_method_leaves_the_model_whole():
    class Interrupt(keras.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    vae = small()
    before = vae.get_weights()
    with pytest.raises(KeyboardInterrupt):
        vae.predict(np.tile(X, (4, 1)), callbacks=[Interrupt()], verbose=0)
    for old, new in zip(before, vae.get_weights(), strict=True):
        assert np.array_equal(old, new)
    assert vae.generate(2).shape == (2, 4)
    vae.fit(X, verbose=0)


@pytest.mark.parametrize("part", ["encoder", "posterior", "decoder"])
def test_a_frozen_part_stays_frozen(part, tmp_path):
    vae = small()
    getattr(vae, part).trainable = False
    vae.compile("adam")
    vae.fit(X, verbose=0)
    vae.save(tmp_path / "frozen.keras")
    loaded = keras.saving.load_model(tmp_path / "frozen.keras")
    assert len(loaded.trainable_variables) == len(vae.trainable_variables)
    before = [ops.convert_to_numpy(weight) for weight in getattr(loaded, part).weights]
    loaded.fit(X, verbose=0)
    for old, new in zip(before, getattr(loaded, part).weights, strict=True):
        assert np.array_equal(old, ops.convert_to_numpy(new))


def test_a_second_compile_without_metrics():
    vae = small()
    vae.compile("adam", metrics=["mse"])
    vae.fit(X, verbose=0)
    vae.compile("adam")
    assert np.isfinite(vae.fit(X, verbose=0).history["loss"][0])


def test_noise_may_leave_the_range_and_pixels_may_not():
    vae, noisy = small(), X + 0.3 * np.random.default_rng(1).normal(size=X.shape).astype("float32")
    vae.fit(noisy, X, verbose=0)
    assert vae.predict(noisy).shape == X.shape
    for use in (
        lambda: vae.elbo(noisy),
        lambda: vae.fit(noisy),
        lambda: vae.predict(255 * X),
        lambda: vae.fit(X, noisy),
    ):
        with pytest.raises(ValueError, match=r"expects values in \[0, 1\]"):
            use()


def test_what_a_masked_array_hides_is_not_trained_on():
    with pytest.raises(ValueError, match="masked array"):
        small().fit(np.ma.masked_greater(X, 0.5))


def test_one_schedule_serves_several_models():
    schedule = kv.callbacks.BetaSchedule(2)
    for beta in (0.3, 2.0):
        vae = small(objective=kv.objectives.ELBO(beta=beta))
        vae.fit(X, epochs=2, batch_size=12, callbacks=[schedule], verbose=0)
        assert float(vae.objective.beta) == pytest.approx(beta)


def test_a_learned_scale_starts_at_the_datas():
    vae = small(likelihood="gaussian")
    assert vae.likelihood.current_scale() == pytest.approx(1.0, abs=1e-3)
    vae.fit(0.01 * X, verbose=0)
    assert vae.likelihood.current_scale() == pytest.approx((0.01 * X).std(), rel=0.2)


@pytest.mark.parametrize(("activation", "likelihood"), [("sigmoid", "bernoulli"), ("softmax", "multinomial")])
def test_a_decoder_that_ends_in_probabilities_is_pointed_out(activation, likelihood):
    z = keras.Input((2,))
    with pytest.warns(UserWarning, match=f"ends in a {activation}"):
        small(decoder=keras.Model(z, keras.layers.Dense(4, activation=activation)(z)), likelihood=likelihood)


@pytest.mark.parametrize(
    ("prior", "posterior"),
    [
        ("uniform_sphere", "gaussian"),
        ("standard", "von_mises_fisher"),
        ("uniform_categorical", "gaussian"),
        ("vamp", "iaf"),
        ("vamp", "residual"),
        ("flow", "residual"),
    ],
)
def test_parts_that_cannot_be_compared_are_refused_when_the_model_is_made(prior, posterior):
    with pytest.raises(ValueError, match="posterior"):
        small(prior=prior, posterior=posterior)


def test_parts_built_for_another_size_are_refused():
    other = kv.VAE((4,), 5)
    with pytest.raises(ValueError, match=r"latent_dim=7 asks for"):
        kv.VAE((4,), 7, prior=other.prior)
    with pytest.raises(ValueError, match="data_shape"):
        kv.VAE((6,), likelihood=kv.VAE((4,)).likelihood)


def test_a_distribution_of_many_batches():
    vae = small(prior="uniform_categorical", posterior="categorical")
    q = vae.encode(np.tile(X, (2, 1)), mode="distribution")
    assert tuple(q.logits.shape) == (96, 2, 10)
    assert tuple(q.sample(seed=0).shape) == (96, 2, 10)


def test_log_likelihood_of_a_generator():
    assert small().log_likelihood((X[start : start + 16] for start in (0, 16, 32)), num_samples=3).shape == (48,)
