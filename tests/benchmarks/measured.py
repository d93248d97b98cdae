"""What benchmarks share: processes of their own, their time and memory, and what they ran on."""

import importlib.metadata
import importlib.util
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

BACKENDS = ("tensorflow", "jax", "torch")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def installed():
    """The backends that are installed."""
    return [name for name in BACKENDS if importlib.util.find_spec(name)]


def machine(packages=()):
    """A line that says what was measured on, with the versions of packages."""
    processor = platform.processor() or platform.machine()
    if pathlib.Path("/proc/cpuinfo").exists():
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), processor)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("keras", *packages))
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{processor}, {os.cpu_count()} cores{load}, Python {platform.python_version()}, {versions}"


def environment(backend, threads=None):
    """The environment of a process on a backend.

    Args:
        backend: name.
        threads: 1 for a process with a single thread; None leaves it to the backend.
    """
    own = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if threads == 1:
        flags = f"{own.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"
        names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        own.update(dict.fromkeys(names, "1"), XLA_FLAGS=flags.strip())
    return own


def in_a_process(module, *arguments, backend, threads=None):
    """What `answer` printed in `python -m module arguments`.

    Raises:
        RuntimeError: the process failed.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, env=environment(backend, threads), cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed on {backend}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


class Answering:
    """A process that answers every line with a number, so that several can take turns.

    Args:
        command: what runs in it.
        env: its environment.
    """

    def __init__(self, command, env):
        self.command = command
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, word=""):
        """The number that it answers with.

        Raises:
            RuntimeError: the process has ended.
        """
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{' '.join(self.command)} ended while it ran {word!r}; its error is above.")
        return float(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def epoch_clock():
    """A callback that puts the seconds of process time of every epoch into its list `seconds`."""
    import keras

    class Clock(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seconds = []

        def on_epoch_begin(self, epoch, logs=None):
            self.start = time.process_time()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds.append(time.process_time() - self.start)

    return Clock()


def answer(**values):
    """Print what the process that asked gets."""
    print(json.dumps(values), flush=True)


def memory(name):
    """A number of MiB from Linux' account of this process: `VmRSS` is in use, `VmHWM` was the most; NaN elsewhere."""
    status = pathlib.Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), float("nan"))


def timed(function):
    """Result, seconds, seconds of process time, and the memory in MiB that it took beyond what was in use."""
    resets = pathlib.Path("/proc/self/clear_refs")
    if resets.exists():
        resets.write_text("5")  # the most so far is what is in use now
    before, start, own = memory("VmRSS"), time.perf_counter(), time.process_time()
    result = function()
    seconds, own = time.perf_counter() - start, time.process_time() - own
    return result, seconds, own, memory("VmHWM") - before
