"""Any TensorFlow Probability distribution as the prior."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.from_tfp import check_event, from_tfp, require_tensorflow
from keras_vae.hints import Config, Encode, Shape, Tensor
from keras_vae.priors.prior import Prior
from keras_vae.registry import priors
from keras_vae.serialization import serialize_function

__all__ = ["TFP"]


@priors.register("tfp", package="keras_vae")
class TFP(Prior):
    """p(z) from a function that returns a `tfp.distributions` object, under the TensorFlow backend.

    The function is called in every step, so that its operations are part of the graph. The
    learned parameters are `params`, a Keras weight: `tf.Variable`s inside the function would not be
    tracked, and would not be trained.

    Args:
        function: `function(params)`, or `function()` if `params_size` is 0, that returns a distribution
            whose event shape is that of one example's latents. To save the model, put
            `@keras.saving.register_keras_serializable("my_package")` above it.
        params_size: number of learned parameters, which start at zero.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Raises:
        ValueError: another backend, or a distribution with the wrong event shape.

    Example:

    >>> import keras
    >>> import keras_vae as kv
    >>> if keras.backend.backend() == "tensorflow":  # TensorFlow Probability runs there alone
    ...     import tensorflow_probability as tfp
    ...
    ...     tfd = tfp.distributions
    ...     prior = kv.priors.TFP(lambda: tfd.Sample(tfd.StudentT(5.0, 0.0, 1.0), 16))
    ...     vae = kv.VAE(data_shape=(6,), latent_dim=16, prior=prior)
    """

    latent_space = None

    def __init__(self, function: Callable | Config, params_size: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_tensorflow("The prior 'tfp'")
        self.function = keras.saving.deserialize_keras_object(function) if isinstance(function, dict) else function
        if not callable(self.function):
            raise ValueError(
                "Argument `function` must be a function that returns a tfp.distributions object. "
                f"Received: function={function!r}"
            )
        if isinstance(params_size, bool) or not isinstance(params_size, int) or params_size < 0:
            raise ValueError(f"Argument `params_size` must be an int >= 0. Received: params_size={params_size!r}")
        self.params_size = params_size

    def build(self, context_shape: Shape, latent_shape: Shape, data_spec: dict[str, Any] | None = None) -> None:
        super().build(context_shape, latent_shape, data_spec)
        self.params = self.add_weight(
            name="params",
            shape=(self.params_size,),
            initializer="zeros",
            trainable=self.params_size > 0,
            autocast=False,
        )
        check_event(self._make(), self.latent_shape, f"latents of shape {self.latent_shape}", "The prior 'tfp'")

    def _make(self) -> Any:
        return self.function(ops.convert_to_tensor(self.params)) if self.params_size else self.function()

    def distribution(self, context: Tensor, *, encode: Encode | None = None) -> Distribution:
        return from_tfp(self._make(), batch_size=ops.shape(context)[0])

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "function": serialize_function(self.function, "function"),
            "params_size": self.params_size,
        }
