"""What importing keras_vae brings in, seen from fresh processes."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.on_torch

TRAIN = """
import sys
import numpy as np
import keras_vae as kv

kv.load_plugins()
vae = kv.VAE((4,), 2, encoder=kv.encoders.MLP((4,)), decoder=kv.decoders.MLP((4,)))
vae.compile("adam")
vae.fit(np.zeros((8, 4), "float32"), verbose=0)
vae.generate(2)
print("imported:", *sorted(name for name in sys.modules if "." not in name))
"""

BLOCK = """
import sys


class Blocked:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in {names} else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)


sys.meta_path[:] = [Blocked(finder) for finder in sys.meta_path]
"""


def python(code, backend, **kwargs):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, **kwargs)


@pytest.mark.parametrize(
    ("backend", "unwanted"),
    [
        ("tensorflow", {"tensorflow_probability", "tf_keras", "torch", "matplotlib", "sklearn"}),
        ("jax", {"tensorflow", "tensorflow_probability", "torch", "matplotlib", "sklearn"}),
        ("torch", {"tensorflow", "tensorflow_probability", "jax", "matplotlib", "sklearn"}),
    ],
)
def test_training_imports_no_other_backend(backend, unwanted):
    """Blocked, so that it also shows that nothing of it is needed."""
    pytest.importorskip(backend)
    done = python(BLOCK.format(names=sorted(unwanted)) + TRAIN, backend)
    assert done.returncode == 0, done.stderr
    assert not unwanted & set(done.stdout.split())


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_without_a_backend_the_extras_are_named(backend):
    code = BLOCK.format(names=["tensorflow", "jax", "jaxlib", "torch"]) + "import keras_vae"
    done = python(code, backend)
    assert done.returncode != 0
    assert "ImportError" in done.stderr
    for extra in ("keras-vae[tensorflow]", "keras-vae[jax]", "keras-vae[torch]", "KERAS_BACKEND"):
        assert extra in done.stderr.splitlines()[-1]


def test_packages_on_request_name_their_extra():
    """The package is imported without their libraries; in one process, since the import takes seconds."""
    code = (
        "import keras_vae as kv\n"
        + BLOCK.format(names=["matplotlib", "sklearn", "constriction"])
        + """
for name in [name for name in sys.modules if name.partition(".")[0] in ("matplotlib", "sklearn", "constriction")]:
    del sys.modules[name]
for name in ("anomaly", "compression", "tables", "plots"):
    try:
        module = getattr(kv, name)
        if name == "plots":
            module.calibration([0.5])
    except ImportError as error:
        print(name, error)
"""
    )
    said = python(code, os.environ.get("KERAS_BACKEND", "tensorflow")).stdout
    for name in ("anomaly", "compression", "tables", "plots"):
        (line,) = [line for line in said.splitlines() if line.startswith(f"{name} ")]
        assert f"pip install 'keras-vae[{name}]'" in line
    assert "keras_vae.plots needs matplotlib" in said


def test_public_names():
    import keras_vae as kv

    assert list(kv.__all__) == sorted(kv.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert all(hasattr(kv, name) for name in kv.__all__)
