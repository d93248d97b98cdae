"""Counts with excess zeros."""

from keras_vae.distributions.zero_inflated import ZeroInflated
from keras_vae.hints import Tensor
from keras_vae.likelihoods.negative_binomial import NegativeBinomial
from keras_vae.registry import likelihoods

__all__ = ["ZeroInflatedNegativeBinomial"]


@likelihoods.register("zero_inflated_negative_binomial", package="keras_vae")
class ZeroInflatedNegativeBinomial(NegativeBinomial):
    """p(x | z): `negative_binomial` in which a count is replaced by zero with a predicted probability.

    The usual likelihood of single-cell reads (Lopez et al., 2018). The encoder sees log(1 + x).

    Args:
        dispersion: as for `NegativeBinomial`.
        project: if False, the decoder's output is used as the list of the parameters in `parameter_names`.
        exposure: as for `NegativeBinomial`; the probability of a loss does not depend on it.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: an unknown dispersion.

    Example:

    >>> import keras_vae as kv
    >>> kv.VAE((6,), 2, likelihood="zero_inflated_negative_binomial").likelihood.parameter_names
    ('log_mean', 'zero_logits')
    """

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return (*super().parameter_names, "zero_logits")

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> ZeroInflated:
        counts = super().distribution(params)
        return ZeroInflated(counts, params["zero_logits"], event_ndims=self.event_ndims, mask=mask)
