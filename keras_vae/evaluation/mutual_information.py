"""How much the latents say about the data."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.evaluation.pairwise import BLOCK
from keras_vae.evaluation.result import Result
from keras_vae.hints import Array, Data, Part, Seed, Tensor
from keras_vae.inference.call import as_tensors, over_data
from keras_vae.inference.encode import arguments_beside_tensors
from keras_vae.inference.runner import QUIET_ROWS
from keras_vae.latents import Product
from keras_vae.latents.levels import features_of

__all__ = ["MutualInformation", "mutual_information"]


@dataclasses.dataclass(frozen=True, eq=False)
class MutualInformation(Result):
    """The KL of the latents, taken apart (Hoffman and Johnson, 2016), in nats.

    Args:
        mutual_information: I_q(x; z), at most `limit`.
        kl: mean of KL(q(z|x) || p(z)).
        rows: number of rows n of the aggregated posterior, the mean of q(z|x) over them.
        levels: number of levels that z has here; of a hierarchy only the top one.
        conditional: whether the prior depends on a condition.

    Example:

    >>> import keras_vae as kv
    >>> found = kv.evaluation.MutualInformation(3.0, 3.25, 1000)
    >>> found.marginal_kl, round(found.limit, 2)
    (0.25, 6.91)
    """

    mutual_information: float
    kl: float
    rows: int
    levels: int = 1
    conditional: bool = False

    @property
    def marginal_kl(self) -> float:
        """KL(q(z) || p(z)), the rest of the KL, in nats; NaN if every row has a prior of its own."""
        return math.nan if self.conditional else self.kl - self.mutual_information

    @property
    def limit(self) -> float:
        """log n: the estimate is no larger, whatever the true value."""
        return math.log(self.rows)

    def summary(self) -> dict[str, float]:
        marginal = {} if self.conditional else {"marginal_kl": self.marginal_kl}
        return {"mutual_information": self.mutual_information, **marginal}

    def __str__(self) -> str:
        lines = [f"mutual information I(x; z): {self.mutual_information:.4g} nats, at most log n = {self.limit:.4g}"]
        if not self.conditional:
            lines.append(f"KL(q(z) || p(z)): {self.marginal_kl:.4g} nats")
        return "\n".join([*lines, f"KL(q(z|x) || p(z)): {self.kl:.4g} nats"])


def mutual_information(
    model: Part,
    x: Data,
    *,
    seed: int | None = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
) -> MutualInformation:
    """I_q(x; z) and KL(q(z) || p(z)), whose sum is the mean KL, in nats (Hoffman and Johnson, 2016).

    The mean over the rows of log q(z|x) - log q(z), at one draw of z each, where q(z) is the mean of q(z|x) over *all*
    given rows, as in Dieng et al. (2019): no minibatch stands for the data. The estimate cannot exceed log n. Where it
    comes near, the true value is larger, and more rows would show it. The second part is then too large by as much.

    The time grows with n squared, and the memory does not. Of a hierarchy it is I(x; z) of the top level; groups of a
    `Product` count together.

    Args:
        model: the `VAE`.
        x: as for `predict`, at least two rows.
        seed: int, for results that are reproducible on one backend, with one batch size.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        `MutualInformation`, of numbers; z is `(n, *latent_shape)`.

    Raises:
        ValueError: arguments or data that do not fit the model.
        NotImplementedError: a latent for each time step, which depends on the step before.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> found = kv.evaluation.mutual_information(vae, np.random.default_rng(0).random((20, 4)), seed=0)
    >>> found.mutual_information < found.limit
    True
    """
    if model.latents.has_time_axis:
        raise NotImplementedError(
            "mutual_information needs log q(z|x) of the draws of other rows, and with a latent for each time step "
            f"q depends on the steps drawn before. Received: latents {type(model.latents).__name__}. See "
            "evaluation.kl_per_dimension for what the latents carry."
        )
    function = Posteriors(len(model.latents.pairs) if isinstance(model.latents, Product) else 1)
    with model.runner.lock:  # for the distributions of the function that ran
        key = ("evaluation", "mutual_information")
        draws, kl, parameters = over_data(
            model, key, function, x, batch_size=batch_size, verbose=verbose, seed=seed, noisy=True
        )
        ran = model.runner.functions[key].function
    rows = len(kl)
    if rows < 2:
        raise ValueError(f"Argument `x` must have at least 2 rows, which z could tell apart. Received: {rows}")
    shown = verbose if verbose != "auto" else int(rows > QUIET_ROWS)
    own, marginal = log_densities(draws, lambda part: ran.posteriors(model, parameters, part), rows, shown)
    return MutualInformation(
        float((own - marginal).mean()),
        float(kl.astype("float64").sum(axis=1).mean()),
        rows,
        ran.count,
        conditional=model.condition_shape is not None and "prior" in model.condition_to,
    )


class Posteriors:
    """Draws of a batch, their KL, and what q(z|x) is made of, so that other draws can be given to it.

    Args:
        count: number of levels, from the first.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.kinds: list[tuple[type, dict[str, Any]] | None] = []

    def __call__(self, vae: Part, inputs: Any, seed: Seed, prepared: Any, **_: Any) -> Any:
        terms = vae.terms(inputs, seed=seed, prepared=prepared)
        levels = terms.levels[: self.count]
        self.kinds = [
            (type(q), arguments_beside_tensors(q)) if q.has_tensors else None
            for q in (level.posterior for level in levels)
        ]
        parameters = tuple(
            # A flow has no parameters to take out: the features that it was made of.
            self._features(vae, terms, index) if kind is None else level.posterior.tensors()
            for index, (kind, level) in enumerate(zip(self.kinds, levels, strict=True))
        )
        return tuple(level.z for level in levels), terms.kl[:, : self.count], parameters

    def _features(self, vae: Part, terms: Part, index: int) -> dict[str, Any]:
        features = features_of(terms.features, index) if self.count > 1 else vae.latents.root_features(terms.features)
        return {"features": features, "context": vae.forward_pass.seen_by("posterior", terms.context)}

    def posteriors(self, model: Part, parameters: Any, part: Array) -> list[Any]:
        """q(z|x) of some rows, a distribution for each level."""
        found = []
        for index, (kind, own) in enumerate(zip(self.kinds, parameters, strict=True)):
            tensors = as_tensors(keras.tree.map_structure(lambda array: array[part], own))
            if kind is None:
                found.append(model.latents.pairs[index][1].distribution(tensors["features"], tensors["context"]))
            else:
                found.append(kind[0](**{**kind[1], **tensors}))
        return found


def log_densities(
    draws: tuple[Array, ...], posteriors: Callable, rows: int, verbose: str | int = 0
) -> tuple[Array, Array]:
    """log q(z_i | x_i) and log q(z_i), of the mean of all q(. | x_j): two arrays `(n,)`, float64.

    Args:
        draws: for each level `(n, *latent)`.
        posteriors: function from indices of rows to their q(z|x) for each level.
        rows: n.
        verbose: 1 for a progress bar, over the blocks of rows.
    """
    width = sum(level[0].size for level in draws)
    size = min(rows, max(1, math.isqrt(BLOCK // width)))
    own, marginal = np.full(rows, -np.inf), np.full(rows, -np.inf)
    progress = keras.utils.Progbar(-(-rows // size), verbose=verbose)
    for first in range(0, rows, size):
        # The last block overlaps the one before: one number of rows is one compilation on JAX.
        start = min(first, rows - size)
        given = posteriors(np.arange(start, start + size))
        for lower in range(0, rows, size):
            begin = min(lower, rows - size)
            values = [as_tensors(level[begin : begin + size]) for level in draws]
            pairs = ops.convert_to_numpy(sum(map(log_prob_of_pairs, given, values))).astype("float64")
            block = pairs[lower - begin :, first - start :]  # (draws, rows)
            here = slice(lower, begin + size)
            marginal[here] = np.logaddexp(marginal[here], np.logaddexp.reduce(block, axis=1))
            if first == lower:
                own[here] = np.diagonal(block)
        progress.add(1)
    return own, marginal - math.log(rows)


def log_prob_of_pairs(posterior: Any, z: Tensor) -> Tensor:
    """Log density of every draw under every row's posterior, `(draws, rows)`, in nats."""
    several = ops.broadcast_to(z[:, None], (z.shape[0], z.shape[0], *z.shape[1:]))
    return posterior.log_prob(several)
