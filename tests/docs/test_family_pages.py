"""Every registered component has a section on its family's page: formula, example, source."""

import pathlib
import re

import keras
import pytest

import keras_vae
from keras_vae import registry
from tests.registered import own

pytestmark = pytest.mark.on_torch

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "guide"
REGISTRIES = ("encoders", "posteriors", "priors", "latents", "decoders", "likelihoods", "objectives", "samplers")
# From a section's heading to the next heading of its own depth or above, fenced code left alone.
HEADING = re.compile(r"^(#{2,3}) (.+?)\s*$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
FORMULA = re.compile(r"^\$\$\n.+?\n\$\$$", re.DOTALL | re.MULTILINE)
EXAMPLE = re.compile(r"^```python\n.+?^```", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"^```python\b.+?^```", re.DOTALL | re.MULTILINE)
REFERENCE = re.compile(r"^Reference: .*\b(?:1[789]|20)\d\d\b", re.MULTILINE)


def public_of(module):
    """Classes that the package shows at its top, of one of its modules."""
    return [name for name in keras_vae.__all__ if name in module.__all__]


def schedules():
    """The schedules, and the callbacks that follow them."""
    kinds = (keras.optimizers.schedules.LearningRateSchedule, keras_vae.callbacks.VariableSchedule)
    names = keras_vae.callbacks.__all__
    return [name for name in names if issubclass(getattr(keras_vae.callbacks, name), kinds)]


COMPONENTS = [(family, name) for family in REGISTRIES for name in own(getattr(registry, family))]
COMPONENTS += [("layers", name) for name in public_of(keras_vae.layers)]
COMPONENTS += [("annealing", name) for name in schedules()]


def sections_of(text):
    """Sections by heading, each with what stands below it."""
    # Comments in code begin as headings do: hide them, and keep every position.
    hidden = FENCE.sub(lambda fence: re.sub(r"[^\n]", " ", fence[0]), text)
    headings = list(HEADING.finditer(hidden))
    sections = {}
    for index, heading in enumerate(headings):
        following = (later.start() for later in headings[index + 1 :] if len(later[1]) <= len(heading[1]))
        sections[heading[2]] = text[heading.end() : next(following, len(text))]
    return sections


def problems_of(text, name):
    """What the page's section of a component lacks."""
    section = sections_of(text).get(name)
    if section is None:
        return ["a section `## name`"]
    wanted = {
        "a formula between lines of `$$`": FORMULA,
        "an example in a block ```python": EXAMPLE,
        "a line `Reference: Author (year)`": REFERENCE,
    }
    return [what for what, pattern in wanted.items() if not pattern.search(section)]


@pytest.mark.parametrize(("family", "name"), COMPONENTS, ids=lambda value: value)
def test_component_has_its_section(family, name):
    problems = problems_of((GUIDE / f"{family}.md").read_text(encoding="utf-8"), name)
    assert not problems, f"docs/guide/{family}.md, {name}: missing {', '.join(problems)}"


@pytest.mark.parametrize("page", sorted({family for family, _ in COMPONENTS}))
def test_page_shows_a_picture(page):
    text = (GUIDE / f"{page}.md").read_text(encoding="utf-8")
    runs = re.findall(r'^```python exec="on".*?^```', text, re.DOTALL | re.MULTILINE)
    assert any("plt.show()" in run for run in runs), f"docs/guide/{page}.md runs no block that shows a figure"


@pytest.mark.parametrize("name", keras_vae.callbacks.__all__)
def test_callback_is_shown_in_an_example(name):
    pages = [*GUIDE.glob("*.md"), *GUIDE.parent.glob("*.md")]
    examples = [block for page in pages for block in CODE.findall(page.read_text(encoding="utf-8"))]
    assert any(f"kv.callbacks.{name}(" in example for example in examples)


COMPLETE = "## name\n\n$$\nx\n$$\n\nText.\n\nReference: Doe (1999), *Title*.\n\n```python\n# comment\nx = 1\n```\n"


@pytest.mark.parametrize(
    ("lost", "found"),
    [
        ("## name", "section"),
        ("$$\nx\n$$", "formula"),
        ("Reference: Doe (1999), *Title*.", "Reference"),
        ("```python\n# comment\nx = 1\n```", "example"),
    ],
)
def test_a_section_that_lacks_something_is_found(lost, found):
    assert problems_of(COMPLETE, "name") == []
    (problem,) = problems_of(COMPLETE.replace(lost, "") + "\n## next\n\n$$\ny\n$$\n", "name")
    assert found in problem
