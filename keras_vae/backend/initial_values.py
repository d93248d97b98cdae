"""Initial weights made on the host, where the backend would compile each of them."""

import contextlib
import math
import threading
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras.src.initializers import constant_initializers, random_initializers

__all__ = ["initial_values_on_host"]

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
CHUNK = 2**14
"""Numbers at a time: few enough for a processor's cache."""

# Giles (2012), "Approximating the erfinv function", single precision; highest power first. XLA uses them too.
CENTRAL: tuple[float, ...] = (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 2.1858087e-04)
CENTRAL += (-1.25372503e-03, -4.17768164e-03, 0.246640727, 1.50140941)
TAIL: tuple[float, ...] = (-2.00214257e-04, 1.00950558e-04, 1.34934322e-03, -3.67342844e-03, 5.73950773e-03)
TAIL += (-7.6224613e-03, 9.43887047e-03, 1.00167406, 2.83297682)
ALMOST_MINUS_ONE = np.nextafter(np.float32(-1.0), np.float32(0.0))
TWO_SIGMA = math.erf(math.sqrt(2.0))
BELOW_TWO = np.nextafter(np.float32(2.0), np.float32(0.0))


def threefry_bits(key: Any, size: int) -> np.ndarray:
    """Random bits `(size,)`, those of `jax.random.bits` (Salmon et al., 2011: Threefry-2x32 with 20 rounds).

    Args:
        key: two words of 32 bits.
        size: how many.
    """
    first, second = (np.uint32(word) for word in key)
    keys = (first, second, first ^ second ^ np.uint32(0x1BD11BDA))
    bits = np.empty(size, "uint32")
    counter = np.arange(min(size, CHUNK), dtype="uint32")
    high, low, shifted = (np.empty_like(counter) for _ in range(3))
    for start in range(0, size, CHUNK):
        a, b, c = (words[: size - start] for words in (high, low, shifted))
        a.fill(start >> 32)
        np.add(counter[: len(b)], np.uint32(start & 0xFFFFFFFF), out=b)
        a += keys[0]
        b += keys[1]
        for group in range(5):
            for distance in ROTATIONS[group % 2]:
                a += b
                np.left_shift(b, np.uint32(distance), out=c)
                np.right_shift(b, np.uint32(32 - distance), out=b)
                b |= c
                b ^= a
            a += keys[(group + 1) % 3]
            b += keys[(group + 2) % 3]
            b += np.uint32(group + 1)
        np.bitwise_xor(a, b, out=bits[start : start + len(b)])
    return bits


def uniform(key: Any, shape: Any, low: Any, high: Any) -> np.ndarray:
    """What `jax.random.uniform` draws in float32."""
    bits = threefry_bits(key, math.prod(shape))
    bits >>= np.uint32(9)
    bits |= np.uint32(0x3F800000)  # now the bits of numbers from 1 to 2
    low, high = np.float32(low), np.float32(high)
    # XLA rounds the product and the sum once.
    values = (bits.view("float32") - np.float32(1.0)).astype("float64") * float(high - low) + float(low)
    return np.maximum(values.astype("float32"), low).reshape(shape)


def inverse_erf(x: np.ndarray) -> np.ndarray:
    """The inverse error function in float32."""
    w = -np.log1p(-x * x)
    central = np.polyval(np.array(CENTRAL, "float32"), w - np.float32(2.5))
    tail = np.polyval(np.array(TAIL, "float32"), np.sqrt(w) - np.float32(3.0))
    return np.where(w < 5.0, central, tail) * x


class HostRandom:
    """`keras.src.backend.random` on JAX, as initializers use it, with float32 drawn on the host."""

    def __getattr__(self, name: str) -> Any:
        return getattr(keras.src.backend.random, name)

    def uniform(self, shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None) -> Any:
        seed = self.jax_draw_seed(seed)
        if not drawn_on_host(seed, dtype):
            return keras.src.backend.random.uniform(shape, minval, maxval, dtype, seed)
        return on_device(uniform(np.asarray(seed), shape, minval, maxval))

    def normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Any:
        seed = self.jax_draw_seed(seed)
        if not drawn_on_host(seed, dtype):
            return keras.src.backend.random.normal(shape, mean, stddev, dtype, seed)
        drawn = np.float32(math.sqrt(2.0)) * inverse_erf(uniform(np.asarray(seed), shape, ALMOST_MINUS_ONE, 1.0))
        return on_device(drawn * np.float32(stddev) + np.float32(mean))

    def truncated_normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
    ) -> Any:
        seed = self.jax_draw_seed(seed)
        if not drawn_on_host(seed, dtype):
            return keras.src.backend.random.truncated_normal(shape, mean, stddev, dtype, seed)
        drawn = np.float32(math.sqrt(2.0)) * inverse_erf(uniform(np.asarray(seed), shape, -TWO_SIGMA, TWO_SIGMA))
        return on_device(np.clip(drawn, -BELOW_TWO, BELOW_TWO) * np.float32(stddev) + np.float32(mean))


class HostOps:
    """`keras.ops` as initializers use it, computed with NumPy for arrays on the host."""

    def __getattr__(self, name: str) -> Any:
        operation, on_host = getattr(keras.ops, name), getattr(np, name, None)

        def run(x: Any, *args: Any, **kwargs: Any) -> Any:
            return (on_host if on_host and isinstance(x, np.ndarray) else operation)(x, *args, **kwargs)

        return run

    def qr(self, x: Any) -> Any:
        return np.linalg.qr(np.asarray(x)) if x.dtype == "float32" else keras.ops.qr(x)

    def zeros(self, shape: Any, dtype: Any = None) -> Any:
        return on_device(np.zeros(shape, keras.backend.standardize_dtype(dtype)))

    def ones(self, shape: Any, dtype: Any = None) -> np.ndarray:
        return np.ones(shape, keras.backend.standardize_dtype(dtype))

    def cast(self, x: Any, dtype: Any) -> Any:
        if isinstance(x, (bool, int, float, np.ndarray)):
            return np.asarray(x, keras.backend.standardize_dtype(dtype))
        return keras.ops.cast(x, dtype)


def on_device(values: np.ndarray) -> Any:
    """A JAX array of values. `convert_to_tensor` would compile a copy for every shape."""
    import jax

    return jax.device_put(values)


def drawn_on_host(seed: Any, dtype: Any) -> bool:
    """Whether the host draws: not in other precisions than float32, and not if the seed is yet unknown."""
    import jax

    return keras.backend.standardize_dtype(dtype) == "float32" and not isinstance(seed, jax.core.Tracer)


def same_generator() -> bool:
    """Whether JAX draws with the generator that is written out here, its default."""
    import jax

    options = ("jax_default_prng_impl", "jax_threefry_partitionable")
    return [getattr(jax.config, option, None) for option in options] == ["threefry2x32", True]


KERAS = (random_initializers.random, random_initializers.ops, constant_initializers.ops)
LOCK = threading.Lock()
BUILDING = 0


@contextlib.contextmanager
def initial_values_on_host() -> Iterator[None]:
    """While a model is built on JAX: Keras' initializers compute on the host.

    JAX compiles every draw and every constant for its shape, up to a second each, which is nearly all of the time that
    it takes to build a model. Here its generator is written in NumPy: the bits are JAX's own, and the numbers made of
    them equal JAX's up to the rounding of float32. So it does not matter that initializers outside of the model do the
    same meanwhile, in another thread. Weights that `keras.distribution` divides among devices are drawn where they are.
    """
    global BUILDING
    if keras.backend.backend() != "jax" or keras.distribution.distribution() is not None or not same_generator():
        yield
        return
    with LOCK:
        BUILDING += 1
        random_initializers.random, random_initializers.ops = HostRandom(), HostOps()
        constant_initializers.ops = HostOps()
    try:
        yield
    finally:
        with LOCK:
            BUILDING -= 1
            if not BUILDING:
                random_initializers.random, random_initializers.ops, constant_initializers.ops = KERAS
