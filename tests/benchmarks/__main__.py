"""All benchmarks of speed and memory, a table each, with versions and machine; a process for each backend.

    python -m tests.benchmarks
    python -m tests.benchmarks --benchmarks start_up evidence --backends jax
    python -m tests.benchmarks --quick

With `--quick` every benchmark is as small as it can be: it shows that they run, and its numbers mean nothing. What
fails is said, and the others run; the exit status is then 1. pythae, a peer, takes part where the extra `bench` is
installed.
"""

import argparse
import importlib.util
import subprocess
import sys
import time

from tests.benchmarks.measured import ROOT, environment, installed, machine

EACH, ALL = "each", "all"

# A module of this folder with a `main()`; whether it runs on each backend, or starts processes on all by itself, and
# takes `--backends`; and the arguments with which it takes seconds.
BENCHMARKS = {
    "start_up": (EACH, "--models mlp --rounds 1"),
    "fit_speed": (EACH, "--models mlp --steps 2 --rounds 1"),
    "stop_on_invalid": (EACH, "--models tiny --turns 1"),
    "architectures": (EACH, "--data digits --architectures mlp --steps 4 --rounds 2 --held-out 8"),
    "growth": (EACH, "--axes batch --steps 1 --epochs 1 --largest 2"),
    "peers": (ALL, "--models mlp --steps 2 --rounds 1"),
    "networks": (ALL, "--networks mlp --seconds 0.05 --rounds 1"),
    "jit_components": (EACH, "--components priors-standard --epochs 2"),
    "decoding": (EACH, "--decoders gru --turns 1"),
    "evidence": (EACH, "--rows 2 --samples 8 --contestants loop"),
    "particle_filter": (EACH, "--steps 3 --draws 4"),
    "reports": (EACH, "--models collapsed"),
    "disentanglement": (EACH, "--data squares --seeds 0 --steps 4 --rows 100"),
    "samplers": (EACH, "--rows 200 --epochs 1 --samples 100 --seeds 0 --samplers mixture"),
    "imputation": (EACH, "--tables wine --methods mean vae --mechanisms random --rates 0.3 --steps 2"),
    "mixture_density": (EACH, "--batch 4 --components 5 --latents 2 --repeats 1 --widths typical --forms broadcast"),
}
FULL = {"architectures": "--data digits"}
"""Arguments of a whole run, where those of the module do not suit."""


def run(name, backend, arguments):
    """Run a benchmark in a process, which prints; whether it succeeded."""
    command = [sys.executable, "-m", f"tests.benchmarks.{name}", *arguments.split()]
    start = time.perf_counter()
    done = subprocess.run(command, env=environment(backend), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        print(f"FAILED on {backend}: {' '.join(command[1:])}\n{done.stderr[-2000:]}")
    print(f"({backend}: {time.perf_counter() - start:.0f} s)\n", flush=True)
    return not done.returncode


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmarks", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--backends", nargs="+", choices=installed(), default=installed())
    parser.add_argument("--quick", action="store_true", help="as small as can be")
    options = parser.parse_args(arguments)
    peers = ["pythae"] if importlib.util.find_spec("pythae") else []
    print(machine([*options.backends, *peers]) + "\n", flush=True)
    succeeded = []
    for name in options.benchmarks:
        backends, quick = BENCHMARKS[name]
        print(f"## {name}\n", flush=True)
        own = quick if options.quick else FULL.get(name, "")
        if backends == ALL:
            succeeded.append(run(name, options.backends[0], f"{own} --backends {' '.join(options.backends)}"))
            continue
        succeeded += [run(name, backend, own) for backend in options.backends]
    return 0 if all(succeeded) else 1


if __name__ == "__main__":
    sys.exit(main())
