"""Categorical variables as one-hot vectors."""

import dataclasses
from typing import Self

import keras
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.draws import at_least, with_samples
from keras_vae.distributions.kl_divergence import register_kl_divergence
from keras_vae.hints import Seed, Tensor

__all__ = ["OneHotCategorical"]


@keras.saving.register_keras_serializable("keras_vae.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class OneHotCategorical(Distribution):
    """Independent categorical variables, each a one-hot vector: `(..., variables, classes)`.

    Draws are exact, by the Gumbel-max trick. Gradients flow through the softmax of the same noise at
    `relaxation`: the straight-through Gumbel-softmax estimator (Jang, Gu and Poole, 2017; Maddison, Mnih
    and Teh, 2017). With `straight_through=False` the draw is that softmax itself, a point inside the
    simplex, whose `log_prob` is only a surrogate. A temperature (`tempered`) divides the logits, whatever the
    relaxation.

    Args:
        logits: unnormalised log probabilities, `(..., variables, classes)`.
        relaxation: temperature of the softmax.
        straight_through: return one-hot vectors.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import OneHotCategorical
    >>> q = OneHotCategorical(np.zeros((1, 1, 4)))
    >>> round(float(q.log_prob(np.array([[[1.0, 0.0, 0.0, 0.0]]]))[0]), 4)
    -1.3863
    """

    logits: Tensor
    relaxation: Tensor = 1.0
    straight_through: bool = True

    def __post_init__(self) -> None:
        self._set(logits=ops.log_softmax(ops.cast(ops.convert_to_tensor(self.logits), "float32"), axis=-1))

    def tensors(self) -> dict[str, Tensor]:
        # a relaxation for every row: tensors are split and joined along the batch
        rows = (*ops.shape(self.logits)[:-2], 1, 1)
        return {"logits": self.logits, "relaxation": ops.broadcast_to(ops.cast(self.relaxation, "float32"), rows)}

    def log_prob(self, value: Tensor) -> Tensor:
        return ops.sum(ops.cast(value, "float32") * self.logits, axis=(-2, -1))

    def sample(self, seed: Seed = None, num_samples: int | None = None) -> Tensor:
        shape = with_samples(ops.shape(self.logits), num_samples)
        uniform = keras.random.uniform(shape, 1e-7, 1.0 - 1e-7, dtype="float32", seed=seed)
        perturbed = self.logits - ops.log(-ops.log(uniform))
        soft = ops.softmax(perturbed / self.relaxation, axis=-1)
        if not self.straight_through:
            return soft
        hard = ops.one_hot(ops.argmax(perturbed, axis=-1), self.logits.shape[-1], dtype="float32")
        return ops.stop_gradient(hard - soft) + soft

    def tempered(self, temperature: Tensor | float) -> Self:
        temperature = at_least(temperature, 1e-6)
        # at one exactly these logits, which another log_softmax would round
        colder = ops.log_softmax(self.logits / temperature, axis=-1)
        return self._changed(logits=ops.where(temperature == 1.0, self.logits, colder))

    def mean(self) -> Tensor:
        return ops.exp(self.logits)

    def mode(self) -> Tensor:
        return ops.one_hot(ops.argmax(self.logits, axis=-1), self.logits.shape[-1], dtype="float32")

    def variance(self) -> Tensor:
        probability = self.mean()
        return probability * (1.0 - probability)


@register_kl_divergence(OneHotCategorical, OneHotCategorical, factorises=False)
def _kl_categorical(q: OneHotCategorical, p: OneHotCategorical) -> Tensor:
    return ops.sum(ops.exp(q.logits) * (q.logits - p.logits), axis=(-2, -1))
