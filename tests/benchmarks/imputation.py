"""Missing cells filled by `keras_vae.tables`, by simpler methods, and by HyperImpute; and synthetic rows.

    python -m tests.benchmarks.imputation
    python -m tests.benchmarks.imputation --methods mean iterative vae hyperimpute --tables diabetes --rates 0.3

The tables are those that come with scikit-learn and statsmodels. A share of the cells is hidden: completely at random
("random"), or the larger a value the more often ("values"), so that what is missing is unlike what is observed. The
columns of numbers are judged by the root of the mean squared error of the hidden cells, in standard deviations of the
column; those of categories by the share of hidden cells that are right; means over the seeds. "mean" is the mean, and
the most frequent category; "knn" and "iterative" are scikit-learn's, with their defaults, on standardised numbers and
one-hot categories; "hyperimpute" is HyperImpute's default (Jarrett et al., 2022), which takes part where it
is installed; it fails beside scikit-learn 1.9, and runs beside 1.6.

The second table is of synthetic rows of the first 70 % of each table, beside real ones. "real" and "synthetic" are the
accuracy of a random forest that predicts the label of the remaining rows after training on either. "AUC" is that of
gradient boosting that tells synthetic rows from the remaining ones: 0.5 if it cannot. "distance" is the median distance
of a synthetic row to the nearest training row, "of real" that of the remaining rows: a smaller one would say that rows
are copied.
"""

import argparse
import importlib.util
import time
import warnings

import numpy as np
import pandas as pd

METHODS = ("mean", "knn", "iterative", "vae", "hyperimpute")
MECHANISMS = ("random", "values")


def sklearn_table(name, label):
    from sklearn import datasets

    data = getattr(datasets, f"load_{name}")(as_frame=True)
    frame = data.data.copy()
    return (frame.assign(**{label: data.target}), [label]) if label else (frame, [])


def statsmodels_table(name, categories):
    import statsmodels.api as sm

    return getattr(sm.datasets, name).load_pandas().data.reset_index(drop=True), categories


TABLES = {
    "diabetes": lambda: (sklearn_table("diabetes", None)[0], ["sex"]),
    "breast_cancer": lambda: sklearn_table("breast_cancer", "malignant"),
    "wine": lambda: sklearn_table("wine", "cultivar"),
    "anes96": lambda: statsmodels_table("anes96", ["vote"]),
    "fair": lambda: statsmodels_table("fair", ["occupation", "occupation_husb"]),
}
LABELS = {"breast_cancer": "malignant", "wine": "cultivar", "anes96": "vote", "fair": "occupation"}


def load(name, rows, seed):
    """A frame whose categories are text, and their names; at most so many rows."""
    frame, categories = TABLES[name]()
    frame = frame.sample(min(rows, len(frame)), random_state=seed).reset_index(drop=True)
    return frame.assign(**{column: frame[column].map("c{:g}".format) for column in categories}), categories


def hide(frame, rate, mechanism, seed):
    """Which cells are hidden, boolean; of each row at least one stays."""
    rng = np.random.default_rng(seed)
    codes = frame.apply(lambda column: column if column.dtype.kind in "fiu" else column.astype("category").cat.codes)
    ranks = codes.rank(pct=True).to_numpy()
    odds = np.full(frame.shape, rate) if mechanism == "random" else np.minimum(2 * rate * ranks, 0.95)
    hidden = rng.random(frame.shape) < odds
    full = np.flatnonzero(hidden.all(axis=1))
    hidden[full, rng.integers(0, frame.shape[1], len(full))] = False
    return hidden


def encoded(frame, categories, all_levels=True):
    """Standardised numbers and one-hot categories, NaN where a cell is missing, and the way back.

    Without the first level of each category the columns are linearly independent: the missing ones of a category would
    otherwise be predicted from each other.
    """
    numbers = [name for name in frame if name not in categories]
    mean, scale = frame[numbers].mean(), frame[numbers].std().replace(0, 1)
    parts = [(frame[numbers] - mean) / scale]
    for name in categories:
        dummies = pd.get_dummies(frame[name], prefix=name, prefix_sep="=", dtype=float)
        parts.append(dummies.mask(frame[name].isna()).iloc[:, 0 if all_levels else 1 :])
    table = pd.concat(parts, axis=1)

    def decode(values):
        filled = pd.DataFrame(values, columns=table.columns)
        result = filled[numbers] * scale + mean
        for name in categories:
            own = filled[[column for column in table if column.startswith(f"{name}=")]]
            if not all_levels:
                own = own.assign(**{f"{name}={min(frame[name].dropna())}": 1 - own.sum(axis=1)})
            result[name] = own.idxmax(axis=1).str.slice(len(name) + 1)
        return result[frame.columns]

    return table, decode


def impute(method, frame, categories, seed, steps):
    """The frame with its missing cells filled."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer, KNNImputer

    if method == "mean":
        numbers = {name: frame[name].mean() for name in frame if name not in categories}
        return frame.fillna({**numbers, **{name: frame[name].mode()[0] for name in categories}})
    if method == "vae":
        from keras_vae.tables import VAETable  # here: HyperImpute may need an environment of its own

        options = {} if steps is None else {"max_steps": steps}
        return VAETable(random_state=seed, **options).fit(frame).impute(frame)
    if method == "hyperimpute":
        return by_hyperimpute(frame, categories, seed)
    table, decode = encoded(frame, categories, all_levels=method == "knn")
    imputer = KNNImputer() if method == "knn" else IterativeImputer(random_state=seed)
    return decode(imputer.fit_transform(table))


def by_hyperimpute(frame, categories, seed):
    """HyperImpute's default, whose categories are codes."""
    from hyperimpute.plugins.imputers import Imputers

    levels = {name: sorted(frame[name].dropna().unique()) for name in categories}
    codes = frame.assign(
        **{name: frame[name].map({level: code for code, level in enumerate(levels[name])}) for name in categories}
    ).astype(float)
    filled = Imputers().get("hyperimpute", random_state=seed).fit_transform(codes)
    filled.columns = frame.columns
    for name in categories:
        nearest = filled[name].astype(float).round().clip(0, len(levels[name]) - 1).astype(int)
        filled[name] = nearest.map(dict(enumerate(levels[name])))
    return filled


def errors(frame, filled, hidden, categories):
    """RMSE of hidden numbers in standard deviations, and the share of hidden categories that are right."""
    squares, right = [], []
    for index, name in enumerate(frame):
        rows = hidden[:, index]
        if name in categories:
            right += (frame[name][rows].to_numpy() == filled[name][rows].to_numpy()).tolist()
        else:
            difference = (frame[name] - filled[name].astype(float))[rows] / frame[name].std()
            squares += (difference**2).tolist()
    return np.sqrt(np.mean(squares)), np.mean(right) if right else np.nan


def compare(options):
    methods = [name for name in options.methods if name != "hyperimpute" or importlib.util.find_spec("hyperimpute")]
    if len(methods) < len(options.methods):
        print("HyperImpute is left out: it is not installed (pip install hyperimpute).\n")
    print("RMSE of numbers / accuracy of categories; in comments seconds of the last fit.\n")
    print("| table | missing | rate | " + " | ".join(methods) + " |\n" + "|---" * (3 + len(methods)) + "|")
    seconds = {}
    for name in options.tables:
        for mechanism in options.mechanisms:
            for rate in options.rates:
                found = {method: [] for method in methods}
                for seed in range(options.seeds):
                    frame, categories = load(name, options.rows, seed)
                    hidden = hide(frame, rate, mechanism, seed)
                    for method in methods:
                        start = time.perf_counter()
                        filled = impute(method, frame.mask(hidden), categories, seed, options.steps)
                        seconds[name, method] = time.perf_counter() - start
                        found[method].append(errors(frame, filled, hidden, categories))
                cells = [" / ".join(f"{value:.3f}" for value in np.mean(found[method], axis=0)) for method in methods]
                print(f"| {name} | {mechanism} | {rate:.0%} | " + " | ".join(cells) + " |", flush=True)
        times = ", ".join(f"{method} {seconds[name, method]:.1f} s" for method in methods)
        print(f"<!-- {name}: {times} -->", flush=True)


def synthesise(options):
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict
    from sklearn.neighbors import NearestNeighbors

    from keras_vae.tables import VAETable

    print("\n| table | label | real | synthetic | AUC | distance | of real |\n" + "|---" * 7 + "|")
    for name in options.tables:
        if name not in LABELS:
            continue
        found = []
        for seed in range(options.seeds):
            frame, categories = load(name, options.rows, seed)
            cut = int(0.7 * len(frame))
            train, test = frame[:cut], frame[cut:].reset_index(drop=True)
            extra = {} if options.steps is None else {"max_steps": options.steps}
            made = VAETable(random_state=seed, **extra).fit(train).sample(len(train), seed=seed)
            table, _ = encoded(pd.concat([train, test, made], ignore_index=True), categories)
            own = [column for column in table if column.startswith(f"{LABELS[name]}=")]
            label, x = table[own].to_numpy().argmax(axis=1), table.drop(columns=own).to_numpy()
            ends = [len(train), len(train) + len(test)]
            (x_train, x_test, x_made), (y_train, y_test, y_made) = np.split(x, ends), np.split(label, ends)
            accuracy = [
                RandomForestClassifier(random_state=seed).fit(*data).score(x_test, y_test)
                for data in ((x_train, y_train), (x_made, y_made))
            ]
            everything = table.to_numpy()
            both = np.concatenate([everything[ends[0] : ends[1]], everything[ends[1] :][: len(test)]])
            real = np.repeat([1, 0], [len(test), len(both) - len(test)])
            classifier = HistGradientBoostingClassifier(random_state=seed)
            guess = cross_val_predict(classifier, both, real, cv=5, method="predict_proba")[:, 1]
            nearest = NearestNeighbors(n_neighbors=1).fit(everything[: ends[0]])
            distances = [
                np.median(nearest.kneighbors(part)[0])
                for part in (everything[ends[1] :], everything[ends[0] : ends[1]])
            ]
            found.append([*accuracy, roc_auc_score(real, guess), *distances])
        cells = [f"{value:.3f}" for value in np.mean(found, axis=0)]
        print(f"| {name} | {LABELS[name]} | " + " | ".join(cells) + " |", flush=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--mechanisms", nargs="+", choices=MECHANISMS, default=list(MECHANISMS))
    parser.add_argument("--rates", nargs="+", type=float, default=[0.1, 0.3, 0.5])
    parser.add_argument("--rows", type=int, default=1000, help="at most so many rows of a table")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=None, help="max_steps of VAETable; its default if left out")
    parser.add_argument("--no-synthetic", action="store_true")
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore")
    if options.methods:
        compare(options)
    if not options.no_synthetic:
        synthesise(options)


if __name__ == "__main__":
    main()
