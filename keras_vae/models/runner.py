"""One way to run a verb: batched, compiled, with Keras' progress bar."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_vae.arguments import optional_seed, positive_int
from keras_vae.backend import SeedGenerator, kept_state, quiet_retracing, strategy_scope, sync_state
from keras_vae.hints import Encode, Part, Seed, Tensor

__all__ = ["Runner", "Untracked"]

QUIET_ROWS = 4096
"""With `verbose="auto"`, arrays up to this many rows run without a progress bar."""

DIFFERENT_LENGTHS = (
    "The batches of `x` differ in length, so their results do not fit into one array. Pad every batch to one length, "
    "or call the method once for each batch."
)


class Verb(keras.Model):
    """A function of a model and a batch, dressed as a model so that Keras' `predict` can run it.

    `predict` brings every kind of input data, batching, compilation, the progress bar and device
    placement on every backend.
    """

    def __init__(
        self,
        vae: Part,
        function: Callable,
        seed_generator: keras.random.SeedGenerator,
        temperature: Any,
        remembered: Any = (),
        **kwargs: Any,
    ) -> None:
        # autocast=False: the data's density is taken from what the user gave, not from a rounded copy.
        super().__init__(autocast=False, **kwargs)
        self.vae = vae
        self.function = function
        self.seed_generator = seed_generator
        self.temperature = temperature
        # Lists and dicts of variables, which Keras tracks.
        self.remembered = [
            {name: _float32_variable(tensor) for name, tensor in value.tensors().items()} for value in remembered
        ]
        self.templates = Untracked(remembered)
        self.built = True

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.predict`; however it ends, the weights are back in the model."""
        try:
            with quiet_retracing(), kept_state(self):
                return super().predict(*args, **kwargs)
        finally:
            # An interrupted JAX `predict` would keep the weights outside of the model.
            sync_state(self)

    def remember(self, values: Sequence[Any]) -> None:
        """Take over the posteriors that were computed once for a whole call."""
        for variables, value in zip(self.remembered, values, strict=True):
            for name, tensor in value.tensors().items():
                variables[name].assign(tensor)

    def call(self, inputs: Any) -> Any:
        encode = self._recall() if self.remembered else self.vae.root_posterior
        temperature = keras.ops.convert_to_tensor(self.temperature)
        return self.function(self.vae, inputs, seed=self.seed_generator, temperature=temperature, encode=encode)

    def _recall(self) -> Callable:
        """A stand-in for the model's `root_posterior` that answers from memory, in the order of the questions."""
        values = iter(zip(self.templates.items, self.remembered, strict=True))

        def encode(x: Tensor, context: Tensor) -> Any:
            template, variables = next(values)
            tensors = {name: keras.ops.convert_to_tensor(variable) for name, variable in variables.items()}
            return dataclasses.replace(template, **tensors)

        return encode


def _float32_variable(value: Tensor, **options: Any) -> keras.Variable:
    """A variable that stays float32: Keras autocasts those of an outermost layer, whatever the layer says."""
    return keras.Variable(value, trainable=False, dtype="float32", autocast=False, **options)


class Untracked:
    """Holds Python objects that Keras should neither track nor copy."""

    def __init__(self, items: Any) -> None:
        self.items = items


class Runner:
    """Runs verbs of one model. It is no Keras object, so it is neither tracked nor saved.

    The verbs have a noise stream of their own: looking at a model in the middle of its training does
    not change what it is trained on next.

    Args:
        vae: the model.
        seed: seed of the verbs' noise.
    """

    def __init__(self, vae: Part, seed: int | None) -> None:
        self.vae = vae
        self.verbs: dict[Any, Verb] = {}
        self.answers: list[Any] = []
        self.seed_generator = SeedGenerator(seed)
        self.temperature = _float32_variable([1.0, 1.0], name="temperature")

    def _verb(self, key: Any, function: Callable, remembered: Any = ()) -> Verb:
        if key not in self.verbs:
            with strategy_scope(self.vae):
                self.verbs[key] = Verb(
                    self.vae,
                    function,
                    self.seed_generator,
                    self.temperature,
                    remembered,
                    dtype=self.vae.dtype_policy,
                )
        return self.verbs[key]

    def _pseudo_posteriors(self) -> list[Any]:
        """What the prior asks the encoder for, computed once for a whole call and not for every batch."""

        def ask(vae: Part, inputs: Any, seed: Seed, temperature: Any, encode: Encode) -> tuple[dict[str, Tensor], ...]:
            answers = []

            def answer(x: Tensor, context: Tensor) -> Any:
                answers.append(encode(x, context))
                return answers[-1]

            vae.prior.distribution(keras.ops.zeros((1, vae.condition_width)), encode=answer)
            self.answers = answers
            return tuple(value.tensors() for value in answers)

        verb = self._verb("pseudo-posteriors", ask)
        tensors = verb.predict(np.zeros((1, 1), "float32"), verbose=0)
        return [dataclasses.replace(value, **new) for value, new in zip(self.answers, tensors, strict=True)]

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
        """Run `function(vae, batch, seed=, temperature=, encode=)` over `inputs`; NumPy arrays of all rows.

        Args:
            key: what the compiled function depends on besides the shapes; the same key, the same
                compiled function.
            function: see above.
            inputs: arrays, a dataset, or anything else that Keras' `predict` takes.
            seed: int, for this call only; None goes on with the verbs' stream.
            temperature: that of the prior and that of the likelihood.
        """
        seed = optional_seed(seed)
        for name, value in (("batch_size", batch_size), ("steps", steps)):
            if value is not None:
                positive_int(value, name)
        self.vae.require_adapted()
        sync_state(self.vae)
        remembered = self._pseudo_posteriors() if self.vae.prior.requires_encoder else ()
        verb = self._verb(key, function, remembered)
        verb.remember(remembered)
        if verbose == "auto":
            rows = [leaf.shape[0] for leaf in keras.tree.flatten(inputs) if hasattr(leaf, "shape") and len(leaf.shape)]
            verbose = 0 if rows and max(rows) <= QUIET_ROWS else "auto"
        previous = keras.ops.convert_to_numpy(self.seed_generator.state)
        self.temperature.assign(np.array(temperature, dtype="float32"))
        if seed is not None:
            self.seed_generator.state.assign(np.array([seed, 0], dtype=previous.dtype))
        try:
            results = verb.predict(inputs, batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks)
        except ValueError as error:
            # NumPy's words, when Keras puts the results of the batches together.
            if "concatenation axis" in str(error):
                raise ValueError(DIFFERENT_LENGTHS) from error
            raise
        finally:
            if seed is not None:
                self.seed_generator.state.assign(previous)
        if not all(isinstance(leaf, np.ndarray) for leaf in keras.tree.flatten(results)):
            # On TensorFlow, Keras makes them ragged tensors.
            raise ValueError(DIFFERENT_LENGTHS)
        return results
