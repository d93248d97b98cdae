"""What a report says about a model, and what to do about it."""

import dataclasses

__all__ = ["Finding"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is wrong with a model or its data, with the numbers that show it and the change to try.

    Args:
        name: short name, such as `"over_fitting"`.
        title: what is wrong, in a sentence.
        evidence: the numbers that show it.
        change: what to try first.
        nats: what the change may gain, in nats per example, as far as it is known; infinite where other numbers mean
            nothing before it is made.

    Example:

    >>> import keras_vae as kv
    >>> print(kv.reports.Finding("scale", "The scale is too large.", "1 and 0.2.", "Learn it.", 12.0))
    The scale is too large. 1 and 0.2. To try: Learn it. At stake: 12 nats per example.
    """

    name: str
    title: str
    evidence: str
    change: str
    nats: float | None = None

    def __str__(self) -> str:
        return f"{self.title} {self.evidence} To try: {self.change}{self.stake()}"

    def stake(self) -> str:
        """What the change may gain, as a sentence; empty where it is not known."""
        if self.nats is None or self.nats == float("inf"):
            return ""
        return f" At stake: {self.nats:.3g} nats per example."
