"""The benchmark of growth finds exponents, and rows on disk are streamed in less memory than they would fill."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.benchmarks import growth, streams


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_exponents_behind_a_constant(exponent, constant):
    sizes = np.array([64, 128, 256, 512, 1024])
    costs = constant + 2.0 * (sizes / 256) ** exponent
    assert growth.fitted_exponent(sizes, costs) == pytest.approx(exponent, abs=0.02)
    noise = 1 + 0.02 * np.random.default_rng(0).standard_normal(5)
    assert growth.fitted_exponent(sizes, costs * noise) == pytest.approx(exponent, abs=0.25)


@pytest.mark.parametrize("reader", sorted(streams.READERS))
def test_readers_give_the_rows_of_the_file(reader, tmp_path):
    streams.write(tmp_path / "rows", 64, 5)
    rows = np.fromfile(tmp_path / "rows", dtype="float32").reshape(64, 5)
    batches = [np.asarray(batch) for batch in streams.READERS[reader](tmp_path / "rows", 60, 5, 16)]
    assert [len(batch) for batch in batches] == [16, 16, 16, 12]
    read = np.concatenate(batches)
    assert sorted(map(tuple, read)) == sorted(map(tuple, rows[:60]))


@pytest.mark.on_tensorflow
def test_growth_and_streams_in_miniature(tmp_path):
    """In a process of its own, since the benchmark forks: rows of four times the memory allowed pass through."""
    out = tmp_path / "growth.json"
    options = "--axes samples streams --largest 2 --steps 2 --epochs 1 --allowed 30"
    command = [sys.executable, "-m", "tests.benchmarks.growth", *options.split(), "--out", str(out)]
    subprocess.run(command, check=True, env=os.environ)
    found = next(iter(json.loads(out.read_text()).values()))
    assert [axis["sizes"] for axis in found["growth"]] == [[1, 4]]
    assert all(value > 0 for axis in found["growth"] for value in axis["milliseconds"])
    assert found["streams"]["megabytes_on_disk"] == 4 * found["streams"]["allowed"]
    assert {"tf.data", "Grain"} == set(found["streams"]["readers"])
    for reader, taken in found["streams"]["readers"].items():
        assert taken["megabytes"] < found["streams"]["allowed"], reader
