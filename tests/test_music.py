"""Whole renders of real songs of different packages: loudness met, ceiling kept, the same bits twice."""

import subprocess

import numpy as np
import pytest
import soundfile
from oversampled import true_peak_dbtp

from rt_automix.analysis.aim import profile
from rt_automix.config import Config
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.engine.engine import Engine
from rt_automix.render import render

pytestmark = [
    pytest.mark.music,
    pytest.mark.skipif(not JIT_ENABLED, reason="minutes of music: too slow in plain Python"),
]
SECONDS = 60


@pytest.fixture(scope="module")
def ten_songs(music_folder):
    """Ten songs or more, two of each package: a third and two thirds up their list by size."""
    chosen = []
    for package in sorted(path for path in music_folder.iterdir() if path.is_dir()):
        songs = sorted((path.stat().st_size, path) for path in package.rglob("*.*") if path.suffix in (".ogg", ".mp3"))
        songs = [path for size, path in songs if size > 700_000]
        chosen += sorted({songs[len(songs) // 3], songs[2 * len(songs) // 3]}) if songs else []
    if len(chosen) < 10:
        pytest.skip(f"{music_folder} holds fewer than ten songs")
    return chosen


def excerpt(song, path, rate_hz=48000, gain_db=0.0, start_s=0, seconds=SECONDS):
    command = ["ffmpeg", "-v", "error", "-y", "-ss", str(start_s), "-t", str(seconds), "-i", song, "-ac", "2"]
    command += ["-ar", str(rate_hz), "-af", f"volume={gain_db}dB", "-c:a", "pcm_f32le"]
    subprocess.run([*command, path], check=True)
    return path


def test_renders_of_ten_songs_meet_the_target_and_are_repeatable(ten_songs, tmp_path):
    style, misses_lu = profile.load("balanced"), {}
    for song in ten_songs:
        source = excerpt(song, tmp_path / "in.wav")
        result = render(source, tmp_path / "first.wav", config=Config(), style=style, force=True)
        render(source, tmp_path / "second.wav", config=Config(), style=style, force=True)
        assert (tmp_path / "first.wav").read_bytes() == (tmp_path / "second.wav").read_bytes()
        misses_lu[f"{song.parent.name}/{song.name}"] = result.loudness_after_10_s_lufs - result.target_lufs
        assert result.output.true_peak_dbtp <= -1.0 + 0.02
    for name, miss_lu in misses_lu.items():
        print(f"{miss_lu:+.2f} LU  {name}")
    assert max(abs(miss_lu) for miss_lu in misses_lu.values()) <= 0.5


@pytest.mark.parametrize(("rate_hz", "block"), [(44100, 512), (48000, 65), (96000, 4096)])
def test_ten_songs_boosted_by_12_db_stay_under_the_ceiling(ten_songs, tmp_path, rate_hz, block):
    """The limiter's own work: parameters held at full drive, no rider to turn it down."""
    worst = -100.0
    for song in ten_songs:
        path = excerpt(song, tmp_path / "hot.wav", rate_hz, 12.0, start_s=10, seconds=8)
        audio = soundfile.read(path, dtype="float32", always_2d=True)[0].T.copy()
        engine = Engine(Config().with_overrides(**{"rider.enabled": False}), analysis="off")
        engine.prepare(rate_hz, block, 2)
        audio[:, -rate_hz // 2 :] *= np.linspace(1, 0, rate_hz // 2, dtype=np.float32)
        for start in range(0, audio.shape[1], block):
            audio[:, start : start + block] = engine.process(audio[:, start : start + block].copy())
        worst = max(worst, true_peak_dbtp(audio, floor_below_peak_db=2.0))
    print(f"worst true peak of {len(ten_songs)} songs at {rate_hz} Hz, blocks of {block}: {worst + 1.0:+.4f} dB over")
    assert worst <= -1.0 + 0.02
