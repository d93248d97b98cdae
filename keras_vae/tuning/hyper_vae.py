"""A search space of VAEs, for KerasTuner."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from keras_vae import registry
from keras_vae.arguments import one_of, positive_int, positive_number
from keras_vae.backend import initial_values_on_host
from keras_vae.data.rows import count_rows
from keras_vae.data.streams import is_stream
from keras_vae.models.vae import VAE
from keras_vae.objectives.elbo import ELBO
from keras_vae.tuning.held_out import HeldOut

try:
    import keras_tuner
except ImportError as error:
    raise ImportError("keras_vae.tuning is made for KerasTuner: pip install 'keras-vae[tuning]'.") from error

__all__ = ["HyperVAE"]

METRICS = ("val_elbo", "val_log_likelihood")
DEFAULT_PRIORS, DEFAULT_LATENT_DIMS = ("standard", "vamp"), (8, 16, 32)
FAMILIES = {"prior": "priors", "posterior": "posteriors", "encoder": "encoders", "decoder": "decoders"}


class HyperVAE(keras_tuner.HyperModel):
    """VAEs of several priors, posteriors, networks and sizes, as a `HyperModel` of KerasTuner (O'Malley et al., 2019).

    Trials are compared by a bound of held-out data that does not depend on beta, which `val_loss` does: the ELBO, or
    the tighter importance-weighted bound (Burda et al., 2016). `search` gets what `fit` gets, with `validation_data`;
    it logs the bound after every epoch, and KerasTuner keeps the weights of the best one.

    A choice of one value is no hyperparameter. Likelihoods are not among the choices: the densities of different
    ones are not comparable. A combination that does not build, such as a VampPrior on tokens, is a failed trial.

    Args:
        data_shape: as for `keras_vae.VAE`.
        priors: names to choose from, `("standard", "vamp")` by default; or a dict from labels to what `VAE` takes: a
            name, a class, an instance, or a function that makes one, such as `{"vamp_100": lambda: VampPrior(100)}`.
        posteriors: likewise; None for what `fixed` says, or the default of `VAE`.
        encoders: likewise.
        decoders: likewise.
        latent_dims: values of `latent_dim`, by default 8, 16 and 32.
        learning_rate: of Adam: a number, or `(low, high)`, searched on a logarithmic scale.
        beta: weight of the KL in the loss: a number, or `(low, high)`, searched on a logarithmic scale.
        metric: what trials are compared by, `"val_elbo"` or `"val_log_likelihood"`, in nats per example.
        num_samples: draws for each example, for `"val_log_likelihood"`.
        rows: held-out rows at most, for `"val_log_likelihood"`: the first ones.
        **fixed: arguments of `keras_vae.VAE` that are the same for all, such as `encoder="conv"`; an instance is copied
            for each trial.

    Raises:
        ValueError: an unknown name, or another bad argument.
        TypeError: an argument that neither this class nor `VAE` has.
        ImportError: KerasTuner is not installed.

    Example:

    >>> import keras_tuner
    >>> import numpy as np
    >>> import keras_vae as kv
    >>> hyper = kv.tuning.HyperVAE((6,), priors=("standard", "mixture"), latent_dims=(2, 4))
    >>> hp = keras_tuner.HyperParameters()
    >>> vae = hyper.build(hp)
    >>> sorted(hp.values)
    ['latent_dim', 'learning_rate', 'prior']
    >>> hyper.objective.name, hyper.objective.direction
    ('val_elbo', 'max')
    """

    def __init__(
        self,
        data_shape: Any,
        *,
        priors: Any = None,
        posteriors: Any = None,
        encoders: Any = None,
        decoders: Any = None,
        latent_dims: Sequence[Any] | None = None,
        learning_rate: float | tuple[float, float] = (1e-4, 1e-2),
        beta: float | tuple[float, float] = 1.0,
        metric: str = "val_elbo",
        num_samples: int = 32,
        rows: int = 256,
        **fixed: Any,
    ) -> None:
        super().__init__()
        self.data_shape = data_shape
        given = {"prior": priors, "posterior": posteriors, "encoder": encoders, "decoder": decoders}
        self._check_fixed(fixed, {**given, "latent_dim": latent_dims})
        if priors is None and "prior" not in fixed:
            given["prior"] = DEFAULT_PRIORS
        self.components = {name: choices(name, values) for name, values in given.items() if values is not None}
        if latent_dims is None:
            latent_dims = (fixed.pop("latent_dim"),) if "latent_dim" in fixed else DEFAULT_LATENT_DIMS
        if not isinstance(latent_dims, Sequence) or not latent_dims:
            raise ValueError(
                f"Argument `latent_dims` must be a sequence of values to choose from, such as (8, 16). Received: "
                f"latent_dims={latent_dims!r}"
            )
        self.latent_dims = list(latent_dims)
        self.learning_rate = interval(learning_rate, "learning_rate")
        self.beta = interval(beta, "beta")
        self.metric = one_of(metric, METRICS, "metric")
        self.num_samples, self.rows = positive_int(num_samples, "num_samples"), positive_int(rows, "rows")
        if "objective" in fixed and self.beta != (1.0, 1.0):
            raise ValueError(
                f"Argument `beta` is that of the objective ELBO. Received: beta={beta!r} and objective="
                f"{fixed['objective']!r}. Leave one out."
            )
        self.fixed = fixed

    @staticmethod
    def _check_fixed(fixed: dict[str, Any], given: dict[str, Any]) -> None:
        known = set(inspect.signature(VAE.__init__).parameters) - {"self", "kwargs", "data_shape"} | {"dtype"}
        unknown = sorted(set(fixed) - known)
        if unknown:
            raise TypeError(f"HyperVAE has no argument {unknown[0]!r}, and neither has VAE. It has {sorted(known)}.")
        for name, values in given.items():
            if values is not None and name in fixed:
                raise ValueError(
                    f"Argument `{name}s` chooses what `{name}` fixes. Received: {name}s={values!r:.80} and "
                    f"{name}={fixed[name]!r:.80}. Leave one out."
                )

    @property
    def objective(self) -> Any:
        """The objective for the tuner, `keras_tuner.Objective(metric, "max")`."""
        return keras_tuner.Objective(self.metric, direction="max")

    def build(self, hp: Any) -> VAE:
        """A compiled model of the search space.

        Args:
            hp: a `keras_tuner.HyperParameters`.
        """
        arguments = {name: fresh(value) for name, value in self.fixed.items()}
        for name, values in self.components.items():
            label = chosen(hp, name, list(values))
            arguments[name] = fresh(values[label])
        by_label = {size if isinstance(size, (int, float)) else str(size): size for size in self.latent_dims}
        arguments["latent_dim"] = by_label[chosen(hp, "latent_dim", list(by_label))]
        beta = between(hp, "beta", self.beta)
        if "objective" not in arguments:
            arguments["objective"] = ELBO(beta=beta)
        vae = VAE(self.data_shape, **arguments)
        vae.compile(keras.optimizers.Adam(between(hp, "learning_rate", self.learning_rate)))
        with initial_values_on_host():
            vae.optimizer.build(vae.trainable_variables)  # the best model's file holds its state too
        return vae

    def fit(self, hp: Any, model: VAE, *args: Any, **kwargs: Any) -> Any:
        """Train a model, and log the held-out bound after every epoch.

        Args:
            hp: the hyperparameters.
            model: what `build` returned.
            *args: as for `VAE.fit`, handed on by `search`.
            **kwargs: likewise.

        Raises:
            ValueError: there are no held-out data.
        """
        held_out = kwargs.get("validation_data")
        if held_out is None and (self.metric == "val_log_likelihood" or not kwargs.get("validation_split")):
            raise ValueError(
                f"Trials are compared by {self.metric!r} of held-out data. Expected: search(x, "
                "validation_data=x_held_out). Received: no validation_data."
            )
        x = self._first_rows(held_out) if self.metric == "val_log_likelihood" else None
        # in front, so that the others, which keep the best weights, see what it logs
        kwargs["callbacks"] = [HeldOut(x, self.num_samples), *kwargs.get("callbacks", [])]
        return model.fit(*args, **kwargs)

    def _first_rows(self, held_out: Any) -> Any:
        x = held_out[0] if isinstance(held_out, tuple) else held_out
        if is_stream(x):
            raise ValueError(
                "Argument `validation_data` must be arrays for metric='val_log_likelihood', of which the first rows "
                f"are used. Received: {type(x).__name__}. Use metric='val_elbo'."
            )
        count = min(self.rows, count_rows(x))
        return keras.tree.map_structure(lambda array: array[:count], x)


def choices(name: str, values: Any) -> dict[str, Any]:
    """What to choose from, by label.

    Raises:
        ValueError: no values, an unknown name, or values without labels.
    """
    family = getattr(registry, FAMILIES[name])
    values = (values,) if isinstance(values, str) else values
    if not isinstance(values, (Mapping, Sequence)) or not values:
        raise ValueError(
            f"Argument `{name}s` must be a sequence of names, or a dict from labels to components. Received: "
            f"{name}s={values!r:.200}"
        )
    if not isinstance(values, Mapping):
        nameless = [value for value in values if not isinstance(value, str)]
        if nameless:
            raise ValueError(
                f"Argument `{name}s`: what is no name needs a label. Expected a dict such as {{'mine': "
                f"{nameless[0]!r:.80}}}. Received: {name}s={values!r:.200}"
            )
        values = {value: value for value in values}
    for value in values.values():
        if isinstance(value, str) and not (name == "prior" and registry.latents.has(value)):
            family.get(value)  # raises an error with the closest name
    return dict(values)


def interval(value: Any, argument: str) -> tuple[float, float]:
    """A number, or two in order, as a pair."""
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"Argument `{argument}` must be a number or (low, high). Received: {argument}={value!r}")
    low, high = (positive_number(one, argument) for one in pair)
    if low > high:
        raise ValueError(f"Argument `{argument}` must be (low, high), the lower first. Received: {argument}={value!r}")
    return low, high


def chosen(hp: Any, name: str, values: list[Any]) -> Any:
    """One of several values, which is a hyperparameter, or the only one."""
    return values[0] if len(values) == 1 else hp.Choice(name, values)


def between(hp: Any, name: str, bounds: tuple[float, float]) -> float:
    """A number between two, which is a hyperparameter, or the only one."""
    low, high = bounds
    return low if low == high else hp.Float(name, low, high, sampling="log")


def fresh(value: Callable | Any) -> Any:
    """A component that no other model has: made by a function, or a copy of an instance."""
    if isinstance(value, keras.layers.Layer):
        return keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(value))
    if isinstance(value, dict) and "class_name" not in value:
        return {name: fresh(part) for name, part in value.items()}
    return value() if callable(value) and not inspect.isclass(value) else value
