"""Samplers: densities of the latents that are fitted after training, and that `generate` draws from."""

from keras_vae.registry import samplers as _family
from keras_vae.samplers.aggregated import Aggregated
from keras_vae.samplers.flow import Flow
from keras_vae.samplers.manifold import Manifold
from keras_vae.samplers.mixture import Mixture
from keras_vae.samplers.per_condition import PerCondition
from keras_vae.samplers.sampler import Sampler
from keras_vae.samplers.two_stage import TwoStage
from keras_vae.samplers.vectors import VectorSampler

register = _family.register
get = _family.get
names = _family.names

__all__ = [
    "Aggregated",
    "Flow",
    "Manifold",
    "Mixture",
    "PerCondition",
    "Sampler",
    "TwoStage",
    "VectorSampler",
    "get",
    "names",
    "register",
]
