"""Fields, and where their values may lie."""

import copy
import json
import pickle

import keras
import numpy as np
import pytest

import keras_vae as kv

pytestmark = pytest.mark.on_torch

REAL = kv.data.Support()
SHARE = kv.data.Support(0.0, 1.0, open_low=True)
LEVEL = kv.data.Support(0.0, 4.0, integer=True, categorical=True)


class TestField:
    @pytest.mark.parametrize("field", [kv.data.Field((None, 3)), kv.data.Field([np.int64(12)], missing="nan")])
    def test_round_trip(self, field):
        text = json.dumps(keras.saving.serialize_keras_object(field))
        restored = keras.saving.deserialize_keras_object(json.loads(text))
        assert restored == field
        assert type(restored.shape) is tuple
        assert kv.data.Field.from_config(field.get_config()) == field
        assert keras.saving.get_registered_name(kv.data.Field) == "keras_vae.data>Field"

    def test_an_int_is_a_vector(self):
        assert kv.data.Field(12) == kv.data.Field((12,))

    @pytest.mark.parametrize("shape", [(), (0,), (2.0,), (True,), "12", ((3, 4),), None])
    def test_no_shape(self, shape):
        with pytest.raises(ValueError, match=r"Argument `shape`.*positive ints.*Received: shape="):
            kv.data.Field(shape)

    def test_unknown_sign_for_missing(self):
        with pytest.raises(ValueError, match=r"Argument `missing`.*'nan'.*Received: missing=0"):
            kv.data.Field((3,), missing=0)

    def test_frozen(self):
        with pytest.raises(AttributeError):
            kv.data.Field((3,)).missing = "nan"


class TestColumnSupport:
    def test_the_whole(self):
        mixed = kv.data.ColumnSupport([(SHARE, 2), (LEVEL, 1)])
        assert mixed == kv.data.ColumnSupport(((SHARE, 2), (LEVEL, 1)))
        assert tuple(mixed) == (0.0, 4.0, False, False, False, False)
        assert tuple(kv.data.ColumnSupport([(SHARE, 1), (kv.data.Support(0.5, 1.0, open_high=True), 1)])) == (
            *(0.0, 1.0, False, True, False, False),
        )
        assert kv.data.ColumnSupport([(LEVEL, 2)]).integer
        assert not kv.data.ColumnSupport([(LEVEL, 2)]).categorical

    def test_value(self):
        mixed = kv.data.ColumnSupport([(SHARE, 2), (LEVEL, 1)])
        other = kv.data.ColumnSupport([(SHARE, 1), (LEVEL, 2)])
        assert mixed != other
        assert mixed != kv.data.Support(*mixed)
        assert len({mixed, other, kv.data.ColumnSupport([(SHARE, 2), (LEVEL, 1)])}) == 2
        for again in (copy.deepcopy(mixed), pickle.loads(pickle.dumps(mixed))):
            assert again == mixed
        assert "Support(low=0.0, high=4.0" in repr(mixed)

    def test_no_columns(self):
        with pytest.raises(ValueError, match=r"Argument `columns`.*Expected.*Received: none"):
            kv.data.ColumnSupport([])

    def test_each_column(self):
        inner = kv.data.ColumnSupport([(REAL, 1), (SHARE, 1)])
        support = kv.data.ColumnSupport([(LEVEL, 3), (inner, 2), (REAL, 1)])
        found = kv.data.column_supports(support, 6)
        assert found == [(0, 2, LEVEL), (3, 3, REAL), (4, 4, SHARE), (5, 5, REAL)]
        assert kv.data.column_supports(SHARE, 7) == [(0, 6, SHARE)]
        with pytest.raises(ValueError, match=r"Expected 6, the sum of \[3, 2, 1\]. Received: width=5"):
            kv.data.column_supports(support, 5)


class TestBatch:
    def test_masks_are_combined_once(self, monkeypatch):
        """Encoder, decoder, likelihood and metrics ask for them in every step."""
        calls = []
        joined_mask = kv.data.batch.joined_mask
        monkeypatch.setattr(kv.data.batch, "joined_mask", lambda *masks: calls.append(0) or joined_mask(*masks))
        spec, x, mask = kv.data.Field((3, 2), missing="nan"), np.full((2, 3, 2), np.nan), np.tri(2, 3)
        batch = kv.data.Batch.of({"x": x, "mask": mask}, spec, kv.likelihoods.Gaussian())
        assert batch.network_mask() is batch.likelihood_mask()
        assert len(calls) == 2  # with the likelihood's padding, and with the missing elements
        other = kv.data.Batch.of({"x": x, "mask": mask}, spec, kv.likelihoods.Gaussian(), y=np.zeros((2, 3, 2)))
        assert keras.ops.any(other.likelihood_mask() != other.network_mask())
        assert other.likelihood_mask() is other.likelihood_mask()


def test_the_old_home_of_support():
    assert kv.likelihoods.Support is kv.data.Support
    from keras_vae.likelihoods.likelihood import Support

    assert Support is kv.data.Support
