"""Whether what was given is an array at all."""

from keras_vae.data.rows import rows_of
from keras_vae.data.sparse import is_sparse
from keras_vae.data.streams import is_array
from keras_vae.hints import Data, Shape

__all__ = ["check_is_array", "received"]


def received(data: Data) -> str:
    """What was given in place of an array, for messages: lists by their length, since they may be long.

    >>> received([1, 2, 3]), received("a")
    ('a list of 3 items', "'a' of type str")
    """
    if isinstance(data, (list, tuple)):
        return f"a {type(data).__name__} of {len(data)} items"
    return f"{data!r:.40} of type {type(data).__name__}"


def check_is_array(data: Data, argument: str, shape: Shape) -> None:
    """Check that data are a dense array, of any shape.

    Args:
        data: what was given.
        argument: its name.
        shape: shape of one example, for the error.

    Raises:
        ValueError: sparse data, lists, or anything else.
    """
    if is_sparse(data):
        raise ValueError(
            f"Argument `{argument}` must be a dense array. Received: a {type(data).__name__}. Only the data may be "
            "sparse: pass array.toarray()."
        )
    if not is_array(data):
        hint = " Convert lists of numbers with numpy.asarray." if isinstance(data, (list, tuple)) else ""
        raise ValueError(
            f"Argument `{argument}` must be an array of shape {rows_of(shape)}. Received: {received(data)}.{hint}"
        )
