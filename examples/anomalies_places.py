"""Anomalies in images and series, and where in them: surfaces with defects, covered faces, pushed pendulums, machines.

    python examples/anomalies_places.py                                        # what needs no data
    python examples/anomalies_places.py --data olivetti_faces.npz              # faces, too
    python examples/anomalies_places.py --sets cloth --out pictures
    python examples/anomalies_places.py --smoke                                # a few seconds, to see that it runs

The sets are simulated but for the faces. Cloth, wood and metal are grey pictures of 32 x 32 pixels; a defective one has
a scratch, a hole or a stain. Of the faces (AT&T Laboratories Cambridge), an .npz with images under x, one in four is
ranked, beside a copy with a grey square over a part of it. Paths of a double pendulum are those of `motion.py`: a
pendulum that was pushed, and a sensor that got stuck. A machine has sensors of vibration, current and temperature;
one that is faulty has a worn bearing, runs hot or lost a sensor.

The detector has its default arguments. Beside it stand the distance to the nearest training row, scikit-learn's
IsolationForest, and the error of a reconstruction by principal components with 90% of the variance.

It prints areas under the ROC curve: for whole rows, and for single pixels or steps, where `explain` is asked which
pixels of the odd rows are those of the defect. With --out it writes a picture of each set.
"""

import argparse
import pathlib
import time

import motion
import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

import keras_vae as kv
from keras_vae.anomaly import VAEDetector

SIZE = 32
STEPS = 64
GRID = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij"))


def surfaces(material, count, rng):
    """Pictures `(count, SIZE, SIZE)` of cloth, wood or metal, uint8."""
    rows, columns = GRID[:, None].astype("float64")
    shift, bend = rng.uniform(0, 2 * np.pi, (count, 1, 1)), rng.normal(size=(count, 1, 1))
    if material == "cloth":
        weave = np.sin(2 * np.pi * columns / 8 + shift) * np.sin(2 * np.pi * rows / 8 + bend)
        grey = 128 + 45 * weave
    elif material == "wood":
        rings = columns + 3 * np.sin(rows / 10 + shift) + 1.5 * bend
        grey = 120 + 35 * np.sin(2 * np.pi * rings / 9)
    else:
        brushed = rng.normal(size=(count, SIZE, 1)) * np.ones(SIZE)
        grey = 150 + 15 * brushed + 20 * np.cos(np.pi * columns / SIZE + shift)
    return np.clip(grey + 6 * rng.normal(size=(count, SIZE, SIZE)), 0, 255).astype("uint8")


def with_defects(pictures, rng):
    """The pictures with a scratch, a hole or a stain each, and True at its pixels."""
    damaged, places = pictures.astype("float64"), np.zeros(pictures.shape, bool)
    for index in range(len(pictures)):
        centre = rng.uniform(8, SIZE - 8, (2, 1, 1))
        offset = GRID - centre
        distance = np.hypot(*offset)
        kind = index % 3
        if kind == 0:
            angle = rng.uniform(0, np.pi)
            across = offset[0] * np.cos(angle) - offset[1] * np.sin(angle)
            places[index] = (np.abs(across) < 0.8) & (distance < 8)
            damaged[index][places[index]] += 70
        elif kind == 1:
            places[index] = distance < rng.uniform(2, 4)
            damaged[index][places[index]] = 25
        else:
            depth = 45 * np.exp(-0.5 * (distance / 3.5) ** 2)
            places[index] = depth > 15
            damaged[index] -= depth
    return np.clip(damaged, 0, 255).astype("uint8"), places


def covered(faces, rng):
    """The faces with a grey square each, and True at its pixels."""
    hidden, places = faces.copy(), np.zeros(faces.shape, bool)
    for index, (row, column) in enumerate(rng.integers(4, SIZE - 12, (len(faces), 2))):
        places[index, row : row + 8, column : column + 8] = True
        hidden[index][places[index]] = 128
    return hidden, places


def machines(count, rng, fault=False):
    """Sensors `(count, STEPS, 3)` of a machine, and with `fault` True at the steps where it shows."""
    t = np.arange(STEPS)
    load, phase = rng.uniform(0.5, 1.5, (count, 1)), rng.uniform(0, 2 * np.pi, (count, 1))
    vibration = load * np.sin(2 * np.pi * t / 8 + phase)
    current = 2 * load + 0.2 * np.cos(2 * np.pi * t / 16 + phase)
    temperature = 40 + 5 * load * (1 - np.exp(-t / 25))
    x = np.stack([vibration, current, temperature], axis=-1)
    x += rng.normal(size=x.shape) * [0.1, 0.05, 0.2]
    places = np.zeros((count, STEPS), bool)
    if fault:
        for index, start in enumerate(rng.integers(10, STEPS - 20, count)):
            places[index, start : start + 16] = True
            if index % 3 == 0:
                x[index, start : start + 16 : 5, 0] += 1.2
                places[index] = False
                places[index, start : start + 16 : 5] = True
            elif index % 3 == 1:
                x[index, start : start + 16, 2] += np.linspace(0, 2.5, 16)
            else:
                x[index, start : start + 16, 1] = x[index, start, 1]
    return x, places


def data_of(name, options, rng):
    """Training rows, ordinary rows, odd rows, and where these are odd or None."""
    count = 60 if options.smoke else options.rows
    tested = max(9, count // 5)
    if name == "faces":
        with np.load(options.data, allow_pickle=False) as arrays:
            faces = arrays["x"]
        side = faces.shape[1] // SIZE
        faces = faces.reshape(len(faces), SIZE, side, SIZE, side).mean(axis=(2, 4)).astype("uint8")
        order = rng.permutation(len(faces))
        train, ordinary = faces[order[len(faces) // 4 :]], faces[order[: len(faces) // 4]]
        return train, ordinary, *covered(ordinary, rng)
    if name == "machine":
        return machines(count, rng)[0], machines(tested, rng)[0], *machines(tested, rng, fault=True)
    if name.startswith("pendulum"):
        train, ordinary = motion.simulate(count, 0), motion.simulate(tested, 1)
        odd = motion.simulate(tested, 2, push=2.0) if name.endswith("pushed") else motion.stick(ordinary, 3)
        return train, ordinary, odd, None
    return (surfaces(name, count, rng), surfaces(name, tested, rng), *with_defects(surfaces(name, tested, rng), rng))


def areas(train, ordinary, odd, places, scores, maps):
    """Areas under the ROC curve: of rows, and of elements of the odd rows or None."""
    labels = np.repeat([0, 1], [len(ordinary), len(odd)])
    return roc_auc_score(labels, scores), None if places is None else roc_auc_score(places.ravel(), maps.ravel())


def measure(name, options):
    """Areas of rows and of places by method, and the fitted detector with its odd rows."""
    train, ordinary, odd, places = data_of(name, options, np.random.default_rng(0))
    every = np.concatenate([ordinary, odd])
    start = time.process_time()
    steps = {"max_steps": 4, "num_samples": 2} if options.smoke else {"max_steps": options.steps}
    detector = VAEDetector(random_state=0, **steps).fit(train)

    def of_places(shares):
        return shares if places is None or shares.ndim == places.ndim else shares.sum(axis=-1)

    found = {"VAEDetector": (-detector.score_samples(every), of_places(detector.explain(odd)))}
    seconds = time.process_time() - start
    # The peers see the standardised rows, which are the same for them and the detector.
    flat, others = (detector.prepare(x).reshape(len(x), -1) for x in (train, every))
    pca = PCA(0.9).fit(flat)
    squared = np.square(others - pca.inverse_transform(pca.transform(others)))
    found["PCA error"] = squared.sum(axis=1), of_places(squared[len(ordinary) :].reshape(odd.shape))
    neighbours = NearestNeighbors(n_neighbors=1).fit(flat).kneighbors(others)
    nearest = np.square(others - flat[neighbours[1][:, 0]])
    found["nearest row"] = neighbours[0][:, 0], of_places(nearest[len(ordinary) :].reshape(odd.shape))
    forest = IsolationForest(random_state=0).fit(flat)
    results = {method: areas(train, ordinary, odd, places, *values) for method, values in found.items()}
    labels = np.repeat([0, 1], [len(ordinary), len(odd)])
    results["IsolationForest"] = roc_auc_score(labels, -forest.score_samples(others)), None
    print(f"{name}: {len(train)} rows of {train.shape[1:]}, {len(ordinary)} ordinary and {len(odd)} odd ones")
    for method, (rows, elements) in results.items():
        print(f"  {method:16s} rows {rows:.3f}" + ("" if elements is None else f"  places {elements:.3f}"))
    print(f"  {seconds:.0f} s of CPU for the detector", flush=True)
    return results, detector, odd


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sets = ["cloth", "wood", "metal", "pendulum-pushed", "pendulum-stuck", "machine"]
    parser.add_argument("--sets", nargs="+", choices=[*sets, "faces"], help="all but the faces by default")
    parser.add_argument("--data", type=pathlib.Path, metavar="FILE.npz", help="images of faces, under x")
    parser.add_argument("--rows", type=int, default=1000, help="simulated rows to train on")
    parser.add_argument("--steps", type=int, default=2000, help="batches to train on at most")
    parser.add_argument("--out", type=pathlib.Path, help="folder for pictures")
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    options = parser.parse_args(arguments)
    if options.sets and "faces" in options.sets and options.data is None:
        parser.error("--sets faces needs --data FILE.npz")
    chosen = options.sets or [*sets, *(["faces"] if options.data else [])]
    results = {}
    for name in chosen:
        results[name], detector, odd = measure(name, options)
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            with kv.plots.off_screen():
                figure = kv.plots.anomalies(detector, odd[:5])
            figure.savefig(options.out / f"{name}.png", dpi=90)
            print(f"Wrote {options.out / f'{name}.png'}")
    return results


if __name__ == "__main__":
    main()
