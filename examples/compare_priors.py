"""Priors compared on statically binarised MNIST, by the log-likelihood of its test set.

    KERAS_BACKEND=jax python examples/compare_priors.py --data binarized_mnist_static.npz --prior vamp --minutes 20

The protocol of Tomczak and Welling (2018): gated dense networks with two layers of 300, 40 latents (twice 40
for two levels), Adam with step size 5e-4, batches of 100, the KL's weight warmed up from 0 to 1, early stopping
on the ELBO of the validation set from there on. The log-likelihood is estimated by importance sampling.

Several priors and seeds are compared in a table, with the spread over the seeds, and with `--picture` as error bars:

    python examples/compare_priors.py --data digits --prior standard vamp two_level --seed 0 1 2

The file holds Larochelle's fixed binarisation as arrays `train`, `valid` and `test`, each row packed into 98
bytes with numpy.packbits, or as 784 zeros and ones. The published runs: --epochs 2000 --samples 5000. `--data digits`
takes the 1797 digits of scikit-learn instead, 8 x 8, binarised.
"""

import argparse
import pathlib
import sys
import time

import keras
import numpy as np

import keras_vae as kv

PIXELS = 28 * 28
PRIORS = ("standard", "vamp", "two_level")
MOST_WARM_UP = 100
TIMED_STEPS = 100


def load(path):
    """The three sets as zeros and ones, `(n, pixels)`, float32."""
    if str(path) == "digits":
        from sklearn.datasets import load_digits

        bits = (load_digits().data >= 8).astype("float32")
        return np.split(bits[np.random.default_rng(0).permutation(len(bits))], [1200, 1500])
    if not path.is_file():
        sys.exit(f"--data: there is no file {path}.")
    sets = []
    with np.load(path, allow_pickle=False) as arrays:
        for name in ("train", "valid", "test"):
            matching = [key for key in arrays.files if key.startswith(name)]
            if len(matching) != 1:
                sys.exit(f"{path} must hold one array named {name}. It holds {arrays.files}.")
            bits = arrays[matching[0]]
            bits = np.unpackbits(bits, axis=-1) if bits.shape[1:] == (PIXELS // 8,) else bits
            if bits.shape[1:] != (PIXELS,):
                sys.exit(f"{path}: {name} must have {PIXELS} columns, or {PIXELS // 8} packed. It has {bits.shape}.")
            sets.append(bits.astype("float32"))
    return sets


def build(options, prior_name, pixels, seed):
    """The model, compiled."""
    units = (options.hidden_units,) * 2
    vamp = kv.priors.VampPrior(options.components, seed=seed)
    if prior_name == "two_level":
        # As in the paper: a gated layer combines x and z2, and p(z1|z2) follows the two layers of the merge.
        posterior = kv.posteriors.Gaussian(hidden_units=(options.hidden_units,))
        lower = kv.priors.Level(options.latent_dim, prior="gaussian", posterior=posterior)
        prior = kv.priors.Hierarchical(
            [kv.priors.Level(options.latent_dim, prior=vamp), lower], merge=kv.layers.MergeDense(units)
        )
    else:
        prior = vamp if prior_name == "vamp" else "standard"
    vae = kv.VAE(
        data_shape=(pixels,),
        latent_dim=None if prior_name == "two_level" else options.latent_dim,
        encoder=kv.encoders.GatedMLP(units),
        decoder=kv.decoders.GatedMLP(units),
        prior=prior,
        seed=seed,
    )
    vae.compile(keras.optimizers.Adam(5e-4), steps_per_execution=options.steps_per_execution)
    return vae


def epochs_in(vae, train, options):
    """How many epochs fit into the time, by the speed of a few steps, taken after those that compile."""
    short = {"batch_size": options.batch_size, "verbose": 0, "callbacks": [kv.callbacks.BetaSchedule(10**9)]}
    # All of the training data at first: a VampPrior starts from them.
    vae.fit(train, steps_per_epoch=2, **short)
    clock, minutes = clock_of(options)
    start = clock()
    vae.fit(train[: TIMED_STEPS * options.batch_size], **short)
    steps = -(-len(train) // options.batch_size)
    seconds = (clock() - start) * steps / min(TIMED_STEPS, steps)
    return max(1, int(60 * minutes / seconds))


def clock_of(options):
    """The clock that limits a run, and its minutes: None where only epochs do."""
    if options.core_minutes is not None:
        return time.process_time, options.core_minutes
    return time.perf_counter, options.minutes


class Watch(keras.callbacks.Callback):
    """Logs the validation set's ELBO, whose KL counts in full whatever its weight, and ends a run on time."""

    def __init__(self, clock, minutes):
        super().__init__()
        self.clock = clock
        self.minutes = float("inf") if minutes is None else minutes
        self.start = clock()
        self.epochs = 0

    def elapsed(self):
        """Minutes since the start."""
        return (self.clock() - self.start) / 60

    def on_epoch_end(self, epoch, logs=None):
        logs["val_elbo"] = -logs["val_reconstruction_loss"] - logs["val_kl_loss"]
        self.epochs = epoch + 1
        if self.elapsed() > self.minutes:
            self.model.stop_training = True


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="binarized_mnist_static.npz, or digits")
    parser.add_argument("--prior", choices=PRIORS, nargs="+", default=["standard"])
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=int, help="passes over the training set at most (by default 2000)")
    length.add_argument("--minutes", type=float, help="time for training, instead of --epochs")
    length.add_argument(
        "--core-minutes", type=float, help="the same by the time that the processor's cores spend on it, added up"
    )
    parser.add_argument("--warm-up", type=int, help="epochs (by default 100, or a quarter of the run if that is less)")
    parser.add_argument("--patience", type=int, default=50, help="epochs without a better validation ELBO")
    parser.add_argument("--samples", type=int, default=500, help="importance samples for each test row")
    parser.add_argument("--test-rows", type=int, default=10000, help="rows of the test set, drawn at random")
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--steps-per-execution", type=int, default=1, help="as in compile")
    parser.add_argument("--hidden-units", type=int, default=300)
    parser.add_argument("--latent-dim", type=int, default=40)
    parser.add_argument("--components", type=int, default=500, help="pseudo-inputs of a VampPrior")
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--picture", type=pathlib.Path, help="where to draw the comparison, such as priors.png")
    parser.add_argument("--verbose", type=int, default=2, choices=(0, 1, 2), help="as in fit")
    options = parser.parse_args(arguments)

    sets = load(options.data)
    results = {}
    for prior in options.prior:
        results[prior] = [run(options, prior, seed, *sets) for seed in options.seed]
    if len(options.prior) * len(options.seed) > 1:
        compare(results, options)
    return results[options.prior[0]][0]


def run(options, prior, seed, train, valid, test):
    """ELBO and log-likelihood of the test set, in nats, of one prior and seed."""
    keras.utils.set_random_seed(seed)
    # The file's rows are not in random order: the first ones alone would be several nats off.
    test = np.random.default_rng(0).permutation(test)[: options.test_rows]
    vae = build(options, prior, train.shape[1], seed)
    clock, limit = clock_of(options)
    watch = Watch(clock, limit)
    epochs = epochs_in(vae, train, options) if limit is not None else options.epochs or 2000
    warm_up = min(MOST_WARM_UP, epochs // 4) if options.warm_up is None else options.warm_up
    warm_up_steps = max(1, warm_up * -(-len(train) // options.batch_size))
    print(f"Training for {epochs} epochs at most, {warm_up} of them to warm up.", flush=True)
    vae.fit(
        train,
        batch_size=options.batch_size,
        epochs=epochs,
        validation_data=valid,
        validation_batch_size=10 * options.batch_size,
        verbose=options.verbose,
        callbacks=[
            kv.callbacks.BetaSchedule(warm_up_steps),
            watch,
            keras.callbacks.EarlyStopping(
                "val_elbo",
                mode="max",
                patience=options.patience,
                start_from_epoch=warm_up,
                restore_best_weights=True,
            ),
        ],
    )
    minutes, unit = watch.elapsed(), "minutes" if options.core_minutes is None else "core minutes"

    elbo = vae.elbo(test, num_samples=10, seed=0, batch_size=10 * options.batch_size).mean()
    log_likelihood = vae.log_likelihood(test, num_samples=options.samples, seed=0)
    error = log_likelihood.std() / len(test) ** 0.5
    print(
        f"{options.data.stem}, prior {prior}, seed {seed}, backend {keras.backend.backend()}: "
        f"{watch.epochs} epochs in {minutes:.1f} {unit}, warm-up {warm_up} epochs, {vae.count_params()} weights; "
        f"test ELBO {elbo:.2f}, NLL {-log_likelihood.mean():.2f} +- {error:.2f} nats "
        f"({options.samples} importance samples, {len(test)} rows)"
    )
    return elbo, log_likelihood.mean()


def compare(results, options):
    """Print the mean and the standard deviation over the seeds for every prior, and draw them as error bars."""
    values = {prior: np.array(runs) for prior, runs in results.items()}
    print(f"\nMean and standard deviation over the seeds {options.seed}, in nats:\n")
    print("| prior | test ELBO | test log-likelihood |\n|---|---|---|")
    for prior, runs in values.items():
        mean, spread = runs.mean(axis=0), runs.std(axis=0, ddof=1) if len(runs) > 1 else np.full(2, np.nan)
        print(f"| `{prior}` | {mean[0]:.2f} ± {spread[0]:.2f} | {mean[1]:.2f} ± {spread[1]:.2f} |")
    if options.picture is not None:
        import matplotlib.pyplot as plt

        figure, ax = plt.subplots(figsize=(5, 3))
        for position, runs in enumerate(values.values()):
            ax.plot(np.full(len(runs), position), runs[:, 1], "o", color="C1", markersize=4)
            if len(runs) > 1:
                ax.errorbar(position + 0.12, runs[:, 1].mean(), runs[:, 1].std(ddof=1), fmt="s", color="C0", capsize=4)
        ax.set_xticks(range(len(values)), list(values))
        ax.set(ylabel="test log-likelihood in nats", xlim=(-0.5, len(values) - 0.5))
        figure.tight_layout()
        figure.savefig(options.picture, dpi=150)
        plt.close(figure)


if __name__ == "__main__":
    main()
