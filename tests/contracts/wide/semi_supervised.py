"""M2: labels that most rows lack (Kingma, Rezende, Mohamed and Welling, 2014)."""

import math

import keras
from keras import ops

import keras_vae as kv


@keras.saving.register_keras_serializable("tests_wide")
class SemiSupervised(kv.objectives.Objective):
    """Sums the ELBO over the labels of rows that have none, weighted by a classifier's q(y | x)."""

    partly_labelled = True

    def __init__(self, weight=1.0, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight

    def build(self, spec):
        (self.classes,) = spec["condition_shape"]
        self.classifier = keras.layers.Dense(self.classes, name="classifier")
        self.classifier.build(spec["features_shape"])
        self.accuracy = keras.metrics.Mean(name="labelled_accuracy")

    def loss(self, terms):
        log_q = ops.log_softmax(ops.cast(self.classifier(terms.features), "float32"))
        bounds = []
        for label in range(self.classes):
            row = ops.one_hot(ops.full((terms.batch.size,), label), self.classes)
            given = terms.given(row)
            bounds.append(ops.mean(given.log_likelihood, axis=1) - ops.sum(given.kl, axis=1))
        bounds = ops.stack(bounds, axis=1) - math.log(self.classes)
        label = ops.cast(terms.condition, "float32")
        known = -ops.sum(label * (bounds + self.weight * log_q), axis=1)
        unknown = -ops.sum(ops.exp(log_q) * (bounds - log_q), axis=1)
        right = ops.equal(ops.argmax(log_q, axis=1), ops.argmax(label, axis=1))
        self.accuracy.update_state(right, sample_weight=ops.cast(terms.labelled, "float32"))
        return ops.where(terms.labelled, known, unknown)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}
