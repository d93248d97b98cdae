"""Molecules as strings: a VAE whose latents predict a property, and a search among them for better ones.

    python examples/molecules.py                        # some minutes
    python examples/molecules.py --network transformer
    python examples/molecules.py --smoke                # a few seconds, to see that it runs

The idea of Gomez-Bombarelli et al. (2018): strings are discrete, and latents are continuous, so what is hard to search
is mapped to what is easy to search. The molecules and their score are toys, made by `toy_molecules.py`: it writes
valid strings of a small part of SMILES, checks those of others, and computes a sum over atoms, which is no property of
any real substance. The score counts as expensive: every way of searching may compute it equally often.

It prints the shares of valid, unique and new draws, R2 of the predicted score on held-out molecules, a path between two
molecules, and what each way of searching finds.
"""

import argparse
import json
import pathlib
import time

import keras
import numpy as np

import keras_vae as kv
from toy_molecules import CHARACTERS, is_valid, molecules, score

PADDING, END = 0, 1
LONGEST = 32  # characters
TOKENS = {character: token for token, character in enumerate(CHARACTERS, start=2)}


def encode(strings):
    """Tokens `(strings, LONGEST + 1)`, one for each character: each row ends with END and is filled with PADDING."""
    rows = np.full((len(strings), LONGEST + 1), PADDING, dtype="int32")
    for row, text in zip(rows, strings, strict=True):
        row[: len(text) + 1] = [*(TOKENS[character] for character in text), END]
    return rows


def decode(rows):
    """The strings of rows of tokens."""
    characters = ["", "", *CHARACTERS]
    return ["".join(characters[int(token)] for token in row) for row in rows]


def model_of(network="gru", units=96, latent_dim=16, seed=0):
    """A VAE of strings, whose objective predicts the standardised score from the latents."""
    keras.utils.set_random_seed(seed)
    if network == "gru":
        encoder, decoder = kv.encoders.GRU((units,)), kv.decoders.GRU((units,), skip_connections=True)
    else:
        encoder = kv.encoders.Transformer(width=units, blocks=2)
        decoder = kv.decoders.Transformer(width=units, blocks=2, skip_connections=True)
    head = keras.Sequential([keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1)])
    return kv.VAE(
        data_shape=(LONGEST + 1,),
        latent_dim=latent_dim,
        encoder=encoder,
        decoder=decoder,
        likelihood=kv.likelihoods.Categorical(len(CHARACTERS) + 2, padding=PADDING, end=END),
        objective=kv.objectives.Supervised("elbo", head=head, weight=5.0),
        seed=seed,
    )


def quality(strings, train):
    """Shares of drawn strings: valid ones; of these different ones; of these ones that are not in the training set."""
    valid = [text for text in strings if is_valid(text)]
    different = set(valid)
    return {
        "valid": len(valid) / len(strings),
        "unique": len(different) / max(1, len(valid)),
        "new": len(different - set(train)) / max(1, len(different)),
    }


def r2(y, predicted):
    """Share of the variance of y that a prediction explains."""
    return 1.0 - np.square(y - predicted).sum() / np.square(y - y.mean()).sum()


class Search:
    """What a way of searching has found, and how often it has computed the score."""

    def __init__(self, vae, train):
        self.vae, self.known = vae, set(train)
        self.found = []

    def look(self, z):
        """Scores of the molecules at some latents; NaN where they are not valid, or known."""
        scores = np.full(len(z), np.nan)
        for index, text in enumerate(decode(self.vae.decode(z, verbose=0))):
            if text not in self.known and is_valid(text):
                self.known.add(text)
                scores[index] = score(text)
                self.found.append((scores[index], text))
        return scores

    def best(self, count=3):
        return sorted(self.found, reverse=True)[:count]


def near_the_best(z, scores, generator, count, parents=20, radius=0.5):
    """Latents around those of the highest scores."""
    best = z[np.argsort(-scores)[:parents]]
    return best[generator.integers(0, len(best), count)] + radius * generator.standard_normal((count, z.shape[1]))


def by_random_draws(search, z, scores, generator, rounds, batch):
    """The baseline: latents from the prior."""
    for _ in range(rounds):
        search.look(generator.standard_normal((batch, z.shape[1])))


def by_perturbation(search, z, scores, generator, rounds, batch):
    """Evolution without a model of the score: latents near the best ones so far."""
    for _ in range(rounds):
        new = near_the_best(z, scores, generator, batch)
        values = search.look(new)
        z, scores = np.concatenate([z, new]), np.concatenate([scores, np.nan_to_num(values, nan=scores.min())])


def by_gaussian_process(search, z, scores, generator, rounds, batch, rows=400):
    """Bayesian optimisation: of many latents near the best ones, those with the highest upper confidence bound."""
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels

    kernel = kernels.ConstantKernel(1.0) * kernels.RBF(2.0) + kernels.WhiteKernel(0.1, (1e-3, 10.0))
    for _ in range(rounds):
        order = np.argsort(-scores)
        # The best, and others that show where it is worse.
        shown = np.concatenate([order[: rows // 2], generator.permutation(order[rows // 2 :])[: rows // 2]])
        process = GaussianProcessRegressor(kernel, normalize_y=True).fit(z[shown], scores[shown])
        kernel = process.kernel_
        several = near_the_best(z, scores, generator, 20 * batch)
        mean, deviation = process.predict(several, return_std=True)
        new = several[np.argsort(-(mean + deviation))[:batch]]
        values = search.look(new)
        z, scores = np.concatenate([z, new]), np.concatenate([scores, np.nan_to_num(values, nan=scores.min())])


WAYS = {
    "random draws": by_random_draws,
    "near the best, no model": by_perturbation,
    "Gaussian process": by_gaussian_process,
}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=("gru", "transformer"), default="gru")
    parser.add_argument("--molecules", type=int, default=6000, help="number of strings to train on")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=10, help="rounds of a search")
    parser.add_argument("--batch", type=int, default=50, help="latents that are decoded in each of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/molecules"))
    options = parser.parse_args(arguments)

    count, epochs, rounds, batch, units, draws = (
        options.molecules,
        options.epochs,
        options.rounds,
        options.batch,
        96,
        1000,
    )
    if options.smoke:
        count, epochs, rounds, batch, units, draws = 300, 2, 2, 10, 8, 50
    strings = molecules(count + count // 10, LONGEST, seed=options.seed)
    train, held_out = strings[:count], strings[count:]
    scores, held_out_scores = (np.array([score(text) for text in part]) for part in (train, held_out))
    mean, deviation = scores.mean(), scores.std()
    print(f"Training on {len(train)} molecules, {epochs} epochs. For example: {' '.join(train[:4])}", flush=True)

    vae = model_of(options.network, units, seed=options.seed)
    steps = -(-len(train) // 64)
    vae.compile(keras.optimizers.Adam(2e-3, clipnorm=5.0))
    start = time.perf_counter()
    vae.fit(
        encode(train),
        (scores - mean) / deviation,
        batch_size=64,
        epochs=epochs,
        validation_data=(encode(held_out), (held_out_scores - mean) / deviation),
        callbacks=[kv.callbacks.BetaSchedule(kv.callbacks.LinearWarmUp(max(1, epochs * steps // 2), start=0.02))],
        verbose=2,
    )
    seconds = time.perf_counter() - start

    results = {"network": options.network, "seconds": round(seconds, 1)}
    results["kl"] = vae.evaluate(encode(held_out), (held_out_scores - mean) / deviation, verbose=0, return_dict=True)[
        "kl_loss"
    ]
    drawn = decode(vae.generate(draws, mode="sample", seed=1, verbose=0))
    results["draws"] = quality(drawn, train)
    predicted = mean + deviation * vae.predict_target(encode(held_out), verbose=0)[:, 0]
    results["r2"] = float(r2(held_out_scores, predicted))
    back = decode(vae.reconstruct(encode(held_out), verbose=0))
    results["reconstructed"] = float(np.mean([one == other for one, other in zip(back, held_out, strict=True)]))
    print(f"\nHeld-out KL: {results['kl']:.2f} nats per molecule; fit took {seconds:.0f} s")
    print("Draws: " + ", ".join(f"{100 * share:.1f} % {name}" for name, share in results["draws"].items()))
    print(f"R2 of the predicted score, held-out: {results['r2']:.3f}")
    print(f"Held-out molecules that are reconstructed exactly: {100 * results['reconstructed']:.1f} %")
    print("\nNew molecules: " + " ".join(text for text in drawn if is_valid(text))[:300])
    print("\nFrom one molecule to another:")
    path = decode(vae.interpolate(encode(train[:1])[0], encode(train[1:2])[0], steps=8))
    for text in [train[0], *path, train[1]]:
        print(f"  {text:34} {f'{score(text):5.2f}' if is_valid(text) else 'not valid'}")

    print(f"\nSearch, {rounds * batch} latents each; the best of the training set has {scores.max():.2f}:")
    z = vae.encode(encode(train), verbose=0)
    results["search"] = {"training set": float(scores.max())}
    for name, way in WAYS.items():
        search = Search(vae, train)
        way(search, z, scores, np.random.default_rng(options.seed), rounds, batch)
        best = search.best()
        results["search"][name] = [(float(value), text) for value, text in best]
        shown = ", ".join(f"{value:.2f} {text}" for value, text in best)
        print(f"  {name:24} {len(search.found):4} new valid ones; {shown}")

    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    vae.save(options.out / "model.keras")
    print(f"\nWrote {options.out / 'model.keras'}")
    return results


if __name__ == "__main__":
    main()
