"""Evaluation functions while a model trains."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_vae import evaluation, inference
from keras_vae.arguments import positive_int
from keras_vae.evaluation import Result
from keras_vae.hints import Data

__all__ = ["Evaluation"]

OF_MODELS = ("active_units", "aggregated_posterior", "calibration", "kl_per_dimension", "mutual_information")
OF_SAMPLES = ("frechet_distance", "kernel_distance", "memorised", "precision_recall")
BOUNDS = ("elbo", "log_likelihood")


class Evaluation(keras.callbacks.Callback):
    """Runs evaluation functions at the end of epochs, and logs their numbers.

    They are in `logs`, as metrics are: in the history, the progress bar and TensorBoard, and for `EarlyStopping`
    and `ModelCheckpoint` to monitor, with `mode="max"` or `"min"`. Place it before callbacks that read them. It runs
    in the first epoch and in every `every`-th after that; the epochs between have the numbers of the one before. It
    does not change the training: inference has noise of its own.

    A number is logged under the name of the function, the numbers of a `keras_vae.evaluation.Result` under those of its
    `summary()`, and of an array the mean. With a dict of functions, a number has the name in the dict, and those of a
    `Result` have the name in front.

    Args:
        functions: names, such as `"active_units"` or `"log_likelihood"`; functions `(model, x)`; or a dict of either by
            name. `functools.partial` sets their arguments.
        x: held-out data, as for `predict`; `(n, *data_shape)`. It is evaluated as a whole each time: a thousand rows
            are often enough.
        every: number of epochs from one evaluation to the next.
        prefix: put in front of all names, such as `"val_"`.

    Raises:
        ValueError: an unknown name, no functions, or, in training, a result that is no number.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> vae.compile("adam")
    >>> x = np.random.default_rng(0).random((64, 4))
    >>> watch = kv.callbacks.Evaluation(["active_units", "mutual_information"], x)
    >>> history = vae.fit(x, callbacks=[watch], verbose=0).history
    >>> [name for name in sorted(history) if "loss" not in name]
    ['active_units', 'marginal_kl', 'mutual_information']
    """

    def __init__(self, functions: Any, x: Data, every: int = 1, prefix: str = "") -> None:
        super().__init__()
        self.functions = named_functions(functions)
        self.named = isinstance(functions, Mapping)
        self.x = x
        self.every = positive_int(every, "every")
        self.prefix = str(prefix)
        self.last: dict[str, float] = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is None:
            return
        if epoch % self.every == 0 or not self.last:
            self.last = self._evaluated()
        logs.update(self.last)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.last = {}

    def _evaluated(self) -> dict[str, float]:
        """All numbers by the names under which they are logged."""
        numbers = {}
        for name, function in self.functions.items():
            found = function(self.model, self.x)
            if isinstance(found, Result):
                found = {f"{name}_{key}" if self.named else key: value for key, value in found.summary().items()}
            for key, value in (found if isinstance(found, Mapping) else {name: found}).items():
                numbers[self.prefix + key] = as_number(value, key)
        return numbers


def named_functions(functions: Any) -> dict[str, Callable]:
    """Functions of a model and data by name.

    Raises:
        ValueError: an unknown name, or no functions.
    """
    if isinstance(functions, str) or callable(functions):
        functions = [functions]
    if not isinstance(functions, (Mapping, Sequence)) or not functions:
        raise ValueError(
            "Argument `functions` must be names of evaluation functions, functions (model, x), or a dict of them. "
            f"Received: functions={functions!r}"
        )
    if isinstance(functions, Mapping):
        return {str(name): resolved(function) for name, function in functions.items()}
    found = {name_of(function): resolved(function) for function in functions}
    if len(found) < len(functions):
        raise ValueError(
            "Argument `functions` must not hold two functions of one name. Received: "
            f"{[name_of(function) for function in functions]}. Pass a dict that names them."
        )
    return found


def resolved(function: Any) -> Callable:
    """The function itself, or that of a name.

    Raises:
        ValueError: an unknown name.
    """
    if callable(function):
        return function
    if function in BOUNDS:
        return getattr(inference, function)
    if function in (*OF_MODELS, *OF_SAMPLES):
        return getattr(evaluation, function)
    raise ValueError(
        f"Argument `functions` must hold functions (model, x), or names out of {[*BOUNDS, *OF_MODELS, *OF_SAMPLES]}. "
        f"Received: {function!r}"
    )


def name_of(function: Any) -> str:
    """Under which name a function is logged."""
    if isinstance(function, str):
        return function
    inner = getattr(function, "func", function)  # of a functools.partial
    return getattr(inner, "__name__", type(inner).__name__)


def as_number(value: Any, name: str) -> float:
    """A number, or the mean of an array of them.

    Raises:
        ValueError: something else.
    """
    try:
        return float(np.mean(np.asarray(keras.ops.convert_to_numpy(value), "float64")))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Argument `functions`: {name!r} must return a number, an array, a dict of numbers or a "
            f"keras_vae.evaluation.Result. Received: {type(value).__name__}"
        ) from error
