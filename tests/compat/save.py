"""Saves small models as this version writes them, for later versions to load.

python -m tests.compat.save

Each model goes into `tests/compat/<version>/<name>.keras`, with `<name>.npz` beside it: data, and what the model made
of them. Both are deterministic, so every backend must agree with them.
"""

import pathlib

import numpy as np

import keras_vae as kv

FOLDER = pathlib.Path(__file__).parent


def models():
    """Small models by name, each with its data: between them, every way of saving a part."""
    rng = np.random.default_rng(0)
    vectors = rng.random((8, 6)).astype("float32")
    images = rng.random((8, 6, 5, 1)).astype("float32")
    tokens = np.where(np.arange(4) < rng.integers(1, 5, (8, 1)), rng.integers(1, 5, (8, 4)), 0)
    classes = np.eye(3, dtype="float32")[np.arange(8) % 3]

    def gated():
        return {"encoder": kv.encoders.GatedMLP((4,)), "decoder": kv.decoders.GatedMLP((4,))}

    def mlp():
        return {"encoder": kv.encoders.MLP((4,)), "decoder": kv.decoders.MLP((4,))}

    yield "names", kv.VAE((6,), 2, **gated(), likelihood="gaussian"), vectors
    yield "vamp", kv.VAE((6,), 2, prior=kv.priors.VampPrior(3, learn_weights=True), **mlp()), vectors
    yield "conditional", kv.VAE((6,), 2, prior="gaussian", condition_shape=(3,), **mlp()), [vectors, classes]
    yield "two_levels", kv.VAE((6,), (2, 2), prior="hierarchical", **mlp()), vectors
    yield (
        "images",
        kv.VAE(
            (6, 5, 1),
            2,
            encoder=kv.encoders.ResNet((4, 4), hidden_units=4),
            decoder=kv.decoders.ResNet((4, 4)),
            posterior=kv.posteriors.IAF(steps=1, hidden_units=4, context_units=2),
        ),
        images,
    )
    yield (
        "tokens",
        kv.VAE(
            (4,),
            2,
            encoder=kv.encoders.GRU((4,)),
            decoder=kv.decoders.GRU((4,)),
            likelihood=kv.likelihoods.Categorical(5, padding=0, end=1),
        ),
        tokens,
    )


def main():
    folder = FOLDER / kv.__version__
    folder.mkdir(exist_ok=True)
    for name, vae, data in models():
        vae.compile("adam")
        vae.fit(data, epochs=1, verbose=0)
        vae.save(folder / f"{name}.keras")
        x, condition = (data[0], {"condition": data[1]}) if isinstance(data, list) else (data, {})
        z = vae.encode(data)
        levels = {f"z_{index}": level for index, level in enumerate(z if isinstance(z, tuple) else (z,))}
        np.savez_compressed(folder / f"{name}.npz", x=x, prediction=vae.predict(data), **condition, **levels)
        print(folder / f"{name}.keras")


if __name__ == "__main__":
    main()
