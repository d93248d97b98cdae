"""Is the contract wide enough? Models from the literature as plugins, of which no line of keras_vae knows.

Each trains for a few steps in float32 and mixed_float16, is saved, is loaded in another process, and generates there.
"""

import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.contracts.wide import experts, semi_supervised, single_cell, vector_quantised
from tests.contracts.wide.discriminators import Adversarial, Factor
from tests.contracts.wide.importance_weights import DoublyReparameterised, ImportanceWeighted
from tests.models.small import vectors

ROWS = 48
X = vectors(ROWS)
RNG = np.random.default_rng(0)
LABELS = np.where(np.arange(ROWS)[:, None] % 4, np.nan, np.eye(3)[np.arange(ROWS) % 3]).astype("float32")
COUNTS = RNG.poisson(3.0, (ROWS, 6)).astype("float32")
SIZES = RNG.uniform(0.5, 2.0, ROWS).astype("float32")
SERIES = X.reshape(ROWS, 2, 3).repeat(2, axis=1)
HOLES = np.where(RNG.random((ROWS, 6)) < 0.3, np.nan, X).astype("float32")
ONE_SIDE = np.where(np.arange(ROWS)[:, None] % 3 == 0, np.nan, X[:, :3]).astype("float32")


def small(policy, **kwargs):
    # Policies are set globally, so that networks passed as objects follow.
    return kv.VAE(
        **{"data_shape": (6,), "latent_dim": 2, "seed": 0, "encoder": kv.encoders.MLP((8,)), "decoder": "mlp", **kwargs}
    )


def modalities(policy):
    fields = {"left": kv.data.Field((3,), missing="nan"), "right": kv.data.Field((3,), missing="nan")}
    return kv.VAE(
        fields,
        2,
        encoder=experts.Experts(2),
        posterior=kv.posteriors.Gaussian(project=False),
        decoder={"left": kv.decoders.MLP((8,)), "right": kv.decoders.MLP((8,))},
        likelihood={"left": "bernoulli", "right": "bernoulli"},
        seed=0,
    )


def table(policy):
    columns = kv.likelihoods.Columns([("gaussian", 4), ("bernoulli", 2)], missing="nan")
    return small(policy, likelihood=columns, objective=ImportanceWeighted())


def single_cells(policy):
    groups = [kv.latents.Single(2), kv.latents.Single(1, prior="gaussian")]
    return small(
        policy,
        latent_dim=None,
        latents=kv.latents.Product(groups),
        likelihood=single_cell.CellCounts(),
        decoder=single_cell.CellDecoder(),
    )


def deep_markov(policy):
    return kv.VAE(
        (None, 3),
        latents=kv.latents.Markov(2),
        encoder=kv.encoders.GRU((8,), return_sequences=True),
        decoder=keras.Sequential([keras.layers.Dense(8, activation="relu")]),
        seed=0,
    )


# For each a function that makes the model, what it is fitted to, and the arguments of `generate`.
MODELS = {
    "semi_supervised": (
        lambda policy: small(policy, condition_shape=(3,), objective=semi_supervised.SemiSupervised()),
        [X, LABELS],
        {"condition": np.eye(3, dtype="float32")},
    ),
    "product_of_experts": (modalities, {"left": ONE_SIDE, "right": X[:, 3:]}, {"n": 3}),
    "vq_vae": (
        lambda policy: small(
            policy,
            prior=vector_quantised.Codebook(),
            posterior=vector_quantised.Nearest(),
            objective=vector_quantised.Commitment(),
        ),
        X,
        {"n": 3},
    ),
    "vae_gan": (lambda policy: small(policy, objective=Adversarial()), X, {"n": 3}),
    "factor_vae": (lambda policy: small(policy, objective=Factor()), X, {"n": 3}),
    "dreg": (lambda policy: small(policy, objective=DoublyReparameterised()), X, {"n": 3}),
    "miwae": (table, HOLES, {"n": 3}),
    "single_cell": (single_cells, {"x": COUNTS, "exposure": SIZES}, {"n": 3, "exposure": 1.0}),
    # What the library has by now.
    "deep_markov": (deep_markov, SERIES, {"n": 3, "length": 5}),
    "property_head": (
        lambda policy: small(policy, objective=kv.objectives.Supervised(head=keras.layers.Dense(1), loss="mse")),
        X,
        {"n": 3},
    ),
}

# What the bounds are taken of, where it is not the training data: they condition on a label.
SEEN = {"semi_supervised": [X, np.eye(3, dtype="float32")[np.arange(ROWS) % 3]]}

LOAD = """
import json, sys
import keras, numpy as np
import keras_vae
from tests.contracts import test_wide_enough as wide
found = {}
for name in sys.argv[2:]:
    vae = keras.saving.load_model(f"{sys.argv[1]}/{name}.keras")
    model = name.rsplit("-", 1)[0]
    _, data, options = wide.MODELS[model]
    data = wide.SEEN.get(model, data)
    drawn = keras.tree.flatten(vae.generate(seed=0, **options))
    found[name] = {
        "elbo": np.asarray(vae.elbo(data, seed=1), "float64").tolist(),
        "finite": bool(all(np.isfinite(array).all() for array in drawn)),
        "rows": sorted({len(array) for array in drawn}),
    }
print("FOUND" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Every model trained and saved under both policies, and what another process says of the files."""
    folder = tmp_path_factory.mktemp("wide")
    trained = {}
    for policy in ("float32", "mixed_float16"):
        for name, (make, data, _) in MODELS.items():
            keras.config.set_dtype_policy(policy)
            keras.utils.set_random_seed(0)
            vae = make(policy)
            before = [keras.ops.convert_to_numpy(weight).copy() for weight in vae.trainable_weights]
            # Compiled in float32; in half precision too on JAX, where single operations are compiled as well.
            eagerly = policy != "float32" and keras.backend.backend() == "tensorflow"
            vae.compile(keras.optimizers.Adam(0.02), run_eagerly=eagerly)
            y = X.sum(axis=1) if vae.objective.uses_y else None
            history = vae.fit(data, y, epochs=3, batch_size=16, verbose=0).history
            still = [
                weight.path
                for weight, start in zip(vae.trainable_weights, before, strict=True)
                if np.array_equal(keras.ops.convert_to_numpy(weight), start)
            ]
            vae.save(folder / f"{name}-{policy}.keras")
            trained[f"{name}-{policy}"] = (history, still, vae.elbo(SEEN.get(name, data), seed=1))
    keras.config.set_dtype_policy("float32")
    root = pathlib.Path(__file__).resolve().parents[2]
    environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend(), "PYTHONPATH": str(root)}
    printed = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder), *trained],
        capture_output=True,
        text=True,
        env=environment,
        cwd=root,
        check=False,
    )
    assert printed.returncode == 0, printed.stderr[-3000:]
    loaded = json.loads(printed.stdout.split("FOUND")[1])
    return {name: (*trained[name], loaded[name]) for name in trained}


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("name", MODELS)
def test_it_trains_saves_loads_and_generates(saved, name, policy):
    history, still, elbo, loaded = saved[f"{name}-{policy}"]
    assert all(np.isfinite(values).all() for values in history.values()), history
    assert not still, f"no gradient reaches {still}"
    # The other process may run with other threads, and sums in half precision depend on their order.
    np.testing.assert_allclose(loaded["elbo"], elbo, **({"rtol": 1e-4} if policy == "float32" else {"rtol": 2e-3}))
    assert loaded["finite"]
    assert loaded["rows"] == [3]


def test_no_line_of_the_library_knows_of_them():
    package = pathlib.Path(kv.__file__).parent
    names = ("tests_wide", "codebook", "straight-through code", "reversed_gradient")
    found = [
        f"{path.name}: {name}"
        for path in package.rglob("*.py")
        for name in names
        if name in path.read_text(encoding="utf-8").lower()
    ]
    assert not found, found


def test_every_component_is_short():
    for path in pathlib.Path(__file__).with_name("wide").glob("*.py"):
        classes = path.read_text(encoding="utf-8").split("\n@")
        assert max(len(part.splitlines()) for part in classes) <= 80, path.name
