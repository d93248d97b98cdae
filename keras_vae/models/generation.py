"""New data, and data for given latents."""

from typing import Any

import numpy as np
from keras import ops

from keras_vae.arguments import non_negative_number, positive_int
from keras_vae.hints import Array, Encode, ModelMixin, Part, Seed, Tensor
from keras_vae.models.domain import check_rows

__all__ = ["Generation"]


class Generation(ModelMixin):
    """The verbs of a VAE that start from latents, and not from data."""

    def decode(
        self,
        z: Any,
        condition: Tensor | None = None,
        mode: str | None = None,
        *,
        seed: int | None = None,
        data_temperature: float = 1.0,
        length: int | None = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
    ) -> Array:
        """Data for latents, as `encode` gives them: `(n, *data_shape)`.

        Args:
            z: `(n, latent_dim)`, or a tuple with one array for each level.
            condition: `(n, *condition_shape)` for a conditional model.
            mode: what of p(x|z) to return: its `"mean"`, its `"mode"` or a `"sample"`; by default the mean, and the
                mode for tokens, which have no mean.
            seed: int that makes the call repeatable, for one backend and batch size.
            data_temperature: spread of a sample of p(x|z), with `mode="sample"`; towards 0 it is greedy, 1 is the
                model's own.
            length: number of steps, for data whose shape leaves that open.
            batch_size: rows at a time, 32 by default.
            verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

        Raises:
            ValueError: arguments or data that do not fit the model; the message says what came, and what to do.

        Example:

        >>> import numpy as np
        >>> import keras_vae as kv
        >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
        >>> vae.decode(np.zeros((3, 2))).shape
        (3, 4)
        """
        mode, length = self._mode(mode, data_temperature), self._length(length)
        shapes = self.prior.level_shapes()
        z = tuple(z) if isinstance(z, tuple) or len(shapes) > 1 else (z,)
        z = tuple(np.asarray(ops.convert_to_numpy(level), dtype="float32") for level in z)
        if len(z) != len(shapes):
            raise ValueError(
                f"Argument `z` must hold one array for each level of latents, {len(shapes)} here. "
                f"Received: {len(z)} arrays."
            )
        for level, shape in zip(z, shapes, strict=True):
            check_rows(level, shape, None, "z")
        condition = self._check_condition(condition, len(z[0]))

        def decode(vae: Part, inputs: Any, seed: Seed, temperature: Tensor, **_: Any) -> Tensor:
            return _decode(vae, inputs["z"], inputs, mode, seed, temperature[1], length)

        inputs = {"z": z, **self._rows(condition, len(z[0]))}
        temperature = (1.0, non_negative_number(data_temperature, "data_temperature"))
        key = ("decode", mode, length)
        return self._run(key, decode, inputs, batch_size, verbose, seed, temperature=temperature)

    def generate(
        self,
        n: int | None = None,
        condition: Tensor | None = None,
        mode: str | None = None,
        *,
        seed: int | None = None,
        temperature: float = 1.0,
        data_temperature: float = 1.0,
        length: int | None = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
    ) -> Array:
        """New data: latents from the prior, decoded: `(n, *data_shape)`.

        Args:
            n: how many; 1 by default, or as many as there are conditions.
            condition: `(n, *condition_shape)`, or one condition for all, for a conditional model.
            mode: what of p(x|z) to return: its `"mean"`, its `"mode"` or a `"sample"`; by default the mean, and the
                mode for tokens, which have no mean. The mean is what most pictures show.
            seed: int that makes the call repeatable, for one backend and batch size.
            temperature: spread of the prior's draws; below 1 more typical, less varied.
            data_temperature: spread of a sample of p(x|z), with `mode="sample"`; towards 0 it is greedy, 1 is the
                model's own.
            length: number of steps, for data whose shape leaves that open.
            batch_size: rows at a time, 32 by default.
            verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

        Raises:
            ValueError: arguments or data that do not fit the model; the message says what came, and what to do.

        Example:

        >>> import numpy as np
        >>> import keras_vae as kv
        >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
        >>> vae.generate(3, temperature=0.8, seed=0).shape
        (3, 4)
        """
        mode, length = self._mode(mode, data_temperature), self._length(length)
        if condition is not None and n is None:
            n = len(np.asarray(condition)) if np.ndim(condition) > len(self.condition_shape or ()) else 1
        n = positive_int(1 if n is None else n, "n")
        temperatures = (
            non_negative_number(temperature, "temperature"),
            non_negative_number(data_temperature, "data_temperature"),
        )
        if condition is not None and self.condition_shape is not None:
            condition = np.asarray(ops.convert_to_numpy(condition))
            if condition.ndim == len(self.condition_shape):
                condition = np.repeat(condition[None], n, axis=0)
        condition = self._check_condition(condition, n)

        def generate(vae: Part, inputs: Any, seed: Seed, temperature: Tensor, encode: Encode) -> Tensor:
            context = vae.context(inputs.get("condition"), ops.shape(inputs["rows"])[0])
            latents = vae.prior.generate(context, encode=encode, seed=seed, temperature=temperature[0])
            return _decode(vae, latents, inputs, mode, seed, temperature[1], length)

        key = ("generate", mode, length)
        return self._run(key, generate, self._rows(condition, n), batch_size, verbose, seed, temperature=temperatures)


def _decode(
    vae: Part, latents: tuple[Tensor, ...], inputs: Any, mode: str, seed: Seed, temperature: Any, length: Any
) -> Tensor:
    context = vae.context(inputs.get("condition"), ops.shape(inputs["rows"])[0])
    z = vae.decoder_input(latents, context)
    return vae.decoder.decode(z, vae.likelihood, seed=seed, mode=mode, temperature=temperature, length=length)
