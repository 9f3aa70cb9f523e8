"""What was found, in words: the largest first, no hill named twice, and a word where there is nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rt_automix.analysis.aim.masters import Found
from rt_automix.analysis.recordings import findings
from rt_automix.analysis.tone import TONE_BANDS


def found(correction_db: dict[int, float], side_mid_db: float = 0.0) -> Found:
    made = np.zeros(TONE_BANDS)
    for band, value in correction_db.items():
        made[band] = value
    return Found(made, np.full(TONE_BANDS, 0.8), side_mid_db, 1.2, 0.0, 0.1)


def test_it_is_said_in_a_sentence_with_its_doubt():
    assert findings.words(found({3: -2.1})) == ["2.1 dB too much at 250 Hz, sure to 0.8 dB"]
    assert findings.words(found({20: 1.26})) == ["1.3 dB too little at 9.6 kHz, sure to 0.8 dB"]
    assert findings.words(found({}, -1.5)) == ["1.5 dB too wide, sure to 1.2 dB"]
    assert findings.words(found({}, 2.0)) == ["2.0 dB too narrow, sure to 1.2 dB"]


def test_nothing_worth_a_word_is_said_too_and_nothing_looked_for_is_not():
    assert findings.words(found({4: 0.3}, 0.2)) == [findings.ALL_WELL]
    assert findings.words(None) == [] and findings.plain(None) is None


def test_the_largest_come_first_and_one_hill_is_one_finding():
    hill = {band: -3.0 * np.exp(-0.5 * ((band - 6) / 3.0) ** 2) for band in range(TONE_BANDS)}
    told = findings.words(found(hill | {20: 1.0}))
    assert len(told) == 2 and told[0].startswith("3.0 dB too much") and told[1].startswith("1.0 dB too little")
    assert len(findings.words(found({0: 1.0, 6: -2.0, 12: 3.0, 18: -4.0}))) == findings.MOST_TONES


@pytest.mark.parametrize(("hz", "text"), [(31.7, "32 Hz"), (254.0, "250 Hz"), (996.0, "1 kHz"), (9571.0, "9.6 kHz")])
def test_two_digits_are_all_a_band_has(hz, text):
    assert findings.pitch(hz) == text


def test_numbers_go_into_json():
    document = json.loads(json.dumps(findings.plain(found({3: -2.123}))))
    assert document["correction_db"][3] == -2.12 and len(document["doubt_db"]) == TONE_BANDS
    assert document["words"][0].startswith("2.1 dB too much")
