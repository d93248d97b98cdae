"""Two devices in one process: the loss of the global batch, and noise of their own.

Each case starts a process, because devices must be set up before the backend starts.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.on_tensorflow

MIRRORED = """
import keras
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

import keras_vae as kv

x = np.random.default_rng(0).random((64, 6)).astype("float32")


@keras.saving.register_keras_serializable("tests")
class AddsLoss(keras.layers.Layer):
    def call(self, inputs):
        self.add_loss(keras.ops.sum(inputs) * 0.0 + 3.0)
        return inputs


def vae(scope):
    keras.utils.set_random_seed(0)
    with scope:
        inputs = keras.Input((6,))
        dense = keras.layers.Dense(2)
        log_var = keras.layers.Dense(2, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(-18.0))
        encoder = keras.Model(inputs, [AddsLoss()(dense(inputs)), log_var(inputs)])
        posterior = kv.posteriors.Gaussian(project=False)
        model = kv.VAE((6,), 2, encoder=encoder, posterior=posterior, decoder=kv.decoders.MLP((8,)), seed=0)
        model.compile(keras.optimizers.SGD(0.1))
    return model


def functional(scope):
    keras.utils.set_random_seed(0)
    with scope:
        inputs = keras.Input((6,))
        z = kv.KLDivergenceRegularizer(weight=2.0)([keras.layers.Dense(2)(inputs), keras.layers.Dense(2)(inputs)])
        model = keras.Model(inputs, keras.layers.Dense(6)(z[0]))
        model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def weights(model):
    return np.concatenate([keras.ops.convert_to_numpy(weight).ravel() for weight in model.trainable_weights])


one_device = tf.distribute.get_strategy()
results = {}
for name, make, data in (("vae", vae, (x,)), ("functional", functional, (x, x))):
    for where, strategy_ in (("one", one_device), ("two", strategy)):
        model = make(strategy_.scope())
        history = model.fit(*data, batch_size=64, epochs=2, shuffle=False, verbose=0).history
        results[f"{name} loss {where}"] = history["loss"]
        results[f"{name} weights {where}"] = weights(model)
        evaluated = model.evaluate(*data, batch_size=64, verbose=0, return_dict=True)
        results[f"{name} evaluated {where}"] = evaluated["loss"]
        if name == "vae":
            results[f"kl {where}"] = history["kl_loss"]
            # the last batch leaves a replica without rows
            ragged = model.evaluate(x[:33], batch_size=32, verbose=0, return_dict=True)
            results[f"ragged {where}"] = [ragged["loss"], ragged["kl_loss"], ragged["reconstruction_loss"]]
            results[f"predict {where}"] = model.predict(x)
            results[f"elbo {where}"] = model.elbo(x, seed=0)
            results[f"generate {where}"] = model.generate(5, temperature=0)

with strategy.scope():
    options = {"condition_shape": (3,), "objective": "semi_supervised", "encoder": "mlp", "decoder": "mlp"}
    few = kv.VAE((6,), 2, **options)
    few.compile("sgd")
labels = np.where(np.arange(64)[:, None] % 4 == 0, np.eye(3)[np.arange(64) % 3], np.nan).astype("float32")
few.fit([x, labels], batch_size=32, epochs=1, verbose=0)
results["known counts"] = keras.ops.convert_to_numpy(few.objective.counts)
few.fit(tf.data.Dataset.from_tensor_slices(((x, labels),)).batch(32), epochs=3, verbose=0)
results["counts"] = keras.ops.convert_to_numpy(few.objective.counts)

with strategy.scope():
    generator = kv.backend.SeedGenerator(0)
    drawn = strategy.run(lambda: keras.random.normal((4,), seed=generator))
    results["noise"] = np.stack([tensor.numpy() for tensor in strategy.experimental_local_results(drawn)])
np.savez("results.npz", **results)
"""

DATA_PARALLEL = """
import jax
import keras
import numpy as np

import keras_vae as kv

assert jax.device_count() == 2
x = np.random.default_rng(0).random((64, 6)).astype("float32")


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return (x[32 * index : 32 * index + 17 + index],)


def run(prior):
    keras.utils.set_random_seed(0)
    vae = kv.VAE((6,), 2, prior=prior, encoder=kv.encoders.MLP((8,)), decoder=kv.decoders.MLP((8,)), seed=0)
    vae.compile(keras.optimizers.SGD(0.1))
    losses = vae.fit(x, batch_size=32, epochs=2, shuffle=False, verbose=0).history["loss"]
    return vae, {
        "loss": losses,
        "predict": vae.predict(x),
        "elbo": vae.elbo(x, seed=0),
        "generate": vae.generate(4, temperature=0),
        "predict of an odd number": vae.predict(x[:33]),
        "encode of one row": vae.encode(x[:1]),
        "generate of an odd number": vae.generate(3).shape,
    }


def refusal(call):
    try:
        call()
    except ValueError as error:
        return str(error)
    return "not refused"


results = {}
for devices in ("one", "two"):
    for prior in ("standard", "vamp"):
        vae, values = run(kv.priors.VampPrior(5, seed=0) if prior == "vamp" else prior)
        results.update({f"{prior} {name} {devices}": value for name, value in values.items()})
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
before = vae.encode(x[:4])
results["refused fit"] = refusal(lambda: vae.fit(x[:33], batch_size=16))
results["refused evaluate"] = refusal(lambda: vae.evaluate(x[:33]))
results["refused validation_data"] = refusal(lambda: vae.fit(x, validation_data=x[:33]))
results["refused train_on_batch"] = refusal(lambda: vae.train_on_batch(x[:3]))
results["refused dataset"] = refusal(lambda: vae.evaluate(Batches()))
results["whole after a refusal"] = np.abs(vae.encode(x[:4]) - before).max()
np.savez("results.npz", **results)
"""


def run(code, folder, **environment):
    subprocess.run([sys.executable, "-c", code], check=True, cwd=folder, env={**os.environ, **environment})
    with np.load(folder / "results.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    pytest.importorskip("tensorflow")
    return run(MIRRORED, tmp_path_factory.mktemp("mirrored"), KERAS_BACKEND="tensorflow")


@pytest.mark.parametrize("model", ["vae", "functional"])
@pytest.mark.parametrize("what", ["loss", "weights", "evaluated"])
def test_replicas_train_on_the_global_batch(mirrored, model, what):
    """Not on twice the loss; the layers' added losses count once too."""
    np.testing.assert_allclose(mirrored[f"{model} {what} two"], mirrored[f"{model} {what} one"], rtol=1e-3, atol=1e-4)


def test_logged_parts_and_verbs_under_replicas(mirrored):
    np.testing.assert_allclose(mirrored["kl two"], mirrored["kl one"], rtol=1e-3)
    np.testing.assert_allclose(mirrored["predict two"], mirrored["predict one"], atol=1e-3)
    np.testing.assert_allclose(mirrored["generate two"], mirrored["generate one"], atol=1e-3)
    np.testing.assert_allclose(mirrored["elbo two"], mirrored["elbo one"], rtol=1e-2)


def test_a_replica_without_rows_spoils_no_figure(mirrored):
    assert np.isfinite(mirrored["ragged two"]).all()


def test_replicas_draw_their_own_noise(mirrored):
    assert mirrored["noise"].shape == (2, 4)
    assert (np.abs(mirrored["noise"][0] - mirrored["noise"][1]) > 1e-3).all()


def test_labelled_rows_are_counted_once(mirrored):
    """48 of 192 rows have a label, half of each on a replica: not more with every step."""
    np.testing.assert_allclose(mirrored["known counts"], [64.0, 16.0])
    np.testing.assert_allclose(mirrored["counts"], [96.0, 24.0])


@pytest.fixture(scope="module")
def data_parallel(tmp_path_factory):
    pytest.importorskip("jax")
    flags = "--xla_force_host_platform_device_count=2"
    return run(DATA_PARALLEL, tmp_path_factory.mktemp("data_parallel"), KERAS_BACKEND="jax", XLA_FLAGS=flags)


@pytest.mark.parametrize("prior", ["standard", "vamp"])
def test_data_parallel_on_jax(data_parallel, prior):
    """Inference takes any number of rows, and a VampPrior encodes its pseudo-inputs on both devices."""
    compared = [name for name in data_parallel if name.startswith(prior) and name.endswith("one")]
    assert len(compared) == 7
    for name in compared:
        together = data_parallel[name.removesuffix("one") + "two"]
        np.testing.assert_allclose(together, data_parallel[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("call", ["fit", "evaluate", "validation_data", "train_on_batch", "dataset"])
def test_rows_that_the_devices_do_not_divide(data_parallel, call):
    message = str(data_parallel[f"refused {call}"])
    assert "multiple of 2" in message
    assert f"`{call if call == 'validation_data' else 'x'}`" in message


def test_a_refusal_leaves_the_model_whole(data_parallel):
    """On JAX the weights are outside of the model while it is evaluated."""
    assert data_parallel["whole after a refusal"] == 0
