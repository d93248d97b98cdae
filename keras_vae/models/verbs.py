"""What users do with a trained model."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import non_negative_number, one_of, positive_int
from keras_vae.hints import Array, Data, Encode, Part, Seed, Tensor
from keras_vae.models.evidence import Evidence
from keras_vae.models.generation import Generation
from keras_vae.models.interpolation import Interpolation
from keras_vae.models.streams import unpack

__all__ = ["Verbs"]

ENCODE_MODES = ("distribution", "mean", "sample")
DECODE_MODES = ("mean", "mode", "sample")


class Verbs(Evidence, Generation, Interpolation):
    """The verbs of a VAE. All of them run in batches, compiled, and show Keras' progress bar on long work."""

    def predict(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
    ) -> Array:
        """Reconstructions, data-space means at the posterior's mean: `(n, *data_shape)`; modes for tokens.

        Args:
            x: arrays, `[x, condition]`, a dict of them, or a dataset.
            batch_size: rows at a time, 32 by default.
            verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.
            steps: number of batches to read from a dataset; all of them by default.
            callbacks: as in `keras.Model.predict`.

        Raises:
            ValueError: arguments or data that do not fit the model; the message says what came, and what to do.

        Example:

        >>> import numpy as np
        >>> import keras_vae as kv
        >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
        >>> vae.predict(np.zeros((3, 4))).shape
        (3, 4)
        """
        return self._over_data(
            "predict",
            _reconstruct,
            x,
            batch_size=batch_size,
            verbose=verbose,
            steps=steps,
            callbacks=callbacks,
            noisy=True,
        )

    def predict_on_batch(self, x: Data) -> Array:
        """Reconstructions of one batch, as `predict`.

        Args:
            x: `(n, *data_shape)`, or as for `predict`.
        """
        return self.predict(x, batch_size=max(1, len(unpack(x)[0])), verbose=0)

    def reconstruct(
        self,
        x: Data,
        mode: str | None = None,
        deterministic: bool = True,
        *,
        seed: int | None = None,
        data_temperature: float = 1.0,
        length: int | None = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
    ) -> Array:
        """Encode and decode again: `(n, *data_shape)`.

        Args:
            x: as for `predict`.
            mode: what of p(x|z) to return: its `"mean"`, its `"mode"` or a `"sample"`; by default the mean, and the
                mode for tokens, which have no mean.
            deterministic: take the posterior's mean; with False, draw the latents from it.
            seed: int that makes the call repeatable, for one backend and batch size.
            data_temperature: spread of a sample of p(x|z), with `mode="sample"`; towards 0 it is greedy, 1 is the
                model's own.
            length: number of steps, for data whose shape leaves that open. By default that of x.
            batch_size: rows at a time, 32 by default.
            verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

        Raises:
            ValueError: arguments or data that do not fit the model; the message says what came, and what to do.

        Example:

        >>> import numpy as np
        >>> import keras_vae as kv
        >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
        >>> draws = vae.reconstruct(np.zeros((3, 4)), mode="sample", seed=0)
        >>> draws.shape, bool(np.isin(draws, (0.0, 1.0)).all())
        ((3, 4), True)
        """
        options: dict[str, Any] = {
            "mode": self._mode(mode, data_temperature),
            "length": self._length(length),
            "deterministic": bool(deterministic),
        }
        return self._over_data(
            ("reconstruct", *options.values()),
            functools.partial(_reconstruct, **options),
            x,
            batch_size=batch_size,
            verbose=verbose,
            seed=seed,
            noisy=True,
            temperature=(1.0, non_negative_number(data_temperature, "data_temperature")),
        )

    def encode(
        self,
        x: Data,
        mode: str = "mean",
        *,
        seed: int | None = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
    ) -> Any:
        """Latents of data.

        Args:
            x: as for `predict`.
            mode: the posterior's `"mean"`, a `"sample"` from it, or the `"distribution"` itself, a value
                from `keras_vae.distributions` with one row for each example.
            seed: int that makes the call repeatable, for one backend and batch size.
            batch_size: rows at a time, 32 by default.
            verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

        Returns:
            `(n, latent_dim)`; a tuple with one array for each level where the prior has several.

        Raises:
            ValueError: arguments or data that do not fit the model; the message says what came, and what to do.

        Example:

        >>> import numpy as np
        >>> import keras_vae as kv
        >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
        >>> vae.encode(np.zeros((3, 4))).shape
        (3, 2)
        >>> type(vae.encode(np.zeros((3, 4)), mode="distribution")).__name__
        'Gaussian'
        """
        one_of(mode, ENCODE_MODES, "mode")
        values: list[Any] = []

        def encode(vae: Part, inputs: Any, seed: Seed, encode: Encode, **_: Any) -> Any:
            levels = vae.infer(inputs, seed=seed, deterministic=mode != "sample", encode=encode)[0]
            values[:] = [level.posterior for level in levels]
            if mode == "distribution":
                return tuple(level.posterior.tensors() for level in levels)
            return tuple(level.z for level in levels)

        # Values are rebuilt from a template that tracing leaves behind, so they are traced on every call.
        key = ("encode", mode)
        if mode == "distribution":
            self._runner.verbs.pop(key, None)
        outputs = self._over_data(key, encode, x, batch_size=batch_size, verbose=verbose, seed=seed, noisy=True)
        if mode == "distribution":
            outputs = tuple(
                dataclasses.replace(value, mask=None, **tensors)
                if hasattr(value, "mask")
                else dataclasses.replace(value, **tensors)
                for value, tensors in zip(values, outputs, strict=True)
            )
        return outputs[0] if len(outputs) == 1 else outputs

    def _over_data(
        self,
        key: Any,
        function: Callable,
        x: Data,
        *,
        batch_size: int | None,
        verbose: str | int,
        seed: int | None = None,
        noisy: bool = False,
        **options: Any,
    ) -> Any:
        x = self.inputs_check.check_data(x, noisy=noisy)
        return self._run(key, function, x, batch_size, verbose, seed, **options)

    def _run(
        self,
        key: Any,
        function: Callable,
        inputs: Any,
        batch_size: int | None,
        verbose: str | int,
        seed: int | None,
        **options: Any,
    ) -> Any:
        return self._runner.run(key, function, inputs, batch_size=batch_size, verbose=verbose, seed=seed, **options)

    def _mode(self, mode: str | None, data_temperature: float) -> str:
        mode = self.likelihood.default_mode if mode is None else one_of(mode, DECODE_MODES, "mode")
        if mode == "mean" and self.likelihood.support.categorical:
            raise ValueError(
                "Argument `mode`: categories such as tokens have no mean. Use mode='mode', the default for them, or "
                "mode='sample'. Received: mode='mean'"
            )
        if mode != "sample" and data_temperature != 1.0:
            raise ValueError(
                "Argument `data_temperature` is the spread of a sample: pass mode='sample' too. Received: "
                f"data_temperature={data_temperature!r}, mode={mode!r}"
            )
        return mode

    def _check_condition(self, condition: Tensor, rows: int) -> Array | None:
        condition = None if condition is None else np.asarray(ops.convert_to_numpy(condition))
        self.inputs_check.check_condition(condition, rows)
        return condition

    def _length(self, length: int | None) -> int | None:
        if length is not None and None not in self.data_shape:
            raise ValueError(
                f"Argument `length` is for data of unknown length, and here data_shape={self.data_shape} says it. "
                f"Received: length={length!r}. Leave it out, or build the model with None as the first axis."
            )
        return None if length is None else positive_int(length, "length")

    @staticmethod
    def _rows(condition: Array | None, n: int) -> dict[str, Array]:
        """Inputs that tell a verb how many rows to make, and the condition of each."""
        rows = {"rows": np.zeros((n, 1), dtype="float32")}
        return rows if condition is None else {**rows, "condition": condition}


def _reconstruct(
    vae: Part,
    inputs: Any,
    seed: Seed,
    temperature: Any,
    encode: Encode | None,
    mode: str | None = None,
    deterministic: bool = True,
    length: Any = None,
) -> Tensor:
    levels, context, network_x, _ = vae.infer(inputs, seed=seed, deterministic=deterministic, encode=encode)
    z = vae.decoder_input(tuple(level.z for level in levels), context)
    if length is None and vae.data_shape[0] is None:
        length = ops.shape(network_x)[1]
    mode = vae.likelihood.default_mode if mode is None else mode
    return vae.decoder.decode(z, vae.likelihood, seed=seed, mode=mode, temperature=temperature[1], length=length)
