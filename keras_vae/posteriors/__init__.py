"""q(z | x): posteriors over the latents."""

from keras_vae.posteriors.gaussian import Gaussian
from keras_vae.posteriors.posterior import Posterior
from keras_vae.posteriors.residual import Residual
from keras_vae.registry import posteriors as _family

register = _family.register
get = _family.get
names = _family.names

__all__ = ["Gaussian", "Posterior", "Residual", "get", "names", "register"]
