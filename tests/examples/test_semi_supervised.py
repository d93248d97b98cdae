"""The examples of few labels and of clusters, on scikit-learn's digits and a small budget."""

import numpy as np
import pytest

from tests.examples.test_quickstart import load_example


@pytest.mark.on_torch
def test_few_labels(tmp_path, capsys):
    small = ["--hidden-units", "16", "--m1-epochs", "1", "--m1-latent-dim", "4", "--m2-epochs", "1", "--m2-units", "8"]
    small += ["--m2-latent-dim", "2", "--classifier-units", "8", "--labels", "2", "--labelled", "20"]
    errors = load_example("semi_supervised").main([*small, "--out", str(tmp_path)])
    assert "with 20 labels" in capsys.readouterr().out
    assert {"M1 + M2", "logistic regression, M1's latents"} < set(errors)
    assert all(0 <= value <= 100 for values in errors.values() for value in values)
    assert {path.name for path in tmp_path.iterdir()} == {"analogies.png", "m1.keras", "m2.keras"}


@pytest.mark.on_torch
def test_clusters(tmp_path, capsys):
    example = load_example("clusters")
    small = ["--hidden-units", "16", "--pretraining", "1", "--epochs", "1", "--latent-dim", "4"]
    results = example.main([*small, "--out", str(tmp_path)])
    assert "| VAE with a mixture as its prior |" in capsys.readouterr().out
    assert len(results) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"clusters.png", "model.keras"}
    # Clusters have no names: any permutation of the classes is right.
    labels = np.arange(40) % 4
    accuracy, index = example.scores(labels, (labels + 1) % 4)
    assert (accuracy, index) == (100.0, 1.0)
    accuracy, _ = example.scores(labels, np.zeros(40, int))
    assert accuracy == 25.0


@pytest.mark.on_torch
@pytest.mark.parametrize("name", ["semi_supervised", "clusters"])
def test_it_says_what_the_file_must_hold(tmp_path, name):
    with pytest.raises(SystemExit, match="There is no file"):
        load_example(name).main(["--data", str(tmp_path / "none.npz")])
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(SystemExit, match="x_train, y_train, x_test, y_test"):
        load_example(name).main(["--data", str(tmp_path / "other.npz")])
