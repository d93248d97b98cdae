"""What the scores are, by their definitions, and what their shares sum to."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from keras import ops
from scipy.stats import norm
from sklearn.covariance import LedoitWolf

import keras_vae as kv
from keras_vae.anomaly import VAEDetector, scores

plt.switch_backend("agg")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)) * [1.0, 10.0, 0.1] + [5.0, 0.0, -1.0]
OPTIONS = {"num_models": 1, "max_steps": 100, "latent_dim": 2, "random_state": 0}


@pytest.fixture(scope="module")
def detector():
    return VAEDetector(**OPTIONS, num_samples=400).fit(X)


def score_of(detector, name, num_samples=400):
    return scores.SCORES[name](num_samples), detector.networks_[0], detector.prepare(X)


def test_the_elbo_is_that_of_the_model(detector):
    own, network, x = score_of(detector, "elbo")
    expected = detector.vae_.elbo(x, num_samples=2000, seed=0)
    np.testing.assert_allclose(own.rows(network, x), expected, atol=0.05)


def test_the_log_likelihood_is_that_of_the_model_and_above_the_elbo(detector):
    own, network, x = score_of(detector, "log_likelihood")
    expected = detector.vae_.log_likelihood(x, num_samples=2000, seed=0)
    np.testing.assert_allclose(own.rows(network, x), expected, atol=0.05)
    assert (own.rows(network, x) >= scores.ELBO(400).rows(network, x) - 1e-3).all()


def test_reconstruction_probability_is_the_elbo_without_its_kl(detector):
    own, network, x = score_of(detector, "reconstruction_probability")
    kl = detector.vae_.elbo(x, seed=0, reduction="none")[1].sum(axis=1)
    np.testing.assert_allclose(own.rows(network, x), scores.ELBO(400).rows(network, x) + kl, atol=1e-3)
    np.testing.assert_allclose(own.elements(network, x).sum(axis=1), own.rows(network, x), atol=1e-3)


def test_latent_distance_is_mahalanobis_of_the_means(detector):
    own, network, x = score_of(detector, "latent_distance")
    own.fit(network, x, None, RNG)
    means = detector.vae_.encode(x).astype("float64")
    estimate = LedoitWolf().fit(means)
    centred = means - means.mean(axis=0)
    expected = np.sqrt(np.einsum("ni,ij,nj->n", centred, np.linalg.inv(estimate.covariance_), centred))
    np.testing.assert_allclose(-own.rows(network, x), expected, rtol=1e-3)


def test_independent_columns_are_standard_normal_and_count_as_much_as_the_networks(detector):
    x = detector.prepare(X)
    rows = scores.IndependentColumns().rows(None, x)
    np.testing.assert_allclose(rows, norm.logpdf(x).sum(axis=1), rtol=1e-6)
    assert [type(score).name for score in detector.scores_] == ["elbo", ""]
    spreads = [np.std(detector._scores(x)[0][detector._held_out[0]]), np.std(rows)]
    np.testing.assert_allclose(detector.weights_[0] / detector.weights_[1], spreads[1] / spreads[0], rtol=1e-6)
    assert len(detector.with_score("latent_distance", X).scores_) == 1
    assert len(VAEDetector(**{**OPTIONS, "max_steps": 2}, encoder="mlp").fit(X).scores_) == 1


def test_the_ratio_is_that_of_two_models(detector):
    own, network, x = score_of(detector, "likelihood_ratio", 16)
    seen = []
    other = scores.Network(network.vae, [1.1 * weight for weight in network.weights])
    own.fit(network, x, lambda rows: seen.append(rows) or other, np.random.default_rng(0))
    assert 0.1 < (seen[0] != x).mean() < 0.3
    plain = scores.ELBO(16)
    np.testing.assert_allclose(
        own.rows(network, x), plain.rows(network, x) - plain.rows(other, x), rtol=1e-4, atol=1e-3
    )


@pytest.mark.parametrize("name", ["elbo", "log_likelihood", "reconstruction_probability", "likelihood_ratio"])
def test_shares_of_the_training_rows_have_a_mean_of_zero(name):
    detector = VAEDetector(score_function=name, **{**OPTIONS, "max_steps": 20, "num_models": 2}).fit(X)
    shares = detector.explain(X)
    assert shares.shape == X.shape
    np.testing.assert_allclose(shares.mean(axis=0), 0.0, atol=1e-4)
    if name == "reconstruction_probability":
        values = detector.score_samples(X)
        np.testing.assert_allclose(shares.sum(axis=1), values.mean() - values, atol=1e-3)


def test_the_odd_column_has_the_largest_share(detector):
    odd = X[:20].copy()
    odd[:, 1] += 80.0
    assert (detector.explain(odd).argmax(axis=1) == 1).all()


def test_importance_weighted_parts_by_hand(detector):
    own, network, x = score_of(detector, "log_likelihood", 8)
    x = x[:4]
    vae = detector.vae_
    q = vae.encode(x, mode="distribution")
    loc, log_var = ops.convert_to_numpy(q.loc), ops.convert_to_numpy(q.log_var)
    noise = np.random.default_rng(0).standard_normal((4, 1, 2))
    noise = np.concatenate([noise, -noise]).astype("float32")
    z = loc + np.exp(0.5 * log_var) * noise
    scale = float(vae.likelihood.current_scale())
    each = np.stack(
        [-0.5 * ((x - vae.decode(one)) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi) for one in z]
    )
    log_ratio = (-0.5 * z**2 + 0.5 * noise**2 + 0.5 * log_var).sum(axis=2)
    weights = each.sum(axis=2) + log_ratio
    np.testing.assert_allclose(
        own.rows(network, x), np.logaddexp.reduce(weights, axis=0) - np.log(8), rtol=1e-3, atol=1e-3
    )
    weights = np.exp(weights - np.logaddexp.reduce(weights, axis=0))
    np.testing.assert_allclose(own.elements(network, x), (weights[..., None] * each).sum(axis=0), rtol=1e-3, atol=2e-3)


def test_a_function_as_score():
    detector = VAEDetector(score_function=lambda vae, x: -np.abs(x).sum(axis=1), **{**OPTIONS, "max_steps": 2}).fit(X)
    assert detector.score_samples(X).argmin() == np.abs(detector.prepare(X)).sum(axis=1).argmax()
    with pytest.raises(ValueError, match="Method `explain` needs a score that is a sum"):
        detector.explain(X)
    with pytest.raises(ValueError, match="returns a number for each row"):
        VAEDetector(score_function=lambda vae, x: x, **{**OPTIONS, "max_steps": 2}).fit(X)


def test_several_levels_of_latents_and_other_priors():
    latents = {"prior": "mixture"}
    for name in ("elbo", "log_likelihood", "latent_distance"):
        detector = VAEDetector(score_function=name, **{**OPTIONS, "max_steps": 2}, **latents).fit(X)
        assert np.isfinite(detector.score_samples(X)).all()


@pytest.mark.on_torch
@pytest.mark.parametrize("shape", [(3,), (6, 5), (6, 5, 1), (8, 2)])
def test_pictures(shape):
    kind = {(6, 5): "image", (6, 5, 1): "image"}.get(shape, "auto")
    x = RNG.normal(size=(20, *shape))
    detector = VAEDetector(kind=kind, **{**OPTIONS, "max_steps": 2}).fit(x)
    figure = kv.plots.anomalies(detector, x[:2])
    shares = detector.explain(x[:2])
    assert shares.shape == (2, *shape)
    axes = figure.axes
    if shape == (3,):
        assert sorted(bar.get_width() for bar in axes[0].patches) == pytest.approx(sorted(shares[0]))
    elif kind == "image":
        figure.draw_without_rendering()
        for above, below in zip(axes[:2], axes[2:4], strict=True):  # a heat map stands below its image
            np.testing.assert_allclose(above.get_position().intervalx, below.get_position().intervalx, atol=1e-6)
        np.testing.assert_allclose(axes[2].images[0].get_array(), shares[0].reshape(6, 5))
    else:
        lines = axes[2].lines
        np.testing.assert_allclose([line.get_ydata() for line in lines[:2]], shares[0].T)
        assert set(lines[2].get_ydata()) == {0.0}  # the usual
        assert [line.get_color() for line in lines[:2]] == [line.get_color() for line in axes[0].lines]
        assert lines[0].get_color() != lines[1].get_color()
        np.testing.assert_allclose(axes[0].lines[1].get_ydata(), detector.prepare(x[:1])[0, :, 1])
        one = kv.plots.anomalies(detector, x[:2], names=["load", "heat"], most=1)
        worst = ["load", "heat"][shares.sum(axis=(0, 1)).argmax()]
        assert [text.get_text() for text in one.axes[1].get_legend().get_texts()] == [worst]
        with pytest.raises(ValueError, match=r"one for each channel. Expected 2. Received: 1 names"):
            kv.plots.anomalies(detector, x[:2], names=["load"])
    with pytest.raises(ValueError, match="at most 6 rows"):
        kv.plots.anomalies(detector, x[:7])
    plt.close("all")


@pytest.mark.on_torch
def test_pictures_have_the_labels_of_the_frame(detector):
    frame = pd.DataFrame(X[:2], index=["anna", 17])
    titles = [ax.get_title().split(":")[0] for ax in kv.plots.anomalies(detector, frame).axes]
    assert titles == ["row anna", "row 17"]
    assert kv.plots.anomalies(detector, X[:2].tolist()).axes[1].get_title().startswith("row 1:")
    plt.close("all")
