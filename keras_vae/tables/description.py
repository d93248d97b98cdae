"""What was chosen for each column of a table, as text."""

from collections.abc import Sequence

from keras_vae.tables.columns import TableColumn

__all__ = ["described"]

HEAD = ("column", "kind", "likelihood", "range or categories", "missing")


def described(columns: Sequence[TableColumn]) -> str:
    """A table with a line for each column: name, kind, likelihood, range or categories, share missing.

    Args:
        columns: the columns, in order.

    Example:

    >>> from keras_vae.tables import TableColumn
    >>> flag = TableColumn("flag", "boolean", "bernoulli", "boolean", "bool", 0.25, low=False, high=True)
    >>> print(described([flag]))
    column  kind     likelihood  range or categories  missing
    flag    boolean  bernoulli   False to True        25%
    """
    lines = [HEAD]
    for column in columns:
        lines.append((str(column.name), column.kind, column.likelihood, column.range(), f"{column.missing:.0%}"))
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEAD))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    return "\n".join(padded)
