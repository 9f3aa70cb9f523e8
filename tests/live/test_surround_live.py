"""5.1 through the real program beside a real server: every channel is that of an engine of its own, to the bit."""

import time

import numpy as np
import pytest
import soundfile
from jackserver import jack_server, needs_jack
from liverun import LiveRun, Probe

from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge.wiring import FADE_S
from rt_automix.io.files.containers import containers

pytestmark = pytest.mark.live

RATE_HZ, PERIOD, CHANNELS, CEILING_DBTP = 48_000, 64, 6, -12.0
FADED = round(FADE_S * RATE_HZ)


def music(seconds):
    rng, t = np.random.default_rng(3), np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tones = 0.1 * np.sin(2 * np.pi * 55.0 * np.arange(1, CHANNELS + 1)[:, None] * t)
    return (tones + 0.1 * np.exp(-8.0 * (t % 0.5)) * rng.standard_normal((CHANNELS, len(t)))).astype(np.float32)


def alone(samples):
    """The same samples through an engine of its own, offline."""
    config = Config().with_overrides(**{"limiter.ceiling_dbtp": CEILING_DBTP})
    engine, out = Engine(config, analysis="off"), samples.copy()
    engine.prepare(RATE_HZ, channels=CHANNELS)
    engine.set(freeze=True)
    engine.settle()
    for start in range(0, out.shape[1], 4096):
        out[:, start : start + 4096] = engine.process(np.ascontiguousarray(out[:, start : start + 4096]))
    return out


@needs_jack
@pytest.mark.parametrize("words", [["--backend", "jack", "--layout", "5.1"], ["--in-channels", "1-6"]])
def test_every_channel_at_64_frames_is_an_engine_of_its_own_to_the_bit(words, tmp_path):
    """What is decided while it plays is frozen, so that a host that steals time from the analysis decides nothing."""
    words = [*words, "--ceiling-dbtp", str(CEILING_DBTP), "--record-bits", "32"]
    words += ["--record", str(tmp_path / "out.wav"), "--record-input", str(tmp_path / "in.wav")]
    with (
        jack_server(PERIOD, captures=CHANNELS, playbacks=CHANNELS) as server,
        LiveRun(server, tmp_path / "state.json", *words) as run,
    ):
        run.wait_until_playing()
        run.command(set={"freeze": True})
        run.wait_for(lambda run: run.status["controls"]["freeze"])
        probe = Probe(music(2.0), pairs=CHANNELS // 2)
        probe.connect()
        probe.run(60.0)
        probe.close()
        time.sleep(0.3)
        status = run.status
    assert run.process.returncode == 0
    assert containers.inspect(tmp_path / "out.wav").mask == 0x3F
    came_in, went_out = (soundfile.read(tmp_path / name, dtype="float32")[0].T for name in ("in.wav", "out.wav"))
    sounds = np.flatnonzero(np.abs(came_in[0]))
    assert status["layout"] == "5.1" and "5.1" in status["text"]
    wanted = alone(np.ascontiguousarray(came_in))
    assert np.abs(wanted).max() <= 10 ** (CEILING_DBTP / 20) < np.abs(came_in).max()
    assert np.abs(wanted).max(axis=1).min() > 0.05
    assert np.array_equal(went_out[:, FADED : sounds[-1]], wanted[:, FADED : sounds[-1]])
    start = int(sounds[0]) - int(np.argmax(np.abs(probe.played[0]) > 0))
    heard = probe.heard[:, PERIOD : probe.position]
    assert np.array_equal(heard, wanted[:, start : start + heard.shape[1]])
