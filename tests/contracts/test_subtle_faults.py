"""Faults of plugins that are small, or raise what tells an author nothing: the shipped checks refuse each of them."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae import testing
from keras_vae.distributions import Gaussian, register_kl_divergence
from keras_vae.distributions.kl_divergence import kl_divergence_per_dimension
from tests.contracts.test_checks_can_fail import broken, fails, forget_broken_components, prior_of  # noqa: F401

# The mathematics of the checks is NumPy's; that they pass on every backend, the contracts of our components show.
pytestmark = pytest.mark.on_torch


def noise_of(value, seed, num_samples, rows=True):
    shape = tuple(ops.shape(value.loc)) if rows else (1, *ops.shape(value.loc)[1:])
    return keras.random.normal(shape if num_samples is None else (num_samples, *shape), dtype="float32", seed=seed)


def from_noise(value, noise):
    return value.loc + ops.exp(0.5 * value.log_var) * noise


@dataclasses.dataclass(frozen=True, eq=False)
class SeedlessElement(Gaussian):
    """The first element always has the same noise."""

    def sample(self, seed=None, num_samples=None):
        first, rest = noise_of(self, 7, num_samples)[..., :1], noise_of(self, seed, num_samples)[..., 1:]
        return from_noise(self, ops.concatenate([first, rest], axis=-1))


@dataclasses.dataclass(frozen=True, eq=False)
class SeedlessSamples(Gaussian):
    """The seed counts for a single draw only."""

    def sample(self, seed=None, num_samples=None):
        return from_noise(self, noise_of(self, seed if num_samples is None else 7, num_samples))


@dataclasses.dataclass(frozen=True, eq=False)
class OneNoiseForAllRows(Gaussian):
    def sample(self, seed=None, num_samples=None):
        return from_noise(self, noise_of(self, seed, num_samples, rows=False))


@dataclasses.dataclass(frozen=True, eq=False)
class IntsOnly(Gaussian):
    """A generator becomes one fixed seed."""

    def sample(self, seed=None, num_samples=None):
        return from_noise(self, noise_of(self, seed if isinstance(seed, int) else 7, num_samples))


@dataclasses.dataclass(frozen=True, eq=False)
class WarmElement(Gaussian):
    """The temperature does not reach the first element."""

    def tempered(self, temperature):
        change = 2.0 * ops.log(ops.maximum(ops.cast(temperature, "float32"), 1e-9))
        return self._changed(log_var=self.log_var + change * np.array([0.0, 1.0], "float32"))


@dataclasses.dataclass(frozen=True, eq=False)
class NothingAtZero(Gaussian):
    def tempered(self, temperature):
        temperature = ops.cast(temperature, "float32")
        return self._changed(loc=self.loc + 0.0 / temperature, log_var=self.log_var + 2.0 * ops.log(temperature))


@dataclasses.dataclass(frozen=True, eq=False)
class SlightlyOff(Gaussian):
    """Its mode is an eighth of a standard deviation away."""

    def mode(self):
        return self.loc + 0.125 * ops.exp(0.5 * self.log_var)


DRAWS = {
    SeedlessElement: ("sample(seed=1)", "ignores `seed`", "1 of 2 elements"),
    SeedlessSamples: ("sample(seed=1, num_samples=3)", "ignores `seed`"),
    OneNoiseForAllRows: ("sample(seed=1)", "equal rows one draw"),
    IntsOnly: ("sample(seed=SeedGenerator(1))", "the same draws twice"),
    WarmElement: ("tempered(0.0)", "ignores the temperature", "1 of 2 elements"),
    NothingAtZero: ("tempered(0.0)", "not finite"),
    SlightlyOff: ("mode()", "not the most likely"),
}


@pytest.mark.parametrize("value_type", DRAWS, ids=lambda value: value.__name__)
def test_draws(value_type):
    fails(testing.check_prior, prior_of(value_type), "'draws'", *DRAWS[value_type], checks=["draws"])


def test_a_mode_that_is_off_by_little_is_seen_on_the_grid():
    fails(testing.check_prior, prior_of(SlightlyOff), "'density'", "mode()", "not the most likely", checks=["density"])


@dataclasses.dataclass(frozen=True, eq=False)
class TwoPercent(Gaussian):
    """Its closed form is zero at equality, and 2 % too large elsewhere."""


@register_kl_divergence(Gaussian, TwoPercent)
def _two_percent(q, p):
    return 1.02 * kl_divergence_per_dimension(q, Gaussian(p.loc, p.log_var))


def test_a_closed_form_that_is_two_percent_off():
    words = ("'kl'", "kl_divergence()", "the integral")
    fails(testing.check_prior, prior_of(TwoPercent), *words, checks=["kl"])

    @broken("posteriors")
    class Posterior(kv.posteriors.Gaussian):
        pass

    fails(testing.check_posterior, Posterior, *words, vae={"prior": prior_of(TwoPercent)}, checks=["kl"])


class TestGenerate:
    """What a latent structure draws from its priors."""

    @staticmethod
    def structure(**replaced):
        @broken("latents")
        class Broken(kv.latents.Product):
            def generate(self, context, **options):
                return super().generate(context, **{**options, **replaced})

        return lambda: Broken([kv.latents.Single(2), kv.latents.Single(1)])

    def test_a_temperature_that_is_ignored(self):
        words = ("'generate'", "generate(temperature=...)", "level 0")
        fails(testing.check_latents, self.structure(temperature=1.0), *words, latent_dim=None, checks=["generate"])

    def test_a_seed_that_is_ignored(self):
        words = ("'generate'", "generate(seed=...)", "level 0")
        fails(testing.check_latents, self.structure(seed=3), *words, latent_dim=None, checks=["generate"])

    def test_a_temperature_that_the_second_level_ignores(self):
        @broken("latents")
        class Broken(kv.latents.Product):
            def generate(self, context, **options):
                warm = super().generate(context, **{**options, "temperature": 1.0})
                return (super().generate(context, **options)[0], warm[1])

        make = lambda: Broken([kv.latents.Single(2), kv.latents.Single(1)])  # noqa: E731
        words = ("'generate'", "generate(temperature=...)", "level 1")
        fails(testing.check_latents, make, *words, latent_dim=None, checks=["generate"])


class TestDecode:
    @pytest.mark.parametrize(
        ("replaced", "words"),
        [
            ({"seed": 3}, ("decode", "ignores `seed`")),
            ({"temperature": 1.0}, ("decode", "ignores `temperature`")),
        ],
        ids=["seed", "temperature"],
    )
    def test_an_argument_that_is_ignored(self, replaced, words):
        @broken("decoders")
        class Broken(kv.decoders.MLP):
            def decode(self, z, likelihood, **options):
                return super().decode(z, likelihood, **{**options, **replaced})

        fails(testing.check_decoder, lambda: Broken((3,)), *words, checks=["shapes"])

    def test_a_mode_that_is_off(self):
        @broken("decoders")
        class Broken(kv.decoders.MLP):
            def decode(self, z, likelihood, *, mode="mean", **options):
                data = super().decode(z, likelihood, mode=mode, **options)
                return data + 0.05 if mode == "mode" else data

        words = ("decode(..., mode='mode')", "is not the mode")
        fails(testing.check_decoder, lambda: Broken((3,)), *words, vae={"likelihood": "gaussian"}, checks=["shapes"])


class Recurrent(kv.encoders.Encoder):
    """A recurrent encoder that takes any number of steps."""

    def build(self, input_shape):
        self.layer = keras.layers.GRU(3)
        self.layer.build(input_shape)

    def call(self, x, mask=None, training=None):
        return self.layer(x, mask=mask, training=training)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 3)


class TestMask:
    options = {"data_shape": (4, 2), "checks": ["shapes"]}  # noqa: RUF012

    def test_a_network_of_sequences_that_heeds_its_mask_passes(self):
        testing.check_encoder(broken("encoders")(Recurrent), **self.options)

    def test_a_network_of_sequences_that_ignores_its_mask(self):
        @broken("encoders")
        class Broken(Recurrent):
            def call(self, x, mask=None, training=None):
                return super().call(x, training=training)

        fails(testing.check_encoder, Broken, "'shapes'", "call()", "ignores `mask`", **self.options)

    def test_padding_that_is_read_before_the_mask_is_heeded(self):
        @broken("encoders")
        class Broken(Recurrent):
            def call(self, x, mask=None, training=None):
                return super().call(x - ops.mean(x, axis=1, keepdims=True), mask=mask, training=training)

        fails(testing.check_encoder, Broken, "'shapes'", "call()", "that `mask` leaves out", **self.options)

    def test_a_mask_of_valid_steps_that_changes_the_features(self):
        @broken("encoders")
        class Broken(Recurrent):
            def call(self, x, mask=None, training=None):
                return super().call(x if mask is None else 0.9 * x, mask=mask, training=training)

        fails(testing.check_encoder, Broken, "'shapes'", "call()", "True everywhere", **self.options)

    def test_a_decoder_that_reads_padding(self):
        @broken("decoders")
        class Broken(kv.decoders.GRU):
            def call(self, z, target=None, mask=None, training=None):
                if mask is not None:
                    target = target + ops.cast(ops.logical_not(mask), target.dtype)[..., None]
                return super().call(z, target=target, training=training)

        fails(testing.check_decoder, lambda: Broken((3,)), "'shapes'", "that `mask` leaves out", **self.options)

    def test_a_network_of_one_length_may_ignore_it(self):
        testing.check_encoder(lambda: kv.encoders.MLP((3,)), **self.options)


class TestObjective:
    @staticmethod
    def noisy(seed_of):
        @broken("objectives")
        class Noisy(kv.objectives.ELBO):
            def loss(self, terms):
                loss = super().loss(terms)
                return loss + keras.random.normal(ops.shape(loss), seed=seed_of(terms))

        return Noisy

    def test_noise_without_a_seed(self):
        words = ("'draws'", "loss(terms)", "the same seed")
        fails(testing.check_objective, self.noisy(lambda terms: None), *words, checks=["draws"])

    def test_noise_that_is_the_same_in_every_step(self):
        words = ("'draws'", "loss(terms)", "ignores terms.seed")
        fails(testing.check_objective, self.noisy(lambda terms: 3), *words, checks=["draws"])

    def test_noise_from_the_seed_of_the_terms_passes(self):
        testing.check_objective(self.noisy(lambda terms: terms.seed), checks=["shapes", "draws"])

    def test_two_draws_are_two(self):
        """As in training: with an int for a seed, a second draw would be the first one again."""
        differences = []

        @broken("objectives")
        class Twice(kv.objectives.ELBO):
            def loss(self, terms):
                first, (second,) = terms.z[0][:, 0], (terms.posterior[0].sample(terms.seed),)
                differences.append(ops.mean(ops.abs(first - second)))
                return super().loss(terms)

        testing.check_objective(Twice, checks=["draws"])
        # One half of the losses is at the posterior's mean; the noise of a draw is about one there too.
        assert min(float(ops.convert_to_numpy(value)) for value in differences) > 0.1

    def test_a_seed_that_must_be_an_int(self):
        fails(
            testing.check_objective,
            self.noisy(lambda terms: int(terms.seed)),
            "'draws'",
            "Noisy.loss() raises TypeError",
            checks=["draws"],
        )
