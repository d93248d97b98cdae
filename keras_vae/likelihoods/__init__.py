"""p(x | z): likelihoods of the data."""

from keras_vae.likelihoods.bernoulli import Bernoulli
from keras_vae.likelihoods.beta_binomial import BetaBinomial
from keras_vae.likelihoods.categorical import Categorical
from keras_vae.likelihoods.discretized_logistic import DiscretizedLogistic
from keras_vae.likelihoods.discretized_logistic_mixture import DiscretizedLogisticMixture
from keras_vae.likelihoods.gaussian import Gaussian
from keras_vae.likelihoods.likelihood import Likelihood, Support
from keras_vae.likelihoods.tfp import TFP
from keras_vae.registry import likelihoods as _family

register = _family.register
get = _family.get
names = _family.names

__all__ = [
    "TFP",
    "Bernoulli",
    "BetaBinomial",
    "Categorical",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "Gaussian",
    "Likelihood",
    "Support",
    "get",
    "names",
    "register",
]
