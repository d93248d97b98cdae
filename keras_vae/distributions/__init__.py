"""Distribution values: no weights, no random state, written in `keras.ops`."""

from keras_vae.deprecation import old_names
from keras_vae.distributions.bernoulli import Bernoulli
from keras_vae.distributions.beta import Beta
from keras_vae.distributions.beta_binomial import BetaBinomial
from keras_vae.distributions.categorical import Categorical
from keras_vae.distributions.concatenated import Concatenated
from keras_vae.distributions.continuous_bernoulli import ContinuousBernoulli
from keras_vae.distributions.deterministic import Deterministic
from keras_vae.distributions.discretized_logistic import DiscretizedLogistic
from keras_vae.distributions.discretized_logistic_mixture import DiscretizedLogisticMixture
from keras_vae.distributions.distribution import Distribution, Independent
from keras_vae.distributions.expert_mixture import ExpertMixture
from keras_vae.distributions.from_tfp import TFPDistribution, from_tfp
from keras_vae.distributions.gaussian import LOG_VAR_RANGE, Gaussian
from keras_vae.distributions.gaussian_mixture import GaussianMixture
from keras_vae.distributions.joint import Joint
from keras_vae.distributions.kl_divergence import (
    has_kl_divergence,
    kl_divergence,
    kl_divergence_per_dimension,
    register_kl_divergence,
)
from keras_vae.distributions.laplace import Laplace
from keras_vae.distributions.log_normal import LogNormal
from keras_vae.distributions.multinomial import Multinomial
from keras_vae.distributions.multivariate_gaussian import MultivariateGaussian
from keras_vae.distributions.negative_binomial import NegativeBinomial
from keras_vae.distributions.one_hot_categorical import OneHotCategorical
from keras_vae.distributions.poisson import Poisson
from keras_vae.distributions.riemannian_normal import RiemannianNormal
from keras_vae.distributions.spike_and_slab import SpikeAndSlab
from keras_vae.distributions.student_t import StudentT
from keras_vae.distributions.tempered import Tempered
from keras_vae.distributions.transformed import Transformed
from keras_vae.distributions.von_mises_fisher import VonMisesFisher
from keras_vae.distributions.wrapped_normal import WrappedNormal
from keras_vae.distributions.zero_inflated import ZeroInflated

__all__ = [
    "LOG_VAR_RANGE",
    "Bernoulli",
    "Beta",
    "BetaBinomial",
    "Categorical",
    "Concatenated",
    "ContinuousBernoulli",
    "Deterministic",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "Distribution",
    "ExpertMixture",
    "Gaussian",
    "GaussianMixture",
    "Independent",
    "Joint",
    "Laplace",
    "LogNormal",
    "Multinomial",
    "MultivariateGaussian",
    "NegativeBinomial",
    "OneHotCategorical",
    "Poisson",
    "RiemannianNormal",
    "SpikeAndSlab",
    "StudentT",
    "TFPDistribution",
    "Tempered",
    "Transformed",
    "VonMisesFisher",
    "WrappedNormal",
    "ZeroInflated",
    "from_tfp",
    "has_kl_divergence",
    "kl_divergence",
    "kl_divergence_per_dimension",
    "register_kl_divergence",
]

__getattr__ = old_names(__name__, {"Factorised": "keras_vae.distributions:Independent"})
