"""Where pictures are drawn. matplotlib is imported here, when something is drawn, and nowhere else."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from keras_vae.arguments import positive_number

__all__ = ["ACTIVE", "INACTIVE", "Axes", "Figure", "axes_of", "figure_of", "matplotlib", "off_screen", "titled"]

Axes: TypeAlias = Any
"""A `matplotlib.axes.Axes`."""
Figure: TypeAlias = Any
"""A `matplotlib.figure.Figure`."""

ACTIVE, INACTIVE = "tab:blue", "tab:orange"
"""A pair that is told apart with any colour vision."""


class Screen(NamedTuple):
    """Where new figures go: to pyplot, which notebooks show, or nowhere; and their width in inches, if it is fixed."""

    visible: bool = True
    width: float | None = None


VISIBLE = Screen()
SCREEN: contextvars.ContextVar[Screen] = contextvars.ContextVar("screen", default=VISIBLE)


def matplotlib() -> Any:
    """The package matplotlib.

    Raises:
        ImportError: it is not installed; the message names the extra.
    """
    try:
        import matplotlib.figure
    except ImportError as error:
        raise ImportError(
            f"keras_vae.plots needs matplotlib, and importing it failed: {error}. Install it with "
            "`pip install 'keras-vae[plots]'`."
        ) from error
    return matplotlib


@contextlib.contextmanager
def off_screen(width: float | None = None) -> Iterator[None]:
    """Within this block the functions of `keras_vae.plots` make figures that no window and no notebook shows.

    For pictures that are only saved, such as those of `keras_vae.callbacks.PictureLogger`. pyplot does not know the
    figures, so they need not be closed, and the matplotlib backend of the program does not matter.

    Args:
        width: of new figures, in inches; by default each function chooses. Text keeps its size, and grids keep the
            shape of their images.

    Raises:
        ValueError: a width that is not a positive number.

    Example:

    >>> import keras_vae as kv
    >>> with kv.plots.off_screen(width=5.0):
    ...     ax = kv.plots.calibration([0.1, 0.4, 0.5, 0.9])
    >>> float(ax.figure.get_figwidth())
    5.0
    """
    width = None if width is None else positive_number(width, "width")
    token = SCREEN.set(Screen(False, width))
    try:
        yield
    finally:
        SCREEN.reset(token)


def figure_of(width: float, height: float, grows: bool = False) -> Figure:
    """A new figure.

    Args:
        width: in inches, unless `off_screen` sets it.
        height: in inches.
        grows: whether the height grows with a width that `off_screen` sets, as for images.
    """
    package, screen = matplotlib(), SCREEN.get()
    if screen.width is not None:
        width, height = screen.width, height * screen.width / width if grows else height
    if not screen.visible:
        return package.figure.Figure(figsize=(width, height), layout="constrained")
    import matplotlib.pyplot as plt

    return plt.figure(figsize=(width, height), layout="constrained")


def axes_of(ax: Axes | None, width: float, height: float, grows: bool = False) -> Axes:
    """The axes that were passed, or those of a new figure.

    Args:
        ax: the argument `ax`.
        width: in inches, of a new figure.
        height: likewise.
        grows: see `figure_of`.

    Raises:
        ValueError: `ax` is something else.
    """
    if ax is None:
        return figure_of(width, height, grows).subplots()
    if not hasattr(ax, "inset_axes"):
        raise ValueError(
            "Argument `ax` must be the matplotlib Axes to draw in, as plt.subplots() returns it beside the figure; one "
            f"of them, where there are several. Received: {type(ax).__name__}. Leave it out for a new figure."
        )
    return ax


def titled(ax: Axes, text: str, **options: Any) -> Axes:
    """The axes with a title that fits above narrow pictures too.

    Args:
        ax: the axes.
        text: the title.
        **options: as for `Axes.set_title`.
    """
    ax.set_title(text, fontsize="medium", **options)
    return ax
