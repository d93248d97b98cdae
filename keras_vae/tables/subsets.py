"""Training on random parts of each row, so that the model knows rows of which little is observed."""

import dataclasses
from typing import Any

import keras
from keras import ops

from keras_vae.hints import Component, Config, Tensor
from keras_vae.objectives.combined import Combined
from keras_vae.objectives.terms import Terms

__all__ = ["Subsets"]


@keras.saving.register_keras_serializable("keras_vae.tables")
class Subsets(Combined):
    """Another objective of random subsets of the observed elements, in nats per row, `(batch,)`.

    In training a share of the rows loses elements at random, each row at a rate of its own between 0 and 1; what is
    lost is neither seen by the encoder nor counted. So the loss is a bound of log p of whatever is left, q(z | x_left)
    comes to p(z | x_left), and the prior for a row without any. The alternative, to hide elements from the encoder and
    count them all, is a looser bound: it is best at a q(z | x_left) that is near to p(z | x) of all continuations at
    once, narrower than p(z | x_left), and a poor proposal for importance sampling. In evaluation nothing is hidden.

    Args:
        objective: the other objective, a name or an instance.
        share: share of the rows that lose elements.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: a share outside of [0, 1].

    Example:

    >>> import keras_vae as kv
    >>> from keras_vae.tables import Subsets
    >>> columns = kv.likelihoods.Columns([("gaussian", 4)], missing="nan")
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, likelihood=columns, objective=Subsets(kv.objectives.IWAE(5)))
    """

    def __init__(self, objective: Component = "elbo", share: float = 0.5, **kwargs: Any) -> None:
        super().__init__(objective, **kwargs)
        if not 0 <= share <= 1:
            raise ValueError(f"Argument `share` must lie between 0 and 1. Received: share={share!r}")
        self.share = float(share)

    def loss(self, terms: Terms) -> Tensor:
        if not terms.training or self.share == 0:
            return self.objective.loss(terms)
        batch = terms.batch
        kept = ops.logical_and(batch.present, self._kept(ops.shape(batch.x), terms.seed))
        x = ops.where(kept, batch.x, ops.zeros_like(batch.x))
        part = dataclasses.replace(batch, x=x, target=x, present=kept, input_present=kept)
        return self.objective.loss(
            Terms(terms.forward, part, seed=terms.seed, num_samples=terms.num_samples, training=True)
        )

    def _kept(self, shape: Any, seed: Any) -> Tensor:
        """Which elements stay, boolean `(batch, columns)`."""
        each = (shape[0], 1)
        affected = keras.random.uniform(each, seed=seed) < self.share
        rate = keras.random.uniform(each, seed=seed)
        return ops.logical_or(ops.logical_not(affected), keras.random.uniform(shape, seed=seed) >= rate)

    def get_config(self) -> Config:
        return {**super().get_config(), "share": self.share}
