"""The checks for a GPU run in miniature on any machine, and cover what they claim to."""

import numpy as np
import pytest

from keras_vae import registry
from tests.gpu_check import __main__ as gpu_check
from tests.gpu_check import architectures, machine, precision
from tests.registered import own


def test_every_network_is_among_the_architectures():
    options = [make(8) for make in architectures.ARCHITECTURES.values()]
    # Named by their key; `per_field` is `joint` without its last operation.
    objects = {"encoders": {"denoising", "pyramid"}, "decoders": set()}
    assert objects["encoders"] <= set(architectures.ARCHITECTURES)
    for family, given in objects.items():
        argument = family.removesuffix("s")
        given |= {option[argument] for option in options if isinstance(option[argument], str)}
        assert given == set(own(getattr(registry, family))) - {"per_field"}


@pytest.mark.parametrize("check", ["roofline", "epochs"])
def test_speed_in_miniature(check, capsys):
    assert gpu_check.main(["--only", check, "--small"]) == 0
    assert {"roofline": "of the roofline", "epochs": "microseconds a step"}[check] in capsys.readouterr().out


@pytest.mark.on_torch
@pytest.mark.parametrize(
    ("check", "printed"),
    [
        (["memory"], "float32"),
        (["static_mnist", "--prior", "standard"], "the aim is 88.6"),
        (["architectures", "--architectures", "mlp", "pyramid"], "mixed_bfloat16"),
    ],
)
def test_in_miniature(check, printed, capsys):
    assert gpu_check.main(["--only", *check, "--small"]) == 0
    assert printed in capsys.readouterr().out


@pytest.mark.on_torch
def test_a_wrong_policy_fails(monkeypatch, capsys):
    losses = iter([(10.0, 1.0), (10.1, 1.0), (float("nan"), 1.0)])
    monkeypatch.setattr(architectures, "train", lambda *args: next(losses))
    assert gpu_check.main(["--only", "architectures", "--architectures", "mlp"]) == 1
    assert "FAILED mlp, mixed_bfloat16" in capsys.readouterr().out


@pytest.mark.on_torch
def test_all_reports_what_failed_and_what_did_not_finish(monkeypatch, capsys):
    monkeypatch.setattr(gpu_check, "ALONE", (["memory", "--no-such-option"],))
    monkeypatch.setattr(gpu_check, "TOGETHER", (["precision"],))
    assert gpu_check.main(["--all", "--small", "--minutes", "0.03"]) == 1
    printed = capsys.readouterr().out
    assert "FAILED memory --no-such-option: see above" in printed or "not finished" in printed
    assert "FAILED precision: not finished within 0.03 minutes" in printed


@pytest.mark.on_torch
def test_digits_from_a_file(tmp_path):
    np.savez(tmp_path / "digits.npz", images=np.arange(60 * 4.0).reshape(60, 2, 2))
    train, held_out = precision.load_digits(tmp_path / "digits.npz")
    assert train.shape == (50, 2, 2, 1)
    assert held_out.shape == (10, 2, 2, 1)
    assert train.max() <= 1.0
    with pytest.raises(SystemExit, match="scikit-learn"):
        precision.load_digits(tmp_path / "none.npz")


@pytest.mark.on_torch
def test_the_hardware_is_measured():
    multiplied, copied = machine.roofline(small=True)
    assert multiplied > 1e6
    assert copied > 1e6
    assert machine.peak_memory() > 1e6
