"""A matplotlib backend for pages that run while the site is built: `plt.show()` prints the figures as Markdown."""

import base64
import io
import sys

import matplotlib.pyplot as plt
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg


def page_print():
    """The `print` of the running block: markdown-exec gives every block its own, in its globals."""
    frame = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith("<code block"):
        frame = frame.f_back
    if frame is None:
        raise RuntimeError("plt.show() was called outside a block that markdown-exec runs.")
    return frame.f_globals["print"]


def description(figure):
    """What the picture shows, for those who cannot see it: its title, or that of its first axes."""
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    text = next(filter(None, titles), "")
    if not text:
        raise ValueError("A figure on a page needs a title (fig.suptitle or ax.set_title): it becomes its description.")
    return text.replace("\n", " ")


def show(*args, **kwargs):
    """Prints every open figure into the page, and closes it."""
    write = page_print()
    for number in plt.get_fignums():
        figure, buffer = plt.figure(number), io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
        encoded = base64.b64encode(buffer.getvalue()).decode()
        write(f"![{description(figure)}](data:image/png;base64,{encoded})\n")
        plt.close(figure)


class FigureCanvas(FigureCanvasAgg):
    """The canvas that matplotlib looks for in a backend."""

    manager_class = FigureManagerBase


FigureManager = FigureManagerBase
