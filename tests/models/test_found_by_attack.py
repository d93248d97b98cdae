"""Faults that an attack on the second edition found: each was silent, or its error did not help."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

pytestmark = pytest.mark.eager

X = vectors(24)
FIELDS = {"a": X[:, :3], "b": X[:, 3:]}


def fields_vae(**options):
    return compiled(kv.VAE({"a": (3,), "b": (3,)}, 2, likelihood={"a": "gaussian", "b": "gaussian"}, seed=0, **options))


@pytest.mark.parametrize("part", ["encoder", "decoder", "prior", "posterior", "likelihood"])
def test_a_component_of_another_model_is_refused(part):
    other = small_vae(latent_dim=3, data_shape=(5,), condition_shape=(2,), prior="gaussian")
    with pytest.raises(ValueError, match=r"built for.*not been built"):
        small_vae(**{part: getattr(other, part)})


def test_a_component_of_an_equal_model_is_shared():
    other = small_vae()
    assert small_vae(decoder=other.decoder).decoder is other.decoder


def test_pseudo_inputs_from_data_with_holes():
    x = np.where(np.arange(24)[:, None] % 3 == 0, np.nan, X).astype("float32")
    x[:, 5] = np.nan
    vae = compiled(small_vae(kv.data.Field((6,), missing="nan"), prior=kv.priors.VampPrior(30), likelihood="gaussian"))
    assert np.isfinite(vae.fit(x, verbose=0).history["loss"]).all()
    assert all(np.isfinite(weight).all() for weight in vae.get_weights())


def test_a_mask_and_padding_count_together():
    tokens = np.tile([2, 3, 4, 0, 0], (8, 1))
    vae = compiled(kv.VAE((5,), 2, likelihood=kv.likelihoods.Categorical(6, padding=0), seed=0))
    np.testing.assert_allclose(
        vae.elbo({"x": tokens, "mask": np.ones((8, 5), bool)}, seed=0), vae.elbo(tokens, seed=0), rtol=1e-5
    )
    shorter = np.array([[True, True, False, False, False]] * 8)
    assert (vae.elbo({"x": tokens, "mask": shorter}, num_samples=20, seed=0) > vae.elbo(tokens, 20, seed=0)).all()


def test_masks_of_some_fields():
    likelihood = {"tokens": kv.likelihoods.Categorical(6, padding=0), "series": "gaussian"}
    vae = compiled(kv.VAE({"tokens": (5,), "series": (5, 2)}, 2, likelihood=likelihood, seed=0))
    data = {"tokens": np.tile([2, 3, 0, 0, 0], (8, 1)), "series": np.zeros((8, 5, 2), "float32")}
    plain = vae.elbo(data, seed=0)
    for mask in ({"series": np.ones((8, 5), bool)}, {"series": np.ones((8, 5), bool), "tokens": None}):
        np.testing.assert_allclose(vae.elbo({"x": data, "mask": mask}, seed=0), plain, rtol=1e-5)
    with pytest.raises(ValueError, match=r"`mask`.*'series', 'tokens'.*other"):
        vae.elbo({"x": data, "mask": {"other": np.ones((8, 5), bool)}})


def test_categories_are_not_averaged_over_samples():
    vae = small_vae(
        (4,), likelihood=kv.likelihoods.Categorical(9), objective=kv.objectives.ELBO(num_samples=4), decoder="mlp"
    )
    decoded = ops.convert_to_numpy(vae(np.zeros((3, 4), "int32"), training=True))
    assert decoded.shape == (3, 4)
    np.testing.assert_array_equal(decoded, np.round(decoded))


def test_a_missing_label_may_come_as_a_float():
    labels = np.array([0.0, 1.0, 2.0, -1.0] * 6, "float32")
    encoder = keras.layers.CategoryEncoding(3, output_mode="one_hot")
    vae = compiled(small_vae(condition_shape=(), condition_encoder=encoder))
    with pytest.raises(ValueError, match=r"row 3 has no label"):
        vae.fit([X, labels])


def test_an_int_seed_gives_the_prior_other_noise():
    terms = small_vae().terms(ops.convert_to_tensor(X), seed=0)
    (q,) = terms.posterior
    noise = ops.convert_to_numpy((terms.z[0][:, 0] - q.loc) / ops.exp(0.5 * q.log_var))
    prior = ops.convert_to_numpy(terms.prior_z[0][:, 0])
    assert abs(np.corrcoef(noise.ravel(), prior.ravel())[0, 1]) < 0.6
    assert np.abs(noise - prior).max() > 0.1


def test_weights_of_examples_with_fields():
    vae, weights = fields_vae(), np.linspace(0.0, 2.0, 24).astype("float32")
    assert np.isfinite(vae.fit(FIELDS, sample_weight=weights, verbose=0).history["loss"]).all()
    zero = vae.evaluate(FIELDS, sample_weight=np.zeros(24), verbose=0, return_dict=True)["loss"]
    assert zero == 0.0
    logs = vae.fit(FIELDS, verbose=0, validation_data=(FIELDS, None, weights)).history
    assert np.isfinite(logs["val_loss"]).all()


def test_a_field_may_be_missing_where_a_model_is_used():
    spec = {"a": (3,), "b": kv.data.Field((3,), missing="nan")}
    vae = compiled(kv.VAE(spec, 2, likelihood={"a": "gaussian", "b": "gaussian"}, seed=0))
    vae.fit(FIELDS, verbose=0)
    predicted = vae.predict({"a": FIELDS["a"], "b": np.full((24, 3), np.nan, "float32")})
    assert np.isfinite(predicted["b"]).all()


@pytest.mark.parametrize("encoder", ["tcn", "gru", "transformer"])
def test_series_with_holes(encoder):
    series = np.random.default_rng(0).standard_normal((8, 5, 2)).astype("float32")
    series[0, 0, 0] = np.nan
    field = kv.data.Field((5, 2), missing="nan")
    vae = compiled(kv.VAE(field, 2, likelihood="gaussian", encoder=encoder, decoder="mlp", seed=0))
    assert np.isfinite(vae.fit(series, verbose=0).history["loss"]).all()


def test_an_objective_of_y_inside_another_model():
    vae = small_vae(objective="supervised")
    model = keras.Sequential([keras.Input((6,)), vae])
    np.testing.assert_allclose(model.predict(X, verbose=0), vae.predict(X), atol=1e-5)
    with pytest.raises(ValueError, match=r"Supervised predicts `y`"):
        vae(ops.convert_to_tensor(X), training=True)


def test_shape_of_a_reconstruction():
    assert small_vae().compute_output_shape((None, 6)) == (None, 6)


class Column(kv.objectives.Objective):
    def loss(self, terms):
        return -terms.log_likelihood


class Nothing(kv.objectives.Objective):
    def loss(self, terms):
        return None


@pytest.mark.parametrize(("objective", "received"), [(Column, r"shape \(.*1\)"), (Nothing, "None")])
def test_a_loss_of_another_shape_is_refused(objective, received):
    with pytest.raises(ValueError, match=rf"{objective.__name__}\.loss.*\(batch,\).*Received: {received}"):
        compiled(small_vae(objective=objective())).fit(X, verbose=0)


WRONG = {
    "a name for several fields": (lambda: fields_vae(encoder="mlp"), "`encoder`.*'a', 'b'.*'mlp'"),
    "a decoder too few": (lambda: fields_vae(decoder={"a": "mlp"}), "`decoder`.*'a', 'b'"),
    "an unknown field": (lambda: fields_vae(encoder={"a": "mlp", "zz": "mlp"}), "`encoder`.*zz"),
    "interpolation": (lambda: fields_vae().interpolate(FIELDS, FIELDS), "one field"),
    "condition_to None": (lambda: small_vae(condition_to=None), "`condition_to`.*None"),
    "a reserved name": (lambda: kv.VAE({"class_name": (3,), "b": (2,)}), "class_name.*reserved"),
    "NaN in fixed": (lambda: compiled(small_vae()).generate(2, fixed={0: [np.nan, 0.0]}), "`fixed`.*finite"),
    "words in fixed": (lambda: compiled(small_vae()).generate(2, fixed={0: ["a", "b"]}), "`fixed`.*finite"),
}


@pytest.mark.refusals
@pytest.mark.parametrize("name", WRONG)
def test_errors_name_the_argument(name):
    call, words = WRONG[name]
    with pytest.raises(ValueError, match=words):
        call()
