"""Music as a sequence of chords: a VAE writes new pieces, and goes on with chorales, as MIDI files.

    python examples/music.py                          # rule-based pieces, nothing to download
    python examples/music.py --data JSB_Chorales.npz  # the chorales of Bach, in quarter notes
    python examples/music.py --latents recurrent      # one latent for every step, and a state that remembers the steps
    python examples/music.py --latents markov         # one latent for every step, without the state
    python examples/music.py --tokens                 # one note after the other, in place of independent keys
    python examples/music.py --smoke                  # a few seconds, to see that it runs

The data are piano rolls of unequal length, `(steps, 88)`, 1 where a key is pressed. A file is either an .npz with the
arrays {train,valid,test}data, the 88 keys of all steps packed into bits, and {train,valid,test}data_len, the number of
steps of each piece; or a .json with lists of pieces under train, valid and test, each a list of steps, each a list of
MIDI pitches, the format of jsb-chorales-quarter.json.

It prints the negative log-likelihood of the test pieces in nats per step, as a bound by importance samples, or by a
particle filter where there is a latent for every step. It writes piece.mid (a new piece), rolls.png (real pieces above
new ones), continued.mid and continued.png (a test piece whose first 16 steps are given) and model.keras.
"""

import argparse
import json
import pathlib
import sys

import keras
import mido
import numpy as np
from matplotlib.figure import Figure

import keras_vae as kv

LOWEST_KEY = 21  # MIDI's number of the piano's first key
SPLITS = ("train", "valid", "test")
BUCKET = 32
GIVEN = 16  # steps of a test piece that are given, and from which the model goes on
SEPARATOR, FIRST_NOTE = 1, 2  # tokens: 0 is padding, 1 ends a step, 2 is the lowest key
TOKENS = FIRST_NOTE + 88


def load(source):
    """Pieces to train on, to stop by and to test on: lists of boolean arrays `(steps, 88)`."""
    if source == "rule":
        generator = np.random.default_rng(0)
        return [[compose(generator) for _ in range(count)] for count in (160, 30, 30)]
    path = pathlib.Path(source)
    if not path.is_file() or path.suffix not in (".npz", ".json"):
        sys.exit(f"--data must be an .npz or a .json file, as described above. There is none at {path}.")
    if path.suffix == ".json":
        pieces = json.loads(path.read_text(encoding="utf-8"))
        return [[roll_of(piece) for piece in pieces[split]] for split in SPLITS]
    with np.load(path, allow_pickle=False) as arrays:
        splits = []
        for split in SPLITS:
            rows = np.unpackbits(arrays[f"{split}data"], axis=-1)[:, :88].astype("bool")
            splits.append(np.split(rows, np.cumsum(arrays[f"{split}data_len"])[:-1]))
    return splits


def roll_of(piece):
    roll = np.zeros((len(piece), 88), dtype="bool")
    for step, pitches in enumerate(piece):
        roll[step, [int(pitch) - LOWEST_KEY for pitch in pitches if pitch >= LOWEST_KEY]] = True
    return roll


def compose(generator):
    """A piece made by rule: a progression of four chords, in some key, that repeats; a melody of its notes above."""
    key, minor = generator.integers(12), generator.integers(2)
    progression = [(0, 5, 7, 0), (0, 9, 5, 7), (0, 7, 9, 5)][generator.integers(3)]
    piece = []
    for step in range(4 * generator.integers(6, 17)):
        root = key + progression[step // 2 % 4]
        chord = [root, root + (3 if minor else 4), root + 7]
        piece.append([48 + note for note in chord] + [72 + chord[generator.integers(3)] % 12])
    return roll_of(piece)


def transposed(roll, generator, most):
    """A piece moved up or down by up to `most` semitones, as far as it stays on the keyboard."""
    keys = np.flatnonzero(roll.any(axis=0))
    if not most or not len(keys):
        return roll
    return np.roll(roll, generator.integers(max(-most, -keys[0]), min(most, 87 - keys[-1]) + 1), axis=1)


def tokens_of(roll):
    """The notes of a step from low to high and a separator, step after step."""
    return np.concatenate([[*(np.flatnonzero(step) + FIRST_NOTE), SEPARATOR] for step in roll])


def roll_of_tokens(tokens):
    """The steps that tokens stand for; what comes behind the last separator is no whole step."""
    steps = [[]]
    for token in tokens:
        if token == SEPARATOR:
            steps.append([])
        elif token >= FIRST_NOTE:
            steps[-1].append(token - FIRST_NOTE + LOWEST_KEY)
    return roll_of(steps[:-1])


def pad(pieces, multiple=1):
    """Rolls and masks of one length, `(pieces, steps, 88)` and `(pieces, steps)`."""
    longest = -(-max(map(len, pieces)) // multiple) * multiple
    rolls = np.zeros((len(pieces), longest, 88), dtype="float32")
    mask = np.zeros((len(pieces), longest), dtype="bool")
    for row, piece in enumerate(pieces):
        rolls[row, : len(piece)], mask[row, : len(piece)] = piece, True
    return {"x": rolls, "mask": mask}


def pad_tokens(pieces, multiple=1):
    """Tokens of pieces, padded to one length, `(pieces, tokens)`."""
    rows = [tokens_of(piece) for piece in pieces]
    x = np.zeros((len(rows), -(-max(map(len, rows)) // multiple) * multiple), dtype="int32")
    for row, tokens in enumerate(rows):
        x[row, : len(tokens)] = tokens
    return {"x": x}


class Batches(keras.utils.PyDataset):
    """Batches of pieces of about the same length, each padded to its own; few lengths, so that little is compiled."""

    def __init__(self, pieces, batch_size, transpose=0, padded=pad, multiple=BUCKET, **kwargs):
        super().__init__(**kwargs)
        self.pieces, self.batch_size, self.transpose = pieces, batch_size, transpose
        self.padded, self.multiple = padded, multiple
        self.generator = np.random.default_rng(0)
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.pieces) // self.batch_size)

    def __getitem__(self, index):
        rows = [transposed(self.pieces[row], self.generator, self.transpose) for row in self.batches[index]]
        return (self.padded(rows, self.multiple),)

    def on_epoch_end(self):
        lengths = [len(piece) + self.generator.uniform(0, 8) for piece in self.pieces]
        order = np.argsort(lengths)
        self.batches = np.array_split(order, len(self))
        self.generator.shuffle(self.batches)


def write_midi(roll, path, beats_per_minute=90):
    """One step is a quarter note; a key that stays down is one long note."""
    midi = mido.MidiFile()
    track = mido.MidiTrack()
    midi.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(beats_per_minute)))
    keys = np.pad(np.asarray(roll) > 0.5, ((1, 1), (0, 0))).astype("int8")
    waited = 0
    for change in np.diff(keys, axis=0):
        for velocity, event in ((0, -1), (80, 1)):
            for key in np.flatnonzero(change == event):
                note = {"note": int(key) + LOWEST_KEY, "velocity": velocity, "time": waited}
                track.append(mido.Message("note_on" if velocity else "note_off", **note))
                waited = 0
        waited += midi.ticks_per_beat
    midi.save(path)


def show_rolls(real, new, path):
    """Real pieces in the upper row, new ones in the lower."""
    figure = Figure(figsize=(3 * len(real), 5))
    axes = figure.subplots(2, len(real), sharey=True, squeeze=False)
    for row, (pieces, title) in enumerate(((real, "real"), (new, "new"))):
        for axis, piece in zip(axes[row], pieces, strict=True):
            steps, keys = np.nonzero(np.asarray(piece) > 0.5)
            axis.scatter(steps, keys + LOWEST_KEY, marker="s", s=6, linewidths=0, c=f"C{row}")
            axis.set_xlim(-1, 65)
            axis.grid(alpha=0.3)
        axes[row, 0].set_ylabel(f"{title}: MIDI pitch")
    for axis in axes[1]:
        axis.set_xlabel("step")
    figure.savefig(path, dpi=90, bbox_inches="tight")


def show_continued(piece, new, path):
    """A real piece above, and what the model made of its beginning."""
    figure = Figure(figsize=(9, 2.2 * (1 + len(new))))
    for row, (axis, roll) in enumerate(zip(figure.subplots(1 + len(new), 1, sharex=True), (piece, *new), strict=True)):
        steps, keys = np.nonzero(np.asarray(roll) > 0.5)
        given = steps < GIVEN
        for part, color in ((given, "C0"), (~given, "C1" if row else "C0")):
            axis.scatter(steps[part], keys[part] + LOWEST_KEY, marker="s", s=8, linewidths=0, c=color)
        axis.axvline(GIVEN - 0.5, color="black", linewidth=0.8)
        axis.set(ylabel="MIDI pitch", title="as Bach goes on" if not row else f"as the model goes on, {row}")
        axis.grid(alpha=0.3)
    axis.set_xlabel("step")
    figure.savefig(path, dpi=90, bbox_inches="tight")


def model(latents, units, tokens=False, seed=0):
    """One latent for the whole piece and a recurrent decoder, or one for every step."""
    layers = keras.layers

    def dense(*widths, rate):
        parts = [(layers.Dense(width, activation="relu"), layers.Dropout(rate, seed=seed + width)) for width in widths]
        return keras.Sequential([layer for part in parts for layer in part])

    if tokens:
        return kv.VAE(
            data_shape=(None,),
            latent_dim=16,
            encoder=kv.encoders.GRU((units // 2,), dropout=0.2),
            decoder=kv.decoders.GRU((units,), dropout=0.3, embedding_units=32),
            likelihood=kv.likelihoods.Categorical(TOKENS, padding=0),
            seed=seed,
        )
    if latents == "recurrent":
        return kv.VAE(
            data_shape=(None, 88),
            latents=kv.latents.Recurrent(
                32,
                state=units,
                state_sees="data",
                transition=layers.Dense(4 * units // 5, activation="relu"),
                word_dropout=0.1,
            ),
            encoder=dense(units, rate=0.1),
            decoder=dense(units, units, rate=0.2),
            likelihood="bernoulli",
            seed=seed,
        )
    if latents == "markov":
        return kv.VAE(
            data_shape=(None, 88),
            latents=kv.latents.Markov(units // 5),
            encoder=kv.encoders.GRU((units // 2,), dropout=0.2, return_sequences=True),
            decoder=dense(units, rate=0.2),
            likelihood="bernoulli",
            seed=seed,
        )
    return kv.VAE(
        data_shape=(None, 88),
        latent_dim=16,
        encoder=kv.encoders.GRU((units // 2,), dropout=0.2),
        decoder=kv.decoders.GRU((units,), dropout=0.3, word_dropout=0.1),
        likelihood="bernoulli",
        seed=seed,
    )


def train(vae, pieces, valid, options, epochs, padded):
    """Fit, with the average of the weights over the last steps, and keep those of the best epoch on the validation."""
    batches = Batches(pieces, 16, options.transpose, padded, 128 if options.tokens else BUCKET)
    warm_up = max(1, min(15, epochs // 8))
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, epochs * len(batches), alpha=0.05)
    vae.compile(keras.optimizers.Adam(schedule, clipnorm=5.0, use_ema=True, ema_momentum=0.98))
    vae.fit(
        batches,
        epochs=epochs,
        validation_data=(padded(valid, BUCKET),),
        verbose=2,
        callbacks=[
            kv.callbacks.BetaSchedule(warm_up * len(batches)),
            keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
            keras.callbacks.EarlyStopping("val_loss", patience=20, start_from_epoch=warm_up, restore_best_weights=True),
        ],
    )


def generate(vae, tokens, n, steps=64, prefix=None):
    """New pieces as rolls, or continuations of one piece."""
    drawing = {"mode": "sample", "data_temperature": 0.9 if tokens else 0.7, "seed": 1}
    if prefix is not None:
        prefix = tokens_of(prefix) if tokens else prefix.astype("float32")
        drawing.update(prefix=prefix, num_return=n)
    else:
        drawing["n"] = n
    made = vae.generate(length=6 * steps if tokens else steps, **drawing)
    made = made[0] if prefix is not None else made
    return [roll_of_tokens(row)[:steps] for row in made] if tokens else list(made)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="rule", help="rule, an .npz or a .json file")
    parser.add_argument(
        "--epochs", type=int, default=100, help="largest number of epochs; early stopping on the validation pieces"
    )
    parser.add_argument(
        "--latents", choices=("global", "recurrent", "markov"), default="global", help="one latent, or one a step"
    )
    parser.add_argument("--tokens", action="store_true", help="one note after the other, with one latent")
    parser.add_argument(
        "--transpose", type=int, default=0, help="move each piece by up to so many semitones, anew in every epoch"
    )
    parser.add_argument("--units", type=int, default=160, help="width of the decoder")
    parser.add_argument("--samples", type=int, default=100, help="importance samples, or particles")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/music"))
    options = parser.parse_args(arguments)
    if options.tokens and options.latents != "global":
        parser.error("--tokens is for one latent a piece: a latent for every note is not what a step is.")

    keras.utils.set_random_seed(options.seed)
    pieces, valid, test = load(options.data)
    epochs, units, samples = options.epochs, options.units, options.samples
    if options.smoke:
        pieces, valid, test, epochs, units, samples = pieces[:16], valid[:4], test[:4], 2, 8, 2
    steps = sum(map(len, pieces))
    print(f"Training on {len(pieces)} pieces of {steps} steps in all, at most {epochs} epochs.")

    vae = model(options.latents, units, options.tokens, options.seed)
    padded = pad_tokens if options.tokens else pad
    train(vae, pieces, valid, options, epochs, padded)

    held_out, steps = padded(test, BUCKET), sum(map(len, test))
    method = "particle_filter" if vae.latents.has_time_axis else "importance_sampling"
    elbo = vae.elbo(held_out, num_samples=10, seed=0).sum() / steps
    bound = vae.log_likelihood(held_out, samples, method=method, seed=0, batch_size=1000, verbose=0).sum() / steps
    kl = vae.evaluate(held_out, verbose=0, return_dict=True)["kl_loss"]
    print(f"Test pieces: KL {kl:.1f} nats per piece; -ELBO {-elbo:.3f} nats per step")
    print(f"Test pieces: NLL <= {-bound:.3f} nats per step ({samples} draws, {method})")

    options.out.mkdir(parents=True, exist_ok=True)
    length = 24 if options.smoke else 64
    new = generate(vae, options.tokens, 3, length)
    show_rolls(test[:3], new, options.out / "rolls.png")
    write_midi(new[0], options.out / "piece.mid")
    continued = generate(vae, options.tokens, 2, length, prefix=test[0][:GIVEN])
    show_continued(test[0][:length], continued, options.out / "continued.png")
    write_midi(continued[0], options.out / "continued.mid")
    vae.save(options.out / "model.keras")
    for name in ("piece.mid", "rolls.png", "continued.mid", "continued.png", "model.keras"):
        print(f"Wrote {options.out / name}")
    return bound


if __name__ == "__main__":
    main()
