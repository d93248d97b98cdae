"""The report on a model."""

import pathlib
from typing import Any

import numpy as np

from keras_vae.arguments import positive_int
from keras_vae.hints import Data, Part
from keras_vae.reports.finding import Finding
from keras_vae.reports.findings import FINDINGS
from keras_vae.reports.measurements import Measurements
from keras_vae.reports.page import page
from keras_vae.reports.pictures import pictures

__all__ = ["Report", "report"]

LEAST_ROWS = 10


class Report:
    """What `vae.report(x)` found.

    Args:
        findings: list of `Finding`, what matters most first.
        numbers: dict of numbers by name, such as `elbo`, in nats per example.
        html: the page.

    Example:

    >>> import keras_vae as kv
    >>> print(kv.reports.Report([], {"elbo": -3.0}, "<html></html>"))
    No findings.
    """

    def __init__(self, findings: list[Finding], numbers: dict[str, float], html: str) -> None:
        self.findings = findings
        self.numbers = numbers
        self.html = html

    def __str__(self) -> str:
        lines = [f"{index}. {finding}" for index, finding in enumerate(self.findings, 1)]
        return "\n".join(lines) or "No findings."

    def _repr_html_(self) -> str:
        # in a frame, so that the page's style stays its own in a notebook
        escaped = self.html.replace("&", "&amp;").replace('"', "&quot;")
        return f'<iframe srcdoc="{escaped}" width="100%" height="800" style="border:0"></iframe>'

    def save(self, path: Any) -> None:
        """Write the page: one file, which opens without a network.

        Args:
            path: a `.html` file.

        Raises:
            ValueError: another name.
        """
        path = pathlib.Path(path)
        if path.suffix not in (".html", ".htm"):
            raise ValueError(f"Argument `path` must be the name of a .html file. Received: path={str(path)!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.html, encoding="utf-8")


def report(
    model: Part,
    x: Data,
    path: Any = None,
    *,
    x_train: Data | None = None,
    history: Any = None,
    labels: Any = None,
    title: str | None = None,
    rows: int = 1000,
    seed: int = 0,
    verbose: str | int = "auto",
) -> Report:
    """Looks a trained model over: what is wrong and what to try, the numbers behind it, and pictures.

    Findings name collapsed latents, a scale far from the spread of the data, samples unlike the data, over-fitting,
    memorised rows, a level that carries the KL alone, and columns that make numbers invalid; each with its evidence
    and the change to try, the most important first. They are heuristics with thresholds, which the guide lists; the
    numbers are those of `keras_vae.evaluation`.

    Args:
        model: the `VAE`.
        x: held-out data `(n, *data_shape)`, at least 10 rows; also `[x, condition]`, a dict or a dataset.
        path: a `.html` file to write, one page that opens without a network; None writes none.
        x_train: the training data likewise: without them there is nothing about over-fitting and memorised rows.
        history: what `fit` returned, for its curves.
        labels: `(n,)`, a label for each row of x, for the picture of the latents.
        title: of the page; by default the name of the model.
        rows: at most so many rows of `x` and of `x_train` are used, the first ones.
        seed: int, of all draws.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.

    Returns:
        A `keras_vae.reports.Report`, which notebooks show.

    Raises:
        ValueError: arguments or data that do not fit the model.
        ImportError: matplotlib or scikit-learn is not installed.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2, encoder=kv.encoders.MLP((8,)), decoder=kv.decoders.MLP((8,)))
    >>> x = np.random.default_rng(0).random((40, 4)).astype("float32")
    >>> sorted(vae.report(x, verbose=0).numbers)[:3]
    ['active_units', 'calibration_deviation', 'coverage']
    """
    if positive_int(rows, "rows") < LEAST_ROWS:
        raise ValueError(f"Argument `rows` must be at least {LEAST_ROWS}. Received: rows={rows}")
    measured = Measurements(model, x, x_train, rows=rows, seed=seed, verbose=verbose)
    if measured.rows < LEAST_ROWS:
        raise ValueError(
            f"Argument `x` must have at least {LEAST_ROWS} rows, which are compared with each other. Received: "
            f"{measured.rows} rows."
        )
    if labels is not None and (np.ndim(labels) != 1 or len(labels) < measured.rows):
        raise ValueError(
            f"Argument `labels` must have a label for each row of x. Expected shape ({measured.rows},). Received: "
            f"shape {np.shape(labels)}."
        )
    found = ordered([finding for finding in (find(measured) for find in FINDINGS) if finding is not None])
    numbers = measured.summary()
    labels = None if labels is None else np.asarray(labels)[: measured.rows]
    html = page(model, found, numbers, pictures(measured, history, labels), title or model.name, measured.rows)
    result = Report(found, numbers, html)
    if path is not None:
        result.save(path)
    return result


def ordered(findings: list[Finding]) -> list[Finding]:
    """Causes before effects, and of the others what may gain most nats first."""
    causes = ("invalid_numbers", "scale_of_likelihood", "collapsed_latents")
    ranks = {name: rank for rank, name in enumerate(causes)}
    return sorted(findings, key=lambda finding: (ranks.get(finding.name, len(causes)), -(finding.nats or 0.0)))
