"""A batch in the one form in which all components see it."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_vae.data.field import Spec, over_fields
from keras_vae.data.streams import unpack
from keras_vae.hints import Data, Part, Tensor

__all__ = ["Batch"]


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """One batch as the components see it.

    If the data are a dict of fields, so are `x`, `target`, `mask` and `present`.

    Args:
        x: the data, `(batch, *data_shape)`; missing elements are filled with zero.
        target: what is reconstructed, likewise: x, or the `y` of `fit`.
        y: the `y` of `fit` for objectives that use it; None otherwise.
        condition: `(batch, *condition_shape)`, or None.
        condition_mask: boolean `(batch, length)`, True at valid steps of the condition, or None.
        labelled: boolean `(batch,)`, False if the condition is missing; None if none can be.
        exposure: `(batch,)`, size factors of counts, or None.
        mask: boolean `(batch, time)`, True at valid steps of the target; None if all are.
        input_mask: likewise, of x.
        present: boolean, of the target's shape, False where an element is missing; None if none can be.
        input_present: likewise, of x.
        rows_present: dict with boolean `(batch,)` for every field of x, False where the whole field is absent; None if
            no field can be.
        weights: `(batch,)`, the weight of each example, or None.
        element_weights: `(batch, time)`, or another prefix of the target's shape: what the log density of each element
            is multiplied by; None for one.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> batch = kv.VAE(data_shape=(4,), latent_dim=2).batch(np.zeros((3, 4), "float32"))
    >>> tuple(batch.x.shape), batch.mask is None
    ((3, 4), True)
    """

    x: Any
    target: Any
    y: Any = None
    condition: Tensor | None = None
    condition_mask: Tensor | None = None
    labelled: Tensor | None = None
    exposure: Tensor | None = None
    mask: Any = None
    input_mask: Any = None
    present: Any = None
    input_present: Any = None
    rows_present: dict[str, Tensor] | None = None
    weights: Tensor | None = None
    element_weights: Tensor | None = None

    @property
    def size(self) -> Tensor:
        """Number of examples, the first axis of x `(batch, *data_shape)`: an int or a tensor."""
        return ops.shape(keras.tree.flatten(self.x)[0])[0]

    def repeated(self, times: int, tile: Callable) -> "Batch":
        """The rows of this batch several times, one batch after the other.

        Args:
            times: how many times.
            tile: function `(tensor, times)` that repeats the rows `(batch, ...)` of a tensor.
        """
        made: dict[int, Any] = {}  # x and target may be one tensor, and are one afterwards too

        def repeat(tensor: Any) -> Any:
            if tensor is not None and id(tensor) not in made:
                made[id(tensor)] = tile(tensor, times)
            return None if tensor is None else made[id(tensor)]

        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return dataclasses.replace(
            self, **{name: keras.tree.map_structure(repeat, value) for name, value in fields.items()}
        )

    @classmethod
    def of(
        cls,
        inputs: Data,
        spec: Spec,
        likelihood: Part,
        *,
        y: Any = None,
        y_is_target: bool = True,
        weights: Tensor | None = None,
        partly_labelled: bool = False,
    ) -> "Batch":
        """A batch from the inputs of a step.

        Args:
            inputs: x, `[x, condition]`, or a dict with `x`, `condition`, `mask` and so on.
            spec: a `Field`, or a dict of them.
            likelihood: the model's likelihood, which defines padding.
            y: targets, as in `fit`.
            y_is_target: whether `y` is reconstructed in place of x.
            weights: `(batch,)`, the weight of each example, or `(batch, time)` and so on, of each element.
            partly_labelled: whether conditions may be missing.
        """
        given = unpack(inputs, spec)
        x, input_present = present_elements(given.x, spec)
        target, present = x, input_present
        if y is not None and y_is_target:
            target, present = present_elements(y, spec)
        if given.present is not None:
            same = target is x
            x, input_present = without_absent(x, input_present, given.present, likelihood)
            target, present = (x, input_present) if same else without_absent(target, present, given.present, likelihood)
        own = given.mask
        if own is not None:
            own = over_fields(
                as_bool, {name: own.get(name) for name in spec} if isinstance(spec, dict) else own, like=x
            )

        def valid(values: Any) -> Any:
            padding = likelihood.valid_mask(values)
            return padding if own is None else over_fields(joined_mask, padding, own, like=values)

        input_mask = valid(x)
        # The padding of the target: in a corrupted x, the padding token may hide a token to be restored.
        mask = input_mask if target is x else valid(target)
        condition, labelled = labelled_rows(given.condition) if partly_labelled else (given.condition, None)
        return cls(
            x=x,
            target=target,
            y=None if y_is_target else y,
            condition=condition,
            condition_mask=given.condition_mask,
            labelled=labelled,
            exposure=given.exposure,
            mask=mask,
            input_mask=input_mask,
            present=present,
            input_present=input_present,
            rows_present=rows_with_any(x, input_present),
            weights=None if weighs_elements(weights) else weights,
            element_weights=weights if weighs_elements(weights) else None,
        )

    def likelihood_mask(self) -> Any:
        """Mask of the target: valid steps and present elements combined; floats where elements have weights."""
        return self._likelihood_mask

    def network_mask(self) -> Any:
        """Mask of x for the networks: likewise."""
        return self._network_mask

    def valid_elements(self) -> Any:
        """Mask of the target as booleans, whatever the weights of elements."""
        return self._valid_elements

    # Likelihood, encoder, decoder and metrics ask for them: formed once in a step.
    @functools.cached_property
    def _valid_elements(self) -> Any:
        return over_fields(joined_mask, self.mask, self.present, like=self.target)

    @functools.cached_property
    def _likelihood_mask(self) -> Any:
        mask = self._valid_elements
        if self.element_weights is None:
            return mask
        weights = ops.cast(self.element_weights, "float32")
        if mask is None:
            return weights
        counted = ops.cast(joined_mask(mask, ops.ones_like(weights)), "float32")
        return counted * ops.reshape(weights, (*ops.shape(weights), *([1] * (len(counted.shape) - len(weights.shape)))))

    @functools.cached_property
    def _network_mask(self) -> Any:
        if self.input_mask is self.mask and self.input_present is self.present:
            return self._valid_elements
        return over_fields(joined_mask, self.input_mask, self.input_present, like=self.x)


def present_elements(x: Any, spec: Spec) -> tuple[Any, Any]:
    """`x` with zeros for missing elements, and a mask of the elements present; None if none can be missing.

    Args:
        x: `(batch, *data_shape)`, or a dict of them.
        spec: a `Field`, or a dict of them.
    """
    if isinstance(spec, dict):
        pairs = {name: present_elements(x[name], field) for name, field in spec.items()}
        present = {name: pair[1] for name, pair in pairs.items()}
        nothing = all(value is None for value in present.values())
        return {name: pair[0] for name, pair in pairs.items()}, None if nothing else present
    if spec.missing is None:
        return x, None
    x = ops.cast(ops.convert_to_tensor(x), "float32")
    present = ops.logical_not(ops.isnan(x))
    return ops.where(present, x, ops.zeros_like(x)), present


def without_absent(
    x: dict[str, Any], present: Any, rows: dict[str, Tensor], likelihood: Part
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields with zeros in the rows where they are absent, and the mask of the elements present.

    Args:
        x: dict of `(batch, *data_shape)`.
        present: dict of boolean `(batch, *data_shape)` or None, or None.
        rows: dict with boolean `(batch,)` for some of the fields, False where the whole field is absent.
        likelihood: the model's, whose parts say of which axes a mask has none.
    """
    parts = getattr(likelihood, "parts", {})
    x, present = dict(x), {name: None if present is None else present[name] for name in x}
    for name, row in rows.items():
        field = ops.convert_to_tensor(x[name])
        row = ops.reshape(ops.cast(row, "bool"), (-1, *([1] * (len(field.shape) - 1))))
        kept = ops.logical_and(row, ops.ones_like(field, dtype="bool"))
        x[name] = ops.where(kept, field, ops.zeros_like(field))
        for _ in range(getattr(parts.get(name), "undivided_axes", 0)):
            kept = kept[..., 0]
        present[name] = joined_mask(kept, present[name])
    return x, present


def rows_with_any(x: Any, present: Any) -> dict[str, Tensor] | None:
    """For every field the rows that hold anything, boolean `(batch,)`; None for data of one field, or if all do."""
    if not isinstance(x, dict) or present is None:
        return None
    size = ops.shape(next(iter(x.values())))[0]
    return {
        name: ops.ones((size,), dtype="bool") if own is None else ops.any(own, axis=tuple(range(1, len(own.shape))))
        for name, own in present.items()
    }


def weighs_elements(weights: Tensor | None) -> bool:
    """Whether weights are those of elements, `(batch, time)` and so on, and not `(batch,)` or `(batch, 1)`."""
    if weights is not None and getattr(weights.shape, "rank", 0) is None:
        # TensorFlow, where a compiled step gets weights of another rank than before
        raise ValueError(
            "Argument `sample_weight` must have as many axes in every call. Received: weights with another number of "
            "axes than in an earlier call. Call vae.compile(...) in between."
        )
    return weights is not None and len(weights.shape) > 1 and tuple(weights.shape[1:]) != (1,)


def labelled_rows(condition: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """A condition with zeros for missing rows, and a mask of the rows present.

    A row is missing if it holds NaN, or if it is a label (a condition of shape `()`) of -1. Other labels below zero are
    refused where data are checked, and missing in later batches of a dataset, which are not.

    Args:
        condition: `(batch, *condition_shape)`, or None.
    """
    if condition is None:
        return None, None
    condition = ops.convert_to_tensor(condition)
    if keras.backend.is_float_dtype(condition.dtype):
        elements = ops.isnan(condition)
        if len(condition.shape) == 1:
            elements = ops.logical_or(elements, condition < 0)  # labels that come as floats
    else:
        elements = condition < 0 if len(condition.shape) == 1 else ops.zeros_like(condition, dtype="bool")
    missing = elements
    for _ in condition.shape[1:]:
        missing = ops.any(missing, axis=-1)
    return ops.where(elements, ops.zeros_like(condition), condition), ops.logical_not(missing)


def as_bool(mask: Tensor | None) -> Tensor | None:
    """A user's mask, which may hold floats: they are no weights."""
    return None if mask is None else ops.cast(mask, "bool")


def joined_mask(mask: Tensor | None, present: Tensor | None) -> Tensor | None:
    """Both masks combined, in the shape of the one with more axes; None if both are None."""
    if mask is None or present is None:
        return present if mask is None else mask
    mask, present = ops.cast(mask, "bool"), ops.cast(present, "bool")
    while len(mask.shape) < len(present.shape):
        mask = ops.expand_dims(mask, -1)
    while len(present.shape) < len(mask.shape):
        present = ops.expand_dims(present, -1)
    return ops.logical_and(mask, present)
