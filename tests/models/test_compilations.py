"""Inference is compiled for a few numbers of rows, and what was compiled does not pile up."""

import gc
import weakref

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.inference import runner
from tests.models.small import one_hot, small_vae, vectors

COMPILES = pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch runs without being traced")
ROWS = [5, 1, 9, 33, 40, 2]
X = vectors(100)
SIZES = 3  # JAX: 1, 8 and 32 rows. TensorFlow: the first, any, and perhaps one row


@pytest.fixture(scope="module")
def vae():
    return small_vae()


@pytest.fixture
def traces(vae, monkeypatch):
    """How often a function was traced; on torch, how many batches were computed."""
    counted = []
    call = runner.BatchFunction.call
    monkeypatch.setattr(runner.BatchFunction, "call", lambda self, x: counted.append(1) or call(self, x))
    vae.runner.forget()
    return counted


METHODS = {
    "generate": lambda vae, n: vae.generate(n),
    "encode": lambda vae, n: vae.encode(X[:n]),
    "encode_distribution": lambda vae, n: vae.encode(X[:n], mode="distribution"),
    "decode": lambda vae, n: vae.decode(np.zeros((n, 2))),
    "decode_distribution": lambda vae, n: vae.decode(np.zeros((n, 2)), mode="distribution"),
    "reconstruct": lambda vae, n: vae.reconstruct(X[:n], mode="sample"),
    "predict": lambda vae, n: vae.predict(X[:n]),
    "predict_on_batch": lambda vae, n: vae.predict_on_batch(X[: min(n, 32)]),
    "elbo": lambda vae, n: vae.elbo(X[:n]),
    "log_likelihood": lambda vae, n: vae.log_likelihood(X[:n], num_samples=4, batch_size=128),
}


@COMPILES
@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_traced_for_few_numbers_of_rows(vae, traces, method):
    for n in ROWS:
        METHODS[method](vae, n)
    assert 1 <= len(traces) <= SIZES
    before = len(traces)
    METHODS[method](vae, 3)
    assert len(traces) == before


@pytest.mark.parametrize("method", METHODS)
def test_rows_that_are_added_do_not_show(vae, method):
    for n in (1, 5, 33):
        result = METHODS[method](vae, n)
        rows = ops.shape(result.mean())[0] if "distribution" in method else len(result)
        assert rows == (min(n, 32) if method == "predict_on_batch" else n)
    if method in ("encode", "decode", "predict"):
        np.testing.assert_allclose(METHODS[method](vae, 40)[:5], METHODS[method](vae, 5), atol=1e-6)


def test_the_same_draws_for_a_seed_whatever_is_added(vae):
    """A row's noise belongs to its place in the batch."""
    first = vae.generate(5, mode="sample", seed=3)
    vae.generate(32, seed=4)
    np.testing.assert_array_equal(vae.generate(5, mode="sample", seed=3), first)
    if keras.backend.backend() == "jax":
        np.testing.assert_array_equal(vae.generate(8, mode="sample", seed=3)[:5], first)
        np.testing.assert_array_equal(vae.generate(7, mode="sample", seed=3)[:5], first)


def test_everything_beside_the_data_gets_rows_too():
    vae = small_vae(condition_shape=(3,), likelihood=kv.likelihoods.Poisson(exposure=True))
    x, c, exposure = np.round(9 * vectors(5)), one_hot(5), np.arange(1.0, 6.0, dtype="float32")
    inputs = {"x": x, "condition": c, "exposure": exposure}
    together = vae.predict(inputs)
    for row in range(5):
        alone = vae.predict({name: array[row : row + 1] for name, array in inputs.items()})
        np.testing.assert_allclose(together[row : row + 1], alone, rtol=1e-4)
    np.testing.assert_allclose(
        vae.generate(5, c, exposure=exposure, temperature=0.0, fixed={0: [1.0, 0.0]}).shape, x.shape
    )


def test_large_arrays_are_not_copied(vae, monkeypatch):
    given = []
    monkeypatch.setattr(runner, "COPIED", 6 * 40)
    predict = keras.Model.predict
    monkeypatch.setattr(
        keras.Model, "predict", lambda self, x, **options: given.append(x) or predict(self, x, **options)
    )
    few, many = vectors(40), vectors(41)
    assert vae.encode(few).shape == (40, 2)
    assert vae.encode(many).shape == (41, 2)
    assert len(given[0]) == (64 if keras.backend.backend() == "jax" else 40)
    assert given[1] is many


@pytest.mark.parametrize("masked_first", [False, True])
def test_distributions_of_data_with_and_without_masks(masked_first):
    """What was traced with a mask says nothing about what runs without one."""
    vae = kv.VAE((4, 2), 3, latents=kv.latents.Markov(), likelihood="gaussian")
    x = np.zeros((2, 4, 2), "float32")
    mask = np.array([[True, True, True, False], [True, False, False, False]])
    inputs = [x, {"x": x, "mask": mask}]
    for given in [*inputs, *inputs][masked_first : masked_first + 3]:
        q = vae.encode(given, mode="distribution")
        plain = not isinstance(given, dict)
        assert (q.mask is None) == plain
        np.testing.assert_allclose(ops.convert_to_numpy(q.mean()), vae.encode(given), atol=1e-6)


def test_compiled_functions_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(runner, "MOST_FUNCTIONS", 3)
    vae = small_vae()
    x = vectors(2)
    vae.elbo(x, num_samples=1)
    dropped = weakref.ref(vae.runner.functions["elbo", 1, "sum"])
    for num_samples in (2, 3, 4, 5, 6):
        vae.predict(x)
        vae.elbo(x, num_samples=num_samples)
        assert len(vae.runner.functions) <= 3
        assert "predict" in vae.runner.functions  # in use
    gc.collect()
    assert dropped() is None
    assert vae.elbo(x, num_samples=1).shape == (2,)
