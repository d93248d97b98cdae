"""Applies a function to data: in batches, compiled, with Keras' progress bar."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_vae.arguments import optional_seed, positive_int
from keras_vae.backend import (
    SeedGenerator,
    data_shards,
    divisible_batches,
    kept_state,
    quiet_retracing,
    strategy_scope,
    sync_state,
)
from keras_vae.data.rows import count_rows
from keras_vae.data.sparse import SparseRows, has_sparse
from keras_vae.data.streams import is_stream, to_numpy
from keras_vae.hints import Data, Part, Tensor
from keras_vae.serialization import Untracked

__all__ = ["Runner"]

QUIET_ROWS = 4096
"""With `verbose="auto"`, arrays up to this many rows run without a progress bar."""

DIFFERENT_LENGTHS = (
    "The batches of `x` differ in length, so their results do not fit into one array. Pad every batch to one length, "
    "or call the method once for each batch."
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
            with quiet_retracing(), divisible_batches(), kept_state(self):
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

    It has its own random stream: inference during training does not change the training.

    Args:
        vae: the model.
        seed: seed of the noise.
        require_ready: function that raises an error for a model that cannot be used yet.
    """

    def __init__(self, vae: Part, seed: int | None, require_ready: Callable) -> None:
        self.vae = vae
        self.require_ready = require_ready
        self.functions: dict[Any, BatchFunction] = {}
        self.seed_generator = SeedGenerator(seed)
        self.temperature = _float32_variable([1.0, 1.0], name="temperature")

    def _function(self, key: Any, function: Callable, prepared: Any = None) -> BatchFunction:
        if key not in self.functions:
            with strategy_scope(self.vae):
                self.functions[key] = BatchFunction(
                    self.vae,
                    function,
                    self.seed_generator,
                    self.temperature,
                    prepared,
                    dtype=self.vae.dtype_policy,
                )
        return self.functions[key]

    def _prepare(self) -> Any:
        """What the latents compute with the encoder once for a whole call, and not for every batch."""
        if not self.vae.latents.requires_encoder:
            return None

        def prepare(vae: Part, inputs: Any, **_: Any) -> Any:
            return vae.latents.prepare(vae.forward_pass.encode)

        # One row, or as many as there are devices that divide them.
        return self._function("prepare", prepare).predict(np.zeros((data_shards(), 1), "float32"), verbose=0)

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
    ) -> Any:
        """Apply `function(vae, batch, seed=, temperature=, prepared=)` to all batches; NumPy arrays of all rows.

        Args:
            key: identifies the compiled function: calls with the same key share it.
            function: see above.
            inputs: arrays, a dataset, or any other input of Keras' `predict`.
            seed: int, for this call only; None continues the stream of all calls.
            temperature: temperatures of the prior and of the likelihood.
        """
        seed = optional_seed(seed)
        for name, value in (("batch_size", batch_size), ("steps", steps)):
            if value is not None:
                positive_int(value, name)
        self.require_ready(self.vae)
        sync_state(self.vae)
        prepared = self._prepare()
        model = self._function(key, function, prepared)
        model.take_prepared(prepared)
        if verbose == "auto":
            rows = [leaf.shape[0] for leaf in keras.tree.flatten(inputs) if hasattr(leaf, "shape") and len(leaf.shape)]
            verbose = 0 if rows and max(rows) <= QUIET_ROWS else "auto"
        previous = keras.ops.convert_to_numpy(self.seed_generator.state)
        self.temperature.assign(np.array(temperature, dtype="float32"))
        if seed is not None:
            self.seed_generator.state.assign(np.array([seed, 0], dtype=previous.dtype))
        inputs, batch_size, count = divided(inputs, batch_size)
        try:
            results = model.predict(inputs, batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks)
        except ValueError as error:
            # The message of NumPy, when Keras concatenates the results of the batches.
            if "concatenation axis" in str(error):
                raise ValueError(DIFFERENT_LENGTHS) from error
            raise
        finally:
            if seed is not None:
                self.seed_generator.state.assign(previous)
        if not all(isinstance(leaf, np.ndarray) for leaf in keras.tree.flatten(results)):
            # On TensorFlow, Keras makes them ragged tensors.
            raise ValueError(DIFFERENT_LENGTHS)
        return results if count is None else keras.tree.map_structure(lambda leaf: leaf[:count], results)


def divided(inputs: Data, batch_size: int | None) -> tuple[Data, int | None, int | None]:
    """Arrays with the last row repeated until `keras.distribution` can divide every batch among its devices.

    Sparse rows become a dataset of dense batches.

    Args:
        inputs: arrays `(n, ...)`; a dataset is returned as it is.
        batch_size: rows at a time, or None.

    Returns:
        the inputs, a batch size that can be divided too, and the number of rows whose results are asked for, or None
        if that is all of them.
    """
    shards = data_shards()
    if is_stream(inputs) or (shards == 1 and not has_sparse(inputs)):
        return inputs, batch_size, None
    count = count_rows(inputs)
    missing = -count % shards
    if has_sparse(inputs):
        rows = np.append(np.arange(count), np.repeat(count - 1, missing))
        batch_size = batch_size or 32
        return SparseRows(inputs, batch_size=batch_size + -batch_size % shards, rows=rows), None, count
    if missing:
        inputs = keras.tree.map_structure(
            lambda leaf: np.concatenate([to_numpy(leaf), np.repeat(to_numpy(leaf[-1:]), missing, axis=0)]), inputs
        )
    batch_size = batch_size or 32
    return inputs, batch_size + -batch_size % shards, count
