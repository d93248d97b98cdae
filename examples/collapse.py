"""Posterior collapse of a VAE of sentences: what keeps the KL above zero, and what it costs in perplexity.

    python examples/collapse.py                       # all remedies, one seed: some minutes
    python examples/collapse.py --methods plain "aggressive encoder" --seeds 0 1 2
    python examples/collapse.py --smoke               # a few seconds, to see that it runs

An autoregressive decoder predicts most of a sentence without the latents, and then the KL falls to zero: the posterior
collapses to the prior. Each remedy is trained alone, from the same initial weights, on the same short sentences of
Python's docstrings; the last ones combine two. Printed are, of held-out sentences and with the KL's weight at 1,

- the KL and the mutual information I(x; z), in nats for each sentence, and the number of active units;
- the perplexity for each token, bounded by the ELBO, and estimated by importance samples.

A remedy works if the mutual information is high; it is worth its price if the perplexity stays low.
"""

import argparse
import dataclasses
import json
import pathlib
import time

import keras
import numpy as np

import keras_vae as kv
from text import LENGTH, PADDING, Vocabulary, read

SHORT = 10  # tokens of a sentence, including its end


@dataclasses.dataclass(frozen=True)
class Method:
    """What differs from plain training."""

    word_dropout: float = 0.0
    skip_connections: bool = False
    free_bits: float = 0.0  # nats of every dimension
    schedule: str = ""  # of the KL's weight: rising, cyclical or none
    encoder_steps: int = 0  # updates of the encoder for each of the decoder's, in the aggressive phase


METHODS = {
    "plain": Method(),
    "warm-up": Method(schedule="rising"),
    "cyclical annealing": Method(schedule="cyclical"),
    "free bits": Method(free_bits=0.25),
    "word dropout": Method(word_dropout=0.5),
    "skip connections": Method(skip_connections=True),
    "aggressive encoder": Method(encoder_steps=5),
    "warm-up, word dropout": Method(schedule="rising", word_dropout=0.5),
    "warm-up, skip connections": Method(schedule="rising", skip_connections=True),
    "free bits, skip connections": Method(free_bits=0.25, skip_connections=True),
}


def sentences(smoke=False, vocabulary=400, most=3400):
    """Rows of tokens to train on and held-out ones, and the vocabulary."""
    found = [words for words in read("python", smoke) if len(words) < SHORT]
    found = found[: 150 if smoke else most]
    cut = max(20, min(400, len(found) // 6))
    words = Vocabulary(found[cut:], vocabulary)
    rows = words.encode(found)[:, : min(SHORT, LENGTH)]
    return rows[cut:], rows[:cut], words


def model_of(method, words, seed, units=64, latent_dim=8):
    """The model of a method; those of one seed start from the same weights, where they have the same."""
    keras.utils.set_random_seed(seed)
    return kv.VAE(
        data_shape=(SHORT,),
        latent_dim=latent_dim,
        encoder=kv.encoders.GRU((units // 2,), embedding_units=units // 2),
        decoder=kv.decoders.GRU(
            (units,),
            dropout=0.2,
            embedding_units=units // 2,
            word_dropout=method.word_dropout,
            skip_connections=method.skip_connections,
        ),
        likelihood=kv.likelihoods.Categorical(len(words.words), padding=PADDING, end=1),
        objective=kv.objectives.FreeBits(method.free_bits) if method.free_bits else "elbo",
        seed=seed,
    )


def fit(vae, method, train, held_out, epochs, batch_size=64, verbose=0):
    """Train by a method; an aggressive phase gets as many further epochs as the decoder's updates that it costs."""
    optimizer = keras.optimizers.Adam(2e-3, clipnorm=5.0)
    callbacks = []
    total = epochs * -(-len(train) // batch_size)
    if method.schedule == "rising":
        callbacks.append(kv.callbacks.BetaSchedule(kv.callbacks.LinearWarmUp(int(0.6 * total), start=0.02)))
    if method.schedule == "cyclical":
        callbacks.append(kv.callbacks.BetaSchedule(kv.callbacks.Cyclical(-(-total // 4), cycles=4)))
    if method.encoder_steps:
        optimizer = kv.optimizers.EncoderDecoder(optimizer)
        callbacks.append(kv.callbacks.AggressiveEncoder(held_out, encoder_steps=method.encoder_steps))
        callbacks.append(EnoughUpdates(epochs))
    vae.compile(optimizer)
    most = epochs * max(1, method.encoder_steps)
    return vae.fit(train, batch_size=batch_size, epochs=most, callbacks=callbacks, verbose=verbose)


class EnoughUpdates(keras.callbacks.Callback):
    """Ends a training when the decoder has had as many updates as in so many usual epochs."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs, self.made = epochs, 0.0

    def on_epoch_end(self, epoch, logs=None):
        self.made += 1 / logs["decoder_every"]
        if self.made >= self.epochs - 0.5:
            self.model.stop_training = True


def measures(vae, held_out, samples=50):
    """KL, mutual information, active units and perplexities of held-out sentences, with the KL's weight at 1."""
    tokens = (held_out != PADDING).sum()
    parts = kv.evaluation.mutual_information(vae, held_out, seed=0, verbose=0)
    elbo = vae.elbo(held_out, num_samples=4, seed=0, verbose=0)
    bound = vae.log_likelihood(held_out, num_samples=samples, batch_size=200, seed=0, verbose=0)
    return {
        "kl": parts.kl,
        "mutual_information": parts.mutual_information,
        "active_units": kv.evaluation.active_units(vae, held_out, verbose=0).summary()["active_units"],
        "perplexity_elbo": float(np.exp(-elbo.sum() / tokens)),
        "perplexity": float(np.exp(-bound.sum() / tokens)),
    }


def table(results):
    """Rows of a Markdown table: the mean of every method over its seeds, and half the range behind it."""
    names = ("kl", "mutual_information", "active_units", "perplexity_elbo", "perplexity", "epochs", "seconds")
    lines = [
        "| remedy | KL | I(x; z) | active units | perplexity, ELBO | by importance samples | epochs | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for method in dict.fromkeys(row["method"] for row in results):
        rows = [row for row in results if row["method"] == method]
        cells = []
        for name in names:
            values = [row[name] for row in rows]
            digits = 2 if name in ("kl", "mutual_information") else 1 if "perplexity" in name else 0
            spread = f" ± {np.ptp(values) / 2:.{digits}f}" if len(values) > 1 and name not in names[-2:] else ""
            cells.append(f"{np.mean(values):.{digits}f}{spread}")
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS), metavar="METHOD")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=int, default=10, help="passes over the text, counted in the decoder's updates")
    parser.add_argument("--sentences", type=int, default=3400, help="how many are used, of which 400 are held out")
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/collapse"))
    options = parser.parse_args(arguments)

    epochs, units = (2, 8) if options.smoke else (options.epochs, 64)
    train, held_out, words = sentences(options.smoke, 50 if options.smoke else 400, options.sentences)
    print(f"Training on {len(train)} sentences, {len(words.words)} tokens, {epochs} epochs.", flush=True)
    results = []
    for seed in options.seeds:
        for name in options.methods:
            vae = model_of(METHODS[name], words, seed, units)
            start = time.perf_counter()
            history = fit(vae, METHODS[name], train, held_out, epochs)
            seconds = time.perf_counter() - start
            found = measures(vae, held_out, 5 if options.smoke else 50)
            results.append(
                {"method": name, "seed": seed, **found, "epochs": len(history.epoch), "seconds": round(seconds, 1)}
            )
            print(json.dumps(results[-1]), flush=True)
    print(f"\n{table(results)}")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    return results


if __name__ == "__main__":
    main()
