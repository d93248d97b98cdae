"""Bits-back coding: every bit comes back, and the length is what the model says."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.compression import compress, decompress
from keras_vae.compression.file import MAGIC

MLP = {"encoder": "mlp", "decoder": "mlp"}


def moved(vae, scale):
    """A model whose weights are not those of the start, at which posteriors and priors are much alike."""
    rng = np.random.default_rng(1)
    for weight in vae.trainable_weights:
        weight.assign(weight + scale * rng.normal(size=weight.shape).astype("float32"))
    return vae


def vae_for(likelihood, shape=(5,), latent_dim=3, scale=0.1, **options):
    """Where the prior is much narrower than 2^-24 at the latents, the code is shorter than the density says."""
    keras.utils.set_random_seed(0)
    small = {"encoder": kv.encoders.MLP((16,)), "decoder": kv.decoders.MLP((16,))}
    return moved(kv.VAE(shape, latent_dim, likelihood=likelihood, seed=0, **{**small, **options}), scale)


def some(cases, *names):
    """All cases on torch; on the backends that compile three programs for each model, those that differ most."""
    return list(cases) if keras.backend.backend() == "torch" else list(names)


def round_trip(vae, x, tmp_path, condition=None, **options):
    path = tmp_path / "x.kvc"
    result = compress(vae, x if condition is None else [x, condition], path, **options)
    back = decompress(vae, path, condition)
    for given, found in zip(keras.tree.flatten(x), keras.tree.flatten(back), strict=True):
        assert found.dtype == given.dtype
        assert found.shape == given.shape
        assert found.tobytes() == np.ascontiguousarray(given).tobytes()
    assert result.file_bytes == path.stat().st_size
    return result


RNG = np.random.default_rng(0)
LIKELIHOODS = {
    "bernoulli": ("bernoulli", RNG.integers(0, 2, (12, 5)).astype("bool")),
    "beta_binomial": (kv.likelihoods.BetaBinomial(7), RNG.integers(0, 8, (12, 5)).astype("uint8")),
    "categorical": (kv.likelihoods.Categorical(4), RNG.integers(0, 4, (12, 5)).astype("int64")),
    "ordered": (kv.likelihoods.Categorical(9, ordered=True), RNG.integers(0, 9, (12, 5)).astype("float32")),
    "discretized_logistic": (kv.likelihoods.DiscretizedLogistic(16), RNG.integers(0, 16, (12, 5)).astype("int16")),
    "poisson": ("poisson", RNG.poisson(3.0, (12, 5)).astype("uint16")),
    "negative_binomial": ("negative_binomial", RNG.poisson(3.0, (12, 5)).astype("int32")),
    "zero_inflated": ("zero_inflated_negative_binomial", RNG.poisson(1.0, (12, 5)).astype("float64")),
    "columns": (
        kv.likelihoods.Columns([("bernoulli", 2), (kv.likelihoods.Categorical(5), 1), ("poisson", 2)]),
        np.concatenate([RNG.integers(0, 2, (12, 2)), RNG.integers(0, 5, (12, 1)), RNG.poisson(2, (12, 2))], axis=1),
    ),
}


@pytest.mark.parametrize("name", some(LIKELIHOODS, "columns"))
def test_every_discrete_likelihood_comes_back_bit_by_bit(name, tmp_path):
    likelihood, x = LIKELIHOODS[name]
    result = round_trip(vae_for(likelihood), x, tmp_path)
    assert result.rows == 12
    assert result.dimensions == 5


@pytest.mark.on_torch
def test_mixture_of_logistics_of_one_channel(tmp_path):
    vae = vae_for(kv.likelihoods.DiscretizedLogisticMixture(2, 16), (3, 2, 1), encoder="mlp", decoder="mlp")
    round_trip(vae, RNG.integers(0, 16, (9, 3, 2, 1)).astype("uint8"), tmp_path)


@pytest.mark.on_torch
def test_counts_beyond_the_table_escape(tmp_path):
    x = RNG.poisson(2.0, (12, 5))
    x[3, 2], x[7, 0], x[7, 1] = 5000, 1024, 2**24
    round_trip(vae_for("poisson"), x, tmp_path)


STRUCTURES = {
    "standard": {},
    "gaussian": {"prior": "gaussian"},
    "laplace": {"prior": "laplace"},
    "mixture": {"prior": kv.priors.Mixture(4, seed=0)},
    "vamp": {"prior": kv.priors.VampPrior(5, initializer="uniform", learn_weights=True)},
    "categorical": {
        "latent_dim": None,
        "latents": kv.latents.Single(3, prior=kv.priors.UniformCategorical(4), posterior="categorical"),
    },
    "two levels": {"latent_dim": (2, 3), "latents": "hierarchical"},
    "ladder": {
        "latent_dim": None,
        "latents": kv.latents.Hierarchical(
            [
                kv.latents.Level(2, prior=kv.priors.Mixture(3, seed=0)),
                kv.latents.Level(2, prior="gaussian", posterior="residual"),
                kv.latents.Level(3, prior="gaussian", posterior="residual"),
            ]
        ),
    },
    "product": {
        "latent_dim": None,
        "latents": kv.latents.Product(
            [kv.latents.Single(1, prior=kv.priors.UniformCategorical(3), posterior="categorical"), kv.latents.Single(2)]
        ),
    },
}


@pytest.mark.parametrize("name", some(STRUCTURES, "ladder"))
def test_every_structure_comes_back_and_costs_the_elbo(name, tmp_path):
    """The length of the code against -log2 p(x, z) + log2 q(z | x) from the densities, at the coded latents."""
    options = dict(STRUCTURES[name])
    vae = vae_for("bernoulli", (24,), options.pop("latent_dim", 3), 0.02, **options)
    x = RNG.integers(0, 2, (150, 24)).astype("uint8")
    result = round_trip(vae, x, tmp_path, batch_size=16)
    # and the coder's state, which may hold 32 bits that it does not need
    slack = 0.005 * result.elbo_bits_per_dim + 32 / x.size
    assert result.net_bits_per_dim == pytest.approx(result.elbo_bits_per_dim, abs=slack)


@pytest.mark.on_torch
def test_the_net_rate_is_the_models_elbo(tmp_path):
    """Against `vae.elbo`, over real latents; one draw for each row is compared with fifty, hence the tolerance."""
    vae = vae_for(kv.likelihoods.BetaBinomial(15), (30,), 2, 0.02)
    x = RNG.integers(0, 16, (400, 30)).astype("uint8")
    result = round_trip(vae, x, tmp_path)
    elbo = -vae.elbo(x, num_samples=50, seed=0).mean() / 30 / np.log(2)
    assert result.net_bits_per_dim == pytest.approx(elbo, rel=0.02)


@pytest.mark.on_torch
def test_fields_are_coded_together(tmp_path):
    vae = vae_for(
        {"image": "bernoulli", "label": kv.likelihoods.Categorical(10)},
        {"image": (3, 3, 1), "label": (1,)},
        2,
        encoder={"image": "mlp", "label": "mlp"},
        decoder={"image": "mlp", "label": "mlp"},
    )
    x = {
        "image": RNG.integers(0, 2, (20, 3, 3, 1)).astype("uint8"),
        "label": RNG.integers(0, 10, (20, 1)).astype("int8"),
    }
    round_trip(vae, x, tmp_path)


def test_conditions_are_needed_on_both_sides(tmp_path):
    vae = vae_for(
        "bernoulli",
        prior="gaussian",
        condition_shape=(),
        condition_encoder=keras.layers.CategoryEncoding(3, output_mode="one_hot"),
    )
    x, labels = RNG.integers(0, 2, (20, 5)).astype("uint8"), RNG.integers(0, 3, 20)
    round_trip(vae, x, tmp_path, labels)
    with pytest.raises(ValueError, match="`condition` must be the one"):
        decompress(vae, tmp_path / "x.kvc", (labels + 1) % 3)
    with pytest.raises(ValueError, match="condition"):
        decompress(vae, tmp_path / "x.kvc")


@pytest.mark.on_torch
@pytest.mark.parametrize("seed", range(6))
def test_random_shapes_come_back(seed, tmp_path):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 4)))
    levels, rows = int(rng.integers(2, 300)), int(rng.integers(1, 40))
    vae = vae_for(kv.likelihoods.Categorical(levels, ordered=True), shape, int(rng.integers(1, 5)))
    x = rng.integers(0, levels, (rows, *shape)).astype(rng.choice(["uint16", "int32", "float32"]))
    round_trip(vae, x, tmp_path, batch_size=int(rng.integers(1, 9)))


@pytest.mark.on_torch
def test_one_row_and_one_value(tmp_path):
    round_trip(vae_for("poisson"), np.zeros((1, 5), "uint8"), tmp_path)


# What cannot be decoded -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    path = tmp_path_factory.mktemp("coded") / "x.kvc"
    vae = vae_for("bernoulli")
    compress(vae, RNG.integers(0, 2, (30, 5)), path)
    return vae, path


def test_another_model_is_refused(coded):
    _, path = coded
    other = vae_for("bernoulli")
    other.trainable_weights[0].assign(other.trainable_weights[0] * 1.0001)
    with pytest.raises(ValueError, match="other weights"):
        decompress(other, path)


def test_damaged_files_are_refused(coded, tmp_path):
    vae, path = coded
    whole, bad = path.read_bytes(), tmp_path / "bad.kvc"
    for content, message in (
        (whole[:-3], "truncated"),
        (whole[:20], "truncated"),
        (whole[:-3] + b"abc", "altered"),
        (whole + b"x", "altered"),
        (whole[:60] + bytes([whole[60] ^ 1]) + whole[61:], "altered"),
        (b"PK" + whole, "does not begin"),
        (b"", "does not begin"),
    ):
        bad.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            decompress(vae, bad)
    with pytest.raises(FileNotFoundError):
        decompress(vae, tmp_path / "none.kvc")


def test_other_software_and_other_rounding_are_refused(coded, monkeypatch):
    vae, path = coded
    from keras_vae.compression import lossless

    with monkeypatch.context() as patch:
        patch.setattr(lossless, "arithmetic", lambda policy: {"backend": "torch 0.1"})
        with pytest.raises(ValueError, match="Expected: the same software"):
            decompress(vae, path)
    with monkeypatch.context() as patch:
        original = lossless.Networks.priors
        patch.setattr(
            lossless.Networks,
            "priors",
            lambda *args, **kw: [{k: np.nextafter(v, 9) for k, v in p.items()} for p in original(*args, **kw)],
        )
        with pytest.raises(ValueError, match="round otherwise"):
            decompress(vae, path)
    with monkeypatch.context() as patch:
        tables = lossless.Networks.tables
        patch.setattr(lossless.Networks, "fingerprint", lambda *args: json_of(path)["outputs"])
        patch.setattr(lossless.Networks, "tables", lambda *args: [table[..., ::-1] for table in tables(*args)])
        with pytest.raises(ValueError, match="not those that were compressed"):
            decompress(vae, path)


def json_of(path):
    from keras_vae.compression.file import read_file

    return read_file(path, "lossless")[0]


def test_the_file_begins_with_a_name(coded):
    assert coded[1].read_bytes().startswith(MAGIC)


SCRIPT = """
import sys, keras, numpy as np, torch
import keras_vae as kv
from keras_vae.compression import decompress
vae = keras.saving.load_model(sys.argv[1] + "/vae.keras")
x = np.load(sys.argv[1] + "/x.npy")
for threads in (1, 2):
    torch.set_num_threads(threads)
    try:
        print("equal" if decompress(vae, sys.argv[1] + "/x.kvc").tobytes() == x.tobytes() else "DIFFERENT")
    except ValueError as error:
        print("refused" if "round otherwise" in str(error) else error)
"""


def test_another_process_decodes_or_refuses(tmp_path):
    """Compressed here, on one thread, and decoded in another process; with two threads there the same, or refused."""
    import torch

    vae = vae_for(kv.likelihoods.BetaBinomial(31), (8, 8, 1), (4, 6), latents="hierarchical")
    vae.save(tmp_path / "vae.keras")
    x = RNG.integers(0, 32, (60, 8, 8, 1)).astype("uint8")
    np.save(tmp_path / "x.npy", x)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        compress(vae, x, tmp_path / "x.kvc")
    finally:
        torch.set_num_threads(threads)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    alike, other = done.stdout.split("\n")[-3:-1]
    assert alike == "equal"
    assert other in ("equal", "refused")


# What cannot be coded ---------------------------------------------------------------------------------


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"likelihood": "gaussian"}, "a density over real numbers gives no bits"),
        ({"likelihood": "continuous_bernoulli"}, "a density over real numbers gives no bits"),
        ({"likelihood": "multinomial"}, "Multinomial, whose elements depend"),
        ({"likelihood": kv.likelihoods.Categorical(5, padding=0)}, "padding is masked"),
        ({"likelihood": kv.likelihoods.Columns([("bernoulli", 3), ("gaussian", 2)])}, "real numbers"),
        ({"posterior": "full_covariance"}, "the posterior needs a density for one dimension"),
        ({"posterior": "von_mises_fisher", "prior": "uniform_sphere"}, "the prior needs a density"),
        ({"prior": kv.priors.Flow()}, "one dimension after another"),
    ],
)
def test_models_that_have_no_code_are_refused(options, message):
    vae = kv.VAE((5,), 3, **{**MLP, **options})
    with pytest.raises(ValueError, match=message):
        compress(vae, np.ones((3, 5)))


@pytest.mark.refusals
def test_decoders_chains_and_colours_are_refused():
    pixels = kv.VAE((4, 4, 1), 2, decoder="pixel_cnn", likelihood=kv.likelihoods.Categorical(4, ordered=True))
    with pytest.raises(ValueError, match="the decoder must not read x"):
        compress(pixels, np.zeros((2, 4, 4, 1)))
    chain = kv.VAE(
        (6, 2), latents=kv.latents.Markov(2), encoder=kv.encoders.GRU(4, return_sequences=True), decoder="gru"
    )
    with pytest.raises(ValueError, match="every time step"):
        compress(chain, np.zeros((2, 6, 2)))
    colours = kv.VAE((4, 4, 3), 2, likelihood="discretized_logistic_mixture", **MLP)
    with pytest.raises(ValueError, match="channels of a pixel depend"):
        compress(colours, np.zeros((2, 4, 4, 3)))


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.full((3, 5), 0.5), "must hold whole numbers"),
        (np.full((3, 5), np.nan), "NaN"),
        (np.full((3, 5), 2), r"values in|values from|between"),
        (np.ones((3, 4)), "shape"),
        (np.full((3, 5), -0.0), "negative zeros"),
        (np.full((3, 5), "a"), "whole numbers or booleans"),
        ({"x": np.ones((3, 5)), "mask": np.ones((3, 5))}, "`mask`"),
        (iter([np.ones((3, 5))]), "must be an array"),
    ],
)
def test_data_that_have_no_code_are_refused(x, message):
    with pytest.raises(ValueError, match=message):
        compress(kv.VAE((5,), 2, **MLP), x)


def test_json_header_is_small(coded):
    assert len(json.dumps(json_of(coded[1]))) < 1500
