"""Two optimizers in one: what is held back does not move, and what is updated moves as with an optimizer of its own."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.optimizers.encoder_decoder import encoder_decoder_of
from tests.models.small import small_vae, vectors

X = vectors(32)


def compiled(optimizer, **options):
    keras.utils.set_random_seed(1)
    vae = small_vae()
    vae.compile(optimizer, **options)
    return vae, encoder_decoder_of(vae.optimizer)


def values(variables):
    return [ops.convert_to_numpy(variable).copy() for variable in variables]


def moved(variables, before):
    return [not np.array_equal(now, old) for now, old in zip(values(variables), before, strict=True)]


def parts(vae):
    """The trainable variables of q(z|x), and all others."""
    ids = {id(variable) for part in (vae.encoder, vae.posterior) for variable in part.variables}
    of_encoder = [variable for variable in vae.trainable_variables if id(variable) in ids]
    return of_encoder, [variable for variable in vae.trainable_variables if id(variable) not in ids]


def fit(vae, epochs=1, **options):
    return vae.fit(X, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **options)


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_held_back_is_bit_for_bit(dtype, steps):
    """Adam with momentum, weight decay and moving averages, of which a zero gradient would move all."""
    keras.config.set_dtype_policy(dtype)
    own = keras.optimizers.AdamW(0.01, weight_decay=0.1, use_ema=True, clipnorm=1.0)
    vae, optimizer = compiled(kv.optimizers.EncoderDecoder(own), steps_per_execution=steps)
    fit(vae)
    optimizer.decoder_every.assign(1000)
    of_encoder, others = parts(vae)
    held = [*others, *optimizer.decoder.variables]
    before, before_encoder = values(held), values(of_encoder)
    assert max(np.abs(value).max() for value in values(optimizer.decoder.variables)) > 0
    fit(vae)
    assert not any(moved(held, before))
    assert all(moved(of_encoder, before_encoder))
    optimizer.decoder_every.assign(1)
    fit(vae)
    assert all(moved(others, before[: len(others)]))


def test_averages_that_never_began_do_not_take_the_place_of_the_weights():
    own = keras.optimizers.Adam(0.01, use_ema=True)
    vae, _ = compiled(kv.optimizers.EncoderDecoder(own, decoder_every=1000))
    of_encoder, others = parts(vae)
    before, before_encoder = values(others), values(of_encoder)
    fit(vae)
    assert not any(moved(others, before))
    assert all(moved(of_encoder, before_encoder))


def test_alone_each_moves_as_with_its_own_optimizer():
    """With equal optimizers, and no decoder held back, training is that with one."""
    one, _ = compiled(keras.optimizers.Adam(0.01))
    fit(one, 2)
    two, _ = compiled(kv.optimizers.EncoderDecoder(keras.optimizers.Adam(0.01)))
    fit(two, 2)
    for expected, found in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_decoder_is_updated_in_the_last_of_every_so_many_batches():
    vae, optimizer = compiled(kv.optimizers.EncoderDecoder("sgd", decoder_every=3))
    others, seen = parts(vae)[1], []
    before = values(others)
    for step in range(7):
        vae.train_on_batch(X[:8])
        seen.append(any(moved(others, before)))
        before = values(others)
        assert int(ops.convert_to_numpy(optimizer.encoder.iterations)) == step + 1
    assert seen == [False, False, True, False, False, True, False]
    assert int(ops.convert_to_numpy(optimizer.decoder.iterations)) == 2


def test_a_loaded_model_goes_on_as_the_saved_one(tmp_path):
    optimizer = kv.optimizers.EncoderDecoder(keras.optimizers.Adam(0.01), keras.optimizers.SGD(0.1, momentum=0.9), 3)
    vae, _ = compiled(optimizer)
    fit(vae)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer.decoder, keras.optimizers.SGD)
    assert loaded.optimizer.get_config() == {**optimizer.get_config(), "name": loaded.optimizer.name}
    fit(vae)
    fit(loaded)
    for expected, found in zip(vae.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_learning_rate_is_set_for_both_in_proportion():
    vae, optimizer = compiled(kv.optimizers.EncoderDecoder(keras.optimizers.Adam(0.01), keras.optimizers.SGD(0.1)))
    fit(vae, callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)])
    assert float(optimizer.learning_rate) == pytest.approx(0.005)
    assert float(ops.convert_to_numpy(optimizer.decoder.learning_rate)) == pytest.approx(0.05)


def test_the_ratio_of_the_rates_is_kept_through_zero():
    def rates(one):
        return [float(ops.convert_to_numpy(inner.learning_rate)) for inner in (one.encoder, one.decoder)]

    optimizer = kv.optimizers.EncoderDecoder(keras.optimizers.Adam(1e-3), keras.optimizers.SGD(0.1))
    optimizer.learning_rate = 0.0
    assert rates(optimizer) == [0.0, 0.0]
    loaded = kv.optimizers.EncoderDecoder.from_config(optimizer.get_config())
    for one in (optimizer, loaded):
        one.learning_rate = 2e-3
        np.testing.assert_allclose(rates(one), [2e-3, 0.2], rtol=1e-5)
    optimizer.decoder.learning_rate = 0.02
    optimizer.learning_rate = 0.0
    optimizer.learning_rate = 1e-3
    np.testing.assert_allclose(rates(optimizer), [1e-3, 0.01], rtol=1e-5)
    optimizer.decoder.learning_rate = 0.0
    optimizer.learning_rate = 2e-3
    np.testing.assert_allclose(rates(optimizer), [2e-3, 0.0], rtol=1e-5)


@pytest.mark.refusals
def test_inner_optimizers_that_do_not_fit_are_refused():
    own, adam = kv.optimizers.EncoderDecoder, keras.optimizers.Adam
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-3, 10, 0.9)
    for bad, message in (
        (adam(loss_scale_factor=8.0), "Wrap the outer one"),
        (keras.optimizers.LossScaleOptimizer(adam()), "Wrap the outer one"),
        (own(), "another EncoderDecoder"),
    ):
        with pytest.raises(ValueError, match=f"`encoder`.*{message}"):
            own(bad)
        with pytest.raises(ValueError, match=f"`decoder`.*{message}"):
            own("sgd", bad)
    for optimizer, rate in ((own(), schedule), (own(adam(schedule)), 0.1), (own(adam(), adam(schedule)), 0.1)):
        before = float(ops.convert_to_numpy(optimizer.learning_rate))
        with pytest.raises(TypeError, match="its own schedule"):
            optimizer.learning_rate = rate
        assert float(ops.convert_to_numpy(optimizer.learning_rate)) == before


@pytest.mark.refusals
def test_refusals():
    same = keras.optimizers.Adam()
    with pytest.raises(ValueError, match=r"`decoder` must be another optimizer.*Received: the same instance"):
        kv.optimizers.EncoderDecoder(same, same)
    with pytest.raises(ValueError, match="decoder_every=0"):
        kv.optimizers.EncoderDecoder(decoder_every=0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(kv.optimizers.EncoderDecoder(), "mse")
    with pytest.raises(ValueError, match=r"must be told which variables.*Expected: a VAE"):
        model.fit(np.zeros((4, 3)), np.zeros((4, 1)), verbose=0)
    vae = small_vae()
    vae.compile("adam")
    with pytest.raises(ValueError, match=r"AggressiveEncoder needs an optimizer.*Received: Adam"):
        fit(vae, callbacks=[kv.callbacks.AggressiveEncoder(X)])


class TestAggressiveEncoder:
    def run(self, found, monkeypatch, epochs, patience=1, vae=None, checkpoint=None):
        """Training in which the mutual information takes given values."""
        values = iter(found)
        module = kv.callbacks.aggressive_encoder

        def measured(*args, **kwargs):
            return kv.evaluation.MutualInformation(next(values), 1.0, 10)

        monkeypatch.setattr(module, "mutual_information", measured)
        if vae is None:
            vae, _ = compiled(kv.optimizers.EncoderDecoder("adam"))
        callback = kv.callbacks.AggressiveEncoder(X, encoder_steps=4, patience=patience)
        return vae, fit(vae, epochs, callbacks=[callback, *([checkpoint] if checkpoint else [])]).history

    def test_it_ends_when_the_mutual_information_stops_growing(self, monkeypatch):
        vae, history = self.run([0.1, 0.3, 0.2], monkeypatch, 5)
        assert history["decoder_every"] == [4, 4, 4, 1, 1]
        assert history["mutual_information"] == [0.1, 0.3, 0.2]
        assert int(ops.convert_to_numpy(vae.optimizer.decoder.iterations)) == 3 + 2 * 4  # of four batches an epoch

    def test_patience(self, monkeypatch):
        _, history = self.run([0.3, 0.2, 0.4, 0.1, 0.2], monkeypatch, 6, patience=2)
        assert history["decoder_every"] == [4, 4, 4, 4, 4, 1]

    def test_a_resumed_run_goes_on_in_its_phase(self, monkeypatch):
        vae, _ = self.run([0.1, 0.2], monkeypatch, 2)
        _, history = self.run([0.3, 0.2], monkeypatch, 3, vae=vae)
        assert history["decoder_every"] == [4, 4, 1]
        _, history = self.run([], monkeypatch, 1, vae=vae)
        assert history["decoder_every"] == [1]
        vae.compile(kv.optimizers.EncoderDecoder("adam"))
        assert self.run([0.1], monkeypatch, 1, vae=vae)[1]["decoder_every"] == [4]

    def test_training_is_as_before_when_the_phase_ends_and_when_fit_does(self, monkeypatch, tmp_path):
        vae, optimizer = compiled(kv.optimizers.EncoderDecoder("adam", decoder_every=2))
        _, history = self.run([0.1, 0.2], monkeypatch, 2, vae=vae)
        assert history["decoder_every"] == [4, 4]
        assert int(ops.convert_to_numpy(optimizer.decoder_every)) == 2
        vae.save(tmp_path / "model.keras")
        assert "decoder_every" not in fit(vae).history
        for one in (vae, keras.saving.load_model(tmp_path / "model.keras")):
            assert self.run([0.3, 0.2], monkeypatch, 3, vae=one)[1]["decoder_every"] == [4, 4, 2]
            assert self.run([], monkeypatch, 1, vae=one)[1]["decoder_every"] == [2]

    def test_what_was_assigned_is_no_phase(self, monkeypatch):
        vae, optimizer = compiled(kv.optimizers.EncoderDecoder("adam"))
        fit(vae)
        optimizer.decoder_every.assign(5)
        history = self.run([], monkeypatch, 2, vae=vae)[1]
        assert history["decoder_every"] == [5, 5]
        assert "mutual_information" not in history

    def test_a_phase_that_was_saved_goes_on(self, monkeypatch, tmp_path):
        vae, _ = compiled(kv.optimizers.EncoderDecoder("adam", decoder_every=2))
        path = tmp_path / "model.keras"
        self.run([0.1, 0.2], monkeypatch, 2, vae=vae, checkpoint=keras.callbacks.ModelCheckpoint(path))
        loaded = keras.saving.load_model(path)
        history = self.run([0.3, 0.2], monkeypatch, 3, vae=loaded)[1]
        assert history["decoder_every"] == [4, 4, 2]

    def test_the_measure_is_that_of_the_model(self):
        vae, _ = compiled(kv.optimizers.EncoderDecoder("adam"))
        history = fit(vae, callbacks=[kv.callbacks.AggressiveEncoder(X)]).history
        found = kv.evaluation.mutual_information(vae, X, seed=0, verbose=0).mutual_information
        assert history["mutual_information"] == [pytest.approx(found, abs=1e-5)]

    @pytest.mark.refusals
    def test_latents_of_every_step(self):
        vae = kv.VAE((4, 3), latent_dim=2, latents="markov", encoder=kv.encoders.GRU((3,), return_sequences=True))
        vae.compile(kv.optimizers.EncoderDecoder("adam"))
        with pytest.raises(NotImplementedError, match=r"Received: latents Markov.*decoder_every"):
            vae.fit(np.zeros((4, 4, 3)), verbose=0, callbacks=[kv.callbacks.AggressiveEncoder(np.zeros((4, 4, 3)))])
