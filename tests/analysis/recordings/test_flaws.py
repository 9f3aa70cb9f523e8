"""What is wrong with a recording is said, with where; and of what is right nothing is said."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import pytest
import soundfile as sf
from demosong import demo_song

from rt_automix.analysis.recordings.flaws import Flaws
from rt_automix.dsp.jit import JIT_ENABLED

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="minutes of audio: too slow as plain Python")

RATE_HZ = 44_100


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    """Twenty seconds of the demo song, which ends at 16 kHz, with the noise of a microphone; peak -3 dBFS."""
    song = demo_song(RATE_HZ)[:, 12 * RATE_HZ : 32 * RATE_HZ]
    noise = 3e-4 * np.random.default_rng(7).standard_normal(song.shape)
    return (0.7 * song / np.abs(song).max() + noise).astype(np.float32)


def _found(music, rate_hz=RATE_HZ, block=16_384):
    flaws = Flaws(rate_hz, len(music))
    for start in range(0, music.shape[1], block):
        flaws.push(np.ascontiguousarray(music[:, start : start + block], np.float32))
    return flaws.found()


def _sine(frequency_hz, samples, rate_hz=RATE_HZ):
    return np.sin(2.0 * np.pi * frequency_hz * np.arange(samples) / rate_hz)


def test_a_clean_song_has_none(clean):
    assert _found(clean) == [] == _found(np.float32(np.rint(clean * 32768.0) / 32768.0))


@pytest.mark.parametrize("block", [1000, 4096, 65_536])
def test_the_block_does_not_matter(clean, block):
    flawed = np.clip(2.0 * clean, -0.9, 0.9) + np.float32(0.01)
    flawed[1, 5 * RATE_HZ : 8 * RATE_HZ] = 0.0
    assert len(_found(flawed)) == 3 and _found(flawed, block=block) == _found(flawed)


def test_insane_samples(clean):
    flawed = clean.copy()
    flawed[0, 3 * RATE_HZ + 10], flawed[1, 9 * RATE_HZ], flawed[1, 9 * RATE_HZ + 1] = np.nan, np.inf, 40.0
    (said,) = _found(flawed)
    assert said == "insane samples: 3 are no number or beyond +30 dBFS, first at 0:03.0; they are silence here"


@pytest.mark.parametrize("ceiling_lin", [1.0, 0.5])
def test_flat_tops_are_clipping_at_any_level(clean, ceiling_lin):
    """Also where it was turned down afterwards; most where the song was pushed hardest, here from 0:14 on."""
    flawed = clean.copy()
    second = slice(14 * RATE_HZ, 15 * RATE_HZ)
    flawed[:, second] *= 3.0 / np.abs(flawed[:, second]).max()
    flawed = ceiling_lin * np.clip(flawed, -1.0, 1.0)
    said = [one for one in _found(flawed) if one.startswith("clipped")]
    level_db = 20.0 * np.log10(ceiling_lin) + 0.0
    (words,) = (re.fullmatch(r"clipped: (\d+) flat tops at (\S+) dBFS, first at 0:14.0, most of them at 0:14.0", one)
                for one in said)  # fmt: skip
    assert int(words[1]) > 50 and float(words[2]) == pytest.approx(level_db, abs=0.051)


def test_the_round_top_of_a_slow_wave_is_no_clipping():
    slow = np.rint(0.8 * _sine(40.0, 10 * RATE_HZ) * 32768.0) / 32768.0  # has three equal samples at each top
    assert not [one for one in _found(np.stack([slow, 0.5 * slow])) if one.startswith("clipped")]


def test_peaks_between_the_samples():
    """fs/4 at 45 degrees: samples at -0.9 dBFS, the wave 3.01 dB higher; only in one second."""
    music = np.zeros((2, 8 * RATE_HZ))
    music[:, 4 * RATE_HZ : 5 * RATE_HZ] = 1.2746 * np.sin(0.5 * np.pi * np.arange(RATE_HZ) + 0.25 * np.pi)
    (said,) = [one for one in _found(music, block=2048) if "between" in one]
    assert re.fullmatch(r"clips between the samples: \+2\.[0-3] dBTP at 0:0[34]\.\d", said)


def test_samples_over_full_scale(clean):
    flawed = clean.copy()
    flawed[0, 7 * RATE_HZ] = 1.5
    (said,) = _found(flawed)
    assert re.fullmatch(r"over full scale: 1 samples, first at 0:07.0, up to \+3\.\d dBTP at 0:0[67]\.\d", said)


def test_a_dead_side_and_where(clean):
    flawed = clean.copy()
    flawed[1] = 0.0
    assert _found(flawed) == ["the right side is dead throughout"]
    flawed = clean.copy()
    flawed[0, 4 * RATE_HZ : 7 * RATE_HZ] = flawed[0, 10 * RATE_HZ : 12 * RATE_HZ + 5] = 0.0
    flawed = flawed[:, : 12 * RATE_HZ]
    assert _found(flawed) == ["the left side is dead from 0:04.0 to 0:07.0, and 1 times more"]


def test_an_inverted_side(clean):
    assert _found(np.stack([clean[0], -0.9 * clean[0]])) == ["one side is inverted throughout"]


def test_an_inverted_side_of_stereo_music_is_told_by_its_bass(clean):
    apart = 0.1 * np.random.default_rng(5).standard_normal(clean.shape)
    bass = 0.3 * _sine(55.0, clean.shape[1]) * (1.0 + 0.5 * _sine(0.7, clean.shape[1]))
    wide = apart + bass
    assert not [one for one in _found(wide) if "inverted" in one]
    wide[1] = -wide[1]
    assert [one for one in _found(wide) if "inverted" in one] == ["one side is inverted throughout"]
    wide[1, 14 * RATE_HZ :] = -wide[1, 14 * RATE_HZ :]
    (said,) = [one for one in _found(wide) if "inverted" in one]
    assert re.fullmatch(r"one side is inverted from 0:00.0 to 0:1[345].0", said)


def test_mono_as_stereo(clean):
    assert _found(np.stack([clean[0], clean[0]])) == ["mono as stereo: both sides are the same"]
    assert _found(clean[:1]) == []


def test_dc(clean):
    offset = np.array([[0.03], [-0.01]], np.float32)
    assert _found(clean + offset) == ["DC: +0.030 left, -0.010 right of full scale"]
    assert _found(clean[:1] + offset[:1]) == ["DC: +0.030 of full scale"]


@pytest.mark.parametrize("rumble_hz", [7.0, 12.0, 18.0])
def test_rumble(clean, rumble_hz):
    flawed = clean + 0.1 * _sine(rumble_hz, clean.shape[1])
    assert _found(flawed) == ["rumble: -23 dBFS below 20 Hz"]  # a sine of 0.1: -20 dBFS peak, -23 RMS


@pytest.mark.parametrize("mains_hz", [50.0, 60.0, 49.95, 60.05])
@pytest.mark.parametrize("channels", [1, 2])
def test_hum_under_talk_with_pauses(clean, mains_hz, channels):
    """Harmonics that fall as 1/k, -50 dBFS, under noise at -70: what the pauses of a talk are like."""
    samples = 30 * RATE_HZ
    hum = sum(_sine(k * mains_hz, samples) / k for k in range(1, 9))
    hum *= 10.0 ** (-50.0 / 20.0) / np.sqrt(np.mean(hum**2))
    talk = np.zeros((channels, samples))
    for start in (0, 12):
        talk[:, start * RATE_HZ : (start + 8) * RATE_HZ] = clean[:channels, : 8 * RATE_HZ]
    noise = 10.0 ** (-70.0 / 20.0) * np.random.default_rng(1).standard_normal((channels, samples))
    assert _found(talk + noise) == []
    (said,) = _found(talk + noise + hum)
    words = re.fullmatch(r"hum: (-\d+) dBFS at (50|60) Hz and its multiples", said)
    assert int(words[1]) == pytest.approx(-50, abs=2) and int(words[2]) == round(mains_hz)


def test_a_bass_note_beside_the_mains_is_no_hum():
    """G1 is 49.00 Hz, B1 61.74: held for half a minute, with their overtones."""
    for note_hz in (48.9994, 61.7354):
        note = sum(_sine(k * note_hz, 30 * RATE_HZ) / k for k in range(1, 9))
        noise = 1e-4 * np.random.default_rng(2).standard_normal((2, note.size))
        assert not [one for one in _found(0.1 * note + noise) if one.startswith("hum")]


def _through(codec, folder, music, *options):
    """A file that was lossy once, by the real codec."""
    sf.write(folder / "in.wav", music.T, RATE_HZ, subtype="PCM_24")
    for arguments in (("in.wav", *codec), (codec[-1], "out.wav")):
        command = ["ffmpeg", "-v", "error", "-y", "-i", arguments[0], *options, *arguments[1:]]
        subprocess.run(command, cwd=folder, check=True)
    return sf.read(folder / "out.wav", dtype="float32", always_2d=True)[0].T


@pytest.fixture(scope="module")
def bright() -> np.ndarray:
    """Noise over the whole band that swells and fades: music that has something up there."""
    rng = np.random.default_rng(3)
    swell = 0.6 + 0.4 * _sine(0.7, 15 * RATE_HZ)
    return (0.1 * swell * rng.standard_normal((2, 15 * RATE_HZ))).astype(np.float32)


@pytest.mark.parametrize(
    ("codec", "wall_khz"),
    [
        (("-c:a", "libmp3lame", "-b:a", "96k", "x.mp3"), 15.5),
        (("-c:a", "libmp3lame", "-b:a", "128k", "x.mp3"), 17.0),
    ],
)
def test_a_lossy_past_shows_as_a_brick_wall(bright, tmp_path, codec, wall_khz):
    assert _found(bright) == []
    (said,) = [one for one in _found(_through(codec, tmp_path, bright)) if "brick wall" in one]
    words = re.fullmatch(r"nothing above (\d+\.\d) kHz: a brick wall, as MP3 and AAC leave it", said)
    assert float(words[1]) == pytest.approx(wall_khz, abs=0.6)


def test_dull_music_has_no_wall(bright):
    """A slope of 24 dB per octave from 8 kHz on is an instrument, or a tape, and no codec."""
    spectrum = np.fft.rfft(bright)
    hz = np.fft.rfftfreq(bright.shape[1], 1.0 / RATE_HZ)
    dull = np.fft.irfft(spectrum / (1.0 + (hz / 8000.0) ** 4))
    assert not [one for one in _found(dull) if "brick wall" in one]


@pytest.mark.parametrize("samples", [0, 1, 100, RATE_HZ])
def test_next_to_nothing_and_silence_have_none(samples):
    assert _found(np.zeros((2, samples), np.float32)) == []
