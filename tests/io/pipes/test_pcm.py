"""Bytes in a pipe and samples: exact both ways, whatever the pieces they come in."""

from __future__ import annotations

import io
import struct
import subprocess

import numpy as np
import pytest
import soundfile

from rt_automix.errors import AudioFileError
from rt_automix.io.pipes import pcm

BITS = {"s16le": 16, "s24le": 24, "s32le": 24}


class Dribble(io.RawIOBase):
    """A stream that gives as many bytes at a time as it likes."""

    def __init__(self, data: bytes, sizes: tuple[int, ...] = (1, 7, 2, 4096, 3)) -> None:
        self._data, self._sizes, self._turn = data, sizes, 0

    def read(self, size: int = -1) -> bytes:
        self._turn += 1
        given = min(size, self._sizes[self._turn % len(self._sizes)])
        piece, self._data = self._data[:given], self._data[given:]
        return piece

    @property
    def left(self) -> int:
        return len(self._data)


def whole(reader, most=1000, **how):
    blocks = list(reader.blocks(most, **how))
    assert all(0 < block.shape[1] <= most for block in blocks)
    return np.concatenate(blocks, axis=1)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("encoding", pcm.ENCODINGS)
def test_every_number_comes_in_and_goes_out_as_it_was(encoding, channels):
    full = 1 << (BITS.get(encoding, 24) - 1)
    numbers = np.random.default_rng(3).integers(-full, full, 40_000)
    samples = (numbers / full).astype(np.float32).reshape(-1, channels).T
    format, sink = pcm.Format(encoding, 48_000, channels), io.BytesIO()
    writer = pcm.PcmWriter(sink, format)
    for block in np.array_split(samples, 7, axis=1):
        writer.write(block)
    data = sink.getvalue()
    assert len(data) == samples.size * pcm.ENCODINGS[encoding]
    for is_patient in (True, False):
        assert np.array_equal(whole(pcm.PcmReader(Dribble(data), format), is_patient=is_patient), samples)


def test_what_breaks_off_within_a_frame_is_left_out_and_counted():
    format = pcm.Format("s24le", 48_000, 2)
    reader = pcm.PcmReader(Dribble(bytes(6 * 100 + 5)), format)
    assert whole(reader).shape == (2, 100) and reader.lost_bytes == 5


def test_a_patient_reader_fills_its_blocks_and_an_impatient_one_takes_what_is_there():
    format = pcm.Format("f32le", 48_000, 2)
    patient = pcm.PcmReader(Dribble(bytes(8 * 250), (8,)), format).blocks(100)
    assert [block.shape[1] for block in patient] == [100, 100, 50]
    eager = pcm.PcmReader(Dribble(bytes(8 * 250), (8,)), format).blocks(100, is_patient=False)
    assert [block.shape[1] for block in eager] == [1] * 250


def wav(length: int, tail: bytes = b"", encoding: int = 1, bits: int = 16) -> bytes:
    sound = struct.pack("<HHIIHH", encoding, 2, 44_100, 44_100 * bits // 4, bits // 4, bits)
    extra = b"LIST" + struct.pack("<I", 3) + b"odd\0"
    head = b"RIFF\xff\xff\xff\xffWAVE" + extra + b"fmt " + struct.pack("<I", 16) + sound
    return head + b"data" + struct.pack("<I", length) + np.arange(400, dtype="<i2").tobytes() + tail


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFFF - 36, 0xEFFFFFDB])
def test_a_wav_whose_end_nobody_knows_is_read_to_the_end(length):
    reader = pcm.PcmReader(Dribble(wav(length)), None)
    assert reader.format == pcm.Format("s16le", 44_100, 2, is_wav=True)
    assert np.array_equal(whole(reader).T.ravel() * 32_768, np.arange(400))


def test_what_follows_the_sound_is_no_sound_and_still_taken():
    stream = Dribble(wav(800, b"LIST" + struct.pack("<I", 8) + b"INFOISFT"))
    assert whole(pcm.PcmReader(stream, None)).shape == (2, 200) and stream.left == 0


@pytest.mark.parametrize(
    "data", [b"", b"RIFF", bytes(100), wav(800)[:30], wav(800, encoding=7, bits=8), wav(800, bits=64)]
)
def test_what_is_no_wav_of_ours_is_refused_in_one_sentence(data):
    with pytest.raises(AudioFileError) as caught:
        pcm.PcmReader(Dribble(data), None)
    assert "\n" not in str(caught.value)


FFMPEG = ["ffmpeg", "-v", "error", "-i", "IN", "-c:a", "CODEC", "-f", "wav", "-"]
SOX = ["sox", "IN", "-t", "wav", "-"]


@pytest.mark.parametrize("command", [FFMPEG, SOX], ids=["ffmpeg", "sox"])
@pytest.mark.parametrize(
    ("subtype", "codec"), [("PCM_16", "pcm_s16le"), ("PCM_24", "pcm_s24le"), ("FLOAT", "pcm_f32le")]
)
def test_what_programs_write_into_a_pipe_is_read_as_it_is(command, subtype, codec, tmp_path):
    path = tmp_path / "in.wav"
    soundfile.write(path, np.random.default_rng(5).uniform(-1, 1, (9000, 2)), 96_000, subtype)
    words = [{"IN": str(path), "CODEC": codec}.get(word, word) for word in command]
    data = subprocess.run(words, capture_output=True, check=True).stdout
    reader = pcm.PcmReader(Dribble(data, (999,)), None)
    assert reader.format.sample_rate_hz == 96_000
    expected = soundfile.read(path, dtype="float32")[0].T
    rounding = 2.0**-24 if command[0] == "sox" else 0.0  # sox counts in 32 bit integers
    assert np.abs(whole(reader) - expected).max() <= rounding


def test_others_read_what_is_written(tmp_path):
    samples = np.random.default_rng(6).uniform(-1, 1, (2, 5000)).astype(np.float32)
    for encoding in pcm.ENCODINGS:
        path = tmp_path / f"{encoding}.wav"
        with path.open("wb", buffering=0) as file:
            pcm.PcmWriter(file, pcm.Format(encoding, 88_200, 2, is_wav=True)).write(samples)
        words = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "f32le", "-"]
        data = subprocess.run(words, capture_output=True, check=True).stdout
        found = np.frombuffer(data, "<f4").reshape(-1, 2).T
        assert found.shape == samples.shape
        assert np.abs(found - samples).max() <= (0.0 if encoding == "f32le" else 2.0 ** (2 - BITS[encoding]))
