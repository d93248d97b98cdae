"""Anomaly detection: a detector with scikit-learn's interface, and one for PyOD's tools."""

from typing import Any

try:
    import sklearn  # noqa: F401  (first: it explains what is missing)
except ImportError as error:
    raise ImportError("keras_vae.anomaly needs scikit-learn: pip install 'keras-vae[anomaly]'.") from error

from keras_vae.anomaly import scores
from keras_vae.anomaly.detector import VAEDetector

__all__ = ["PyODDetector", "VAEDetector", "scores"]


def __getattr__(name: str) -> Any:
    if name == "PyODDetector":  # it needs pyod, which few have
        from keras_vae.anomaly.pyod_detector import PyODDetector

        return PyODDetector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
