"""From some fields of the data to others."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.arguments import non_negative_number, positive_int
from keras_vae.distributions.draws import other_noise
from keras_vae.hints import Data, Part, Seed
from keras_vae.inference.call import decoding_mode, known_length, over_data

__all__ = ["translate"]


def translate(
    model: Part,
    x: Data,
    to: str | Sequence[str],
    mode: str | None = None,
    deterministic: bool | None = None,
    *,
    num_samples: int | None = None,
    seed: int | None = None,
    data_temperature: float = 1.0,
    length: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> Any:
    """Other fields of the same examples: encode the fields that are given, and decode those that are asked for.

    Args:
        model: the `VAE`, with data of several fields.
        x: dict of the fields that are known, `(n, *data_shape)`; or `[x, condition]` and so on, as for `predict`.
        to: name of the field that is asked for, or a list of names; a field that is given is reconstructed.
        mode: `"mean"` or `"mode"` of p(x|z), or a `"sample"` from it; by default the mean, and the mode for tokens.
        deterministic: True to decode the posterior's mean, False to draw the latents from it: the fields that are asked
            for then vary as far as the given ones leave them open. By default True, and False with `num_samples`.
        num_samples: number of translations of each example; None for one, without that axis.
        seed: int, for results that are reproducible on one backend, with one batch size.
        data_temperature: scales the spread of p(x|z), with `mode="sample"`; 1 is the model's own, 0 is greedy.
        length: number of steps, for fields whose `data_shape` does not fix it.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        `(n, *data_shape)` of the field, or a dict of these if `to` is a list; `(num_samples, n, *data_shape)` with
        `num_samples`.

    Raises:
        ValueError: arguments or data that do not fit the model, or a model of one field.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(
    ...     {"image": (4, 4), "label": (1,)}, 2, posterior="product_of_experts",
    ...     likelihood={"image": "bernoulli", "label": kv.likelihoods.Categorical(10)},
    ... )
    >>> vae.translate({"image": np.zeros((3, 4, 4))}, to="label").shape
    (3, 1)
    >>> vae.translate({"label": np.zeros((3, 1))}, to="image", num_samples=5, seed=0).shape
    (5, 3, 4, 4)
    """
    names = asked_fields(model, to)
    if num_samples is not None:
        positive_int(num_samples, "num_samples")
    deterministic = num_samples is None if deterministic is None else bool(deterministic)
    mode = decoding_mode(model, mode, data_temperature, names)
    length = known_length(model, length)

    def translate_batch(vae: Part, inputs: Any, seed: Seed, temperature: Any, prepared: Any) -> Any:
        count = num_samples or 1
        terms = vae.terms(inputs, seed=seed, num_samples=count, deterministic=deterministic, prepared=prepared)
        context, exposure = (
            vae.forward_pass.tiled(part, terms.sample_axis) for part in (terms.context, terms.batch.exposure)
        )
        data = vae.forward_pass.decode_data(
            vae.forward_pass.decoder_input(terms.latents, context),
            context,
            exposure=exposure,
            seed=other_noise(seed, 2),
            mode=mode,
            temperature=temperature[1],
            length=length,
            fields=names,
        )
        found = {name: data[name] for name in names}
        if num_samples is None:
            return found
        # Rows first, along which the batches are joined.
        return keras.tree.map_structure(
            lambda own: ops.moveaxis(ops.reshape(own, (count, -1, *own.shape[1:])), 0, 1), found
        )

    found = over_data(
        model,
        ("translate", names, mode, deterministic, num_samples, length),
        translate_batch,
        x,
        batch_size=batch_size,
        verbose=verbose,
        seed=seed,
        noisy=True,
        temperature=(1.0, non_negative_number(data_temperature, "data_temperature")),
    )
    if num_samples is not None:
        found = {name: np.moveaxis(own, 1, 0) for name, own in found.items()}
    return found[names[0]] if isinstance(to, str) else found


def asked_fields(model: Part, to: Any) -> tuple[str, ...]:
    """The names of the argument `to`.

    Raises:
        ValueError: other names than those of the fields, or data of one field.
    """
    if not isinstance(model.spec, dict):
        raise ValueError(
            "Argument `to`: the model's data have one field, and nothing to translate to. Expected a model with "
            f"data_shape={{'image': ..., 'label': ...}}. Received: data_shape={model.data_shape}. Use reconstruct."
        )
    names = (to,) if isinstance(to, str) else tuple(to) if isinstance(to, (list, tuple)) else ()
    if not names or len(set(names)) < len(names) or not all(name in model.spec for name in names):
        raise ValueError(
            f"Argument `to` must be a field of data_shape, or a list of different ones, of {sorted(model.spec)}. "
            f"Received: to={to!r}"
        )
    return names
