"""The table of registered components, written into the documents from the registries.

python -m tests.docs.component_table          # rewrite the tables
python -m tests.docs.component_table --check  # fail where one is out of date
"""

import os
import pathlib
import re
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from keras_vae import registry

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "docs/guide/components.md")
BLOCK = re.compile(r"(<!-- components: [^\n]*-->\n).*?(<!-- /components -->)", re.DOTALL)
FAMILIES = ("encoders", "posteriors", "priors", "latents", "decoders", "likelihoods", "objectives", "samplers")


def table():
    """Markdown: one row for each name of this package's own, with the first line of its docstring."""
    lines = ["| argument | name | class | what |", "|---|---|---|---|"]
    for family in FAMILIES:
        for name, cls in getattr(registry, family).items():
            if not cls.__module__.startswith("keras_vae."):
                continue
            summary = cls.__doc__.strip().splitlines()[0].replace("|", "\\|")
            lines.append(
                f"| `{getattr(registry, family).singular}` | `{name}` | `{family}.{cls.__name__}` | {summary} |"
            )
    return "\n".join(lines) + "\n"


def updated(text):
    """A document with its table as it should be."""
    return BLOCK.sub(lambda match: f"{match[1]}\n{table()}\n{match[2]}", text)


def main(arguments):
    stale = []
    for name in DOCUMENTS:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        if updated(text) != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(updated(text), encoding="utf-8")
    for name in stale:
        print(f"{'Out of date' if '--check' in arguments else 'Rewrote'}: {name}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
