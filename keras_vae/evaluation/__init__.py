"""Evaluation: functions of a trained model and data, or of samples and data."""

from keras_vae.evaluation.active_units import ActiveUnits, active_units
from keras_vae.evaluation.aggregated_posterior import AggregatedPosterior, aggregated_posterior
from keras_vae.evaluation.calibration import Calibration, calibration
from keras_vae.evaluation.frechet_distance import frechet_distance
from keras_vae.evaluation.kernel_distance import kernel_distance
from keras_vae.evaluation.kl_per_dimension import KLPerDimension, kl_per_dimension
from keras_vae.evaluation.memorised import Memorised, memorised
from keras_vae.evaluation.mmd import maximum_mean_discrepancy
from keras_vae.evaluation.mutual_information import MutualInformation, mutual_information
from keras_vae.evaluation.precision_recall import PrecisionRecall, precision_recall
from keras_vae.evaluation.result import Result

__all__ = [
    "ActiveUnits",
    "AggregatedPosterior",
    "Calibration",
    "KLPerDimension",
    "Memorised",
    "MutualInformation",
    "PrecisionRecall",
    "Result",
    "active_units",
    "aggregated_posterior",
    "calibration",
    "frechet_distance",
    "kernel_distance",
    "kl_per_dimension",
    "maximum_mean_discrepancy",
    "memorised",
    "mutual_information",
    "precision_recall",
]
