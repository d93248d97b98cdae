"""Groups of latents side by side: their mathematics, their noise, and what a model does with them."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import logsumexp
from scipy.stats import norm

import keras_vae as kv

DATA = np.random.default_rng(0).random((64, 6)).astype("float32")


def classes(number=3, **options):
    return kv.latents.Single(1, prior=kv.priors.UniformCategorical(number), posterior="categorical", **options)


def product(*more):
    return kv.latents.Product([classes(), kv.latents.Single(4), *more])


def model(latents=None, **options):
    networks = {"encoder": kv.encoders.MLP((8,)), "decoder": kv.decoders.MLP((8,))}
    return kv.VAE((6,), latents=product() if latents is None else latents, **{**networks, "seed": 0, **options})


def perturbed(vae):
    """The model away from its initial weights, where heads that start at zero take part."""
    generator = np.random.default_rng(1)
    for weight in vae.trainable_weights:
        weight.assign(ops.convert_to_numpy(weight) + 0.5 * generator.standard_normal(weight.shape))
    return vae


class TestModel:
    @pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
    def test_trains_and_comes_back_from_a_file(self, policy, tmp_path):
        keras.config.set_dtype_policy(policy)
        vae = model()
        vae.compile(keras.optimizers.Adam(0.01))
        history = vae.fit(DATA, epochs=8, batch_size=16, verbose=0).history
        assert {"kl_loss", "kl_loss_1", "kl_loss_2"} <= set(history)
        np.testing.assert_allclose(
            history["kl_loss"][-1], history["kl_loss_1"][-1] + history["kl_loss_2"][-1], rtol=1e-3
        )
        assert np.isfinite(history["loss"]).all()
        assert history["loss"][-1] < history["loss"][0]
        vae.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        assert type(loaded.latents) is kv.latents.Product
        for before, after in zip(vae.encode(DATA), loaded.encode(DATA), strict=True):
            assert before.dtype == np.float32
            np.testing.assert_array_equal(before, after)
        np.testing.assert_array_equal(vae.elbo(DATA, seed=3), loaded.elbo(DATA, seed=3))
        np.testing.assert_array_equal(vae.generate(4, seed=3), loaded.generate(4, seed=3))

    def test_all_that_a_trained_model_does(self):
        vae = perturbed(model())
        c, z = vae.encode(DATA)
        assert c.shape == (64, 1, 3)
        assert z.shape == (64, 4)
        np.testing.assert_allclose(c.sum(axis=-1), 1.0, atol=1e-5)
        np.testing.assert_allclose(vae.decode((c, z)), vae.reconstruct(DATA), atol=1e-5)
        np.testing.assert_allclose(vae.predict(DATA), vae.reconstruct(DATA), atol=1e-5)
        drawn, _ = vae.encode(DATA, mode="sample", seed=0)
        assert set(np.unique(drawn)) == {0.0, 1.0}
        q_c, q_z = vae.encode(DATA, mode="distribution")
        assert (type(q_c).__name__, type(q_z).__name__) == ("OneHotCategorical", "Gaussian")
        assert vae.generate(5).shape == (5, 6)
        path = vae.interpolate(DATA[0], DATA[1], steps=3)
        np.testing.assert_allclose(path[[0, 2]], vae.reconstruct(DATA[:2]), atol=1e-5)

    def test_a_decoder_sees_the_groups_as_one_vector(self):
        vae = model()
        assert vae.latents.level_shapes() == ((1, 3), (4,))
        assert vae.latents.decoder_input_shape() == (7,)
        c, z = np.eye(3, dtype="float32")[[2, 0]][:, None], np.arange(8, dtype="float16").reshape(2, 4)
        seen = vae.latents.decoder_input((ops.convert_to_tensor(c), ops.convert_to_tensor(z)), ops.zeros((2, 0)))
        assert keras.backend.standardize_dtype(seen.dtype) == "float32"
        np.testing.assert_array_equal(ops.convert_to_numpy(seen), [[0, 0, 1, 0, 1, 2, 3], [1, 0, 0, 4, 5, 6, 7]])

    def test_products_of_products_and_spheres(self):
        sphere = kv.latents.Single(3, prior="uniform_sphere", posterior="von_mises_fisher")
        vae = model(product(kv.latents.Product([sphere, kv.latents.Single(2)])))
        assert [z.shape for z in vae.encode(DATA[:2])] == [(2, 1, 3), (2, 4), (2, 3), (2, 2)]
        np.testing.assert_allclose(np.linalg.norm(vae.encode(DATA)[2], axis=1), 1.0, atol=1e-5)
        assert vae.generate(3, fixed={3: [0.0, 1.0]}).shape == (3, 6)

    def test_conditions_reach_every_group(self):
        latents = kv.latents.Product([kv.latents.Single(2, prior="gaussian"), kv.latents.Single(2, prior="gaussian")])
        vae = perturbed(model(latents, condition_shape=(2,)))
        one, other = (vae.terms([DATA, np.full((64, 2), value, "float32")], seed=0).levels for value in (0.0, 1.0))
        for a, b in zip(one, other, strict=True):
            for here, there in ((a.prior, b.prior), (a.posterior, b.posterior)):
                assert np.abs(ops.convert_to_numpy(here.mean()) - ops.convert_to_numpy(there.mean())).max() > 1e-3

    def test_latent_dim_of_the_model(self):
        vae = model(latent_dim=(1, 4))
        assert vae.latents.level_shapes() == ((1, 3), (4,))
        vae = model(kv.latents.Product([kv.latents.Single(), kv.latents.Single(3)]), latent_dim=(2, None))
        assert vae.latents.level_shapes() == ((2,), (3,))


class TestMathematics:
    def test_the_kl_is_the_sum_of_the_groups(self):
        vae = perturbed(model())
        q_c, q_z = vae.encode(DATA, mode="distribution")
        logits, loc, log_var = (ops.convert_to_numpy(part) for part in (q_c.logits, q_z.loc, q_z.log_var))
        kl_c = np.sum(np.exp(logits) * (logits + np.log(3.0)), axis=(1, 2))
        kl_z = 0.5 * np.sum(loc**2 + np.exp(log_var) - 1.0 - log_var, axis=1)
        terms = vae.terms(DATA, seed=0, num_samples=5)
        np.testing.assert_allclose(ops.convert_to_numpy(terms.kl), np.stack([kl_c, kl_z], axis=1), rtol=1e-4, atol=1e-5)
        expected = ops.convert_to_numpy(terms.log_likelihood).mean(axis=1) - kl_c - kl_z
        terms = vae.terms(DATA, seed=0, num_samples=5)
        np.testing.assert_allclose(-ops.convert_to_numpy(vae.objective.loss(terms)), expected, rtol=1e-4)

    def test_log_likelihood_is_that_of_enumeration_and_quadrature(self):
        """Two classes and one real number through a linear decoder: p(x) can be added up."""
        latents = kv.latents.Product([classes(2), kv.latents.Single(1)])
        networks = {"encoder": keras.layers.Identity(), "decoder": keras.layers.Identity()}
        vae = kv.VAE((2,), latents=latents, likelihood=kv.likelihoods.Gaussian(scale=0.7), **networks)
        perturbed(vae.likelihood)
        # Wide posteriors that depend on x a little: few samples are then enough.
        generator = np.random.default_rng(3)
        for weight in latents.trainable_weights:
            weight.assign(0.1 * generator.standard_normal(weight.shape))
        x = np.random.default_rng(2).standard_normal((4, 2)).astype("float32")
        grid = np.linspace(-8.0, 8.0, 801, dtype="float32")
        joint = []
        for kind in range(2):
            c = np.tile(np.eye(2, dtype="float32")[kind], (len(grid), 1, 1))
            means = vae.decode((c, grid[:, None]))
            log_x = norm.logpdf(x[:, None], means[None], 0.7).sum(axis=-1)
            joint.append(np.log(0.5) + norm.logpdf(grid) + log_x + np.log(grid[1] - grid[0]))
        exact = logsumexp(np.concatenate(joint, axis=1), axis=1)
        estimated = vae.log_likelihood(x, num_samples=20000, batch_size=80000, seed=0)
        np.testing.assert_allclose(estimated, exact, atol=0.05)
        assert np.all(vae.elbo(x, 500, seed=0) < exact + 0.02)

    def test_a_vamp_prior_is_made_of_its_own_groups_posteriors(self):
        prior = kv.priors.VampPrior(5, seed=0)
        vae = model(kv.latents.Product([classes(), kv.latents.Single(2), kv.latents.Single(2, prior=prior)]))
        vae.compile()
        vae.fit(DATA, verbose=0)
        perturbed(vae)
        vae.latents.groups[2].prior.pseudo_inputs.assign(DATA[:5])
        terms = vae.terms(DATA[:3], seed=0)
        own = vae.encode(DATA[:5])
        np.testing.assert_allclose(ops.convert_to_numpy(terms.levels[2].prior.loc), own[2], atol=1e-5)
        assert np.abs(own[1] - own[2]).max() > 1e-3
        prepared = vae.latents.prepare(vae.forward_pass.encode)
        assert set(prepared) == {"2"}
        assert vae.log_likelihood(DATA[:3], 10).shape == (3,)
        with_it = vae.terms(DATA[:3], seed=0, prepared=prepared).log_ratio
        np.testing.assert_allclose(*map(ops.convert_to_numpy, (with_it, terms.log_ratio)), atol=1e-4)
        assert vae.generate(4, fixed={0: 1}).shape == (4, 6)


class TestNoise:
    @pytest.mark.parametrize("seed", [0, kv.backend.SeedGenerator(0)], ids=["int", "generator"])
    @pytest.mark.parametrize("num_samples", [None, 4])
    def test_every_group_has_its_own(self, seed, num_samples):
        latents = model(kv.latents.Product([kv.latents.Single(2) for _ in range(3)])).latents
        features, context = ops.zeros((5, 8)), ops.zeros((5, 0))
        levels = latents.infer(features, context, seed=seed, num_samples=num_samples)
        noise = [ops.convert_to_numpy(level.z - level.posterior.mean()) for level in levels]
        assert noise[0].shape == (5, 2) if num_samples is None else (4, 5, 2)
        drawn = [ops.convert_to_numpy(z) for z in latents.generate(context, seed=seed)]
        for group in (noise, drawn):
            for a, b in itertools.combinations(group, 2):
                assert np.abs(a - b).max() > 1e-2

    def test_deterministic_latents_are_the_means(self):
        latents = perturbed(model()).latents
        features, context = ops.ones((5, 8)), ops.zeros((5, 0))
        for samples in (None, 2):
            for level in latents.infer(features, context, num_samples=samples, deterministic=True):
                mean = ops.convert_to_numpy(level.posterior.mean())
                expected = mean if samples is None else np.stack([mean, mean])
                np.testing.assert_array_equal(ops.convert_to_numpy(level.z), expected)


class TestFeatures:
    def test_an_encoder_may_give_each_group_its_own(self):
        x = keras.Input((6,))
        encoder = keras.Model(x, [keras.layers.Dense(5)(x), keras.layers.Dense(7)(x)])
        vae = perturbed(model(encoder=encoder))
        before = vae.encode(DATA)
        encoder.layers[-1].kernel.assign(ops.zeros((6, 7)))
        after = vae.encode(DATA)
        np.testing.assert_array_equal(before[0], after[0])
        assert np.ptp(after[1], axis=0).max() < 1e-6 < np.ptp(before[1], axis=0).max()
        vae.compile()
        vae.fit(DATA, verbose=0)

    def test_as_many_as_there_are_groups(self):
        x = keras.Input((6,))
        encoder = keras.Model(x, [keras.layers.Dense(5)(x) for _ in range(3)])
        with pytest.raises(ValueError, match="gives 3 feature tensors, and there are 2 groups"):
            model(encoder=encoder)


class TestFixed:
    def test_a_class_for_all_rows(self):
        vae = perturbed(model())
        means = [vae.generate(5, fixed={0: kind}, temperature=0.0) for kind in range(3)]
        for mean in means:
            np.testing.assert_allclose(mean, mean[:1].repeat(5, axis=0), atol=1e-6)
        for a, b in itertools.combinations(means, 2):
            assert np.abs(a - b).max() > 1e-3

    def test_in_every_form(self):
        vae = perturbed(model())
        z = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")
        kinds = np.array([2, 0, 1])
        one_hot = np.eye(3, dtype="float32")[kinds][:, None]
        expected = vae.decode((one_hot, z))
        for given in (kinds, one_hot, ops.convert_to_tensor(one_hot)):
            np.testing.assert_allclose(vae.generate(3, fixed={1: z, 0: given}), expected, atol=1e-6)
        same = vae.generate(3, fixed={np.int64(0): 2, 1: z[0]})
        np.testing.assert_allclose(same, expected[:1].repeat(3, axis=0), atol=1e-6)
        # What is not fixed is drawn.
        assert np.ptp(vae.generate(8, fixed={0: 1}, seed=0), axis=0).max() > 1e-3

    @pytest.mark.parametrize(
        ("fixed", "words"),
        [
            ({2: 0}, "groups 0 to 1"),
            ({True: 0}, "groups 0 to 1"),
            ({0.0: 0}, "groups 0 to 1"),
            ({0: 3}, "categories 0 to 2"),
            ({0: -1}, "categories 0 to 2"),
            ({0: [0, 1]}, r"\(3, 1, 3\)"),
            ({1: 0}, r"\(3, 4\)"),
            ([0], "must be a dict"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, fixed, words):
        with pytest.raises(ValueError, match=words):
            model().generate(3, fixed=fixed)


class Steps(kv.latents.Single):
    has_time_axis = True


class TestErrors:
    @pytest.mark.parametrize("groups", [[], None, 3, kv.latents.Single])
    def test_no_list(self, groups):
        with pytest.raises(ValueError, match="non-empty list of latent structures"):
            kv.latents.Product(groups)

    def test_what_is_no_structure(self):
        with pytest.raises(TypeError, match="Standard"):
            kv.latents.Product([kv.priors.Standard()])

    def test_one_instance_twice(self):
        with pytest.raises(ValueError, match="one instance twice"):
            kv.latents.Product([kv.latents.Single(2)] * 2)
        prior = kv.priors.Gaussian()
        with pytest.raises(ValueError, match="one component is used twice"):
            kv.latents.Product([kv.latents.Single(2, prior=prior), kv.latents.Single(2, prior=prior)])

    def test_structures_that_cannot_be_groups(self):
        with pytest.raises(ValueError, match=r"group 1, Hierarchical, takes its top level's posterior"):
            kv.latents.Product([kv.latents.Single(2), kv.latents.Hierarchical()])
        with pytest.raises(ValueError, match=r"group 0, Steps, has a latent for every time step"):
            kv.latents.Product([Steps(2)])

    def test_sizes(self):
        for latent_dim in (3, (1, 4, 2)):
            with pytest.raises(ValueError, match="a size for each of the 2 groups"):
                model(latent_dim=latent_dim)
        with pytest.raises(ValueError, match="must equal that of the latents, 4"):
            model(latent_dim=(1, 5))

    def test_a_group_whose_parts_do_not_fit(self):
        wrong = kv.latents.Single(2, prior=kv.priors.UniformCategorical(3))
        with pytest.raises(ValueError, match="latents"):
            model(kv.latents.Product([kv.latents.Single(2), wrong]))
        with pytest.raises(ValueError, match="Group 1 of the latents, Single"):
            model(kv.latents.Product([kv.latents.Single(2), kv.latents.Single(1, posterior="von_mises_fisher")]))

    def test_the_model_has_no_prior_beside_them(self):
        with pytest.raises(ValueError, match="Product have their own"):
            model(prior="gaussian")
        with pytest.raises(ValueError, match="Product have their own"):
            model(posterior="iaf")

    def test_an_array_for_each_group(self):
        with pytest.raises(ValueError, match="2 here"):
            model().decode((np.zeros((2, 1, 3)),))


def test_ten_classes_beside_real_dimensions_of_digits(digits):
    latents = kv.latents.Product([classes(10), kv.latents.Single(6)])
    vae = kv.VAE((8, 8, 1), latents=latents, encoder="mlp", decoder="mlp", seed=0)
    vae.compile(keras.optimizers.Adam(3e-3))
    history = vae.fit(digits, epochs=6, batch_size=64, verbose=0).history
    assert history["loss"][-1] < 0.6 * 64 * np.log(2)  # of pixels that are guessed
    assert history["kl_loss_2"][-1] > 0.1
    for kind in range(10):
        rows = vae.generate(4, fixed={0: kind}, temperature=0.0)
        assert rows.shape == (4, 8, 8, 1)
        np.testing.assert_allclose(rows, rows[:1].repeat(4, axis=0), atol=1e-5)
