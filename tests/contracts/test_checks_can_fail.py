"""Each shipped check catches the mistake that it is there for: broken components, one mistake each.

What most checks compute is NumPy's, and is tested on one backend; that they run on all of them, the contracts of our
own components show.
"""

import dataclasses
import sys
import warnings

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae import registry, testing
from keras_vae.decoders.steps import continued
from keras_vae.distributions import Distribution, Gaussian, register_kl_divergence


def broken(family):
    """Register a class as a plugin would, again and again under one name."""
    return getattr(kv, family).register("broken", package="tests", overwrite=True)


@pytest.fixture(autouse=True)
def forget_broken_components():
    yield
    for family in ("priors", "posteriors", "latents", "likelihoods", "encoders", "decoders", "objectives"):
        getattr(registry, family)._classes.pop("broken", None)


def fails(check, component, *words, **options):
    with pytest.raises(AssertionError) as raised:
        check(component, **options)
    for word in words:
        assert word in str(raised.value), str(raised.value)


@pytest.mark.on_torch
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
            "is not saved",
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


@keras.saving.register_keras_serializable("tests")
@dataclasses.dataclass(frozen=True, eq=False)
class SharedNoise(Gaussian):
    """Every draw is right in each dimension, and all dimensions move together."""

    def sample(self, seed=None, temperature=1.0):
        noise = keras.random.normal((ops.shape(self.loc)[0], 1), dtype="float32", seed=seed)
        return self.loc + temperature * ops.exp(0.5 * self.log_var) * noise


@keras.saving.register_keras_serializable("tests")
@dataclasses.dataclass(frozen=True, eq=False)
class BatchDivergence(Gaussian):
    pass


@register_kl_divergence(Gaussian, BatchDivergence)
def _averaged(q, p):
    elements = 0.5 * (ops.square(q.loc - p.loc) + ops.exp(q.log_var) - q.log_var - 1.0)
    return ops.zeros_like(elements) + ops.mean(elements, axis=0, keepdims=True)


def row_of_noise(value, seed, num_samples):
    shape = ops.shape(value.loc)
    noise = keras.random.normal(shape if num_samples is None else (num_samples, *shape), dtype="float32", seed=seed)
    return value.loc + ops.exp(0.5 * value.log_var) * noise


@dataclasses.dataclass(frozen=True, eq=False)
class OwnSeed(Gaussian):
    def sample(self, seed=None, num_samples=None):
        return row_of_noise(self, 7, num_samples)


@dataclasses.dataclass(frozen=True, eq=False)
class NoSeed(Gaussian):
    def sample(self, seed=None, num_samples=None):
        return row_of_noise(self, None, num_samples)


@dataclasses.dataclass(frozen=True, eq=False)
class SamplesLast(Gaussian):
    def sample(self, seed=None, num_samples=None):
        drawn = row_of_noise(self, seed, num_samples)
        return drawn if num_samples is None else ops.moveaxis(drawn, 0, 1)


@dataclasses.dataclass(frozen=True, eq=False)
class EqualSamples(Gaussian):
    def sample(self, seed=None, num_samples=None):
        drawn = row_of_noise(self, seed, None)
        return drawn if num_samples is None else ops.stack([drawn] * num_samples)


@dataclasses.dataclass(frozen=True, eq=False)
class SumsFromTheFront(Gaussian):
    """Right without an axis of samples."""

    def log_prob(self, value):
        return ops.sum(self.elementwise_log_prob(ops.cast(value, "float32")), axis=1)


@dataclasses.dataclass(frozen=True, eq=False)
class Unrepeated(Gaussian):
    """Flattens the samples, and takes the rows' parameters in the wrong order for them."""

    def log_prob(self, value):
        value = ops.cast(value, "float32")
        if len(value.shape) == 2:
            return super().log_prob(value)
        repeats = ops.shape(value)[0]
        flat = Gaussian(ops.repeat(self.loc, repeats, axis=0), ops.repeat(self.log_var, repeats, axis=0))
        return ops.reshape(flat.log_prob(ops.reshape(value, (-1, 2))), ops.shape(value)[:2])


@dataclasses.dataclass(frozen=True, eq=False)
class WrongPair(Gaussian):
    def sample_and_log_prob(self, seed=None, num_samples=None):
        value = self.sample(seed, num_samples=num_samples)
        return value, self.log_prob(value) + (0.0 if num_samples is None else 1.0)


@dataclasses.dataclass(frozen=True, eq=False)
class AlwaysWarm(Gaussian):
    def tempered(self, temperature):
        return self


@dataclasses.dataclass(frozen=True, eq=False)
class NeverOne(Gaussian):
    def tempered(self, temperature):
        return super().tempered(0.5 * temperature)


@dataclasses.dataclass(frozen=True, eq=False)
class WrongMode(Gaussian):
    def mode(self):
        return self.loc + 3.0


DRAWS = {
    OwnSeed: "ignores `seed`",
    NoSeed: "other draws at every call",
    SamplesLast: "the axis of samples comes first",
    EqualSamples: "are equal",
    SumsFromTheFront: "does not broadcast over samples",
    Unrepeated: "does not broadcast over samples",
    WrongPair: "another density than log_prob",
    AlwaysWarm: "spread no less",
    NeverOne: "tempered(1.0)",
    WrongMode: "not the most likely",
}


@pytest.mark.on_torch
class TestDraws:
    # all rows of this prior are equal, so that their order does not matter
    @pytest.mark.parametrize("value_type", sorted(set(DRAWS) - {Unrepeated}, key=str))
    def test_of_a_prior(self, value_type):
        fails(testing.check_prior, prior_of(value_type), "'draws'", DRAWS[value_type], checks=["draws"])

    @pytest.mark.parametrize("value_type", DRAWS)
    def test_of_a_posterior(self, value_type):
        @broken("posteriors")
        class Broken(kv.posteriors.Gaussian):
            def distribution(self, features, context, *, prior=None):
                return value_type(**super().distribution(features, context).tensors())

        fails(testing.check_posterior, Broken, "'draws'", DRAWS[value_type], checks=["draws"])

    @pytest.mark.parametrize("value_type", sorted(set(DRAWS) - {Unrepeated}, key=str))
    def test_of_a_likelihood(self, value_type):
        @broken("likelihoods")
        class Broken(kv.likelihoods.Gaussian):
            def distribution(self, params, mask=None):
                value = super().distribution(params, mask)
                return value_type(value.loc, value.log_var, event_ndims=value.event_ndims, mask=mask)

        fails(testing.check_likelihood, Broken, "'draws'", DRAWS[value_type], checks=["draws"])

    def test_a_value_that_knows_no_temperature_says_so(self):
        @dataclasses.dataclass(frozen=True, eq=False)
        class Honest(AlwaysWarm):
            has_temperature = False

        testing.check_prior(prior_of(Honest), checks=["draws"])

    def test_a_value_of_version_0_1_passes(self):
        with pytest.warns(DeprecationWarning, match="Old"):

            @dataclasses.dataclass(frozen=True, eq=False)
            class Old(Gaussian):
                def sample(self, seed=None, temperature=1.0):
                    noise = keras.random.normal(ops.shape(self.loc), dtype="float32", seed=seed)
                    return self.loc + temperature * ops.exp(0.5 * self.log_var) * noise

        testing.check_prior(prior_of(Old), checks=["draws", "density"])


def prior_of(value_type):
    @broken("priors")
    class Broken(kv.priors.Prior):
        def distribution(self, context, *, encode=None):
            zeros = ops.zeros((ops.shape(context)[0], *self.latent_shape))
            return value_type(zeros, zeros, event_ndims=1)

    return Broken


@pytest.mark.on_torch
class TestDensity:
    def test_a_wrong_normalisation(self):
        fails(testing.check_prior, prior_of(Unnormalised), "'density'", "adds up to 1.1051", checks=["density"])

    def test_draws_of_another_distribution(self):
        fails(testing.check_prior, prior_of(TooWide), "'density'", "do not follow", checks=["density"])

    def test_a_wrong_mean(self):
        fails(testing.check_prior, prior_of(WrongMean), "'density'", "mean()", checks=["density"])

    def test_draws_whose_dimensions_share_their_noise(self):
        fails(testing.check_prior, prior_of(SharedNoise), "'density'", "covariance", "share noise", checks=["density"])

    def test_a_wrong_normalisation_of_a_posterior(self):
        @broken("posteriors")
        class Broken(kv.posteriors.Gaussian):
            def distribution(self, features, context, *, prior=None):
                return Unnormalised(**super().distribution(features, context).tensors())

        fails(testing.check_posterior, Broken, "'density'", "adds up to", checks=["density"])

    def test_a_wrong_normalisation_of_a_likelihood(self):
        @broken("likelihoods")
        class Broken(kv.likelihoods.Gaussian):
            def distribution(self, params, mask=None):
                value = super().distribution(params, mask)
                return Unnormalised(value.loc, value.log_var, event_ndims=value.event_ndims, mask=mask)

        fails(testing.check_likelihood, Broken, "'density'", "adds up to", checks=["density"])


@pytest.mark.on_torch
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
            def build(self, features_shape, context_shape, latent_shape):
                super().build(features_shape, context_shape, latent_shape)
                self.loc = keras.layers.Dense(latent_shape[0], dtype=self.dtype_policy)
                self.loc.build(features_shape)

            def distribution(self, features, context, *, prior=None):
                return HalfPrecision(self.loc(features))

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

        fails(testing.check_prior, Broken, "'shapes'", "log_prob() raises", checks=["shapes"])

    def test_a_wrong_compute_output_shape(self):
        @broken("encoders")
        class Broken(kv.encoders.MLP):
            def call(self, x, mask=None, training=None):
                return ops.concatenate([super().call(x), ops.zeros((ops.shape(x)[0], 1))], axis=-1)

        # The posterior is built for the width that compute_output_shape says.
        fails(testing.check_encoder, lambda: Broken((3,)), "'shapes'", "call()", "(6, 4)", checks=["shapes"])

    def test_an_encoder_without_training_argument(self):
        @broken("encoders")
        class Broken(kv.encoders.MLP):
            def call(self, x):
                return super().call(x)

        fails(testing.check_encoder, lambda: Broken((3,)), "call() must take", "mask", checks=["shapes"])

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


@pytest.mark.on_torch
class TestRows:
    """What comes out for an example must not depend on the examples beside it."""

    def test_an_encoder_that_centres_the_batch(self):
        @broken("encoders")
        class Broken(kv.encoders.MLP):
            def call(self, x, mask=None, training=None):
                return super().call(x - ops.mean(x, axis=0), training=training)

        fails(testing.check_encoder, lambda: Broken((3,)), "call()", "mixes the rows", checks=["shapes"])

    def test_a_decoder_that_centres_the_batch(self):
        @broken("decoders")
        class Broken(kv.decoders.MLP):
            def call(self, z, target=None, mask=None, training=None):
                return super().call(z - ops.mean(z, axis=0), training=training)

        fails(testing.check_decoder, lambda: Broken((3,)), "call()", "mixes the rows", checks=["shapes"])

    def test_a_prior_that_averages_the_contexts(self):
        @broken("priors")
        class Broken(kv.priors.Prior):
            def distribution(self, context, *, encode=None):
                zeros = ops.zeros((ops.shape(context)[0], *self.latent_shape))
                given = ops.mean(context) if self.context_width else 0.0
                return Gaussian(zeros + given, zeros)

        fails(testing.check_prior, Broken, "log_prob() of the prior's", "mixes the rows", checks=["shapes"])

    def test_a_posterior_with_the_scale_of_the_batch(self):
        @broken("posteriors")
        class Broken(kv.posteriors.Gaussian):
            def distribution(self, features, context, *, prior=None):
                value = super().distribution(features, context)
                return Gaussian(value.loc, ops.zeros_like(value.loc) + ops.mean(value.log_var, axis=0))

        fails(testing.check_posterior, Broken, "log_prob() of the posterior's", "mixes the rows", checks=["shapes"])

    def test_a_likelihood_that_centres_its_parameters(self):
        @broken("likelihoods")
        class Broken(kv.likelihoods.Gaussian):
            def distribution(self, params, mask=None):
                value = super().distribution(params, mask)
                loc = value.loc - ops.mean(value.loc, axis=0)
                return Gaussian(loc, value.log_var, event_ndims=value.event_ndims, mask=mask)

        fails(testing.check_likelihood, Broken, "log_prob", "mixes the rows", checks=["shapes"])

    def test_a_divergence_that_is_averaged_over_the_batch(self):
        fails(testing.check_prior, prior_of(BatchDivergence), "kl_divergence()", "mixes the rows", checks=["shapes"])

    def test_an_objective_that_averages_over_the_batch(self):
        @broken("objectives")
        class Broken(kv.objectives.Objective):
            def loss(self, terms):
                free = ops.mean(ops.square(terms.posterior[0].mean()))
                return free - ops.mean(terms.log_likelihood, axis=1)

        fails(testing.check_objective, Broken, "mixes the rows", "mixes_rows=True", checks=["shapes"])
        testing.check_objective(Broken, mixes_rows=True, checks=["shapes"])

    def test_an_objective_with_one_loss_for_all_may(self):
        @broken("objectives")
        class Scalar(kv.objectives.Objective):
            def loss(self, terms):
                return ops.mean(ops.sum(terms["kl"], axis=1)) - ops.mean(terms["log_likelihood"])

        testing.check_objective(Scalar, checks=["shapes"])

    def test_an_objective_that_reads_each_posterior_may(self):
        @broken("objectives")
        class Rowwise(kv.objectives.ELBO):
            def loss(self, terms):
                return super().loss(terms) + ops.sum(ops.square(terms.posterior[0].mean()), axis=-1)

        testing.check_objective(lambda: Rowwise(num_samples=2), checks=["shapes"])


def decoder_that(see, base=kv.decoders.Autoregressive, axes=1):
    """A decoder of steps that adds what `see` makes of `target` to what it makes of z."""

    @broken("decoders")
    class Sees(base):
        requires_target = True
        step_axes = axes

        def build(self, z_shape, target_shape=None):
            self.target_shape = tuple(target_shape)[1:]
            self.steps, width = tuple(target_shape)[1:-1], target_shape[-1]
            self.from_z, self.from_x = keras.layers.Dense(3), keras.layers.Dense(3)
            self.from_z.build(z_shape)
            self.from_x.build((None, width))

        def call(self, z, target=None, mask=None, training=None):
            around = ops.reshape(self.from_z(z), (-1, *([1] * len(self.steps)), 3))
            return ops.tanh(around + self.from_x(see(ops.convert_to_tensor(target))))

        def compute_output_shape(self, z_shape, target_shape=None):
            return (z_shape[0], *self.steps, 3)

        def decode(self, z, likelihood, **options):
            if base is not kv.decoders.Autoregressive:
                zeros = ops.zeros((ops.shape(z)[0], *likelihood.data_shape))
                return continued(zeros, likelihood, options.get("prefix"), options.get("prefix_mask"))
            return super().decode(z, likelihood, **options)

    return Sees


def pixels_before(x):
    flat = ops.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3]))
    return ops.reshape(kv.layers.shift_right(flat), ops.shape(x))


@pytest.mark.on_torch
class TestSight:
    words = ("'shapes'", "sees the step that it predicts")

    def test_the_step_itself(self):
        fails(testing.check_decoder, decoder_that(lambda x: x), *self.words, data_shape=(3, 2), checks=["shapes"])

    def test_the_last_step_alone(self):
        def see(x):
            return ops.concatenate([kv.layers.shift_right(x)[:, :-1], x[:, -1:]], axis=1)

        fails(
            testing.check_decoder, decoder_that(see), *self.words, "step 2 of 3", data_shape=(3, 2), checks=["shapes"]
        )

    def test_a_sum_over_all_steps(self):
        def see(x):
            return kv.layers.shift_right(x) + 0.1 * ops.sum(x, axis=1, keepdims=True)

        fails(testing.check_decoder, decoder_that(see), *self.words, data_shape=(3, 2), checks=["shapes"])

    def test_tokens(self):
        fails(
            testing.check_decoder,
            decoder_that(lambda x: x),
            *self.words,
            data_shape=(4,),
            vae={"likelihood": lambda: kv.likelihoods.Categorical(5)},
            checks=["shapes"],
        )

    def test_pixels_of_the_rows_above_are_before_those_on_the_right(self):
        def see(x):  # the pixel below: a shift along the wrong way
            return ops.concatenate([x[:, 1:], ops.zeros_like(x[:, :1])], axis=1)

        fails(testing.check_decoder, decoder_that(see, axes=2), *self.words, data_shape=(3, 2, 1), checks=["shapes"])

    def test_what_lies_before_may_be_seen(self):
        testing.check_decoder(decoder_that(kv.layers.shift_right), data_shape=(3, 2), checks=["shapes"])
        testing.check_decoder(decoder_that(pixels_before, axes=2), data_shape=(3, 2, 1), checks=["shapes"])

    def test_a_decoder_with_an_order_of_its_own(self):
        def later(x):
            return ops.concatenate([x[:, 1:], ops.zeros_like(x[:, :1])], axis=1)

        options = {"data_shape": (3, 2), "checks": ["shapes"]}
        testing.check_decoder(decoder_that(later, base=kv.decoders.Decoder), **options)
        fails(testing.check_decoder, decoder_that(lambda x: x, base=kv.decoders.Decoder), *self.words, **options)


@pytest.mark.on_torch
class TestPrefix:
    """Decoders that are right until something is given."""

    sees = staticmethod(kv.layers.shift_right)

    def check(self, decode):
        decoder = decoder_that(self.sees)
        decoder.decode = decode
        testing.check_decoder(decoder, data_shape=(3, 2), checks=["shapes"])

    def test_one_that_ignores_it(self):
        def decode(own, z, likelihood, *, prefix=None, prefix_mask=None, **options):
            return kv.decoders.Autoregressive.decode(own, z, likelihood, **options)

        with pytest.raises(AssertionError, match=r"'shapes'.*changes the steps that it was given"):
            self.check(decode)

    def test_one_that_writes_it_over_what_it_decoded(self):
        def decode(own, z, likelihood, *, prefix=None, prefix_mask=None, **options):
            decoded = kv.decoders.Autoregressive.decode(own, z, likelihood, **options)
            return continued(decoded, likelihood, prefix, prefix_mask)

        with pytest.raises(AssertionError, match=r"'shapes'.*does not go on from the steps that it was given"):
            self.check(decode)

    def test_other_noise_behind_it(self):
        def decode(own, z, likelihood, *, seed=None, prefix=None, **options):
            seed = seed if prefix is None else 5
            return kv.decoders.Autoregressive.decode(own, z, likelihood, seed=seed, prefix=prefix, **options)

        with pytest.raises(AssertionError, match=r"'shapes'.*mode='sample'.*does not go on as it did"):
            self.check(decode)

    def test_one_of_an_older_version(self):
        def decode(own, z, likelihood, *, seed=None, mode="mean", temperature=1.0, length=None):
            options = {"seed": seed, "mode": mode, "temperature": temperature, "length": length}
            return kv.decoders.Autoregressive.decode(own, z, likelihood, **options)

        self.check(decode)


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


def test_an_instance_is_refused_and_the_error_says_how_to_fix_it():
    with pytest.raises(TypeError, match=r"lambda: Standard"):
        testing.check_prior(kv.priors.Standard())


def test_an_unknown_check_is_refused():
    with pytest.raises(ValueError, match="densty"):
        testing.check_prior(kv.priors.Standard, checks=["densty"])
