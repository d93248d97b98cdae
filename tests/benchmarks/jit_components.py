"""`jit_compile=True` on torch for every registered component: does Inductor compile it, and what is gained?

    KERAS_BACKEND=torch python -m tests.benchmarks.jit_components
    KERAS_BACKEND=torch python -m tests.benchmarks.jit_components --components priors-standard encoders-gru

The small models of the contract checks, four batches of 3 rows an epoch, on one thread; weights, data and order are
equal. *First* is the epoch that records and compiles, *step* the median of later ones, both in process time; *as it is*
has the defaults of `compile`, recorded from the first step on. The last column is the largest relative difference
between the losses of the two.
"""

import argparse
import re
import statistics
import warnings

import keras
import numpy as np

from keras_vae.backend import recorded_steps
from keras_vae.testing.subject import with_condition
from tests.benchmarks.measured import epoch_clock
from tests.contracts.cases import CASES, small_model

STEPS, ROWS = 4, 3
REASON = re.compile(r"The training steps? runs? (?:one by one|uncompiled), since (.*)", re.DOTALL)
COMPONENTS = sorted(f"{family}-{name}" for (family, name), case in CASES.items() if "only_on" not in case)


def model_of(component, jit_compile):
    """A small VAE with the component, and its data."""
    family, _, name = component.partition("-")
    vae, x = small_model(family, name)
    vae.compile(keras.optimizers.Adam(0.01), jit_compile=jit_compile)
    return vae, np.concatenate([x] * STEPS)[: STEPS * ROWS]


def train(component, jit_compile, epochs):
    """Losses of all epochs, seconds of the first, seconds of a step of the others, and why steps were not compiled."""
    vae, x = model_of(component, jit_compile)
    y = np.zeros((len(x), 1), "float32") if vae.objective.uses_y else None
    clock, reason = epoch_clock(), ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        options = {"batch_size": ROWS, "epochs": epochs, "shuffle": False, "verbose": 0, "callbacks": [clock]}
        losses = vae.fit(with_condition(vae, x, missing=True), y, **options).history["loss"]
    for each in caught:
        found = REASON.match(str(each.message))
        reason = found[1].splitlines()[0] if found else reason
    return losses, clock.seconds[0], statistics.median(clock.seconds[1:]) / STEPS, reason


def row(component, epochs):
    """A row of Markdown."""
    plain, _, step, _ = train(component, "auto", epochs)
    compiled, first, fast, reason = train(component, True, epochs)
    difference = max(abs(a - b) / (1.0 + abs(b)) for a, b in zip(compiled, plain, strict=True))
    said = "compiled" if not reason else f"runs as it is: {reason}"
    return f"| {component} | {first:.1f} | {1000 * fast:.2f} | {1000 * step:.2f} | {difference:.0e} | {said} |"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--components", nargs="+", choices=COMPONENTS, default=COMPONENTS)
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args(arguments)
    if keras.backend.backend() != "torch":
        print("Only torch has a compiler that a model may do without: run it with KERAS_BACKEND=torch.")
        return
    recorded_steps.UNASKED_AFTER = 0
    print("| component | first, s | step, ms | step as it is, ms | difference | |\n|---|---|---|---|---|---|")
    for component in options.components:
        print(row(component, options.epochs), flush=True)


if __name__ == "__main__":
    main()
