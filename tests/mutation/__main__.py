"""Mutation testing of the core, with Cosmic Ray's operators: is a small fault noticed by any test?

    make mutants                                                      # the fixed sample of 60
    make mutants SAMPLE=20 SEED=3 FILES=keras_vae/priors/vamp.py

Cosmic Ray itself starts pytest anew for every mutant, which on each backend means seconds of imports. Here one process
imports what does not change, and forks for every mutant; the fork compiles the mutated source, and the files stay as
they are.
"""

import argparse
import ast
import difflib
import importlib.util
import os
import pathlib
import random
import resource
import sys
import time
import tomllib
from importlib.machinery import SourceFileLoader

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

from tests.mutation.operators import DropKeyword, OtherFunction
from tests.mutation.selection import FILES, tests_of

EQUIVALENT = pathlib.Path(__file__).with_name("equivalent.toml")
CPU_SECONDS = 240
"""What a mutant may take: of its own time, since a busy machine makes any of them slow."""


def operators():
    """Every operator that needs no arguments."""
    classes = [cosmic_ray.plugins.get_operator(name) for name in cosmic_ray.plugins.operator_names()]
    return [cls() for cls in (*classes, DropKeyword, OtherFunction) if not cls.arguments()]


def ignored(source):
    """Function of a position: whether it is a type, the list of public names, or the text of an error."""
    spans = []
    for node in ast.walk(ast.parse(source)):
        parts = []
        if isinstance(node, (ast.arg, ast.AnnAssign)):
            parts = [node.annotation]
        elif isinstance(node, ast.FunctionDef):
            parts = [node.returns]
        elif isinstance(node, ast.Raise) or (
            isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
        ):
            parts = [node]
        spans += [
            ((part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset))
            for part in parts
            if part is not None
        ]
    return lambda position: any(start <= position < end for start, end in spans)


def places(file):
    """What can be changed in a file, by place: `{(file, start, end): [(operator, occurrence), ...]}`."""
    source = pathlib.Path(file).read_text()
    nodes, skip, found = list(ast_nodes(get_ast(source))), ignored(source), {}
    for operator in operators():
        positions = (place for node in nodes for place in operator.mutation_positions(node))
        for occurrence, (start, end, *_) in enumerate(positions):
            if not skip(start):
                found.setdefault((file, start, end), []).append((operator, occurrence))
    return found


def sampled(files, count, seed):
    """Mutants `(file, source)` drawn at random: a place, then a change there."""
    at = {}
    for file in files:
        at.update(places(file))
    generator = random.Random(seed)
    keys = sorted(at)
    generator.shuffle(keys)
    for file, *place in keys[:count]:
        operator, occurrence = generator.choice(at[file, *place])
        yield file, type(operator).__name__, mutate_code(pathlib.Path(file).read_text(), operator, occurrence)


class Mutated(SourceFileLoader):
    """Loads one module from a changed source, without its cached bytecode."""

    def __init__(self, name, path, source):
        super().__init__(name, path)
        self.source = source

    def get_code(self, fullname):
        return compile(self.source, self.path, "exec")


class Finder:
    def __init__(self, file, source):
        self.file, self.source = file, source
        self.name = file.removesuffix(".py").replace("/", ".")

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        file = os.path.abspath(self.file)
        return importlib.util.spec_from_file_location(name, file, loader=Mutated(name, file, self.source))


def run(file, source, log):
    """Run the tests of `file` in a fork with `source` in its place: `(exit status, CPU seconds)`."""
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        with open(log, "wb") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        sys.meta_path.insert(0, Finder(file, source))
        import pytest

        code = 9
        try:
            code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-m", "not on_tensorflow", *tests_of(file)])
        finally:
            sys.stdout.flush()
            os._exit(int(code))
    _, status, usage = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime


def change(file, source):
    """The lines that differ, without those that stay: `(before, after)`."""
    lines = difflib.ndiff(pathlib.Path(file).read_text().splitlines(), source.splitlines())
    lines = [line for line in lines if line[0] in "+-"]
    return tuple(" ".join(line[2:].strip() for line in lines if line[0] == sign) for sign in "-+")


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("files", nargs="*", default=FILES, help="the files to mutate; by default the core")
    parser.add_argument("--sample", type=int, default=60, help="number of mutants")
    parser.add_argument("--skip", type=int, default=0, help="leave out the first mutants of the sample")
    parser.add_argument("--seed", type=int, default=0, help="which sample")
    parser.add_argument("--minutes", type=float, default=60.0, help="start no mutant after this time")
    parser.add_argument("--unchanged", action="store_true", help="see that the tests pass without a mutant")
    parser.add_argument("--log", default=os.devnull, help="where pytest's output of the last mutant goes")
    arguments = parser.parse_args()

    # What every fork shares. Not keras_vae: a fork imports it, with the fault.
    import keras
    import numpy  # noqa: F401
    import pytest  # noqa: F401
    import scipy.stats
    import sklearn.datasets  # noqa: F401

    print(f"backend {keras.backend.backend()}, scipy {scipy.__version__}", flush=True)
    known = {
        (item["file"], item["was"], item["becomes"]): item["because"]
        for item in tomllib.loads(EQUIVALENT.read_text()).get("mutant", [])
    }
    begin, counts = time.monotonic(), {"killed": 0, "survived": 0, "equivalent": 0}
    mutants = list(sampled(arguments.files, arguments.sample, arguments.seed))[arguments.skip :]
    if arguments.unchanged:
        for file in sorted({file for file, *_ in mutants}):
            code, seconds = run(file, pathlib.Path(file).read_text(), arguments.log)
            print(f"{'passed' if code == 0 else 'FAILED'} {seconds:5.1f} s  {file}", flush=True)
        return 0
    for number, (file, operator, source) in enumerate(mutants, start=arguments.skip):
        if time.monotonic() - begin > 60 * arguments.minutes:
            print(f"out of time: {arguments.sample - number} mutants not run")
            break
        was, becomes = change(file, source)
        if (file, was, becomes) in known:
            outcome, seconds = "equivalent", 0.0
        else:
            code, seconds = run(file, source, arguments.log)
            if code in (4, 5):  # of pytest: no such test
                sys.exit(f"tests/mutation/selection.py names tests of {file} that are not there.")
            outcome = "survived" if code == 0 else "killed"
        counts[outcome] += 1
        print(f"{number:3d} {outcome} {seconds:5.1f} s  {file} [{operator}]", flush=True)
        if outcome == "survived":
            print(f"      - {was}\n      + {becomes}", flush=True)
    tried = counts["killed"] + counts["survived"]
    print(f"killed {counts['killed']} of {tried}, and {counts['equivalent']} equivalent")
    return int(counts["survived"] > 0)


if __name__ == "__main__":
    sys.exit(main())
