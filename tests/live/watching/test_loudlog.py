"""The log of loudness: what is in a line, and a file for each day."""

import datetime
import json
import time
from types import SimpleNamespace

import numpy as np
import pytest

from rt_automix.config import Config
from rt_automix.errors import ConfigError
from rt_automix.io.devices.edge.board import TAKE_SAMPLES, WRITTEN, Board
from rt_automix.live.watching.loudlog import COLUMNS, LoudnessLog

RATE_HZ = 48_000
MIDNIGHT = datetime.datetime(2026, 12, 1, tzinfo=datetime.UTC)


def status(peak_dbtp, name="stream", **more):
    meters = {**dict.fromkeys(COLUMNS, -14.25), "out_true_peak_dbtp": peak_dbtp, **more}
    return {"outputs": [{"name": name, "meters": meters}] if name else [], "meters": meters}


def play(board, tone_dbfs=None):
    """A quarter of a second goes out."""
    written, count = int(board.stats[WRITTEN]), RATE_HZ // 4
    if tone_dbfs is not None:
        places = np.arange(written, written + count)
        tone = 10.0 ** (tone_dbfs / 20.0) * np.sin(2.0 * np.pi * 1000.0 / RATE_HZ * places)
        board.rings[1][:, places % TAKE_SAMPLES] = tone
    board.stats[WRITTEN] += count


def logged(path, statuses, step_s=0.25, start=None, **more):
    """What is told after some statuses, `step_s` of time between them."""
    clock = [start or MIDNIGHT - datetime.timedelta(seconds=1.0)]
    told = []
    setup = SimpleNamespace(config=Config())
    session = SimpleNamespace(status=None, is_playing=True, board=Board(), sample_rate_hz=RATE_HZ, setup=setup)
    with LoudnessLog(path, told.append, lambda: clock[0]) as log:
        for session.status in statuses:
            log.show(session, None)
            play(session.board, **more)
            clock[0] += datetime.timedelta(seconds=step_s)
        time.sleep(0.1)
        log.show(session, None)
    return told


def test_a_line_a_second_with_the_highest_peak_and_a_file_a_day(tmp_path):
    peaks = [-3.0, -1.5, -4.0, -5.0, -6.0, -2.25, -9.0, -9.0, -9.0]
    assert logged(tmp_path / "loud.csv", [status(peak) for peak in peaks]) == []
    head, line = (tmp_path / "loud-2026-11-30.csv").read_text().splitlines()
    assert head == f"time,output,{','.join(COLUMNS)}"
    assert line == "2026-11-30T23:59:59+00:00,stream,-14.25,-14.25,-14.25,-14.25,-1.50,-14.25"
    _, line = (tmp_path / "loud-2026-12-01.csv").read_text().splitlines()
    assert line.startswith("2026-12-01T00:00:00+00:00,stream") and line.split(",")[6] == "-2.25"

    logged(tmp_path / "loud.csv", [status(peak) for peak in peaks])  # another session goes on in the same files
    assert len((tmp_path / "loud-2026-11-30.csv").read_text().splitlines()) == 3


def test_json_lines_with_nothing_for_silence_and_a_session_of_one_output(tmp_path):
    logged(tmp_path / "loud.jsonl", [status(-200.0, "", momentary_lufs=-200.0) for _ in range(6)])
    (line,) = (tmp_path / "loud-2026-11-30.jsonl").read_text().splitlines()
    found = json.loads(line)
    assert found["output"] == "main" and found["momentary_lufs"] is None and found["short_term_lufs"] == -14.25


def test_a_disk_that_fails_is_told_once_and_other_endings_are_refused(tmp_path):
    (tmp_path / "loud-2026-11-30.csv").mkdir()
    start = MIDNIGHT - datetime.timedelta(seconds=9.0)
    told = logged(tmp_path / "loud.csv", [status(-1.0) for _ in range(6)], 1.0, start)
    assert len(told) == 1 and "not logged" in told[0]
    with pytest.raises(ConfigError, match=r"\.csv or \.jsonl"):
        LoudnessLog(tmp_path / "loud.txt", print)
    with pytest.raises(ConfigError, match="does not exist"):
        LoudnessLog(tmp_path / "no" / "loud.csv", print)


def test_at_the_end_stands_what_the_whole_programme_measured(tmp_path):
    """30 s of a tone: longer than the ring, and told in the words of EBU R 128 s1."""
    logged(tmp_path / "loud.csv", [status(-1.0) for _ in range(120)], 0.25, MIDNIGHT, tone_dbfs=-23.0)
    head, line = (tmp_path / "loud-r128s1-2026-12-01.csv").read_text().splitlines()
    found = dict(zip(head.split(","), line.split(","), strict=True))
    assert found["programme"] == "main" and found["within"] == "True" and 29.0 < float(found["duration_s"]) <= 30.0
    for name in ("integrated_lufs", "max_momentary_lufs", "max_short_term_lufs", "max_true_peak_dbtp"):
        assert float(found[name]) == pytest.approx(-23.0, abs=0.03), name
