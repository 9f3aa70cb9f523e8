"""Formats that libsndfile does not know (M4A, WavPack, WMA, the sound of a video): by PyAV, or an ffmpeg on the PATH.

PyAV comes with the extra `formats`. Neither names a length that can be trusted, so a file is decoded once to count
it; and neither is rewound: after a seek AAC loses half a frame and MP3 differs, so each pass opens the file anew.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from rt_automix.io.files.codec import Block, DecodingError

_CHUNK_BYTES = 1 << 18
_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,matroska,webm,mov,mp4,mp3,mpc,mpc8,mpeg,mpegts,"
    "ogg,tak,tta,voc,w64,wav,wv"
)
"""What may be opened: containers of sound; no playlist, which could name other files and addresses."""
_SPEAKERS = ("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR")
"""ffmpeg's names, in the order of the bits in a channel mask."""
_BARE = ("aac", "ac3", "dts", "eac3", "mp3", "mpc", "amr", "tak")
_UNDECODED_S = 0.1


class NotAudioError(Exception):
    """Neither of them finds sound in it, or neither is here."""


@dataclass(frozen=True)
class _Sound:
    """What comes out of a decoder: blocks, all of one rate and so many channels."""

    sample_rate_hz: int
    channels: int
    blocks: Iterator[Block]
    mask: int = 0
    """Which speakers they are for, as in a WAV; 0 where that is not said."""


class Foreign:
    """A file decoded by PyAV or ffmpeg.

    Raises NotAudioError on opening, and DecodingError for damage anywhere in it.
    """

    encoding = ""

    def __init__(self, path: Path) -> None:
        decode = _decoder()
        if decode is None:
            raise NotAudioError
        self._decode, self._path = decode, path
        with contextlib.closing(self._decode(path)) as sounds:
            sound = next(sounds)
            self.sample_rate_hz, self.channels, self.mask = sound.sample_rate_hz, sound.channels, sound.mask
            self.samples = sum(block.shape[1] for block in sound.blocks)

    def blocks(self, block_samples: int) -> Iterator[Block]:
        with contextlib.closing(self._decode(self._path)) as sounds:
            yield from next(sounds).blocks

    def close(self) -> None:
        """Nothing is open between two passes."""


def is_possible() -> bool:
    """Whether one of the two is here. Thread: main. Allocates: yes."""
    return _decoder() is not None


def _decoder() -> Callable[[Path], Generator[_Sound]] | None:
    if importlib.util.find_spec("av") is not None:
        return _by_pyav
    return _by_ffmpeg if shutil.which("ffmpeg") is not None else None


def _by_pyav(path: Path) -> Generator[_Sound]:
    """The first sound of a file, open until the iterator is closed."""
    import av

    av.logging.set_level(av.logging.PANIC)
    with path.open("rb") as handle:
        try:  # without its name, which would count for more than what is in it; tags in Latin-1 would raise
            nameless, options = _Nameless(handle), {"format_whitelist": _FORMATS}
            container = av.open(nameless, options=options, metadata_errors="replace")
            stream = container.streams.audio[0]
            if not stream.codec_context or not stream.rate or not stream.channels:
                raise NotAudioError
        except (av.error.FFmpegError, OSError, IndexError) as error:
            raise NotAudioError from error
        with container:
            # Of a stream without a container it is a guess, from the bit rate of the first frames.
            is_said = container.format.name not in _BARE
            promised_s = float((stream.duration or 0) * (stream.time_base or 0)) if is_said else 0.0
            yield _Sound(stream.rate, stream.channels, _frames(container, stream, promised_s), _mask(stream))


def _mask(stream: Any) -> int:
    """The channel mask that its layout stands for."""
    names = [channel.name for channel in stream.layout.channels]
    return sum(1 << _SPEAKERS.index(name) for name in names) if set(names) <= set(_SPEAKERS) else 0


class _Nameless:
    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self.read, self.tell, self.seekable = handle.read, handle.tell, handle.seekable

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._handle.seek(offset, whence)
        except OSError:  # before the file, where a damaged length leads: raised, PyAV would print it and go on
            return -1


def _frames(container: Any, stream: Any, promised_s: float) -> Iterator[Block]:
    import av

    done, rate_hz, channels = 0, stream.rate, stream.channels
    try:
        for frame in container.decode(stream):
            if (frame.sample_rate, frame.layout.nb_channels) != (rate_hz, channels):
                raise DecodingError(f"changes its rate or its channels at {done / rate_hz:.2f} s")
            done += frame.samples
            yield _full_scale_1(frame.to_ndarray(), channels)
    except (av.error.FFmpegError, OSError) as error:
        if not 0.0 < promised_s * rate_hz <= done:  # else it is no sound, such as what fills up the last bytes
            raise DecodingError(f"cannot be decoded at {done / rate_hz:.2f} s ({error.strerror})") from error
    except ValueError as error:  # integers of 64 bits
        raise DecodingError(f"cannot be decoded ({str(error).rstrip('.')})") from error
    if done < (promised_s - _UNDECODED_S) * rate_hz:
        raise DecodingError(f"breaks off at {done / rate_hz:.2f} s of {promised_s:.2f} s")


def _full_scale_1(samples: np.ndarray, channels: int) -> Block:
    if samples.shape[0] != channels:  # interleaved
        samples = samples.reshape(-1, channels).T
    if samples.dtype == np.uint8:
        return np.ascontiguousarray((samples.astype(np.float32) - 128.0) / 128.0)
    if samples.dtype.kind == "i":
        return np.ascontiguousarray((samples * 0.5 ** (8 * samples.dtype.itemsize - 1)).astype(np.float32))
    return np.ascontiguousarray(samples.astype(np.float32, copy=False))


def _by_ffmpeg(path: Path) -> Generator[_Sound]:
    """The same from a program of its own, which hands over rate and channels in an AU header."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-format_whitelist", _FORMATS, "-i", str(path.absolute())]
    command += ["-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "-"]
    with (
        tempfile.TemporaryFile() as words,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words) as process,
    ):
        assert process.stdout is not None
        try:
            head = process.stdout.read(24)
            if len(head) < 24:
                raise NotAudioError
            start, _, _, rate_hz, channels = struct.unpack(">5I", head[4:])
            process.stdout.read(start - 24)
            yield _Sound(rate_hz, channels, _piped(process, words, rate_hz, channels))
        finally:
            process.kill()


def _piped(process: Any, words: Any, rate_hz: int, channels: int) -> Iterator[Block]:
    frame_bytes, done = 4 * channels, 0
    while data := process.stdout.read(_CHUNK_BYTES // frame_bytes * frame_bytes):
        interleaved = np.frombuffer(data, ">f4").reshape(-1, channels)
        done += len(interleaved)
        yield np.ascontiguousarray(interleaved.T, dtype=np.float32)
    code = process.wait()
    words.seek(0)
    said = words.read(500).decode(errors="replace").strip().splitlines()
    if code or said:
        reason = said[0] if said else f"ffmpeg ended with {code}"
        raise DecodingError(f"cannot be decoded whole; {done / rate_hz:.2f} s of it can ({reason})")


def texts(path: Path) -> dict[str, str]:
    """What it says of itself, such as its title, and "chapters" where it has some; nothing without PyAV and ffmpeg.

    Thread: any but audio. Allocates: yes.
    """
    decode = _decoder()
    if decode is None:
        return {}
    found, has_chapters = _texts_by_pyav(path) if decode is _by_pyav else _texts_by_ffmpeg(path)
    return found | ({"chapters": "some"} if has_chapters else {})


def _texts_by_pyav(path: Path) -> tuple[dict[str, str], bool]:
    import av

    with path.open("rb") as handle, av.open(handle, metadata_errors="replace") as container:
        return {**container.streams.audio[0].metadata, **container.metadata}, bool(container.chapters())


def _texts_by_ffmpeg(path: Path) -> tuple[dict[str, str], bool]:
    """From the text that ffmpeg writes: name=value, and a heading before each chapter."""
    command = ["ffmpeg", "-v", "quiet", "-nostdin", "-i", str(path.absolute()), "-f", "ffmetadata", "-"]
    text = subprocess.run(command, capture_output=True).stdout.decode(errors="replace")
    whole, *parts = text.split("\n[")
    lines = (line.partition("=") for line in whole.splitlines() if not line.startswith(";"))
    return {name: value for name, equals, value in lines if equals}, any(part.startswith("CHAPTER") for part in parts)
