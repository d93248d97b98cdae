"""What every test may ask for: real digits, and the shared data sets where they are."""

import functools
import gc
import itertools
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data"

EVERY_BACKEND = (
    "compat",
    "golden/test_same_on_every_backend.py",
    "layers",
    "models/test_adapt.py",
    "models/test_annealing.py",
    "models/test_call.py",
    "models/test_compilations.py",
    "models/test_compile_metrics.py",
    "models/test_conditions.py",
    "models/test_data_forms.py",
    "models/test_executions.py",
    "models/test_export.py",
    "models/test_fields.py",
    "models/test_frozen_layers.py",
    "models/test_inference.py",
    "models/test_initial_values.py",
    "models/test_keras_features.py",
    "models/test_noise.py",
    "models/test_precision.py",
    "models/test_quantize_and_lora.py",
    "models/test_saving.py",
    "models/test_sequence_data.py",
    "models/test_several_devices.py",
    "models/test_stop_on_invalid.py",
    "models/test_sums_and_flags.py",
    "models/test_threads.py",
    "optimizers",
    "scale",
    "test_gpu_check.py",
    "test_import.py",
)
"""Folders and files whose tests run on every backend: training, saving, precision, and what backends do differently.

All others run on torch, which compiles nothing, unless they are marked. What they prove holds on the others too:
tests/golden/test_same_on_every_backend.py finds the same numbers of every component there.
"""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what runs on torch only, before pytest selects by marks."""
    tests = pathlib.Path(__file__).parent
    everywhere = [tests / name for name in EVERY_BACKEND]
    for item in items:
        listed = any(path == item.path or path in item.path.parents for path in everywhere)
        if not (listed or item.get_closest_marker("every_backend") or item.get_closest_marker("on_tensorflow")):
            item.add_marker("on_torch")


@pytest.fixture(scope="session")
def digits():
    """scikit-learn's 1797 digits, `(1797, 8, 8, 1)`, float32 in [0, 1], in a fixed random order."""
    from sklearn.datasets import load_digits

    images = (load_digits().images / 16.0).astype("float32")[..., None]
    return images[np.random.default_rng(0).permutation(len(images))]


@pytest.fixture
def shared_data():
    """Function from a file name to its path in the folder of shared data sets; skips where it is missing."""

    def path_of(name):
        path = SHARED / name
        if not path.is_file():
            pytest.skip(f"the data set {name} is not in {SHARED.parent.name}/{SHARED.name} beside this checkout")
        return path

    return path_of


@pytest.fixture(autouse=True)
def fixed_seed():
    """Every test starts from the same random state and the same precision."""
    policy = keras.config.dtype_policy()
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy(policy)


@pytest.fixture(autouse=True)
def eager_on_tensorflow(request, monkeypatch):
    """Tests marked `eager` train on TensorFlow without compiling: JAX compiles the same steps."""
    if keras.backend.backend() != "tensorflow" or request.node.get_closest_marker("eager") is None:
        return
    compile_model = keras.Model.compile

    @functools.wraps(compile_model)
    def compile_eagerly(self, *args, **kwargs):
        return compile_model(self, *args, **{"run_eagerly": True, **kwargs})

    monkeypatch.setattr(keras.Model, "compile", compile_eagerly)


@pytest.fixture(scope="session", autouse=True)
def no_stacks_of_records():
    """torch writes the stack down for every tensor of a record, for a message of its own: a fifth of the time."""
    if keras.backend.backend() != "torch":
        yield
        return
    import traceback
    from unittest import mock

    from torch._subclasses import fake_tensor

    with mock.patch.object(fake_tensor, "traceback", mock.Mock(wraps=traceback, extract_stack=list)):
        yield


def pytest_collection_finish():
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def frozen_garbage():
    """What a file of tests leaves behind is not searched again: Keras leaks a graph with every `fit` on TensorFlow.

    Toward the end of the suite there were millions of objects, and one search took longer than most files.
    """
    yield
    gc.collect()
    gc.freeze()


MAPPED = pathlib.Path("/proc/self/maps")
MANY_MAPPINGS = 20000  # Linux gives a process 65530, and then XLA crashes
finished = itertools.count(1)


def pytest_runtest_teardown(item):
    """Forget what JAX has compiled before it fills the process: every compiled function maps memory of its own."""
    if keras.backend.backend() != "jax" or next(finished) % 10 or not MAPPED.exists():
        return
    with MAPPED.open("rb") as lines:
        many = sum(1 for _ in lines) > MANY_MAPPINGS
    if many:
        import jax

        jax.clear_caches()
