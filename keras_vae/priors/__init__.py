"""p(z): priors over the latents."""

from keras_vae.deprecation import old_names
from keras_vae.priors.flow import Flow
from keras_vae.priors.gaussian import Gaussian
from keras_vae.priors.laplace import Laplace
from keras_vae.priors.mixture import Mixture
from keras_vae.priors.poincare import Poincare
from keras_vae.priors.prior import Prior
from keras_vae.priors.spike_and_slab import SpikeAndSlab
from keras_vae.priors.standard import Standard
from keras_vae.priors.tfp import TFP
from keras_vae.priors.uniform_categorical import UniformCategorical
from keras_vae.priors.uniform_sphere import UniformSphere
from keras_vae.priors.vamp import VampPrior
from keras_vae.registry import priors as _family

register = _family.register
get = _family.get
names = _family.names

__all__ = [
    "TFP",
    "Flow",
    "Gaussian",
    "Laplace",
    "Mixture",
    "Poincare",
    "Prior",
    "SpikeAndSlab",
    "Standard",
    "UniformCategorical",
    "UniformSphere",
    "VampPrior",
    "get",
    "names",
    "register",
]

# The levels of a hierarchy stood here in version 0.1: as good a place to find them as the new one.
__getattr__ = old_names(
    __name__,
    {name: f"keras_vae.latents:{name}" for name in ("Hierarchical", "LatentLevel", "Level")},
    quiet=True,
)
