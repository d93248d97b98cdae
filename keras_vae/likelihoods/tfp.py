"""Any TensorFlow Probability distribution as the likelihood."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.distributions.distribution import Distribution
from keras_vae.distributions.from_tfp import check_event, from_tfp, require_tensorflow
from keras_vae.hints import Config, Shape, Tensor
from keras_vae.layers.projection import Projection
from keras_vae.likelihoods.likelihood import Likelihood
from keras_vae.registry import likelihoods
from keras_vae.serialization import serialize_function

__all__ = ["TFP"]


@likelihoods.register("tfp", package="keras_vae")
class TFP(Likelihood):
    """p(x | z) from a function of parameters that returns a `tfp.distributions` object, on TensorFlow.

    The parameters are float32 under every policy, as TFP's densities require.

    Args:
        function: `function(params)`, from params `(batch, params_size)` to a distribution with batch shape
            `(batch,)` and the event shape of one example. To save the model, put
            `@keras.saving.register_keras_serializable("my_package")` above it.
        params_size: number of parameters of one example.
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
    ...     likelihood = kv.likelihoods.TFP(lambda p: tfd.Independent(tfd.Poisson(log_rate=p), 1), params_size=6)
    ...     vae = kv.VAE(data_shape=(6,), likelihood=likelihood)
    """

    def __init__(self, function: Callable | Config, params_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_tensorflow("The likelihood 'tfp'")
        self.function = keras.saving.deserialize_keras_object(function) if isinstance(function, dict) else function
        if not callable(self.function):
            raise ValueError(
                "Argument `function` must be a function from parameters to a tfp.distributions object. "
                f"Received: function={function!r}"
            )
        self.params_size = positive_int(params_size, "params_size")

    def build(self, features_shape: Shape, data_shape: Shape | None = None) -> None:
        super().build(features_shape, data_shape)
        if self.project:
            self.head = Projection((self.params_size,), dtype=self.dtype_policy, name="params")
            self.head.build(tuple(features_shape))
        made = self.function(ops.zeros((1, self.params_size), dtype="float32"))
        check_event(made, self.data_shape, f"data of shape {self.data_shape}", "The likelihood 'tfp'")

    def _check_parameters(self, features_shape: Shape) -> None:
        if tuple(features_shape)[1:] != (self.params_size,):
            raise ValueError(
                f"With project=False the decoder must return parameters of shape {(self.params_size,)}. "
                f"Received: {tuple(features_shape)[1:]}"
            )

    def call(self, features: Tensor) -> dict[str, Tensor]:
        return {"params": self.head(features) if self.project else ops.cast(features, "float32")}

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        if mask is not None:
            raise ValueError(
                "The likelihood 'tfp' does not support masks. Use a likelihood of keras_vae for padded sequences."
            )
        return from_tfp(self.function(params["params"]))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "function": serialize_function(self.function, "function"),
            "params_size": self.params_size,
        }
