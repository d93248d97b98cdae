"""Motion as sequences of sensor readings: new paths of a double pendulum, and anomalies found by their ELBO.

    python examples/motion.py                             # about five minutes
    python examples/motion.py --forecast walks pendulum   # how recordings go on; some minutes for each seed
    python examples/motion.py --smoke                     # a few seconds, to see that it runs

The data are simulated: a double pendulum with friction is released at a random angle, and two noisy
sensors measure the positions of its joints, four numbers in each of 60 frames. The initial state determines the whole
path, so the decoder uses only the latents (autoregressive=False) and decodes all frames in one pass.

It prints the ELBO of held-out paths in nats per frame, and how well the ELBO separates two kinds of anomalous paths
from normal ones: a pendulum that was pushed, and a sensor that got stuck. It writes paths.png (real paths above
generated ones, and the scores) and model.keras.

With --forecast, models see the first 20 frames of a recording and predict those behind them, up to 100 frames ahead.
They are trained on pieces of 40 frames, so most of that is longer than anything they have seen. The recordings are of
the pendulum, or of walks: six joint angles, whose phase goes on at a pace of the walker's own and is jostled in every
frame. It prints the mean squared error by how far ahead, beside three rules without a model, and writes pictures.
"""

import argparse
import pathlib

import keras
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score

import keras_vae as kv

FRAMES = 60
FRAME_SECONDS = 0.05
SUBSTEPS = 5
NOISE = 0.02  # of the sensors, in arm lengths
SHOWN = 6

PIECE, GIVEN, AHEAD = 40, 20, 100  # frames: of a piece to train on, of what is given, and of what is predicted
RANGES = ((0, 5), (5, 10), (10, 20), (20, 40), (40, 70), (70, AHEAD))
"""Frames ahead; from the fourth range on they lie behind the length of a piece."""
DRAWS = 30


def acceleration(angles, speeds, friction=0.15, gravity=9.81):
    """Equations of motion of two equal arms of length 1 and two equal masses; the angles are from the vertical."""
    (a, b), (u, v) = angles, speeds
    d = a - b
    scale = 3.0 - np.cos(2.0 * d)
    first = -3.0 * gravity * np.sin(a) - gravity * np.sin(a - 2.0 * b)
    first -= 2.0 * np.sin(d) * (v**2 + u**2 * np.cos(d))
    second = 2.0 * np.sin(d) * (2.0 * u**2 + 2.0 * gravity * np.cos(a) + v**2 * np.cos(d))
    return np.stack([first, second]) / scale - friction * speeds


def simulate(count, seed, push=0.0, length=FRAMES):
    """Paths of both joints, `(count, length, 4)`; with `push`, the lower arm is hit once on its way."""
    generator = np.random.default_rng(seed)
    angles = generator.uniform(-1.4, 1.4, (2, count))
    speeds = np.zeros((2, count))
    hit = generator.integers(length // 4, 3 * length // 4, count)
    step, frames = FRAME_SECONDS / SUBSTEPS, []
    for frame in range(length):
        upper = np.stack([np.sin(angles[0]), -np.cos(angles[0])])
        lower = upper + np.stack([np.sin(angles[1]), -np.cos(angles[1])])
        frames.append(np.concatenate([upper, lower]).T)
        speeds[1] += push * (hit == frame) * generator.choice([-1.0, 1.0], count)
        for _ in range(SUBSTEPS):  # the midpoint method
            middle = angles + 0.5 * step * speeds, speeds + 0.5 * step * acceleration(angles, speeds)
            angles, speeds = angles + step * middle[1], speeds + step * acceleration(*middle)
    paths = np.stack(frames, axis=1)
    return (paths + NOISE * generator.standard_normal(paths.shape)).astype("float32")


def stick(paths, seed):
    """The same paths with the lower sensor stuck from some frame on."""
    generator = np.random.default_rng(seed)
    paths = paths.copy()
    for path, frame in zip(paths, generator.integers(FRAMES // 4, 3 * FRAMES // 4, len(paths)), strict=True):
        path[frame:, 2:] = path[frame, 2:]
    return paths


def walk(count, seed, length):
    """Angles of hip, knee and ankle of both legs, `(count, length, 6)`: harmonics of a phase, in a walker's style."""
    gait = np.random.default_rng(7)  # what all walkers have in common
    harmonics = np.arange(1, 4)
    common = gait.normal(size=(3, 3, 2)) / harmonics[:, None] ** 1.5
    styles = 0.3 * gait.normal(size=(3, 3, 3, 2)) / harmonics[:, None]
    generator = np.random.default_rng(seed)
    swing = 0.5 * (common + np.einsum("ns,sjkc->njkc", generator.standard_normal((count, 3)), styles))
    pace = 2.0 * np.pi * FRAME_SECONDS * generator.uniform(0.8, 1.3, count)  # 0.8 to 1.3 double steps a second
    phase, frames = generator.uniform(0.0, 2.0 * np.pi, count), []
    for _ in range(length):
        sides = []
        for half in (0.0, np.pi):  # the right leg is half a double step behind the left
            angles = (phase + half)[:, None, None] * harmonics
            sides.append((swing[..., 0] * np.cos(angles) + swing[..., 1] * np.sin(angles)).sum(axis=-1))
        frames.append(np.concatenate(sides, axis=1))
        phase = phase + pace + 0.05 * generator.standard_normal(count)
    angles = np.stack(frames, axis=1)
    return (angles + NOISE * generator.standard_normal(angles.shape)).astype("float32")


RECORDINGS = {"walks": walk, "pendulum": lambda count, seed, length: simulate(count, seed, length=length)}


def forecasters(width, units, seed, bidirectional):
    """Models of series of any length: with latents for each frame, and with one vector for all of them."""
    common = {"likelihood": "gaussian", "seed": seed}
    last = keras.Input((8,))
    # What the latents were, beside what they become: a turn of the phase is linear in them.
    moved = keras.layers.Concatenate()([last, keras.layers.Dense(units, activation="tanh")(last)])
    chains = {
        "latents and a state": kv.latents.Recurrent(8, state=units, state_sees="latents", posterior="residual"),
        "latents": kv.latents.Markov(8, transition=keras.Model(last, moved), posterior="residual"),
    }
    models = {
        f"{name} for each frame": kv.VAE(
            (None, width),
            latents=latents,
            # By default it reads forward only: a posterior that sees later frames need not keep what foretells them.
            encoder=kv.encoders.GRU((units,), return_sequences=True, bidirectional=bidirectional),
            decoder=keras.Sequential([keras.layers.Dense(units, activation="tanh") for _ in range(2)]),
            **common,
        )
        for name, latents in chains.items()
    }
    decoder = kv.decoders.GRU((units,), autoregressive=False)
    return {
        **models,
        "one vector": kv.VAE((None, width), 8, encoder=kv.encoders.GRU((units,)), decoder=decoder, **common),
    }


def nearest(train, given):
    """How the recording goes on whose frames, anywhere in it, are nearest to the given ones."""
    best, found = np.full(len(given), np.inf), np.zeros((len(given), AHEAD, given.shape[2]), "float32")
    for start in range(train.shape[1] - GIVEN - AHEAD + 1):
        seen = train[:, start : start + GIVEN]
        distances = np.square(seen).sum(axis=(1, 2)) - 2.0 * np.einsum("ntd,mtd->nm", given, seen)
        closest = distances.argmin(axis=1)
        nearer = distances.min(axis=1) < best
        best = np.where(nearer, distances.min(axis=1), best)
        follows = train[closest, start + GIVEN : start + GIVEN + AHEAD]
        found = np.where(nearer[:, None, None], follows, found)
    return found


def forecast(kind, seeds, smoke, path, bidirectional=False):
    """Mean squared errors by range, `{method: (seeds, ranges)}`; one method's are the same for every seed."""
    make = RECORDINGS[kind]
    count, pieces, epochs, units = (20, 64, 1, 8) if smoke else (400, 2048, 90, 64)
    train, test = make(count, 0, 160), make(max(4, count // 2), 1, GIVEN + AHEAD)
    given, future = test[:, :GIVEN], test[:, GIVEN:]
    options = {"prefix": given, "length": GIVEN + AHEAD, "batch_size": 500, "verbose": 0}

    def errors(predicted):
        squared = np.square(predicted - future).mean(axis=(0, 2))
        return [squared[first:last].mean() for first, last in RANGES]

    found = {
        "the last frame": [errors(given[:, -1:])],
        "the mean of all frames": [errors(train.mean(axis=(0, 1)))],
        "nearest recording": [errors(nearest(train, given))],
    }
    shown = {"true": future}
    for seed in seeds:
        generator = np.random.default_rng(seed)
        starts = generator.integers(0, train.shape[1] - PIECE + 1, pieces)
        rows = generator.integers(0, count, pieces)
        cut = train[rows[:, None], starts[:, None] + np.arange(PIECE)]
        keras.utils.set_random_seed(seed)
        for name, vae in forecasters(train.shape[2], units, seed, bidirectional).items():
            rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * pieces // 64)
            vae.compile(keras.optimizers.Adam(rate, clipnorm=10.0))
            history = vae.fit(cut, batch_size=64, epochs=epochs, verbose=0).history
            draws = vae.generate(num_return=DRAWS, seed=seed, **options)[:, :, GIVEN:]
            steady = vae.generate(temperature=0.0, **options)[:, GIVEN:]
            found.setdefault(f"{name}, mean of {DRAWS} draws", []).append(errors(draws.mean(axis=1)))
            found.setdefault(f"{name}, mean of each step", []).append(errors(steady))
            shown[name] = draws.mean(axis=1)
            print(f"{kind}, seed {seed}, {name}: loss {history['loss'][-1]:.1f}, {history['kl_loss'][-1]:.1f} of it KL")
    print(
        f"Mean squared error of {kind} by frames ahead, mean and spread over {len(seeds)} seeds. Behind "
        f"{PIECE - GIVEN} frames the models are beyond the length of what they were trained on."
    )
    print("| frames ahead | " + " | ".join(f"{first + 1}-{last}" for first, last in RANGES) + " |")
    for name, rows in found.items():
        values = np.array(rows)
        spread = [f" ± {value:.3f}" if len(rows) > 1 else "" for value in values.std(axis=0)]
        print(f"| {name} | " + " | ".join(map("{:.3f}{}".format, values.mean(axis=0), spread)) + " |")
    show_forecasts(given, shown, path / f"forecasts_{kind}.png")
    return {name: np.array(rows) for name, rows in found.items()}


def show_forecasts(given, shown, path):
    """One coordinate of three recordings: what was given, how it went on, and what was predicted."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    for row, axis in enumerate(figure.subplots(3, 1, sharex=True)):
        axis.plot(np.arange(GIVEN), given[row, :, 0], color="0.2", lw=1)
        for name, paths in shown.items():
            axis.plot(
                GIVEN + np.arange(AHEAD), paths[row, :, 0], lw=1, color="0.6" if name == "true" else None, label=name
            )
        axis.axvline(PIECE, color="0.8", lw=1, ls=":")
    axis.set_xlabel("frame; dotted: the length of a piece")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), ncols=4, loc="outside upper center")
    figure.savefig(path, dpi=90)


def show(real, new, scores, path):
    """Paths of the lower joint, real ones above new ones, and the scores of ordinary and of odd paths."""
    figure = Figure(figsize=(2.2 * SHOWN, 7), layout="constrained")
    grid = figure.add_gridspec(3, SHOWN)
    for row, (paths, title) in enumerate(((real, "real"), (new, "new"))):
        for column in range(SHOWN):
            axis = figure.add_subplot(grid[row, column])
            axis.plot(paths[column, :, 2], paths[column, :, 3], color=f"C{row}", lw=1)
            axis.plot(paths[column, :, 0], paths[column, :, 1], color="0.6", lw=1)
            axis.plot(*paths[column, 0, 2:], "o", color=f"C{row}")
            axis.set(xlim=(-2.1, 2.1), ylim=(-2.2, 0.6), aspect="equal", xticks=[], yticks=[])
            if column == 0:
                axis.set_ylabel(title)
    axis = figure.add_subplot(grid[2, :])
    highest = np.quantile(np.concatenate(list(scores.values())), 0.98)
    bins = np.linspace(min(map(np.min, scores.values())), highest, 60)
    for name, values in scores.items():
        axis.hist(np.minimum(values, highest), bins, alpha=0.6, label=name)
    axis.set_xlabel("-ELBO in nats per frame")
    axis.legend()
    figure.savefig(path, dpi=90)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/motion"))
    parser.add_argument("--forecast", nargs="+", choices=RECORDINGS, help="predict how these go on, and nothing else")
    parser.add_argument("--seeds", type=int, default=3, help="of the forecasts")
    parser.add_argument("--bidirectional", action="store_true", help="encoders of each frame read backwards too")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.forecast:
        seeds = range(1 if options.smoke else options.seeds)
        return {
            kind: forecast(kind, seeds, options.smoke, options.out, options.bidirectional) for kind in options.forecast
        }

    keras.utils.set_random_seed(0)
    count, epochs, units = (100, 1, 8) if options.smoke else (6000, options.epochs, 128)
    train, held_out = simulate(count, 0), simulate(max(SHOWN, count // 12), 1)
    print(f"Training on {len(train)} paths of {FRAMES} frames, {epochs} epochs.")

    vae = kv.VAE(
        data_shape=(FRAMES, 4),
        latent_dim=8,
        encoder=kv.encoders.TCN((units // 2,) * 4),
        decoder=kv.decoders.GRU((units,), autoregressive=False),
        likelihood="gaussian",  # with one scale, learned
        seed=0,
    )
    steps = epochs * -(-len(train) // 64)
    vae.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps), clipnorm=10.0))
    vae.fit(train, batch_size=64, epochs=epochs, validation_data=held_out, verbose=2)

    odd = {"pushed": simulate(len(held_out), 2, push=2.0), "stuck sensor": stick(held_out, 3)}
    scores = {
        name: -vae.elbo(paths, num_samples=10, seed=0) / FRAMES for name, paths in {"ordinary": held_out, **odd}.items()
    }
    elbo = -scores["ordinary"].mean()
    print(f"Held-out ELBO: {elbo:.2f} nats per frame, scale {vae.likelihood.current_scale():.3f} (the noise: {NOISE})")
    areas = {}
    for name in odd:
        labels = np.repeat([0, 1], [len(held_out), len(odd[name])])
        areas[name] = roc_auc_score(labels, np.concatenate([scores["ordinary"], scores[name]]))
        print(f"Anomalous paths ({name}) against normal ones: area under the ROC curve {areas[name]:.3f}")

    show(held_out, vae.generate(SHOWN, seed=0), scores, options.out / "paths.png")
    vae.save(options.out / "model.keras")
    for name in ("paths.png", "model.keras"):
        print(f"Wrote {options.out / name}")
    return elbo, areas


if __name__ == "__main__":
    main()
