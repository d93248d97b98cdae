"""Lists every registered component: `python -m keras_vae`, or `python -m keras_vae --json`.

`python -m keras_vae compress FILE.npz --model model.keras` writes arrays without loss, and `decompress` restores them.
"""

import argparse
import importlib.metadata
import inspect
import json
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import keras

from keras_vae import registry

FAMILIES = ("encoders", "posteriors", "priors", "latents", "decoders", "likelihoods", "objectives", "samplers")


def components() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Lists of the registered components and of those that could not be loaded.

    Returns:
        `(found, failures)`: dicts with the keys `family`, `name`, `origin`, `class`, `signature` and `summary`,
        and dicts with `family`, `name`, `origin` and `error`.
    """
    found, failures = [], []
    for family_name in FAMILIES:
        family = getattr(registry, family_name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # reported below, with the component
            members = family.items()
        for name, cls in members:
            found.append(
                {
                    "family": family_name,
                    "name": name,
                    "origin": _origin(family, name, cls),
                    "class": f"{cls.__module__}.{cls.__qualname__}",
                    "signature": _signature(cls),
                    "summary": inspect.cleandoc(cls.__doc__ or "").split("\n", 1)[0],
                }
            )
        for name, (distribution, error) in sorted(family.failures().items()):
            failures.append(
                {
                    "family": family_name,
                    "name": name,
                    "origin": distribution,
                    "error": f"{type(error).__name__}: {error}",
                }
            )
    return found, failures


def _origin(family: Any, name: str, cls: type) -> str:
    """The package that provides a component, with its version if it is installed."""
    distribution = family.origin(name) or cls.__module__.split(".")[0].replace("_", "-")
    try:
        return f"{distribution} {importlib.metadata.version(distribution)}"
    except importlib.metadata.PackageNotFoundError:
        return distribution


def _signature(cls: Any) -> str:
    """Its constructor arguments, without those of every Keras layer."""
    if cls.__init__ is keras.layers.Layer.__init__:
        return "()"  # without an `__init__` of its own, inspect shows the `*args` of Keras' `__new__`
    parameters = [
        parameter.replace(annotation=parameter.empty)
        for parameter in inspect.signature(cls).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    return str(inspect.Signature(parameters))


COMMANDS = ("compress", "decompress")


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in COMMANDS:
        # here, because the coder is an optional library
        try:
            from keras_vae.compression import commands
        except ImportError as error:
            print(f"python -m keras_vae {given[0]}: {error}", file=sys.stderr)
            return 1
        return commands.main(given)
    parser = argparse.ArgumentParser(
        prog="python -m keras_vae", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="for programs: an object with `components`, `failures`")
    parser.add_argument("--family", choices=FAMILIES, help="this family only")
    options = parser.parse_args(given)
    found, failures = (
        [entry for entry in entries if options.family in (None, entry["family"])] for entries in components()
    )
    if options.json:
        print(json.dumps({"components": found, "failures": failures}, indent=2))
        return 0
    for family in FAMILIES:
        members = [entry for entry in found if entry["family"] == family]
        if members:
            print(f"{family}\n")
        for entry in members:
            print(f"  {entry['name']}{entry['signature']}")
            print(f"      {entry['summary']}")
            print(f"      {entry['class']}, from {entry['origin']}\n")
    for entry in failures:
        argument = getattr(registry, entry["family"]).singular
        print(
            f"The {argument} {entry['name']!r} of the distribution {entry['origin']!r} could not be "
            f"loaded: {entry['error']}",
            file=sys.stderr,
        )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
