"""Where the encoder puts the data."""

from typing import Any

import numpy as np

from keras_vae.arguments import one_of
from keras_vae.hints import Array, Data, Part
from keras_vae.plots.canvas import Axes, axes_of, matplotlib, titled

__all__ = ["latents"]

METHODS = ("auto", "first", "pca", "umap")
MOST_CLASSES = 20


def latents(
    model: Part,
    x: Data,
    labels: Any = None,
    method: str = "auto",
    *,
    level: int = 0,
    mode: str = "mean",
    batch_size: int | None = None,
    verbose: str | int = "auto",
    seed: int | None = 0,
    ax: Axes | None = None,
) -> Axes:
    """Where the encoder puts the data: a point for each example, coloured by its label.

    Two latent dimensions are drawn as they are, more by two principal components, by UMAP (McInnes et al., 2018), or by
    the first two of them. One is drawn as a histogram.

    Args:
        model: the `VAE`.
        x: `(n, *data_shape)`, or as for `VAE.encode`.
        labels: `(n,)`: classes, at most 20 different ones, which get a legend; or numbers, which get a scale.
        method: `"auto"` for `"first"` where there are two dimensions, and `"pca"` elsewhere; `"umap"` needs the
            package umap-learn.
        level: index of the level or group of latents, 0 at the top.
        mode: `"mean"` of the posterior, or a `"sample"` from it.
        batch_size: rows at a time, 32 by default.
        verbose: 0, 1 or 2 as in Keras; `"auto"` is silent for a few thousand rows.
        seed: int, for samples and for UMAP.
        ax: matplotlib Axes; a new figure by default.

    Returns:
        The Axes.

    Raises:
        ValueError: labels or data that do not fit.
        ImportError: scikit-learn or UMAP is needed, and is not installed.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> ax = kv.plots.latents(vae, np.random.default_rng(0).random((6, 4)), labels=[0, 1, 2, 0, 1, 2])
    >>> len(ax.collections), ax.get_xlabel()
    (3, 'latent 0')
    """
    one_of(method, METHODS, "method")
    one_of(mode, ("mean", "sample"), "mode")
    encoded = model.encode(x, mode, seed=seed, batch_size=batch_size, verbose=verbose)
    encoded = encoded if isinstance(encoded, tuple) else (encoded,)
    if isinstance(level, bool) or not isinstance(level, (int, np.integer)) or not 0 <= level < len(encoded):
        raise ValueError(
            f"Argument `level` must be the index of a level or group of latents, from 0 to {len(encoded) - 1}. "
            f"Received: level={level!r}"
        )
    z = np.asarray(encoded[level]).reshape(len(encoded[level]), -1)
    groups, numbers = grouped(labels, len(z))
    flat, names = flattened(z, method, seed)
    legend = groups is not None and len(groups) > 0
    ax = axes_of(ax, 5.6 if legend or numbers is not None else 4.6, 4.2)
    if flat.shape[1] == 1:
        parts = {"": slice(None)} if groups is None else groups
        ax.hist(
            [flat[rows, 0] for rows in parts.values()], 30, stacked=True, label=list(parts), color=colours(len(parts))
        )
        names = (names[0], "examples")
    elif groups is not None:
        for (name, rows), colour in zip(groups.items(), colours(len(groups)), strict=True):
            ax.scatter(*flat[rows].T, s=size_of(len(z)), color=colour, lw=0, alpha=0.8, label=name, rasterized=True)
    else:
        coloured = {} if numbers is None else {"c": numbers, "cmap": "cividis"}
        points = ax.scatter(*flat.T, s=size_of(len(z)), lw=0, alpha=0.8, rasterized=True, **coloured)
        if numbers is not None:
            ax.figure.colorbar(points, ax=ax)
    if groups is not None:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2, fontsize="small", frameon=False)
    several = "" if len(encoded) == 1 else f", level {level} of {len(encoded)}"
    ax.set(xlabel=names[0], ylabel=names[1])
    return titled(ax, f"Latents of the data{several}")


def size_of(n: int) -> float:
    """Area of a point among n."""
    return float(np.clip(8000.0 / max(n, 1), 3.0, 25.0))


def colours(count: int) -> list[Any]:
    """As many colours as there are classes: those of tab10, and of tab20 where these do not suffice."""
    return [matplotlib().colormaps["tab10" if count <= 10 else "tab20"](index) for index in range(count)]


def grouped(labels: Any, n: int) -> tuple[dict[str, Array] | None, Array | None]:
    """The rows of each class by its name, or the numbers of a scale, or neither."""
    if labels is None:
        return None, None
    labels = np.asarray(labels)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.shape != (n,):
        raise ValueError(f"Argument `labels` must have shape ({n},), one for each example. Received: {labels.shape}")
    classes = np.unique(labels)
    if labels.dtype.kind != "f" and len(classes) <= MOST_CLASSES:
        return {str(name): np.flatnonzero(labels == name) for name in classes}, None
    if labels.dtype.kind not in "fiub":
        raise ValueError(
            f"Argument `labels` must hold numbers or at most {MOST_CLASSES} classes. Received: {len(classes)} classes. "
            "Name the rare ones alike, or leave the labels out."
        )
    return None, labels.astype("float64")


def flattened(z: Array, method: str, seed: int | None) -> tuple[Array, tuple[str, str]]:
    """Latents `(n, width)` in two dimensions, or one, and the names of the axes."""
    if z.shape[1] <= 2 or method == "first":
        return z[:, :2], ("latent 0", "latent 1")
    if method == "umap":
        try:
            from umap import UMAP
        except ImportError as error:
            raise ImportError(
                f"Argument `method`: 'umap' needs the package umap-learn, and importing it failed: {error}. Install it "
                "with `pip install umap-learn`, or use method='pca'."
            ) from error
        return np.asarray(UMAP(random_state=seed).fit_transform(z)), ("first UMAP axis", "second UMAP axis")
    try:
        from sklearn.decomposition import PCA
    except ImportError as error:
        raise ImportError(
            f"Argument `method`: principal components need scikit-learn, and importing it failed: {error}. Install it "
            "with `pip install scikit-learn`, or use method='first'."
        ) from error
    analysis = PCA(2).fit(z)
    first, second = (f"{share:.0%} of variance" for share in analysis.explained_variance_ratio_)
    return analysis.transform(z), (f"component 1, {first}", f"component 2, {second}")
