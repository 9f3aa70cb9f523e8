"""The compressor against its closed forms and a slow twin that thinks in decibels."""

from __future__ import annotations

import numpy as np
import pytest

from rt_automix.dsp.dynamics import compressor
from rt_automix.dsp.jit import JIT_ENABLED

RATE_HZ = 48000
TICK_SAMPLES = compressor.WIDTH
MOST = 0.6
needs_speed = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow as plain Python")


def tone(level_dbfs: float, seconds: float) -> np.ndarray:
    """1 kHz, sine left and cosine right: its power stands still."""
    phase = 2.0 * np.pi * 1000.0 / RATE_HZ * np.arange(round(seconds * RATE_HZ))
    return 10.0 ** ((level_dbfs + 3.0103) / 20.0) * np.stack([np.sin(phase), np.cos(phase)])


def programme(seconds: float, seed: int = 1) -> np.ndarray:
    """Noise around -20 dBFS that swells and falls like music."""
    times_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    envelope_db = 6.0 * np.sin(2.0 * np.pi * 0.7 * times_s) + 4.0 * np.sign(np.sin(2.0 * np.pi * 2.1 * times_s)) - 26.0
    return 10.0 ** (envelope_db / 20.0) * np.random.default_rng(seed).standard_normal((2, len(times_s)))


def compressed(audio, compression, state, *, pre_gain_lin=1.0, ticks=True, hushed=False) -> np.ndarray:
    """The output, float32; without `ticks` threshold and make-up stand still."""
    output = audio.astype(np.float32)
    settings, scratch = compressor.new_settings(RATE_HZ), np.zeros(compressor.SCRATCH_SIZE, np.float32)
    for start in range(0, output.shape[1], TICK_SAMPLES):
        if ticks:
            compressor.tick(state, settings, compression, pre_gain_lin, hushed)
        left, right = output[:, start : start + TICK_SAMPLES]
        compressor.process(state, scratch, settings, left, right)
    return output


def gain_db(output: np.ndarray, audio: np.ndarray) -> np.ndarray:
    """Gain at each sample."""
    return 10.0 * np.log10(np.sum(output.astype(np.float64) ** 2, axis=0) / np.sum(audio**2, axis=0))


def power_db(audio: np.ndarray) -> float:
    """Mean power of both channels."""
    return float(10.0 * np.log10(np.mean(np.square(audio, dtype=np.float64))))


def power_per_100_ms_db(audio: np.ndarray) -> np.ndarray:
    """Mean power of both channels in steps of 100 ms."""
    return 10.0 * np.log10(np.mean(np.square(audio, dtype=np.float64).reshape(2, -1, RATE_HZ // 10), axis=(0, 2)))


def settled(level_dbfs: float, compression: float, seconds: float = 3.0) -> np.ndarray:
    """The state after a steady tone."""
    state = compressor.new_state()
    compressed(tone(level_dbfs, seconds), compression, state)
    compressor.tick(state, compressor.new_settings(RATE_HZ), compression, 1.0, False)
    return state


def memory(state: np.ndarray) -> tuple[float, ...]:
    """What is remembered of the programme: power, mean reduction, and from how long."""
    return state[compressor._PROGRAMME], state[compressor._MEAN], state[compressor._HEARD]


def twin(audio, compression, state) -> np.ndarray:
    """The same from the same state: Giannoulis et al. 2012, eqs. 4 and 17, in dB and double precision."""
    ratio = 1.0 + 5.0 * compression
    slope = 1.0 - 1.0 / ratio
    attack, release = (np.exp(-1000.0 / (time_ms * RATE_HZ)) for time_ms in (10.0, 150.0))
    mean_db, smoothed_db = 6.0205999 * state[compressor._MEAN], 6.0205999 * state[compressor._SMOOTHED]
    programme_power, heard = state[compressor._PROGRAMME], state[compressor._HEARD]
    output = np.empty_like(audio)
    for start in range(0, audio.shape[1], TICK_SAMPLES):
        chunk = audio[:, start : start + TICK_SAMPLES]
        power = np.mean(chunk**2, axis=0)
        over_db = 10.0 * np.log10(power / programme_power) - (2.0 - 10.0 * compression)
        wanted_db = np.where(
            over_db <= -5.0, 0.0, np.where(over_db >= 5.0, over_db, (over_db + 5.0) ** 2 / (2.0 * 10.0))
        )
        reductions_db = []
        for reduction_db in wanted_db:
            keep = attack if reduction_db > smoothed_db else release
            smoothed_db = keep * smoothed_db + (1.0 - keep) * reduction_db
            reductions_db.append(smoothed_db)
        output[:, start : start + TICK_SAMPLES] = chunk * 10.0 ** (slope * (mean_db - np.array(reductions_db)) / 20.0)
        heard = min(heard + len(power), 10.0 * RATE_HZ)
        if power.mean() > max(1e-6, 0.01 * programme_power):
            counted_power = min(power.mean(), 16.0 * programme_power)
            weight = len(power) / heard * counted_power
            programme_power += len(power) / heard * (counted_power - programme_power)
            mean_db += weight / programme_power * (np.average(reductions_db, weights=power) - mean_db)
    return output


@pytest.mark.parametrize("compression", [0.0, 0.1, 0.35, MOST])
def test_static_curve(compression):
    """Below the knee nothing, above it the straight line of the ratio, between them the parabola."""
    ratio, threshold_db = 1.0 + 5.0 * compression, 2.0 - 10.0 * compression
    levels_db = np.linspace(-30.0, 30.0, 241)
    output_db = np.where(
        levels_db < threshold_db - 5.0,
        levels_db,
        np.where(
            levels_db > threshold_db + 5.0,
            threshold_db + (levels_db - threshold_db) / ratio,
            levels_db + (1.0 / ratio - 1.0) * (levels_db - threshold_db + 5.0) ** 2 / 20.0,
        ),
    )
    gains_db = [compressor.static_gain_db(level_db, compression) for level_db in levels_db]
    np.testing.assert_allclose(levels_db + gains_db, output_db, rtol=0, atol=1e-12)


@needs_speed
@pytest.mark.parametrize("compression", [0.1, 0.35, MOST])
def test_steady_levels_follow_the_static_curve(compression):
    """With the programme at -20 dBFS remembered, other levels get the curve's gain and the same make-up."""
    state = settled(-20.0, compression)
    make_up_db = compressor.slope_of(compression) * state[compressor._MEAN] * 6.0206
    for offset_db in (-30.0, -6.0, -3.0, 0.0, 3.0, 6.0, 12.0, 20.0):
        steady = tone(-20.0 + offset_db, 2.0)
        measured_db = gain_db(compressed(steady, compression, state.copy(), ticks=False), steady)[-1]
        expected_db = compressor.static_gain_db(offset_db, compression) + make_up_db
        assert measured_db == pytest.approx(expected_db, abs=1e-3)


@needs_speed
@pytest.mark.parametrize("level_dbfs", [-45.0, -20.0, -3.0])
def test_a_steady_tone_comes_to_pass_at_its_own_level(level_dbfs):
    """Make-up gives back all of a reduction that never changes."""
    steady = tone(level_dbfs, 15.0)
    last = slice(-RATE_HZ, None)
    output = compressed(steady, MOST, compressor.new_state())
    assert power_db(output[:, last]) == pytest.approx(power_db(steady[:, last]), abs=0.1)


@needs_speed
def test_a_stream_starts_without_a_dip_or_a_swell():
    """The first second at the strongest setting stays within 1.5 dB of where it settles."""
    steady = tone(-20.0, 1.0)
    gains_db = gain_db(compressed(steady, MOST, compressor.new_state()), steady)
    assert np.abs(gains_db).max() < 1.5


@pytest.mark.parametrize("earlier", [0.0, MOST])
def test_compression_zero_changes_no_bit(earlier):
    """Also after stronger settings, with their make-up still remembered."""
    state = compressor.new_state()
    audio = programme(1.0 if JIT_ENABLED else 0.02).astype(np.float32)
    compressed(audio, earlier, state)
    assert np.array_equal(compressed(audio, 0.0, state), audio)


@needs_speed
@pytest.mark.parametrize(("step_db", "time_constant_ms"), [(12.0, 10.0), (-12.0, 150.0)])
def test_attack_and_release_are_exponentials(step_db, time_constant_ms):
    """The whole course of the gain, and 63 % of the way after one time constant."""
    state = settled(-20.0, MOST)
    if step_db < 0.0:
        compressed(tone(-20.0 - step_db, 1.0), MOST, state, ticks=False)
    level_dbfs = max(-20.0, -20.0 + step_db)
    steady = tone(level_dbfs, 1.0)
    gains_db = gain_db(compressed(steady, MOST, state, ticks=False), steady)
    first_db, last_db = (
        compressor.static_gain_db(abs(step_db) * on, MOST) for on in ((0, 1) if step_db > 0 else (1, 0))
    )
    times_ms = np.arange(1, RATE_HZ + 1) / RATE_HZ * 1000.0
    expected_db = last_db + (first_db - last_db) * np.exp(-times_ms / time_constant_ms)
    np.testing.assert_allclose(gains_db - gains_db[-1], expected_db - expected_db[-1], rtol=0, atol=2e-3)
    done = (gains_db - gains_db[-1]) / (first_db - last_db)
    reached_ms = times_ms[np.argmax(done < np.exp(-1.0))]
    print(f"step {step_db:+.0f} dB: 63 % after {reached_ms:.2f} ms")
    assert reached_ms == pytest.approx(time_constant_ms, rel=0.01)


@pytest.mark.parametrize("compression", [0.1, MOST])
def test_agrees_with_a_slow_twin(compression):
    """1e-5 of full scale, sample by sample, from one and the same past."""
    warm, heard = (1.0, 2.0) if JIT_ENABLED else (0.04, 0.02)
    state = compressor.new_state()
    audio = programme(warm + heard).astype(np.float32)
    border = round(warm * RATE_HZ / TICK_SAMPLES) * TICK_SAMPLES
    compressed(audio[:, :border], compression, state)
    compressor.tick(state, compressor.new_settings(RATE_HZ), compression, 1.0, False)
    expected = twin(audio[:, border:].astype(np.float64), compression, state)
    output = compressed(audio[:, border:], compression, state)
    np.testing.assert_allclose(output, expected, rtol=0, atol=1e-5)


@needs_speed
def test_a_quieter_programme_is_compressed_alike():
    """20 dB less in, the same gains once settled."""
    audio = programme(12.0)
    last = slice(10 * RATE_HZ, None)
    loud, quiet = (
        gain_db(compressed(level_lin * audio, MOST, compressor.new_state()), level_lin * audio)[last]
        for level_lin in (1.0, 0.1)
    )
    difference_db, spread_db = np.abs(loud - quiet).max(), np.ptp(loud)
    print(f"gains that move over {spread_db:.1f} dB differ by {difference_db:.4f} dB after 20 dB less")
    assert spread_db > 3.0
    assert difference_db < 0.05


@needs_speed
def test_a_gain_ahead_is_allowed_for():
    """12 dB more ahead of the compressor, told to it, leave every gain as it was."""
    audio = programme(4.0).astype(np.float32)
    border = 2 * RATE_HZ
    plain, told = compressor.new_state(), compressor.new_state()
    for state in (plain, told):
        compressed(audio[:, :border], MOST, state)
    gains = compressed(audio[:, border:], MOST, plain) / audio[:, border:]
    # The tick that brings the news still hears of the tick before it, hence the one at the old gain.
    compressor.tick(told, compressor.new_settings(RATE_HZ), MOST, 1.0, False)
    raised = np.float32(4.0) * audio[:, border:]
    np.testing.assert_allclose(compressed(raised, MOST, told, pre_gain_lin=4.0) / raised, gains, rtol=1e-4)


@needs_speed
@pytest.mark.parametrize("compression", [0.1, 0.3, MOST])
@pytest.mark.parametrize("seed", [1, 2])
def test_make_up_keeps_the_loudness_and_dynamics_shrink(compression, seed):
    audio = programme(16.0, seed)
    output = compressed(audio, compression, compressor.new_state())
    pairs = [x[:, 8 * RATE_HZ :] for x in (audio, output)]
    level_db, spread_db = zip(*[(power_db(x), np.std(power_per_100_ms_db(x))) for x in pairs], strict=True)
    change_db = level_db[1] - level_db[0]
    print(f"compression {compression}: level {change_db:+.3f} dB, spread {spread_db[0]:.2f} to {spread_db[1]:.2f} dB")
    assert abs(change_db) < 0.5
    assert spread_db[1] < (1.0 - 0.5 * compression) * spread_db[0]


@needs_speed
@pytest.mark.parametrize(
    "pause",
    [np.zeros((2, 2 * RATE_HZ)), tone(-61.0, 2.0), tone(-46.0, 2.0)],
    ids=["silence", "below -60 dBFS", "more than 20 dB below the programme"],
)
def test_silence_and_pauses_change_nothing(pause):
    """The memory of the programme stands still, and the music after it is compressed as before.

    What is left is the release in the pause, which the mean reduction takes in.
    """
    state = compressor.new_state()
    compressed(programme(3.0), MOST, state)
    compressor.tick(state, compressor.new_settings(RATE_HZ), MOST, 1.0, False)
    without = state.copy()
    compressed(pause, MOST, state)
    compressor.tick(state, compressor.new_settings(RATE_HZ), MOST, 1.0, False)
    if pause.max() < 10.0 ** (-60.0 / 20.0):
        assert memory(state) == memory(without)
    after = programme(2.0, seed=2)
    with_pause_db, without_db = (gain_db(compressed(after, MOST, past), after) for past in (state, without))
    assert np.abs(with_pause_db - without_db)[RATE_HZ:].max() < 1.0


@needs_speed
@pytest.mark.parametrize("under_db", [9.0, 30.0])
def test_in_a_hush_nothing_comes_up_and_nothing_is_remembered(under_db):
    """After 50 ms the gain is what the programme had on the mean, which is none, where it would be the make-up."""
    state = compressor.new_state()
    audio = programme(6.0)
    compressed(audio, MOST, state)
    let_go, remembered = state.copy(), memory(state)
    noise = audio[:, : 2 * RATE_HZ] * 10.0 ** (-under_db / 20.0)
    held_db = gain_db(compressed(noise, MOST, state, hushed=True), noise)[RATE_HZ // 20 :]
    assert memory(state) == remembered
    assert held_db.max() < 0.01
    assert gain_db(compressed(noise, MOST, let_go), noise).max() > 2.0
    assert gain_db(compressed(audio, MOST, state), audio).max() > 0.5  # and it lets go again


@needs_speed
def test_one_bang_is_forgotten_within_a_second():
    """A tick 40 dB above the programme; then the programme goes on."""
    state = settled(-40.0, MOST, seconds=5.0)
    before = state[compressor._PROGRAMME]
    compressed(tone(0.0, TICK_SAMPLES / RATE_HZ), MOST, state)
    compressed(tone(-40.0, 1.0), MOST, state)
    assert abs(10.0 * np.log10(state[compressor._PROGRAMME] / before)) < 1.0


@needs_speed
def test_music_after_room_noise_is_not_pressed_down():
    """Ten seconds at -50 dBFS, then 35 dB more: within 2 dB of where it settles after 0.4 s, no swell."""
    state = settled(-50.0, MOST, seconds=10.0)
    steady = tone(-15.0, 2.0)
    gains_db = gain_db(compressed(steady, MOST, state), steady)
    assert gains_db[: RATE_HZ // 50].min() > -20.0
    assert np.abs(gains_db[int(0.4 * RATE_HZ) :]).max() < 2.0
    assert gains_db.max() < 1.5


@needs_speed
def test_a_song_much_quieter_than_the_last_is_compressed_again():
    """40 dB less for two minutes: the memory must not be stuck above its own gate."""
    state = settled(-10.0, MOST, seconds=10.0)
    before = state[compressor._PROGRAMME]
    compressed(tone(-50.0, 60.0), MOST, state)
    assert 10.0 * np.log10(state[compressor._PROGRAMME] / before) < -20.0


@needs_speed
def test_reduction_meter_reads_the_largest_once():
    state = settled(-20.0, MOST)
    compressor.take_reduction_db(state)
    compressed(tone(-8.0, 0.5), MOST, state, ticks=False)
    compressed(tone(-20.0, 0.5), MOST, state, ticks=False)
    assert compressor.take_reduction_db(state) == pytest.approx(-compressor.static_gain_db(12.0, MOST), abs=1e-3)
    assert compressor.take_reduction_db(state) == 0.0


@needs_speed
def test_reduction_meter_does_not_depend_on_blocks():
    """A peak inside a block counts as well as one at its end."""
    bang = np.zeros((2, TICK_SAMPLES), np.float32)
    bang[:, :8] = 1.0
    readings_db = []
    for block in (1, TICK_SAMPLES):
        state = settled(-30.0, MOST)
        compressor.take_reduction_db(state)
        audio, scratch = bang.copy(), np.zeros(compressor.SCRATCH_SIZE, np.float32)
        for start in range(0, TICK_SAMPLES, block):
            left, right = audio[:, start : start + block]
            compressor.process(state, scratch, compressor.new_settings(RATE_HZ), left, right)
        readings_db.append(compressor.take_reduction_db(state))
    assert readings_db[0] == readings_db[1]
