"""The contract of a likelihood."""

from typing import TYPE_CHECKING, Any

import keras

from keras_vae.data.support import Support
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Config, Shape, Tensor
from keras_vae.layers.projection import Projection
from keras_vae.registry import likelihoods

__all__ = ["Likelihood", "Support"]


@likelihoods.contract
class Likelihood(keras.layers.Layer):
    """p(x | z): a layer that projects the decoder's features to a distribution over the data.

    To write one, subclass it: define the `support`, list the parameters in `parameter_names`, and return
    a distribution from `distribution`. The base class creates a `Projection` for every parameter, to the shape of
    the data or to `parameter_shape`. An autoregressive decoder needs the distribution of one step at a time, so `call`
    and `distribution` must accept features whose leading axes are shorter than those of the data.

    >>> from keras import ops
    >>> import keras_vae as kv
    >>> class UnitGaussian(kv.likelihoods.Likelihood):
    ...     parameter_names = ("loc",)
    ...
    ...     def distribution(self, params, mask=None):
    ...         loc = params["loc"]
    ...         return kv.distributions.Gaussian(loc, ops.zeros_like(loc), event_ndims=self.event_ndims, mask=mask)
    >>> likelihood = UnitGaussian()
    >>> likelihood.build((None, 32), (8, 8, 1))
    >>> tuple(likelihood(ops.zeros((5, 32)))["loc"].shape)
    (5, 8, 8, 1)

    Args:
        project: if False, the decoder's output is used as the parameters: one tensor for one
            parameter, or a list in the order of `parameter_names` for several.
        **kwargs: `name`, `dtype`, as for every Keras layer.

    Attributes:
        default_mode: what inference methods return by default: the `"mean"`, or the `"mode"` for data without a
            mean; None if this differs between fields or columns, see `typical`.
        padding: value that fills a sequence after its end.
        undivided_axes: number of last axes of the data over which elements share one density, such as the channels of
            colours: a mask has no such axes.
        exposure: whether every input has a size factor, `(batch,)`, which `exposed` applies to the parameters.
    """

    if TYPE_CHECKING:  # an attribute, or a property where it depends on the arguments

        @property
        def support(self) -> Support: ...

        @property
        def parameter_names(self) -> tuple[str, ...]: ...
    else:
        support = Support()
        parameter_names = ()

    default_mode: str | None = "mean"
    exposure: bool = False
    undivided_axes: int = 0
    padding = 0
    zero_initialised: tuple[str, ...] = ()
    """Parameters whose projection starts at zero, such as log scales."""

    def __init__(self, project: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.project = project

    def build(self, features_shape: Shape, data_shape: Shape | None = None) -> None:
        """Create the projections.

        Args:
            features_shape: shape of the decoder's features, batch axis included.
            data_shape: shape of one example, without the batch axis.

        Raises:
            ValueError: no `data_shape`, or features that cannot be projected to it.
        """
        if data_shape is None:
            raise ValueError(
                f"{type(self).__name__} must know the data's shape: call build(features_shape, data_shape) first, "
                "as keras_vae.VAE does."
            )
        self.data_shape = tuple(data_shape)
        self.event_ndims = len(self.data_shape)
        if not self.project:
            self._check_parameters(features_shape)
            return
        self.heads = {}
        for name in self.parameter_names:
            initializer = "zeros" if name in self.zero_initialised else "glorot_uniform"
            head = Projection(
                self._projected_shape(name), kernel_initializer=initializer, dtype=self.dtype_policy, name=name
            )
            head.build(features_shape)
            self.heads[name] = head

    def parameter_shape(self, name: str) -> Shape:
        """Shape of a parameter for one example: that of the data, unless a subclass overrides it.

        Args:
            name: one of `parameter_names`.
        """
        del name
        return self.data_shape

    def _projected_shape(self, name: str) -> Shape:
        shape = tuple(self.parameter_shape(name))
        if len(self.data_shape) > 1 and shape[:-1] == self.data_shape:
            return (*shape[:-2], shape[-2] * shape[-1])  # matches the features at every position
        return shape

    def _check_parameters(self, features_shape: Shape) -> None:
        several = bool(features_shape) and isinstance(features_shape[0], (list, tuple))
        shapes = [tuple(shape)[1:] for shape in (features_shape if several else [features_shape])]
        expected = [tuple(self.parameter_shape(name)) for name in self.parameter_names]
        if shapes != expected:
            raise ValueError(
                f"With project=False the decoder must return {list(self.parameter_names)}, of shapes {expected} for "
                f"each example of shape {self.data_shape}. Received: {shapes}."
            )

    def call(self, features: Tensor) -> dict[str, Tensor]:
        """Parameters of p(x | z) by name, float32: dict of `(batch, *parameter_shape)`."""
        if self.project:
            # call, not __call__: Dense casts its own input, and every __call__ costs time in eager torch
            return {name: self._unfold(name, head.call(features)) for name, head in self.heads.items()}
        tensors = features if isinstance(features, (list, tuple)) else [features]
        return {
            name: keras.ops.cast(tensor, "float32") for name, tensor in zip(self.parameter_names, tensors, strict=True)
        }

    def _unfold(self, name: str, projected: Tensor) -> Tensor:
        shape = tuple(self.parameter_shape(name))
        if len(projected.shape) == len(shape) + 1:
            return projected
        return keras.ops.reshape(projected, (*keras.ops.shape(projected)[:-1], *shape[-2:]))

    def distribution(self, params: dict[str, Tensor], mask: Tensor | None = None) -> Distribution:
        """p(x | z) as a distribution.

        Args:
            params: output of `call`.
            mask: boolean `(batch, time)`, True at valid steps, or None.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `distribution(params, mask=None)`.")

    def exposed(self, params: Any, exposure: Tensor) -> Any:
        """The parameters for given size factors; only likelihoods of counts support them.

        Args:
            params: output of `call`.
            exposure: `(batch,)`, positive size factors.

        Raises:
            ValueError: the likelihood takes none.
        """
        del params, exposure
        raise ValueError(
            f"Argument `exposure`: the likelihood {type(self).__name__} has no size factors. Received: some. Leave "
            "them out, or use a likelihood of counts, such as keras_vae.likelihoods.NegativeBinomial(exposure=True)."
        )

    def typical(self, value: Distribution) -> Any:
        """What inference methods return by default: the mean or the mode, `(batch, *data_shape)`.

        Args:
            value: output of `distribution`.
        """
        return value.mode() if self.default_mode == "mode" else value.mean()

    def to_network(self, x: Tensor) -> Tensor:
        """Data `x` as input of the networks: by default the data, as floats `(batch, *data_shape)`."""
        return keras.ops.cast(x, "float32")

    def valid_mask(self, x: Tensor) -> Tensor | None:
        """Boolean `(batch, time)`, True at valid steps; None if all are.

        Args:
            x: `(batch, *data_shape)`.
        """
        del x
        return None

    def has_ended(self, x: Tensor) -> Tensor | None:
        """Boolean for every element of `x`, True if it ends a sequence; None if none does.

        Args:
            x: `(batch, *data_shape)`.
        """
        del x
        return None

    def get_config(self) -> Config:
        return {**super().get_config(), "project": self.project}


def log_exposure(exposure: Tensor, like: Tensor) -> Tensor:
    """Logarithm of size factors `(batch,)`, with axes added to match parameters `(batch, ...)`.

    >>> import numpy as np
    >>> from keras_vae.likelihoods.likelihood import log_exposure
    >>> tuple(log_exposure(np.ones(3, "float32"), like=np.zeros((3, 4, 2))).shape)
    (3, 1, 1)
    """
    exposure = keras.ops.cast(exposure, "float32")
    return keras.ops.log(keras.ops.reshape(exposure, (-1, *([1] * (len(like.shape) - 1)))))
