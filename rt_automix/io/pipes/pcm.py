"""Sound as bytes in a pipe: bare samples, or a WAV whose end nobody knows yet."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rt_automix import surround
from rt_automix.dsp.samples import dither
from rt_automix.errors import AudioFileError, AutomixError
from rt_automix.io.files.containers import riff

Block = NDArray[np.float32]

ENCODINGS = {"s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4}
"""How samples lie in a pipe, by ffmpeg's names, and the bytes of one."""

WAV = "wav"
"""The format that says itself what it holds."""

_OF_WAV = {"PCM_16": "s16le", "PCM_24": "s24le", "PCM_32": "s32le", "FLOAT": "f32le"}
_MOST_HEADER_BYTES = 1 << 20
_ENDLESS_BYTES = 0xFFFFFFFF


@dataclass(frozen=True)
class Format:
    """What goes through a pipe.

    Parameters
    ----------
    encoding : str
        A key of ENCODINGS.
    sample_rate_hz, channels : int
    is_wav : bool
        Whether a WAV header comes first.
    mask : int
        Which speakers a surround WAV's channels are for.
    """

    encoding: str
    sample_rate_hz: int
    channels: int
    is_wav: bool = False
    mask: int = 0

    @property
    def frame_bytes(self) -> int:
        return ENCODINGS[self.encoding] * self.channels


class PcmReader:
    """Blocks of a stream that comes at its own pace.

    Parameters
    ----------
    stream : io.RawIOBase
        Gives what is there, or waits; such as ``open(0, "rb", buffering=0)``.
    format : Format, optional
        None: it is a WAV and says so itself.
    pairs : bool
        Its channels are for no certain speakers.

    Attributes
    ----------
    format : Format
    lost_bytes : int
        Of a last frame that broke off; known at the end.

    Raises
    ------
    AudioFileError
        On opening: no WAV where one should be, one of an encoding that no pipe carries, or for other speakers
        than those of a layout of `surround`.

    Thread: main. Allocates: yes.
    """

    def __init__(self, stream: io.RawIOBase, format: Format | None, pairs: bool = False) -> None:
        self._stream, self._is_pairs = stream, pairs
        self.lost_bytes = 0
        self._left_bytes: int | None = None
        self.format = format or self._read_header()

    def _read_header(self) -> Format:
        head = self._exactly(12)
        if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
            raise AudioFileError(
                "No WAV comes in. Say what it is: --format s16le, s24le, s32le or f32le, with --rate and --channels."
            )
        found, wide_bytes = None, None
        while True:
            name, length = struct.unpack("<4sI", self._exactly(8))
            if name == b"data":
                break
            if length > _MOST_HEADER_BYTES:
                raise AudioFileError(f"The WAV that comes in has no sound within its first {length} bytes.")
            content = self._exactly(length + length % 2)
            if name == b"fmt ":
                found = riff.read_format(content, "<")
            elif name == b"ds64":
                wide_bytes = struct.unpack_from("<8xQ", content)[0]
        if found is None or found.subtype not in _OF_WAV:
            raise AudioFileError(
                "The WAV that comes in is of an encoding that is not read from a pipe; 16, 24 and 32 bit and "
                "32 bit float are. Convert it before it: ffmpeg -i - -f wav -c:a pcm_f32le -."
            )
        if length == riff.ELSEWHERE and wide_bytes is not None:
            length = wide_bytes
        if length and riff.is_length(length):
            self._left_bytes = length
        return Format(
            _OF_WAV[found.subtype], found.rate_hz, found.channels, True, found.mask if self._is_pairs else _mask(found)
        )

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            piece = self._stream.read(size - len(found))
            if not piece:
                raise AudioFileError("The stream ends before any sound came.")
            found += piece
        return found

    def blocks(self, most_samples: int, is_patient: bool = True) -> Iterator[Block]:
        """Float32 blocks of shape (channels, n), to the end of the stream.

        Integers arrive exactly, as n / 2**(bits - 1).

        Parameters
        ----------
        most_samples : int
        is_patient : bool
            Wait until a block is full; else take what is there.
        """
        frame_bytes, kept = self.format.frame_bytes, bytearray()
        while True:
            wanted = most_samples * frame_bytes - len(kept)
            if self._left_bytes is not None:
                wanted = min(wanted, self._left_bytes)
            piece = self._stream.read(wanted) if wanted else b""
            if piece:
                kept += piece
                if self._left_bytes is not None:
                    self._left_bytes -= len(piece)
                if is_patient and len(kept) < most_samples * frame_bytes:
                    continue
            whole = len(kept) // frame_bytes * frame_bytes
            if whole:
                yield _decode(kept[:whole], self.format)
                del kept[:whole]
            if not piece:
                self.lost_bytes = len(kept)
                self._swallow()
                return

    def _swallow(self) -> None:
        """Take what follows a WAV's sound, so that whoever writes is not cut off."""
        while self._stream.read(1 << 16):
            pass


def _mask(found: riff.Format) -> int:
    """Which speakers a WAV's channels are for; 0 for one or two."""
    layout = surround.LAYOUTS.get(found.channels)
    if layout is None:
        return 0
    if found.mask and found.mask not in layout.masks:
        raise AudioFileError(
            f"The {found.channels} channels that come in are for other speakers (channel mask 0x{found.mask:X}) than "
            f"{layout.name}, {' '.join(layout.speakers)}. "
            f"Lay them out before it: ffmpeg -i - -af aformat=channel_layouts={layout.name} -f wav -."
        )
    return found.mask or layout.masks[0]


def _decode(data: bytearray, format: Format) -> Block:
    """Interleaved bytes as float32 of shape (channels, n)."""
    match format.encoding:
        case "f32le":
            flat = np.frombuffer(data, "<f4").astype(np.float32)
        case "s16le":
            flat = np.frombuffer(data, "<i2") * np.float32(2.0**-15)
        case "s24le":
            wide = np.zeros((len(data) // 3, 4), np.uint8)
            wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
            flat = (wide.view("<i4")[:, 0] * 2.0**-31).astype(np.float32)
        case _:
            flat = (np.frombuffer(data, "<i4") * 2.0**-31).astype(np.float32)
    return np.ascontiguousarray(flat.reshape(-1, format.channels).T)


class PcmWriter:
    """Writes blocks into a stream, whole or not at all.

    16 and 24 bits are dithered as in a file (`rt_automix.dsp.samples.dither`); 32 bit integers carry the
    24 bits that are in a float. Beyond full scale integers clip.

    Parameters
    ----------
    stream : io.RawIOBase
    format : Format

    Thread: main. Allocates: yes.
    """

    def __init__(self, stream: io.RawIOBase, format: Format) -> None:
        self._stream, self.format = stream, format
        self._dither = dither.new_state(format.sample_rate_hz, format.channels)
        if format.is_wav:
            self._all(_header(format))

    def write(self, block: Block) -> None:
        """Append float32 of shape (channels, n).

        Raises
        ------
        BrokenPipeError
            Nobody reads any more.
        AutomixError
            It cannot be written there, as on a full disk.
        """
        self._all(self._encoded(block))

    def _encoded(self, block: Block) -> bytes:
        if self.format.encoding == "f32le":
            return block.T.astype("<f4").tobytes()
        bits = 8 * min(ENCODINGS[self.format.encoding], 3)
        quantised = np.empty(block.shape, np.int32)
        for samples, row, state in zip(block, quantised, self._dither, strict=True):
            dither.quantise(np.ascontiguousarray(samples), row, state, bits)
        data = np.ascontiguousarray(quantised.T).astype("<i4").view(np.uint8).reshape(-1, 4)
        return data[:, 4 - ENCODINGS[self.format.encoding] :].tobytes()

    def _all(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self._stream.write(view) or 0 :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise AutomixError(
                f"The output cannot be written: {error.strerror}. Make room, or write elsewhere."
            ) from error


def _header(format: Format) -> bytes:
    """A WAV header whose lengths say that nobody knows them (all ones, as ffmpeg writes into a pipe)."""
    is_float = format.encoding == "f32le"
    sound = riff.written(format.channels, format.sample_rate_hz, ENCODINGS[format.encoding], is_float, format.mask)
    endless = struct.pack("<I", _ENDLESS_BYTES)
    return b"RIFF" + endless + b"WAVEfmt " + struct.pack("<I", len(sound)) + sound + b"data" + endless
