"""Losses of pythae on equal numbers, where it is installed: `pip install pythae`, on the torch backend.

What is compared is each model's `loss_function`, given equal reconstructions, parameters of q(z | x) and draws. Where
theirs is another quantity, the test says which, and that ours is what the paper defines.
"""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv

models = pytest.importorskip("pythae.models", reason="pythae is not installed")
torch = pytest.importorskip("torch")
if keras.backend.backend() != "torch":
    pytest.skip("pythae is written for torch", allow_module_level=True)

ROWS, WIDTH, LATENT = 6, 5, 3


def numbers(*shape, seed=0):
    return torch.tensor(np.random.default_rng([seed, *shape]).normal(size=shape), dtype=torch.float32)


X = torch.sigmoid(numbers(ROWS, WIDTH, seed=1))
LOC, LOG_VAR = numbers(ROWS, LATENT, seed=2), 0.5 * numbers(ROWS, LATENT, seed=3)
PRIOR_Z = numbers(ROWS, LATENT, seed=4)


def draws(samples=1):
    """z `(rows, samples, latent)` and logits of its reconstruction `(rows, samples, width)`, with gradients by both."""
    loc, log_var = LOC.clone().requires_grad_(), LOG_VAR.clone().requires_grad_()
    z = loc[:, None] + torch.exp(0.5 * log_var[:, None]) * numbers(ROWS, samples, LATENT, seed=5)
    weights = numbers(LATENT, WIDTH, seed=6).requires_grad_()
    return loc, log_var, z, weights, z @ weights


def terms_of(loc, log_var, z, logits):
    """Terms of the same numbers: samples are an axis of their own."""
    samples = z.shape[1]
    posterior = kv.distributions.Gaussian(loc, log_var)
    prior = kv.distributions.Gaussian(torch.zeros_like(loc), torch.zeros_like(loc))
    by_samples = z[:, 0] if samples == 1 else z.transpose(0, 1)
    level = kv.latents.LatentLevel(posterior, prior, by_samples)
    likelihood = kv.distributions.Bernoulli(logits)
    log_likelihood = likelihood.log_prob(X[:, None])
    log_ratio = (prior.log_prob(z.transpose(0, 1)) - posterior.log_prob(z.transpose(0, 1))).T
    return kv.objectives.Terms.of(
        log_likelihood=log_likelihood,
        log_ratio=log_ratio[..., None],
        log_weights=log_likelihood + log_ratio,
        kl=kv.distributions.kl_divergence(posterior, prior)[:, None],
        levels=[level],
        posterior=[posterior],
        z=[z],
        prior_z=[PRIOR_Z[:, None]],
        num_samples=samples,
        seed=0,
        training=False,
    )


def config(cls, **options):
    return cls(input_dim=(WIDTH,), latent_dim=LATENT, reconstruction_loss="bce", **options)


def ours(objective, *given):
    return objective.loss(terms_of(*given)).mean()


def assert_equal(mine, theirs):
    assert float(mine) == pytest.approx(float(theirs), rel=1e-4)


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_beta_vae(beta):
    loc, log_var, z, _, logits = draws()
    model = models.BetaVAE(config(models.BetaVAEConfig, beta=beta))
    theirs = model.loss_function(torch.sigmoid(logits[:, 0]), X, loc, log_var, z[:, 0])[0]
    assert_equal(ours(kv.objectives.ELBO(beta), loc, log_var, z, logits), theirs)


def test_disentangled_beta_vae():
    loc, log_var, z, _, logits = draws()
    model = models.DisentangledBetaVAE(config(models.DisentangledBetaVAEConfig, beta=7.0, C=2.0, warmup_epoch=1))
    theirs = model.loss_function(torch.sigmoid(logits[:, 0]), X, loc, log_var, z[:, 0], 10)[0]
    assert_equal(ours(kv.objectives.Capacity(2.0, beta=7.0), loc, log_var, z, logits), theirs)


def test_beta_tc_vae_with_minibatch_weights():
    loc, log_var, z, _, logits = draws()
    options = {"alpha": 0.5, "beta": 3.0, "gamma": 2.0}
    model = models.BetaTCVAE(config(models.BetaTCVAEConfig, use_mss=False, **options))
    theirs = model.loss_function(torch.sigmoid(logits[:, 0]), X, loc, log_var, z[:, 0], 50)[0]
    assert_equal(ours(kv.objectives.BetaTC(dataset_size=50, **options), loc, log_var, z, logits), theirs)


def test_beta_tc_vae_with_stratified_weights():
    """Theirs gives the weight 1 / N of the own row to the first row of the batch, whichever row z is drawn from.

    Chen et al., appendix C.2: q(z | n*) of the row n* that z was drawn from has the weight 1 / N. In
    `W.view(-1)[::M + 1]`, M is the batch size minus one, so the stride is the batch size, which walks down the first
    column.
    """
    size, data = 4, 10
    theirs = np.exp(models.BetaTCVAE(config(models.BetaTCVAEConfig))._log_importance_weight_matrix(size, data).numpy())
    mine = np.exp(
        ops.convert_to_numpy(kv.objectives.BetaTC(weighting="stratified", dataset_size=data)._log_weights(size))
    )
    assert theirs[1, 0] == pytest.approx(1 / data, rel=1e-5)
    assert np.abs(np.diag(theirs)[1:] - 1 / data).min() > 0.05
    np.testing.assert_allclose(np.diag(mine), 1 / data, rtol=1e-5)
    np.testing.assert_allclose(mine.sum(1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("kernel", ["imq", "rbf"])
def test_info_vae_and_wae(kernel):
    loc, log_var, z, _, logits = draws()
    model = models.INFOVAE_MMD(config(models.INFOVAE_MMD_Config, kernel_choice=kernel, alpha=0.25, lbd=3.0))
    theirs = model.loss_function(torch.sigmoid(logits[:, 0]), X, z[:, 0], PRIOR_Z, loc, log_var)[0]
    # beta = 1 - alpha, mmd_weight = alpha + lambda - 1: with their default lambda of 0.001 the weight is negative
    assert_equal(ours(kv.objectives.InfoVAE(0.75, 2.25, kernel), loc, log_var, z, logits), theirs)

    options = {"kernel_choice": kernel, "reg_weight": 3.0}
    model = models.WAE_MMD(models.WAE_MMD_Config(input_dim=(WIDTH,), latent_dim=LATENT, **options))
    theirs, reconstruction, _ = model.loss_function(torch.sigmoid(logits[:, 0]), X, z[:, 0], PRIOR_Z)
    mine = kv.objectives.Wasserstein(3.0, kernel).loss(terms_of(loc, log_var, z, logits)).mean()
    bernoulli = -kv.distributions.Bernoulli(logits[:, 0]).log_prob(X).mean()
    assert_equal(mine - bernoulli, theirs - reconstruction)  # they have the squared error as the only likelihood


def gradients(loss, *inputs):
    return [gradient.numpy() for gradient in torch.autograd.grad(loss, inputs, retain_graph=True)]


@pytest.mark.parametrize("name", ["IWAE", "CIWAE"])
def test_importance_weighted_bounds_have_their_gradient(name):
    """Theirs is the sum of the normalised weights times log w: the gradient of the bound, and another value.

    The value is below the negative bound, and so no bound of -log p(x).
    """
    loc, log_var, z, weights, logits = draws(4)
    model = getattr(models, name)(config(getattr(models, f"{name}Config"), number_samples=4))
    many = [values[:, None].expand(-1, 4, -1) for values in (loc, log_var)]
    theirs = model.loss_function(torch.sigmoid(logits), X, *many, z)[0]
    objective = kv.objectives.IWAE(4) if name == "IWAE" else kv.objectives.CIWAE(0.5, 4)
    mine = ours(objective, loc, log_var, z, logits)
    for left, right in zip(
        gradients(mine, loc, log_var, weights), gradients(theirs, loc, log_var, weights), strict=True
    ):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-5)
    assert float(theirs) < float(mine), "a sum weighted by w prefers large w"


def test_miwae_takes_the_groups_along_the_other_axis():
    """Theirs normalises over the gradient estimates and averages over the samples: the two numbers change places."""
    groups, samples = 2, 3
    loc, log_var, z, weights, logits = draws(groups * samples)
    options = {"number_gradient_estimates": samples, "number_samples": groups}  # exchanged
    model = models.MIWAE(config(models.MIWAEConfig, **options))

    def in_their_order(values):  # (rows, estimates, samples, ...): of a group the estimates
        return values.reshape(ROWS, groups, samples, -1).transpose(1, 2)

    many = [in_their_order(values[:, None].expand(-1, groups * samples, -1)) for values in (loc, log_var)]
    theirs = model.loss_function(in_their_order(torch.sigmoid(logits)), X, *many, in_their_order(z))[0]
    mine = ours(kv.objectives.MIWAE(groups * samples, groups), loc, log_var, z, logits)
    for left, right in zip(
        gradients(mine, loc, log_var, weights), gradients(theirs, loc, log_var, weights), strict=True
    ):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-5)


def test_adversarial_autoencoder():
    loc, log_var, z, _, logits = draws()
    model = models.Adversarial_AE(config(models.Adversarial_AE_Config, adversarial_loss_scale=0.75))
    _, autoencoder, discriminator = model.loss_function(torch.sigmoid(logits[:, 0]), X, z[:, 0], PRIOR_Z)

    class Logits(keras.layers.Layer):
        def call(self, z, training=False):
            score = model.discriminator(z).embedding  # a probability
            return torch.log(score) - torch.log1p(-score)

    objective = kv.objectives.Adversarial(0.75, discriminator=Logits())
    mine = ours(objective, loc, log_var, z, logits)
    # they add up the two sides of the discriminator's loss, we take their mean
    assert_equal(mine, autoencoder + 0.5 * discriminator)


def test_factor_vae():
    loc, log_var, z, _, logits = draws()
    model = models.FactorVAE(config(models.FactorVAEConfig, gamma=3.0))
    theirs = model.loss_function(torch.sigmoid(logits[:, 0]), X, loc, log_var, z[:, 0], PRIOR_Z)[1]

    class Logits(keras.layers.Layer):
        def call(self, z, training=False):
            scores = model.discriminator(z)
            return scores[:, :1] - scores[:, 1:]

    objective = kv.objectives.Factor(gamma=3.0, discriminator=Logits())
    mine = ours(objective, loc, log_var, z, logits)
    discriminating = objective.trackers[1].result()  # they return it beside the loss of the encoder
    assert_equal(mine - discriminating, theirs)


def test_rae_l2_and_the_gradient_that_rae_gp_takes():
    loc, log_var, z, weights, logits = draws()
    model = models.RAE_L2(models.RAE_L2_Config(input_dim=(WIDTH,), latent_dim=LATENT, embedding_weight=0.3))
    theirs, reconstruction, _ = model.loss_function(torch.sigmoid(logits[:, 0]), X, z[:, 0])
    terms = terms_of(loc, log_var, z, logits).replace(decoder_weights=[])
    mine = kv.objectives.Regularized(0.3, 0.0).loss(terms).mean() + terms.log_likelihood.mean()
    assert_equal(mine, theirs - reconstruction)  # the decoder's weights are left to the optimizer there
    del weights
    # theirs is the gradient of the sum of all pixels by the image, not the Jacobian of the decoder (Ghosh et al.,
    # equation 7): two pixels that change against each other have a Jacobian and no gradient of their sum
    image = X.clone().requires_grad_()
    opposite = torch.cat([image, -image], dim=1)
    model = models.RAE_GP(models.RAE_GP_Config(input_dim=(WIDTH,), latent_dim=LATENT))
    model.device = "cpu"
    assert float(model._compute_gp(opposite, image).max()) == 0.0
