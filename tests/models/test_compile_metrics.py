"""The metrics of `compile`: what they compare, and which elements they count."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.models.small import compiled, small_vae, vectors

TOKENS = np.random.default_rng(0).integers(1, 5, (10, 6))
TOKENS[:, 3:] *= np.arange(10)[:, None] % 2  # the odd rows are full, the others end after three
REAL = TOKENS != 0
HOLES = vectors(10)
HOLES[HOLES == 0.5] = 0.0
HOLES[::3, :4] = np.nan
METRICS = ["mse", "accuracy", keras.metrics.RootMeanSquaredError(name="rmse"), keras.metrics.Recall(name="recall")]


class Certain(kv.likelihoods.Categorical):
    """Tokens with the same probabilities everywhere: 0.6 of token 1."""

    PROBABILITIES = np.array([1e-9, 0.6, 0.2, 0.1, 0.1], "float32")

    def call(self, features):
        logits = keras.ops.log(keras.ops.convert_to_tensor(self.PROBABILITIES))
        return {"logits": logits + 0.0 * super().call(features)["logits"]}


def tokens(likelihood=None, **kwargs):
    likelihood = likelihood or Certain(5, padding=0)
    return small_vae((6,), likelihood=likelihood, **kwargs)


@pytest.mark.eager
@pytest.mark.parametrize("samples", [1, 2])
def test_metrics_of_tokens_see_probabilities_and_no_padding(samples):
    vae = tokens(objective=kv.objectives.ELBO(num_samples=samples))
    top = keras.metrics.SparseTopKCategoricalAccuracy(2, name="top")
    compiled(vae, metrics=["accuracy", "sparse_categorical_crossentropy", top])
    expected = {
        "accuracy": (TOKENS[REAL] == 1).mean(),
        "sparse_categorical_crossentropy": -np.log(Certain.PROBABILITIES[TOKENS[REAL]]).mean(),
        "top": (TOKENS[REAL] <= 2).mean(),
    }
    history = vae.fit(TOKENS, batch_size=4, verbose=0, validation_data=TOKENS).history  # the last batch has two rows
    evaluated = vae.evaluate(TOKENS, batch_size=4, return_dict=True, verbose=0)
    for found in (evaluated, {name: values[0] for name, values in history.items()}):
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-5)
    np.testing.assert_allclose(history["val_accuracy"], expected["accuracy"], rtol=1e-5)
    weights = np.linspace(0, 2, 10)
    vae.compile("sgd", weighted_metrics=["accuracy"])
    found = vae.evaluate(TOKENS, sample_weight=weights, batch_size=4, return_dict=True, verbose=0)["accuracy"]
    each = np.broadcast_to(weights[:, None], TOKENS.shape)[REAL]
    np.testing.assert_allclose(found, np.average(TOKENS[REAL] == 1, weights=each), rtol=1e-5)


def test_metrics_do_not_count_missing_elements():
    vae = small_vae(kv.data.Field((6,), missing="nan"), likelihood="bernoulli")
    vae.compile("adam", metrics=METRICS, weighted_metrics=["mae"])
    weights = np.linspace(0, 2, 10).astype("float32")
    z = np.zeros((10, 2), "float32")
    for weight in vae.decoder.trainable_weights:
        weight.assign(np.zeros(weight.shape))  # whatever the draw of the latents
    found = vae.evaluate(HOLES, sample_weight=weights, batch_size=4, return_dict=True, verbose=0)
    there, errors = ~np.isnan(HOLES), np.nan_to_num(HOLES) - vae.decode(z)
    np.testing.assert_allclose(found["mse"], np.square(errors[there]).mean(), rtol=1e-5)
    np.testing.assert_allclose(found["rmse"], np.sqrt(np.square(errors[there]).mean()), rtol=1e-5)
    hits = (vae.decode(z) > 0.5)[there] == np.nan_to_num(HOLES)[there]
    np.testing.assert_allclose(found["accuracy"], hits.mean(), rtol=1e-5)
    ones = np.nan_to_num(HOLES) == 1
    np.testing.assert_allclose(found["recall"], (vae.decode(z) > 0.5)[ones].mean(), rtol=1e-5)
    each = np.broadcast_to(weights[:, None], HOLES.shape)[there]
    np.testing.assert_allclose(found["mae"], np.average(np.abs(errors[there]), weights=each), rtol=1e-5)


def test_metrics_of_fields_and_of_masked_series():
    series = np.random.default_rng(0).random((10, 6, 2)).astype("float32")
    vae = kv.VAE(
        data_shape={"series": (6, 2), "text": (6,)},
        latent_dim=2,
        encoder={"series": kv.encoders.MLP((8,)), "text": kv.encoders.MLP((8,))},
        decoder={"series": kv.decoders.MLP((8,)), "text": kv.decoders.MLP((8,))},
        likelihood={"series": "gaussian", "text": Certain(5, padding=0)},
    )
    for weight in vae.decoder.trainable_weights:
        weight.assign(np.zeros(weight.shape))
    compiled(vae, metrics={"series": ["mse"], "text": ["accuracy"]})
    x = {"x": {"series": series, "text": TOKENS}, "mask": {"series": REAL}}
    found = vae.evaluate(x, batch_size=4, return_dict=True, verbose=0)
    errors = series - vae.decode(np.zeros((10, 2), "float32"))["series"]
    np.testing.assert_allclose(found["series_mse"], np.square(errors[REAL]).mean(), rtol=1e-5)
    np.testing.assert_allclose(found["text_accuracy"], (TOKENS[REAL] == 1).mean(), rtol=1e-5)


@pytest.mark.parametrize("padding", [None, 0])
def test_a_metric_that_cannot_compare_tokens_is_a_plain_error(padding):
    vae = compiled(tokens(kv.likelihoods.Categorical(5, padding=padding)), metrics=["mae"])
    with pytest.raises(ValueError, match=r"`metrics`.*a prediction of shape .*6, 5\).*sparse_categorical_crossentropy"):
        vae.evaluate(TOKENS, verbose=0)
