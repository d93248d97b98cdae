"""What priors are told about the data."""

from typing import Any

from keras_vae.data.support import column_supports
from keras_vae.hints import Shape

__all__ = ["describe"]


def describe(data_shape: Any, support: Any, condition_shape: Shape | None, features_shape: Any) -> dict[str, Any]:
    """The `data_spec` of `keras_vae.priors.Prior.build`."""
    one = hasattr(support, "low")
    return {
        "shape": data_shape,
        "support": (support.low, support.high) if one else (float("-inf"), float("inf")),
        "categorical": any_categories(support, data_shape),
        "condition_shape": condition_shape,
        "features_shape": features_shape,
        "several_fields": isinstance(data_shape, dict),
        # The names of version 0.1, for priors written for it.
        "nominal": bool(support.categorical) if one else False,
        "evidence_shape": features_shape,
    }


def any_categories(support: Any, data_shape: Any) -> bool:
    """Whether any of the data are categories."""
    if isinstance(support, dict):
        return any(any_categories(support[name], data_shape[name]) for name in support)
    if data_shape[-1] is None:
        return bool(support.categorical)
    return any(bool(columns.categorical) for *_, columns in column_supports(support, data_shape[-1]))
