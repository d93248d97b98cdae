"""The gradient inside of a loss: its value, its own gradient, and what layers change meanwhile."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_vae.backend import gradient
from tests.mathematics.autodiff import jacobian

POINT = np.array([[0.3, -1.2], [2.0, 0.5]], "float32")


def cubes(x):
    return ops.sum(x**3, axis=1)


def test_it_is_the_gradient_of_the_sum():
    np.testing.assert_allclose(ops.convert_to_numpy(gradient(cubes, POINT)), 3 * POINT**2, rtol=1e-5)


def test_it_is_zero_where_nothing_depends_on_the_point():
    found = gradient(lambda x: ops.ones((2,)), POINT)
    np.testing.assert_array_equal(ops.convert_to_numpy(found), np.zeros_like(POINT))


def test_it_can_be_differentiated_again():
    found = jacobian(lambda x: gradient(lambda x: ops.sum(x**3), x), POINT[0])
    np.testing.assert_allclose(found, np.diag(6 * POINT[0]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scoped", [False, True])
def test_layers_keep_what_they_changed(scoped):
    layer = keras.layers.BatchNormalization(momentum=0.5)
    layer.build((None, 2))
    generator = keras.random.SeedGenerator(0)

    def noisy(x):
        return layer(x, training=True) * keras.random.normal(ops.shape(x), seed=generator)

    first = ops.convert_to_numpy(generator.state)
    if scoped:  # as in a step on JAX
        variables = [*layer.variables, generator.state]
        with keras.StatelessScope([(variable, variable.value) for variable in variables]) as scope:
            gradient(noisy, POINT)
        mean, state = (scope.get_current_value(variable) for variable in (layer.moving_mean, generator.state))
    else:
        gradient(noisy, POINT)
        mean, state = layer.moving_mean.value, generator.state.value
    np.testing.assert_allclose(ops.convert_to_numpy(mean), 0.5 * POINT.mean(0), rtol=1e-5)
    assert not np.array_equal(ops.convert_to_numpy(state), first)
