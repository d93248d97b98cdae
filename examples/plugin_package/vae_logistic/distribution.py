"""The logistic distribution."""

import dataclasses
import math

import keras
from keras import ops

from keras_vae.distributions import Independent

__all__ = ["Logistic"]


@keras.saving.register_keras_serializable("vae_logistic.distributions")
@dataclasses.dataclass(frozen=True, eq=False)
class Logistic(Independent):
    """Independent logistic variables.

    Args:
        loc: mean, `(..., *event)`.
        log_scale: log of the scale; the standard deviation is `pi / sqrt(3)` times the scale.
        event_ndims: number of trailing axes that make up one event.
        mask: valid elements, see `keras_vae.distributions.Independent`.
    """

    loc: object
    log_scale: object

    def __post_init__(self):
        # float32, whatever the layers compute in; and a range that exp keeps finite.
        self._set(
            loc=ops.cast(ops.convert_to_tensor(self.loc), "float32"),
            log_scale=ops.clip(ops.cast(ops.convert_to_tensor(self.log_scale), "float32"), -10.0, 10.0),
        )

    def elementwise_log_prob(self, value):
        standard = (value - self.loc) * ops.exp(-self.log_scale)
        return -standard - 2.0 * ops.softplus(-standard) - self.log_scale

    def sample(self, seed=None, num_samples=None):
        loc = self.loc + ops.zeros_like(self.log_scale)
        samples = () if num_samples is None else (num_samples,)
        uniform = keras.random.uniform((*samples, *ops.shape(loc)), 1e-6, 1.0 - 1e-6, dtype="float32", seed=seed)
        return loc + ops.exp(self.log_scale) * (ops.log(uniform) - ops.log1p(-uniform))

    def tempered(self, temperature):
        """The scale times the temperature; from one on that its range allows.

        Args:
            temperature: a number or a scalar tensor.
        """
        temperature = ops.maximum(ops.cast(temperature, "float32"), 1e-6)
        return dataclasses.replace(self, log_scale=self.log_scale + ops.log(temperature))

    def mean(self):
        return self.loc + ops.zeros_like(self.log_scale)

    def mode(self):
        return self.mean()

    def variance(self):
        return ops.zeros_like(self.loc) + ops.exp(2.0 * self.log_scale) * (math.pi**2 / 3.0)
