"""Keras' own `run_layer_test`, for every layer, encoder and decoder."""

import keras
import numpy as np
import pytest
from keras.src.testing import TestCase

import keras_vae as kv
from keras_vae import layers

# The other names of keras_vae.layers are functions and constraints.
LAYERS = {
    name
    for name in layers.__all__
    if isinstance(getattr(layers, name), type) and issubclass(getattr(layers, name), keras.layers.Layer)
}

CASES = {
    "Sampling": {
        "init_kwargs": {"seed": 1},
        "input_shape": ((2, 3), (2, 3)),
        "expected_output_shape": (2, 3),
        "expected_num_seed_generators": 1,
        "supports_masking": True,
    },
    "KLDivergenceRegularizer": {
        "init_kwargs": {"weight": 0.5, "use_exact_kl": False, "num_samples": 2, "seed": 1},
        "input_shape": ((2, 3), (2, 3)),
        "expected_output_shape": ((2, 3), (2, 3)),
        "expected_num_losses": 1,
        "expected_num_non_trainable_weights": 1,
        "expected_num_seed_generators": 1,
        "supports_masking": True,
    },
    "DenseStack": {
        "init_kwargs": {"hidden_units": (4, 3), "activation": "tanh", "dropout": 0.1},
        "input_shape": (2, 5),
        "expected_output_shape": (2, 3),
        "expected_num_trainable_weights": 4,
    },
    "AffineCoupling": {
        "init_kwargs": {"hidden_units": (4,), "activation": "tanh", "flip": True},
        "input_shape": (2, 5),
        "expected_output_shape": ((2, 5), (2,)),
        "expected_num_trainable_weights": 4,
        # Keras' one training step sums over a tuple of unequal shapes; tests/mathematics trains what these make up.
        "run_training_check": False,
    },
    "InverseAutoregressive": {
        "init_kwargs": {"hidden_units": 4, "reverse": True},
        "input_shape": (2, 5),
        "expected_output_shape": ((2, 5), (2,)),
        "expected_num_trainable_weights": 4,
        "run_training_check": False,
    },
    **{
        name: {
            "init_kwargs": {},
            "input_shape": (2, 5),
            "expected_output_shape": ((2, 5), (2,)),
            "expected_num_trainable_weights": number,
            "run_training_check": False,
        }
        for name, number in (("Planar", 3), ("Radial", 3))
    },
    "MaskedConvolution": {
        "init_kwargs": {"filters": 3, "kernel_size": 5, "sees_present": True, "activation": "tanh"},
        "input_shape": (2, 4, 3, 2),
        "expected_output_shape": (2, 4, 3, 3),
        "expected_num_trainable_weights": 2,
    },
    "MergeConv": {
        "init_kwargs": {"filters": 5, "upsample": 2, "kernel_size": 1, "activation": "tanh"},
        "input_shape": ((2, 3), (2, 4, 4, 2)),
        "expected_output_shape": (2, 8, 8, 5),
        "expected_num_trainable_weights": 6,
    },
    "MergeDense": {
        "init_kwargs": {"hidden_units": (4, 3), "activation": "tanh"},
        "input_shape": ((2, 3), (2, 5)),
        "expected_output_shape": (2, 3),
        "expected_num_trainable_weights": 4,
    },
    "Projection": {
        "init_kwargs": {"target_shape": (4, 4, 1), "kernel_initializer": "zeros", "bias_initializer": "ones"},
        "input_shape": (2, 4, 4, 3),
        "expected_output_shape": (2, 4, 4, 1),
        "expected_output_dtype": "float32",
        "expected_num_trainable_weights": 2,
    },
    "ResidualBlock": {
        "init_kwargs": {"filters": 4, "strides": 2, "kernel_size": 2, "activation": "relu", "dropout": 0.1},
        "input_shape": (2, 5, 4, 3),
        "expected_output_shape": (2, 3, 2, 4),
        "expected_num_trainable_weights": 10,
    },
    "CausalBlock": {
        "init_kwargs": {"filters": 4, "kernel_size": 2, "dilation": 2, "activation": "tanh", "dropout": 0.1},
        "input_shape": (2, 5, 3),
        "expected_output_shape": (2, 5, 4),
        "expected_num_trainable_weights": 9,
    },
    "TransformerBlock": {
        "init_kwargs": {"heads": 2, "expansion": 3, "causal": True, "activation": "relu", "dropout": 0.1},
        "input_shape": (2, 5, 4),
        "expected_output_shape": (2, 5, 4),
        "expected_num_trainable_weights": 12,
    },
    "WordDropout": {
        "init_kwargs": {"rate": 0.4, "seed": 3},
        "input_shape": (2, 5, 4),
        "expected_output_shape": (2, 5, 4),
        "expected_num_trainable_weights": 0,
        "expected_num_seed_generators": 1,
        # It has no weights, and its draws differ from run to run as dropout's do.
        "run_training_check": False,
    },
    "SaltAndPepper": {
        "init_kwargs": {"rate": 0.2, "values": (0.0, 2.0), "seed": 1},
        "input_shape": (2, 3),
        "expected_output_shape": (2, 3),
        "expected_num_seed_generators": 1,
        "supports_masking": True,
        # Keras trains for one step, and a layer without weights has nothing to train.
        "run_training_check": False,
    },
    "SpatialAttention": {
        "init_kwargs": {"heads": 2},
        "input_shape": (2, 3, 2, 4),
        "expected_output_shape": (2, 3, 2, 4),
        "expected_num_trainable_weights": 7,
    },
}


class LayerTest(TestCase):
    """Keras' base class, without tests of its own."""


@pytest.fixture
def keras_checks():
    case = LayerTest()
    case.setUp()
    yield case.run_layer_test
    case.doCleanups()


def test_every_layer_has_a_case():
    assert set(CASES) == LAYERS


@pytest.mark.parametrize("name", sorted(CASES))
def test_layer(name, keras_checks):
    keras_checks(getattr(layers, name), **CASES[name])


@pytest.mark.parametrize(
    ("target_shape", "input_shape"), [((4, 3), (2, 7)), ((5,), (2, 4, 4, 3)), ((4, 4), (2, 4, 4, 3)), ((3,), (2, 0))]
)
def test_projection_of_other_shapes(target_shape, input_shape, keras_checks):
    keras_checks(
        layers.Projection,
        init_kwargs={"target_shape": target_shape},
        input_shape=input_shape,
        expected_output_shape=(2, *target_shape),
    )


@pytest.mark.parametrize(
    ("encoder", "init_kwargs", "input_shape", "output_shape"),
    [
        (kv.encoders.MLP, {"hidden_units": (4, 3), "dropout": 0.1}, (2, 3, 2), (2, 3)),
        (kv.encoders.Conv, {"filters": (2, 3), "hidden_units": 4}, (2, 5, 4, 1), (2, 4)),
        (kv.encoders.Conv, {"filters": (2, 3), "hidden_units": None}, (2, 9, 1), (2, 3, 3)),
    ],
)
def test_encoder(encoder, init_kwargs, input_shape, output_shape, keras_checks):
    keras_checks(encoder, init_kwargs=init_kwargs, input_shape=input_shape, expected_output_shape=output_shape)


def dense_model(dtype=None):
    return keras.Sequential([keras.layers.Dense(3, activation="tanh", dtype=dtype)])


class OwnEncoder(kv.encoders.FromModel):
    """`FromModel` around a model of its own: one model cannot be built twice, as the checks would."""

    def __init__(self, model=None, **kwargs):
        super().__init__(model or dense_model(kwargs.get("dtype")), **kwargs)


class OwnDecoder(kv.decoders.FromModel):
    def __init__(self, model=None, **kwargs):
        super().__init__(model or dense_model(kwargs.get("dtype")), **kwargs)


def test_encoder_from_a_model(keras_checks):
    keras_checks(
        OwnEncoder,
        init_kwargs={},
        input_shape=(2, 5),
        expected_output_shape=(2, 3),
        custom_objects={"OwnEncoder": OwnEncoder},
    )


@pytest.mark.parametrize(
    ("decoder", "init_kwargs", "shapes", "output_shape"),
    [
        (kv.decoders.MLP, {"hidden_units": (4, 3), "dropout": 0.1}, {"z": (2, 5), "target": (2, 6)}, (2, 3)),
        (kv.decoders.Conv, {"filters": (3, 2)}, {"z": (2, 5), "target": (2, 5, 7, 1)}, (2, 5, 7, 2)),
        (OwnDecoder, {}, {"z": (2, 5), "target": (2, 6)}, (2, 3)),
    ],
)
def test_decoder(decoder, init_kwargs, shapes, output_shape, keras_checks):
    keras_checks(
        decoder,
        init_kwargs=init_kwargs,
        input_shape={f"{name}_shape": shape for name, shape in shapes.items()},
        expected_output_shape=output_shape,
        custom_objects={"OwnDecoder": OwnDecoder},
        # Its one-layer model hands the two inputs over as one dict, which no layer with two arguments can
        # take. The contract check `fit` trains every decoder, and looks at its gradients, in a VAE.
        run_training_check=False,
    )


def test_dropout_is_active_in_training_alone():
    for part in (kv.encoders.MLP((50,), dropout=0.5), kv.decoders.MLP((50,), dropout=0.5)):
        x = np.ones((4, 6), "float32")
        part.build((None, 6))
        quiet, loud = (keras.ops.convert_to_numpy(part(x, training=training)) for training in (False, True))
        again = keras.ops.convert_to_numpy(part(x, training=False))
        np.testing.assert_array_equal(quiet, again)
        assert (loud == 0).mean() > (quiet == 0).mean() + 0.1
