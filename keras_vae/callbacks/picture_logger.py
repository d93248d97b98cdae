"""Pictures of a model while it is trained."""

import io
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from keras_vae import plots
from keras_vae.arguments import optional_seed, positive_int
from keras_vae.backend import is_first_process, shares_arrays
from keras_vae.callbacks.image_events import ImageEvents
from keras_vae.hints import Data, Part
from keras_vae.plots.canvas import matplotlib
from keras_vae.plots.look import first_rows, look_of

__all__ = ["PictureLogger"]

ROWS = 1000
"""Rows of the data at most that pictures are made of."""
OF_DATA = ("reconstructions", "interpolation", "latents", "kl_per_dimension")
NAMES = ("samples", "latent_grid", "traversals", *OF_DATA)


class PictureLogger(keras.callbacks.Callback):
    """Writes pictures of the model at the end of epochs: to files, and for TensorBoard.

    The seed is the same every time, so pictures of two epochs show what has changed. The random stream of the training
    is left as it is: with the callback a model trains to the same weights. Of several processes the first one writes.

    Args:
        path: a folder, for files such as `samples_0001.png`; or a pattern with `{picture}` and `{epoch}`, such as
            `"run_3/{epoch:03d}_{picture}.svg"`. Without `{epoch}` only the last picture is kept. None to write no
            files.
        x: data, `(n, *data_shape)` or as for `VAE.predict`, best held out; the first 1000 rows count. Conditional
            models need some, with their conditions.
        pictures: names of functions of `keras_vae.plots`: `"samples"`, `"latent_grid"`, `"traversals"`, and with x
            `"reconstructions"`, `"interpolation"`, `"latents"` and `"kl_per_dimension"`; or a dict from names of your
            own to functions of the model that return matplotlib Axes or a Figure. By default samples, and with x
            reconstructions.
        every: number of epochs from one picture to the next.
        tensorboard: folder of event files, as `log_dir` of `keras.callbacks.TensorBoard`. It needs TensorFlow, or torch
            and the package tensorboard.
        seed: int, of all pictures.
        width: of the pictures, in inches; by default each has its own.

    Raises:
        ValueError: neither a path nor `tensorboard`, unknown pictures, or pictures that need data.
        ImportError: in training, what writes event files is not installed.
        RuntimeError: in training, several processes on JAX, which cannot run inference.

    Example:

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> import keras_vae as kv
    >>> x = np.random.default_rng(0).random((16, 8, 8, 1))
    >>> vae = kv.VAE(data_shape=(8, 8, 1), latent_dim=2, encoder="mlp", decoder="mlp")
    >>> vae.compile("adam")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     history = vae.fit(x, epochs=2, verbose=0, callbacks=[kv.callbacks.PictureLogger(folder, every=2)])
    ...     [path.name for path in pathlib.Path(folder).iterdir()]
    ['samples_0002.png']
    """

    def __init__(
        self,
        path: str | os.PathLike | None = None,
        x: Data | None = None,
        pictures: Sequence[str] | Mapping[str, Callable[[Part], Any]] | None = None,
        every: int = 1,
        *,
        tensorboard: str | os.PathLike | None = None,
        seed: int = 0,
        width: float | None = None,
    ) -> None:
        super().__init__()
        if path is None and tensorboard is None:
            raise ValueError(
                "Arguments `path` and `tensorboard`: expected a folder for pictures, one for event files, or both. "
                "Received: neither."
            )
        if pictures is None:
            pictures = ("samples",) if x is None else ("samples", "reconstructions")
        self.pictures = check_pictures(pictures, x)
        self.pattern = None if path is None else check_pattern(os.fspath(path), self.pictures)
        self.x = x
        self.every = positive_int(every, "every")
        self.tensorboard = None if tensorboard is None else os.fspath(tensorboard)
        self.seed = optional_seed(seed)
        self.width = width
        self.events: ImageEvents | None = None
        self.writes = True

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        matplotlib()  # before hours of training
        if shares_arrays():
            raise RuntimeError(
                "PictureLogger needs inference, which on JAX does not run in several processes that share a model. "
                "Expected one process. Save the model with ModelCheckpoint, and draw it in a single process."
            )
        if self.model.condition_shape is not None and self.x is None and not isinstance(self.pictures, Mapping):
            raise ValueError(
                "Argument `x`: the model has conditions, and pictures take those of the data. Expected [x, condition] "
                "or a dict. Received: x=None."
            )
        self.writes = is_first_process(self.model)
        if self.writes and self.tensorboard is not None:
            self.events = ImageEvents(self.tensorboard)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if not self.writes or (epoch + 1) % self.every:
            return
        for name in self.pictures:
            with plots.off_screen(self.width):
                drawn = self._draw(name)
            figure = getattr(drawn, "figure", drawn)
            if self.pattern is not None:
                file = pathlib.Path(self.pattern.format(epoch=epoch + 1, picture=name))
                file.parent.mkdir(parents=True, exist_ok=True)
                figure.savefig(file, dpi=100)
            if self.events is not None:
                buffer = io.BytesIO()
                figure.savefig(buffer, format="png", dpi=100)
                self.events.write(name, buffer.getvalue(), epoch + 1)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the event files.

        Args:
            logs: not used.
        """
        if self.events is not None:
            self.events.close()
            self.events = None

    def _draw(self, name: str) -> Any:
        """One picture: Axes or a Figure."""
        model = self.model
        if isinstance(self.pictures, Mapping):
            return self.pictures[name](model)
        given = None if self.x is None else first_rows(model, self.x, ROWS)
        condition = None if given is None else given.get("condition")
        first = None if condition is None else condition[0]
        if name == "samples":
            shown = {"image": 40, "vector": ROWS}.get(look_of(model).kind, 8)
            asked = None if condition is None else condition[:shown]
            return plots.samples(model, None, asked, x=given, seed=self.seed)
        if name == "latent_grid":
            return plots.latent_grid(model, condition=first, seed=self.seed)
        if name == "traversals":
            return plots.traversals(model, given, seed=self.seed)
        if name == "interpolation":
            count = min(4, len(keras.tree.flatten(given["x"])[0]) // 2)  # type: ignore[index]
            start, end = given["x"][:count], given["x"][count : 2 * count]  # type: ignore[index]
            return plots.interpolation(model, start, end, condition=None if condition is None else condition[:count])
        if name == "kl_per_dimension":
            return plots.kl_per_dimension(model, given, verbose=0)
        return getattr(plots, name)(model, given, seed=self.seed)


def check_pictures(pictures: Any, x: Data | None) -> Any:
    """The argument `pictures`: names, or functions by their name."""
    if isinstance(pictures, Mapping):
        if not pictures or not all(isinstance(name, str) and callable(draw) for name, draw in pictures.items()):
            raise ValueError(
                "Argument `pictures` must be a dict from names to functions of the model. Expected, for example, "
                f"{{'fours': lambda vae: kv.plots.samples(vae, 20, condition=4)}}. Received: {pictures!r:.200}"
            )
        return dict(pictures)
    names = (pictures,) if isinstance(pictures, str) else tuple(pictures)
    if not names or not all(name in NAMES for name in names):
        raise ValueError(f"Argument `pictures` must hold names of {list(NAMES)}, or be a dict. Received: {pictures!r}")
    missing = [name for name in names if name in OF_DATA and x is None]
    if missing:
        raise ValueError(f"Argument `x`: the pictures {missing} are of data. Expected held-out data. Received: x=None")
    return names


def check_pattern(path: str, pictures: Sequence[str]) -> str:
    """The argument `path` as a pattern of names of files."""
    if "{" not in path:
        return os.path.join(path, "{picture}_{epoch:04d}.png")
    try:
        named = {path.format(epoch=1, picture=name) for name in pictures}
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(
            "Argument `path`: a pattern may have {epoch} and {picture}. Expected, for example, "
            f"'pictures/{{picture}}_{{epoch:03d}}.png'. Received: path={path!r} ({error!r})"
        ) from error
    if len(named) < len(pictures):
        raise ValueError(
            f"Argument `path`: each picture needs a file of its own. Expected a pattern with {{picture}}. Received: "
            f"path={path!r} for the pictures {list(pictures)}"
        )
    return path
