"""Data that float16 holds, but not what training makes of them."""

import warnings

import numpy as np
import pytest

import keras_vae as kv


@pytest.mark.on_torch
def test_large_data_in_float16_warn_with_the_fix():
    x = np.random.default_rng(0).uniform(0.0, 6e4, (8, 4)).astype("float32")
    vae = kv.VAE((4,), 1, likelihood="gaussian", dtype="mixed_float16")
    with pytest.warns(UserWarning, match=r"`x`.*span \[.*\]\. Half precision.*Normalization.*mixed_bfloat16"):
        vae.checks.check_fit(x, None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        vae.checks.check_data(x)  # only training overflows
        vae.checks.check_fit(x / 6e4 * 255.0, None, None)
        kv.VAE((4,), 1, likelihood="gaussian", dtype="mixed_bfloat16").checks.check_fit(x, None, None)
        # the networks see the logarithm
        kv.VAE((4,), 1, likelihood="log_normal", dtype="mixed_float16").checks.check_fit(1.0 + x, None, None)
