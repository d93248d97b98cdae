"""Categories limited to the most likely ones, against NumPy."""

import numpy as np
import pytest
from keras import ops

from keras_vae.distributions import Categorical

LOGITS = 2.0 * np.random.default_rng(0).standard_normal((50, 3, 9)).astype("float32")
CASES = [{"top_k": 1}, {"top_k": 4}, {"top_p": 0.2}, {"top_p": 0.9}, {"top_k": 5, "top_p": 0.7}, {"top_k": 20}]


def softmax(logits):
    shares = np.exp(logits - logits.max())
    return shares / shares.sum()


def oracle(logits, top_k=None, top_p=None):
    """The k most likely; of these the fewest whose mass, renormalised, reaches p."""
    shares = softmax(logits)
    order = np.argsort(-shares)[: top_k or len(shares)]
    kept = shares[order] / shares[order].sum()
    count = len(order)
    if top_p is not None:
        count = next(n for n in range(1, count + 1) if kept[:n].sum() >= top_p - 1e-7)
    result = np.zeros_like(shares)
    result[order[:count]] = shares[order[:count]] / shares[order[:count]].sum()
    return result


@pytest.mark.parametrize("limits", CASES, ids=str)
def test_against_numpy(limits):
    value = Categorical(LOGITS, event_ndims=1).truncated(**limits)
    expected = np.apply_along_axis(oracle, -1, LOGITS, **limits)
    found = ops.convert_to_numpy(value.probabilities())
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(found > 0, expected > 0)
    np.testing.assert_array_equal(ops.convert_to_numpy(value.mode()), LOGITS.argmax(axis=-1))
    each = ops.convert_to_numpy(value.log_prob_per_element(LOGITS.argmax(axis=-1)))
    np.testing.assert_allclose(each, np.log(expected.max(axis=-1)), atol=1e-5)


def test_draws_follow_what_is_left():
    value = Categorical(LOGITS[:1, 0], event_ndims=0).truncated(top_k=3)
    drawn = ops.convert_to_numpy(value.sample(seed=0, num_samples=20000))
    shares = np.bincount(drawn.ravel(), minlength=9) / drawn.size
    np.testing.assert_allclose(shares, oracle(LOGITS[0, 0], top_k=3), atol=0.015)


def test_ties_leave_as_many_as_asked_for():
    equal = Categorical(np.zeros((2, 8)), event_ndims=0)
    assert np.count_nonzero(ops.convert_to_numpy(equal.truncated(top_k=3).probabilities()), axis=-1).tolist() == [3, 3]
    half = ops.convert_to_numpy(equal.truncated(top_p=0.45).probabilities())
    assert np.count_nonzero(half, axis=-1).tolist() == [4, 4]


@pytest.mark.refusals
@pytest.mark.parametrize("limits", [{"top_k": 0}, {"top_k": 1.5}, {"top_p": 0.0}, {"top_p": 1.1}, {"top_p": True}])
def test_refusals(limits):
    name = next(iter(limits))
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .* Received: {name}="):
        Categorical(LOGITS).truncated(**limits)
