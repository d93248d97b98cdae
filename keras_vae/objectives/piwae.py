"""One importance-weighted bound for the decoder, another one for the encoder."""

from typing import Any

from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.hints import Config, Tensor
from keras_vae.objectives.iwae import log_mean_exp
from keras_vae.objectives.miwae import in_groups, number_of_groups
from keras_vae.objectives.objective import Objective
from keras_vae.objectives.path_gradients import check_two_passes, weighted_gradients, with_value
from keras_vae.objectives.terms import Terms
from keras_vae.registry import objectives

__all__ = ["PIWAE"]


@objectives.register("piwae", package="keras_vae")
class PIWAE(Objective):
    """The IWAE bound for decoder and prior, the MIWAE bound for the encoder (Rainforth et al., 2018, section 5.3).

    Both use the same draws: the decoder gets the tight bound of all of them, the encoder the clearer gradient of
    several groups. The value, in nats per example, `(batch,)`, is that of the IWAE bound. There is a second pass
    through the decoder, so that either gradient reaches its own part alone; a prior made of the encoder, such as a
    VampPrior, counts as prior.

    Args:
        num_samples: number of latents drawn for each example.
        groups: number of bounds that the encoder's objective averages; it divides `num_samples`.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: invalid arguments, levels of latents that depend on each other, or a decoder with noise or
            statistics of the batch.

    Example:

    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, objective=kv.objectives.PIWAE(8, groups=4))
    """

    needs_densities = True

    def __init__(self, num_samples: int = 8, groups: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_samples = positive_int(num_samples, "num_samples")
        self.groups = number_of_groups(groups, self.num_samples)

    def build(self, spec: dict[str, Any]) -> None:
        if not spec["components"].latents.independent_levels:
            raise ValueError(
                "The objective 'piwae' needs latents that do not depend on each other: it tells the gradient of the "
                f"prior from that of the draws. Received: latents of the shapes {list(spec['latent_shapes'])}. Use "
                "'miwae' or 'iwae'."
            )
        check_two_passes(spec, "PIWAE")

    def loss(self, terms: Terms) -> Tensor:
        log_weights = ops.stop_gradient(terms.log_weights)
        of_decoder = ops.softmax(log_weights, axis=1)
        of_encoder = ops.softmax(in_groups(log_weights, self.groups), axis=2) / self.groups
        of_encoder = ops.reshape(of_encoder, (-1, self.num_samples))
        gradient = weighted_gradients(terms, of_decoder, of_encoder, fixed=False)
        return -with_value(log_mean_exp(terms.log_weights), gradient)

    def get_config(self) -> Config:
        return {**super().get_config(), "num_samples": self.num_samples, "groups": self.groups}
