"""Whatever a component raises, a shipped check says which check and which method, and keeps the error as the cause."""

import dataclasses

import pytest
from keras import ops

import keras_vae as kv
from keras_vae import testing
from keras_vae.distributions import Gaussian
from tests.contracts.test_checks_can_fail import broken, forget_broken_components, prior_of  # noqa: F401


def refused(check, component, error, *words, **options):
    with pytest.raises(AssertionError) as raised:
        check(component, **options)
    message = str(raised.value)
    for word in (check.__name__, *words):
        assert word in message, message
    assert isinstance(raised.value.__cause__, error)


@dataclasses.dataclass(frozen=True, eq=False)
class NoSuchArgument(Gaussian):
    def sample(self, seed=None, num_samples=None):
        return super().sample(seed, number=num_samples)


@dataclasses.dataclass(frozen=True, eq=False)
class OtherShape(Gaussian):
    def elementwise_log_prob(self, value):
        return super().elementwise_log_prob(ops.reshape(value, (3, 7)))


def test_an_argument_of_sample():
    words = ("'draws'", "NoSuchArgument.sample() raises TypeError", "'number'")
    refused(testing.check_prior, prior_of(NoSuchArgument), TypeError, *words, checks=["draws"])


def test_a_shape_in_log_prob():
    words = ("'density'", "OtherShape.elementwise_log_prob() raises")
    refused(testing.check_prior, prior_of(OtherShape), Exception, *words, checks=["density"])


def test_a_posterior():
    @broken("posteriors")
    class Broken(kv.posteriors.Gaussian):
        def distribution(self, features, context):
            return super().distribution(features, context)

    words = ("'kl'", "raises TypeError", "distribution")
    refused(testing.check_posterior, Broken, TypeError, *words, checks=["kl"])


def test_a_likelihood():
    @broken("likelihoods")
    class Broken(kv.likelihoods.Gaussian):
        def distribution(self, params, mask=None):
            return super().distribution({"scale": params["loc"]}, mask)

    words = ("'mask'", "Broken.distribution() raises KeyError")
    refused(testing.check_likelihood, Broken, KeyError, *words, checks=["mask"])


def test_an_encoder_in_a_compiled_step():
    @broken("encoders")
    class Broken(kv.encoders.MLP):
        def call(self, x, mask=None, training=None):
            if training:
                raise RuntimeError("not in training")
            return super().call(x)

    words = ("'fit'", "Broken.call() raises", "not in training")
    refused(testing.check_encoder, lambda: Broken((3,)), Exception, *words, checks=["fit"])


def test_a_decoder():
    @broken("decoders")
    class Broken(kv.decoders.MLP):
        def decode(self, z, likelihood, mode="mean"):
            return super().decode(z, likelihood, mode=mode)

    words = ("'shapes'", "decode", "raises TypeError")
    refused(testing.check_decoder, lambda: Broken((3,)), TypeError, *words, checks=["shapes"])


def test_an_objective():
    @broken("objectives")
    class Broken(kv.objectives.Objective):
        def loss(self, terms):
            return terms.log_likelihod

    words = ("'shapes'", "Broken.loss() raises AttributeError", "log_likelihood")
    refused(testing.check_objective, Broken, AttributeError, *words, checks=["shapes"])


def test_a_latent_structure():
    @broken("latents")
    class Broken(kv.latents.Single):
        def infer(self, features, context, **options):
            return super().infer(features[:, :1], context, **options)

    words = ("'samples'", "Broken.infer() raises")
    refused(testing.check_latents, Broken, Exception, *words, checks=["samples"])


def test_a_constructor():
    @broken("priors")
    class Broken(kv.priors.Standard):
        def __init__(self, **kwargs):
            super().__init__(size=3, **kwargs)

    words = ("'config'", "Broken.__init__() raises")
    refused(testing.check_prior, Broken, Exception, *words, checks=["config"])
