"""A model on disk: the same outputs in a fresh process, and training that goes on as if it had not stopped."""

import copy
import json
import os
import pickle
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, one_hot, small_vae, vectors

X = vectors(20)

FRESH = """
import sys
import keras
import keras_vae
import numpy as np

folder = sys.argv[1]
x = np.load(folder + "/x.npz")["x"]
for name in ("float32", "mixed_float16"):
    model = keras.saving.load_model(folder + f"/{name}.keras", safe_mode=True)
    np.savez(
        folder + f"/{name}.npz",
        encode=model.encode(x),
        predict=model.predict(x),
        elbo=model.elbo(x, seed=3),
        dtype=model.encoder.compute_dtype,
        compiled=model.optimizer is not None,
    )
assert "tests" not in sys.modules
keras.saving.load_model(folder + "/plugin.keras")
"""


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    vae = compiled(small_vae(encoder=kv.encoders.MLP((8,), dropout=0.2)))
    vae.fit(X, epochs=2, verbose=0)
    return vae


def same(a, b, x=X):
    np.testing.assert_allclose(a.encode(x), b.encode(x), atol=1e-6)
    np.testing.assert_allclose(a.predict(x), b.predict(x), atol=1e-6)
    np.testing.assert_allclose(a.elbo(x, seed=3), b.elbo(x, seed=3), rtol=1e-5)


@pytest.fixture(scope="module")
def in_half_precision():
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        vae = compiled(kv.VAE((6,), 2, encoder=kv.encoders.MLP((8,)), decoder=kv.decoders.MLP((8,))))
        vae.fit(X, verbose=0)
        return vae
    finally:
        keras.config.set_dtype_policy("float32")


PLUGIN = """
import keras
import keras_vae as kv


@kv.encoders.register("foreign", package="foreign_package")
class Foreign(kv.encoders.Encoder):
    def build(self, input_shape):
        self.dense = keras.layers.Dense(4)
        self.dense.build(input_shape)

    def call(self, x, mask=None, training=None):
        return self.dense(x)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 4)
"""


@pytest.fixture(scope="module")
def with_a_plugin(tmp_path_factory):
    """A model with a part of a package that is there when saving, with its metadata, and gone when loading."""
    site = tmp_path_factory.mktemp("site")
    metadata = site / "foreign_dist-1.2.3.dist-info"
    metadata.mkdir()
    (site / "foreign_module.py").write_text(PLUGIN)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-dist\nVersion: 1.2.3\n")
    (metadata / "RECORD").write_text("foreign_module.py,,\n")
    (metadata / "top_level.txt").write_text("foreign_module\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        import foreign_module

        vae = small_vae(encoder=foreign_module.Foreign())
        recorded = {"class": "foreign_module.Foreign", "distribution": "foreign-dist", "version": "1.2.3"}
        assert vae.get_config()["plugins"] == [recorded]
        yield vae


@pytest.fixture(scope="module")
def fresh(trained, in_half_precision, with_a_plugin, tmp_path_factory):
    """What a process finds that loads the three, one after another, since starting it takes seconds."""
    folder = tmp_path_factory.mktemp("fresh")
    trained.save(folder / "float32.keras")
    in_half_precision.save(folder / "mixed_float16.keras")
    with_a_plugin.save(folder / "plugin.keras")
    np.savez(folder / "x.npz", x=X)
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", FRESH, str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
    )

    def outputs(name):
        assert (folder / f"{name}.npz").is_file(), done.stderr[-3000:]
        with np.load(folder / f"{name}.npz") as arrays:
            return {key: arrays[key] for key in arrays.files}

    return outputs, done


def test_fresh_process(trained, fresh):
    """It imports keras and keras_vae alone, in safe mode, and warns of nothing."""
    outputs = fresh[0]("float32")
    np.testing.assert_allclose(outputs["encode"], trained.encode(X), atol=1e-6)
    np.testing.assert_allclose(outputs["predict"], trained.predict(X), atol=1e-6)
    np.testing.assert_allclose(outputs["elbo"], trained.elbo(X, seed=3), rtol=1e-5)
    assert outputs["compiled"]


def test_mixed_precision_keeps_its_policy_in_a_float32_process(in_half_precision, fresh):
    outputs = fresh[0]("mixed_float16")
    assert outputs["dtype"] == "float16"
    np.testing.assert_allclose(outputs["predict"], in_half_precision.predict(X), atol=1e-2)


def test_a_missing_plugin_is_named(fresh):
    done = fresh[1]
    assert done.returncode != 0
    for word in ("foreign_module.Foreign", "foreign-dist", "1.2.3", "not installed"):
        assert word in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"prior": "gaussian", "likelihood": kv.likelihoods.Gaussian(scale="predicted")},
        {"objective": kv.objectives.ELBO(beta=0.5, num_samples=2), "seed": 5},
        {"condition_shape": (3,)},
        {"encoder": "mlp", "decoder": "mlp"},
    ],
    ids=["default", "gaussians", "objective", "conditional", "names"],
)
def test_round_trip(options, tmp_path):
    vae = compiled(small_vae(**options))
    x = [X, one_hot(20)] if "condition_shape" in options else X
    vae.fit(x, verbose=0)
    vae.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    same(vae, loaded, x)
    assert json.dumps(loaded.get_config()) == json.dumps(vae.get_config())
    for a, b in zip(vae.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))


def test_annealed_beta_is_saved(tmp_path):
    vae = small_vae()
    vae.objective.beta.assign(0.25)
    vae.save(tmp_path / "model.keras")
    assert float(ops.convert_to_numpy(keras.saving.load_model(tmp_path / "model.keras").objective.beta)) == 0.25


def test_weights_only(trained, tmp_path):
    trained.save_weights(tmp_path / "model.weights.h5")
    other = compiled(small_vae(encoder=kv.encoders.MLP((8,), dropout=0.2), seed=9))
    assert not np.allclose(other.predict(X), trained.predict(X))
    other.load_weights(tmp_path / "model.weights.h5")
    same(trained, other)


def test_clone(trained):
    clone = keras.models.clone_model(trained)
    assert clone.get_config() == trained.get_config()
    assert not np.allclose(clone.predict(X), trained.predict(X))
    clone.set_weights(trained.get_weights())
    same(trained, clone)
    own = {id(variable) for variable in trained.variables}
    assert not any(id(variable) in own for variable in clone.variables)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies(trained, copied):
    same(trained, copied(trained))


def test_a_loaded_model_trains_on(tmp_path):
    """Optimizer, noise and dropout go on where they were: the same losses as without the break."""

    def model():
        keras.utils.set_random_seed(0)
        vae = small_vae(encoder=kv.encoders.MLP((8,), dropout=0.2))
        return compiled(vae, keras.optimizers.Adam(0.01), metrics=["mae"])

    whole = model().fit(X, epochs=3, shuffle=False, verbose=0).history
    vae = model()
    vae.fit(X, epochs=1, shuffle=False, verbose=0)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert int(loaded.optimizer.iterations) == int(vae.optimizer.iterations)
    rest = loaded.fit(X, epochs=2, shuffle=False, verbose=0).history
    for name in ("loss", "kl_loss", "mae"):
        np.testing.assert_allclose(rest[name], whole[name][1:], rtol=1e-5)


def test_interrupted_training_goes_on(tmp_path):
    """BackupAndRestore: killed in the third epoch, and continued by a new process' model."""

    class KilledError(Exception):
        pass

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KilledError

    def run(*callbacks):
        vae = small_vae(encoder=kv.encoders.MLP((8,), dropout=0.2))
        compiled(vae, keras.optimizers.Adam(0.01))
        return vae.fit(X, epochs=4, batch_size=8, shuffle=False, verbose=0, callbacks=list(callbacks)).history

    keras.utils.set_random_seed(0)
    whole = run()
    keras.utils.set_random_seed(0)
    with pytest.raises(KilledError):
        run(keras.callbacks.BackupAndRestore(tmp_path / "backup"), Kill())
    keras.utils.set_random_seed(1)
    rest = run(keras.callbacks.BackupAndRestore(tmp_path / "backup"))
    for name in ("loss", "reconstruction_loss", "kl_loss"):
        assert len(rest[name]) == 2
        np.testing.assert_allclose(rest[name], whole[name][2:], rtol=1e-5)


def test_checkpoints(tmp_path):
    path = tmp_path / "best.keras"
    vae = compiled(small_vae())
    checkpoint = keras.callbacks.ModelCheckpoint(path, monitor="val_loss", save_best_only=False)
    vae.fit(X, validation_data=X, epochs=2, verbose=0, callbacks=[checkpoint])
    same(vae, keras.saving.load_model(path))


class Unregistered(kv.encoders.Encoder):
    def build(self, input_shape):
        self.dense = keras.layers.Dense(4)
        self.dense.build(input_shape)

    def call(self, x, mask=None, training=None):
        return self.dense(x)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 4)


class UnregisteredModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(4)

    def call(self, inputs):
        return self.dense(inputs)


def unregistered_function(x):
    return x * 2.0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (lambda: {"encoder": Unregistered()}, ["`encoder`", "Unregistered", "encoders.register"]),
        (lambda: {"encoder": UnregisteredModel()}, ["`encoder`", "UnregisteredModel", "register_keras_serializable"]),
        (lambda: {"decoder": keras.Sequential([UnregisteredModel()])}, ["`decoder`", "UnregisteredModel"]),
        (lambda: {"encoder": kv.encoders.MLP((4,), activation=lambda x: x)}, ["`activation`", "<lambda>"]),
        (lambda: {"encoder": kv.encoders.MLP((4,), activation=unregistered_function)}, ["unregistered_function"]),
        (
            lambda: {"decoder": keras.Sequential([keras.layers.Dense(4, activation=lambda x: x)])},
            ["`decoder`", "lambda", "register_keras_serializable"],
        ),
        (
            lambda: {"decoder": keras.Sequential([keras.layers.Dense(4, activation=unregistered_function)])},
            ["`decoder`", "unregistered_function", "register_keras_serializable"],
        ),
        (
            lambda: {"condition_shape": (6,), "condition_encoder": UnregisteredModel()},
            ["`condition_encoder`", "UnregisteredModel", "register_keras_serializable"],
        ),
    ],
    ids=[
        "part",
        "model",
        "nested model",
        "lambda",
        "function",
        "lambda in a model",
        "function in a model",
        "condition",
    ],
)
def test_what_cannot_be_saved_trains_and_says_so(options, words, tmp_path):
    vae = compiled(small_vae(**options()))
    x = [X, X] if vae.condition_shape else X
    assert np.isfinite(vae.fit(x, verbose=0).history["loss"]).all()
    with pytest.raises(ValueError, match="cannot be saved") as caught:
        vae.save(tmp_path / "model.keras")
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)


@keras.saving.register_keras_serializable("tests")
class Mine(kv.VAE):
    """A user's subclass with a weight of its own."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.counter = self.add_weight(name="counter", shape=(), initializer="zeros", trainable=False)


def test_a_subclass_with_a_weight_of_its_own(tmp_path):
    vae = Mine((6,), 2, encoder=kv.encoders.MLP((8,), dropout=0.2), decoder="mlp", seed=0)
    vae.counter.assign(7.0)
    vae.seed_generator.next()
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is Mine
    assert float(ops.convert_to_numpy(loaded.counter)) == 7.0
    a, b = (ops.convert_to_numpy(model.seed_generator.state) for model in (vae, loaded))
    np.testing.assert_array_equal(a, b)


def test_our_own_parts_are_no_plugins(trained):
    assert "plugins" not in trained.get_config()
