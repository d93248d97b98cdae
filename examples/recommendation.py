"""Recommendation with a multinomial VAE (Mult-VAE; Liang et al., 2018), compared with popularity and a linear model.

    python examples/recommendation.py                        # names that functions of Python's standard library use
    python examples/recommendation.py --data ratings.csv     # MovieLens, or any file of user,item[,rating]
    python examples/recommendation.py --data clicks.npz      # users x items, by scipy.sparse.save_npz
    python examples/recommendation.py --likelihood bernoulli # to compare
    python examples/recommendation.py --simulate 3000        # users who are points in a space, whose truth is known
    python examples/recommendation.py --smoke                # a few seconds, to see that it runs

The data are who chose what, without an order: rows of users, columns of items, 1 where one chose the other, in a
sparse matrix (CSR). Without a file the users are functions of Python's standard library and the items are the names
that they use: real choices, with few popular and many rare items, on every machine that can run this.

The protocol is the paper's. Users are held out, a tenth to validate and a tenth to test, and the items are those of
the others. Of a held-out user 80% of the items are shown to the model, which ranks all others; the ranking is scored
by the remaining 20%: recall at 20 and at 50, and NDCG at 100, which rewards hits near the top. The input is scaled to
length one, half of it is dropped in training, and the KL's weight rises to `--beta` (less than 1). The epoch with the
best NDCG of the validation users is kept.

Beside the VAE stand popularity, the same ranking for all; item-kNN, by the cosine of items; and EASE (Steck, 2019), a
linear model in closed form. Their numbers of neighbours and regularisation are chosen by the validation users, as the
VAE's epoch is. Of simulated choices the true probabilities rank too, which is the best that can be reached.
"""

import argparse
import ast
import csv
import pathlib
import sys
import time

import keras
import numpy as np
import scipy.sparse
import scipy.special

import keras_vae as kv
from standard_library import syntax_trees

LEAST = 5  # items of a user, and users of an item
STRENGTHS = (2.0, 5.0, 20.0, 100.0, 500.0)  # of the regularisation of EASE
NEIGHBOURS = (20, 100, 500, 10**6)  # of an item, of item-kNN; the last are all
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def names_in_functions(most=None):
    """Pairs of a function of Python's standard library and a name that it uses and does not define.

    Functions inside of others are a part of these, and of several with the same names one is taken: a copy of a
    training row would be easy to complete.
    """
    functions = {}
    for path, tree in syntax_trees(most):
        found = {node: list(ast.walk(node)) for node in ast.walk(tree) if isinstance(node, FUNCTIONS)}
        inner = {node for nodes in found.values() for node in nodes[1:] if isinstance(node, FUNCTIONS)}
        for function, nodes in found.items():
            if function in inner:
                continue
            names = {node.id for node in nodes if isinstance(node, ast.Name)}
            names -= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
            names -= {node.arg for node in nodes if isinstance(node, ast.arg)}
            names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
            functions.setdefault(frozenset(names), f"{path.stem}.{function.name}:{function.lineno}")
    return [(function, name) for names, function in functions.items() for name in sorted(names)]


def pairs_of(path, least_rating):
    """Pairs of user and item of a CSV file; where there is a rating, those rated at least so high."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if len(row) > 1]
    if rows and len(rows[0]) > 2 and not _is_number(rows[0][2]):
        rows = rows[1:]  # the header
    return [(row[0], row[1]) for row in rows if len(row) == 2 or float(row[2]) >= least_rating]


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def load(path, least_rating, most=None):
    """CSR matrix of zeros and ones, users x items; rare items and users with few items are left out."""
    if path is not None and not path.is_file():
        sys.exit(f"--data must be a CSV file or an .npz file of scipy.sparse. There is no file {path}.")
    if path is not None and path.suffix == ".npz":
        chosen = scipy.sparse.csr_array(scipy.sparse.load_npz(path))
    else:
        pairs = names_in_functions(most) if path is None else pairs_of(path, least_rating)
        if not pairs:
            sys.exit(f"{path} must hold lines of user,item[,rating], with commas. No rating is {least_rating} or more.")
        users, items = (np.unique([pair[side] for pair in pairs], return_inverse=True)[1] for side in (0, 1))
        chosen = scipy.sparse.csr_array((np.ones(len(pairs)), (users, items)))
    chosen = (chosen > 0).astype("float32")
    while True:  # a user who is left out may leave an item with too few
        enough = chosen.sum(axis=1) >= LEAST
        used = chosen.sum(axis=0) >= LEAST
        if (enough.all() and used.all()) or 0 in chosen.shape:
            break
        chosen = chosen[np.flatnonzero(enough)][:, np.flatnonzero(used)]
    if chosen.shape[0] < 40:
        sys.exit(
            f"At least 40 users with {LEAST} items each, of {LEAST} users each, are needed. There are "
            f"{chosen.shape[0]}. Where the file has ratings, those from {least_rating} on count: --least-rating."
        )
    return chosen


def simulate(num_users, tastes, num_items=1000, dimensions=4, seed=0):
    """Choices of users who are points in a space of few dimensions, as the items are, and choose what is near.

    Users choose 5 and more items, 15 on average, without replacement: item i with a probability proportional to
    exp(a_i - |u - v_i|^2 / (2 * 0.6^2)), where u and v_i are standard normal and a_i, how popular it is, has a standard
    deviation of 0.7. Users of several tastes are several points, each with the same share.

    Returns:
        CSR matrix of zeros and ones, and the true probabilities, both users x items.
    """
    rng = np.random.default_rng(seed)
    items, popularity = rng.normal(size=(num_items, dimensions)), 0.7 * rng.normal(size=num_items)
    probabilities = np.zeros((num_users, num_items))
    for _ in range(tastes):
        users = rng.normal(size=(num_users, dimensions))
        distances = np.square(users).sum(axis=1)[:, None] + np.square(items).sum(axis=1) - 2 * users @ items.T
        probabilities += scipy.special.softmax(popularity - distances / (2 * 0.6**2), axis=1) / tastes
    # the first of a random order, whose keys are the log probabilities with Gumbel noise: draws without replacement
    keys = np.log(probabilities) + rng.gumbel(size=probabilities.shape)
    ranks = np.argsort(np.argsort(-keys, axis=1), axis=1)
    numbers = LEAST + rng.poisson(10.0, num_users)
    return scipy.sparse.csr_array((ranks < numbers[:, None]).astype("float32")), probabilities


def split(chosen, seed, truth=None):
    """Training rows, and for validation and test each `(shown, held out)`, all CSR.

    With the `truth` of a simulation also that of the test users and of the items that are left.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(chosen.shape[0])
    tenth = chosen.shape[0] // 10
    train, valid, test = chosen[order[2 * tenth :]], chosen[order[:tenth]], chosen[order[tenth : 2 * tenth]]
    known = np.flatnonzero(train.sum(axis=0) > 0)
    parts = train[:, known], _shown_and_held_out(valid[:, known], rng), _shown_and_held_out(test[:, known], rng)
    return parts if truth is None else (*parts, truth[order[tenth : 2 * tenth]][:, known])


def _shown_and_held_out(rows, rng):
    rows = rows[np.flatnonzero(rows.sum(axis=1) >= 2)]
    out = np.zeros(rows.nnz, "bool")
    for first, last in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        out[rng.choice(np.arange(first, last), size=max(1, (last - first) // 5), replace=False)] = True
    parts = []
    for keep in (~out, out):
        part = rows.copy()
        part.data = part.data * keep
        part.eliminate_zeros()
        parts.append(part)
    return parts


def predicted(vae, shown):
    """p(item | z) at the posterior's mean, `(users, items)`."""
    return vae.predict(shown, batch_size=500, verbose=0)


class BestRanking(keras.callbacks.EarlyStopping):
    """Early stopping by the NDCG of the validation users, whose held-out items `fit` does not see."""

    def __init__(self, shown, held_out, **kwargs):
        super().__init__(monitor="val_ndcg", mode="max", restore_best_weights=True, **kwargs)
        self.shown, self.held_out = shown, held_out

    def on_epoch_end(self, epoch, logs=None):
        found = kv.evaluation.ranking(predicted(self.model, self.shown), self.shown, self.held_out)
        super().on_epoch_end(epoch, {**(logs or {}), "val_ndcg": found.summary()["ndcg@100"]})


def build(num_items, options):
    """A Mult-VAE: item -> hidden -> latents -> hidden -> item."""
    keras.utils.set_random_seed(options.seed)
    encoder = keras.Sequential(
        [
            keras.layers.UnitNormalization(),
            keras.layers.Dropout(options.dropout, seed=options.seed),
            keras.layers.Dense(options.units, activation="tanh"),
        ]
    )
    vae = kv.VAE(
        data_shape=(num_items,),
        latent_dim=options.latent_dim,
        encoder=encoder,
        decoder=kv.decoders.MLP((options.units,), activation="tanh"),
        likelihood=options.likelihood,
        objective="autoencoder" if options.autoencoder else "elbo",
        seed=options.seed,
    )
    vae.compile(keras.optimizers.Adam(1e-3))
    return vae


def train_model(train, valid, options):
    """A VAE of the rows `train`, the weights of the epoch that ranks best for the validation users; and that epoch."""
    vae = build(train.shape[1], options)
    steps = options.warm_up * -(-train.shape[0] // options.batch_size)
    warm_up = kv.callbacks.BetaSchedule(kv.callbacks.LinearWarmUp(max(1, steps), end=options.beta))
    stop = BestRanking(*valid, patience=options.patience)
    # fit takes the sparse matrix, and makes one batch at a time dense
    callbacks = [stop] if options.autoencoder else [warm_up, stop]
    vae.fit(train, batch_size=options.batch_size, epochs=options.epochs, verbose=0, callbacks=callbacks)
    return vae, stop.best_epoch + 1


def ease(train, shown, strength):
    """Scores of the linear model whose weights predict each item from the others (Steck, 2019, equation 8)."""
    gram = (train.T @ train).toarray().astype("float64")
    inverse = np.linalg.inv(gram + strength * np.eye(len(gram)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return shown @ weights


def best(method, choices, train, valid):
    """The one of `choices` whose ranking, `method(train, shown, choice)`, has the best NDCG of the validation users."""

    def quality(choice):
        return kv.evaluation.ranking(method(train, valid[0], choice), *valid).summary()["ndcg@100"]

    return max(choices, key=quality)


def item_neighbours(train, shown, neighbours):
    """Scores of item-kNN: the sum of an item's cosines to what was shown, of its nearest `neighbours` items only."""
    lengths = np.sqrt(train.multiply(train).sum(axis=0))
    cosines = (train.T @ train).toarray() / np.outer(lengths, lengths)
    np.fill_diagonal(cosines, 0.0)
    if neighbours < len(cosines):
        least = np.partition(cosines, -neighbours, axis=0)[-neighbours]
        cosines[cosines < least] = 0.0
    return shown @ cosines


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, metavar="FILE", help="CSV of user,item[,rating], or .npz")
    parser.add_argument("--simulate", type=int, metavar="USERS", help="simulated choices of so many users, at least 40")
    parser.add_argument("--tastes", type=int, default=1, help="of each simulated user")
    parser.add_argument("--least-rating", type=float, default=4.0, help="ratings from this on (default: 4) are choices")
    parser.add_argument("--likelihood", default="multinomial", choices=("multinomial", "bernoulli", "poisson"))
    parser.add_argument("--autoencoder", action="store_true", help="without noise and KL: Mult-DAE of the same paper")
    parser.add_argument("--latent-dim", type=int, default=64)
    parser.add_argument("--units", type=int, default=256, help="of the layer of each network")
    parser.add_argument("--dropout", type=float, default=0.5, help="share of the input that is dropped in training")
    parser.add_argument("--beta", type=float, default=0.2, help="weight of the KL after the warm-up")
    parser.add_argument("--warm-up", type=int, default=20, help="epochs in which the KL's weight rises")
    parser.add_argument("--epochs", type=int, default=100, help="at most")
    parser.add_argument("--patience", type=int, default=10, help="epochs without improvement before training stops")
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the split and of the model")
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    options = parser.parse_args(arguments)
    most = None
    if options.smoke:
        options.epochs, options.units, options.latent_dim, most = 2, 16, 4, 120

    start = time.process_time()
    truth = []
    if options.simulate:
        chosen, probabilities = simulate(options.simulate, options.tastes, seed=options.seed)
        train, valid, (shown, held_out), *truth = split(chosen, options.seed, probabilities)
    else:
        chosen = load(options.data, options.least_rating, most)
        train, valid, (shown, held_out) = split(chosen, options.seed)
    if options.smoke:
        print("Two epochs of a tiny model: what it ranks says nothing.")
    print(f"{chosen.shape[0]} users, {chosen.shape[1]} items, {chosen.nnz} choices; {shown.shape[0]} users to test")
    vae, epoch = train_model(train, valid, options)
    print(
        f"{options.likelihood}: epoch {epoch} of at most {options.epochs}, {time.process_time() - start:.0f} s of CPU"
    )
    neighbours, strength = best(item_neighbours, NEIGHBOURS, train, valid), best(ease, STRENGTHS, train, valid)
    print(f"item-kNN: {neighbours} neighbours of {NEIGHBOURS}; EASE: strength {strength:g} of {STRENGTHS}")
    scores = {
        "popularity": np.broadcast_to(train.sum(axis=0), shown.shape),
        "item-kNN": item_neighbours(train, shown, neighbours),
        "EASE": ease(train, shown, strength),
        f"{'DAE' if options.autoencoder else 'VAE'}, {options.likelihood}": predicted(vae, shown),
        **({"the truth": truth[0]} if truth else {}),
    }
    results = {name: kv.evaluation.ranking(values, shown, held_out) for name, values in scores.items()}
    print(f"{'':18s}" + "".join(f"{metric:>18s}" for metric in results["popularity"].summary()))
    for name, found in results.items():
        pairs = zip(found.summary().values(), found.standard_errors().values(), strict=True)
        print(f"{name:18s}" + "".join(f"{f'{mean:.3f} ± {error:.3f}':>18s}" for mean, error in pairs))
    return results


if __name__ == "__main__":
    main()
