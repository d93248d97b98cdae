"""Estimates of log p(x) of sequences against the Kalman filter: how far below it they are, by length and draws."""

import argparse

import numpy as np

from tests.mathematics.test_particle_filter import MODELS, linear_model, log_prob

METHODS = ("importance_sampling", "particle_filter")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, nargs="+", default=[10, 40, 160])
    parser.add_argument("--draws", type=int, nargs="+", default=[100, 1000])
    options = parser.parse_args(arguments)
    columns = [(method, n) for method in METHODS for n in options.draws]
    print("| steps | log p(x) | " + " | ".join(f"{method}, {n}" for method, n in columns) + " |")
    print("|" + "---|" * (2 + len(columns)))
    for steps in options.steps:
        vae = linear_model(*MODELS["srnn"], steps=steps)
        data = vae.generate(8, mode="sample", seed=1)
        exact = log_prob(vae, data, *MODELS["srnn"])
        gaps = [
            np.mean(exact - vae.log_likelihood(data, n, method=method, seed=0, batch_size=8000))
            for method, n in columns
        ]
        print(f"| {steps} | {exact.mean():.1f} | " + " | ".join(f"{gap:.2f}" for gap in gaps) + " |")


if __name__ == "__main__":
    main()
