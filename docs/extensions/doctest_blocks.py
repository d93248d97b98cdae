"""Shows the doctests of docstrings as code: left alone, Markdown takes `>>>` for nested quotes."""

import griffe


def fenced(text):
    """A docstring with every doctest, up to the next empty line, between code fences."""
    lines, indent = [], None
    for line in [*text.splitlines(), ""]:
        if indent is None and line.lstrip().startswith(">>> "):
            indent = line[: len(line) - len(line.lstrip())]
            lines.append(f"{indent}```pycon")
        elif indent is not None and not line.strip():
            lines.append(f"{indent}```")
            indent = None
        lines.append(line)
    return "\n".join(lines)


class DoctestBlocks(griffe.Extension):
    """Rewrites the docstring of every object that is loaded."""

    def on_instance(self, *, obj, **kwargs):
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)
