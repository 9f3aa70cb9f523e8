"""Programs that an output goes to: a real Icecast behind ffmpeg, and programs that stall, die, or do not exist."""

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from icecastserver import PASSWORD, free_port, icecast, listened, needs_icecast
from liverun import LiveRun
from pages import shown
from waiting import until

from rt_automix.live.takes.feeder import Feeder

pytestmark = pytest.mark.live

RATE_HZ = 48_000
COMMANDS = shown("outputs.md", "ffmpeg")
"""As the page has them."""

TARGETS_LUFS = {"opus": -16.0, "mp3": -20.0}
LATE_S = 5.0
"""More than the 4 s that a new listener gets at once."""


FILE_AS_DEVICE = SimpleNamespace(environment=dict(os.environ))
"""In the place of a sound server: a file is played."""


@pytest.fixture
def song(tmp_path):
    """Ten seconds that sound the same all the time, as loud as they are."""
    rng, t = np.random.default_rng(3), np.arange(10 * RATE_HZ) / RATE_HZ
    beat = 0.1 * np.exp(-8.0 * (t % 0.5)) * rng.standard_normal((2, len(t)))
    path = tmp_path / "song.wav"
    soundfile.write(path, (0.2 * np.sin(2 * np.pi * 55.0 * t) + beat).T, RATE_HZ, subtype="FLOAT")
    return path


@needs_icecast
def test_a_late_listener_hears_the_targets_and_a_server_that_dies_is_found_again(song, tmp_path):
    options = []
    with icecast() as radio:
        for name, target_lufs in TARGETS_LUFS.items():
            (command,) = (line for line in COMMANDS if line.endswith(f"live.{name}"))
            program = command.replace("PASSWORD@HOST:8000", f"{PASSWORD}@127.0.0.1:{radio.port}")
            options += ["--output", f"{name}: target_lufs={target_lufs} ceiling_dbtp=-2 program='{program}'"]
        options = ["--play", str(song), "--output", "room: target_lufs=-12", *options]
        with LiveRun(FILE_AS_DEVICE, tmp_path / "state.json", *options) as run:
            run.wait_until_playing()
            for name in TARGETS_LUFS:
                radio.wait_for(f"live.{name}")
            time.sleep(LATE_S)
            for name, target_lufs in TARGETS_LUFS.items():
                loudness_lufs, peak_dbtp = listened(radio.url(f"live.{name}"), 8.0)
                assert abs(loudness_lufs - target_lufs) < 0.3, name
                assert peak_dbtp < 0.0, name

            radio.stop(signal.SIGKILL)
            run.wait_for(lambda run: all(one["starts"] > 2 for one in run.status["programs"]))
            assert run.status["state"] == "playing"
            assert all(one["dropped_seconds"] > 0.0 for one in run.status["programs"])
            assert PASSWORD not in str(run.said)
            radio.start()
            before = {one["side"]: one["starts"] for one in run.status["programs"]}
            for name in TARGETS_LUFS:
                radio.wait_for(f"live.{name}")
            # The next try, unless one was under way; and tries are PAUSES_S apart.
            assert all(one["starts"] <= before[one["side"]] + 2 for one in run.status["programs"])
        assert run.process.returncode == 0


class Ring:
    """A ring that somebody fills, a second of it at most at a time."""

    def __init__(self):
        self.samples, self.written = np.zeros((2, 1 << 19), np.float32), np.zeros(1, np.int64)

    def fill(self, seconds):
        count, at = round(seconds * RATE_HZ), int(self.written[0])
        places = np.arange(at, at + count)
        self.samples[:, places % self.samples.shape[1]] = (places + 1) % 10_000 / 10_000
        self.written[0] += count

    def feeder(self, *command):
        self.events = []
        return Feeder("stream", command, self.samples, self.written, 0, RATE_HZ, self.events.append)


@needs_icecast
@pytest.mark.parametrize("protocol", ["rtmp", "srt"])
def test_the_commands_of_the_page_reach_a_listener(protocol, tmp_path):
    (command,) = (line for line in COMMANDS if f"{protocol}://" in line)
    place = f"127.0.0.1:{free_port(datagrams=protocol == 'srt')}"
    listening = {
        "rtmp": ["-listen", "1", "-i", f"rtmp://{place}/live/KEY"],
        "srt": ["-i", f"srt://{place}?mode=listener"],
    }
    decoded = [
        "ffmpeg",
        "-v",
        "error",
        "-nostdin",
        *listening[protocol],
        "-t",
        "1",
        "-f",
        "f32le",
        str(tmp_path / "heard"),
    ]
    ring = Ring()
    feeder = ring.feeder(*command.replace("HOST:9000", place).replace("HOST/", f"{place}/").split())
    with subprocess.Popen(decoded) as listener:
        time.sleep(0.5)
        feeder.start()
        deadline = time.monotonic() + 15.0
        while listener.poll() is None and time.monotonic() < deadline:
            ring.fill(0.05)
            time.sleep(0.05)
        listener.kill()
    heard = np.frombuffer((tmp_path / "heard").read_bytes(), "<f4")
    feeder.close()
    assert len(heard) > RATE_HZ and np.abs(heard).max() > 0.1, feeder.status()


def test_a_program_gets_every_sample_and_the_rest_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("rt_automix.live.takes.feeder.IDLE_S", 1000.0)  # no silence, however long a busy machine pauses
    ring, got = Ring(), tmp_path / "got"
    copies = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"
    feeder = ring.feeder(sys.executable, "-c", copies, str(got))
    feeder.start()
    for _ in range(10):
        ring.fill(0.05)
        time.sleep(0.03)
    until(lambda: feeder.status()["seconds"] == 0.5)
    feeder.close()
    frames = np.frombuffer(got.read_bytes(), "<f4").reshape(-1, 2)
    assert np.array_equal(frames[:, 0], frames[:, 1])
    assert np.array_equal(frames[:, 0], ((np.arange(RATE_HZ // 2) + 1) % 10_000 / 10_000).astype(np.float32))
    assert feeder.status()["dropped_seconds"] == 0.0 and feeder.status()["state"] == "stopped"


def test_what_a_program_does_not_take_in_time_is_dropped_and_counted(monkeypatch, tmp_path):
    monkeypatch.setattr("rt_automix.live.takes.feeder.MOST_BEHIND_S", 0.5)
    ring, may_read = Ring(), tmp_path / "now"
    waits = f"while [ ! -e {may_read} ]; do sleep 0.02; done; exec cat > /dev/null"
    feeder = ring.feeder("sh", "-c", waits)
    feeder.start()
    for _ in range(30):
        ring.fill(0.1)
        time.sleep(0.02)
    may_read.touch()
    until(lambda: feeder.status()["dropped_seconds"] > 0.5)
    fed_s, dropped_s = (feeder.status()[name] for name in ("seconds", "dropped_seconds"))
    assert fed_s + dropped_s <= 3.0 + 1e-9
    feeder.close()


def test_one_that_dies_is_started_again_with_growing_pauses_and_one_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr("rt_automix.live.takes.feeder.PAUSES_S", (0.05, 0.1, 0.2))
    ring = Ring()
    dying = ring.feeder(sys.executable, "-c", "import sys; sys.exit('no route to icecast://source:secret@host/it')")
    began = time.monotonic()
    dying.start()
    until(lambda: dying.status()["starts"] > 3)
    assert time.monotonic() - began > 0.05 + 0.1 + 0.2
    assert dying.status()["reason"] == "ended (1): no route to icecast://...@host/it"
    assert len(ring.events) == 1 and "started again" in ring.events[0] and "secret" not in ring.events[0]
    dying.close()

    monkeypatch.setattr("rt_automix.live.takes.feeder.STALL_S", 0.3)
    # Whoever holds the input hangs, not the shell before it.
    hanging = ring.feeder("sh", "-c", "sleep 60; true")
    hanging.start()
    until(lambda: hanging.status()["state"] == "feeding")
    ring.fill(2.0)

    def is_found():
        hanging.look()
        return "took nothing" in hanging.status()["reason"]

    until(is_found)
    until(lambda: hanging.status()["starts"] > 1)
    hanging.close()

    missing = ring.feeder("no-such-program-here")
    missing.start()
    until(lambda: "cannot be started" in missing.status()["reason"])
    missing.close()


def test_a_stream_goes_on_with_silence_while_nothing_plays(tmp_path):
    ring, got = Ring(), tmp_path / "got"
    feeder = ring.feeder("sh", "-c", f"exec cat > {got}")
    began = time.monotonic()
    feeder.start()
    ring.fill(0.1)
    until(lambda: got.exists() and got.stat().st_size > 0.8 * RATE_HZ * 8)
    feeder.close()
    lasted_s = time.monotonic() - began
    frames = np.frombuffer(got.read_bytes(), "<f4").reshape(-1, 2)
    assert 0.8 < len(frames) / RATE_HZ < 0.1 + lasted_s  # no faster than sound
    assert not frames[RATE_HZ // 10 :].any()


def test_one_that_complains_without_end_is_fed_and_takes_no_processor_of_ours():
    ring = Ring()
    noisy = ring.feeder("sh", "-c", "yes >&2 & cat > /dev/null; kill $!")
    noisy.start()
    until(lambda: noisy.status()["state"] == "feeding")
    began_s, seconds = time.process_time(), 0.0
    while seconds < 1.0:
        ring.fill(0.1)
        seconds += 0.1
        time.sleep(0.1)
    assert time.process_time() - began_s < 0.5
    until(lambda: noisy.status()["seconds"] > 0.9)
    noisy.close()
    assert noisy.status()["starts"] == 1
