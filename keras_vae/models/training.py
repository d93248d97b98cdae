"""Keras' training loop for a model whose loss is an objective."""

import inspect
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import keras

from keras_vae.arguments import positive_int
from keras_vae.backend import (
    divisible_batches,
    flushed_denormals,
    forward_pass,
    initial_values_on_host,
    kept_state,
    quiet_end_of_data,
    strategy_scope,
    train_step_if_valid,
)
from keras_vae.callbacks.stop_on_invalid import stop_on_invalid_in
from keras_vae.data.batch import Batch
from keras_vae.data.rows import count_rows
from keras_vae.data.sparse import SparseRows, dense, has_sparse
from keras_vae.hints import Config, Data, Tensor
from keras_vae.models.adaptation import adapt_components, count_labels, require_adapted
from keras_vae.models.executions import Executions
from keras_vae.models.metrics import prediction_from, prediction_of, update_metrics
from keras_vae.models.steps import (
    check_batch_size,
    check_class_weight,
    check_division,
    dense_by_batch,
    loss_per_example,
    total_loss,
    weighted_mean,
)
from keras_vae.optimizers.encoder_decoder import encoder_decoder_of, portable

__all__ = ["Trainer"]

STEPS = threading.local()


def _of_examples(sample_weight: Any) -> Tensor | None:
    """The weights of a batch, which Keras repeats for every field of y."""
    repeated = isinstance(sample_weight, (dict, list, tuple))
    return keras.tree.flatten(sample_weight)[0] if repeated else sample_weight


def _steps_of_thread() -> tuple[int, ...]:
    """The models, by their id, of which this thread runs a step."""
    return getattr(STEPS, "models", ())


class Trainer(Executions):
    """`compile`, `fit` and what they call, for a model with `batch`, `training_terms`, an objective and trackers.

    Nothing of a training step is rewritten: `train_step` passes through, and `compute_loss` runs the model.
    """

    if TYPE_CHECKING:  # what the model has
        checks: Any
        objective: Any
        trackers: Any
        data_shape: Any
        batch: Any
        training_terms: Any
        likelihood: Any
        encoder: Any
        latents: Any
        runner: Any
        samplers: Any
        _untracked: Any

    has_seen_data = False
    _keeps_valid_weights = False
    _in_symbolic_build = False
    _has_metrics = False

    def train_step(self, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.train_step`, during which `call` leaves the forward pass to `compute_loss`.

        In a `fit` with the callback `StopOnInvalid`, no weight changes from the first NaN or infinite loss of an epoch
        on.

        Args:
            *args: as for `keras.Model.train_step`.
            **kwargs: likewise.
        """
        if not self._keeps_valid_weights:
            return self._step(super().train_step, *args, **kwargs)
        return self._step(train_step_if_valid, self, super().train_step, self._statistics(), *args, **kwargs)

    def test_step(self, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.test_step`, during which `call` leaves the forward pass to `compute_loss`.

        Args:
            *args: as for `keras.Model.test_step`.
            **kwargs: likewise.
        """
        return self._step(super().test_step, *args, **kwargs)

    def _statistics(self) -> list[keras.Variable]:
        """The variables that layers change in the forward pass: numbers, but neither noise nor scalars such as beta."""
        if "statistics" not in self._untracked.items:
            self._untracked.items["statistics"] = [
                variable
                for layer in self._flatten_layers()
                for variable in layer._non_trainable_variables
                if keras.backend.is_float_dtype(variable.dtype) and variable.shape
            ]
        return self._untracked.items["statistics"]

    def _step(self, step: Any, *args: Any, **kwargs: Any) -> Any:
        outer = _steps_of_thread()
        STEPS.models = (*outer, id(self))
        try:
            return step(*args, **kwargs)
        finally:
            STEPS.models = outer

    @property
    def _in_step(self) -> bool:
        """Whether this thread runs a step; another one may call the model meanwhile, for reconstructions."""
        return id(self) in _steps_of_thread()

    def _symbolic_build(self, *args: Any, **kwargs: Any) -> None:
        # Only metrics and the optimizer are left to build, and a reconstruction has the shape of the data.
        self._in_symbolic_build = True
        try:
            super()._symbolic_build(*args, **kwargs)
        finally:
            self._in_symbolic_build = False

    def compute_loss(
        self,
        x: Data = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        """Mean of the objective over the batch, plus the losses that the components' layers added with `add_loss`.

        The forward pass runs here and not in `call`, so that the objective can use distributions, and the data in the
        user's precision.

        Args:
            x: the inputs of a batch, see `batch`.
            y: targets, as in `fit`.
            y_pred: not used.
            sample_weight: `(batch,)`, the weight of each example, or None; `(batch, time)` and so on, the weight of
                each element in log p(x | z), see `fit`.
            training: whether this is a training step.
        """
        batch = self.batch(x, y, _of_examples(sample_weight))
        self._check_target_shape(batch)
        weights = batch.weights  # those of elements are in the likelihood

        def mean(values: Tensor) -> Tensor:
            return weighted_mean(values, weights, batch.size)

        with forward_pass(self, training):
            terms = self.training_terms(batch, training)
            loss = mean(loss_per_example(self.objective, terms))
            self.trackers.update(terms, mean, weights)
            if self._has_metrics:
                update_metrics(self._compile_metrics, batch, prediction_of(self.likelihood, terms))
            return total_loss(self, loss)

    def compute_metrics(self, x: Data, y: Any, y_pred: Any, sample_weight: Tensor | None = None) -> dict[str, Any]:
        """Results of the metrics, which `compute_loss` has updated.

        Args:
            x: the inputs of a batch.
            y: targets, as in `fit`.
            y_pred: reconstructions, if Keras builds the metrics before the first step.
            sample_weight: `(batch,)`, or None.
        """
        if self._in_step:
            return self.get_metrics_result()
        prediction = prediction_from(self.likelihood, y_pred)
        update_metrics(self._compile_metrics, self.batch(x, y, _of_examples(sample_weight)), prediction)
        return self.get_metrics_result()

    def _check_target_shape(self, batch: Batch) -> None:
        """Refuse labels passed as `y`, also in batches that the checks of `fit` did not see."""
        for x, target in zip(keras.tree.flatten(batch.x), keras.tree.flatten(batch.target), strict=True):
            if tuple(x.shape[1:]) != tuple(target.shape[1:]):
                raise ValueError(
                    f"Argument `y` must have the data's shape {self.data_shape}. Received: shape "
                    f"{tuple(target.shape)}. It is reconstructed in place of x. To predict it from the "
                    "latents, use objective=keras_vae.objectives.Supervised(...). Labels to condition on belong in "
                    "the inputs: VAE(..., condition_shape=...).fit([x, labels])."
                )

    def compile(self, optimizer: str | keras.optimizers.Optimizer = "adam", loss: None = None, **kwargs: Any) -> None:
        """As `keras.Model.compile`, without a loss: the objective is the loss.

        Args:
            optimizer: as in Keras: a name or an instance.
            loss: must be None.
            **kwargs: as for `keras.Model.compile`. Metrics compare the data with the mean of p(x|z), tokens with the
                probabilities of their categories; padding and missing elements do not count. `steps_per_execution` may
                be above 1 on all backends, and data in memory then stay on the device during `fit`; `"auto"` measures
                how many steps take a tenth of a second.

        Raises:
            ValueError: a `loss`, or `steps_per_execution` is neither a positive int nor `"auto"`.
        """
        if loss is not None:
            raise ValueError(
                f"Argument `loss` must be left out: a VAE minimises its objective. Received: loss={loss!r}. Pass "
                "VAE(..., objective=...) and VAE(..., likelihood=...) instead."
            )
        steps = kwargs.get("steps_per_execution", 1)
        self._picks_steps = isinstance(steps, str) and steps == "auto"
        if isinstance(steps, str) and not self._picks_steps:
            raise ValueError(
                f"Argument `steps_per_execution` must be an int >= 1 or 'auto'. Received: steps_per_execution={steps!r}"
            )
        if not self._picks_steps:
            positive_int(steps, "steps_per_execution")
        # Keras keeps updating the metrics of an earlier compile, so they still need targets.
        self._has_metrics = self._has_metrics or bool(kwargs.get("metrics") or kwargs.get("weighted_metrics"))
        super().compile(optimizer=optimizer, **{**kwargs, **({"steps_per_execution": 1} if self._picks_steps else {})})
        two_networks = encoder_decoder_of(self.optimizer)
        if two_networks is not None:
            posteriors = [posterior for _, posterior in self.latents.pairs]
            two_networks.set_encoder(v for part in (self.encoder, *posteriors) for v in part.variables)
        if self._picks_steps:
            self._compile_config.config["steps_per_execution"] = "auto"
        self._untracked.items.pop("one_step", None)
        self.runner.forget()

    def compile_from_config(self, config: Config) -> None:
        config = dict(config)
        if isinstance(config.get("optimizer"), dict):
            config["optimizer"] = portable(config["optimizer"])
        config = keras.saving.deserialize_keras_object(config)
        self.compile(**config)
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def fit(self, x: Data = None, y: Data = None, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """As `keras.Model.fit`; `y` may be left out. See the guide for every form of data.

        Args:
            x: arrays `(n, *data_shape)`, `[x, condition]`, a dict of them, or a dataset.
            y: `(n, *data_shape)`, reconstructed in place of x, as for denoising; or targets of the objective, if it
                uses them.
            *args: as for `keras.Model.fit`.
            **kwargs: likewise. `sample_weight` of shape `(n,)` multiplies the loss of each example. With more axes,
                `(n, time)` or another prefix of the data's shape, it multiplies the log density of each element, and
                leaves the KL as it is: weights of 0 and 1 are a mask.

        Raises:
            ValueError: data that do not fit the model.
            FloatingPointError: with the callback `keras_vae.callbacks.StopOnInvalid`, a loss that is NaN or infinite.
        """
        arguments = inspect.signature(super().fit).bind(x, y, *args, **kwargs).arguments
        check_batch_size(arguments.get("batch_size"))
        check_class_weight(arguments.get("class_weight"), self.objective)
        x, y = self.checks.check_fit(x, y, arguments.get("sample_weight"))
        arguments["validation_data"] = self.checks.check_validation(arguments.get("validation_data"))
        check_division(x, arguments.get("batch_size"), split=arguments.get("validation_split"))
        validated = keras.utils.unpack_x_y_sample_weight(arguments["validation_data"])[0]
        validation_size = arguments.get("validation_batch_size") or arguments.get("batch_size")
        check_division(validated, validation_size, "validation_data")
        arguments.update(x=x, y=y)
        dense_by_batch(arguments, validation_size)
        split = None if arguments["validation_data"] is not None else arguments.get("validation_split")
        adapt_components(self, arguments["x"], arguments["y"], arguments.get("sample_weight"), split)
        count_labels(self, arguments["x"], arguments.get("sample_weight"), split)
        callback = stop_on_invalid_in(arguments.get("callbacks"))
        if callback is not None:
            callback.watch(self.checks, arguments["x"])
        if self._keeps_valid_weights != (callback is not None):
            self._keeps_valid_weights, self.train_function = callback is not None, None  # another step to compile
        if getattr(self, "optimizer", None) is not None and not self.optimizer.built:
            # For a built model Keras does it in the first step, which is too late for BackupAndRestore.
            with strategy_scope(self), initial_values_on_host():
                self.optimizer.build(self.trainable_variables)
        for sampler in self.samplers.values():
            sampler.stale = True  # it belongs to the weights before
        quiet = quiet_end_of_data(self, unless=arguments.get("steps_per_epoch"))
        with self.runner.training(), divisible_batches(), kept_state(self), flushed_denormals(), quiet:
            self.keep_on_device(arguments)
            try:
                return super().fit(**arguments)
            finally:
                self.leave_device()

    def evaluate(
        self,
        x: Data = None,
        y: Data = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Data = None,
        **kwargs: Any,
    ) -> Any:
        """As `keras.Model.evaluate`; `y` may be left out.

        Args:
            x: arrays `(n, *data_shape)`, `[x, condition]`, a dict of them, or a dataset.
            y: as for `fit`.
            batch_size: rows at a time, 32 by default.
            verbose: as in Keras.
            sample_weight: `(n,)`, weight of each example in the loss.
            **kwargs: as for `keras.Model.evaluate`.
        """
        check_batch_size(batch_size)
        if not kwargs.get("_use_cached_eval_dataset"):
            x, y = self.checks.check_fit(x, y, sample_weight)
            require_adapted(self)
            check_division(x, batch_size)
            if has_sparse((x, y)):
                x, y, sample_weight = SparseRows(x, y, sample_weight, batch_size), None, None
        quiet = quiet_end_of_data(self, unless=kwargs.get("steps"))
        with self.runner.training(), divisible_batches(), kept_state(self), quiet:
            return super().evaluate(x, y, batch_size=batch_size, verbose=verbose, sample_weight=sample_weight, **kwargs)

    def train_on_batch(self, x: Data, y: Data = None, sample_weight: Data = None, **kwargs: Any) -> Any:
        """As `keras.Model.train_on_batch`; components with `adapt` must have been adapted.

        After a loss that is NaN or infinite no update is made until `reset_metrics()`.

        Args:
            x: arrays `(n, *data_shape)`, `[x, condition]`, a dict of them, or a dataset.
            y: as for `fit`.
            sample_weight: `(n,)`, weight of each example in the loss.
            **kwargs: as for `keras.Model.train_on_batch`.
        """
        x, y = self.checks.check_fit(x, y, sample_weight)
        require_adapted(self)
        check_division(x, count_rows(x))
        with self.runner.training(), self.one_step() if self._runs_resident else nullcontext():
            return super().train_on_batch(dense(x), dense(y), sample_weight, **kwargs)

    def test_on_batch(self, x: Data, y: Data = None, sample_weight: Data = None, **kwargs: Any) -> Any:
        """As `keras.Model.test_on_batch`; `y` may be left out.

        Args:
            x: arrays `(n, *data_shape)`, `[x, condition]`, a dict of them, or a dataset.
            y: as for `fit`.
            sample_weight: `(n,)`, weight of each example in the loss.
            **kwargs: as for `keras.Model.test_on_batch`.
        """
        x, y = self.checks.check_fit(x, y, sample_weight)
        require_adapted(self)
        check_division(x, count_rows(x))
        with self.runner.training():
            return super().test_on_batch(dense(x), dense(y), sample_weight, **kwargs)
