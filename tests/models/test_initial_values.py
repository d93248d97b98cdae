"""On JAX initial weights are made on the host: the numbers are those that JAX draws, and Keras is left as it was."""

import keras
import numpy as np
import pytest
from keras.src.initializers import constant_initializers, random_initializers

import keras_vae as kv
from keras_vae.backend import initial_values_on_host
from keras_vae.backend.initial_values import threefry_bits
from tests.models.small import compiled, small_vae, vectors

ON_JAX = pytest.mark.skipif(keras.backend.backend() != "jax", reason="the other backends draw without compiling")

# With the largest difference that rounding explains. XLA rounds less often than NumPy at some levels of optimisation.
INITIALIZERS = {
    "glorot_uniform": (keras.initializers.GlorotUniform(1), 2e-7),
    "random_uniform": (keras.initializers.RandomUniform(-0.3, 0.1, seed=2), 2e-7),
    "he_normal": (keras.initializers.HeNormal(3), 1e-6),
    "random_normal": (keras.initializers.RandomNormal(2.0, 0.5, seed=4), 1e-6),
    "truncated_normal": (keras.initializers.TruncatedNormal(-1.0, 0.5, seed=5), 1e-6),
    "orthogonal": (keras.initializers.Orthogonal(2.0, seed=6), 2e-6),
    "zeros": (keras.initializers.Zeros(), 0.0),
    "ones": (keras.initializers.Ones(), 0.0),
    "constant": (keras.initializers.Constant(-0.3), 0.0),
    "identity": (keras.initializers.Identity(2.0), 0.0),
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_host_makes_what_the_backend_makes(name):
    initializer, tolerance = INITIALIZERS[name]
    for shape in [(37, 600), (3, 2)]:  # more numbers than one chunk of the generator, and few
        expected = keras.ops.convert_to_numpy(initializer(shape, dtype="float32"))
        with initial_values_on_host():
            made = keras.ops.convert_to_numpy(keras.Variable(initializer, shape=shape, dtype="float32"))
        np.testing.assert_allclose(made, expected, rtol=0, atol=tolerance)
        assert made.dtype == expected.dtype


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["glorot_uniform", "truncated_normal", "zeros", "constant"])
def test_other_precisions(name, dtype):
    initializer, _ = INITIALIZERS[name]
    expected = initializer((4, 5), dtype=dtype)
    with initial_values_on_host():
        made = keras.Variable(initializer, shape=(4, 5), dtype=dtype)
    assert made.dtype == dtype
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(keras.ops.cast(x, "float32")) for x in (made, expected)))


def test_a_generator_of_seeds_moves_on_by_one_draw():
    def draws():
        initializer = keras.initializers.RandomUniform(seed=keras.random.SeedGenerator(7))
        return [keras.ops.convert_to_numpy(keras.Variable(initializer, shape=(3,), dtype="float32")) for _ in range(2)]

    expected = draws()
    with initial_values_on_host():
        made = draws()
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-7)
    assert not np.array_equal(*made)


def weights_of(seed):
    keras.utils.set_random_seed(seed)
    return [keras.ops.convert_to_numpy(weight) for weight in kv.VAE((6, 2), 2, encoder="gru").weights]


def test_a_model_starts_from_the_weights_of_the_seed():
    first, again, other = weights_of(0), weights_of(0), weights_of(1)
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, same)
    assert not all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))


def test_the_layers_of_a_model_start_as_they_do_alone():
    keras.utils.set_random_seed(3)
    dense = keras.layers.Dense(8)
    config = dense.get_config()
    seed = dense.kernel_initializer.seed
    config["kernel_initializer"] = keras.initializers.GlorotUniform(seed)
    alone = keras.layers.Dense.from_config(config)
    alone.build((None, 6))
    small_vae(encoder=keras.Sequential([dense]))
    made, expected = (keras.ops.convert_to_numpy(layer.kernel) for layer in (dense, alone))
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-7)


class Refused(kv.encoders.MLP):
    """Looks at Keras while it is built, and fails."""

    def build(self, input_shape):
        self.seen = type(random_initializers.random)
        kv.VAE((3,), 2)  # another model inside
        assert type(random_initializers.random) is self.seen
        raise RuntimeError("no")


def test_keras_is_as_before_afterwards():
    before = keras.src.backend.random, keras.src.ops, keras.src.ops
    assert (random_initializers.random, random_initializers.ops, constant_initializers.ops) == before
    encoder = Refused((4,))
    with pytest.raises(RuntimeError, match="no"):
        small_vae(encoder=encoder)
    assert (encoder.seen is not type(before[0])) == (keras.backend.backend() == "jax")
    assert (random_initializers.random, random_initializers.ops, constant_initializers.ops) == before
    compiled(small_vae()).fit(vectors(), verbose=0)
    assert (random_initializers.random, random_initializers.ops, constant_initializers.ops) == before


@ON_JAX
@pytest.mark.parametrize("size", [1, 2**14 + 3])
def test_bits_are_those_of_jax(size):
    import jax

    key = np.array([123456789, 7], "uint32")
    np.testing.assert_array_equal(threefry_bits(key, size), jax.random.bits(key, (size,)))


@ON_JAX
def test_draws_of_another_generator_are_left_to_jax():
    import jax

    initializer = keras.initializers.GlorotUniform(1)
    with jax.threefry_partitionable(False):
        expected = keras.ops.convert_to_numpy(initializer((4, 5)))
        with initial_values_on_host():
            made = keras.ops.convert_to_numpy(initializer((4, 5)))
    np.testing.assert_array_equal(made, expected)


@ON_JAX
def test_building_compiles_nothing_for_a_shape():
    """Each shape would take a third of a second."""
    import jax

    options = {"posterior": "iaf", "prior": "mixture"}
    kv.VAE((5, 3), 2, **options)  # what is compiled once for a process
    compiled_now = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled_now.append(event))
    try:
        kv.VAE((11, 13), 3, **options)
        assert not [event for event in compiled_now if event.endswith("backend_compile_duration")]
        jax.random.uniform(jax.random.key(0), (2, 3, 5, 7))
        assert [event for event in compiled_now if event.endswith("backend_compile_duration")]
    finally:
        jax.monitoring.clear_event_listeners()
