"""Does a component train, and is it restored from a file?"""

import os
import tempfile

import keras
import numpy as np
from keras import ops

from keras_vae.hints import Array, Tensor
from keras_vae.models.vae import VAE
from keras_vae.testing.subject import Subject, with_condition

__all__ = ["check_fit", "check_reload"]

ROUNDS = 4


def check_fit(subject: Subject, policy: str = "float32") -> tuple[VAE, Array]:
    """A few steps of `fit` in a small VAE: a finite loss, and gradients that reach every weight.

    Several steps, because with a head that starts at zero gradients are zero in the first step, and because
    loss scaling skips steps in half precision.

    Returns:
        The trained VAE and its data.
    """
    vae, x = subject.model(policy)
    part = subject.part(vae)
    watched = vae if subject.family == "objective" else part
    before = [ops.convert_to_numpy(weight).copy() for weight in watched.trainable_weights]
    # Adam: its steps are as long as its rate, where a chain of latents over time diverges by a few of SGD's.
    vae.compile(keras.optimizers.Adam(0.01))
    rows = np.concatenate([x] * ROUNDS)
    # Zeros, which are numbers and a class alike; those of `check_objective` are the same.
    y = np.zeros((len(rows), 1), "float32") if vae.objective.uses_y else None
    history = vae.fit(with_condition(vae, rows, missing=True), y, batch_size=3, verbose=0)
    losses = history.history["loss"]
    subject.require(np.all(np.isfinite(losses)), "fit", f"the losses under {policy} are {losses}.")
    stuck = []
    for weight, start in zip(watched.trainable_weights, before, strict=True):
        value = ops.convert_to_numpy(weight)
        subject.require(np.all(np.isfinite(value)), "fit", f"the weight {weight.path} is not finite under {policy}.")
        if value.size and np.array_equal(value, start):
            stuck.append(weight.path)
    subject.require(
        not stuck,
        "fit",
        f"no gradient reaches the weights {stuck} under {policy}. Use them in call(), distribution() or loss(), "
        "through keras.ops alone (a NumPy value cuts the gradient), or create them with trainable=False.",
    )
    return vae, x


def check_reload(subject: Subject, vae: VAE, x: Tensor) -> None:
    """`.keras` save and reload: equal weights, and equal `predict`, `elbo`, `predict_target` and `predict_label`.

    The bound depends on the draws of the posterior, so `encode` would say nothing that it does not.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        try:
            vae.save(path)
            loaded = keras.saving.load_model(path)
        except Exception as error:
            subject.fail("reload", f"saving and loading raises {type(error).__name__}: {error}", error)
    part, restored = subject.part(vae), subject.part(loaded)
    subject.require(type(restored) is type(part), "reload", f"it is restored as a {type(restored).__name__}.")
    subject.require(
        len(loaded.variables) == len(vae.variables),
        "reload",
        f"the model has {len(vae.variables)} variables before and {len(loaded.variables)} after. Create the weights in "
        "__init__ or in build, from the constructor's arguments and the shapes alone.",
    )
    for weight, copy in zip(vae.weights, loaded.weights, strict=True):
        subject.require(
            np.array_equal(ops.convert_to_numpy(weight), ops.convert_to_numpy(copy)),
            "reload",
            f"the weight {weight.path} is restored with other values.",
        )
    x = with_condition(vae, x)
    calls = [("predict(x)", lambda model: model.predict(x, verbose=0))]
    if vae.latents.has_density:
        calls.append(("elbo(x, seed=3)", lambda model: model.elbo(x, seed=3)))
    if hasattr(vae.objective, "predict_target"):
        calls.append(("predict_target(x)", lambda model: model.predict_target(x)))
    if hasattr(vae.objective, "predict_label"):
        calls.append(("predict_label(x)", lambda model: model.predict_label(x)))
    for method, call in calls:
        for before, after in zip(keras.tree.flatten(call(vae)), keras.tree.flatten(call(loaded)), strict=True):
            before, after = np.asarray(before), np.asarray(after)
            subject.require(
                np.allclose(before, after, rtol=1e-5, atol=1e-5),
                "reload",
                f"{method} differs by {np.max(np.abs(before - after)):.6f} after reloading, although the weights are "
                "equal. State that is neither a weight nor in the config is not saved.",
            )
