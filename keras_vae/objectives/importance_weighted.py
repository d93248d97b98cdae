"""Bounds of log p(x) made of importance weights."""

from typing import Any

from keras import ops

from keras_vae.arguments import one_of, positive_int
from keras_vae.hints import Config, Tensor
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.path_gradients import (
    GRADIENTS,
    check_gradient,
    path_log_ratio,
    weighted_gradients,
    with_value,
)
from keras_vae.objectives.terms import Terms

__all__ = ["ImportanceWeighted"]


class ImportanceWeighted(Objective):
    """The base of objectives that are bounds of log p(x), functions of the log importance weights.

    log w_k = log p(x, z_k) - log q(z_k | x), in nats, for draws z_k from q. A subclass implements `bound(log_weights)`,
    and, for `gradient="dreg"`, `gradient_weights(log_weights)`. Importance weights need densities of everything, so
    these objectives are not made of others: there is no importance-weighted `BetaTC`.

    Args:
        num_samples: number of latents drawn for each example.
        gradient: `"standard"`; `"stl"`, "sticking the landing", without the score of q (Roeder, Wu and Duvenaud, 2017);
            or `"dreg"`, doubly reparametrised (Tucker et al., 2019, equation 8), whose signal does not fade as the
            number of samples grows, for a second pass through the decoder. Of importance-weighted bounds `"stl"` is
            biased, and `"dreg"` is not. `"dreg"` needs a decoder without dropout and without batch normalisation.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, or a gradient that the latents do not allow.

    Example:

    >>> from keras import ops
    >>> import keras_vae as kv
    >>> class Best(kv.objectives.ImportanceWeighted):
    ...     def bound(self, log_weights):
    ...         return ops.max(log_weights, axis=1)
    >>> float(Best(2).loss(kv.objectives.Terms.of(log_weights=ops.convert_to_tensor([[-3.0, -1.0]])))[0])
    1.0
    """

    needs_densities = True

    def __init__(self, num_samples: int = 5, gradient: str = "standard", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.refuse_objective(num_samples)
        self.num_samples = positive_int(num_samples, "num_samples")
        self.gradient = one_of(gradient, GRADIENTS, "gradient")

    @property
    def independent_draws(self) -> bool:  # type: ignore[override]
        """Whether the draws for an example must not depend on each other: for `gradient="dreg"`."""
        # Given the other draws, each must come from q: only then is the expected score of q, weighted by all draws,
        # the gradient through the draw.
        return self.gradient == "dreg"

    def refuse_objective(self, argument: Any) -> None:
        """Say why another objective in place of a number cannot be used.

        Args:
            argument: the first argument of a constructor.

        Raises:
            ValueError: it is an objective, or a name.
        """
        if isinstance(argument, (str, Objective)):
            raise ValueError(
                f"Argument `num_samples`, or another number, comes first. Received: {argument!r}. "
                f"{type(self).__name__} is made of importance weights, p(x, z) / q(z|x), and another objective has "
                "none: the two cannot be combined."
            )

    def build(self, spec: dict[str, Any]) -> None:
        check_gradient(self.gradient, spec, type(self).__name__)

    def bound(self, log_weights: Tensor) -> Tensor:
        """The bound of log p(x), in nats, `(batch,)`.

        Args:
            log_weights: `(batch, samples)`.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `bound(log_weights)`.")

    def gradient_weights(self, log_weights: Tensor) -> tuple[Tensor, Tensor]:
        """The weight of every draw in the gradient, by the densities and by the draws, both `(batch, samples)`.

        The first is the derivative of the bound by the log weights, the second that of the doubly reparametrised
        gradient, such as w and w^2 for normalised weights w.

        Args:
            log_weights: `(batch, samples)`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must implement `gradient_weights(log_weights)` for gradient='dreg'."
        )

    def loss(self, terms: Terms) -> Tensor:
        if self.gradient == "stl":
            return -self.bound(terms.log_likelihood + path_log_ratio(terms))
        bound = self.bound(terms.log_weights)
        if self.gradient == "standard":
            return -bound
        of_densities, of_draws = self.gradient_weights(ops.stop_gradient(terms.log_weights))
        return -with_value(bound, weighted_gradients(terms, of_densities, of_draws, fixed=True))

    def get_config(self) -> Config:
        return {**super().get_config(), "num_samples": self.num_samples, "gradient": self.gradient}
