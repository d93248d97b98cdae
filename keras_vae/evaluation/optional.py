"""scikit-learn, which only some evaluations need."""

import importlib
from types import ModuleType

__all__ = ["scikit_learn"]


def scikit_learn(module: str, purpose: str) -> ModuleType:
    """A module of scikit-learn, imported when it is needed: `import keras_vae` stays fast without it.

    Args:
        module: its name below `sklearn`, such as `"svm"`.
        purpose: what needs it, for the error.

    Raises:
        ImportError: scikit-learn is not installed.

    >>> from keras_vae.evaluation.optional import scikit_learn
    >>> scikit_learn("metrics", "mig").mutual_info_score([0, 1], [0, 0])
    0.0
    """
    try:
        return importlib.import_module(f"sklearn.{module}")
    except ImportError as error:
        raise ImportError(
            f"keras_vae.evaluation.{purpose} needs scikit-learn. Install it with: pip install 'keras-vae[evaluation]'"
        ) from error
