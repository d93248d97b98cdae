"""Training of an encoder that keeps up with its decoder."""

import math
from typing import Any

import keras

from keras_vae.arguments import positive_int
from keras_vae.backend import sync_state
from keras_vae.callbacks.variable_schedule import steps_of
from keras_vae.evaluation import mutual_information
from keras_vae.hints import Data
from keras_vae.optimizers.encoder_decoder import encoder_decoder_of

__all__ = ["AggressiveEncoder"]


class AggressiveEncoder(keras.callbacks.Callback):
    """Several updates of the encoder for each of the decoder's, until the mutual information stops growing.

    Early in training q(z|x) lags behind the true posterior of a decoder that changes quickly; the decoder then learns
    to do without the latents, and the KL falls to zero (He et al., 2019). In this phase the decoder is updated in the
    last of every `encoder_steps` batches only, and held back in the others. When I(x; z) of held-out data has not grown
    for `patience` epochs, the phase is over, and training is the usual one, with the `decoder_every` of before. That
    holds after `fit` too, even if it ends within the phase.

    The model must be compiled with `keras_vae.optimizers.EncoderDecoder`, which holds the decoder back. The optimizer
    is saved with the model, so a resumed run with this callback goes on in its phase. A model that was trained before
    starts a new phase if it is compiled anew.

    The paper makes as many updates of the encoder as lower its loss, up to a hundred, on batches that it draws for
    this; here their number is fixed, and they take the batches of `fit`. So an epoch of this phase has
    `1 / encoder_steps` of the decoder's usual updates: give it more epochs. Logged at the end of every epoch are
    `decoder_every`, and, while the phase lasts, `mutual_information`, in nats.

    Args:
        x: held-out data, as for `predict`; `(n, *data_shape)`. The time of the measure grows with the square of n, and
            it cannot exceed log n: 500 to 1000 rows suffice.
        encoder_steps: updates of the encoder for each of the decoder's.
        patience: number of epochs without a larger mutual information that end the phase.

    Raises:
        ValueError: invalid arguments; in training, another optimizer.
        NotImplementedError: in training, latents with a time axis, of which the mutual information is not known.

    Example:

    >>> import numpy as np
    >>> import keras_vae as kv
    >>> x = np.random.default_rng(0).random((64, 4))
    >>> vae = kv.VAE(data_shape=(4,), latent_dim=2)
    >>> vae.compile(kv.optimizers.EncoderDecoder("adam"))
    >>> aggressive = kv.callbacks.AggressiveEncoder(x[:16], encoder_steps=4)
    >>> vae.fit(x[16:], epochs=2, callbacks=[aggressive], verbose=0).history["decoder_every"][0]
    4
    """

    def __init__(self, x: Data, encoder_steps: int = 10, patience: int = 1) -> None:
        super().__init__()
        self.x = x
        self.encoder_steps = positive_int(encoder_steps, "encoder_steps")
        self.patience = positive_int(patience, "patience")
        self.best, self.waited = -math.inf, 0
        self.started = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if encoder_decoder_of(self.model.optimizer) is None:
            raise ValueError(
                "The callback AggressiveEncoder needs an optimizer that can hold the decoder back. Expected: "
                "vae.compile(keras_vae.optimizers.EncoderDecoder(...)). Received: "
                f"{type(self.model.optimizer).__name__}"
            )
        if self.model.latents.has_time_axis:
            raise NotImplementedError(
                "The callback AggressiveEncoder needs the mutual information, which is not known for latents of every "
                f"time step. Expected: one latent vector. Received: latents {type(self.model.latents).__name__}. Hold "
                "the decoder back with keras_vae.optimizers.EncoderDecoder(decoder_every=...) instead."
            )
        self.best, self.waited, self.started = -math.inf, 0, False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.started:
            return
        # Not before the first epoch: `BackupAndRestore` loads the optimizer when the training begins.
        self.started = True
        sync_state(self.model)
        optimizer = self._optimizer()
        if self._usual():
            return  # loaded from within a phase
        found = self._decoder_every()
        if steps_of(self.model.optimizer) == 0 or optimizer.paused is not None:
            every = self.encoder_steps if optimizer.paused is None else optimizer.paused
            optimizer.usual.assign(0 if every == found else found)
            optimizer.decoder_every.assign(every)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        sync_state(self.model)
        logs = {} if logs is None else logs
        logs["decoder_every"] = self._decoder_every()
        if not self._usual():
            return
        # One seed: the noise of the estimate would end the phase too early.
        found = mutual_information(self.model, self.x, seed=0, verbose=0).mutual_information
        logs["mutual_information"] = found
        self.waited = 0 if found > self.best else self.waited + 1
        self.best = max(self.best, found)
        if self.waited >= self.patience:
            self._end(None)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        sync_state(self.model)
        if self.started and self._usual():
            self._end(self._decoder_every())

    def _end(self, paused: int | None) -> None:
        """Train as usual again.

        Args:
            paused: what `decoder_every` is to be when the phase goes on; None if it is over.
        """
        optimizer = self._optimizer()
        optimizer.decoder_every.assign(self._usual())
        optimizer.usual.assign(0)
        optimizer.paused = paused

    def _decoder_every(self) -> int:
        return int(keras.ops.convert_to_numpy(self._optimizer().decoder_every))

    def _usual(self) -> int:
        """`decoder_every` outside of the phase; 0 there."""
        return int(keras.ops.convert_to_numpy(self._optimizer().usual))

    def _optimizer(self) -> Any:
        return encoder_decoder_of(self.model.optimizer)
