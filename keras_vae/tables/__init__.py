"""Tables with holes and columns of all kinds, from data frames, as estimators of scikit-learn's kind."""

from keras_vae.tables.choose import KINDS, LIKELIHOODS, choose_kind, choose_likelihood
from keras_vae.tables.columns import TableColumn
from keras_vae.tables.networks import TableDecoder, TableEncoder
from keras_vae.tables.subsets import Subsets
from keras_vae.tables.vae_imputer import VAEImputer
from keras_vae.tables.vae_table import VAETable

__all__ = [
    "KINDS",
    "LIKELIHOODS",
    "Subsets",
    "TableColumn",
    "TableDecoder",
    "TableEncoder",
    "VAEImputer",
    "VAETable",
    "choose_kind",
    "choose_likelihood",
]
