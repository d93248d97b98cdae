"""What `vae.report` finds in models that were spoilt on purpose, and in healthy ones, all of scikit-learn's digits.

python -m tests.benchmarks reports
"""

import argparse
import pathlib

import keras
import numpy as np

import keras_vae as kv


def digits():
    """Training and held-out rows, `(1500, 64)` and `(297, 64)`, in [0, 1]."""
    from sklearn.datasets import load_digits

    rows = (load_digits().data / 16.0).astype("float32")
    rows = rows[np.random.default_rng(0).permutation(len(rows))]
    return rows[:1500], rows[1500:]


def model(units=64, latent_dim=6, likelihood="gaussian", **options):
    """An MLP VAE."""
    keras.utils.set_random_seed(0)
    options = {"encoder": kv.encoders.MLP((units,)), "decoder": kv.decoders.MLP((units,)), **options}
    return kv.VAE((64,), latent_dim, likelihood=likelihood, seed=0, **options)


def trained(vae, rows, epochs=60, **options):
    vae.compile(keras.optimizers.Adam(3e-3))
    vae.fit(rows, batch_size=100, epochs=epochs, verbose=0, **options)
    return vae


def healthy():
    train, test = digits()
    return trained(model(), train, 30), test, train


def healthy_with_a_sampler_that_fits():
    train, test = digits()
    return trained(model(prior=kv.priors.Mixture(20)), train, 30), test, train


def scale_too_large():
    train, test = digits()
    return trained(model(likelihood=kv.likelihoods.Gaussian(scale=1.0)), train, 30), test, train


def scale_too_small():
    train, test = digits()
    return trained(model(likelihood=kv.likelihoods.Gaussian(scale=0.02)), train, 30), test, train


def collapsed():
    train, test = digits()
    return trained(model(objective=kv.objectives.ELBO(beta=60.0)), train, 20), test, train


class DearDimensions(kv.objectives.Objective):
    """The ELBO, in which all but the first four latents pay their KL a hundred times."""

    def loss(self, terms):
        (kl,) = terms.kl_per_dimension
        charged = keras.ops.sum(kl[:, :4], axis=1) + 100.0 * keras.ops.sum(kl[:, 4:], axis=1)
        return charged - keras.ops.mean(terms.log_likelihood, axis=1)


def too_many_latents():
    train, test = digits()
    return trained(model(latent_dim=12, objective=DearDimensions()), train, 30), test, train


def over_fitted():
    train, test = digits()
    return trained(model(400), train[:150], 400), test, train[:150]


def memorising():
    train, test = digits()
    rows = train[:30]
    return trained(model(400, latent_dim=2), rows, 1500), test, rows


def bad_samples():
    train, test = digits()
    return trained(model(objective=kv.objectives.ELBO(beta=0.001)), train, 30), test, train


class DearTop(kv.objectives.Objective):
    """The ELBO, in which the top level pays its KL a hundred times."""

    def loss(self, terms):
        return 100.0 * terms.kl[:, 0] + terms.kl[:, 1] - keras.ops.mean(terms.log_likelihood, axis=1)


def one_level_alone():
    train, test = digits()
    vae = model(latent_dim=(6, 6), prior="hierarchical", objective=DearTop())
    return trained(vae, train, 30), test, train


def column_of_another_unit():
    train, test = (np.concatenate([rows, 1e4 * rows[:, 20:21]], axis=1) for rows in digits())
    keras.utils.set_random_seed(0)
    vae = kv.VAE((65,), 6, encoder=kv.encoders.MLP((64,)), decoder=kv.decoders.MLP((64,)), likelihood="gaussian")
    return trained(vae, train, 2), test, train


MODELS = {
    healthy: set(),
    healthy_with_a_sampler_that_fits: set(),
    scale_too_large: {"scale_of_likelihood", "collapsed_latents"},
    scale_too_small: {"scale_of_likelihood"},
    collapsed: {"collapsed_latents"},
    too_many_latents: {"collapsed_latents"},
    over_fitted: {"over_fitting"},
    memorising: {"memorised_rows", "over_fitting"},
    bad_samples: {"samples_unlike_data"},
    one_level_alone: {"lonely_level"},
    column_of_another_unit: {"invalid_numbers"},
}
"""Models, and the findings that must be among those of their report; none for a healthy one."""


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [make.__name__ for make in MODELS]
    parser.add_argument("--models", nargs="*", choices=names, default=names)
    parser.add_argument("--out", type=pathlib.Path, help="folder for the pages")
    options = parser.parse_args(arguments)
    print("| model | expected | found | at stake, nats |\n|---|---|---|---|")
    for make, expected in MODELS.items():
        if make.__name__ not in options.models:
            continue
        vae, test, train = make()
        path = None if options.out is None else options.out / f"{make.__name__}.html"
        report = vae.report(test, path, x_train=train, verbose=0)
        stakes = [f"{found.nats:.3g}" if found.nats not in (None, np.inf) else "-" for found in report.findings]
        cells = (sorted(expected), [finding.name for finding in report.findings], stakes)
        row = " | ".join(", ".join(cell) or "none" for cell in cells)
        print(f"| {make.__name__.replace('_', ' ')} | {row} |", flush=True)


if __name__ == "__main__":
    main()
