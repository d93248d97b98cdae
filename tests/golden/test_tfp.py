"""Distribution values against TensorFlow Probability, on its own backend."""

import numpy as np
import pytest
from keras import ops

from keras_vae.distributions import Bernoulli, Gaussian, kl_divergence

pytestmark = pytest.mark.on_tensorflow
RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def tfd():
    return pytest.importorskip("tensorflow_probability").distributions


def normal(*shape):
    return RNG.standard_normal(shape).astype("float32")


def close(ours, theirs):
    np.testing.assert_allclose(ops.convert_to_numpy(ours), theirs.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("event_ndims", [0, 1, 2])
def test_gaussian(tfd, event_ndims):
    x, loc, log_var = normal(6, 4, 3), normal(4, 3), normal(4, 3)
    theirs = tfd.Independent(tfd.Normal(loc, np.exp(0.5 * log_var)), event_ndims)
    ours = Gaussian(loc, log_var, event_ndims=event_ndims)
    close(ours.log_prob(x), theirs.log_prob(x))
    close(ours.mean(), theirs.mean())
    close(ours.mode(), theirs.mode())
    close(ours.variance(), theirs.variance())
    other_loc, other_log_var = normal(4, 3), normal(4, 3)
    other = tfd.Independent(tfd.Normal(other_loc, np.exp(0.5 * other_log_var)), event_ndims)
    close(kl_divergence(ours, Gaussian(other_loc, other_log_var, event_ndims=event_ndims)), theirs.kl_divergence(other))


@pytest.mark.parametrize("event_ndims", [0, 1, 2])
def test_bernoulli(tfd, event_ndims):
    logits, x = 3 * normal(4, 3), RNG.integers(0, 2, (6, 4, 3)).astype("float32")
    theirs = tfd.Independent(tfd.Bernoulli(logits=logits, dtype="float32"), event_ndims)
    ours = Bernoulli(logits, event_ndims=event_ndims)
    close(ours.log_prob(x), theirs.log_prob(x))
    close(ours.mean(), theirs.mean())
    close(ours.variance(), theirs.variance())
    other = normal(4, 3)
    kl = theirs.kl_divergence(tfd.Independent(tfd.Bernoulli(logits=other, dtype="float32"), event_ndims))
    close(kl_divergence(ours, Bernoulli(other, event_ndims=event_ndims)), kl)


def test_gaussian_at_the_ends_of_the_clip(tfd):
    loc, x = normal(5, 2), normal(5, 2)
    for log_var in (-20.0, 15.0):
        theirs = tfd.Independent(tfd.Normal(loc, np.float32(np.exp(0.5 * log_var))), 1)
        close(Gaussian(loc, np.full((5, 2), 100 * log_var)).log_prob(x) / 1e5, theirs.log_prob(x) / 1e5)
