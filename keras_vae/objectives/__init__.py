"""Objectives: from the terms of a batch to a loss for every example."""

from keras_vae.objectives.elbo import ELBO
from keras_vae.objectives.hamiltonian import Hamiltonian
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.riemannian_hamiltonian import RiemannianHamiltonian
from keras_vae.objectives.supervised import Supervised
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives as _family

register = _family.register
get = _family.get
names = _family.names

__all__ = [
    "ELBO",
    "Hamiltonian",
    "Objective",
    "RiemannianHamiltonian",
    "Supervised",
    "Terms",
    "get",
    "names",
    "register",
]
