"""Applause and other noises are told from music, in time and hardly ever the other way round."""

import numpy as np
import pytest
from crowd import applause, noise
from demosong import demo_song

from rt_automix.analysis.features import HOP_S
from rt_automix.analysis.hearing.applause import LONGEST_S, MUSIC_S
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.analysis.recordings.measure import Meter
from rt_automix.config import Config, Master
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.engine.engine import Engine

RATE_HZ = 48000
PAUSE_S = 4.0

NOISES = {
    "50 claps a second": lambda channels: applause(RATE_HZ, PAUSE_S, channels, 50.0),
    "400 claps a second": lambda channels: applause(RATE_HZ, PAUSE_S, channels),
    "white": lambda channels: noise(RATE_HZ, PAUSE_S, channels, 0.0),
    "pink": lambda channels: noise(RATE_HZ, PAUSE_S, channels, -0.5),
}


@pytest.fixture(scope="module")
def song():
    """The choruses of the demo: drums, bass, chords, a lead."""
    return demo_song(RATE_HZ)[:, 14 * RATE_HZ :]


def heard(audio, judge=None):
    """The verdict after each frame."""
    judge = Listener(RATE_HZ, len(audio), judges=True) if judge is None else judge
    verdicts = []
    for start in range(0, audio.shape[1], judge.hop):
        if judge.push(audio[:, start : start + judge.hop]):
            verdicts.append(judge.is_applause)
    return np.array(verdicts)


def integrated_lufs(audio):
    meter = Meter(RATE_HZ, len(audio))
    meter.push(np.ascontiguousarray(audio))
    return meter.result().integrated_lufs


def first_s(verdicts, value, after_s):
    """Time from `after_s` to the first frame with this verdict."""
    late = verdicts[round(after_s / HOP_S) :]
    return np.argmax(late == value) * HOP_S if np.any(late == value) else np.inf


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("level_db", [-20.0, 0.0])
@pytest.mark.parametrize("name", NOISES)
def test_noise_that_breaks_into_music_is_heard_within_a_second(song, name, level_db, channels):
    music, at = song[:channels, : 6 * RATE_HZ], 4 * RATE_HZ
    pause = NOISES[name](channels)
    pause = pause * np.float32(10 ** (level_db / 20) * music.std() / pause.std())
    verdicts = heard(np.concatenate([music[:, :at], pause, music[:, at:]], axis=1))
    assert not verdicts[: round(4.0 / HOP_S)].any()
    assert first_s(verdicts, True, 4.0) < 0.9
    if "pink" not in name or channels == 2:  # half as many degrees of freedom: pink noise in mono flickers
        assert verdicts[round(5.0 / HOP_S) : round(8.0 / HOP_S)].all()
    assert first_s(verdicts, False, 4.0 + PAUSE_S) < 0.9


def test_the_song_is_never_taken_for_applause(song):
    assert not heard(song).any()


def test_noise_that_nothing_came_before_is_the_programme(song):
    pause = NOISES["400 claps a second"](2)
    assert not heard(pause).any()
    short = round((MUSIC_S - 4 * HOP_S) * RATE_HZ)
    assert not heard(np.concatenate([song[:, :short], pause], axis=1)).any()


def test_noise_without_an_end_becomes_the_programme(song):
    endless = np.tile(NOISES["white"](2), 7)
    verdicts = heard(np.concatenate([song[:, : 3 * RATE_HZ], endless], axis=1))
    assert verdicts.sum() * HOP_S == pytest.approx(LONGEST_S, abs=0.3)
    assert not verdicts[-1]


def hum(seconds, hertz):
    """The mains and its harmonics, falling as 1 / k."""
    times_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = sum(np.sin(2.0 * np.pi * hertz * k * times_s + k) / k for k in range(1, 20))
    return np.tile(wave / wave.std(), (2, 1)).astype(np.float32)


def rain(seconds):
    """Noise that does not stand still: drops in it."""
    rng, count = np.random.default_rng(3), round(seconds * RATE_HZ)
    sound = noise(RATE_HZ, seconds, 2, 0.0)
    drops = rng.integers(0, count, (2, count // 60))
    for channel, at in zip(sound, drops, strict=True):
        channel[at] += rng.standard_cauchy(at.size).clip(-8.0, 8.0)
    return sound


PAUSES = {
    "rain": rain,
    "hum at 50 Hz": lambda seconds: hum(seconds, 50.0),
    "hum at 60 Hz": lambda seconds: hum(seconds, 60.0),
    "a whine": lambda seconds: np.tile(np.sin(np.arange(round(seconds * RATE_HZ)) * 0.41), (2, 1)).astype(np.float32),
    "a fan": lambda seconds: noise(RATE_HZ, seconds, 2, -1.0) + 0.02 * hum(seconds, 240.0),
    "a room": lambda seconds: noise(RATE_HZ, seconds, 2, -0.7),
}


@pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow in plain Python")
@pytest.mark.parametrize(("level_lu", "seconds"), [(-12.0, 3.0), (-20.0, 25.0), (-40.0, 8.0)])
@pytest.mark.parametrize("name", PAUSES)
def test_a_pause_is_a_pause_whatever_hums_in_it(song, name, level_lu, seconds):
    """Neither gain nor tone goes after it, however long it is, and what comes then is where it was."""
    chorus, pause = song[:, RATE_HZ : 11 * RATE_HZ], PAUSES[name](seconds)
    music = np.concatenate([chorus, chorus, chorus], axis=1)
    music, rest = music[:, : 24 * RATE_HZ], music[:, 24 * RATE_HZ :]
    pause = pause * np.float32(10.0 ** ((integrated_lufs(music) + level_lu - integrated_lufs(pause)) / 20.0))
    audio = np.concatenate([music, pause, rest], axis=1)
    engine = Engine(Config(master=Master(target_lufs=-16.0)), analysis="inline")
    engine.prepare(RATE_HZ, 4800, 2)
    gains_db, fine_db, out = [], [], []
    for start in range(0, audio.shape[1], 4800):
        out.append(engine.process(np.ascontiguousarray(audio[:, start : start + 4800])))
        gains_db.append(engine.meters().gain_db)
        fine_db.append(engine.fine_suggestion)
    first, last = 240, 240 + round(10 * seconds)
    assert np.abs(np.array(gains_db[first:last]) - gains_db[first - 1]).max() < 0.5
    assert np.abs(np.array(fine_db[first + 15 : last]) - fine_db[first + 14]).max() < 0.5
    now, then = (integrated_lufs(np.concatenate(out[k : k + 10], axis=1)) for k in (last, 140))
    assert abs(now - then) < 1.0, "the first second after it against the same second of the chorus before"


@pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow in plain Python")
@pytest.mark.parametrize("falls_db", [-12.0, -15.0])
def test_a_quiet_passage_still_comes_up(song, falls_db):
    quiet = song[:, 8 * RATE_HZ : 24 * RATE_HZ] * np.float32(10.0 ** (falls_db / 20.0))
    engine = Engine(Config(master=Master(target_lufs=-16.0)), analysis="inline")
    engine.prepare(RATE_HZ, 4800, 2)
    gains_db = []
    for block in np.split(np.concatenate([song[:, : 24 * RATE_HZ], quiet], axis=1), 400, axis=1):
        engine.process(np.ascontiguousarray(block))
        gains_db.append(engine.meters().gain_db)
    assert gains_db[-1] > gains_db[239] - falls_db - 3.0


def test_silence_decides_nothing(song):
    silence = np.zeros((2, 2 * RATE_HZ), np.float32)
    assert not heard(np.concatenate([song[:, : 3 * RATE_HZ], silence], axis=1)).any()


def test_a_restored_judge_goes_on_alike(song):
    audio = np.concatenate([song[:, : 3 * RATE_HZ], NOISES["pink"](2), song[:, : 2 * RATE_HZ]], axis=1)
    half = 4 * RATE_HZ
    first, second = Listener(RATE_HZ, 2, judges=True), Listener(RATE_HZ, 2, judges=True)
    heard(audio[:, :half], first)
    second.restore(first.state())
    rest = heard(audio[:, half:], first)
    assert np.array_equal(heard(audio[:, half:], second), rest)
    assert rest.any() and not rest.all()


@pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow in plain Python")
@pytest.mark.parametrize("level_lu", [-50.0, -20.0, -12.0, -6.0, 0.0])
def test_applause_does_not_move_the_gain(song, level_lu):
    """The rider holds, whatever the block size; after it, the stream without a pause is the measure."""
    chorus, at = song[:, RATE_HZ : 11 * RATE_HZ], 14 * RATE_HZ
    music = np.concatenate([chorus, chorus], axis=1)[:, : 17 * RATE_HZ]
    pause = NOISES["400 claps a second"](2)
    pause = pause * np.float32(10 ** ((level_lu + integrated_lufs(music) - integrated_lufs(pause)) / 20))
    paused = np.concatenate([music[:, :at], pause, music[:, at:]], axis=1)

    def stream(audio, block=4800):
        engine = Engine(Config(master=Master(target_lufs=-14.0)))
        engine.prepare(RATE_HZ, block)
        out, gains_db = [], []
        for start in range(0, audio.shape[1], block):
            out.append(engine.process(audio[:, start : start + block].copy()))
            gains_db.append(engine.meters().ride_db)
        return np.concatenate(out, axis=1), np.array(gains_db)

    out, gains_db = stream(paused)
    straight_db = stream(music)[1]
    assert np.abs(gains_db[140:180] - gains_db[139]).max() < 0.5
    assert np.abs(gains_db[180:210] - straight_db[140:170]).max() < 0.5
    if level_lu == -12.0:
        assert np.array_equal(stream(paused, 1111)[0], out)
