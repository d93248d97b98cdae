"""Random numbers: seeds that differ between replicas and between the steps of a compiled loop."""

from typing import Any

import keras

from keras_vae.backend.devices import replica_context

__all__ = ["SeedGenerator", "StepSeed"]


class SeedGenerator(keras.random.SeedGenerator):
    """`keras.random.SeedGenerator` that gives every `tf.distribute` replica its own noise.

    Without it the replicas of a `MirroredStrategy` draw identical noise, and averaging over them
    reduces no variance. On one device, and on every other backend, it draws what Keras' own does.
    """

    def next(self, ordered: bool = True) -> Any:
        seed = super().next(ordered=ordered)
        context = replica_context()
        if context is None:
            return seed
        replica = keras.ops.cast(context.replica_id_in_sync_group, seed.dtype)
        # A large odd step keeps the replicas' streams apart from the counter in the second word.
        return seed + keras.ops.stack([replica * 1000003, keras.ops.zeros_like(replica)])


class StepSeed(keras.random.SeedGenerator):
    """Noise for one step of a compiled loop: a seed without a variable.

    JAX cannot advance a generator's variable inside a loop that it compiles. Here a key is drawn once, in
    front of the loop, and every step derives its seeds from the key and its own number.

    Args:
        key: what `StepSeed.key` gave.
        step: number of the step, an int or a tensor.
    """

    def __init__(self, key: Any, step: Any) -> None:
        # Not super().__init__: it would create the variable.
        self.shared = key
        self.step = step
        self.draws = 0

    @staticmethod
    def key(seed: Any) -> Any:
        """What a loop's steps share: a tensor, drawn from an int, a `SeedGenerator` or None."""
        words = keras.random.randint((2,), 0, 2**30, dtype="int32", seed=seed)
        return keras.ops.cast(words, "uint32") if keras.backend.backend() == "jax" else words

    @staticmethod
    def key_of(numbers: Any) -> Any:
        """The key of integers `(n,)`: another one if any of them, or their order, changes."""
        numbers = keras.ops.cast(numbers, "int32")
        position = keras.ops.cumsum(keras.ops.ones_like(numbers))
        # int32 overflows, which spreads the bits; the squares keep sums from cancelling.
        mixed = numbers * 1540483477 + position * 668265263
        words = [keras.ops.sum(mixed * (mixed + odd)) for odd in (374761393, 1274126177)]
        key = keras.ops.mod(keras.ops.stack(words), 2**30)
        return keras.ops.cast(key, "uint32") if keras.backend.backend() == "jax" else key

    def next(self, ordered: bool = True) -> Any:
        self.draws += 1
        # Primes keep apart steps, draws within a step, and the keys of calls that follow one another.
        shift = keras.ops.cast(self.step, self.shared.dtype) * 9973 + self.draws * 7368787
        return self.shared + keras.ops.stack([shift, keras.ops.zeros_like(shift)])
