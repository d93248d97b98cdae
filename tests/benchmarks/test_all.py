"""All benchmarks start, in a process for each backend, and print their tables."""

import importlib
import pathlib
import re

import keras
import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import evidence, mixture_density
from tests.benchmarks.measured import machine, timed

NOT_OF_SPEED = {"scales_of_anomalies"}


def test_every_benchmark_is_listed():
    files = pathlib.Path(benchmarks.__file__).parent.glob("[!_]*.py")
    programs = {path.stem for path in files if "\nif __name__ == " in path.read_text()}
    assert programs - NOT_OF_SPEED == set(benchmarks.BENCHMARKS)
    for name in benchmarks.BENCHMARKS:
        assert callable(importlib.import_module(f"tests.benchmarks.{name}").main)


@pytest.mark.on_torch
def test_a_table_is_printed_and_a_failure_said(capfd, monkeypatch):
    monkeypatch.setitem(benchmarks.BENCHMARKS, "fit_speed", (benchmarks.EACH, "--steps none"))
    given = ["--quick", "--backends", "tensorflow", "--benchmarks", "fit_speed", "mixture_density"]
    assert benchmarks.main(given) == 1
    printed = capfd.readouterr().out
    assert printed.startswith(machine(["tensorflow"]).split(", load")[0])
    failed, succeeded = printed.split("## mixture_density")
    assert "FAILED on tensorflow" in failed
    assert "invalid int value: 'none'" in failed
    assert "FAILED" not in succeeded
    assert re.search(r"\| tensorflow \| 5 \| 2 \| typical \| broadcast \|.*\d", succeeded)


def test_memory_is_what_a_call_takes():
    _, seconds, own, mebibytes = timed(lambda: bytearray(64 * 2**20).count(b"\1"))
    assert seconds > 0 <= own
    assert 60 < mebibytes < 80 or mebibytes != mebibytes  # without Linux it is NaN


def test_what_is_compared_computes_the_same():
    vae, x = evidence.model(), evidence.test_digits(None, 3)
    values = {name: make(vae, 400)(x) for name, make in evidence.contestants().items()}
    for value in values.values():
        assert abs(value.mean() - values["loop"].mean()) < 1.0
    arrays = mixture_density.numbers(6, 5, 3, "typical")
    expected = mixture_density.exact(*arrays)
    for form in mixture_density.FORMS.values():
        density, *gradients = mixture_density.with_gradients(form)(*arrays)
        assert abs(keras.ops.convert_to_numpy(density) - expected).max() < 1e-4
        assert [tuple(one.shape) for one in gradients] == [array.shape for array in arrays]
