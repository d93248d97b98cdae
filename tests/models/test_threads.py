"""Inference from several threads gives what it gives from one."""

import concurrent.futures
import copy
import pickle
import threading

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

X = vectors(4)
CALLS = range(16)


def in_threads(function):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(function, CALLS))


@pytest.fixture(scope="module")
def vae():
    return small_vae()


METHODS = {
    "generate": lambda vae, i: vae.generate(3, mode="sample", seed=i, temperature=0.1 + i),
    "elbo": lambda vae, i: vae.elbo(X, seed=i),
    "predict": lambda vae, i: vae.predict(X[: 1 + i % 3]),
}


@pytest.mark.parametrize("method", METHODS)
def test_threads_do_not_mix(vae, method):
    alone = [METHODS[method](vae, i) for i in CALLS]
    for one, other in zip(alone, in_threads(lambda i: METHODS[method](vae, i)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_methods_of_one_model_in_threads():
    """Different ones at once, some of them compiled meanwhile."""
    vae, names = small_vae(), list(METHODS)
    found = in_threads(lambda i: METHODS[names[i % 3]](vae, i))
    for i, value in enumerate(found):
        np.testing.assert_array_equal(value, METHODS[names[i % 3]](vae, i))


def test_a_call_inside_a_call_keeps_its_temperature():
    """A generator of data that calls the model, or a callback of `predict`, runs in the same thread."""
    vae = small_vae()
    vae.generate(2, temperature=0.5)
    vae.predict(X, callbacks=[keras.callbacks.LambdaCallback(on_predict_begin=lambda _: vae.generate(temperature=0.1))])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(vae.runner.temperature), [1.0, 1.0])


@pytest.mark.parametrize("duplicate", [lambda vae: pickle.loads(pickle.dumps(vae)), copy.deepcopy])
def test_copies_have_locks_of_their_own(vae, duplicate):
    vae.predict(X)
    other = duplicate(vae)
    assert other.runner.lock is not vae.runner.lock
    np.testing.assert_allclose(other.elbo(X, seed=1), vae.elbo(X, seed=1), rtol=1e-5)
    clone = keras.models.clone_model(vae)
    clone.set_weights(vae.get_weights())
    np.testing.assert_allclose(clone.predict(X), vae.predict(X), rtol=1e-5)


def test_another_thread_while_fit_runs():
    """On JAX it is told that the weights are in use; elsewhere it gets reconstructions, and never x itself."""
    vae = compiled(small_vae(), keras.optimizers.SGD(0.0))
    expected = vae.predict(X)
    found, errors, in_step, done = [], [], threading.Event(), threading.Event()

    class Slow(kv.objectives.ELBO):
        def loss(self, terms):
            in_step.set()
            done.wait(30)
            return super().loss(terms)

    def ask():
        in_step.wait(30)
        try:
            found.append(vae.predict(X))
            found.append(keras.ops.convert_to_numpy(vae(X)))
        except RuntimeError as error:
            errors.append(str(error))
        finally:
            done.set()

    vae.objective = Slow()
    thread = threading.Thread(target=ask)
    thread.start()
    vae.fit(X, verbose=0, epochs=2)
    thread.join()
    if keras.backend.backend() == "jax":
        assert "another thread" in errors[0]
    else:
        np.testing.assert_allclose(found[0], expected, rtol=1e-5)
        np.testing.assert_allclose(found[1], expected, rtol=1e-5)
    np.testing.assert_allclose(vae.predict(X), expected, rtol=1e-5)
