"""Padding counts where the target has it, whatever x has there."""

import numpy as np
import pytest

import keras_vae as kv


def test_padding_in_a_corrupted_x_hides_nothing_of_the_target():
    vae = kv.VAE((4,), 2, likelihood=kv.likelihoods.Categorical(5, padding=0), encoder="mlp", decoder="mlp", seed=0)
    vae.compile("adam")
    vae.likelihood.heads["logits"].set_weights([0 * weight for weight in vae.likelihood.heads["logits"].get_weights()])
    clean = np.full((3, 4), 2)
    corrupted = np.array([[2, 0, 0, 0], [2, 2, 0, 0], [2, 2, 2, 2]])
    nats = vae.evaluate(clean, verbose=0, return_dict=True)["reconstruction_loss"] / 4  # of every token alike
    for x, y, tokens in ((corrupted, clean, 4), (corrupted, corrupted, 7 / 3), (corrupted, None, 7 / 3)):
        logs = vae.evaluate(x, y, verbose=0, return_dict=True)
        assert logs["reconstruction_loss"] == pytest.approx(tokens * nats, rel=1e-5)
        assert logs["reconstruction_perplexity"] == pytest.approx(np.exp(nats), rel=1e-5)
