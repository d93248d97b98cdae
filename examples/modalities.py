"""Several modalities: an image and its label, the halves of an image, or an image and numbers measured from it.

    python examples/modalities.py                                      # digits of scikit-learn and their labels
    python examples/modalities.py --data mnist.npz --task labels
    python examples/modalities.py --data mnist.npz --task halves
    python examples/modalities.py --data mnist.npz --task measures     # slant, width, thickness and ink, with holes
    python examples/modalities.py --data mnist.npz --task style        # pictures: content and style

Compares posteriors of several fields: a product, a mixture, and a mixture of products of experts, the features of all
fields side by side, and a model of each field alone. Prints a row for each: joint and cross coherence by classifiers
(for numbers the share of their variance that is explained), and the held-out log-likelihood by importance sampling, in
nats. `--task style` writes style.png instead.
"""

import argparse
import pathlib
import sys
import time

import keras
import numpy as np
from matplotlib.figure import Figure

import keras_vae as kv

MEASURES = ("slant", "width", "thickness", "ink")
NAMES = {"labels": ("image", "label"), "halves": ("upper", "lower"), "measures": ("image", "numbers")}
MODELS = ("alone", "joint", "poe", "moe", "mopoe")


def load(path):
    """Images in [0, 1], `(n, height, width)`, and labels, for training and for testing."""
    if path is None:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images, labels = (digits.images / 16.0).astype("float32"), digits.target
        return (images[:1500], labels[:1500]), (images[1500:], labels[1500:])
    if not path.is_file():
        sys.exit(f"--data: there is no file {path}.")
    with np.load(path, allow_pickle=False) as arrays:
        if not {"x_train", "y_train", "x_test", "y_test"} <= set(arrays.files):
            sys.exit(f"{path} must hold x_train, y_train, x_test and y_test. It holds {arrays.files}.")
        parts = [arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")]
    return (parts[0] / np.float32(255.0), parts[1]), (parts[2] / np.float32(255.0), parts[3])


def measure(images):
    """Slant, width, thickness and ink of images `(n, height, width)`: `(n, 4)`."""
    images = np.asarray(images, "float64").reshape(len(images), images.shape[1], -1)
    mass = images.sum(axis=(1, 2)) + 1e-6
    rows, columns = np.mgrid[0 : images.shape[1], 0 : images.shape[2]]

    def mean(values):
        return (images * values).sum(axis=(1, 2)) / mass

    down, right = (place - mean(place)[:, None, None] for place in (rows, columns))
    tall = mean(down**2) + 1e-6
    edge = np.abs(np.diff(images, axis=1)).sum(axis=(1, 2)) + np.abs(np.diff(images, axis=2)).sum(axis=(1, 2))
    found = [-mean(down * right) / tall, np.sqrt(mean(right**2) / tall), 2 * mass / (edge + 1e-6), mass]
    return np.stack(found, axis=1).astype("float32")


def classify_digits(images, labels, options):
    """A function from images to labels, trained on grey levels, which is what the means of a model look like."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(256, "relu"), keras.layers.Dropout(0.3)]
    network = keras.Sequential([*layers, keras.layers.Dense(10)])
    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    epochs = 1 if options.smoke else max(8, 60000 // len(images))
    network.fit(images, labels, batch_size=256, epochs=epochs, verbose=0)
    return lambda x: network.predict(x, batch_size=500, verbose=0).argmax(axis=1)


class Task:
    """Data of two fields, with their likelihoods, and what says whether they belong together."""

    def __init__(self, options):
        (train, labels), (test, test_labels) = load(options.data)
        rng = np.random.default_rng(options.seed)
        order = rng.permutation(len(train))[: options.rows]
        train, labels = train[order], labels[order]
        test, test_labels = test[: options.test], test_labels[: options.test]
        self.shape, self.kind = train.shape[1:], options.task
        self.first, self.second = NAMES[options.task]
        # Bernoulli draws, so that log p(x) is that of a distribution over whole images
        bits = [(rng.random(images.shape) < images).astype("float32") for images in (train, test)]
        self.train, self.test = (
            self.fields(images, own, real)
            for images, own, real in zip(bits, (labels, test_labels), (train, test), strict=True)
        )
        self.labels = test_labels
        if self.kind == "measures":
            self.loc, self.scale = self.train["numbers"].mean(axis=0), self.train["numbers"].std(axis=0)
            for part in (self.train, self.test):
                part["numbers"] = (part["numbers"] - self.loc) / self.scale
            self.full = self.test["numbers"].copy()
            for part in (self.train, self.test):
                part["numbers"][rng.random(part["numbers"].shape) < options.holes] = np.nan
        present = rng.random(len(train)) < options.known
        self.inputs = {"x": self.train, "present": {self.second: present}} if options.known < 1 else self.train
        self.classifiers = None if self.kind == "measures" else self.make_classifiers(train, labels, test, options)

    def fields(self, images, labels, real):
        if self.kind == "labels":
            return {"image": images, "label": labels.reshape(-1, 1)}
        if self.kind == "measures":
            return {"image": images, "numbers": measure(real)}
        half = self.shape[0] // 2
        return {"upper": images[:, :half], "lower": images[:, half:]}

    def likelihoods(self):
        if self.kind == "labels":
            return {"image": "bernoulli", "label": kv.likelihoods.Categorical(10)}
        if self.kind == "measures":
            columns = kv.likelihoods.Columns([(kv.likelihoods.Gaussian("learned"), 4)], missing="nan")
            return {"image": "bernoulli", "numbers": columns}
        return {"upper": "bernoulli", "lower": "bernoulli"}

    def make_classifiers(self, images, labels, test, options):
        """A classifier of every field."""
        found, real = {}, self.fields(images, labels, images)
        seen = self.fields(test, self.labels, test)
        for name, data in real.items():
            if name == "label":
                found[name] = lambda label: label[:, 0]
                continue
            found[name] = classify_digits(data, labels, options)
            accuracy = np.mean(found[name](seen[name]) == self.labels)
            print(f"The classifier of {name!r} is right on {100 * accuracy:.1f} % of the test rows.")
        return found

    def coherence(self, vae, draws):
        """Joint coherence, first to second, and second to first."""
        if self.kind != "measures":
            found = kv.evaluation.coherence(
                vae, self.test, self.labels, self.classifiers, num_samples=draws, seed=0, batch_size=500
            )
            return found.joint, found.cross[(self.first,), self.second], found.cross[(self.second,), self.first]
        made = vae.generate(draws, seed=0, batch_size=500)
        numbers = vae.translate({"image": self.test["image"]}, "numbers", seed=0, batch_size=500)
        images = vae.translate({"numbers": self.test["numbers"]}, "image", seed=0, batch_size=500)
        return (
            self.explained(made["numbers"], self.measured(made["image"])),
            self.explained(numbers, self.full),
            self.explained(self.measured(images), self.full),
        )

    def measured(self, images):
        return (measure(images) - self.loc) / self.scale

    @staticmethod
    def explained(found, true):
        """Share of the variance of the numbers that is explained, at least 0."""
        return float(np.mean(np.maximum(0.0, 1.0 - np.mean((found - true) ** 2, axis=0) / np.var(true, axis=0))))


def make_model(name, task, options, field=None):
    """A VAE of both fields, or of one alone."""
    networks = {
        kind: {own: getattr(kv, f"{kind}s").MLP((options.hidden_units,)) for own in task.train}
        for kind in ("encoder", "decoder")
    }
    shapes = {own: values.shape[1:] for own, values in task.train.items()}
    common = {"latent_dim": options.latent_dim, "seed": options.seed}
    if field is not None:
        shape = kv.data.Field(shapes[field])
        return kv.VAE(
            shape,
            likelihood=task.likelihoods()[field],
            encoder=networks["encoder"][field],
            decoder=networks["decoder"][field],
            **common,
        )
    bound = {"moe": kv.objectives.ELBO(num_samples=2), "mopoe": kv.objectives.ELBO(num_samples=3)}.get(name, "elbo")
    objective = kv.objectives.FieldWeights({task.second: options.weight}, bound)
    if name in ("joint", "poe"):
        objective = kv.objectives.FieldSubsets(objective)
    posteriors = {"poe": "product_of_experts", "moe": "mixture_of_experts", "mopoe": "mixture_of_products"}
    return kv.VAE(
        shapes,
        likelihood=task.likelihoods(),
        posterior=posteriors.get(name, "gaussian"),
        objective=objective,
        **networks,
        **common,
    )


def log_likelihoods(vae, task, options):
    """Held-out log p(first), log p(second) and log p(first, second), in nats per example."""
    some = {name: values[: options.likelihood_rows] for name, values in task.test.items()}
    subsets = [{task.first: some[task.first]}, {task.second: some[task.second]}, some]
    return [float(vae.log_likelihood(part, options.samples, seed=0).mean()) for part in subsets]


def compare(options):
    """A row for every model."""
    task = Task(options)
    first, second = task.first, task.second
    print(
        f"| model | joint | {first} to {second} | {second} to {first} | log p({first}) | log p({second}) | "
        f"log p({first}, {second}) | log p({second} given {first}) | seconds of fit |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    table = {}
    for name in options.models:
        start = time.perf_counter()
        if name == "alone":
            found = []
            for field in task.train:
                keras.utils.set_random_seed(options.seed)
                vae = make_model(name, task, options, field)
                vae.compile(keras.optimizers.Adam(1e-3))
                data = task.train[field]
                if options.known < 1 and field == second:
                    data = data[task.inputs["present"][second]]
                vae.fit(data, batch_size=options.batch_size, epochs=options.epochs, verbose=options.verbose)
                rows = task.test[field][: options.likelihood_rows]
                found.append(float(vae.log_likelihood(rows, options.samples, seed=0).mean()))
            table[name] = found
            print(f"| {name} | | | | {found[0]:.2f} | {found[1]:.2f} | | | |", flush=True)
            continue
        keras.utils.set_random_seed(options.seed)
        vae = make_model(name, task, options)
        vae.compile(keras.optimizers.Adam(1e-3))
        vae.fit(task.inputs, batch_size=options.batch_size, epochs=options.epochs, verbose=options.verbose)
        seconds = time.perf_counter() - start
        shares = task.coherence(vae, options.test)
        one, other, both = log_likelihoods(vae, task, options)
        table[name] = [*shares, one, other, both]
        cells = [f"{100 * share:.1f} %" for share in shares]
        cells += [f"{value:.2f}" for value in (one, other, both, both - one)]
        print(f"| {name} | {' | '.join(cells)} | {seconds:.0f} |", flush=True)
    return table


def outlines(images):
    """Another look of digits: their outlines, dark on light, `(n, height, width)` in [0, 1]."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    shifted = [
        padded[:, 1 + down : padded.shape[1] - 1 + down, 1 + right : padded.shape[2] - 1 + right]
        for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1))
    ]
    return (1.0 - np.clip(np.max(shifted, axis=0) - np.min([*shifted, images], axis=0), 0.0, 1.0)).astype("float32")


def style(options):
    """Content that two kinds of pictures share, and a style of each; pictures of both, exchanged."""
    (images, labels), (test, test_labels) = load(options.data)
    rng = np.random.default_rng(options.seed)
    keras.utils.set_random_seed(options.seed)
    order = rng.permutation(len(images))[: options.rows]
    images, labels = images[order], labels[order]
    # The pair of a digit is the outline of another digit of its class: what both share is the class.
    partner = np.empty(len(images), int)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        partner[own] = rng.permutation(own)
    data = {"ink": images, "outline": outlines(images)[partner]}
    shared, own = options.content_dim, options.style_dim
    groups = [
        # A mixture: the content of either picture must do for both, so the other's hand cannot be part of it.
        kv.latents.Single(shared, posterior=kv.posteriors.MixtureOfExperts()),
        kv.latents.Single(own, posterior=kv.posteriors.ProductOfExperts(fields=["ink"])),
        kv.latents.Single(own, posterior=kv.posteriors.ProductOfExperts(fields=["outline"])),
    ]
    columns = {"ink": [(0, shared), (shared, shared + own)], "outline": [(0, shared), (shared + own, shared + 2 * own)]}
    vae = kv.VAE(
        {name: values.shape[1:] for name, values in data.items()},
        latents=kv.latents.Product(groups),
        likelihood=dict.fromkeys(data, "bernoulli"),
        encoder={name: kv.encoders.MLP((options.hidden_units, options.hidden_units)) for name in data},
        decoder=kv.decoders.Joint(
            {name: kv.decoders.MLP((options.hidden_units, options.hidden_units)) for name in data}, columns=columns
        ),
        objective=kv.objectives.ELBO(num_samples=2),
        seed=options.seed,
    )
    vae.compile(keras.optimizers.Adam(1e-3))
    vae.fit(data, batch_size=options.batch_size, epochs=options.epochs, verbose=options.verbose)

    shown = [int(np.flatnonzero(test_labels == label)[0]) for label in np.unique(test_labels)]
    digits = test[shown]
    content, ink, _ = vae.encode({"ink": digits})
    line = vae.translate({"ink": digits}, "outline")
    back = vae.translate({"outline": line}, "ink")
    count = len(digits)
    zeros = np.zeros((count, own), "float32")
    tables = [vae.decode((content, np.repeat(ink[[row]], count, axis=0), zeros))["ink"] for row in range(min(4, count))]
    # The attribute vector of slant: the mean style of the most slanted tenth, less that of the least slanted.
    slant = measure(images[: 20 * options.test])[:, 0]
    styles = vae.encode({"ink": images[: 20 * options.test]})[1]
    low, high = np.quantile(slant, [0.1, 0.9])
    vector = styles[slant >= high].mean(axis=0) - styles[slant <= low].mean(axis=0)
    leaning = [vae.decode((content, ink + step * vector, zeros))["ink"] for step in (-1.0, 0.0, 1.0)]
    moved = [float(measure(own)[:, 0].mean()) for own in leaning]
    classifier = classify_digits(images, labels, options)
    some, truth = test[: options.test], test_labels[: options.test]
    contents, hands, _ = vae.encode({"ink": some}, batch_size=500)
    nothing = np.zeros((len(some), own), "float32")
    exchanged = classifier(vae.decode((contents, np.roll(hands, 1, axis=0), nothing), batch_size=500)["ink"])
    there_and_back = vae.translate({"outline": vae.translate({"ink": some}, "outline")}, "ink")
    print(f"The classifier is right on {np.mean(classifier(some) == truth):.1%} of the test digits.")
    print(f"Through the other domain and back, the class stays for {np.mean(classifier(there_and_back) == truth):.1%}.")
    print(
        f"In the style of another digit it stays for {np.mean(exchanged == truth):.1%}, and becomes that of the other "
        f"for {np.mean((exchanged == np.roll(truth, 1)) & (exchanged != truth)):.1%}."
    )
    print(f"Slant with the vector subtracted, without it, and added: {moved[0]:.2f}, {moved[1]:.2f}, {moved[2]:.2f}")
    figure = Figure(figsize=(8.5, 9.5), layout="constrained")
    above, middle, below = figure.subplots(3, 1, height_ratios=[3, 4, 3])
    rows = [digits, line, back]
    kv.plots.images(rows, row_labels=["digit", "as outline", "and back"], ax=above)
    above.set_title("One picture through the other domain and back")
    kv.plots.images(tables, row_labels=[f"style of {test_labels[shown[row]]}" for row in range(len(tables))], ax=middle)
    middle.set_title("The content of each digit in the style of another")
    kv.plots.images(leaning, row_labels=["less", "as it is", "more"], ax=below)
    below.set_title("An attribute vector in the style: slant")
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "style.png", dpi=90)
    print(f"Wrote {options.out / 'style.png'}")
    return moved


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, help=".npz file such as mnist.npz; digits of scikit-learn without")
    parser.add_argument("--task", choices=[*NAMES, "style"], default="labels")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rows", type=int, default=10**9, help="training rows, at most")
    parser.add_argument("--test", type=int, default=2000, help="test rows, and draws for the joint coherence")
    parser.add_argument("--likelihood-rows", type=int, default=500, help="test rows for the log-likelihood")
    parser.add_argument("--samples", type=int, default=500, help="importance samples for the log-likelihood")
    parser.add_argument("--hidden-units", type=int, default=400)
    parser.add_argument("--latent-dim", type=int, default=20)
    parser.add_argument("--content-dim", type=int, default=12, help="latents that both domains share, for --task style")
    parser.add_argument("--style-dim", type=int, default=3, help="latents of each domain, for --task style")
    parser.add_argument("--weight", type=float, default=1.0, help="of the second field's log-likelihood in training")
    parser.add_argument(
        "--known", type=float, default=1.0, help="share of the training rows that have the second field"
    )
    parser.add_argument("--holes", type=float, default=0.3, help="share of the measured numbers that are missing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", type=int, default=0)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/modalities"), help="output folder")
    parser.add_argument("--smoke", action="store_true", help="a tiny model and a few steps, to check that it runs")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.rows, options.test, options.likelihood_rows, options.samples = 256, 50, 20, 10
        options.epochs, options.hidden_units, options.latent_dim = 1, 16, 4
        options.content_dim, options.style_dim = 2, 2
    return style(options) if options.task == "style" else compare(options)


if __name__ == "__main__":
    main()
