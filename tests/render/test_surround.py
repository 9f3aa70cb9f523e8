"""Surround programmes: measured as ffmpeg does, one gain for all, and the ceiling in every channel."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import pytest
import soundfile as sf
from demosong import demo_song
from oversampled import true_peak_dbtp

from rt_automix import params, surround
from rt_automix.analysis.aim.profile import load
from rt_automix.analysis.deciding.matcher import Matcher
from rt_automix.analysis.recordings.measure import Meter
from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.errors import AutomixError
from rt_automix.io.files.audio import AudioReader
from rt_automix.io.lossy.codecs import parse
from rt_automix.render import render
from rt_automix.render.figures import figures

RATE_HZ = 48_000
CHANNELS = {"5.0": 5, "5.1": 6, "5.1(side)": 6, "7.1": 8}


def write(path, programme, layout, rate_hz=RATE_HZ, codec=("-c:a", "pcm_f32le")):
    """A file by ffmpeg, whose channel masks and orders are another's than ours."""
    given = ["-f", "f32le", "-ar", str(rate_hz), "-ac", str(len(programme)), "-channel_layout", layout]
    command = ["ffmpeg", "-v", "error", "-y", *given, "-i", "-", *codec, path]
    subprocess.run(command, input=np.ascontiguousarray(programme.T, "<f4").tobytes(), check=True)
    return path


def by_ffmpeg_lufs(path):
    """Integrated loudness to a thousandth."""
    command = ["ffmpeg", "-hide_banner", "-nostats", "-i", path]
    command += ["-af", "ebur128=metadata=1,ametadata=print:key=lavfi.r128.I:file=-", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(re.findall(r"lavfi.r128.I=(\S+)", said)[-1])


def layout_by_ffmpeg(path):
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=channel_layout", "-of", "csv=p=0", path]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def measured(path):
    with AudioReader(path, surround=True) as reader:
        meter = Meter(reader.sample_rate_hz, reader.channels)
        for block in reader.blocks():
            meter.push(block)
    return meter.result()


@pytest.fixture(scope="module")
def programme():
    """Eight channels of music, no two alike, the LFE loud and with more than an LFE has: float32, (8, 10 s)."""
    song = demo_song(RATE_HZ)
    starts = np.array([5, 5, 6, 8, 9, 9, 11, 11]) * RATE_HZ
    sides = [0, 1, 0, 1, 0, 1, 0, 1]
    rows = [song[side, start : start + 10 * RATE_HZ] for side, start in zip(sides, starts, strict=True)]
    return np.array(rows, np.float32) * np.array([1, 1, 0.8, 1.5, 0.7, 0.7, 0.6, 0.6], np.float32)[:, None]


def test_tech_3341_signal_6(tmp_path):
    """L, R -28, C -24, Ls, Rs -30 dBFS make -23 LUFS."""
    tone = np.sin(2.0 * np.pi * 1000.0 / RATE_HZ * np.arange(20 * RATE_HZ))
    path = write(tmp_path / "6.wav", np.outer(10.0 ** (np.array([-28, -28, -24, -30, -30]) / 20.0), tone), "5.0")
    assert measured(path).integrated_lufs == pytest.approx(-23.0, abs=0.1)
    assert measured(path).integrated_lufs == pytest.approx(by_ffmpeg_lufs(path), abs=0.05)


@pytest.mark.parametrize(("layout", "rate_hz"), [("5.0", 48_000), ("5.1", 44_100), ("5.1(side)", 96_000)])
def test_it_is_as_loud_as_ffmpeg_reads_it(programme, tmp_path, layout, rate_hz):
    path = write(tmp_path / "in.wav", programme[: CHANNELS[layout]], layout, rate_hz)
    assert measured(path).integrated_lufs == pytest.approx(by_ffmpeg_lufs(path), abs=0.05)


def test_what_each_channel_counts_for():
    """BS.1770-5, annex 3: 1.41 at 60 to 120 degrees to the side, the LFE nothing, all others 1."""
    tone = (0.1 * np.sin(2.0 * np.pi * 1000.0 / RATE_HZ * np.arange(2 * RATE_HZ))).astype(np.float32)
    for channels, layout in surround.LAYOUTS.items():
        for k, name in enumerate(layout.speakers):
            alone = np.zeros((channels, tone.size), np.float32)
            alone[k] = tone
            meter = Meter(RATE_HZ, channels)
            meter.push(alone)
            weight = {"LFE": 0.0, "Ls": 1.41, "Rs": 1.41}.get(name, 1.0)
            lufs = -23.01 + 10.0 * np.log10(weight) if weight else -200.0
            assert meter.result().integrated_lufs == pytest.approx(lufs, abs=0.02), (layout.name, name)
            assert meter.result().true_peak_dbtp == pytest.approx(-20.0, abs=0.05), (layout.name, name)


@pytest.mark.parametrize("layout", ["5.0", "5.1", "7.1"])
def test_other_files_have_the_same_speakers(programme, tmp_path, layout):
    """FLAC is in a WAV's order, Vorbis in its own: each channel alone must come out where it went in."""
    channels = CHANNELS[layout]
    bursts = np.zeros((channels, RATE_HZ), np.float32)
    hz = np.where(np.arange(channels) == 3, 60.0, 500.0)[:, None]
    bursts[:] = 0.05 * (np.arange(channels)[:, None] + 1) * np.sin(2.0 * np.pi * hz / RATE_HZ * np.arange(RATE_HZ))
    for name, codec in (("x.flac", ()), ("x.ogg", ("-c:a", "libvorbis", "-q:a", "9"))):
        path = write(tmp_path / name, bursts, layout, codec=codec)
        with AudioReader(path, surround=True) as reader:
            heard = np.concatenate(list(reader.blocks()), axis=1)[:, 9600:-9600]
        levels, mains = np.sqrt(2.0 * (heard**2).mean(axis=1)), np.arange(channels) != 3
        assert levels[mains] == pytest.approx((0.05 * (np.arange(channels) + 1))[mains], rel=0.1), name
        assert np.abs(np.fft.rfft(heard[3])).argmax() == round(60.0 * heard.shape[1] / RATE_HZ), name


@pytest.mark.parametrize("lookahead", ["live", "song"])
@pytest.mark.parametrize("layout", ["5.1(side)", "7.1"])
def test_a_master_keeps_its_ceiling_in_every_channel(programme, tmp_path, layout, lookahead):
    path = write(tmp_path / "in.wav", 3.0 * programme[: CHANNELS[layout]], layout)
    config = Config().with_overrides(**{"master.target_lufs": -12.0, "limiter.ceiling_dbtp": -2.0})
    result = render(path, tmp_path / "out.wav", config=config, bits=32, lookahead=lookahead)
    master = sf.read(tmp_path / "out.wav", dtype="float32")[0].T
    assert master.shape == (CHANNELS[layout], 10 * RATE_HZ)
    assert layout_by_ffmpeg(tmp_path / "out.wav") == layout
    peaks = [true_peak_dbtp(channel) for channel in master]
    assert max(peaks) <= -2.0 + 0.02
    assert sorted(peaks)[-2] > -8.0  # there was something to hold in more than one of them
    if lookahead == "song":
        assert result.output.integrated_lufs == pytest.approx(-12.0, abs=0.1), result.missed
        if layout != "7.1":
            assert by_ffmpeg_lufs(tmp_path / "out.wav") == pytest.approx(-12.0, abs=0.15)


def test_there_is_one_gain_for_all(programme):
    """With a flat equaliser what comes out is what went in, times one gain that moves: compressor, drive, limiter."""
    engine = Engine(Config().with_overrides(**{"master.subsonic_hz": 0.0}), analysis="off")
    engine.prepare(RATE_HZ, RATE_HZ, 6)
    values = params.NEUTRAL.copy()
    values[params.INDEX["compression"]], values[params.INDEX["limiter_drive_db"]] = 0.5, 9.0
    engine.hold(values)
    engine.set(ride=False)
    engine.settle()
    source = programme[:6, : 4 * RATE_HZ]
    out = np.concatenate([engine.process(part.copy()) for part in np.split(source, 4, axis=1)], axis=1)
    late = np.pad(source, ((0, 0), (engine.latency_samples, 0)))[:, : out.shape[1]]
    heard = np.abs(late).min(axis=0) > 1e-3
    gains = out[:, heard] / late[:, heard]
    assert np.ptp(gains) > 0.3  # it does move
    assert np.ptp(gains, axis=0).max() < 1e-4 * gains.max()


def test_the_lfe_has_no_filter_and_the_others_have_the_same(programme):
    """A click in one channel after another: equalised alike, but for the LFE, which stays one sample."""
    answers = []
    for channel in range(6):
        engine = Engine(analysis="off")
        engine.prepare(RATE_HZ, 4096, 6)
        values = params.NEUTRAL.copy()
        values[[params.INDEX[name] for name in ("low_shelf_db", "mid_db", "air_db")]] = 4.0, -3.0, 5.0
        engine.hold(values)
        engine.set(ride=False)
        engine.settle()
        block = np.zeros((6, 4096), np.float32)
        block[channel, 100] = 0.25
        answers.append(engine.process(block)[channel])
    spectra = np.abs(np.fft.rfft(answers, axis=1))
    for channel in (1, 2, 4, 5):
        assert np.allclose(answers[channel], answers[0], atol=1e-7)
    assert np.ptp(spectra[0]) > 0.1
    assert np.count_nonzero(answers[3]) == 1 and answers[3][164] == pytest.approx(0.25, abs=1e-6)


def test_alone_in_front_it_is_the_stereo_engine(programme):
    values = params.NEUTRAL.copy()
    values[:4], values[params.INDEX["compression"]] = (2.0, 3.0, -2.0, 1.0), 0.4
    values[params.INDEX["stereo_width"]], values[params.INDEX["limiter_drive_db"]] = 1.3, 6.0
    masters = []
    for channels in (2, 6):
        engine = Engine(analysis="off")
        engine.prepare(RATE_HZ, 2 * RATE_HZ, channels)
        engine.hold(values)
        engine.settle()
        block = np.zeros((channels, 2 * RATE_HZ), np.float32)
        block[:2] = programme[:2, : 2 * RATE_HZ]
        masters.append(engine.process(block))
    assert np.abs(masters[0] - masters[1][:2]).max() < 1e-6
    assert not masters[1][2:].any()


@pytest.mark.parametrize("lookahead", [True, False])
def test_it_does_not_depend_on_the_blocks_and_a_render_is_the_stream(programme, tmp_path, lookahead):
    config = Config().with_overrides(**{"limiter.lookahead": lookahead})
    path = write(tmp_path / "in.wav", programme[:6], "5.1")
    render(path, tmp_path / "out.wav", config=config, suggester=Matcher(), bits=32)
    rendered = sf.read(tmp_path / "out.wav", dtype="float32")[0].T
    for size in (4096, 65):
        engine = Engine(config, suggester=Matcher())
        engine.prepare(RATE_HZ, 4096, 6)
        source = np.pad(programme[:6], ((0, 0), (0, engine.latency_samples)))
        starts = range(0, source.shape[1], size)
        streamed = [engine.process(np.ascontiguousarray(source[:, start : start + size])) for start in starts]
        assert np.array_equal(np.concatenate(streamed, axis=1)[:, engine.latency_samples :], rendered)


def test_other_speakers_are_refused_with_a_command_that_helps(programme, tmp_path):
    path = write(tmp_path / "wide.wav", programme, "7.1(wide)")
    with pytest.raises(AutomixError, match=r"channel mask 0xFF.*aformat=channel_layouts=7.1") as refused:
        measured(path)
    command = re.search(r"`(.*)`", str(refused.value))[1]
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    assert measured(tmp_path / "new.wav").duration_s == pytest.approx(10.0)
    with pytest.raises(AutomixError, match="7 channels; allowed are 1, 2, 5"):
        measured(write(tmp_path / "seven.wav", programme[:7], "6.1"))


def test_a_state_goes_on_bit_for_bit(programme):
    first, second = np.split(programme[:6, : 2 * RATE_HZ], 2, axis=1)
    engine, other = Engine(suggester=Matcher()), Engine(suggester=Matcher())
    for one in (engine, other):
        one.prepare(RATE_HZ, RATE_HZ, 6)
    engine.process(first.copy())
    other.restore(engine.state())
    assert np.array_equal(engine.process(second.copy()), other.process(second.copy()))


def test_lossy_files_are_made_of_stereo_alone(programme, tmp_path):
    path = write(tmp_path / "in.wav", programme[:6], "5.1")
    assert figures(path, load("balanced"))["layout"] == "5.1"
    with pytest.raises(AutomixError, match="6 channels; allowed are 1 and 2"):
        figures(path, load("balanced"), formats=parse("mp3:256"))


def loudness_lufs(sound):
    meter = Meter(RATE_HZ, len(sound))
    meter.push(np.ascontiguousarray(sound))
    return meter.result().integrated_lufs


@pytest.mark.parametrize("lookahead", [True, False])
def test_what_is_listened_to_is_faded_in_every_channel(programme, lookahead):
    """Bypass is the input, as late as the master; compare is as loud; back on the master no bit has changed."""
    config = Config().with_overrides(**{"limiter.lookahead": lookahead})
    source, heard = 2.0 * programme[:6, : 6 * RATE_HZ], {}
    for listen in ("master", "bypass", "compare"):
        engine = Engine(config, suggester=Matcher())
        engine.prepare(RATE_HZ, 4800, 6)
        parts = []
        for number, part in enumerate(np.split(source, 60, axis=1)):
            if number in (20, 50):
                engine.set(listen=listen if number == 20 else "master", output_trim_db=-6.0 if number == 20 else 0.0)
            parts.append(engine.process(part.copy()))
        heard[listen] = np.concatenate(parts, axis=1)
    late, middle = engine.latency_samples, slice(3 * RATE_HZ, 5 * RATE_HZ)
    shifted = np.pad(source, ((0, 0), (late, 0)))
    assert heard["bypass"][:, middle] == pytest.approx(10 ** (-6 / 20) * shifted[:, middle], abs=1e-6)
    lufs = {listen: loudness_lufs(sound[:, middle]) for listen, sound in heard.items()}
    assert lufs["compare"] == pytest.approx(lufs["master"], abs=0.3)
    assert abs(lufs["bypass"] - lufs["compare"]) > 2.0
    assert not np.array_equal(heard["compare"][:, middle], heard["master"][:, middle])
    for listen in ("bypass", "compare"):
        assert np.array_equal(heard[listen][:, -RATE_HZ // 2 :], heard["master"][:, -RATE_HZ // 2 :])
