"""Scores of a detector: how normal a row is, by one trained network."""

from keras_vae.anomaly.scores.elbo import ELBO
from keras_vae.anomaly.scores.independent_columns import IndependentColumns
from keras_vae.anomaly.scores.latent_distance import LatentDistance
from keras_vae.anomaly.scores.likelihood_ratio import LikelihoodRatio
from keras_vae.anomaly.scores.log_likelihood import LogLikelihood
from keras_vae.anomaly.scores.reconstruction_probability import ReconstructionProbability
from keras_vae.anomaly.scores.score import Network, Score

__all__ = [
    "ELBO",
    "SCORES",
    "IndependentColumns",
    "LatentDistance",
    "LikelihoodRatio",
    "LogLikelihood",
    "Network",
    "ReconstructionProbability",
    "Score",
]

SCORES: dict[str, type[Score]] = {
    score.name: score for score in (ELBO, LatentDistance, LikelihoodRatio, LogLikelihood, ReconstructionProbability)
}
"""Every score by the name that `VAEDetector(score_function=...)` takes."""
