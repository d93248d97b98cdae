"""What users do with a trained model."""

import dataclasses
import math

import numpy as np
from keras import ops

from keras_vae.arguments import non_negative_number, positive_int
from keras_vae.models.inputs import check_rows, fits
from keras_vae.models.streams import is_stream, peek, unpack

__all__ = ["Verbs"]

ENCODE_MODES = ("distribution", "mean", "sample")
DECODE_MODES = ("mean", "mode", "sample")


def one_of(value, allowed, argument):
    if value not in allowed:
        raise ValueError(f"Argument `{argument}` must be one of {list(allowed)}. Received: {argument}={value!r}")
    return value


class Verbs:
    """The verbs of a VAE. All of them run in batches, compiled, and show Keras' progress bar on long work.

    They share these arguments:

    * `batch_size`: rows at a time, 32 by default;
    * `verbose`: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows;
    * `seed`: int that makes one call repeatable, for one backend and batch size.
    """

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Reconstructions, data-space means at the posterior's mean: `(n, *data_shape)`.

        Args:
            x: arrays, `[x, condition]`, a dict of them, or a dataset.
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

    def predict_on_batch(self, x):
        """Reconstructions of one batch, as `predict`."""
        return self.predict(x, batch_size=max(1, len(unpack(x)[0])), verbose=0)

    def reconstruct(self, x, mode="mean", deterministic=True, *, seed=None, batch_size=None, verbose="auto"):
        """Encode and decode again: `(n, *data_shape)`.

        Args:
            x: as for `predict`.
            mode: what of p(x|z) to return: its `"mean"`, its `"mode"` or a `"sample"`.
            deterministic: take the posterior's mean; with False, draw the latents from it.
        """
        one_of(mode, DECODE_MODES, "mode")

        def reconstruct(vae, inputs, **noise):
            return _reconstruct(vae, inputs, mode=mode, deterministic=deterministic, **noise)

        key = ("reconstruct", mode, bool(deterministic))
        return self._over_data(key, reconstruct, x, batch_size=batch_size, verbose=verbose, seed=seed, noisy=True)

    def encode(self, x, mode="mean", *, seed=None, batch_size=None, verbose="auto"):
        """Latents of data.

        Args:
            x: as for `predict`.
            mode: the posterior's `"mean"`, a `"sample"` from it, or the `"distribution"` itself, a value
                from `keras_vae.distributions` with one row for each example.

        Returns:
            `(n, latent_dim)`; a tuple with one array for each level where the prior has several.
        """
        one_of(mode, ENCODE_MODES, "mode")
        values = []

        def encode(vae, inputs, seed, temperature, encode):
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

    def decode(self, z, condition=None, mode="mean", *, seed=None, batch_size=None, verbose="auto"):
        """Data for latents, as `encode` gives them: `(n, *data_shape)`.

        Args:
            z: `(n, latent_dim)`, or a tuple with one array for each level.
            condition: `(n, *condition_shape)` for a conditional model.
            mode: `"mean"`, `"mode"` or `"sample"` of p(x|z).
        """
        one_of(mode, DECODE_MODES, "mode")
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

        def decode(vae, inputs, seed, **_):
            return _decode(vae, inputs["z"], inputs, mode, seed)

        inputs = {"z": z, **self._rows(condition, len(z[0]))}
        return self._run(("decode", mode), decode, inputs, batch_size, verbose, seed)

    def generate(
        self, n=None, condition=None, mode="mean", *, seed=None, temperature=1.0, batch_size=None, verbose="auto"
    ):
        """New data: latents from the prior, decoded: `(n, *data_shape)`.

        Args:
            n: how many; 1 by default, or as many as there are conditions.
            condition: `(n, *condition_shape)`, or one condition for all, for a conditional model.
            mode: `"mean"`, `"mode"` or `"sample"` of p(x|z). The mean is what most pictures show.
            temperature: spread of the prior's draws; below 1 more typical, less varied.
        """
        one_of(mode, DECODE_MODES, "mode")
        if condition is not None and n is None:
            n = len(np.asarray(condition)) if np.ndim(condition) > len(self.condition_shape or ()) else 1
        n = positive_int(1 if n is None else n, "n")
        temperature = non_negative_number(temperature, "temperature")
        if condition is not None and self.condition_shape is not None:
            condition = np.asarray(ops.convert_to_numpy(condition))
            if condition.ndim == len(self.condition_shape):
                condition = np.repeat(condition[None], n, axis=0)
        condition = self._check_condition(condition, n)

        def generate(vae, inputs, seed, temperature, encode):
            context = vae.context(inputs.get("condition"), ops.shape(inputs["rows"])[0])
            latents = vae.prior.generate(context, encode=encode, seed=seed, temperature=temperature)
            return _decode(vae, latents, inputs, mode, seed)

        return self._run(
            ("generate", mode), generate, self._rows(condition, n), batch_size, verbose, seed, temperature=temperature
        )

    def interpolate(self, a, b, steps=8, condition=None, path="linear", *, batch_size=None, verbose="auto"):
        """Decoded points on a path between the latents of `a` and of `b`: `(n, steps, *data_shape)`.

        Args:
            a: `(n, *data_shape)`, or one example, which gives `(steps, *data_shape)`.
            b: like `a`.
            steps: number of points, both ends included.
            condition: `(n, *condition_shape)` for a conditional model.
            path: `"linear"`, or `"spherical"`, which keeps the norms that a Gaussian prior expects.
        """
        positive_int(steps, "steps")
        one_of(path, ("linear", "spherical"), "path")
        if any(isinstance(end, dict) or (isinstance(end, (list, tuple)) and len(end) == 2) for end in (a, b)):
            raise ValueError(
                "Arguments `a` and `b` must be data alone. Received: lists or dicts. Pass the condition of both as "
                "condition=..., (n, *condition_shape)."
            )
        a, b = np.asarray(ops.convert_to_numpy(a)), np.asarray(ops.convert_to_numpy(b))
        if a.shape != b.shape:
            raise ValueError(f"Arguments `a` and `b` must have one shape. Received: {a.shape} and {b.shape}")
        single = fits(a.shape, self.data_shape)
        a, b = (a[None], b[None]) if single else (a, b)
        condition = None if condition is None else np.asarray(ops.convert_to_numpy(condition))
        if single and condition is not None:
            condition = condition[None]
        for name, end in (("a", a), ("b", b)):
            self.inputs_check.check(end if condition is None else [end, condition], name)
        ends = []
        for end in (a, b):
            z = self.encode(end if condition is None else [end, condition], batch_size=batch_size, verbose=verbose)
            ends.append(z if isinstance(z, tuple) else (z,))
        z = tuple(np.concatenate(list(_path(start, stop, steps, path))) for start, stop in zip(*ends, strict=True))
        condition = None if condition is None else np.repeat(condition, steps, axis=0)
        decoded = self.decode(z, condition, batch_size=batch_size, verbose=verbose)
        decoded = decoded.reshape(len(a), steps, *decoded.shape[1:])
        return decoded[0] if single else decoded

    def elbo(self, x, num_samples=1, *, seed=None, batch_size=None, verbose="auto"):
        """Evidence lower bound of every example, in nats, with beta = 1: `(n,)`.

        Args:
            x: as for `predict`; all of it is data, as in `keras.Model.predict`.
            num_samples: number of latents to average over.
        """
        positive_int(num_samples, "num_samples")

        def elbo(vae, inputs, seed, temperature, encode):
            outputs = vae.network_terms(inputs, seed=seed, num_samples=num_samples, encode=encode)
            terms = vae.complete_terms(outputs, inputs, num_samples=num_samples)
            return ops.mean(terms["log_likelihood"], axis=1) - ops.sum(terms["kl"], axis=1)

        return self._over_data(("elbo", num_samples), elbo, x, batch_size=batch_size, verbose=verbose, seed=seed)

    def log_likelihood(self, x, num_samples=5000, *, seed=None, batch_size=4096, verbose="auto"):
        """log p(x) of every example by importance sampling, in nats: `(n,)`.

        log mean_k p(x|z_k) p(z_k) / q(z_k|x), z_k ~ q (Burda, Grosse and Salakhutdinov, 2016, section 5): a
        lower bound in expectation, above the ELBO and tighter with every sample.

        Args:
            x: as for `predict`; a dataset is read into memory once.
            num_samples: number of latents for each example.
            batch_size: number of examples times latents in memory at once.
        """
        num_samples, batch_size = positive_int(num_samples, "num_samples"), positive_int(batch_size, "batch_size")
        x = self.inputs_check.check_data(x)
        if is_stream(x):
            if hasattr(x, "__next__"):
                x = list(x)  # what a generator gives is gone after one look
            inputs = zip(("x", "condition", "mask"), peek(x, math.inf)[0], strict=True)
            x = {name: array for name, array in inputs if array is not None}
        total = None
        passes = -(-num_samples // batch_size)
        for index in range(passes):
            count = num_samples // passes + (index < num_samples % passes)
            part = self._log_mean_weights(x, count, max(1, batch_size // count), verbose, seed, index)
            part = part.astype("float64") + np.log(count)
            total = part if total is None else np.logaddexp(total, part)
        return (total - np.log(num_samples)).astype("float32")

    def _log_mean_weights(self, x, count, batch_size, verbose, seed, index):
        """One pass over the data with `count` latents for each example."""

        def log_mean_weights(vae, inputs, seed, temperature, encode):
            outputs = vae.network_terms(inputs, seed=seed, requires=("log_ratio",), num_samples=count, encode=encode)
            terms = vae.complete_terms(outputs, inputs, num_samples=count)
            log_weights = terms["log_likelihood"] + ops.sum(terms["log_ratio"], axis=2)
            return ops.logsumexp(log_weights, axis=1) - math.log(count)

        seed = None if seed is None else (seed + index) % 2**31
        return self._run(("log_likelihood", count), log_mean_weights, x, batch_size, verbose, seed)

    def _over_data(self, key, function, x, *, batch_size, verbose, seed=None, noisy=False, **options):
        x = self.inputs_check.check_data(x, noisy=noisy)
        return self._run(key, function, x, batch_size, verbose, seed, **options)

    def _run(self, key, function, inputs, batch_size, verbose, seed, **options):
        return self._runner.run(key, function, inputs, batch_size=batch_size, verbose=verbose, seed=seed, **options)

    def _check_condition(self, condition, rows):
        condition = None if condition is None else np.asarray(ops.convert_to_numpy(condition))
        self.inputs_check.check_condition(condition, rows)
        return condition

    @staticmethod
    def _rows(condition, n):
        """Inputs that tell a verb how many rows to make, and the condition of each."""
        rows = {"rows": np.zeros((n, 1), dtype="float32")}
        return rows if condition is None else {**rows, "condition": condition}


def _reconstruct(vae, inputs, seed, encode, mode="mean", deterministic=True, **_):
    levels, context, _, _ = vae.infer(inputs, seed=seed, deterministic=deterministic, encode=encode)
    z = vae.decoder_input(tuple(level.z for level in levels), context)
    return vae.decoder.decode(z, vae.likelihood, seed=seed, mode=mode)


def _decode(vae, latents, inputs, mode, seed):
    context = vae.context(inputs.get("condition"), ops.shape(inputs["rows"])[0])
    return vae.decoder.decode(vae.decoder_input(latents, context), vae.likelihood, seed=seed, mode=mode)


def _path(start, stop, steps, path):
    """For every row, `(steps, *latent)` points between two latents."""
    weights = np.linspace(0.0, 1.0, steps, dtype="float32").reshape(-1, *([1] * (start.ndim - 1)))
    for a, b in zip(start, stop, strict=True):
        norms = np.linalg.norm(a) * np.linalg.norm(b)
        angle = np.arccos(np.clip(np.sum(a * b) / norms, -1.0, 1.0)) if path == "spherical" and norms else 0.0
        if angle < 1e-4 or angle > np.pi - 1e-4:
            yield (1.0 - weights) * a + weights * b
        else:
            yield (np.sin((1.0 - weights) * angle) * a + np.sin(weights * angle) * b) / np.sin(angle)
