"""The kernels that hear against their slow twins, on music; from a ring, from blocks, and after anything."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from crowd import applause
from demosong import demo_song
from hearing_twins import Ears, FeatureStream

from rt_automix.analysis import layout as at
from rt_automix.analysis.features import HOP_S, MID_ROW, hop_samples
from rt_automix.analysis.hearing import fine_spectrum
from rt_automix.analysis.hearing.listener import FeatureStream as Stream
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.analysis.hearing.statistics import Statistics
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.tone.fine import POINTS_HZ
from rt_automix.units import db_from_power

RATE_HZ = 48000
HOP = hop_samples(RATE_HZ)
compiled_only = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow in plain Python")


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    return demo_song(RATE_HZ)[:, 14 * RATE_HZ : 32 * RATE_HZ]


def hops(audio: np.ndarray, hop: int = HOP) -> Iterator[np.ndarray]:
    for start in range(0, audio.shape[1] - hop + 1, hop):
        yield np.ascontiguousarray(audio[:, start : start + hop])


def agree(audio: np.ndarray, rate_hz: int) -> None:
    """Rows within 1e-3 dB above -80 dB, and to 0.1 dB down to the floor."""
    rows = Stream(rate_hz, len(audio)).push(audio)
    expected = FeatureStream(rate_hz, len(audio)).push(audio)
    assert rows.shape == expected.shape and len(rows) > 0
    loud = np.maximum(rows, expected) > -80.0
    np.testing.assert_allclose(rows[loud], expected[loud], atol=1e-3)
    np.testing.assert_allclose(rows, expected, atol=0.1)


TEXTURE_RING = [at.TEXTURE + at.T_NEXT, *range(at.TEXTURE + at.T_PAST, at.TEXTURE + at.TEXTURE_SIZE)]
"""The last frames, and where they go on."""
TEXTURE_KEPT = np.setdiff1d(np.arange(at.TEXTURE, at.TEXTURE + at.TEXTURE_SIZE), TEXTURE_RING)
OF_NOW = [*range(at.NOW_POWER, at.FINE_POWER), *TEXTURE_RING]
"""What no file keeps."""


@compiled_only
def test_rows_are_the_twins_on_songs(songs):
    for path in songs:
        audio, rate_hz = soundfile.read(path, dtype="float32", always_2d=True, frames=60 * 48000)
        agree(np.ascontiguousarray(audio.T[:2]), rate_hz)


@compiled_only
@pytest.mark.parametrize("rate_hz", [44100, 48000, 88200, 96000])
@pytest.mark.parametrize("channels", [1, 2])
def test_rows_are_the_twins_at_every_rate(rate_hz, channels):
    agree(demo_song(rate_hz)[:channels, 20 * rate_hz : 26 * rate_hz], rate_hz)


def test_a_frame_is_the_twins(song):
    agree(song[:, : 2 * HOP], RATE_HZ)


def eventful(song: np.ndarray) -> np.ndarray:
    """Music, silence, music, applause, music, clipped music, music."""
    music, claps = song[:, : 6 * RATE_HZ], applause(RATE_HZ, 4.0, 2)
    clipped = np.clip(8.0 * song[:, 8 * RATE_HZ : 11 * RATE_HZ] / np.abs(song).max(), -1.0, 1.0).astype(np.float32)
    claps = claps * np.float32(0.7 * music.std() / claps.std())
    silence = np.zeros((2, 3 * RATE_HZ), np.float32)
    return np.concatenate([music, silence, music, claps, music, clipped, music], axis=1)


@compiled_only
@pytest.mark.parametrize("time_constant_s", [10.0, 60.0, math.inf])
def test_ears_learn_and_judge_like_the_twins(song, time_constant_s):
    twin, ears = Ears(RATE_HZ, 2, time_constant_s), Listener(RATE_HZ, 2, time_constant_s, judges=True)
    seen = set()
    for hop in hops(eventful(song)):
        twin.hear(hop)
        ears.push(hop)
        heard, expected = ears.statistics, twin.statistics
        assert (ears.is_applause, ears.is_clipped) == (twin.applause.heard, twin.clipping.heard)
        seen.add((ears.is_applause, ears.is_clipped))
        assert heard.seconds_heard == pytest.approx(expected.seconds_heard)
        np.testing.assert_allclose(heard.vector(), expected.vector(), atol=2e-3)
        np.testing.assert_allclose(heard.level_shares, expected.level_shares, atol=1e-4)
        np.testing.assert_allclose(heard.mel_power, expected.mel_power, rtol=2e-3, atol=1e-9)
    assert seen == {(False, False), (True, False), (False, True)}


@compiled_only
def test_what_applause_has_taught_is_undone(song):
    ears, before = Listener(RATE_HZ, 2, judges=True), []
    for hop in hops(eventful(song)[:, 9 * RATE_HZ :]):
        before.append(ears.statistics.state())
        ears.push(hop)
        if ears.is_applause:
            break
    assert ears.is_applause
    np.testing.assert_array_equal(ears.statistics.state(), before[-at.UNDO_FRAMES])


@pytest.mark.parametrize("channels", [1, 2])
def test_a_ring_is_heard_like_a_block(song, channels):
    """From any position, the seam of the ring included; and a hop in pieces like a whole one."""
    size, count = 1 << 14, 5 if JIT_ENABLED else 2
    audio = song[:channels, : count * HOP]
    ring, from_ring, whole = np.zeros((channels, size), np.float32), *(Listener(RATE_HZ, channels) for _ in range(2))
    for number, hop in enumerate(hops(audio)):
        ring[:, (number * HOP + np.arange(HOP)) % size] = hop
        from_ring.hear_hop(tuple(ring), number * HOP)
    whole.push(audio)
    for mine, theirs in zip(from_ring.state().values(), whole.state().values(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert whole.statistics.seconds_heard > 0.0


@compiled_only
def test_restored_ears_go_on_alike(song):
    audio = eventful(song)
    for at_s in (3.0, 7.7, 16.2, 17.5, 24.6):
        first, second = (Listener(RATE_HZ, 2, judges=True) for _ in range(2))
        first.push(audio[:, : round(at_s * RATE_HZ)])
        second.restore(first.state())
        rest = audio[:, round(at_s * RATE_HZ) :]
        assert first.push(rest) == second.push(rest)
        for mine, theirs in zip(first.state().values(), second.state().values(), strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("fault", [np.nan, np.inf, -3e38, 1e-42])
def test_faults_leave_nothing_behind(song, fault):
    ears = Listener(RATE_HZ, 2, judges=True)
    audio = song[:, : 3 * HOP].copy()
    audio[0, HOP : HOP + 500] = fault
    ears.push(audio)
    for array in ears.state().values():
        assert np.isfinite(array[array != np.inf]).all()
    assert np.isfinite(ears.statistics.vector()).all() and np.isfinite(ears.recent_lufs(32))


@compiled_only
def test_hours_do_not_drift(song):
    """Eight hours of the same frames measure like the first minutes."""
    stream = Stream(RATE_HZ, 2)
    rows = stream.push(song[:, : 10 * RATE_HZ])
    statistics = Statistics()
    minutes = np.tile(rows, (round(300.0 / (len(rows) * HOP_S)), 1))
    statistics.add(minutes)
    early = statistics.state()
    for _ in range(8 * 12 - 1):
        statistics.add(minutes)
    late = statistics.state()
    assert statistics.seconds_heard == pytest.approx(8 * 12 * len(minutes) * HOP_S)
    counts = [at.HEARD_FRAMES, at.SOUND_FRAMES, at.MUSIC_FRAMES]
    early[counts] = late[counts]
    others = np.delete(np.arange(at.STATISTICS_SIZE), np.arange(at.TEXTURE, at.TEXTURE + at.TEXTURE_SIZE))
    np.testing.assert_allclose(late[others], early[others], rtol=0.02, atol=1e-9)
    statistics.add(minutes)  # the texture remembers for longer than five minutes
    np.testing.assert_allclose(statistics.state()[TEXTURE_KEPT], late[TEXTURE_KEPT], rtol=0.02, atol=1e-9)
    assert late[at.BLOCK_SHARES : at.BLOCK_SHARES + at.LEVELS].sum() == pytest.approx(1.0, abs=1e-9)


# The fine spectrum -------------------------------------------------------------------------------------


def test_a_point_weighs_a_third_of_an_octave():
    """White noise reads its power per hertz times the width, at every rate."""
    for rate_hz in (44100, 48000, 96000):
        hop = hop_samples(rate_hz)
        length = 2 * hop
        frequencies = np.arange(length // 2 + 1) * (rate_hz / length)
        bands = fine_spectrum.weights(frequencies, 1.0)
        sums = np.array([weights.sum() for _, weights in bands]) * (rate_hz / length)
        np.testing.assert_allclose(sums, fine_spectrum.band_width_hz(), rtol=1e-9)
        assert all(weights.size >= 3 and (weights >= 0.0).all() for _, weights in bands)
    assert POINTS_HZ[35] == 1000.0 and POINTS_HZ.size == at.FINE_POINTS


def pink(seconds: float, rate_hz: int) -> np.ndarray:
    """Stereo noise with as much power in every octave; the same signal at any rate."""
    count = round(seconds * 96000)
    frequencies = np.fft.rfftfreq(count, 1 / 96000)
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal((2, count)))
    spectrum *= ((frequencies > 10.0) & (frequencies < 21000.0)) / np.sqrt(np.maximum(frequencies, 10.0))
    size = count * rate_hz // 96000
    signal = np.fft.irfft(spectrum[:, : size // 2 + 1], size) * (size / count)
    return (0.1 * signal / np.fft.irfft(spectrum).std()).astype(np.float32)


@compiled_only
def test_pink_noise_is_flat_and_its_level_right():
    ears = Listener(RATE_HZ, 2, math.inf)
    ears.push(pink(60.0, RATE_HZ))
    octaves = np.log2(21000.0 / 10.0)
    expected_db = 10.0 * np.log10(0.1**2 / 2.0 / (3.0 * octaves))  # of the power, a third of an octave, mid
    levels_db = db_from_power(ears.statistics.fine_power)
    np.testing.assert_allclose(levels_db[:, 8:58], expected_db, atol=0.7)
    np.testing.assert_allclose(levels_db[:, 20:56], expected_db, atol=0.35)


@compiled_only
def test_rates_agree():
    found = []
    for rate_hz in (44100, 48000, 88200, 96000):
        ears = Listener(rate_hz, 2, math.inf)
        ears.push(pink(10.0, rate_hz))
        found.append(db_from_power(ears.statistics.fine_power))
    for levels_db in found:
        np.testing.assert_allclose(levels_db, found[-1], atol=0.15)


@compiled_only
def test_a_tone_stands_where_it_is():
    time_s = np.arange(5 * RATE_HZ) / RATE_HZ
    for point in (10, 20, 35, 50):
        tone = 0.1 * np.sin(2.0 * np.pi * POINTS_HZ[point] * time_s)
        ears = Listener(RATE_HZ, 2, math.inf)
        ears.push(np.stack([tone, -tone]).astype(np.float32))
        mid, side = ears.statistics.fine_power
        assert np.argmax(side) == point and mid.max() < 1e-9
        # A tone in the middle of a raised cosine of area 1 counts for more than one beside it.
        assert 10.0 * np.log10(side[point] / 0.005) == pytest.approx(0.0, abs=1.0)
        assert side[max(point - 3, 0)] < 1e-4 * side[point] or point < 20
        assert side[point + 3] < 1e-4 * side[point] or point < 20


@compiled_only
def test_the_mel_bands_say_nearly_the_same(song):
    """Where nothing but rows is known, as in a state that an older version has written."""
    ears, told, old = Listener(RATE_HZ, 2, math.inf), Statistics(math.inf), Statistics()
    ears.push(song)
    told.add(Stream(RATE_HZ, 2).push(song))
    known, guess = db_from_power(ears.statistics.fine_power), db_from_power(told.fine_power)
    points = (POINTS_HZ > 400.0) & (POINTS_HZ < 16000.0)
    assert np.sqrt(np.mean((known - guess)[0, points] ** 2)) < 2.5

    ears = Listener(RATE_HZ, 2)
    ears.push(song)
    plain = ears.statistics.plain()
    old.restore_plain(plain)
    kept = np.delete(np.arange(at.STATISTICS_SIZE), OF_NOW)
    np.testing.assert_array_equal(old.state()[kept], ears.statistics.state()[kept])
    del plain["_fine_power"]
    old.restore_plain(plain)
    rest = np.setdiff1d(kept, np.arange(at.FINE_POWER, at.FINE_POWER + 2 * at.FINE_POINTS))
    np.testing.assert_array_equal(old.state()[rest], ears.statistics.state()[rest])
    low, below, above = fine_spectrum.fine_of_mel()
    mel = ears.statistics.mel_power
    np.testing.assert_allclose(old.fine_power, below * mel[:, low] + above * mel[:, low + 1], rtol=1e-12)


def test_levels_read_what_they_are():
    stream = Stream(RATE_HZ, 1)
    rows = stream.push(np.full((1, 2 * HOP), 0.5, np.float32))
    assert rows[0, MID_ROW] == pytest.approx(-6.02, abs=0.01)
