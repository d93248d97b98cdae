"""Models of all priors, and of objectives of each kind, on two devices or in two processes: as on one, on equal rows.

Each engine starts once, in processes of its own, since devices are set up before the backend starts.
"""

import os
import pathlib
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_vae import registry
from tests.registered import own
from tests.scale.worker import OBJECTIVES

pytestmark = pytest.mark.on_torch

ROOT = pathlib.Path(__file__).resolve().parents[2]


PRIORS = list(own(registry.priors))
FAST_COMPILER = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
OLDER_EMITTERS = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"  # as in the Makefile
LOGS = {"fit loss", "fit reconstruction_loss", "weights"}


def start(engine, folder, backend, processes=1, flags=""):
    """What the processes of an engine have seen, by process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    older = OLDER_EMITTERS if backend == "jax" else ""  # TensorFlow may not know them
    environment = {**os.environ, "KERAS_BACKEND": backend, "XLA_FLAGS": f"{FAST_COMPILER} {older} {flags}"}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.scale.worker", engine, str(folder), str(process), address],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for process in range(processes)
    ]
    try:
        printed = [process.communicate(timeout=900)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    assert all(process.returncode == 0 for process in started), "\n".join(text[-3000:] for text in printed)
    seen = []
    for process in range(processes):
        with np.load(folder / f"{engine}-{process}.npz") as arrays:
            seen.append({name: arrays[name] for name in arrays.files})
    return seen


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    pytest.importorskip("tensorflow")
    return start("mirrored", tmp_path_factory.mktemp("mirrored"), "tensorflow")[0]


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    pytest.importorskip("jax")
    two = "--xla_force_host_platform_device_count=2"
    return start("devices", tmp_path_factory.mktemp("devices"), "jax", flags=two)[0]


@pytest.fixture(scope="module")
def jax_processes(tmp_path_factory, devices):
    folder = tmp_path_factory.mktemp("jax_processes")
    one = {name: values for name, values in devices.items() if name.startswith("one/")}
    return folder, [{**one, **seen} for seen in start("jax_processes", folder, "jax", processes=2)]


@pytest.fixture(scope="module")
def torch_processes(tmp_path_factory):
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("torch_processes")
    first, second = start("torch_processes", folder, "torch", processes=2)
    one = {name: values for name, values in first.items() if name.startswith("one/")}
    return folder, [first, {**one, **second}]


def assert_as_one(seen, engine, objective):
    """The losses, metrics and weights of an engine are those of one device; each prior has a KL of its own."""
    compared = {name: values for name, values in seen.items() if name.startswith(f"one/{objective}/")}
    logs = {name.rsplit("/", 1)[1] for name in compared}
    assert logs >= LOGS
    if objective == OBJECTIVES[-1]:
        number = len(PRIORS) - (engine != "mirrored")  # "tfp" is for TensorFlow
        assert logs >= {f"fit kl_loss_{group}" for group in range(1, number + 1)}
    for name, values in compared.items():
        together = seen[name.replace("one/", f"{engine}/")]
        np.testing.assert_allclose(together, values, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("objective", OBJECTIVES)
class TestAsOnOneDevice:
    def test_mirrored_strategy(self, mirrored, objective):
        assert_as_one(mirrored, "mirrored", objective)

    def test_data_parallel(self, devices, objective):
        assert_as_one(devices, "data_parallel", objective)

    def test_model_parallel(self, devices, objective):
        assert_as_one(devices, "model_parallel", objective)
        assert devices[f"model_parallel/{objective}/sharded"]

    def test_jax_processes(self, jax_processes, objective):
        for seen in jax_processes[1]:
            assert_as_one(seen, "jax_processes", objective)

    def test_torch_processes(self, torch_processes, objective):
        for seen in torch_processes[1]:
            assert_as_one(seen, "torch_processes", objective)


def test_devices_draw_their_own_noise(mirrored, devices):
    for noise in (mirrored["mirrored/noise"], devices["data_parallel/noise"]):
        assert (np.abs(noise) > 1e-3).all()


def test_processes_draw_their_own_noise_and_log_one_number(jax_processes, torch_processes):
    for engine, (_, seen) in (("jax_processes", jax_processes), ("torch_processes", torch_processes)):
        noise = [process[f"{engine}/noise"] for process in seen]
        np.testing.assert_allclose(*noise, rtol=1e-6)
        assert (np.abs(noise[0]) > 1e-3).all()


def test_one_process_writes_the_file(jax_processes, torch_processes):
    for engine, (folder, seen) in (("jax_processes", jax_processes), ("torch_processes", torch_processes)):
        last = [name for name in seen[0] if name.startswith(f"{engine}/") and name.endswith("/weights")][-1]
        vae = keras.saving.load_model(folder / f"{engine}.keras")
        loaded = np.concatenate([keras.ops.convert_to_numpy(weight).ravel() for weight in vae.trainable_weights])
        np.testing.assert_allclose(loaded, seen[1][last], rtol=1e-6)


def test_the_page_says_what_two_processes_meet(jax_processes):
    page = (ROOT / "docs" / "scale.md").read_text()
    for seen in jax_processes[1]:
        sentence = str(seen["jax_processes/error"]).replace("`", "").partition(". ")[0]
        assert sentence in page.replace("`", "")
