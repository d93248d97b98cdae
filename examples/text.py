"""A VAE of sentences as tokens: new sentences, continuations, interpolation between two, and a change of style.

    python examples/text.py                        # the docstrings of Python's standard library
    python examples/text.py --network transformer  # in place of recurrent networks
    python examples/text.py --data mine.txt        # any text file
    python examples/text.py --smoke                # a few seconds, to see that it runs

The text is split into sentences, and these into words and punctuation; the most frequent are the vocabulary, the others
become "<unknown>". A recurrent decoder predicts text well without the latents, and then the KL falls to zero. Two
remedies of Bowman et al. (2016) prevent this posterior collapse: a slow warm-up of the weight of the KL, and word
dropout, which hides the previous word from the decoder.

A style is a direction among the latents: the mean of those of sentences that have it, less the mean of the others.
Sentences are moved along it, and decoded; the share of results that have the style says whether it works. Whether a
sentence has a style is known by its words, see STYLES.

It prints the KL, the perplexity of held-out sentences, and examples of all of these, and writes model.keras.
"""

import argparse
import ast
import collections
import pathlib
import re
import sys
import time

import keras
import numpy as np

import keras_vae as kv
from standard_library import syntax_trees

PADDING, END, UNKNOWN = 0, 1, 2
LENGTH = 20  # tokens of a sentence, including its end; longer ones are skipped
STYLES = {
    "begins with return": {"return", "returns"},
    "begins with if": {"if"},
    "begins with the": {"the"},
}


def docstrings(most=None):
    """What Python's standard library says about itself: text that is on every machine that can run this."""
    strings = []
    for _, tree in syntax_trees(most):
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                strings.append(ast.get_docstring(node) or "")
    return "\n\n".join(strings)


def read(source, smoke=False):
    """The sentences of a text, each a tuple of words and signs, in a fixed random order."""
    if source == "python":
        text = docstrings(most=30 if smoke else None)
    else:
        path = pathlib.Path(source)
        if not path.is_file():
            sys.exit(f"--data must be a text file. There is no file {path}.")
        text = path.read_text(encoding="utf-8", errors="replace")
    sentences = {}
    for paragraph in re.split(r"\n\s*\n", text.lower()):
        paragraph = re.sub(r"[*`\"]", "", " ".join(paragraph.split()))  # signs of the markup
        for sentence in re.split(r"(?<=[.!?])\s+", paragraph):
            words = tuple(re.findall(r"\w+(?:'\w+)?|[^\w\s]", sentence))
            if 3 < len(words) < LENGTH and sum(word[0].isalpha() for word in words) > 0.7 * len(words):
                sentences[words] = None
    sentences = list(sentences)
    if len(sentences) < 20:
        sys.exit(f"--data holds {len(sentences)} sentences of 4 to {LENGTH - 1} words. At least 20 are needed.")
    return [sentences[index] for index in np.random.default_rng(0).permutation(len(sentences))]


class Vocabulary:
    """The most frequent words of some sentences, and the way from words to tokens and back."""

    def __init__(self, sentences, size):
        counts = collections.Counter(word for sentence in sentences for word in sentence)
        self.words = ["", "", "<unknown>", *(word for word, _ in counts.most_common(size - 3))]
        self.tokens = {word: token for token, word in enumerate(self.words) if token > UNKNOWN}

    def encode(self, sentences):
        """Tokens `(sentences, LENGTH)`: each ends with END and is filled with PADDING."""
        rows = np.full((len(sentences), LENGTH), PADDING, dtype="int32")
        for row, sentence in zip(rows, sentences, strict=True):
            tokens = [self.tokens.get(word, UNKNOWN) for word in sentence]
            row[: len(tokens) + 1] = [*tokens, END]
        return rows

    def decode(self, rows):
        """A line of text for each row of tokens."""
        lines = (" ".join(self.words[int(token)] for token in row if token > END) for row in rows)
        return [re.sub(r" ([.,;:!?)\]])", r"\1", line) for line in lines]


def networks(name, units, word_dropout, skip_connections=False):
    """Encoder and decoder of a kind, of about the same time for each step."""
    options = {"dropout": 0.2, "word_dropout": word_dropout, "skip_connections": skip_connections}
    if name == "gru":
        return kv.encoders.GRU((units // 2,)), kv.decoders.GRU((units,), **options)
    width = max(4, units // 2)
    return (
        kv.encoders.Transformer(width=width, blocks=1, dropout=0.1),
        kv.decoders.Transformer(width=width, blocks=2, **{**options, "dropout": 0.1}),
    )


def has_style(sentence, first_words):
    """Whether a sentence begins with one of some words."""
    return sentence.split(" ")[0] in first_words


def change_style(vae, vocabulary, train, rows, first_words, factors=(0.0, 1.0, 2.0)):
    """Sentences without a style, moved towards it, and for each factor the share of results that have it.

    Returns:
        A dict from factor to the share and the sentences, or None if too few sentences have the style.
    """
    styled = np.array([has_style(line, first_words) for line in vocabulary.decode(train)])
    if styled.sum() < 5:
        return None
    z = vae.encode(train, verbose=0)
    direction = z[styled].mean(axis=0) - z[~styled].mean(axis=0)
    others = rows[[not has_style(line, first_words) for line in vocabulary.decode(rows)]]
    start, results = vae.encode(others, verbose=0), {}
    for factor in factors:
        lines = vocabulary.decode(vae.decode(start + factor * direction, verbose=0))
        results[factor] = (float(np.mean([has_style(line, first_words) for line in lines])), lines)
    return results


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="python", help="python or a text file")
    parser.add_argument("--network", choices=("gru", "transformer"), default="gru")
    parser.add_argument("--epochs", type=int, default=24, help="passes over the text")
    parser.add_argument("--vocabulary", type=int, default=2000, help="number of tokens")
    parser.add_argument("--word-dropout", type=float, default=0.5, help="probability that the previous word is hidden")
    parser.add_argument("--skip-connections", action="store_true", help="the latents reach every layer of the decoder")
    parser.add_argument("--begin", default="returns the", help="the beginning of the sentences that are continued")
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/text"))
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    sentences = read(options.data, options.smoke)
    epochs, units, size = options.epochs, 192, options.vocabulary
    if options.smoke:
        sentences, epochs, units, size = sentences[:150], 2, 8, 50
    cut = max(5, min(1000, len(sentences) // 10))
    vocabulary = Vocabulary(sentences[cut:], size)
    held_out, train = vocabulary.encode(sentences[:cut]), vocabulary.encode(sentences[cut:])
    tokens = kv.likelihoods.Categorical(len(vocabulary.words), padding=PADDING, end=END)
    print(f"Training on {len(train)} sentences, {len(vocabulary.words)} tokens, {epochs} epochs.")

    encoder, decoder = networks(options.network, units, options.word_dropout, options.skip_connections)
    vae = kv.VAE(
        data_shape=(LENGTH,),
        latent_dim=16,
        encoder=encoder,
        decoder=decoder,
        likelihood=tokens,
        seed=0,
    )
    steps = -(-len(train) // 64)
    start = time.process_time()
    vae.compile(keras.optimizers.Adam(2e-3, clipnorm=5.0))
    vae.fit(
        train,
        batch_size=64,
        epochs=epochs,
        validation_data=held_out,
        verbose=2,
        callbacks=[kv.callbacks.BetaSchedule(kv.callbacks.LinearWarmUp(max(1, epochs // 2 * steps), start=0.05))],
    )

    print(f"Training took {(time.process_time() - start) / 60:.1f} minutes of the processor")
    results = vae.evaluate(held_out, verbose=0, return_dict=True)
    bound = vae.log_likelihood(held_out, num_samples=2 if options.smoke else 50, batch_size=400, seed=0, verbose=0)
    perplexity = float(np.exp(-bound.sum() / (held_out != PADDING).sum()))
    print(f"Held-out KL: {results['kl_loss']:.2f} nats per sentence")
    print(
        f"Held-out perplexity per token: {results['perplexity']:.1f} by the ELBO, {perplexity:.1f} by importance "
        f"sampling; of the reconstruction alone {results['reconstruction_perplexity']:.1f}"
    )
    print("\nHeld-out sentences, and their reconstructions:")
    for before, after in zip(
        vocabulary.decode(held_out[:5]), vocabulary.decode(vae.reconstruct(held_out[:5])), strict=True
    ):
        print(f"  {before}\n    -> {after}")
    print("\nNew sentences:")
    for line in vocabulary.decode(vae.generate(6, mode="sample", data_temperature=0.6, seed=1)):
        print(f"  {line}")
    begin = options.begin.lower().split()
    print(f"\nContinuations of '{options.begin}', three by nucleus sampling and three of the ten likeliest words:")
    prefix = vocabulary.encode([begin])[0, : len(begin)]
    for limits in ({"top_p": 0.9}, {"top_k": 10}):
        for line in vocabulary.decode(vae.generate(prefix=prefix, num_return=3, mode="sample", seed=1, **limits)[0]):
            print(f"  {line}")
    print("\nSentences moved along a style, decoded greedily; the share that has it:")
    for name, first_words in STYLES.items():
        changed = change_style(vae, vocabulary, train, held_out, first_words)
        if changed is None:
            continue
        print(f"  {name}: " + ", ".join(f"{share:.1%} at {factor:g}" for factor, (share, _) in changed.items()))
        for before, after in list(zip(changed[0.0][1], changed[2.0][1], strict=True))[:2]:
            print(f"    {before}\n      -> {after}")
    print("\nInterpolation between two sentences:")
    for line in vocabulary.decode(vae.interpolate(held_out[0], held_out[1], steps=6)):
        print(f"  {line}")

    options.out.mkdir(parents=True, exist_ok=True)
    vae.save(options.out / "model.keras")
    print(f"\nWrote {options.out / 'model.keras'}")
    return results["kl_loss"], perplexity


if __name__ == "__main__":
    main()
