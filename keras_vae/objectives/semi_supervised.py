"""Labels that most rows lack."""

import math
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import non_negative_number, one_of, positive_int
from keras_vae.data.labels import condition_support
from keras_vae.hints import Array, Config, Shape, Tensor
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

    The share of labelled rows is counted during training, so that batches without any do not weaken the
    classifier. With few labels, give every batch some: `keras_vae.data.LabelledBatches`.

    Args:
        num_classes: number of labels; None for what the condition encoder knows, or the width of one-hot rows.
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
        # All rows and the labelled ones, as far as training has seen them. Under tf.distribute every replica adds its
        # rows to the old counts, and the new ones are their mean: a sum would add the old counts up as well.
        self.counts = self.add_weight(
            name="counts",
            shape=(2,),
            initializer="zeros",
            trainable=False,
            dtype="float32",
            autocast=False,
            aggregation="mean",
        )

    def check_condition(self, condition: Array) -> None:
        values = np.asarray(condition)
        if not self.condition_shape:
            if values.size and values.max() >= self.classes:
                raise ValueError(
                    f"Argument `condition`: the objective has {self.classes} labels, 0 to {self.classes - 1}. "
                    f"Received: {values.max()}. Pass SemiSupervised(num_classes=...) with more of them."
                )
            return
        one_hot = (np.isin(values, (0, 1)).all(axis=1)) & (values.sum(axis=1) <= 1)
        if not one_hot.all():
            row = int(np.argmin(one_hot))
            raise ValueError(
                "Argument `condition`: the objective 'semi_supervised' sums over labels, so conditions must be one-hot "
                f"rows, NaN where unknown. Received: {values[row]} at row {row}. It has no sum over real numbers: for "
                "those, condition on the rows that have them, or predict them with objective='supervised'."
            )

    def loss(self, terms: Terms) -> Tensor:
        log_likelihood, kl = self.by_label(terms)
        bounds = self.bounds_of(log_likelihood, kl)
        log_q = ops.log_softmax(self.logits(terms))
        q = ops.exp(log_q)
        label = self.one_hot(terms.condition)
        there = ops.cast(terms.labelled, "float32")
        share = (there[:, None] * label + (1.0 - there[:, None]) * q)[..., None]
        terms.keep(labelled=None, log_likelihood=ops.sum(share * log_likelihood, 1), kl=ops.sum(share * kl, 1))
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

    def by_label(self, terms: Terms) -> tuple[Tensor, Tensor]:
        """log p(x | y, z) and the KL under every label y: `(batch, num_classes, samples)` and `(..., levels)`.

        Args:
            terms: as for `loss`.
        """
        labels = ops.eye(self.classes) if self.condition_shape else ops.arange(self.classes, dtype="int32")
        each = terms.given_each(labels)

        def batch_first(values: Tensor) -> Tensor:
            return ops.swapaxes(ops.reshape(values, (self.classes, -1, values.shape[1])), 0, 1)

        return batch_first(each.log_likelihood), batch_first(each.kl)

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
        here = ops.stack([ops.sum(weights), ops.sum(weights * there)])
        seen = ops.convert_to_tensor(self.counts) + here
        if training:
            self.counts.assign_add(here)
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


def checked_prior(label_prior: Any) -> Any:
    """The argument `label_prior`: a name, or a list of probabilities.

    >>> checked_prior((0.25, 0.75))
    [0.25, 0.75]
    """
    if isinstance(label_prior, str):
        return one_of(label_prior, ("uniform", "learned"), "label_prior")
    values = np.asarray(label_prior, "float64")
    if values.ndim != 1 or not (values > 0).all() or not math.isclose(values.sum(), 1.0, rel_tol=1e-3):
        raise ValueError(
            "Argument `label_prior` must be 'uniform', 'learned', or probabilities above 0 that sum to 1. Received: "
            f"label_prior={label_prior!r}"
        )
    return [float(value) for value in values]


def labels_shape(shape: Shape | None) -> Shape:
    """The shape of a condition that is a label.

    Raises:
        ValueError: no condition, or one that is no label.
    """
    if shape is None or len(shape) > 1 or None in shape:
        raise ValueError(
            "The objective 'semi_supervised' sums over the labels, which are the model's condition. Expected "
            "condition_shape=() with a condition_encoder such as keras.layers.CategoryEncoding(10, "
            "output_mode='one_hot'), or condition_shape=(10,) for one-hot rows. Received: "
            f"condition_shape={shape}"
        )
    return tuple(shape)


def number_of_classes(given: int | None, shape: Shape, encoder: Any) -> int:
    """How many labels there are, by the argument, the shape of one-hot rows, or the condition encoder.

    Raises:
        ValueError: they contradict each other, or none of them says it.
    """
    known = shape[0] if shape else None
    support = None if shape else condition_support(encoder, shape)
    if support is not None and not math.isinf(support.high):
        known = int(support.high) + 1
    count = known if given is None else given
    if count is None:
        raise ValueError(
            "Argument `num_classes`: the condition encoder does not say how many labels there are. Pass "
            "keras_vae.objectives.SemiSupervised(num_classes=...). Received: num_classes=None"
        )
    if given is not None and known is not None and (given != known if shape else given > known):
        raise ValueError(
            f"Argument `num_classes` must be the number of labels of the model's condition, {known}. Received: "
            f"num_classes={given}"
        )
    return count


def default_classifier(seen: Any, classes: int, dtype: Any) -> keras.layers.Layer:
    """One dense layer, for vectors; others are flattened first.

    Raises:
        ValueError: several tensors, or of unknown length.
    """
    one = isinstance(seen, tuple) and all(axis is None or isinstance(axis, int) for axis in seen)
    if not one or None in seen[1:]:
        raise ValueError(
            f"Argument `classifier`: what it sees has the shape {seen}, which no single dense layer takes. Pass a "
            "Keras model of it that returns one logit for each label, and classifier_sees='features' or 'x'. Received: "
            "classifier=None"
        )
    head = keras.layers.Dense(classes, dtype=dtype, name="logits")
    return head if len(seen) == 2 else keras.Sequential([keras.layers.Flatten(dtype=dtype), head], name="classifier")


def check_classifier(classifier: Any, seen: Any, classes: int) -> None:
    """Build a classifier, and see that it returns logits of the labels.

    Raises:
        ValueError: it does not.
    """
    inputs = keras.tree.map_shape_structure(lambda shape: keras.KerasTensor((None, *shape[1:]), "float32"), seen)
    try:
        logits = classifier(inputs, training=False)
    except ValueError as error:
        raise ValueError(
            f"Argument `classifier` must take what it sees, of shape {seen}. Received: {classifier!r:.200}, which "
            f"raises: {error}"
        ) from error
    if tuple(getattr(logits, "shape", ())) != (None, classes):
        raise ValueError(
            f"Argument `classifier` must return one logit for each label, (rows, {classes}). Received: "
            f"{getattr(logits, 'shape', logits)}. End it with keras.layers.Dense({classes})."
        )
    last = (getattr(classifier, "layers", None) or [classifier])[-1]
    if getattr(last, "activation", None) in (keras.activations.softmax, keras.activations.sigmoid):
        raise ValueError(
            "Argument `classifier` must return logits: the objective takes the softmax itself. Received: a last layer "
            f"with the activation {last.activation.__name__!r}. Leave it out."
        )
