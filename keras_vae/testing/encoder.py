"""The contract of an encoder, as a check."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_vae.hints import Array, Part, Shape, Tensor
from keras_vae.testing.network import run_network_checks
from keras_vae.testing.subject import Subject

__all__ = ["check_encoder"]


def check_encoder(
    encoder: Callable,
    *,
    other_values: dict[str, Any] | None = None,
    latent_dim: Any = 2,
    data_shape: Shape = (4,),
    data: Array | None = None,
    vae: dict[str, Any] | None = None,
    checks: Sequence[str] | None = None,
) -> None:
    """Run every check of the encoder's contract: a failure raises an AssertionError that says how to fix it.

    `config`: every constructor argument survives saving. `shapes`: batches of 1, 3 and of unknown size, as
    `compute_output_shape` says, features of a row that do not depend on the others, `call` takes `mask` and
    `training`, and steps that the mask leaves out reach no feature: a network of sequences of any length must heed its
    mask, others may ignore it. `precision`: finite under mixed_float16 and mixed_bfloat16. `fit`: gradients reach every
    weight, in float32 and mixed_float16. `reload`: a `.keras` file gives the same model.

    Args:
        encoder: class, or function without arguments that returns a fresh encoder.
        other_values: a second value for each constructor argument, other than what `encoder` makes, to see that it
            survives saving: `{"activation": "tanh"}`. The suite finds one itself for bools, numbers and tuples of
            ints, so only arguments such as names, functions and None must be given.
        latent_dim: as for `keras_vae.VAE`.
        data_shape: as for `keras_vae.VAE`.
        data: examples `(n, *data_shape)`, at least 6; by default random ones inside the likelihood's support.
        vae: other arguments of `keras_vae.VAE`: names, classes or functions that make an instance.
        checks: names of the checks to run; all by default.

    Raises:
        AssertionError: a check failed.

    Example:

    >>> import keras_vae as kv
    >>> from keras_vae.testing import check_encoder
    >>> check_encoder(lambda: kv.encoders.MLP((5,)), checks=["shapes"])
    """
    subject = Subject("encoder", encoder, latent_dim, data_shape, data, vae)
    run_network_checks(subject, _features, _shape, other_values, checks)


def _features(vae: Part, x: Tensor, *, seen: Tensor | None = None, **kwargs: Any) -> Any:
    return vae.encoder(vae.likelihood.to_network(x if seen is None else seen), **kwargs)


def _shape(vae: Part) -> Any:
    data = keras.KerasTensor((None, *vae.data_shape))
    return vae.encoder.compute_output_shape(tuple(vae.likelihood.to_network(data).shape))
