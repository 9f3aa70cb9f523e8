"""Audio files: read in blocks in constant memory, written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp import dither
from rt_automix.errors import AudioFileError
from rt_automix.io.files import codec, containers

Block = NDArray[np.float32]
"""Audio of shape (channels, samples), C-contiguous, full scale 1."""

BLOCK_SAMPLES = 16384
"""A good block to read and write: longer ones are no faster, 512 samples take up to four times as long."""

LOWEST_RATE_HZ = 44100
HIGHEST_RATE_HZ = 96000
MOST_CHANNELS = 2

UNDECODED_S = 0.1
"""How much less than what it holds a file may announce (an odd frame at the end of an MP3)."""

# The decoder hands out an integer n of b bits as n / (2**(b-1) - 1); depths that float32 holds exactly.
_INTEGER_BITS = {"int8": 8, "int16": 16, "int24": 24}


class AudioReader:
    """A WAV, FLAC, AIFF, MP3 or OGG file, open for reading.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    sample_rate_hz, channels : int
    samples : int
        Length per channel.
    duration_s : float
    description : str
        Such as ``"WAV int16"``.

    Raises
    ------
    AudioFileError
        On opening: missing, a folder, empty, not audio, cut off, an unsupported rate or channel
        count. While reading: damage that only shows then (FLAC's checksum).

    Notes
    -----
    Samples of 8, 16 and 24 bit integers arrive exactly: n / 2**(bits - 1). Float files pass
    unchanged, NaN and values beyond full scale included.

    Thread: main. Allocates: yes.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._file = _open_decoder(self.path)
        try:
            self._check_and_describe()
        except BaseException:
            self._file.close()
            raise

    def _check_and_describe(self) -> None:
        file, path = self._file, self.path
        self.sample_rate_hz, self.channels = int(file.samplerate), int(file.num_channels)
        if not LOWEST_RATE_HZ <= file.samplerate <= HIGHEST_RATE_HZ:
            raise AudioFileError(
                f"{path}: the sample rate is {file.samplerate:g} Hz; allowed are {LOWEST_RATE_HZ} to "
                f"{HIGHEST_RATE_HZ} Hz. Resample it: {containers.ffmpeg(path, '-ar 48000 resampled.wav')}."
            )
        if self.channels > MOST_CHANNELS:
            raise AudioFileError(
                f"{path}: {self.channels} channels; allowed are 1 and 2. "
                f"Mix it down: {containers.ffmpeg(path, '-ac 2 stereo.wav')}."
            )
        container = containers.inspect(path, file.frames, self.sample_rate_hz)
        held_samples = file.frames if container.samples is None else container.samples
        self.samples = min(held_samples, file.frames)
        if self.samples <= 0 or self.channels == 0:
            raise AudioFileError(
                f"{path}: no audio found in it. Try {containers.ffmpeg(path, 'new.wav')}, or another file."
            )
        if held_samples - self.samples > UNDECODED_S * self.sample_rate_hz:
            raise AudioFileError(
                f"{path}: it holds {held_samples / self.sample_rate_hz:.2f} s, but only {self.duration_s:.2f} s "
                f"can be decoded. Rewrite it: {containers.ffmpeg(path, 'rewritten.wav')}."
            )
        self._md5 = container.md5
        self._bits = _INTEGER_BITS.get(file.file_dtype, 0)
        lossless = container.name in ("WAV", "AIFF", "FLAC")
        self.description = f"{container.name} {file.file_dtype}" if lossless else container.name

    @property
    def duration_s(self) -> float:
        return self.samples / self.sample_rate_hz

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def blocks(self, block_samples: int = BLOCK_SAMPLES) -> Iterator[Block]:
        """The whole file from its start, in blocks; the last one may be shorter.

        Each call starts over, so a file can be read in several passes, one after the other.
        """
        file = self._file
        file.seek(0)
        checksum = hashlib.md5(usedforsecurity=False)
        done = 0
        while done < self.samples:
            try:
                block = file.read(min(block_samples, self.samples - done))
            except Exception as error:
                raise self._damaged(f"cannot be decoded at {done / self.sample_rate_hz:.2f} s ({error})") from error
            if block.shape[1] == 0:
                raise self._damaged(f"breaks off at {done / self.sample_rate_hz:.2f} s of {self.duration_s:.2f} s")
            done += block.shape[1]
            if self._bits:
                integers = _integers(block, self._bits)
                if self._md5:
                    checksum.update(_flac_bytes(integers, self._bits))
                block = (integers * 0.5 ** (self._bits - 1)).astype(np.float32, copy=False)
            yield block
        if self._md5 and checksum.digest() != self._md5:
            raise self._damaged("somewhere inside, the audio does not match its checksum")

    def _damaged(self, what: str) -> AudioFileError:
        return AudioFileError(
            f"{self.path}: {what}. Copy it again; or keep what can be saved of it with "
            f"{containers.ffmpeg(self.path, 'saved.wav')}."
        )


def _open_decoder(path: Path) -> Any:
    if not path.exists():
        raise AudioFileError(f"{path}: no such file. Check the name and the folder.")
    if not path.is_file():
        raise AudioFileError(f"{path}: a folder or a device, not a file. Name an audio file.")
    if path.stat().st_size == 0:
        raise AudioFileError(f"{path}: the file is empty. Choose another, or copy it again.")
    if not os.access(path, os.R_OK):
        raise AudioFileError(f"{path}: no permission to read it. Change its permissions, or copy it elsewhere.")
    try:
        return codec.open_decoder(path)
    except Exception as error:
        raise AudioFileError(
            f"{path}: not audio that can be read here; WAV, FLAC, AIFF, MP3 and OGG Vorbis can. "
            f"Convert it: {containers.ffmpeg(path, 'converted.wav')}."
        ) from error


def _integers(block: Block, bits: int) -> NDArray[np.floating]:
    """The integers a file holds, as floats, from the decoder's scaled ones."""
    wide = np.float32 if bits <= 16 else np.float64
    return np.rint(block * wide(2 ** (bits - 1) - 1))


def _flac_bytes(integers: NDArray[np.floating], bits: int) -> bytes:
    """Samples as FLAC's MD5 wants them: interleaved, little-endian, no padding (RFC 9639, section 8.2)."""
    interleaved = np.empty(integers.shape[::-1], dtype="<i4")
    for channel, row in enumerate(integers):  # a transposed copy in one go is ten times slower
        interleaved[:, channel] = row
    if bits == 16:
        return interleaved.astype("<i2").tobytes()
    return interleaved.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


class AudioWriter:
    """A WAV or FLAC file in the making: it appears under its name once it is whole, or never.

    Parameters
    ----------
    path : Path
        ``.wav`` (16 or 24 bit integers, 32 bit float) or ``.flac`` (16 or 24).
    sample_rate_hz, channels : int
    bits : int
        16, 24 or 32. 16 and 24 are dithered (`rt_automix.dsp.dither`) and clip at full scale.
    force : bool
        Replace an existing file.
    not_over : Path, optional
        The input, which is never written over, not even with `force` or through a link.
    tags_from : Path, optional
        Copy this file's tags; `tags_note` says afterwards what could not be kept.

    Raises
    ------
    AudioFileError
        A wrong ending or depth, an existing file, a folder that is missing or cannot be written
        to, a full disk. Whatever ends the ``with`` body early, nothing is left behind.

    Thread: main. Allocates: yes.
    """

    def __init__(
        self,
        path: Path,
        sample_rate_hz: int,
        channels: int,
        bits: int = 24,
        force: bool = False,
        not_over: Path | None = None,
        tags_from: Path | None = None,
    ) -> None:
        self.path = Path(path)
        self.sample_rate_hz, self.channels, self.bits = sample_rate_hz, channels, bits
        self.tags_from, self.tags_note = tags_from, ""
        _check_target(self.path, bits, force, not_over)
        self._unfinished = self.path.with_name(f".rt_automix-{secrets.token_hex(6)}.part")

    def __enter__(self) -> AudioWriter:
        try:
            self._sink = codec.Sink(self._unfinished, "x+")
        except OSError as error:
            raise self._cannot_write(error) from error
        try:
            self._encode(self._open_encoder)
            self._dither = dither.new_state(self.sample_rate_hz, self.channels)
        except BaseException:
            self._abandon()
            raise
        return self

    def _open_encoder(self) -> None:
        kind = self.path.suffix.lower().lstrip(".")
        self._encoder = codec.open_encoder(self._sink, kind, self.sample_rate_hz, self.channels, self.bits)

    def write(self, block: Block) -> None:
        """Append a float32 block of shape (channels, samples)."""
        if self.bits < 32:
            quantised = np.empty(block.shape, dtype=np.int32)
            for samples, row, state in zip(block, quantised, self._dither, strict=True):
                dither.quantise(samples, row, state, self.bits)
            self._encode(self._encoder.write, quantised)
        else:
            self._encode(self._encoder.write, block)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._abandon()

    def _finish(self) -> None:
        samples = self._encoder.frames
        self._encode(self._encoder.close)
        self._sink.close()
        if self.tags_from is not None and containers.may_have_tags(self.tags_from):
            from rt_automix.io.files import tags

            self.tags_note = tags.copy(self.tags_from, self._unfinished)
        containers.inspect(self._unfinished, samples, self.sample_rate_hz)
        try:
            with self._unfinished.open("rb+") as whole:
                os.fsync(whole.fileno())
            self._unfinished.replace(self.path)
        except OSError as error:
            raise self._cannot_write(error) from error

    def _abandon(self) -> None:
        """Remove what is unfinished; nothing is, after `_finish`."""
        with contextlib.suppress(Exception):
            self._encoder.close()
        with contextlib.suppress(OSError):
            self._sink.close()
        self._unfinished.unlink(missing_ok=True)

    def _encode(self, call: Callable[..., object], *arguments: object) -> None:
        """Call the encoder and let nothing that went wrong beneath it pass."""
        try:
            call(*arguments)
        except Exception as error:
            if self._sink.error is None:
                raise self._cannot_write(error) from error
        if isinstance(self._sink.error, Exception):
            raise self._cannot_write(self._sink.error) from self._sink.error
        if self._sink.error is not None:
            raise self._sink.error

    def _cannot_write(self, error: Exception) -> AudioFileError:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return AudioFileError(
            f"{self.path}: cannot be written: {reason}. Free some space or choose another folder; "
            "nothing was left behind."
        )


def _check_target(path: Path, bits: int, force: bool, not_over: Path | None) -> None:
    allowed_bits = {".wav": (16, 24, 32), ".flac": (16, 24)}.get(path.suffix.lower())
    if allowed_bits is None:
        raise AudioFileError(f'{path}: cannot write files ending in "{path.suffix}". Allowed are .wav and .flac.')
    if bits not in allowed_bits:
        allowed = ", ".join(map(str, allowed_bits))
        raise AudioFileError(
            f"{path}: {bits} bits do not fit a {path.suffix} file; allowed are {allowed}. "
            "WAV holds 16, 24 and 32 (float)."
        )
    if not path.parent.is_dir():
        raise AudioFileError(f"{path}: the folder {path.parent} does not exist. Make it, or choose another.")
    if not path.exists():
        return
    if not_over is not None and not_over.exists() and path.samefile(not_over):
        raise AudioFileError(f"{path}: this is the input, which is never written over. Choose another name.")
    if not path.is_file():
        raise AudioFileError(f"{path}: a folder or a device, not a file. Choose another name.")
    if not force:
        raise AudioFileError(f"{path}: exists already. Choose another name, or replace it with --force.")
