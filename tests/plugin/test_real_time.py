"""Plug-ins in time with the clock: LV2 in jalv on a JACK server, with jalv's worker; a CLAP whose worker is late."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal as signals
import subprocess

import numpy as np
import pytest
from hosting import ID, LATENCY, read
from jackserver import jack_server, needs_jack
from liverun import Probe
from waiting import PATIENCE_S, until

from rt_automix.plugin import ttl

pytestmark = pytest.mark.live

RATE_HZ = 48_000
STARTS = 3
LEAD = RATE_HZ // 2
"""Samples of silence before a signal, in which the controls come to where they are set."""


def _end(jalv, said):
    """Have it tell its meters, and end."""
    with contextlib.suppress(OSError):
        jalv.stdin.write(b"monitors\n")
        jalv.stdin.flush()
        until(lambda: "late = " in said.read_text() or jalv.poll() is not None, "meters")
    jalv.send_signal(signals.SIGINT)
    try:
        jalv.wait(5.0)
    except subprocess.TimeoutExpired:
        jalv.kill()
        jalv.wait(PATIENCE_S)


@pytest.fixture
def through_jalv(plugins, tmp_path):
    """What jalv makes of a signal, with some controls set; and what it says of the meters."""

    def start(signal, options, said):
        surroundings = {**os.environ, "LV2_PATH": str(plugins / ".lv2")}
        with jack_server(64, RATE_HZ, synchronous=True) as server:
            command = ["stdbuf", "-oL", "jalv", "-x", "-n", "rt_automix", *options, ttl.URI]
            environment = {**surroundings, **server.environment, "LV2_PATH": surroundings["LV2_PATH"]}
            jalv = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=said, stderr=said)
            try:
                probe = Probe(np.concatenate([np.zeros((len(signal), LEAD), np.float32), signal], axis=1))
                until(probe.try_to_connect, (tmp_path / "said").read_text)
                heard = probe.run(PATIENCE_S)[:, LEAD:]
                probe.close()
            finally:
                _end(jalv, tmp_path / "said")
        return heard

    def run(signal, **controls):
        options = [part for name, value in controls.items() for part in ("-c", f"{name}={value}")]
        for _ in range(STARTS):  # a server whose cycles come to a halt is none to judge a plug-in by
            with (tmp_path / "said").open("w") as said:
                heard = start(signal, options, said)
            text = (tmp_path / "said").read_text()
            if heard.shape[1] > signal.shape[1] - 64:
                return heard, text
        raise AssertionError(f"{heard.shape[1]} of {signal.shape[1]} samples in {PATIENCE_S} s, {STARTS} times: {text}")

    return run


@needs_jack
@pytest.mark.skipif(shutil.which("jalv") is None, reason="needs jalv: sudo apt install jalv")
def test_jalv_with_nothing_to_do_delays_by_the_latency(through_jalv, song):
    """Silent but for the delay; the probe hears what it has played a period later."""
    signal = 0.5 * song[:, : 2 * RATE_HZ]
    heard, _ = through_jalv(signal, amount=0.0)
    delays = (LATENCY, LATENCY + 64, LATENCY + 128)
    apart = [np.abs(heard[:, delay:] - signal[:, : heard.shape[1] - delay]).max(axis=0) for delay in delays]
    errors = [float(one.max()) for one in apart]
    places = np.flatnonzero(apart[int(np.argmin(errors))] > 1e-6)
    assert min(errors) < 1e-6, (errors, places.size, places[:1], places[-1:])


@needs_jack
@pytest.mark.skipif(shutil.which("jalv") is None, reason="needs jalv: sudo apt install jalv")
def test_jalv_lets_it_listen(through_jalv, song):
    """Its worker hears and decides in time: the loudness comes to what is asked for, and no suggestion is late."""
    heard, said = through_jalv(0.1 * song[:, : 6 * RATE_HZ])
    end = heard[:, 4 * RATE_HZ :]
    assert np.abs(end).max() > 4.0 * np.abs(0.1 * song[:, 4 * RATE_HZ : 6 * RATE_HZ]).max()
    assert np.abs(heard).max() <= 10.0 ** (-1.0 / 20.0) + 1e-6
    meters = {name: float(value) for name, value in re.findall(r"(\w+) = (-?[\d.]+)", said)}
    assert meters["late"] <= 1.0 and 0.0 < meters["suggestion_age_s"] < 1.0  # a busy machine may keep it waiting once


def test_in_time_with_the_clock_nobody_waits_for_a_late_worker(clap, late, raw, song, tmp_path):
    """A second is played in a second; the worker needs a fifth of one longer than it has."""
    file, out = f"in {raw} {song.shape[1]}", tmp_path / "out"
    lines = ("new", "on 48000", file, "paced 480 48000", f"out {out}", f"get {ID['late']}")
    slowest_ms, count = clap(*lines, env=late(250))
    assert float(count) >= 1.0
    assert float(slowest_ms) < 100.0, "a block waited for the worker"
    assert np.isfinite(read(out)).all() and np.abs(read(out)[:, :48_000]).max() > 0.1
