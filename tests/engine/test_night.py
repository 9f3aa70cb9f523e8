"""The night setting: what is loud and what is quiet come out within a few LU, measured by ffmpeg."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from demosong import demo_song
from scipy.signal import sosfilt

from rt_automix.config import Config
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.engine.engine import Engine
from rt_automix.units import lin_from_db

RATE_HZ = 48000
SETTLED_S = 8
pytestmark = [
    pytest.mark.skipif(not JIT_ENABLED, reason="minutes of audio: too slow in plain Python"),
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg measures here"),
]


def talk(seconds, seed):
    """Something like talk: noise shaped like a voice, in syllables and sentences, at -41 dBFS."""
    rng, count = np.random.default_rng(seed), seconds * RATE_HZ
    voice = sosfilt([[0.02, 0.0, -0.02, 1.0, -1.94, 0.95]], rng.standard_normal(count))
    syllables_db = rng.choice([0.0, -3.0, -6.0, -40.0], -(-count // 9600), p=[0.4, 0.3, 0.15, 0.15])
    level_db = np.repeat(syllables_db, 9600)[:count]
    level_lin = np.convolve(10.0 ** (level_db / 20.0), np.ones(960) / 960, "same")
    voice *= level_lin
    return (voice * (lin_from_db(-41.0) / np.sqrt(np.mean(voice**2)))).astype(np.float32)


@pytest.fixture(scope="module")
def film():
    """Talk, and music behind it that sinks from far louder to far under it and stays there: float32, (2, 72 s)."""
    song = np.tile(demo_song(RATE_HZ), 3)[:, 14 * RATE_HZ : 86 * RATE_HZ]
    bed_db = np.interp(np.arange(song.shape[1]) / RATE_HZ, [0, 20, 40, 41, 72], [0, 0, -20, -20, -20])
    return (song * 10.0 ** (bed_db / 20.0) + talk(72, 1)).astype(np.float32)


def played(audio, block=4800, **settings):
    engine = Engine(Config().with_overrides(**{"master.target_lufs": -20.0, **settings}), analysis="inline")
    engine.prepare(RATE_HZ, block, 2)
    out = np.empty_like(audio)
    for start in range(0, audio.shape[1], block):
        out[:, start : start + block] = engine.process(np.ascontiguousarray(audio[:, start : start + block]))
    return out


def range_lu(audio):
    """Loudness range by ffmpeg's ebur128."""
    command = f"ffmpeg -hide_banner -f f32le -ar {RATE_HZ} -ac 2 -i - -af ebur128=framelog=verbose -f null -"
    frames = np.ascontiguousarray(audio[:, SETTLED_S * RATE_HZ :].T, "<f4").tobytes()
    said = subprocess.run(command.split(), input=frames, capture_output=True, check=True).stderr.decode()
    return float(re.findall(r"LRA:\s+([\d.]+) LU", said)[-1])


def test_at_night_a_film_keeps_within_6_lu(film):
    before, day, night = range_lu(film), range_lu(played(film)), range_lu(played(film, **{"rider.night": True}))
    print(f"loudness range: {before} LU, live {day}, at night {night}")
    assert before > 10.0 and day > 8.0
    assert night <= 6.0


def test_night_is_the_same_whatever_the_block(film):
    short = film[:, 20 * RATE_HZ : 32 * RATE_HZ]
    first = played(short, 512, **{"rider.night": True})
    assert np.array_equal(first, played(short, 4097, **{"rider.night": True}))
    assert not np.array_equal(first, played(short, 512))


def test_at_night_a_pause_stays_one(film):
    """Hum 35 LU and more under the programme: not raised, however long it lasts."""
    music = film[:, : 20 * RATE_HZ]
    hum = 0.0012 * np.sin(2 * np.pi * 150 * np.arange(12 * RATE_HZ) / RATE_HZ)
    engine = Engine(Config().with_overrides(**{"master.target_lufs": -20.0, "rider.night": True}), analysis="inline")
    engine.prepare(RATE_HZ, 4800, 2)
    gains_db = []
    paused = np.concatenate([music[:, : 20 * RATE_HZ], np.stack([hum, hum]).astype(np.float32)], axis=1)
    for start in range(0, paused.shape[1], 4800):
        engine.process(np.ascontiguousarray(paused[:, start : start + 4800]))
        gains_db.append(engine.meters().ride_db)
    assert max(gains_db[200:]) <= gains_db[199] + 0.5


def test_night_is_turned_on_while_it_plays(film):
    engine = Engine(Config(), analysis="inline")
    engine.prepare(RATE_HZ, 4800, 2)
    assert engine.controls["night"] is False
    engine.set(night=True)
    assert engine.controls["night"] is True
