"""Motion as sequences of sensor readings: new paths of a double pendulum, and anomalies found by their ELBO.

    python examples/motion.py          # about five minutes
    python examples/motion.py --smoke  # a few seconds, to see that it runs

The data are simulated: a double pendulum with friction is released at a random angle, and two noisy
sensors measure the positions of its joints, four numbers in each of 60 frames. The initial state determines the whole
path, so the decoder uses only the latents (autoregressive=False) and decodes all frames in one pass.

It prints the ELBO of held-out paths in nats per frame, and how well the ELBO separates two kinds of anomalous paths
from normal ones: a pendulum that was pushed, and a sensor that got stuck. It writes paths.png (real paths above
generated ones, and the scores) and model.keras.
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


def acceleration(angles, speeds, friction=0.15, gravity=9.81):
    """Equations of motion of two equal arms of length 1 and two equal masses; the angles are from the vertical."""
    (a, b), (u, v) = angles, speeds
    d = a - b
    scale = 3.0 - np.cos(2.0 * d)
    first = -3.0 * gravity * np.sin(a) - gravity * np.sin(a - 2.0 * b)
    first -= 2.0 * np.sin(d) * (v**2 + u**2 * np.cos(d))
    second = 2.0 * np.sin(d) * (2.0 * u**2 + 2.0 * gravity * np.cos(a) + v**2 * np.cos(d))
    return np.stack([first, second]) / scale - friction * speeds


def simulate(count, seed, push=0.0):
    """Paths of both joints, `(count, FRAMES, 4)`; with `push`, the lower arm is hit once on its way."""
    generator = np.random.default_rng(seed)
    angles = generator.uniform(-1.4, 1.4, (2, count))
    speeds = np.zeros((2, count))
    hit = generator.integers(FRAMES // 4, 3 * FRAMES // 4, count)
    step, frames = FRAME_SECONDS / SUBSTEPS, []
    for frame in range(FRAMES):
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
    options = parser.parse_args(arguments)

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

    options.out.mkdir(parents=True, exist_ok=True)
    show(held_out, vae.generate(SHOWN, seed=0), scores, options.out / "paths.png")
    vae.save(options.out / "model.keras")
    for name in ("paths.png", "model.keras"):
        print(f"Wrote {options.out / name}")
    return elbo, areas


if __name__ == "__main__":
    main()
