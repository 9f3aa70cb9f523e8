"""libsndfile decodes, pedalboard encodes: the only places that know them, behind two doors."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rt_automix.io.files.containers import flac
from rt_automix.io.files.containers.pieces import Container

Block = NDArray[np.float32]
"""Audio of shape (channels, samples), C-contiguous, full scale 1."""

# FLAC's own default level: measured here twice as fast as the encoder's default of 8, 2 % larger.
_FLAC_LEVEL = 5
MOST_IN_FLAC = 8
"""Channels."""

_ENCODINGS = {
    "PCM_S8": "int8", "PCM_U8": "int8", "PCM_16": "int16", "PCM_24": "int24", "PCM_32": "int32",
    "FLOAT": "float32", "DOUBLE": "float64", "ALAW": "A-law", "ULAW": "u-law",
    "MS_ADPCM": "MS ADPCM", "IMA_ADPCM": "IMA ADPCM",
}  # fmt: skip


class DecodingError(Exception):
    """Damage that shows only while decoding; the text says what and where."""


class Decoder(Protocol):
    """A song that can be decoded from its start as often as one likes.

    `encoding` is how its samples are stored, such as "int24"; empty where that says nothing.
    """

    sample_rate_hz: int
    channels: int
    samples: int
    encoding: str

    def blocks(self, block_samples: int) -> Iterator[Block]:
        """The whole song in blocks of any size. Raises DecodingError."""

    def close(self) -> None: ...


class SoundFile:
    """What libsndfile decodes: n / 2**(bits - 1) of integers, one or several streams as one song.

    Raises whatever libsndfile likes, on opening.
    """

    def __init__(self, path: Path, container: Container) -> None:
        with ExitStack() as stack:
            source = stack.enter_context(path.open("rb", buffering=0))
            streams: list[IO[bytes]] = [stack.enter_context(each.put_together(source)) for each in container.streams]
            self._md5s = [flac.md5_of(stream) for stream in streams or [source]]
            self._parts = [stack.enter_context(_open(stream, container)) for stream in streams or [source]]
            self._stack = stack.pop_all()
        first = self._parts[0]
        self.sample_rate_hz, self.channels = int(first.samplerate), int(first.channels)
        self.encoding = _ENCODINGS.get(first.subtype, "")
        if any((p.samplerate, p.channels) != (first.samplerate, first.channels) for p in self._parts):
            self.close()
            raise DecodingError("changes its rate or its channels on the way")
        self.samples = sum(part.frames for part in self._parts)

    def blocks(self, block_samples: int) -> Iterator[Block]:
        for part, md5 in zip(self._parts, self._md5s, strict=True):
            yield from _blocks(part, md5, block_samples)

    def close(self) -> None:
        self._stack.close()


def _open(stream: IO[bytes], container: Container) -> Any:
    """libsndfile on an open file: by number, so that any name will do and no signal is lost in a callback."""
    import soundfile

    class Straight(soundfile.SoundFile):  # type: ignore[misc]
        """Never seeks but when told: soundfile does so behind each block, and an MP3 then misses what a frame
        borrowed from those before."""

        def seekable(self) -> bool:
            return False

    if (raw := container.raw) is not None:
        bare = _Behind(stream, raw.start)
        return Straight(bare, "r", raw.rate_hz, raw.channels, raw.subtype, endian="LITTLE", format="RAW")
    return Straight(stream if os.name == "nt" else stream.fileno(), closefd=False)


class _Behind:
    """A file from some place on, as libsndfile wants to see it: it knows no bare samples behind a header."""

    def __init__(self, stream: IO[bytes], start: int) -> None:
        self._stream, self._start = stream, start
        self.read = stream.read

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(offset + (self._start if whence == os.SEEK_SET else 0), whence) - self._start

    def tell(self) -> int:
        return self._stream.tell() - self._start


def _blocks(part: Any, md5: bytes, block_samples: int) -> Iterator[Block]:
    """One stream from its start, held against its checksum where it has one."""
    bits = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}[part.subtype] if md5 else 0
    checksum = hashlib.md5(usedforsecurity=False)
    interleaved = np.empty((block_samples, part.channels), np.int32 if md5 else np.float32)
    done, rate_hz = 0, part.samplerate
    while done < part.frames:
        try:
            if done == 0:
                part.seek(0)
            found = part.read(out=interleaved[: part.frames - done])  # no further: damage behind the end is none
        except RuntimeError as error:
            raise DecodingError(f"cannot be decoded at {done / rate_hz:.2f} s ({error})") from error
        if len(found) == 0:
            raise DecodingError(f"breaks off at {done / rate_hz:.2f} s of {part.frames / rate_hz:.2f} s")
        done += len(found)
        if md5:
            checksum.update(_flac_bytes(found, bits))
        block = np.empty(found.shape[::-1], np.float32)
        for channel, row in enumerate(block):  # a transposed copy in one go is slower
            row[:] = found[:, channel]
        if md5:
            block *= np.float32(2.0**-31)
        yield block
    if md5 and checksum.digest() != md5:
        raise DecodingError("somewhere inside, the audio does not match its checksum")


def _flac_bytes(integers: NDArray[np.int32], bits: int) -> bytes:
    """Samples as FLAC's MD5 wants them: interleaved, little-endian, no padding (RFC 9639, section 8.2)."""
    upper = bits // 8
    return integers.astype("<i4", copy=False).view(np.uint8).reshape(-1, 4)[:, 4 - upper :].tobytes()


class Sink(io.FileIO):
    """The file that an encoder writes through: complete writes, and a memory for the error it swallows."""

    error: BaseException | None = None

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        try:
            while rest.nbytes:
                rest = rest[super().write(rest) :]
        except BaseException as error:
            self.error = error
            raise
        return len(data)


def open_encoder(sink: Sink, kind: str, sample_rate_hz: int, channels: int, bits: int) -> Any:
    """An encoder that writes blocks of shape (channels, samples) to `sink` as "wav" or "flac"."""
    from pedalboard.io import AudioFile

    quality = _FLAC_LEVEL if kind == "flac" else None
    encoder = AudioFile(sink, "w", sample_rate_hz, channels, bits, format=kind, quality=quality)
    # It guesses which axis is which from its first block; this one leaves no doubt.
    encoder.write(np.empty((channels, 0), dtype=np.float32))
    return encoder
