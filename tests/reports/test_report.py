"""The page, and forms of data and models."""

import html.parser
import re
import sys

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.reports.findings.invalid_numbers import column_of_another_scale
from keras_vae.reports.report import ordered
from tests.models.small import compiled, small_vae, vectors

X = vectors(40)


class Page(html.parser.HTMLParser):
    """Sources and addresses of a page, its text, and whether all elements are closed."""

    EMPTY = ("meta", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.sources, self.open, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def no_pictures(monkeypatch):
    """Drawing takes most of the time of a report, of which some tests read only the findings or the numbers."""
    monkeypatch.setattr(sys.modules["keras_vae.reports.report"], "pictures", lambda *args: {})


@pytest.mark.on_torch
def test_the_page_is_one_file_that_loads_nothing(tmp_path):
    vae = compiled(small_vae(name="my_<model>"))
    history = vae.fit(X, verbose=0)
    report = vae.report(
        X, tmp_path / "new" / "report.html", x_train=X, history=history, labels=np.arange(40) % 3, verbose=0
    )
    text = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert text == report.html
    page = Page(text)
    assert page.open == []
    assert page.sources
    assert all(source.startswith("data:image/") for source in page.sources)
    assert "my_<model>" in page.text
    assert not re.search(r"https?://|@import|url\(", text)
    for finding in report.findings:
        assert finding.title in page.text
        assert finding.change in page.text
    for title in ("Samples", "Reconstructions", "Latents", "KL of the latents", "Calibration of p(x|z)", "Training"):
        assert f"<figcaption>{title}</figcaption>" in text
    assert report._repr_html_().startswith("<iframe srcdoc=")


@pytest.mark.eager
def test_numbers_are_those_of_evaluation_and_reproducible(no_pictures):
    vae = compiled(small_vae())
    vae.fit(X, verbose=0)
    first, again = (vae.report(X, x_train=X, verbose=0).numbers for _ in range(2))
    assert first == again
    assert first["elbo"] == pytest.approx(vae.elbo(X, num_samples=10, seed=0).mean())
    assert first["kl"] == pytest.approx(kv.evaluation.kl_per_dimension(vae, X).total, rel=1e-5)
    assert first["prior_auc"] == kv.evaluation.aggregated_posterior(vae, X, seed=0).auc


FORMS = {
    "points": (lambda: small_vae(objective="autoencoder"), X),
    "conditions": (
        lambda: small_vae(condition_shape=(), condition_encoder=keras.layers.Embedding(3, 2)),
        [X, np.arange(40) % 3],
    ),
    "several levels": (lambda: small_vae(latent_dim=(2, 2), prior="hierarchical"), X),
    "flow": (lambda: small_vae(posterior="iaf"), X),
    "tokens": (
        lambda: kv.VAE((5,), 2, likelihood=kv.likelihoods.Categorical(4), encoder="mlp", decoder="mlp"),
        np.random.default_rng(0).integers(0, 4, (40, 5)),
    ),
    "several fields": (
        lambda: kv.VAE(
            {"a": (4,), "b": (3,)},
            2,
            likelihood={"a": "bernoulli", "b": "gaussian"},
            encoder={"a": kv.encoders.MLP((4,)), "b": kv.encoders.MLP((4,))},
            decoder={"a": kv.decoders.MLP((4,)), "b": kv.decoders.MLP((4,))},
        ),
        {"a": X[:, :4], "b": X[:, :3]},
    ),
    "series of unknown length": (
        lambda: kv.VAE(
            (None, 2),
            2,
            likelihood="gaussian",
            encoder=kv.encoders.GRU((4,)),
            decoder=kv.decoders.GRU((4,), max_length=6),
        ),
        np.random.default_rng(0).normal(size=(40, 6, 2)).astype("float32"),
    ),
}


@pytest.mark.on_torch
@pytest.mark.parametrize("form", FORMS)
def test_other_models_and_data(form):
    make, x = FORMS[form]
    vae = make()
    vae.compile("adam")
    vae.fit(x, verbose=0)
    report = vae.report(x, x_train=x, verbose=0)
    assert report.html.count("<figure>") >= 1
    assert ("elbo" in report.numbers) == vae.latents.has_density
    assert all(np.isfinite(value) for value in report.numbers.values())


def test_the_order():
    names = ["memorised_rows", "over_fitting", "samples_unlike_data", "collapsed_latents", "invalid_numbers"]
    nats = [None, 3.0, 12.0, None, np.inf]
    found = [kv.reports.Finding(name, "", "", "", gain) for name, gain in zip(names, nats, strict=True)]
    assert [finding.name for finding in ordered(found)] == [
        "invalid_numbers",
        "collapsed_latents",
        "samples_unlike_data",
        "over_fitting",
        "memorised_rows",
    ]


@pytest.mark.on_torch
def test_a_column_of_another_scale_is_named():
    x = np.random.default_rng(0).normal(size=(50, 5))
    assert column_of_another_scale(x) is None
    x[:, 3] *= 1e5
    assert "Column 3" in column_of_another_scale(x).title
    assert column_of_another_scale(np.ones((50, 5))) is None


@pytest.mark.on_torch
def test_rows_without_a_number_are_named(no_pictures):
    vae = compiled(small_vae(likelihood="gaussian"))
    vae.fit(X, verbose=0)
    vae.decoder.set_weights([np.full_like(weight, 1e30) for weight in vae.decoder.get_weights()])
    report = vae.report(X, verbose=0)
    assert report.findings[0].name == "invalid_numbers"
    assert "x[0]" in report.findings[0].evidence


@pytest.mark.on_torch
@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"path": "report.pdf"}, r"Argument `path`.*\.html"),
        ({"rows": 0}, "Argument `rows`"),
        ({"rows": 5}, "at least 10"),
        ({"labels": [0, 1]}, "Argument `labels`"),
    ],
)
def test_bad_arguments(arguments, match):
    with pytest.raises(ValueError, match=match):
        small_vae().report(X, **arguments)


@pytest.mark.on_torch
def test_a_few_rows_are_refused():
    with pytest.raises(ValueError, match=r"Argument `x`.*10 rows"):
        small_vae().report(X[:3])


@pytest.mark.on_torch
def test_the_advice_is_one_that_can_be_followed(no_pictures):
    """No prior for a model of points, no beta where there is none or it is 1, no sampler where one is fitted."""
    vae = compiled(small_vae(objective="autoencoder"))
    vae.fit(X, epochs=2, verbose=0)
    vae.posterior.head.set_weights([30.0 * weight for weight in vae.posterior.head.get_weights()])
    (change,) = [found.change for found in vae.report(X, verbose=0).findings if found.name == "samples_unlike_data"]
    assert "fit_sampler" in change
    assert "prior=" not in change
    assert "beta" not in change
    vae.fit_sampler("mixture", X, name="mine", verbose=0)
    (change,) = [found.change for found in vae.report(X, verbose=0).findings if found.name == "samples_unlike_data"]
    assert "sampler='mine'" in change
    assert "fit_sampler" not in change


@pytest.mark.on_torch
def test_missing_values():
    x = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)
    vae = small_vae(kv.data.Field((6,), missing="nan"))
    vae.compile("adam")
    vae.fit(x, verbose=0)
    numbers = vae.report(x, x_train=x, verbose=0).numbers
    assert np.isfinite(numbers["elbo"])
    assert "precision" not in numbers
