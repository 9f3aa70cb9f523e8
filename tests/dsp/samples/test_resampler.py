"""The resampler against the window and sinc written out, against exact tones, and cut in any way."""

from __future__ import annotations

import numpy as np
import pytest
from watched import checked

from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.samples import resampler

COUNT = 48000 if JIT_ENABLED else 100
SKEW = 1.0 + 300e-6
RATES = [(48000, 48000), (44100, 44100), (44100, 48000), (48000, 44100), (96000, 48000), (96000, 44100)]
needs_speed = pytest.mark.skipif(not JIT_ENABLED, reason="a second of audio: too slow as plain Python")
all_rates = pytest.mark.parametrize(("in_rate_hz", "out_rate_hz"), RATES)


def resampled(
    source: np.ndarray, table: np.ndarray, step: float, count: int, block: int | None = None, fraction: float = 0.0
) -> np.ndarray:
    """`count` outputs of a (2, samples) source, each call given just the samples that it asks for."""
    state, work = checked(np.array([fraction, step])), checked(np.zeros(resampler.WORK_SIZE, np.float32))
    output, at, taps = np.zeros((2, count), np.float32), 0, resampler.taps_of(table)
    for start in range(0, count, block or count):
        left, right = (checked(channel[start : start + (block or count)]) for channel in output)
        needed = int(state[resampler.FRACTION] + len(left) * step) + taps
        span = checked(source[0, at : at + needed]), checked(source[1, at : at + needed])
        at += resampler.process(state, checked(table), work, *span, left, right)
    return output


def needed_samples(table: np.ndarray, step: float, count: int) -> int:
    return int(count * step) + resampler.taps_of(table) + 1


def noise(samples: int) -> np.ndarray:
    return (0.3 * np.random.default_rng(1).standard_normal((2, samples))).astype(np.float32)


def twin(source: np.ndarray, in_rate_hz: float, out_rate_hz: float, positions: np.ndarray) -> np.ndarray:
    """Window and sinc in full for each output, no table; a row's weights sum to 1."""
    cutoff = min(1.0, out_rate_hz / in_rate_hz)
    half = 24 * int(np.ceil(1.0 / cutoff))
    output = np.zeros((2, len(positions)))
    for i, position in enumerate(positions):
        near = np.arange(int(position) - half + 1, int(position) + half + 1)
        distance = near - position
        inside = np.maximum(1.0 - (distance / half) ** 2, 0.0)
        weights = np.sinc(cutoff * distance) * np.i0(resampler.KAISER_BETA * np.sqrt(inside))
        output[:, i] = source[:, near] @ (weights / weights.sum())
    return output


@all_rates
def test_agrees_with_window_and_sinc_written_out(in_rate_hz, out_rate_hz):
    table, step, count = resampler.new_table(in_rate_hz, out_rate_hz), SKEW * in_rate_hz / out_rate_hz, 60
    source = noise(needed_samples(table, step, count))
    positions = resampler.taps_of(table) // 2 - 1 + 0.37 + np.arange(count) * step
    expected = twin(source.astype(np.float64), in_rate_hz, out_rate_hz, positions)
    got = resampled(source, table, step, count, fraction=0.37)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


def test_on_a_sample_it_is_that_sample():
    """The filter delays nothing: the output at a position is the source at that position."""
    table = resampler.new_table(48000, 48000)
    source = noise(needed_samples(table, 1.0, 100))
    middle = resampler.TAPS // 2 - 1
    np.testing.assert_allclose(resampled(source, table, 1.0, 100), source[:, middle : middle + 100], rtol=0, atol=1e-7)


@all_rates
def test_how_a_stream_is_cut_changes_no_bit(in_rate_hz, out_rate_hz):
    table, step = resampler.new_table(in_rate_hz, out_rate_hz), SKEW * in_rate_hz / out_rate_hz
    count = min(COUNT, 9000)
    source = noise(needed_samples(table, step, count))
    whole = resampled(source, table, step, count)
    assert np.any(whole)
    for block in (1, 7, 64, 65, 512) if JIT_ENABLED else (7, 64):
        assert np.array_equal(resampled(source, table, step, count, block), whole), block


def added_and_level_db(in_rate_hz: int, out_rate_hz: int, tone_hz: float) -> tuple[float, float]:
    """What is not the tone where it should be, and the tone's own level, of the worse channel."""
    table, step = resampler.new_table(in_rate_hz, out_rate_hz), SKEW * in_rate_hz / out_rate_hz
    turn = 2.0 * np.pi * tone_hz / in_rate_hz
    times = turn * np.arange(needed_samples(table, step, COUNT))
    got = resampled(np.stack([np.sin(times), np.cos(times)]).astype(np.float32), table, step, COUNT)
    angles = turn * (resampler.taps_of(table) // 2 - 1 + np.arange(COUNT) * step)
    ideal = np.stack([np.sin(angles), np.cos(angles)])
    gains = (got * ideal).sum(axis=1) / (ideal * ideal).sum(axis=1)
    added = ((got - gains[:, None] * ideal) ** 2).sum(axis=1) / (ideal * ideal).sum(axis=1)
    return float(10.0 * np.log10(added.max())), float(20.0 * np.log10(gains.min()))


@needs_speed
@all_rates
def test_tones_are_what_they_exactly_should_be(in_rate_hz, out_rate_hz):
    """Phase included: residue against the closed form, level alone taken out. Images lie in the residue."""
    for tone_hz, most_added_db in ((100.0, -115.0), (1000.0, -114.0), (10_000.0, -110.0), (15_000.0, -104.0)):
        added_db, level_db = added_and_level_db(in_rate_hz, out_rate_hz, tone_hz)
        print(f"{in_rate_hz} to {out_rate_hz} Hz, {tone_hz:.0f} Hz: {added_db:.1f} dB added, {level_db:+.4f} dB")
        assert added_db <= most_added_db
        assert abs(level_db) <= 0.001


@needs_speed
@all_rates
def test_flat_to_20_khz(in_rate_hz, out_rate_hz):
    _, level_db = added_and_level_db(in_rate_hz, out_rate_hz, 20_000.0)
    assert abs(level_db) <= 0.1


@needs_speed
@pytest.mark.parametrize(("in_rate_hz", "out_rate_hz", "tone_hz"), [(96000, 48000, 28_000), (48000, 44100, 23_900)])
def test_what_the_output_cannot_carry_is_left_out(in_rate_hz, out_rate_hz, tone_hz):
    """What would alias to 20 kHz and below at the lower rate."""
    table, step = resampler.new_table(in_rate_hz, out_rate_hz), in_rate_hz / out_rate_hz
    times = 2.0 * np.pi * tone_hz / in_rate_hz * np.arange(needed_samples(table, step, COUNT))
    source = np.stack([np.sin(times), np.cos(times)]).astype(np.float32)
    assert 20.0 * np.log10(np.abs(resampled(source, table, step, COUNT)).max()) < -90.0
