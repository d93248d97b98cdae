"""Draws that Keras does not have, or that TensorFlow's XLA cannot compile."""

import numbers

import keras
from keras import ops

from keras_vae.arguments import non_negative_number
from keras_vae.backend import StepSeed, one_operation
from keras_vae.distributions.gamma_functions import log_poisson
from keras_vae.hints import Seed, Shape, Tensor

__all__ = [
    "COLDEST",
    "NEVER",
    "at_least",
    "at_temperature",
    "draw_binomial",
    "draw_log_gamma",
    "draw_multinomial",
    "draw_poisson",
    "log_temperature",
    "other_noise",
    "repeated",
    "several",
    "with_samples",
]

ROUNDS = 8
"""Proposals of a rejection sampler, which accept 95% or more each: none is accepted once in 10^10 draws."""
SMALL_RATE = 12.0
SMALL_COUNTS = 60
NEVER = -1e30
"""Logit of a category that is never drawn: finite, so that differences of two are."""
COLDEST = 1e-9
"""Scales are multiplied by no less: draws are the location to float32, and densities stay finite."""


def several(seed: Seed) -> Seed:
    """What gives other noise at every use, as a generator or None does, and an int does not.

    >>> import keras
    >>> from keras_vae.distributions.draws import several
    >>> seed = several(3)
    >>> float(keras.random.uniform((), seed=seed)) == float(keras.random.uniform((), seed=seed))
    False
    """
    return StepSeed(StepSeed.key(seed), 0) if isinstance(seed, numbers.Integral) else seed


def other_noise(seed: Seed, use: int) -> Seed:
    """The seed of another draw of the same call, which would have the same noise with the same int.

    Args:
        seed: an int, which is changed, or a `SeedGenerator`, whose draws differ anyhow.
        use: number of the draw, from 1 on.

    >>> from keras_vae.distributions.draws import other_noise
    >>> other_noise(3, 1)
    7922
    """
    return (int(seed) + 7919 * use) % 2**31 if isinstance(seed, numbers.Integral) else seed


def with_samples(shape: Shape, num_samples: int | None) -> Shape:
    """The shape of draws: that of one draw for each leading index, behind the axis of samples, if there is one.

    >>> from keras_vae.distributions.draws import with_samples
    >>> with_samples((3, 2), None), with_samples((3, 2), 5)
    ((3, 2), (5, 3, 2))
    """
    return tuple(shape) if num_samples is None else (num_samples, *shape)


def repeated(parameter: Tensor, num_samples: int | None) -> Tensor:
    """A parameter `(...)` for every sample, `(num_samples, ...)`; as it is where there is no such axis.

    >>> from keras import ops
    >>> from keras_vae.distributions.draws import repeated
    >>> tuple(repeated(ops.ones((3, 2)), 5).shape)
    (5, 3, 2)
    """
    return parameter if num_samples is None else ops.broadcast_to(parameter, (num_samples, *ops.shape(parameter)))


def at_least(temperature: Tensor | float, least: float) -> Tensor:
    """A temperature as a float32 tensor, which may be divided by; a number is checked.

    >>> from keras_vae.distributions.draws import at_least
    >>> float(at_least(0.5, 1e-6))
    0.5
    """
    if isinstance(temperature, numbers.Real):
        temperature = non_negative_number(temperature, "temperature")
    return ops.maximum(ops.cast(temperature, "float32"), least)


def log_temperature(temperature: Tensor | float) -> Tensor:
    """What a temperature adds to a log scale: exactly zero at one, and finite at zero.

    >>> from keras_vae.distributions.draws import log_temperature
    >>> float(log_temperature(1.0))
    0.0
    """
    return ops.log(at_least(temperature, COLDEST))


def at_temperature(drawn: Tensor, mode: Tensor, temperature: Tensor | float, highest: float) -> Tensor:
    """A draw of a whole number from 0 to `highest`, pulled towards the mode in proportion, and rounded."""
    moved = mode + ops.round(ops.cast(temperature, "float32") * (drawn - mode))
    return ops.clip(moved, 0.0, highest)  # above a temperature of one draws move away from the mode


def draw_log_gamma(shape_parameter: Tensor, seed: Seed) -> Tensor:
    """Log of a draw from Gamma(shape, 1), elementwise, without a gradient (Marsaglia and Tsang, 2000).

    In logs, because draws of a small shape underflow. `keras.random.gamma` does not compile under
    TensorFlow's XLA.

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_vae.distributions.draws import draw_log_gamma
    >>> draws = np.exp(ops.convert_to_numpy(draw_log_gamma(ops.full((4000,), 3.0), seed=0)))
    >>> bool(abs(draws.mean() - 3.0) < 0.2)
    True
    """
    return _draw_log_gamma(shape_parameter, StepSeed.key(seed))


@one_operation
def _draw_log_gamma(shape_parameter: Tensor, key: Tensor) -> Tensor:
    shape = ops.shape(shape_parameter)
    small = shape_parameter < 1.0
    d = ops.where(small, shape_parameter + 1.0, shape_parameter) - 1.0 / 3.0
    c = 1.0 / ops.sqrt(9.0 * d)

    def propose(step: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        drawn, accepted = state
        seeds = StepSeed(key, step)
        normal = keras.random.normal(shape, dtype="float32", seed=seeds)
        uniform = keras.random.uniform(shape, 1e-7, 1.0, dtype="float32", seed=seeds)
        root = 1.0 + c * normal
        log_cube = 3.0 * ops.log(ops.maximum(root, 1e-6))
        bound = 0.5 * ops.square(normal) + d * (1.0 - ops.exp(log_cube) + log_cube)
        good = ops.logical_and(root > 1e-6, ops.log(uniform) < bound)
        drawn = ops.where(ops.logical_and(good, ops.logical_not(accepted)), ops.log(d) + log_cube, drawn)
        return drawn, ops.logical_or(accepted, good)

    drawn, _ = ops.fori_loop(0, ROUNDS, propose, (ops.log(d), ops.zeros(shape, dtype="bool")))
    uniform = keras.random.uniform(shape, 1e-7, 1.0, dtype="float32", seed=StepSeed(key, ROUNDS))
    return ops.where(small, drawn + ops.log(uniform) / ops.minimum(shape_parameter, 1.0), drawn)


def draw_poisson(rate: Tensor, seed: Seed) -> Tensor:
    """A draw from Poisson(rate), elementwise, float32, without a gradient.

    Small rates by inversion; large ones by the transformed rejection of Hormann (1993). Keras has no such
    draw.

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_vae.distributions.draws import draw_poisson
    >>> draws = ops.convert_to_numpy(draw_poisson(ops.full((4000,), 3.0), seed=0))
    >>> bool(abs(draws.mean() - 3.0) < 0.2)
    True
    """
    return _draw_poisson(rate, StepSeed.key(seed))


@one_operation
def _draw_poisson(rate: Tensor, key: Tensor) -> Tensor:
    small = ops.minimum(rate, SMALL_RATE)
    uniform = keras.random.uniform(ops.shape(rate), dtype="float32", seed=StepSeed(key, 2 * ROUNDS))
    first = ops.exp(-small)

    def count(step: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        p, below, drawn = state
        drawn = drawn + ops.cast(uniform > below, "float32")
        p = p * small / (ops.cast(step, "float32") + 1.0)
        return p, below + p, drawn

    few = ops.fori_loop(0, SMALL_COUNTS, count, (first, first, ops.zeros_like(rate)))[2]
    return ops.where(rate < SMALL_RATE, few, _draw_large_poisson(ops.maximum(rate, SMALL_RATE), key))


def _draw_large_poisson(rate: Tensor, key: Tensor) -> Tensor:
    """Algorithm PTRS, for rates of at least 10; a round accepts eight proposals in ten, and more for larger rates."""
    shape = ops.shape(rate)
    b = 0.931 + 2.53 * ops.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    squeeze = 0.9277 - 3.6224 / (b - 2.0)

    def propose(step: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        drawn, accepted = state
        seeds = StepSeed(key, step)
        u = keras.random.uniform(shape, dtype="float32", seed=seeds) - 0.5
        v = keras.random.uniform(shape, 1e-7, 1.0, dtype="float32", seed=seeds)
        us = ops.maximum(0.5 - ops.abs(u), 1e-7)
        k = ops.floor((2.0 * a / us + b) * u + rate + 0.43)
        safe = ops.maximum(k, 0.0)
        score = ops.log(v * inverse_alpha / (a / ops.square(us) + b))
        at_once = ops.logical_and(us >= 0.07, v <= squeeze)
        good = ops.logical_or(at_once, score <= log_poisson(safe, rate))
        good = ops.logical_and(good, ops.logical_and(k >= 0.0, ops.logical_or(us >= 0.013, v <= us)))
        drawn = ops.where(ops.logical_and(good, ops.logical_not(accepted)), safe, drawn)
        return drawn, ops.logical_or(accepted, good)

    return ops.fori_loop(0, 2 * ROUNDS, propose, (ops.round(rate), ops.zeros(shape, dtype="bool")))[0]


def draw_binomial(trials: Tensor, probability: Tensor, seed: Seed) -> Tensor:
    """A draw from Binomial(trials, probability), elementwise, float32, without a gradient.

    Small means by inversion; large ones by the transformed rejection of Hormann (1993). `keras.random.binomial`
    does not compile under TensorFlow's XLA.

    >>> from keras import ops
    >>> from keras_vae.distributions.draws import draw_binomial
    >>> draws = ops.convert_to_numpy(draw_binomial(ops.full((4000,), 9.0), ops.full((4000,), 0.25), seed=0))
    >>> bool(abs(draws.mean() - 2.25) < 0.1)
    True
    """
    return _draw_binomial(trials, probability, StepSeed.key(seed))


@one_operation
def _draw_binomial(trials: Tensor, probability: Tensor, key: Tensor) -> Tensor:
    # the rarer outcome is counted
    rare = ops.minimum(probability, 1.0 - probability)
    many = trials * rare >= SMALL_RATE
    few = _draw_few(ops.where(many, 0.0, trials), rare, key)
    drawn = ops.where(many, _draw_many(ops.where(many, trials, 100.0), ops.where(many, rare, 0.5), key), few)
    return ops.where(probability > 0.5, trials - drawn, drawn)


def _draw_few(trials: Tensor, probability: Tensor, key: Tensor) -> Tensor:
    """By inversion, for a mean of less than `SMALL_RATE` and a probability of at most one half."""
    uniform = keras.random.uniform(ops.shape(trials), dtype="float32", seed=StepSeed(key, 2 * ROUNDS))
    odds = probability / (1.0 - probability)
    first = ops.exp(trials * ops.log1p(-probability))

    def count(step: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        p, below, drawn = state
        k = ops.cast(step, "float32")
        drawn = drawn + ops.cast(uniform > below, "float32")
        p = p * odds * ops.maximum(trials - k, 0.0) / (k + 1.0)
        return p, below + p, drawn

    drawn = ops.fori_loop(0, SMALL_COUNTS, count, (first, first, ops.zeros_like(trials)))[2]
    return ops.minimum(drawn, trials)  # the probabilities may add up to a little less than one


def _draw_many(trials: Tensor, probability: Tensor, key: Tensor) -> Tensor:
    """Algorithm BTRS, for means of at least 10 and a probability of at most one half."""
    shape = ops.shape(trials)
    mean, others = trials * probability, trials * (1.0 - probability)
    spread = ops.sqrt(mean * (1.0 - probability))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * probability
    alpha = (2.83 + 5.1 / b) * spread
    squeeze = 0.92 - 4.2 / b

    def log_p(k: Tensor) -> Tensor:
        # but for a constant: successes and failures, as two Poisson variables whose sum is known
        return log_poisson(k, mean) + log_poisson(trials - k, others)

    highest = log_p(ops.floor((trials + 1.0) * probability))

    def propose(step: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        drawn, accepted = state
        seeds = StepSeed(key, step)
        u = keras.random.uniform(shape, dtype="float32", seed=seeds) - 0.5
        v = keras.random.uniform(shape, 1e-7, 1.0, dtype="float32", seed=seeds)
        us = ops.maximum(0.5 - ops.abs(u), 1e-7)
        k = ops.floor((2.0 * a / us + b) * u + mean + 0.5)
        safe = ops.clip(k, 0.0, trials)
        score = ops.log(v * alpha / (a / ops.square(us) + b))
        at_once = ops.logical_and(us >= 0.07, v <= squeeze)
        good = ops.logical_or(at_once, score <= log_p(safe) - highest)
        good = ops.logical_and(good, k == safe)
        drawn = ops.where(ops.logical_and(good, ops.logical_not(accepted)), safe, drawn)
        return drawn, ops.logical_or(accepted, good)

    return ops.fori_loop(0, 2 * ROUNDS, propose, (ops.round(mean), ops.zeros(shape, dtype="bool")))[0]


def draw_multinomial(logits: Tensor, total: Tensor, seed: Seed) -> Tensor:
    """Counts of `total` draws from K categories, `(..., K)`, float32, without a gradient.

    The total is divided between two halves of the categories, each part between their halves, and so on: a binomial
    draw each time, so that time and memory do not grow with the total.

    Args:
        logits: unnormalised log probabilities, `(..., K)`.
        total: whole numbers, `(...)`.
        seed: an int or a `keras.random.SeedGenerator`.

    >>> from keras import ops
    >>> from keras_vae.distributions.draws import draw_multinomial
    >>> float(ops.sum(draw_multinomial(ops.zeros((1, 3)), ops.array([1000.0]), seed=0)))
    1000.0
    """
    seeds = several(seed)
    categories, halves = logits.shape[-1], []
    while logits.shape[-1] > 1:
        if logits.shape[-1] % 2:
            logits = ops.concatenate([logits, ops.full_like(logits[..., :1], NEVER)], axis=-1)
        first, second = logits[..., ::2], logits[..., 1::2]
        halves.append(ops.sigmoid(first - second))
        logits = ops.logaddexp(first, second)
    counts = ops.broadcast_to(ops.cast(total, "float32")[..., None], ops.shape(logits))
    for probability in reversed(halves):
        counts = counts[..., : probability.shape[-1]]
        first = draw_binomial(counts, probability, seeds)
        counts = ops.stack([first, counts - first], axis=-1)
        counts = ops.reshape(counts, (*ops.shape(probability)[:-1], 2 * probability.shape[-1]))
    return counts[..., :categories]
