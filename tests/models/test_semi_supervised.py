"""Labels that most rows lack: M2's bounds by another way, batches, predictions, and what is refused."""

import re

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
from keras import ops

import keras_vae as kv
from keras_vae.data import LabelledBatches
from keras_vae.objectives import SemiSupervised
from tests.models.small import compiled, small_vae, vectors

X = vectors(12)
LABELS = np.array([0, 1, 2, 0, 1, 2, -1, -1, -1, -1, -1, -1])
CONDITION_TO = [("prior",), ("posterior", "prior", "decoder"), ("encoder", "posterior", "prior", "decoder")]


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def one_hot_encoder(classes=3):
    return keras.layers.CategoryEncoding(classes, output_mode="one_hot")


def model(objective=None, labels=True, **options):
    """A model of labels, or of one-hot rows, with weights away from where they start."""
    given = {"condition_shape": (), "condition_encoder": one_hot_encoder()} if labels else {"condition_shape": (3,)}
    vae = small_vae(objective=SemiSupervised() if objective is None else objective, **{**given, **options})
    rng = np.random.default_rng(1)
    for weight in vae.trainable_weights:
        weight.assign(numpy(weight) + 0.4 * rng.standard_normal(weight.shape))
    return vae


def bounds_by_label(vae, labels=True):
    """The ELBO at the posterior's mean under each label, a pass for each of them, float64 `(rows, 3)`."""
    found = []
    for label in range(3):
        condition = np.full(12, label, "int32") if labels else np.tile(np.eye(3, dtype="float32")[label], (12, 1))
        terms = vae.terms([X, condition], deterministic=True)
        found.append(numpy(ops.mean(terms.log_likelihood, axis=1) - ops.sum(terms.kl, axis=1)))
    return np.stack(found, axis=1).astype("float64")


# The bounds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("condition_to", CONDITION_TO)
def test_the_loss_is_that_of_the_paper(condition_to, labels):
    objective = SemiSupervised(alpha=0.7, classifier_sees="x", label_prior=[0.5, 0.3, 0.2])
    vae = model(objective, labels, condition_to=condition_to, prior="gaussian")
    kernel, bias = (numpy(weight).astype("float64") for weight in objective.classifier.weights)
    log_q = scipy.special.log_softmax(X.reshape(12, -1).astype("float64") @ kernel + bias, axis=1)
    bounds = bounds_by_label(vae, labels) + np.log([0.5, 0.3, 0.2])
    known, own = np.arange(6), LABELS[:6]
    expected = np.empty(12)
    expected[:6] = -bounds[known, own] - 0.7 * 12 / 6 * log_q[known, own]
    entropy = -(np.exp(log_q) * log_q).sum(axis=1)
    expected[6:] = (-(np.exp(log_q) * bounds).sum(axis=1) - entropy)[6:]
    hidden = LABELS if labels else np.where(LABELS[:, None] < 0, np.nan, np.eye(3)[LABELS]).astype("float32")
    terms = vae.terms([X, hidden], deterministic=True)
    losses = numpy(objective.loss(terms))
    np.testing.assert_allclose(losses, expected, rtol=2e-5, atol=2e-5)
    # What the model logs: the terms under the label, and in the mean over q(y | x).
    logged = numpy(ops.mean(terms.log_likelihood, axis=1) - ops.sum(terms.kl, axis=1))
    share = np.where(np.arange(12)[:, None] < 6, np.eye(3)[LABELS], np.exp(log_q))
    np.testing.assert_allclose(logged, (share * bounds_by_label(vae, labels)).sum(axis=1), rtol=2e-5, atol=2e-5)


def test_several_conditions_in_one_pass_are_those_of_several_passes():
    vae = model()
    terms = vae.terms([X, LABELS], deterministic=True, num_samples=2)
    each = terms.given_each(ops.arange(3, dtype="int32"))
    for label in range(3):
        alone = terms.given(ops.full((12,), label, dtype="int32"))
        rows = slice(12 * label, 12 * label + 12)
        np.testing.assert_allclose(numpy(each.log_likelihood)[rows], numpy(alone.log_likelihood), rtol=1e-5)
        np.testing.assert_allclose(numpy(each.kl)[rows], numpy(alone.kl), rtol=1e-5)


def test_the_bound_without_a_label_is_below_the_exact_log_likelihood():
    """log p(x) by quadrature over z and a sum over y: densities of all x add up to one, and the bound is below."""
    vae = kv.VAE(
        (3,),
        1,
        encoder=kv.encoders.MLP((4,)),
        decoder=kv.decoders.MLP((4,), activation="tanh"),
        condition_shape=(2,),
        objective=SemiSupervised(label_prior=[0.3, 0.7]),
        seed=0,
    )
    rng = np.random.default_rng(3)
    for weight in vae.trainable_weights:
        weight.assign(numpy(weight) + 0.3 * rng.standard_normal(weight.shape))
    x = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], "float32")
    z = np.linspace(-8, 8, 801)[:, None].astype("float32")
    log_p = []
    for label, prior in enumerate([0.3, 0.7]):
        condition = np.tile(np.eye(2, dtype="float32")[label], (len(z), 1))
        mean = vae.decode(z, condition).astype("float64")
        log_x = (x[:, None] * np.log(mean) + (1 - x[:, None]) * np.log1p(-mean)).sum(axis=2)
        log_z = scipy.stats.norm.logpdf(z[:, 0]) + np.log(z[1, 0] - z[0, 0])
        log_p.append(scipy.special.logsumexp(log_x + log_z, axis=1) + np.log(prior))
    log_p = np.logaddexp(*log_p)
    np.testing.assert_allclose(np.exp(log_p).sum(), 1.0, rtol=1e-4)
    missing = np.full((8, 2), np.nan, "float32")
    bound = -numpy(vae.objective.loss(vae.terms([x, missing], seed=0, num_samples=4000)))
    assert (bound < log_p + 0.02).all()
    assert (log_p - bound).mean() < 3.0  # and it is about it


def test_batches_without_a_label_do_not_weaken_the_classifier():
    """The factors of the cross-entropy, from counts, make its sum over all batches alpha times rows times the mean."""
    objective = SemiSupervised(alpha=0.1)
    there = np.zeros((100, 8), "float32")
    there[::10, 0] = 1.0
    model(objective)
    ones = ops.ones((8,))
    for _ in range(3):
        total = 0.0
        for batch in there:
            factor = float(objective._rows_per_label(ones, ops.convert_to_tensor(batch), training=True))
            total += factor * batch.sum()
    assert numpy(objective.counts).tolist() == [2400.0, 30.0]
    assert abs(total - 800.0) < 0.05 * 800.0
    evaluated = float(objective._rows_per_label(ones, ops.convert_to_tensor(there[0]), training=False))
    assert evaluated == 8.0  # of the batch alone
    assert numpy(objective.counts).tolist() == [2400.0, 30.0]
    objective.count_labels((800.0, 10.0))  # known: from the first batch on, and not counted again
    for batch in (there[0], there[1], there[10]):
        factor = float(objective._rows_per_label(ones, ops.convert_to_tensor(batch), training=True))
        assert factor == 80.0
    assert numpy(objective.counts).tolist() == [800.0, 10.0]
    objective.count_labels(None)  # a dataset, of other data
    assert numpy(objective.counts).tolist() == [0.0, 0.0]
    assert float(objective._rows_per_label(ones, ops.convert_to_tensor(there[0]), training=True)) == 8.0


def test_the_loss_of_arrays_has_the_factor_of_the_formula():
    """At weights that do not move: alpha times the mean over labelled rows, whatever the batches and the history."""
    few = np.where(np.arange(12) < 2, LABELS, -1)
    weights = np.linspace(0.5, 1.5, 12)
    logs = []
    for alpha in (0.0, 1.0):
        keras.utils.set_random_seed(0)
        vae = model(SemiSupervised(alpha=alpha, classifier_sees="x"), seed=0)
        vae.compile(keras.optimizers.SGD(0.0), run_eagerly=keras.backend.backend() == "tensorflow")
        options = {"batch_size": 3, "epochs": 2, "shuffle": False, "verbose": 0}
        options["validation_data"] = ({"x": X, "label": np.abs(LABELS)},)
        logs.append(vae.fit({"x": X, "label": few}, **options).history)
        known = vae.evaluate({"x": X[:6], "label": LABELS[:6]}, verbose=0, return_dict=True)
        vae.fit({"x": X, "label": few}, validation_split=0.5, sample_weight=weights, verbose=0)
        np.testing.assert_allclose(numpy(vae.objective.counts), [weights[:6].sum(), weights[:2].sum()], rtol=1e-5)
        again = vae.evaluate({"x": X[:6], "label": LABELS[:6]}, verbose=0, return_dict=True)
        np.testing.assert_allclose(again["classifier_loss"], known["classifier_loss"], rtol=1e-5)
        logs[-1].update({f"known_{name}": value for name, value in known.items()})
    cross_entropy = -np.log(vae.predict_label(X))
    own = cross_entropy[np.arange(12), np.abs(LABELS)]
    # The noise of the latents is the same in both, since their seeds are.
    differences = {name: np.subtract(logs[1][name], logs[0][name]) for name in ("loss", "val_loss", "known_loss")}
    np.testing.assert_allclose(differences["loss"], own[:2].mean(), rtol=1e-3)
    np.testing.assert_allclose(differences["val_loss"], own.mean(), rtol=1e-3)
    np.testing.assert_allclose(differences["known_loss"], own[:6].mean(), rtol=1e-3)


def test_logs_of_weighted_fields_are_those_of_the_densities():
    labels = {"x": {"a": X[:, :2].reshape(12, -1), "b": X[:, 2:].reshape(12, -1)}, "label": LABELS}
    logs = []
    for condition_to in (("posterior", "prior", "decoder"), ("prior",)):
        for weigh in (lambda own: own, lambda own: kv.objectives.FieldWeights({"a": 5.0}, own)):
            keras.utils.set_random_seed(0)
            vae = kv.VAE(
                {name: own.shape[1:] for name, own in labels["x"].items()},
                2,
                likelihood=dict.fromkeys(labels["x"], "gaussian"),
                condition_shape=(),
                condition_encoder=one_hot_encoder(),
                condition_to=condition_to,
                objective=weigh(SemiSupervised(alpha=0.0)),
                seed=0,
            )
            rng = np.random.default_rng(1)
            for weight in sorted(vae.trainable_weights, key=lambda own: own.path.split("/")[-3:]):
                weight.assign(numpy(weight) + 0.3 * rng.standard_normal(weight.shape))
            terms = vae.terms(labels, deterministic=True)
            loss = numpy(vae.objective.loss(terms))
            logs.append([numpy(terms.log_likelihood), numpy(terms.kl), loss, terms.labelled])
    for plain, weighted in (logs[:2], logs[2:]):
        np.testing.assert_allclose(weighted[0], plain[0], rtol=1e-5)
        np.testing.assert_allclose(weighted[1], plain[1], rtol=1e-5)
        assert weighted[3] is None
        assert (np.abs(weighted[2] - plain[2]) > 0.1).all()


def test_weights_of_rows_cancel_out_of_the_mean_over_labelled_rows():
    weights = ops.convert_to_tensor(np.array([0.1, 0.1, 2.0, 2.0], "float32"))
    there = ops.convert_to_tensor(np.array([1.0, 1.0, 0.0, 0.0], "float32"))
    factor = float(model().objective._rows_per_label(weights, there, training=False))
    np.testing.assert_allclose(factor * 0.2 / 4, 4.2 / 4, rtol=1e-5)


# In a model ------------------------------------------------------------------------------------------


@pytest.mark.on_torch
@pytest.mark.eager
def test_labels_are_an_input_under_either_name():
    histories = []
    for inputs in ({"x": X, "label": LABELS}, [X, LABELS]):
        vae = model()
        compiled(vae)
        keras.utils.set_random_seed(0)
        histories.append(vae.fit(inputs, validation_data={"x": X[:6], "label": LABELS[:6]}, shuffle=False).history)
    assert {"accuracy", "classifier_loss", "val_accuracy", "val_loss"} <= set(histories[0])
    for other in histories[1:]:
        for name, values in histories[0].items():
            np.testing.assert_allclose(other[name], values, rtol=1e-5)


def test_it_learns_clusters_from_one_label_each():
    rng = np.random.default_rng(0)
    labels = np.arange(240) % 3
    x = (rng.standard_normal((240, 2)) * 0.3 + 3 * np.array([[0, 1], [1, 0], [-1, -1]])[labels]).astype("float32")
    few = np.where(np.arange(240) < 6, labels, -1)
    vae = kv.VAE(
        (2,),
        1,
        encoder=kv.encoders.MLP((16,)),
        decoder=kv.decoders.MLP((16,)),
        likelihood="gaussian",
        condition_shape=(),
        condition_encoder=one_hot_encoder(),
        objective=SemiSupervised(alpha=1.0),
        seed=0,
    )
    vae.compile(keras.optimizers.Adam(0.02))
    history = vae.fit({"x": x, "label": few}, batch_size=40, epochs=15, verbose=0).history
    assert history["accuracy"][-1] == 1.0
    probabilities = vae.predict_label(x)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.95
    # each class is where its data are
    centres = vae.generate(condition=np.arange(3), temperature=0.0)
    assert np.abs(centres - 3 * np.array([[0, 1], [1, 0], [-1, -1]])).max() < 1.0


def test_labels_are_predicted_from_data_of_any_form():
    vae = model()
    expected = vae.predict_label(X)
    for x in ([X, LABELS], {"x": X, "label": LABELS}, {"x": X}):
        np.testing.assert_allclose(vae.predict_label(x), expected, rtol=1e-6)
    batches = LabelledBatches({"x": X, "label": LABELS}, 6, 3, seed=0)
    found = vae.predict_label(batches)
    batches = LabelledBatches({"x": X, "label": LABELS}, 6, 3, seed=0)  # in the order of the first epoch
    rows = np.concatenate([batches[index][0]["x"] for index in range(len(batches))])
    np.testing.assert_allclose(found, vae.predict_label(rows), rtol=1e-5)


def test_a_classifier_of_several_layers_is_saved(tmp_path):
    classifier = keras.Sequential([keras.layers.Dense(5, activation="relu"), keras.layers.Dense(3)])
    vae = model(SemiSupervised(classifier=classifier, classifier_sees="x", label_prior="learned"), labels=False)
    rows = np.where(LABELS[:, None] < 0, np.nan, np.eye(3)[LABELS]).astype("float32")
    compiled(vae).fit([X, rows], verbose=0)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict_label(X), vae.predict_label(X), rtol=1e-6)
    np.testing.assert_array_equal(numpy(loaded.objective.counts), [12.0, 6.0])


# Batches ---------------------------------------------------------------------------------------------


@pytest.mark.on_torch
def test_batches_have_labelled_rows_and_every_other_row_once():
    x, labels = np.arange(103.0)[:, None], np.where(np.arange(103) < 5, np.arange(103) % 2, -1)
    batches = LabelledBatches({"x": x, "label": labels}, batch_size=20, labelled=6, seed=0)
    total, seen = np.zeros(103), []
    for index in range(len(batches)):
        inputs, target, weights = batches[index]
        assert (inputs["condition"] >= 0).sum() == 6
        assert target is inputs["x"]
        np.testing.assert_allclose(weights.mean(), 1.0, rtol=1e-6)
        np.add.at(total, inputs["x"][:, 0].astype(int), weights)
        seen.append(inputs["x"][6:, 0])
    assert len(batches) == 7
    assert set(np.concatenate(seen)) == set(range(5, 103))
    # The weight of the labelled rows is their share of all rows.
    np.testing.assert_allclose(total[:5].sum() / total.sum(), 5 / 103, rtol=1e-5)
    order = batches[0][0]["x"].copy()
    batches.on_epoch_end()
    assert (batches[0][0]["x"] != order).any()
    again = LabelledBatches({"x": x, "label": labels}, batch_size=20, labelled=6, seed=0)
    np.testing.assert_array_equal(again[0][0]["x"], order)
    moved = LabelledBatches({"x": x, "label": labels}, 20, 6, transform=lambda rows: rows + 0.5, seed=0)
    np.testing.assert_array_equal(moved[0][0]["x"], order + 0.5)


@pytest.mark.on_torch
def test_labels_of_batches_may_be_a_list():
    expected = LabelledBatches({"x": X, "label": LABELS}, 6, 3, seed=0)[0][0]["condition"]
    for inputs in ({"x": X, "label": LABELS.tolist()}, [X, LABELS.tolist()]):
        np.testing.assert_array_equal(LabelledBatches(inputs, 6, 3, seed=0)[0][0]["condition"], expected)


@pytest.mark.on_torch
def test_one_hot_rows_of_batches_are_unknown_where_they_are_nan():
    rows = np.where(LABELS[:, None] < 0, np.nan, np.eye(3)[LABELS])
    for conditions in (rows, rows[:, :1]):
        inputs = LabelledBatches([X, conditions], 6, 2, seed=0)[0][0]
        assert np.isnan(inputs["condition"]).any(axis=1).tolist() == [False] * 2 + [True] * 4


@pytest.mark.on_torch
@pytest.mark.eager
def test_training_without_any_label_gives_a_warning():
    for labels, unknown in ((True, np.full(12, -1)), (False, np.full((12, 3), np.nan))):
        vae = compiled(model(labels=labels))
        with pytest.warns(UserWarning, match="no row that is trained on has one"):
            vae.fit([X, unknown], verbose=0)
        assert np.isfinite(vae.evaluate([X, unknown], verbose=0)).all()


@pytest.mark.on_torch
@pytest.mark.eager
def test_a_model_is_trained_with_them():
    vae = compiled(model())
    history = vae.fit(LabelledBatches({"x": X, "label": LABELS}, 6, 3), epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


# What is refused -------------------------------------------------------------------------------------

REFUSED = [
    ("no condition", lambda: small_vae(objective="semi_supervised"), ["condition_shape=()", "None"]),
    (
        "more classes than the encoder knows",
        lambda: model(SemiSupervised(4)),
        ["`num_classes`", "3", "num_classes=4"],
    ),
    (
        "an encoder that does not count",
        lambda: small_vae(
            objective="semi_supervised",
            condition_shape=(),
            condition_encoder=keras.Sequential([keras.layers.Reshape((1,)), keras.layers.Dense(2)]),
        ),
        ["`num_classes`", "None"],
    ),
    (
        "features that know the label",
        lambda: model(condition_to=("encoder", "decoder")),
        ["`classifier_sees`", "'features'"],
    ),
    (
        "another number of logits",
        lambda: model(SemiSupervised(classifier=keras.layers.Dense(2))),
        ["`classifier`", "(rows, 3)", "(None, 2)"],
    ),
    (
        "probabilities",
        lambda: model(SemiSupervised(classifier=keras.layers.Dense(3, activation="softmax"))),
        ["`classifier`", "logits", "softmax"],
    ),
    ("a prior of two labels", lambda: model(SemiSupervised(label_prior=[0.5, 0.5])), ["`label_prior`", "3", "2"]),
    ("one class", lambda: SemiSupervised(num_classes=1), ["`num_classes`", "2", "num_classes=1"]),
    (
        "one column",
        lambda: small_vae(objective="semi_supervised", condition_shape=(1,)),
        ["`num_classes`", "condition_shape=(1,)", "condition_shape=(2,)"],
    ),
    (
        "rows of zeros",
        lambda: compiled(model(labels=False)).fit([X, np.eye(4, dtype="float32")[np.arange(12) % 4, :3]]),
        ["`condition`", "row 3", "NaN"],
    ),
    (
        "rows of zeros beside missing ones",
        lambda: compiled(model(labels=False)).evaluate([X, np.where(np.arange(12)[:, None] < 11, np.nan, np.zeros(3))]),
        ["`condition`", "row 11", "NaN"],
    ),
    ("no probabilities", lambda: SemiSupervised(label_prior=[0.5, 0.9]), ["`label_prior`", "0.9"]),
    ("another prior", lambda: SemiSupervised(label_prior="counts"), ["`label_prior`", "counts"]),
    ("a negative alpha", lambda: SemiSupervised(alpha=-1.0), ["`alpha`", "-1.0"]),
    (
        "real numbers",
        lambda: compiled(model(labels=False)).fit([X, np.full((12, 3), 0.3, "float32")]),
        ["`condition`", "one-hot", "0.3", "row 0"],
    ),
    (
        "a label above",
        lambda: compiled(model(SemiSupervised(2))).fit([X, np.abs(LABELS)]),
        ["`condition`", "2 labels", "Received: 2"],
    ),
    (
        "both names",
        lambda: compiled(model()).fit({"x": X, "label": LABELS, "condition": LABELS}),
        ["'label'", "'condition'", "both"],
    ),
    (
        "labels as y",
        lambda: compiled(model()).fit(X, LABELS),
        ["labels are conditions", "'label': labels", "predict_label"],
    ),
    ("no label", lambda: model().encode([X, LABELS]), ["no label", "vae.predict_label(x)"]),
    ("no classifier", lambda: small_vae().predict_label(X), ["predict_label", "ELBO", "SemiSupervised"]),
    ("x of another shape", lambda: model().predict_label(X[:, :3]), ["`x`", "(12, 3"]),
    ("batches without labels", lambda: LabelledBatches({"x": X}), ["`inputs`", "none"]),
    ("batches of known labels", lambda: LabelledBatches([X, np.abs(LABELS)]), ["`inputs`", "12 of 12", "-1", "NaN"]),
    ("batches of unknown labels", lambda: LabelledBatches([X, np.full(12, -1)]), ["`inputs`", "0 of 12", "-1", "NaN"]),
    ("batches of fewer labels", lambda: LabelledBatches([X, LABELS[:8]]), ["`condition`", "one row", "8 rows for 12"]),
    ("batches of fewer x", lambda: LabelledBatches([X[:8], LABELS]), ["`condition`", "one row", "12 rows for 8"]),
    (
        "batches of fewer masks",
        lambda: LabelledBatches({"x": X, "label": LABELS, "mask": np.ones((8, 4), "bool")}),
        ["`mask`", "one row", "8 rows for 12"],
    ),
    ("a column of labels", lambda: LabelledBatches([X, LABELS[:, None]]), ["shape (batch,)", "(12, 1)", "[:, 0]"]),
    ("labels as text", lambda: LabelledBatches([X, LABELS.astype(str)]), ["`condition`", "numbers", "dtype <U"]),
    (
        "labels with None",
        lambda: LabelledBatches([X, np.where(LABELS < 0, None, LABELS.astype(object))]),
        ["`condition`", "numbers", "dtype object"],
    ),
    ("x as a list", lambda: LabelledBatches([X.tolist(), LABELS]), ["`x`", "array", "a list of 12 items"]),
    (
        "unknown labels of another number",
        lambda: LabelledBatches([X, np.where(LABELS < 0, -7, LABELS)]),
        ["`condition`", "Received: -7 at index (6,)", "-1 marks"],
    ),
    (
        "fit with unknown labels of another number",
        lambda: compiled(model()).fit([X, np.where(np.arange(12) == 9, -100, LABELS)]),
        ["`condition`", "Received: -100 at index (9,)", "-1 marks"],
    ),
    (
        "NaN as whole numbers",
        lambda: compiled(model()).fit([X, np.where(LABELS < 0, np.iinfo("int64").min, LABELS)]),
        ["`condition`", "Received: -9223372036854775808 at index (6,)", "NaN cast"],
    ),
    (
        "known labels from 1",
        lambda: compiled(model()).fit([X, np.where(LABELS < 0, -1, LABELS + 1)]),
        ["Received: 3 at index (2,)", "[1, 3] in all", "subtract 1"],
    ),
    (
        "known labels that are no whole numbers",
        lambda: compiled(model()).fit([X, np.where(LABELS < 0, -1, LABELS + 0.5)]),
        ["Received: 2.5 at index (2,)", "[0.5, 2.5] in all", "condition_shape such as (1,)"],
    ),
    ("only labelled rows", lambda: LabelledBatches([X, LABELS], 4, 4), ["`labelled`", "4"]),
]


@pytest.mark.refusals
@pytest.mark.parametrize(("use", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_it_is_refused(use, words):
    with pytest.raises(ValueError, match="".join(f"(?s:(?=.*{re.escape(word)}))" for word in words)):
        use()


@pytest.mark.refusals
def test_a_classifier_is_a_layer():
    with pytest.raises(TypeError, match=r"`classifier`.*'dense'"):
        SemiSupervised(classifier="dense")
