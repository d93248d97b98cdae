"""fit_sampler and generate(sampler=...) with models of every kind."""

import warnings

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.models.small import Batches, compiled, small_vae, vectors

pytestmark = pytest.mark.eager

X = vectors(60)


def test_by_name_and_as_an_instance():
    vae = small_vae()
    sampler = vae.fit_sampler("mixture", X, seed=0)
    assert isinstance(sampler, kv.samplers.Mixture)
    assert vae.fit_sampler(kv.samplers.Mixture(2), X, name="mixture_2", seed=0).components == 2
    assert list(vae.samplers) == ["mixture", "mixture_2"]
    assert vae.samplers["mixture"] is sampler
    samples = {name: vae.generate(4, sampler=name, seed=0) for name in vae.samplers}
    assert samples["mixture"].shape == (4, 6)
    assert np.array_equal(samples["mixture"], vae.generate(4, sampler="mixture", seed=0))
    assert not np.allclose(samples["mixture"], samples["mixture_2"])
    assert not np.allclose(samples["mixture"], vae.generate(4, seed=0))
    (z,) = sampler.sample(4, seed=0)
    np.testing.assert_allclose(samples["mixture"], vae.decode(z), atol=1e-5)


@pytest.mark.on_torch
def test_latents_are_draws_of_the_posterior():
    """Of a model whose posteriors are as wide as the prior: the means alone would have no spread."""
    vae = small_vae()
    loc = vae.fit_sampler(kv.samplers.Mixture(1), vectors(2000), seed=0)
    spread = loc.scale * np.linalg.norm(loc.factors[0], axis=1)
    q = vae.encode(vectors(2000), mode="distribution")
    truth = np.sqrt(np.exp(keras.ops.convert_to_numpy(q.log_var)).mean(axis=0) + vae.encode(vectors(2000)).var(axis=0))
    np.testing.assert_allclose(spread, truth, rtol=0.1)
    assert (vae.encode(vectors(2000)).std(axis=0) < 0.9 * spread).all()


def test_unseeded_draws_follow_the_seed_of_the_model():
    draws = []
    for _ in range(2):
        vae = small_vae()
        vae.set_weights([np.full(weight.shape, 0.1) for weight in vae.get_weights()])
        vae.fit_sampler("mixture", X)
        draws.append([vae.generate(3, sampler="mixture") for _ in range(2)])
    np.testing.assert_allclose(draws[0], draws[1], atol=1e-5)
    assert not np.allclose(*draws[0])


@pytest.mark.on_torch
def test_temperature_zero_gives_the_means_of_posteriors():
    vae = small_vae()
    vae.fit_sampler("aggregated", X, seed=0)
    cold = vae.generate(5, sampler="aggregated", temperature=0.0, seed=0)
    reconstructions = vae.decode(vae.encode(X))
    assert np.abs(cold[:, None] - reconstructions).max(axis=-1).min(axis=1).max() < 1e-5


# Latents of other kinds --------------------------------------------------------------------------------


def test_of_a_hierarchy_the_top_level_is_replaced():
    vae = small_vae(latent_dim=(3, 2), latents="hierarchical")
    sampler = vae.fit_sampler("mixture", X, seed=0)
    assert sampler.level_shapes == ((3,),)
    assert vae.generate(4, sampler="mixture", seed=0).shape == (4, 6)
    # the level below is drawn from its prior given the draws of the sampler
    (top,) = sampler.sample(4, seed=7)
    expected = vae.generate(4, fixed={0: top}, seed=7)
    np.testing.assert_allclose(vae.generate(4, sampler="mixture", seed=7), expected, atol=1e-5)
    both = vae.generate(4, sampler="mixture", fixed={1: np.zeros(2)}, seed=7)
    np.testing.assert_allclose(both, vae.decode((top, np.zeros((4, 2)))), atol=1e-5)
    with pytest.raises(ValueError, match=r"`fixed`.*levels or groups \[0\]"):
        vae.generate(4, sampler="mixture", fixed={0: np.zeros(3)})


@pytest.mark.on_torch
def test_groups_are_fitted_jointly():
    """Two groups that always have opposite signs keep them, which their independent priors do not."""
    groups = kv.latents.Product([kv.latents.Single(1), kv.latents.Single(1)])
    vae = small_vae(latent_dim=None, latents=groups)
    sampler = kv.samplers.Mixture(2)
    sampler.build(((1,), (1,)))
    z = np.sign(np.random.default_rng(0).normal(size=(200, 1))) * 3.0
    sampler.fit((z, -z), seed=0)
    vae.fit_sampler(kv.samplers.Mixture(2), X, seed=0)
    assert [level.shape for level in vae.samplers["mixture"].sample(3)] == [(3, 1), (3, 1)]
    one, other = sampler.sample(100, seed=0)
    assert (np.sign(one) == -np.sign(other)).all()


def test_classes_beside_reals():
    classes = kv.latents.Single(1, prior=kv.priors.UniformCategorical(4), posterior="categorical")
    vae = small_vae(latent_dim=None, latents=kv.latents.Product([classes, kv.latents.Single(2)]))
    with pytest.raises(ValueError, match=r"latents on 'one_hot' \(level or group 0\). Use 'aggregated'"):
        vae.fit_sampler("mixture", X)
    vae.fit_sampler("aggregated", X, seed=0)
    kinds, z = vae.samplers["aggregated"].sample(10, seed=0)
    assert kinds.shape == (10, 1, 4)
    assert (kinds.sum(axis=-1) == 1).all()
    assert (kinds.max(axis=-1) == 1).all()
    assert z.shape == (10, 2)
    assert vae.generate(10, sampler="aggregated", seed=0).shape == (10, 6)


@pytest.mark.on_torch
def test_directions():
    vae = small_vae(latent_dim=3, prior="uniform_sphere", posterior="von_mises_fisher")
    for name in ("mixture", "manifold", "aggregated"):
        vae.fit_sampler(name, X, seed=0)
        assert vae.generate(4, sampler=name, seed=0).shape == (4, 6)
    with pytest.raises(ValueError, match="describes latents on 'reals'"):
        vae.fit_sampler("two_stage", X)


@pytest.mark.on_torch
def test_spatial_latents():
    ladder = kv.latents.Hierarchical(
        [kv.latents.Level((2, 2, 1)), kv.latents.Level((4, 4, 1), posterior="residual")],
        merge=kv.layers.MergeConv(2, upsample=2),
        decoder_sees="state",
    )
    vae = kv.VAE((8, 8, 1), latents=ladder, encoder=kv.encoders.Pyramid((4, 4)), decoder="resnet", seed=0)
    images = np.random.default_rng(0).random((40, 8, 8, 1)).astype("float32")
    vae.fit_sampler(kv.samplers.Mixture(2, covariance="diag"), images, seed=0)
    assert vae.samplers["mixture"].sample(3)[0].shape == (3, 2, 2, 1)
    assert vae.generate(3, sampler="mixture", seed=0).shape == (3, 8, 8, 1)


@pytest.mark.parametrize("steps", [None, 4])
def test_a_latent_for_every_step(steps):
    vae = kv.VAE(
        (steps, 2),
        2,
        latents="markov",
        encoder=kv.encoders.GRU((4,), return_sequences=True),
        decoder=kv.decoders.GRU((4,)),
        likelihood="gaussian",
        seed=0,
    )
    x = np.random.default_rng(0).normal(size=(30, 4, 2)).astype("float32")
    if steps is None:
        with pytest.raises(ValueError, match="needs latents of one size"):
            vae.fit_sampler("mixture", x)
        return
    vae.fit_sampler(kv.samplers.Mixture(2), x, seed=0)
    assert vae.generate(3, sampler="mixture", seed=0).shape == (3, 4, 2)


def test_posteriors_that_are_flows():
    vae = small_vae(posterior="iaf")
    with pytest.raises(ValueError, match=r"'aggregated' stores the parameters.*'manifold'"):
        vae.fit_sampler("aggregated", X)
    vae.fit_sampler("manifold", X, seed=0)
    assert vae.generate(4, sampler="manifold", seed=0).shape == (4, 6)


# Conditions --------------------------------------------------------------------------------------------


def conditional(**options):
    return small_vae(condition_shape=(), condition_encoder=keras.layers.Embedding(3, 2), **options)


def test_labels_have_a_sampler_each():
    vae = conditional()
    labels = np.arange(60) % 3
    sampler = vae.fit_sampler(kv.samplers.Mixture(1), [X, labels], seed=0)
    assert isinstance(sampler, kv.samplers.PerCondition)
    assert list(vae.samplers) == ["mixture"]
    # that of a label is as if fitted to the rows of that label alone
    z = vae.encode([X, labels], mode="sample", seed=0)
    np.testing.assert_allclose(sampler.parts[1].loc, z[labels == 1].mean(axis=0), atol=1e-5)
    samples = vae.generate(condition=np.array([2, 0, 1]), sampler="mixture", seed=0)
    assert samples.shape == (3, 6)
    assert vae.generate(4, condition=1, sampler="mixture", seed=0).shape == (4, 6)
    vae.fit_sampler("aggregated", [X[labels < 2], labels[labels < 2]], seed=0)
    with pytest.raises(ValueError, match=r"Expected one of \[0, 1\]. Received: 2"):
        vae.generate(condition=np.array([2, 0, 1]), sampler="aggregated")


@pytest.mark.on_torch
def test_conditions_that_do_not_repeat_are_refused():
    vae = small_vae(condition_shape=(2,))
    conditions = np.random.default_rng(0).random((120, 2)).astype("float32")
    with pytest.raises(ValueError, match=r"may be 100 different ones. Received: 120"):
        vae.fit_sampler("mixture", [vectors(120), conditions])
    repeated = (conditions[:60] > 0.5).astype("float32")
    vae.fit_sampler(kv.samplers.Mixture(1), [X, repeated], seed=0)
    assert vae.generate(5, condition=repeated[:5], sampler="mixture", seed=0).shape == (5, 6)


@pytest.mark.on_torch
def test_a_label_with_too_few_rows_is_named():
    labels = np.zeros(60, "int32")
    labels[0] = 2
    with pytest.raises(ValueError, match=r"rows with the condition 2, 1 of them"):
        conditional().fit_sampler(kv.samplers.Mixture(1), [X, labels])


@pytest.mark.on_torch
def test_a_sampler_of_conditions_needs_them():
    with pytest.raises(ValueError, match="needs conditions, and the model has none"):
        small_vae().fit_sampler("per_condition", X)
    with pytest.raises(TypeError, match="without conditions"):
        kv.samplers.PerCondition(kv.samplers.PerCondition())


# Data, training and errors -----------------------------------------------------------------------------


@pytest.mark.on_torch
def test_batches_with_and_without_conditions():
    vae, labels = small_vae(), np.arange(60) % 3
    direct = vae.fit_sampler("mixture", X, seed=0)
    streamed = vae.fit_sampler("mixture", Batches(X[:32], X[32:]), seed=0, name="streamed")
    np.testing.assert_allclose(direct.loc, streamed.loc, atol=0.5)
    batches = Batches(*({"x": X[rows], "condition": labels[rows]} for rows in (slice(0, 32), slice(32, 60))))
    sampler = conditional().fit_sampler(kv.samplers.Mixture(1), batches, seed=0)
    assert sampler.conditions.tolist() == [0, 1, 2]


def test_training_goes_on_as_without_samplers():
    histories = []
    for fits in (False, True):
        keras.utils.set_random_seed(0)
        vae = compiled(small_vae())
        vae.fit(X, verbose=0)
        if fits:
            vae.fit_sampler("mixture", X, seed=0)
            vae.fit_sampler(kv.samplers.Flow(1, (4,), epochs=1), X, seed=0)
            vae.generate(2, sampler="flow", seed=0)
            keras.utils.set_random_seed(1)
        else:
            keras.utils.set_random_seed(1)
        histories.append(vae.fit(X, epochs=2, shuffle=False, verbose=0).history["loss"])
        assert len(vae.trainable_variables) == len(vae.optimizer.variables) // 2 - 1
    np.testing.assert_allclose(*histories, rtol=1e-5)


@pytest.mark.on_torch
def test_a_sampler_of_older_weights_warns():
    vae = compiled(small_vae())
    vae.fit(X, verbose=0)
    vae.fit_sampler("mixture", X, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        vae.generate(2, sampler="mixture")
    vae.fit(X, verbose=0)
    with pytest.warns(UserWarning, match="'mixture' was fitted before the last training"):
        vae.generate(2, sampler="mixture")
    vae.fit_sampler("mixture", X, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        vae.generate(2, sampler="mixture")


@pytest.mark.on_torch
def test_progress_is_shown(capsys):
    vae = small_vae()
    vae.fit_sampler(kv.samplers.Flow(1, (4,), epochs=3), X, seed=0, verbose=1)
    assert "3/3" in capsys.readouterr().out
    vae.fit_sampler(kv.samplers.TwoStage((4,), epochs=3), X, seed=0, verbose=0)
    assert capsys.readouterr().out == ""


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("call", "error", "fragment"),
    [
        (lambda vae: vae.generate(2, sampler="flow"), ValueError, r"one of \['mixture'\]. Received: sampler='flow'"),
        (lambda vae: vae.generate(2, sampler=kv.samplers.Mixture()), ValueError, "an object of type Mixture"),
        (lambda vae: small_vae().generate(2, sampler="mixture"), ValueError, "there is none"),
        (lambda vae: vae.fit_sampler("mixtures", X), ValueError, "Did you mean 'mixture'"),
        (lambda vae: vae.fit_sampler(None, X), ValueError, "sampler=None"),
        (lambda vae: vae.fit_sampler(kv.priors.Mixture(), X), TypeError, "keras_vae.samplers.Sampler"),
        (lambda vae: vae.fit_sampler("mixture", X, name=""), ValueError, "`name` must be a non-empty string"),
        (lambda vae: vae.fit_sampler("mixture", X[:, :3]), ValueError, "Argument `x`"),
    ],
)
def test_errors_say_what_is_expected(call, error, fragment):
    vae = small_vae()
    vae.fit_sampler("mixture", X)
    with pytest.raises(error, match=fragment):
        call(vae)
