"""The shipped contract checks, over every registered name."""

import keras
import pytest

import keras_vae as kv
from keras_vae import registry, testing
from keras_vae.testing.training import check_fit
from tests.contracts.cases import BY_HAND, CASES, VARIANTS, subject_of
from tests.registered import own

CHECKS = {
    "priors": testing.check_prior,
    "posteriors": testing.check_posterior,
    "latents": testing.check_latents,
    "likelihoods": testing.check_likelihood,
    "encoders": testing.check_encoder,
    "decoders": testing.check_decoder,
    "objectives": testing.check_objective,
    "samplers": testing.check_sampler,
}


def test_every_registered_name_has_a_case():
    registered = {(family, name) for family in CHECKS for name in own(getattr(registry, family))}
    known = set(CASES) | set(BY_HAND)
    missing, stale = sorted(registered - known), sorted(known - registered)
    assert not missing, f"Add a case for each of {missing} to tests/contracts/cases.py."
    assert not set(CASES) & set(BY_HAND)
    assert not stale, f"tests/contracts/cases.py has cases for {stale}, which nothing registers."


@pytest.mark.parametrize(("family", "name"), sorted({**CASES, **VARIANTS}), ids=lambda value: value)
def test_contract(family, name):
    case = dict({**CASES, **VARIANTS}[family, name])
    if case.pop("only_on", keras.backend.backend()) != keras.backend.backend():
        pytest.skip("tensorflow_probability's objects run on TensorFlow only")
    CHECKS[family](case.pop("make"), **case)


class Signs(keras.optimizers.Optimizer):
    """Steps as long as the rate, as Adam's, without its moments: tracing those takes as long as many a component.

    The rate falls, so that steps up and down do not cancel.
    """

    def __init__(self, rate):
        super().__init__(keras.optimizers.schedules.ExponentialDecay(rate, 1, 0.8))

    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, learning_rate * keras.ops.sign(gradient))


@pytest.mark.on_tensorflow
@pytest.mark.parametrize(("family", "name"), sorted({**CASES, **VARIANTS}), ids=lambda value: value)
def test_training_compiles_on_tensorflow(family, name, monkeypatch):
    """Batches of a size that is not known. The other checks run on torch; tests/golden compiles training on JAX."""
    case = {**CASES, **VARIANTS}[family, name]
    if "only_on" in case:
        CHECKS[family](case["make"], **{key: case[key] for key in case if key not in ("make", "only_on")})
    elif family == "samplers":
        testing.check_sampler(case["make"], checks=["shapes", "model"])
    else:
        monkeypatch.setattr(keras.optimizers, "Adam", Signs)
        check_fit(subject_of(family, name), "mixed_float16")


@pytest.mark.parametrize(("family", "name"), sorted(CASES), ids=lambda value: value)
def test_case_makes_the_class_of_its_name(family, name):
    if CASES[family, name].get("only_on", keras.backend.backend()) != keras.backend.backend():
        pytest.skip("tensorflow_probability's objects run on TensorFlow only")
    made = type(CASES[family, name]["make"]())
    assert made is dict(getattr(registry, family).items())[name]
    assert keras.saving.get_registered_name(made) == f"keras_vae.{family}>{made.__name__}"  # as files hold it


@pytest.mark.parametrize("data_shape", [(None, 2), (None,)])
def test_checks_of_data_of_any_length(data_shape):
    """Series, and tokens: the shipped checks find data for both, and decode as long as these are."""
    likelihood = "gaussian" if len(data_shape) == 2 else lambda: kv.likelihoods.Categorical(5, padding=0, end=1)
    options = {"data_shape": data_shape, "checks": ["shapes"]}
    encoder, decoder = (lambda: kv.encoders.LSTM((3,)), lambda: kv.decoders.LSTM((3,)))
    testing.check_encoder(encoder, vae={"likelihood": likelihood, "decoder": decoder}, **options)
    testing.check_decoder(decoder, vae={"likelihood": likelihood, "encoder": encoder}, **options)
