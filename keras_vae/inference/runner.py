"""Applies a function to data: in batches, compiled, with Keras' progress bar."""

import contextlib
import itertools
import math
import operator
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_vae.arguments import optional_seed, positive_int
from keras_vae.backend import (
    SeedGenerator,
    compiles_each_size,
    data_shards,
    divisible_batches,
    fit_takes_weights,
    kept_order_of_rows,
    kept_state,
    plain_error,
    quiet_retracing,
    strategy_scope,
    sync_state,
)
from keras_vae.data.rows import count_rows
from keras_vae.data.sparse import SparseRows, has_sparse
from keras_vae.data.streams import DIFFERENT_LENGTHS, is_stream, to_numpy
from keras_vae.hints import Data, Part, Tensor
from keras_vae.serialization import Untracked

__all__ = ["Runner", "few_sizes"]

COPIED = 2**24
"""Larger arrays are not copied to make their last batch as long as the others; it is compiled by itself."""

MOST_FUNCTIONS = 32
"""Compiled functions that are kept; the one that was not used for longest is dropped."""

QUIET_ROWS = 4096
"""With `verbose="auto"`, arrays up to this many rows run without a progress bar."""

BUSY = (
    "On JAX, `fit` and `evaluate` hold the weights outside of the model, so no other thread can use them. Expected a "
    "call from a callback, or after `fit`. Received: a call from another thread meanwhile. Wait, or use a second "
    "model, keras.models.clone_model(vae), whose weights are set before `fit`."
)


class BatchFunction(keras.Model):
    """A function of a model and a batch as a Keras model, so that `predict` can run it.

    `predict` handles all kinds of input data, batching, compilation, the progress bar and device placement on every
    backend.
    """

    def __init__(
        self,
        vae: Part,
        function: Callable,
        seed_generator: keras.random.SeedGenerator,
        temperature: Any,
        prepared: Any = None,
        **kwargs: Any,
    ) -> None:
        # autocast=False: densities are computed from the user's data, not from a rounded copy.
        super().__init__(autocast=False, **kwargs)
        self.vae = vae
        self.function = function
        self.seed_generator = seed_generator
        self.temperature = temperature
        # Keras tracks the flat list; `Untracked` keeps its structure.
        self.prepared = [_float32_variable(leaf) for leaf in keras.tree.flatten(prepared) if leaf is not None]
        self.structure = Untracked(prepared)
        self.built = True

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.predict`; afterwards the weights are in the model, also after an error."""
        try:
            in_fit = self.vae.runner.trained_by is not None
            with quiet_retracing(), divisible_batches(), kept_order_of_rows(in_fit), kept_state(self):
                return super().predict(*args, **kwargs)
        finally:
            # An interrupted JAX `predict` would keep the weights outside of the model.
            sync_state(self)

    def take_prepared(self, prepared: Any) -> None:
        """Store what the latents prepared for a whole call."""
        leaves = [leaf for leaf in keras.tree.flatten(prepared) if leaf is not None]
        for variable, leaf in zip(self.prepared, leaves, strict=True):
            variable.assign(leaf)

    def call(self, inputs: Any) -> Any:
        prepared = None
        if self.prepared:
            leaves = [keras.ops.convert_to_tensor(variable) for variable in self.prepared]
            prepared = keras.tree.pack_sequence_as(self.structure.items, leaves)
        temperature = keras.ops.convert_to_tensor(self.temperature)
        return self.function(self.vae, inputs, seed=self.seed_generator, temperature=temperature, prepared=prepared)


def _float32_variable(value: Tensor, **options: Any) -> keras.Variable:
    """A variable that stays float32: Keras autocasts those of an outermost layer, whatever the layer says."""
    return keras.Variable(value, trainable=False, dtype="float32", autocast=False, **options)


class Runner:
    """Runs the inference functions of one model. It is not a Keras object, so it is neither tracked nor saved.

    It has its own random stream: inference during training does not change the training. Calls from several threads
    run one after another, since they share the weights, the random stream and the compiled functions.

    Args:
        vae: the model.
        seed: seed of the noise.
        require_ready: function that raises an error for a model that cannot be used yet.
    """

    def __init__(self, vae: Part, seed: int | None, require_ready: Callable) -> None:
        self.vae = vae
        self.require_ready = require_ready
        self.functions: dict[Any, BatchFunction] = {}
        self.lock = threading.RLock()
        self.trained_by: int | None = None
        self._compiled_for: list[Any] = []
        self.seed_generator = SeedGenerator(seed)
        self.temperature = _float32_variable([1.0, 1.0], name="temperature")

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        """Around `fit` and `evaluate`: they wait for inference that runs, and on JAX keep that of other threads out."""
        with self.lock:
            outer, self.trained_by = self.trained_by, threading.get_ident()
        try:
            yield
        finally:
            self.trained_by = outer

    def forget(self) -> None:
        """Drop all compiled functions: they are made again when they are needed."""
        with self.lock:
            self.functions.clear()

    def _forget_if_changed(self) -> None:
        """Drop the compiled functions if a layer was added or replaced, or has other attributes than when they ran.

        `enable_lora` and `quantize` give a layer other variables, a compiled function keeps the values that Python
        attributes had, and on JAX it finds weights by their position among the trainable ones.
        """
        now = attributes(self.vae)
        if len(now) != len(self._compiled_for) or not all(map(operator.is_, now, self._compiled_for)):
            self.functions.clear()

    def _function(self, key: Any, function: Callable, prepared: Any = None, repeatable: bool = False) -> BatchFunction:
        if key in self.functions:
            self.functions[key] = self.functions.pop(key)  # the last one is the one used last
        else:
            if len(self.functions) >= MOST_FUNCTIONS:
                del self.functions[next(iter(self.functions))]
            with strategy_scope(self.vae):
                self.functions[key] = BatchFunction(
                    self.vae,
                    function,
                    self.seed_generator,
                    self.temperature,
                    prepared,
                    dtype=self.vae.dtype_policy,
                )
                if repeatable and keras.backend.backend() == "tensorflow":
                    # TensorFlow's own executor adds the terms of a sum in the order in which they are ready; XLA's
                    # program has one order.
                    self.functions[key].jit_compile = True
        return self.functions[key]

    def _prepare(self, repeatable: bool) -> Any:
        """What the latents compute with the encoder once for a whole call, and not for every batch."""
        if not self.vae.latents.requires_encoder:
            return None

        def prepare(vae: Part, inputs: Any, **_: Any) -> Any:
            return vae.latents.prepare(vae.forward_pass.encode)

        # One row, or as many as there are devices that divide them.
        return self._function(("prepare", repeatable), prepare, repeatable=repeatable).predict(
            np.zeros((data_shards(), 1), "float32"), verbose=0
        )

    def run(
        self,
        key: Any,
        function: Callable,
        inputs: Any,
        *,
        batch_size: int | None,
        verbose: str | int,
        seed: int | None = None,
        temperature: Any = (1.0, 1.0),
        steps: int | None = None,
        callbacks: Any = None,
        repeatable: bool = False,
    ) -> Any:
        """Apply `function(vae, batch, seed=, temperature=, prepared=)` to all batches; NumPy arrays of all rows.

        Args:
            key: identifies the compiled function: calls with the same key share it.
            function: see above.
            inputs: arrays, a dataset, or any other input of Keras' `predict`.
            seed: int, for this call only; None continues the stream of all calls.
            temperature: temperatures of the prior and of the likelihood.
            repeatable: whether equal inputs must give equal bits, in other processes too; see
                `keras_vae.compression`. All calls with the same key must agree.

        Raises:
            RuntimeError: on JAX, `fit` runs in another thread.
        """
        seed = optional_seed(seed)
        for name, value in (("batch_size", batch_size), ("steps", steps)):
            if value is not None:
                positive_int(value, name)
        if verbose == "auto":
            rows = [leaf.shape[0] for leaf in keras.tree.flatten(inputs) if hasattr(leaf, "shape") and len(leaf.shape)]
            verbose = 0 if rows and max(rows) <= QUIET_ROWS else "auto"
        options = {"batch_size": batch_size, "verbose": verbose, "steps": steps, "callbacks": callbacks}
        inputs, options["batch_size"], count = divided(inputs, batch_size)
        with self.lock:
            if fit_takes_weights() and self.trained_by not in (None, threading.get_ident()):
                raise RuntimeError(BUSY)
            self.require_ready(self.vae)
            self._forget_if_changed()
            results = self._run_locked(key, function, inputs, seed, temperature, options, repeatable)
            self._compiled_for = attributes(self.vae)
        if not all(isinstance(leaf, np.ndarray) for leaf in keras.tree.flatten(results)):
            # On TensorFlow, Keras makes them ragged tensors.
            raise ValueError(DIFFERENT_LENGTHS)
        return results if count is None else keras.tree.map_structure(lambda leaf: leaf[:count], results)

    def _run_locked(
        self,
        key: Any,
        function: Callable,
        inputs: Any,
        seed: int | None,
        temperature: Any,
        options: dict[str, Any],
        repeatable: bool,
    ) -> Any:
        sync_state(self.vae)
        state = self.seed_generator.state
        previous, outer = keras.ops.convert_to_numpy(state), keras.ops.convert_to_numpy(self.temperature)
        try:
            prepared = self._prepare(repeatable)
            model = self._function(key, function, prepared, repeatable)
            model.take_prepared(prepared)
            self.temperature.assign(np.array(temperature, dtype="float32"))
            if seed is not None:
                state.assign(np.array([seed, 0], dtype=previous.dtype))
            return model.predict(inputs, **options)
        except Exception as error:
            # The message of NumPy, when Keras concatenates the results of the batches.
            if isinstance(error, ValueError) and "concatenation axis" in str(error):
                raise ValueError(DIFFERENT_LENGTHS) from error
            plain = plain_error(error)
            if plain is error:
                raise
            raise plain from plain.__cause__
        finally:
            # A callback of `predict`, or a generator of data, may call another method.
            self.temperature.assign(outer)
            if seed is not None:
                state.assign(previous)


def attributes(vae: Part) -> list[Any]:
    """All layers below a model, and the values of their attributes: the same objects as long as nothing changes."""
    found: list[Any] = []
    layers = list(vae._layers)
    while layers:
        layer = layers.pop()
        found.append(layer)
        found.extend(vars(layer).values())
        layers.extend(layer._layers)
    return found


def divided(inputs: Data, batch_size: int | None) -> tuple[Data, int | None, int | None]:
    """Arrays with the last row repeated until `keras.distribution` can divide every batch, and few sizes are compiled.

    Sparse rows become a dataset of dense batches.

    Args:
        inputs: arrays `(n, ...)`; a dataset is returned as it is.
        batch_size: rows at a time, or None.

    Returns:
        the inputs, a batch size that can be divided too, and the number of rows whose results are asked for, or None
        if that is all of them.
    """
    if is_stream(inputs):
        return inputs, batch_size, None
    shards, count = data_shards(), count_rows(inputs)
    size = (batch_size or 32) + -(batch_size or 32) % shards
    missing = padded_count(inputs, size, shards) - count
    if has_sparse(inputs):
        rows = np.append(np.arange(count), np.repeat(count - 1, missing))
        return SparseRows(inputs, batch_size=size, rows=rows), None, count
    if not missing:
        return inputs, size if shards > 1 else batch_size, None
    inputs = keras.tree.map_structure(
        lambda leaf: np.concatenate([to_numpy(leaf), np.repeat(to_numpy(leaf[-1:]), missing, axis=0)]), inputs
    )
    return inputs, size, count


def padded_count(inputs: Data, batch_size: int, shards: int) -> int:
    """Number of rows, with those that are added: every batch can be divided, and few sizes are compiled.

    Args:
        inputs: arrays `(n, ...)`.
        batch_size: rows at a time, a multiple of `shards`.
        shards: number of devices that divide a batch.
    """
    count = count_rows(inputs)
    if not compiles_each_size():
        return count + -count % shards
    if count <= batch_size:
        count = min(few_sizes(count), batch_size)
    elif has_sparse(inputs) or sum(math.prod(leaf.shape) for leaf in keras.tree.flatten(inputs)) <= COPIED:
        count += -count % batch_size
    return count + -count % shards


def few_sizes(rows: int) -> int:
    """The sizes of single batches: 1, 8, 32, 128 and so on.

    >>> [few_sizes(rows) for rows in (1, 2, 8, 9, 33)]
    [1, 8, 8, 32, 128]
    """
    return 1 if rows <= 1 else next(size for size in (2 * 4**power for power in itertools.count(1)) if size >= rows)
