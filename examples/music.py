"""Music as a sequence of chords: a VAE with a recurrent encoder and decoder writes new pieces as MIDI files.

    python examples/music.py                          # rule-based pieces, nothing to download
    python examples/music.py --data JSB_Chorales.npz  # the chorales of Bach, in quarter notes
    python examples/music.py --latents markov         # one latent for every step, and no recurrent decoder
    python examples/music.py --smoke                  # a few seconds, to see that it runs

The data are piano rolls of unequal length, `(steps, 88)`, 1 where a key is pressed. A file is either an .npz with the
arrays {train,valid,test}data, the 88 keys of all steps packed into bits, and {train,valid,test}data_len, the number of
steps of each piece; or a .json with lists of pieces under train, valid and test, each a list of steps, each a list of
MIDI pitches, the format of jsb-chorales-quarter.json.

It prints the negative log-likelihood of the test pieces in nats per step, as a bound by 100 importance samples, and
writes piece.mid (a new piece), rolls.png (real pieces above new ones) and model.keras.
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


def pad(pieces, multiple=1):
    """Rolls and masks of one length, `(pieces, steps, 88)` and `(pieces, steps)`."""
    longest = -(-max(map(len, pieces)) // multiple) * multiple
    rolls = np.zeros((len(pieces), longest, 88), dtype="float32")
    mask = np.zeros((len(pieces), longest), dtype="bool")
    for row, piece in enumerate(pieces):
        rolls[row, : len(piece)], mask[row, : len(piece)] = piece, True
    return {"x": rolls, "mask": mask}


class Batches(keras.utils.PyDataset):
    """Batches of pieces of about the same length, each padded to its own; few lengths, so that little is compiled."""

    def __init__(self, pieces, batch_size, **kwargs):
        super().__init__(**kwargs)
        self.pieces, self.batch_size = pieces, batch_size
        self.generator = np.random.default_rng(0)
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.pieces) // self.batch_size)

    def __getitem__(self, index):
        return (pad([self.pieces[row] for row in self.batches[index]], BUCKET),)

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


def model(latents, units):
    """One latent for the whole piece and a recurrent decoder, or one for every step (a deep Markov model)."""
    if latents == "markov":
        layers = keras.layers
        return kv.VAE(
            data_shape=(None, 88),
            latents=kv.latents.Markov(units // 5),
            encoder=kv.encoders.GRU((units // 2,), dropout=0.2, return_sequences=True),
            decoder=keras.Sequential([layers.Dense(units, activation="relu"), layers.Dropout(0.2, seed=0)]),
            likelihood="bernoulli",
            seed=0,
        )
    return kv.VAE(
        data_shape=(None, 88),
        latent_dim=16,
        encoder=kv.encoders.GRU((units // 2,), dropout=0.2),
        decoder=kv.decoders.GRU((units,), dropout=0.3, word_dropout=0.1),
        likelihood="bernoulli",
        seed=0,
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="rule", help="rule, an .npz or a .json file")
    parser.add_argument(
        "--epochs", type=int, default=150, help="largest number of epochs; early stopping on the validation pieces"
    )
    parser.add_argument("--latents", choices=("global", "markov"), default="global", help="one latent, or one a step")
    parser.add_argument("--units", type=int, default=160, help="width of the decoder")
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/music"))
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    train, valid, test = load(options.data)
    epochs, units, samples = options.epochs, options.units, 100
    if options.smoke:
        train, valid, test, epochs, units, samples = train[:16], valid[:4], test[:4], 2, 8, 2
    steps = sum(map(len, train))
    print(f"Training on {len(train)} pieces of {steps} steps in all, at most {epochs} epochs.")

    vae = model(options.latents, units)
    batches = Batches(train, 16)
    warm_up = 15 if epochs > 15 else 1
    vae.compile(keras.optimizers.Adam(3e-3, clipnorm=5.0))
    vae.fit(
        batches,
        epochs=epochs,
        validation_data=(pad(valid, BUCKET),),
        verbose=2,
        callbacks=[
            kv.callbacks.BetaSchedule(warm_up * len(batches)),
            keras.callbacks.EarlyStopping("val_loss", patience=12, start_from_epoch=warm_up, restore_best_weights=True),
        ],
    )

    held_out = pad(test, BUCKET)
    steps = held_out["mask"].sum()
    elbo = vae.elbo(held_out, num_samples=10, seed=0).sum() / steps
    bound = vae.log_likelihood(held_out, num_samples=samples, seed=0, batch_size=256, verbose=0).sum() / steps
    kl = vae.evaluate(held_out, verbose=0, return_dict=True)["kl_loss"]
    print(f"Test pieces: KL {kl:.1f} nats per piece; -ELBO {-elbo:.3f} nats per step")
    print(f"Test pieces: NLL <= {-bound:.3f} nats per step ({samples} importance samples)")

    options.out.mkdir(parents=True, exist_ok=True)
    new = vae.generate(3, mode="sample", data_temperature=0.7, length=64, seed=1)
    show_rolls(test[:3], new, options.out / "rolls.png")
    write_midi(new[0], options.out / "piece.mid")
    vae.save(options.out / "model.keras")
    for name in ("piece.mid", "rolls.png", "model.keras"):
        print(f"Wrote {options.out / name}")
    return bound


if __name__ == "__main__":
    main()
