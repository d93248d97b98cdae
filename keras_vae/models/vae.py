"""The model: five parts, one objective, and the wiring between them."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import optional_seed
from keras_vae.backend import SeedGenerator, num_replicas
from keras_vae.decoders.from_model import FromModel as DecoderFromModel
from keras_vae.encoders.from_model import FromModel as EncoderFromModel
from keras_vae.hints import Component, Data, Ints, Tensor
from keras_vae.models.forward import Forward
from keras_vae.models.inputs import Inputs
from keras_vae.models.rates import count_elements, rate_metrics
from keras_vae.models.runner import Runner, Untracked
from keras_vae.models.saving import Saving
from keras_vae.models.streams import unpack
from keras_vae.models.training import Training
from keras_vae.models.verbs import Verbs
from keras_vae.models.wiring import Wiring, as_shape
from keras_vae.objectives.terms import OPTIONAL_TERMS, split_samples

__all__ = ["VAE"]


@keras.saving.register_keras_serializable("keras_vae")
class VAE(Verbs, Training, Saving, Wiring, Forward, keras.Model):
    """A variational autoencoder (Kingma and Welling, 2014) made of five parts and one objective.

    Every part is a name, an instance, or a class; the encoder and the decoder may be any Keras model.
    All weights exist as soon as the constructor returns, and parts that do not fit each other fail there.

    Args:
        data_shape: shape of one example, for example `(28, 28, 1)`.
        latent_dim: number of latent dimensions (default 16), or what the prior takes in its place.
        encoder: `"conv"` by default for data with spatial axes and channels, `"gru"` for tokens and for
            sequences of any length, `"mlp"` for all other.
        decoder: likewise.
        prior: p(z).
        posterior: q(z|x).
        likelihood: p(x|z): `"bernoulli"` for data in [0, 1], `"gaussian"` for real numbers.
        objective: what is minimised; a class instance such as `ELBO(beta=4.0)` sets its options.
        condition_shape: shape of one example's condition; `()` for integer labels behind a
            `condition_encoder`. None for a model without conditions.
        condition_encoder: Keras layer that turns the condition into a vector, such as
            `keras.layers.CategoryEncoding` or `keras.layers.Embedding`.
        seed: int that fixes the model's noise; None draws one. It does not fix the initial weights:
            `keras.utils.set_random_seed` does.
        **kwargs: `name`, `dtype`, as for every Keras model.

    Raises:
        ValueError: arguments that are wrong or do not fit each other.
        TypeError: a part of the wrong kind.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(8, 8, 1), latent_dim=4)
    >>> vae.compile("adam")
    >>> history = vae.fit(np.random.default_rng(0).random((64, 8, 8, 1)), verbose=0)
    >>> sorted(history.history)
    ['kl_loss', 'loss', 'reconstruction_loss']
    >>> vae.generate(3).shape
    (3, 8, 8, 1)
    """

    def __init__(
        self,
        data_shape: int | Sequence[int | None],
        latent_dim: int | Sequence[Ints] | None = None,
        *,
        encoder: Component | None = None,
        decoder: Component | None = None,
        prior: Component = "standard",
        posterior: Component = "gaussian",
        likelihood: Component = "bernoulli",
        objective: Component = "elbo",
        condition_shape: int | Sequence[int] | None = None,
        condition_encoder: keras.layers.Layer | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        # autocast=False: every part casts what it is given, and half precision must not reach a density.
        super().__init__(autocast=False, **kwargs)
        self.data_shape = as_shape(data_shape, "data_shape")
        self.condition_shape = None if condition_shape is None else as_shape(condition_shape, "condition_shape", True)
        seed = optional_seed(seed)
        if condition_encoder is not None and not isinstance(condition_encoder, keras.layers.Layer):
            raise TypeError(
                "Argument `condition_encoder` must be a Keras layer, such as keras.layers.Embedding(10, 16). "
                f"Received: condition_encoder={condition_encoder!r}"
            )
        if condition_encoder is not None and condition_shape is None:
            raise ValueError("Argument `condition_encoder` needs `condition_shape`. Received: condition_shape=None")
        self.latent_dim = latent_dim
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)
        self.likelihood = self._part("likelihood", likelihood)
        network = self._default_network()
        self.encoder = self._part("encoder", network if encoder is None else encoder, EncoderFromModel)
        self.decoder = self._part("decoder", network if decoder is None else decoder, DecoderFromModel)
        self.prior = self._part("prior", prior)
        self.posterior = self._part("posterior", posterior)
        self.objective = self._part("objective", objective)
        self.condition_encoder = condition_encoder
        unknown = set(self.objective.requires) - set(OPTIONAL_TERMS)
        if unknown:
            raise ValueError(
                f"The objective {type(self.objective).__name__} requires unknown terms {sorted(unknown)}. "
                f"Expected a subset of {OPTIONAL_TERMS}."
            )
        self._wire()
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_tracker = keras.metrics.Mean(name="kl_loss")
        levels = len(self.prior.level_shapes())
        self.level_trackers = [
            keras.metrics.Mean(name=f"kl_loss_{level}") for level in range(1, levels + 1) if levels > 1
        ]
        self.rate_trackers = rate_metrics(self.likelihood.support)
        self.inputs_check = Inputs(
            self.data_shape, self.condition_shape, self.likelihood, self.decoder, self.compute_dtype
        )
        self._runner = Runner(self, seed)
        # What tracing `call` leaves for `compute_loss`.
        self._traced_posteriors = Untracked([])
        self._has_metrics = False
        self.built = True

    def call(self, inputs: Data, training: bool | None = None) -> dict[str, Any]:
        """Likelihood parameters and latent terms: what `compute_loss` needs. Users call the verbs."""
        return self.network_terms(
            inputs,
            seed=self.seed_generator,
            requires=tuple(self.objective.requires),
            num_samples=self.objective.num_samples,
            training=bool(training),
        )

    def compute_loss(
        self,
        x: Tensor | None = None,
        y: Tensor | None = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Mean of the objective over the batch, plus whatever the parts' layers added with `add_loss`."""
        if y is not None and tuple(y.shape[1:]) != tuple(unpack(x)[0].shape[1:]):
            raise ValueError(
                f"Argument `y` must have the data's shape {self.data_shape}. Received: shape {tuple(y.shape)}. Labels "
                "belong in the inputs of a conditional model: VAE(..., condition_shape=...).fit([x, labels])."
            )
        terms = self.complete_terms(y_pred, x, y, self.objective.num_samples)
        batch_size = ops.shape(terms["kl"])[0]

        def weighted_mean(values: Tensor) -> Tensor:
            values = ops.cast(values, "float32")
            if sample_weight is not None:
                weights = ops.cast(sample_weight, "float32")
                values = values * ops.reshape(weights, (-1,))
            # not ops.mean: under tf.distribute the last batch may leave a replica without rows
            return ops.sum(values) / ops.cast(ops.maximum(batch_size, 1), "float32")

        per_example = ops.broadcast_to(self.objective.loss(terms), (batch_size,))
        loss = weighted_mean(per_example)
        # Weighted by the batch's size, as Keras weighs `loss`, so that ragged last batches agree.
        self.reconstruction_tracker.update_state(
            weighted_mean(-ops.mean(terms["log_likelihood"], axis=1)), sample_weight=batch_size
        )
        self.kl_tracker.update_state(weighted_mean(ops.sum(terms["kl"], axis=1)), sample_weight=batch_size)
        for level, tracker in enumerate(self.level_trackers):
            tracker.update_state(weighted_mean(terms["kl"][:, level]), sample_weight=batch_size)
        if self.rate_trackers:
            nats = -ops.mean(terms["log_likelihood"], axis=1)
            target = unpack(x)[0] if y is None else y
            elements = count_elements(target, terms["mask"])
            weights = ops.ones_like(nats) if sample_weight is None else ops.reshape(sample_weight, (-1,))
            for tracker in self.rate_trackers:
                tracker.update_state(nats, ops.sum(terms["kl"], axis=1), elements, weights)
        for extra in self.losses:
            loss = loss + ops.cast(ops.sum(extra), "float32")
        return loss / num_replicas()

    def compute_metrics(self, x: Tensor, y: Tensor, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Metrics given to `compile` compare the target with the likelihood's mean."""
        if self._has_metrics:
            target = unpack(x)[0] if y is None else y
            mean = self.likelihood.distribution(y_pred["params"]).mean()
            y, y_pred = target, ops.mean(split_samples(mean, self.objective.num_samples), axis=1)
        return super().compute_metrics(x, y, y_pred, sample_weight)
