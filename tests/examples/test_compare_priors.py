"""The comparison of priors, on rows made up here and a small budget."""

import re

import keras
import numpy as np
import pytest

from tests.examples.test_quickstart import load_example

SMALL = ["--hidden-units", "8", "--latent-dim", "2", "--components", "5", "--samples", "4", "--verbose", "0"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("bits") / "bits.npz"
    bits = np.random.default_rng(0).integers(0, 2, (264, 784), dtype="uint8")
    np.savez(path, train=np.packbits(bits[:200], axis=-1), valid=bits[200:232], test=bits[232:])
    return str(path)


@pytest.mark.parametrize(
    ("prior", "length"),
    [
        ("standard", ["--epochs", "2"]),
        pytest.param("two_level", ["--minutes", "0.01"], marks=pytest.mark.on_torch),
    ],
)
def test_prints_the_likelihood(data, capsys, prior, length):
    example = load_example("compare_priors")
    elbo, log_likelihood = example.main(["--data", data, "--prior", prior, *length, *SMALL])
    printed = capsys.readouterr().out
    assert f"prior {prior}, seed 0" in printed
    assert f"test ELBO {elbo:.2f}, NLL {-log_likelihood:.2f}" in printed
    # Coin flips cannot be compressed below log 2 each; their likelihood is above its bound.
    assert -800 < elbo < log_likelihood < -784 * np.log(2) + 1


@pytest.mark.on_torch
def test_several_priors_and_seeds_make_a_table(tmp_path, capsys):
    example = load_example("compare_priors")
    several = ["--prior", "standard", "vamp", "--seed", "0", "1", "--epochs", "1", "--test-rows", "20"]
    first = example.main(["--data", "digits", *several, *SMALL, "--picture", str(tmp_path / "priors.png")])
    printed = capsys.readouterr().out
    assert f"digits, prior standard, seed 0, backend {keras.backend.backend()}" in printed
    assert f"test ELBO {first[0]:.2f}" in printed
    rows = re.findall(r"^\| `(\w+)` \| -[\d.]+ ± [\d.]+ \| (-[\d.]+) ± ([\d.]+) \|$", printed, re.MULTILINE)
    assert [name for name, *_ in rows] == ["standard", "vamp"]
    runs = [float(value) for value in re.findall(r"prior standard, .*NLL ([\d.]+)", printed)]
    assert float(rows[0][1]) == pytest.approx(-np.mean(runs), abs=0.011)
    assert float(rows[0][2]) == pytest.approx(np.std(runs, ddof=1), abs=0.02)
    assert (tmp_path / "priors.png").stat().st_size > 1000


@pytest.mark.on_torch
def test_bad_files_and_lengths(data, tmp_path):
    example = load_example("compare_priors")
    with pytest.raises(SystemExit, match="there is no file"):
        example.main(["--data", str(tmp_path / "none.npz")])
    np.savez(tmp_path / "other.npz", train=np.zeros((4, 784)))
    with pytest.raises(SystemExit, match="one array named valid"):
        example.main(["--data", str(tmp_path / "other.npz")])
    with pytest.raises(SystemExit):
        example.main(["--data", data, "--epochs", "1", "--minutes", "1"])
