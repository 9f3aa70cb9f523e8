"""Files that are whole, though their headers or their last bytes look as if they were not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rt_automix.errors import AudioFileError
from rt_automix.io.files.audio import AudioReader
from rt_automix.io.files.containers import chunks, riff

RATE_HZ = 44100
NOISE = np.random.default_rng(1).normal(0, 0.2, (2, 2 * RATE_HZ)).astype(np.float32)


def read(path: Path) -> np.ndarray:
    with AudioReader(path) as reader:
        return np.concatenate(list(reader.blocks()), axis=1)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "song.wav", NOISE.T, RATE_HZ, "PCM_16")
    return tmp_path / "song.wav"


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [RATE_HZ, 8 * 4096, 8 * 4096 + 1])
def test_a_flac_may_end_in_silence(tmp_path: Path, channels: int, samples: int) -> None:
    """Its last frame has less than 16 bytes then."""
    ends = NOISE[:channels, :samples].copy()
    ends[:, -9000:] = 0.0
    soundfile.write(tmp_path / "ends.wav", ends.T, RATE_HZ, "PCM_16")
    subprocess.run(["flac", "--silent", "-o", tmp_path / "ends.flac", tmp_path / "ends.wav"], check=True)
    np.testing.assert_array_equal(read(tmp_path / "ends.flac"), read(tmp_path / "ends.wav"))


@pytest.mark.parametrize("total", ["said", "not said"])
def test_what_sounds_like_the_header_of_a_flac_frame_is_sound(tmp_path: Path, total: str) -> None:
    noise = np.random.default_rng(2).integers(-32768, 32768, 5 * 4096).astype(np.int16)  # stored as it is

    def write() -> bytes:
        soundfile.write(tmp_path / "noise.wav", noise, RATE_HZ, "PCM_16")
        subprocess.run(["flac", "--silent", "-f", "-o", tmp_path / "a.flac", tmp_path / "noise.wav"], check=True)
        return (tmp_path / "a.flac").read_bytes()

    content = write()
    at = content.index(b"\xff\xf8")
    noise[-400:-397] = np.frombuffer(content[at : at + 6], ">i2")  # the first frame's header, within the last frame
    content = write()
    assert content.count(content[at : at + 6]) == 2
    if total == "not said":
        content = content[:21] + bytes([content[21] & 0xF0]) + bytes(4) + content[26:]
    (tmp_path / "a.flac").write_bytes(content)
    np.testing.assert_array_equal(read(tmp_path / "a.flac"), read(tmp_path / "noise.wav"))


def chunk(name: bytes, data: bytes) -> bytes:
    return name + len(data).to_bytes(4, "little") + data


ODD_HEADERS = {
    "an odd chunk that is not filled up": lambda fmt, data: chunk(
        b"RIFF", b"WAVE" + chunk(b"LIST", b"INFOabc") + fmt + chunk(b"data", data)
    ),
    "RF64 without its lengths": lambda fmt, data: b"RF64" + b"\xff" * 4 + b"WAVE" + fmt + b"data" + b"\xff" * 4 + data,
    "an ID3 tag before it": lambda fmt, data: (
        b"ID3\4\0\0\0\0\1\0" + bytes(128) + chunk(b"RIFF", b"WAVE" + fmt + chunk(b"data", data))
    ),
}


@pytest.mark.parametrize("name", ODD_HEADERS)
def test_a_wav_with_an_odd_header_is_read(tmp_path: Path, song: Path, name: str) -> None:
    content = song.read_bytes()
    assert content[36:40] == b"data"
    (tmp_path / "odd.wav").write_bytes(ODD_HEADERS[name](content[12:36], content[44:]))
    np.testing.assert_array_equal(read(tmp_path / "odd.wav"), read(song))


BEHIND = {
    "a second data chunk": lambda content: chunk(b"LIST", b"INFO") + content[36:],
    "another file": lambda content: content,
}


@pytest.mark.parametrize("name", BEHIND)
def test_of_two_sounds_in_a_wav_the_first_is_read_and_the_other_named(tmp_path: Path, song: Path, name: str) -> None:
    """As ffmpeg (5.1) and sox (14.4) read them, who say nothing."""
    content = song.read_bytes()
    (tmp_path / "two.wav").write_bytes(content + BEHIND[name](content))
    with AudioReader(tmp_path / "two.wav") as reader:
        assert any("more sound lies behind" in note for note in reader.notes)
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks()), axis=1), read(song))
    with AudioReader(song) as reader:
        assert not reader.notes


def test_zeros_behind_the_sound_are_not_walked_through(tmp_path: Path, song: Path) -> None:
    """A recorder that made room beforehand left 200 MB of them: half a minute was spent there."""
    with song.open("ab") as handle:
        handle.truncate(handle.tell() + 20_000_000)
    with song.open("rb") as handle:
        assert sum(1 for _ in riff.chunks(handle)) <= riff.MOST_CHUNKS
    assert chunks.read(song, keeps_chunks=True).lost == []
    np.testing.assert_array_equal(read(song).shape, NOISE.shape)


@pytest.mark.parametrize(("codec", "dtype"), [("pcm_f32le", np.float32), ("pcm_f64le", np.float64)])
def test_a_w64_of_floats_is_none_of_integers(tmp_path: Path, codec: str, dtype: type) -> None:
    """As libsndfile (1.2.2) takes it where its format is extensible, which is how ffmpeg writes it."""
    soundfile.write(tmp_path / "overs.wav", 8.0 * NOISE.T, RATE_HZ, "FLOAT")
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", tmp_path / "overs.wav", "-c:a", codec, tmp_path / "a.w64"], check=True
    )
    np.testing.assert_array_equal(read(tmp_path / "a.w64"), 8.0 * NOISE)
    with AudioReader(tmp_path / "a.w64") as reader:
        assert reader.description == f"W64 {np.dtype(dtype).name}"


def test_a_w64_without_a_length_ends_with_its_file(tmp_path: Path, song: Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-i", song, "-bitexact", tmp_path / "a.w64"], check=True)
    content = bytearray((tmp_path / "a.w64").read_bytes())
    at = content.find(b"data\xf3") + 16
    content[at : at + 8] = b"\xff" * 7 + b"\x7f"
    (tmp_path / "a.w64").write_bytes(content)
    np.testing.assert_array_equal(read(tmp_path / "a.w64"), read(song))


def test_a_w64_with_neither_a_format_nor_a_length_is_refused(tmp_path: Path, song: Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-i", song, "-bitexact", tmp_path / "a.w64"], check=True)
    content = bytearray((tmp_path / "a.w64").read_bytes().replace(b"fmt \xf3", b"FMT \xf3"))
    at = content.find(b"data\xf3") + 16
    content[at : at + 8] = b"\xff" * 7 + b"\x7f"
    (tmp_path / "a.w64").write_bytes(content)
    with pytest.raises(AudioFileError, match="not audio that can be read here"):
        AudioReader(tmp_path / "a.w64")


BEFORE = {
    "zeros": bytes(1000),
    "what a server said": b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n",
    "a tag that is longer than it says": b"ID3\3\0\0\0\0\0\x40" + bytes(128),
}


@pytest.mark.parametrize("name", BEFORE)
def test_an_mp3_behind_something_else_starts_where_it_starts(tmp_path: Path, song: Path, name: str) -> None:
    """ffmpeg would take the frame that counts for sound, and the encoder's delay, too."""
    subprocess.run(["ffmpeg", "-v", "error", "-i", song, "-q:a", "4", tmp_path / "a.mp3"], check=True)
    whole = read(tmp_path / "a.mp3")
    assert whole.shape == NOISE.shape
    (tmp_path / "behind.mp3").write_bytes(BEFORE[name] + (tmp_path / "a.mp3").read_bytes())
    np.testing.assert_array_equal(read(tmp_path / "behind.mp3"), whole)


def test_a_caf_whose_length_cannot_be_true_ends_with_its_file(tmp_path: Path, song: Path, capfd) -> None:
    """PyAV would seek before the file, print a traceback and give up."""
    path = tmp_path / "a.caf"
    subprocess.run(["ffmpeg", "-v", "error", "-i", song, "-c:a", "pcm_s16le", path], check=True)
    whole, content = read(path), bytearray(path.read_bytes())
    length = content.index(b"data") + 4
    content[length : length + 8] = (2**62).to_bytes(8, "big")
    path.write_bytes(content)
    capfd.readouterr()
    assert np.array_equal(read(path), whole)
    assert capfd.readouterr().err == ""


def test_a_byte_that_fills_up_compressed_sound_is_none(tmp_path: Path, song: Path) -> None:
    """sox counts it; PyAV finds a block there that it cannot decode."""
    path = tmp_path / "gsm.wav"
    words = ["-ar", "8000", "-ac", "1", "-c:a", "libgsm_ms", "-bitexact", path]
    subprocess.run(["ffmpeg", "-v", "error", "-i", song, *words], check=True)
    whole, content = read(path), bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    length = int.from_bytes(content[at : at + 4], "little")
    assert len(content) - at - 4 - length < 2
    content[at : at + 4] = (length + 1).to_bytes(4, "little")
    path.write_bytes(content[: at + 4 + length] + b"\0")
    np.testing.assert_array_equal(read(path), whole)


def test_integers_of_64_bits_are_refused_in_a_sentence(tmp_path: Path, song: Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-i", song, "-c:a", "pcm_s64le", tmp_path / "a.wav"], check=True)
    with pytest.raises(AudioFileError, match=r"a\.wav: cannot be decoded \(.*s64.*\)\. Copy it again"):
        AudioReader(tmp_path / "a.wav")


def joined(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b"".join(parts))
    return path


APE_TAG = b"APETAGEX" + (2000).to_bytes(4, "little") + (32).to_bytes(4, "little") + bytes(16) + bytes(32)


@pytest.mark.parametrize("tag", [b"TAG" + bytes(125), APE_TAG, APE_TAG + b"TAG" + bytes(125)])
def test_an_mp3_that_goes_on_behind_its_tag_is_refused_and_the_tag_alone_is_none(
    tmp_path: Path, song: Path, tag: bytes
) -> None:
    """As joined files do: what lay behind was left out without a word."""
    subprocess.run(["ffmpeg", "-v", "error", "-i", song, "-b:a", "128k", tmp_path / "a.mp3"], check=True)
    content = (tmp_path / "a.mp3").read_bytes()
    assert read(joined(tmp_path / "one.mp3", content, tag)).shape == NOISE.shape
    with pytest.raises(AudioFileError, match="goes on behind a tag"):
        AudioReader(joined(tmp_path / "two.mp3", content, tag, content, tag))


def test_of_two_joined_flacs_the_first_is_read_and_the_other_named(tmp_path: Path, song: Path) -> None:
    subprocess.run(["flac", "--silent", "-o", tmp_path / "a.flac", song], check=True)
    content = (tmp_path / "a.flac").read_bytes()
    with AudioReader(joined(tmp_path / "two.flac", content, content)) as reader:
        assert any("another FLAC file lies behind" in note for note in reader.notes)
    with AudioReader(tmp_path / "a.flac") as reader:
        assert not reader.notes


def test_a_flac_with_much_behind_it_is_whole(tmp_path: Path, song: Path) -> None:
    subprocess.run(["flac", "--silent", "-o", tmp_path / "a.flac", song], check=True)
    rest = np.random.default_rng(3).bytes(600_000)
    path = joined(tmp_path / "more.flac", (tmp_path / "a.flac").read_bytes(), rest)
    np.testing.assert_array_equal(read(path), read(song))


def test_a_bare_aac_promises_no_length(tmp_path: Path) -> None:
    """ffmpeg guesses one from the first frames: after a soft beginning it is far too long."""
    soft = "aevalsrc='if(lt(t,0.7),0,0.5*sin(2*PI*440*t)+0.2*random(0))':s=44100:d=3"
    path = tmp_path / "soft.aac"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", soft, "-b:a", "160k", path], check=True)
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "f32le", "-"], capture_output=True, check=True)
    assert read(path).shape == (1, len(raw.stdout) // 4)


@pytest.mark.parametrize("name", ["s.flac", "s.wv"])
def test_speakers_that_no_layout_has_are_refused_in_every_container(tmp_path: Path, name: str) -> None:
    tones = "|".join(f"0.1*sin(2*PI*{hz}*t)" for hz in (200, 300, 400, 50, 500))
    source = f"aevalsrc='{tones}':s=48000:d=1:c=4.1"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, tmp_path / name], check=True)
    with pytest.raises(AudioFileError, match="channel mask 0x10F"):
        AudioReader(tmp_path / name, surround=True)
    subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / name, "-af", "aformat=channel_layouts=5.0",
                    tmp_path / f"5.0{name}"], check=True)  # fmt: skip
    with AudioReader(tmp_path / f"5.0{name}", surround=True) as reader:
        assert reader.channels == 5 and not reader.notes
