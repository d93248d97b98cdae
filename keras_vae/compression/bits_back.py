"""Bits-back coding of rows on a stack, in groups."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_vae.compression.coder import pop_categories, pop_numbers, push_categories, push_numbers
from keras_vae.compression.grid import Grid
from keras_vae.compression.networks import Networks
from keras_vae.hints import Array

__all__ = ["BitsBack", "Group"]


@dataclasses.dataclass(frozen=True)
class Group:
    """Rows that are coded together, so that the networks run once for all of them.

    Attributes:
        rows: how many.
        direct: whether their latents are the posterior's mode, and take no bits from the stack.
    """

    rows: int
    direct: bool


class BitsBack:
    """Bits back with asymmetric numeral systems (Townsend, Bird and Barber, 2019), for any number of levels.

    A group of rows is pushed in this order: the latents of each level, top first, are popped with q(z_l | x, levels
    above); x is pushed with p(x | z); the latents are pushed with p(z_l | levels above), bottom first. Popped bits are
    the bits that come back. `pop` undoes the steps in reverse order.

    The first rows find no bits to pop. Their latents are the posterior's mode, and the groups grow as bits gather:
    random initial bits, which would be stored with the data, are not needed.

    Args:
        networks: the networks.
        grids: for each level its grid.
    """

    def __init__(self, networks: Networks, grids: Sequence[Grid]) -> None:
        self.networks, self.grids = networks, list(grids)
        self.levels = range(len(self.grids))
        self.elbo_bits = 0.0
        self.first_bits = 0.0

    # The parts ------------------------------------------------------------------------------------------

    def _posteriors(self, symbols: Any, z: list[Any], condition: Any) -> Any:
        """Of each level in turn q(z_l | x, levels above), with the levels above as they are when it is asked for."""
        once = self.networks.posteriors(symbols, self._known(z, 0), condition) if self.networks.independent else None
        for level in self.levels:
            yield once or self.networks.posteriors(symbols, self._known(z, level), condition)

    def _priors(self, z: list[Any], rows: int, condition: Any) -> Any:
        once = self.networks.priors(self._known(z, 0), rows, condition) if self.networks.independent else None
        for level in self.levels:
            yield once or self.networks.priors(self._known(z, level), rows, condition)

    @staticmethod
    def _known(z: list[Any], level: int) -> list[Any]:
        """The latents above a level: encoder and decoder must give the networks the same inputs, also unused ones."""
        return [own if index < level else None for index, own in enumerate(z)]

    def _push_data(self, stack: Any, symbols: Sequence[Array], tables: Sequence[Array]) -> None:
        for leaf, count, own, table in reversed(self._with_tables(symbols, tables)):
            if not np.isfinite(leaf.high):
                push_numbers(stack, own[own >= count] - count)
                own = np.minimum(own, count)
            chosen = np.take_along_axis(table, own[..., None], axis=-1)[..., 0].astype("float64")
            self.elbo_bits -= float(np.log2(np.maximum(chosen, 2.0**-24)).sum())
            push_categories(stack, own, table)

    def _pop_data(self, stack: Any, tables: Sequence[Array]) -> list[Array]:
        found = []
        for leaf, count, _, table in self._with_tables(tables, tables):
            own = pop_categories(stack, table)
            if not np.isfinite(leaf.high):
                own[own >= count] = count + pop_numbers(stack, int((own >= count).sum()))
            found.append(own)
        return found

    def _with_tables(self, symbols: Any, tables: Any) -> list[Any]:
        return list(zip(self.networks.leaves, self.networks.counts, symbols, tables, strict=True))

    # A group --------------------------------------------------------------------------------------------

    def push(self, stack: Any, symbols: Sequence[Array], condition: Array | None, direct: bool) -> None:
        """Put a group of rows onto a stack.

        Args:
            stack: a coder of `constriction`.
            symbols: for each leaf `(rows, width)`.
            condition: `(rows, *condition_shape)`, or None.
            direct: see `Group`.
        """
        rows = len(symbols[0])
        z: list[Any] = [None] * len(self.grids)
        chosen: list[Any] = list(z)
        for level, q in enumerate(self._posteriors(symbols, z, condition)):
            grid, own = self.grids[level], q[level]
            chosen[level] = grid.mode(own) if direct else grid.pop(stack, own, posterior=True)
            z[level] = grid.latents(chosen[level])
            back = float(grid.bits(chosen[level], own).sum())
            self.elbo_bits -= back
            self.first_bits += back if direct else 0.0
        self._push_data(stack, symbols, self.networks.tables(z, rows, condition))
        priors = [p[level] for level, p in enumerate(self._priors(z, rows, condition))]
        for level in reversed(self.levels):
            self.elbo_bits += float(self.grids[level].bits(chosen[level], priors[level]).sum())
            self.grids[level].push(stack, chosen[level], priors[level])

    def pop(self, stack: Any, group: Group, condition: Array | None) -> list[Array]:
        """Take a group from a stack: for each leaf its symbols `(rows, width)`.

        Args:
            stack: a coder of `constriction`.
            group: as it was put there.
            condition: `(rows, *condition_shape)`, or None.
        """
        z: list[Any] = [None] * len(self.grids)
        chosen: list[Any] = list(z)
        for level, p in enumerate(self._priors(z, group.rows, condition)):
            chosen[level] = self.grids[level].pop(stack, p[level])
            z[level] = self.grids[level].latents(chosen[level])
        symbols = self._pop_data(stack, self.networks.tables(z, group.rows, condition))
        if not group.direct:
            posteriors = [q[level] for level, q in enumerate(self._posteriors(symbols, z, condition))]
            for level in reversed(self.levels):
                self.grids[level].push(stack, chosen[level], posteriors[level], posterior=True)
        return symbols


def next_group(available: float, needed: float, left: int, most: int) -> Group:
    """The next rows to code: as many as the bits on the stack allow, or one without bits back.

    Args:
        available: bits on the stack.
        needed: bits that the latents of a row take, on average.
        left: rows that are left.
        most: the largest group.

    >>> next_group(available=0, needed=40, left=100, most=64)
    Group(rows=1, direct=True)
    >>> next_group(available=1000, needed=40, left=100, most=64)
    Group(rows=15, direct=False)
    """
    rows = int((available - 64) / (1.5 * max(needed, 1.0)))
    return Group(min(rows, left, most), False) if rows > 0 else Group(1, True)
