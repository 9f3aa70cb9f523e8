"""What programs that never read, or die again and again, cost the others: no callback, and no bit."""

import os
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from frozen import keep
from liverun import LiveRun

from rt_automix.io.devices.edge.wiring import FADE_S

pytestmark = pytest.mark.alone

RATE_HZ = 48_000
FADED = round(FADE_S * RATE_HZ)
OUTPUTS = {"room": "target_lufs=-12", "tape": "target_lufs=-20 profile=warm lookahead=false"}
NEVER_READS = f"{sys.executable} -c 'import time; time.sleep(1000)'"
DIES = f"{sys.executable} -c 'import sys; sys.stdin.buffer.read(4096); sys.exit(1)'"
ATTEMPTS = 8
"""A host that takes the processor away for longer than a block is late by itself."""


def played(song, folder, programs, until):
    """(what each output played, the last status) of one run, from its first sample on."""
    folder.mkdir()
    keep(folder / "state.json", (*OUTPUTS, "deaf", "ill"))
    options = ["--play", str(song), "--record-bits", "32"]
    for name, said in OUTPUTS.items():
        options += ["--output", f"{name}: {said} file={folder / name}.wav"]
    for name, program in programs.items():
        options += ["--output", f'{name}: program="{program}"']
    device = SimpleNamespace(environment=dict(os.environ))
    with LiveRun(device, folder / "state.json", *options) as run:
        run.wait_until_faded_in()
        run.wait_for(until)
        status = run.status
    assert run.process.returncode == 0
    takes = [soundfile.read(folder / f"{name}.wav", dtype="float32")[0] for name in OUTPUTS]
    return takes, status


def has_suffered(run):
    of = {one["side"]: one for one in run.status.get("programs", [])}
    is_long = run.status["meters"]["seconds"] > 6.0
    return of and is_long and of["deaf"]["stalled_seconds"] > 2.0 and of["ill"]["starts"] >= 4


def has_played(seconds, run):
    return min((take["seconds"] for take in run.status.get("takes", [])), default=0.0) >= seconds


def test_they_cost_no_callback_and_no_bit(tmp_path):
    rng, t = np.random.default_rng(4), np.arange(10 * RATE_HZ) / RATE_HZ
    beat = 0.1 * np.exp(-8.0 * (t % 0.5)) * rng.standard_normal((2, len(t)))
    song = tmp_path / "song.wav"
    soundfile.write(song, (0.2 * np.sin(2 * np.pi * 55.0 * t) + beat).T, RATE_HZ, subtype="FLOAT")
    for attempt in range(ATTEMPTS):
        programs = {"deaf": NEVER_READS, "ill": DIES}
        with_them, status = played(song, tmp_path / f"with-{attempt}", programs, has_suffered)
        seconds = len(with_them[0]) / RATE_HZ
        is_as_long = partial(has_played, seconds)
        without, quiet = played(song, tmp_path / f"without-{attempt}", {}, is_as_long)
        if not (late := status["timing"]["late"]):
            break
    suffered = {one["side"]: (one["stalled_seconds"], one["starts"]) for one in status["programs"]}
    print(f"{seconds:.1f} s, {status['timing']['callbacks']} callbacks, {late} late; stalled s, starts: {suffered}")
    assert late == 0, status["timing"]
    for name, one, other in zip(OUTPUTS, with_them, without, strict=True):
        until = min(len(one), len(other)) - 8 * FADED
        assert until > 4 * RATE_HZ and np.abs(one[:until]).max() > 0.05
        apart = np.flatnonzero((one[:until] != other[:until]).any(axis=1))
        assert not apart.size, (name, apart[[0, -1]], [(run["analysis_late"], run["takes"]) for run in (status, quiet)])
