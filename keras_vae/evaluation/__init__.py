"""Evaluation: functions of a trained model and data, of samples and data, or of codes and factors."""

from keras_vae.evaluation.active_units import ActiveUnits, active_units
from keras_vae.evaluation.aggregated_posterior import AggregatedPosterior, aggregated_posterior
from keras_vae.evaluation.batch_mixing import BatchMixing, batch_mixing
from keras_vae.evaluation.calibration import Calibration, calibration
from keras_vae.evaluation.coherence import Coherence, coherence
from keras_vae.evaluation.dci import DCI, dci
from keras_vae.evaluation.disentanglement import Disentanglement, disentanglement
from keras_vae.evaluation.factor_vae_score import factor_vae_score
from keras_vae.evaluation.frechet_distance import frechet_distance
from keras_vae.evaluation.irs import irs
from keras_vae.evaluation.kernel_distance import kernel_distance
from keras_vae.evaluation.kl_per_dimension import KLPerDimension, kl_per_dimension
from keras_vae.evaluation.memorised import Memorised, memorised
from keras_vae.evaluation.mig import mig
from keras_vae.evaluation.mmd import maximum_mean_discrepancy
from keras_vae.evaluation.modularity import modularity
from keras_vae.evaluation.mutual_information import MutualInformation, mutual_information
from keras_vae.evaluation.precision_recall import PrecisionRecall, precision_recall
from keras_vae.evaluation.ranking import Ranking, ranking
from keras_vae.evaluation.result import Result
from keras_vae.evaluation.sap import sap
from keras_vae.evaluation.udr import udr

__all__ = [
    "DCI",
    "ActiveUnits",
    "AggregatedPosterior",
    "BatchMixing",
    "Calibration",
    "Coherence",
    "Disentanglement",
    "KLPerDimension",
    "Memorised",
    "MutualInformation",
    "PrecisionRecall",
    "Ranking",
    "Result",
    "active_units",
    "aggregated_posterior",
    "batch_mixing",
    "calibration",
    "coherence",
    "dci",
    "disentanglement",
    "factor_vae_score",
    "frechet_distance",
    "irs",
    "kernel_distance",
    "kl_per_dimension",
    "maximum_mean_discrepancy",
    "memorised",
    "mig",
    "modularity",
    "mutual_information",
    "precision_recall",
    "ranking",
    "sap",
    "udr",
]
