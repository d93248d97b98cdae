"""A search over priors, sizes, learning rates and beta with KerasTuner, on scikit-learn's digits.

    pip install 'keras-vae[tuning,examples]'
    python examples/tuning.py --trials 8

Every trial is a VAE of another combination. They are compared by the ELBO of held-out images, in which the KL counts in
full whatever beta it was trained with. It ends with a table, and saves the best model.
"""

import argparse
import pathlib
import tempfile

import keras
import keras_tuner
import numpy as np
from sklearn.datasets import load_digits

import keras_vae as kv


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path("best.keras"), help="where the best model goes"
    )
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(options.seed)
    bits = (load_digits().images >= 8).astype("float32")[..., None]
    train, valid, test = np.split(bits[np.random.default_rng(0).permutation(len(bits))], [1200, 1500])

    hyper = kv.tuning.HyperVAE(
        data_shape=(8, 8, 1),
        priors={"standard": "standard", "vamp": lambda: kv.priors.VampPrior(50), "mixture": "mixture"},
        encoders={units: lambda units=units: kv.encoders.MLP((int(units),)) for units in ("64", "256")},
        decoder=kv.decoders.MLP((128,)),
        latent_dims=(4, 8, 16),
        learning_rate=(5e-4, 1e-2),
        beta=(0.5, 2.0),
        seed=options.seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.RandomSearch(
            hyper, hyper.objective, max_trials=options.trials, seed=options.seed, directory=folder
        )
        tuner.search(train, validation_data=valid, epochs=options.epochs, batch_size=64, verbose=0)
        (best,) = tuner.get_best_models(1)
    rows = kv.tuning.trials(tuner)
    names = list(rows[0])
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for row in rows:
        print(f"| {' | '.join(shown(row[name]) for name in names)} |")

    best.save(options.out)
    elbo = best.elbo(test, num_samples=10, seed=0).mean()
    print(f"\nThe best model, {options.out}: ELBO of {len(test)} test images {elbo:.2f} nats, beta = 1.")
    return rows, elbo


def shown(value):
    """A cell of the table."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
