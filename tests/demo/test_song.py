"""The demo song is music with the faults it promises, and the same at every call."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf
from scipy import signal

from rt_automix.demo.instruments import pitch_hz
from rt_automix.demo.song import (
    BASS,
    CHORDS,
    DRUMS,
    KEYS,
    MELODY,
    PEAK_DBFS,
    SONG,
    STEPS_PER_BAR,
    render_song,
    section_starts_s,
)

BANDS_HZ = ((30, 120), (120, 250), (250, 500), (500, 1000), (1000, 2000), (2000, 4000), (4000, 8000), (8000, 16000))


@pytest.fixture(scope="module")
def song():
    return render_song(48000)


def level_db(audio):
    return 10.0 * np.log10(np.mean(np.square(audio, dtype=np.float64)))


def section(song, name, sample_rate_hz=48000):
    starts_s = [*section_starts_s().items(), ("end", song.shape[1] / sample_rate_hz)]
    index = [start[0] for start in starts_s].index(name)
    return song[:, int(starts_s[index][1] * sample_rate_hz) : int(starts_s[index + 1][1] * sample_rate_hz)]


def band_levels_db(song, sample_rate_hz=48000):
    frequency_hz, density = signal.welch(song.mean(axis=0), sample_rate_hz, nperseg=8192)
    shares = [density[(frequency_hz >= low) & (frequency_hz < high)].sum() for low, high in BANDS_HZ]
    return 10.0 * np.log10(np.array(shares) / density.sum())


def test_shape_and_level(song):
    assert song.dtype == np.float32 and song.shape == (2, int(46.5 * 48000)) and song.flags.c_contiguous
    assert np.isfinite(song).all()
    assert 20.0 * np.log10(np.abs(song).max()) == pytest.approx(PEAK_DBFS, abs=0.01)


def test_two_calls_give_the_same_samples(song):
    np.testing.assert_array_equal(render_song(48000), song)


def test_loudness_invites_mastering(song, tmp_path):
    loudness = pytest.importorskip("pyloudnorm")
    path = tmp_path / "song.wav"
    sf.write(path, song.T, 48000, subtype="FLOAT")
    written, sample_rate_hz = sf.read(path)
    assert -29.0 < loudness.Meter(sample_rate_hz).integrated_loudness(written) < -26.0


def test_chorus_leaps_above_intro_and_song_ends_in_silence(song):
    assert 8.0 < level_db(section(song, "chorus")) - level_db(section(song, "intro")) < 14.0
    assert level_db(section(song, "last chorus")) > level_db(section(song, "chorus"))
    assert level_db(section(song, "break")) < level_db(section(song, "chorus")) - 4.0
    assert level_db(song[:, -2400:]) < -55.0


def test_is_narrow_but_not_mono(song):
    mid, side = song[0] + song[1], song[0] - song[1]
    assert -14.0 < level_db(side) - level_db(mid) < -6.0


def test_spectrum_is_that_of_a_muddy_dull_mix(song):
    levels_db = band_levels_db(song)
    assert levels_db.min() > -40.0, "some octave is missing"
    assert levels_db[2] == levels_db.max(), "250 to 500 Hz should stick out"
    assert levels_db[6] < levels_db[2] - 18.0, "the top should be dull"


@pytest.mark.parametrize("sample_rate_hz", [44100, 96000])
def test_other_rates_sound_the_same(song, sample_rate_hz):
    other = render_song(sample_rate_hz)
    assert other.shape == (2, int(46.5 * sample_rate_hz)) and np.isfinite(other).all()
    frequency_hz, density = signal.welch(other.mean(axis=0), sample_rate_hz, nperseg=8192 * sample_rate_hz // 48000)
    twin_hz, twin = signal.welch(song.mean(axis=0), 48000, nperseg=8192)
    for low, high in BANDS_HZ[:-1]:
        ours = density[(frequency_hz >= low) & (frequency_hz < high)].mean()
        theirs = twin[(twin_hz >= low) & (twin_hz < high)].mean()
        assert 10.0 * np.log10(ours / theirs) == pytest.approx(0.0, abs=1.0), (low, high)


def test_note_names():
    assert pitch_hz("A4") == pytest.approx(440.0)
    assert pitch_hz("C4") == pytest.approx(261.6256, abs=1e-3)
    assert pitch_hz("Bb1") == pytest.approx(58.2705, abs=1e-3)
    assert pitch_hz("C#5") == pytest.approx(554.3653, abs=1e-3)


def test_score_fits_its_bars():
    for pattern in [*BASS.values(), *KEYS.values(), *(line for kit in DRUMS.values() for line in kit.values())]:
        assert len(pattern) == STEPS_PER_BAR, pattern
    for part in SONG:
        assert set(part.chords.split()) <= set(CHORDS)
        bars = MELODY[part.melody].split("|") if MELODY[part.melody] else []
        assert len(bars) in (0, part.bars), part.name
        for bar in bars:
            assert sum(int(event.split(":")[1]) for event in bar.split()) == STEPS_PER_BAR, (part.name, bar)
