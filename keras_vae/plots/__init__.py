"""Pictures of a model and its data, with matplotlib: each function returns Axes or a Figure, and shows nothing."""

from keras_vae.plots.analogies import analogies
from keras_vae.plots.anomalies import anomalies
from keras_vae.plots.calibration import calibration
from keras_vae.plots.canvas import off_screen
from keras_vae.plots.grid import images
from keras_vae.plots.history import history
from keras_vae.plots.interpolation import interpolation
from keras_vae.plots.kl_per_dimension import kl_per_dimension
from keras_vae.plots.latent_grid import latent_grid
from keras_vae.plots.latents import latents
from keras_vae.plots.reconstructions import reconstructions
from keras_vae.plots.samples import samples
from keras_vae.plots.traversals import traversal_animation, traversals

__all__ = [
    "analogies",
    "anomalies",
    "calibration",
    "history",
    "images",
    "interpolation",
    "kl_per_dimension",
    "latent_grid",
    "latents",
    "off_screen",
    "reconstructions",
    "samples",
    "traversal_animation",
    "traversals",
]
