"""The example of compression, on a few digits."""

import numpy as np
import pytest

from tests.examples.test_quickstart import load_example


@pytest.mark.on_torch
def test_prints_a_table_of_codes(capsys):
    results = load_example("compress_images").main(["--smoke"])
    said = capsys.readouterr().out
    assert "bz2" in said
    assert {name for _, name in results} >= {"one level", "two levels", "beta-binomial", "PNG"}
    one = results["zeros, ones", "one level"]
    assert one.rows == 40
    assert one.net_bits_per_dim == pytest.approx(one.elbo_bits_per_dim, rel=0.05)


@pytest.mark.on_torch
def test_says_what_the_file_must_hold(tmp_path):
    np.savez(tmp_path / "other.npz", train=np.zeros((4, 10)))
    with pytest.raises(SystemExit, match="x_train"):
        load_example("compress_images").main(["--data", str(tmp_path / "other.npz")])
