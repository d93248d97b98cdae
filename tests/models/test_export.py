"""Exported files, run by the programs that users run them with, and compared with the model."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.models.small import one_hot, small_vae, vectors

BACKEND = keras.backend.backend()
X = vectors(5)
TOKENS = (np.arange(25).reshape(5, 5) % 4).astype("int32")
ENDINGS = {"tf_saved_model": "", "onnx": ".onnx", "openvino": ".xml", "litert": ".tflite", "torch": ".pt2"}
FORMATS = {
    "tensorflow": ("tf_saved_model", "onnx", "litert", "openvino"),
    "jax": ("tf_saved_model", "onnx"),
    "torch": ("torch", "onnx", "openvino"),
}[BACKEND]
FIRST = FORMATS[0]
NEEDS = {
    "onnx": ("onnx", "onnxruntime", *{"tensorflow": ["tf2onnx"], "jax": ["jax2onnx"]}.get(BACKEND, [])),
    "openvino": ("openvino",),
}


def exported(vae, folder, file_format=FIRST, method="reconstruct", **options):
    """The exported method as a function of arrays, which gives a list of arrays."""
    for package in NEEDS.get(file_format, ()):
        pytest.importorskip(package, reason=f"{package} is not installed, which {file_format} needs")
    path = str(folder / f"{method}{ENDINGS[file_format]}")
    vae.export(path, file_format, verbose=False, method=method, **options)
    return RUN[file_format](path)


def run_saved_model(path):
    import tensorflow as tf

    artifact = tf.saved_model.load(path)
    return lambda x: [leaf.numpy() for leaf in keras.tree.flatten(artifact.serve(x))]


def run_onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    names = [node.name for node in session.get_inputs()]
    return lambda x: session.run(None, x if isinstance(x, dict) else {names[0]: x})


def run_openvino(path):
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    # On TensorFlow, OpenVINO lists intermediate values as further outputs.
    return lambda x: [compiled([x])[0]]


def run_litert(path):
    import tensorflow as tf

    runner = tf.lite.Interpreter(model_path=path).get_signature_runner("serving_default")
    (name, *_) = runner.get_input_details()
    return lambda x: list(runner(**(x if isinstance(x, dict) else {name: x})).values())


def run_torch(path):
    import torch

    program = torch.export.load(path).module()
    tensors = lambda x: keras.tree.map_structure(torch.as_tensor, x)  # noqa: E731
    return lambda x: [leaf.detach().numpy() for leaf in keras.tree.flatten(program(tensors(x)))]


RUN = {
    "tf_saved_model": run_saved_model,
    "onnx": run_onnx,
    "openvino": run_openvino,
    "litert": run_litert,
    "torch": run_torch,
}


@pytest.mark.parametrize("method", ["reconstruct", "encode", "decode"])
@pytest.mark.parametrize("file_format", FORMATS)
def test_an_exported_method_computes_what_the_model_does(tmp_path, file_format, method):
    vae = small_vae()
    data = vae.encode(X) if method == "decode" else X
    run = exported(vae, tmp_path, file_format, method)
    wanted = getattr(vae, method)(data)
    for rows in (5, 1):  # any size of the batch
        np.testing.assert_allclose(run(data[:rows])[0], wanted[:rows], atol=1e-5)


@pytest.mark.skipif(BACKEND != "torch", reason="only torch lacks ONNX operations for these")
@pytest.mark.parametrize(
    "likelihood", ["gaussian", "student_t", "beta", "discretized_logistic", "discretized_logistic_mixture"]
)
def test_parameters_with_a_smooth_bound_can_be_written_to_onnx(tmp_path, likelihood):
    vae = small_vae(data_shape=(2, 2, 3), encoder="mlp", decoder="mlp", likelihood=likelihood)
    z = np.linspace(-1.0, 1.0, 10, dtype="float32").reshape(5, 2)
    wanted = vae.decode(z)
    np.testing.assert_allclose(exported(vae, tmp_path, "onnx", "decode")(z)[0], wanted, rtol=1e-5, atol=1e-4)


@pytest.mark.skipif(BACKEND != "torch", reason="only torch wrote a file that could not be read")
def test_a_table_with_missing_values_can_be_written_to_onnx(tmp_path):
    likelihood = kv.likelihoods.Columns([("gaussian", 2), (kv.likelihoods.Categorical(3), 2)], missing="nan")
    vae = small_vae(data_shape=(4,), likelihood=likelihood)
    table = np.array([[0.5, np.nan, 1, 2], [0.5, 1.0, np.nan, 0]], "float32")
    np.testing.assert_allclose(exported(vae, tmp_path, "onnx", "encode")(table)[0], vae.encode(table), atol=1e-5)


def test_sequences_whose_steps_do_not_see_each_other_have_no_loop(tmp_path):
    decoder = kv.decoders.TCN((3,), autoregressive=False)
    vae = small_vae(data_shape=(5,), encoder="mlp", decoder=decoder, likelihood=kv.likelihoods.Categorical(4))
    (decoded,) = exported(vae, tmp_path, method="decode")(vae.encode(TOKENS))
    np.testing.assert_array_equal(decoded, vae.decode(vae.encode(TOKENS)))


def test_several_inputs_and_several_levels_have_names(tmp_path):
    vae = small_vae(
        latent_dim=(2, 3), latents="hierarchical", condition_shape=(3,), condition_to=("encoder", "decoder")
    )
    condition = one_hot(5)
    run = exported(vae, tmp_path, method="encode")
    levels = vae.encode([X, condition])
    for level, wanted in zip(run({"x": X, "condition": condition}), levels, strict=True):
        np.testing.assert_allclose(level, wanted, atol=1e-5)
    run = exported(vae, tmp_path, method="decode")
    (decoded,) = run({"z_1": levels[0], "z_2": levels[1], "condition": condition})
    np.testing.assert_allclose(decoded, vae.decode(levels, condition=condition), atol=1e-5)


def test_tokens_are_integers_and_end_where_the_model_ends_them(tmp_path):
    vae = kv.VAE(
        (5,),
        2,
        encoder=kv.encoders.GRU((4,)),
        decoder="gru",
        likelihood=kv.likelihoods.Categorical(4, padding=0, end=1),
    )
    if BACKEND == "torch":
        with pytest.raises(ValueError, match="in a loop that cannot be exported on the torch backend"):
            exported(vae, tmp_path)
        return
    np.testing.assert_array_equal(exported(vae, tmp_path)(TOKENS)[0], vae.predict(TOKENS))


def test_an_exported_generator_is_a_function_of_its_seeds(tmp_path):
    identity = keras.Sequential([keras.layers.Input((2,)), keras.layers.Activation("linear")])
    vae = small_vae(likelihood="gaussian", decoder=identity)  # the mean is linear in z: its moments are the prior's
    if BACKEND == "torch":
        with pytest.raises(ValueError, match="format='tf_saved_model' and the TensorFlow or JAX"):
            exported(vae, tmp_path, method="generate")
        return
    run = exported(vae, tmp_path, method="generate")
    seeds = np.arange(4000, dtype="int32")
    (first,), (again,), (other,) = run(seeds), run(seeds), run(seeds[::-1])
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
    wanted = vae.generate(4000, seed=0)
    np.testing.assert_allclose(np.cov(first.T), np.cov(wanted.T), atol=0.1)
    np.testing.assert_allclose(first.mean(0), wanted.mean(0), atol=0.1)


@pytest.mark.refusals
def test_what_cannot_be_exported_is_refused_in_plain_words(tmp_path):
    vae = small_vae()
    with pytest.raises(ValueError, match="Argument `format` must be one of"):
        vae.export(tmp_path / "x", format="coreml")
    with pytest.raises(ValueError, match="Argument `method` must be one of"):
        vae.export(tmp_path / "x", method="elbo")
    with pytest.raises(ValueError, match="Export method='decode', and pass it draws from the prior"):
        vae.export(tmp_path / "x.onnx", format="onnx", method="generate")
    if BACKEND == "torch":
        free = kv.VAE((None, 3), 2, encoder=kv.encoders.GRU((4,)), decoder="gru", likelihood="gaussian")
        with pytest.raises(ValueError, match=r"Argument `input_signature`.*\(None, None, 3\) of the input 'x'"):
            free.export(tmp_path / "x.onnx", format="onnx", method="encode")


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only tf2onnx writes files with unknown operations")
def test_an_onnx_file_with_unknown_operations_is_an_error(tmp_path):
    pytest.importorskip("tf2onnx")
    vae = kv.VAE((5,), 2, encoder=kv.encoders.GRU((4,)), decoder="gru", likelihood=kv.likelihoods.Categorical(4))
    with pytest.raises(RuntimeError, match="Keras cannot export 'reconstruct' of this model to format 'onnx'"):
        vae.export(str(tmp_path / "x.onnx"), format="onnx", verbose=False)
