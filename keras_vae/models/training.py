"""How a VAE is trained: Keras' own loop, with the data looked at first."""

import inspect
from typing import Any

import keras
from keras import ops

from keras_vae.arguments import positive_int
from keras_vae.backend import strategy_scope
from keras_vae.hints import Config, Data, ModelMixin
from keras_vae.models.streams import is_stream, peek, unpack

__all__ = ["Training"]

ROWS_TO_ADAPT = 2048


class Training(ModelMixin):
    """`compile`, `fit`, `evaluate` and `train_on_batch` of a VAE."""

    _has_metrics: bool

    def compile(self, optimizer: str | keras.optimizers.Optimizer = "adam", loss: None = None, **kwargs: Any) -> None:
        """As `keras.Model.compile`, without a loss: the objective is the loss.

        Args:
            optimizer: as in Keras: a name or an instance.
            loss: must be left out.
            **kwargs: as for `keras.Model.compile`; metrics compare the data with p(x|z)'s mean.

        Raises:
            ValueError: a `loss`.
        """
        if loss is not None:
            raise ValueError(
                f"Argument `loss` must be left out: a VAE minimises its objective. Received: loss={loss!r}. Pass "
                "VAE(..., objective=...) and VAE(..., likelihood=...) in its place."
            )
        # Keras goes on updating the metrics of an earlier compile, so they go on needing targets.
        self._has_metrics = self._has_metrics or bool(kwargs.get("metrics") or kwargs.get("weighted_metrics"))
        super().compile(optimizer=optimizer, **kwargs)

    def compile_from_config(self, config: Config) -> None:
        config = dict(config)
        optimizer = config.get("optimizer")
        if isinstance(optimizer, dict) and str(optimizer.get("module")).startswith("keras.src.backend"):
            # Keras on torch writes the module of torch's own variant, which fails on every other backend.
            config["optimizer"] = {**optimizer, "module": "keras.optimizers"}
        config = keras.saving.deserialize_keras_object(config)
        self.compile(**config)
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def fit(self, x: Data = None, y: Data = None, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """As `keras.Model.fit`; `y` may be left out. See the guide for every form of data.

        Args:
            x: arrays `(n, *data_shape)`, `[x, condition]`, a dict of them, or a dataset.
            y: `(n, *data_shape)`, what is to be reconstructed in place of x, as for denoising.
            *args: as for `keras.Model.fit`.
            **kwargs: likewise.

        Raises:
            ValueError: data that do not fit the model; the message says what came, and what to do.
        """
        arguments = inspect.signature(super().fit).bind(x, y, *args, **kwargs).arguments
        check_batch_size(arguments.get("batch_size"))
        if arguments.get("class_weight") is not None:
            raise ValueError(
                "Argument `class_weight` needs labels, and a VAE has none. Weigh the examples with `sample_weight`."
            )
        x, y = self.inputs_check.check_fit(x, y, arguments.get("sample_weight"))
        arguments["validation_data"] = self.inputs_check.check_validation(arguments.get("validation_data"))
        self._adapt_parts(x)
        if getattr(self, "optimizer", None) is not None and not self.optimizer.built:
            # Keras leaves it to the first step of a model that is built: too late for BackupAndRestore.
            with strategy_scope(self):
                self.optimizer.build(self.trainable_variables)
        return super().fit(**{**arguments, "x": x, "y": y})

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
            y: `(n, *data_shape)`, what is to be reconstructed in place of x, as for denoising.
            batch_size: rows at a time, 32 by default.
            verbose: as in Keras.
            sample_weight: `(n,)`, weight of each example in the loss.
            **kwargs: as for `keras.Model.evaluate`.
        """
        check_batch_size(batch_size)
        if not kwargs.get("_use_cached_eval_dataset"):
            x, y = self.inputs_check.check_fit(x, y, sample_weight)
            self.require_adapted()
        return super().evaluate(x, y, batch_size=batch_size, verbose=verbose, sample_weight=sample_weight, **kwargs)

    def train_on_batch(self, x: Data, y: Data = None, sample_weight: Data = None, **kwargs: Any) -> Any:
        """As `keras.Model.train_on_batch`; parts that adapt to the data must have been adapted.

        Args:
            x: arrays `(n, *data_shape)`, `[x, condition]`, a dict of them, or a dataset.
            y: `(n, *data_shape)`, what is to be reconstructed in place of x, as for denoising.
            sample_weight: `(n,)`, weight of each example in the loss.
            **kwargs: as for `keras.Model.train_on_batch`.
        """
        x, y = self.inputs_check.check_fit(x, y, sample_weight)
        self.require_adapted()
        return super().train_on_batch(x, y, sample_weight, **kwargs)

    def test_on_batch(self, x: Data, y: Data = None, sample_weight: Data = None, **kwargs: Any) -> Any:
        """As `keras.Model.test_on_batch`; `y` may be left out.

        Args:
            x: arrays `(n, *data_shape)`, `[x, condition]`, a dict of them, or a dataset.
            y: `(n, *data_shape)`, what is to be reconstructed in place of x, as for denoising.
            sample_weight: `(n,)`, weight of each example in the loss.
            **kwargs: as for `keras.Model.test_on_batch`.
        """
        x, y = self.inputs_check.check_fit(x, y, sample_weight)
        self.require_adapted()
        return super().test_on_batch(x, y, sample_weight, **kwargs)

    def require_adapted(self) -> None:
        """Refuse a model whose parts are still to see the data that they start from.

        Raises:
            ValueError: a part has seen none.
        """
        for part in self._parts_to_adapt():
            if not getattr(part, "must_adapt", True):
                continue  # it starts better from the data, and works without
            raise ValueError(
                f"{type(part).__name__} must see data before it is used: call fit, which shows it the training data, "
                "or its adapt(x) with a sample of them."
            )

    def _parts_to_adapt(self) -> list[Any]:
        parts = (self.encoder, self.posterior, self.prior, self.decoder, self.likelihood, self.objective)
        return [part for part in parts if hasattr(part, "adapt") and not bool(ops.convert_to_numpy(part.adapted))]

    def _adapt_parts(self, data: Data) -> None:
        """Show the data to the parts that start from it, once in a model's life."""
        parts = self._parts_to_adapt()
        if not parts:
            return
        if is_stream(data):
            peeked = peek(data, ROWS_TO_ADAPT)
            if peeked is None:
                raise ValueError(
                    f"Argument `x`: {type(parts[0]).__name__} must see data before training, and a generator can be "
                    "read only once. Call its adapt(x) with a sample of the training data first."
                )
            x, condition, _ = peeked[0]
        else:
            x, condition, _ = unpack(data)
        context = () if condition is None else (ops.convert_to_numpy(self.context(condition, len(x))),)
        for part in parts:
            part.adapt(x, *context)


def check_batch_size(batch_size: int | None) -> None:
    if batch_size is not None:
        positive_int(batch_size, "batch_size")
