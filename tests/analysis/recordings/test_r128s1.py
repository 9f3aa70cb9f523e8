"""Reports against EBU R 128 s1: each limit by itself, the choice between two, and what is written."""

import csv
import json

import numpy as np
import pytest

from rt_automix.analysis.recordings import r128s1
from rt_automix.analysis.recordings.measure import Meter

RATE_HZ = 48_000


def spot(*segments):
    """What a meter reads of 1 kHz on both sides, levels in dBFS and LUFS alike, for so many seconds each."""
    tones = [
        10.0 ** (level / 20.0) * np.sin(2.0 * np.pi / 48.0 * np.arange(round(s * RATE_HZ))) for level, s in segments
    ]
    meter = Meter(RATE_HZ, 2)
    meter.push(np.tile(np.concatenate(tones).astype(np.float32), (2, 1)))
    return r128s1.report("spot.wav", meter.result())


def over(found):
    return [name for name in found if name.endswith("_ok") and not found[name]]


def test_what_is_within_and_what_is_not():
    assert spot((-23.0, 20.0))["within"]
    assert over(spot((-22.5, 20.0))) == ["integrated_ok"]
    found = spot((-26.0, 20.0), (-17.0, 3.2), (-26.0, 8.0))
    assert found["max_short_term_lufs"] == pytest.approx(-17.0, abs=0.02) and not found["max_short_term_ok"]
    assert found["max_momentary_ok"]  # -17: the broadcaster who goes by the other figure takes it
    found = spot((-24.0, 20.0), (-10.0, 0.4), (-24.0, 8.0))
    assert found["max_momentary_lufs"] == pytest.approx(-10.0, abs=0.05) and not found["max_momentary_ok"]
    assert over(spot((-30.0, 1.0), (-0.5, 0.01), (-30.0, 1.0)))[-1] == "max_true_peak_ok"
    silent = spot((-200.0, 5.0))
    assert silent["integrated_lufs"] is None and not silent["within"]


def test_each_kind_of_file_says_the_same():
    reports = [spot((-23.0, 5.0)), spot((-20.0, 5.0))]
    assert json.loads(r128s1.written(reports, ".json")) == reports
    rows = list(csv.DictReader(r128s1.written(reports, ".csv").splitlines()))
    assert [row["within"] for row in rows] == ["True", "False"] and float(rows[1]["integrated_lufs"]) == reports[1][
        "integrated_lufs"
    ]
    text = r128s1.written(reports, ".txt")
    assert "spot.wav (5.0 s): within EBU R 128 s1" in text and "not within EBU R 128 s1" in text
    assert "programme loudness: -20.0 LUFS (-23 ± 0.2, not within)" in text
