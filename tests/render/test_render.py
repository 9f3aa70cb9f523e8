"""A file through the engine: same length, aligned, the same whatever the blocks; and the figures are true."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from demosong import demo_song
from oversampled import band_limited, true_peak_dbtp

import rt_automix
from rt_automix import params
from rt_automix.analysis.aim import profile
from rt_automix.analysis.deciding.suggester import choose
from rt_automix.analysis.recordings.measure import Meter
from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.errors import AudioFileError, ConfigError
from rt_automix.io.files.audio import AudioReader
from rt_automix.render import STEP_S, render
from rt_automix.units import FLOOR_DB, lin_from_db

ROOT = Path(__file__).parents[2]


def _config(**settings):
    return Config().with_overrides(**{name.replace("__", "."): value for name, value in settings.items()})


def _write(path, samples, rate=48000, subtype="FLOAT"):
    sf.write(path, np.asarray(samples, np.float32).T, rate, subtype=subtype)
    return path


def _read(path):
    return sf.read(path, dtype="float32", always_2d=True)[0].T


def _noise(channels, samples, level=0.05, seed=1):
    return level * np.random.default_rng(seed).standard_normal((channels, samples)).astype(np.float32)


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """The demo song as a file: 46.5 s, far too quiet."""
    return _write(tmp_path_factory.mktemp("song") / "song.wav", demo_song(48000), subtype="PCM_24")


@pytest.fixture(scope="module")
def live(song):
    """The song mastered as a live stream would be."""
    return render(song, song.with_name("live.wav"), detail=True)


@pytest.mark.parametrize(
    ("channels", "samples", "rate"),
    [(2, 1, 48000), (1, 63, 48000), (2, 64, 44100), (2, 4801, 48000), (1, 50017, 96000), (2, 44100, 44100)],
)
def test_without_mastering_the_output_is_the_input(tmp_path, channels, samples, rate):
    mix = _noise(channels, samples)
    source = _write(tmp_path / "in.wav", mix, rate)
    result = render(source, tmp_path / "out.wav", config=_config(master__amount=0.0), bits=32)
    out = _read(result.target)
    assert out.shape == mix.shape and sf.info(result.target).samplerate == result.sample_rate_hz == rate
    np.testing.assert_allclose(out, mix, rtol=0, atol=1e-6)


def test_a_block_has_a_sample(tmp_path):
    source = _write(tmp_path / "in.wav", _noise(2, 100))
    with pytest.raises(ConfigError, match="block_samples = 0 is below 1"):
        render(source, tmp_path / "out.wav", block_samples=0)


def test_the_direct_mode_is_aligned_too(tmp_path):
    mix = _noise(2, 10000)
    config = _config(master__amount=0.0, limiter__lookahead=False)
    result = render(_write(tmp_path / "in.wav", mix), tmp_path / "out.wav", config=config, bits=32)
    assert result.latency_samples == 0
    np.testing.assert_allclose(_read(result.target), mix, rtol=0, atol=1e-6)


def test_the_mastered_end_is_not_cut_off(tmp_path):
    """A click in the last sample comes out in the last sample."""
    mix = np.zeros((2, 48000), np.float32)
    mix[:, -1] = 0.5
    result = render(_write(tmp_path / "in.wav", mix), tmp_path / "out.wav", bits=32)
    out = np.abs(_read(result.target))
    assert out.shape == mix.shape and out.argmax(axis=1).tolist() == [47999, 47999]


@pytest.mark.parametrize("block", [None, 7, 64, 333, 4096])
def test_blocks_and_runs_do_not_show_in_the_file(tmp_path, song, block):
    part = _write(tmp_path / "part.wav", _read(song)[:, 300000:400000])
    first = render(part, tmp_path / "first.wav", bits=32)
    again = render(part, tmp_path / "again.wav", bits=32, block_samples=block)
    assert again.target.read_bytes() == first.target.read_bytes()


@pytest.fixture(
    scope="module", params=[(44100, 2, "auto"), (48000, 1, "matcher"), (96000, 2, "auto")],
    ids=lambda case: "-".join(map(str, case)),
)  # fmt: skip
def rendered(request, tmp_path_factory):
    """Six seconds of the song, who decides, and what a render makes of it: (samples, rate, config, result)."""
    rate, channels, who = request.param
    folder = tmp_path_factory.mktemp("rendered")
    mix = 0.5 * demo_song(rate)[:channels, 12 * rate : 18 * rate + 321]
    config = _config(master__suggester=who)
    source = _write(folder / "in.wav", mix, rate)
    # An engine of one channel measures one; what dual gives is in test_mono.py.
    result = render(source, folder / "out.wav", config=config, bits=32, mono="single")
    return mix, rate, config, result


@pytest.mark.parametrize("block", [7, 64, 4096, 16384])
def test_a_render_is_the_engine_that_analyses_inside_itself(rendered, block):
    """To the bit, and so what live gives: decided ahead, many at a time, in a thread of its own."""
    mix, rate, config, result = rendered
    engine = Engine(config, suggester=choose(config.master.suggester, pytest.fail), analysis="inline")
    engine.prepare(rate, block, len(mix))
    late = np.zeros((len(mix), engine.latency_samples), np.float32)
    played = np.concatenate([mix, late], axis=1).astype(np.float32)
    blocks = [np.ascontiguousarray(played[:, start : start + block]) for start in range(0, played.shape[1], block)]
    out = np.concatenate([engine.process(one) for one in blocks], axis=1)[:, engine.latency_samples :]
    np.testing.assert_array_equal(_read(result.target), out)
    np.testing.assert_array_equal(result.history.suggested[-1], params.from_dict(engine.suggestion))


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("lookahead", ["live", "song"])
def test_an_error_while_it_is_read_leaves_no_target(tmp_path, suffix, lookahead, monkeypatch):
    source = _write(tmp_path / "in.wav", _noise(2, 480000))
    whole = AudioReader.blocks

    def broken(reader, block_samples=4096):
        for number, block in enumerate(whole(reader, block_samples)):
            if number == 2:
                raise AudioFileError("the disk is gone")
            yield block

    monkeypatch.setattr(AudioReader, "blocks", broken)
    with pytest.raises(AudioFileError, match="the disk is gone"):
        render(source, tmp_path / f"out{suffix}", lookahead=lookahead)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.wav"]
    assert not [thread for thread in threading.enumerate() if thread.name == "rt_automix ahead"]


@pytest.mark.parametrize("lookahead", ["live", "song"])
def test_an_error_of_who_watches_leaves_no_target(tmp_path, lookahead):
    def impatient(doing, share):
        if doing == "mastering":
            raise KeyboardInterrupt

    source = _write(tmp_path / "in.wav", _noise(2, 480000))
    with pytest.raises(KeyboardInterrupt):
        render(source, tmp_path / "out.wav", lookahead=lookahead, progress=impatient)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.wav"]
    assert not [thread for thread in threading.enumerate() if thread.name == "rt_automix ahead"]


@pytest.mark.parametrize(("rate", "channels"), [(44100, 2), (96000, 2), (48000, 1)])
def test_other_rates_and_mono_meet_the_target_too(tmp_path, rate, channels):
    source = _write(tmp_path / "in.wav", demo_song(rate)[:channels], rate, "PCM_16")
    result = render(source, tmp_path / "out.flac", bits=16)
    info = sf.info(result.target)
    assert (info.samplerate, info.channels, info.frames) == (rate, channels, sf.info(source).frames)
    # In 46 s the rider has heard few of the song's contrasts; how close it comes on songs is judged on songs.
    assert result.loudness_after_10_s_lufs == pytest.approx(result.target_lufs, abs=1.0)
    assert result.output.true_peak_dbtp <= result.ceiling_dbtp + 0.02


@pytest.mark.parametrize("rate", [88200, 176400, 192000])
def test_the_ceiling_holds_at_high_rates(tmp_path, rate):
    """Read at 32x of the file's own rate, for what can be heard."""
    count = 6 * rate
    bursts = 0.1 + 1.5 * (np.sin(2 * np.pi * 3 * np.arange(count) / rate) > 0.9)
    noise = 0.4 * np.random.default_rng(0).standard_normal((2, count)) * bursts
    noise[:, : rate // 10] = noise[:, -rate // 10 :] = 0.0
    source = tmp_path / "in.wav"
    sf.write(source, band_limited(noise, rate).T, rate, "FLOAT")
    result = render(source, tmp_path / "out.wav", bits=32)
    written, found = sf.read(result.target)
    assert found == rate
    assert true_peak_dbtp(written.T) <= result.ceiling_dbtp + 0.02
    assert result.output.true_peak_dbtp <= result.ceiling_dbtp + 0.02


def test_live_lands_on_the_target(live):
    assert live.input.integrated_lufs < live.target_lufs - 10.0
    # Its chorus leaps far above its intro, and `auto` leaves more of that to the song than a style would.
    assert live.loudness_after_10_s_lufs == pytest.approx(live.target_lufs, abs=1.0)


def test_loudness_after_10_s_is_that_of_the_file_cut_there(live):
    rate = live.sample_rate_hz
    meter = Meter(rate, 2)
    meter.push(np.ascontiguousarray(_read(live.target)[:, 10 * rate :]))
    # The filters start at rest where the file is cut, which one gating block in 360 can tell.
    assert live.loudness_after_10_s_lufs == pytest.approx(meter.result().integrated_lufs, abs=0.01)


def test_figures_are_those_of_the_files(live):
    for measured, curve, path in (
        (live.input, live.input_curve, live.source),
        (live.output, live.output_curve, live.target),
    ):
        meter = Meter(live.sample_rate_hz, 2)
        meter.push(np.ascontiguousarray(_read(path)))
        again = meter.result()
        assert measured.integrated_lufs == pytest.approx(again.integrated_lufs, abs=1e-3)
        assert measured.true_peak_dbtp == pytest.approx(again.true_peak_dbtp, abs=1e-3)
        np.testing.assert_allclose(curve.momentary_lufs, meter.curve.momentary_lufs, atol=1e-3)


def test_profiles_are_those_of_the_files(live):
    for mine, path in ((live.input_profile, live.source), (live.output_profile, live.target)):
        twin = profile.measure([np.ascontiguousarray(_read(path))], live.sample_rate_hz, 2, "twin")
        np.testing.assert_allclose(mine.bands_db, twin.bands_db, atol=0.01)
        assert mine.loudness_lufs == pytest.approx(twin.loudness_lufs, abs=0.2)
        assert (mine.side_mid_db, mine.dynamics_db) == pytest.approx((twin.side_mid_db, twin.dynamics_db), abs=0.01)


def test_the_history_has_a_row_every_100_ms(live):
    history = live.history
    rows = math.ceil(live.duration_s / STEP_S)
    assert rows <= history.time_s.size <= rows + 1
    assert np.diff(history.time_s)[1:-2] == pytest.approx(STEP_S)
    assert history.time_s[-1] == pytest.approx(live.duration_s)
    assert history.suggested.shape == history.applied.shape == (history.time_s.size, params.COUNT)
    assert (history.applied >= params.LOW - 1e-9).all() and (history.applied <= params.HIGH + 1e-9).all()
    assert history.limiting_db.max() > 0.5 and history.limiting_db.min() >= 0.0
    assert set(history.settled(10.0)) == {*params.NAMES, "gain_db"}
    assert history.settled(10.0)["gain_db"] == pytest.approx(np.median(history.gain_db[history.time_s > 10.0]))


def test_listening_first_holds_still_and_meets_the_target(song, tmp_path):
    shown = []
    result = render(song, tmp_path / "out.wav", lookahead="song", progress=lambda *step: shown.append(step))
    assert result.output.integrated_lufs == pytest.approx(result.target_lufs, abs=0.2)
    assert np.ptp(result.history.applied, axis=0) == pytest.approx(0.0, abs=1e-5)
    assert np.ptp(result.history.gain_db) == pytest.approx(0.0, abs=1e-3)
    np.testing.assert_allclose(result.history.applied[0], result.history.suggested[0], atol=1e-5)
    stages = list(dict.fromkeys(doing for doing, _ in shown))
    assert stages[0] == "listening" and stages[-1] == "mastering" and len(stages) <= 5
    for stage in stages:
        shares = [share for doing, share in shown if doing == stage]
        assert shares == sorted(shares) and shares[-1] == 1.0


def test_listening_first_reaches_further_than_the_parameters(song, tmp_path):
    """The song needs more gain than input gain and drive have; the trim gives the rest, and amount scales all."""
    source = _write(tmp_path / "in.wav", _read(song)[:, 480000:1200000] * lin_from_db(-15.0))
    whole = render(source, tmp_path / "whole.wav", lookahead="song")
    assert whole.history.gain_db[0] > params.HIGH[0] + params.HIGH[params.INDEX["limiter_drive_db"]]
    assert whole.output.integrated_lufs == pytest.approx(whole.target_lufs, abs=0.2)
    half = render(source, tmp_path / "half.wav", lookahead="song", config=_config(master__amount=0.5))
    assert half.history.gain_db[0] == pytest.approx(0.5 * whole.history.gain_db[0], abs=0.01)
    assert half.history.trim_db[0] == pytest.approx(0.5 * whole.history.trim_db[0], abs=0.01)


def test_without_the_rider_the_gain_is_the_suggested_one(song, tmp_path):
    config = _config(rider__enabled=False, master__target_lufs=-30.0)
    result = render(song, tmp_path / "out.wav", config=config, lookahead="song")
    assert result.history.gain_db[-1] == pytest.approx(sum(result.history.suggested[-1, [0, 8]]), abs=0.01)
    assert result.history.trim_db[-1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("lookahead", ["live", "song"])
def test_what_is_not_audio_becomes_silence_and_is_counted(tmp_path, lookahead):
    mix = _noise(2, 96000)
    mix[0, 100], mix[1, 200], mix[:, 300] = np.nan, np.inf, 1e30
    result = render(_write(tmp_path / "in.wav", mix), tmp_path / "out.wav", bits=32, lookahead=lookahead)
    out = _read(result.target)
    assert result.faults == 4
    assert np.isfinite(out).all() and np.abs(out).max() <= lin_from_db(result.ceiling_dbtp) + 1e-6
    assert np.isfinite(result.input_curve.momentary_lufs).all() and result.input.sample_peak_dbfs < 0.0


def test_faults_of_a_mono_file_count_once(tmp_path):
    mix = _noise(1, 5000)
    mix[0, 7] = np.nan
    assert render(_write(tmp_path / "in.wav", mix), tmp_path / "out.wav").faults == 1


@pytest.mark.parametrize("lookahead", ["live", "song"])
@pytest.mark.parametrize(
    "mix",
    [np.zeros((2, 96000)), np.full((2, 96000), 0.3), np.full((1, 1), 0.1), np.full((2, 96000), np.nan)],
    ids=["silence", "DC", "one sample", "NaN"],
)
def test_what_is_no_music_passes(tmp_path, mix, lookahead):
    result = render(_write(tmp_path / "in.wav", mix), tmp_path / "out.wav", bits=32, detail=True, lookahead=lookahead)
    out = _read(result.target)
    assert out.shape == mix.shape and np.isfinite(out).all()
    assert result.loudness_after_10_s_lufs is None
    assert json.loads(result.to_json())["output"]["integrated_lufs"] == pytest.approx(FLOOR_DB, abs=190.0)


def test_the_figures_as_json(live):
    document = json.loads(live.to_json())
    assert document["source"] == str(live.source) and document["target"] == str(live.target)
    assert document["output"]["integrated_lufs"] == live.output.integrated_lufs
    assert document["profile"] == "auto" and document["sample_rate_hz"] == 48000
    assert document["settled"]["low_mid_db"] == live.history.settled(10.0)["low_mid_db"] < -0.2


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory where Linux keeps it")
def test_ten_minutes_need_no_more_memory_than_ten_seconds(tmp_path):
    """All of it in memory once would be 230 MB as floats, in and out 460, on top of what an empty render takes."""
    song = (demo_song(48000)[:, : 40 * 48000].T * 32767.0).astype(np.int16)
    with sf.SoundFile(tmp_path / "long.wav", "w", 48000, 2, "PCM_16") as file:
        for _ in range(15):
            file.write(song)
    code = (
        "from rt_automix.render import render\n"
        "print(render('long.wav', 'out.wav').duration_s)\n"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    duration_s, _, peak_kib, _ = run.stdout.split()  # getrusage would count the parent's memory at the fork
    assert float(duration_s) == 600.0 and int(peak_kib) < 320_000


def test_the_package_root_shows_the_door():
    from rt_automix.engine.engine import Engine

    assert rt_automix.Engine is Engine and rt_automix.Profile is profile.Profile
    assert rt_automix.render.render is render
    assert {"Engine", "Config", "Profile", "render", "__version__"} <= set(dir(rt_automix))
    assert isinstance(rt_automix.__version__, str)
    with pytest.raises(AttributeError, match="has no attribute 'engin'"):
        _ = rt_automix.engin
