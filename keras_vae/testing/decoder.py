"""The contract of a decoder, as a check."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.decoders.autoregressive import Autoregressive
from keras_vae.decoders.steps import fill_behind_end, prefix_options
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Array, Part, Shape, Tensor
from keras_vae.testing.network import run_network_checks
from keras_vae.testing.subject import Subject

__all__ = ["check_decoder"]

COLD = 0.1


def check_decoder(
    decoder: Callable,
    *,
    other_values: dict[str, Any] | None = None,
    latent_dim: Any = 2,
    data_shape: Shape = (4,),
    data: Array | None = None,
    vae: dict[str, Any] | None = None,
    checks: Sequence[str] | None = None,
) -> None:
    """Run every check of the decoder's contract: a failure raises an AssertionError that says how to fix it.

    The checks are those of `check_encoder`; `decode` returns data of the right shape in every mode, with the
    requested number of steps if the shape leaves it open, and its draws follow the seed and the temperature. Without
    `target` it gives the mean and the mode of p(x | z). A decoder that reads `target` must not see the step it
    predicts: an `Autoregressive` one sees only earlier steps, any other at least not the step itself. Given a prefix,
    `decode` returns it as it is, in rows of unequal lengths too; an `Autoregressive` decoder goes on from it as a pass
    over the same steps does. A `decode` that takes no `prefix` is left out of that.

    Args:
        decoder: class, or function without arguments that returns a fresh decoder.
        other_values: a second value for each constructor argument, other than what `decoder` makes, to see that it
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
    >>> from keras_vae.testing import check_decoder
    >>> check_decoder(lambda: kv.decoders.MLP((5,)), checks=["shapes"])
    """
    subject = Subject("decoder", decoder, latent_dim, data_shape, data, vae)
    run_network_checks(subject, _features, _shape, other_values, checks, extra=_check_decode)


def _latents(vae: Part, x: Tensor) -> tuple[Tensor, Tensor]:
    terms = vae.terms(x, seed=0, deterministic=True)
    return vae.forward_pass.decoder_input(terms.latents, terms.context), vae.forward_pass.network_input(terms.x)


def _features(vae: Part, x: Tensor, *, seen: Tensor | None = None, **kwargs: Any) -> Any:
    z, network_x = _latents(vae, x)
    target = network_x if seen is None else vae.forward_pass.network_input(seen)
    return vae.decoder(z, target=target if vae.decoder.requires_target else None, **kwargs)


def _shape(vae: Part) -> Shape:
    return vae.decoder.compute_output_shape((None, *vae.latents.decoder_input_shape()))


def _check_decode(subject: Subject) -> None:
    vae, x = subject.perturbed
    z = _latents(vae, ops.convert_to_tensor(x))[0]
    length = x.shape[1] if vae.data_shape[0] is None else None

    def decode(**options: Any) -> Array:
        return ops.convert_to_numpy(vae.decoder.decode(z, vae.likelihood, length=length, **{"seed": 1, **options}))

    # Tokens have no mean.
    modes = ("mode", "sample") if vae.likelihood.support.categorical else ("mean", "mode", "sample")
    found = {mode: decode(mode=mode) for mode in modes}
    for mode, data in found.items():
        subject.require(
            data.shape == x.shape and np.all(np.isfinite(data)),
            "shapes",
            f"decode(..., mode={mode!r}) returns data of shape {data.shape}. Expected {x.shape}, finite.",
        )
    draws = found["sample"]
    subject.require(
        np.array_equal(draws, decode(mode="sample")),
        "shapes",
        "decode(..., mode='sample', seed=1) gives other data at every call. Draw from `seed` alone.",
    )
    value = None
    if vae.decoder.requires_target:
        _check_sight(subject, vae, x, z)
    else:
        value = vae.likelihood.distribution(vae.likelihood(vae.decoder(z, training=False)))
        _check_modes(subject, value, found, vae.likelihood)
    _check_prefix(subject, vae, x, z, decode, found)
    subject.require(
        not np.array_equal(draws, decode(mode="sample", seed=2)) or np.array_equal(draws, found["mode"]),
        "shapes",
        "decode(..., mode='sample') ignores `seed`: seeds 1 and 2 give the same data.",
    )
    subject.require(
        not np.array_equal(draws, decode(mode="sample", temperature=COLD))
        or np.array_equal(draws, found["mode"])
        or (value is not None and not value.has_temperature),
        "shapes",
        f"decode(..., mode='sample') ignores `temperature`: at {COLD} it gives the data of 1. Draw from "
        "tempered(temperature).",
    )


def _check_prefix(subject: Subject, vae: Part, x: Array, z: Tensor, decode: Callable, found: dict[str, Array]) -> None:
    """What is given stays; what was decoded goes on as it did; and the step behind other data is that of `call`."""
    try:
        prefix_options(vae.decoder, x, None)
    except ValueError:
        return  # written before there were prefixes; a model refuses them
    steps = x.shape[1]
    mask = np.arange(steps) < np.array([0, 1, steps, *[steps // 2] * (len(x) - 3)])[:, None]
    given = mask.reshape(*mask.shape, *[1] * (x.ndim - 2))
    for mode, whole in found.items():
        again = decode(mode=mode, prefix=whole, prefix_mask=mask)
        subject.require(
            again.shape == whole.shape and np.allclose(again, whole, rtol=1e-3, atol=1e-3),
            "shapes",
            f"decode(..., mode={mode!r}, prefix=...) does not go on as it did without, where the prefix is the start "
            "of what it decoded. In a loop, take the value of the prefix in place of your own in the steps where its "
            "mask is True, and change nothing else: neither the seeds of the steps nor the state.",
        )
    mode = next(iter(found))  # the mean shows more than the mode, where there is one
    decoded = decode(mode=mode, prefix=x, prefix_mask=mask)
    kept = np.where(given, decoded, x)
    subject.require(
        np.allclose(kept, x, rtol=1e-3, atol=1e-3),
        "shapes",
        f"decode(..., prefix=...) changes the steps that it was given, by up to {np.max(np.abs(kept - x)):.4f}. Return "
        "them as they are where `prefix_mask` is True.",
    )
    if not (isinstance(vae.decoder, Autoregressive) and vae.decoder.requires_target) or steps < 2:
        return
    # Row by row the first step of its own: the mean of p(x_t | x_<t, z), as one pass over the data computes it.
    target = vae.forward_pass.network_input(ops.convert_to_tensor(x))
    value = vae.likelihood.distribution(vae.likelihood(vae.decoder(z, target=target, training=False)))
    goes_on = ~mask[:, -1]
    ends = vae.likelihood.has_ended(ops.convert_to_tensor(x))
    if ends is not None:  # behind an end there is padding
        ended = np.asarray(ops.convert_to_numpy(ends)).reshape(len(x), steps, -1).any(axis=-1)
        goes_on &= ~(ended & mask).any(axis=1)
    rows = np.flatnonzero(goes_on)
    first = mask.sum(axis=1)[rows]
    # Of an image the first pixel of a row of pixels; those behind it follow from that.
    place = (rows, first) if getattr(vae.decoder, "step_axes", 1) == 1 else (rows, first, np.zeros_like(first))
    own, expected = decoded[place], ops.convert_to_numpy(getattr(value, mode)())[place]
    subject.require(
        np.allclose(own, expected, rtol=1e-3, atol=1e-3),
        "shapes",
        "decode(..., prefix=x) does not go on from the steps that it was given: its first step of its own is not the "
        f"{mode} that call(z, target=x) gives for that step, but differs by {np.max(np.abs(own - expected)):.4f}. "
        "Feed the loop the values of the prefix, as training feeds those of x.",
    )


def _check_modes(subject: Subject, value: Distribution, found: dict[str, Array], likelihood: Part) -> None:
    """A decoder that sees the latents alone decodes in one pass: to the mean and the mode of p(x | z)."""
    for mode in ("mean", "mode"):
        if mode not in found or (mode == "mode" and not value.has_exact_mode):
            continue
        try:
            expected = ops.convert_to_numpy(fill_behind_end(getattr(value, mode)(), likelihood))
        except NotImplementedError:
            continue
        subject.require(
            found[mode].shape != expected.shape or np.allclose(found[mode], expected, rtol=1e-3, atol=1e-3),
            "shapes",
            f"decode(..., mode={mode!r}) is not the {mode} of p(x | z): it differs by up to "
            f"{np.max(np.abs(found[mode] - expected)):.4f}.",
        )


def _check_sight(subject: Subject, vae: Part, x: Array, z: Tensor) -> None:
    """The features of a step do not change with what `target` holds from that step on."""
    ordered = isinstance(vae.decoder, Autoregressive)
    target = ops.convert_to_numpy(vae.likelihood.to_network(ops.convert_to_tensor(x)))
    sizes = target.shape[1 : 1 + getattr(vae.decoder, "step_axes", 1)]
    steps = int(np.prod(sizes))
    # Tokens stay one-hot. Elsewhere noise: a normalisation would not notice one shift of all values.
    noise = np.random.default_rng(3).standard_normal(target.shape)
    other = np.roll(target, 1, axis=-1) if vae.likelihood.support.categorical else target + noise

    def by_step(value: Array) -> Array:
        return value.reshape(len(x), steps, *value.shape[1 + len(sizes) :])

    def features(seen: Array) -> list[Array]:
        parts = keras.tree.flatten(vae.decoder(z, target=ops.convert_to_tensor(seen), training=False))
        return [ops.convert_to_numpy(part) for part in parts]

    before = features(target)
    aligned = all(part.shape[1 : 1 + len(sizes)] == sizes for part in before)
    subject.require(
        aligned or not ordered,
        "shapes",
        f"an autoregressive decoder must return features for every step, (batch, *{sizes}, units). Received: "
        f"{[part.shape for part in before]}.",
    )
    if not aligned:
        return
    for step in sorted({0, steps // 2, steps - 1}):
        changed = by_step(target.copy())
        end = steps if ordered else step + 1  # an order of its own is not known here
        changed[:, step:end] = by_step(other)[:, step:end]
        for part, moved in zip(before, features(changed.reshape(target.shape).astype(target.dtype)), strict=True):
            kept = slice(0 if ordered else step, step + 1)
            difference = np.max(np.abs(by_step(part)[:, kept] - by_step(moved)[:, kept]))
            subject.require(
                difference <= 1e-4 * (1.0 + np.max(np.abs(part))),
                "shapes",
                f"the decoder sees the step that it predicts: another `target` from step {step} of {steps} on "
                f"changes the features of the steps up to it by {difference:.4f}. Training would copy x, and decode "
                "would have nothing to copy. Shift `target` by one step (keras_vae.layers.shift_right), and mask "
                "later steps.",
            )
