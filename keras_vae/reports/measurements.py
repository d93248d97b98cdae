"""The numbers that a report is made of, each computed when it is first read."""

import functools
from typing import Any

import keras
import numpy as np

from keras_vae import evaluation
from keras_vae.hints import Array, Data, Part
from keras_vae.plots.look import first_rows

__all__ = ["Measurements"]


class Measurements:
    """A model, some rows of its data, and lazily what `keras_vae.evaluation` says about them.

    Numbers that the model or the data do not have are None: those of the KL for a model of points, those of samples for
    data of several fields or of unknown length.

    Args:
        model: the `VAE`.
        x: held-out data in any form but a generator.
        x_train: training data likewise, or None.
        rows: how many rows are used of each.
        seed: int, of all draws.
        verbose: as in Keras.
    """

    def __init__(self, model: Part, x: Data, x_train: Data | None, *, rows: int, seed: int, verbose: str | int) -> None:
        self.model = model
        self.seed = seed
        self.verbose = verbose
        self.inputs = first_rows(model, x, rows)
        self.train = None if x_train is None else first_rows(model, x_train, rows)
        self.all_train = None if x_train is None else first_rows(model, x_train, None)["x"]
        self.rows = len(keras.tree.flatten(self.inputs["x"])[0])

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of every evaluation function."""
        return {"seed": self.seed, "verbose": self.verbose}

    @property
    def has_density(self) -> bool:
        """Whether the model has a KL, and with it an ELBO."""
        return self.model.latents.has_density

    @functools.cached_property
    def is_array(self) -> bool:
        """Whether examples are arrays of one shape, which samples can be compared with."""
        return not isinstance(self.model.data_shape, dict) and None not in self.model.data_shape

    @functools.cached_property
    def elbo(self) -> Array | None:
        """ELBO of every held-out row, in nats, `(n,)`."""
        return self.model.elbo(self.inputs, num_samples=10, **self.options) if self.has_density else None

    @functools.cached_property
    def elbo_train(self) -> Array | None:
        """The same of as many training rows."""
        if self.train is None or not self.has_density:
            return None
        return self.model.elbo(self.train, num_samples=10, **self.options)

    @functools.cached_property
    def log_likelihood(self) -> Array | None:
        """log p(x) of every held-out row by importance sampling, in nats, `(n,)`."""
        return self.model.log_likelihood(self.inputs, num_samples=100, **self.options) if self.has_density else None

    @functools.cached_property
    def kl(self) -> Any:
        """`evaluation.KLPerDimension`."""
        return evaluation.kl_per_dimension(self.model, self.inputs, **self.options) if self.has_density else None

    @functools.cached_property
    def active(self) -> Any:
        """`evaluation.ActiveUnits`."""
        return evaluation.active_units(self.model, self.inputs, verbose=self.verbose)

    @functools.cached_property
    def information(self) -> Any:
        """`evaluation.MutualInformation`; None where the latents have a time axis."""
        if not self.has_density or self.model.latents.has_time_axis:
            return None
        return evaluation.mutual_information(self.model, self.inputs, **self.options)

    @functools.cached_property
    def prior_gap(self) -> Any:
        """`evaluation.AggregatedPosterior`."""
        return evaluation.aggregated_posterior(self.model, self.inputs, **self.options)

    @functools.cached_property
    def calibration(self) -> Any:
        """`evaluation.Calibration`; None where p(x|z) depends on the steps before."""
        try:
            return evaluation.calibration(self.model, self.inputs, **self.options)
        except (NotImplementedError, ValueError):
            return None

    @functools.cached_property
    def samples(self) -> Array | None:
        """Draws of p(x|z), z from the prior, as many as there are rows, under their conditions.

        None where there are no whole rows of data to compare them with.
        """
        if not self.is_array or not np.isfinite(np.asarray(self.inputs["x"], "float64")).all():
            return None
        conditions = {name: self.inputs[name] for name in ("condition", "condition_mask") if name in self.inputs}
        return self.model.generate(self.rows, **conditions, **self.options)

    @functools.cached_property
    def memorised(self) -> Any:
        """`evaluation.Memorised`, against all training rows; None without these."""
        if self.all_train is None or self.samples is None or len(self.all_train) < 2:
            return None
        if not np.isfinite(np.asarray(self.all_train, "float64")).all():
            return None
        return evaluation.memorised(self.samples, self.all_train, self.inputs["x"], verbose=self.verbose)

    @functools.cached_property
    def overlap(self) -> Any:
        """`evaluation.PrecisionRecall` of samples and held-out rows."""
        if self.samples is None:
            return None
        return evaluation.precision_recall(self.samples, self.inputs["x"], verbose=self.verbose)

    @functools.cached_property
    def residuals(self) -> Array | None:
        """x minus the mean of p(x|z) at the posterior's mean, `(n, *data_shape)`; None for categories and fields."""
        support = self.model.likelihood.support
        if not self.is_array or isinstance(support, dict) or getattr(support, "categorical", False):
            return None
        return np.asarray(self.inputs["x"], "float64") - self.model.predict(self.inputs, verbose=0)

    def summary(self) -> dict[str, float]:
        """The numbers by name, those of the log likelihood in nats per example."""
        found: dict[str, float] = {}
        bounds = {
            "elbo": self.elbo,
            "log_likelihood": self.log_likelihood,
            "elbo_of_training_rows": self.elbo_train,
        }
        found.update({name: float(np.mean(values)) for name, values in bounds.items() if values is not None})
        parts = (self.kl, self.active, self.information, self.prior_gap, self.calibration, self.overlap, self.memorised)
        for part in parts:
            if part is not None:
                found.update(part.summary())
        return found
