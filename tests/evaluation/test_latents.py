"""Active units, KL of dimensions, mutual information and the aggregated posterior, against closed forms."""

import sys

import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.evaluation.linear import draws, information, linear_vae
from tests.models.small import Batches, small_vae, vectors

X = draws()
WEIGHTS = np.array([2.0, 0.5, 0.0])


def test_active_units_are_the_variances_of_the_means():
    found = kv.evaluation.active_units(linear_vae(), X)
    expected = (X * WEIGHTS / (WEIGHTS**2 + 1)).var(axis=0)
    np.testing.assert_allclose(found.variances[0], expected, rtol=1e-4)
    np.testing.assert_allclose(expected, WEIGHTS**2 / (WEIGHTS**2 + 1), rtol=0.1)  # the closed form
    assert (found.counts, found.sizes) == ((2,), (3,))
    assert kv.evaluation.active_units(linear_vae(), X, threshold=0.5).counts == (1,)
    assert found.summary() == {"active_units": 2.0}
    assert str(found) == "active units: 2 of 3"


def test_kl_of_every_dimension_and_level():
    found = kv.evaluation.kl_per_dimension(linear_vae(), X)
    np.testing.assert_allclose(found.dimensions[0], information(), atol=0.02)
    np.testing.assert_allclose(found.levels, [found.dimensions[0].sum()], rtol=1e-5)
    assert found.rows == len(X)
    assert found.dimensions[0][2] == pytest.approx(0.0, abs=1e-6)


def test_kl_without_a_closed_form_belongs_to_the_level():
    vae = small_vae(prior="mixture")
    found = kv.evaluation.kl_per_dimension(vae, vectors(), num_samples=200, seed=0)
    assert found.dimensions == (None,)
    assert "no sum over dimensions" in str(found)
    _, kl = vae.elbo(vectors(), num_samples=200, seed=0, reduction="none")
    np.testing.assert_allclose(found.levels, kl.mean(axis=0), rtol=1e-4)


def test_levels_of_a_hierarchy_and_groups():
    vae = small_vae(latent_dim=(2, 3), latents="hierarchical")
    kl = kv.evaluation.kl_per_dimension(vae, vectors(), num_samples=3, seed=0, batch_size=8)
    assert [own.shape for own in kl.dimensions] == [(2,), (3,)]
    np.testing.assert_allclose(kl.levels, [own.sum() for own in kl.dimensions], rtol=1e-4)
    _, of_elbo = vae.elbo(vectors(), num_samples=3, seed=0, batch_size=8, reduction="none")
    np.testing.assert_allclose(kl.levels, of_elbo.mean(axis=0), rtol=1e-4)
    assert set(kl.summary()) == {"kl", "kl_1", "kl_2"}
    units = kv.evaluation.active_units(vae, vectors())
    assert units.sizes == (2, 3)
    assert set(units.summary()) == {"active_units", "active_units_1", "active_units_2"}
    assert kv.evaluation.mutual_information(vae, vectors(), seed=0).levels == 1
    assert kv.evaluation.aggregated_posterior(vae, vectors(), seed=0).rows == len(vectors())


def test_mutual_information_of_the_linear_model():
    found = kv.evaluation.mutual_information(linear_vae(), X, seed=0)
    expected = information().sum()
    assert found.kl == pytest.approx(expected, abs=0.05)
    assert found.mutual_information == pytest.approx(expected, abs=0.05)
    assert found.marginal_kl == pytest.approx(0.0, abs=0.05)
    assert found.limit == np.log(len(X))


def test_marginal_kl_of_shifted_latents():
    # q(z) = N(shift, 1): the KL to the prior is shift^2 / 2 in each dimension, and I(x; z) stays as it was.
    found = kv.evaluation.mutual_information(linear_vae(shift=1.0), X, seed=0)
    assert found.mutual_information == pytest.approx(information().sum(), abs=0.05)
    assert found.marginal_kl == pytest.approx(1.5, abs=0.1)


def test_mutual_information_reaches_its_limit_and_not_beyond():
    vae = linear_vae((50.0, 50.0), 0.01)
    found = kv.evaluation.mutual_information(vae, draws(40, (50.0, 50.0), 0.01), seed=0)
    assert found.mutual_information == pytest.approx(np.log(40), abs=1e-3)
    assert information((50.0, 50.0), 0.01).sum() > 10


def test_blocks_change_nothing(monkeypatch):
    whole = kv.evaluation.mutual_information(linear_vae(), X[:101], seed=0)
    # The function has the name of its module.
    monkeypatch.setattr(sys.modules[kv.evaluation.mutual_information.__module__], "BLOCK", 3 * 16**2)
    parts = kv.evaluation.mutual_information(linear_vae(), X[:101], seed=0)
    assert parts.mutual_information == pytest.approx(whole.mutual_information, rel=1e-5)


def groups():
    classes = kv.latents.Single(1, prior=kv.priors.UniformCategorical(3), posterior="categorical")
    return small_vae(latent_dim=None, latents=kv.latents.Product([classes, kv.latents.Single(2)]))


@pytest.mark.parametrize(
    "make",
    [
        groups,
        *(lambda name=name: small_vae(posterior=name) for name in ("full_covariance", "iaf", "householder")),
        lambda: small_vae(latent_dim=3, posterior="von_mises_fisher", prior="uniform_sphere"),
        lambda: small_vae(prior="vamp"),
        lambda: small_vae(latent_dim=(2, 3), latents="hierarchical"),
    ],
    ids=["groups", "full_covariance", "iaf", "householder", "sphere", "vamp", "hierarchical"],
)
def test_every_posterior(make):
    """Six rows many times: q(z) is the mean of six posteriors, and many draws of each are at hand."""
    vae, rows = make(), vectors(6) * 3.0 - 1.0
    # So that the rows can be told apart, and the same on every backend.
    rng = np.random.default_rng(0)
    for part in (vae.encoder, *(posterior for _, posterior in vae.latents.pairs)):
        for weight in part.trainable_weights:
            # The only weight of this shape is the offset of a sphere's concentration.
            weight.assign([30.0] if tuple(weight.shape) == (1,) else 0.7 * rng.standard_normal(weight.shape))
    if hasattr(vae.latents, "prior") and hasattr(vae.latents.prior, "adapt"):
        vae.latents.prior.adapt(vectors())
    many = np.clip(np.repeat(rows, 40, axis=0), 0.0, 1.0)
    found = kv.evaluation.mutual_information(vae, many, seed=0)
    assert found.levels == (2 if isinstance(vae.latents, kv.latents.Product) else 1)
    levels = vae.terms(np.clip(rows, 0.0, 1.0), seed=0).levels[: found.levels]
    pairs = 0.0
    for index, level in enumerate(levels):
        draws = ops.reshape(level.posterior.sample(index, num_samples=200), (200 * 6, 1, *level.z.shape[1:]))
        several = ops.broadcast_to(draws, (200 * 6, 6, *level.z.shape[1:]))
        pairs = pairs + ops.convert_to_numpy(level.posterior.log_prob(several)).astype("float64")
    own = pairs[np.arange(1200), np.tile(np.arange(6), 200)]
    gains = own - np.logaddexp.reduce(pairs, axis=1) + np.log(6)
    assert gains.mean() > 0.1
    assert found.mutual_information == pytest.approx(gains.mean(), abs=4.5 * gains.std() / np.sqrt(240))


def test_equal_rows_cannot_be_told_apart():
    found = kv.evaluation.mutual_information(small_vae(), np.repeat(vectors(1), 9, axis=0), seed=0)
    assert found.mutual_information == pytest.approx(0.0, abs=1e-5)


def test_progress_is_shown_for_many_rows(capfd):
    kv.evaluation.mutual_information(small_vae(), vectors(), seed=0, verbose=1)
    assert "1/1" in capfd.readouterr().out.splitlines()[-1]
    kv.evaluation.mutual_information(small_vae(), vectors(), seed=0)
    assert not capfd.readouterr().out


def test_datasets_and_batches():
    vae, x = small_vae(), vectors()
    stream = Batches(x[:10], x[10:20], x[20:])
    np.testing.assert_allclose(
        kv.evaluation.active_units(vae, stream).variances[0], kv.evaluation.active_units(vae, x).variances[0], rtol=1e-4
    )
    np.testing.assert_allclose(
        kv.evaluation.kl_per_dimension(vae, stream).dimensions[0],
        kv.evaluation.kl_per_dimension(vae, x, batch_size=5).dimensions[0],
        rtol=1e-4,
    )
    assert kv.evaluation.mutual_information(vae, stream, seed=0).rows == len(x)
    assert kv.evaluation.calibration(vae, stream, num_samples=5).count == x.size


def test_latents_with_axes():
    levels = [
        kv.latents.Level((2, 2, 3), merge=kv.layers.MergeConv(4, upsample=2)),
        kv.latents.Level((4, 4, 2), posterior="residual", merge=kv.layers.MergeConv(4)),
    ]
    vae = kv.VAE(
        (8, 8, 1),
        latents=kv.latents.Hierarchical(levels, decoder_sees="state"),
        encoder=kv.encoders.Pyramid((4, 4)),
        decoder=kv.decoders.Conv((4,)),
        seed=0,
    )
    images = np.random.default_rng(0).random((12, 8, 8, 1)).astype("float32")
    shapes = [(2, 2, 3), (4, 4, 2)]
    assert [level.shape for level in kv.evaluation.active_units(vae, images).variances] == shapes
    assert [level.shape for level in kv.evaluation.kl_per_dimension(vae, images).dimensions] == shapes
    assert kv.evaluation.mutual_information(vae, images, seed=0).mutual_information < np.log(12)
    assert kv.evaluation.aggregated_posterior(vae, images, seed=0).rows == 12


def test_conditional_models_have_no_marginal_kl():
    vae = small_vae(condition_shape=(2,))
    inputs = [vectors(), np.ones((len(vectors()), 2), "float32")]
    found = kv.evaluation.mutual_information(vae, inputs, seed=0)
    assert found.conditional
    assert np.isnan(found.marginal_kl)
    assert set(found.summary()) == {"mutual_information"}
    assert 0 <= kv.evaluation.aggregated_posterior(vae, inputs, seed=0).auc <= 1


def series_vae():
    return kv.VAE(
        (5, 2), latents="markov", latent_dim=2, encoder=kv.encoders.GRU((4,), return_sequences=True), seed=0,
        decoder=kv.decoders.GRU((4,)), likelihood="gaussian",
    )  # fmt: skip


def test_padding_does_not_count():
    series = np.random.default_rng(0).normal(size=(12, 5, 2)).astype("float32")
    mask = np.arange(5) < np.array([[5], [3]] * 6)
    vae = series_vae()
    found = kv.evaluation.active_units(vae, {"x": series, "mask": mask})
    alone = kv.evaluation.active_units(vae, series[::2])
    assert found.variances[0].shape == (5, 2)
    np.testing.assert_allclose(found.variances[0][3:], alone.variances[0][3:], rtol=1e-3, atol=1e-7)
    with pytest.raises(NotImplementedError, match=r"each time step.*Markov"):
        kv.evaluation.mutual_information(vae, series)


def test_the_aggregated_posterior_is_the_prior():
    found = kv.evaluation.aggregated_posterior(linear_vae(), X[:600], seed=0)
    assert found.auc == pytest.approx(0.5, abs=0.06)
    assert found.auc_of_folds.shape == (5,)
    assert abs(found.mmd_rbf) < 0.004
    assert abs(found.mmd_imq) < 0.004


def test_an_aggregated_posterior_beside_the_prior():
    found = kv.evaluation.aggregated_posterior(linear_vae(shift=2.0), X[:300], seed=0)
    assert found.auc > 0.95
    assert found.mmd_rbf > 0.2
    assert found.mmd_imq > 0.2


def test_another_classifier():
    from sklearn.linear_model import LogisticRegression

    found = kv.evaluation.aggregated_posterior(linear_vae(shift=2.0), X[:100], classifier=LogisticRegression(), seed=0)
    assert found.auc > 0.95


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda vae, x: kv.evaluation.active_units(vae, x, threshold=-1), "`threshold` must be"),
        (lambda vae, x: kv.evaluation.active_units(vae, x[:1]), "`x` must have at least 2 rows"),
        (lambda vae, x: kv.evaluation.kl_per_dimension(vae, x, num_samples=0), "`num_samples` must be"),
        (lambda vae, x: kv.evaluation.mutual_information(vae, x[:1]), "`x` must have at least 2 rows"),
        (lambda vae, x: kv.evaluation.aggregated_posterior(vae, x[:3]), "`x` must have at least 10 rows"),
        (lambda vae, x: kv.evaluation.active_units(vae, x[:, :2]), "`x` must have shape"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(linear_vae(), X[:20])
