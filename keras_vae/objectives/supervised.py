"""Targets that are predicted from the latents."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import keras
from keras import ops

from keras_vae.arguments import non_negative_number
from keras_vae.hints import Component, Config, Shape, Tensor
from keras_vae.objectives.combined import Combined
from keras_vae.objectives.latent_vectors import latent_vectors, width_of_latents
from keras_vae.objectives.targets import aligned, as_metric, loss_function, serialized, support_of_targets
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["Supervised"]


@objectives.register("supervised", package="keras_vae")
class Supervised(Combined):
    """Another objective, plus a loss of a prediction of y from the latents: `vae.fit(x, y)`.

    Joint training of a VAE and a predictor (Gomez-Bombarelli et al., 2018), which arranges the latents by the target.
    The head sees the concatenated latents of all levels, `(rows, width)`; with several draws the loss is averaged over
    them. It is in nats per example if the Keras loss is, and logged as `prediction_loss`. `vae.predict_target(x)`
    returns predictions.

    Args:
        objective: the other objective, a name or an instance, whose `beta` and `num_samples` apply.
        head: Keras layer or model from latents `(rows, width)` to predictions; by default one number,
            `keras.layers.Dense(1)`.
        loss: Keras loss, by name, instance or function, of `y` and the predictions. For sparse losses, `y` must be
            whole numbers from 0, below the width of the head; the `ignore_class` of the loss is allowed too.
        weight: factor of that loss, a finite number >= 0.
        metrics: Keras metrics of `y` and the predictions, by name, instance or function, or None.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, a `y` that does not fit the predictions, or latents of unknown length.
        TypeError: a head that is not a layer.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_vae as kv
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.random((64, 4)), rng.integers(0, 3, 64)
    >>> head = keras.layers.Dense(3, activation="softmax")
    >>> objective = kv.objectives.Supervised(head=head, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective=objective)
    >>> vae.compile("adam")
    >>> sorted(vae.fit(x, y, verbose=0).history)
    ['accuracy', 'kl_loss', 'loss', 'prediction_loss', 'reconstruction_loss']
    >>> vae.predict_target(x[:5]).shape
    (5, 3)
    """

    uses_y = True
    y_support = None
    y_missing = None

    def __init__(
        self,
        objective: Component = "elbo",
        head: keras.layers.Layer | None = None,
        loss: str | Callable | keras.losses.Loss = "mse",
        weight: float = 1.0,
        metrics: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(objective, **kwargs)
        self.head: Any = keras.layers.Dense(1, dtype=self.dtype_policy) if head is None else head
        if not isinstance(self.head, keras.layers.Layer):
            raise TypeError(
                "Argument `head` must be a Keras layer or model from latents to predictions, such as "
                f"keras.layers.Dense(1). Received: head={head!r}"
            )
        self.given_loss = loss
        self.loss_of, self.takes_labels = loss_function(loss)
        self.weight = non_negative_number(weight, "weight")
        self.given_metrics = None if metrics is None else list(metrics)
        self.prediction_tracker = keras.metrics.Mean(name="prediction_loss")

    def build(self, spec: dict[str, Any]) -> None:
        super().build(spec)
        width = width_of_latents(spec, "supervised")
        latents = keras.KerasTensor((None, width), dtype="float32")
        # A symbolic call: it builds any model, and refuses one that was built for another width.
        predictions = keras.tree.flatten(self.head(latents, training=False))
        if len(predictions) != 1:
            raise ValueError(f"Argument `head` must return one tensor of predictions. Received: {len(predictions)}")
        self.prediction_shape: Shape = tuple(predictions[0].shape)[1:]
        self.extra_metrics = [
            as_metric(given, self.takes_labels, self.prediction_shape) for given in self.given_metrics or []
        ]
        self.y_support = support_of_targets(self.given_loss, self.takes_labels, self.prediction_shape)
        self.y_missing = getattr(self.given_loss, "ignore_class", None)
        self._create_weights_of_metrics()

    def _create_weights_of_metrics(self) -> None:
        # Some, such as R2Score, create weights in the first update, which is too late inside a compiled step.
        predictions = ops.zeros((2, *self.prediction_shape))
        targets = ops.zeros((2, *self.prediction_shape[:-1])) if self.takes_labels else predictions
        for metric in self.extra_metrics:
            metric.update_state(targets, predictions)
            metric.reset_state()

    def loss(self, terms: Terms) -> Tensor:
        samples = terms.z[0].shape[1]
        predictions = self._predicted(terms)
        y = self._target(terms.y)
        weights = getattr(getattr(terms, "batch", None), "weights", None)
        repeated = y if samples == 1 else ops.repeat(y, samples, axis=0)
        losses = ops.cast(self.loss_of(*aligned(repeated, predictions, self.takes_labels)), "float32")
        if len(losses.shape) > 1:
            losses = ops.mean(losses, axis=tuple(range(1, len(losses.shape))))
        losses = ops.mean(ops.reshape(losses, (-1, samples)), axis=1)
        weights = None if weights is None else ops.reshape(ops.cast(weights, "float32"), (-1,))
        self.prediction_tracker.update_state(losses if weights is None else losses * weights)
        if self.extra_metrics:
            compared = aligned(y, self._mean_of(predictions, samples), self.takes_labels)
            for metric in self.extra_metrics:
                metric.update_state(*compared, sample_weight=weights)
        return self.objective.loss(terms) + self.weight * losses

    def _predicted(self, terms: Terms) -> Tensor:
        """Predictions for every draw, float32 `(batch * samples, ...)`, with the draws of an example adjacent."""
        return ops.cast(self.head(latent_vectors(terms.z), training=getattr(terms, "training", False)), "float32")

    @staticmethod
    def _mean_of(predictions: Tensor, samples: int) -> Tensor:
        if samples == 1:
            return predictions
        return ops.mean(ops.reshape(predictions, (-1, samples, *predictions.shape[1:])), axis=1)

    @staticmethod
    def _target(y: Any) -> Tensor:
        if y is None or isinstance(y, (dict, list, tuple)):
            raise ValueError(
                "Argument `y`: the objective 'supervised' predicts it. Expected one array, (batch,) or (batch, k). "
                f"Received: {'None' if y is None else f'a {type(y).__name__}'}. Pass fit(x, y), or a dataset of (x, y)."
            )
        return ops.convert_to_tensor(y)

    def predict_target(self, terms: Terms) -> Tensor:
        """Predictions of `y`, averaged over the draws of the latents, `(batch, ...)`.

        Args:
            terms: as for `loss`.
        """
        return self._mean_of(self._predicted(terms), terms.z[0].shape[1])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "head": keras.saving.serialize_keras_object(self.head),
            "loss": serialized(self.given_loss, "loss"),
            "weight": self.weight,
            "metrics": None
            if self.given_metrics is None
            else [serialized(metric, "metrics") for metric in self.given_metrics],
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        config = dict(config)
        for name in ("head", "loss"):
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(config[name])
        if config.get("metrics") is not None:
            config["metrics"] = [
                keras.saving.deserialize_keras_object(metric) if isinstance(metric, dict) else metric
                for metric in config["metrics"]
            ]
        return cls(**config)
