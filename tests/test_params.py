"""The parameter table: clamping, normalising, blending, names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rt_automix import params
from rt_automix.errors import ConfigError

inside = hnp.arrays(np.float64, params.COUNT, elements=st.floats(0.0, 1.0)).map(params.denormalise)
anything = hnp.arrays(np.float64, params.COUNT, elements=st.floats(width=64))


def test_the_table_is_the_contract():
    """Names, ranges and neutral values as the documentation promises them."""
    assert {param.name: (param.low, param.high, param.neutral) for param in params.PARAMS} == {
        "input_gain_db": (-12.0, 12.0, 0.0),
        "low_shelf_db": (-6.0, 6.0, 0.0),
        "low_mid_db": (-6.0, 6.0, 0.0),
        "mid_db": (-6.0, 6.0, 0.0),
        "presence_db": (-6.0, 6.0, 0.0),
        "air_db": (-6.0, 6.0, 0.0),
        "compression": (0.0, 0.6, 0.0),
        "stereo_width": (0.5, 1.5, 1.0),
        "limiter_drive_db": (0.0, 9.0, 0.0),
        "output_level": (0.6, 0.9, 0.89),
    }
    assert params.COUNT == len(params.INDEX) == 10
    for param in params.PARAMS:
        assert param.low <= param.neutral <= param.high and param.smoothing_ms > 0.0 and param.slew_per_s > 0.0
        assert (param.unit == "dB") == param.name.endswith("_db"), param.name


def test_columns_cannot_be_changed_by_accident():
    for column in (params.LOW, params.HIGH, params.NEUTRAL, params.SLEW_PER_S):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1.0


@given(anything)
def test_clamp_takes_anything(values):
    clamped = params.clamp(values)
    assert np.isfinite(clamped).all() and (clamped >= params.LOW).all() and (clamped <= params.HIGH).all()
    for value, result, param in zip(values, clamped, params.PARAMS, strict=True):
        expected = param.neutral if np.isnan(value) else min(max(value, param.low), param.high)
        assert result == expected
    np.testing.assert_array_equal(params.clamp(clamped), clamped)


@given(inside)
def test_normalise_and_denormalise_are_inverse(values):
    values_norm = params.normalise(values)
    assert (values_norm >= -1e-12).all() and (values_norm <= 1.0 + 1e-12).all()
    np.testing.assert_allclose(params.denormalise(values_norm), values, rtol=0.0, atol=1e-12)


def test_normalised_ends_are_zero_and_one():
    np.testing.assert_array_equal(params.normalise(params.LOW), np.zeros(params.COUNT))
    np.testing.assert_array_equal(params.normalise(params.HIGH), np.ones(params.COUNT))
    np.testing.assert_allclose(params.normalise(params.NEUTRAL)[[0, 6, 7]], [0.5, 0.0, 0.5])


@given(inside, st.floats(0.0, 1.0))
def test_blend_runs_straight_from_neutral_to_the_suggestion(suggestion, amount):
    np.testing.assert_array_equal(params.blend(suggestion, 0.0), params.NEUTRAL)
    np.testing.assert_allclose(params.blend(suggestion, 1.0), suggestion, rtol=0.0, atol=1e-15)
    twin = [p.neutral * (1.0 - amount) + s * amount for p, s in zip(params.PARAMS, suggestion, strict=True)]
    np.testing.assert_allclose(params.blend(suggestion, amount), twin, rtol=0.0, atol=1e-12)


def test_whole_batches_at_once():
    batch = np.random.default_rng(1).uniform(-20.0, 20.0, (3, 4, params.COUNT))
    one_by_one = np.stack([params.clamp(row) for row in batch.reshape(-1, params.COUNT)]).reshape(batch.shape)
    np.testing.assert_array_equal(params.clamp(batch), one_by_one)
    assert params.normalise(batch).shape == params.blend(batch, 0.5).shape == batch.shape


def test_by_name():
    values = params.from_dict({"air_db": 2.0, "compression": 5.0})
    expected = params.NEUTRAL.copy()
    expected[params.NAMES.index("air_db")] = 2.0
    expected[params.NAMES.index("compression")] = 0.6
    np.testing.assert_array_equal(values, expected)
    named = params.to_dict(values)
    assert list(named) == list(params.NAMES) and all(type(value) is float for value in named.values())
    np.testing.assert_array_equal(params.from_dict(named), values)


def test_a_wrong_name_brings_the_nearest_one():
    with pytest.raises(ConfigError, match=r'parameter "presense_db" is unknown\. Did you mean "presence_db"\? Known: '):
        params.from_dict({"presense_db": 1.0})
