"""The detector inside of PyOD's tools."""

from typing import Any, Self

import numpy as np
from sklearn.base import clone

from keras_vae.anomaly.detector import VAEDetector
from keras_vae.hints import Array, Data

try:
    from pyod.models.base import BaseDetector
except ImportError as error:
    raise ImportError("keras_vae.anomaly.PyODDetector needs PyOD: pip install pyod.") from error

__all__ = ["PyODDetector"]


class PyODDetector(BaseDetector):
    """A `VAEDetector` as PyOD's tools take it (Zhao, Nasrullah and Li, 2019), such as `FeatureBagging`.

    PyOD counts the other way round: scores are larger for anomalies, and labels are 1 for them and 0 for normal rows.

    Args:
        detector: the `VAEDetector`, which is cloned; one with its default arguments for None. Its own `contamination`
            is not used.
        contamination: share of anomalies among the training rows, above 0 and at most 0.5.

    Attributes:
        detector_: the fitted `VAEDetector`.
        decision_scores_: scores of the training rows `(n,)`.
        threshold_: the score above which a row is an anomaly.
        labels_: 1 for anomalies among the training rows, and 0 for the others, `(n,)`.

    Raises:
        ImportError: PyOD is not installed.
        ValueError: a contamination out of its range.

    Example:

    >>> import numpy as np
    >>> from keras_vae.anomaly import PyODDetector, VAEDetector
    >>> x = np.random.default_rng(0).normal(size=(60, 3))
    >>> detector = PyODDetector(VAEDetector(max_steps=100, num_models=1, random_state=0)).fit(x)
    >>> detector.predict([[0.0, 0.0, 0.0], [9.0, -9.0, 9.0]])
    array([0, 1])
    """

    def __init__(self, detector: VAEDetector | None = None, contamination: float = 0.1) -> None:
        super().__init__(contamination=contamination)
        self.detector = detector

    def fit(self, X: Data, y: Any = None) -> Self:  # noqa: N803
        """Train the detector.

        Args:
            X: rows `(n, columns)`, or as for `VAEDetector.fit`.
            y: is not used.
        """
        self._set_n_classes(y)
        self.detector_ = clone(VAEDetector() if self.detector is None else self.detector).fit(X)
        self.n_features_in_ = self.detector_.n_features_in_
        self.decision_scores_ = self.decision_function(X)
        self._process_decision_scores()
        return self

    def decision_function(self, X: Data) -> Array:  # noqa: N803
        """Minus `VAEDetector.score_samples`: larger for anomalies, `(n,)`.

        Args:
            X: rows as in `fit`, of any number.
        """
        return np.negative(self.detector_.score_samples(X))
