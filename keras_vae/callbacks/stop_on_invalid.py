"""The end of a training whose loss is NaN or infinite."""

import itertools
import math
import warnings
from typing import Any

import keras
import numpy as np

from keras_vae.backend import sync_state
from keras_vae.callbacks.variable_schedule import steps_of
from keras_vae.data.streams import batches, is_stream
from keras_vae.hints import Data, Part

__all__ = ["StopOnInvalid", "stop_on_invalid_in"]

RATES = ("bits_per_dim", "perplexity", "reconstruction_perplexity", "beta")


class StopOnInvalid(keras.callbacks.Callback):
    """Ends `fit` when the loss becomes NaN or infinite, and says in which term, epoch and batch.

    In a `fit` with this callback the training step makes no update from the first loss on that is not finite, so the
    model keeps the weights, and the state of the optimizer, of the step before. `keras.callbacks.TerminateOnNaN` ends
    the training too, with weights that are NaN. The condition in every step takes time, most on JAX: `fit` without the
    callback does not pay for it.

    Gradients that overflow in `mixed_float16` do not count: Keras leaves such an update out and lowers the loss scale.
    If the scale falls below 1 and an epoch makes no update, a warning says so. So does one for a validation loss that
    is not finite, which does not end the training.

    In float32, a gradient that is NaN spoils the weights although the loss is finite. Training then ends at the next
    batch, or at the end of the epoch, and the error says so.

    After the first batch, the batches of a dataset are not checked before they are used. If it can be read again, they
    are checked then, and the error names the first element that is wrong.

    Args:
        raise_error: True to raise a `FloatingPointError`, False to warn and return from `fit`.

    Raises:
        FloatingPointError: in training, as above.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> vae.compile("adam")
    >>> batches = [np.zeros((8, 4)), np.zeros((8, 4)), np.full((8, 4), np.nan)]
    >>> vae.fit(((batch,) for batch in batches), verbose=0, callbacks=[kv.callbacks.StopOnInvalid()])
    Traceback (most recent call last):
    FloatingPointError: Training was stopped in epoch 1, batch 3: reconstruction_loss is nan...
    """

    # Only logs are read, which Keras has copied from the device anyway: steps need not wait for each other.
    async_safe = True

    def __init__(self, raise_error: bool = True) -> None:
        super().__init__()
        self.raise_error = bool(raise_error)
        self.checks: Part = None
        self.data: Data = None
        self.epoch = 0
        self.first_step = 0
        self.found: dict[int, dict[str, float]] = {}
        self.warned: set[str] = set()

    def watch(self, checks: Part, data: Data) -> None:
        """Set what is searched for the cause. `VAE.fit` calls it.

        Args:
            checks: the model's `Checks`.
            data: the training data, arrays `(n, *data_shape)` or a dataset.
        """
        self.checks, self.data = checks, data

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.found, self.warned = {}, set()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch, self.first_step, self.batches = epoch, steps_of(self.model.optimizer), 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.batches = max(self.batches, batch + 1)
        if logs and not math.isfinite(logs.get("loss", 0.0)):
            self.found[batch] = dict(logs)
            # Keras may run this in a thread. So the error is raised later, and the property `model` is not read, which
            # on JAX would write back the weights while the next step uses them.
            self._model.stop_training = True

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self.found and self.raise_error:
            self._stop()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.found:
            self._stop()
            return
        spoiled = invalid_weight(self.model)
        if spoiled:
            self.model.stop_training = True
            self._end(
                f"Training was stopped at the end of epoch {epoch + 1}: the weights {spoiled} are not finite, although "
                f"the losses are. A gradient was NaN or infinite. Load a file from before. {self._advice()}"
            )
            return
        self._warn_of_skipped_updates()
        invalid = invalid_terms({name: value for name, value in (logs or {}).items() if name.startswith("val_")})
        if invalid:
            self._warn(
                "validation",
                f"In epoch {epoch + 1} {invalid}. The training loss is finite, and training goes on. Check the "
                "validation data: are they finite, and scaled as the training data are?",
            )

    def _stop(self) -> None:
        batch = min(self.found)
        terms = invalid_terms(self.found[batch])
        if self.model.steps_per_execution > 1 and not loss_scale_optimizer(self.model):
            # With several steps per execution the logs are those of the last one; the optimizer counts the valid ones.
            batch = steps_of(self.model.optimizer) - self.first_step
        spoiled = invalid_weight(self.model)
        state = (
            f"The weights {spoiled} are not finite either: load a file from before."
            if spoiled
            else "The model keeps the weights from before that batch."
        )
        self.found = {}
        where = f"epoch {self.epoch + 1}, batch {batch + 1}"
        self._end(f"Training was stopped in {where}: {terms}. {state} {self._cause(batch)}")

    def _end(self, message: str) -> None:
        if self.raise_error:
            raise FloatingPointError(message)
        warnings.warn(message, stacklevel=2)

    def _advice(self) -> str:
        half = getattr(self.model, "compute_dtype", "float32") == "float16"
        return (
            "The networks compute in float16, whose largest number is 65504: standardise the data, or use the policy "
            "'mixed_bfloat16'."
            if half
            else "Lower the learning rate, or clip the gradients, such as with keras.optimizers.Adam(clipnorm=1.0)."
        )

    def _cause(self, batch: int) -> str:
        """What is known about the cause, and what to do."""
        advice = self._advice()
        if self.data is None or self.checks is None:
            return advice
        if not is_stream(self.data):
            return f"The data passed the checks. {advice}"
        stream = batches(self.data)
        if stream is None:
            return (
                "The batches of a generator cannot be read again, so the cause is not known: check that they are "
                f"finite and in range, such as with np.isfinite(x).all(). If they are: {advice[0].lower()}{advice[1:]}"
            )
        steps = (self.params or {}).get("steps") or 0
        for index, given in enumerate(itertools.islice(stream, max(batch + 1, steps))):
            try:
                self.checks.check_stream([given], training=True)
            except ValueError as error:
                return f"Batch {index + 1} of the data, in the order in which they are read now, is wrong. {error}"
        return f"The data passed the checks. {advice}"

    def _warn_of_skipped_updates(self) -> None:
        optimizer = loss_scale_optimizer(self.model)
        if not optimizer or not self.batches or steps_of(optimizer) > self.first_step:
            return
        scale = float(keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(optimizer.dynamic_scale)))
        if scale < 1.0:
            self._warn(
                "updates",
                f"Epoch {self.epoch + 1} made no update: in float16 the gradients of all {self.batches} batches "
                f"overflowed, with a loss scale as low as {scale:g}. Standardise the data, or use the policy "
                "'mixed_bfloat16'.",
            )

    def _warn(self, what: str, message: str) -> None:
        if what not in self.warned:
            self.warned.add(what)
            warnings.warn(message, stacklevel=2)


def loss_scale_optimizer(model: Part) -> Any:
    """The model's optimizer if it scales the loss, else None."""
    return model.optimizer if isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) else None


def invalid_weight(model: Part) -> str:
    """The path of the first weight with a value that is NaN or infinite, in quotes; empty if there is none."""
    sync_state(model)
    for variable in model.trainable_variables:
        if not np.isfinite(keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(variable))).all():
            return repr(variable.path)
    return ""


def invalid_terms(logs: dict[str, Any]) -> str:
    """The terms of a loss that are not finite, for messages; the loss itself only if all terms are finite."""
    invalid = {name: float(value) for name, value in logs.items() if not math.isfinite(value)}
    plain = {name.removeprefix("val_"): name for name in invalid}
    terms = [name for name in plain if name not in (*RATES, "loss")]
    if any(name.startswith("kl_loss_") for name in terms):
        terms.remove("kl_loss")
    if terms:
        terms.sort(key=lambda name: (name != "reconstruction_loss", name))
        return ", ".join(f"{plain[name]} is {invalid[plain[name]]}" for name in terms)
    if "loss" not in plain:
        return ""
    name = plain["loss"]
    return (
        f"{name} is {invalid[name]} although its terms are finite, so it is another term of the objective, or a loss "
        "that a layer added"
    )


def stop_on_invalid_in(callbacks: Any) -> StopOnInvalid | None:
    """The first `StopOnInvalid` among the callbacks of `fit`.

    Args:
        callbacks: as for `keras.Model.fit`.
    """
    given = getattr(callbacks, "callbacks", None) or keras.tree.flatten(callbacks)
    return next((callback for callback in given if isinstance(callback, StopOnInvalid)), None)
