"""The search on digits, as small as can be."""

import keras
import pytest

from tests.examples.test_quickstart import load_example

pytestmark = pytest.mark.eager


@pytest.mark.on_torch
def test_ends_with_a_table_and_the_best_model(tmp_path, capsys):
    path = tmp_path / "best.keras"
    rows, elbo = load_example("tuning").main(["--trials", "2", "--epochs", "1", "--out", str(path)])
    printed = capsys.readouterr().out
    assert len(rows) == 2
    assert rows[0]["val_elbo"] >= rows[1]["val_elbo"]
    assert printed.startswith("| trial | prior | encoder | latent_dim | beta | learning_rate | val_elbo | epoch |")
    assert f"{rows[0]['val_elbo']:.4g}" in printed
    assert f"test images {elbo:.2f} nats" in printed
    assert keras.saving.load_model(path).generate(2).shape == (2, 8, 8, 1)
