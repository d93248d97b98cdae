"""What a user can get wrong: every row is (what, what is done, exception, words that the message must hold)."""

import functools

import keras
import numpy as np
import pytest
import scipy.sparse

import keras_vae as kv
from tests.models.small import Batches, compiled, one_hot, small_vae, vectors

X = vectors(8)
C = one_hot(8)
IMAGES = np.random.default_rng(0).random((4, 8, 8, 1)).astype("float32")


@functools.cache
def plain():
    return compiled(small_vae())


@functools.cache
def conditional():
    return compiled(small_vae(condition_shape=(3,)))


@functools.cache
def images():
    return compiled(small_vae((8, 8, 1)))


@functools.cache
def labelled():
    return compiled(small_vae(condition_shape=(), condition_encoder=keras.layers.Embedding(3, 2)))


def changed(value, index=(3, 2), array=X):
    array = array.copy()
    array[index] = value
    return array


class Untrained(kv.priors.Prior):
    """A prior that never saw data."""

    def build(self, context_shape, latent_shape, data_spec=None):
        super().build(context_shape, latent_shape, data_spec)
        self.adapted = self.add_weight(name="adapted", shape=(), trainable=False, initializer="zeros")

    def adapt(self, x):
        raise AssertionError("must not be reached")

    def distribution(self, context, *, encode=None):
        return kv.priors.Standard.distribution(self, context)


@functools.cache
def supervised():
    return compiled(small_vae(objective="supervised"))


MISSING = changed(-1, (2,), np.arange(8) % 3)


def ragged():
    return pytest.importorskip("tensorflow").ragged.constant([[0.0] * 6] * 7 + [[1.0]])


def sparse_tensor():
    return pytest.importorskip("torch").eye(6).to_sparse()


def nested():
    torch = pytest.importorskip("torch")
    return torch.nested.nested_tensor([torch.zeros(6), torch.zeros(4)])


class Table:
    """What matters of a pandas DataFrame here: columns of several types."""

    def __init__(self, columns):
        self.columns = columns

    def __len__(self):
        return len(self.to_numpy())

    def __getitem__(self, name):
        return self.columns[name]

    def to_numpy(self):
        return np.stack([column.astype(object) for column in self.columns.values()], axis=1)


def averaged():
    return keras.Sequential([keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(3)])


@functools.cache
def historic():
    return small_vae(condition_shape=(None, 2), condition_encoder=averaged())


def two_tensors():
    inputs = keras.Input((6,))
    return keras.Model(inputs, [keras.layers.Dense(2)(inputs), keras.layers.Dense(2)(inputs)])


def spatial_decoder():
    return keras.Sequential([keras.layers.Dense(9 * 5), keras.layers.Reshape((3, 3, 5))])


IN_THE_CONSTRUCTOR = [
    ("encoder misspelt", lambda: kv.VAE((6,), encoder="mpl"), ValueError, ["encoder", "'mpl'", "Did you mean 'mlp'"]),
    ("decoder misspelt", lambda: kv.VAE((6,), decoder="cnov"), ValueError, ["decoder", "Did you mean 'conv'"]),
    ("prior misspelt", lambda: kv.VAE((6,), prior="standart"), ValueError, ["prior", "Did you mean 'standard'"]),
    ("posterior misspelt", lambda: kv.VAE((6,), posterior="gausian"), ValueError, ["posterior", "'gaussian'"]),
    ("likelihood misspelt", lambda: kv.VAE((6,), likelihood="bernouli"), ValueError, ["likelihood", "'bernoulli'"]),
    ("objective misspelt", lambda: kv.VAE((6,), objective="elbw"), ValueError, ["objective", "Did you mean 'elbo'"]),
    ("prior None", lambda: kv.VAE((6,), prior=None), ValueError, ["`prior`", "None"]),
    ("prior a number", lambda: kv.VAE((6,), prior=3), TypeError, ["prior", "3", "int"]),
    (
        "prior is a likelihood",
        lambda: kv.VAE((6,), prior=kv.likelihoods.Bernoulli()),
        TypeError,
        ["prior", "Bernoulli"],
    ),
    ("data_shape empty", lambda: kv.VAE(()), ValueError, ["`data_shape`", "()", "(28, 28, 1)"]),
    ("data_shape zero", lambda: kv.VAE((0,)), ValueError, ["`data_shape`", "(0,)"]),
    ("data_shape negative", lambda: kv.VAE((8, -8, 1)), ValueError, ["`data_shape`", "(8, -8, 1)"]),
    ("data_shape a string", lambda: kv.VAE("mnist"), ValueError, ["`data_shape`", "'mnist'"]),
    ("data_shape a float", lambda: kv.VAE((8.0,)), ValueError, ["`data_shape`", "8.0"]),
    ("data_shape the data", lambda: kv.VAE(X), ValueError, ["`data_shape`", "shape of one example"]),
    ("data_shape with the batch axis", lambda: kv.VAE((None, 8, 8, 1)), ValueError, ["None", "known length"]),
    ("latent_dim zero", lambda: kv.VAE((6,), 0), ValueError, ["`latent_dim`", "latent_dim=0"]),
    ("latent_dim a float", lambda: kv.VAE((6,), 2.5), ValueError, ["`latent_dim`", "2.5"]),
    ("latent_dim True", lambda: kv.VAE((6,), True), ValueError, ["`latent_dim`", "True"]),
    ("latent_dim of two levels", lambda: kv.VAE((6,), (2, 2)), ValueError, ["`latent_dim`", "(2, 2)", "one level"]),
    ("seed a float", lambda: kv.VAE((6,), seed=1.5), ValueError, ["`seed`", "1.5"]),
    ("seed negative", lambda: kv.VAE((6,), seed=-1), ValueError, ["`seed`", "-1"]),
    ("conv on vectors", lambda: kv.VAE((6,), encoder="conv"), ValueError, ["'conv'", "(6,)", "'mlp'"]),
    ("conv decoder on vectors", lambda: kv.VAE((6,), decoder="conv"), ValueError, ["decoder 'conv'", "(6,)", "'mlp'"]),
    ("beta negative", lambda: kv.objectives.ELBO(beta=-1), ValueError, ["`beta`", "-1"]),
    ("beta NaN", lambda: kv.objectives.ELBO(beta=float("nan")), ValueError, ["`beta`", "nan"]),
    ("num_samples zero", lambda: kv.objectives.ELBO(num_samples=0), ValueError, ["`num_samples`", "0"]),
    ("weight a string", lambda: kv.KLDivergenceRegularizer(weight="1"), ValueError, ["`weight`", "'1'"]),
    ("scale negative", lambda: kv.likelihoods.Gaussian(scale=-1.0), ValueError, ["`scale`", "-1.0"]),
    ("hidden_units zero", lambda: kv.encoders.MLP((0,)), ValueError, ["`hidden_units`", "(0,)"]),
    ("dropout of one", lambda: kv.encoders.MLP((4,), dropout=1.0), ValueError, ["`dropout`", "1.0"]),
    (
        "encoder with two outputs",
        lambda: small_vae(encoder=two_tensors()),
        ValueError,
        ["2 of shapes", "project=False", "one tensor"],
    ),
    (
        "parameters of the wrong size",
        lambda: small_vae(latent_dim=3, encoder=two_tensors(), posterior=kv.posteriors.Gaussian(project=False)),
        ValueError,
        ["(3,)", "[(2,), (2,)]"],
    ),
    (
        "decoder features that cannot be projected",
        lambda: small_vae((4, 4, 1), decoder=spatial_decoder()),
        ValueError,
        ["(3, 3, 5)", "(4, 4, 1)", "decoder", "likelihood"],
    ),
    (
        "condition_encoder without condition_shape",
        lambda: small_vae(condition_encoder=keras.layers.Embedding(3, 2)),
        ValueError,
        ["`condition_encoder`", "`condition_shape`"],
    ),
    (
        "labels without an encoder",
        lambda: small_vae(condition_shape=()),
        ValueError,
        ["condition_encoder", "Embedding"],
    ),
    (
        "condition_encoder that is no layer",
        lambda: small_vae(condition_shape=(), condition_encoder="embedding"),
        TypeError,
        ["`condition_encoder`", "'embedding'", "Keras layer"],
    ),
]

IN_COMPILE_AND_FIT = [
    ("loss in compile", lambda: small_vae().compile("adam", loss="mse"), ValueError, ["`loss`", "'mse'", "objective"]),
    ("no data", lambda: plain().fit(), ValueError, ["`x`", "None"]),
    (
        "8-bit pixels",
        lambda: plain().fit(X * 255),
        ValueError,
        ["`x`", "[0, 1]", "255", "/ 255", "discretized_logistic"],
    ),
    ("8-bit pixels as uint8", lambda: plain().fit((X * 255).astype("uint8")), ValueError, ["`x`", "/ 255"]),
    ("negative values", lambda: plain().fit(X - 0.5), ValueError, ["`x`", "[-0.5, 0.5]", "gaussian"]),
    ("NaN", lambda: plain().fit(changed(np.nan)), ValueError, ["`x`", "nan", "(3, 2)", "1 such"]),
    ("infinity", lambda: plain().fit(changed(np.inf)), ValueError, ["`x`", "inf", "(3, 2)"]),
    ("wrong width", lambda: plain().fit(X[:, :5]), ValueError, ["`x`", "(batch, 6)", "(8, 5)", "data_shape=(5,)"]),
    ("wrong rank", lambda: plain().fit(IMAGES), ValueError, ["`x`", "(batch, 6)", "(4, 8, 8, 1)"]),
    (
        "no channel axis",
        lambda: images().fit(IMAGES[..., 0]),
        ValueError,
        ["(4, 8, 8)", "channel axis", "x[..., None]"],
    ),
    ("no batch axis", lambda: images().fit(IMAGES[0]), ValueError, ["(8, 8, 1)", "batch axis", "x[None]"]),
    ("no rows", lambda: plain().fit(X[:0]), ValueError, ["`x`", "at least one row", "(0, 6)"]),
    ("a string", lambda: plain().fit("mnist"), ValueError, ["`x`", "'mnist'", "str"]),
    ("strings", lambda: plain().fit(X.astype(str)), ValueError, ["`x`", "numbers", "<U"]),
    ("objects", lambda: plain().fit(X.astype(object)), ValueError, ["`x`", "numbers", "object"]),
    ("complex numbers", lambda: plain().fit(X.astype("complex64")), ValueError, ["`x`", "numbers", "complex64"]),
    ("a number", lambda: plain().fit(3.0), ValueError, ["`x`", "3.0", "float"]),
    ("a 0-d array", lambda: plain().fit(np.float32(1)), ValueError, ["`x`", "()"]),
    ("lists of numbers", lambda: plain().fit(X.tolist()), ValueError, ["8 items", "numpy.asarray"]),
    ("two lists of numbers", lambda: plain().fit(X[:2].tolist()), ValueError, ["`x`", "list", "numpy.asarray"]),
    ("a list of examples", lambda: plain().fit(list(X)), ValueError, ["8 items", "numpy.stack"]),
    ("unknown keys", lambda: plain().fit({"x": X, "labels": C}), ValueError, ["'x'", "'condition'", "labels"]),
    ("no key x", lambda: plain().fit({"images": X}), ValueError, ["'x'", "images"]),
    ("labels as y", lambda: plain().fit(X, np.arange(8)), ValueError, ["`y`", "(8,)", "Labels", "condition_shape"]),
    ("one-hot labels as y", lambda: plain().fit(X, C), ValueError, ["`y`", "(8, 3)", "Labels", "Supervised"]),
    ("no y", lambda: supervised().fit(X), ValueError, ["`y`", "None", "fit(x, y)"]),
    ("no y, weights", lambda: supervised().fit(X, sample_weight=np.ones(8)), ValueError, ["`y`", "None", "fit(x, y)"]),
    ("no y in a stream", lambda: supervised().fit(Batches((X,))), ValueError, ["`y`", "None", "dataset of (x, y)"]),
    ("no y in a generator", lambda: supervised().fit(b for b in [(X,)]), ValueError, ["`y`", "None", "(x, y)"]),
    (
        "no y in validation",
        lambda: supervised().fit(X, X[:, 0], validation_data=(X,)),
        ValueError,
        ["`y` of `validation_data`", "None", "validation_data=(x, y)"],
    ),
    (
        "no y in a stream of validation",
        lambda: supervised().fit(X, X[:, 0], validation_data=Batches((X,))),
        ValueError,
        ["`y` of `validation_data`", "None"],
    ),
    ("no y in evaluate", lambda: supervised().evaluate(X), ValueError, ["`y`", "None", "(x, y)"]),
    ("no y in train_on_batch", lambda: supervised().train_on_batch(X), ValueError, ["`y`", "None"]),
    ("no y in test_on_batch", lambda: supervised().test_on_batch(X), ValueError, ["`y`", "None"]),
    ("NaN in y", lambda: supervised().fit(X, changed(np.nan, (3,), X[:, 0])), ValueError, ["`y`", "nan", "(3,)"]),
    ("fewer y", lambda: supervised().fit(X, X[:5, 0]), ValueError, ["`y`", "as many rows", "5", "8"]),
    ("y as text", lambda: supervised().fit(X, np.array(list("abcabcab"))), ValueError, ["`y`", "numbers"]),
    ("y of three numbers", lambda: supervised().fit(X, C), ValueError, ["`y`", "(batch, 1)", "(batch, 3)", "head"]),
    ("no head", lambda: kv.objectives.Supervised(head="dense"), TypeError, ["`head`", "'dense'", "Dense(1)"]),
    ("no loss", lambda: kv.objectives.Supervised(loss="msee"), ValueError, ["`loss`", "'msee'"]),
    (
        "no metric",
        lambda: small_vae(objective=kv.objectives.Supervised(metrics=["m"])),
        ValueError,
        ["`metrics`", "'m'"],
    ),
    ("a negative weight", lambda: kv.objectives.Supervised(weight=-1.0), ValueError, ["`weight`", "-1.0"]),
    (
        "a label below zero",
        lambda: labelled().fit([X, MISSING]),
        ValueError,
        ["`condition`", "row 2", "partly_labelled"],
    ),
    (
        "a missing condition in a stream",
        lambda: conditional().fit(Batches(((X, changed(np.nan, (1, 2), C)),))),
        ValueError,
        ["`condition`", "row 1", "partly_labelled"],
    ),
    (
        "a mask alone",
        lambda: plain().fit({"x": X, "condition_mask": X > 0}),
        ValueError,
        ["`condition_mask`", "only a mask"],
    ),
    (
        "a mask that nothing reads",
        lambda: conditional().fit({"x": X, "condition": C, "condition_mask": C > 0}),
        ValueError,
        ["`condition_mask`", "condition_encoder", "GRU"],
    ),
    (
        "exposure unwanted",
        lambda: plain().fit({"x": X, "exposure": X[:, 0] + 1}),
        ValueError,
        ["`exposure`", "Bernoulli"],
    ),
    ("targets out of range", lambda: plain().fit(X, X * 9), ValueError, ["`y`", "[0, 1]"]),
    ("fewer targets", lambda: plain().fit(X, X[:5]), ValueError, ["`y`", "as many rows", "5", "8"]),
    ("too few weights", lambda: plain().fit(X, sample_weight=np.ones(5)), ValueError, ["`sample_weight`", "(5,)", "8"]),
    (
        "weights of elements of another shape",
        lambda: plain().fit(X, sample_weight=X[:, :5]),
        ValueError,
        ["`sample_weight`", "one number", "(8,)", "(8, 6)", "Received: shape (8, 5)"],
    ),
    (
        "weights of elements below zero",
        lambda: plain().fit(X, sample_weight=X - 1.0),
        ValueError,
        ["`sample_weight`", ">= 0"],
    ),
    ("weight NaN", lambda: plain().fit(X, sample_weight=np.full(8, np.nan)), ValueError, ["`sample_weight`", "nan"]),
    (
        "weight negative",
        lambda: plain().fit(X, sample_weight=np.linspace(-0.5, 1.0, 8)),
        ValueError,
        ["`sample_weight`", ">= 0", "-0.5"],
    ),
    (
        "weight negative in a batch",
        lambda: plain().fit(Batches((X, X, -np.ones(8)))),
        ValueError,
        ["`sample_weight`", "-1"],
    ),
    (
        "weight negative for validation",
        lambda: plain().fit(X, validation_data=(X, X, -np.ones(8))),
        ValueError,
        ["`sample_weight`", "-1"],
    ),
    ("class weights", lambda: plain().fit(X, class_weight={0: 1.0}), ValueError, ["`class_weight`", "sample_weight"]),
    ("batch_size zero", lambda: plain().fit(X, batch_size=0), ValueError, ["`batch_size`", "0"]),
    ("validation labels", lambda: plain().fit(X, validation_data=(X, C)), ValueError, ["`y`", "Labels"]),
    ("bad validation data", lambda: plain().fit(X, validation_data=X * 9), ValueError, ["`validation_data`", "[0, 1]"]),
    ("mask of the wrong length", lambda: plain().fit({"x": X, "mask": X[:5] > 0}), ValueError, ["`mask`", "(5, 6)"]),
    (
        "channels first",
        lambda: kv.VAE((8, 6, 3), 2).encode(np.zeros((4, 3, 8, 6))),
        ValueError,
        ["`x`", "(4, 3, 8, 6)", "channels first", "np.transpose(x, (0, 2, 3, 1))"],
    ),
    (
        "a label in the last column",
        lambda: plain().fit(np.concatenate([X, np.ones((8, 1))], axis=1)),
        ValueError,
        ["`x`", "one column more than data_shape", "label", "x[:, :-1]", "(7,)"],
    ),
    (
        "sparse and out of range",
        lambda: plain().fit(scipy.sparse.csr_array(changed(-1.0))),
        ValueError,
        ["`x`", "[0, 1]", "-1.0 at index (3, 2)"],
    ),
    (
        "sparse and of another width",
        lambda: plain().encode(scipy.sparse.csr_array(X[:, :5])),
        ValueError,
        ["`x`", "(8, 5)"],
    ),
    (
        "sparse condition",
        lambda: conditional().fit([X, scipy.sparse.csr_array(C)]),
        ValueError,
        ["`condition`", "dense", "toarray"],
    ),
    (
        "sparse batches of a dataset",
        lambda: plain().fit(Batches((scipy.sparse.csr_array(X),))),
        ValueError,
        ["`x`", "dataset", "toarray"],
    ),
    (
        "sparse tokens",
        lambda: compiled(small_vae((6,), likelihood=kv.likelihoods.Categorical(3))).fit(
            scipy.sparse.csr_array(np.eye(6))
        ),
        ValueError,
        ["`x`", "categories", "toarray"],
    ),
    ("ragged tensor", lambda: plain().fit(ragged()), ValueError, ["`x`", "RaggedTensor", "to_tensor", "'mask'"]),
    ("sparse tensor of torch", lambda: plain().fit(sparse_tensor()), ValueError, ["`x`", "sparse Tensor", "to_dense"]),
    ("nested tensor of torch", lambda: plain().fit(nested()), ValueError, ["`x`", "NestedTensor", "'mask'"]),
    (
        "table with text",
        lambda: plain().fit(Table({"age": np.arange(8), "name": np.array(["a"] * 8)})),
        ValueError,
        ["`x`", "Table", "['name']", "factorize"],
    ),
    ("mask of weights", lambda: plain().fit({"x": X, "mask": X / 2}), ValueError, ["`mask`", "0 and 1", "0.5"]),
    (
        "mask with NaN",
        lambda: plain().elbo({"x": X, "mask": changed(np.nan, array=np.ones_like(X))}),
        ValueError,
        ["`mask`", "nan at index (3, 2)"],
    ),
    (
        "condition_mask of weights",
        lambda: historic().generate(2, np.zeros((2, 4, 2)), condition_mask=np.full((2, 4), 0.5)),
        ValueError,
        ["`condition_mask`", "0 and 1", "0.5 at index (0, 0)"],
    ),
    ("condition missing", lambda: conditional().fit(X), ValueError, ["`condition`", "(3,)", "[x, condition]"]),
    ("condition unwanted", lambda: plain().fit([X, C]), ValueError, ["`condition`", "without conditions"]),
    ("condition of the wrong width", lambda: conditional().fit([X, C[:, :2]]), ValueError, ["`condition`", "(8, 2)"]),
    ("condition with fewer rows", lambda: conditional().fit([X, C[:5]]), ValueError, ["`condition`", "5 rows", "8"]),
    (
        "condition NaN",
        lambda: conditional().fit([X, changed(np.nan, (1, 2), C)]),
        ValueError,
        ["`condition`", "(1, 2)"],
    ),
    ("condition a list", lambda: conditional().fit([X, C.tolist()]), ValueError, ["`condition`", "numpy.asarray"]),
    ("labels as text", lambda: labelled().fit([X, np.array(list("abcabcab"))]), ValueError, ["`condition`", "numbers"]),
    ("labels in a column", lambda: labelled().fit([X, C[:, :1]]), ValueError, ["`condition`", "(batch,)", "(8, 1)"]),
    ("condition as y", lambda: conditional().fit(X, C), ValueError, ["`condition`", "[x, condition]"]),
    ("labels as y", lambda: labelled().fit(X, C[:, 0]), ValueError, ["`condition`", "never `y`", "labels"]),
    ("first batch out of range", lambda: plain().fit(Batches((X * 255,))), ValueError, ["`x`", "[0, 1]", "/ 255"]),
    ("first batch with labels", lambda: plain().fit(Batches((X, np.arange(8)))), ValueError, ["`y`", "Labels"]),
    ("no batches in a PyDataset", lambda: plain().fit(Batches()), ValueError, ["`x`", "no batches"]),
    ("no batches to predict", lambda: plain().predict(Batches()), ValueError, ["`x`", "no batches"]),
    (
        "no batches to validate with",
        lambda: plain().fit(X, validation_data=Batches()),
        ValueError,
        ["`validation_data`", "no batches"],
    ),
    ("empty validation data", lambda: plain().fit(X, validation_data=[]), ValueError, ["`validation_data`", "list"]),
    ("no batches", lambda: plain().fit(iter([])), ValueError, ["`x`", "no batches"]),
    ("generator, NaN", lambda: plain().fit(b for b in [(changed(np.nan),)]), ValueError, ["`x`", "nan"]),
    ("batches of lists", lambda: plain().fit(Batches((X.tolist(),))), ValueError, ["8 items", "numpy.asarray"]),
    ("batches without a batch axis", lambda: plain().fit(Batches((X[0],))), ValueError, ["batch axis", ".batch(32)"]),
    ("batches of (x, c)", lambda: conditional().fit(Batches((X, C))), ValueError, ["`condition`", "((x, condition),)"]),
    (
        "weights in a batch",
        lambda: plain().fit(Batches((X, X, X[:, :5]))),
        ValueError,
        ["`sample_weight`", "one number"],
    ),
    (
        "training before adapting",
        lambda: compiled(small_vae(prior=Untrained())).train_on_batch(X),
        ValueError,
        ["Untrained", "adapt(x)"],
    ),
    (
        "a generator for a part that adapts",
        lambda: compiled(small_vae(prior=Untrained())).fit(b for b in [(X,)]),
        ValueError,
        ["Untrained", "adapt(x)", "generator"],
    ),
]

IN_THE_VERBS = [
    ("predict out of range", lambda: plain().predict(X * 255), ValueError, ["`x`", "[0, 1]"]),
    ("predict a stream out of range", lambda: plain().predict(Batches((X * 255,))), ValueError, ["`x`", "[0, 1]"]),
    ("predict None", lambda: plain().predict(None), ValueError, ["`x`", "None"]),
    ("predict_target of nothing", lambda: plain().predict_target(X), ValueError, ["ELBO", "Supervised"]),
    ("predict_target out of range", lambda: supervised().predict_target(X * 9), ValueError, ["`x`", "[0, 1]"]),
    ("generate for no label", lambda: labelled().generate(2, -1), ValueError, ["`condition`", "row 0"]),
    ("predict steps 0", lambda: plain().predict(X, steps=0), ValueError, ["`steps`", "0"]),
    ("predict batch_size 0", lambda: plain().predict(X, batch_size=0), ValueError, ["`batch_size`", "0"]),
    ("evaluate wrong shape", lambda: plain().evaluate(IMAGES), ValueError, ["`x`", "(batch, 6)"]),
    ("elbo NaN", lambda: plain().elbo(changed(np.nan)), ValueError, ["`x`", "(3, 2)"]),
    ("elbo num_samples 0", lambda: plain().elbo(X, num_samples=0), ValueError, ["`num_samples`", "0"]),
    ("encode unknown mode", lambda: plain().encode(X, mode="mode"), ValueError, ["`mode`", "'distribution'", "'mode'"]),
    ("reconstruct unknown mode", lambda: plain().reconstruct(X, "avg"), ValueError, ["`mode`", "'sample'", "'avg'"]),
    ("encode bad seed", lambda: plain().encode(X, seed="1"), ValueError, ["`seed`", "'1'"]),
    (
        "encode without condition",
        lambda: conditional().encode(X),
        ValueError,
        ["`condition`", "no condition. Pass [x, condition] or", "'label': labels"],
    ),
    ("decode wrong width", lambda: plain().decode(np.zeros((4, 3))), ValueError, ["`z`", "(batch, 2)", "(4, 3)"]),
    ("decode one latent", lambda: plain().decode(np.zeros(2)), ValueError, ["`z`", "z[None]"]),
    ("decode NaN", lambda: plain().decode(np.full((4, 2), np.nan)), ValueError, ["`z`", "finite"]),
    ("decode two levels", lambda: plain().decode((X, X)), ValueError, ["`z`", "each level", "2 arrays"]),
    ("decode unknown mode", lambda: plain().decode(np.zeros((4, 2)), mode="max"), ValueError, ["`mode`", "'max'"]),
    ("decode without condition", lambda: conditional().decode(np.zeros((4, 2))), ValueError, ["`condition`"]),
    ("generate none", lambda: plain().generate(0), ValueError, ["`n`", "n=0"]),
    ("generate -1", lambda: plain().generate(-1), ValueError, ["`n`", "n=-1"]),
    ("generate 1.5", lambda: plain().generate(1.5), ValueError, ["`n`", "n=1.5"]),
    ("generate from data", lambda: plain().generate(X), ValueError, ["`n`", "int"]),
    ("temperature -1", lambda: plain().generate(2, temperature=-1), ValueError, ["`temperature`", "-1"]),
    ("temperature NaN", lambda: plain().generate(2, temperature=float("nan")), ValueError, ["`temperature`", "nan"]),
    (
        "generate, no condition",
        lambda: conditional().generate(2),
        ValueError,
        ["`condition`", "no condition. Pass condition=..., one for each row, shape (batch, 3), or one for all."],
    ),
    ("generate, wrong rows", lambda: conditional().generate(5, C[:3]), ValueError, ["`condition`", "3 rows", "5"]),
    ("generate, wrong width", lambda: conditional().generate(5, np.ones(4)), ValueError, ["`condition`", "(5, 4)"]),
    ("interpolate shapes", lambda: plain().interpolate(X[:2], X[:3]), ValueError, ["`a`", "`b`", "(2, 6)", "(3, 6)"]),
    ("interpolate wrong data", lambda: plain().interpolate(X[0], X[1] * 9), ValueError, ["`b`", "[0, 1]"]),
    ("interpolate steps 0", lambda: plain().interpolate(X, X, steps=0), ValueError, ["`steps`", "0"]),
    ("interpolate path", lambda: plain().interpolate(X, X, path="curved"), ValueError, ["`path`", "'spherical'"]),
]

COUNTS = np.random.default_rng(0).integers(0, 7, (8, 6))


@functools.cache
def under(likelihood, **kwargs):
    return compiled(small_vae(likelihood=getattr(kv.likelihoods, likelihood)(**kwargs)))


@functools.cache
def tokens():
    return compiled(small_vae(likelihood=kv.likelihoods.Categorical(7, padding=0, end=1)))


def count(value, dtype="int64"):
    return changed(value, (3, 2), COUNTS.astype(dtype))


IN_THE_LIKELIHOODS = [
    ("one category", lambda: kv.likelihoods.Categorical(1), ValueError, ["`num_categories`", "at least 2"]),
    ("padding beyond", lambda: kv.likelihoods.Categorical(7, padding=7), ValueError, ["`padding`", "0 to 6", "7"]),
    ("padding as end", lambda: kv.likelihoods.Categorical(7, padding=0, end=0), ValueError, ["`padding`", "`end`"]),
    ("end of levels", lambda: kv.likelihoods.Categorical(7, True, end=1), ValueError, ["`end`", "ordered"]),
    ("one level", lambda: kv.likelihoods.DiscretizedLogistic(1), ValueError, ["`num_levels`", "at least 2"]),
    ("no trials", lambda: kv.likelihoods.BetaBinomial(0), ValueError, ["`num_trials`", "0"]),
    ("df unknown", lambda: kv.likelihoods.StudentT(df="fitted"), ValueError, ["`df`", "'fitted'", "'learned'"]),
    ("dispersion", lambda: kv.likelihoods.NegativeBinomial("gene"), ValueError, ["`dispersion`", "'gene'"]),
    (
        "a mixture of vectors",
        lambda: small_vae(likelihood="discretized_logistic_mixture"),
        ValueError,
        ["(height, width, channels)", "(6,)", "'discretized_logistic'"],
    ),
    ("unknown normalization", lambda: kv.encoders.MLP(normalization="layer"), ValueError, ["`normalization`", "layer"]),
    ("negative count", lambda: under("Poisson").fit(count(-1)), ValueError, ["`x`", ">= 0", "-1", "(3, 2)"]),
    ("half a count", lambda: under("Poisson").fit(count(2.5, "float32")), ValueError, ["whole", "2.5", "(3, 2)"]),
    ("a count missing", lambda: under("Poisson").fit(count(np.nan, "float32")), ValueError, ["nan", "(3, 2)"]),
    (
        "level 256 of 256",
        lambda: under("DiscretizedLogistic").fit(count(256)),
        ValueError,
        ["whole numbers in [0, 255]", "256", "(3, 2)"],
    ),
    (
        "level 256 in a stream",
        lambda: under("BetaBinomial").fit(Batches((count(256),))),
        ValueError,
        ["[0, 255]", "256", "(3, 2)"],
    ),
    (
        "negative count in a generator",
        lambda: under("NegativeBinomial").fit(batch for batch in [(count(-1),)]),
        ValueError,
        [">= 0", "-1", "(3, 2)"],
    ),
    ("unknown token", lambda: tokens().fit(count(7)), ValueError, ["categories", "[0, 6]", "7", "(3, 2)"]),
    ("unknown token in a stream", lambda: tokens().fit(Batches((count(7),))), ValueError, ["[0, 6]", "(3, 2)"]),
    (
        "a row of padding",
        lambda: tokens().fit(changed(0, (3,), COUNTS)),
        ValueError,
        ["row 3", "no valid step", "padding"],
    ),
    (
        "a row of padding in a stream",
        lambda: tokens().fit(Batches((changed(0, (3,), COUNTS),))),
        ValueError,
        ["row 3", "no valid step"],
    ),
    (
        "empty sequences",
        lambda: compiled(
            kv.VAE((None,), 2, likelihood=kv.likelihoods.Categorical(7), encoder=averaged(), decoder="gru")
        ).fit(COUNTS[:, :0]),
        ValueError,
        ["`x`", "empty sequences", "(8, 0)"],
    ),
    (
        "zero under a logarithm",
        lambda: under("LogNormal").fit(changed(0.0, array=1 + X)),
        ValueError,
        ["> 0", "(3, 2)"],
    ),
    (
        "one where the interval is open",
        lambda: under("Beta").fit(changed(1.0, array=0.5 * X + 0.2)),
        ValueError,
        ["(0, 1)", "(3, 2)", "off the ends"],
    ),
    (
        "zero in float32 under a logarithm",
        lambda: under("LogNormal").fit(changed(1e-300, array=1 + X.astype("float64"))),
        ValueError,
        ["> 0", "(3, 2)", "float32"],
    ),
    (
        "one in float32 where the interval is open",
        lambda: under("Beta").fit(changed(1 - 1e-12, array=0.5 * X.astype("float64") + 0.2)),
        ValueError,
        ["(0, 1)", "(3, 2)", "float32"],
    ),
    (
        "another y than the x that the decoder reads",
        lambda: compiled(
            kv.VAE((6,), 2, likelihood=kv.likelihoods.Categorical(7), encoder="mlp", decoder=kv.decoders.GRU((4,)))
        ).fit(np.full((4, 6), 3), np.full((4, 6), 5)),
        ValueError,
        ["`y`", "autoregressive", "Denoising"],
    ),
    ("y out of range", lambda: under("Poisson").fit(COUNTS, count(-2)), ValueError, ["`y`", "-2", "(3, 2)"]),
]


@functools.cache
def exposed():
    return under("Poisson", exposure=True)


def counts_with(exposure):
    return {"x": COUNTS, "exposure": exposure}


IN_THE_LIKELIHOODS += [
    ("no exposure", lambda: exposed().fit(COUNTS), ValueError, ["`exposure`", "{'x': x"]),
    ("exposure 0", lambda: exposed().fit(counts_with(np.zeros(8))), ValueError, ["`exposure`", "> 0"]),
    (
        "exposure of a column",
        lambda: exposed().fit(counts_with(np.ones((8, 1)))),
        ValueError,
        ["shape (batch,)", "exposure[:, 0]"],
    ),
    (
        "exposure not by name",
        lambda: exposed().fit([COUNTS, np.ones(8)]),
        ValueError,
        ["an exposure is passed by name"],
    ),
    (
        "exposure not asked for",
        lambda: under("Poisson").fit(counts_with(np.ones(8))),
        ValueError,
        ["likelihoods.Poisson(exposure=True)"],
    ),
    ("wide exposure", lambda: exposed().fit(counts_with(np.ones((8, 2)))), ValueError, ["`exposure`", "(8, 2)"]),
    ("generate without exposure", lambda: exposed().generate(2), ValueError, ["`exposure`", "generate"]),
    ("exposed", lambda: kv.likelihoods.Bernoulli().exposed({}, X), ValueError, ["`exposure`", "Bernoulli"]),
]

ROWS = IN_THE_LIKELIHOODS + IN_THE_CONSTRUCTOR + IN_COMPILE_AND_FIT + IN_THE_VERBS


@pytest.mark.refusals
@pytest.mark.parametrize(("act", "exception", "words"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_bad_input_says_what_is_wrong(act, exception, words):
    with pytest.raises(exception) as caught:
        act()
    message = str(caught.value)
    missing = [word for word in words if word not in message]
    assert not missing, f"{missing} not in: {message}"


@pytest.mark.parametrize("y", [X[:, :3], X[:, 0], X[:, :2, None], np.arange(8) % 3, C])
def test_a_y_of_another_shape_is_not_told_to_change_the_data(y):
    with pytest.raises(ValueError, match="`y`") as caught:
        plain().fit(X, y)
    message = str(caught.value)
    assert "data_shape=(" not in message, message
    whole = bool(np.all(y == np.round(y)))
    assert ("condition_shape" in message) == whole, message


def test_latents_of_another_shape_are_not_told_to_change_the_data():
    with pytest.raises(ValueError, match="`z`") as caught:
        plain().decode(np.zeros((4, 3)))
    assert "data_shape=" not in str(caught.value)
