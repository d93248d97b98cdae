"""The device that the checks run on: its name, its memory, and how fast it multiplies and copies."""

import contextlib
import resource
import time

import keras
import numpy as np
from keras import ops


def device():
    """The device that the weights are on, in words."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU") if gpus else "CPU"
    if backend == "jax":
        import jax

        found = jax.devices()[0]
        return "CPU" if found.platform == "cpu" else found.device_kind
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def share_memory():
    """Keep TensorFlow from taking the whole GPU, where several checks run side by side; JAX has a variable for it."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)


@contextlib.contextmanager
def policy(name):
    """Models and their components are made with this dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def peak_memory():
    """The most bytes that were in use at once: of the GPU, or of the process where there is none."""
    if device() == "CPU":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    if backend == "jax":
        import jax

        return jax.devices()[0].memory_stats()["peak_bytes_in_use"]
    import torch

    return torch.cuda.max_memory_allocated()


def wait_for(tensor):
    """Wait until a tensor is computed: devices work while Python goes on."""
    return float(np.ravel(ops.convert_to_numpy(ops.cast(tensor[:1, :1], "float32")))[0])


def seconds_of(function, repeats):
    """The shortest of three means over repeated calls that follow one another."""
    wait_for(function())
    means = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(repeats):
            last = function()
        wait_for(last)
        means.append((time.perf_counter() - start) / repeats)
    return min(means)


def roofline(small):
    """What this device reaches: operations a second of a matrix product in bfloat16, and bytes a second of a copy."""
    size = 256 if small else 8192
    matrix = ops.ones((size, size), dtype="bfloat16")
    product = seconds_of(lambda: ops.matmul(matrix, matrix), 2 if small else 20)
    rows = 2**8 if small else 2**18
    numbers = ops.ones((rows, 1024), dtype="float32")
    copy = seconds_of(lambda: numbers + 1.0, 2 if small else 20)
    return 2.0 * size**3 / product, 2.0 * 4 * rows * 1024 / copy
