"""The bound of the Hamiltonian variational autoencoder."""

import itertools
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import one_of, positive_int, positive_number
from keras_vae.distributions.draws import other_noise
from keras_vae.hints import Config, Tensor
from keras_vae.objectives.log_joint import LogJoint, require_one_real_level
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["Hamiltonian"]

TEMPERINGS = ("fixed", "free", None)


@objectives.register("hamiltonian", package="keras_vae")
class Hamiltonian(Objective):
    """A bound by draws of the posterior that move along the gradient of log p(x, z) (Caterini et al., 2018).

    z from q(z|x) and a momentum from N(0, I / beta_zero) take leapfrog steps of the Hamiltonian
    -log p(x, z) + |momentum|^2 / 2, the momentum being cooled after each. With z_K and r_K where they end, and r the
    standard normal noise of the momentum, the loss in nats is the mean of

        log q(z_0 | x) - log p(x, z_K) + (|r_K|^2 - |r|^2) / 2,

    minus a bound of log p(x) that is unbiased (equation 9), as all determinants cancel. A step costs one gradient
    through the decoder, which is differentiated once more in training. One level of real latents. `reconstruction_loss`
    and `kl_loss` are logged at z_0, and `encode` and `elbo` of the model use q(z|x) as it is.

    Args:
        steps: number of leapfrog steps, K.
        step_size: length of a step, at the start if it is learned.
        learn_step_size: learn a length for every dimension, as in the paper.
        tempering: `"fixed"`, in which the inverse temperature rises from `beta_zero` to 1 by the paper's quadratic
            scheme; `"free"`, in which the cooling of every step and dimension is learned, from that scheme on; None
            for none.
        beta_zero: inverse temperature at the start, between 0 and 1; without effect if `tempering` is None.
        learn_beta_zero: learn it, under `"fixed"`.
        num_samples: number of latents drawn for each example in a training step.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments; when built for several levels of latents, or for others than real numbers.

    Example:

    >>> import keras_vae as kv
    >>> objective = kv.objectives.Hamiltonian(steps=2, step_size=0.05)
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective=objective)
    """

    needs_densities = True

    def __init__(
        self,
        steps: int = 3,
        step_size: float = 0.1,
        learn_step_size: bool = True,
        tempering: str | None = "fixed",
        beta_zero: float = 0.3,
        learn_beta_zero: bool = False,
        num_samples: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.steps = positive_int(steps, "steps")
        self.step_size = positive_number(step_size, "step_size")
        self.learn_step_size = bool(learn_step_size)
        self.tempering = one_of(tempering, TEMPERINGS, "tempering")
        self.beta_zero = positive_number(beta_zero, "beta_zero")
        if self.beta_zero >= 1.0:
            raise ValueError(
                f"Argument `beta_zero` must be between 0 and 1. Received: beta_zero={beta_zero!r}. For no tempering, "
                "pass tempering=None."
            )
        self.learn_beta_zero = bool(learn_beta_zero)
        self.num_samples = positive_int(num_samples, "num_samples")

    def build(self, spec: dict[str, Any]) -> None:
        shape = require_one_real_level("hamiltonian", spec)

        def add(name: str, values: Any, trainable: bool) -> Any:
            values = np.asarray(values, "float32")
            return self.add_weight(
                name=name,
                shape=values.shape,
                initializer=lambda shape, dtype=None: ops.convert_to_tensor(values, dtype),
                dtype="float32",
                trainable=trainable,
                autocast=False,
            )

        self.log_step_size = add("log_step_size", np.full(shape, math.log(self.step_size)), self.learn_step_size)
        if self.tempering == "fixed":
            logit = math.log(self.beta_zero / (1.0 - self.beta_zero))
            self.logit_beta_zero = add("logit_beta_zero", logit, self.learn_beta_zero)
        if self.tempering == "free":
            cooling = np.array(quadratic_cooling(math.sqrt(self.beta_zero), self.steps))
            logits = np.log(cooling / (1.0 - cooling)).reshape(-1, *[1] * len(shape))
            self.logit_cooling = add("logit_cooling", np.broadcast_to(logits, (self.steps, *shape)), True)

    def cooling(self) -> list[Any]:
        """What the momentum is multiplied by after each step: numbers, or tensors `()` or `(*latent,)`."""
        if self.tempering == "fixed":
            return quadratic_cooling(ops.sqrt(ops.sigmoid(self.logit_beta_zero)), self.steps)
        if self.tempering == "free":
            return [ops.sigmoid(self.logit_cooling[index]) for index in range(self.steps)]
        return [1.0] * self.steps

    def move(self, log_joint: LogJoint, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Where the draws and their momentum end, both `(batch, *latent)`, or `(samples, batch, *latent)`.

        Args:
            log_joint: log p(x, z) of the terms of a batch.
            noise: standard normal, of the same shape.
        """
        step, cooling = ops.exp(self.log_step_size), self.cooling()
        z, momentum = log_joint.level.z, noise
        for factor in cooling:
            momentum = momentum / factor  # in total by the root of beta_zero: what cooling will take away
        force = log_joint.gradient(z)
        for factor in cooling:
            momentum = momentum + 0.5 * step * force
            z = z + step * momentum
            force = log_joint.gradient(z)
            momentum = factor * (momentum + 0.5 * step * force)
        return z, momentum

    def loss(self, terms: Terms) -> Tensor:
        log_joint = LogJoint(terms)
        noise = keras.random.normal(ops.shape(log_joint.level.z), dtype="float32", seed=other_noise(terms.seed, 2))
        z, momentum = self.move(log_joint, noise)
        kinetic = 0.5 * log_joint.sum_over_event(ops.square(momentum) - ops.square(noise))
        return ops.mean(log_joint.log_q - log_joint(z) + kinetic, axis=1)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "steps": self.steps,
            "step_size": self.step_size,
            "learn_step_size": self.learn_step_size,
            "tempering": self.tempering,
            "beta_zero": self.beta_zero,
            "learn_beta_zero": self.learn_beta_zero,
            "num_samples": self.num_samples,
        }


def quadratic_cooling(root: Any, steps: int) -> list[Any]:
    """Roots of beta_(k-1) / beta_k, k = 1 ... K, for 1 / sqrt(beta_k) = (1 - 1 / root) (k / K)^2 + 1 / root.

    >>> [round(factor, 3) for factor in quadratic_cooling(0.5, 2)]
    [0.875, 0.571]
    """
    inverse = [(1.0 - 1.0 / root) * (index / steps) ** 2 + 1.0 / root for index in range(steps + 1)]
    return [after / before for before, after in itertools.pairwise(inverse)]
