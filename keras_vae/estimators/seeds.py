"""Initial weights by a seed, with the program's own generator left as it is."""

import contextlib
import random
from collections.abc import Iterator

__all__ = ["seeded_weights"]


@contextlib.contextmanager
def seeded_weights(seed: int) -> Iterator[None]:
    """A context in which models of equal seeds get equal weights.

    Keras takes the seeds of initial weights from Python's `random`, whose state is put back.

    Args:
        seed: any int.

    Example:

    >>> import keras
    >>> from keras_vae.estimators import seeded_weights
    >>> layers = []
    >>> for _ in range(2):
    ...     with seeded_weights(3):
    ...         layers.append(keras.layers.Dense(2))
    ...         layers[-1].build((None, 2))
    >>> bool((layers[0].get_weights()[0] == layers[1].get_weights()[0]).all())
    True
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
