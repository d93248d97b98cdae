"""One process of a training by several devices: `python -m tests.scale.worker ENGINE FOLDER [PROCESS ADDRESS]`.

Trains a model for every registered prior, and for objectives of each kind, in turn, and writes losses, metrics and
weights to FOLDER/ENGINE-PROCESS.npz. The draws of these trainings are fixed, so that the same rows give the same
numbers on one device and on several. Whether the noise differs between devices is measured with draws as they are.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

if __name__ == "__main__" and os.environ["KERAS_BACKEND"] != "tensorflow":
    sys.modules["tensorflow"] = None  # Keras would import it to compare types, which takes seconds

import keras
import numpy as np
from keras import ops

import keras_vae as kv
from keras_vae import registry

ROWS, BATCH, WIDTH = 32, 16, 6
OBJECTIVES = ("elbo", "iwae", "supervised")
"""Of each kind. Those that compare the rows of a batch do so for each device by itself, and differ from one device."""


def data(process=0, processes=1):
    """The rows of a process: batch by batch, those of all processes are the rows of one process, in order."""
    rng = np.random.default_rng(0)
    x, y = rng.random((ROWS, WIDTH), dtype="float32"), rng.random((ROWS, 1), dtype="float32")
    return [
        rows.reshape(ROWS // BATCH, processes, BATCH // processes, -1)[:, process].reshape(ROWS // processes, -1)
        for rows in (x, y)
    ]


def priors():
    """The registered priors that this backend has, whose KLs are `kl_loss_1`, `kl_loss_2`, ..., in this order."""
    return [name for name in registry.priors.names() if name != "tfp" or keras.backend.backend() == "tensorflow"]


def groups():
    """A group of latents for each of them, so that one model, compiled once, has them all."""
    from tests.contracts.cases import CASES  # makes layers, which must wait for jax.distributed.initialize

    cases = [CASES["priors", name] for name in priors()]
    return kv.latents.Product(
        [
            kv.latents.Single(
                case.get("latent_dim", 2), prior=case["make"](), **{"posterior": "gaussian", **case.get("vae", {})}
            )
            for case in cases
        ]
    )


def subjects():
    """For every objective: its name, and how to make a VAE with it; the last one has all priors."""
    from tests.contracts.cases import CASES

    *others, last = OBJECTIVES
    for name in others:
        yield name, lambda name=name: small_vae(latent_dim=2, objective=CASES["objectives", name]["make"]())
    yield last, lambda: small_vae(latents=groups(), objective=CASES["objectives", last]["make"]())


def small_vae(**options):
    networks = {"encoder": kv.encoders.MLP((8,)), "decoder": kv.decoders.MLP((8,))}
    vae = kv.VAE((WIDTH,), seed=0, **networks, **options)
    vae.compile(keras.optimizers.SGD(0.05, momentum=0.9), jit_compile=keras.backend.backend() == "jax")
    return vae


def fixed(low, high):
    """A function in place of one of `keras.random`: the same draws for every row, spread along the last axis."""

    def draw(shape, *args, dtype=None, **kwargs):
        spread = np.linspace(low, high, shape[-1], dtype="float32") if shape else np.float32(low)
        return ops.zeros(shape, dtype or "float32") + ops.cast(spread, dtype or "float32")

    return draw


def fix_draws():
    keras.random.normal, keras.random.uniform = fixed(-0.5, 1.0), fixed(0.3, 0.6)


def train(make, rows, processes=1, callbacks=()):
    """Losses, metrics and trained weights of one model."""
    x, y = rows
    keras.utils.set_random_seed(0)
    vae = make()
    if processes == 1:
        for prior, _ in vae.latents.pairs:
            if hasattr(prior, "adapt"):
                prior.adapt(data(0, 2)[0])  # as several processes do, to the rows of the first
    labels = y if vae.objective.uses_y else None
    options = {"batch_size": BATCH // processes, "verbose": 0, "callbacks": list(callbacks)}
    history = vae.fit(x, labels, epochs=2, shuffle=False, **options).history
    seen = {f"fit {name}": np.array(values) for name, values in history.items()}
    weights = [ops.convert_to_numpy(weight).ravel() for weight in vae.trainable_weights]
    return vae, {**seen, "weights": np.concatenate(weights)}


class SignedLatents(kv.objectives.ELBO):
    """Logs the mean of z, with a minus where the first column of a row is 0."""

    def build(self, spec):
        self.signed = keras.metrics.Mean(name="signed")
        super().build(spec)

    def loss(self, terms):
        z = ops.mean(terms.levels[0].z, axis=-1)
        self.signed.update_state(ops.mean(z * (2.0 * terms.x[:, 0] - 1.0)))
        return super().loss(terms)


def difference_of_noise(process=0, processes=1, callbacks=()):
    """The mean latent of the first device's rows minus that of the second's, halved; 0 if their noise is the same."""
    first = np.repeat([1.0, 0.0], BATCH // 2)[:, None]
    x = np.tile(first, (1, WIDTH)).reshape(processes, -1, WIDTH)[process].astype("float32")
    keras.utils.set_random_seed(0)
    vae = small_vae(latent_dim=2, objective=SignedLatents())
    for weight in vae.encoder.weights:
        weight.assign(np.zeros(weight.shape))  # every row gets the same posterior
    options = {"batch_size": len(x), "verbose": 0, "callbacks": list(callbacks)}
    seen = [vae.evaluate(x, return_dict=True, **options)["signed"]]
    if keras.backend.backend() != "jax":  # there a batch is drawn as on one device, in training as in evaluation
        seen.append(vae.fit(x, shuffle=False, **options).history["signed"][0])
    return np.array(seen)


def mirrored():
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        yield "mirrored/noise", difference_of_noise()
    fix_draws()
    for name, make in subjects():
        tf.config.run_functions_eagerly(True)  # a few steps on one device take less than tracing them
        yield f"one/{name}", train(make, data())[1]
        tf.config.run_functions_eagerly(False)
        with strategy.scope():
            yield f"mirrored/{name}", train(make, data())[1]


def devices():
    devices = keras.distribution.list_devices()
    mesh = keras.distribution.DeviceMesh((1, 2), ["batch", "model"], devices)
    layout = keras.distribution.LayoutMap(mesh)
    layout[".*mlp.*kernel"] = (None, "model")
    engines = {
        "data_parallel": keras.distribution.DataParallel(devices=devices),
        "model_parallel": keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="batch"),
    }
    with engines["data_parallel"].scope():
        yield "data_parallel/noise", difference_of_noise()
    fix_draws()
    for name, make in subjects():
        yield f"one/{name}", train(make, data())[1]
        for engine, distribution in engines.items():
            with distribution.scope():
                vae, seen = train(make, data())
            if engine == "model_parallel":
                shards = [weight.value.sharding.is_fully_replicated for weight in vae.trainable_weights]
                seen["sharded"] = np.array(not all(shards))
            yield f"{engine}/{name}", seen


def jax_processes(folder, process, address):
    import jax

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(address, num_processes=2, process_id=process)
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(distribution)
    yield "jax_processes/noise", difference_of_noise(process, 2)
    fix_draws()
    for name, make in subjects():
        vae, seen = train(make, data(process, 2), processes=2)
        yield f"jax_processes/{name}", seen
    if process == 0:
        vae.save(folder / "jax_processes.keras")
    try:
        vae.elbo(data(process, 2)[0])
    except Exception as error:
        yield "jax_processes/error", np.array(str(error))


def torch_processes(folder, process, address):
    import torch.distributed as distributed

    distributed.init_process_group("gloo", init_method=f"tcp://{address}", rank=process, world_size=2)
    yield "torch_processes/noise", difference_of_noise(process, 2, [kv.callbacks.TorchDataParallel()])
    fix_draws()
    for name, make in subjects():
        callbacks = [kv.callbacks.TorchDataParallel()]
        if process == 0:
            callbacks.append(keras.callbacks.ModelCheckpoint(folder / "torch_processes.keras"))
            yield f"one/{name}", train(make, data())[1]
        yield f"torch_processes/{name}", train(make, data(process, 2), 2, callbacks)[1]
    distributed.destroy_process_group()


def main(engine, folder, process="0", address=None):
    folder = pathlib.Path(folder)
    if engine in ("mirrored", "devices"):
        seen = {"mirrored": mirrored, "devices": devices}[engine]()
    else:
        run = {"jax_processes": jax_processes, "torch_processes": torch_processes}[engine]
        seen = run(folder, int(process), address)
    arrays = {}
    for name, values in seen:
        arrays |= (
            {f"{name}/{what}": value for what, value in values.items()} if isinstance(values, dict) else {name: values}
        )
    np.savez(folder / f"{engine}-{process}.npz", **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
