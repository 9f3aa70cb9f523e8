"""The trial of thousands of files in short: one bad one of each of ten kinds, and a kill in the middle."""

from __future__ import annotations

from bench.speed.songs import many


def test_good_ones_are_done_bad_ones_have_reasons_and_nothing_is_done_twice(tmp_path):
    found = many.trial(tmp_path, 24, 10, kills=1, seconds=0.5)
    zeros = (
        "done_twice",
        "half_written",
        "other_bits",
        "without_reason",
        "not_on_page",
        "failed_wrongly",
        "left_behind",
    )
    assert {name: found[name] for name in zeros} == dict.fromkeys(zeros, 0)
    assert found["masters"] == 14 and found["exit_code"] == 1
