"""Data spread wider than a distribution's scale can be."""

import keras
import numpy as np
import pytest

import keras_vae as kv

NOISE = np.random.default_rng(0).normal(size=(64, 2))


@pytest.mark.parametrize(
    ("name", "data"),
    [("Gaussian", 1e5 * NOISE), ("Laplace", 1e5 * NOISE), ("StudentT", 1e5 * NOISE), ("LogNormal", np.exp(9 * NOISE))],
)
def test_a_scale_at_its_upper_bound_warns_and_still_moves(name, data):
    likelihood = getattr(kv.likelihoods, name)()
    likelihood.build((None, 2), (2,))
    with pytest.warns(UserWarning, match="Rescale the data"):
        likelihood.adapt(data)
    in_force = likelihood.current_scale()
    params = {"loc": keras.ops.zeros((1, 2))}
    p = likelihood.distribution(params)
    log_scale = 0.5 * p.log_var if hasattr(p, "log_var") else p.log_scale
    assert float(keras.ops.convert_to_numpy(keras.ops.exp(log_scale)).ravel()[0]) == pytest.approx(in_force, rel=1e-5)
    likelihood.log_var.assign(-0.1)  # what one of the first steps of training does
    assert likelihood.current_scale() < 0.75 * in_force


def test_a_scale_far_below_the_bound_is_that_of_the_data():
    likelihood = kv.likelihoods.LogNormal()
    likelihood.build((None, 2), (2,))
    likelihood.adapt(np.exp(NOISE))
    assert likelihood.current_scale() == pytest.approx(NOISE.std(), rel=1e-5)


@pytest.mark.parametrize("options", [{"scale": 1e5}, {"scale": 1e-6}, {"min_scale": 1e-6}])
def test_scales_that_would_be_clipped_are_refused(options):
    with pytest.raises(ValueError, match=rf"`{next(iter(options))}` must lie between.*Rescale"):
        kv.likelihoods.Gaussian(**options)
