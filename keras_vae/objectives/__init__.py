"""Objectives: from the terms of a batch to a loss for every example."""

from keras_vae.objectives.adversarial import Adversarial
from keras_vae.objectives.autoencoder import Autoencoder
from keras_vae.objectives.beta_tc import BetaTC
from keras_vae.objectives.capacity import Capacity
from keras_vae.objectives.ciwae import CIWAE
from keras_vae.objectives.combined import Combined
from keras_vae.objectives.dip import DIP
from keras_vae.objectives.elbo import ELBO
from keras_vae.objectives.factor import Factor
from keras_vae.objectives.field_subsets import FieldSubsets
from keras_vae.objectives.field_weights import FieldWeights
from keras_vae.objectives.free_bits import FreeBits
from keras_vae.objectives.hamiltonian import Hamiltonian
from keras_vae.objectives.importance_weighted import ImportanceWeighted
from keras_vae.objectives.info_vae import InfoVAE
from keras_vae.objectives.iwae import IWAE
from keras_vae.objectives.miwae import MIWAE
from keras_vae.objectives.ms_ssim import MSSSIM
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.piwae import PIWAE
from keras_vae.objectives.regularized import Regularized
from keras_vae.objectives.renyi import Renyi
from keras_vae.objectives.riemannian_hamiltonian import RiemannianHamiltonian
from keras_vae.objectives.semi_supervised import SemiSupervised
from keras_vae.objectives.supervised import Supervised
from keras_vae.objectives.terms import Terms
from keras_vae.objectives.wasserstein import Wasserstein
from keras_vae.registry import objectives as _family

register = _family.register
get = _family.get
names = _family.names

__all__ = [
    "CIWAE",
    "DIP",
    "ELBO",
    "IWAE",
    "MIWAE",
    "MSSSIM",
    "PIWAE",
    "Adversarial",
    "Autoencoder",
    "BetaTC",
    "Capacity",
    "Combined",
    "Factor",
    "FieldSubsets",
    "FieldWeights",
    "FreeBits",
    "Hamiltonian",
    "ImportanceWeighted",
    "InfoVAE",
    "Objective",
    "Regularized",
    "Renyi",
    "RiemannianHamiltonian",
    "SemiSupervised",
    "Supervised",
    "Terms",
    "Wasserstein",
    "get",
    "names",
    "register",
]
