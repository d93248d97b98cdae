"""The page of a report: one HTML file that loads nothing."""

import html
from typing import Any

import keras

from keras_vae.hints import Part
from keras_vae.reports.finding import Finding

__all__ = ["page"]

MEANING = {
    "elbo": "evidence lower bound of held-out rows, nats per example",
    "log_likelihood": "log p(x) of held-out rows, from 100 importance samples, nats per example",
    "elbo_of_training_rows": "the bound of training rows, nats per example",
    "kl": "KL(q(z|x) || p(z)), nats per example",
    "active_units": "latents whose mean varies with the data",
    "mutual_information": "I(x; z), what the latents say about x, nats; at most the log of the number of rows",
    "marginal_kl": "KL(q(z) || p(z)) of the aggregated posterior, nats: what a better prior may gain",
    "prior_auc": "how well a classifier tells latents of the data from draws of the prior: 0.5 is chance, 1 is always",
    "prior_mmd_rbf": "squared maximum mean discrepancy between the two, Gaussian kernel; 0 is best",
    "prior_mmd_imq": "the same, inverse multiquadratic kernel",
    "calibration_deviation": "largest error of a quantile of p(x|z): 0 is best, 1 worst",
    "coverage_50": "share of the data in central intervals of p(x|z) of 50 %",
    "coverage_90": "share of the data in central intervals of p(x|z) of 90 %",
    "precision": "share of the samples that lie among the data, by distances between the raw numbers",
    "recall": "share of the data that lie among the samples, likewise",
    "density": "as precision, less sensitive to outliers: about 1 is best",
    "coverage": "as recall, less sensitive to outliers: 1 is best",
    "memorised": "share of the samples as close to a training row as 5 % of held-out rows are",
}

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #3f51b5; --bad: #c62828; }
@media (prefers-color-scheme: dark) { :root { --accent: #9fa8da; --bad: #ef9a9a; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem; }
h1 { font-size: 1.6rem; margin: 0.5rem 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 0.7rem; border-bottom: 1px solid var(--line); }
.about { opacity: 0.75; }
.findings { padding-left: 0; list-style: none; counter-reset: finding; }
.findings li { border-left: 4px solid var(--bad); background: var(--soft); padding: 0.7rem 1rem; margin: 0.7rem 0; }
.findings h3 { margin: 0 0 0.3rem; font-size: 1.05rem; }
.findings p { margin: 0.25rem 0; overflow-wrap: anywhere; }
.none { border-left: 4px solid var(--accent); background: var(--soft); padding: 0.7rem 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
td, th { text-align: left; padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-weight: 600; margin-bottom: 0.3rem; }
@media (max-width: 40rem) {
  table, tbody { display: block; }
  tr { display: grid; grid-template-columns: 1fr auto; border-bottom: 1px solid var(--line); padding: 0.3rem 0; }
  td { border: 0; padding: 0; } td.meaning { grid-column: 1 / -1; opacity: 0.75; font-size: 0.9rem; }
}
img { width: 100%; height: auto; background: white; border-radius: 4px; }
"""


def page(
    model: Part, findings: list[Finding], numbers: dict[str, float], pictures: dict[str, str], title: str, rows: int
) -> str:
    """The page.

    Args:
        model: the `VAE`.
        findings: in order.
        numbers: by name.
        pictures: `data:` addresses by title.
        title: of the page.
        rows: number of held-out rows that were used.
    """
    title = html.escape(title)
    parts = ", ".join(f"{role} {type(part).__name__}" for role, part in components(model))
    about = f"{parts}; latents {model.latent_dim}; {model.count_params():,} weights; {rows} held-out rows"
    body = [
        f"<h1>{title}</h1>",
        f'<p class="about">{html.escape(about)}; keras_vae on {keras.backend.backend()}</p>',
        "<h2>Findings</h2>",
        list_of(findings),
        "<h2>Pictures</h2>",
        '<div class="pictures">',
        *(
            f'<figure><figcaption>{(text := html.escape(name))}</figcaption><img alt="{text}" src="{source}"></figure>'
            for name, source in pictures.items()
        ),
        "</div>",
        "<h2>Numbers</h2>",
        table_of(numbers),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def components(model: Part) -> list[tuple[str, Any]]:
    """The components of a model by their role."""
    names = ("encoder", "posterior", "prior", "decoder", "likelihood", "objective")
    return [(name, getattr(model, name)) for name in names if getattr(model, name, None) is not None]


def list_of(findings: list[Finding]) -> str:
    """The findings as a list, each with its evidence and the change to try."""
    if not findings:
        return '<p class="none">No number crossed the threshold of a finding.</p>'
    items = [
        f"<li><h3>{index}. {html.escape(finding.title)}</h3><p>{html.escape(finding.evidence)}"
        f"{html.escape(finding.stake())}</p><p><strong>To try:</strong> {html.escape(finding.change)}</p></li>"
        for index, finding in enumerate(findings, 1)
    ]
    return f'<ol class="findings">{"".join(items)}</ol>'


def table_of(numbers: dict[str, float]) -> str:
    """The numbers, and what they mean."""
    rows = [
        f'<tr><td>{html.escape(name)}</td><td class="number">{value:.3g}</td>'
        f'<td class="meaning">{html.escape(meaning_of(name))}</td></tr>'
        for name, value in numbers.items()
    ]
    return f'<div class="scroll"><table>{"".join(rows)}</table></div>'


def meaning_of(name: str) -> str:
    """What a number is, in a line.

    >>> meaning_of("kl_2")
    'of level 2: KL(q(z|x) || p(z)), nats per example'
    """
    whole, _, level = name.rpartition("_")
    if name not in MEANING and level.isdigit() and whole in MEANING:
        return f"of level {level}: {MEANING[whole]}"
    return MEANING.get(name, "")
