"""The model: five parts, one objective, and the wiring between them."""

import dataclasses
import math

import keras
from keras import ops

from keras_vae import registry
from keras_vae.backend import SeedGenerator, num_replicas
from keras_vae.decoders.from_model import FromModel as DecoderFromModel
from keras_vae.encoders.from_model import FromModel as EncoderFromModel
from keras_vae.layers.context import concatenate_context, width_with_context
from keras_vae.models.inputs import Inputs, is_stream, peek, unpack
from keras_vae.models.plugins import foreign_components, restore
from keras_vae.models.runner import Runner
from keras_vae.models.verbs import Verbs
from keras_vae.objectives.terms import OPTIONAL_TERMS, latent_terms, split_samples
from keras_vae.serialization import serialize_component

__all__ = ["VAE"]

ROWS_TO_ADAPT = 2048
FIT_POSITIONAL = (
    "verbose",
    "callbacks",
    "validation_split",
    "validation_data",
    "shuffle",
    "class_weight",
    "sample_weight",
)


@keras.saving.register_keras_serializable("keras_vae")
class VAE(Verbs, keras.Model):
    """A variational autoencoder (Kingma and Welling, 2014) made of five parts and one objective.

    Every part is a name, an instance, or a class; the encoder and the decoder may be any Keras model.
    All weights exist as soon as the constructor returns, and parts that do not fit each other fail there.

    Args:
        data_shape: shape of one example, for example `(28, 28, 1)`.
        latent_dim: number of latent dimensions (default 16), or what the prior takes in its place.
        encoder: `"conv"` by default for data with spatial axes and channels, `"mlp"` for all other.
        decoder: likewise.
        prior: p(z).
        posterior: q(z|x).
        likelihood: p(x|z): `"bernoulli"` for data in [0, 1], `"gaussian"` for real numbers.
        objective: what is minimised; a class instance such as `ELBO(beta=4.0)` sets its options.
        condition_shape: shape of one example's condition; `()` for integer labels behind a
            `condition_encoder`. None for a model without conditions.
        condition_encoder: Keras layer that turns the condition into a vector, such as
            `keras.layers.CategoryEncoding` or `keras.layers.Embedding`.
        seed: int that fixes the model's noise; None draws one. It does not fix the initial weights:
            `keras.utils.set_random_seed` does.
        **kwargs: `name`, `dtype`, as for every Keras model.

    Raises:
        ValueError: arguments that are wrong or do not fit each other.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> vae = kv.VAE(data_shape=(8, 8, 1), latent_dim=4)
    >>> vae.compile("adam")
    >>> history = vae.fit(np.random.default_rng(0).random((64, 8, 8, 1)), verbose=0)
    >>> sorted(history.history)
    ['kl_loss', 'loss', 'reconstruction_loss']
    >>> vae.generate(3).shape
    (3, 8, 8, 1)
    """

    def __init__(
        self,
        data_shape,
        latent_dim=None,
        *,
        encoder=None,
        decoder=None,
        prior="standard",
        posterior="gaussian",
        likelihood="bernoulli",
        objective="elbo",
        condition_shape=None,
        condition_encoder=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.data_shape = as_shape(data_shape, "data_shape")
        self.condition_shape = None if condition_shape is None else as_shape(condition_shape, "condition_shape", True)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            raise ValueError(f"Argument `seed` must be an int or None. Received: seed={seed!r}")
        if condition_encoder is not None and condition_shape is None:
            raise ValueError("Argument `condition_encoder` needs `condition_shape`. Received: condition_shape=None")
        self.latent_dim = latent_dim
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)
        network = "conv" if 2 < len(self.data_shape) <= 4 and None not in self.data_shape else "mlp"
        self.encoder = self._part("encoder", network if encoder is None else encoder, EncoderFromModel)
        self.decoder = self._part("decoder", network if decoder is None else decoder, DecoderFromModel)
        self.prior = self._part("prior", prior)
        self.posterior = self._part("posterior", posterior)
        self.likelihood = self._part("likelihood", likelihood)
        self.objective = self._part("objective", objective)
        self.condition_encoder = condition_encoder
        unknown = set(self.objective.requires) - set(OPTIONAL_TERMS)
        if unknown:
            raise ValueError(
                f"The objective {type(self.objective).__name__} requires unknown terms {sorted(unknown)}. "
                f"Expected a subset of {OPTIONAL_TERMS}."
            )
        self._wire()
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_tracker = keras.metrics.Mean(name="kl_loss")
        levels = len(self.prior.level_shapes())
        self.level_trackers = [
            keras.metrics.Mean(name=f"kl_loss_{level}") for level in range(1, levels + 1) if levels > 1
        ]
        self.inputs_check = Inputs(self.data_shape, self.condition_shape, self.likelihood.support)
        self._runner = Runner(self, seed)
        self._posterior_values = []
        self._has_metrics = False
        self.built = True

    def _part(self, name, identifier, wrapper=None):
        if identifier is None:
            raise ValueError(f"Argument `{name}` must be a name or an instance. Received: None")
        family = getattr(registry, f"{name}s")
        if wrapper is not None and isinstance(identifier, keras.layers.Layer):
            if not isinstance(identifier, family.contract_class):
                return wrapper(identifier, dtype=identifier.dtype_policy, name=name)
            return identifier
        # By name where that says it all: Keras writes the config of a class without get_config from such arguments.
        plain = type(self.dtype_policy) is keras.dtype_policies.DTypePolicy
        return family.get(identifier, dtype=self.dtype_policy.name if plain else self.dtype_policy)

    def _wire(self):
        """Build every part for its neighbours' shapes."""
        x_shape = (None, *self.data_shape)
        network_spec = ops_spec(self.likelihood.to_network, x_shape)
        build_once(self.encoder, tuple(network_spec.shape))
        evidence_shape = self.encoder.compute_output_shape(tuple(network_spec.shape))
        context_shape = (None, self._condition_width())
        latent_shape = self.prior.resolve_latent_shape(self.latent_dim)
        data_spec = {
            "shape": self.data_shape,
            "support": tuple(self.likelihood.support),
            "condition_shape": self.condition_shape,
            "evidence_shape": evidence_shape,
        }
        build_once(self.prior, context_shape, latent_shape, data_spec)
        root_evidence = self.prior.root_evidence(evidence_shape)
        build_once(self.posterior, root_evidence, context_shape, self.prior.level_shapes()[0])
        self._check_sizes()
        z_shape = width_with_context((None, *self.prior.decoder_input_shape()), context_shape)
        build_once(self.decoder, z_shape, x_shape)
        features_shape = self.decoder.compute_output_shape(z_shape)
        try:
            build_once(self.likelihood, features_shape, self.data_shape)
        except ValueError as error:
            raise ValueError(
                f"The decoder {type(self.decoder).__name__} gives features that the likelihood "
                f"{type(self.likelihood).__name__} cannot use for data of shape {self.data_shape}: {error}"
            ) from error
        self.objective.built = True

    def _check_sizes(self):
        root, posterior = self.prior.level_shapes()[0], self.posterior.latent_shape
        if tuple(posterior) != tuple(root):
            raise ValueError(
                f"The posterior {type(self.posterior).__name__} was built for latents of shape {tuple(posterior)}, the "
                f"prior {type(self.prior).__name__} for {tuple(root)}. Give both the same size, or pass parts that "
                "have not been built."
            )

    def _condition_width(self):
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

    # Forward ------------------------------------------------------------------------------------------

    def context(self, condition, batch_size):
        """The condition as a float vector for each example; of width 0 without one."""
        if self.condition_shape is None:
            return ops.zeros((batch_size, 0), dtype="float32")
        if self.condition_encoder is not None:
            condition = self.condition_encoder(condition)
        return ops.reshape(ops.cast(condition, "float32"), (batch_size, self._condition_width()))

    def root_posterior(self, x, context, training=False):
        """q(z | x, context) of the top level: what a VampPrior does with its pseudo-inputs."""
        evidence = self.prior.root_evidence(self.encoder(self._network_input(x), training=training))
        return self.posterior.distribution(evidence, context)

    def _network_input(self, x):
        x = self.likelihood.to_network(x)
        # Cast by hand: on JAX, `fit` hands `call` what the user gave.
        return ops.cast(x, self.compute_dtype) if keras.backend.is_float_dtype(x.dtype) else x

    def infer(self, inputs, *, seed, num_samples=1, training=False, deterministic=False):
        """Everything up to the latents.

        Returns:
            `(levels, context, network_x, mask)`, all repeated `num_samples` times for each example.
        """
        x, condition, mask = unpack(inputs)
        mask = self.likelihood.valid_mask(x) if mask is None else mask
        network_x = self._network_input(x)
        context = self.context(condition, ops.shape(network_x)[0])
        evidence = self.encoder(network_x, mask=mask, training=training)
        if num_samples > 1:
            evidence, context, network_x, mask = keras.tree.map_structure(
                lambda tensor: None if tensor is None else ops.repeat(tensor, num_samples, axis=0),
                (evidence, context, network_x, mask),
            )

        def encode(x, context):
            return self.root_posterior(x, context, training=training)

        levels = self.prior.infer(
            self.posterior, evidence, context, encode=encode, seed=seed, deterministic=deterministic
        )
        return levels, context, network_x, mask

    def decoder_input(self, latents, context):
        """The latents of all levels and the context, as the decoder sees them."""
        return concatenate_context(self.prior.decoder_input(latents, context), context)

    def call(self, inputs, training=None):
        """Likelihood parameters and latent terms: what `compute_loss` needs. Users call the verbs."""
        return self.network_terms(
            inputs,
            seed=self.seed_generator,
            requires=tuple(self.objective.requires),
            num_samples=self.objective.num_samples,
            training=bool(training),
        )

    def network_terms(self, inputs, *, seed, requires=(), num_samples=1, training=False):
        """Dict of the likelihood's `params` and the latent terms; see `keras_vae.objectives.Objective`."""
        levels, context, network_x, mask = self.infer(inputs, seed=seed, num_samples=num_samples, training=training)
        z = self.decoder_input(tuple(level.z for level in levels), context)
        target = network_x if self.decoder.requires_target else None
        params = self.likelihood(self.decoder(z, target=target, mask=mask, training=training))
        terms = latent_terms(levels, requires, num_samples)
        if "prior_z" in requires:
            draws = self.prior.generate(
                context, encode=lambda x, c: self.root_posterior(x, c, training=training), seed=seed
            )
            terms["prior_z"] = [split_samples(draw, num_samples) for draw in draws]
        self._posterior_values = [level.posterior for level in levels]
        return {"params": params, **terms}

    # Loss ---------------------------------------------------------------------------------------------

    def complete_terms(self, outputs, inputs, target=None, num_samples=1):
        """Add log p(x|z) and the mask to what `network_terms` returned.

        The data's density is taken here, from the target as the user gave it: inside `call`, x may
        already have been rounded to half precision.
        """
        x, _, mask = unpack(inputs)
        target = x if target is None else target
        mask = self.likelihood.valid_mask(x) if mask is None else mask
        terms = {name: value for name, value in outputs.items() if name != "params"}
        if "posterior" in terms:
            terms["posterior"] = [
                dataclasses.replace(value, **tensors)
                for value, tensors in zip(self._posterior_values, terms["posterior"], strict=True)
            ]
        repeated, repeated_mask = target, mask
        if num_samples > 1:
            repeated = ops.repeat(target, num_samples, axis=0)
            repeated_mask = None if mask is None else ops.repeat(mask, num_samples, axis=0)
        likelihood = self.likelihood.distribution(outputs["params"], mask=repeated_mask)
        terms["log_likelihood"] = split_samples(likelihood.log_prob(repeated), num_samples)
        terms["mask"] = mask
        return terms

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Mean of the objective over the batch, plus whatever the parts' layers added with `add_loss`."""
        if y is not None and tuple(y.shape[1:]) != tuple(unpack(x)[0].shape[1:]):
            raise ValueError(
                f"Argument `y` must have the data's shape {self.data_shape}. Received: shape {tuple(y.shape)}. Labels "
                "belong in the inputs of a conditional model: VAE(..., condition_shape=...).fit([x, labels])."
            )
        terms = self.complete_terms(y_pred, x, y, self.objective.num_samples)
        batch_size = ops.shape(terms["kl"])[0]

        def weighted_mean(values):
            values = ops.cast(values, "float32")
            if sample_weight is not None:
                weights = ops.cast(sample_weight, "float32")
                values = values * ops.reshape(weights, (-1,))
            return ops.mean(values)

        per_example = ops.broadcast_to(self.objective.loss(terms), (batch_size,))
        loss = weighted_mean(per_example)
        # Weighted by the batch's size, as Keras weighs `loss`, so that ragged last batches agree.
        self.reconstruction_tracker.update_state(
            weighted_mean(-ops.mean(terms["log_likelihood"], axis=1)), sample_weight=batch_size
        )
        self.kl_tracker.update_state(weighted_mean(ops.sum(terms["kl"], axis=1)), sample_weight=batch_size)
        for level, tracker in enumerate(self.level_trackers):
            tracker.update_state(weighted_mean(terms["kl"][:, level]), sample_weight=batch_size)
        loss = loss / num_replicas()
        for extra in self.losses:
            loss = loss + ops.cast(ops.sum(extra), "float32")
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Metrics given to `compile` compare the target with the likelihood's mean."""
        if self._has_metrics:
            target = unpack(x)[0] if y is None else y
            mean = self.likelihood.distribution(y_pred["params"]).mean()
            y, y_pred = target, ops.mean(split_samples(mean, self.objective.num_samples), axis=1)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    # Training -----------------------------------------------------------------------------------------

    def compile(self, optimizer="adam", loss=None, **kwargs):
        """As `keras.Model.compile`, without a loss: the objective is the loss."""
        if loss is not None:
            raise ValueError(
                f"Argument `loss` must be left out: a VAE minimises its objective. Received: loss={loss!r}. Pass "
                "VAE(..., objective=...) and VAE(..., likelihood=...) in its place."
            )
        self._has_metrics = bool(kwargs.get("metrics") or kwargs.get("weighted_metrics"))
        super().compile(optimizer=optimizer, **kwargs)

    def compile_from_config(self, config):
        config = keras.saving.deserialize_keras_object(config)
        self.compile(**config)
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, y=None, batch_size=None, epochs=1, *args, **kwargs):
        """As `keras.Model.fit`; `y` may be left out. See the guide for every form of data."""
        names = (
            "verbose",
            "callbacks",
            "validation_split",
            "validation_data",
            "shuffle",
            "class_weight",
            "sample_weight",
        )
        kwargs.update(zip(names, args, strict=False))
        x, y = self.inputs_check.check_fit(x, y, kwargs.get("sample_weight"))
        kwargs["validation_data"] = self.inputs_check.check_validation(kwargs.get("validation_data"))
        self._adapt_parts(x)
        return super().fit(x, y, batch_size=batch_size, epochs=epochs, **kwargs)

    def evaluate(self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, **kwargs):
        """As `keras.Model.evaluate`; `y` may be left out."""
        if not kwargs.get("_use_cached_eval_dataset"):
            x, y = self.inputs_check.check_fit(x, y, sample_weight)
        return super().evaluate(x, y, batch_size=batch_size, verbose=verbose, sample_weight=sample_weight, **kwargs)

    def train_on_batch(self, x, y=None, sample_weight=None, **kwargs):
        """As `keras.Model.train_on_batch`; parts that adapt to the data must have been adapted."""
        x, y = self.inputs_check.check_fit(x, y, sample_weight)
        for part in self._parts_to_adapt():
            raise ValueError(
                f"{type(part).__name__} must see data before it is used: call its adapt(x) with a sample of the "
                "training data before train_on_batch (fit does it by itself)."
            )
        return super().train_on_batch(x, y, sample_weight, **kwargs)

    def _parts_to_adapt(self):
        parts = (self.encoder, self.posterior, self.prior, self.decoder, self.likelihood, self.objective)
        return [part for part in parts if hasattr(part, "adapt") and not bool(ops.convert_to_numpy(part.adapted))]

    def _adapt_parts(self, data):
        """Show the data to the parts that start from it, once in a model's life."""
        parts = self._parts_to_adapt()
        if not parts:
            return
        if is_stream(data):
            peeked = peek(data, ROWS_TO_ADAPT)
            if peeked is None:
                raise ValueError(
                    f"Argument `x`: {type(parts[0]).__name__} must see data before training, and a generator cannot be "
                    "looked at without losing a batch. Call its adapt(x) with a sample of the training data first."
                )
            x, condition, _ = peeked[0]
        else:
            x, condition, _ = unpack(data)
        for part in parts:
            part.adapt(*((x,) if condition is None else (x, condition)))

    # Saving -------------------------------------------------------------------------------------------

    def _seed_states(self):
        # `weights` leaves the generators out, `variables` has them, the users' Dropout's included.
        known = {id(variable) for variable in self.weights}
        return [
            variable
            for variable in self.variables
            if id(variable) not in known and variable.name == "seed_generator_state"
        ]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        for index, state in enumerate(self._seed_states()):
            store[f"seed_generator_{index}"] = state

    def load_own_variables(self, store):
        states = self._seed_states()
        saved = [key for key in store.keys() if key.startswith("seed_generator_")]  # noqa: SIM118 (h5 store)
        if len(saved) == len(states):
            for index, state in enumerate(states):
                state.assign(store[f"seed_generator_{index}"])

    def get_config(self):
        parts = ("encoder", "decoder", "prior", "posterior", "likelihood", "objective")
        config = {
            **super().get_config(),
            "data_shape": self.data_shape,
            "latent_dim": self.latent_dim,
            "condition_shape": self.condition_shape,
            "seed": self.seed,
            "condition_encoder": self.condition_encoder
            and serialize_component(self.condition_encoder, "condition_encoder"),
        }
        for part in parts:
            config[part] = serialize_component(getattr(self, part), part)
        plugins = foreign_components([getattr(self, part) for part in parts])
        return {**config, "plugins": plugins} if plugins else config

    @classmethod
    def from_config(cls, config):
        return cls(**restore(config))


def build_once(part, *shapes):
    """Build a part that has not been: a loaded one comes built."""
    if not part.built:
        part.build(*shapes)


def ops_spec(function, shape, dtype=None):
    """What a function makes of a tensor of `shape`, without computing it."""
    return function(keras.KerasTensor(shape, dtype=dtype or "float32"))


def as_shape(shape, argument, scalar=False):
    """A tuple of positive ints or None, or an error that names the argument."""
    shape = (shape,) if isinstance(shape, int) and not isinstance(shape, bool) else shape
    valid = isinstance(shape, (list, tuple)) and (scalar or len(shape) > 0)
    if not valid or any(
        axis is not None and (isinstance(axis, bool) or not isinstance(axis, int) or axis < 1) for axis in shape
    ):
        raise ValueError(
            f"Argument `{argument}` must be the shape of one example, a tuple of positive ints such as (28, 28, 1). "
            f"Received: {argument}={shape!r}"
        )
    return tuple(shape)
