"""Conversions between units against closed forms; the shape of the errors a user meets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt_automix import errors, units


@pytest.mark.parametrize(
    ("level_db", "level_lin"), [(0.0, 1.0), (20.0, 10.0), (-20.0, 0.1), (-6.0205999, 0.5), (6.0205999, 2.0)]
)
def test_levels_of_amplitudes(level_db, level_lin):
    assert units.lin_from_db(level_db) == pytest.approx(level_lin, rel=1e-8)
    assert units.db_from_lin(level_lin) == pytest.approx(level_db, abs=1e-7)


@given(st.floats(-180.0, 180.0))
def test_there_and_back(level):
    assert units.db_from_lin(units.lin_from_db(level)) == pytest.approx(level, abs=1e-9)
    assert float(units.db_from_power(units.power_from_db(level))) == pytest.approx(level, abs=1e-9)
    assert units.lufs_from_energy(units.energy_from_lufs(level)) == pytest.approx(level, abs=1e-9)


@pytest.mark.parametrize("nothing", [0.0, -0.0, -1.0, 1e-300])
def test_silence_reads_the_floor(nothing):
    assert units.db_from_lin(nothing) == units.FLOOR_DB
    assert float(units.db_from_power(nothing)) == units.FLOOR_DB
    assert math.isfinite(units.lufs_from_energy(nothing))


def test_powers_go_element_by_element():
    powers = np.array([[1.0, 10.0], [0.5, 0.0]])
    np.testing.assert_allclose(units.db_from_power(powers), [[0.0, 10.0], [-3.0103, -200.0]], atol=1e-5)
    np.testing.assert_allclose(units.power_from_db([0.0, 10.0, -10.0]), [1.0, 10.0, 0.1])


def test_loudness_of_a_full_scale_sine():
    """BS.1770-5: 997 Hz at 0 dBFS in one channel reads -3.01 LKFS; the K filter adds 0.691 dB there."""
    k_weighted_mean_square = 0.5 * float(units.power_from_db(0.691))
    assert units.lufs_from_energy(k_weighted_mean_square) == pytest.approx(-3.01, abs=0.005)


def test_errors_form_one_family_with_exit_codes():
    exit_codes = {
        errors.AutomixError: 1,
        errors.UserError: 2,
        errors.ConfigError: 2,
        errors.AudioFileError: 2,
        errors.DeviceError: 1,
        errors.ModelError: 1,
    }
    for kind, exit_code in exit_codes.items():
        assert issubclass(kind, errors.AutomixError)
        assert kind("live.toml: wrong").exit_code == exit_code and str(kind("live.toml: wrong")) == "live.toml: wrong"


def test_nearest_name():
    known = ("ceiling_dbtp", "lookahead")
    assert errors.nearest("celing", known) == ' Did you mean "ceiling_dbtp"?'
    assert errors.nearest("look_ahead", known) == ' Did you mean "lookahead"?'
    assert errors.nearest("zzz", known) == "" == errors.nearest("ceiling", ())
