"""The contract of an objective."""

from typing import Any

import keras

from keras_vae.hints import Tensor
from keras_vae.registry import objectives

__all__ = ["Objective"]


@objectives.contract
class Objective(keras.layers.Layer):
    """What is minimised: from the terms of a batch to a loss for every example.

    A layer without `call`: it may own weights, such as a beta that a callback anneals, and it writes
    `loss(terms)`. It names in `requires` the terms it needs beyond the two that are always there; what
    nobody requires is not computed. All terms are float32 and in nats:

    | term | shape | what |
    |---|---|---|
    | `log_likelihood` | `(batch, samples)` | log p(x given z); always there |
    | `kl` | `(batch, levels)` | KL of every level, in closed form or at the sample; always there |
    | `log_ratio` | `(batch, samples, levels)` | log p(z) - log q(z given x) at the sample |
    | `kl_per_dimension` | one `(batch, *latent)` for each level | closed-form KL of every dimension |
    | `z` | one `(batch, samples, *latent)` for each level | the latents |
    | `prior_z` | one `(batch, samples, *latent)` for each level | draws from the prior |
    | `posterior` | one distribution value for each level | q(z given x), leading axis `batch * samples` |
    | `mask` | `(batch, time)` or None | the steps that count; always there |

    >>> from keras import ops
    >>> import keras_vae as kv
    >>> class Half(kv.objectives.Objective):
    ...     def loss(self, terms):
    ...         return -ops.mean(terms["log_likelihood"], axis=1) + 0.5 * ops.sum(terms["kl"], axis=1)
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective=Half())

    Attributes:
        requires: tuple of names from the table.
        num_samples: number of latents drawn for each example in a training step.
    """

    requires: tuple[str, ...] = ()
    num_samples = 1

    def loss(self, terms: dict[str, Any]) -> Tensor:
        """Loss of every example, in nats, `(batch,)`; a scalar stands for the same loss for all of them.

        Args:
            terms: dict of the terms in the table of the class.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `loss(terms)`.")
