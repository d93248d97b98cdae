"""Objectives against NumPy in float64 on fixed numbers, and their gradients against what is known of them."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
from keras import ops

import keras_vae as kv
from keras_vae.backend import gradient
from keras_vae.objectives.combined import parts_of
from keras_vae.objectives.factor import permuted_dimensions
from keras_vae.objectives.path_gradients import path_log_ratio
from keras_vae.objectives.regularized import squared_jacobian
from keras_vae.objectives.structural_similarity import multiscale_similarity
from tests.mathematics.autodiff import jacobian
from tests.models.small import small_vae, vectors
from tests.models.test_log_likelihood import data, exact_log_likelihood, linear_gaussian, trained

RNG = np.random.default_rng(0)
LOG_LIKELIHOOD = RNG.normal(-20.0, 3.0, (5, 4))
LOG_RATIO = RNG.normal(-3.0, 2.0, (5, 4, 2))
KL = RNG.uniform(0.0, 4.0, (5, 2))
KL_PER_DIMENSION = [RNG.uniform(0.0, 1.0, (5, 3)), RNG.uniform(0.0, 1.0, (5, 2, 2))]
LOG_WEIGHTS = LOG_LIKELIHOOD + LOG_RATIO.sum(axis=2)
LOC, LOG_VAR, EPSILON = RNG.normal(size=(3, 5, 3)) * np.array([1.0, 0.5, 1.0])[:, None, None]
Z = LOC + np.exp(0.5 * LOG_VAR) * EPSILON


def given(**values):
    """Terms of fixed numbers, float32."""
    values = {name: keras.tree.map_structure(lambda a: np.asarray(a, "float32"), v) for name, v in values.items()}
    return kv.objectives.Terms.of(**values)


def gaussian_terms(log_likelihood=LOG_LIKELIHOOD[:, :1]):
    """Terms of five Gaussian posteriors of three dimensions, and one draw from each."""
    posterior = kv.distributions.Gaussian(LOC, LOG_VAR)
    prior = kv.distributions.Gaussian(np.zeros_like(LOC), np.zeros_like(LOC))
    terms = given(log_likelihood=log_likelihood, z=[Z[:, None]], prior_z=[EPSILON[:, None]])
    level = kv.latents.LatentLevel(posterior, prior, ops.convert_to_tensor(Z.astype("float32")))
    return terms.replace(levels=[level], posterior=[posterior], seed=0, training=False)


def losses(objective, terms):
    return ops.convert_to_numpy(objective.loss(terms)).astype("float64")


def gaussian_log_prob(z, loc, log_var):
    return -0.5 * (np.log(2 * np.pi) + log_var + (z - loc) ** 2 / np.exp(log_var))


# Values -----------------------------------------------------------------------------------------------


def log_mean_exp(values, axis):
    return scipy.special.logsumexp(values, axis=axis) - np.log(values.shape[axis])


BOUNDS = {
    "iwae": (lambda gradient: kv.objectives.IWAE(4, gradient), log_mean_exp(LOG_WEIGHTS, 1)),
    "miwae": (
        lambda gradient: kv.objectives.MIWAE(4, 2, gradient),
        log_mean_exp(LOG_WEIGHTS.reshape(5, 2, 2), 2).mean(1),
    ),
    "ciwae": (
        lambda gradient: kv.objectives.CIWAE(0.3, 4, gradient),
        0.3 * LOG_WEIGHTS.mean(1) + 0.7 * log_mean_exp(LOG_WEIGHTS, 1),
    ),
    "renyi": (lambda gradient: kv.objectives.Renyi(0.4, 4, gradient), log_mean_exp(0.6 * LOG_WEIGHTS, 1) / 0.6),
    "renyi above one": (
        lambda gradient: kv.objectives.Renyi(2.0, 4, gradient),
        -log_mean_exp(-LOG_WEIGHTS, 1),
    ),
    "renyi, the largest": (lambda gradient: kv.objectives.Renyi(-np.inf, 4), LOG_WEIGHTS.max(1)),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_of_importance_weights(name):
    make, expected = BOUNDS[name]
    terms = given(log_likelihood=LOG_LIKELIHOOD, log_ratio=LOG_RATIO)
    terms = terms.replace(log_weights=np.asarray(LOG_WEIGHTS, "float32"))
    np.testing.assert_allclose(losses(make("standard"), terms), -expected, rtol=1e-5)


def test_elbo_autoencoder_and_capacity():
    terms = given(log_likelihood=LOG_LIKELIHOOD, kl=KL)
    reconstruction = -LOG_LIKELIHOOD.mean(1)
    for objective, expected in (
        (kv.objectives.ELBO(0.5, 4), reconstruction + 0.5 * KL.sum(1)),
        (kv.objectives.Autoencoder(), reconstruction),
        (kv.objectives.Capacity(3.0, 7.0, 4), reconstruction + 7.0 * np.abs(KL.sum(1) - 3.0)),
    ):
        np.testing.assert_allclose(losses(objective, terms), expected, rtol=1e-5)


@pytest.mark.parametrize("average", ["batch", "example"])
@pytest.mark.parametrize("per", ["dimension", "level"])
def test_free_bits(per, average):
    terms = given(log_likelihood=LOG_LIKELIHOOD, kl=KL, kl_per_dimension=KL_PER_DIMENSION)
    parts = KL if per == "level" else np.concatenate([kl.reshape(5, -1) for kl in KL_PER_DIMENSION], axis=1)
    parts = parts.mean(0, keepdims=True) if average == "batch" else parts
    expected = np.maximum(parts, 0.5).sum(1) - LOG_LIKELIHOOD.mean(1)
    np.testing.assert_allclose(losses(kv.objectives.FreeBits(0.5, per, average, 4), terms), expected, rtol=1e-5)


@pytest.mark.parametrize(("weighting", "dataset_size"), [("minibatch", None), ("minibatch", 50), ("stratified", 50)])
def test_total_correlation_from_a_batch(weighting, dataset_size):
    objective = kv.objectives.BetaTC(3.0, 0.5, 2.0, weighting, dataset_size)
    pairwise = gaussian_log_prob(Z[:, None], LOC[None], LOG_VAR[None])  # of the draw of i under the posterior of k
    weights = np.full((5, 5), 1.0 / (5 * (dataset_size or 1)))
    if weighting == "stratified":
        # one other row stands for those outside of the batch: Chen et al., appendix C.2
        weights = np.full((5, 5), 1.0 / 4)
        weights[np.arange(5), (np.arange(5) + 1) % 5] = (50 - 4) / (50 * 4)
        weights[np.arange(5), np.arange(5)] = 1.0 / 50
        np.testing.assert_allclose(weights.sum(1), 1.0)
    log_q_z = np.log((weights * np.exp(pairwise.sum(2))).sum(1))
    log_product = np.log((weights[..., None] * np.exp(pairwise)).sum(1)).sum(1)
    log_q = gaussian_log_prob(Z, LOC, LOG_VAR).sum(1)
    log_p = gaussian_log_prob(Z, 0.0, np.zeros(3)).sum(1)
    parts = [log_q - log_q_z, log_q_z - log_product, log_product - log_p]
    for found, expected in zip(objective.parts(gaussian_terms()), parts, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-4, atol=1e-5)
    expected = 0.5 * parts[0] + 3.0 * parts[1] + 2.0 * parts[2] - LOG_LIKELIHOOD[:, 0]
    np.testing.assert_allclose(losses(objective, gaussian_terms()), expected, rtol=1e-4)
    assert [float(tracker.result()) for tracker in objective.part_trackers] == pytest.approx(
        [part.mean() for part in parts], rel=1e-4, abs=1e-5
    )


def test_total_correlation_of_correlated_means():
    """With points in place of posteriors q(z) is the distribution of the means, here a Gaussian of correlation 0.9."""
    correlation, rows = 0.9, 1500
    rng = np.random.default_rng(1)
    covariance = np.array([[1.0, correlation], [correlation, 1.0]])
    width = 0.15**2  # of the posteriors, which adds to the variance of the means
    loc = rng.multivariate_normal(np.zeros(2), covariance - width * np.eye(2), rows).astype("float32")
    z = (loc + np.sqrt(width) * rng.normal(size=loc.shape)).astype("float32")
    posterior = kv.distributions.Gaussian(loc, np.full_like(loc, np.log(width)))
    prior = kv.distributions.Gaussian(np.zeros_like(loc), np.zeros_like(loc))
    terms = kv.objectives.Terms.of(levels=[kv.latents.LatentLevel(posterior, prior, ops.convert_to_tensor(z))])
    information, found, single = (
        float(ops.mean(part)) for part in kv.objectives.BetaTC(dataset_size=None).parts(terms)
    )
    assert found == pytest.approx(-0.5 * np.log(1 - correlation**2), abs=0.1)
    assert single == pytest.approx(0.0, abs=0.05)
    assert information == pytest.approx(0.5 * np.log(np.linalg.det(covariance) / width**2), abs=0.15)


@pytest.mark.parametrize("variant", ["I", "II"])
def test_dip(variant):
    covariance = np.cov(LOC.T, bias=True)
    if variant == "II":
        covariance = covariance + np.diag(np.exp(LOG_VAR).mean(0))
    squares = (covariance - np.eye(3)) ** 2
    expected = 2.0 * (squares.sum() - np.trace(squares)) + 5.0 * np.trace(squares) - LOG_LIKELIHOOD[:, 0]
    objective = kv.objectives.DIP("autoencoder", variant, off_diagonal=2.0, diagonal=5.0)
    np.testing.assert_allclose(losses(objective, gaussian_terms()), expected, rtol=1e-5)


def discrepancy(a, b, kernel, bandwidth):
    width = 2 * a.shape[1] * bandwidth**2

    def of(first, second):
        distances = ((first[:, None] - second[None]) ** 2).sum(2)
        if kernel == "rbf":
            return np.exp(-distances / width)
        scales = np.array([0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0])[:, None, None] * width
        return (scales / (scales + distances)).sum(0)

    off = ~np.eye(len(a), dtype=bool)
    return of(a, a)[off].mean() + of(b, b)[off].mean() - 2 * of(a, b).mean()


@pytest.mark.parametrize("kernel", ["imq", "rbf"])
def test_discrepancies(kernel):
    expected = discrepancy(Z, EPSILON, kernel, 0.7)
    terms = gaussian_terms().replace(kl=np.asarray(KL, "float32"))
    reconstruction = -LOG_LIKELIHOOD[:, 0]
    wasserstein = kv.objectives.Wasserstein(3.0, kernel, 0.7)
    np.testing.assert_allclose(losses(wasserstein, terms), reconstruction + 3.0 * expected, rtol=1e-5)
    info = kv.objectives.InfoVAE(0.25, 3.0, kernel, 0.7)
    np.testing.assert_allclose(losses(info, terms), reconstruction + 0.25 * KL.sum(1) + 3.0 * expected, rtol=1e-5)
    assert float(wasserstein.tracker.result()) == pytest.approx(expected, rel=1e-4)


def linear_discriminator(weights=(0.5, -1.0, 2.0), bias=0.3):
    layer = keras.layers.Dense(1)
    layer.build((None, 3))
    layer.set_weights([np.array(weights, "float32")[:, None], np.array([bias], "float32")])
    return layer, lambda z: z @ np.array(weights) + bias


SPEC = {"latent_shapes": [(3,)], "data_shape": (4,)}


def built(objective):
    objective.build(SPEC)
    return objective


def test_adversarial():
    layer, logit = linear_discriminator()
    objective = built(kv.objectives.Adversarial(2.0, discriminator=layer))
    misleading = np.log1p(np.exp(-logit(Z)))
    discriminating = 0.5 * (np.log1p(np.exp(-logit(EPSILON))) + np.log1p(np.exp(logit(Z))))
    expected = 2.0 * misleading + discriminating - LOG_LIKELIHOOD[:, 0]
    np.testing.assert_allclose(losses(objective, gaussian_terms()), expected, rtol=1e-5)


def test_factor():
    layer, logit = linear_discriminator()
    objective = built(kv.objectives.Factor("autoencoder", 4.0, discriminator=layer))
    permuted = ops.convert_to_numpy(permuted_dimensions(ops.convert_to_tensor(Z.astype("float32")), 0))
    for column in range(3):
        np.testing.assert_allclose(np.sort(permuted[:, column]), np.sort(Z[:, column]), rtol=1e-6)
    discriminating = 0.5 * (np.log1p(np.exp(-logit(Z))) + np.log1p(np.exp(logit(permuted))))
    expected = 4.0 * logit(Z) + discriminating - LOG_LIKELIHOOD[:, 0]
    np.testing.assert_allclose(losses(objective, gaussian_terms()), expected, rtol=1e-5)


def test_permuted_columns_are_independent():
    column = RNG.normal(size=(4000, 1)).astype("float32")
    z = ops.convert_to_tensor(np.repeat(column, 2, axis=1))
    permuted = ops.convert_to_numpy(permuted_dimensions(z, 3))
    assert abs(np.corrcoef(permuted.T)[0, 1]) < 0.06


def test_regularized_by_the_length_of_the_weights():
    weights = [keras.Variable(np.array([[1.0, 2.0]], "float32")), keras.Variable(np.array([3.0], "float32"))]
    terms = gaussian_terms().replace(decoder_weights=weights)
    expected = 0.2 * 0.5 * (Z**2).sum(1) + 0.1 * 14.0 - LOG_LIKELIHOOD[:, 0]
    np.testing.assert_allclose(losses(kv.objectives.Regularized(0.2, 0.1), terms), expected, rtol=1e-5)


def test_regularized_by_the_jacobian():
    """In expectation over the direction of the output, its squared norm by autodiff."""
    vae = small_vae(posterior="deterministic", objective=kv.objectives.Regularized(penalty="gradient"))
    x = vectors(1)
    one = vae.terms(ops.convert_to_tensor(x), seed=0)
    matrix = jacobian(lambda z: one.decode(z).mean(), ops.convert_to_numpy(one.latents[0]))
    many = vae.terms(ops.convert_to_tensor(np.repeat(x, 4000, axis=0)), seed=1)
    found = ops.convert_to_numpy(squared_jacobian(many))
    assert found.mean() == pytest.approx((matrix**2).sum(), abs=4 * found.std() / np.sqrt(len(found)))
    assert found.std() > 0


# Structural similarity --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(28, 28, 1), (45, 60, 3), (180, 190, 1)])
def test_multiscale_similarity_is_that_of_tensorflow(shape):
    tf = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(0)
    a = rng.random((2, *shape)).astype("float32")
    b = np.clip(a + 0.3 * rng.normal(size=a.shape), 0, 1).astype("float32")
    scales = {28: 2, 45: 3, 180: 5}[shape[0]]
    exponents = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:scales])
    height, width = (size - size % 2 ** (scales - 1) for size in shape[:2])  # TensorFlow pads odd sizes
    a, b = a[:, :height, :width], b[:, :height, :width]
    expected = tf.image.ssim_multiscale(a, b, 1.0, power_factors=tuple(exponents / exponents.sum())).numpy()
    np.testing.assert_allclose(ops.convert_to_numpy(multiscale_similarity(a, b)), expected, rtol=2e-4)


def test_ms_ssim_replaces_the_reconstruction():
    vae = kv.VAE((8, 8, 1), 2, objective=kv.objectives.MSSSIM(kv.objectives.ELBO(0.5, 2), 50.0, 0.25), seed=0)
    x = np.random.default_rng(0).random((3, 8, 8, 1)).astype("float32")
    terms = vae.terms(ops.convert_to_tensor(x), seed=0, num_samples=2)
    mean = ops.convert_to_numpy(terms.likelihood.mean())
    similarity = ops.convert_to_numpy(multiscale_similarity(np.concatenate([x, x]), mean)).reshape(2, 3).mean(0)
    kl, log_likelihood = (ops.convert_to_numpy(value).mean(1) for value in (terms.kl, terms.log_likelihood))
    expected = 50.0 * (1.0 - similarity) - 0.25 * log_likelihood + 0.5 * kl
    np.testing.assert_allclose(losses(vae.objective, terms), expected, rtol=1e-5)


# Gradients --------------------------------------------------------------------------------------------


def change_of_weights(vae, x, seed=0):
    """The gradient of the loss by the weights of encoder with posterior, and of the decoder: one step of length one."""
    vae.seed_generator.state.assign([seed, 0])
    before = vae.get_weights()
    vae.train_on_batch(x)
    after = {variable.path: ops.convert_to_numpy(variable) for variable in vae.weights}
    start = dict(zip(after, before, strict=True))
    vae.set_weights(before)
    parts = []
    for layers in ((vae.encoder, vae.posterior), (vae.decoder,)):
        weights = [weight for layer in layers for weight in layer.trainable_weights]
        parts.append(np.concatenate([(start[w.path] - after[w.path]).ravel() for w in weights]))
    return parts


def with_objective(objective, **options):
    """A small model with the same weights for every objective."""
    keras.utils.set_random_seed(0)
    vae = kv.VAE(
        (3,),
        2,
        encoder=kv.encoders.MLP((8,), activation="tanh"),
        decoder=kv.decoders.MLP((8,), activation="tanh"),
        likelihood=kv.likelihoods.Gaussian(0.5),
        objective=objective,
        seed=0,
        **options,
    )
    # one step is not worth compiling, but where every operation is compiled by itself
    vae.compile(keras.optimizers.SGD(1.0), run_eagerly=keras.backend.backend() != "jax")
    return vae


BOUNDS_WITH_DREG = {
    "iwae": lambda gradient: kv.objectives.IWAE(3, gradient),
    "miwae": lambda gradient: kv.objectives.MIWAE(6, 2, gradient),
    "ciwae": lambda gradient: kv.objectives.CIWAE(0.5, 3, gradient),
    "renyi": lambda gradient: kv.objectives.Renyi(0.5, 3, gradient),
}


@pytest.mark.parametrize("name", BOUNDS_WITH_DREG)
def test_dreg_is_unbiased_and_the_decoders_gradient_is_the_same(name):
    x = data(1).repeat(1000, axis=0)
    models = [with_objective(BOUNDS_WITH_DREG[name](estimate)) for estimate in ("standard", "dreg")]
    differences = []
    for seed in range(8):
        (encoder, decoder), (other_encoder, other_decoder) = (change_of_weights(vae, x, seed) for vae in models)
        np.testing.assert_allclose(other_decoder, decoder, rtol=1e-3, atol=1e-5)
        differences.append(other_encoder - encoder)
    differences = np.array(differences, "float64")
    noise = differences.std(0, ddof=1) / np.sqrt(len(differences))
    moving = noise > 1e-7  # the others have no gradient
    assert moving.sum() > 10, "it is another estimate"
    # Student's t of seven degrees of freedom: above 8 once in 10^4
    assert np.abs(differences.mean(0)[moving] / noise[moving]).max() < 8.0


def test_dreg_has_less_noise_with_many_samples():
    """Rainforth et al. (2018): the signal of the standard gradient fades. Relative noise over repeated steps."""
    noise = []
    for name in ("standard", "dreg"):
        vae = with_objective(kv.objectives.IWAE(50, name))
        found = np.stack([change_of_weights(vae, data(1), seed)[0] for seed in range(12)])
        noise.append(np.linalg.norm(found.std(0)) / np.linalg.norm(found.mean(0)))
    assert noise[1] < 0.5 * noise[0]


def test_stl_has_no_noise_at_the_true_posterior():
    """There log w is constant in z, so the gradient of every single draw is zero, and not only its mean."""
    x = ops.convert_to_tensor(np.zeros((50, 1), "float32"))
    # p(z) = N(0, 1) and p(x|z) = N(x; z, 1), so the posterior is N(x / 2, 1 / 2)
    exact = ops.concatenate([0.5 * x, ops.full((50, 1), np.log(0.5))], axis=1)
    prior = kv.distributions.Gaussian(ops.zeros((50, 1)), ops.zeros((50, 1)))

    def log_weights(parameters, log_ratio_of):
        q = kv.distributions.Gaussian(parameters[:, :1], parameters[:, 1:])
        z = q.sample(0)
        levels = [kv.latents.LatentLevel(q, prior, z)]
        log_likelihood = -0.5 * ops.sum(ops.square(x - z), axis=1)
        return log_likelihood + log_ratio_of(kv.objectives.Terms.of(levels=levels, num_samples=1))[:, 0]

    def standard(terms):
        level = terms.levels[0]
        return (level.prior.log_prob(level.z) - level.posterior.log_prob(level.z))[:, None]

    noisy, still = (
        ops.convert_to_numpy(gradient(lambda parameters, of=of: log_weights(parameters, of), exact))
        for of in (standard, path_log_ratio)
    )
    np.testing.assert_allclose(still, 0.0, atol=1e-5)
    assert noisy.std(0).min() > 0.1


def test_piwae_gives_the_encoder_miwae_and_the_decoder_iwae():
    x = data(20)
    encoder, decoder = change_of_weights(with_objective(kv.objectives.PIWAE(6, 2)), x)
    of_encoder, _ = change_of_weights(with_objective(kv.objectives.MIWAE(6, 2)), x)
    _, of_decoder = change_of_weights(with_objective(kv.objectives.IWAE(6)), x)
    np.testing.assert_allclose(encoder, of_encoder, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(decoder, of_decoder, rtol=1e-3, atol=1e-5)


def test_bounds_lie_between_the_elbo_and_the_evidence():
    vae, x = trained(linear_gaussian()), data()
    exact = exact_log_likelihood(x).mean()
    found = {}
    for objective in (
        kv.objectives.ELBO(num_samples=8),
        kv.objectives.MIWAE(8, 2),
        kv.objectives.CIWAE(0.5, 8),
        kv.objectives.Renyi(0.5, 8),
        kv.objectives.IWAE(8),
    ):
        terms = vae.terms(ops.convert_to_tensor(x), seed=0, num_samples=8)
        found[type(objective).__name__] = -losses(objective, terms).mean()
    assert found["ELBO"] < found["Renyi"] < found["IWAE"] < exact + 0.02
    assert found["ELBO"] < found["CIWAE"] < found["IWAE"]
    assert found["ELBO"] < found["MIWAE"] < found["IWAE"]


@pytest.mark.parametrize("name", ["factor", "adversarial"])
def test_each_side_of_a_discriminator_has_its_own_loss(name):
    """The discriminator's step is that of its loss alone, whatever the factor of the encoder's term."""
    steps = []
    for factor in (0.0, 3.0):
        discriminator = keras.layers.Dense(1)
        options = {"discriminator": discriminator, "gamma" if name == "factor" else "weight": factor}
        objective = kv.objectives.Factor(**options) if name == "factor" else kv.objectives.Adversarial(**options)
        vae = with_objective(objective, posterior="gaussian")
        discriminator.set_weights([np.array([[0.5], [-1.0]], "float32"), np.zeros(1, "float32")])
        before = ops.convert_to_numpy(discriminator.kernel)
        encoder, decoder = change_of_weights(vae, data(32))
        vae.seed_generator.state.assign([0, 0])
        vae.train_on_batch(data(32))
        steps.append((before - ops.convert_to_numpy(discriminator.kernel), encoder, decoder))
    (kernel, encoder, decoder), (other_kernel, other_encoder, other_decoder) = steps
    np.testing.assert_allclose(other_kernel, kernel, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(other_decoder, decoder, rtol=1e-4, atol=1e-6)
    assert np.linalg.norm(kernel) > 1e-3
    assert np.linalg.norm(other_encoder - encoder) > 1e-3 * np.linalg.norm(encoder)


# Combinations -----------------------------------------------------------------------------------------


def test_objectives_combine():
    head = kv.objectives.Supervised(kv.objectives.DIP(kv.objectives.Factor("capacity", gamma=2.0)))
    vae = small_vae(objective=head)
    vae.compile("adam")
    logs = vae.fit(vectors(32), np.zeros(32, "float32"), verbose=0).history
    names = {"total_correlation", "discriminator_loss", "dip_loss", "prediction_loss", "kl_loss"}
    assert names <= set(logs)
    assert [type(part).__name__ for part in parts_of(head)] == ["Supervised", "DIP", "Factor", "Capacity"]


def test_a_target_is_predicted_whatever_is_around_the_head():
    vae = small_vae(objective=kv.objectives.DIP("supervised"))
    assert vae.objective.uses_y
    assert vae.predict_target(vectors(3)).shape == (3, 1)


@pytest.mark.parametrize("name", ["IWAE", "MIWAE", "Renyi", "CIWAE"])
def test_importance_weights_of_another_objective_are_refused(name):
    with pytest.raises(ValueError, match=rf"{name} is made of importance weights.*cannot be combined"):
        getattr(kv.objectives, name)(kv.objectives.BetaTC())


def test_one_term_twice_is_refused():
    with pytest.raises(ValueError, match="DIP inside of DIP"):
        kv.objectives.DIP(kv.objectives.Supervised("dip"))


def test_free_bits_say_what_they_need():
    vae = small_vae(prior=kv.priors.Mixture(3), objective="free_bits")
    with pytest.raises(NotImplementedError, match=r"free_bits.*per='level'"):
        vae.objective.loss(vae.terms(ops.convert_to_tensor(vectors(3)), seed=0))


@pytest.mark.parametrize("inner", [kv.objectives.IWAE, kv.objectives.PIWAE])
def test_a_similarity_is_no_density(inner):
    with pytest.raises(ValueError, match="made of densities, and a similarity is none"):
        kv.objectives.MSSSIM(kv.objectives.DIP(inner()))


@pytest.mark.parametrize(
    "objective",
    [
        kv.objectives.ELBO(gradient="stl"),
        kv.objectives.IWAE(gradient="dreg"),
        kv.objectives.PIWAE(),
        kv.objectives.BetaTC(),
    ],
    ids=lambda objective: type(objective).__name__,
)
def test_levels_that_depend_on_each_other_are_refused(objective):
    with pytest.raises(ValueError, match="do not depend on each other"):
        small_vae(latent_dim=(2, 2), prior="hierarchical", objective=objective)


def test_products_are_independent():
    latents = kv.latents.Product([kv.latents.Single(2), kv.latents.Single(1)])
    for objective in (kv.objectives.BetaTC(), kv.objectives.IWAE(2, "dreg"), kv.objectives.PIWAE(4)):
        vae = small_vae(latent_dim=None, latents=latents, objective=objective)
        vae.compile("adam")
        assert np.isfinite(vae.fit(vectors(32), verbose=0).history["loss"]).all()
        latents = kv.latents.Product([kv.latents.Single(2), kv.latents.Single(1)])


@pytest.mark.parametrize("posterior", ["iaf", "full_covariance"])
def test_posteriors_that_do_not_fit_are_named(posterior):
    objective = kv.objectives.ELBO(gradient="stl") if posterior == "iaf" else kv.objectives.BetaTC()
    vae = small_vae(posterior=posterior, objective=objective)
    with pytest.raises((NotImplementedError, ValueError), match=r"a flow|independent dimensions"):
        vae.objective.loss(vae.terms(ops.convert_to_tensor(vectors(3)), seed=0))


def test_a_model_of_points_has_no_kl_and_says_so():
    vae = small_vae(objective="autoencoder")
    vae.compile("adam")
    assert set(vae.fit(vectors(32), verbose=0).history) == {"loss", "reconstruction_loss"}
    assert np.array_equal(vae.encode(vectors(3)), vae.encode(vectors(3), "sample", seed=1))
    for method in (vae.elbo, vae.log_likelihood):
        with pytest.raises(NotImplementedError, match="no density"):
            method(vectors(3))
    assert vae.generate(2).shape == (2, 6)


# Found by attack --------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", [kv.objectives.IWAE(3, "dreg"), kv.objectives.PIWAE(4)], ids=["dreg", "piwae"])
@pytest.mark.parametrize(
    "layer", [keras.layers.Dropout(0.4), keras.layers.BatchNormalization()], ids=["noise", "batch"]
)
def test_a_decoder_whose_second_pass_differs_is_refused(objective, layer):
    decoder = keras.Sequential([keras.layers.Dense(8), layer])
    with pytest.raises(ValueError, match=f"twice in a step.*{type(layer).__name__}"):
        small_vae(decoder=decoder, objective=objective)
    with pytest.raises(ValueError, match="twice in a step"):
        small_vae(
            decoder=kv.decoders.MLP((8,), dropout=0.1), objective=type(objective).from_config(objective.get_config())
        )


def test_a_similarity_of_masked_images_is_refused():
    vae = kv.VAE((8, 8, 1), 2, objective="ms_ssim", encoder="mlp", decoder="mlp")
    vae.compile("sgd")
    images = np.zeros((4, 8, 8, 1), "float32")
    with pytest.raises(ValueError, match=r"ms_ssim.*without masks"):
        vae.fit(images, sample_weight=np.ones((4, 8, 8, 1)), verbose=0)


def test_padded_steps_have_no_jacobian():
    vae = kv.VAE((5, 2), 2, likelihood="gaussian", encoder="mlp", decoder="mlp", objective="regularized")
    x = np.zeros((2000, 5, 2), "float32")
    mask = np.arange(5) < 1
    found = []
    for given in ({"x": x}, {"x": x, "mask": np.repeat(mask[None], len(x), axis=0)}):
        given = {name: ops.convert_to_tensor(array) for name, array in given.items()}
        found.append(float(ops.mean(squared_jacobian(vae.terms(given, seed=0)))))
    one = vae.terms(ops.convert_to_tensor(x[:1]), seed=0)
    matrix = jacobian(lambda z: one.decode(z).mean(), ops.convert_to_numpy(one.latents[0])).reshape(5, 2, 2)
    expected = np.square(matrix).sum(axis=(1, 2))
    assert found[0] == pytest.approx(expected.sum(), rel=0.15)
    assert found[1] == pytest.approx(expected[0], rel=0.25)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: kv.objectives.DIP("nope"), "Argument `objective` of DIP"),
        (
            lambda: small_vae(
                objective=kv.objectives.Factor(
                    discriminator=keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
                )
            ),
            r"Argument `discriminator`.*\(rows, 2\)",
        ),
    ],
)
def test_errors_name_the_argument(make, match):
    with pytest.raises(ValueError, match=match):
        make()
