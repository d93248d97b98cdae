"""Closed forms of the Kullback-Leibler divergence, looked up by the types of both sides."""

from collections.abc import Callable
from typing import Any

from keras_vae.distributions.distribution import Distribution, Independent
from keras_vae.hints import Tensor

__all__ = [
    "has_kl_divergence",
    "kl_divergence",
    "kl_divergence_per_dimension",
    "register_kl_divergence",
]

_CLOSED_FORMS: dict[tuple[type, type], tuple[Callable, bool]] = {}


def register_kl_divergence(
    q_type: type[Distribution], p_type: type[Distribution], *, factorises: bool = True
) -> Callable:
    """Decorator: register `function(q, p)` as KL(q || p) for these two types and their subclasses.

    Args:
        q_type: type of the left side.
        p_type: type of the right side.
        factorises: the function returns the KL of every dimension, `(..., *event)`; with False, it
            returns the sum, `(...)`. In nats.

    Raises:
        ValueError: the pair has a closed form already.

    Example:

    Given a value type of your own, `Mine`, this is all: `@register_kl_divergence(Gaussian, Mine)` above the function. A
    pair that is there already is refused:

    >>> from keras_vae.distributions import Gaussian, register_kl_divergence
    >>> @register_kl_divergence(Gaussian, Gaussian)
    ... def kl(q, p):
    ...     return 0.0
    Traceback (most recent call last):
        ...
    ValueError: KL(Gaussian || Gaussian) has a closed form already.
    """

    def decorate(function: Callable) -> Callable:
        if (q_type, p_type) in _CLOSED_FORMS:
            raise ValueError(f"KL({q_type.__name__} || {p_type.__name__}) has a closed form already.")
        _CLOSED_FORMS[q_type, p_type] = (function, factorises)
        return function

    return decorate


def has_kl_divergence(q: Distribution, p: Distribution, *, per_dimension: bool = False) -> bool:
    """Whether KL(q || p) has a registered closed form (one for each dimension, if asked), in nats.

    Args:
        q: the left side, a distribution value.
        p: the right side, likewise.
        per_dimension: ask for one that factorises over the dimensions.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Gaussian, GaussianMixture, has_kl_divergence
    >>> q, p = Gaussian(np.zeros((1, 2)), np.zeros((1, 2))), GaussianMixture(np.zeros((3, 2)), np.zeros((3, 2)))
    >>> has_kl_divergence(q, q), has_kl_divergence(q, p)
    (True, False)
    """
    found = _lookup(q, p)
    return found is not None and (found[1] or not per_dimension)


def kl_divergence(q: Distribution, p: Distribution) -> Tensor:
    """KL(q || p) in closed form, in nats, summed over the event axes: `(...)`.

    Args:
        q: the left side, a distribution value.
        p: the right side, likewise.

    Raises:
        NotImplementedError: no closed form is registered for the two types.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Gaussian, kl_divergence
    >>> float(kl_divergence(Gaussian(np.ones(3), np.zeros(3)), Gaussian(np.zeros(3), np.zeros(3))))
    1.5
    """
    function, factorises = _find(q, p)
    return _sum_over_event(q, p, function(q, p)) if factorises else function(q, p)


def kl_divergence_per_dimension(q: Distribution, p: Distribution) -> Tensor:
    """KL(q || p) of every dimension, in nats: `(..., *event)`.

    Args:
        q: the left side, a distribution value.
        p: the right side, likewise.

    Raises:
        NotImplementedError: no closed form, or none that factorises over dimensions.

    Example:

    >>> import numpy as np
    >>> from keras_vae.distributions import Gaussian, kl_divergence_per_dimension
    >>> q, p = Gaussian(np.array([1.0, 2.0]), np.zeros(2)), Gaussian(np.zeros(2), np.zeros(2))
    >>> [float(value) for value in kl_divergence_per_dimension(q, p)]
    [0.5, 2.0]
    """
    function, factorises = _find(q, p)
    if not factorises:
        raise NotImplementedError(
            f"KL({type(q).__name__} || {type(p).__name__}) does not factorise over dimensions. An objective "
            "that needs the KL of each dimension cannot be used with this pair of posterior and prior."
        )
    elements = function(q, p)
    return q.apply_mask(elements) if isinstance(q, Independent) else elements


def _sum_over_event(q: Any, p: Any, elements: Tensor) -> Tensor:
    return (q if isinstance(q, Independent) else p).sum_over_event(elements)


def _find(q: Distribution, p: Distribution) -> tuple[Callable, bool]:
    found = _lookup(q, p)
    if found is None:
        raise NotImplementedError(
            f"KL({type(q).__name__} || {type(p).__name__}) has no closed form here. Estimate it from samples "
            "as log q(z) - log p(z), or register a closed form with "
            "keras_vae.distributions.register_kl_divergence."
        )
    return found


def _lookup(q: Distribution, p: Distribution) -> tuple[Callable, bool] | None:
    for q_type in type(q).__mro__:
        for p_type in type(p).__mro__:
            if (q_type, p_type) in _CLOSED_FORMS:
                return _CLOSED_FORMS[q_type, p_type]
    return None
