"""Where a condition goes, and the forms that it takes."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, one_hot, small_vae, vectors

pytestmark = pytest.mark.eager

X, C = vectors(12), one_hot(12)
SERIES = np.random.default_rng(0).random((12, 5, 2)).astype("float32")
IMAGES = np.random.default_rng(0).random((12, 8, 8, 1)).astype("float32")
TOKENS = np.random.default_rng(0).integers(0, 4, (12, 5))

# The encoder and its data.
KINDS = {
    "mlp": (lambda: kv.encoders.MLP((8,)), X),
    "conv": (lambda: kv.encoders.Conv((4,), hidden_units=8), IMAGES),
    "gru": (lambda: kv.encoders.GRU((8,)), SERIES),
    "transformer": (lambda: kv.encoders.Transformer(width=8, blocks=1, heads=2), TOKENS),
}


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def shuffled(condition):
    return np.roll(condition, 1, axis=0)


def perturbed(vae):
    """A model whose heads do not start at zero."""
    rng = np.random.default_rng(0)
    for weight in vae.trainable_weights:
        weight.assign(numpy(weight) + 0.3 * rng.standard_normal(weight.shape))
    return vae


def prior_draws(vae, condition):
    context = vae.forward_pass.seen_by("prior", vae.context(condition, len(condition)))
    return numpy(vae.latents.generate(context, encode=vae.forward_pass.encode, seed=3)[-1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", [("encoder", "posterior", "prior", "decoder"), ("posterior", "prior", "decoder")])
def test_the_encoder_sees_the_condition_where_it_should(kind, where, tmp_path):
    make, x = KINDS[kind]
    options = {"likelihood": kv.likelihoods.Categorical(4)} if x is TOKENS else {}
    options |= {"encoder": make(), "decoder": kv.decoders.MLP((8,)), "condition_shape": (3,), "condition_to": where}
    vae = perturbed(kv.VAE(x.shape[1:], 2, **options))
    here, there = (numpy(vae.terms([x, condition]).features) for condition in (C, shuffled(C)))
    assert np.allclose(here, there) == ("encoder" not in where)
    compiled(vae).fit([x, C], verbose=0)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.condition_to == where
    np.testing.assert_allclose(loaded.encode([x, C]), vae.encode([x, C]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("prior", ["gaussian", "hierarchical"])
@pytest.mark.parametrize("where", ["encoder posterior prior decoder", "encoder posterior decoder"])
def test_the_prior_sees_the_condition_where_it_should(prior, where):
    latent_dim = (2, 2) if prior == "hierarchical" else 2
    vae = perturbed(
        small_vae(latent_dim=latent_dim, prior=prior, condition_shape=(3,), condition_to=tuple(where.split()))
    )
    same = np.allclose(prior_draws(vae, C), prior_draws(vae, shuffled(C)))
    assert same == ("prior" not in where)


def test_the_decoder_and_the_posterior_see_the_condition_where_they_should():
    for where in (("posterior",), ("decoder",)):
        vae = perturbed(small_vae(condition_shape=(3,), condition_to=where))
        z = np.ones((12, 2), "float32")
        assert np.allclose(vae.decode(z, C), vae.decode(z, shuffled(C))) == ("decoder" not in where)
        assert np.allclose(vae.encode([X, C]), vae.encode([X, shuffled(C)])) == ("posterior" not in where)


# A condition by name -------------------------------------------------------------------------------


@keras.saving.register_keras_serializable("tests")
class Modulated(keras.Model):
    """A network whose features are scaled by the condition."""

    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense, self.scale = keras.layers.Dense(units, activation="tanh"), keras.layers.Dense(units)

    def call(self, inputs, condition, training=None):
        return self.dense(inputs) * (1.0 + self.scale(condition))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_networks_whose_call_takes_the_condition_get_it_by_name(tmp_path):
    vae = kv.VAE((6,), 2, encoder=Modulated(), decoder=Modulated(), condition_shape=(3,), seed=0)
    assert vae.encoder.model.scale.kernel.shape == (3, 8)
    assert vae.decoder.model.dense.kernel.shape == (2, 8)  # z alone: the condition is not appended
    compiled(vae).fit([X, C], verbose=0)
    perturbed(vae)
    z = np.ones((12, 2), "float32")
    assert not np.allclose(vae.decode(z, C), vae.decode(z, shuffled(C)))
    assert not np.allclose(numpy(vae.terms([X, C]).features), numpy(vae.terms([X, shuffled(C)]).features))
    assert vae.generate(2, C[0]).shape == (2, 6)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict([X, C]), vae.predict([X, C]), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(loaded.decode(z, C), vae.decode(z, C), rtol=1e-5, atol=1e-5)


@kv.decoders.register("conditioned_steps", package="tests")
class Conditioned(kv.decoders.GRU):
    """A decoder of sequences whose features are shifted by the condition."""

    def build(self, z_shape, target_shape=None):
        super().build(z_shape, target_shape)
        self.shift = keras.layers.Dense(self.feature_width())
        self.shift.build((None, self.condition_width))

    def call(self, z, target=None, mask=None, training=None, condition=None):
        return super().call(z, target=target, mask=mask, training=training) + self.shift(condition)[:, None]


@pytest.mark.parametrize("autoregressive", [True, False])
def test_decoders_of_sequences_decode_under_the_condition_that_they_were_trained_with(autoregressive, tmp_path):
    decoder = Conditioned((8,), autoregressive=autoregressive)
    vae = perturbed(kv.VAE((5, 2), 2, encoder="mlp", decoder=decoder, condition_shape=(3,), seed=0))
    compiled(vae).fit([SERIES, C], verbose=0)
    z = np.random.default_rng(1).standard_normal((12, 2)).astype("float32")
    decoded = vae.decode(z, C)
    assert not np.allclose(decoded, vae.decode(z, shuffled(C)))
    # What the loop gives is a fixed point of the pass that training makes.
    context = vae.context(C, 12)
    features = decoder(z, target=decoded, training=False, condition=context)
    taught = vae.likelihood.distribution(vae.likelihood(features)).mean()
    np.testing.assert_allclose(numpy(taught), decoded, rtol=1e-4, atol=1e-5)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.decode(z, C), decoded, rtol=1e-4, atol=1e-5)


# Conditions of unequal lengths ----------------------------------------------------------------------


def test_padded_steps_of_a_condition_change_nothing(tmp_path):
    vae = perturbed(small_vae(condition_shape=(None, 2), condition_encoder=keras.layers.GRU(4)))
    compiled(vae)
    rng = np.random.default_rng(0)
    short = rng.random((12, 3, 2)).astype("float32")
    padded = np.concatenate([short, rng.random((12, 4, 2)).astype("float32")], axis=1)
    mask = np.arange(7)[None] < np.full((12, 1), 3)
    given = {"x": X, "condition": padded, "condition_mask": mask}
    z = np.ones((12, 2), "float32")
    for call, masked in (
        (lambda: vae.encode([X, short]), lambda: vae.encode(given)),
        (lambda: vae.elbo([X, short], seed=0), lambda: vae.elbo(given, seed=0)),
        (lambda: vae.reconstruct([X, short]), lambda: vae.reconstruct(given)),
        (lambda: vae.decode(z, short), lambda: vae.decode(z, padded, condition_mask=mask)),
        (lambda: vae.generate(12, short, seed=0), lambda: vae.generate(12, padded, condition_mask=mask, seed=0)),
        (
            lambda: vae.interpolate(X, X[::-1], 3, short),
            lambda: vae.interpolate(X, X[::-1], 3, padded, condition_mask=mask),
        ),
    ):
        np.testing.assert_allclose(masked(), call(), rtol=1e-4, atol=1e-5)
    assert not np.allclose(vae.encode(given), vae.encode({**given, "condition_mask": np.ones_like(mask)}))
    one = vae.generate(2, padded[0], condition_mask=mask[0], seed=0)
    np.testing.assert_allclose(one, vae.generate(2, short[0], seed=0), rtol=1e-4, atol=1e-5)
    # In fit, too: the same steps from the same weights.
    vae.save(tmp_path / "model.keras")
    a, b = (keras.saving.load_model(tmp_path / "model.keras") for _ in range(2))
    pairs = ((a, [X, short]), (b, given))
    losses = [model.fit(data, shuffle=False, epochs=2, verbose=0).history["loss"] for model, data in pairs]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    np.testing.assert_allclose(numpy(a.condition_encoder.weights[0]), numpy(b.condition_encoder.weights[0]), atol=1e-4)


def test_a_mask_of_the_wrong_length_is_refused():
    vae = small_vae(condition_shape=(None, 2), condition_encoder=keras.layers.GRU(4))
    with pytest.raises(ValueError, match=r"`condition_mask`.*\(12, 4\).*\(12, 5, 2\)"):
        vae.encode({"x": X, "condition": SERIES, "condition_mask": np.ones((12, 4), "bool")})


# Rows without a label -------------------------------------------------------------------------------


@kv.objectives.register("test_marginal", package="tests")
class Marginal(kv.objectives.Objective):
    """M2 of Kingma et al. (2014) with a known p(c): under a missing label, the sum over three classes."""

    partly_labelled = True

    def __init__(self, one_hot=True, **kwargs):
        super().__init__(**kwargs)
        self.one_hot = one_hot

    def get_config(self):
        return {**super().get_config(), "one_hot": self.one_hot}

    def conditions(self, rows):
        for label in range(3):
            labels = ops.full((rows,), label, dtype="int32")
            yield ops.one_hot(labels, 3) if self.one_hot else labels

    def loss(self, terms):
        def bound(of):
            return ops.mean(of.log_likelihood, axis=1) - ops.sum(of.kl, axis=1)

        each = ops.stack([bound(terms.given(condition)) for condition in self.conditions(terms.batch.size)], axis=1)
        return -ops.where(terms.labelled, bound(terms), ops.logsumexp(each, axis=1))


def bounds(vae, conditions):
    """The ELBO at the posterior's mean under each condition, `(rows, conditions)`."""
    found = []
    for condition in conditions:
        terms = vae.terms([X, condition], deterministic=True)
        found.append(numpy(ops.mean(terms.log_likelihood, axis=1) - ops.sum(terms.kl, axis=1)))
    return np.stack(found, axis=1)


@pytest.mark.parametrize("integers", [False, True])
@pytest.mark.parametrize("encoder_sees", [False, True])
def test_an_objective_marginalises_over_missing_labels(integers, encoder_sees):
    labels = np.argmax(C, axis=1)
    if integers:
        options = {"condition_shape": (), "condition_encoder": keras.layers.Embedding(3, 2)}
        given, missing = labels.astype("int32"), -1
    else:
        options = {"condition_shape": (3,)}
        given, missing = C.copy(), np.nan
    if encoder_sees:
        options["condition_to"] = ("encoder", "posterior", "prior", "decoder")
    vae = perturbed(small_vae(objective=Marginal(not integers), **options))
    hidden = given.copy()
    hidden[[2, 7]] = missing
    terms = vae.terms([X, hidden], deterministic=True)
    assert numpy(terms.labelled).tolist() == [row not in (2, 7) for row in range(12)]
    classes = [np.full(12, label, "int32") for label in range(3)]
    classes = classes if integers else [np.eye(3, dtype="float32")[label] for label in classes]
    each = bounds(vae, classes)
    expected = each[np.arange(12), labels]
    expected[[2, 7]] = np.log(np.exp(each[[2, 7]]).sum(axis=1))
    np.testing.assert_allclose(-numpy(vae.objective.loss(terms)), expected, rtol=1e-4, atol=1e-4)
    compiled(vae)
    history = vae.fit([X, hidden], validation_data=[X, hidden], epochs=2, verbose=0).history
    assert np.isfinite([history["loss"], history["val_loss"], history["reconstruction_loss"]]).all()
    none = given.copy()
    none[:] = missing
    assert np.isfinite(vae.fit([X, none], verbose=0).history["loss"]).all()
    # Elsewhere a label that is missing would be taken for class 0.
    for use in (vae.encode, vae.elbo, vae.predict):
        with pytest.raises(ValueError, match="row 2 has no label"):
            use([X, hidden])


def test_terms_are_logged_of_rows_with_a_label():
    hidden = C.copy()
    hidden[:5] = np.nan
    vae = compiled(small_vae(objective=Marginal(), condition_shape=(3,)))
    logged = vae.evaluate([X, hidden], batch_size=4, verbose=0, return_dict=True)["kl_loss"]
    everything = numpy(vae.terms([X, C]).kl)[5:].sum(axis=1)
    np.testing.assert_allclose(logged, everything.mean(), rtol=1e-5)


def test_other_objectives_refuse_rows_without_a_label():
    hidden = C.copy()
    hidden[4] = np.nan
    with pytest.raises(ValueError, match=r"row 4 has no label, 1 such rows.*partly_labelled"):
        compiled(small_vae(condition_shape=(3,))).fit([X, hidden], verbose=0)


# Size factors ---------------------------------------------------------------------------------------

COUNTS = np.random.default_rng(0).poisson(4.0, (12, 6)).astype("float32")
SIZES = np.random.default_rng(1).uniform(0.5, 20.0, 12).astype("float32")
WITH_EXPOSURE = {
    "poisson": lambda: kv.likelihoods.Poisson(exposure=True),
    "negative_binomial": lambda: kv.likelihoods.NegativeBinomial(exposure=True),
    "predicted dispersion": lambda: kv.likelihoods.NegativeBinomial("predicted", exposure=True),
    "zero_inflated": lambda: kv.likelihoods.ZeroInflatedNegativeBinomial(exposure=True),
}


@pytest.mark.parametrize("make", WITH_EXPOSURE.values(), ids=WITH_EXPOSURE)
def test_the_mean_is_multiplied_by_the_exposure(make, tmp_path):
    vae = perturbed(small_vae(likelihood=make()))
    compiled(vae)
    data = {"x": COUNTS, "exposure": SIZES}
    z = np.random.default_rng(2).standard_normal((12, 2)).astype("float32")
    unit = vae.decode(z, exposure=np.ones(12))
    np.testing.assert_allclose(vae.decode(z, exposure=SIZES), SIZES[:, None] * unit, rtol=1e-4)
    np.testing.assert_allclose(vae.decode(z, exposure=3.0), 3.0 * unit, rtol=1e-4)
    generated = vae.generate(4, exposure=np.arange(1.0, 5.0), temperature=0.0, seed=0)
    np.testing.assert_allclose(generated, np.arange(1.0, 5.0)[:, None] * generated[:1], rtol=1e-4)
    np.testing.assert_allclose(vae.reconstruct({**data, "exposure": 2 * SIZES}), 2 * vae.reconstruct(data), rtol=1e-4)
    path = vae.interpolate(COUNTS, COUNTS[::-1], 3, exposure=SIZES)
    assert path.shape == (12, 3, 6)
    np.testing.assert_allclose(path[:, 0], vae.reconstruct(data), rtol=1e-4)
    assert vae.log_likelihood(data, num_samples=20).shape == vae.elbo(data, num_samples=3).shape == (12,)
    assert np.isfinite(vae.fit(data, validation_data=data, verbose=0).history["val_loss"]).all()
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.likelihood.exposure
    np.testing.assert_allclose(loaded.predict(data), vae.predict(data), rtol=1e-4)


def test_each_field_of_a_joint_likelihood_has_its_own_choice():
    likelihoods = {"counts": kv.likelihoods.Poisson(exposure=True), "real": "bernoulli", "plain": "poisson"}
    shapes = {"counts": (6,), "real": (6,), "plain": (6,)}
    vae = compiled(kv.VAE(shapes, 2, likelihood=likelihoods, seed=0))
    fields = {"counts": COUNTS, "real": X, "plain": COUNTS}
    vae.fit({"x": fields, "exposure": SIZES}, verbose=0)
    z = np.ones((12, 2), "float32")
    one, two = vae.decode(z, exposure=SIZES), vae.decode(z, exposure=2 * SIZES)
    np.testing.assert_allclose(two["counts"], 2 * one["counts"], rtol=1e-4)
    np.testing.assert_allclose(two["real"], one["real"], rtol=1e-6)
    np.testing.assert_allclose(two["plain"], one["plain"], rtol=1e-6)


# What nobody asks for costs nothing ------------------------------------------------------------------


def test_a_plain_step_runs_no_operation_of_these(monkeypatch):
    vae = compiled(small_vae(condition_shape=(3,)), run_eagerly=True)
    vae.fit([X, C], verbose=0)

    def refuse(*args, **kwargs):
        raise AssertionError("runs in a step that does not need it")

    from keras_vae.data import batch
    from keras_vae.models import steps

    monkeypatch.setattr(batch, "labelled_rows", refuse)
    monkeypatch.setattr(steps, "of_labelled", refuse)
    monkeypatch.setattr(type(vae.likelihood), "exposed", refuse)
    monkeypatch.setattr(ops, "isnan", refuse)
    monkeypatch.setattr(ops, "zeros_like", refuse)
    vae.fit([X, C], verbose=0)
