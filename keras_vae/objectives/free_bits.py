"""A KL with a part that is free."""

from typing import Any

from keras import ops

from keras_vae.arguments import non_negative_number, one_of, positive_int
from keras_vae.hints import Config, Tensor
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["FreeBits"]


@objectives.register("free_bits", package="keras_vae")
class FreeBits(Objective):
    """-E[log p(x|z)] + sum_j max(nats, KL_j), in nats per example, `(batch,)` (Kingma et al., 2016, equation 15).

    Below the threshold a part of the latents costs the same whatever it carries, so nothing pulls it to the prior:
    against posterior collapse. j is every dimension, or every level of a hierarchy.

    Args:
        nats: the threshold of each part, a finite number >= 0; a variable, which may be assigned during training.
        per: `"dimension"`, for posteriors whose KL factorises over the dimensions, or `"level"`.
        average: `"batch"` compares the mean over the batch with the threshold, as in the paper, and `"example"` the KL
            of every example.
        num_samples: number of latents drawn for each example in a training step.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments.
        NotImplementedError: `per="dimension"`, and a KL that does not factorise.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> kl = np.array([[0.1, 2.0], [0.3, 4.0]], "float32")
    >>> terms = kv.objectives.Terms.of(log_likelihood=np.full((2, 1), -3.0, "float32"), kl_per_dimension=[kl])
    >>> [float(loss) for loss in kv.objectives.FreeBits(0.5).loss(terms)]
    [6.5, 6.5]
    >>> [float(loss) for loss in kv.objectives.FreeBits(0.5, average="example").loss(terms)]
    [5.5, 7.5]
    """

    def __init__(
        self,
        nats: float = 0.25,
        per: str = "dimension",
        average: str = "batch",
        num_samples: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.initial_nats = non_negative_number(nats, "nats")
        self.per = one_of(per, ("dimension", "level"), "per")
        self.average = one_of(average, ("batch", "example"), "average")
        self.num_samples = positive_int(num_samples, "num_samples")
        self.nats = self.add_factor("nats", self.initial_nats)

    def loss(self, terms: Terms) -> Tensor:
        parts = [terms.kl] if self.per == "level" else self._of_dimensions(terms)
        parts = [ops.mean(kl, axis=0, keepdims=True) for kl in parts] if self.average == "batch" else parts
        kept = [ops.maximum(ops.cast(kl, "float32"), self.nats) for kl in parts]
        return sum(ops.sum(kl, axis=tuple(range(1, len(kl.shape)))) for kl in kept) - ops.mean(
            terms.log_likelihood, axis=1
        )

    @staticmethod
    def _of_dimensions(terms: Terms) -> list[Tensor]:
        try:
            return terms.kl_per_dimension
        except NotImplementedError as error:
            raise NotImplementedError(
                "The objective 'free_bits' with per='dimension' needs a KL that is a sum over dimensions, such as that "
                f"of the prior 'standard'. Received: {error} Use FreeBits(per='level')."
            ) from error

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "nats": self.initial_nats,
            "per": self.per,
            "average": self.average,
            "num_samples": self.num_samples,
        }
