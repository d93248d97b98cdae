"""Labels that most rows lack."""

import warnings
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import non_negative_number, one_of, positive_int
from keras_vae.hints import Array, Config, Tensor
from keras_vae.objectives.classifiers import (
    check_classifier,
    check_labels,
    checked_prior,
    default_classifier,
    labels_shape,
    number_of_classes,
)
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["SemiSupervised"]


@objectives.register("semi_supervised", package="keras_vae")
class SemiSupervised(Objective):
    """M2, a model p(y) p(z) p(x | y, z) of data whose label y most rows lack (Kingma et al., 2014), in nats.

    The label is the model's condition, `vae.fit({"x": x, "label": labels})`, -1 where it is unknown; conditions that
    are one-hot rows are NaN there. A row with a label has the loss -ELBO(x, y) of both, and one without has

        -sum_y q(y | x) ELBO(x, y) - H(q(y | x)) >= -log p(x),

    where q(y | x) is a classifier, trained in the same step: `vae.predict_label(x)`. It sees no label in these bounds,
    so `alpha` times its cross-entropy, averaged over the labelled rows, is added to the mean loss of all rows: the
    alpha of the paper, which adds rows up, is `alpha` times their number. The losses are `(batch,)`. Logged are
    `accuracy` and `classifier_loss` of the rows with a label, and `reconstruction_loss` and `kl_loss` of all, where it
    is missing in the mean over q(y | x).

    In training the share of labelled rows is that of all rows, so that batches without any do not weaken the
    classifier: `fit` reads it from arrays, and of a dataset it is counted on the way. In evaluation it is the batch's
    own, and a batch without labels adds nothing. With few labels, give every batch some:
    `keras_vae.data.LabelledBatches`.

    Args:
        num_classes: number of labels, at least 2; None for what the condition encoder knows, or the width of one-hot
            rows.
        alpha: factor of the classifier's cross-entropy, a finite number >= 0.
        classifier: Keras layer or model that returns logits `(rows, num_classes)`; None for one dense layer.
        classifier_sees: `"features"` of the encoder, or the data `"x"` as the encoder sees them.
        label_prior: p(y): `"uniform"`, `"learned"`, or the probability of each label.
        beta: factor of the KL, a variable, as in `ELBO`.
        num_samples: number of latents drawn for each row and label.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, a model without labels as its condition, or a classifier that sees the label.
        TypeError: a classifier that is not a layer.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_vae as kv
    >>> rng = np.random.default_rng(0)
    >>> x, labels = rng.random((64, 4)), rng.integers(0, 3, 64)
    >>> labels[10:] = -1  # unknown
    >>> one_hot = keras.layers.CategoryEncoding(3, output_mode="one_hot")
    >>> vae = kv.VAE((4,), 2, condition_shape=(), condition_encoder=one_hot, objective="semi_supervised")
    >>> vae.compile("adam")
    >>> sorted(vae.fit({"x": x, "label": labels}, verbose=0).history)
    ['accuracy', 'classifier_loss', 'kl_loss', 'loss', 'reconstruction_loss']
    >>> vae.predict_label(x).shape
    (64, 3)
    """

    partly_labelled = True

    def __init__(
        self,
        num_classes: int | None = None,
        alpha: float = 0.1,
        classifier: keras.layers.Layer | None = None,
        classifier_sees: str = "features",
        label_prior: str | Sequence[float] = "uniform",
        beta: float = 1.0,
        num_samples: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes = None if num_classes is None else positive_int(num_classes, "num_classes")
        if self.num_classes == 1:
            number_of_classes(1, (), None)  # an error
        self.alpha = non_negative_number(alpha, "alpha")
        if classifier is not None and not isinstance(classifier, keras.layers.Layer):
            raise TypeError(
                "Argument `classifier` must be a Keras layer or model that returns one logit for each label, such as "
                f"keras.layers.Dense(10). Received: classifier={classifier!r}"
            )
        self.given_classifier = classifier
        self.classifier: Any = classifier
        self.classifier_sees = one_of(classifier_sees, ("features", "x"), "classifier_sees")
        self.label_prior = checked_prior(label_prior)
        self.initial_beta = non_negative_number(beta, "beta")
        self.num_samples = positive_int(num_samples, "num_samples")
        self.beta = self.add_factor("beta", self.initial_beta)
        self.accuracy = keras.metrics.Mean(name="accuracy")
        self.classifier_tracker = keras.metrics.Mean(name="classifier_loss")

    def build(self, spec: dict[str, Any]) -> None:
        forward = spec["components"]
        self.condition_shape = labels_shape(spec["condition_shape"])
        self.classes = number_of_classes(self.num_classes, self.condition_shape, forward.condition_encoder)
        if self.classifier_sees == "features" and ("encoder" in forward.condition_to or forward.by_name["encoder"]):
            raise ValueError(
                "Argument `classifier_sees`: the encoder sees the condition, so its features would tell the classifier "
                "the label that it is to find. Received: classifier_sees='features'. Pass classifier_sees='x', or "
                "leave 'encoder' out of the model's condition_to."
            )
        seen = spec["features_shape"] if self.classifier_sees == "features" else spec["network_shape"]
        if self.classifier is None:
            self.classifier = default_classifier(seen, self.classes, self.dtype_policy)
        check_classifier(self.classifier, seen, self.classes)
        self.prior_logits = self.add_weight(
            name="prior_logits",
            shape=(self.classes,),
            initializer="zeros",
            trainable=self.label_prior == "learned",
            dtype="float32",
            autocast=False,
        )
        if not isinstance(self.label_prior, str):
            if len(self.label_prior) != self.classes:
                raise ValueError(
                    f"Argument `label_prior` must hold a probability for each of {self.classes} labels. Received: "
                    f"{len(self.label_prior)} numbers."
                )
            self.prior_logits.assign(np.log(np.asarray(self.label_prior, "float32")))
        # All rows and the labelled ones: of the training data, or as far as training has seen a dataset. Under
        # tf.distribute every replica adds its rows to the old counts, and the new ones are their mean: a sum would add
        # the old counts up as well.
        self.counts = self.add_weight(
            name="counts",
            shape=(2,),
            initializer="zeros",
            trainable=False,
            dtype="float32",
            autocast=False,
            aggregation="mean",
        )
        self.counting = self.add_factor("counting", 1.0)  # 0 where the counts are known

    def count_labels(self, counts: tuple[float, float] | None) -> None:
        if counts is not None:
            if not counts[1]:
                unknown = "NaN" if self.condition_shape else "-1"
                warnings.warn(
                    "The objective 'semi_supervised' learns from labels what vae.predict_label says, and no row that "
                    f"is trained on has one: all are {unknown}, or have a weight of 0. Pass the labels that are known, "
                    "or train a model without conditions.",
                    stacklevel=2,
                )
            self.counts.assign(counts)
        elif not float(ops.convert_to_numpy(self.counting)):
            self.counts.assign([0.0, 0.0])  # those of other data
        self.counting.assign(float(counts is None))

    def check_condition(self, condition: Array) -> None:
        check_labels(condition, self.condition_shape, self.classes)

    def loss(self, terms: Terms) -> Tensor:
        log_likelihood, kl, density = self.by_label(terms)
        bounds = self.bounds_of(log_likelihood, kl)
        log_q = ops.log_softmax(self.logits(terms))
        q = ops.exp(log_q)
        label = self.one_hot(terms.condition)
        there = ops.cast(terms.labelled, "float32")
        share = (there[:, None] * label + (1.0 - there[:, None]) * q)[..., None]
        terms.keep(labelled=None, log_likelihood=ops.sum(share * density, 1), kl=ops.sum(share * kl, 1))
        known = -ops.sum(label * bounds, axis=1)
        unknown = -ops.sum(q * (bounds - log_q), axis=1)
        cross_entropy = -ops.sum(label * log_q, axis=1)
        weights = getattr(getattr(terms, "batch", None), "weights", None)
        weights = ops.ones_like(there) if weights is None else ops.reshape(ops.cast(weights, "float32"), (-1,))
        right = ops.cast(ops.equal(ops.argmax(log_q, axis=1), ops.argmax(label, axis=1)), "float32")
        self.accuracy.update_state(right, sample_weight=there * weights)
        self.classifier_tracker.update_state(cross_entropy, sample_weight=there * weights)
        factor = self.alpha * self._rows_per_label(weights, there, getattr(terms, "training", False))
        return there * (known + factor * cross_entropy) + (1.0 - there) * unknown

    def by_label(self, terms: Terms) -> tuple[Tensor, Tensor, Tensor]:
        """log p(x | y, z) and the KL under every label y: `(batch, num_classes, samples)` and `(..., levels)`.

        Args:
            terms: as for `loss`.

        Returns:
            Both, and the first without weights of fields, see `keras_vae.objectives.FieldWeights`.
        """
        labels = ops.eye(self.classes) if self.condition_shape else ops.arange(self.classes, dtype="int32")
        each = terms.given_each(labels)

        def batch_first(values: Tensor) -> Tensor:
            return ops.swapaxes(ops.reshape(values, (self.classes, -1, values.shape[1])), 0, 1)

        log_likelihood = batch_first(each.log_likelihood)
        density = log_likelihood if each.field_weights is None else batch_first(each.log_density)
        return log_likelihood, batch_first(each.kl), density

    def bounds_of(self, log_likelihood: Tensor, kl: Tensor) -> Tensor:
        """log p(y) plus the ELBO of x given y, for every label y: `(batch, num_classes)`.

        Args:
            log_likelihood: `(batch, num_classes, samples)`.
            kl: `(batch, num_classes, levels)`.
        """
        bounds = ops.mean(log_likelihood, axis=2) - self.beta * ops.sum(kl, axis=2)
        return bounds + ops.log_softmax(ops.convert_to_tensor(self.prior_logits))

    def logits(self, terms: Terms) -> Tensor:
        """Those of q(y | x), float32 `(batch, num_classes)`.

        Args:
            terms: as for `loss`.
        """
        if self.classifier_sees == "features":
            seen = terms.features
        else:
            seen = terms.forward.network_input(terms.x, terms.batch.input_present)
        return ops.cast(self.classifier(seen, training=getattr(terms, "training", False)), "float32")

    def predict_label(self, terms: Terms) -> Tensor:
        """q(y | x), `(batch, num_classes)`.

        Args:
            terms: as for `loss`.
        """
        return ops.softmax(self.logits(terms))

    def one_hot(self, condition: Tensor) -> Tensor:
        """The labels of a batch as one-hot rows, float32 `(batch, num_classes)`.

        Args:
            condition: `(batch, *condition_shape)`.
        """
        if self.condition_shape:
            return ops.cast(condition, "float32")
        return ops.one_hot(ops.cast(ops.reshape(condition, (-1,)), "int32"), self.classes, dtype="float32")

    def _rows_per_label(self, weights: Tensor, there: Tensor, training: bool) -> Tensor:
        """Number of rows for each one with a label: what makes a sum over labelled rows a mean."""
        seen = ops.stack([ops.sum(weights), ops.sum(weights * there)])
        if training:
            # The batch counts among those seen: of rows in random order, the factors of all batches up to any are then
            # right in the mean, once there was a label.
            counted = ops.convert_to_tensor(self.counting) * seen
            seen = ops.convert_to_tensor(self.counts) + counted
            self.counts.assign_add(counted)
        return seen[0] / ops.maximum(seen[1], 1e-6)

    def get_config(self) -> Config:
        given = self.given_classifier
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "alpha": self.alpha,
            "classifier": None if given is None else keras.saving.serialize_keras_object(given),
            "classifier_sees": self.classifier_sees,
            "label_prior": self.label_prior,
            "beta": self.initial_beta,
            "num_samples": self.num_samples,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        config = dict(config)
        if isinstance(config.get("classifier"), dict):
            config["classifier"] = keras.saving.deserialize_keras_object(config["classifier"])
        return cls(**config)
