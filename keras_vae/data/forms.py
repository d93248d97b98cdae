"""Forms of data of other libraries: tables become arrays, and what cannot be read as rows is refused."""

import numbers
from typing import Any

import numpy as np

from keras_vae.data.sparse import is_sparse
from keras_vae.hints import Array, Data

__all__ = ["as_arrays", "numbers_as_array"]

ADVICE = {
    "RaggedTensor": "Pad the rows, and pass a mask: {'x': x.to_tensor(), 'mask': tf.sequence_mask(x.row_lengths())}.",
    "NestedTensor": "Pad the rows, and pass a mask: {'x': torch.nested.to_padded_tensor(x, 0.0), 'mask': ...}.",
    "SparseTensor": "Pass tf.sparse.to_dense(x), or for many columns a scipy.sparse.csr_array, made dense by batches.",
    "BCOO": "Pass x.todense(), or for many columns a scipy.sparse.csr_array, which is made dense batch by batch.",
    "BCSR": "Pass x.todense(), or for many columns a scipy.sparse.csr_array, which is made dense batch by batch.",
    "sparse Tensor": "Pass x.to_dense(), or for many columns a scipy.sparse.csr_array, made dense batch by batch.",
    "LazyFrame": "Pass x.collect().",
}


def as_arrays(data: Data, argument: str = "x") -> Data:
    """The same data, with tables and columns of pandas and polars converted to arrays, and sparse rows to CSR.

    Lists of numbers are converted in a dict: elsewhere a list is one of several inputs.

    Args:
        data: arrays, tables, or a structure of them; a dataset is returned as it is.
        argument: name of the argument.

    Raises:
        ValueError: a table with columns that are no numbers; ragged tensors, and sparse ones other than SciPy's.
    """
    if is_sparse(data):
        return data.tocsr()  # first: some formats are dicts, and others have no rows
    if isinstance(data, dict):
        return {name: as_arrays(numbers_as_array(item), argument) for name, item in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)([as_arrays(item, argument) for item in data]) if type(data) in (list, tuple) else data
    name = kind_of(data)
    if name in ADVICE:
        raise ValueError(f"Argument `{argument}` must be an array of dense rows. Received: a {name}. {ADVICE[name]}")
    return table_to_array(data, argument) if hasattr(data, "to_numpy") else data


def numbers_as_array(data: Any) -> Any:
    """A list of numbers, or of such lists of equal lengths, as an array; anything else unchanged.

    >>> numbers_as_array([0, 2]).shape, numbers_as_array(["a"]), numbers_as_array([[0], [1, 2]])
    ((2,), ['a'], [[0], [1, 2]])
    """
    if not isinstance(data, (list, tuple)) or not data or not holds_numbers(data):
        return data
    try:
        return np.asarray(data)
    except ValueError:
        return data  # of unequal lengths


def holds_numbers(data: Any) -> bool:
    """Whether data are a number, or nested lists of numbers."""
    return all(map(holds_numbers, data)) if isinstance(data, (list, tuple)) else isinstance(data, numbers.Real)


def kind_of(data: Any) -> str:
    """Name of the type; torch has one type for dense, sparse and nested tensors."""
    name = type(data).__name__
    if type(data).__module__.partition(".")[0] == "torch" and hasattr(data, "is_nested"):
        return "NestedTensor" if data.is_nested else name if str(data.layout) == "torch.strided" else f"sparse {name}"
    return name


def table_to_array(table: Any, argument: str) -> Array:
    """The values of a table; NaN where pandas has NA.

    Args:
        table: a table or a column of pandas or polars.
        argument: name of the argument.

    Raises:
        ValueError: columns that are no numbers.
    """
    values = table.to_numpy()
    if values.dtype != object or not hasattr(table, "columns"):
        return values
    columns, text = [], []
    for name in table.columns:
        try:
            columns.append(np.asarray(table[name].astype("float64") if hasattr(table, "astype") else table[name]))
        except (TypeError, ValueError):
            columns.append(np.zeros(len(table), "U1"))
        if columns[-1].dtype.kind not in "fiub":
            text.append(name)
    if text:
        raise ValueError(
            f"Argument `{argument}` must hold numbers. Received: a {type(table).__name__} whose columns {text} hold "
            "something else. Turn categories into whole numbers from 0, for example with pandas.factorize, or leave "
            "those columns out."
        )
    return np.stack(columns, axis=1)
