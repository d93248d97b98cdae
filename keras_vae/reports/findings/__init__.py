"""One file for each thing that a report finds: a function from measurements to a finding, or None."""

from keras_vae.reports.findings.collapsed_latents import collapsed_latents
from keras_vae.reports.findings.invalid_numbers import invalid_numbers
from keras_vae.reports.findings.lonely_level import lonely_level
from keras_vae.reports.findings.memorised_rows import memorised_rows
from keras_vae.reports.findings.over_fitting import over_fitting
from keras_vae.reports.findings.samples_unlike_data import samples_unlike_data
from keras_vae.reports.findings.scale_of_likelihood import scale_of_likelihood

__all__ = ["FINDINGS"]

FINDINGS = (
    invalid_numbers,
    scale_of_likelihood,
    collapsed_latents,
    lonely_level,
    over_fitting,
    samples_unlike_data,
    memorised_rows,
)
"""In the order in which causes precede effects: invalid numbers spoil the others, a scale makes latents collapse."""
