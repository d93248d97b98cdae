"""Bounds by several weighted samples."""

import dataclasses
import math

import keras
from keras import ops

import keras_vae as kv


@keras.saving.register_keras_serializable("tests_wide")
class ImportanceWeighted(kv.objectives.Objective):
    """-log mean_k w_k (Burda et al., 2016); on a table with holes it is MIWAE (Mattei and Frellsen, 2019)."""

    num_samples = 5

    def loss(self, terms):
        log_weights = terms.log_likelihood + ops.sum(terms.log_ratio, axis=2)
        return math.log(self.num_samples) - ops.logsumexp(log_weights, axis=1)


@keras.saving.register_keras_serializable("tests_wide")
class DoublyReparameterised(ImportanceWeighted):
    """The same bound, with the gradient estimator of Tucker et al. (2019) for the encoder."""

    def loss(self, terms):
        (level,) = terms.levels
        q = level.posterior
        fixed = dataclasses.replace(q, **{name: ops.stop_gradient(value) for name, value in q.tensors().items()})
        log_ratio = ops.transpose(level.prior.log_prob(level.z) - fixed.log_prob(level.z))
        log_weights = terms.log_likelihood + log_ratio
        bound = math.log(self.num_samples) - ops.logsumexp(log_weights, axis=1)
        weights = ops.stop_gradient(ops.softmax(log_weights, axis=1))
        # Through z with squared weights; the second pass leaves the decoder the weights themselves.
        again = terms.log_likelihood_of(ops.stop_gradient(terms.latents[0]))
        surrogate = ops.sum(weights**2 * log_weights + (weights - weights**2) * again, axis=1)
        return ops.stop_gradient(bound + surrogate) - surrogate
