"""Streams, cuts, chains and foreign formats: read right and said, or refused with a cure that keeps the samples."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rt_automix.errors import AudioFileError
from rt_automix.io.files import foreign
from rt_automix.io.files.audio import AudioReader

RATE_HZ = 44100
NOISE = np.random.default_rng(1).normal(0, 0.2, (2, 6 * RATE_HZ)).astype(np.float32)


def ffmpeg(*arguments: str | Path) -> bytes:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def theirs(path: Path) -> np.ndarray:
    return np.frombuffer(ffmpeg("-i", path, "-f", "f32le", "-"), "<f4").reshape(-1, 2).T


def read(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    with AudioReader(path) as reader:
        first, second = (np.concatenate(list(reader.blocks(size)), axis=1) for size in (16384, 1000))
        np.testing.assert_array_equal(first, second)
        assert first.shape == (reader.channels, reader.samples)
        return first, reader.notes


def refused(path: Path) -> str:
    with pytest.raises(AudioFileError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "song.wav", NOISE.T, RATE_HZ, "PCM_16")
    return tmp_path / "song.wav"


# MP3


def test_an_mp3_starts_where_it_starts_and_ends_where_it_ends(tmp_path: Path, song: Path) -> None:
    ffmpeg("-i", song, "-b:a", "320k", tmp_path / "song.mp3")
    found, _ = read(tmp_path / "song.mp3")
    assert found.shape == NOISE.shape
    spectrum = np.fft.rfft(found[0]) * np.conj(np.fft.rfft(NOISE[0]))
    assert np.argmax(np.fft.irfft(spectrum)) == 0, "aligned to the sample"


def test_lames_own_files_too(tmp_path: Path, song: Path) -> None:
    for options in (["-b", "128"], ["-V", "2"], ["--abr", "160"], ["-m", "m", "-V", "5"]):
        subprocess.run(["lame", "--quiet", *options, song, tmp_path / "song.mp3"], check=True)
        with AudioReader(tmp_path / "song.mp3") as reader:
            assert reader.samples == NOISE.shape[1]


def test_a_variable_rate_without_header_is_read_to_its_end(tmp_path: Path) -> None:
    rising = np.concatenate([np.zeros((2, 4 * RATE_HZ)), NOISE], axis=1)  # the first frames say: a long song
    soundfile.write(tmp_path / "rising.wav", rising.T, RATE_HZ, "PCM_16")
    ffmpeg("-i", tmp_path / "rising.wav", "-q:a", "0", "-write_xing", "0", tmp_path / "vbr.mp3")
    found, _ = read(tmp_path / "vbr.mp3")
    expected = theirs(tmp_path / "vbr.mp3")
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4


def test_an_mp3_that_counts_its_frames_but_no_delay_is_read_as_one_without_header(tmp_path: Path, song: Path) -> None:
    """As iTunes writes it: the decoder would take away 529 samples that nobody put there."""
    subprocess.run(["lame", "--quiet", "-V", "4", song, tmp_path / "song.mp3"], check=True)
    content = bytearray((tmp_path / "song.mp3").read_bytes())
    at = content.find(b"LAME")
    content[at : at + 36] = bytes(36)
    (tmp_path / "song.mp3").write_bytes(content)
    found, expected = read(tmp_path / "song.mp3")[0], theirs(tmp_path / "song.mp3")
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4


# Headers of streams, and files that lack their end


def test_an_mp3_in_a_wav_is_read_by_who_knows_it(tmp_path: Path, song: Path) -> None:
    ffmpeg("-i", song, "-c:a", "libmp3lame", "-f", "wav", tmp_path / "a.wav")
    found, expected = read(tmp_path / "a.wav")[0], theirs(tmp_path / "a.wav")
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4


def test_what_sox_writes_into_a_pipe_is_read_to_its_end(tmp_path: Path, song: Path) -> None:
    for kind in ("wav", "aiff", "flac"):
        command = f"sox -V0 {shlex.quote(str(song))} -t {kind} - | cat > {shlex.quote(str(tmp_path / 'piped'))}"
        subprocess.run(command, shell=True, check=True, stderr=subprocess.DEVNULL)
        found, notes = read(tmp_path / "piped")
        np.testing.assert_array_equal(found, theirs(song))
        assert notes == ()


def test_a_stream_beyond_4_gb_is_no_promise(tmp_path: Path, song: Path) -> None:
    (tmp_path / "piped.wav").write_bytes(ffmpeg("-i", song, "-f", "wav", "-"))
    np.testing.assert_array_equal(read(tmp_path / "piped.wav")[0], theirs(song))


@pytest.mark.parametrize("missing", [1, 3, 4, 999])
@pytest.mark.parametrize(("name", "frame_bytes"), [("a.wav", 4), ("a.aiff", 4)])
def test_a_little_missing_is_a_note(tmp_path: Path, song: Path, name: str, frame_bytes: int, missing: int) -> None:
    ffmpeg("-i", song, "-bitexact", tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-missing])
    found, (note,) = read(tmp_path / name)
    np.testing.assert_array_equal(found, theirs(song)[:, : NOISE.shape[1] - -(-missing // frame_bytes)])
    assert f"last {missing} bytes" in note and note.startswith(str(tmp_path / name))


def test_much_missing_is_refused(tmp_path: Path, song: Path) -> None:
    song.write_bytes(song.read_bytes()[:-50_000])
    assert "cut off or damaged 5.72 s into its 6.00 s" in refused(song)


# OGG


def test_ogg_flac_is_never_silence(tmp_path: Path, song: Path) -> None:
    subprocess.run(["flac", "--silent", "--ogg", "-o", tmp_path / "song.oga", song], check=True)
    found, _ = read(tmp_path / "song.oga")
    np.testing.assert_array_equal(found, theirs(song))
    content = bytearray((tmp_path / "song.oga").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "song.oga").write_bytes(content)
    assert "damaged" in refused(tmp_path / "song.oga")


@pytest.mark.parametrize(("name", "codec"), [("a.ogg", "libvorbis"), ("a.opus", "libopus"), ("a.oga", "flac")])
def test_a_chain_is_one_song(tmp_path: Path, song: Path, name: str, codec: str) -> None:
    ffmpeg("-i", song, "-c:a", codec, tmp_path / name)
    one, _ = read(tmp_path / name)
    (tmp_path / name).write_bytes(2 * (tmp_path / name).read_bytes())
    np.testing.assert_array_equal(read(tmp_path / name)[0], np.tile(one, 2))


def test_a_chain_of_two_rates_is_refused(tmp_path: Path, song: Path) -> None:
    ffmpeg("-i", song, "-c:a", "libvorbis", tmp_path / "a.ogg")
    ffmpeg("-i", song, "-ar", "48000", "-c:a", "libvorbis", tmp_path / "b.ogg")
    (tmp_path / "a.ogg").write_bytes((tmp_path / "a.ogg").read_bytes() + (tmp_path / "b.ogg").read_bytes())
    assert "changes its rate or its channels" in refused(tmp_path / "a.ogg")


# Foreign formats, by either decoder

FOREIGN = ["m4a", "wv", "mka", "caf", "mp4"]


def encode(song: Path, ending: str) -> Path:
    path = song.with_suffix(f".{ending}")
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=5", "-shortest", "-c:v", "mpeg4"]
    codecs = {"m4a": "alac", "wv": "wavpack", "mka": "flac", "caf": "pcm_s16le", "mp4": "alac"}
    ffmpeg("-i", song, *(picture if ending == "mp4" else []), "-c:a", codecs[ending], path)
    return path


@pytest.mark.parametrize("ending", FOREIGN)
@pytest.mark.parametrize("decoder", ["PyAV", "ffmpeg"])
def test_both_decoders_give_every_sample(song: Path, ending: str, decoder: str, monkeypatch) -> None:
    if decoder == "PyAV":
        pytest.importorskip("av")
        monkeypatch.setattr(shutil, "which", lambda name: None)
    else:
        monkeypatch.setattr(foreign, "_decoder", lambda: foreign._by_ffmpeg)
    found, _ = read(encode(song, ending))
    np.testing.assert_array_equal(found, theirs(song))


@pytest.mark.parametrize("decoder", ["_by_pyav", "_by_ffmpeg"])
def test_a_cut_foreign_file_is_refused(song: Path, decoder: str, monkeypatch) -> None:
    if decoder == "_by_pyav":
        pytest.importorskip("av")
    monkeypatch.setattr(foreign, "_decoder", lambda: getattr(foreign, decoder))
    for ending in ("m4a", "wv"):
        path = encode(song, ending)
        path.write_bytes(path.read_bytes()[:200_000])
        assert str(path) in refused(path)


def test_a_playlist_opens_nothing(tmp_path: Path, song: Path) -> None:
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:6,\n{song}\n#EXT-X-ENDLIST\n")
    (tmp_path / "list.txt").write_text(f"ffconcat version 1.0\nfile '{song.name}'\n")
    for name in ("list.m3u8", "list.txt"):
        assert "not audio" in refused(tmp_path / name)


def test_without_either_the_hint_says_what_to_install(song: Path, monkeypatch) -> None:
    path = encode(song, "m4a")
    monkeypatch.setattr(foreign, "_decoder", lambda: None)
    assert "ffmpeg is installed" in refused(path) and "rt-automix[formats]" in refused(path)


# Cures


def test_every_printed_cure_keeps_the_samples(tmp_path: Path, monkeypatch) -> None:
    """Run as printed: overs and the smallest steps of 24 bits are still there."""
    hot = (np.random.default_rng(2).normal(0, 0.7, (2, RATE_HZ)) + 2.0**-23).astype(np.float32)
    assert np.abs(hot).max() > 1.5
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(foreign, "_decoder", lambda: None)
    name = "a: b's song.mka"
    soundfile.write(tmp_path / "hot.wav", hot.T, RATE_HZ, "FLOAT")
    ffmpeg("-i", tmp_path / "hot.wav", "-c:a", "pcm_f32le", f"file:{name}")
    cure = re.search(r"`(ffmpeg .*)`", refused(Path(name)))
    assert cure is not None
    subprocess.run(f"{cure[1]} -v error -nostdin", shell=True, check=True)
    np.testing.assert_array_equal(read(tmp_path / "converted.wav")[0], hot)


def test_no_cure_in_the_sources_goes_another_way() -> None:
    root = Path(foreign.__file__).parents[2]
    ways = [path.name for path in root.rglob("*.py") if re.search(r"`ffmpeg -i", path.read_text(encoding="utf-8"))]
    assert ways == ["containers.py"]


# Rates


@pytest.mark.parametrize(
    ("rate_hz", "played_hz"),
    [(8000, 48000), (11025, 44100), (16000, 48000), (22050, 44100), (32000, 48000), (44099, 48000), (50000, 88200),
     (44100, 44100), (88200, 88200), (96001, 176400), (176400, 176400), (192000, 192000)],
)  # fmt: skip
def test_rates_are_kept_or_resampled_and_said(tmp_path: Path, rate_hz: int, played_hz: int) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 440 / rate_hz * np.arange(rate_hz))).astype(np.float32)
    soundfile.write(tmp_path / "tone.wav", tone, rate_hz, "FLOAT")
    with AudioReader(tmp_path / "tone.wav") as reader:
        found = np.concatenate(list(reader.blocks(1000)), axis=1)[0]
        assert (reader.sample_rate_hz, reader.samples, reader.is_resampled) == (
            played_hz,
            len(found),
            rate_hz != played_hz,
        )
        said = [f"{tmp_path / 'tone.wav'}: resampled from {rate_hz} to {played_hz} Hz."] if reader.is_resampled else []
        assert list(reader.notes) == said
    assert len(found) == played_hz
    expected = 0.5 * np.sin(2 * np.pi * 440 / played_hz * np.arange(played_hz))
    middle = slice(played_hz // 10, -played_hz // 10)
    assert np.abs(found - expected)[middle].max() < 1e-4


# Names


def test_a_name_that_is_no_text_is_a_name(tmp_path: Path, song: Path) -> None:
    for ending in ("wav", "flac", "mp3", "ogg", "m4a"):
        odd = tmp_path / f"Bj\udcf6rk.{ending}"
        ffmpeg("-i", song, tmp_path / f"plain.{ending}") if ending != "wav" else shutil.copy(
            song, tmp_path / "plain.wav"
        )
        (tmp_path / f"plain.{ending}").rename(odd)
        assert read(odd)[0].shape[0] == 2
    assert any(b"\xf6" in bytes(path) for path in tmp_path.iterdir())
