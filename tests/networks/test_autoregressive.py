"""The loop of decoders that see what they have decoded so far, with the smallest decoders there are."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.decoders import Autoregressive


class Triangular(Autoregressive):
    """Features that are a linear function of the steps before and of the latents: the whole prefix every time."""

    def build(self, z_shape, target_shape=None):
        super().build(z_shape, target_shape)
        self.steps = int(np.prod(self.target_shape[: self.step_axes]))
        kernel = np.tril(np.random.default_rng(0).standard_normal((self.steps, self.steps)), -1)
        self.kernel = self.add_weight(name="kernel", shape=kernel.shape, initializer=lambda *_, **__: kernel)

    def call(self, z, target=None, mask=None, training=None):
        flat = ops.reshape(target, (-1, self.steps, self.target_shape[-1]))
        past = ops.einsum("st,btc->bsc", self.kernel, flat) + ops.expand_dims(z[:, :1], 1)
        return ops.reshape(past, (-1, *self.target_shape[: self.step_axes], self.target_shape[-1]))

    def compute_output_shape(self, z_shape, target_shape=None):
        return (z_shape[0], *self.target_shape)


class Raster(Triangular):
    step_axes = 2


class Constant(Autoregressive):
    """The same features at every step, and a state that counts them."""

    carries_state = True

    def call(self, z, target=None, mask=None, training=None):
        return ops.zeros((ops.shape(z)[0], *self.target_shape[:1], 1)) + z[:, :1, None]

    def compute_output_shape(self, z_shape, target_shape=None):
        return (z_shape[0], *self.target_shape[:1], 1)

    def start(self, z, length):
        return {"count": ops.zeros((ops.shape(z)[0],), dtype="int32")}

    def next_features(self, z, target, step, state):
        assert tuple(target.shape[1:2]) == (1,)
        return ops.expand_dims(z[:, :1], 1), {"count": state["count"] + 1}


def make(decoder, data_shape, likelihood):
    keras.utils.set_random_seed(0)
    return kv.VAE(data_shape, 2, encoder=kv.encoders.MLP((4,)), decoder=decoder, likelihood=likelihood, seed=0)


@pytest.mark.parametrize(("decoder", "shape"), [(Triangular, (5, 2)), (Raster, (3, 2, 2))])
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_every_step_follows_from_those_before(decoder, shape, likelihood):
    vae = make(decoder(), shape, likelihood)
    z = np.random.default_rng(0).standard_normal((3, 2)).astype("float32")
    decoded = vae.decode(z, mode="mode")
    assert decoded.shape == (3, *shape)
    params = vae.likelihood(vae.decoder(ops.convert_to_tensor(z), target=ops.convert_to_tensor(decoded)))
    mode = ops.convert_to_numpy(vae.likelihood.distribution(params).mode())
    np.testing.assert_allclose(decoded, mode, atol=1e-5)
    flat = decoded.reshape(3, -1, 2)
    assert np.abs(flat[:, 1:] - flat[:, :1]).max() > 0.1


def test_draws_of_all_steps_and_rows_are_independent():
    vae = make(Constant(), (40, 1), "bernoulli")
    z = np.zeros((500, 2), "float32")
    first = vae.decode(z, mode="sample", seed=1, batch_size=500)[..., 0]
    assert abs(first.mean() - 0.5) < 0.02
    correlations = np.corrcoef(first.T) - np.eye(40)
    assert np.abs(correlations).max() < 0.25  # about five standard errors
    second = vae.decode(z, mode="sample", seed=2, batch_size=500)[..., 0]
    assert abs((first == second).mean() - 0.5) < 0.02
    # no stream of one seed is that of another, some steps later
    for shift in range(-3, 4):
        agree = (np.roll(second, shift, axis=1) == first).mean()
        assert abs(agree - 0.5) < 0.03


def test_draws_go_on_where_they_were():
    vae = make(Constant(), (6, 1), "bernoulli")
    z = np.zeros((20, 2), "float32")
    assert (vae.decode(z, mode="sample") != vae.decode(z, mode="sample")).any()


def test_the_loop_ends_with_the_last_sequence(monkeypatch):
    """Of 1000 steps it takes those that are needed."""
    likelihood = kv.likelihoods.Categorical(9, padding=0, end=1)
    vae = make(Constant(), (1000,), likelihood)
    for weight in likelihood.weights:
        weight.assign(np.zeros(weight.shape))
    steps = []
    loop = ops.while_loop

    def counted(*args, **kwargs):
        result = loop(*args, **kwargs)
        steps.append(int(result[0]))
        assert int(result[-1]["count"][0]) == steps[-1]
        return result

    monkeypatch.setattr(ops, "while_loop", counted)
    z = ops.zeros((5, 2))
    drawn = ops.convert_to_numpy(vae.decoder.decode(z, likelihood, seed=0, mode="sample"))
    ends = np.argmax(drawn == 1, axis=1)
    assert (drawn == 1).sum(axis=1).tolist() == [1] * 5
    assert steps == [ends.max() + 1]
    assert 2 < steps[0] < 100
    for row, end in zip(drawn, ends, strict=True):
        assert (row[end + 1 :] == 0).all()


def test_the_shape_must_be_known():
    with pytest.raises(ValueError, match=r"data's shape.*build\(z_shape, target_shape\)"):
        Triangular().build((None, 2))


def test_a_decoder_of_one_pass_fills_behind_the_end_too():
    tokens = kv.likelihoods.Categorical(4, padding=0, end=1)
    vae = kv.VAE((9,), 2, encoder=kv.encoders.MLP((4,)), decoder=kv.decoders.MLP((4,)), likelihood=tokens, seed=0)
    drawn = vae.generate(64, mode="sample", seed=1)
    ended = np.cumsum(drawn == 1, axis=1) - (drawn == 1) > 0
    assert ended.any()
    assert np.all(drawn[ended] == 0)
