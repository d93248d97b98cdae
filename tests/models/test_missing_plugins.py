"""A saved model whose plugins are not there says which, and why."""

import pytest

import keras_vae as kv
from keras_vae import registry
from keras_vae.models.plugins import restore

pytestmark = pytest.mark.on_torch

CLASS = "vae_far_away.priors.Far"


def config_with(**plugin):
    config = kv.VAE((4,), 2, encoder="mlp", decoder="mlp").get_config()
    config["prior"] = {"module": "x", "class_name": "Far", "config": {}, "registered_name": "vae-far>Far"}
    return {**config, "plugins": [{"class": CLASS, "distribution": "vae-far", "version": "0.3", **plugin}]}


def message(**plugin):
    with pytest.raises(ValueError, match="components that are not installed here, or that do not load") as caught:
        restore(config_with(**plugin))
    return str(caught.value)


def test_a_distribution_that_is_missing_is_to_be_installed():
    text = message()
    assert f"{CLASS} (distribution vae-far, version 0.3): install the distribution" in text
    assert len(text) < 700


def test_one_that_is_installed_and_broken_says_why(monkeypatch):
    monkeypatch.setattr("keras_vae.models.plugins._installed", lambda distribution: True)
    failure = {"far": ("vae_far", ModuleNotFoundError("No module named 'licence'"))}
    monkeypatch.setattr(registry.priors, "_failures", failure)
    text = message()
    assert "it is installed, and could not be loaded: ModuleNotFoundError: No module named 'licence'" in text


def test_a_class_of_a_script_is_to_be_defined_again():
    text = message(**{"class": "__main__.Far", "distribution": None, "version": None})
    assert "__main__.Far, defined in a script or notebook: define it again before loading" in text


def test_a_module_without_a_distribution_is_to_be_imported():
    assert f"{CLASS} (distribution unknown): import the module" in message(distribution=None, version=None)


def test_what_is_there_is_not_blamed():
    there = {"class": "keras_vae.priors.standard.Standard", "distribution": None, "version": None}
    with pytest.raises(Exception, match="Far") as caught:
        restore(config_with(**there))
    assert "not installed here" not in str(caught.value)
