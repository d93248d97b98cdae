"""Does half precision work on this machine, and how fast is it? One command, on a GPU where there is one.

    python -m tests.gpu_check                 # 2400 steps under each policy
    python -m tests.gpu_check --steps 300     # a small budget, as CI runs it on a CPU
    python -m tests.gpu_check --data x.npz    # the digits from a file, where scikit-learn is missing
    python -m tests.gpu_check --all           # every check below, within 10 minutes on a GPU
    python -m tests.gpu_check --all --small   # the same in miniature, on any machine
    python -m tests.gpu_check --only roofline memory

The checks: `precision` trains the quickstart's model on the digits under float32, mixed_float16 and mixed_bfloat16;
`architectures` every network; `roofline` compares `fit` with a jitted loop and with the hardware; `epochs` one step
with 32 in an execution; `memory` policies and batch sizes; `static_mnist` three published log-likelihoods.

Exits with 1 if anything is not finite, if float16 ran without a loss scale, or if half precision is far from float32.
Speeds and log-likelihoods beyond an aim are printed as missed.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import keras

from tests.gpu_check import architectures, epochs, machine, memory, precision, roofline, static_mnist

CHECKS = {
    "precision": precision.run,
    "architectures": architectures.run,
    "roofline": roofline.run,
    "epochs": epochs.run,
    "memory": memory.run,
    "static_mnist": static_mnist.run,
}
# What measures speed runs alone; what takes long runs side by side.
ALONE = (["roofline"], ["epochs"], ["memory"])
TOGETHER = (
    *(["static_mnist", "--prior", prior] for prior in static_mnist.AIMS),
    *(["architectures", "--architectures", *list(architectures.ARCHITECTURES)[part::3]] for part in range(3)),
    ["precision"],
)
SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--all", action="store_true", help="all checks, each in a process of its own")
    what.add_argument("--only", nargs="+", choices=list(CHECKS), default=["precision"])
    parser.add_argument("--small", action="store_true", help="models and data so small that a CPU takes seconds")
    parser.add_argument("--minutes", type=float, default=10.0, help="time for --all")
    parser.add_argument("--steps", type=int, default=2400, help="gradient steps of `precision` under each policy")
    parser.add_argument(
        "--data", type=pathlib.Path, default=SHARED, help=f"digits.npz, or the folder of {static_mnist.FILE}"
    )
    parser.add_argument("--prior", choices=list(static_mnist.AIMS), help="of `static_mnist`; all by default")
    parser.add_argument("--architectures", nargs="+", choices=list(architectures.ARCHITECTURES))
    parser.add_argument("--steps-per-execution", type=int, default=1, help="of `static_mnist`")
    options = parser.parse_args(arguments)
    options.digits, options.folder = (options.data, SHARED) if options.data.suffix == ".npz" else (None, options.data)
    return options


def run_all(options, arguments):
    """Run every check as a process: first one by one, then side by side; a list of problems."""
    deadline = time.monotonic() + 60 * options.minutes
    shared = [argument for argument in arguments if argument != "--all"]
    problems = []

    def start(check):
        output = None if check in ALONE else subprocess.PIPE
        command = [sys.executable, "-m", "tests.gpu_check", "--only", *check, *shared]
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT if output else None, text=True)

    def finish(check, process):
        name = " ".join(check)
        try:
            printed, _ = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
            problems.append(f"{name}: not finished within {options.minutes:g} minutes")
        else:
            problems.extend([f"{name}: see above"] if process.returncode else [])
        if printed:
            print(f"-- {name}\n{printed}", flush=True)

    for check in ALONE:
        finish(check, start(check))
    started = [(check, start(check)) for check in TOGETHER]
    for check, process in started:
        finish(check, process)
    return problems


def main(arguments=None):
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(arguments)
    if options.all:
        problems = run_all(options, arguments)
    else:
        machine.share_memory()
        print(f"backend {keras.backend.backend()}, device {machine.device()}, Keras {keras.__version__}")
        problems = [problem for name in options.only for problem in CHECKS[name](options)]
    for problem in problems:
        print(f"FAILED {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
