"""Models of several fields, of which some are absent: training, encoding, translation and coherence."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from keras_vae.data.absent import completed
from tests.mathematics import two_fields
from tests.models.small import Batches

RNG = np.random.default_rng(0)
ROWS = 32
KIND = RNG.integers(0, 3, ROWS)
IMAGES = np.clip(np.eye(3)[KIND][:, :, None, None] + 0.1 * RNG.random((ROWS, 3, 4, 1)), 0, 1).astype("float32")
TOKENS = np.stack([1 + KIND, 1 + KIND, np.where(KIND > 1, 0, 3)], axis=1)
NUMBERS = (KIND[:, None] + 0.1 * RNG.standard_normal((ROWS, 2))).astype("float32")
X = {"image": IMAGES, "tokens": TOKENS, "numbers": NUMBERS}
POSTERIORS = ("product_of_experts", "mixture_of_experts", "mixture_of_products")


def compiled(vae, optimizer="adam"):
    # The subject is not the compiled step, and tracing that of five subsets takes long.
    vae.compile(optimizer, run_eagerly=keras.backend.backend() == "tensorflow")
    return vae


def some(*names):
    return {name: X[name] for name in names}


def three_fields(posterior="product_of_experts", objective="field_subsets", **options):
    shapes = {"image": (3, 4, 1), "tokens": (3,), "numbers": kv.data.Field((2,), missing="nan")}
    options = {
        "likelihood": {
            "image": "bernoulli",
            "tokens": kv.likelihoods.Categorical(5, padding=0),
            "numbers": kv.likelihoods.Gaussian("learned"),
        },
        "encoder": {"image": kv.encoders.MLP((8,)), "tokens": kv.encoders.GRU((4,)), "numbers": kv.encoders.MLP((4,))},
        "decoder": {"image": kv.decoders.MLP((8,)), "tokens": kv.decoders.MLP((4,)), "numbers": kv.decoders.MLP((4,))},
        "seed": 0,
        **options,
    }
    return kv.VAE(shapes, 2, posterior=posterior, objective=objective, **options)


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    vae = compiled(three_fields(), keras.optimizers.Adam(0.02))
    present = {"tokens": RNG.random(ROWS) < 0.7, "image": RNG.random(ROWS) < 0.7}
    numbers = np.where(RNG.random((ROWS, 1)) < 0.2, np.nan, NUMBERS).astype("float32")
    history = vae.fit({"x": {**X, "numbers": numbers}, "present": present}, batch_size=16, epochs=12, verbose=0).history
    return vae, history


def test_training_with_absent_fields(trained):
    vae, history = trained
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0] - 2
    assert all(np.isfinite(ops.convert_to_numpy(weight)).all() for weight in vae.trainable_weights)


def test_all_ways_to_leave_a_field_out_agree(trained):
    vae, _ = trained
    expected = vae.encode(some("image", "tokens"))
    absent = {"numbers": np.zeros(ROWS, "bool")}
    nan = np.full_like(NUMBERS, np.nan)
    for inputs in (
        {**some("image", "tokens"), "numbers": nan},
        {"x": X, "present": absent},
        {"x": {**X, "numbers": 1e9 * NUMBERS}, "present": absent},
        {"x": some("image", "tokens")},
        [some("image", "tokens")],
    ):
        np.testing.assert_allclose(vae.encode(inputs), expected, atol=1e-6)
    assert np.abs(vae.encode(X) - expected).max() > 1e-3
    named = {name: ops.convert_to_tensor(values) for name, values in some("image", "tokens").items()}
    z = vae.terms(named, deterministic=True).levels[0].z
    np.testing.assert_allclose(ops.convert_to_numpy(z), expected, atol=1e-5)


def test_rows_are_independent(trained):
    """Rows with other fields missing, in one batch, are what each is alone."""
    vae, _ = trained
    present = {"image": np.arange(ROWS) % 2 == 0, "tokens": np.arange(ROWS) % 3 > 0}
    together = vae.elbo({"x": X, "present": present}, 200, seed=0)
    for row in range(4):
        fields = {name: values[row : row + 1] for name, values in X.items() if present.get(name, [True] * 4)[row]}
        np.testing.assert_allclose(together[row], vae.elbo(fields, 1000, seed=1)[0], atol=0.5)


def test_likelihood_of_fields_adds_up(trained):
    """p(numbers, tokens) = p(numbers) p(tokens | numbers), of which the last is at most one."""
    vae, _ = trained
    one = vae.log_likelihood(some("numbers"), 200, seed=0)
    assert (vae.log_likelihood(some("numbers", "tokens"), 200, seed=0) < one + 0.1).all()


@pytest.mark.parametrize("posterior", [*POSTERIORS, "gaussian"])
def test_absent_fields_train_nothing_of_their_own(posterior):
    vae = compiled(three_fields(posterior), keras.optimizers.SGD(0.1))
    parts = [vae.encoder.parts["tokens"], vae.decoder.parts["tokens"], vae.likelihood.parts["tokens"]]
    if posterior != "gaussian":
        parts.append(vae.posterior.experts["tokens"])
    before = [[ops.convert_to_numpy(weight) for weight in part.trainable_weights] for part in parts]
    other = ops.convert_to_numpy(vae.likelihood.parts["image"].trainable_weights[0])
    vae.fit(some("image", "numbers"), batch_size=16, verbose=0)
    if posterior != "gaussian":  # side by side, the biases of an encoder are seen whatever it was given
        for part, old in zip(parts, before, strict=True):
            for weight, value in zip(part.trainable_weights, old, strict=True):
                np.testing.assert_array_equal(ops.convert_to_numpy(weight), value)
    assert np.abs(ops.convert_to_numpy(vae.likelihood.parts["image"].trainable_weights[0]) - other).max() > 0
    assert all(np.isfinite(ops.convert_to_numpy(weight)).all() for weight in vae.trainable_weights)


@pytest.mark.parametrize("posterior", POSTERIORS[1:])
def test_mixtures_save_and_train_in_half_precision(posterior, tmp_path):
    options = {} if posterior == "mixture_of_experts" else {"objective": kv.objectives.IWAE(3, gradient="dreg")}
    vae = compiled(three_fields(posterior, **options, dtype="mixed_float16"))
    history = vae.fit({"x": X, "present": {"tokens": KIND > 0}}, batch_size=16, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.encode(some("tokens")), vae.encode(some("tokens")), atol=1e-3)


def test_stream_with_absent_fields(trained):
    vae, _ = trained
    present = {"tokens": np.arange(ROWS) % 2 == 0}
    halves = [slice(0, 16), slice(16, 32)]
    stream = Batches(
        *[
            ({"x": {name: own[rows] for name, own in X.items()}, "present": {"tokens": present["tokens"][rows]}},)
            for rows in halves
        ]
    )
    np.testing.assert_allclose(vae.encode(stream), vae.encode({"x": X, "present": present}), atol=1e-6)


@pytest.mark.on_torch
def test_one_compiled_function_for_all_subsets(trained):
    vae, _ = trained
    of_image, of_tokens = (
        completed({name: X[name].astype("float32")}, vae.spec, vae.checks.optional_fields)
        for name in ("image", "tokens")
    )
    shapes = [
        keras.tree.map_structure(lambda leaf: (leaf.shape, str(leaf.dtype)), own) for own in (of_image, of_tokens)
    ]
    assert shapes[0] == shapes[1]
    assert [own["present"]["image"].all() for own in (of_image, of_tokens)] == [True, False]


@pytest.mark.on_torch
def test_likelihoods_adapt_to_what_is_present():
    """Values in rows without the field are anything, and must not widen its scale."""
    scales = []
    for filler in (0.0, 1e4):
        vae = compiled(three_fields(), keras.optimizers.SGD(0.0))
        numbers = np.where(np.arange(ROWS)[:, None] % 2, NUMBERS, filler).astype("float32")
        vae.fit({"x": {**X, "numbers": numbers}, "present": {"numbers": np.arange(ROWS) % 2 == 1}}, verbose=0)
        scales.append(ops.convert_to_numpy(vae.likelihood.parts["numbers"].weights[-1]))
    np.testing.assert_allclose(scales[0], scales[1], rtol=1e-5)


@pytest.mark.parametrize("posterior", [None, "mixture_of_experts"])
def test_a_subset_of_nothing_counts_nothing(posterior):
    """With `encoders.Joint` too, whose posterior of zeros is not the prior."""
    x, present = two_fields.draw(4), {"a": np.ones(4, "bool"), "b": np.array([0, 0, 0, 1], "bool")}
    options = {} if posterior is None else {"posterior": posterior}
    shapes = {"a": (2,), "b": (3,)}
    likelihood = {name: kv.likelihoods.Gaussian(0.6) for name in shapes}
    vae = kv.VAE(shapes, 2, likelihood=likelihood, objective="field_subsets", seed=0, **options)
    rng = np.random.default_rng(3)
    for weight in vae.trainable_weights:
        weight.assign(ops.convert_to_numpy(weight) + 0.3 * rng.standard_normal(weight.shape))
    found, all_fields = (
        ops.convert_to_numpy(vae.objective.loss(vae.terms(inputs, deterministic=True, training=training)))
        for inputs, training in (({"x": x, "present": present}, True), ({"x": x, "present": present}, False))
    )
    np.testing.assert_allclose(found[:3], 2 * all_fields[:3], rtol=1e-5)  # all that is present, and a alone
    assert abs(found[3] - 2 * all_fields[3]) > 0.1


def test_whole_colour_images_may_be_absent():
    images = RNG.integers(0, 256, (6, 4, 4, 3)).astype("float32")
    numbers = RNG.random((6, 2)).astype("float32")
    likelihood = {"image": kv.likelihoods.DiscretizedLogisticMixture(2), "numbers": "gaussian"}
    networks = {"encoder": {"image": "mlp", "numbers": "mlp"}, "decoder": {"image": "mlp", "numbers": "mlp"}}
    shapes = {"image": (4, 4, 3), "numbers": (2,)}
    vae = kv.VAE(
        shapes, 2, likelihood=likelihood, posterior="product_of_experts", objective="field_subsets", **networks
    )
    there = np.array([1, 0, 1, 0, 1, 1], "bool")
    inputs = {"x": {"image": images, "numbers": numbers}, "present": {"image": there}}
    assert np.isfinite(compiled(vae).fit(inputs, verbose=0).history["loss"]).all()
    log_p = vae.log_likelihood(inputs, 3, seed=0)
    terms = vae.terms(inputs, deterministic=True)
    whole = vae.terms(inputs["x"], deterministic=True)
    each, of_whole = (
        ops.convert_to_numpy(own.likelihood.log_prob_per_field(own.target)["image"]) for own in (terms, whole)
    )
    np.testing.assert_array_equal(each[~there], 0.0)
    np.testing.assert_allclose(each[there], of_whole[there], rtol=1e-4)
    assert (log_p[there] < log_p[~there].min() - 50).all()
    np.testing.assert_array_equal(
        vae.elbo({"numbers": numbers}, seed=0).shape, vae.elbo({"numbers": numbers}, 2, seed=0).shape
    )


class TestTranslate:
    def test_is_the_conditional_mean(self):
        x = two_fields.draw(5)
        for source, target in (("a", "b"), ("b", "a")):
            known = {source: x[source]}
            mean, variance = two_fields.posterior(known, 5)
            weights = two_fields.WEIGHTS[target]
            vae = two_fields.exact()
            np.testing.assert_allclose(vae.translate(known, target), mean @ weights.T, atol=1e-4)
            draws = vae.translate(known, target, "sample", num_samples=4000, seed=0)
            np.testing.assert_allclose(draws.mean(axis=0), mean @ weights.T, atol=0.15)
            spread = (weights**2) @ variance + two_fields.SCALE**2
            np.testing.assert_allclose(draws.var(axis=0), np.tile(spread, (5, 1)), rtol=0.15)

    def test_shapes(self, trained):
        vae, _ = trained
        assert vae.translate(some("image"), "tokens").shape == (ROWS, 3)
        both = vae.translate(some("numbers"), ["tokens", "image"], num_samples=5, seed=0)
        assert both["image"].shape == (5, ROWS, 3, 4, 1)
        assert both["tokens"].shape == (5, ROWS, 3)
        assert both["image"].std(axis=0).max() > 1e-3
        again = vae.translate(some("numbers"), ["image"], num_samples=5, seed=0)["image"]
        np.testing.assert_array_equal(again, both["image"])
        same = vae.translate(some("numbers"), "image", num_samples=3, deterministic=True)
        np.testing.assert_allclose(same, np.repeat(vae.translate(some("numbers"), "image")[None], 3, axis=0), atol=1e-6)

    def test_equals_encode_and_decode(self, trained):
        vae, _ = trained
        expected = vae.decode(vae.encode(some("image")))["numbers"]
        np.testing.assert_allclose(vae.translate(some("image"), "numbers"), expected, atol=1e-5)
        np.testing.assert_allclose(vae.reconstruct(some("image"))["numbers"], expected, atol=1e-5)
        drawn = vae.translate(some("image"), "image", "sample", seed=0)
        assert set(np.unique(drawn)) <= {0.0, 1.0}

    def test_mean_of_a_field_beside_categories(self, trained):
        vae, _ = trained
        assert np.isfinite(vae.translate(some("tokens"), "numbers", "mean")).all()
        with pytest.raises(ValueError, match="categories"):
            vae.translate(some("numbers"), "tokens", "mean")

    def test_condition(self):
        vae = kv.VAE(
            {"a": (2,), "b": (2,)},
            2,
            likelihood={"a": "gaussian", "b": "gaussian"},
            encoder={"a": kv.encoders.MLP((4,)), "b": kv.encoders.MLP((4,))},
            decoder={"a": kv.decoders.MLP((4,)), "b": kv.decoders.MLP((4,))},
            posterior="mixture_of_products",
            condition_shape=(3,),
            seed=0,
        )
        x = two_fields.draw(4)["a"]
        first, second = (vae.translate([{"a": x}, np.tile(row, (4, 1))], "b") for row in np.eye(3)[:2])
        assert np.abs(first - second).max() > 1e-4


class TestPrivateLatents:
    @pytest.fixture(scope="class")
    def vae(self):
        private = kv.posteriors.ProductOfExperts
        groups = [
            kv.latents.Single(2, posterior="product_of_experts"),
            kv.latents.Single(3, posterior=private(fields=["a"])),
            kv.latents.Single(1, posterior=private(fields=["b"])),
        ]
        decoder = kv.decoders.Joint(
            {"a": kv.decoders.MLP((4,)), "b": kv.decoders.MLP((4,))},
            columns={"a": [(0, 2), (2, 5)], "b": [(0, 2), (5, 6)]},
        )
        vae = kv.VAE(
            {"a": (2,), "b": (3,)},
            latents=kv.latents.Product(groups),
            likelihood={"a": "gaussian", "b": "gaussian"},
            encoder={"a": kv.encoders.MLP((4,)), "b": kv.encoders.MLP((4,))},
            decoder=decoder,
            objective="field_subsets",
            seed=0,
        )
        compiled(vae, keras.optimizers.Adam(0.01)).fit(two_fields.draw(32), epochs=2, verbose=0)
        return vae

    def test_decoders_see_their_own(self, vae):
        rng = np.random.default_rng(0)
        z = [rng.standard_normal((4, size)).astype("float32") for size in (2, 3, 1)]
        before = vae.decode(tuple(z))
        for index, changed in ((0, {"a", "b"}), (1, {"a"}), (2, {"b"})):
            moved = list(z)
            moved[index] = z[index] + 1.0
            after = vae.decode(tuple(moved))
            assert {name for name in after if np.abs(after[name] - before[name]).max() > 1e-6} == changed

    def test_private_latents_of_an_absent_field_are_the_prior(self, vae):
        x = two_fields.draw(5)
        shared, of_a, of_b = vae.encode({"a": x["a"]}, mode="distribution")
        np.testing.assert_allclose(ops.convert_to_numpy(of_b.mean()), 0.0, atol=1e-6)
        np.testing.assert_allclose(ops.convert_to_numpy(of_b.variance()), 1.0, rtol=1e-5)
        everything = vae.encode(x, mode="distribution")
        np.testing.assert_allclose(
            ops.convert_to_numpy(everything[1].mean()), ops.convert_to_numpy(of_a.mean()), atol=1e-6
        )
        assert np.abs(ops.convert_to_numpy(everything[0].mean()) - ops.convert_to_numpy(shared.mean())).max() > 1e-4

    def test_saved(self, vae, tmp_path):
        vae.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        x = {"b": two_fields.draw(5)["b"]}
        np.testing.assert_allclose(loaded.translate(x, "a"), vae.translate(x, "a"), atol=1e-6)


class TestCoherence:
    @staticmethod
    def sign(values):
        return values[:, 0] > 0

    def found(self, tied):
        vae = two_fields.exact("mixture_of_experts")
        if not tied:
            two_fields.set_dense(vae.likelihood.parts["b"].heads["loc"], np.eye(2, 3, 1) * 0.7, np.zeros(3))
        x = two_fields.draw(400)
        labels = self.sign(x["a"])
        return kv.evaluation.coherence(vae, x, labels, {"a": self.sign, "b": self.sign}, seed=0, num_samples=400)

    def test_of_fields_that_share_their_latents(self):
        found = self.found(tied=True)
        assert found.joint > 0.99  # both are the sign of one latent
        assert set(found.cross) == {(("a",), "b"), (("b",), "a")}
        assert found.cross[("a",), "b"] > 0.8
        assert sorted(found.summary()) == ["a_to_b", "b_to_a", "joint_coherence"]

    def test_of_draws_of_a_sampler(self):
        vae = two_fields.exact("mixture_of_experts")
        vae.fit_sampler(kv.samplers.Mixture(2), two_fields.draw(50), name="two", seed=0)
        x = two_fields.draw(20)
        seen = {}

        def kept(name):
            def classify(values):
                seen.setdefault(name, values)  # the draws come first
                return self.sign(values)

            return classify

        options = {"seed": 0, "num_samples": 7}
        kv.evaluation.coherence(vae, x, self.sign(x["a"]), {n: kept(n) for n in "ab"}, sampler="two", **options)
        expected = vae.generate(7, sampler="two", seed=0)
        for name in "ab":
            np.testing.assert_array_equal(seen[name], expected[name])
        assert np.abs(seen["a"] - vae.generate(7, seed=0)["a"]).max() > 0.01
        with pytest.raises(ValueError, match="`sampler`"):
            kv.evaluation.coherence(vae, x, self.sign(x["a"]), dict.fromkeys("ab", self.sign), sampler="none")

    def test_under_conditions(self):
        vae = kv.VAE(
            {"a": (2,), "b": (3,)},
            2,
            likelihood={"a": "gaussian", "b": "gaussian"},
            posterior="product_of_experts",
            condition_shape=(1,),
            seed=0,
        )
        x, condition = two_fields.draw(6), np.array([1.0, -1, 1, 1, -1, 1], "float32")[:, None]
        signs = {"a": len, "b": len}
        with pytest.raises(ValueError, match=r"`condition`.*6 rows"):
            kv.evaluation.coherence(vae, x, np.zeros(6), signs)
        signs = {name: lambda values: np.ones(len(values)) for name in x}
        found = kv.evaluation.coherence(vae, x, condition[:, 0], signs, condition=condition, num_samples=7, seed=0)
        assert found.joint == 1.0
        assert found.cross[("a",), "b"] == 4 / 6

    def test_of_fields_that_do_not(self):
        found = self.found(tied=False)
        assert abs(found.joint - 0.5) < 0.12
        assert abs(found.cross[("a",), "b"] - 0.5) < 0.12


def test_labels_are_predicted_where_a_field_is_absent():
    class Mean(keras.layers.Layer):
        def call(self, features):
            return ops.concatenate([ops.mean(features["a"][0], axis=1, keepdims=True)] * 3, axis=1)

        def compute_output_shape(self, input_shape):
            return (None, 3)

    vae = kv.VAE(
        {"a": (4,), "b": (2,)},
        2,
        likelihood=dict.fromkeys("ab", "gaussian"),
        posterior="product_of_experts",
        condition_shape=(3,),
        objective=kv.objectives.SemiSupervised(classifier=Mean()),
    )
    a = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    np.testing.assert_allclose(vae.predict_label({"a": a}), vae.predict_label({"x": {"a": a}}))


def plain():
    shapes = {"a": (2,), "b": (3,)}
    return kv.VAE(shapes, 2, likelihood={"a": "gaussian", "b": "gaussian"})


def with_a_label():
    return kv.VAE({"a": (2,), "label": (3,)}, 2, likelihood={"a": "gaussian", "label": "gaussian"})


def with_one_column():
    likelihood = {"a": "gaussian", "label": kv.likelihoods.Categorical(4)}
    return kv.VAE({"a": (2,), "label": (1,)}, 2, likelihood=likelihood, posterior="product_of_experts", seed=0)


@pytest.mark.on_torch
def test_a_list_of_numbers_is_an_array_in_a_dict():
    vae = with_one_column()
    expected = vae.translate({"label": np.array([[0], [3]])}, "a")
    np.testing.assert_array_equal(vae.translate({"label": [[0], [3]]}, "a"), expected)
    np.testing.assert_array_equal(vae.translate({"x": {"label": ((0,), (3,))}}, "a"), expected)


A = two_fields.draw(4)
WRONG = [
    (lambda: plain().encode({"a": A["a"]}), "may be left out if"),
    (lambda: two_fields.exact().encode({**A, "present": {}}), r"\['a', 'b', 'present'\]. With 'present'.*under 'x'"),
    (
        lambda: with_a_label().encode({"a": A["a"], "label": A["b"], "mask": 1}),
        r"\['a', 'label', 'mask'\]. With 'mask'",
    ),
    (lambda: two_fields.exact().encode({"x": A, "present": {"c": np.ones(4, "bool")}}), r"`present`.*\['a', 'b'\]"),
    (lambda: two_fields.exact().encode({"x": A, "present": {"a": np.ones(3, "bool")}}), r"present\['a'\].*\(4,\)"),
    (lambda: two_fields.exact().encode({"x": A, "present": {"a": np.full(4, 0.5)}}), r"present\['a'\].*boolean"),
    (lambda: kv.VAE((4,), 2).encode({"x": np.zeros((2, 4)), "present": np.ones(2)}), "data of several fields"),
    (lambda: two_fields.exact(encoder=kv.encoders.Joint({"a": "mlp", "b": "mlp"})), "PerField"),
    (lambda: two_fields.exact("gaussian", encoder=kv.encoders.PerField({"a": "mlp", "b": "mlp"})), "'joint'"),
    (lambda: two_fields.exact(prior="laplace"), "diagonal Gaussian prior"),
    (
        lambda: two_fields.exact("mixture_of_products", prior="vamp"),
        "diagonal Gaussian prior such as 'standard'",
    ),
    (lambda: two_fields.exact(kv.posteriors.ProductOfExperts(fields=["c"])), r"`fields`.*\['a', 'b'\].*\['c'\]"),
    (lambda: kv.posteriors.ProductOfExperts(fields="a"), "`fields`"),
    (lambda: kv.posteriors.ProductOfExperts(scale="a"), "`scale`"),
    (lambda: two_fields.exact(objective=kv.objectives.FieldWeights({"c": 1.0})), r"`weights`.*\['c'\]"),
    (lambda: kv.objectives.FieldWeights({"a": -1.0}), "`weights`"),
    (lambda: kv.objectives.FieldSubsets(random=-1), "`random`"),
    (lambda: two_fields.exact().translate(A, "c"), r"`to`.*\['a', 'b'\].*'c'"),
    (lambda: two_fields.exact().translate(A, ["a", "a"]), "`to`"),
    (
        lambda: with_one_column().translate({"label": np.arange(4)}, "a"),
        r"Add the second axis: x\['label'\]\[:, None\]",
    ),
    (lambda: with_one_column().translate({"label": [0, 1, 2]}, "a"), r"Add the second axis: x\['label'\]\[:, None\]"),
    (
        lambda: with_one_column().translate({"label": [[0], [1, 2]]}, "a"),
        r"x\['label'\]` must be an array.*Received: a list of 2 items",
    ),
    (lambda: kv.VAE((4,), 2).translate(np.zeros((2, 4)), "a"), "one field"),
    (lambda: kv.evaluation.coherence(two_fields.exact(), A, np.zeros(4), {"a": len}), "`classifiers`"),
    (lambda: kv.evaluation.coherence(two_fields.exact(), A, np.zeros(3), {"a": len, "b": len}), "`labels`"),
    (lambda: kv.evaluation.coherence(two_fields.exact(), {"a": A["a"]}, np.zeros(4), {"a": len, "b": len}), "`x`"),
    (lambda: kv.evaluation.coherence(two_fields.exact(), A["a"], np.zeros(4), {"a": len, "b": len}), "`x`.*ndarray"),
    (
        lambda: kv.evaluation.coherence(
            two_fields.exact(), A, np.zeros(4), {"a": len, "b": len}, condition=np.zeros((4, 1))
        ),
        "`condition`.*None",
    ),
    (lambda: compiled(two_fields.exact()).fit(A, {"a": A["a"]}), r"`y`.*\['a'\].*in place of those of x"),
    (
        lambda: two_fields.exact().elbo({"x": {"b": A["b"]}, "present": {"a": np.ones(4, "bool")}}),
        r"present\['a'\].*x lacks it",
    ),
    (lambda: kv.posteriors.MixtureOfExperts(fields=["a", "a"]), "`fields`.*different"),
    (lambda: kv.decoders.Joint({"a": "mlp"}, columns={"a": [(0, 1.5)]}), r"`columns`.*1\.5"),
    (lambda: kv.decoders.Joint({"a": "mlp"}, columns={"b": [(0, 1)]}), "`columns`"),
    (lambda: kv.decoders.Joint({"a": "mlp"}, columns={"a": [(1, 1)]}), "`columns`.*start < stop"),
    (
        lambda: kv.decoders.Joint({"a": "mlp"}, columns={"a": [(0, 3)]}).build((None, 2), {"a": (None, 2)}),
        "`columns`.*Expected ranges",
    ),
    (
        lambda: kv.VAE(
            {str(n): (1,) for n in range(9)},
            1,
            likelihood={str(n): "gaussian" for n in range(9)},
            posterior="mixture_of_products",
        ),
        "at most 8",
    ),
]


@pytest.mark.refusals
@pytest.mark.parametrize(("call", "words"), WRONG)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=f"(?s){words}"):
        call()
