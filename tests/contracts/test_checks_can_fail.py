"""Each shipped check catches the mistake that it is there for: broken components, one mistake each."""

import dataclasses
import sys
import warnings

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae import registry, testing
from keras_vae.distributions import Distribution, Gaussian, register_kl_divergence


def broken(family):
    """Register a class as a plugin would, again and again under one name."""
    return getattr(kv, family).register("broken", package="tests", overwrite=True)


@pytest.fixture(autouse=True)
def forget_broken_components():
    yield
    for family in ("priors", "posteriors", "likelihoods", "encoders", "decoders", "objectives"):
        getattr(registry, family)._classes.pop("broken", None)


def fails(check, component, *words, **options):
    with pytest.raises(AssertionError) as raised:
        check(component, **options)
    for word in words:
        assert word in str(raised.value), str(raised.value)


class TestConfig:
    def test_a_forgotten_argument(self):
        @broken("priors")
        class Forgetful(kv.priors.Gaussian):
            def __init__(self, width=3, **kwargs):
                super().__init__(**kwargs)
                self.width = width

        fails(testing.check_prior, Forgetful, "'config'", "'width'", "get_config", checks=["config"])

    def test_an_argument_of_a_base_class_is_seen(self):
        @broken("likelihoods")
        class Forgetful(kv.likelihoods.Gaussian):
            def get_config(self):
                config = super().get_config()
                del config["min_scale"]
                return config

        fails(testing.check_likelihood, Forgetful, "'min_scale'", checks=["config"], other_values={"scale": 0.5})

    def test_a_config_that_always_says_the_default(self):
        @broken("encoders")
        class Stuck(kv.encoders.MLP):
            def get_config(self):
                return {**super().get_config(), "dropout": 0.0}

        fails(
            testing.check_encoder,
            Stuck,
            "'dropout'",
            "does not survive",
            checks=["config"],
            other_values={"activation": "tanh"},
        )

    def test_an_argument_that_comes_back_changed(self):
        @broken("objectives")
        class Doubled(kv.objectives.ELBO):
            def get_config(self):
                config = super().get_config()
                return {**config, "beta": 2.0 * config["beta"]}

        fails(testing.check_objective, Doubled, "changes ['beta']", checks=["config"])

    def test_a_class_that_is_not_registered(self):
        class Anonymous(kv.priors.Standard):
            pass

        fails(testing.check_prior, Anonymous, "not registered", "register", checks=["config"])

    def test_an_argument_without_a_known_other_value(self):
        fails(testing.check_decoder, kv.decoders.MLP, "'activation'", "other_values", checks=["config"])

    def test_other_values_of_no_argument(self):
        fails(testing.check_prior, kv.priors.Standard, "['size']", other_values={"size": 3}, checks=["config"])


@keras.saving.register_keras_serializable("tests")
@dataclasses.dataclass(frozen=True, eq=False)
class Unnormalised(Gaussian):
    def elementwise_log_prob(self, value):
        return super().elementwise_log_prob(value) + 0.1


@keras.saving.register_keras_serializable("tests")
@dataclasses.dataclass(frozen=True, eq=False)
class TooWide(Gaussian):
    def sample(self, seed=None, temperature=1.0):
        return super().sample(seed, temperature=1.3 * temperature)


@keras.saving.register_keras_serializable("tests")
@dataclasses.dataclass(frozen=True, eq=False)
class WrongMean(Gaussian):
    def mean(self):
        return self.loc + 0.3


@keras.saving.register_keras_serializable("tests")
@dataclasses.dataclass(frozen=True, eq=False)
class WrongDivergence(Gaussian):
    pass


@register_kl_divergence(Gaussian, WrongDivergence)
def _wrong(q, p):
    return 0.5 * (ops.square(q.loc - p.loc) + ops.exp(q.log_var) - q.log_var)  # the -1 is missing


@register_kl_divergence(WrongDivergence, WrongDivergence)
def _not_zero(q, p):
    return ops.ones_like(q.loc)


@keras.saving.register_keras_serializable("tests")
@dataclasses.dataclass(frozen=True, eq=False)
class HalfPrecision(Distribution):
    """A unit Gaussian that does not cast what comes in."""

    loc: object

    def log_prob(self, value):
        value = ops.cast(value, self.loc.dtype)
        return -0.5 * ops.sum(ops.square(value - self.loc) + np.log(2 * np.pi).astype("float32"), axis=-1)

    def sample(self, seed=None, temperature=1.0):
        return self.loc + keras.random.normal(ops.shape(self.loc), dtype="float32", seed=seed)

    def mean(self):
        return self.loc


def prior_of(value_type):
    @broken("priors")
    class Broken(kv.priors.Prior):
        def distribution(self, context, *, encode=None):
            zeros = ops.zeros((ops.shape(context)[0], *self.latent_shape))
            return value_type(zeros, zeros, event_ndims=1)

    return Broken


class TestDensity:
    def test_a_wrong_normalisation(self):
        fails(testing.check_prior, prior_of(Unnormalised), "'density'", "adds up to 1.1051", checks=["density"])

    def test_draws_of_another_distribution(self):
        fails(testing.check_prior, prior_of(TooWide), "'density'", "do not follow", checks=["density"])

    def test_a_wrong_mean(self):
        fails(testing.check_prior, prior_of(WrongMean), "'density'", "mean()", checks=["density"])

    def test_a_wrong_normalisation_of_a_posterior(self):
        @broken("posteriors")
        class Broken(kv.posteriors.Gaussian):
            def distribution(self, evidence, context, *, prior=None):
                return Unnormalised(**super().distribution(evidence, context).tensors())

        fails(testing.check_posterior, Broken, "'density'", "adds up to", checks=["density"])

    def test_a_wrong_normalisation_of_a_likelihood(self):
        @broken("likelihoods")
        class Broken(kv.likelihoods.Gaussian):
            def distribution(self, params, mask=None):
                value = super().distribution(params, mask)
                return Unnormalised(value.loc, value.log_var, event_ndims=value.event_ndims, mask=mask)

        fails(testing.check_likelihood, Broken, "'density'", "adds up to", checks=["density"])


class TestDivergence:
    def test_a_closed_form_that_is_not_zero_at_equality(self):
        fails(testing.check_prior, prior_of(WrongDivergence), "'kl'", "to itself", checks=["kl"])

    def test_a_closed_form_that_differs_from_its_estimate(self, monkeypatch):
        module = sys.modules["keras_vae.distributions.kl_divergence"]
        forms = module._CLOSED_FORMS
        # The pair itself is right again; what is wrong is the form between the two types.
        monkeypatch.setitem(forms, (WrongDivergence, WrongDivergence), forms[Gaussian, Gaussian])
        fails(testing.check_prior, prior_of(WrongDivergence), "'kl'", "closed form", "standard error", checks=["kl"])


class TestPrecision:
    def test_a_density_in_half_precision(self):
        @broken("posteriors")
        class Broken(kv.posteriors.Posterior):
            def build(self, evidence_shape, context_shape, latent_shape):
                super().build(evidence_shape, context_shape, latent_shape)
                self.loc = keras.layers.Dense(latent_shape[0], dtype=self.dtype_policy)
                self.loc.build(evidence_shape)

            def distribution(self, evidence, context, *, prior=None):
                return HalfPrecision(self.loc(evidence))

        fails(testing.check_posterior, Broken, "'precision'", "mixed_float16", "float32", checks=["precision"])

    def test_a_variable_that_autocast_rounds(self):
        @broken("priors")
        class Broken(kv.priors.Prior):
            def build(self, context_shape, latent_shape, data_spec=None):
                super().build(context_shape, latent_shape, data_spec)
                self.loc = self.add_weight(name="loc", shape=self.latent_shape)

            def distribution(self, context, *, encode=None):
                loc = self.broadcast_to_batch(ops.cast(self.loc, "float32"), context)
                return Gaussian(loc, ops.zeros_like(loc))

        fails(testing.check_prior, Broken, "'precision'", "['loc']", "autocast=False", checks=["precision"])


class TestShapes:
    def test_a_batch_size_written_into_a_prior(self):
        @broken("priors")
        class Broken(kv.priors.Prior):
            def distribution(self, context, *, encode=None):
                return Gaussian(ops.zeros((3, *self.latent_shape)), ops.zeros((3, *self.latent_shape)))

        fails(testing.check_prior, Broken, "'shapes'", "1 rows", checks=["shapes"])

    def test_a_wrong_compute_output_shape(self):
        @broken("encoders")
        class Broken(kv.encoders.MLP):
            def call(self, x, mask=None, training=None):
                return ops.concatenate([super().call(x), ops.zeros((ops.shape(x)[0], 1))], axis=-1)

        with pytest.raises((AssertionError, ValueError)):
            testing.check_encoder(lambda: Broken((3,)), checks=["shapes"])

    def test_an_encoder_without_training_argument(self):
        @broken("encoders")
        class Broken(kv.encoders.MLP):
            def call(self, x):
                return super().call(x)

        with pytest.raises((AssertionError, TypeError), match=r"mask|training"):
            testing.check_encoder(lambda: Broken((3,)), checks=["shapes"])

    def test_dropout_that_is_always_on(self):
        @broken("encoders")
        class Broken(kv.encoders.MLP):
            def call(self, x, mask=None, training=None):
                return super().call(x, training=True)

        fails(testing.check_encoder, lambda: Broken((30,), dropout=0.5), "training", checks=["shapes"])

    def test_a_decoder_that_decodes_to_another_shape(self):
        @broken("decoders")
        class Broken(kv.decoders.MLP):
            def decode(self, z, likelihood, **options):
                return super().decode(z, likelihood, **options)[:, :1]

        fails(testing.check_decoder, lambda: Broken((3,)), "decode", checks=["shapes"])

    def test_an_objective_that_is_maximised(self):
        @broken("objectives")
        class Broken(kv.objectives.Objective):
            def loss(self, terms):
                return ops.mean(terms["log_likelihood"], axis=1) - ops.sum(terms["kl"], axis=1)

        fails(testing.check_objective, Broken, "minimised", checks=["shapes"])

    def test_an_objective_that_keeps_the_levels(self):
        @broken("objectives")
        class Broken(kv.objectives.Objective):
            def loss(self, terms):
                return terms["kl"] - terms["log_likelihood"]

        fails(testing.check_objective, Broken, "(6, 1)", checks=["shapes"])

    def test_draws_outside_of_the_support(self):
        @broken("likelihoods")
        class Broken(kv.likelihoods.Gaussian):
            support = kv.likelihoods.Support(0.0, 1.0)

        fails(testing.check_likelihood, Broken, "support", checks=["shapes"])

    def test_a_likelihood_that_forgets_the_mask(self):
        @broken("likelihoods")
        class Broken(kv.likelihoods.Gaussian):
            def distribution(self, params, mask=None):
                return super().distribution(params)

        fails(testing.check_likelihood, Broken, "'mask'", checks=["mask"])


class TestTraining:
    def test_a_weight_without_gradient(self):
        @broken("priors")
        class Broken(kv.priors.Standard):
            def build(self, context_shape, latent_shape, data_spec=None):
                super().build(context_shape, latent_shape, data_spec)
                self.unused = self.add_weight(name="unused", shape=(2,), autocast=False)

        # Keras warns of it too; the check must name the weight.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            fails(testing.check_prior, Broken, "'fit'", "unused", checks=["fit"])

    def test_state_that_the_file_does_not_hold(self):
        count = [0]

        @broken("priors")
        class Broken(kv.priors.Standard):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                count[0] += 1
                self.loc = float(count[0])

            def distribution(self, context, *, encode=None):
                value = super().distribution(context)
                return Gaussian(value.loc + self.loc, value.log_var)

        fails(testing.check_prior, Broken, "'reload'", "elbo", checks=["reload"])


def test_an_instance_is_refused_with_the_mend():
    with pytest.raises(TypeError, match=r"lambda: Standard"):
        testing.check_prior(kv.priors.Standard())


def test_an_unknown_check_is_refused():
    with pytest.raises(ValueError, match="densty"):
        testing.check_prior(kv.priors.Standard, checks=["densty"])
