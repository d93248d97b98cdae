"""Convolutions that are computed in another way than Keras' own: the same values, gradients, weights and files."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.backend import conv, conv_of_upsampled, conv_transpose, convolutions
from keras_vae.layers import MaskedConvolution, ResidualBlock, convolution, transposed_convolution
from tests.mathematics.autodiff import vector_jacobian

RNG = np.random.default_rng(0)
# Sizes of the data, the kernel and the strides: odd and even, kernels smaller than the strides, one to three axes.
CASES = [
    ((7,), 3, 2),
    ((6,), 4, 2),
    ((7, 7), 3, 2),
    ((5, 6), 5, 2),
    ((4, 5), 1, 2),
    ((5, 6), 2, 3),
    ((6, 5), 4, 1),
    ((3, 2), 1, 1),
    ((3, 5, 4), 3, 2),
    ((4, 3, 5), 2, 3),
    ((4, 3, 3), 4, 1),
]
OPTIONS = {"padding": "same", "data_format": "channels_last"}


def random(*shape, dtype="float32"):
    return RNG.standard_normal(shape).astype(dtype)


def derivatives(function, x, kernel, upstream):
    """Value of a function of both, and its gradients."""
    if keras.backend.backend() != "jax":
        return vector_jacobian(function, (x, kernel), upstream)
    import jax

    def pull_back(x, kernel, upstream):
        value, gradients = jax.vjp(function, x, kernel)
        return value, gradients(upstream)

    return jax.jit(pull_back)(x, kernel, upstream)


def same_derivatives(function, of_keras, strides, x, kernel):
    """Values and gradients of both arguments agree to the rounding of float32."""

    def theirs(x, kernel):
        return of_keras(x, kernel, strides=list(strides), **OPTIONS)

    upstream = random(*theirs(x, kernel).shape)
    value, gradients = derivatives(lambda x, kernel: function(x, kernel, strides), x, kernel, upstream)
    expected, of_arguments = derivatives(theirs, x, kernel, upstream)
    for found, right in zip((value, *gradients), (expected, *of_arguments), strict=True):
        assert found.dtype == right.dtype
        np.testing.assert_allclose(found, right, atol=1e-5 * max(1.0, np.abs(right).max()))


@pytest.mark.parametrize(("size", "kernel_size", "stride"), CASES)
def test_values_and_gradients_are_those_of_keras(size, kernel_size, stride):
    x, strides, sizes = random(2, *size, 2), (stride,) * len(size), (kernel_size,) * len(size)
    same_derivatives(conv, ops.conv, strides, x, random(*sizes, 2, 3))
    same_derivatives(conv_transpose, ops.conv_transpose, strides, x, random(*sizes, 3, 2))


@pytest.mark.parametrize("elements", [1, 60])
def test_gradients_of_kernels_in_parts_of_the_batch(monkeypatch, elements):
    """Of one row each, and of two and what is left."""
    monkeypatch.setattr(convolutions, "ELEMENTS_OF_A_PART", elements)
    x = random(5, 3, 2, 2)
    same_derivatives(conv, ops.conv, (1, 1), x, random(3, 3, 2, 2))
    same_derivatives(conv_transpose, ops.conv_transpose, (2, 2), x, random(3, 3, 2, 2))


def test_kernels_and_strides_that_differ_between_axes():
    x, strides = random(2, 4, 5, 3, 2), (2, 1, 3)
    same_derivatives(conv, ops.conv, strides, x, random(3, 2, 4, 2, 3))
    same_derivatives(conv_transpose, ops.conv_transpose, strides, x, random(3, 2, 4, 3, 2))


@pytest.mark.parametrize(
    ("size", "kernel_size", "factor"), [((5,), 3, 2), ((3, 4), 3, 2), ((4, 3), 5, 3), ((3, 2), 1, 2), ((2, 3, 2), 3, 2)]
)
def test_a_convolution_of_repeated_positions(size, kernel_size, factor):
    def of_keras(x, kernel, **_):
        for axis in range(1, len(size) + 1):
            x = ops.repeat(x, factor, axis=axis)
        return ops.conv(x, kernel, strides=1, **OPTIONS)

    def ours(x, kernel, _):
        return conv_of_upsampled(x, kernel, factor)

    x, kernel = random(2, *size, 2), random(*(kernel_size,) * len(size), 2, 3)
    same_derivatives(ours, of_keras, (1,) * len(size), x, kernel)


@pytest.mark.parametrize("kernel_size", [3, 4])
def test_a_block_that_grows_repeats_positions(kernel_size):
    """Kernels of even size, for which there is no shorter way, too."""
    block, x = ResidualBlock(3, upsample=2, kernel_size=kernel_size), random(2, 3, 4, 2)
    block.build(x.shape)
    block.last.kernel.assign(random(*block.last.kernel.shape))  # which starts at zero

    def repeated(tensor):
        return ops.repeat(ops.repeat(tensor, 2, axis=1), 2, axis=2)

    inputs = repeated(block.activation(block.first_norm(x)))
    inner = ops.conv(inputs, block.first.kernel, strides=1, **OPTIONS) + block.first.bias
    expected = repeated(block.skip(x)) + block.last(block.activation(block.last_norm(inner)))
    np.testing.assert_allclose(ops.convert_to_numpy(block(x)), ops.convert_to_numpy(expected), atol=1e-4)


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("sees_present", [False, True])
def test_a_masked_convolution_is_one_with_zeros_in_its_kernel(sees_present, dilation):
    x, layer = random(2, 5, 4, 2), MaskedConvolution(3, 5, sees_present=sees_present, dilation_rate=dilation)
    layer.build(x.shape)
    mask = np.zeros((5, 5, 1, 1), "float32")
    mask[:2] = mask[2, : 2 + sees_present] = 1.0
    expected = ops.conv(x, layer.kernel * mask, strides=1, dilation_rate=dilation, **OPTIONS)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), ops.convert_to_numpy(expected), atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="the others take Keras' own functions")
@pytest.mark.parametrize(("function", "of_keras"), [(conv, ops.conv), (conv_transpose, ops.conv_transpose)])
def test_forward_mode_and_second_derivatives(function, of_keras):
    import jax

    x, kernel = random(3, 5, 4, 2), random(3, 3, 2, 2)
    tangents = random(*x.shape), random(*kernel.shape)

    def energy(function):
        return lambda kernel: (function(x, kernel) ** 3).sum()

    def ours(x, kernel):
        return function(x, kernel, (2, 2))

    def theirs(x, kernel):
        return of_keras(x, kernel, strides=2, **OPTIONS)

    for found, expected in (
        (jax.jvp(ours, (x, kernel), tangents)[1], jax.jvp(theirs, (x, kernel), tangents)[1]),
        (jax.hessian(energy(ours))(kernel), jax.hessian(energy(theirs))(kernel)),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_layer_is_that_of_keras(transposed, policy):
    rank = 2
    ours = (transposed_convolution if transposed else convolution)(rank)
    theirs = getattr(keras.layers, ours.__name__)
    assert ours is not theirs
    assert issubclass(ours, theirs)
    arguments = {"strides": 2, "activation": "tanh", "bias_initializer": "glorot_uniform", "dtype": policy, **OPTIONS}
    first, second = ours(3, 3, **arguments), theirs(3, 3, **arguments)
    x = random(2, 5, 4, 2)
    expected = second(x)
    first.build(x.shape)
    assert [weight.path for weight in first.weights] == [
        weight.path.replace(second.name, first.name) for weight in second.weights
    ]
    first.set_weights(second.get_weights())
    found = first(x)
    assert found.dtype == expected.dtype
    tolerance = {"float32": 1e-6, "mixed_float16": 2e-3, "mixed_bfloat16": 2e-2}[policy]
    found, expected = (ops.convert_to_numpy(ops.cast(value, "float32")) for value in (found, expected))
    np.testing.assert_allclose(found, expected, atol=tolerance)
    assert set(first.get_config()) == set(second.get_config())


@pytest.mark.parametrize("options", [{}, {"strides": 2}, {"dilation_rate": 2}, {"padding": "same", "dilation_rate": 2}])
@pytest.mark.parametrize("make", [convolution, transposed_convolution])
def test_other_options_are_those_of_keras_too(make, options):
    if keras.backend.backend() == "tensorflow" and make is transposed_convolution and "dilation_rate" in options:
        pytest.skip("TensorFlow has no dilated transposed convolutions on CPU, so Keras' own layer does not run")
    ours, x = make(1)(3, 3, **options), random(2, 9, 2)
    theirs = getattr(keras.layers, type(ours).__name__)(3, 3, **options)
    expected = theirs(x)
    ours.build(x.shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ops.convert_to_numpy(ours(x)), ops.convert_to_numpy(expected), atol=1e-6)


def test_groups_and_causal_padding_are_those_of_keras_too():
    x = random(2, 9, 4)
    for options in ({"groups": 2}, {"padding": "causal"}):
        ours, theirs = convolution(1)(4, 3, **options), keras.layers.Conv1D(4, 3, **options)
        expected = theirs(x)
        ours.build(x.shape)
        ours.set_weights(theirs.get_weights())
        np.testing.assert_allclose(ops.convert_to_numpy(ours(x)), ops.convert_to_numpy(expected), atol=1e-6)


def test_files_hold_weights_under_the_names_of_keras(tmp_path):
    """In lists of layers Keras takes the class's name for the path, so that it may not change."""
    decoder = kv.decoders.Conv((4, 3))
    decoder.build((None, 2), (None, 9, 7, 1))
    assert [type(layer).__name__ for layer in decoder.convolutions] == ["Conv2DTranspose", "Conv2DTranspose"]
    encoder = kv.encoders.Conv((4, 3))
    encoder.build((None, 9, 7, 1))
    assert [type(layer).__name__ for layer in encoder.convolutions] == ["Conv2D", "Conv2D"]
    model = keras.Sequential([keras.Input((9, 7, 1)), convolution(2)(3, 3, padding="same"), MaskedConvolution(2)])
    model.save(tmp_path / "model.keras")
    x = random(2, 9, 7, 1)
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(ops.convert_to_numpy(again(x)), ops.convert_to_numpy(model(x)))
