"""A KL that is held at a capacity."""

from typing import Any

from keras import ops

from keras_vae.arguments import non_negative_number, positive_int
from keras_vae.hints import Config, Tensor
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["Capacity"]


@objectives.register("capacity", package="keras_vae")
class Capacity(Objective):
    """-E[log p(x|z)] + beta |KL(q(z|x) || p(z)) - C|, in nats, `(batch,)` (Burgess et al., 2018, equation 8).

    The latents carry C nats of every example, no more and no less. A capacity that rises during training, by
    `keras_vae.callbacks.CapacitySchedule`, lets them take up one factor after another.

    Args:
        capacity: C, in nats, a finite number >= 0; a variable, which the schedule sets.
        beta: factor of the distance to it, gamma in the paper; a variable too.
        num_samples: number of latents drawn for each example in a training step.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> terms = kv.objectives.Terms.of(log_likelihood=np.full((2, 1), -3.0), kl=np.array([[20.0], [30.0]]))
    >>> [float(loss) for loss in kv.objectives.Capacity(25.0, beta=2.0).loss(terms)]
    [13.0, 13.0]
    """

    def __init__(self, capacity: float = 25.0, beta: float = 10.0, num_samples: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial_capacity = non_negative_number(capacity, "capacity")
        self.initial_beta = non_negative_number(beta, "beta")
        self.num_samples = positive_int(num_samples, "num_samples")
        self.capacity = self.add_factor("capacity", self.initial_capacity)
        self.beta = self.add_factor("beta", self.initial_beta)

    def loss(self, terms: Terms) -> Tensor:
        distance = ops.abs(ops.sum(terms.kl, axis=1) - self.capacity)
        return self.beta * distance - ops.mean(terms.log_likelihood, axis=1)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "capacity": self.initial_capacity,
            "beta": self.initial_beta,
            "num_samples": self.num_samples,
        }
