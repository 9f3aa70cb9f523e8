"""5.1 through the real program beside a real server: every channel is that of an engine of its own, to the bit."""

import time

import numpy as np
import pytest
import soundfile
from jackserver import jack_server, needs_jack
from liverun import LiveRun, Probe

from rt_automix.analysis.suggester import choose
from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.wiring import FADE_S
from rt_automix.io.files import containers

pytestmark = pytest.mark.alone

RATE_HZ, PERIOD, CHANNELS = 48_000, 64, 6
FADED = round(FADE_S * RATE_HZ)


def music(seconds):
    rng, t = np.random.default_rng(3), np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tones = 0.1 * np.sin(2 * np.pi * 55.0 * np.arange(1, CHANNELS + 1)[:, None] * t)
    return (tones + 0.1 * np.exp(-8.0 * (t % 0.5)) * rng.standard_normal((CHANNELS, len(t)))).astype(np.float32)


def alone(samples):
    """The same samples through an engine of its own, offline."""
    engine, out = Engine(Config(), suggester=choose("auto", print)), samples.copy()
    engine.prepare(RATE_HZ, channels=CHANNELS)
    engine.settle()
    for start in range(0, out.shape[1], 4096):
        out[:, start : start + 4096] = engine.process(np.ascontiguousarray(out[:, start : start + 4096]))
    return out


def played(server, folder, words):
    """(the probe, the last status) of one run."""
    takes = ["--record", str(folder / "out.wav"), "--record-input", str(folder / "in.wav"), "--record-bits", "32"]
    with LiveRun(server, folder / "state.json", *takes, *words) as run:
        run.wait_until_playing()
        probe = Probe(music(3.0), pairs=CHANNELS // 2)
        probe.connect()
        probe.run(60.0)
        probe.close()
        time.sleep(0.3)
        status = run.status
    assert run.process.returncode == 0
    return probe, status


@needs_jack
@pytest.mark.parametrize("words", [["--backend", "jack", "--layout", "5.1"], ["--in-channels", "1-6"]])
def test_every_channel_at_64_frames_is_an_engine_of_its_own_to_the_bit(words, tmp_path):
    with jack_server(PERIOD, captures=CHANNELS, playbacks=CHANNELS) as server:
        for attempt in range(8):
            folder = tmp_path / str(attempt)
            folder.mkdir()
            probe, status = played(server, folder, words)
            if not status["analysis_late"]:  # else the host stole time from the analysis, and live says so
                break
    came_in, went_out = (soundfile.read(folder / name, dtype="float32")[0].T for name in ("in.wav", "out.wav"))
    assert containers.inspect(folder / "out.wav").mask == 0x3F
    wanted = alone(np.ascontiguousarray(came_in))
    until = int(np.flatnonzero(np.abs(came_in).max(axis=0))[-1])
    assert np.abs(went_out[:, FADED:until]).max(axis=1).min() > 0.05
    assert np.array_equal(went_out[:, FADED:until], wanted[:, FADED:until])
    start = int(np.argmax(np.abs(came_in[0]) > 0)) - int(np.argmax(np.abs(probe.played[0]) > 0))
    heard = probe.heard[:, PERIOD : probe.position]
    assert np.array_equal(heard, wanted[:, start : start + heard.shape[1]])
    assert status["layout"] == "5.1" and "5.1" in status["text"]
    assert status["timing"]["late"] <= 0.01 * status["timing"]["callbacks"]
