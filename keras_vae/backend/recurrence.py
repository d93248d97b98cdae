"""Recurrent layers on torch, where Keras runs a loop in Python over the steps and torch has one operation."""

from typing import Any

import keras

__all__ = ["recurrence"]


def recurrence(layer: Any, sequences: Any, initial_state: Any, mask: Any) -> tuple[Any, Any, list[Any]] | None:
    """What `inner_loop` of a `keras.layers.LSTM` or `GRU` returns, or None where Keras' own loop has to compute it.

    A mask is taken out of the sequences: the steps that count come first, in their order, and every step gets the
    output of the last one that counts up to it, as in Keras' loop.

    Args:
        layer: the built layer.
        sequences: `(batch, time, features)`.
        initial_state: tensors `(batch, units)`: two of an `LSTM`, one of a `GRU`.
        mask: `(batch, time)`, True for steps that count, or None.
    """
    if keras.backend.backend() != "torch" or not _is_plain(layer, mask):
        return None
    import torch

    states = [state.unsqueeze(0) for state in initial_state]
    if layer.go_backwards:
        sequences, mask = sequences.flip(1), None if mask is None else mask.flip(1)
    if mask is not None:
        mask = mask.bool()
        steps = torch.argsort((~mask).to(torch.uint8), dim=1, stable=True)
        sequences = torch.gather(sequences, 1, steps.unsqueeze(-1).expand(-1, -1, sequences.shape[-1]))
    options = (True, 1, 0.0, True, False, True)  # biases, layers, dropout, training, both directions, batch first
    weights = _weights(layer.cell)
    if isinstance(layer, keras.layers.LSTM):
        outputs, *states = torch.lstm(sequences, states, weights, *options)
    else:
        outputs, *states = torch.gru(sequences, states[0], weights, *options)
    states = [state.squeeze(0) for state in states]
    if mask is not None:
        counted = torch.cumsum(mask.to(torch.int64), dim=1)
        last = (counted - 1).clamp(min=0).unsqueeze(-1).expand(-1, -1, outputs.shape[-1])
        outputs = torch.where(counted.unsqueeze(-1) > 0, torch.gather(outputs, 1, last), 0.0)
        if layer.zero_output_for_mask:
            outputs = torch.where(mask.unsqueeze(-1), outputs, 0.0)
        states = []  # of the last step that counts; `_is_plain` has seen that nothing asks for them
    return outputs[:, -1], outputs, states


def _is_plain(layer: Any, mask: Any) -> bool:
    """Whether the layer is what torch computes."""
    if isinstance(layer, keras.layers.GRU) and not layer.cell.reset_after:
        return False
    if mask is not None and (layer.return_state or layer.stateful):
        return False  # of a step in the middle torch returns the output, and not the cell
    cell = layer.cell
    activations = (cell.activation, cell.recurrent_activation) == (keras.activations.tanh, keras.activations.sigmoid)
    return activations and cell.use_bias and not (cell.dropout or cell.recurrent_dropout)


def _weights(cell: Any) -> list[Any]:
    """Of the inputs and of the state, then the biases: with one row for each gate's units, in torch's order."""
    import torch

    weights = [_value(cell.kernel), _value(cell.recurrent_kernel)]
    bias = _value(cell.bias)
    if isinstance(cell, keras.layers.LSTMCell):
        biases = [bias, torch.zeros_like(bias)]
    else:
        weights, biases = [_swapped(weight) for weight in weights], list(_swapped(bias))
    return [*(weight.T for weight in weights), *biases]


def _swapped(weight: Any) -> Any:
    """With the gates of a `GRU` in torch's order: reset, update, new; Keras' has the update first."""
    import torch

    update, reset, new = weight.chunk(3, dim=-1)
    return torch.cat([reset, update, new], dim=-1)


def _value(weight: Any) -> Any:
    """The tensor, in the dtype that the layer computes in."""
    return keras.ops.convert_to_tensor(weight)
