"""Fill the holes of a table, and say how well: some known cells are hidden, filled, and compared.

    python examples/tables.py                                    # scikit-learn's wines, 30 % of the cells hidden
    python examples/tables.py --data mine.csv --out filled.csv   # your own table, whose first line has the names
    python examples/tables.py --smoke                            # a few seconds, to see that it runs

A tenth of the known cells of --data is hidden (--hide changes it). It prints what was chosen for each column, and for
each the error of the hidden cells: of numbers the root of the mean square in standard deviations of the column, beside
that of the mean; of categories the share that is right, beside that of the most frequent one. Then the whole table is
fitted once more, and its own holes are filled; --out writes it.
"""

import argparse
import pathlib
import sys

import numpy as np
import pandas as pd

import keras_vae as kv


def load(path):
    """A data frame."""
    if path is None:
        from sklearn.datasets import load_wine

        wine = load_wine(as_frame=True)
        return wine.data.assign(cultivar=wine.target.map("c{}".format))
    if not path.is_file():
        sys.exit(f"--data must be a CSV file. There is no file {path}.")
    return pd.read_csv(path)


def compare(frame, filled, hidden):
    """For each column with hidden cells its name, its error and that of the simplest filling, as a line."""
    lines = []
    for index, name in enumerate(frame):
        rows = hidden[:, index]
        if not rows.any():
            continue
        truth, guess, rest = frame[name][rows], filled[name][rows], frame[name][~rows]
        if pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name]):
            errors = [np.sqrt(((other - truth) ** 2).mean()) / frame[name].std() for other in (guess, rest.mean())]
            lines.append(f"{name}: error {errors[0]:.2f}, of the mean {errors[1]:.2f}")
        else:
            right = [(other == truth).mean() for other in (guess, rest.mode()[0])]
            lines.append(f"{name}: {right[0]:.0%} right, of the most frequent {right[1]:.0%}")
    return lines


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, help="a CSV file")
    parser.add_argument("--hide", type=float, help="share of the known cells that is hidden")
    parser.add_argument("--out", type=pathlib.Path, help="where to write the filled table, a CSV file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="a few steps")
    options = parser.parse_args(arguments)
    frame = load(options.data)
    share = options.hide or (0.3 if options.data is None else 0.1)
    hidden = (np.random.default_rng(options.seed).random(frame.shape) < share) & frame.notna().to_numpy()
    small = {"max_steps": 3, "hidden_units": (8,), "num_samples": 16} if options.smoke else {}
    table = kv.tables.VAETable(random_state=options.seed, unknown_categories="missing", **small)
    filled = table.fit(frame.mask(hidden)).impute(frame.mask(hidden))
    print(table.describe() + "\n")
    print("\n".join(compare(frame, filled, hidden)))
    complete = table.fit(frame).impute(frame) if frame.isna().any(axis=None) else frame
    if options.out is not None:
        complete.to_csv(options.out, index=False)
        print(f"wrote {options.out}")
    return filled, complete


if __name__ == "__main__":
    main()
