"""`python -m keras_vae` lists what is registered, and what could not be loaded."""

import json

import pytest

import keras_vae as kv
from keras_vae import __main__ as listing
from keras_vae import registry

pytestmark = pytest.mark.on_torch


def test_every_component_is_there_with_what_is_asked_of_it(capsys):
    assert listing.main(["--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    found = {(entry["family"], entry["name"]): entry for entry in printed["components"]}
    wanted = {(family, name) for family in listing.FAMILIES for name in getattr(registry, family).names()}
    assert set(found) == wanted
    assert printed["failures"] == []
    vamp = found["priors", "vamp"]
    assert vamp["class"] == "keras_vae.priors.vamp.VampPrior"
    assert vamp["origin"] == f"keras-vae {kv.__version__}"
    assert vamp["signature"].startswith("(components=")
    assert found["priors", "standard"]["signature"] == "()"
    assert found["latents", "product"]["signature"] == "(groups)"
    assert vamp["summary"] == kv.priors.VampPrior.__doc__.split("\n", 1)[0]
    # Other tests may have registered parts of their own in this process.
    own = [entry for entry in found.values() if entry["class"].startswith("keras_vae.")]
    assert len(own) >= 50
    assert [entry["name"] for entry in own if "*" in entry["signature"]] == []
    assert all(entry["summary"] for entry in own)


def test_text_is_by_family(capsys):
    assert listing.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line in listing.FAMILIES] == list(listing.FAMILIES)
    at = next(index for index, line in enumerate(lines) if line.startswith("  vamp("))
    assert lines.index("priors") < at < lines.index("latents") < lines.index("decoders")


def test_one_family(capsys):
    assert listing.main(["--family", "objectives"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("objectives\n\n  adversarial(")
    assert "vamp" not in printed


def test_an_unknown_family_is_refused(capsys):
    with pytest.raises(SystemExit):
        listing.main(["--family", "prior"])
    assert "'prior'" in capsys.readouterr().err


def test_what_could_not_be_loaded_is_named_and_fails(capsys, monkeypatch):
    failures = {"broken": ("vae-broken", ModuleNotFoundError("No module named 'licence'"))}
    monkeypatch.setattr(registry.priors, "_failures", failures)
    assert listing.main(["--family", "priors"]) == 1
    printed = capsys.readouterr()
    assert "  standard(" in printed.out
    for part in ("'broken'", "'vae-broken'", "ModuleNotFoundError: No module named 'licence'"):
        assert part in printed.err
    assert listing.main(["--family", "decoders"]) == 0
    monkeypatch.setattr(registry.latents, "_failures", failures)
    assert listing.main(["--family", "latents"]) == 1
    assert "The latents 'broken'" in capsys.readouterr().err
    monkeypatch.setattr(registry.latents, "_failures", {})
    listing.main(["--json"])
    assert [entry["name"] for entry in json.loads(capsys.readouterr().out)["failures"]] == ["broken"]
