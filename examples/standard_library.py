"""Python's standard library as data: on every machine that can run the examples."""

import ast
import pathlib


def syntax_trees(most=None):
    """Path and syntax tree of each of its files, or of the first `most`, in alphabetical order; tests are left out."""
    for path in sorted(pathlib.Path(ast.__file__).parent.rglob("*.py"))[:most]:
        if {"site-packages", "dist-packages", "test", "tests", "idlelib"} & set(path.parts):
            continue
        try:
            yield path, ast.parse(path.read_text(encoding="utf-8", errors="replace"))
        except SyntaxError:
            continue  # files that show what is wrong
