"""A report on a trained model: findings with what to do about them, numbers and pictures, on one page."""

from keras_vae.reports.finding import Finding
from keras_vae.reports.report import Report, report

__all__ = ["Finding", "Report", "report"]
