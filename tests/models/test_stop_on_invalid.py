"""Training ends at a loss that is NaN or infinite, and the model keeps the weights from before."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import small_vae, vectors

X = vectors(32)
BAD = 5


class Batches(keras.utils.PyDataset):
    """Eight batches of four rows, one of which holds NaN."""

    def __init__(self, stop=8, value=np.nan):
        super().__init__()
        self.stop, self.value = stop, value

    def __len__(self):
        return self.stop

    def __getitem__(self, index):
        x = X[4 * index : 4 * index + 4].copy()
        if index == BAD:
            x[2, 3] = self.value
        return (x,)


def state_of(vae):
    variables = [*vae.variables, *vae.optimizer.variables]
    kept = [variable for variable in variables if variable.name != "seed_generator_state"]
    return [np.array(ops.convert_to_numpy(ops.convert_to_tensor(variable))) for variable in kept]


def normalised(optimizer="adam", **options):
    """A model with variables that change in the forward pass."""
    keras.utils.set_random_seed(3)
    vae = small_vae(encoder=kv.encoders.MLP((8,), normalization="batch"))
    vae.compile(optimizer, **options)
    return vae


def watched(vae, *args, callbacks=(), **options):
    return vae.fit(*args, verbose=0, callbacks=[kv.callbacks.StopOnInvalid(), *callbacks], **options)


def test_the_error_names_term_epoch_batch_and_column_and_the_weights_are_from_before():
    stopped, before = normalised(), normalised()
    with pytest.raises(FloatingPointError, match=r"(?s)epoch 1, batch 6: reconstruction_loss is nan.*index \(2, 3\)"):
        watched(stopped, Batches(), shuffle=False)
    before.fit(Batches(BAD), shuffle=False, verbose=0)
    assert int(stopped.optimizer.iterations) == BAD
    weights = zip(stopped.weights, before.weights, strict=True)
    for one, other in [*weights, *zip(stopped.optimizer.variables, before.optimizer.variables, strict=True)]:
        np.testing.assert_array_equal(*(ops.convert_to_numpy(ops.convert_to_tensor(each)) for each in (one, other)))


def test_several_steps_of_one_execution():
    vae = normalised(steps_per_execution=4)
    with pytest.raises(FloatingPointError, match="epoch 1, batch 6"):
        watched(vae, Batches(), shuffle=False)
    assert int(vae.optimizer.iterations) == BAD


def test_accumulated_gradients():
    vae = normalised(keras.optimizers.Adam(gradient_accumulation_steps=4))
    with pytest.raises(FloatingPointError, match="batch 6"):
        watched(vae, Batches(), shuffle=False)
    assert all(np.isfinite(each).all() for each in state_of(vae))


def test_a_level_of_latents_is_named():
    class Infinite(kv.priors.Gaussian):
        """A prior that is infinitely far away after a few steps."""

        def distribution(self, context, *, encode=None):
            p = super().distribution(context, encode=encode)
            return kv.distributions.Gaussian(p.loc + self.away, p.log_var)

    top = Infinite()
    levels = [kv.latents.Level(2), kv.latents.Level(2, prior=top)]
    vae = small_vae(latent_dim=None, latents=kv.latents.Hierarchical(levels))
    top.away = float("inf")
    vae.compile("sgd")
    with pytest.raises(FloatingPointError, match=r"batch 1: kl_loss_2 is (inf|nan)\. "):
        watched(vae, X)


def test_a_generator_cannot_be_read_again():
    vae = normalised()
    with pytest.raises(FloatingPointError, match=r"batch 6.*generator cannot be read again.*If they are: lower the"):
        watched(vae, (batch for batch in Batches()))


def test_without_an_error_fit_warns_and_returns():
    vae = normalised()
    with pytest.warns(UserWarning, match="batch 6"):
        history = vae.fit(
            Batches(), epochs=3, shuffle=False, verbose=0, callbacks=[kv.callbacks.StopOnInvalid(raise_error=False)]
        )
    assert len(history.history["loss"]) == 1
    assert all(np.isfinite(each).all() for each in state_of(vae))


def test_fit_without_the_callback_is_that_of_keras():
    vae = normalised()
    with pytest.raises(FloatingPointError):
        watched(vae, Batches(), shuffle=False)
    vae.fit(Batches(), shuffle=False, verbose=0)
    assert not all(np.isfinite(each).all() for each in state_of(vae))


def test_validation_that_is_not_finite_is_said_and_does_not_stop():
    vae = normalised()
    with pytest.warns(UserWarning, match="In epoch 1 val_reconstruction_loss is nan"):
        history = watched(vae, X, validation_data=Batches(), epochs=2)
    assert np.isfinite(history.history["loss"]).all()


def test_the_backup_of_the_epoch_before_resumes(tmp_path):
    class Once(Batches):
        reads = 0

        def __getitem__(self, index):
            self.reads += 1
            return super().__getitem__(index) if self.reads > 12 else (X[4 * index : 4 * index + 4],)

    vae, backup = normalised(), keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(FloatingPointError, match="epoch 2"):
        watched(vae, Once(), epochs=2, shuffle=False, callbacks=[backup])
    history = normalised().fit(
        Batches(BAD), epochs=3, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(tmp_path / "backup")]
    )
    assert history.epoch == [1, 2]


def test_gradients_that_overflow_do_not_stop_and_no_update_is_said():
    class Steep(kv.objectives.ELBO):
        def loss(self, terms):
            return 1e30 * super().loss(terms)

    keras.utils.set_random_seed(0)
    vae = kv.VAE((6,), 2, objective=Steep(), dtype="mixed_float16")
    vae.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), initial_scale=0.5))
    with pytest.warns(UserWarning, match="Epoch 1 made no update"):
        history = watched(vae, X, batch_size=8)
    assert np.isfinite(history.history["loss"]).all()
    assert int(vae.optimizer.iterations) == 0


def test_data_that_overflow_in_half_precision_are_said():
    vae = kv.VAE((400,), 2, likelihood="gaussian", dtype="mixed_float16")
    vae.compile("adam")
    with pytest.raises(FloatingPointError, match=r"float16.*standardise"):
        watched(vae, np.full((16, 400), 6e4) * np.sign(np.random.default_rng(0).normal(size=(16, 400))))


class Rooted(kv.objectives.ELBO):
    """A loss that is finite, with a gradient that is not: that of a square root at zero."""

    def loss(self, terms):
        return super().loss(terms) + ops.mean(ops.sqrt(0.0 * terms.log_likelihood), axis=1)


@pytest.mark.parametrize(("batch_size", "where"), [(8, "epoch 1, batch 2"), (32, "the end of epoch 1")])
def test_a_gradient_that_is_not_finite_is_said(batch_size, where):
    """Also in the last batch, after which no loss shows it."""
    vae = small_vae(objective=Rooted())
    vae.compile("adam")
    with pytest.raises(
        FloatingPointError, match=rf"(?s){where}.*The weights '.*' are not finite|{where}: the weights '"
    ):
        watched(vae, X, batch_size=batch_size)


@pytest.mark.on_tensorflow
def test_several_replicas_do_not_promise_weights():
    import tensorflow as tf

    batches = tf.data.Dataset.from_generator(
        lambda: (Batches()[index][0] for index in range(8)), output_signature=tf.TensorSpec((4, 6))
    )
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        vae = normalised()
    with pytest.raises(FloatingPointError, match=r"(?s)batch 6: .*The weights '.*' are not finite either"):
        watched(vae, batches)
