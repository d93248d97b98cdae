"""The example of tables: hidden cells of the wines, and a CSV file with holes."""

import numpy as np
import pandas as pd
import pytest

from tests.examples.test_quickstart import load_example

pytestmark = pytest.mark.eager


@pytest.fixture(scope="module")
def tables():
    return load_example("tables")


def test_wines(tables, capsys):
    filled, complete = tables.main(["--smoke"])
    printed = capsys.readouterr().out
    assert not filled.isna().any(axis=None)
    assert complete.equals(tables.load(None))
    assert "cultivar" in printed
    assert "of the most frequent" in printed
    assert "of the mean" in printed


@pytest.mark.on_torch
def test_a_file(tables, tmp_path, capsys):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=40), "b": rng.choice(["x", "y"], 40)})
    frame.loc[3, "a"] = frame.loc[5, "b"] = None
    frame.to_csv(tmp_path / "in.csv", index=False)
    tables.main(["--smoke", "--data", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv")])
    made = pd.read_csv(tmp_path / "out.csv")
    assert not made.isna().any(axis=None)
    pd.testing.assert_series_equal(made["b"][6:], frame["b"][6:])
    with pytest.raises(SystemExit, match="There is no file"):
        tables.main(["--data", "nowhere.csv"])


def test_errors_by_hand(tables):
    frame = pd.DataFrame({"a": [0.0, 2.0, 4.0], "b": ["x", "x", "y"]})
    filled = pd.DataFrame({"a": [0.0, 2.0, 2.0], "b": ["x", "x", "y"]})
    hidden = np.array([[False, False], [False, False], [True, True]])
    assert tables.compare(frame, filled, hidden) == [
        "a: error 1.00, of the mean 1.50",
        "b: 100% right, of the most frequent 0%",
    ]
