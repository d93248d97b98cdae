"""The checks that keras_vae ships, on every component of this package, by name."""

import keras_vae as kv
from keras_vae import testing
from vae_logistic.decoder import Siren
from vae_logistic.encoder import Fourier
from vae_logistic.likelihood import Logistic as LogisticLikelihood
from vae_logistic.objective import ImportanceWeightedBound
from vae_logistic.posterior import Isotropic
from vae_logistic.prior import Logistic as LogisticPrior


def test_encoder():
    testing.check_encoder(lambda: Fourier(6, 5), other_values={"frequencies": 4, "hidden_units": 3, "bandwidth": 0.5})


def test_decoder():
    testing.check_decoder(lambda: Siren((5,)), other_values={"hidden_units": (4, 3)})


def test_prior():
    testing.check_prior(LogisticPrior)


def test_posterior():
    testing.check_posterior(Isotropic)


def test_likelihood():
    testing.check_likelihood(LogisticLikelihood)


def test_objective():
    testing.check_objective(lambda: ImportanceWeightedBound(3), other_values={"num_samples": 4})


def test_names():
    vae = kv.VAE(
        data_shape=(6,),
        latent_dim=2,
        encoder="fourier",
        posterior="isotropic",
        prior="logistic",
        decoder="siren",
        likelihood="logistic",
        objective="iwae_bound",
    )
    assert vae.generate(3).shape == (3, 6)
