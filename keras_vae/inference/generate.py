"""New data."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_vae.arguments import non_negative_number, one_of, positive_int
from keras_vae.distributions.draws import other_noise
from keras_vae.hints import Array, Part, Seed, Tensor
from keras_vae.inference.call import (
    checked_condition,
    checked_exposure,
    checked_limits,
    decoding_mode,
    known_length,
    rows,
)
from keras_vae.inference.clusters import latents_of_components
from keras_vae.inference.decode import context_of, decode_latents
from keras_vae.inference.fixed import check_not_fixed, fixed_latents
from keras_vae.inference.prefix import Prefix, inferred_latents, read_prefix, require_steps
from keras_vae.inference.samplers import latents_of_sampler

__all__ = ["draw_latents", "generate"]

LATENTS_FROM = ("posterior", "prior")


def generate(
    model: Part,
    n: int | None = None,
    condition: Tensor | None = None,
    mode: str | None = None,
    *,
    prefix: Any = None,
    prefix_mask: Any = None,
    latents_from: str = "posterior",
    candidates: int = 1,
    num_return: int | None = None,
    sampler: str | None = None,
    component: Any = None,
    fixed: Mapping[int, Any] | None = None,
    condition_mask: Tensor | None = None,
    exposure: Tensor | None = None,
    seed: int | None = None,
    temperature: float = 1.0,
    data_temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    length: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> Array:
    """New data: latents from the prior or from a sampler, decoded: `(n, *data_shape)`.

    With a `prefix` it goes on with sequences that have begun. Their latents are then drawn from q(z | prefix): the
    encoder sees the prefix, with a mask. Latents of later time steps are drawn from the prior, from the last step of
    each prefix on. An encoder that was trained on whole sequences knows what their beginnings have in common with
    them; how far q is from p(z | prefix) says how far the continuations are from the model's own p(rest | prefix), and
    `candidates` narrows that gap.

    Args:
        model: the `VAE`.
        n: number of examples; by default the number of prefixes, conditions or components, or 1.
        condition: `(n, *condition_shape)`, or one condition for all, for a conditional model.
        mode: `"mean"` or `"mode"` of p(x|z), or a `"sample"` from it; by default the mean, and the mode for
            tokens, which have no mean. Most published pictures show the mean.
        prefix: the first steps of the data, `(n, time, ...)` or `(time, ...)` for all rows, which are returned as they
            are and which the steps behind them follow; or a list of them of unequal lengths, and for several fields a
            dict with some of them.
        prefix_mask: boolean `(n, time)`, True where the prefix counts, for prefixes of unequal lengths; by default all
            steps that the likelihood does not take for padding.
        latents_from: with a prefix, `"posterior"` for latents from q(z | prefix), or `"prior"`: the prefix then acts
            through the steps that an autoregressive decoder sees, and on no others.
        candidates: number of draws from q(z | prefix) for each row, of which one is kept with a probability
            proportional to its importance weight p(prefix | z) p(z) / q(z | prefix): the more, the closer to
            p(z | prefix) (sampling-importance resampling, Rubin, 1987).
        num_return: number of examples for each prefix or condition, on a second axis: `(n, num_return, *data_shape)`.
        sampler: name of a sampler that `fit_sampler` has fitted: latents are drawn from it in place of the prior.
        component: index of the component of a mixture prior to draw from, or one for each row, `(n,)`; see
            `keras_vae.priors.Mixture`.
        fixed: dict from the index of a level or group of latents to its value: `(n, *latent)`, or one value for all
            rows; for a single categorical variable, the index of the category.
        condition_mask: boolean `(n, length)`, True at valid steps, for conditions of unequal lengths.
        exposure: `(n,)`, size factors, for a likelihood created with `exposure=True`.
        seed: int, for results that are reproducible on one backend, with one batch size.
        temperature: scales the spread of the prior or of the sampler; below 1 results are more typical and less
            varied. With a prefix it scales the prior of later steps, and 0 also takes the mean of q(z | prefix).
        data_temperature: scales the spread of p(x|z), with `mode="sample"`; 1 is the model's own, 0 is greedy.
        top_k: number of the most likely categories that a draw of tokens is taken from, with `mode="sample"`.
        top_p: as many of the most likely categories as reach this probability, likewise: nucleus sampling.
        length: number of steps, those of the prefix included, if `data_shape` does not fix it.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Raises:
        ValueError: arguments or data that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> vae.generate(3, temperature=0.8, seed=0).shape
    (3, 4)
    >>> melodies = kv.VAE((None, 6), decoder=kv.decoders.GRU((8,)), encoder=kv.encoders.GRU((8,)))
    >>> melodies.generate(prefix=np.ones((2, 3, 6)), length=9, num_return=5).shape
    (2, 5, 9, 6)
    """
    mode, length = decoding_mode(model, mode, data_temperature), known_length(model, length)
    limits = checked_limits(model, mode, top_k, top_p)
    begun = read_prefix(model, prefix, prefix_mask)
    if n is None and begun is not None:
        n = begun.rows
    if n is None and np.ndim(component) == 1:
        n = len(component)
    if condition is not None and n is None:
        n = len(np.asarray(condition)) if np.ndim(condition) > len(model.condition_shape or ()) else 1
    n = positive_int(1 if n is None else n, "n")
    temperatures = (
        non_negative_number(temperature, "temperature"),
        non_negative_number(data_temperature, "data_temperature"),
    )
    candidates = positive_int(candidates, "candidates")
    inferred = one_of(latents_from, LATENTS_FROM, "latents_from") == "posterior" and begun is not None
    if candidates > 1 and temperatures[0] == 0.0:
        raise ValueError(
            "Argument `candidates`: they are draws of latents, and with temperature=0 there are none but the mean. "
            f"Expected: 1, or a temperature above 0. Received: candidates={candidates}, temperature={temperature}."
        )
    check_inferred(model, begun, inferred, candidates, {"sampler": sampler, "component": component, "fixed": fixed})
    inputs: dict[str, Any] = {
        **checked_condition(model, condition, condition_mask, n),
        "exposure": checked_exposure(model, exposure, n),
        **({} if begun is None else begun.inputs(model, n, length)),
    }
    steps, count = steps_of_latents(model, length), n
    if steps is None and any(None in shape for shape in model.latents.level_shapes()):
        raise ValueError(
            f"Argument `length`: the data's shape {model.data_shape} does not fix how many latents to draw, one for "
            "each step. Expected: a number of steps. Received: length=None. Pass length=..., or set max_length of the "
            f"decoder {type(model.decoder).__name__}, if it has one."
        )
    if num_return is not None:
        count = n * positive_int(num_return, "num_return")
        inputs = repeated(inputs, count // n)
    drawn = {}
    if sampler is not None and component is not None:
        raise ValueError(
            f"Argument `component` draws from the prior, and `sampler` from another density. Received: "
            f"component={component!r:.80}, sampler={sampler!r}. Leave one of them out."
        )
    if sampler is not None:
        drawn = latents_of_sampler(model, sampler, count, inputs["condition"], seed, temperatures[0])
        check_not_fixed(fixed, drawn, "the sampler draws the levels or groups")
    if component is not None:
        component = np.repeat(component, count // n) if np.ndim(component) == 1 else component
        drawn = latents_of_components(model, component, count, seed, temperatures[0])
        check_not_fixed(fixed, drawn, "`component` draws the level or group")
    given = {**repeated(fixed_latents(model, fixed, n, steps), count // n), **fixed_latents(model, drawn, count, steps)}
    mean = inferred and temperatures[0] == 0.0 and candidates == 1

    def generate_batch(vae: Part, inputs: Any, seed: Seed, temperature: Tensor, prepared: Any) -> Tensor:
        if inferred:
            latents, own = inferred_latents(vae, inputs, seed, temperature[0], prepared, candidates, mean)
        else:
            latents, own = draw_latents(vae, inputs, seed, temperature[0], prepared, length)
        return decode_latents(vae, latents, inputs, mode, seed, temperature[1], length, **own, **limits)

    settings = None if begun is None else (tuple(begun.values), inferred, candidates, mean)
    if batch_size is None and candidates > 1:
        batch_size = max(1, min(32, 4096 // candidates))  # rows times candidates that are in memory at once
    generated = model.runner.run(
        ("generate", mode, length, tuple(given), *limits.values(), settings),
        generate_batch,
        rows(count, **inputs, **given),
        batch_size=batch_size,
        verbose=verbose,
        seed=seed,
        temperature=temperatures,
    )
    if num_return is None:
        return generated
    return keras.tree.map_structure(lambda array: array.reshape(n, -1, *array.shape[1:]), generated)


def check_inferred(
    model: Part, begun: Prefix | None, inferred: bool, candidates: int, elsewhere: dict[str, Any]
) -> None:
    """Check what `generate` may be asked for with a prefix, and without one.

    Args:
        model: the `VAE`.
        begun: the prefix, or None.
        inferred: whether latents are drawn from q(z | prefix).
        candidates: the argument.
        elsewhere: the arguments that say where latents come from, by name; None where not given.

    Raises:
        ValueError: latents from two places, rows without anything to infer them from, or weights that do not exist.
    """
    if inferred and begun is not None:
        require_steps(begun)
        name = next((name for name, value in elsewhere.items() if value is not None), None)
        if name is not None:
            raise ValueError(
                f"Argument `{name}`: the latents are drawn from q(z | prefix). Received: {name} and a prefix. Pass "
                f"latents_from='prior' too, or leave {name} out."
            )
    if candidates > 1 and not (inferred and model.latents.has_density):
        reason = "the posterior has no density" if inferred else "there are none without q(z | prefix)"
        raise ValueError(
            f"Argument `candidates`: they are weighed by p(prefix | z) p(z) / q(z | prefix), and {reason}. "
            f"Expected: 1. Received: candidates={candidates}."
        )


def repeated(inputs: dict[str, Any], times: int) -> dict[str, Any]:
    """Arrays with every row repeated, next to itself; None stays."""

    def repeat(array: Any) -> Any:
        return None if array is None else np.repeat(array, times, axis=0)

    return keras.tree.map_structure(repeat, inputs) if times > 1 else inputs


def steps_of_latents(model: Part, length: int | None) -> int | None:
    """Number of steps of latents with a time axis: they are drawn before the decoder runs, which else determines it."""
    known = (length, model.time_steps, getattr(model.decoder, "max_length", None))
    return next((value for value in known if value is not None), None)


def draw_latents(
    model: Part, inputs: Any, seed: Seed, temperature: Any, prepared: Any, length: int | None
) -> tuple[tuple[Tensor, ...], dict[str, Any]]:
    """Latents of one batch from the prior, one tensor for each level, and options of `decode_latents`.

    Latents that depend on earlier data are drawn while these are decoded, and there are none yet.

    Args:
        model: the `VAE`.
        inputs: `rows`, and what stands beside them.
        seed: an int or a `SeedGenerator`.
        temperature: scales the spread of the latents.
        prepared: what `latents.prepare` returned for the whole call, or None.
        length: see `generate`.
    """
    given = [inputs.get(f"fixed_{index}") for index in range(len(model.latents.level_shapes()))]
    if model.latents.sees_data:
        latents = () if given[0] is None else (given[0],)
        return latents, {"latent_seed": other_noise(seed, 1), "latent_temperature": temperature}
    context = context_of(model, inputs)
    latents = model.latents.generate(
        model.forward_pass.seen_by("prior", context),
        encode=model.forward_pass.encode,
        prepared=prepared,
        seed=seed,
        temperature=temperature,
        length=steps_of_latents(model, length),
        given=given,
    )
    return latents, {}
