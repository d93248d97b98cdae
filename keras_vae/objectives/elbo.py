"""The negative evidence lower bound."""

from typing import Any

from keras import ops

from keras_vae.arguments import non_negative_number, one_of, positive_int
from keras_vae.hints import Config, Tensor
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.path_gradients import check_gradient, path_log_ratio
from keras_vae.objectives.terms import Terms, as_terms
from keras_vae.registry import objectives

__all__ = ["ELBO"]


@objectives.register("elbo", package="keras_vae")
class ELBO(Objective):
    """-E[log p(x|z)] + beta * KL(q(z|x) || p(z)), in nats per example.

    With beta = 1 it is the negative evidence lower bound (Kingma and Welling, 2014, equation 3); other
    values give the beta-VAE (Higgins et al., 2017).

    `beta` is a variable: `vae.objective.beta = 0.5`, short for `vae.objective.beta.assign(0.5)`, takes effect in the
    next step without recompilation, on every backend, and it is saved with the weights.

    With `gradient="stl"`, "sticking the landing", the KL is estimated at the draws, and the score of q is left out of
    its gradient (Roeder, Wu and Duvenaud, 2017): as q comes to the true posterior, the gradient's noise vanishes.

    Args:
        beta: factor of the KL, a finite number >= 0.
        num_samples: number of latents drawn for each example in a training step.
        gradient: `"standard"` or `"stl"`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, or a gradient that the latents do not allow.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> terms = kv.objectives.Terms.of(log_likelihood=np.full((2, 1), -3.0), kl=np.full((2, 1), 1.0))
    >>> [float(loss) for loss in kv.objectives.ELBO(beta=0.5).loss(terms)]
    [3.5, 3.5]
    """

    def __init__(self, beta: float = 1.0, num_samples: int = 1, gradient: str = "standard", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial_beta = non_negative_number(beta, "beta")
        self.num_samples = positive_int(num_samples, "num_samples")
        self.gradient = one_of(gradient, ("standard", "stl"), "gradient")
        self.beta = self.add_factor("beta", self.initial_beta)

    def build(self, spec: dict[str, Any]) -> None:
        check_gradient(self.gradient, spec, "ELBO")

    def loss(self, terms: Terms) -> Tensor:
        terms = as_terms(terms)
        stl = self.gradient == "stl"
        kl = -ops.mean(path_log_ratio(terms), axis=1) if stl else ops.sum(terms.kl, axis=1)
        return self.beta * kl - ops.mean(terms.log_likelihood, axis=1)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "beta": self.initial_beta,
            "num_samples": self.num_samples,
            "gradient": self.gradient,
        }
