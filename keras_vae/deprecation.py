"""Names that have changed: the old ones go on working, and say what to use in their place."""

import importlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["REMOVED_IN", "old_names", "warn_renamed"]

REMOVED_IN = "0.3"


def warn_renamed(old: str, new: str, stacklevel: int = 3) -> None:
    """Warn that a name of version 0.1 has another one now.

    Args:
        old: the name that was used.
        new: what to use in its place.
        stacklevel: as for `warnings.warn`.
    """
    warnings.warn(
        f"{old} is deprecated and will be removed in keras_vae {REMOVED_IN}. Use {new} in its place.",
        DeprecationWarning,
        stacklevel=stacklevel,
    )


def old_names(module: str, names: Mapping[str, str], *, quiet: bool = False) -> Callable[[str], Any]:
    """A module's `__getattr__` that finds what moved or was renamed.

    Args:
        module: the module's name.
        names: for each old name, `"package.module:name"` of what it is now. It is imported when it is asked for, so
            that a package may lead to one that stands above it.
        quiet: whether the old name is as good as the new one, and no warning is due.
    """

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, new = names[name].split(":")
        if not quiet:
            warn_renamed(f"{module}.{name}", f"{home}.{new}")
        return getattr(importlib.import_module(home), new)

    return find
