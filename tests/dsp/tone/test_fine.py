"""The fine equaliser: what its bands are, the curve they follow, jumps, every way of cutting a stream."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import fftconvolve, firwin, sosfilt

from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.tone import cascade, fine

RATES_HZ = (44100, 48000, 88200, 96000, 176400, 192000)
RATE_HZ = 48000
COUNT = 8192 if JIT_ENABLED else 512
TABLES = {rate_hz: fine.design_table(rate_hz) for rate_hz in (RATE_HZ, 44100, 192000)}
HEARD_HZ = np.geomspace(25.0, 18_000.0, 1000)
needs_speed = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow as plain Python")


def designed(gains_db, rate_hz: int = RATE_HZ) -> np.ndarray:
    """The design of 31 gains, from the table."""
    goal = cascade.neutral_goal(fine.BAND_COUNT)
    fine.design(TABLES[rate_hz], np.asarray(gains_db, dtype=np.float64), goal)
    return goal


def resting(goal: np.ndarray) -> np.ndarray:
    ramp = cascade.neutral_ramp(fine.BAND_COUNT)
    cascade.rest(ramp, goal)
    return ramp


def played(audio: np.ndarray, goals: list[np.ndarray], block: int) -> tuple[np.ndarray, np.ndarray]:
    """Audio through frames that go from one goal to the next; the last stays. Output and state."""
    left, right = audio.copy()
    ramp, state, work = cascade.neutral_ramp(fine.BAND_COUNT), fine.new_state(), np.zeros(cascade.WORK_SIZE)
    for frame, start in enumerate(range(0, len(left), fine.FRAME_SAMPLES)):
        if frame + 1 < len(goals):
            cascade.move(ramp, goals[frame], goals[frame + 1], fine.FRAME_SAMPLES)
        else:
            cascade.rest(ramp, goals[-1])
        for offset in range(0, fine.FRAME_SAMPLES, block):
            some = slice(start + offset, start + min(offset + block, fine.FRAME_SAMPLES))
            cascade.process(ramp, state, work, offset, left[some], right[some])
    return np.stack([left, right]), state


def sections(coefficients: np.ndarray) -> np.ndarray:
    """Rows of b0, b1, b2, a1, a2 as scipy wants them."""
    return np.ascontiguousarray(np.insert(coefficients, 3, 1.0, axis=1))


def noise(seed: int, count: int = COUNT) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal((2, count))).astype(np.float32)


def smooth_curve(seed: int, peak_db: float, octaves: float, frequencies_hz: np.ndarray) -> np.ndarray:
    """A random curve, smoothed by a Gaussian of so many octaves (sd), that reaches +-peak_db."""
    grid = np.linspace(np.log2(10.0), np.log2(24_000.0), 400)
    kernel = np.exp(-0.5 * ((grid[:, None] - grid) / octaves) ** 2)
    curve = kernel @ np.random.default_rng(seed).standard_normal(len(grid))
    curve -= curve.mean()
    return np.interp(np.log2(frequencies_hz), grid, peak_db * curve / np.abs(curve).max())


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("gain_db", [12.0, -12.0, 3.0])
def test_a_band_has_its_gain_at_its_centre_and_its_share_at_the_neighbours(gain_db, rate_hz):
    for band in (0, 10, 20, 28, 30):
        gains_db = np.where(np.arange(fine.BAND_COUNT) == band, gain_db, 0.0)
        centre_hz = fine.CENTRES_HZ[band]
        at_centre, far_below = fine.magnitude_db(gains_db, [centre_hz, centre_hz / 1e3], rate_hz)
        assert at_centre == pytest.approx(gain_db, abs=1e-3)
        assert abs(far_below) < 1e-3
        if band < 28:  # next to Nyquist the prototype's width is warped
            beside = fine.magnitude_db(gains_db, centre_hz * 2.0 ** np.array([-1 / 3, 1 / 3]), rate_hz)
            np.testing.assert_allclose(beside, fine.SHARE * gain_db, atol=0.35)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_boost_and_cut_undo_each_other(rate_hz):
    gains_db = np.random.default_rng(1).uniform(-12.0, 12.0, fine.BAND_COUNT)
    frequencies_hz = np.geomspace(15.0, 0.499 * rate_hz, 500)
    up, down = (fine.magnitude_db(sign * gains_db, frequencies_hz, rate_hz) for sign in (1.0, -1.0))
    np.testing.assert_allclose(up, -down, atol=1e-6)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_follows_a_smooth_curve(rate_hz):
    """Within .3 dB from 25 Hz to 18 kHz for curves of +-12 dB that bend over an octave or more."""
    solve = fine.solve_matrix(rate_hz)
    errors_db = []
    for seed in range(20):
        for octaves in (1.0, 2.0):
            gains_db = solve @ smooth_curve(seed, 12.0, octaves, fine.POINTS_HZ)
            assert np.abs(gains_db).max() < fine.GAIN_LIMIT_DB
            wanted_db = smooth_curve(seed, 12.0, octaves, HEARD_HZ)
            errors_db.append(np.abs(fine.magnitude_db(gains_db, HEARD_HZ, rate_hz) - wanted_db).max())
    for peak_db in (12.0, -12.0):
        gains_db = solve @ np.full(fine.POINT_COUNT, peak_db)
        errors_db.append(np.abs(fine.magnitude_db(gains_db, HEARD_HZ, rate_hz) - peak_db).max())
    print(f"{rate_hz} Hz: largest error, median {np.median(errors_db):.2f}, worst {max(errors_db):.2f} dB")
    assert max(errors_db) < 0.3


def test_the_matrix_turns_a_flat_curve_into_no_gain():
    solve = fine.solve_matrix(RATE_HZ)
    assert solve.shape == (fine.BAND_COUNT, fine.POINT_COUNT)
    assert not np.any(solve @ np.zeros(fine.POINT_COUNT))


@pytest.mark.parametrize("rate_hz", list(TABLES))
def test_table_interpolates_closely(rate_hz):
    """3e-4 dB a band, as `design` promises, midway between rows and anywhere else."""
    frequencies_hz = np.geomspace(15.0, 0.499 * rate_hz, 800)
    z = np.exp(-2j * np.pi * frequencies_hz / rate_hz)
    rng = np.random.default_rng(2)
    midway_db = np.arange(-12.0, 12.0, 1.0) + 0.5 * fine.TABLE_STEP_DB
    worst_db = 0.0
    for gains_db in (*(np.full(fine.BAND_COUNT, gain) for gain in midway_db), rng.uniform(-12, 12, fine.BAND_COUNT)):
        c1, c2, minus_a1, minus_a2 = (
            designed(gains_db, rate_hz)[:-1]
            .reshape(-1, 4, 3, 2, 2)[:, :, :, 0]
            .transpose(1, 0, 3, 2)
            .reshape(4, -1, 1)[:, : fine.BAND_COUNT]
        )
        tabled = 1.0 + (c1 + c2 * z) * z / (1.0 - (minus_a1 + minus_a2 * z) * z)
        b = fine.design_bands(gains_db, rate_hz)[:, :, None]
        exact = (1.0 + (b[:, 1] + b[:, 2] * z) / b[:, 0] * z) / (1.0 + (b[:, 3] + b[:, 4] * z) * z)
        difference_db = 20.0 * np.log10(np.abs(tabled / exact))
        leading_db = 20.0 * np.log10(designed(gains_db, rate_hz)[-1] / b[:, 0].prod())
        worst_db = max(worst_db, np.abs(difference_db).max(), abs(leading_db) / fine.BAND_COUNT)
    print(f"{rate_hz} Hz: the table is off by {worst_db:.1e} dB at most")
    assert worst_db < 3e-4


def test_table_rows_are_the_designs_themselves():
    """At its own steps, and at the limit for what lies beyond it."""
    rng = np.random.default_rng(3)
    gains_db = fine.TABLE_STEP_DB * rng.integers(-48, 49, fine.BAND_COUNT)
    left, right = noise(3)
    cascade.process(resting(designed(gains_db)), fine.new_state(), np.zeros(cascade.WORK_SIZE), 0, left, right)
    twin = sosfilt(sections(fine.design_bands(gains_db, RATE_HZ)), noise(3).astype(np.float64))
    np.testing.assert_allclose([left, right], twin, rtol=0, atol=1e-6 * np.abs(twin).max())
    assert np.array_equal(designed(np.full(fine.BAND_COUNT, 40.0)), designed(np.full(fine.BAND_COUNT, 12.0)))


def test_gain_zero_changes_no_bit():
    output, _ = played(noise(4), [designed(np.zeros(fine.BAND_COUNT))], 64)
    assert np.array_equal(output, noise(4))


def moving_twin(audio: np.ndarray, goals: list[np.ndarray]) -> np.ndarray:
    """Sample by sample and band by band, as the module's words have it."""
    output = audio.astype(np.float64)
    memory = np.zeros((fine.BAND_COUNT, 2, 2))
    designs = [goal[:-1].reshape(-1, 4, 3, 2, 2)[:, :, :, 0].transpose(1, 0, 3, 2).reshape(4, -1) for goal in goals]
    for i in range(audio.shape[1]):
        frame, within = divmod(i, fine.FRAME_SAMPLES)
        start, goal = (min(frame + k, len(goals) - 1) for k in (0, 1))
        per_step = cascade.STEP_SAMPLES / fine.FRAME_SAMPLES
        for band in range(fine.BAND_COUNT):
            steps = (within + band % 6) // cascade.STEP_SAMPLES + 1
            c1, c2, minus_a1, minus_a2 = (designs[start] + steps * per_step * (designs[goal] - designs[start]))[:, band]
            x, (s1, s2) = output[:, i].copy(), memory[band]
            output[:, i] = x + s1
            memory[band] = c1 * x + minus_a1 * s1 + s2, c2 * x + minus_a2 * s1
        output[:, i] *= goals[start][-1] + (within + 1) / fine.FRAME_SAMPLES * (goals[goal][-1] - goals[start][-1])
    return output


def some_goals(count: int, seed: int = 5) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [designed(rng.uniform(-12.0, 12.0, fine.BAND_COUNT)) for _ in range(count)]


def test_moving_agrees_with_the_twin():
    audio = noise(5, 1536 if JIT_ENABLED else 512)
    goals = some_goals(3 if JIT_ENABLED else 2)
    expected = moving_twin(audio, goals)
    output, _ = played(audio, goals, 64)
    np.testing.assert_allclose(output, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("block", [1, 2, 3, 4, 5, 6, 7, 15, 16, 17, 63, 64, 65, 512])
def test_block_size_changes_no_bit_while_moving(block):
    goals = some_goals(4)
    expected, memory = played(noise(6), goals, fine.FRAME_SAMPLES)
    output, state = played(noise(6), goals, block)
    assert np.array_equal(output, expected) and np.array_equal(state, memory)


def test_a_line_that_goes_nowhere_is_rest():
    """Still and moving are one path: they agree to the bit on a value that both hold."""
    goal = some_goals(1)[0]
    moving, moving_state = played(noise(7), [goal] * 4, 64)
    still, state = played(noise(7), [goal], 64)
    assert np.array_equal(moving, still) and np.array_equal(moving_state, state)


@settings(max_examples=100 if JIT_ENABLED else 10)
@given(
    start_db=st.lists(st.floats(-12.0, 12.0), min_size=31, max_size=31),
    goal_db=st.lists(st.floats(-12.0, 12.0), min_size=31, max_size=31),
    share=st.floats(0.0, 1.0),
    rate_hz=st.sampled_from(list(TABLES)),
)
def test_every_design_and_all_on_the_way_to_the_next_are_stable(start_db, goal_db, share, rate_hz):
    start, goal = designed(start_db, rate_hz), designed(goal_db, rate_hz)
    rows = (start + share * (goal - start))[:-1].reshape(-1, 4, 12)
    a1, a2 = -rows[:, 2], -rows[:, 3]
    assert np.all(np.abs(a2) < 1.0) and np.all(np.abs(a1) < 1.0 + a2 + 1e-15)


def splatter_dbfs(output: np.ndarray) -> float:
    """Largest sample of what lies above 5 kHz, in one channel."""
    high = firwin(4001, 5000.0, fs=RATE_HZ, pass_zero=False, window=("kaiser", 12.0))
    return float(20.0 * np.log10(np.abs(fftconvolve(output, high)[4001:-4001]).max()))


@needs_speed
def test_full_jumps_do_not_splatter():
    """50 Hz and 997 Hz while all gains go from one solved curve of +-12 dB to another as the chain smooths them."""
    solve = fine.solve_matrix(RATE_HZ)
    times_s = np.arange(4 * RATE_HZ // 512 * 512) / RATE_HZ
    tone = (0.5 * np.sin(2 * np.pi * 50.0 * times_s) + 0.5 * np.sin(2 * np.pi * 997.0 * times_s)).astype(np.float32)
    for seed in range(5):
        start, goal = (solve @ smooth_curve(100 + seed + k, 12.0, 1.0, fine.POINTS_HZ) for k in (0, 50))
        halfway, now, goals = start.copy(), start.copy(), [designed(start)] * 90
        step = fine.smoothing_step(RATE_HZ)
        while len(goals) < 300:
            halfway += step * (goal - halfway)
            now = now + step * (halfway - now)
            goals.append(designed(now))
        output, _ = played(np.stack([tone, tone]), goals, 64)
        residual_dbfs = splatter_dbfs(output[0].astype(np.float64))
        print(f"seed {seed}: residual above 5 kHz {residual_dbfs:.1f} dBFS")
        assert residual_dbfs < -70.0


@needs_speed
@pytest.mark.parametrize("frequency_hz", [30.0, 1000.0, 12_000.0])
def test_gains_may_jump_every_frame(frequency_hz):
    """From one extreme to the other within each frame: stirred, finite, and settled again soon after."""
    rng = np.random.default_rng(8)
    tone = np.sin(2.0 * np.pi * frequency_hz / RATE_HZ * np.arange(2 * RATE_HZ // 512 * 512)).astype(np.float32)
    goals = [designed(rng.choice([-12.0, 12.0], fine.BAND_COUNT)) for _ in range(60)] + [
        designed(np.zeros(fine.BAND_COUNT))
    ]
    output, _ = played(np.stack([tone, tone]), goals, 64)
    assert np.abs(output).max() < 10.0 ** (60.0 / 20.0)
    np.testing.assert_allclose(output[0][-RATE_HZ // 4 :], tone[-RATE_HZ // 4 :], atol=1e-5)
