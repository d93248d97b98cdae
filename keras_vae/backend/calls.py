"""Calls of layers: losses that they add, masks that they attach, errors that they raise."""

import contextlib
import logging
import re
from collections.abc import Iterator
from typing import Any

import keras

__all__ = ["called_by_another", "forward_pass", "plain_error", "quiet_retracing", "without_mask"]


def compiles_each_size() -> bool:
    """Whether a function is compiled anew for every number of rows, as by JAX; TensorFlow compiles for any number."""
    return keras.backend.backend() == "jax"


@contextlib.contextmanager
def quiet_retracing() -> Iterator[None]:
    """Keep TensorFlow from warning that the functions of different inference methods are traced."""
    logger = logging.getLogger("tensorflow")

    def is_other(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in record.getMessage()

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


@contextlib.contextmanager
def forward_pass(model: Any, training: bool) -> Iterator[None]:
    """Run a model's components outside of its `call`, so that what their layers add with `add_loss` is kept.

    Without it every component would be an outermost layer, whose call forgets the losses of the one before, and
    JAX would collect none.
    """
    context = model._get_call_context()
    outer = getattr(context, "training", None)
    context.training = training
    scope = keras.src.backend.get_stateless_scope() if keras.src.backend.in_stateless_scope() else None
    collected = None if scope is None else scope.collect_losses
    if scope is not None:
        scope.collect_losses = True
        # What `call` added before: the regularizers alone, which are computed again.
        model._losses_override.clear()
    try:
        yield
    finally:
        if scope is not None:
            scope.collect_losses = collected
        context.training = outer
        model._maybe_reset_call_context()


def called_by_another(model: Any) -> bool:
    """Whether a model's `call` runs inside another layer or model, which trains with the losses that it adds."""
    if keras.src.backend.in_stateless_scope():
        return bool(keras.src.backend.get_stateless_scope().collect_losses)
    context = keras.src.backend.common.global_state.get_global_attribute("current_call_ctx")
    return context is not None and context.entry_layer is not model


def plain_error(error: Exception) -> Exception:
    """The error that was raised inside a layer, without the text that Keras adds to its message.

    The text has the layer's arguments and terminal control codes. The original is kept as the error's context. The
    same for tf.data, whose message about a batch of another shape holds a traceback.
    """
    while getattr(error, "_keras_call_info_injected", False) and isinstance(error.__context__, Exception):
        error = error.__context__
    yielded = re.search(r"TypeError: `generator` (yielded an element .* was expected\.)", str(error))
    if yielded:
        return ValueError(f"Argument `x`: every batch must be like the first. Received: the dataset {yielded[1]}")
    return error


def without_mask(outputs: Any) -> Any:
    """Tensors without the masks that Keras attached to them, which would follow them into other components."""
    for tensor in keras.tree.flatten(outputs):
        keras.src.backend.set_keras_mask(tensor, None)
    return outputs
