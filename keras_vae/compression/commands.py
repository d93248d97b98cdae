"""The commands `python -m keras_vae compress` and `decompress`."""

import argparse
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_vae.compression.archive import compress_npz, decompress_npz, read_arrays
from keras_vae.registry import load_plugins

__all__ = ["main"]

ENDINGS = {"compress": ".kvc", "decompress": ".npz"}


def main(arguments: Sequence[str]) -> int:
    """Run a command; its exit status, 0 if it did what it says, 1 after an error, which is printed.

    Args:
        arguments: of the command line, the name of the command first.
    """
    options = parser().parse_args(arguments)
    target = options.out or options.file.with_suffix(ENDINGS[options.command])
    # Written beside the target and moved there, so that no error leaves half a file behind.
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if not options.file.is_file():
            raise FileNotFoundError(2, "There is no such file", str(options.file))
        if target.exists() and not options.force:
            raise FileExistsError(17, "There is such a file already; --force overwrites it", str(target))
        vae = model_of(options.model)
        if options.command == "decompress":
            decompress_npz(vae, options.file, unfinished)
            report = [("", f"{unfinished.stat().st_size} bytes")]
        else:
            report = compress_npz(vae, options.file, unfinished)
            if options.check:
                check(vae, options.file, unfinished)
                report.append(("", "decoded again: every array is the same"))
        os.replace(unfinished, target)
    except (OSError, ValueError, TypeError, NotImplementedError) as error:
        print(f"python -m keras_vae {options.command}: {in_words(error)}", file=sys.stderr)
        return 1
    finally:
        unfinished.unlink(missing_ok=True)
    for name, cost in report:
        print(f"{name + ': ' if name else ''}{cost}")
    if options.command == "compress":
        before, after = options.file.stat().st_size, target.stat().st_size
        print(f"{target}: {after} bytes, {after / before:.1%} of {options.file}")
    else:
        print(f"{target} is written")
    return 0


def parser() -> argparse.ArgumentParser:
    """The parser of the two commands."""
    made = argparse.ArgumentParser(prog="python -m keras_vae")
    commands = made.add_subparsers(dest="command", required=True)
    for name, text in (
        ("compress", "write an .npz file of whole numbers without loss, coded by a model"),
        ("decompress", "restore the .npz file; with the same model, software and number of threads"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("file", type=pathlib.Path, help=f"the file to {name}")
        command.add_argument("--model", type=pathlib.Path, required=True, help="a model that vae.save wrote")
        command.add_argument("--out", type=pathlib.Path, help=f"the file to write; FILE{ENDINGS[name]} by default")
        command.add_argument("--force", action="store_true", help="overwrite the file if it exists")
    commands.choices["compress"].add_argument("--check", action="store_true", help="decode the file and compare it")
    return made


def model_of(path: pathlib.Path) -> Any:
    """A saved model, with the plugins that it may need.

    Args:
        path: of the file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(2, "There is no such model", str(path))
    load_plugins()
    try:
        vae = keras.saving.load_model(path, compile=False)
    except Exception as error:
        raise ValueError(f"Argument --model: {str(path)!r} cannot be loaded: {error}") from error
    if not hasattr(vae, "forward_pass"):
        raise ValueError(
            f"Argument --model: {str(path)!r} must hold a keras_vae.VAE. Received: a {type(vae).__name__}."
        )
    return vae


def check(vae: Any, source: pathlib.Path, path: pathlib.Path) -> None:
    """Decode a file, and compare it with its source.

    Args:
        vae: the model.
        source: the `.npz` file.
        path: what was written.

    Raises:
        ValueError: they differ.
    """
    copy = path.with_name(f"{path.name}.check")
    try:
        decompress_npz(vae, path, copy)
        before, after = read_arrays(source), read_arrays(copy)
    finally:
        copy.unlink(missing_ok=True)
    same = list(before) == list(after) and all(
        before[name].dtype == after[name].dtype
        and before[name].shape == after[name].shape
        and np.ascontiguousarray(before[name]).tobytes() == np.ascontiguousarray(after[name]).tobytes()
        for name in before
    )
    if not same:
        raise ValueError("The decoded arrays are not those of the file. Nothing was written.")


def in_words(error: BaseException) -> str:
    """An error as one line.

    >>> in_words(FileNotFoundError(2, "There is no such file", "x.npz"))
    'There is no such file: x.npz'
    """
    if isinstance(error, OSError) and error.filename:
        return f"{error.strerror}: {error.filename}"
    return str(error)
