"""The limiter against its ceiling (judged by a 32x meter), a slow twin, and promises to the bit."""

from __future__ import annotations

import detector_twin
import numpy as np
import pytest
import soundfile
from oversampled import band_limited, true_peak_dbtp
from scipy.ndimage import minimum_filter1d

from rt_automix.dsp.dynamics import limiter, limiter_gain
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.loudness import truepeak

RATES_HZ = (44100, 48000, 96000)
CEILING_DB = -1.0
CEILING = np.float32(10.0 ** (CEILING_DB / 20.0))
LATENCY = limiter.LATENCY_SAMPLES
ONSET_MS = 58
"""Shortly before a noise burst begins: where the plain-Python run looks in."""

needs_speed = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow as plain Python")


def limited(audio, rate_hz, *, block=None, state=None, look_ahead=True, ceiling=CEILING) -> np.ndarray:
    """(2, samples) through the limiter, float32."""
    output = audio.astype(np.float32)
    state = limiter.new_state() if state is None else state
    settings = limiter.new_settings(rate_hz, look_ahead)
    block = block or output.shape[1]
    for start in range(0, output.shape[1], block):
        limiter.process(state, settings, ceiling, output[0, start : start + block], output[1, start : start + block])
    return output


def faded(count: int, fade: int, silence: int) -> np.ndarray:
    """Ones with raised-cosine edges between stretches of silence; shape (count,)."""
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)
    ones = np.ones(count - 2 * (fade + silence))
    return np.concatenate([np.zeros(silence), ramp, ones, ramp[::-1], np.zeros(silence)])


def bursts(rate_hz: int, period_samples: int) -> list[np.ndarray]:
    """90 ms of a tone at every 11.25 degrees, hard on and off and softly, hot and just too hot."""
    count = rate_hz // 10
    hard = faded(count, 1, rate_hz // 200)
    soft = faded(count, rate_hz // 500, rate_hz // 200)
    phases = np.deg2rad(np.arange(0.0, 180.0, 11.25))
    tones = [np.sin(2.0 * np.pi / period_samples * np.arange(count) + phase) for phase in phases]
    pairs = [np.stack([tones[k], tones[(k + 5) % len(tones)]]) for k in range(len(tones))]
    found = [level_lin * soft * pair for pair in pairs for level_lin in (1.0, 4.0)]
    if rate_hz / period_samples < 21000.0:
        found += [band_limited(2.0 * hard * pair, rate_hz) for pair in pairs]
    return found


def programme(rate_hz: int, name: str, limit_hz: float = 21000.0) -> np.ndarray:
    """One second of something loud, band-limited, in silence."""
    rng = np.random.default_rng(1)
    count = rate_hz
    times_s = np.arange(count) / rate_hz
    edge = faded(count, 1, rate_hz // 25)
    if name in ("white noise", "louder white noise"):
        audio = rng.standard_normal((2, count)) * (1.0 if name == "white noise" else 3.0)
    elif name == "noise bursts":
        audio = 2.0 * rng.standard_normal((2, count)) * (times_s % 0.06 < 0.02)
    elif name == "kicks":
        since_s = times_s % 0.25
        sweep = 50.0 * since_s + 30.0 * (1.0 - np.exp(-40.0 * since_s))
        kick = 3.0 * np.sin(2.0 * np.pi * sweep) * np.exp(-15.0 * since_s)
        kick += 0.5 * rng.standard_normal(count) * np.exp(-400.0 * since_s)
        audio = np.stack([kick, 0.7 * kick])
    elif name == "square waves":
        audio = 2.0 * np.sign(np.sin(2.0 * np.pi * np.array([[97.0], [1234.5]]) * times_s))
    else:
        clicks = np.zeros(count)
        clicks[:: rate_hz // 37], clicks[5 :: rate_hz // 53] = 4.0, -3.0
        audio = np.stack([clicks, np.roll(clicks, 3)])
    return band_limited(edge * audio, rate_hz, limit_hz)


PROGRAMMES = ("white noise", "louder white noise", "noise bursts", "kicks", "square waves", "clicks")


def over_db(output: np.ndarray) -> float:
    """True peak above the ceiling by the 32x meter; no sample may be."""
    assert np.abs(output).max() <= CEILING
    return true_peak_dbtp(output) - CEILING_DB


@needs_speed
@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("period_samples", [4, 6])
def test_bursts_at_all_phases_keep_the_ceiling(rate_hz, period_samples):
    """Every burst meets a limiter at rest."""
    output = np.concatenate([limited(burst, rate_hz) for burst in bursts(rate_hz, period_samples)], axis=1)
    print(f"{rate_hz} Hz, fs/{period_samples} bursts: true peak {over_db(output):+.4f} dB over the ceiling")
    assert -0.5 < over_db(output) <= 0.02


@needs_speed
@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("name", PROGRAMMES)
def test_programmes_keep_the_ceiling(rate_hz, name):
    output = limited(programme(rate_hz, name), rate_hz)
    print(f"{rate_hz} Hz, {name}: true peak {over_db(output):+.4f} dB over the ceiling")
    assert -0.3 < over_db(output) <= 0.02


@needs_speed
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_full_band_noise_keeps_the_sample_ceiling(rate_hz):
    """No finite filter sees the last of the band, so the true peak is only reported."""
    output = limited(programme(rate_hz, "louder white noise", limit_hz=rate_hz), rate_hz)
    print(f"{rate_hz} Hz, noise to Nyquist: true peak {over_db(output):+.4f} dB over the ceiling")
    assert np.abs(output).max() <= CEILING


@needs_speed
@pytest.mark.parametrize("ceiling_db", [-4.4, -0.1])
def test_other_ceilings_are_kept_alike(ceiling_db):
    ceiling = np.float32(10.0 ** (ceiling_db / 20.0))
    output = limited(programme(48000, "white noise"), 48000, ceiling=ceiling)
    assert np.abs(output).max() <= ceiling
    assert true_peak_dbtp(output) <= ceiling_db + 0.02


@needs_speed
@pytest.mark.parametrize("rate_hz", [44100, 48000])
@pytest.mark.parametrize("look_ahead", [True, False])
def test_block_size_changes_no_bit(rate_hz, look_ahead):
    """In the output, and in both meters."""
    audio = programme(rate_hz, "noise bursts")[:, : rate_hz // 4]
    whole, whole_state = None, limiter.new_state()
    whole = limited(audio, rate_hz, state=whole_state, look_ahead=look_ahead)
    readings = limiter.take_lowest_gain(whole_state), limiter.take_true_peak(whole_state)
    for block in (1, 7, 64, 65, 512, 4096):
        state = limiter.new_state()
        assert np.array_equal(limited(audio, rate_hz, block=block, state=state, look_ahead=look_ahead), whole)
        assert (limiter.take_lowest_gain(state), limiter.take_true_peak(state)) == readings


@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_below_the_ceiling_the_input_comes_back_to_the_bit(rate_hz):
    """Delayed by LATENCY_SAMPLES, whatever the block; direct mode gives it back at once."""
    count = rate_hz // 4 if JIT_ENABLED else 200
    quiet = np.random.default_rng(2).standard_normal((2, count))
    quiet = (0.4 * quiet / np.abs(quiet).max()).astype(np.float32)
    for block in (count, 7) if JIT_ENABLED else (65,):
        output = limited(quiet, rate_hz, block=block)
        assert np.array_equal(output[:, LATENCY:], quiet[:, :-LATENCY])
        assert not np.any(output[:, :LATENCY])
        assert np.array_equal(limited(quiet, rate_hz, block=block, look_ahead=False), quiet)


def required_and_applied(audio: np.ndarray, rate_hz: int) -> tuple[np.ndarray, np.ndarray]:
    """The limiter's own required gains and smooth gains, in the order in which samples came."""
    state, settings = limiter.new_state(), limiter.new_settings(rate_hz)
    width, newest = limiter_gain.WIDTH, limiter_gain.REQUIRED + limiter_gain.WINDOW - 1
    audio = audio[:, : audio.shape[1] // width * width].astype(np.float32)
    required, applied = [], []
    for start in range(0, audio.shape[1], width):
        limiter.process(state, settings, CEILING, audio[0, start : start + width], audio[1, start : start + width])
        required.append(state[newest : newest + width].copy())
        applied.append(state[limiter_gain.GAIN : limiter_gain.GAIN + width].copy())
    return np.concatenate(required).astype(np.float64), np.concatenate(applied).astype(np.float64)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_gain_is_never_above_what_is_required(rate_hz):
    """Not at the two samples on either side of a peak, nor at the two beyond them on both sides."""
    audio = programme(rate_hz, "noise bursts")
    audio = audio if JIT_ENABLED else audio[:, ONSET_MS * rate_hz // 1000 :][:, :640]
    required, applied = required_and_applied(audio, rate_hz)
    assert required.min() < 0.3 and applied.min() < 0.3
    is_long = rate_hz < limiter.LONG_DETECTOR_BELOW_HZ
    first = LATENCY - (truepeak.LONG_DELAY if is_long else truepeak.DELAY)
    for later in range(first - 2, first + 4):
        assert np.all(applied[later:] <= required[: len(required) - later] * (1.0 + 1e-6))


def twin(audio: np.ndarray, rate_hz: int) -> np.ndarray:
    """The limiter in double precision, from its description."""
    is_long = rate_hz < limiter.LONG_DETECTOR_BELOW_HZ
    count = audio.shape[1]
    peaks = detector_twin.peaks(audio, *(detector_twin.LONG if is_long else detector_twin.SHORT))
    ceiling = float(CEILING)
    required = np.where(peaks <= ceiling, 1.0, ceiling * 10.0 ** (-limiter.MARGIN_DB / 20.0) / np.maximum(peaks, 1e-9))
    needed = minimum_filter1d(np.concatenate([np.ones(63), required]), 64, origin=-32)[:count]

    times_ms = (limiter.RELEASE_MS, limiter.SLOW_ATTACK_MS, limiter.SLOW_RELEASE_MS)
    step, slow_attack, slow_release = (1.0 - np.exp(-1000.0 / (time_ms * rate_hz)) for time_ms in times_ms)
    fast, slow, hold, released = 1.0, 1.0, 0, []
    for gain in needed:
        again = gain < 1.0 and gain <= fast * 1.0002
        let_go = min(gain, fast + step * (gain - fast) + 2e-7)
        fast = min(fast, gain) if again or hold > 0 else let_go
        hold = round(limiter.HOLD_MS * rate_hz / 1000.0) if again else max(hold - 1, 0)
        slow += slow_attack * (fast - slow) if fast < slow else min(slow_release * (fast - slow) + 2e-7, 1.0 - slow)
        released.append(min(fast, slow))
    smooth = np.concatenate([np.ones(60), released])
    for length in (16, 8, 8) if is_long else (32, 16, 8):
        smooth = np.convolve(smooth, np.ones(length) / length)[: count + 60]
    return np.concatenate([np.zeros((2, LATENCY)), audio], axis=1)[:, :count] * smooth[60:]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("name", ["noise bursts", "kicks"])
def test_agrees_with_a_slow_twin(rate_hz, name):
    """Clipped at the ceiling, as the last step does; float32 envelopes may round apart by 0.004 dB."""
    audio = programme(rate_hz, name).astype(np.float32).astype(np.float64)
    audio = audio[:, : rate_hz // 2] if JIT_ENABLED else audio[:, ONSET_MS * rate_hz // 1000 :][:, :640]
    expected = np.clip(twin(audio, rate_hz), -CEILING, CEILING)
    np.testing.assert_allclose(limited(audio, rate_hz), expected, rtol=0, atol=4e-4)


@needs_speed
@pytest.mark.parametrize("rate_hz", [44100, 96000])
@pytest.mark.parametrize("look_ahead", [True, False])
def test_gain_comes_back_to_one_to_the_bit(rate_hz, look_ahead):
    """Within 5 s, after the deepest limiting there is: 30 dB over, for a second."""
    state = limiter.new_state()
    limited(np.full((2, rate_hz), 32.0), rate_hz, state=state, look_ahead=look_ahead)
    quiet = 0.3 * np.random.default_rng(3).uniform(-1.0, 1.0, (2, 6 * rate_hz)).astype(np.float32)
    output = limited(quiet, rate_hz, state=state, look_ahead=look_ahead)
    delay = LATENCY if look_ahead else 0
    assert not np.array_equal(output[:, delay:rate_hz], quiet[:, : rate_hz - delay])
    assert np.array_equal(output[:, 5 * rate_hz + delay :], quiet[:, 5 * rate_hz : 6 * rate_hz - delay])


@needs_speed
@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("name", PROGRAMMES)
def test_direct_mode_keeps_the_sample_ceiling_without_delay(rate_hz, name):
    """The first sample that is too loud comes out at the ceiling, at once."""
    audio = programme(rate_hz, name).astype(np.float32)
    output = limited(audio, rate_hz, look_ahead=False)
    assert np.abs(output).max() <= CEILING
    first = np.argmax(np.abs(audio).max(axis=0) > CEILING)
    assert np.array_equal(output[:, :first], audio[:, :first])
    assert np.abs(output[:, first]).max() == pytest.approx(CEILING, rel=1e-6)


def test_reset_equals_new():
    state = limiter.new_state()
    limited(np.full((2, 200), 2.0), 48000, state=state)
    assert not np.array_equal(state, limiter.new_state())
    limiter.reset(state)
    assert np.array_equal(state, limiter.new_state())


@needs_speed
@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("name", PROGRAMMES)
def test_meters_read_what_went_out(rate_hz, name):
    """True peak within 0.1 dB of the 32x meter, lowest gain as applied; each only once."""
    state = limiter.new_state()
    audio = programme(rate_hz, name)
    output = limited(audio, rate_hz, state=state)
    _, applied = required_and_applied(audio, rate_hz)
    read_db = 20.0 * np.log10(limiter.take_true_peak(state))
    assert read_db == pytest.approx(true_peak_dbtp(output), abs=0.1)
    assert limiter.take_lowest_gain(state) == pytest.approx(applied.min(), rel=1e-6)
    assert (limiter.take_true_peak(state), limiter.take_lowest_gain(state)) == (0.0, 1.0)


@needs_speed
@pytest.mark.music
def test_songs_boosted_by_12_db_keep_the_ceiling(songs):
    for path in songs[:3]:
        with soundfile.SoundFile(path) as file:
            rate_hz = file.samplerate
            file.seek(min(30 * rate_hz, file.frames // 2))
            audio = file.read(20 * rate_hz, always_2d=True).T
        boosted = 4.0 * audio[[0, -1]] * faded(audio.shape[1], rate_hz // 100, rate_hz // 100)
        output = limited(boosted, rate_hz)
        print(f"{path.name}, {rate_hz} Hz: in {true_peak_dbtp(boosted):+.1f} dBTP, {over_db(output):+.4f} dB over")
        assert over_db(output) <= 0.02
