"""A whole model of keras.applications as encoder, fine-tuned: what is frozen stays so, in fit and in a file."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

pytestmark = pytest.mark.eager

X = vectors(16)


def flags(model):
    """Whether each variable is trained, in the order of the weights."""
    trained = {id(variable) for variable in model.trainable_variables}
    return [id(weight) in trained for weight in model.weights]


def reloaded(vae, tmp_path):
    vae.save(tmp_path / "model.keras")
    return keras.saving.load_model(tmp_path / "model.keras")


def snapshot(layer):
    return [ops.convert_to_numpy(weight).copy() for weight in layer.weights]


def changed(layer, before):
    return [not np.array_equal(old, ops.convert_to_numpy(new)) for old, new in zip(before, layer.weights, strict=True)]


@pytest.fixture(scope="module")
def fine_tuned():
    """A VAE on top of a frozen backbone, after a step of training; with it the weights before."""
    keras.utils.set_random_seed(0)
    backbone = keras.applications.MobileNet(
        input_shape=(32, 32, 3), alpha=0.25, include_top=False, pooling="avg", weights=None
    )
    x = np.random.default_rng(0).random((4, 32, 32, 3)).astype("float32")
    backbone.trainable = False
    backbone.get_layer("conv_pw_13_bn").trainable = True
    encoder = keras.Sequential([keras.layers.Rescaling(2.0, offset=-1.0), backbone])
    vae = compiled(kv.VAE((32, 32, 3), 4, encoder=encoder, decoder=kv.decoders.MLP((4,)), seed=0))
    before = snapshot(backbone)
    vae.fit(x, verbose=0)
    return vae, backbone, before, x


def test_fit_leaves_frozen_layers_alone(fine_tuned):
    """Batch normalisation included: frozen, it runs in inference mode, and its moving means stay."""
    _, backbone, before, _ = fine_tuned
    moved = {weight.path for weight, has in zip(backbone.weights, changed(backbone, before), strict=True) if has}
    thawed = backbone.get_layer("conv_pw_13_bn")
    assert {thawed.beta.path, thawed.moving_variance.path} <= moved <= {weight.path for weight in thawed.weights}


def test_a_file_keeps_what_is_frozen_in_a_backbone(fine_tuned, tmp_path):
    vae, _, _, x = fine_tuned
    loaded = reloaded(vae, tmp_path)
    assert flags(loaded) == flags(vae)
    np.testing.assert_allclose(loaded.encode(x), vae.encode(x), atol=1e-5)


FREEZE = {
    "a layer inside a part": lambda vae: setattr(vae.encoder.stack.dense_layers[0], "trainable", False),
    "all of a part but one layer": lambda vae: (
        setattr(vae.encoder, "trainable", False),
        setattr(vae.encoder.stack.dense_layers[1], "trainable", True),
    ),
    "a head": lambda vae: setattr(vae.likelihood.heads["logits"], "trainable", False),
    "the condition's encoder": lambda vae: setattr(vae.condition_encoder, "trainable", False),
}


@pytest.mark.parametrize("freeze", FREEZE)
def test_a_file_keeps_single_frozen_layers(freeze, tmp_path):
    options = {"condition_shape": (), "condition_encoder": keras.layers.Embedding(3, 2)}
    vae = small_vae(encoder=kv.encoders.MLP((5, 4)), **options)
    all_flags = flags(vae)
    FREEZE[freeze](vae)
    assert flags(vae) != all_flags
    assert flags(reloaded(vae, tmp_path)) == flags(vae)


def test_a_loaded_model_goes_on_without_touching_what_is_frozen(tmp_path):
    vae = compiled(small_vae(encoder=kv.encoders.MLP((5, 4))))
    FREEZE["all of a part but one layer"](vae)
    vae.compile("adam")
    vae.fit(X, verbose=0)
    loaded = reloaded(vae, tmp_path)
    before = snapshot(loaded)
    loaded.fit(X, epochs=3, verbose=0)
    assert changed(loaded, before) == flags(vae)


def test_a_clone_keeps_what_is_frozen():
    vae = small_vae()
    vae.encoder.stack.dense_layers[0].trainable = False
    assert flags(keras.models.clone_model(vae)) == flags(vae)


def test_the_config_of_a_model_without_frozen_layers_says_nothing_of_them():
    assert "frozen" not in small_vae().get_config()


@pytest.mark.refusals
@pytest.mark.parametrize("frozen", [{"encoder": [1, 99]}, {"decoder": [-1]}, {"condition_encoder": [0]}, {"tail": [0]}])
def test_frozen_layers_that_do_not_exist_are_refused(frozen):
    config = small_vae().get_config()
    with pytest.raises(ValueError, match=rf"its '{next(iter(frozen))}'.*`frozen`.*{next(iter(frozen.values()))[-1]}"):
        kv.VAE.from_config({**config, "frozen": frozen})
