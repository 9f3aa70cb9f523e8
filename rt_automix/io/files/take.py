"""A recording that is a whole file at any moment: whoever kills the writer keeps what was committed.

Bytes go to the system at once. `Take.commit` then makes the header say how much there is: all of it in
one short write for WAV, the count of samples in STREAMINFO for FLAC (RFC 9639, section 8.2), whose
encoder would fill it in only at the end.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.errors import AudioFileError
from rt_automix.io.files import codec
from rt_automix.io.files.containers import riff
from rt_automix.surround import LAYOUTS

BITS = {".wav": (24, 32), ".flac": (24,)}
"""Depths by ending; 32 is float."""

_FLAC_BLOCK_SAMPLES_AT, _FLAC_SAMPLES_AT = 8, 21
_FLAC_FRAME = b"\xff\xf8"


class Take:
    """A WAV or FLAC file that grows, under a name that no file had.

    Parameters
    ----------
    path : Path
        ``.wav`` or ``.flac``. Where the name is taken, ``-2``, ``-3`` ... is added.
    sample_rate_hz, channels : int
    is_paired : bool
        More than two channels are pairs, and no speakers.
    bits : int
        24, or 32 (float) for WAV; see `BITS`. 24 bits are rounded and not dithered: a take may be
        worked on again, the error is 144 dB below full scale, and silence stays silence.

    Attributes
    ----------
    path : Path
        Where it really goes.

    Raises
    ------
    AudioFileError
        A wrong ending or depth, no such folder, no permission.

    Notes
    -----
    `write`, `commit` and `close` raise OSError when the disk fails. Then `close` keeps what was
    whole: call it in any case.

    Thread: main, or one worker. Allocates: yes.
    """

    def __init__(
        self, path: Path, sample_rate_hz: int, channels: int = 2, bits: int = 24, is_paired: bool = False
    ) -> None:
        self.sample_rate_hz, self.channels, self.bits = sample_rate_hz, channels, bits
        check(path, bits, channels)
        self._sink, self.path = _create(path)
        self._file: _Wav | _Flac
        if path.suffix.lower() == ".flac":
            self._file = _Flac(self._sink, sample_rate_hz, channels, bits)
        else:
            mask = LAYOUTS[channels].masks[0] if channels in LAYOUTS and not is_paired else 0
            self._file = _Wav(self._sink, sample_rate_hz, channels, bits, mask)
        if self._sink.error is not None:
            self._file.forget()
            self._sink.close()
            self.path.unlink()
            raise _cannot_write(self.path, self._sink.error)

    @property
    def bytes_written(self) -> int:
        return self._sink.whole_bytes

    @property
    def is_there(self) -> bool:
        """Whether anybody finds the file; one that was removed is written on, and gone with the end."""
        return os.fstat(self._sink.fileno()).st_nlink > 0

    @property
    def seconds_kept(self) -> float:
        """How much of it a reader would find in the file."""
        return self._file.samples_kept / self.sample_rate_hz

    def write(self, block: NDArray[np.float32]) -> None:
        """Append a block of shape (channels, samples)."""
        self._file.write(block)
        self._raise_error()

    def commit(self) -> None:
        """Let the file's header speak of all that is in it."""
        self._file.commit()

    def close(self) -> None:
        """End the file; after an error what is not whole is cut off."""
        try:
            if self._sink.error is None:
                self._file.finish()
            if self._sink.error is not None:
                self._sink.truncate(self._sink.whole_bytes)
                self._file.commit()
            os.fsync(self._sink.fileno())
            self._raise_error()
        finally:
            self._file.forget()
            self._sink.close()

    def _raise_error(self) -> None:
        if self._sink.error is not None:
            raise self._sink.error


class _TakeSink(codec.Sink):
    """Counts what arrived whole, and turns away everything after the first error."""

    whole_bytes = 0
    flac_frames = 0

    def write(self, data: Any) -> int:
        if self.error is None:
            with contextlib.suppress(OSError):
                super().write(data)
                self.flac_frames += bytes(data[:2]) == _FLAC_FRAME  # the encoder hands out whole frames
                self.whole_bytes = max(self.whole_bytes, self.tell())
        return len(data)

    def patch(self, at: int, data: bytes) -> None:
        """Write over what is there already, which works on a full disk too."""
        end = self.tell()
        self.seek(at)
        io.FileIO.write(self, data)
        self.seek(end)


class _Wav:
    def __init__(self, sink: _TakeSink, sample_rate_hz: int, channels: int, bits: int, mask: int) -> None:
        self._sink, self._format = sink, (sample_rate_hz, channels, bits, mask)
        self._sink.write(wav_header(0, *self._format))

    @property
    def samples_kept(self) -> int:
        _, channels, bits, _ = self._format
        return (self._sink.whole_bytes - len(wav_header(0, *self._format))) // (channels * bits // 8)

    def write(self, block: NDArray[np.float32]) -> None:
        if self._format[2] == 32:
            self._sink.write(block.T.astype("<f4").tobytes())
        else:
            interleaved = np.ascontiguousarray(_integers(block).T)
            self._sink.write(interleaved.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes())

    def commit(self) -> None:
        self._sink.patch(0, wav_header(self.samples_kept, *self._format))

    finish = commit

    def forget(self) -> None:
        """Nothing to forget."""


class _Flac:
    def __init__(self, sink: _TakeSink, sample_rate_hz: int, channels: int, bits: int) -> None:
        self._sink, self._samples = sink, 0
        self._encoder = codec.open_encoder(sink, "flac", sample_rate_hz, channels, bits)
        self._sink.seek(_FLAC_BLOCK_SAMPLES_AT)
        self._block_samples = int.from_bytes(self._sink.read(2), "big")
        self._sink.seek(_FLAC_SAMPLES_AT)
        self._count_field = int.from_bytes(self._sink.read(5), "big")  # 4 bits of the depth above 36 of zeros
        self._sink.seek(0, os.SEEK_END)

    @property
    def samples_kept(self) -> int:
        return min(self._sink.flac_frames * self._block_samples, self._samples)

    def write(self, block: NDArray[np.float32]) -> None:
        self._encoder.write(np.ascontiguousarray(_integers(block)))
        self._samples += block.shape[1]

    def commit(self) -> None:
        self._sink.patch(_FLAC_SAMPLES_AT, (self._count_field | self.samples_kept).to_bytes(5, "big"))

    def finish(self) -> None:
        self._encoder.close()

    def forget(self) -> None:
        with contextlib.suppress(Exception):
            self._encoder.close()


def wav_header(samples: int, sample_rate_hz: int, channels: int, bits: int, mask: int = 0) -> bytes:
    """What a WAV file begins with; beyond 4 GB it becomes RF64 (EBU Tech 3306), in the same space.

    80 bytes; 104 with a mask, which says for which speakers the channels are.

    Thread: main, or one worker. Allocates: yes.
    """
    elsewhere = riff.ELSEWHERE
    sound = riff.written(channels, sample_rate_hz, bits // 8, bits == 32, mask)
    data_bytes = samples * channels * bits // 8
    riff_bytes = 56 + len(sound) + data_bytes
    name, spare = (b"RIFF", b"JUNK") if riff_bytes < elsewhere else (b"RF64", b"ds64")
    sizes = struct.pack("<QQQI", riff_bytes, data_bytes, samples, 0) if name == b"RF64" else bytes(28)
    return (
        struct.pack("<4sI4s4sI28s", name, min(riff_bytes, elsewhere), b"WAVE", spare, len(sizes), sizes)
        + struct.pack("<4sI", b"fmt ", len(sound))
        + sound
        + struct.pack("<4sI", b"data", data_bytes if name == b"RIFF" else elsewhere)
    )


def _integers(samples: NDArray[np.float32]) -> NDArray[np.int32]:
    """24 bits in the upper part of 32, rounded; NaN is silence."""
    scaled = np.rint(np.nan_to_num(samples, posinf=1.0, neginf=-1.0).astype(np.float64) * 2.0**23)
    return scaled.clip(-(2.0**23), 2.0**23 - 1).astype("<i4") << 8


def check(path: Path, bits: int, channels: int = 2) -> None:
    """Raise AudioFileError unless such a take can be made there. Thread: main. Allocates: yes."""
    allowed = BITS.get(path.suffix.lower())
    if allowed is None:
        raise AudioFileError(f'{path}: cannot record files ending in "{path.suffix}". Allowed are .flac and .wav.')
    if bits not in allowed:
        depths = " and ".join(map(str, allowed))
        raise AudioFileError(f"{path}: a {path.suffix} take has no {bits} bits, but {depths}; .wav takes 32 (float).")
    if path.suffix.lower() == ".flac" and channels > codec.MOST_IN_FLAC:
        raise AudioFileError(f"{path}: {channels} channels, a .flac file has {codec.MOST_IN_FLAC} at most. Use .wav.")
    if not path.parent.is_dir():
        raise AudioFileError(f"{path}: the folder {path.parent} does not exist. Make it, or choose another.")


def _create(path: Path) -> tuple[_TakeSink, Path]:
    """A file that did not exist, under the name itself or the next free one."""
    free, number = path, 1
    while True:
        try:
            return _TakeSink(free, "x+"), free
        except FileExistsError:
            number += 1
            free = path.with_stem(f"{path.stem}-{number}")
        except OSError as error:
            raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: BaseException) -> AudioFileError:
    reason = getattr(error, "strerror", None) or error
    return AudioFileError(f"{path}: cannot be written: {reason}. Free some space or choose another folder.")
