"""Checks of the user's data."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from keras_vae.data.absent import completed, rows_with_fields
from keras_vae.data.arrays import check_is_array
from keras_vae.data.chunks import row_chunks
from keras_vae.data.conditions import ConditionChecks
from keras_vae.data.exposure import check_exposure
from keras_vae.data.field import Field, Spec
from keras_vae.data.forms import as_arrays
from keras_vae.data.half_precision import check_fits_half
from keras_vae.data.masks import check_mask, check_mask_shape, check_steps
from keras_vae.data.rows import check_not_negative, check_rows, check_shape, count_rows, same
from keras_vae.data.sparse import dense, is_sparse
from keras_vae.data.streams import (
    MAY_BE_LEFT_OUT,
    is_array,
    is_stream,
    peek,
    rejoin,
    to_numpy,
    unpack,
    wrap_bare_loader,
)
from keras_vae.data.support import Support
from keras_vae.hints import Data, Part, Shape

__all__ = ["Checks"]

IN_TARGETS = (
    "All fields of `y` are reconstructed in place of those of x. Rows that lack a field are told by the inputs, as in "
    "{'x': x, 'present': {'label': has_label}}; pass any numbers in their place."
)


class Checks:
    """Checks data against the spec of a model.

    Args:
        spec: a `Field`, or a dict of them.
        condition_shape: shape of one example's condition, or None for a model without conditions.
        likelihood: the likelihood, whose `support` and `valid_mask` define valid data.
        decoder: the decoder, which may use x.
        compute_dtype: dtype in which the networks see x.
        objective: the objective, which may use `y`, or allow rows without a label.
        condition_support: the values that conditions may have, or None for any.
        optional_fields: names of the fields that may be left out of a dict: those that the model can do without.
        latents_read_x: whether the latents of a step depend on earlier data.
    """

    def __init__(
        self,
        spec: Spec,
        condition_shape: Shape | None,
        likelihood: Part,
        decoder: Any,
        compute_dtype: str = "float32",
        objective: Part = None,
        condition_support: Support | None = None,
        optional_fields: Iterable[str] = (),
        latents_read_x: bool = False,
    ) -> None:
        self.spec = spec
        self.conditions = ConditionChecks(condition_shape, condition_support, objective)
        self.likelihood = likelihood
        self.compute_dtype = compute_dtype
        self.decoder_reads_x = decoder.requires_target and getattr(decoder, "autoregressive", True)
        self.steps_read_x = self.decoder_reads_x or latents_read_x
        self.objective = objective
        self.uses_y = getattr(objective, "uses_y", False)
        self.optional_fields = frozenset(optional_fields)

    def fields(self, x: Any, argument: str) -> Iterator[tuple[str, Any, Field, Any]]:
        """For every field its label in messages, its data, its spec, and its likelihood.

        Args:
            x: `(n, *data_shape)`, or a dict of them.
            argument: name of the argument.

        Raises:
            ValueError: missing or unknown fields.
        """
        if not isinstance(self.spec, dict):
            yield argument, x, self.spec, self.likelihood
            return
        if not isinstance(x, dict) or set(x) != set(self.spec):
            got = f"the keys {sorted(map(str, x))}" if isinstance(x, dict) else f"a {type(x).__name__}"
            raise ValueError(
                f"Argument `{argument}` must be a dict with an array for each field of data_shape, "
                f"{sorted(self.spec)}. Received: {got}. {IN_TARGETS if argument == 'y' else MAY_BE_LEFT_OUT}"
            )
        for name, field in self.spec.items():
            yield f"{argument}[{name!r}]", x[name], field, self.likelihood.parts[name]

    def check(self, inputs: Data, argument: str = "x", noisy: bool = False, training: bool = False) -> None:
        """Check arrays `x`, `[x, condition]` or a dict of them.

        Args:
            inputs: as above.
            argument: name of the argument.
            noisy: whether x is only encoded and its density not computed, so that noise may have moved it
                outside the likelihood's support, by at most the width of the support.
            training: whether they are for the objective, which may allow missing labels.
        """
        given = unpack(inputs, self.spec)
        present = rows_with_fields(given.present, given.x, self.spec, argument)
        self._check_x(given.x, argument, noisy, training, present)
        rows = count_rows(given.x)
        partly_labelled = self.conditions.partly_labelled and training
        self.conditions.check(given.condition, rows, given.condition_mask, partly_labelled, among_inputs=True)
        check_exposure(given.exposure, rows, self.likelihood)
        self._check_masks(given.x, given.mask, argument, noisy, present)

    def _check_x(
        self,
        x: Any,
        argument: str,
        noisy: bool = False,
        training: bool = False,
        present: Mapping[str, Any] | None = None,
    ) -> None:
        first: Any = None
        for label, values, field, likelihood in self.fields(x, argument):
            if not is_sparse(values):
                check_is_array(values, label, field.shape)
            kept = (present or {}).get(label[len(argument) + 2 : -2])
            if kept is not None:
                # What stands in rows without the field may be anything, but for its shape.
                check_shape(tuple(values.shape), field.shape, label)
                first = (label, values.shape[0]) if first is None else first
                if not kept.any():
                    continue
                values = dense(values[np.flatnonzero(kept)]) if is_sparse(values) else to_numpy(values)[kept]
            check_rows(values, field.shape, likelihood.support, label, noisy, missing=field.missing)
            if self.compute_dtype == "float16" and not likelihood.support.categorical:
                check_fits_half(values, likelihood, label, training)
            rows = values.shape[0] if kept is None else len(kept)
            first = (label, rows) if first is None else first
            if rows != first[1]:
                raise ValueError(
                    f"Argument `{argument}`: every field must have as many rows as the others. Received: {first[1]} "
                    f"rows in {first[0]} and {rows} in {label}."
                )

    def _check_masks(
        self, x: Any, mask: Any, argument: str, noisy: bool, present: Mapping[str, Any] | None = None
    ) -> None:
        padding = mask is None
        # whether there is padding at all, from a single row
        masks = (
            self.likelihood.valid_mask(dense(keras.tree.map_structure(lambda array: array[:1], x))) if padding else mask
        )
        if masks is None:
            return
        if isinstance(self.spec, dict) and (not isinstance(masks, dict) or not set(masks) <= set(self.spec)):
            received = sorted(masks) if isinstance(masks, dict) else f"a {type(masks).__name__}"
            raise ValueError(
                f"Argument `mask` must be a dict with some of the fields {sorted(self.spec)}, a mask for each. "
                f"Received: {received}."
            )
        for label, values, field, likelihood in self.fields(x, argument):
            key = label[len(argument) :]
            own = masks.get(key[2:-2]) if isinstance(masks, dict) else masks
            if own is None:
                continue
            if not padding:
                check_is_array(own, f"mask{key}", ("time",))
                check_mask_shape(own, values, f"mask{key}")
                check_mask(own, f"mask{key}")
            kept = (present or {}).get(key[2:-2])
            if kept is not None:
                if not kept.any():
                    continue
                values, own = to_numpy(values)[kept], own if padding else to_numpy(own)[kept]
            parts = row_chunks(values if padding else own)
            check_steps(
                ((row, likelihood.valid_mask(part)) for row, part in parts) if padding else parts,
                padding,
                label,
                noisy,
                from_first=self.steps_read_x or field.shape[0] is None,
            )

    def check_target(self, y: Data, x: Data, argument: str = "y") -> None:
        """Check that `y` can be reconstructed in place of `x`, and is not an array of labels.

        Args:
            y: `(n, *data_shape)`.
            x: likewise.
            argument: name of the argument.
        """
        rows = count_rows(x)
        try:
            self._check_x(y, argument)
            if count_rows(y) != rows:
                raise ValueError(
                    f"Argument `{argument}` must have as many rows as x. Received: {count_rows(y)} and {rows}."
                )
        except ValueError as error:
            raise ValueError(f"{error}{self._y_hint(y, rows, argument)}") from None
        if self.steps_read_x and not same(x, y):
            raise ValueError(
                f"Argument `{argument}` must equal x, or be left out: the "
                f"{'decoder is autoregressive, and sees' if self.decoder_reads_x else 'latents see'} the "
                "earlier steps of x. For denoising use encoder=keras_vae.encoders.Denoising(...), whose noise "
                "the decoder does not see."
            )

    def _y_hint(self, y: Any, rows: int, argument: str) -> str:
        """What `y` was probably meant to be."""
        hint = f" `{argument}` is reconstructed in place of x (for denoising), and has the data's shape."
        if isinstance(self.spec, dict) or not is_array(y) or len(y) != rows or len(y.shape) > 2:
            return hint
        values = to_numpy(y)
        whole = values.dtype.kind in "iub" or (values.dtype.kind == "f" and bool(np.all(values == np.round(values))))
        labels = " Labels to condition on belong in the inputs: VAE(..., condition_shape=...).fit([x, labels])."
        return (
            f"{hint} To predict {argument} from the latents, use objective=keras_vae.objectives.Supervised(...)."
            f"{labels if whole else ''}"
        )

    def check_y(self, y: Any, rows: int, argument: str = "y") -> None:
        """Check a `y` that the objective uses: numbers in its `y_support`, with as many rows as x.

        Args:
            y: an array, or a structure of them.
            rows: number of examples.
            argument: name of the argument.
        """
        support, missing = (getattr(self.objective, name, None) for name in ("y_support", "y_missing"))
        for leaf in keras.tree.flatten(y):
            check_is_array(leaf, argument, ("...",))
            values = leaf if missing is None else np.where(to_numpy(leaf) == missing, 0, to_numpy(leaf))
            check_rows(values, tuple(leaf.shape)[1:], support, argument, expected_by="the loss of the objective")
            if len(leaf) != rows:
                raise ValueError(
                    f"Argument `{argument}` must have as many rows as x. Received: {len(leaf)} and {rows}."
                )

    def check_weights(self, sample_weight: Data, x: Any) -> None:
        """Check that there is one weight for each example, or for each element, none of them negative.

        Args:
            sample_weight: `(n,)`, or the first axes of x, two or more.
            x: `(n, *data_shape)`, or a dict of them.
        """
        check_is_array(sample_weight, "sample_weight", ())
        shape, rows = tuple(sample_weight.shape), count_rows(x)
        data = (rows,) if isinstance(x, dict) else tuple(x.shape)
        of_elements = [data[:axes] for axes in range(2, len(data) + 1)]
        if shape not in ((rows,), (rows, 1), *of_elements):
            elements = f", or one for each element, shape {' or '.join(map(str, of_elements))}" if of_elements else ""
            raise ValueError(
                f"Argument `sample_weight` must hold one number for each example, shape {(rows,)}{elements}. "
                f"Received: shape {shape} for {rows} examples."
            )
        check_rows(sample_weight, shape[1:], None, "sample_weight")
        check_not_negative(sample_weight, "sample_weight")

    def check_stream(self, stream: Data, argument: str = "x", noisy: bool = False, training: bool = False) -> Data:
        """Check the first batch of a stream, and return the stream in a form that every backend supports."""
        if hasattr(stream, "__next__"):
            try:
                first = next(stream)
            except StopIteration:
                raise ValueError(f"Argument `{argument}`: the generator yields no batches.") from None
            self.check_stream([first], argument, noisy, training)
            return rejoin(first, stream)
        inputs, y, sample_weight = peek(stream, spec=self.spec, argument=argument)
        self.check(inputs.given(), argument, noisy or (y is not None and not self.uses_y), training)
        self._check_given_y(y, inputs.x, argument, training)
        if sample_weight is not None:
            self.check_weights(sample_weight, inputs.x)
        return wrap_bare_loader(stream)

    def _check_given_y(self, y: Any, x: Any, argument: str = "x", training: bool = True) -> None:
        if self.uses_y:
            if y is not None:
                self.check_y(y, count_rows(x))
            elif training:
                where = "" if argument == "x" else f" of `{argument}`"
                raise ValueError(
                    f"Argument `y`{where}: the objective needs it in addition to x. Received: None. Pass (x, y), as in "
                    "fit(x, y), validation_data=(x, y), or a dataset of (x, y); or build the model with an objective "
                    "that needs none."
                )
        elif y is not None:
            self.check_target(y, x)

    def check_data(self, x: Data, argument: str = "x", noisy: bool = False, training: bool = False) -> Data:
        """Check data for an inference function, and return them in a form that every backend supports."""
        x = completed(as_arrays(x, argument), self.spec, self.optional_fields)
        if is_stream(x):
            return self.check_stream(x, argument, noisy, training)
        self.check(x, argument, noisy, training)
        return x

    def check_fit(self, x: Data, y: Data, sample_weight: Data, argument: str = "x") -> tuple[Data, Data]:
        """Check data for `fit` or `evaluate`, and return `(x, y)`; y is set to x if there are sample weights."""
        noisy = y is not None and not self.uses_y
        x, y = self.check_data(x, argument, noisy, training=True), as_arrays(y, "y")
        if is_stream(x):
            return x, y
        data = unpack(x, self.spec).x
        for label, values, field, _ in self.fields(data, argument):
            if field.missing == "nan" and all(np.isnan(part).all() for _, part in row_chunks(values)):
                raise ValueError(f"Argument `{label}` holds nothing but NaN: every element is missing.")
        self._check_given_y(y, data, argument)
        if sample_weight is not None:
            self.check_weights(as_arrays(sample_weight, "sample_weight"), data)
            y = data if y is None else y  # Keras ignores weights without targets
        return x, y

    def check_validation(self, validation_data: Data) -> Data:
        """`validation_data` in a form that Keras interprets correctly."""
        if validation_data is None:
            return None
        if isinstance(validation_data, (list, tuple)) and not validation_data:
            raise ValueError(
                "Argument `validation_data` must hold data. Received: an empty "
                f"{type(validation_data).__name__}. Pass None to train without validation."
            )
        validation_data = as_arrays(validation_data, "validation_data")
        if is_stream(validation_data):
            return self.check_stream(validation_data, "validation_data", training=True)
        if isinstance(validation_data, (list, tuple)) and self.conditions.shape is not None:
            bare = bool(validation_data) and not isinstance(validation_data[0], (list, tuple, dict))
            if bare and len(validation_data) == 2:
                # Keras would read [x, c] as (x, y); for a conditional model it can only be the inputs.
                validation_data = (tuple(validation_data),)
        if isinstance(validation_data, dict):
            validation_data = (validation_data,)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(validation_data)
        x, y = self.check_fit(x, y, sample_weight, "validation_data")
        return keras.utils.pack_x_y_sample_weight(x, y, sample_weight)
