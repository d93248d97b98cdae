"""Every form in which data come, and what is done with targets, weights and conditions."""

import functools

import keras
import numpy as np
import pytest
import scipy.sparse
from keras import ops

import keras_vae as kv
from keras_vae.data.sparse import SparseRows
from tests.models.small import compiled, one_hot, small_vae, vectors

X = vectors(22)
C = one_hot(22)
BATCH = 8


class Batches(keras.utils.PyDataset):
    """Batches of arrays, of a pair or a dict of them, in order."""

    def __init__(self, data):
        super().__init__()
        self.data = data

    def __len__(self):
        return -(-len(keras.tree.flatten(self.data)[0]) // BATCH)

    def __getitem__(self, index):
        rows = slice(index * BATCH, (index + 1) * BATCH)
        return keras.tree.map_structure(lambda array: array[rows], self.data)


def tf_dataset(data):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() == "torch":
        pytest.skip("Keras feeds tf.data to TensorFlow and JAX; torch has its DataLoader")
    return tf.data.Dataset.from_tensor_slices(data).batch(BATCH)


def loader(data):
    torch = pytest.importorskip("torch")
    tensors = [torch.from_numpy(array) for array in data]
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*tensors), batch_size=BATCH)


def bare_loader(data):
    torch = pytest.importorskip("torch")
    return torch.utils.data.DataLoader(torch.from_numpy(data[0]), batch_size=BATCH)


def generator(data):
    batches = Batches(data)
    return (batches[index] for index in range(len(batches)))


def grain_loader(data):
    grain = pytest.importorskip("grain")
    sampler = grain.samplers.IndexSampler(len(data[0]), shuffle=False, num_epochs=1)
    batch = grain.transforms.Batch(BATCH)
    return grain.DataLoader(data_source=list(data[0]), sampler=sampler, operations=[batch], worker_count=0)


STREAMS = {
    "grain's DataLoader of bare rows": grain_loader,
    "tf.data": tf_dataset,
    "PyDataset": Batches,
    "DataLoader of a TensorDataset": loader,
    "DataLoader of bare tensors": bare_loader,
    "generator": generator,
}


@pytest.fixture(scope="module")
def reference():
    """What a model learns from the arrays themselves."""
    return losses(X, batch_size=BATCH)


class Rerun:
    """One compiled model that starts each time from the same weights and noise: compiling is what takes time."""

    def __init__(self, **kwargs):
        self.vae = compiled(small_vae(**kwargs), keras.optimizers.SGD(0.1))
        self.states = [*self.vae.trainable_variables, self.vae.seed_generator.state]
        self.start = [ops.convert_to_numpy(state).copy() for state in self.states]

    def __call__(self, data, **kwargs):
        for state, start in zip(self.states, self.start, strict=True):
            state.assign(start)
        history = self.vae.fit(data, shuffle=False, verbose=0, **kwargs).history
        return [history[name][0] for name in ("loss", "reconstruction_loss", "kl_loss")]


@functools.cache
def model(**kwargs):
    keras.utils.set_random_seed(1)
    return Rerun(**kwargs)


def losses(data, **kwargs):
    return model()(data, **kwargs)


@pytest.mark.parametrize("form", STREAMS)
def test_streams_train_like_arrays(form, reference):
    """Nothing is lost by looking at the first batch, and the ragged last one counts by its size."""
    np.testing.assert_allclose(losses(STREAMS[form]((X,))), reference, rtol=1e-5)


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"x": x}], ids=["arrays", "dicts"])
def test_generators_without_tuples(wrap, reference):
    batches = (wrap(X[start : start + BATCH]) for start in range(0, len(X), BATCH))
    np.testing.assert_allclose(losses(batches), reference, rtol=1e-5)


def test_loss_is_the_sum_of_its_parts(reference):
    loss, reconstruction_loss, kl_loss = reference
    np.testing.assert_allclose(loss, reconstruction_loss + kl_loss, rtol=1e-5)


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.astype("float64"),
        lambda x: x.astype("float16"),
        lambda x: {"x": x},
        lambda x: [x],
        lambda x: (x,),
        ops.convert_to_tensor,
    ],
    ids=["float64", "float16", "dict", "list of one", "tuple of one", "backend tensor"],
)
def test_arrays_of_every_kind(convert, reference):
    np.testing.assert_allclose(losses(convert(X), batch_size=BATCH), reference, rtol=1e-3)


@pytest.mark.parametrize("library", ["jax.numpy", "torch", "tensorflow"])
def test_arrays_of_another_backend(library, reference):
    module = pytest.importorskip(library)
    make = {"jax.numpy": "asarray", "torch": "tensor", "tensorflow": "constant"}[library]
    x = getattr(module, make)(X)
    np.testing.assert_allclose(losses(x, batch_size=BATCH), reference, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
def test_whole_numbers(dtype):
    x = (X > 0.5).astype(dtype)
    expected = losses(x.astype("float32"), batch_size=BATCH)
    np.testing.assert_allclose(losses(x, batch_size=BATCH), expected, rtol=1e-5)


class Table:
    """What matters of a pandas DataFrame here: two axes, no dtype, iterates over its columns, to_numpy."""

    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    def __iter__(self):
        return iter([f"column {index}" for index in range(self.shape[1])])

    def to_numpy(self):
        return self.array


def test_tables(reference):
    np.testing.assert_allclose(losses(Table(X), batch_size=BATCH), reference, rtol=1e-5)
    vae = small_vae()
    np.testing.assert_allclose(vae.encode(Table(X)), vae.encode(X))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_tables_of_a_library(library, reference):
    module = pytest.importorskip(library)
    table = module.DataFrame({f"column {index}": column for index, column in enumerate(X.T)})
    np.testing.assert_allclose(losses(table, batch_size=BATCH), reference, rtol=1e-5)


def sparse(x=X):
    return scipy.sparse.csr_array(x)


def test_sparse_rows_train_like_dense_ones(reference, monkeypatch):
    """Also with weights and held-out rows, and no more than a batch is ever dense."""
    dense_rows = []
    toarray = scipy.sparse.csr_array.toarray
    monkeypatch.setattr(
        scipy.sparse.csr_array, "toarray", lambda self: dense_rows.append(self.shape[0]) or toarray(self)
    )
    np.testing.assert_allclose(losses(sparse(), batch_size=BATCH), reference, rtol=1e-5)
    weights = np.linspace(0.5, 1.5, len(X)).astype("float32")
    options = {"batch_size": BATCH, "sample_weight": weights, "validation_split": 0.3}
    np.testing.assert_allclose(losses(sparse(), **options), losses(X, **options), rtol=1e-5)
    given = {"batch_size": BATCH, "validation_data": (sparse(),)}
    np.testing.assert_allclose(losses({"x": sparse()}, **given), reference, rtol=1e-5)
    assert max(dense_rows) == BATCH


@pytest.mark.parametrize("form", ["coo", "csc", "bsr", "dia", "lil", "dok"])
def test_every_format_of_sparse_rows(form, reference):
    for kind in ("array", "matrix"):
        rows = getattr(scipy.sparse, f"{form}_{kind}")(X)
        np.testing.assert_allclose(losses(rows, batch_size=BATCH), reference, rtol=1e-5)


def test_sparse_rows_in_every_method():
    vae = small_vae(condition_shape=(3,), likelihood="poisson")
    compiled(vae)
    counts = np.round(4 * X * (X > 0.7)).astype("float32")
    inputs, dense_inputs = [sparse(counts), C], [counts, C]
    for call in ("predict", "encode"):
        np.testing.assert_allclose(getattr(vae, call)(inputs), getattr(vae, call)(dense_inputs), rtol=1e-5)
    np.testing.assert_allclose(vae.elbo(inputs, seed=0), vae.elbo(dense_inputs, seed=0), rtol=1e-5)
    state = ops.convert_to_numpy(vae.seed_generator.state)
    found = []
    for given, y in ((inputs, None), (inputs, sparse(counts)), (dense_inputs, None)):
        vae.seed_generator.state.assign(state)
        found.append(evaluate(vae, given, y, batch_size=BATCH)["loss"])
    np.testing.assert_allclose(found[:2], found[2], rtol=1e-5)
    assert np.isfinite(vae.train_on_batch([sparse(counts), C])).all()


def test_sparse_rows_are_shuffled_in_every_epoch():
    """By row, each with its condition, as Keras shuffles arrays."""
    rows = np.arange(11.0)
    batches = SparseRows([sparse(rows[:, None] + 1), rows], batch_size=4, shuffle=True)
    orders = []
    for _ in range(2):
        seen = [batches[index][0] for index in range(len(batches))]
        x, condition = (np.concatenate(parts) for parts in zip(*seen, strict=True))
        np.testing.assert_array_equal(x[:, 0], condition + 1)
        orders.append(condition)
        batches.on_epoch_end()
    np.testing.assert_array_equal(np.sort(orders[1]), rows)
    assert not np.array_equal(*orders)
    assert not np.array_equal(orders[0], rows)


def test_uint8_pixels_with_a_likelihood_for_them():
    vae = compiled(small_vae(likelihood="gaussian"))
    history = vae.fit((X * 255).astype("uint8"), verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert vae.predict((X * 255).astype("uint8")).dtype == np.float32


def evaluate(vae, *args, **kwargs):
    return vae.evaluate(*args, verbose=0, return_dict=True, **kwargs)


def test_evaluate_is_the_mean_over_examples():
    """With a posterior that is almost a point, the noise does not matter, so the two can be compared."""
    vae = compiled(small_vae(encoder=sharp_encoder(), posterior=kv.posteriors.Gaussian(project=False)))
    elbo = vae.elbo(X, num_samples=1)
    np.testing.assert_allclose(evaluate(vae, X, batch_size=BATCH)["loss"], -elbo.mean(), rtol=1e-3)
    weights = np.arange(len(X), dtype="float32")
    weighted = evaluate(vae, X, batch_size=BATCH, sample_weight=weights)
    np.testing.assert_allclose(weighted["loss"], -(weights * elbo).mean(), rtol=1e-3)
    np.testing.assert_allclose(weighted["loss"], weighted["reconstruction_loss"] + weighted["kl_loss"], rtol=1e-5)


def test_weights_scale_losses_and_leave_rates_as_keras_does():
    """`loss` is weighted and divided by the number of examples; a rate is a mean weighted by the weights."""
    weights = np.linspace(0.5, 2.0, len(X)).astype("float32")
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(6)])
    model.compile(loss="mse", weighted_metrics=["mse"])
    parts = {"encoder": sharp_encoder(), "posterior": kv.posteriors.Gaussian(project=False), "likelihood": "poisson"}
    vae = compiled(small_vae(**parts))
    once, twice = (evaluate(vae, X.round(), sample_weight=factor * weights) for factor in (1, 2))
    keras_once, keras_twice = (model.evaluate(X, X, sample_weight=w, verbose=0) for w in (weights, 2 * weights))
    for name in ("loss", "reconstruction_loss", "kl_loss"):
        np.testing.assert_allclose(twice[name] / once[name], keras_twice[0] / keras_once[0], rtol=1e-3)
    np.testing.assert_allclose(twice["bits_per_dim"] / once["bits_per_dim"], keras_twice[1] / keras_once[1], rtol=1e-3)
    np.testing.assert_allclose(once["bits_per_dim"], once["loss"] / weights.mean() / 6 / np.log(2.0), rtol=1e-4)


def sharp_encoder():
    inputs = keras.Input((6,))
    log_var = keras.layers.Dense(2, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(-18.0))
    return keras.Model(inputs, [keras.layers.Dense(2)(inputs), log_var(inputs)])


def weights_after_a_step(x, learning_rate=0.1, **kwargs):
    """Weights after one step of plain gradient descent, without the noise of the posterior."""
    keras.utils.set_random_seed(2)
    vae = small_vae(encoder=sharp_encoder(), posterior=kv.posteriors.Gaussian(project=False))
    compiled(vae, keras.optimizers.SGD(learning_rate))
    vae.fit(x, batch_size=len(X), shuffle=False, verbose=0, **kwargs)
    return np.concatenate([ops.convert_to_numpy(weight).ravel() for weight in vae.trainable_weights])


def test_sample_weight_without_targets():
    """Weight 0 on half of the rows is training without them, up to the batch's size in the mean."""
    weights = np.repeat([0.0, 1.0], 11).astype("float32")
    weighted = weights_after_a_step(X, sample_weight=weights)
    without = weights_after_a_step(X[11:], learning_rate=0.05)
    all_rows = weights_after_a_step(X)
    np.testing.assert_allclose(weighted, without, atol=2e-4)
    assert np.abs(weighted - all_rows).max() > 1e-2


def test_sample_weight_in_a_stream():
    weights = np.repeat([0.0, 1.0], 11).astype("float32")
    expected = losses(X, batch_size=BATCH, sample_weight=weights)
    np.testing.assert_allclose(losses(Batches((X, X, weights))), expected, rtol=1e-5)


def test_targets_are_what_is_reconstructed():
    """Denoising: the loss is that of y given the latents of x."""
    vae = compiled(small_vae())
    clean = np.zeros_like(X)
    bias = np.log(0.9 / 0.1)
    vae.likelihood.heads["logits"].dense.kernel.assign(np.zeros((8, 6)))
    vae.likelihood.heads["logits"].dense.bias.assign(np.full(6, bias))
    np.testing.assert_allclose(evaluate(vae, X, clean)["reconstruction_loss"], -6 * np.log(0.1), rtol=1e-5)
    history = vae.fit(X, clean, epochs=2, verbose=0, validation_data=(X, clean), validation_batch_size=BATCH).history
    assert history["reconstruction_loss"][1] < history["reconstruction_loss"][0]
    assert history["val_reconstruction_loss"][0] < -6 * np.log(0.1)


@pytest.mark.parametrize("form", [lambda x: x, lambda x: (x,), lambda x: {"x": x}, lambda x: Batches((x,))])
def test_validation_data_without_targets(form):
    history = compiled(small_vae()).fit(X, verbose=0, batch_size=BATCH, validation_data=form(X[:9])).history
    assert {"val_loss", "val_reconstruction_loss", "val_kl_loss"} <= set(history)


def test_validation_split():
    vae = compiled(small_vae())
    history = vae.fit(X, validation_split=0.5, sample_weight=np.ones(22), batch_size=BATCH, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()


@pytest.fixture(scope="module")
def conditional():
    return compiled(small_vae(condition_shape=(3,)))


@pytest.mark.parametrize(
    "form",
    [
        lambda x, c: [x, c],
        lambda x, c: (x, c),
        lambda x, c: {"x": x, "condition": c},
        lambda x, c: ((x, c),),
        lambda x, c: ([x, c], x),
        lambda x, c: (({"x": x, "condition": c}), x),
        lambda x, c: Batches(((x, c),)),
        lambda x, c: Batches({"x": x, "condition": c}),
    ],
    ids=["[x, c]", "(x, c)", "dict", "((x, c),)", "([x, c], y)", "(dict, y)", "PyDataset of pairs", "of dicts"],
)
def test_conditional_validation_data(conditional, form):
    """`[x, c]` means (x, y) to Keras; for a conditional model it is repaired, never trained on wrongly."""
    expected = evaluate(conditional, [X[:9], C[:9]])["kl_loss"]
    history = conditional.fit(
        [X, C], validation_data=form(X[:9], C[:9]), verbose=0, batch_size=BATCH, steps_per_epoch=1, epochs=1
    ).history
    assert np.isfinite(history["val_loss"]).all()
    after = evaluate(conditional, [X[:9], C[:9]])["kl_loss"]
    np.testing.assert_allclose(history["val_kl_loss"][-1], after, rtol=1e-5)
    assert expected != after


@pytest.mark.parametrize(
    "form",
    [
        lambda x, c: [x, c],
        lambda x, c: {"x": x, "condition": c},
        lambda x, c: Batches(((x, c),)),
        lambda x, c: Batches({"x": x, "condition": c}),
        lambda x, c: tf_dataset({"x": x, "condition": c}),
        lambda x, c: generator(((x, c),)),
    ],
    ids=["[x, c]", "dict", "PyDataset of pairs", "PyDataset of dicts", "tf.data of dicts", "generator"],
)
def test_conditional_data(form):
    loss = model(condition_shape=(3,))
    arrays = not hasattr(form(X, C), "__next__") and isinstance(form(X, C), (list, dict))
    expected = loss([X, C], batch_size=BATCH)
    np.testing.assert_allclose(loss(form(X, C), **({"batch_size": BATCH} if arrays else {})), expected, rtol=1e-5)


def test_metrics_compare_data_with_means():
    vae = compiled(small_vae(), metrics=["mae"])
    logs = evaluate(vae, X, batch_size=BATCH)
    by_hand = np.abs(vae.predict(X) - X).mean()
    np.testing.assert_allclose(logs["mae"], by_hand, atol=0.05)
    vae.likelihood.heads["logits"].dense.kernel.assign(np.zeros((8, 6)))
    np.testing.assert_allclose(evaluate(vae, X)["mae"], np.abs(0.5 - X).mean(), rtol=1e-5)
    assert "val_mae" in vae.fit(X, validation_data=X, verbose=0).history


def test_metrics_average_over_several_latents():
    vae = compiled(small_vae(objective=kv.objectives.ELBO(num_samples=3)), weighted_metrics=["mse"])
    history = vae.fit(X, sample_weight=np.ones(22), verbose=0).history
    assert np.isfinite(history["mse"]).all()


@pytest.mark.parametrize("form", STREAMS)
def test_verbs_take_streams(form):
    vae = model().vae
    np.testing.assert_allclose(vae.predict(STREAMS[form]((X,))), vae.predict(X), atol=1e-6)
    np.testing.assert_allclose(vae.encode(STREAMS[form]((X,))), vae.encode(X), atol=1e-6)
    assert vae.elbo(STREAMS[form]((X,))).shape == (22,)


def test_predict_takes_steps_and_drops_targets():
    vae = small_vae()
    expected = vae.predict(X)
    np.testing.assert_allclose(vae.predict(Batches((X, X)), steps=2), expected[: 2 * BATCH], atol=1e-6)


def test_one_batch():
    vae = compiled(small_vae())
    logs = vae.train_on_batch(X, return_dict=True)
    assert {"loss", "reconstruction_loss", "kl_loss"} <= set(logs)
    assert np.isfinite(vae.test_on_batch(X, return_dict=True)["loss"])
    np.testing.assert_allclose(vae.predict_on_batch(X), vae.predict(X), atol=1e-6)


def test_positional_arguments_of_fit():
    vae = compiled(small_vae())
    vae.fit(X, None, BATCH, 3, 0, None, 0.0, X, False, None, None, 1)
    assert vae.history.epoch == [1, 2]
