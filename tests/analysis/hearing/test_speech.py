"""Talk is told from music, learned from apart, and corrected as talk."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rt_automix.analysis import layout as at
from rt_automix.analysis.features import HOP_S, LOUDNESS_ROW, MEL_BANDS, ROWS
from rt_automix.analysis.hearing import speech, spoken
from rt_automix.analysis.hearing.listener import FeatureStream, Listener
from rt_automix.analysis.recordings.measure import Meter
from rt_automix.analysis.tone import TONE_MATRIX
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.engine.engine import Engine

RATE_HZ = 44_100
compiled_only = pytest.mark.skipif(not JIT_ENABLED, reason="minutes of audio: too slow as plain Python")


def twin(rows: np.ndarray) -> np.ndarray:
    """`speech.describe` in numpy, from float32 rows of shape (SPEECH_FRAMES, ROWS)."""
    power = 10.0 ** (rows[:, :MEL_BANDS] / 10.0) + 10.0 ** (rows[:, MEL_BANDS : 2 * MEL_BANDS] / 10.0)
    levels = np.column_stack([10.0 * np.log10(np.maximum(power @ TONE_MATRIX.T, 1e-20)), rows[:, LOUDNESS_ROW]])
    levels = np.clip(levels - 10.0 * np.log10(np.mean(10.0 ** (rows[:, LOUDNESS_ROW] / 10.0))), -60.0, 20.0)
    away = levels - levels.mean(axis=0)
    spread = away.std(axis=0)
    changes = levels[speech.LAG_FRAMES :] - levels[: -speech.LAG_FRAMES]
    together = (away * away[:, -1:]).mean(axis=0) / (spread * spread[-1] + 1e-3)
    pauses = [(levels[:, -1] < limit).mean() for limit in (-10.0, -20.0)]
    parts = (
        levels.mean(axis=0), spread, np.abs(np.diff(levels, axis=0)).mean(axis=0),
        np.sqrt((changes**2).mean(axis=0)), np.cbrt((away**3).mean(axis=0)), together[:-1], pauses,
    )  # fmt: skip
    return np.concatenate(parts)


def test_what_the_network_is_told_is_the_twins():
    rows = np.random.default_rng(1).normal(-30.0, 12.0, (at.SPEECH_FRAMES, ROWS)).astype(np.float32)
    np.testing.assert_allclose(spoken.told(rows), twin(rows.astype(np.float64)), atol=1e-5)


def test_the_network_is_two_layers():
    rng = np.random.default_rng(2)
    numbers, net = rng.normal(size=at.SPEECH_NUMBERS), rng.normal(size=at.SPEECH_NET_SIZE)
    net[at.SPEECH_NUMBERS : 2 * at.SPEECH_NUMBERS] = rng.uniform(0.1, 2.0, at.SPEECH_NUMBERS)
    mean, deviation, rest = np.split(net, [at.SPEECH_NUMBERS, 2 * at.SPEECH_NUMBERS])
    first, added, last, final = np.split(
        rest, np.cumsum([at.SPEECH_HIDDEN * at.SPEECH_NUMBERS, *[at.SPEECH_HIDDEN] * 2])
    )
    scaled = np.clip((numbers - mean) / deviation, -6.0, 6.0)
    said = np.maximum(first.reshape(at.SPEECH_HIDDEN, -1) @ scaled + added, 0.0) @ last + final[0]
    assert spoken.chance(numbers, net) == pytest.approx(1.0 / (1.0 + np.exp(-np.clip(said, -30, 30))), rel=1e-9)


def test_talk_is_held_against_a_reference_once_there_is_more_of_it_than_of_music():
    f64, held = Listener(RATE_HZ, 2, judges=True).arrays[0], np.empty(at.STATISTICS_SIZE)
    now, other = (f64[start : start + at.STATISTICS_SIZE] for start in (at.STATISTICS, at.OTHER))
    loudness = slice(at.BLOCK_SHARES, at.BLOCK_SHARES + at.LEVELS)
    for is_talk, talk_frames, is_aside in ((1.0, 99.0, True), (1.0, 100.0, False), (0.0, 10.0, False)):
        now[:], other[:] = np.random.default_rng(5).normal(size=(2, at.STATISTICS_SIZE))
        now[[at.SPEECH, at.HEARD_FRAMES, at.SOUND_FRAMES]] = is_talk, talk_frames, talk_frames
        other[[at.SPEECH, at.HEARD_FRAMES]] = 1.0 - is_talk, 100.0
        wanted = (other if is_aside else now).copy()
        wanted[loudness] = now[loudness]
        assert speech.set_aside(f64, held) == is_aside
        np.testing.assert_array_equal(held, wanted)


# Real talk ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def talk(music_folder: Path) -> np.ndarray:
    """A minute and a half of prompts in Spanish, which nobody has learned from: float32, shape (2, n)."""
    files = sorted((music_folder / "asterisk-prompt-es-co").rglob("*.gsm"))
    if not files:
        pytest.skip("the music folder has no talk: make music")
    rng, wanted = np.random.default_rng(3), [file for file in files if file.stat().st_size > 3000]
    pause = bytes.fromhex("d820a2e15a" + "50" * 28) * 20
    content = b"".join(wanted[k].read_bytes() + pause for k in rng.permutation(len(wanted))[:60])
    command = ["ffmpeg", "-v", "error", "-f", "gsm", "-i", "-", "-ar", str(RATE_HZ), "-ac", "1", "-f", "f32le", "-"]
    audio = np.frombuffer(subprocess.run(command, input=content, capture_output=True, check=True).stdout, np.float32)
    return np.ascontiguousarray(np.stack([audio, audio])[:, : 90 * RATE_HZ])


def verdicts(listener: Listener, audio: np.ndarray) -> np.ndarray:
    """Whether it was talk, hop by hop."""
    found = []
    for start in range(0, audio.shape[1] - listener.hop, listener.hop):
        listener.push(audio[:, start : start + listener.hop])
        found.append(listener.is_speech)
    return np.array(found)


@compiled_only
def test_talk_is_talk_after_some_seconds_and_stays_so(talk):
    found = verdicts(Listener(RATE_HZ, 2, judges=True), talk)
    begins = int(np.argmax(found))
    assert found.any() and begins * HOP_S < 10.0
    assert found[begins:].all()


@compiled_only
def test_songs_are_none(songs):
    for path in songs:
        audio, rate_hz = soundfile.read(path, frames=90 * RATE_HZ, dtype="float32", always_2d=True)
        assert not verdicts(Listener(rate_hz, 2, judges=True), np.ascontiguousarray(audio.T)).any(), path


@compiled_only
def test_a_file_is_what_most_of_it_is(talk, songs):
    audio, rate_hz = soundfile.read(songs[0], frames=20 * RATE_HZ, dtype="float32", always_2d=True)
    jingle = np.ascontiguousarray(audio.T)
    for parts, is_speech in (([talk, jingle], True), ([talk[:, : 20 * RATE_HZ], *[jingle] * 4], False)):
        listener = Listener(rate_hz, 2, math.inf)
        listener.push(np.concatenate(parts, axis=1))
        assert not listener.is_speech
        listener.conclude()
        assert listener.is_speech == is_speech


@compiled_only
def test_each_is_remembered_apart(talk, songs):
    audio, rate_hz = soundfile.read(songs[0], frames=100 * RATE_HZ, dtype="float32", always_2d=True)
    assert rate_hz == RATE_HZ
    song, listener = np.ascontiguousarray(audio.T), Listener(RATE_HZ, 2, judges=True)
    verdicts(listener, song[:, : 50 * RATE_HZ])
    before_db = listener.statistics.bands_db
    assert verdicts(listener, talk[:, : 40 * RATE_HZ])[-1]
    of_talk_db = listener.statistics.bands_db
    assert np.sqrt(np.mean((of_talk_db - before_db) ** 2)) > 4.0
    found = verdicts(listener, song[:, 50 * RATE_HZ :])
    assert not found[-1]
    first = listener.statistics.bands_db
    assert np.sqrt(np.mean((first - before_db) ** 2)) < 2.5
    assert verdicts(listener, talk[:, 40 * RATE_HZ : 60 * RATE_HZ])[-1]
    assert np.sqrt(np.mean((listener.statistics.bands_db - of_talk_db) ** 2)) < 2.0


@compiled_only
def test_what_is_remembered_comes_back_from_a_file(talk):
    listener = Listener(RATE_HZ, 2, judges=True)
    verdicts(listener, talk[:, : 30 * RATE_HZ])
    again = Listener(RATE_HZ, 2, judges=True)
    again.statistics.restore_plain(listener.statistics.plain())
    assert again.is_speech and verdicts(again, talk[:, 30 * RATE_HZ : 60 * RATE_HZ]).all()


@compiled_only
def test_talk_gets_no_width_and_keeps_what_it_has(talk):
    rng = np.random.default_rng(4)
    room = 0.02 * rng.standard_normal(talk.shape).astype(np.float32) * np.abs(talk).mean()
    engine = Engine()
    engine.prepare(RATE_HZ)
    heard, meter = np.ascontiguousarray(talk + room), Meter(RATE_HZ, 2)
    for start in range(0, heard.shape[1], 4096):
        out = engine.process(np.ascontiguousarray(heard[:, start : start + 4096]))
        if start > 10 * RATE_HZ:
            meter.push(np.ascontiguousarray(out))
    assert engine.is_speech
    assert engine.suggestion["stereo_width"] == pytest.approx(1.0, abs=0.02)
    assert meter.result().integrated_lufs == pytest.approx(-14.0, abs=0.6)


def test_rows_of_talk_are_finite(talk):
    assert np.isfinite(FeatureStream(RATE_HZ, 2).push(talk[:, : 5 * RATE_HZ])).all()
