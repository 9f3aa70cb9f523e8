"""The recorder beside real disks: full ones, slow ones, and ones that hang."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from feeds import RING_SAMPLES, Feed, child
from takes import RATE_HZ, read, signal
from waiting import PATIENCE_S, until

from rt_automix.errors import AudioFileError
from rt_automix.io.devices.edge.board import AT_NS, SAMPLES, WRITTEN, Board
from rt_automix.io.files import take
from rt_automix.live.takes import recorder as recorder_module
from rt_automix.live.takes import takes as takes_module
from rt_automix.live.takes.takes import OUTPUT, Takes

pytestmark = pytest.mark.live


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(tmp_path)


def mounted(folder: Path, *options: str | Path) -> None:
    """Mount something on a new folder, or skip."""
    folder.mkdir()
    done = subprocess.run(["mount", *options, folder], capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode:
        pytest.skip(f"needs the right to mount a file system: {done.stderr.strip()}")


@pytest.mark.parametrize(("name", "bits"), [("take.wav", 32), ("take.wav", 24), ("take.flac", 24)])
def test_a_take_holds_what_was_fed_after_the_start_bit_for_bit(tmp_path, feed, name, bits):
    feed.put(1000)
    recorder = feed.recorder(tmp_path / name, bits=bits)
    recorder.start()
    for _ in range(6):  # twice round the ring
        feed.put(22_222, block_samples=617)
        until(lambda: feed.written - recorder.status()["seconds"] * RATE_HZ < 20_000)
    recorder.close()
    status = recorder.status()
    assert np.array_equal(read(tmp_path / name), signal(1000, feed.written))
    assert (status["state"], status["reason"], status["dropped_seconds"]) == ("stopped", "", 0.0)
    assert status["seconds"] == (feed.written - 1000) / RATE_HZ and status["path"] == str(tmp_path / name)
    assert status["megabytes"] == (tmp_path / name).stat().st_size / 1e6


def test_one_side_of_the_ring_makes_a_mono_take(tmp_path, feed):
    recorder = feed.recorder(tmp_path / "take.wav", channels=1)
    recorder.start()
    feed.put(5000)
    recorder.close()
    assert np.array_equal(read(tmp_path / "take.wav"), signal(0, 5000)[:1])


def test_silence_stands_where_the_outage_was(tmp_path, feed):
    recorder = feed.recorder(tmp_path / "take.wav")
    recorder.start()
    feed.put(10_000)
    recorder.pad(2.0)
    feed.put(10_000)
    outage_at = feed.written
    feed.put(1)
    recorder.pad(0.5, outage_at)
    recorder.close()
    found = read(tmp_path / "take.wav")
    silences = [np.zeros((2, round(seconds * RATE_HZ)), np.float32) for seconds in (2.0, 0.5)]
    told = [signal(0, 10_000), silences[0], signal(10_000, 20_000), silences[1], signal(20_000, 20_001)]
    assert np.array_equal(found, np.concatenate(told, axis=1))


@contextlib.contextmanager
def stalled_writer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], None]]:
    """Writing that stops inside our own code: for machines where no file system can be frozen."""
    flows = threading.Event()
    flows.set()
    write = take._TakeSink.write
    monkeypatch.setattr(take._TakeSink, "write", lambda sink, data: flows.wait(PATIENCE_S) and write(sink, data))
    folder.mkdir()
    try:
        yield lambda frozen: flows.clear() if frozen else flows.set()
    finally:
        flows.set()


@contextlib.contextmanager
def frozen_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], None]]:
    """A real file system that holds every write back."""
    image = folder.with_suffix(".img")
    with image.open("wb") as handle:
        handle.truncate(16_000_000)
    try:
        subprocess.run(["mkfs.ext4", "-q", image], check=True, timeout=PATIENCE_S)
    except FileNotFoundError:
        pytest.skip("needs mkfs.ext4")
    mounted(folder, "-o", "loop", image)
    try:
        yield lambda frozen: freeze(folder, frozen)
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            freeze(folder, False)
        subprocess.run(["umount", folder], check=True, timeout=PATIENCE_S)


def freeze(folder: Path, frozen: bool) -> None:
    subprocess.run(["fsfreeze", "-f" if frozen else "-u", folder], check=True, capture_output=True, timeout=PATIENCE_S)


@pytest.mark.parametrize("stall", [stalled_writer, frozen_disk])
@pytest.mark.parametrize("name", ["take.wav", "take.flac"])
def test_a_slow_disk_costs_a_stretch_of_silence_of_the_same_length(tmp_path, feed, monkeypatch, stall, name):
    told: list[str] = []
    with stall(tmp_path / "disk", monkeypatch) as stop_disk:
        recorder = feed.recorder(tmp_path / "disk" / name, told.append)
        recorder.start()
        feed.put(30_000)
        until(lambda: recorder.status()["seconds"] > 0.4)
        stop_disk(True)
        feed.put(100)
        time.sleep(0.3)  # the writer goes for it and hangs
        feed.put(3 * RING_SAMPLES)
        stop_disk(False)
        until(lambda: recorder.status()["seconds"] * RATE_HZ > feed.written - 10_000)
        feed.put(30_000)
        recorder.close()
        found = read(tmp_path / "disk" / name)
    truth = signal(0, feed.written)
    assert found.shape == truth.shape
    lost = np.flatnonzero(found[0] == 0.0)
    assert RING_SAMPLES < len(lost) < 3 * RING_SAMPLES
    assert lost[-1] - lost[0] == len(lost) - 1 and lost[0] >= 30_000
    truth[:, lost] = 0.0
    assert np.array_equal(found, truth)
    status = recorder.status()
    assert status["dropped_seconds"] == len(lost) / RATE_HZ and status["state"] == "stopped"
    slow = [line for line in told if "too slow" in line]
    assert len(slow) == 1 and f"{len(lost) / RATE_HZ:.1f} s are silent" in slow[0]


def test_a_disk_that_hangs_is_given_up(tmp_path, feed, monkeypatch):
    told: list[str] = []
    with stalled_writer(tmp_path / "disk", monkeypatch) as stop_disk:
        recorder = feed.recorder(tmp_path / "disk" / "take.wav", told.append)
        recorder.start()
        stop_disk(True)
        feed.put(1000)
        recorder.close(0.5)
        assert recorder.status()["state"] == "failed"
        assert len(told) == 1 and "does not answer" in told[0]
        stop_disk(False)
        until(lambda: "recorder" not in {thread.name for thread in threading.enumerate()})
    assert recorder.status()["state"] == "failed" and len(told) == 1


def test_what_ended_stays_in_the_list_the_newest_first(tmp_path):
    board = Board()
    takes = Takes(board, {OUTPUT: tmp_path / "take.flac"}, 24, print)
    board.stats[SAMPLES] = 1
    takes.follow(48_000)
    takes.follow(44_100)
    listed = [(Path(one["path"]).name, one["state"]) for one in takes.status()]
    assert listed == [("take-2.flac", "recording"), ("take.flac", "stopped")]
    takes.record(False)
    assert [Path(one["path"]).name for one in takes.status()] == ["take-2.flac", "take.flac"]


def test_a_take_that_could_not_begin_is_begun_by_the_next_touch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    board, told = Board(), []
    takes = Takes(board, {}, 24, told.append)
    board.stats[SAMPLES] = 1
    takes.follow(RATE_HZ)
    monkeypatch.setattr(recorder_module, "Take", refuse)
    takes.record(True)
    assert not takes.is_recording and "no room" in told[0]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    takes.record(True)
    assert takes.is_recording and [one["state"] for one in takes.status()] == ["recording"]
    takes.close()


def refuse(*_):
    raise AudioFileError("no room.")


def test_a_take_of_more_channels_than_flac_holds_is_a_wav(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    board = Board(channels=16)
    takes = Takes(board, {}, 24, print, channels=16, is_paired=True)
    board.stats[SAMPLES] = 1
    takes.follow(RATE_HZ)
    takes.record(True)
    (one,) = takes.status()
    assert one["state"] == "recording" and one["path"].endswith(".wav")
    takes.close()


@pytest.mark.parametrize(("out_s", "since_s", "silent_s", "files"), [(5, 20, 5, 1), (20, 5, 5, 1), (4000, 9000, 0, 2)])
def test_a_take_is_silent_for_as_long_as_it_ran_and_nothing_played(
    tmp_path, monkeypatch, out_s, since_s, silent_s, files
):
    """Not for what was before it, and after a long time it goes on in another file."""
    board, now_s = Board(), 10_000.0
    monkeypatch.setattr(takes_module.time, "monotonic_ns", lambda: round((now_s - since_s) * 1e9))
    takes = Takes(board, {OUTPUT: tmp_path / "take.wav"}, 24, print)
    board.stats[SAMPLES], board.stats[WRITTEN] = 1000, 1000
    board.stats[AT_NS] = round((now_s - out_s) * 1e9)
    takes.follow(RATE_HZ)
    board.stats[SAMPLES], board.stats[WRITTEN], board.stats[AT_NS] = 480, 1480, round(now_s * 1e9)
    takes.follow(RATE_HZ)
    takes.close()
    lengths_s = sorted(soundfile.info(path).frames / RATE_HZ for path in tmp_path.glob("*.wav"))
    assert len(lengths_s) == files and lengths_s[-1] == pytest.approx(silent_s, abs=0.1)


def check_stopped(path: Path, status: dict, told: list[str], reason: str, least_bytes: int) -> None:
    """The recording ended with one message, and everything before it is in the file."""
    ends = [line for line in told if "recording stopped" in line]
    assert len(ends) == 1 and status["state"] == "failed"
    assert reason in ends[0] and reason in status["reason"]
    found = read(path)
    assert np.array_equal(found, signal(0, found.shape[1]))
    assert path.stat().st_size >= least_bytes
    assert status["seconds"] * RATE_HZ == found.shape[1] and f"{status['seconds']:.1f} s" in ends[0]


@pytest.mark.parametrize("name", ["take.wav", "take.flac"])
def test_a_full_disk_keeps_what_was_recorded(tmp_path, feed, name):
    told: list[str] = []
    mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=400k", "none")
    try:
        recorder = feed.recorder(tmp_path / "disk" / name, told.append)
        recorder.start()
        assert re.search(r"some [12] s fit", told[0])
        for _ in range(500):
            feed.put(2000)
            if recorder.status()["state"] != "recording":
                break
            time.sleep(0.02)
        recorder.close()
        check_stopped(tmp_path / "disk" / name, recorder.status(), told, "No space left", 300_000)
    finally:
        subprocess.run(["umount", tmp_path / "disk"], check=True, timeout=PATIENCE_S)


@pytest.mark.parametrize("name", ["take.wav", "take.flac"])
def test_a_file_that_may_not_grow_any_further_keeps_what_was_recorded(tmp_path, name):
    feed = Feed(tmp_path, 1 << 18)
    limit = (500_000, 500_000)
    process = child(tmp_path, tmp_path / name, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    with process:
        assert process.stdout.readline() == "started\n"
        feed.put(200_000)
        out, _ = process.communicate("\n", timeout=PATIENCE_S)
    status, told = json.loads(out)
    check_stopped(tmp_path / name, status, told, "File too large", 380_000)


def test_a_name_that_is_taken_is_said(tmp_path, feed):
    told: list[str] = []
    (tmp_path / "take.flac").write_bytes(b"kept")
    recorder = feed.recorder(tmp_path / "take.flac", told.append)
    recorder.start()
    recorder.close()
    assert recorder.status()["path"] == str(tmp_path / "take-2.flac")
    assert told == [f"{tmp_path}/take.flac exists already: recording to {tmp_path}/take-2.flac."]
    assert (tmp_path / "take.flac").read_bytes() == b"kept"


def test_a_take_that_is_removed_meanwhile_is_said_once(tmp_path, feed):
    said = []
    recorder = feed.recorder(tmp_path / "take.wav", said.append)
    recorder.start()
    feed.put(4096)
    (tmp_path / "take.wav").unlink()
    until(lambda: bool(said))
    feed.put(4096)
    recorder.close()
    (words,) = said
    assert "take.wav has been removed" in words and recorder.status()["state"] == "stopped"


def test_a_take_that_cannot_begin_says_so_before_the_sound(tmp_path, feed):
    recorder = feed.recorder(tmp_path / "take.ogg")
    with pytest.raises(AudioFileError, match=r"\.flac and \.wav"):
        recorder.start()
    recorder.close()
    assert recorder.status()["state"] == "stopped"


def test_the_recorder_needs_no_compiler(tmp_path):
    """The process that watches over the sound starts in an instant."""
    code = "import sys, rt_automix.live.takes.recorder; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stdout == "False\n"
