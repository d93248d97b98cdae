"""Loss-free compression of images: three models and their codes, beside gzip, bz2, lzma, zstd, PNG and WebP.

    KERAS_BACKEND=jax python examples/compress_images.py --data mnist.npz

Without data, scikit-learn's 8x8 digits. Codes `--rows` images that were not trained on, once as zeros and ones
(each pixel drawn with its brightness as probability, with a fixed seed) and once with all grey levels, decodes them,
and compares them with the originals. The other programs get the same rows: zeros and ones packed eight to a byte,
and for PNG and WebP one mosaic of all rows, which costs less than a file for each. The file holds `x_train` and
`x_test`, uint8, as keras.datasets.mnist does.
"""

import argparse
import bz2
import gzip
import io
import lzma
import math
import pathlib
import sys
import tempfile
import time

import keras
import numpy as np

import keras_vae as kv
from keras_vae.compression import compress, decompress

CODES = ("others", "one level", "two levels", "beta-binomial")


def load(path, rows):
    """Training and test images `(n, height, width, 1)`, uint8, and the number of grey levels."""
    if path is None:
        from sklearn.datasets import load_digits

        images = load_digits().images[..., None].astype("uint8")
        return images[:1200], images[1200:][:rows], 17
    if not path.is_file():
        sys.exit(f"--data: there is no file {path}.")
    with np.load(path, allow_pickle=False) as arrays:
        if not {"x_train", "x_test"} <= set(arrays.files):
            sys.exit(f"{path} must hold the arrays x_train and x_test. It holds {arrays.files}.")
        return arrays["x_train"][..., None], arrays["x_test"][:rows, ..., None], 256


def model(name, shape, levels, large):
    """One of the three models, with the same initial weights every time."""
    keras.utils.set_random_seed(0)
    binary = name != "beta-binomial"
    units, width = (400 if binary else 200, 40 if binary else 50) if large else (128, 8)
    norm = None if binary else "batch"
    parts = {
        "encoder": kv.encoders.MLP((units,), normalization=norm),
        "decoder": kv.decoders.MLP((units,), normalization=norm),
        "likelihood": "bernoulli" if binary else kv.likelihoods.BetaBinomial(levels - 1),
        "seed": 0,
    }
    if name == "two levels":
        return kv.VAE(shape, (2 * width // 5, width), latents="hierarchical", **parts)
    return kv.VAE(shape, width, **parts)


def mosaic(images, highest):
    """All images in one of about square shape, with values up to 255."""
    count, height, width, _ = images.shape
    across = math.ceil(math.sqrt(count))
    filled = np.zeros((across * math.ceil(count / across), height, width), "uint8")
    filled[:count] = images[..., 0] * (255 // highest)
    rows = filled.reshape(-1, across, height, width).transpose(0, 2, 1, 3)
    return rows.reshape(-1, across * width)


def picture_bytes(images, highest, kind):
    from PIL import Image

    file, picture = io.BytesIO(), Image.fromarray(mosaic(images, highest))
    picture = picture.convert("1", dither=Image.Dither.NONE) if highest == 1 and kind == "PNG" else picture
    picture.save(
        file, kind, **({"lossless": True, "quality": 100, "method": 6} if kind == "WebP" else {"optimize": True})
    )
    return file.tell()


def zstd_bytes(data):
    """Bytes of zstd at its highest level, or None if there is none."""
    try:
        from compression import zstd  # Python 3.14

        return len(zstd.compress(data, level=22))
    except ImportError:
        pass
    try:
        import zstandard

        return len(zstandard.ZstdCompressor(level=22).compress(data))
    except ImportError:
        return None


def others(images, highest):
    """Bytes of every other program, by its name."""
    data = (np.packbits(images.reshape(-1)) if highest == 1 else images).tobytes()
    return {
        "gzip": len(gzip.compress(data, 9)),
        "bz2": len(bz2.compress(data, 9)),
        "lzma": len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)),
        "zstd": zstd_bytes(data),
        "PNG": picture_bytes(images, highest, "PNG"),
        "WebP": picture_bytes(images, highest, "WebP"),
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, help="mnist.npz; scikit-learn's digits by default")
    parser.add_argument("--rows", type=int, default=10_000, help="test images to code, at most")
    parser.add_argument("--epochs", type=int, help="10 by default, 6 for the grey levels, 100 for the digits")
    parser.add_argument("--codes", nargs="+", choices=CODES, default=CODES, help="some of the rows of the table")
    parser.add_argument("--models", type=pathlib.Path, help="folder in which models are kept, and found again")
    parser.add_argument("--smoke", action="store_true", help="a few rows, and almost no training")
    options = parser.parse_args(arguments)
    train, test, levels = load(options.data, 40 if options.smoke else options.rows)
    train = train[:200] if options.smoke else train
    rng = np.random.default_rng(0)
    binary = [(rng.random(images.shape) < images / (levels - 1)).astype("uint8") for images in (train, test)]
    print(f"{len(test)} test images of {test[0].size} pixels, backend {keras.backend.backend()}\n")
    print(
        f"{'data':13s} {'code':15s} {'bytes':>9s} {'bits/dim':>9s} {'net':>7s} {'-ELBO':>7s}  rows/s in, out",
        flush=True,
    )
    results = {}
    for highest, images in ((1, binary[1]), (levels - 1, test)) if "others" in options.codes else ():
        label = "zeros, ones" if highest == 1 else f"{levels} levels"
        for name, size in others(images, highest).items():
            rate = "not installed" if size is None else f"{size:9d} {8 * size / images.size:9.4f}"
            results[label, name] = None if size is None else 8 * size / images.size
            print(f"{label:13s} {name:15s} {rate}", flush=True)
    for name in (name for name in CODES[1:] if name in options.codes):
        label = f"{levels} levels" if name == "beta-binomial" else "zeros, ones"
        x, new = (train, test) if name == "beta-binomial" else binary
        epochs = 1 if options.smoke else options.epochs or (100 if not options.data else 6 if x is train else 10)
        vae = model(name, test.shape[1:], levels, large=options.data is not None)
        vae, seconds = trained(vae, x, epochs, options.models, name)
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/test.kvc"
            compress(vae, new[:2], path)  # compiles
            start = time.perf_counter()
            result = compress(vae, new, path, verbose=0)
            middle = time.perf_counter()
            restored = decompress(vae, path, verbose=0)
            end = time.perf_counter()
        if restored.dtype != new.dtype or not np.array_equal(restored, new):
            sys.exit(f"{name}: the decoded rows are not the original ones.")
        elbo = -vae.elbo(new, num_samples=4, seed=0, batch_size=100, verbose=0).mean() / new[0].size / math.log(2)
        results[label, name] = result
        print(
            f"{label:13s} {name:15s} {result.file_bytes:9d} {result.bits_per_dim:9.4f} {result.net_bits_per_dim:7.4f} "
            f"{elbo:7.4f}  {len(new) / (middle - start):.0f}, {len(new) / (end - middle):.0f}"
            f"   (trained in {seconds:.0f} s; net / -ELBO {result.net_bits_per_dim / elbo:.4f})",
            flush=True,
        )
    return results


def trained(vae, x, epochs, folder, name):
    """A trained model and the seconds that it took, or one that an earlier run kept."""
    path = None if folder is None else folder / f"{name.replace(' ', '_')}.keras"
    if path is not None and path.is_file():
        return keras.saving.load_model(path), 0.0
    steps = epochs * math.ceil(len(x) / 128)
    vae.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)), steps_per_execution="auto")
    start = time.perf_counter()
    vae.fit(x, batch_size=128, epochs=epochs, verbose=0)
    seconds = time.perf_counter() - start
    if path is not None:
        folder.mkdir(parents=True, exist_ok=True)
        vae.save(path)
    return vae, seconds


if __name__ == "__main__":
    main()
