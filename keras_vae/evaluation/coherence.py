"""Whether the fields of a generated example belong together."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_vae.arguments import positive_int
from keras_vae.distributions.draws import other_noise
from keras_vae.evaluation.result import Result
from keras_vae.hints import Array, Part

__all__ = ["Coherence", "coherence"]


@dataclasses.dataclass(frozen=True, eq=False)
class Coherence(Result):
    """Shares of generated examples whose fields show the same (Shi et al., 2019, section 4.1).

    Args:
        joint: share of examples drawn from the prior, or from a sampler, all of whose fields are classified alike.
        cross: share of the translations that are classified as the example they come from, by `(sources, target)`, such
            as `(("image",), "label")`.

    Example:

    >>> import keras_vae as kv
    >>> found = kv.evaluation.Coherence(0.5, {(("image",), "label"): 0.9})
    >>> found.summary()
    {'joint_coherence': 0.5, 'image_to_label': 0.9}
    """

    joint: float
    cross: Mapping[tuple[tuple[str, ...], str], float]

    def summary(self) -> dict[str, float]:
        named = {f"{'_and_'.join(sources)}_to_{target}": share for (sources, target), share in self.cross.items()}
        return {"joint_coherence": self.joint, **named}


def coherence(
    model: Part,
    x: Mapping[str, Array],
    labels: Array,
    classifiers: Mapping[str, Callable[[Array], Array]],
    *,
    condition: Array | None = None,
    num_samples: int = 1000,
    sampler: str | None = None,
    deterministic: bool = False,
    seed: int | None = None,
    batch_size: int | None = None,
) -> Coherence:
    """Joint and cross coherence of a model of several fields, by classifiers (Shi et al., 2019, section 4.1).

    Joint: examples are drawn from the prior, or from a sampler, and each field is classified by itself; coherent are
    those where all agree. Cross: each field alone, and for three fields or more all the others together, is translated
    to each other field; coherent are translations that are classified as `labels` says. Fields are what `generate` and
    `translate` return by default, means for images and modes for tokens. The shares are as good as the classifiers:
    measure their accuracy on held-out data, and read it as the highest value.

    Args:
        model: the `VAE`.
        x: dict of held-out data `(n, *data_shape)`, with all fields.
        labels: what each row shows, `(n,)`, whole numbers.
        classifiers: dict from a field's name to a function of its data `(n, *data_shape)` that gives labels `(n,)`, at
            least two. For a field that is the label itself: `lambda label: label[:, 0]`.
        condition: `(n, *condition_shape)`, that of each row, for a conditional model: translations are under it, and
            the draws under those of the rows in turn.
        num_samples: number of draws for the joint coherence.
        sampler: name of a sampler that `fit_sampler` has fitted: these are drawn from it in place of the prior, as in
            `generate`.
        deterministic: whether translations decode the posterior's mean, and not a draw.
        seed: int, for results that are reproducible on one backend, with one batch size.
        batch_size: rows at a time, 32 by default.

    Returns:
        `Coherence`.

    Raises:
        ValueError: arguments that do not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(
    ...     {"a": (1,), "b": (1,)}, 2, likelihood={"a": "gaussian", "b": "gaussian"}, posterior="mixture_of_experts"
    ... )
    >>> x = {"a": np.array([[-1.0], [1.0]]), "b": np.array([[-1.0], [1.0]])}
    >>> sign = lambda values: values[:, 0] > 0
    >>> sorted(kv.evaluation.coherence(vae, x, np.array([0, 1]), {"a": sign, "b": sign}, seed=0).summary())
    ['a_to_b', 'b_to_a', 'joint_coherence']
    """
    num_samples = positive_int(num_samples, "num_samples")
    fields = list(model.spec) if isinstance(model.spec, dict) else []
    if not isinstance(classifiers, Mapping) or len(classifiers) < 2 or not set(classifiers) <= set(fields):
        received = sorted(classifiers) if isinstance(classifiers, Mapping) else f"{classifiers!r:.80}"
        raise ValueError(
            f"Argument `classifiers` must be a dict with a function for at least two of the model's fields, {fields}. "
            f"Received: {received}."
        )
    if not isinstance(x, Mapping) or set(x) != set(fields) or not all(hasattr(own, "shape") for own in x.values()):
        got = f"the keys {sorted(map(str, x))}" if isinstance(x, Mapping) else f"a {type(x).__name__}"
        raise ValueError(
            f"Argument `x` must be a dict with an array for each of the model's fields, {fields}: each is translated "
            f"to the others. Received: {got}. Leave out the rows that lack a field; a condition is an argument "
            "of its own."
        )
    labels = np.asarray(labels)
    rows = len(next(iter(x.values())))
    if (condition is None) != (model.condition_shape is None) or (condition is not None and len(condition) != rows):
        needed = "None, for a model without conditions" if model.condition_shape is None else f"one of {rows} rows"
        got = "None" if condition is None else f"shape {tuple(np.shape(condition))}"
        raise ValueError(f"Argument `condition` must be {needed}. Received: {got}.")
    if labels.shape != (rows,):
        raise ValueError(
            f"Argument `labels` must hold a label for each of the {rows} rows of x. Received: shape {labels.shape}."
        )
    given: dict[str, Any] = {"n": num_samples}
    if condition is not None:
        condition = keras.ops.convert_to_numpy(condition)
        given = {"condition": condition[np.arange(num_samples) % rows]}
    drawn = model.generate(**given, sampler=sampler, seed=seed, batch_size=batch_size)
    found = [as_labels(classifiers, name, drawn[name]) for name in classifiers]
    joint = float(np.mean(np.all([own == found[0] for own in found], axis=0)))
    cross: dict[tuple[tuple[str, ...], str], float] = {}
    for target in classifiers:
        others = tuple(name for name in fields if name != target)
        sources = [(name,) for name in others] + ([others] if len(others) > 1 else [])
        for source in sources:
            options: dict[str, Any] = {"deterministic": deterministic, "seed": other_noise(seed, 1 + len(cross))}
            known: Any = {name: x[name] for name in source}
            known = known if condition is None else [known, condition]
            made = model.translate(known, target, batch_size=batch_size, **options)
            cross[source, target] = float(np.mean(as_labels(classifiers, target, made) == labels))
    return Coherence(joint, cross)


def as_labels(classifiers: Mapping[str, Callable[[Array], Array]], name: str, data: Array) -> Array:
    """What a field's classifier says, `(n,)`."""
    found = np.asarray(classifiers[name](data))
    if found.shape != (len(data),):
        raise ValueError(
            f"Argument `classifiers`: that of {name!r} must return a label for each of its {len(data)} rows. Received: "
            f"shape {found.shape}."
        )
    return found
