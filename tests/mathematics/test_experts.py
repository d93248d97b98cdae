"""Posteriors of several fields, against closed forms, integrals and a linear Gaussian model."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.distributions import ExpertMixture, Gaussian
from keras_vae.posteriors.experts import product
from tests.mathematics import two_fields

RNG = np.random.default_rng(0)
X = two_fields.draw(6)
SUBSETS = [("a", "b"), ("a",), ("b",)]
NAMES = ("product_of_experts", "mixture_of_experts", "mixture_of_products")


def numpy(value):
    return np.asarray(ops.convert_to_numpy(value))


def some(names):
    return {name: X[name] for name in names}


class TestMixture:
    def value(self, event=(1,)):
        loc = RNG.normal(size=(3, 4, *event))
        counted = np.array([[True, True, True, True], [False, True, False, True], [True, False, False, False]])
        components = [Gaussian(loc[:, index], -1.0 + 0.3 * loc[:, index], event_ndims=len(event)) for index in range(4)]
        return ExpertMixture.of(components, counted), components, counted

    def test_density_integrates_to_one_and_has_its_moments(self):
        q, _, _ = self.value()
        grid = np.linspace(-12, 12, 4001).astype("float32")
        density = np.exp(numpy(q.log_prob(np.tile(grid[:, None, None], (1, 3, 1)))))
        step = grid[1] - grid[0]
        np.testing.assert_allclose(density.sum(axis=0) * step, 1.0, atol=1e-4)
        mean = (density * grid[:, None]).sum(axis=0) * step
        np.testing.assert_allclose(numpy(q.mean())[:, 0], mean, atol=1e-3)
        variance = (density * (grid[:, None] - mean) ** 2).sum(axis=0) * step
        np.testing.assert_allclose(numpy(q.variance())[:, 0], variance, rtol=2e-3)

    def test_point_estimate_is_the_mean_of_the_sharpest_that_counts(self):
        q, components, counted = self.value((2, 3))
        found = numpy(q.point_estimate())
        for row, there in enumerate(counted):
            width = [
                numpy(own.log_var)[row].sum() if here else np.inf for own, here in zip(components, there, strict=True)
            ]
            np.testing.assert_allclose(found[row], numpy(components[int(np.argmin(width))].mean())[row], rtol=1e-6)

    def test_point_estimate_of_equally_sharp_ones_is_the_product_of_most(self):
        # All variances are clipped to the same value; the product of both experts is the last component.
        loc = np.array([[0.0, 1.0, 2.0, 1.5]], "float32")[..., None]
        q = ExpertMixture(loc, np.full_like(loc, -25.0), np.array([[-1e30, 0.0, 0.0, 0.0]], "float32"))
        np.testing.assert_allclose(numpy(q.point_estimate()), [[1.5]])

    def test_density_is_the_mean_of_those_that_count(self):
        q, components, counted = self.value((2, 3))
        z = RNG.normal(size=(5, 3, 2, 3)).astype("float32")
        each = np.exp(np.stack([numpy(own.log_prob(z)) for own in components], axis=-1))
        expected = np.log((each * counted).sum(axis=-1) / counted.sum(axis=-1))
        np.testing.assert_allclose(numpy(q.log_prob(z)), expected, rtol=1e-4)

    def test_draws_are_stratified_and_each_is_from_the_mixture(self):
        loc = np.broadcast_to(100.0 * np.arange(3.0)[None, :, None], (2000, 3, 1))
        logits = np.broadcast_to(np.array([0.0, 0.0, -1e30]), (2000, 3)).copy()
        logits[1000:, 2] = 0.0
        q = ExpertMixture(loc, np.zeros((2000, 3, 1)), logits)
        component = np.round(numpy(q.sample(seed=1, num_samples=6))[..., 0] / 100.0)
        for rows, count in ((slice(0, 1000), 2), (slice(1000, 2000), 3)):
            for index in range(count):  # six draws: two or three components have the same number of them in every row
                assert ((component[:, rows] == index).sum(axis=0) == 6 // count).all()
            share = (component[0, rows] == 0).mean()  # one draw by itself may be of any of them
            assert abs(share - 1 / count) < 5 * np.sqrt(0.25 / 1000)
        single = np.round(numpy(q.sample(seed=2))[..., 0] / 100.0)
        assert set(single[:1000]) == {0.0, 1.0}
        assert set(single[1000:]) == {0.0, 1.0, 2.0}

    def test_noise_is_not_that_of_the_component(self):
        q = ExpertMixture(np.zeros((4000, 2, 1)), np.array([0.0, 2.0])[None, :, None], np.zeros((4000, 2)))
        z = numpy(q.sample(seed=3))[:, 0]
        assert abs(z.mean()) < 5 * z.std() / np.sqrt(4000)
        np.testing.assert_allclose(z.var(), 0.5 * (1 + np.exp(2.0)), rtol=0.1)

    def test_temperature(self):
        q, _, _ = self.value()
        cold = numpy(q.tempered(0.0).sample(seed=0, num_samples=50))
        distance = np.abs(cold[:, :, None, :] - numpy(q.loc)[None]).min(axis=2)
        assert distance.max() < 1e-5


class TestProduct:
    def test_closed_form_by_integration(self):
        prior = Gaussian(np.full((1, 1), 0.3), np.full((1, 1), 0.2))
        experts = [
            Gaussian(np.full((1, 1), 1.0), np.full((1, 1), -1.0)),
            Gaussian(np.full((1, 1), -2.0), np.zeros((1, 1))),
        ]
        grid = np.linspace(-10, 10, 4001)[:, None, None].astype("float32")
        for present in itertools.product([True, False], repeat=2):
            log_density = numpy(prior.log_prob(grid)) + sum(
                numpy(own.log_prob(grid)) for own, kept in zip(experts, present, strict=True) if kept
            )
            density = np.exp(log_density[:, 0]) / np.exp(log_density[:, 0]).sum() / 0.005
            q = product(prior, experts, [np.full((1, 1), kept) for kept in present])
            np.testing.assert_allclose(np.exp(numpy(q.log_prob(grid))[:, 0]), density, atol=1e-4)


class TestLinearModel:
    @pytest.mark.parametrize("names", SUBSETS)
    def test_product_is_the_posterior_and_its_bound_the_likelihood(self, names):
        vae = two_fields.exact()
        x = some(names)
        q = vae.encode(x, mode="distribution")
        mean, variance = two_fields.posterior(x, 6)
        np.testing.assert_allclose(numpy(q.mean()), mean, atol=1e-4)
        np.testing.assert_allclose(numpy(q.variance()), np.tile(variance, (6, 1)), rtol=1e-4)
        # Weights of draws from the true posterior are all p(x).
        np.testing.assert_allclose(vae.log_likelihood(x, 3, seed=0), two_fields.log_p(x), atol=1e-3)
        np.testing.assert_allclose(vae.elbo(x, 2000, seed=0), two_fields.log_p(x), atol=0.2)

    @pytest.mark.parametrize("names", SUBSETS)
    @pytest.mark.parametrize("posterior", ["mixture_of_experts", "mixture_of_products"])
    def test_mixtures_estimate_the_likelihood(self, posterior, names):
        vae = two_fields.exact(posterior)
        found = vae.log_likelihood(some(names), 4000, seed=0)
        np.testing.assert_allclose(found, two_fields.log_p(some(names)), atol=0.1)

    def test_components_of_the_mixtures_are_the_posteriors_of_the_subsets(self):
        q = two_fields.exact("mixture_of_products").encode(X, mode="distribution")
        found = numpy(q.loc)
        for index, names in enumerate([(), ("a",), ("b",), ("a", "b")]):
            np.testing.assert_allclose(found[:, index], two_fields.posterior(some(names), 6)[0], atol=1e-4)
        np.testing.assert_allclose(np.exp(numpy(q.log_weights())), np.tile([0, 1 / 3, 1 / 3, 1 / 3], (6, 1)), atol=1e-6)
        of_b = two_fields.exact("mixture_of_products").encode(some("b"), mode="distribution")
        np.testing.assert_allclose(np.exp(numpy(of_b.log_weights())), np.tile([0, 0, 1, 0], (6, 1)), atol=1e-6)
        q = two_fields.exact("mixture_of_experts").encode(some("a"), mode="distribution")
        np.testing.assert_allclose(numpy(q.mean()), two_fields.posterior(some("a"), 6)[0], atol=1e-4)

    @pytest.mark.parametrize("posterior", NAMES)
    def test_nothing_present_is_the_prior(self, posterior):
        vae = two_fields.exact(posterior)
        nothing = {name: np.zeros(6, "bool") for name in X}
        inputs = {"x": X, "present": nothing}
        q = vae.encode(inputs, mode="distribution")
        np.testing.assert_allclose(numpy(q.mean()), 0.0, atol=1e-6)
        np.testing.assert_allclose(numpy(q.variance()), 1.0, rtol=1e-5)
        np.testing.assert_allclose(vae.log_likelihood(inputs, 3, seed=0), 0.0, atol=1e-4)

    @pytest.mark.parametrize("gradient", ["standard", "stl"])
    def test_subsets_are_bounds_of_their_own(self, gradient):
        """With the true posterior each bound is log p of its subset, at any draw."""
        objective = kv.objectives.IWAE(2, gradient=gradient)
        vae = two_fields.exact(objective=kv.objectives.FieldSubsets(objective))
        losses = vae.objective.loss(vae.terms(X, seed=keras.random.SeedGenerator(0), num_samples=2, training=True))
        expected = -sum(two_fields.log_p(some(names)) for names in SUBSETS)
        np.testing.assert_allclose(numpy(losses), expected, atol=2e-3)
        losses = vae.objective.loss(vae.terms(X, seed=keras.random.SeedGenerator(0), num_samples=2))
        np.testing.assert_allclose(numpy(losses), -two_fields.log_p(X), atol=1e-3)

    def test_random_subsets_of_rows_with_absent_fields(self):
        """Each row is the sum of what is present of its subsets: 0, log p(a), log p(b), or both."""
        objective = kv.objectives.FieldSubsets(kv.objectives.IWAE(2), singles=False, random=1)
        vae = two_fields.exact(objective=objective)
        present = {"a": np.array([1, 1, 1, 0, 0, 0], "bool"), "b": np.ones(6, "bool")}
        seed = keras.random.SeedGenerator(0)
        losses = -numpy(
            vae.objective.loss(vae.terms({"x": X, "present": present}, seed=seed, num_samples=2, training=True))
        )
        a, b, both = (two_fields.log_p(some(names)) for names in (("a",), ("b",), ("a", "b")))
        for row, loss in enumerate(losses):
            allowed = [both[row] + a[row], both[row] + b[row]] if present["a"][row] else [b[row], 2 * b[row]]
            assert min(abs(loss - value) for value in allowed) < 2e-3, (row, loss, allowed)

    def test_stratified_bound_of_the_mixture(self):
        """IWAE with one draw from each expert: below log p, and unbiased before the logarithm."""
        vae = two_fields.exact("mixture_of_experts")
        weights = numpy(vae.terms(X, seed=0, num_samples=8000).log_weights).astype("float64")
        pairs = np.logaddexp(weights[:, ::2], weights[:, 1::2]) - np.log(2.0)
        log_p = two_fields.log_p(X)
        assert (pairs.mean(axis=1) < log_p + 0.02).all()
        np.testing.assert_allclose(np.log(np.exp(pairs - log_p[:, None]).mean(axis=1)), 0.0, atol=0.1)
        kl = numpy(vae.terms(X, seed=0, num_samples=4000).kl)[:, 0]
        z = numpy(vae.terms(X, seed=1, num_samples=4000).levels[0].z)
        q = vae.encode(X, mode="distribution")
        independent = numpy(q.log_prob(z)) - numpy(Gaussian(np.zeros((6, 2)), np.zeros((6, 2))).log_prob(z))
        np.testing.assert_allclose(kl, independent.mean(axis=0), atol=0.1)


@pytest.mark.parametrize("names", SUBSETS, ids="".join)
def test_encoding_is_the_true_posterior_of_all_fields_present(names):
    # The mean of the mixture would be drawn to the posteriors of single fields.
    mean, _ = two_fields.posterior(some(names), len(X["a"]))
    np.testing.assert_allclose(two_fields.exact("mixture_of_products").encode(some(names)), mean, rtol=1e-4, atol=1e-5)


def test_weights_of_fields():
    weighted = kv.objectives.FieldWeights({"b": 3.0})
    vae = two_fields.exact(objective=weighted)
    terms = vae.terms(X, seed=0)
    each = terms.likelihood.log_prob_per_field(terms.target)
    expected = numpy(terms.kl)[:, 0] - numpy(each["a"]) - 3.0 * numpy(each["b"])
    np.testing.assert_allclose(numpy(weighted.loss(terms)), expected, rtol=1e-5)
    # the densities stay what they are
    np.testing.assert_allclose(numpy(terms.log_likelihood)[:, 0], numpy(each["a"]) + numpy(each["b"]), rtol=1e-5)
    np.testing.assert_allclose(vae.log_likelihood(X, 3, seed=0), two_fields.log_p(X), atol=1e-3)
    # inside of subsets, and a second pass through the decoder, as for dreg
    vae = two_fields.exact(objective=kv.objectives.FieldSubsets(kv.objectives.FieldWeights({"b": 0.0, "a": 0.0})))
    losses = vae.objective.loss(vae.terms(X, seed=0, training=True))
    kls = [numpy(vae.terms(some(names), seed=0).kl)[:, 0] for names in SUBSETS]
    np.testing.assert_allclose(numpy(losses), sum(kls), rtol=1e-4)
    terms = vae.terms(X, seed=0)
    terms.field_weights = {"b": 3.0}
    np.testing.assert_allclose(
        -numpy(terms.log_likelihood_of(terms.latents))[:, 0] + numpy(terms.kl)[:, 0], expected, rtol=1e-4
    )


@pytest.mark.filterwarnings("ignore:.*fixed scale")
def test_doubly_reparametrised_gradient_of_the_mixture_is_unbiased():
    """The gradient of IWAE of independent draws by the experts' weights, averaged over many rows of one example."""
    many = {name: np.repeat(values, 40000, axis=0) for name, values in two_fields.draw(1, seed=1).items()}
    found = []
    for gradient in ("standard", "dreg"):
        vae = two_fields.exact("mixture_of_experts", objective=kv.objectives.IWAE(2, gradient=gradient))
        assert vae.posterior.independent_draws == (gradient == "dreg")
        vae.posterior.independent_draws = True  # the bound of stratified draws is another one
        vae.compile(keras.optimizers.SGD(1.0))
        before = [numpy(weight) for weight in vae.posterior.trainable_weights]
        vae.fit(many, batch_size=40000, epochs=1, verbose=0)
        found.append(
            np.concatenate(
                [
                    (numpy(weight) - old).ravel()
                    for weight, old in zip(vae.posterior.trainable_weights, before, strict=True)
                ]
            )
        )
    scale = np.abs(found[1]).max()
    assert scale > 1.0
    np.testing.assert_allclose(found[0], found[1], atol=0.05 * scale)  # stratified draws are 0.9 of it away


@pytest.mark.parametrize("posterior", ["mixture_of_experts", "mixture_of_products"])
def test_draws_are_independent_where_the_gradient_needs_it(posterior):
    """Of two stratified draws one is from either component; of independent ones in half of the cases."""
    for gradient, independent in (("standard", False), ("dreg", True)):
        bound = kv.objectives.FieldWeights({}, kv.objectives.IWAE(2, gradient=gradient))
        vae = two_fields.exact(posterior, objective=bound)
        q = vae.encode(X, mode="distribution")
        assert q.stratified != independent
    far = np.broadcast_to(np.array([0.0, 100.0])[None, :, None], (4000, 2, 1))
    for stratified, share in ((True, 1.0), (False, 0.5)):
        z = numpy(ExpertMixture(far, 0 * far, 0 * far[..., 0], stratified=stratified).sample(seed=0, num_samples=2))
        assert z.shape == (2, 4000, 1)
        assert abs(((z > 50).sum(axis=0) == 1).mean() - share) < 0.04
        assert abs((z > 50).mean() - 0.5) < 0.04
