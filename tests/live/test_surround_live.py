"""5.1 through the real program beside a real server: every channel is that of an engine of its own, to the bit."""

import time

import numpy as np
import pytest
import soundfile
from jackclient import Other
from jackserver import jack_server, needs_jack
from liverun import LiveRun, Probe
from pages import arguments

from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge.wiring import FADE_S
from rt_automix.io.files.containers import containers

pytestmark = pytest.mark.live

RATE_HZ, PERIOD, CHANNELS, CEILING_DBTP = 48_000, 64, 6, -12.0
FADED = round(FADE_S * RATE_HZ)


def line(*words):
    """The arguments of a live line of docs/surround.md."""
    return arguments("surround.md", "live", *words)[1:]


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
@pytest.mark.parametrize("words", [line("--backend jack", "--layout"), ["--in-channels", "1-6"]])
def test_every_channel_at_64_frames_is_an_engine_of_its_own_to_the_bit(words, tmp_path):
    """What is decided while it plays is frozen, so that a host that steals time from the analysis decides nothing."""
    words = [*words, "--ceiling-dbtp", str(CEILING_DBTP), "--record-bits", "32"]
    words += ["--record", str(tmp_path / "out.wav"), "--record-input", str(tmp_path / "in.wav")]
    with (
        jack_server(PERIOD, synchronous=True, captures=CHANNELS, playbacks=CHANNELS) as server,
        LiveRun(server, tmp_path / "state.json", *words) as run,
    ):
        run.wait_until_faded_in()
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
    heard, to_be_heard = probe.beside(wanted, start)
    assert np.array_equal(heard, to_be_heard)


@needs_jack
def test_a_device_of_many_channels_and_a_file_as_it_is_written(tmp_path, monkeypatch):
    """Each comes out where the page says, of a device with 16 channels in and 32 out."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("film51.wav", music(2.0).T, RATE_HZ, "PCM_24")
    lines = {
        "5.1": (line("madiface", "1-6"), range(8, 14)),
        "8 pairs": (line("madiface", "linked"), range(16, 32)),
    }
    with jack_server(256) as server, Other(server.environment, "madiface", 32, 16) as device:
        for layout, (words, sounding) in lines.items():
            with LiveRun(server, tmp_path / "state.json", *words) as run:
                run.wait_until_playing()
                device.wait_for_sound()
                device.peaks()
                time.sleep(0.1)
                assert [place for place, peak in enumerate(device.peaks()) if peak > 0.01] == list(sounding)
                assert run.status["layout"] == layout and "madiface" in run.status["text"]
        with LiveRun(server, tmp_path / "state.json", *line("film51.wav")) as run:
            run.wait_until_playing()
            time.sleep(0.5)
    master = soundfile.read("master51.wav")[0]
    assert run.process.returncode == 0
    assert master.shape[1] == CHANNELS and np.abs(master).max(axis=0).min() > 0.05
