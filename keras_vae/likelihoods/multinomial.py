"""Counts whose sum is given: the items that a user chose, the words of a document."""

from typing import Any

from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.multinomial import Multinomial as MultinomialDistribution
from keras_vae.hints import Config, Tensor
from keras_vae.likelihoods.likelihood import Likelihood, Support
from keras_vae.registry import likelihoods

__all__ = ["Multinomial"]


@likelihoods.register("multinomial", package="keras_vae")
class Multinomial(Likelihood):
    """p(x | z): counts over the last axis, given their sum, with shares softmax(logits(z)): Mult-VAE.

    For clicks and purchases, where items compete for a limited number of choices, and for the words of documents
    (Liang et al., 2018, *Variational autoencoders for collaborative filtering*, equation 2). A row's density is that
    given the row's own sum. It has the multinomial coefficient, a constant in training, which the paper leaves out.
    The encoder sees log(1 + x), for data `(batch, *data_shape)`.

    Args:
        total_count: sum of what is drawn, and of the mean: with 1, the mean is the share of each item.
        project: if False, the decoder's output is used as the logits.
        exposure: whether every example has a sum of its own, `(batch,)`, in the place of `total_count`. Data are
            `{"x": x, "exposure": x.sum(axis=-1)}`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: bad arguments.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> clicks = np.random.default_rng(0).poisson(0.5, (32, 10))
    >>> vae = kv.VAE((10,), 2, encoder="mlp", decoder="mlp", likelihood="multinomial")
    >>> vae.compile("adam")
    >>> _ = vae.fit(clicks, verbose=0)
    >>> shares = vae.predict(clicks, verbose=0)
    >>> bool(np.allclose(shares.sum(axis=-1), 1.0, atol=1e-5))
    True
    """

    support = Support(0.0, integer=True)
    parameter_names = ("logits",)

    def __init__(self, total_count: int = 1, project: bool = True, exposure: bool = False, **kwargs: Any) -> None:
        super().__init__(project=project, **kwargs)
        self.total_count = positive_int(total_count, "total_count")
        self.exposure = bool(exposure)

    def exposed(self, params: dict[str, Tensor], exposure: Tensor) -> dict[str, Tensor]:
        axes = [1] * (len(params["logits"].shape) - 2)
        return {**params, "total_count": ops.reshape(ops.cast(exposure, "float32"), (-1, *axes))}

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        total = params.get("total_count", self.total_count)
        return MultinomialDistribution(params["logits"], total, event_ndims=self.event_ndims, mask=mask)

    def to_network(self, x: Tensor) -> Tensor:
        # noise on the encoder's side may take x below zero
        return ops.log1p(ops.maximum(ops.cast(x, "float32"), 0.0))

    def get_config(self) -> Config:
        return {**super().get_config(), "total_count": self.total_count, "exposure": self.exposure}
