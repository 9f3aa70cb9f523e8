"""The matcher: neutral means neutral, known damage is undone, nothing breaks it, and it moves smoothly."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path

import numpy as np
import pytest

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.aim import matching, profile
from rt_automix.analysis.deciding.matcher import Matcher
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.analysis.hearing.statistics import MEMORY_S
from rt_automix.analysis.tone import TONE_MATRIX
from rt_automix.dsp.dynamics import compressor
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.tone import equalizer

if not JIT_ENABLED:
    pytest.skip("takes minutes in plain Python; the kernels have their own tests", allow_module_level=True)

SAMPLE_RATE_HZ = 48000
EQ = slice(1, 6)
MATCHER = Matcher()
BALANCED = profile.load("balanced")
ALL_BUT_CEILING = [i for i, name in enumerate(params.NAMES) if name != "output_level"]


def programme(seconds: int = 12, seed: int = 0, spread_db: float = 3.0) -> np.ndarray:
    """Pink noise that is darker above 6 kHz, wider than mono and moves in level four times a second."""
    random = np.random.default_rng(seed)
    count = SAMPLE_RATE_HZ * seconds
    frequencies = np.fft.rfftfreq(count, 1 / SAMPLE_RATE_HZ)
    slope = (frequencies > 25.0) / np.sqrt(np.maximum(frequencies, 25.0)) / np.hypot(1.0, frequencies / 6000.0)
    mid, side = np.fft.irfft(np.fft.rfft(random.standard_normal((2, count))) * slope, count)
    levels_db = random.normal(0.0, spread_db, 4 * seconds + 1)
    levels_db = np.interp(np.arange(count) / SAMPLE_RATE_HZ, np.arange(4 * seconds + 1) / 4, levels_db)
    audio = np.stack([mid + 0.4 * side, mid - 0.4 * side]) * 10 ** (levels_db / 20)
    return (0.1 * audio / audio.std()).astype(np.float32)


def processed(audio: np.ndarray, gains_db=(0.0,) * 5, width: float = 1.0, gain_db: float = 0.0) -> np.ndarray:
    """Gain, equaliser and width as the chain has them."""
    left, right = np.ascontiguousarray(audio * 10 ** (gain_db / 20), dtype=np.float32)
    coefficients = np.zeros(equalizer.COEFFICIENTS)
    equalizer.design(equalizer.design_table(SAMPLE_RATE_HZ), np.array(gains_db, dtype=np.float64), coefficients)
    equalizer.process(coefficients, equalizer.new_state(), left, right)
    mid, side = (left + right) / 2, width * (left - right) / 2
    return np.stack([mid + side, mid - side])


def compressed(audio: np.ndarray, compression: float) -> np.ndarray:
    left, right = audio.copy()
    state, scratch = compressor.new_state(), np.zeros(compressor.SCRATCH_SIZE, np.float32)
    settings = compressor.new_settings(SAMPLE_RATE_HZ)
    for at in range(0, left.size, compressor.WIDTH):
        block = slice(at, at + compressor.WIDTH)
        compressor.tick(state, settings, compression, 1.0, False)
        compressor.process(state, scratch, settings, left[block], right[block])
    return np.stack([left, right])


def heard(audio: np.ndarray, sample_rate_hz: int = SAMPLE_RATE_HZ, time_constant_s: float = math.inf) -> Listener:
    listener = Listener(sample_rate_hz, audio.shape[0], time_constant_s)
    listener.push(audio)
    return listener


def measured(audio: np.ndarray, sample_rate_hz: int = SAMPLE_RATE_HZ) -> profile.Profile:
    return profile.measure([audio], sample_rate_hz, audio.shape[0], "target")


def suggestion(audio: np.ndarray, target: profile.Profile) -> dict[str, float]:
    return params.to_dict(MATCHER.suggest(heard(audio), target))


def deviation_norm(values: np.ndarray) -> np.ndarray:
    return np.abs(params.normalise(values) - params.normalise(params.NEUTRAL))


CLEAN = programme()
TARGET = measured(CLEAN)


def test_a_song_matched_to_itself_is_left_alone():
    values = MATCHER.suggest(heard(CLEAN), TARGET)
    np.testing.assert_allclose(deviation_norm(values)[ALL_BUT_CEILING], 0.0, atol=1e-4)


def test_a_mono_song_is_left_alone_and_never_widened():
    mono = CLEAN[:1]
    values = MATCHER.suggest(heard(np.concatenate([mono, mono])), measured(mono))  # as it sounds: from two sides
    np.testing.assert_allclose(deviation_norm(values)[ALL_BUT_CEILING], 0.0, atol=1e-4)
    for quiet in (1.0, 0.01):
        assert suggestion(mono * np.float32(quiet), BALANCED)["stereo_width"] == 1.0
        assert suggestion(np.concatenate([mono, mono]) * np.float32(quiet), BALANCED)["stereo_width"] == 1.0


@pytest.mark.parametrize("band", range(5))
@pytest.mark.parametrize("damage_db", [-4.0, 4.0])
def test_a_damaged_band_is_brought_back(band, damage_db):
    """The right band to 1 dB (levels are the gain's business), and the curve to 0.6 dB peak to peak of 4."""
    damage = damage_db * np.eye(5)[band]
    gains_db = MATCHER.suggest(heard(processed(CLEAN, damage)), TARGET)[EQ]
    assert np.argmax(np.abs(gains_db)) == band
    assert gains_db[band] == pytest.approx(-damage_db, abs=1.0)
    frequencies = np.geomspace(40.0, 16000.0, 100)
    assert np.ptp(equalizer.analog_magnitude_db(damage, frequencies)) > 3.0
    assert np.ptp(sum(equalizer.analog_magnitude_db(gains, frequencies) for gains in (damage, gains_db))) < 0.6


@pytest.mark.parametrize("seed", range(4))
def test_a_random_curve_is_straightened(seed):
    """Tone error against the profile falls to a quarter or less."""
    damage = np.random.default_rng(seed).uniform(-4.0, 4.0, 5)
    damaged = heard(processed(CLEAN, damage))
    gains_db = MATCHER.suggest(damaged, TARGET)[EQ]
    before = damaged.statistics.bands_db - TARGET.bands_db
    after = heard(processed(CLEAN, damage + gains_db)).statistics.bands_db - TARGET.bands_db
    assert np.std(after) < np.std(before) / 4.0


@pytest.mark.parametrize("width", [0.7, 1.3])
def test_width_is_brought_back(width):
    assert suggestion(processed(CLEAN, width=1.0 / width), TARGET)["stereo_width"] == pytest.approx(width, abs=0.01)


@pytest.mark.parametrize("gain_db", [-9.0, -3.0, 5.0, 9.0, 15.0])
def test_gain_is_brought_back_with_the_drive_taking_what_is_above_zero(gain_db):
    values = suggestion(processed(CLEAN, gain_db=-gain_db), TARGET)
    assert values["limiter_drive_db"] == pytest.approx(min(max(gain_db, 0.0), 9.0), abs=0.05)
    assert values["input_gain_db"] == pytest.approx(gain_db - min(max(gain_db, 0.0), 9.0), abs=0.05)


def test_gain_makes_up_for_equaliser_and_width():
    """The suggested gain, equaliser and width together give the profile's loudness."""
    values = suggestion(processed(CLEAN, (3.0, -2.0, 3.0, -4.0, 2.0), width=0.7, gain_db=-4.0), TARGET)
    gains_db = [values[name] for name in params.NAMES[EQ]]
    total_db = values["input_gain_db"] + values["limiter_drive_db"]
    damaged = processed(CLEAN, (3.0, -2.0, 3.0, -4.0, 2.0), width=0.7, gain_db=-4.0)
    mended = heard(processed(damaged, gains_db, values["stereo_width"], total_db)).statistics
    assert mended.loudness_lufs == pytest.approx(TARGET.loudness_lufs, abs=0.1)


def test_compression_brings_the_dynamics_nearer_to_the_profile():
    loose = programme(seed=1, spread_db=5.0)
    start_db = heard(loose).statistics.dynamics_db
    amounts = []
    for wanted_db in (0.0, 0.2, 0.4):
        target = dataclasses.replace(measured(loose), dynamics_db=start_db - wanted_db)
        amounts.append(suggestion(loose, target)["compression"])
        result_db = heard(compressed(loose, amounts[-1])).statistics.dynamics_db
        assert result_db == pytest.approx(target.dynamics_db, abs=0.15)
    assert amounts[0] == 0.0 < amounts[1] < amounts[2] < 0.6


def test_less_dynamics_than_the_profile_is_left_alone():
    assert suggestion(CLEAN, dataclasses.replace(TARGET, dynamics_db=5.0))["compression"] == 0.0


def test_compression_follows_the_wish_without_jumps():
    listener = heard(programme(seed=2, spread_db=5.0))
    wishes = np.arange(-0.1, 3.0, 0.01)
    start_db = listener.statistics.dynamics_db
    targets = [dataclasses.replace(TARGET, dynamics_db=start_db - wish) for wish in wishes]
    amounts = np.array([MATCHER.suggest(listener, target)[params.INDEX["compression"]] for target in targets])
    assert np.all(np.diff(amounts) >= 0.0) and np.diff(amounts).max() < 0.02


def test_output_level_is_the_profiles_peak_inside_its_range():
    for peak_dbtp, expected in ((-2.0, 10**-0.1), (0.0, 0.9), (-20.0, 0.6)):
        target = dataclasses.replace(TARGET, peak_dbtp=peak_dbtp)
        assert suggestion(CLEAN, target)["output_level"] == pytest.approx(expected)


def test_neutral_until_a_second_of_music_was_heard():
    for audio in (CLEAN[:, :40000], np.zeros((2, 200000), np.float32), CLEAN * np.float32(1e-4)):
        np.testing.assert_array_equal(MATCHER.suggest(heard(audio), BALANCED), params.NEUTRAL)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, 3e38, 1.0, 1e-30])
def test_any_input_gives_values_inside_their_ranges(value):
    part = CLEAN[:, : 4 * SAMPLE_RATE_HZ].copy()
    part[:, 50000:120000] = value
    for audio in (part, np.full((2, 150000), value, np.float32), np.full((1, 150000), value, np.float32)):
        values = MATCHER.suggest(heard(audio), BALANCED)
        assert np.isfinite(values).all() and (values >= params.LOW).all() and (values <= params.HIGH).all()


def test_extreme_profiles_give_values_inside_their_ranges():
    tone = np.sin(np.arange(150000) * 0.13).astype(np.float32)[None]
    for sign in (-1.0, 1.0):
        bands_db = tuple((sign * np.resize([200.0, -200.0], 24)).tolist())
        target = profile.Profile("extreme", bands_db, sign * 70.0, 10.0, sign * 150.0, sign * 70.0, 25.0 + sign * 25.0)
        for audio in (CLEAN, tone):
            values = MATCHER.suggest(heard(audio), target)
            assert np.isfinite(values).all() and (values >= params.LOW).all() and (values <= params.HIGH).all()


def test_a_shift_of_one_frame_moves_little():
    listener, audio, values = Listener(SAMPLE_RATE_HZ, 2), programme(20, seed=3, spread_db=5.0), []
    hop = features.hop_samples(SAMPLE_RATE_HZ)
    for at in range(0, audio.shape[1], hop):
        listener.push(audio[:, at : at + hop])
        if listener.statistics.seconds_heard > 3.0:
            values.append(params.normalise(MATCHER.suggest(listener, BALANCED)))
    steps = np.abs(np.diff(values, axis=0))
    assert len(steps) > 150 and steps.mean(axis=0).max() < 0.01 and steps.max() < 0.1


def test_the_response_is_gain_times_shape():
    """What the matcher's linear model rests on: 0.02 dB a band."""
    centres = features.mel_edges_hz()[1:-1]
    for gains_db in ((6, 6, 6, 6, 6), (-6, 6, -6, 6, -6), (1, -2, 3, -4, 5)):
        model_db = np.array(gains_db) @ matching._SHAPES
        np.testing.assert_allclose(model_db, equalizer.analog_magnitude_db(gains_db, centres), atol=0.08)


def real_songs(count: int) -> list[Path]:
    folder = os.environ.get("RT_AUTOMIX_MUSIC")
    if not folder:
        pytest.skip("no music: set RT_AUTOMIX_MUSIC to a folder with songs")
    songs = sorted(path for path in Path(folder).rglob("*.ogg") if path.stat().st_size > 700_000)
    if not songs:
        pytest.skip(f"no songs (ogg files above 700 kB) in {folder}")
    return songs[:: max(len(songs) // count, 1)][:count]


@pytest.mark.music
def test_real_songs_matched_to_themselves_are_left_alone():
    """With all weighed alike, and with the default memory, which 10 s do not fill."""
    import soundfile

    for path in real_songs(10):
        rate_hz = soundfile.info(path).samplerate
        audio = soundfile.read(path, 30 * rate_hz, 10 * rate_hz, dtype="float32", always_2d=True)[0]
        audio = np.ascontiguousarray(audio.T[:2])
        target = measured(audio, rate_hz)
        for time_constant_s in (math.inf, MEMORY_S):
            values = MATCHER.suggest(heard(audio, rate_hz, time_constant_s), target)
            assert deviation_norm(values)[ALL_BUT_CEILING].max() < 0.01, path.name


@pytest.mark.music
def test_real_songs_come_nearer_to_the_profile():
    """Tone error after the suggested equaliser and width, in the statistics' own model of them."""
    import soundfile

    for path in real_songs(10):
        rate_hz = soundfile.info(path).samplerate
        audio = soundfile.read(path, 20 * rate_hz, 10 * rate_hz, dtype="float32", always_2d=True)[0]
        listener = heard(np.ascontiguousarray(audio.T[:2]), rate_hz)
        values = MATCHER.suggest(listener, BALANCED)
        response = 10 ** (values[EQ] @ matching._SHAPES / 10)
        mid, side = listener.statistics.mel_power * response
        after = mid + values[params.INDEX["stereo_width"]] ** 2 * side
        heard_db, target_db = listener.statistics.bands_db, np.array(BALANCED.bands_db)
        sounding = heard_db > -35.0
        after_db = 10 * np.log10(TONE_MATRIX[sounding] @ after)
        assert np.std(after_db - target_db[sounding]) < np.std((heard_db - target_db)[sounding]), path.name
