"""A normalising flow."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import positive_int, positive_ints
from keras_vae.hints import Array, Config, Ints, Shape, Tensor
from keras_vae.layers.affine_coupling import AffineCoupling
from keras_vae.registry import samplers
from keras_vae.samplers.training import TrainedSampler

__all__ = ["Flow"]

CHUNK = 4096
"""Rows that the flow transforms at a time."""


def itself(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The model's output, which is the loss already."""
    del y_true
    return y_pred


@samplers.register("flow", package="keras_vae")
class Flow(TrainedSampler):
    """q(z) ≈ N(f(z); 0, I) |det df/dz|, f a RealNVP flow (Dinh et al., 2017), trained by maximum likelihood.

    It is smooth, has a density, and fits shapes that need many Gaussians; it needs some thousand rows and a minute.
    The same couplings as those of the prior `"flow"`, but fitted to the finished latents, which changes neither the
    posteriors nor the decoder. A tenth of the rows is held out, and the weights that are best there are kept.
    Latents are `(n, *latent)`, of two dimensions or more.

    `temperature` scales the noise: at 0 all draws are the image of its mean.

    Args:
        steps: number of couplings; even and odd ones transform different halves.
        hidden_units: width of the hidden layers of every coupling.
        epochs: most passes over the latents.
        batch_size: rows at a time.
        learning_rate: of Adam.
        patience: epochs without a better density of the held-out rows, after which the training ends.

    Raises:
        ValueError: bad arguments; latents of a single dimension.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> z = np.random.default_rng(0).normal(size=(300, 2))
    >>> sampler = kv.samplers.Flow(steps=2, hidden_units=(8,), epochs=2).fit(z)
    >>> sampler.log_prob(z).shape
    (300,)
    """

    _loss = staticmethod(itself)

    def __init__(
        self,
        steps: int = 6,
        hidden_units: Ints = (64, 64),
        epochs: int = 100,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        patience: int = 10,
    ) -> None:
        super().__init__(epochs, batch_size, learning_rate, patience)
        self.steps = positive_int(steps, "steps")
        self.hidden_units = positive_ints(hidden_units, "hidden_units")

    def build(self, level_shapes: Any, level_spaces: Any = None) -> None:
        super().build(level_shapes, level_spaces)
        if self.width < 2:
            raise ValueError(
                "The sampler 'flow' needs latents of two dimensions or more: a coupling changes one half by the other. "
                f"Received: latents of shape {self.level_shapes}. Use 'mixture'."
            )
        self.model = Couplings(self.steps, self.hidden_units, self.width)

    def draw_rows(self, n: int, generator: np.random.Generator, temperature: float) -> Array:
        noise = (temperature * generator.standard_normal((n, self.width))).astype("float32")
        parts = [noise[start : start + CHUNK] for start in range(0, n, CHUNK)]
        return np.concatenate([ops.convert_to_numpy(self.model.inverse(part)) for part in parts])

    def log_prob_of_rows(self, rows: Array) -> Array:
        return -self.model.predict(rows.astype("float32"), batch_size=min(CHUNK, len(rows)), verbose=0)

    def get_config(self) -> Config:
        return {
            "steps": self.steps,
            "hidden_units": self.hidden_units,
            **super().get_config(),
        }


class Couplings(keras.Model):
    """Couplings from latents to noise; called on latents `(batch, width)`, their negative log density `(batch,)`."""

    def __init__(self, steps: int, hidden_units: Ints, width: int) -> None:
        super().__init__(dtype="float32")
        self.steps = [
            AffineCoupling(hidden_units, flip=bool(index % 2), dtype="float32", name=f"step_{index}")
            for index in range(steps)
        ]
        for step in self.steps:
            step.build((None, width))
        self.built = True

    def call(self, z: Tensor) -> Tensor:
        log_det = ops.zeros_like(z[:, 0])
        for step in self.steps:
            z, own = step(z)
            log_det = log_det + own
        log_normaliser = 0.5 * z.shape[-1] * math.log(2.0 * math.pi)
        return 0.5 * ops.sum(ops.square(z), axis=-1) + log_normaliser - log_det

    def inverse(self, noise: Tensor) -> Tensor:
        """Latents of noise, both `(batch, width)`."""
        z = ops.convert_to_tensor(noise)
        for step in reversed(self.steps):
            z, _ = step.inverse(z)
        return z

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0],)
