"""One small value of every distribution class, and their draws under version 0.1.

`python -m tests.distributions.cases` wrote `draws_of_0_1.json` with the code of version 0.1, once for each backend.
"""

import json
import pathlib

import keras
import numpy as np
from keras import ops

from keras_vae import distributions as d
from keras_vae.layers import AffineCoupling, InverseAutoregressive

FILE = pathlib.Path(__file__).with_name("draws_of_0_1.json")
SEED = 5
TEMPERATURES = (1.0, 0.5, 0.0)
BATCH = 3


def parameters(*shape, low=-1.0, high=1.0, seed=0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype("float32")


def flow(make):
    """A flow of two steps, each of which sees another context in every row."""
    context = parameters(BATCH, 3, seed=3)
    steps = [make(False), make(True)]
    for index, step in enumerate(steps):
        step.build((None, 2), (None, 3))
        for number, weight in enumerate(step.weights):
            weight.assign(0.5 * parameters(*weight.shape, seed=10 * index + number))
    base = d.Gaussian(parameters(BATCH, 2), parameters(BATCH, 2, seed=1))
    return d.Transformed.through(base, steps, ops.convert_to_tensor(context))


def mixture(batch_size):
    loc = 3 * parameters(4, 2)
    return d.GaussianMixture(loc, parameters(4, 2, seed=1) - 1, parameters(4, seed=2), batch_size=batch_size)


def pixels():
    sizes = (BATCH, 2, 2)
    loc, log_scale = parameters(*sizes, 3, 2), parameters(*sizes, 3, 2, seed=1) - 3
    coefficients = parameters(*sizes, 3, 2, seed=2)
    return d.DiscretizedLogisticMixture(parameters(*sizes, 2, seed=3), loc, log_scale, coefficients, num_levels=16)


def cholesky():
    return np.tril(0.3 * parameters(BATCH, 3, 3)) + 0.7 * np.eye(3, dtype="float32")


def directions():
    loc = parameters(BATCH, 3)
    return loc / np.linalg.norm(loc, axis=-1, keepdims=True)


ELEMENTS = {
    "Bernoulli": lambda shape, **more: d.Bernoulli(2 * parameters(*shape), **more),
    "Beta": lambda shape, **more: d.Beta(1 + parameters(*shape), 1 + parameters(*shape, seed=1), **more),
    "BetaBinomial": lambda shape, **more: d.BetaBinomial(
        1 + parameters(*shape), 1 + parameters(*shape, seed=1), num_trials=20, **more
    ),
    "Categorical": lambda shape, **more: d.Categorical(2 * parameters(*shape, 4), **more),
    "ContinuousBernoulli": lambda shape, **more: d.ContinuousBernoulli(2 * parameters(*shape), **more),
    "DiscretizedLogistic": lambda shape, **more: d.DiscretizedLogistic(
        parameters(*shape), parameters(*shape, seed=1) - 2, num_levels=16, **more
    ),
    "Gaussian": lambda shape, **more: d.Gaussian(parameters(*shape), parameters(*shape, seed=1), **more),
    "Laplace": lambda shape, **more: d.Laplace(parameters(*shape), parameters(*shape, seed=1), **more),
    "LogNormal": lambda shape, **more: d.LogNormal(parameters(*shape), parameters(*shape, seed=1), **more),
    "NegativeBinomial": lambda shape, **more: d.NegativeBinomial(
        2 + parameters(*shape), 1 + parameters(*shape, seed=1), **more
    ),
    "Poisson": lambda shape, **more: d.Poisson(2 + parameters(*shape), **more),
    "SpikeAndSlab": lambda shape, **more: d.SpikeAndSlab(
        parameters(*shape), parameters(*shape, seed=1) - 4, parameters(*shape, seed=2), **more
    ),
    "StudentT": lambda shape, **more: d.StudentT(
        parameters(*shape), parameters(*shape, seed=1), 1 + parameters(*shape, seed=2), **more
    ),
    "ZeroInflated": lambda shape, **more: d.ZeroInflated(
        d.Poisson(2 + parameters(*shape)), parameters(*shape, seed=1) - 1, **more
    ),
}
"""Those of independent elements: functions of the shape, and of `event_ndims` and `mask`."""

CASES = {
    **{name: (lambda make=make: make((BATCH, 2))) for name, make in ELEMENTS.items()},
    "Gaussian of broadcast parameters": lambda: d.Gaussian(parameters(BATCH, 2), parameters(2, seed=1)),
    "DiscretizedLogisticMixture": pixels,
    "ExpertMixture": lambda: d.ExpertMixture(
        3 * parameters(BATCH, 4, 2), parameters(BATCH, 4, 2, seed=1) - 1, parameters(BATCH, 4, seed=2)
    ),
    "GaussianMixture": lambda: mixture(BATCH),
    "Multinomial": lambda: d.Multinomial(2 * parameters(BATCH, 4), np.array([7.0, 1.0, 300.0], "float32")),
    "MultivariateGaussian": lambda: d.MultivariateGaussian(parameters(BATCH, 3), cholesky()),
    "OneHotCategorical": lambda: d.OneHotCategorical(2 * parameters(BATCH, 2, 4)),
    "Transformed by couplings": lambda: flow(lambda flip: AffineCoupling((8,), flip=flip)),
    "Transformed by inverse autoregression": lambda: flow(lambda flip: InverseAutoregressive(8, reverse=flip)),
    "RiemannianNormal": lambda: d.RiemannianNormal(0.6 * parameters(BATCH, 2), parameters(BATCH, seed=1), 0.8),
    "WrappedNormal": lambda: d.WrappedNormal(0.6 * parameters(BATCH, 2), parameters(BATCH, 2, seed=1), 0.8),
    "VonMisesFisher": lambda: d.VonMisesFisher(directions(), 5 + 4 * parameters(BATCH)),
}


def noise():
    """Numbers by which to see that this machine draws as the one that wrote the file."""
    draws = [keras.random.uniform((3,), seed=SEED), keras.random.normal((3,), seed=SEED)]
    return np.concatenate([ops.convert_to_numpy(draw) for draw in draws])


def write():
    stored = json.loads(FILE.read_text()) if FILE.is_file() else {}
    draws = {
        name: {str(t): ops.convert_to_numpy(make().sample(SEED, temperature=t)).tolist() for t in TEMPERATURES}
        for name, make in CASES.items()
    }
    stored[keras.backend.backend()] = {"noise": noise().tolist(), "draws": draws}
    FILE.write_text(json.dumps(stored) + "\n")


if __name__ == "__main__":
    write()
