"""The reparametrisation trick as a layer."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import optional_seed
from keras_vae.backend import SeedGenerator
from keras_vae.distributions.gaussian import Gaussian
from keras_vae.hints import Config, Shape, Tensor

__all__ = ["Sampling", "require_one_shape", "split_mean_and_log_var"]


def split_mean_and_log_var(inputs: Sequence[Any], layer: keras.layers.Layer) -> Sequence[Any]:
    """The two tensors of `[z_mean, z_log_var]`, or an error that says what was received."""
    if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
        received = f"{len(inputs)} tensors" if isinstance(inputs, (list, tuple)) else f"{inputs!r}"
        raise ValueError(
            f"{type(layer).__name__} expects a list of two tensors, [z_mean, z_log_var]. Received: {received}."
        )
    return inputs


def require_one_shape(input_shape: Sequence[Shape], layer: keras.layers.Layer) -> Shape:
    """The one shape of `[z_mean, z_log_var]`, or an error that names both."""
    if not all(isinstance(shape, (list, tuple)) for shape in input_shape):
        raise ValueError(
            f"{type(layer).__name__} expects a list of two tensors, [z_mean, z_log_var]. Received: one tensor of shape "
            f"{tuple(input_shape)}."
        )
    mean_shape, log_var_shape = (tuple(shape) for shape in split_mean_and_log_var(input_shape, layer))
    if mean_shape != log_var_shape:
        raise ValueError(
            f"{type(layer).__name__}: z_mean and z_log_var must have the same shape. Received: z_mean of shape "
            f"{mean_shape}, z_log_var of shape {log_var_shape}."
        )
    return mean_shape


@keras.saving.register_keras_serializable("keras_vae.layers")
class Sampling(keras.layers.Layer):
    """Draws z ~ N(z_mean, exp(z_log_var)) with the reparametrisation trick.

    `z = z_mean + exp(z_log_var / 2) * noise` (Kingma and Welling, 2014, section 2.4). It samples in
    training and in inference.

    The noise and the arithmetic are float32 under every policy; only the result is cast to the compute
    dtype. `z_log_var` is clipped to `keras_vae.distributions.LOG_VAR_RANGE`, [-20, 15], as it is in the
    KL and the density of `gaussian`, so any finite value gives a finite draw, in float16 too.

    Args:
        seed: int, or None for one drawn at random. Two layers with one seed draw the same noise.
        deterministic: return `z_mean` instead of a draw.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Call arguments:
        inputs: list of two tensors of one shape `(batch, ...)`, any rank: `[z_mean, z_log_var]`, the
            second a log variance.

    Returns:
        Tensor of that shape, in the layer's compute dtype.

    Raises:
        ValueError: the input is not a list of two tensors of one shape, or a bad seed.

    Example:

    >>> import numpy as np
    >>> from keras_vae import Sampling
    >>> z_mean, z_log_var = np.zeros((2, 3), "float32"), np.full((2, 3), -20.0, "float32")
    >>> z = Sampling(seed=0)([z_mean, z_log_var])
    >>> bool(np.abs(z).max() < 1e-3)
    True
    """

    def __init__(self, seed: int | None = None, deterministic: bool = False, **kwargs: Any) -> None:
        # autocast=False: a float32 log variance must not be rounded to half precision.
        super().__init__(autocast=False, **kwargs)
        self.seed = optional_seed(seed)
        self.deterministic = deterministic
        self.supports_masking = True
        self.seed_generator = SeedGenerator(seed)

    def build(self, input_shape: Sequence[Shape]) -> None:
        require_one_shape(input_shape, self)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        z_mean, z_log_var = split_mean_and_log_var(inputs, self)
        if self.deterministic:
            return ops.cast(z_mean, self.compute_dtype)
        return ops.cast(Gaussian(z_mean, z_log_var).sample(self.seed_generator), self.compute_dtype)

    def compute_mask(self, inputs: Sequence[Tensor], mask: Any = None) -> Any:
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        return tuple(input_shape[0])

    def get_config(self) -> Config:
        return {**super().get_config(), "seed": self.seed, "deterministic": self.deterministic}
