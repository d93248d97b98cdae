"""Faults of samplers, each of which `check_sampler` must name."""

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.testing import check_sampler
from tests.registered import own

pytestmark = pytest.mark.on_torch


@kv.samplers.register("bootstrap_of_tests", package="tests", overwrite=True)
class Bootstrap(kv.samplers.VectorSampler):
    """Stored latents with a little noise."""

    def __init__(self, noise=0.1):
        self.noise = noise

    def fit_rows(self, rows, generator, verbose):
        self.rows = rows

    def draw_rows(self, n, generator, temperature):
        rows = self.rows[generator.integers(len(self.rows), size=n)]
        return temperature * (rows + self.noise * generator.standard_normal(rows.shape))

    def get_state(self):
        return {**super().get_state(), "rows": self.rows}

    def set_state(self, state):
        super().set_state(state)
        self.rows = state["rows"]

    def get_config(self):
        return {"noise": self.noise}


def test_a_good_one_passes():
    check_sampler(Bootstrap)
    assert "bootstrap_of_tests" not in own(kv.registry.samplers)


def faulty(**members):
    """A registered subclass with other methods."""
    cls = type("Faulty", (Bootstrap,), members)
    return kv.samplers.register("faulty_of_tests", package="tests", overwrite=True)(cls)


def as_is(self, n, *, seed=None, temperature=1.0):
    return kv.samplers.VectorSampler.sample(self, n, seed=seed, temperature=temperature)


FAULTS = {
    "config": ({"get_config": lambda self: {}}, "leaves out the constructor argument 'noise'"),
    "not itself": (
        {"fit": lambda self, z, **options: Bootstrap.fit(self, z, **options) and None},
        "the sampler itself",
    ),
    "no tuple": ({"sample": lambda self, n, **options: as_is(self, n, **options)[0]}, "a tuple of arrays"),
    "float64": (
        {"sample": lambda self, n, **options: tuple(z.astype("float64") for z in as_is(self, n, **options))},
        "of float32",
    ),
    "seed": ({"sample": lambda self, n, seed=None, temperature=1.0: as_is(self, n)}, "the same draws in every call"),
    "always one seed": (
        {"sample": lambda self, n, seed=None, temperature=1.0: as_is(self, n, seed=0, temperature=temperature)},
        "other draws than",
    ),
    "all equal": (
        {"draw_rows": lambda self, n, generator, temperature: np.tile(generator.normal(size=(1, self.width)), (n, 1))},
        "all rows are equal",
    ),
    "temperature": (
        {"draw_rows": lambda self, n, generator, temperature: Bootstrap.draw_rows(self, n, generator, 1.0)},
        "temperature=0.25",
    ),
    "moved": (
        {
            "draw_rows": lambda self, n, generator, temperature: (
                1.0 + Bootstrap.draw_rows(self, n, generator, temperature)
            )
        },
        "the mean of the draws",
    ),
    "too wide": (
        {"draw_rows": lambda self, n, generator, temperature: Bootstrap.draw_rows(self, n, generator, 2 * temperature)},
        "the standard deviation of the draws",
    ),
    "lost state": (
        {"get_state": lambda self: {**Bootstrap.get_state(self), "scale": np.ones(self.width, "float32")}},
        "gives other draws",
    ),
    "slash": ({"get_state": lambda self: {"a/b": np.zeros(2)}}, "no '/'"),
    "length": (
        {"build": lambda self, shapes, spaces=None: setattr(self, "level_shapes", tuple(shapes))},
        "unknown length",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault):
    members, message = FAULTS[fault]
    cls = faulty(**members)
    with pytest.raises(AssertionError, match=message):
        check_sampler(cls, checks=["refusals"] if fault == "length" else None)


def test_a_sampler_that_trains_the_model_is_found():
    models = []

    def fit_sampler(self, *args, **options):
        models.append(self)
        return original(self, *args, **options)

    def fit_rows(self, rows, generator, verbose):
        if models:
            weight = models[-1].trainable_weights[0]
            weight.assign(weight + 1.0)
        Bootstrap.fit_rows(self, rows, generator, verbose)

    original = kv.VAE.fit_sampler
    cls = faulty(fit_rows=fit_rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kv.VAE, "fit_sampler", fit_sampler)
        with pytest.raises(AssertionError, match="must not change the weights"):
            check_sampler(cls, checks=["model"])


def test_wrong_arguments_of_the_check():
    with pytest.raises(TypeError, match="a class or a function that makes fresh instances"):
        check_sampler(Bootstrap())
    with pytest.raises(ValueError, match="`checks` must hold names"):
        check_sampler(Bootstrap, checks=["density"])
