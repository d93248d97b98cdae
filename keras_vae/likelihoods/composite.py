"""What likelihoods that are made of others share."""

from collections.abc import Callable
from typing import Any

from keras import ops

from keras_vae.hints import Config, Shape, Tensor
from keras_vae.likelihoods.likelihood import Likelihood

__all__ = ["Composite"]


class Composite(Likelihood):
    """Base class: a likelihood over several kinds of data, each with a likelihood of its own.

    To write one, write `members`, and `own`, which takes a member's data from the whole's.

    Args:
        **kwargs: `name`, `dtype`, as for every Keras layer.
    """

    default_mode = None

    def __init__(self, **kwargs: Any) -> None:
        # Whether the decoder gives features or parameters is the choice of every member.
        super().__init__(project=True, **kwargs)

    def members(self) -> dict[Any, Likelihood]:
        """The likelihoods that this one is made of, by what `own` knows them by."""
        raise NotImplementedError(f"{type(self).__name__} must implement `members()`.")

    def own(self, x: Any, key: Any) -> Tensor:
        """The data of one member, `(batch, *data_shape)` of its own shape.

        Args:
            x: data of the whole.
            key: one of the keys of `members`.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `own(x, key)`.")

    def _each(self, function: Callable[[Any], Any]) -> dict[Any, Any]:
        return {key: function(part) for key, part in self.members().items()}

    def _each_of(self, x: Any, function: Callable[[Any, Any], Any]) -> dict[Any, Any]:
        return {key: function(part, self.own(x, key)) for key, part in self.members().items()}

    def build_part(self, part: Any, features_shape: Any, data_shape: Shape) -> None:
        """Build a member; one that is built already, as when it is loaded, must be built for the same data.

        Args:
            part: the member.
            features_shape: shape of the features that it gets, `(batch, ...)`.
            data_shape: shape of its part of one example.

        Raises:
            ValueError: it was built for data of another shape.
        """
        if not part.built:
            part.build(features_shape, data_shape)
        if tuple(part.data_shape) != tuple(data_shape):
            raise ValueError(
                f"The {type(part).__name__} inside of {type(self).__name__} was built for data of another shape. "
                f"Expected {tuple(data_shape)}. Received: {tuple(part.data_shape)}. Pass one that has not been built."
            )

    def adapt(self, x: Any, context: Tensor | None = None) -> None:
        """Show every member that adapts to the data its own, `(n, *data_shape)`; NaN is taken for missing.

        Members that have been adapted by hand are left as they are, unless all have been.

        Args:
            x: data of the whole, of `n` examples.
            context: `(n, width)`, handed on.
        """
        able = {key: part for key, part in self.members().items() if hasattr(part, "adapt")}
        waiting = {key: part for key, part in able.items() if not _is_adapted(part)}
        for key, part in (waiting or able).items():
            part.adapt(self.own(x, key), context)

    def doubts(self, x: Any, name: str = "x") -> list[str]:
        """What in the data does not suit the members, see `LocationScale.doubts`.

        Args:
            x: data of the whole.
            name: name of the data.
        """
        able = {key: part for key, part in self.members().items() if hasattr(part, "doubts")}
        return [doubt for key, part in able.items() for doubt in part.doubts(self.own(x, key), **self.place(key, name))]

    def place(self, key: Any, name: str) -> dict[str, Any]:
        """How a member's data are called in messages: arguments of its `doubts`.

        Args:
            key: one of the keys of `members`.
            name: name of the data of the whole.
        """
        return {"name": f"{name}[{key!r}]"}

    @property
    def exposure(self) -> bool:  # type: ignore[override]
        """Whether a member has size factors; they are then the same for all that have."""
        return any(part.exposure for part in self.members().values())

    def exposed(self, params: Any, exposure: Tensor) -> Any:
        return {
            str(key): part.exposed(params[str(key)], exposure) if part.exposure else params[str(key)]
            for key, part in self.members().items()
        }

    @property
    def adapted(self) -> float:
        """1 where no member waits to be shown data, else 0."""
        return float(all(_is_adapted(part) for part in self.members().values()))

    @property
    def must_adapt(self) -> bool:
        """Whether a member that waits to be shown data cannot do without."""
        return any(getattr(part, "must_adapt", True) for part in self.members().values() if not _is_adapted(part))

    def get_config(self) -> Config:
        config = super().get_config()
        del config["project"]
        return config


def _is_adapted(part: Any) -> bool:
    return not hasattr(part, "adapt") or bool(ops.convert_to_numpy(part.adapted))
