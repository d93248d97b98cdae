"""Priors and posteriors inside models: with conditions, in half precision, with int seeds, and put together wrongly."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, one_hot, small_vae, vectors

pytestmark = pytest.mark.eager

X, C = vectors(24), one_hot(24)


def vamp():
    return kv.priors.VampPrior(4, seed=0)


def hierarchy(root="standard"):
    return kv.priors.Hierarchical(
        [kv.priors.Level(2, prior=root), kv.priors.Level(1)], merge=kv.layers.MergeDense((4,), activation="tanh")
    )


@pytest.mark.parametrize("kind", ["vamp", "hierarchy"])
def test_with_conditions(kind, tmp_path):
    prior = vamp() if kind == "vamp" else hierarchy(vamp())
    vae = small_vae(latent_dim=2 if kind == "vamp" else None, prior=prior, condition_shape=(3,))
    compiled(vae, keras.optimizers.Adam(0.02))
    history = vae.fit([X, C], epochs=3, batch_size=8, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    generated = vae.generate(condition=C[:6], seed=0)
    assert generated.shape == (6, 6)
    # The condition decides: the same noise under another one gives other data.
    assert np.abs(vae.generate(condition=C[1:7], seed=0) - generated).max() > 1e-4
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.generate(condition=C[:6], seed=0), generated, atol=1e-5)
    np.testing.assert_allclose(loaded.elbo([X, C], seed=0), vae.elbo([X, C], seed=0), rtol=1e-4)


def test_an_int_seed_gives_every_level_its_own_noise():
    prior = kv.latents.Hierarchical([kv.latents.Level(3, prior="standard"), kv.latents.Level(3)])
    vae = small_vae(latent_dim=None, prior=prior)
    context = ops.zeros((50, 0))

    def noise(seed):
        # Both levels start at N(0, 1), whatever the context.
        top, lower = prior.generate(context, seed=seed)
        return ops.convert_to_numpy(top), ops.convert_to_numpy(lower) - ops.convert_to_numpy(lower_mean(top))

    def lower_mean(top):
        return prior.priors[1].distribution(prior.merges[0]([context, top])).mean()

    top, lower = noise(3)
    assert np.abs(np.corrcoef(top.ravel(), lower.ravel())[0, 1]) < 0.5
    np.testing.assert_array_equal(noise(3)[0], top)
    np.testing.assert_array_equal(noise(3)[1], lower)
    assert np.abs(noise(4)[0] - top).max() > 0.1
    features = vae.encoder(ops.convert_to_tensor(X))
    levels = prior.infer(features, ops.zeros((24, 0)), seed=3)
    drawn = [
        ops.convert_to_numpy((level.z - level.posterior.loc) * ops.exp(-0.5 * level.posterior.log_var))
        for level in levels
    ]
    assert np.abs(np.corrcoef(drawn[0].ravel(), drawn[1].ravel())[0, 1]) < 0.5


@pytest.mark.parametrize(
    "parts",
    [
        {"prior": lambda policy: kv.priors.Flow(2, hidden_units=(4,), dtype=policy)},
        {"posterior": lambda policy: kv.posteriors.IAF(2, 4, 4, dtype=policy)},
    ],
    ids=["flow", "iaf"],
)
def test_flows_in_bfloat16(parts, tmp_path):
    policy = "mixed_bfloat16"
    vae = compiled(small_vae(dtype=policy, **{name: make(policy) for name, make in parts.items()}))
    history = vae.fit(X, epochs=2, batch_size=8, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert np.isfinite(vae.generate(4)).all()
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.elbo(X, seed=0), vae.elbo(X, seed=0), rtol=1e-3)
    assert all(weight.dtype == "float32" for weight in loaded.weights)


def test_a_callback_anneals_the_temperature_of_categorical_latents():
    vae = compiled(small_vae(prior="uniform_categorical", posterior="categorical"))
    start = float(ops.convert_to_numpy(vae.posterior.temperature))
    cooling = kv.callbacks.LinearWarmUp(6, start=start, end=0.25)
    vae.fit(
        X,
        epochs=3,
        batch_size=8,
        verbose=0,
        callbacks=[kv.callbacks.BetaSchedule(cooling, variable=vae.posterior.temperature)],
    )
    assert start > 0.3
    assert float(ops.convert_to_numpy(vae.posterior.temperature)) == pytest.approx(0.25)
    q = vae.terms(ops.convert_to_tensor(X), seed=0).posterior[0]
    assert float(ops.convert_to_numpy(q.relaxation)) == pytest.approx(0.25)


def levels(*rows, **options):
    return kv.priors.Hierarchical([kv.priors.Level(*row) if isinstance(row, tuple) else row for row in rows], **options)


def several_tensors(count):
    inputs = keras.Input((6,))
    return keras.Model(inputs, [keras.layers.Dense(3)(inputs) for _ in range(count)])


WRONG = [
    (
        "prior of another size",
        lambda: small_vae(latent_dim=4, prior=small_vae(latent_dim=3).prior),
        ["Standard", "(3,)", "latent_dim=4"],
    ),
    (
        "posterior of another size",
        lambda: small_vae(latent_dim=4, posterior=small_vae(latent_dim=3).posterior),
        ["posterior Gaussian", "(3,)", "(4,)", "prior Standard"],
    ),
    (
        "vamp before it was adapted",
        lambda: compiled(small_vae(prior=vamp())).train_on_batch(X),
        ["VampPrior", "adapt(x)"],
    ),
    (
        "vamp below the top, before it was adapted",
        lambda: compiled(small_vae(latent_dim=None, prior=hierarchy(vamp()))).train_on_batch(X),
        ["adapt(x)"],
    ),
    ("vamp without an encoder", lambda: kv.KLDivergenceRegularizer("vamp"), ["VampPrior", "encoder", "VAE"]),
    ("vamp built by itself", lambda: kv.priors.VampPrior(3).build((None, 0), (2,)), ["no encoder", "VAE"]),
    (
        "vamp on a lower level",
        lambda: levels((2, "standard"), (2, vamp())),
        ["level 2", "VampPrior", "top"],
    ),
    (
        "a merge that cannot fit",
        lambda: small_vae(latent_dim=None, prior=levels((2, "standard"), (1,), merge=kv.layers.MergeConv(2))),
        ["Level 1", "(2,)", "MergeConv", "cannot be built"],
    ),
    (
        "spatial latents side by side",
        lambda: small_vae(latent_dim=None, prior=levels(((2, 2, 1), "standard"), (1,))),
        ["cannot be concatenated", "decoder_sees='state'"],
    ),
    (
        "other sizes than the levels'",
        lambda: small_vae(latent_dim=(2, 2), prior=levels((2, "standard"), (1,))),
        ["`latent_dim`", "((2,), (2,))", "((2,), (1,))"],
    ),
    (
        "one part in two places",
        lambda: (lambda shared: levels((2, shared), (2, shared)))(kv.priors.Gaussian()),
        ["`levels`", "used twice"],
    ),
    (
        "a posterior at the top",
        lambda: levels((2, "standard", "gaussian"), (1,)),
        ["top level", "VAE(posterior=...)"],
    ),
    ("levels that are none", lambda: kv.priors.Hierarchical([40, 40]), ["`levels`", "Level", "[40, 40]"]),
    ("one size for a hierarchy", lambda: kv.VAE((6,), 4, prior="hierarchical"), ["`latent_dim`", "(40, 40)", "4"]),
    (
        "too few level features",
        lambda: small_vae(latent_dim=(1, 1, 1), prior="hierarchical", encoder=several_tensors(2)),
        ["2 feature tensors", "3 levels", "one tensor for each level"],
    ),
    (
        "a lower posterior on another space",
        lambda: small_vae(latent_dim=None, prior=levels((3, "standard"), (3, "gaussian", "von_mises_fisher"))),
        ["VonMisesFisher", "Gaussian", "sphere"],
    ),
]


@pytest.mark.parametrize(("act", "words"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_parts_that_cannot_work_say_so(act, words):
    with pytest.raises(ValueError, match=r".") as caught:
        act()
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"


@pytest.mark.on_tensorflow
def test_a_tfp_distribution_over_other_events():
    tfd = pytest.importorskip("tensorflow_probability").distributions
    wrong = {
        "prior": kv.priors.TFP(lambda: tfd.Sample(tfd.Normal(0.0, 1.0), 3)),
        "likelihood": kv.likelihoods.TFP(lambda params: tfd.Normal(params, 1.0), 6),
    }
    for name, part in wrong.items():
        with pytest.raises(ValueError, match=r"event shape .*(Independent|Sample)"):
            small_vae(latent_dim=2, **{name: part})
