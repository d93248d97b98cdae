"""Latent structures: the priors and posteriors of a model, and the order in which they run."""

from keras_vae.latents.hierarchical import Hierarchical
from keras_vae.latents.latents import LatentLevel, Latents
from keras_vae.latents.level import Level
from keras_vae.latents.markov import Markov
from keras_vae.latents.product import Product
from keras_vae.latents.recurrent import Recurrent
from keras_vae.latents.single import Single
from keras_vae.registry import latents as _family

register = _family.register
get = _family.get
names = _family.names

__all__ = [
    "Hierarchical",
    "LatentLevel",
    "Latents",
    "Level",
    "Markov",
    "Product",
    "Recurrent",
    "Single",
    "get",
    "names",
    "register",
]
