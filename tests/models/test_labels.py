"""Labels: conditions and targets that are classes, and classes that there are not."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.models.small import ROWS, compiled, small_vae, vectors

pytestmark = pytest.mark.eager

X = vectors()
LABELS = np.arange(ROWS) % 3
ENCODERS = {
    "embedding": lambda: keras.layers.Embedding(3, 2),
    "one-hot": lambda: keras.layers.CategoryEncoding(3, output_mode="one_hot"),
    "sequential": lambda: keras.Sequential([keras.layers.Embedding(3, 2), keras.layers.Dense(2)]),
    "functional": lambda: functional(),
    "own": lambda: Looked(),
    "reshaped inside": lambda: keras.Sequential(
        [keras.Sequential([keras.layers.Reshape((1,))]), keras.layers.Embedding(3, 2), keras.layers.Flatten()]
    ),
    "in time": lambda: keras.Sequential(
        [
            keras.layers.Reshape((1, 1)),
            keras.layers.TimeDistributed(keras.layers.Embedding(3, 2)),
            keras.layers.Flatten(),
        ]
    ),
    "operations": lambda: operations(one_hot=False),
    "one_hot": lambda: operations(one_hot=True),
}
WRONG = {
    "1 to n": (LABELS + 1, ["[0, 2]", "Received: 3 at index (2,)", "subtract 1"]),
    "a fraction": (np.where(LABELS == 1, 1.7, LABELS), ["whole numbers in [0, 2]", "Received: 1.7 at index (1,)"]),
    "far off": (np.where(LABELS == 1, 99, LABELS), ["[0, 2]", "Received: 99 at index (1,)"]),
}


@keras.saving.register_keras_serializable("tests")
class Looked(keras.layers.Layer):
    """A condition encoder of a user, which says what it takes."""

    support = kv.data.Support(0.0, 2.0, integer=True, categorical=True)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.table = keras.layers.Embedding(3, 2)

    def build(self, shape):
        self.table.build(shape)

    def call(self, labels):
        return self.table(labels)


def functional():
    label = keras.Input((), dtype="int32")
    column = keras.layers.Reshape((1,))(label)
    vector = keras.layers.Flatten()(keras.layers.Embedding(3, 2)(column))
    return keras.Model(label, keras.layers.Dense(2)(vector))


def operations(one_hot):
    label = keras.Input(())
    column = keras.ops.expand_dims(keras.ops.cast(label, "int32"), -1)
    vector = keras.ops.one_hot(column, 3) if one_hot else keras.layers.Embedding(3, 2)(column)
    return keras.Model(label, keras.layers.Flatten()(vector))


def model_of(encoder, **kwargs):
    return compiled(small_vae(condition_shape=(), condition_encoder=ENCODERS[encoder](), **kwargs))


def refused(call, words):
    with pytest.raises(ValueError, match="`condition`") as error:
        call()
    for word in words:
        assert word in str(error.value)


@pytest.mark.refusals
@pytest.mark.parametrize("encoder", ENCODERS)
def test_labels_out_of_the_range_of_the_condition_encoder_are_refused(encoder):
    vae = model_of(encoder)
    for labels, words in WRONG.values():
        refused(lambda labels=labels: vae.fit([X, labels]), words)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return ((X, LABELS + 1),)


@pytest.mark.refusals
def test_labels_are_checked_wherever_they_are_passed():
    vae = model_of("embedding")
    for call in (
        lambda vae: vae.fit(Batches()),
        lambda vae: vae.fit([X, LABELS], validation_data=[X, LABELS + 1]),
        lambda vae: vae.evaluate([X, LABELS + 1]),
        lambda vae: vae.train_on_batch([X, LABELS + 1]),
        lambda vae: vae.generate(condition=[0, 1, 3]),
        lambda vae: vae.elbo([X, LABELS + 1]),
        lambda vae: vae.reconstruct([X, LABELS + 1]),
        lambda vae: vae.decode(np.zeros((1, 2)), condition=[3]),
        lambda vae: vae.interpolate(X[0], X[1], condition=3),
    ):
        refused(lambda call=call: call(vae), ["[0, 2]", "Received: 3"])


@pytest.mark.refusals
def test_labels_of_an_encoder_that_says_nothing_are_whole_numbers():
    class Silent(keras.layers.Layer):
        def call(self, labels):
            return keras.ops.cast(labels, "float32")[:, None]

        def compute_output_shape(self, shape):
            return (*shape, 1)

    vae = compiled(small_vae(condition_shape=(), condition_encoder=Silent()))
    refused(lambda: vae.fit([X, LABELS + 0.5]), ["whole numbers >= 0", "condition_shape such as (1,)"])


@pytest.mark.refusals
def test_tokens_of_a_condition_are_checked_too():
    encoder = keras.Sequential([keras.layers.Embedding(3, 2), keras.layers.GlobalAveragePooling1D()])
    vae = compiled(small_vae(condition_shape=(4,), condition_encoder=encoder))
    refused(lambda: vae.fit([X, np.full((ROWS, 4), -1)]), ["[0, 2]", "Received: -1 at index (0, 0)"])


@pytest.mark.parametrize("encoder", ["functional", "own"])
def test_labels_in_range_train_and_generate(encoder, tmp_path):
    vae = model_of(encoder)
    assert np.isfinite(vae.fit([X, LABELS.astype("float32")], verbose=0).history["loss"]).all()
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    refused(lambda: loaded.generate(condition=3), ["[0, 2]"])
    assert loaded.generate(condition=[0, 1, 2]).shape == (3, 6)


def classifier(**options):
    head = keras.layers.Dense(3, activation="softmax")
    options = {"loss": "sparse_categorical_crossentropy", **options}
    return compiled(small_vae(objective=kv.objectives.Supervised(head=head, **options)), "sgd")


@pytest.mark.refusals
@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (LABELS + 1, ["[0, 2]", "Received: 3 at index (2,)", "subtract 1"]),
        (LABELS - 1, ["[0, 2]", "Received: -1 at index (0,)"]),
        ((LABELS + 0.7)[:, None].clip(max=2), ["whole numbers", "0.7"]),
    ],
)
def test_class_labels_that_the_head_does_not_have_are_refused(labels, words):
    for call in (lambda: classifier().fit(X, labels), lambda: classifier().evaluate(X, labels)):
        with pytest.raises(ValueError, match="`y`") as error:
            call()
        for word in words:
            assert word in str(error.value)


@pytest.mark.refusals
def test_targets_of_a_crossentropy_are_probabilities():
    head = keras.layers.Dense(1, activation="sigmoid")
    vae = compiled(small_vae(objective=kv.objectives.Supervised(head=head, loss="binary_crossentropy")))
    with pytest.raises(ValueError, match=r"`y`: the loss of the objective expects values in \[0, 1\]. Received: 2"):
        vae.fit(X, 1 + LABELS % 2)


def test_the_class_that_a_loss_ignores_may_be_given():
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    vae = classifier(loss=loss)
    history = vae.fit(X, np.where(LABELS == 0, -1, LABELS), verbose=0).history
    assert np.isfinite(history["prediction_loss"]).all()


def test_class_weights_are_sample_weights_of_the_classes():
    weights = {0: 0.5, 1: 3.0, 2: 0.0}
    found = []
    for options in ({"class_weight": weights}, {"sample_weight": np.array([weights[label] for label in LABELS])}):
        keras.utils.set_random_seed(0)
        found.append(classifier().fit(X, LABELS, batch_size=ROWS, verbose=0, **options).history["loss"])
    np.testing.assert_allclose(*found, rtol=1e-5)


@pytest.mark.refusals
def test_class_weights_need_class_labels():
    with pytest.raises(ValueError, match=r"`class_weight` must be a dict from classes to weights.*0 to 2.*3"):
        classifier().fit(X, LABELS, class_weight={3: 1.0})
    with pytest.raises(ValueError, match="`class_weight` needs class labels `y`"):
        compiled(small_vae(objective="supervised")).fit(X, LABELS, class_weight={0: 1.0})


@pytest.mark.refusals
def test_fixed_latents_that_no_prior_draws_are_refused():
    kinds = kv.latents.Single(1, prior=kv.priors.UniformCategorical(3), posterior="categorical")
    sphere = kv.latents.Single(2, prior="uniform_sphere", posterior="von_mises_fisher")
    vae = kv.VAE(data_shape=(6,), latents=kv.latents.Product([kinds, sphere]))
    for fixed, words in (
        ({0: 3}, "categories 0 to 2"),
        ({0: [[2, 0, 0]]}, "probabilities"),
        ({0: [[0.5, 0, 0]]}, "probabilities"),
        ({0: [[5, -4, 0]]}, "probabilities"),
        ({0: 1.5}, "shape"),
        ({1: [9.0, 0.0]}, "unit vectors"),
        ({1: [0.0, 0.0]}, "unit vectors"),
    ):
        with pytest.raises(ValueError, match=f"`fixed`.*{words}"):
            vae.generate(2, fixed=fixed)
    assert vae.generate(2, fixed={0: [[0.5, 0.5, 0]], 1: [0.6, 0.8]}).shape == (2, 6)
