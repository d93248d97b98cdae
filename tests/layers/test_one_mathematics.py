"""A VAE and a functional model of `Sampling` and `KLDivergenceRegularizer` are one and the same."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.layers import Projection

X = np.random.default_rng(0).random((12, 6)).astype("float32")
RATE = 0.1


class Bernoulli(keras.losses.Loss):
    """Negative log density of binary data, summed over the elements, written without the library."""

    def call(self, x, logits):
        return ops.sum(ops.softplus(logits) - x * logits, axis=-1)


def drop_in_model(weight):
    """The model that `vae(weight)` is, from drop-in layers."""
    x = keras.Input((6,))
    features = keras.layers.Dense(5, activation="tanh", name="encoder")(x)
    z_mean = Projection((2,), name="z_mean")(features)
    z_log_var = Projection((2,), name="z_log_var")(features)
    z_mean, z_log_var = kv.KLDivergenceRegularizer(weight=weight, name="kl")([z_mean, z_log_var])
    z = kv.Sampling(seed=7, name="z")([z_mean, z_log_var])
    hidden = keras.layers.Dense(4, activation="tanh", name="decoder")(z)
    return keras.Model(x, Projection((6,), name="logits")(hidden))


def vae(weight):
    return kv.VAE(
        data_shape=(6,),
        latent_dim=2,
        encoder=kv.encoders.MLP((5,), activation="tanh"),
        decoder=kv.decoders.MLP((4,), activation="tanh"),
        objective=kv.objectives.ELBO(beta=weight),
        prior="standard",
        seed=7,
    )


def trained(model, loss=None):
    model.compile(keras.optimizers.SGD(RATE), **({"loss": loss} if loss else {}))
    before = [ops.convert_to_numpy(weight).copy() for weight in model.trainable_weights]
    target = (X,) if loss else ()
    losses = model.fit(X, *target, batch_size=12, shuffle=False, verbose=0).history["loss"]
    after = [ops.convert_to_numpy(weight) for weight in model.trainable_weights]
    return losses[0], [(start - stop) / RATE for start, stop in zip(before, after, strict=True)]


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_equal_weights_and_noise_give_equal_loss_and_gradients(weight):
    model, drop_in = vae(weight), drop_in_model(weight)
    parts = [model.encoder, model.posterior.mean_head, model.posterior.log_var_head, model.decoder, model.likelihood]
    names = ["encoder", "z_mean", "z_log_var", "decoder", "logits"]
    rng = np.random.default_rng(1)
    for part, name in zip(parts, names, strict=True):
        for mine, theirs in zip(part.trainable_weights, drop_in.get_layer(name).trainable_weights, strict=True):
            assert tuple(mine.shape) == tuple(theirs.shape)
            value = 0.5 * rng.standard_normal(mine.shape)
            mine.assign(value)
            theirs.assign(value)
    order = {
        weight.path: index
        for part, index in zip(parts, range(len(parts)), strict=True)
        for weight in part.trainable_weights
    }
    assert len(order) == len(model.trainable_weights)

    loss, gradients = trained(model)
    drop_in_loss, drop_in_gradients = trained(drop_in, Bernoulli())
    assert loss == pytest.approx(drop_in_loss, rel=1e-5)
    mine = [
        gradient
        for _, gradient in sorted(
            zip([order[weight.path] for weight in model.trainable_weights], gradients, strict=True),
            key=lambda pair: pair[0],
        )
    ]
    layer_of = {weight.path: names.index(name) for name in names for weight in drop_in.get_layer(name).weights}
    theirs = [
        gradient
        for _, gradient in sorted(
            zip([layer_of[weight.path] for weight in drop_in.trainable_weights], drop_in_gradients, strict=True),
            key=lambda pair: pair[0],
        )
    ]
    for one, other in zip(mine, theirs, strict=True):
        # Gradients read off a step of float32 weights carry the weights' rounding, about 1e-7 / RATE.
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
        assert np.any(one)
