"""Pages that run while the site is built: what they meet, and what they say where they cannot run."""

import importlib.util
import sys
import types

import matplotlib.pyplot as plt
import pytest

from tests.docs.component_table import ROOT

pytestmark = pytest.mark.on_torch

PAGE = """# A page

```python exec="on" source="above" session="page"
print("ran")
```
"""


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "extensions" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run_pages():
    return load("run_pages")


@pytest.fixture
def page(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_VAE_DATA", str(tmp_path))
    monkeypatch.delenv("PAGES", raising=False)
    return types.SimpleNamespace(meta={}, file=types.SimpleNamespace(src_uri="tutorials/digits.md"))


def test_a_page_without_data_runs(run_pages, page):
    assert run_pages.on_page_markdown(PAGE, page, None, None) == PAGE


def test_a_page_whose_data_are_missing_says_so_and_keeps_its_code(run_pages, page):
    page.meta["data"] = ["faces.npz"]
    text = run_pages.on_page_markdown(PAGE, page, None, None)
    assert "exec=" not in text
    assert '```python\nprint("ran")\n```' in text
    assert "It needs data that was not there: faces.npz." in text
    assert text.startswith("# A page\n")


def test_and_runs_where_they_are(run_pages, page, tmp_path):
    page.meta["data"] = ["faces.npz"]
    (tmp_path / "faces.npz").touch()
    assert run_pages.on_page_markdown(PAGE, page, None, None) == PAGE


@pytest.mark.parametrize(("asked", "runs"), [("digits,faces", True), ("faces", False), ("none", False)])
def test_pages_can_be_chosen(run_pages, page, monkeypatch, asked, runs):
    monkeypatch.setenv("PAGES", asked)
    assert ("exec=" in run_pages.on_page_markdown(PAGE, page, None, None)) == runs


def test_a_page_that_does_not_exist_is_named(run_pages, page, monkeypatch):
    monkeypatch.setenv("PAGES", "digits,digts")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("MPLBACKEND", "agg")
    with pytest.raises(ValueError, match="do not exist: digts"):
        run_pages.on_startup("build", False)


def test_a_page_without_runs_is_left_alone(run_pages, page):
    page.meta["data"] = ["faces.npz"]
    assert run_pages.on_page_markdown("# Text\n", page, None, None) == "# Text\n"


class TestFigures:
    @pytest.fixture
    def show(self, monkeypatch):
        page_figures = load("page_figures")
        monkeypatch.setitem(sys.modules, "page_figures", page_figures)
        written = []

        def run(source):
            exec(
                compile(source, "<code block: test>", "exec"),
                {"plt": plt, "show": page_figures.show, "print": written.append},
            )
            return written

        plt.close("all")
        yield run
        plt.close("all")

    def test_a_figure_becomes_a_picture_with_its_title_as_description(self, show):
        written = show("plt.plot([1, 2])\nplt.title('A line')\nshow()")
        assert len(written) == 1
        assert written[0].startswith("![A line](data:image/png;base64,iVBOR")
        assert plt.get_fignums() == []

    def test_a_figure_without_a_title_is_refused(self, show):
        with pytest.raises(ValueError, match="needs a title"):
            show("plt.plot([1, 2])\nshow()")
