"""The sound needs neither the interpreter nor the analysis: both are held up in the real program."""

from __future__ import annotations

import time

import numpy as np
import pytest
import soundfile
from frozen import keep, played
from jackserver import jack_server, needs_jack
from liverun import LiveRun, Probe

from rt_automix.analysis.deciding.suggester import choose
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge.wiring import FADE_S

pytestmark = [needs_jack, pytest.mark.alone]

RATE_HZ = 48_000
PERIOD = 64

# Runs in every interpreter of the program, and waits in the one that plays for the file `now`.
INTRUDER = """
import os, pathlib, sys, threading, time
here = pathlib.Path(__file__).parent

def intrude():
    while not (here / "now").exists():
        time.sleep(0.01)
    if "rt_automix.live.playing.session" not in sys.modules:
        return
    (here / "begun").touch()
    {what}
    (here / "done").touch()

begin = threading.Thread(target=intrude, daemon=True).start
if any("be_copied" in argument for argument in sys.orig_argv):
    os.register_at_fork(after_in_child=begin)  # a mould with threads would not be copied
else:
    begin()
"""
HOLD_THE_INTERPRETER = "import ctypes; ctypes.PyDLL(None).usleep(2_000_000)"
STOP_THE_ANALYSIS = (
    "from rt_automix.analysis.deciding.analyst import Analyst; Analyst.follow = lambda *_: time.sleep(2.0)"
)


def noise(seconds):
    """Loud and soft noise: float32, shape (2, n)."""
    rng = np.random.default_rng(3)
    count = round(seconds * RATE_HZ)
    swell = 0.02 + 0.2 * np.abs(np.sin(np.arange(count) / 9000.0))
    return (swell * rng.standard_normal((2, count))).astype(np.float32)


def played_through(tmp_path, what, *, frozen, after_s=1.0):
    """(what came in, what went out, seconds of it during the intrusion, learned) of a run with an intruder."""
    intruder = tmp_path / "intruder"
    intruder.mkdir()
    (intruder / "sitecustomize.py").write_text(INTRUDER.format(what=what))
    state = tmp_path / "state.json"
    learned = keep(state) if frozen else None
    takes = ["--record", str(tmp_path / "out.wav"), "--record-input", str(tmp_path / "in.wav"), "--record-bits", "32"]
    with jack_server(PERIOD, synchronous=True) as server, LiveRun(server, state, *takes, intruder=intruder) as run:
        run.wait_until_faded_in()
        probe = Probe(noise(after_s + 3.0))
        probe.connect()
        probe.go()
        time.sleep(after_s)
        (intruder / "now").touch()
        run.wait_for(lambda _: (intruder / "begun").exists())
        before = probe.position
        run.wait_for(lambda _: (intruder / "done").exists())
        during = (probe.position - before) / RATE_HZ
        probe.run(30.0)
        probe.close()
        time.sleep(0.3)
    sides = [soundfile.read(tmp_path / name, dtype="float32")[0].T for name in ("in.wav", "out.wav")]
    return *sides, during, learned


def test_not_one_sample_differs_while_the_interpreter_is_held_for_two_seconds(tmp_path):
    came_in, went_out, during_s, learned = played_through(tmp_path, HOLD_THE_INTERPRETER, frozen=True)
    expected = played(came_in, learned)
    first, last = round(FADE_S * RATE_HZ), came_in.shape[1] - round(8 * FADE_S * RATE_HZ)
    assert np.array_equal(went_out[:, first:last], expected[:, first:last])
    print(f"interpreter held for 2 s: {during_s:.2f} s of sound went through")
    assert during_s > 1.0  # 1.9 or more on a quiet machine, 0 if a callback waited for the interpreter


def suggestions_that_fit(folder):
    """After how many suggestions an engine offline must have stopped to sound like the live one; how many came.

    None where one came late on a busy machine, and acted at once.
    """
    folder.mkdir()
    came_in, went_out, _, _ = played_through(folder, STOP_THE_ANALYSIS, frozen=False, after_s=5.0)
    first, last = round(FADE_S * RATE_HZ), came_in.shape[1] - round(8 * FADE_S * RATE_HZ)
    suggester = choose("auto", print)

    def held_after(suggestions):
        """The engine offline, its analysis stopped after so many suggestions."""
        engine = Engine(suggester=suggester, analysis="off")
        engine.prepare(RATE_HZ, 1 << 15)
        interval = engine.analyst.interval_samples
        out = []
        for number, start in enumerate(range(0, came_in.shape[1], interval)):
            out.append(engine.process(np.ascontiguousarray(came_in[:, start : start + interval])))
            if number < suggestions:
                engine.analyst.follow()
        return np.concatenate(out, axis=1)

    engine = Engine(analysis="off")
    engine.prepare(RATE_HZ)
    total = came_in.shape[1] // engine.analyst.interval_samples
    same = [n for n in range(total) if np.array_equal(held_after(n)[:, first:last], went_out[:, first:last])]
    return same, total


def test_with_the_analysis_stopped_the_parameters_are_held(tmp_path):
    for attempt in range(3):
        same, total = suggestions_that_fit(tmp_path / str(attempt))
        if same:
            break
    assert same and same == list(range(same[0], same[-1] + 1))  # a suggestion may move nothing
    assert same[0] > 0 and same[-1] < total - 4
