"""One way to run a verb: batched, compiled, with Keras' progress bar."""

import keras
import numpy as np

from keras_vae.arguments import optional_seed, positive_int
from keras_vae.backend import SeedGenerator, quiet_retracing, strategy_scope, sync_state

__all__ = ["Runner"]

QUIET_ROWS = 4096
"""With `verbose="auto"`, arrays up to this many rows run without a progress bar."""


class Verb(keras.Model):
    """A function of a model and a batch, dressed as a model so that Keras' `predict` can run it.

    `predict` brings every kind of input data, batching, compilation, the progress bar and device
    placement on every backend.
    """

    def __init__(self, vae, function, seed_generator, temperature, **kwargs):
        # autocast=False: the data's density is taken from what the user gave, not from a rounded copy.
        super().__init__(autocast=False, **kwargs)
        self.vae = vae
        self.function = function
        self.seed_generator = seed_generator
        self.temperature = temperature
        self.built = True

    def call(self, inputs):
        return self.function(self.vae, inputs, seed=self.seed_generator, temperature=self.temperature)


class Runner:
    """Runs verbs of one model. It is no Keras object, so it is neither tracked nor saved.

    The verbs have a noise stream of their own: looking at a model in the middle of its training does
    not change what it is trained on next.

    Args:
        vae: the model.
        seed: seed of the verbs' noise.
    """

    def __init__(self, vae, seed):
        self.vae = vae
        self.verbs = {}
        self.seed_generator = SeedGenerator(seed)
        self.temperature = keras.Variable(1.0, trainable=False, dtype="float32", name="temperature")

    def run(
        self, key, function, inputs, *, batch_size, verbose, seed=None, temperature=1.0, steps=None, callbacks=None
    ):
        """Run `function(vae, batch, seed=, temperature=)` over `inputs`; NumPy arrays of all rows.

        Args:
            key: what the compiled function depends on besides the shapes; the same key, the same
                compiled function.
            function: see above.
            inputs: arrays, a dataset, or anything else that Keras' `predict` takes.
            seed: int, for this call only; None goes on with the verbs' stream.
        """
        seed = optional_seed(seed)
        for name, value in (("batch_size", batch_size), ("steps", steps)):
            if value is not None:
                positive_int(value, name)
        sync_state(self.vae)
        if key not in self.verbs:
            with strategy_scope(self.vae):
                self.verbs[key] = Verb(
                    self.vae, function, self.seed_generator, self.temperature, dtype=self.vae.dtype_policy
                )
        verb = self.verbs[key]
        if verbose == "auto":
            rows = [leaf.shape[0] for leaf in keras.tree.flatten(inputs) if hasattr(leaf, "shape") and len(leaf.shape)]
            verbose = 0 if rows and max(rows) <= QUIET_ROWS else "auto"
        previous = keras.ops.convert_to_numpy(self.seed_generator.state)
        self.temperature.assign(temperature)
        if seed is not None:
            self.seed_generator.state.assign(np.array([seed, 0], dtype=previous.dtype))
        try:
            with quiet_retracing():
                return verb.predict(inputs, batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks)
        finally:
            if seed is not None:
                self.seed_generator.state.assign(previous)
