"""The loudness meter against the EBU's signals, a slow twin, and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pyloudnorm
import pytest
from scipy.signal import lfilter

from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.loudness import kweighting, loudness
from rt_automix.units import FLOOR_DB, lufs_from_energy

RATE_HZ = 48000
SUB_BLOCK = 480
needs_speed = pytest.mark.skipif(not JIT_ENABLED, reason="minutes of audio: too slow as plain Python")

READOUTS = (
    loudness.momentary_lufs,
    loudness.short_term_lufs,
    loudness.max_momentary_lufs,
    loudness.max_short_term_lufs,
    loudness.integrated_lufs,
    loudness.loudness_range_lu,
    loudness.last_sub_block_energy,
    loudness.seconds,
)


def tone(*segments: tuple[float, float], rate_hz: int = RATE_HZ) -> np.ndarray:
    """1 kHz with a constant peak level in dBFS for each (level, seconds)."""
    levels, durations = zip(*segments, strict=True)
    counts = [round(duration * rate_hz) for duration in durations]
    amplitude = np.repeat(10.0 ** (np.array(levels) / 20.0), counts)
    return (amplitude * np.sin(2.0 * np.pi * 1000.0 / rate_hz * np.arange(sum(counts)))).astype(np.float32)


def meter(signal: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    """The state after a mono signal on both channels."""
    state = loudness.new_state(rate_hz, 2)
    loudness.process(state, signal, signal)
    return state


def every_10_ms(signal: np.ndarray, readout) -> np.ndarray:
    """A readout after each sub-block of the signal on both channels."""
    state = loudness.new_state(RATE_HZ, 2)
    values = []
    for start in range(0, len(signal), SUB_BLOCK):
        block = signal[start : start + SUB_BLOCK]
        assert loudness.process(state, block, block) == 1
        values.append(readout(state))
    return np.array(values)


@needs_speed
@pytest.mark.parametrize("rate_hz", [44100, 48000, 88200, 96000])
def test_calibration(rate_hz):
    state = meter(tone((-18.0, 5.0), rate_hz=rate_hz), rate_hz)
    for readout in (loudness.momentary_lufs, loudness.short_term_lufs, loudness.integrated_lufs):
        assert readout(state) == pytest.approx(-18.0, abs=0.03)
    assert loudness.seconds(state) == 5.0


@needs_speed
@pytest.mark.parametrize("level_db", [-23.0, -33.0], ids=["signal-1", "signal-2"])
def test_tech_3341_steady(level_db):
    state = meter(tone((level_db, 20.0)))
    for readout in (loudness.momentary_lufs, loudness.short_term_lufs, loudness.integrated_lufs):
        assert readout(state) == pytest.approx(level_db, abs=0.1)


@needs_speed
@pytest.mark.parametrize(
    "segments",
    [
        pytest.param([(-36, 10), (-23, 60), (-36, 10)], id="signal-3"),
        pytest.param([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], id="signal-4"),
        pytest.param([(-26, 20), (-20, 20.1), (-26, 20)], id="signal-5"),
    ],
)
def test_tech_3341_gated(segments):
    assert loudness.integrated_lufs(meter(tone(*segments))) == pytest.approx(-23.0, abs=0.1)


@needs_speed
@pytest.mark.parametrize(
    ("segments", "readout", "settled_s"),
    [
        pytest.param([(-20, 1.34), (-30, 1.66)] * 5, loudness.short_term_lufs, 3.0, id="signal-9"),
        pytest.param([(-20, 0.18), (-30, 0.22)] * 25, loudness.momentary_lufs, 1.0, id="signal-12"),
    ],
)
def test_tech_3341_constant(segments, readout, settled_s):
    values = every_10_ms(tone(*segments), readout)[round(settled_s * 100) :]
    np.testing.assert_allclose(values, -23.0, atol=0.1)


@needs_speed
@pytest.mark.parametrize("i", range(20))
@pytest.mark.parametrize(
    ("step_s", "duration_s", "readout"),
    [
        pytest.param(0.15, 3.0, loudness.max_short_term_lufs, id="signal-10"),
        pytest.param(0.02, 0.4, loudness.max_momentary_lufs, id="signal-13"),
    ],
)
def test_tech_3341_maximum(step_s, duration_s, readout, i):
    state = meter(tone((FLOOR_DB, i * step_s), (-23.0, duration_s), (FLOOR_DB, 1.0)))
    assert readout(state) == pytest.approx(-23.0, abs=0.1)


@needs_speed
@pytest.mark.parametrize(
    ("step_s", "duration_s", "readout"),
    [
        pytest.param(0.15, 3.0, loudness.max_short_term_lufs, id="signal-11"),
        pytest.param(0.02, 0.4, loudness.max_momentary_lufs, id="signal-14"),
    ],
)
def test_tech_3341_maxima_in_turn(step_s, duration_s, readout):
    state = loudness.new_state(RATE_HZ, 2)
    for i in range(20):
        signal = tone((FLOOR_DB, i * step_s), (-38.0 + i, duration_s), (FLOOR_DB, duration_s - i * step_s))
        loudness.process(state, signal, signal)
        assert readout(state) == pytest.approx(-38.0 + i, abs=0.1)


@needs_speed
@pytest.mark.parametrize(
    ("levels_db", "range_lu"),
    [
        pytest.param((-20, -30), 10.0, id="signal-1"),
        pytest.param((-20, -15), 5.0, id="signal-2"),
        pytest.param((-40, -20), 20.0, id="signal-3"),
        pytest.param((-50, -35, -20, -35, -50), 15.0, id="signal-4"),
    ],
)
def test_tech_3342(levels_db, range_lu):
    state = meter(tone(*((level_db, 20.0) for level_db in levels_db)))
    assert loudness.loudness_range_lu(state) == pytest.approx(range_lu, abs=0.1)


def noise_programme(seed: int, seconds: int, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Stereo noise whose level changes every half second over 40 dB: float32, shape (2, n)."""
    rng = np.random.default_rng(seed)
    level_db = np.repeat(rng.uniform(-50.0, -10.0, 2 * seconds), rate_hz // 2)
    return (rng.standard_normal((2, seconds * rate_hz)) * 10.0 ** (level_db / 20.0)).astype(np.float32)


def twin(signal: np.ndarray) -> dict[str, float]:
    """BS.1770-5 and Tech 3342 as they are written, from the 48 kHz tables of BS.1770-5 annex 1."""
    shelved = lfilter(
        [1.53512485958697, -2.69169618940638, 1.19839281085285],
        [1.0, -1.69065929318241, 0.73248077421585],
        signal.astype(np.float64),
    )
    weighted = lfilter([1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621], shelved)
    sub_blocks = (weighted**2).reshape(len(signal), -1, SUB_BLOCK).mean(axis=2).sum(axis=0)
    momentary = np.lib.stride_tricks.sliding_window_view(sub_blocks, 40).mean(axis=1)
    short_term = np.lib.stride_tricks.sliding_window_view(sub_blocks, 300).mean(axis=1)

    absolute = 10.0 ** ((-70.0 + 0.691) / 10.0)
    blocks = momentary[::10][momentary[::10] > absolute]
    blocks = blocks[blocks > 0.1 * blocks.mean()]
    ranged = short_term[::10][short_term[::10] > absolute]
    ranged_lufs = 10.0 * np.log10(np.sort(ranged[ranged > 0.01 * ranged.mean()]))
    return {
        "last_sub_block": sub_blocks[-1],
        "momentary": momentary[-1],
        "short_term": short_term[-1],
        "max_momentary": momentary.max(),
        "max_short_term": short_term.max(),
        "integrated": blocks.mean(),
        "range_lu": float(np.subtract(*np.percentile(ranged_lufs, [95, 10], method="nearest"))),
    }


@needs_speed
@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_the_twin(seed):
    signal = noise_programme(seed, 40)
    state = loudness.new_state(RATE_HZ, 2)
    assert loudness.process(state, *signal) == 4000
    expected = twin(signal)
    relative = 1e-6
    assert loudness.last_sub_block_energy(state) == pytest.approx(expected["last_sub_block"], rel=relative)
    for name in ("momentary", "short_term", "max_momentary", "max_short_term"):
        read_lufs = getattr(loudness, f"{name}_lufs")(state)
        assert read_lufs == pytest.approx(lufs_from_energy(expected[name]), abs=10.0 * math.log10(1.0 + relative))
    # The bin that holds a gate or a percentile is 0.02 LU wide.
    assert loudness.integrated_lufs(state) == pytest.approx(lufs_from_energy(expected["integrated"]), abs=0.02)
    assert loudness.loudness_range_lu(state) == pytest.approx(expected["range_lu"], abs=0.025)


@needs_speed
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [44100, 96000])
def test_agrees_with_pyloudnorm(rate_hz, channels):
    signal = noise_programme(7, 20, rate_hz)[:channels]
    state = loudness.new_state(rate_hz, channels)
    loudness.process(state, signal[0], signal[-1])
    expected_lufs = pyloudnorm.Meter(rate_hz, filter_class="DeMan").integrated_loudness(signal.T.astype(np.float64))
    assert loudness.integrated_lufs(state) == pytest.approx(expected_lufs, abs=0.02)


def readouts(state: np.ndarray) -> list[float]:
    return [readout(state) for readout in READOUTS]


@needs_speed
@pytest.mark.parametrize("block_samples", [1, 7, 64, 65, 512, 4096])
def test_block_size_changes_no_bit(block_samples):
    left, right = noise_programme(3, 5)
    whole = loudness.new_state(RATE_HZ, 2)
    total = loudness.process(whole, left, right)
    cut = loudness.new_state(RATE_HZ, 2)
    assert total == sum(
        loudness.process(cut, left[start : start + block_samples], right[start : start + block_samples])
        for start in range(0, len(left), block_samples)
    )
    np.testing.assert_array_equal(cut, whole)


def test_short_stream_in_small_blocks():
    """Half a second, also as plain Python: every branch but the 3 s ones."""
    state = loudness.new_state(RATE_HZ, 2)
    signal = tone((-23.0, 0.5))
    ended = [loudness.process(state, signal[at : at + 700], signal[at : at + 700]) for at in range(0, 24000, 700)]
    assert sum(ended) == 50
    assert max(ended) == 2
    assert loudness.process(state, signal[:0], signal[:0]) == 0
    assert loudness.momentary_lufs(state) == pytest.approx(-23.0, abs=0.1)
    assert loudness.integrated_lufs(state) == pytest.approx(-23.0, abs=0.1)
    assert loudness.short_term_lufs(state) == pytest.approx(-23.0 + 10.0 * math.log10(0.5 / 3.0), abs=0.1)
    assert loudness.max_short_term_lufs(state) == FLOOR_DB
    assert loudness.loudness_range_lu(state) == 0.0
    assert loudness.seconds(state) == 0.5


def test_silence_reads_the_floor():
    state = meter(np.zeros(RATE_HZ // 2, np.float32))
    assert readouts(state) == [FLOOR_DB] * 5 + [0.0, 0.0, 0.5]


@needs_speed
def test_mono_counts_one_channel():
    signal = tone((-20.0, 4.0))
    mono = loudness.new_state(RATE_HZ, 1)
    loudness.process(mono, signal, signal)
    stereo_lufs = loudness.integrated_lufs(meter(signal))
    assert loudness.integrated_lufs(mono) == pytest.approx(stereo_lufs - 10.0 * math.log10(2.0), abs=1e-9)


@needs_speed
def test_reset_forgets_statistics_and_keeps_the_windows():
    state = meter(tone((-10.0, 10.0), (-30.0, 3.0)))
    running = loudness.momentary_lufs(state), loudness.short_term_lufs(state)
    loudness.reset_statistics(state)
    assert (loudness.momentary_lufs(state), loudness.short_term_lufs(state)) == running
    assert loudness.integrated_lufs(state) == FLOOR_DB
    assert loudness.max_momentary_lufs(state) == FLOOR_DB
    assert loudness.seconds(state) == 0.0
    signal = tone((-30.0, 6.0))
    loudness.process(state, signal, signal)
    for readout in (loudness.integrated_lufs, loudness.max_momentary_lufs, loudness.max_short_term_lufs):
        assert readout(state) == pytest.approx(-30.0, abs=0.1)
    assert loudness.loudness_range_lu(state) < 0.1


@needs_speed
def test_huge_input_leaves_nothing_but_numbers():
    rng = np.random.default_rng(1)
    signal = (1e30 * rng.standard_normal(RATE_HZ)).astype(np.float32)
    state = loudness.new_state(RATE_HZ, 2)
    loudness.process(state, signal, signal)
    assert np.isfinite(state).all()
    assert np.isfinite(readouts(state)).all()
    calm = tone((-23.0, 6.0))
    loudness.process(state, calm, calm)
    assert loudness.short_term_lufs(state) == pytest.approx(-23.0, abs=0.1)


@needs_speed
def test_silence_after_sound_leaves_no_denormals():
    """Ringing out by itself, the high-pass would be at 1e-104 here and reach slow denormals 2 s later."""
    state = meter(tone((0.0, 1.0)))
    silence = np.zeros(RATE_HZ, np.float32)
    assert state[loudness._MEMORY : loudness._SQUARES].all()
    loudness.process(state, silence, silence)
    assert not state[loudness._MEMORY : loudness._SQUARES].any()


@pytest.mark.parametrize("rate_hz", [44100, 48000, 96000, 192000])
def test_the_weighting_side_by_side_is_that_in_series(rate_hz):
    """At every frequency, DC included, to 1e-9."""
    z = np.exp(-2j * np.pi * np.array([0.0, *np.geomspace(1.0, 0.5 * rate_hz, 500)]) / rate_hz)
    b0, b1, b2, a1, a2, h1, h2 = kweighting.design(rate_hz)
    series = (b0 + (b1 + b2 * z) * z) / (1.0 + (a1 + a2 * z) * z) * (1.0 - z) ** 2 / (1.0 + (h1 + h2 * z) * z)
    itself, c1, c2, minus_a1, minus_a2 = kweighting.side_by_side(rate_hz)[:, :, None]
    parts = (c1 + c2 * z) * z / (1.0 - (minus_a1 + minus_a2 * z) * z)
    np.testing.assert_allclose(itself[0] + parts.sum(axis=0), series, rtol=0, atol=1e-9)
