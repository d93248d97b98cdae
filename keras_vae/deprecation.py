"""Deprecated names: they still work, and warn with their replacement."""

import importlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["REMOVED_IN", "old_names", "warn_renamed"]

REMOVED_IN = "0.3"


def warn_renamed(old: str, new: str, stacklevel: int = 3) -> None:
    """Warn that a name of version 0.1 has been renamed.

    Args:
        old: the name that was used.
        new: its replacement.
        stacklevel: as for `warnings.warn`.
    """
    warnings.warn(
        f"{old} is deprecated and will be removed in keras_vae {REMOVED_IN}. Use {new} instead.",
        DeprecationWarning,
        stacklevel=stacklevel,
    )


def old_names(module: str, names: Mapping[str, str], *, quiet: bool = False) -> Callable[[str], Any]:
    """A module's `__getattr__` for names that were moved or renamed.

    Args:
        module: the module's name.
        names: for each old name, the new one as `"package.module:name"`. It is imported on access, so
            that a package may refer to one that imports it.
        quiet: whether the old name remains valid, so that no warning is emitted.
    """

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, new = names[name].split(":")
        if not quiet:
            warn_renamed(f"{module}.{name}", f"{home}.{new}")
        return getattr(importlib.import_module(home), new)

    return find
