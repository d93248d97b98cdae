"""The component under test, and the small VAE that it is tested in."""

import contextlib
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import keras
import numpy as np
from keras import ops

from keras_vae import decoders, encoders, registry
from keras_vae.backend import quiet_retracing
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Array, Part, Tensor
from keras_vae.models.adaptation import components_to_adapt
from keras_vae.models.vae import VAE

__all__ = ["POLICIES", "ROWS", "Subject", "compiled", "precision", "variables_of"]

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
ROWS = 3
"""Size of the batches of compiled functions."""


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Make layers under a dtype policy, and restore the one before."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@dataclasses.dataclass(frozen=True)
class Subject:
    """The factory of a component, with the arguments of the VAE around it.

    Args:
        family: the argument of `keras_vae.VAE`, such as `"prior"`.
        factory: class or function without arguments that returns a fresh, unbuilt instance.
        latent_dim: as for `keras_vae.VAE`.
        data_shape: as for `keras_vae.VAE`.
        data: examples `(n, *data_shape)`, n at least 6; None draws some inside the likelihood's support.
        vae: other arguments of `keras_vae.VAE` by name: names, classes or functions that make an
            instance (one instance cannot serve two models).
    """

    family: str
    factory: Callable
    latent_dim: Any = 2
    data_shape: tuple = (4,)
    data: Any = None
    vae: dict | None = None

    def __post_init__(self) -> None:
        if isinstance(self.factory, keras.layers.Layer):
            raise TypeError(
                f"check_{self.family} needs a class or a function that makes fresh instances, because the checks "
                f"build several. Received: {self.factory!r}. Write `lambda: {type(self.factory).__name__}(...)`."
            )
        for name, value in (self.vae or {}).items():
            if isinstance(value, keras.layers.Layer):
                raise TypeError(
                    f"Argument `vae`: pass {name!r} as a name, a class or a function that makes an instance, because "
                    f"the checks build several models. Received: {value!r}"
                )

    @property
    def registry_name(self) -> str:
        """The family's name in the registry, the plural."""
        return self.family if self.family == "latents" else f"{self.family}s"

    def make(self) -> Any:
        """A fresh component, or an AssertionError with the reason."""
        registry.load_plugins()  # what only an entry point registers must be registered here too
        component = self.factory()
        contract = getattr(registry, self.registry_name).contract_class
        self.require(
            isinstance(component, contract),
            "contract",
            f"the factory must return a {contract.__module__}.{contract.__qualname__}. Received: {component!r}",
        )
        self.require(not component.built, "contract", "the factory must return a fresh, unbuilt instance.")
        return component

    def require(self, condition: Any, check: str, message: str) -> None:
        """Raise an AssertionError that names the component and the check unless `condition` holds."""
        if not condition:
            raise AssertionError(self._failure(check, message))

    def fail(self, check: str, message: str, cause: Exception) -> NoReturn:
        """Raise an AssertionError because of an error."""
        raise AssertionError(self._failure(check, message)) from cause

    def _failure(self, check: str, message: str) -> str:
        name = getattr(self.factory, "__qualname__", repr(self.factory))
        return f"check_{self.family}({name}), check {check!r}: {message}"

    @contextlib.contextmanager
    def checking(self, check: str) -> Iterator[None]:
        """Turn whatever the component raises inside into an AssertionError that names the check and the method."""
        try:
            yield
        except AssertionError:
            raise
        except Exception as error:
            method = self._method_of(error)
            raised = f"{type(error).__name__}: {error}"
            self.fail(check, f"{method}() raises {raised}" if method else f"it raises {raised}", error)

    def _method_of(self, error: Exception) -> str | None:
        """The innermost method of the component or of its distribution, those of plugins first, that raised."""
        ours, theirs, trace = None, None, error.__traceback__
        owners = (getattr(registry, self.registry_name).contract_class, Distribution)
        while trace is not None:
            code, owner = trace.tb_frame.f_code, trace.tb_frame.f_locals.get("self")
            if isinstance(owner, owners):
                method = f"{type(owner).__name__}.{code.co_name}"
                if trace.tb_frame.f_globals.get("__name__", "").startswith("keras_vae."):
                    ours = method
                else:
                    theirs = method
            trace = trace.tb_next
        return theirs or ours

    @functools.cached_property
    def perturbed(self) -> tuple[VAE, Array]:
        """A model with moved weights and its data, for all checks that do not train it."""
        return self.model(perturb=True)

    @functools.cached_property
    def compiled(self) -> Callable:
        """From `compute` to the function that runs it on the model with moved weights, compiled once for all checks."""
        return functools.cache(lambda compute: compiled(self.perturbed[0], compute))

    def model(
        self, policy: str = "float32", *, perturb: bool = False, like: keras.Model | None = None, **changes: Any
    ) -> tuple[VAE, Array]:
        """A small VAE around a fresh component, adapted to the data, and that data: `(vae, x)`.

        Args:
            policy: dtype policy of every part.
            perturb: move the weights away from their initial values, so that a head that starts at
                zero takes part.
            like: a model whose weights it gets.
            **changes: arguments of `keras_vae.VAE` that differ from the subject's.
        """
        arguments = {
            "data_shape": self.data_shape,
            "latent_dim": self.latent_dim,
            "encoder": lambda: encoders.MLP((8,), activation="tanh"),
            "decoder": lambda: decoders.MLP((8,), activation="tanh"),
            "seed": 0,
            **(self.vae or {}),
            self.family: self.make,
            **changes,
        }
        with precision(policy):
            vae = VAE(**{name: _fresh(value) for name, value in arguments.items()})
        x = self._data_for(vae)
        for part in components_to_adapt(vae):
            part.adapt(x, *self._context(vae, len(x)))
        if like is not None:
            vae.set_weights(like.get_weights())
        elif perturb:
            rng = np.random.default_rng(0)
            for weight in vae.trainable_weights:
                weight.assign(ops.convert_to_numpy(weight) + 0.3 * rng.standard_normal(weight.shape))
        return vae, x

    def part(self, vae: Part) -> Any:
        """The component inside `vae`."""
        return getattr(vae, self.family)

    @staticmethod
    def _context(vae: Part, rows: int) -> tuple[Array, ...]:
        """The context that `fit` passes to `adapt` for a conditional model."""
        if vae.condition_shape is None:
            return ()
        condition = np.random.default_rng(2).standard_normal((rows, *vae.condition_shape)).astype("float32")
        return (ops.convert_to_numpy(vae.context(condition, rows)),)

    def _data_for(self, vae: Part) -> Array:
        if self.data is not None and tuple(vae.data_shape) == tuple(self.data_shape):
            return np.asarray(self.data)
        low, high, integer, *_ = vae.likelihood.support
        rng = np.random.default_rng(1)
        shape = (6, *(4 if axis is None else axis for axis in vae.data_shape))
        if np.isfinite(low) and np.isfinite(high):
            x = rng.integers(int(low), int(high) + 1, shape) if integer else rng.uniform(low, high, shape)
        elif np.isfinite(low):
            x = low + (rng.poisson(3.0, shape) if integer else rng.exponential(1.0, shape))
        else:
            x = np.round(3 * rng.standard_normal(shape)) if integer else rng.standard_normal(shape)
        return x.astype("float32")


def compiled(vae: VAE, compute: Callable) -> Callable:
    """Function that runs `compute`, of `(vae, x)`, as a model's `predict`, in batches of `ROWS`."""

    class Compiled(keras.Model):
        def call(self, inputs: Tensor) -> Tensor:
            return compute(self.vae, inputs)

    model = Compiled(dtype=vae.dtype_policy)
    model.vae = vae

    def predict(x: Array) -> dict[str, Array]:
        with quiet_retracing():
            return model.predict(x, batch_size=ROWS, verbose=0)

    return predict


def with_condition(vae: Part, x: Any, missing: bool = False) -> Any:
    """x, or `[x, condition]` for a conditional model: the first category in every row.

    Args:
        vae: the model.
        x: `(batch, *data_shape)`.
        missing: leave it out where the first number of x is below a half, if the objective allows that.
    """
    shape = vae.condition_shape
    if shape is None:
        return x
    rows = ops.shape(x)[0]
    if shape:
        condition = ops.one_hot(ops.zeros((rows,), dtype="int32"), shape[-1], dtype="float32")
        unknown = float("nan")
    else:
        condition, unknown = ops.zeros((rows,), dtype="int32"), -1
    if missing and vae.objective.partly_labelled:
        left_out = ops.reshape(ops.cast(x, "float32"), (rows, -1))[:, 0] < 0.5
        left_out = ops.reshape(left_out, (rows, *([1] * len(shape))))
        condition = ops.where(left_out, ops.full_like(condition, unknown), condition)
    return [x, condition if ops.is_tensor(x) else ops.convert_to_numpy(condition)]


def variables_of(layer: keras.layers.Layer) -> list[keras.Variable]:
    """The variables of `layer` itself, without those of its sublayers."""
    below = {id(variable) for child in layer._flatten_layers(include_self=False) for variable in child.variables}
    return [variable for variable in layer.variables if id(variable) not in below]


def _fresh(value: Any) -> Any:
    return value() if callable(value) and not inspect.isclass(value) else value
