"""The model: components and one objective."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

import keras

from keras_vae import inference
from keras_vae.arguments import as_shape, optional_seed
from keras_vae.backend import SeedGenerator, by_one_process, called_by_another, initial_values_on_host
from keras_vae.data.absent import completed
from keras_vae.data.batch import Batch
from keras_vae.data.checks import Checks
from keras_vae.data.field import Field, as_spec, shape_of
from keras_vae.data.labels import condition_support
from keras_vae.data.shapes import check_shapes
from keras_vae.data.streams import unpack
from keras_vae.decoders.decoder import draw
from keras_vae.distributions.distribution import Distribution
from keras_vae.hints import Array, Component, Config, Data, Ints, Tensor
from keras_vae.inference.reconstruct import reconstruct_batch
from keras_vae.inference.runner import Runner, few_sizes
from keras_vae.latents.single import Single
from keras_vae.models.adaptation import require_adapted
from keras_vae.models.assembly import (
    assemble,
    build_plain_layers,
    condition_names,
    make_component,
    make_latents,
    make_network,
)
from keras_vae.models.fitted_samplers import load_samplers, save_samplers
from keras_vae.models.metrics import mean_over_samples
from keras_vae.models.plugins import restore
from keras_vae.models.saving import config_of, freeze_layers, load_seed_states, quantize_layers, save_seed_states
from keras_vae.models.steps import Trackers, loss_per_example, weighted_mean
from keras_vae.models.summary import get_layer, summary
from keras_vae.models.training import Trainer
from keras_vae.objectives.combined import parts_of
from keras_vae.objectives.terms import Terms
from keras_vae.reports import report
from keras_vae.serialization import Untracked

__all__ = ["VAE"]

FIXED = ("encoder", "decoder", "likelihood", "prior", "posterior", "condition_encoder")
"""The components that the forward pass holds."""


@keras.saving.register_keras_serializable("keras_vae")
class VAE(Trainer):
    """A variational autoencoder (Kingma and Welling, 2014) made of components and one objective.

    Every component is a name, an instance, or a class; the encoder and the decoder may be any Keras model.
    The constructor creates all weights, and raises an error for components that do not fit each other.

    Called on data, a VAE returns their reconstruction, as `predict` does. Inside another model it adds its objective
    to the loss of that model.

    Args:
        data_shape: shape of one example, for example `(28, 28, 1)`; a `keras_vae.data.Field`; or a dict of these for
            data of several fields.
        latent_dim: number of latent dimensions (default 16), or whatever the latent structure takes instead, such as a
            tuple with the size of each level.
        encoder: `"conv"` by default for data with spatial axes and channels, `"gru"` for tokens and for
            sequences of unknown length, `"mlp"` otherwise. For several fields a dict, or an encoder of dicts.
        decoder: likewise.
        prior: p(z).
        posterior: q(z|x): `"gaussian"` by default, and for objectives without a KL `"deterministic"`.
        likelihood: p(x|z): `"bernoulli"` for data in [0, 1], `"gaussian"` for real numbers. For several fields a
            dict.
        objective: what is minimised; pass an instance such as `ELBO(beta=4.0)` to set its arguments.
        latents: latent structure, for more than one prior and one posterior: `"hierarchical"`, or an instance
            from `keras_vae.latents`.
        condition_shape: shape of one example's condition; `()` for integer labels, with a
            `condition_encoder`. None for a model without conditions.
        condition_encoder: Keras layer that turns the condition into a vector, such as
            `keras.layers.CategoryEncoding` or `keras.layers.Embedding`. Conditions are checked against the number of
            categories that these know; a layer of your own may have an attribute `support`, a
            `keras_vae.data.Support`.
        condition_to: components that see the condition, any of `"encoder"`, `"posterior"`, `"prior"` and
            `"decoder"`.
        seed: int, the seed of the draws of latents and data, and of the sample of the data that a VampPrior starts
            with; random by default. It does not affect the initial weights, nor layers with a seed of their own, such
            as dropout: use `keras.utils.set_random_seed`, which fixes all of them.
        **kwargs: `name`, `dtype`, as for every Keras model.

    Raises:
        ValueError: invalid arguments, or components that do not fit each other.
        TypeError: a component of the wrong type.

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
        data_shape: Any,
        latent_dim: int | Sequence[Ints] | None = None,
        *,
        encoder: Any = None,
        decoder: Any = None,
        prior: Component = "standard",
        posterior: Component | None = None,
        likelihood: Any = "bernoulli",
        objective: Component = "elbo",
        latents: Component | None = None,
        condition_shape: int | Sequence[int | None] | None = None,
        condition_encoder: keras.layers.Layer | None = None,
        condition_to: str | Sequence[str] = ("posterior", "prior", "decoder"),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        # autocast=False: every component casts its own inputs, and densities must not see half precision.
        super().__init__(autocast=False, **kwargs)
        spec = as_spec(data_shape)
        self._untracked = Untracked({"spec": spec, "samplers": {}})
        self.condition_shape = None if condition_shape is None else as_shape(condition_shape, "condition_shape", True)
        self.condition_to = condition_names(condition_to)
        seed = optional_seed(seed)
        if condition_encoder is not None and not isinstance(condition_encoder, keras.layers.Layer):
            raise TypeError(
                "Argument `condition_encoder` must be a Keras layer, such as keras.layers.Embedding(10, 16). "
                f"Received: condition_encoder={condition_encoder!r}"
            )
        if condition_encoder is not None and condition_shape is None:
            raise ValueError("Argument `condition_encoder` needs `condition_shape`. Received: condition_shape=None")
        self.latent_dim = latent_dim
        self.seed = seed
        self.seed_generator = SeedGenerator(seed)
        policy = self.dtype_policy
        if isinstance(likelihood, dict) and "class_name" not in likelihood:
            likelihood = make_component(
                "likelihood", {"class_name": "joint", "config": {"likelihoods": likelihood}}, policy
            )
        self.likelihood = make_component("likelihood", likelihood, policy)
        spec = self._untracked.items["spec"] = with_missing(spec, self.likelihood)
        objective = make_component("objective", objective, policy)
        structure = make_latents(latents, prior, posterior, policy, objective.default_posterior)
        in_time = structure.has_time_axis
        apart = any(part is not None and part.requires_fields for _, part in structure.pairs)
        self.encoder = make_network("encoder", encoder, spec, self.likelihood, policy, in_time, apart)
        self.decoder = make_network("decoder", decoder, spec, self.likelihood, policy, in_time)
        # Weights are saved under the names of these attributes, which are those of version 0.1.
        self.prior = structure.prior if isinstance(structure, Single) else structure
        self.posterior = getattr(structure, "posterior", None)
        self._untracked.items["latents"] = structure
        self.objective = objective
        self.condition_encoder = condition_encoder
        with initial_values_on_host():
            self._untracked.items["forward"] = assemble(
                spec,
                latent_dim,
                self.encoder,
                structure,
                self.decoder,
                self.likelihood,
                self.objective,
                self.condition_shape,
                condition_encoder,
                self.condition_to,
                policy,
                int(self.seed_generator.state[0]),
            )
            self.trackers = Trackers(structure, self.likelihood.support)
        self.reconstruction_tracker, self.kl_tracker = self.trackers.reconstruction, self.trackers.kl
        self.level_trackers, self.rate_trackers = self.trackers.levels, self.trackers.rates
        self.checks = Checks(
            spec,
            self.condition_shape,
            self.likelihood,
            self.decoder,
            self.compute_dtype,
            self.objective,
            condition_support(condition_encoder, self.condition_shape),
            optional_fields(spec, self.encoder, self.objective),
            structure.sees_data,
        )
        self.runner = Runner(self, seed, require_adapted)
        build_plain_layers(self)
        self.built = True

    # Components ---------------------------------------------------------------------------------------

    @property
    def spec(self) -> Any:
        """What the data are: a `keras_vae.data.Field`, or a dict of them."""
        return self._untracked.items["spec"]

    @property
    def data_shape(self) -> Any:
        """Shape of one example, or a dict of shapes."""
        return shape_of(self.spec)

    @property
    def time_steps(self) -> int | None:
        """Length of the first axis of the data; None if it is unknown, or the data have several fields."""
        return None if isinstance(self.spec, dict) else self.spec.shape[0]

    @property
    def latents(self) -> Any:
        """The latent structure, which runs priors and posteriors."""
        return self._untracked.items["latents"]

    @property
    def samplers(self) -> dict[str, Any]:
        """The samplers that `fit_sampler` has fitted, by name: a dict, from which they can be deleted."""
        return self._untracked.items["samplers"]

    @property
    def forward_pass(self) -> Any:
        """The forward pass through the components, a `keras_vae.models.forward.Forward`."""
        return self._untracked.items["forward"]

    def __dir__(self) -> Iterable[str]:
        # Keras saves the attributes that `dir` lists, in alphabetical order: without this the weights of priors and
        # posteriors would be saved under `latents`, and not under `prior` and `posterior` as in version 0.1.
        # Samplers are saved by this class.
        return [name for name in super().__dir__() if name not in ("latents", "samplers")]

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FIXED and getattr(self, "built", False):
            raise AttributeError(
                f"The {name} of a model cannot be replaced, because all components were built for each other. "
                f"Received: {value!r:.100}. Create a new model, VAE(..., {name}=...); it may take the other "
                "components of this one, with their weights."
            )
        super().__setattr__(name, value)

    get_layer = get_layer
    summary = summary

    # The forward pass ---------------------------------------------------------------------------------

    def batch(self, inputs: Data, y: Any = None, sample_weight: Tensor | None = None) -> Batch:
        """A batch as the components see it; of its tensors the shapes are checked, and not the values.

        Args:
            inputs: x `(batch, *data_shape)`, `[x, condition]`, or a dict with `x`, `condition`, `mask` and so on.
            y: targets, as in `fit`.
            sample_weight: `(batch,)`, the weight of each example.

        Raises:
            ValueError: x or the condition is of another shape, or the condition is missing.
        """
        inputs = completed(inputs, self.spec, self.checks.optional_fields)
        check_shapes(inputs, self.spec, self.condition_shape)
        return Batch.of(
            inputs,
            self.spec,
            self.likelihood,
            y=y,
            y_is_target=not self.objective.uses_y,
            weights=sample_weight,
            partly_labelled=self.objective.partly_labelled,
        )

    def terms(self, inputs: Data, y: Any = None, **options: Any) -> Terms:
        """The terms of a batch, computed lazily: objectives and inference methods are written with them.

        Args:
            inputs: x `(batch, *data_shape)`, or as for `batch`.
            y: targets, as in `fit`.
            **options: `seed`, `num_samples`, `training`, `deterministic`, as for `keras_vae.objectives.Terms`.
        """
        return Terms(self.forward_pass, self.batch(inputs, y), **options)

    def context(
        self, condition: Tensor | None, batch_size: Tensor, training: bool = False, mask: Tensor | None = None
    ) -> Tensor:
        """The condition as a float vector for each example; `(batch, width)`, of width 0 without one.

        Args:
            condition: `(batch, *condition_shape)`, or None.
            batch_size: number of examples.
            training: whether layers such as dropout are active.
            mask: boolean `(batch, length)`, True at valid steps of the condition, or None.
        """
        return self.forward_pass.context(condition, batch_size, training, mask)

    def root_posterior(self, x: Tensor, context: Tensor, training: bool = False) -> Distribution:
        """q(z | x, context) of the top level, as a VampPrior applies it to its pseudo-inputs.

        Args:
            x: `(batch, *data_shape)`.
            context: `(batch, width)`.
            training: whether layers such as dropout are active.
        """
        features = self.latents.root_features(self.forward_pass.encode(x, context, training))
        return self.latents.pairs[0][1].distribution(features, context)

    def call(self, inputs: Data, training: bool | None = None) -> Any:
        """The reconstruction, `(batch, *data_shape)`, as `predict` returns it.

        Inside another model, the objective is added to the loss of that model. With `training=True` it is in `losses`
        too, for custom training loops, and the latents are drawn from the posterior.

        Args:
            inputs: x `(batch, *data_shape)`, `[x, condition]`, or a dict with `x`, `condition`, `mask` and so on.
            training: whether layers such as dropout are active, and latents are drawn.
        """
        if self._in_step or self._in_symbolic_build:
            # `compute_loss` runs the forward pass; Keras only hands this value on to it.
            return unpack(inputs, self.spec).x
        if not training and not called_by_another(self):
            return reconstruct_batch(self, inputs)
        if self.objective.uses_y:
            if not training:
                return reconstruct_batch(self, inputs)
            raise ValueError(
                f"The objective {type(self.objective).__name__} predicts `y`, which a call of the model does not have: "
                "vae(x, training=True), and training inside another model, need an objective without y."
            )
        terms = self.training_terms(self.batch(inputs), bool(training))
        losses = loss_per_example(self.objective, terms)
        self.add_loss(weighted_mean(losses, None, terms.batch.size))
        return self.mean_of(terms) if training else reconstruct_batch(self, inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def compute_output_spec(self, inputs: Data, training: bool | None = None) -> Any:
        """Shape and dtype of a reconstruction."""
        check_shapes(inputs, self.spec, self.condition_shape)
        x = unpack(inputs, self.spec).x
        return keras.tree.map_structure(lambda field: keras.KerasTensor(field.shape, dtype="float32"), x)

    def training_terms(self, batch: Batch, training: bool) -> Terms:
        """The terms of a step, with the noise and the number of samples of training.

        Args:
            batch: the batch, its x `(batch, *data_shape)`.
            training: whether layers such as dropout are active.
        """
        return Terms(
            self.forward_pass,
            batch,
            seed=self.seed_generator,
            num_samples=self.objective.num_samples,
            training=training,
        )

    def mean_of(self, terms: Terms) -> Any:
        """The reconstruction: p(x | z)'s mean, averaged over the draws, or the mode of categories.

        Args:
            terms: the terms of a batch.

        Returns:
            `(batch, *data_shape)`, or a dict of fields.
        """
        value = draw(terms.likelihood, self.likelihood.default_mode, likelihood=self.likelihood)
        return mean_over_samples(value, terms.num_samples)

    # Inference: functions of `keras_vae.inference` ----------------------------------------------------

    predict = inference.predict
    predict_label = inference.predict_label
    predict_target = inference.predict_target
    responsibilities = inference.responsibilities
    reconstruct = inference.reconstruct
    encode = inference.encode
    translate = inference.translate
    decode = inference.decode
    generate = inference.generate
    interpolate = inference.interpolate
    fit_sampler = inference.fit_sampler
    elbo = inference.elbo
    log_likelihood = inference.log_likelihood
    export = inference.export
    report = report

    def predict_on_batch(self, x: Data) -> Array:
        """Reconstructions of one batch, as `predict`.

        Args:
            x: `(n, *data_shape)`, or as for `predict`.
        """
        first = keras.tree.flatten(unpack(x, self.spec).x)[0]
        return self.predict(x, batch_size=few_sizes(first.shape[0]), verbose=0)

    # Saving -------------------------------------------------------------------------------------------

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """As `keras.Model.save`; of several processes that train the model, one alone may call it.

        Args:
            filepath: where to write, a `.keras` file.
            *args: as for `keras.Model.save`.
            **kwargs: likewise.
        """
        with by_one_process():
            super().save(filepath, *args, **kwargs)

    def save_weights(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """As `keras.Model.save_weights`; of several processes that train the model, one alone may call it.

        Args:
            filepath: where to write, a `.weights.h5` file.
            *args: as for `keras.Model.save_weights`.
            **kwargs: likewise.
        """
        with by_one_process():
            super().save_weights(filepath, *args, **kwargs)

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        save_seed_states(self, store)
        save_samplers(self, store)

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(load_samplers(self, load_seed_states(self, store)))

    def get_config(self) -> Config:
        return {**super().get_config(), **config_of(self)}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        config = dict(config)
        frozen, quantized = config.pop("frozen", {}), config.pop("quantized", {})
        vae = cls(**restore(config))
        quantize_layers(vae, quantized)
        freeze_layers(vae, frozen)
        return vae


def optional_fields(spec: Any, encoder: Any, objective: Any) -> list[str]:
    """Names of the fields that the model can do without."""
    if not isinstance(spec, dict):
        return []
    trained = any(getattr(part, "leaves_fields_out", False) for part in parts_of(objective))
    return [name for name, field in spec.items() if trained or encoder.takes_present or field.missing is not None]


def with_missing(spec: Any, likelihood: Any) -> Any:
    """The spec, with `missing` from the likelihood if that has it."""
    if not isinstance(spec, dict):
        missing = getattr(likelihood, "missing", None)
        return spec if missing is None else Field(spec.shape, missing)
    parts = getattr(likelihood, "parts", None)
    if not isinstance(parts, dict) or set(parts) != set(spec):
        received = sorted(parts) if isinstance(parts, dict) else type(likelihood).__name__
        raise ValueError(
            f"Argument `likelihood` must have one for each field of data_shape, {sorted(spec)}. Received: {received}. "
            f"Pass a dict, such as likelihood={{{next(iter(spec))!r}: 'gaussian', ...}}."
        )
    return {name: with_missing(field, parts[name]) for name, field in spec.items()}
