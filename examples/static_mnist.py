"""The ELBO of a small VAE on statically binarised MNIST, the data set that published numbers use.

    KERAS_BACKEND=jax python examples/static_mnist.py --data binarized_mnist_static.npz

The file holds the arrays `train` and `test` of Larochelle's fixed binarisation, each row packed into 98
bytes with numpy.packbits, or as 784 zeros and ones. Encoder and decoder have one layer of 400 ReLU
units; 40 latent dimensions.
"""

import argparse
import pathlib
import sys
import time

import keras
import numpy as np

import keras_vae as kv

PIXELS = 28 * 28


def load(path, name):
    """One of the arrays as zeros and ones, `(n, 784)`, float32."""
    if not path.is_file():
        sys.exit(f"--data: there is no file {path}.")
    with np.load(path, allow_pickle=False) as arrays:
        matching = [key for key in arrays.files if key.startswith(name)]
        if len(matching) != 1:
            sys.exit(f"{path} must hold one array named {name}. It holds {arrays.files}.")
        bits = arrays[matching[0]]
    if bits.shape[1:] == (PIXELS // 8,):
        bits = np.unpackbits(bits, axis=-1)
    if bits.shape[1:] != (PIXELS,):
        sys.exit(f"{path}: {name} must have {PIXELS} columns, or {PIXELS // 8} packed ones. It has {bits.shape}.")
    return bits.astype("float32")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="binarized_mnist_static.npz")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--hidden-units", type=int, default=400)
    parser.add_argument("--latent-dim", type=int, default=40)
    parser.add_argument("--samples", type=int, default=10, help="latents for each test example")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(options.seed)
    train, test = load(options.data, "train"), load(options.data, "test")
    vae = kv.VAE(
        data_shape=(PIXELS,),
        latent_dim=options.latent_dim,
        encoder=kv.encoders.MLP((options.hidden_units,)),
        decoder=kv.decoders.MLP((options.hidden_units,)),
        seed=options.seed,
    )
    vae.compile(keras.optimizers.Adam(1e-3))
    start = time.perf_counter()
    vae.fit(train, batch_size=options.batch_size, epochs=options.epochs, verbose=2)
    seconds = time.perf_counter() - start
    elbo = vae.elbo(test, num_samples=options.samples, seed=0, batch_size=500).mean()
    kl = vae.evaluate(test, batch_size=500, verbose=0, return_dict=True)["kl_loss"]
    print(
        f"static binarisation, backend {keras.backend.backend()}, seed {options.seed}: test ELBO {elbo:.2f} nats per "
        f"example, KL {kl:.2f} ({options.epochs} epochs in {seconds:.0f} s)"
    )
    return elbo


if __name__ == "__main__":
    main()
