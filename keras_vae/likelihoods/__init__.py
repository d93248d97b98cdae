"""p(x | z): likelihoods of the data."""

from keras_vae.data.support import Support
from keras_vae.likelihoods.bernoulli import Bernoulli
from keras_vae.likelihoods.beta import Beta
from keras_vae.likelihoods.beta_binomial import BetaBinomial
from keras_vae.likelihoods.categorical import Categorical
from keras_vae.likelihoods.columns import Columns
from keras_vae.likelihoods.continuous_bernoulli import ContinuousBernoulli
from keras_vae.likelihoods.discretized_logistic import DiscretizedLogistic
from keras_vae.likelihoods.discretized_logistic_mixture import DiscretizedLogisticMixture
from keras_vae.likelihoods.gaussian import Gaussian
from keras_vae.likelihoods.joint import Joint
from keras_vae.likelihoods.laplace import Laplace
from keras_vae.likelihoods.likelihood import Likelihood
from keras_vae.likelihoods.location_scale import LocationScale
from keras_vae.likelihoods.log_normal import LogNormal
from keras_vae.likelihoods.multinomial import Multinomial
from keras_vae.likelihoods.negative_binomial import NegativeBinomial
from keras_vae.likelihoods.poisson import Poisson
from keras_vae.likelihoods.student_t import StudentT
from keras_vae.likelihoods.tfp import TFP
from keras_vae.likelihoods.zero_inflated_negative_binomial import ZeroInflatedNegativeBinomial
from keras_vae.registry import likelihoods as _family

register = _family.register
get = _family.get
names = _family.names

__all__ = [
    "TFP",
    "Bernoulli",
    "Beta",
    "BetaBinomial",
    "Categorical",
    "Columns",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "Gaussian",
    "Joint",
    "Laplace",
    "Likelihood",
    "LocationScale",
    "LogNormal",
    "Multinomial",
    "NegativeBinomial",
    "Poisson",
    "StudentT",
    "Support",
    "ZeroInflatedNegativeBinomial",
    "get",
    "names",
    "register",
]
