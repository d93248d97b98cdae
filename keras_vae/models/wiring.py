"""How a VAE is put together: parts from names, and every part built for its neighbours' shapes."""

import math
import numbers
import warnings
from collections.abc import Callable
from typing import Any

import keras

from keras_vae import registry
from keras_vae.hints import DType, ModelMixin, Shape
from keras_vae.layers.context import width_with_context

__all__ = ["Wiring", "as_shape"]


class Wiring(ModelMixin):
    """Makes the parts of a VAE and builds them, the data's shape at one end and the latents' at the other."""

    def _part(self, name: str, identifier: Any, wrapper: type | None = None) -> Any:
        if identifier is None:
            raise ValueError(f"Argument `{name}` must be a name or an instance. Received: None")
        family = getattr(registry, f"{name}s")
        if wrapper is not None and isinstance(identifier, keras.layers.Layer):
            if not isinstance(identifier, family.contract_class):
                return wrapper(identifier, dtype=identifier.dtype_policy, name=name)
            return identifier
        return family.get(identifier, dtype=self.dtype_policy)

    def _default_network(self) -> str:
        """Name of the encoder and of the decoder that suit the data."""
        tokens = len(self.data_shape) == 1 and self.likelihood.support.categorical
        if tokens or (len(self.data_shape) == 2 and self.data_shape[0] is None):
            return "gru"
        return "conv" if 2 < len(self.data_shape) <= 4 and None not in self.data_shape else "mlp"

    def _wire(self) -> None:
        """Build every part for its neighbours' shapes."""
        x_shape = (None, *self.data_shape)
        network_spec = ops_spec(self.likelihood.to_network, x_shape)
        build_once(self.encoder, tuple(network_spec.shape))
        features_shape = self.encoder.compute_output_shape(tuple(network_spec.shape))
        # Once, and not again while a step is traced: it calls the condition's encoder symbolically.
        self.condition_width = self._condition_width()
        context_shape = (None, self.condition_width)
        latent_shape = self.prior.resolve_latent_shape(self.latent_dim)
        data_spec = {
            "shape": self.data_shape,
            "support": tuple(self.likelihood.support[:2]),
            "categorical": bool(self.likelihood.support.categorical),
            "condition_shape": self.condition_shape,
            "features_shape": features_shape,
            # Names of version 0.1, for priors written for it.
            "nominal": bool(self.likelihood.support.categorical),
            "evidence_shape": features_shape,
        }
        build_once(self.prior, context_shape, latent_shape, data_spec)
        root_features = self.prior.root_features(features_shape)
        build_once(self.posterior, root_features, context_shape, self.prior.level_shapes()[0])
        self._check_sizes(latent_shape)
        z_shape = width_with_context((None, *self.prior.decoder_input_shape()), context_shape)
        build_once(self.decoder, z_shape, tuple(network_spec.shape))
        features_shape = self.decoder.compute_output_shape(z_shape)
        self._warn_of_probabilities()
        self._warn_of_full_precision()
        try:
            build_once(self.likelihood, features_shape, self.data_shape)
        except ValueError as error:
            raise ValueError(
                f"The decoder {type(self.decoder).__name__} gives features that the likelihood "
                f"{type(self.likelihood).__name__} cannot use for data of shape {self.data_shape}: {error}"
            ) from error
        if tuple(self.likelihood.data_shape) != self.data_shape:
            raise ValueError(
                f"The likelihood {type(self.likelihood).__name__} was built for data of shape "
                f"{tuple(self.likelihood.data_shape)}, and the model has data_shape={self.data_shape}. Pass one that "
                "has not been built."
            )
        self._check_objective()
        self.objective.built = True
        # The flag of a loaded part must reach the layers that were made after it was set.
        for part in (self.encoder, self.posterior, self.prior, self.decoder, self.likelihood):
            if not part.trainable:
                part.trainable = True  # TensorFlow skips assignments that change nothing
                part.trainable = False

    def _warn_of_probabilities(self) -> None:
        """A decoder that ends in a sigmoid, where the likelihood expects logits, trains to grey pictures."""
        layers = getattr(getattr(self.decoder, "model", None), "layers", None) or [None]
        if "logits" in self.likelihood.parameter_names and (
            getattr(layers[-1], "activation", None) is keras.activations.sigmoid
        ):
            warnings.warn(
                f"The decoder ends in a sigmoid, and the likelihood {type(self.likelihood).__name__} expects "
                f"{'logits' if not self.likelihood.project else 'features'}: it applies the sigmoid itself. Leave the "
                "decoder's last activation out.",
                stacklevel=4,
            )

    def _warn_of_full_precision(self) -> None:
        """A network that was made as an object keeps its own policy, so `dtype=` of the model would do nothing."""
        names = [name for name in ("encoder", "decoder") if getattr(self, name).compute_dtype == "float32"]
        if self.compute_dtype in ("float16", "bfloat16") and names:
            warnings.warn(
                f"The model's dtype is {self.dtype_policy.name!r}, and its {' and '.join(names)}, passed as an object, "
                "computes in float32: an object keeps the policy it was made with. Give it dtype="
                f"{self.dtype_policy.name!r} too, or call keras.config.set_dtype_policy before making it.",
                stacklevel=4,
            )

    def _check_sizes(self, latent_shape: Shape) -> None:
        several = isinstance(latent_shape[0], (list, tuple))
        asked = tuple(tuple(shape) for shape in (latent_shape if several else [latent_shape]))
        if asked != tuple(tuple(shape) for shape in self.prior.level_shapes()):
            raise ValueError(
                f"The prior {type(self.prior).__name__} was built for latents of shape {self.prior.level_shapes()}, "
                f"and latent_dim={self.latent_dim!r} asks for {asked}. Give both the same size, or pass a prior "
                "that has not been built."
            )
        self.prior.check_posterior(self.posterior)
        if len(self.prior.level_shapes()) == 1:
            self.posterior.check_prior(self.prior)
        root, posterior = self.prior.level_shapes()[0], self.posterior.latent_shape
        if tuple(posterior) != tuple(root):
            raise ValueError(
                f"The posterior {type(self.posterior).__name__} was built for latents of shape {tuple(posterior)}, the "
                f"prior {type(self.prior).__name__} for {tuple(root)}. Give both the same size, or pass parts that "
                "have not been built."
            )

    def _check_objective(self) -> None:
        """A posterior that cannot leave the model's forward pass serves no objective that asks for it."""
        if "posterior" not in self.objective.requires:
            return
        for posterior in (self.posterior, *getattr(self.prior, "posteriors", ())):
            value = posterior.distribution_class
            if value is not None and not value.has_tensors:
                raise ValueError(
                    f"The objective {type(self.objective).__name__} requires the term 'posterior', and the posterior "
                    f"{type(posterior).__name__} gives a {value.__name__}, which cannot be rebuilt from tensors. Use a "
                    "posterior such as 'gaussian', or an objective that needs the draws alone ('z', 'log_ratio')."
                )

    def _condition_width(self) -> int:
        if self.condition_shape is None:
            return 0
        if self.condition_encoder is not None:
            spec = ops_spec(
                self.condition_encoder,
                (None, *self.condition_shape),
                dtype="int32" if not self.condition_shape else None,
            )
            return int(math.prod(spec.shape[1:]))
        if not self.condition_shape:
            raise ValueError(
                "Argument `condition_shape`: () means integer labels, which need a `condition_encoder`, such as "
                "keras.layers.CategoryEncoding(10, output_mode='one_hot') or keras.layers.Embedding(10, 16)."
            )
        return int(math.prod(self.condition_shape))


def build_once(part: Any, *shapes: Any) -> None:
    """Build a part that has not been: a loaded one comes built."""
    if not part.built:
        part.build(*shapes)


def ops_spec(function: Callable, shape: Any, dtype: DType = None) -> keras.KerasTensor:
    """What a function makes of a tensor of `shape`, without computing it."""
    return function(keras.KerasTensor(shape, dtype=dtype or "float32"))


def as_shape(shape: Any, argument: str, scalar: bool = False) -> Shape:
    """A tuple of positive ints or None, or an error that names the argument."""
    shape = (shape,) if isinstance(shape, numbers.Integral) and not isinstance(shape, bool) else shape
    valid = isinstance(shape, (list, tuple)) and (scalar or len(shape) > 0)
    if not valid or any(
        axis is not None and (isinstance(axis, bool) or not isinstance(axis, numbers.Integral) or axis < 1)
        for axis in shape
    ):
        raise ValueError(
            f"Argument `{argument}` must be the shape of one example, a tuple of positive ints such as (28, 28, 1). "
            f"Received: {argument}={shape!r}"
        )
    return tuple(None if axis is None else int(axis) for axis in shape)
