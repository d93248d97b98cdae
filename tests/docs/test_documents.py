"""What the documents say is so: their code runs, their tables and links are right."""

import functools
import importlib.util
import itertools
import re

import keras
import pytest

from tests.docs import component_table

ROOT = component_table.ROOT
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
# Blocks with TensorFlow Probability's customary names run where it can.
TFP_NAME = re.compile(r"\b(tensorflow_probability|tfp|tfd)\b")
HAS_TFP = keras.backend.backend() == "tensorflow" and importlib.util.find_spec("tensorflow_probability") is not None
WITH_CODE = [page for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))]


def name_of(page):
    return str(page.relative_to(ROOT))


def marks_of(page):
    """The README runs on every backend, pages that name TensorFlow or TFP there, and all others on torch."""
    if page.parent == ROOT:
        return pytest.mark.every_backend
    text = page.read_text(encoding="utf-8")
    return pytest.mark.on_tensorflow if TFP_NAME.search(text) or "import tensorflow" in text else ()


@pytest.fixture
def short_training(monkeypatch):
    """One epoch on a few digits, whatever a page writes."""
    import sklearn.datasets

    load_digits, fit = sklearn.datasets.load_digits, keras.Model.fit

    @functools.wraps(load_digits)
    def few_digits(*args, **kwargs):
        digits = load_digits(*args, **kwargs)
        digits.images, digits.target = digits.images[1400:1600], digits.target[1400:1600]
        # Pages split at 1500 rows: repeated, the few stand for the many at no cost in variety.
        digits.images, digits.target = digits.images.repeat(8, 0), digits.target.repeat(8, 0)
        return digits

    @functools.wraps(fit)
    def short_fit(self, *args, **kwargs):
        bound = {**kwargs, **dict(zip(("x", "y", "batch_size", "epochs"), args, strict=False))}
        return fit(self, **{**bound, "epochs": min(bound.get("epochs", 1), 1), "steps_per_epoch": 2, "verbose": 0})

    monkeypatch.setattr(sklearn.datasets, "load_digits", few_digits)
    monkeypatch.setattr(keras.Model, "fit", short_fit)


@pytest.fixture
def eager_functions(request):
    """On TensorFlow nothing is traced for a page that only uses the library: other tests trace every part of it.

    Where a page defines classes of its own, or is the README, its code is traced as a reader's is.
    """
    page = request.getfixturevalue("page")
    own_code = page.parent == ROOT or "\nclass " in page.read_text(encoding="utf-8")
    if keras.backend.backend() != "tensorflow" or own_code:
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly` option is set")
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=marks_of(page)) for page in WITH_CODE],
    ids=name_of,
)
def test_code_runs(page, short_training, eager_functions, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    namespace = {"__name__": "__main__"}
    left_out = []
    for block in BLOCK.finditer(text):
        line = text[: block.start(1)].count("\n")
        if TFP_NAME.search(block[1]) and not HAS_TFP:
            left_out.append(line)
            continue
        # Padded with empty lines, so that a traceback names the line of the page.
        exec(compile("\n" * line + block[1], str(page), "exec"), namespace)
    if left_out:
        pytest.skip(f"ran, but for the blocks at lines {left_out}, which need TensorFlow and its Probability")


@pytest.mark.on_torch
def test_the_keras_example_has_as_many_parameters():
    """Shapes of all weights, layer by layer, of the networks of Keras' own example."""
    text = (ROOT / "docs" / "coming-from-keras-example.md").read_text(encoding="utf-8")
    page = {}
    exec(BLOCK.search(text)[1], page)
    layers, relu = keras.layers, {"activation": "relu", "padding": "same", "strides": 2}
    encoder = [layers.Conv2D(32, 3, **relu), layers.Conv2D(64, 3, **relu), layers.Flatten(), layers.Dense(16)]
    decoder = [layers.Dense(7 * 7 * 64), layers.Reshape((7, 7, 64))]
    decoder += [layers.Conv2DTranspose(filters, 3, **relu) for filters in (64, 32)]
    decoder += [layers.Conv2DTranspose(1, 3, padding="same")]
    heads = keras.Sequential([keras.Input((16,)), layers.Dense(2)])
    of_keras = [keras.Sequential([keras.Input((28, 28, 1)), *encoder]), heads, heads]
    of_keras += [keras.Sequential([keras.Input((2,)), *decoder])]
    expected = [tuple(weight.shape) for network in of_keras for weight in network.trainable_weights]
    assert sorted(tuple(weight.shape) for weight in page["vae"].trainable_weights) == sorted(expected)
    assert str(sum(network.count_params() for network in of_keras)) in text


@pytest.mark.on_torch
@pytest.mark.parametrize("name", component_table.DOCUMENTS)
def test_component_table_is_up_to_date(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert component_table.BLOCK.search(text), f"{name} has no table of components"
    assert component_table.updated(text) == text, "run: python -m tests.docs.component_table"


@pytest.mark.on_torch
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{name_of(page)} links to {target}"


@pytest.mark.on_torch
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_to_headings_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("api/") and "/api/" not in target:
            other = (page.parent / target).resolve() if target else page
            assert anchor in anchors_of(other), f"{name_of(page)} links to {target}#{anchor}"


@functools.cache
def anchors_of(page):
    """The ids of the headings of a page, by the rules of the Markdown extension `toc`."""
    text = re.sub(r"^ *(```+|~~~+).*?^ *\1 *$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    anchors = set()
    for heading in re.findall(r"^#+ +(.+?) *#*$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())
        again = (f"{slug}_{count}" for count in itertools.count(1))
        anchors.add(slug if slug not in anchors else next(name for name in again if name not in anchors))
    return anchors


@pytest.mark.on_torch
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_placeholder_is_left(page):
    assert not re.findall(r"@[A-Z][A-Z0-9_]*@", page.read_text(encoding="utf-8"))


@pytest.mark.on_torch
def test_every_example_is_on_its_page():
    text = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    programs = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
    assert sorted(re.findall(r'--8<-- "examples/(\w+\.py)"', text)) == programs
