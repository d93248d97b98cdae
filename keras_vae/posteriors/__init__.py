"""q(z | x): posteriors over the latents."""

from keras_vae.posteriors.categorical import Categorical
from keras_vae.posteriors.deterministic import Deterministic
from keras_vae.posteriors.experts import Experts
from keras_vae.posteriors.flow import Flow, Planar, Radial
from keras_vae.posteriors.full_covariance import FullCovariance
from keras_vae.posteriors.gaussian import Gaussian
from keras_vae.posteriors.householder import Householder
from keras_vae.posteriors.iaf import IAF
from keras_vae.posteriors.mixture_of_experts import MixtureOfExperts
from keras_vae.posteriors.mixture_of_products import MixtureOfProducts
from keras_vae.posteriors.poincare import Poincare
from keras_vae.posteriors.posterior import Posterior
from keras_vae.posteriors.product_of_experts import ProductOfExperts
from keras_vae.posteriors.residual import Residual
from keras_vae.posteriors.von_mises_fisher import VonMisesFisher
from keras_vae.registry import posteriors as _family

register = _family.register
get = _family.get
names = _family.names

__all__ = [
    "IAF",
    "Categorical",
    "Deterministic",
    "Experts",
    "Flow",
    "FullCovariance",
    "Gaussian",
    "Householder",
    "MixtureOfExperts",
    "MixtureOfProducts",
    "Planar",
    "Poincare",
    "Posterior",
    "ProductOfExperts",
    "Radial",
    "Residual",
    "VonMisesFisher",
    "get",
    "names",
    "register",
]
