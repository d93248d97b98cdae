"""Contract checks of every family, for our own components and for plugins alike.

They need no test framework: a check returns nothing, or raises an AssertionError that names the check and
says how to fix it. In a plugin's own tests:

>>> import keras_vae as kv
>>> def test_gaussian_prior():
...     kv.testing.check_prior(lambda: kv.priors.Gaussian(learn_loc=False))
"""

from keras_vae.testing.decoder import check_decoder
from keras_vae.testing.encoder import check_encoder
from keras_vae.testing.latent_structure import check_latents
from keras_vae.testing.likelihood import check_likelihood
from keras_vae.testing.objective import check_objective
from keras_vae.testing.posterior import check_posterior
from keras_vae.testing.prior import check_prior
from keras_vae.testing.quadrature import (
    over_ball,
    over_integers,
    over_interval,
    over_one_hot,
    over_open_interval,
    over_positive,
    over_reals,
    over_sphere,
)
from keras_vae.testing.sampler import check_sampler

__all__ = [
    "check_decoder",
    "check_encoder",
    "check_latents",
    "check_likelihood",
    "check_objective",
    "check_posterior",
    "check_prior",
    "check_sampler",
    "over_ball",
    "over_integers",
    "over_interval",
    "over_one_hot",
    "over_open_interval",
    "over_positive",
    "over_reals",
    "over_sphere",
]
