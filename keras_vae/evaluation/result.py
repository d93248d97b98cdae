"""What evaluation functions return."""

import abc
import dataclasses

__all__ = ["Result"]


@dataclasses.dataclass(frozen=True, eq=False)
class Result(abc.ABC):
    """What an evaluation function found: fields to compute with, and a summary in a few numbers.

    Results are frozen dataclasses of NumPy arrays and numbers. `summary()` is what `callbacks.Evaluation` logs, and
    `print(result)` shows it, a line for each number.

    Example:

    >>> import dataclasses
    >>> import keras_vae as kv
    >>> @dataclasses.dataclass(frozen=True, eq=False)
    ... class Size(kv.evaluation.Result):
    ...     rows: int
    ...
    ...     def summary(self):
    ...         return {"rows": float(self.rows)}
    >>> print(Size(3))
    rows: 3
    """

    @abc.abstractmethod
    def summary(self) -> dict[str, float]:
        """The numbers that say most, by the names under which they are logged."""

    def __str__(self) -> str:
        return "\n".join(f"{name}: {value:.4g}" for name, value in self.summary().items())
