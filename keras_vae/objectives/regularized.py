"""The regularized autoencoder."""

from typing import Any

import keras
from keras import metrics, ops

from keras_vae.arguments import non_negative_number, one_of
from keras_vae.backend import gradient
from keras_vae.distributions.draws import other_noise
from keras_vae.hints import Config, Tensor
from keras_vae.objectives.latent_vectors import latent_vectors, width_of_latents
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["Regularized"]


@objectives.register("regularized", package="keras_vae")
class Regularized(Objective):
    """-log p(x|z) + embedding_weight |z|^2 / 2 + decoder_weight R: RAE, in nats (Ghosh et al., 2020, equation 5).

    The loss is `(batch,)`: that of an autoencoder whose decoder is smooth, in place of noise that makes it so. R is the
    squared length of the decoder's weights, RAE-L2, or the squared norm of its Jacobian at z, RAE-GP, estimated
    without bias from a random direction of the output (Hutchinson, 1990), which takes a second derivative. A model with
    this objective has the posterior `"deterministic"` and logs no `kl_loss`. Nothing ties its latents to the prior, so
    fit a sampler after training to generate from it. R is logged as `decoder_penalty`.

    Args:
        embedding_weight: beta, the factor of the latents' squared length.
        decoder_weight: lambda, the factor of R.
        penalty: `"l2"` or `"gradient"`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, or latents of unknown length.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective=kv.objectives.Regularized(penalty="gradient"))
    """

    default_posterior = "deterministic"

    def __init__(
        self, embedding_weight: float = 1e-2, decoder_weight: float = 1e-3, penalty: str = "l2", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.embedding_weight = non_negative_number(embedding_weight, "embedding_weight")
        self.decoder_weight = non_negative_number(decoder_weight, "decoder_weight")
        self.penalty = one_of(penalty, ("l2", "gradient"), "penalty")
        self.tracker = metrics.Mean(name="decoder_penalty")

    def build(self, spec: dict[str, Any]) -> None:
        width_of_latents(spec, "regularized")

    def loss(self, terms: Terms) -> Tensor:
        lengths = 0.5 * ops.sum(ops.square(latent_vectors(terms.z)), axis=1)
        rows = ops.cast(ops.shape(terms.log_likelihood)[0], "float32")
        if self.penalty == "l2":
            penalty = sum(ops.sum(ops.square(ops.cast(weight, "float32"))) for weight in terms.decoder_weights)
            self.tracker.update_state(penalty, sample_weight=rows)
        else:
            penalty = squared_jacobian(terms)
            self.tracker.update_state(penalty)
        regularizer = self.embedding_weight * lengths + self.decoder_weight * penalty
        return regularizer - ops.mean(terms.log_likelihood, axis=1)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "embedding_weight": self.embedding_weight,
            "decoder_weight": self.decoder_weight,
            "penalty": self.penalty,
        }


def squared_jacobian(terms: Terms) -> Tensor:
    """The squared Frobenius norm of d mean(x | z) / d z of every example, in expectation over a direction: `(batch,)`.

    For v with independent entries of variance 1, E |J^T v|^2 = |J|^2.

    Args:
        terms: see `keras_vae.objectives.Terms`.
    """
    total = 0.0
    latents = list(terms.latents)
    for index in range(len(latents)):

        def outputs(rows: Tensor, index: int = index) -> Tensor:
            decoded = terms.decode([*latents[:index], rows, *latents[index + 1 :]]).mean()
            projected = 0.0
            for number, (name, field) in enumerate(fields_of(decoded)):
                direction = keras.random.normal(ops.shape(field), seed=other_noise(terms.seed, 3 + number))
                mask = dict(fields_of(terms.batch.likelihood_mask())).get(name)
                if mask is not None:  # padded and missing elements count nowhere
                    mask = ops.cast(ops.cast(mask, "bool"), "float32")
                    direction = direction * ops.reshape(
                        mask, (*ops.shape(mask), *[1] * (len(field.shape) - len(mask.shape)))
                    )
                projected = projected + ops.sum(ops.stop_gradient(direction) * ops.cast(field, "float32"))
            return projected

        slopes = gradient(outputs, latents[index])
        total = total + ops.sum(ops.square(slopes), axis=tuple(range(1, len(slopes.shape))))
    return total


def fields_of(value: Any) -> list[tuple[Any, Any]]:
    """The items of data of several fields; a single array has the name None.

    >>> fields_of({"a": 1}), fields_of(2)
    ([('a', 1)], [(None, 2)])
    """
    return list(value.items()) if isinstance(value, dict) else [(None, value)]
