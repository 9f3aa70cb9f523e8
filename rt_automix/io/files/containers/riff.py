"""RIFF, RF64, BW64 (EBU Tech 3306, ITU-R BS.2088), W64 and AIFF: chunks, and what their lengths are worth."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rt_automix.io.files.containers.pieces import Broken, Container, Raw

ORDERS = {b"RIFF": "<", b"RF64": "<", b"BW64": "<", b"RIFX": ">"}
"""First bytes of a WAV file, and the order of the bytes in its numbers."""

ELSEWHERE = 0xFFFFFFFF
"""A length that stands in the ds64 chunk, or nowhere."""

MOST_CHUNKS = 4096
"""Far more than programs write: zeros behind the sound, as recorders leave them, are chunks without a name."""

LACKING_S = 0.1
"""So little may lack at the end of samples that lie bare: a note says it. More is a file cut off."""

_MASK_AT = 20
_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_ADPCM = (2, 0x11)
"""Of Microsoft, and IMA: all that is compressed and read by the decoder; MP3, GSM and others go elsewhere."""
_KIND = bytes.fromhex("000000001000800000aa00389b71")
"""What follows the encoding where a format is extensible: with it, Microsoft's name of that encoding."""

_SUBTYPES = {
    **{(_PCM, width): name for width, name in enumerate(("PCM_U8", "PCM_16", "PCM_24", "PCM_32"), 1)},
    **{(_FLOAT, 4): "FLOAT", (_FLOAT, 8): "DOUBLE", (_ALAW, 1): "ALAW", (_ULAW, 1): "ULAW"},
}


def chunks(handle: BinaryIO, order: str = "<", start: int = 12) -> Iterator[tuple[bytes, int]]:
    """The first chunks of a RIFF or IFF file as (name, bytes promised), the handle at each one's first byte."""
    data_bytes = ELSEWHERE
    for _ in range(MOST_CHUNKS):
        handle.seek(start)
        header = handle.read(8)
        if len(header) < 8:
            return
        name, length = header[:4], struct.unpack(order + "I", header[4:])[0]
        if name == b"ds64":
            data_bytes = struct.unpack(order + "8xQ", handle.read(16))[0]
            handle.seek(start + 8)
        yield name, length
        held = data_bytes if name == b"data" and length == ELSEWHERE else length
        start += 8 + held
        if held % 2:
            handle.seek(start)
            start += 0 if handle.read(4) in _NAMES else 1  # some programs forget to fill up to an even length


SOUND = (b"fmt ", b"fact", b"PEAK", b"data", b"JUNK", b"PAD ", b"FLLR", b"ds64")
"""Chunks of a WAV file that hold the sound, say how it is stored, or are empty."""
_NAMES = (*SOUND, b"LIST", b"bext", b"cue ", b"smpl", b"id3 ", b"ID3 ", b"COMM", b"SSND")


def may_have_tags(path: Path) -> bool:
    """Whether anything is in a file that could be a tag: False only for a WAV that holds sound and nothing else.

    Thread: main. Allocates: yes.
    """
    try:
        with path.open("rb") as handle:
            magic = handle.read(12)
            if magic[8:] != b"WAVE":
                return True
            return any(name not in SOUND for name, _ in chunks(handle, ORDERS.get(magic[:4], "<")))
    except OSError:
        return True


@dataclass(frozen=True)
class Format:
    """A WAV's fmt chunk."""

    encoding: int
    channels: int
    rate_hz: int
    frame_bytes: int
    mask: int = 0

    @property
    def subtype(self) -> str:
        """The decoder's name for samples that lie bare; empty for others."""
        whole, rest = divmod(self.frame_bytes, max(self.channels, 1))
        return "" if rest else _SUBTYPES.get((self.encoding, whole), "")

    @property
    def bytes_per_s(self) -> int:
        return max(self.frame_bytes * self.rate_hz, 1)


def read_format(data: bytes, order: str) -> Format:
    """A WAV's fmt chunk, whose numbers are in this order of bytes."""
    encoding, channels, rate_hz, _, frame_bytes = struct.unpack_from(order + "HHIIH", data)
    mask = 0
    if encoding == _EXTENSIBLE and len(data) >= 26:
        mask, encoding = struct.unpack_from(order + "IH", data, _MASK_AT)
    return Format(encoding, channels, rate_hz, frame_bytes, mask)


def written(channels: int, rate_hz: int, sample_bytes: int, is_float: bool, mask: int) -> bytes:
    """What a fmt chunk holds; an extensible one where a mask says which speakers the channels are for.

    Thread: any. Allocates: yes.
    """
    encoding, frame_bytes = _FLOAT if is_float else _PCM, channels * sample_bytes
    plain = (channels, rate_hz, rate_hz * frame_bytes, frame_bytes, 8 * sample_bytes)
    if not mask:
        return struct.pack("<HHIIHH", encoding, *plain)
    return struct.pack("<HHIIHHHHIH", _EXTENSIBLE, *plain, 22, 8 * sample_bytes, mask, encoding) + _KIND


def write_mask(path: Path, mask: int) -> None:
    """Say in a WAV file with an extensible format which speakers its channels are for.

    Thread: main. Allocates: yes.
    """
    with path.open("rb+") as handle:
        start = next(handle.tell() for name, _ in chunks(handle) if name == b"fmt ")
        handle.seek(start + _MASK_AT)
        handle.write(struct.pack("<I", mask))


def inspect_wav(handle: BinaryIO, file_bytes: int, magic: bytes) -> Container:
    """The container of a WAV file, its end checked. Thread: main. Allocates: yes."""
    order = ORDERS[magic]
    wide_length, sound, samples_said = 0, Format(0, 0, 0, 0), None
    found = chunks(handle, order)
    for name, length in found:
        if name == b"ds64":
            wide_length = struct.unpack(order + "8xQ", handle.read(16))[0]
        elif name == b"fmt ":
            sound = read_format(handle.read(min(length, 40)), order)
        elif name == b"fact" and length >= 4:
            samples_said = struct.unpack(order + "I", handle.read(4))[0]
        elif name == b"data":
            break
    else:
        raise Broken(0.0)
    start = handle.tell()
    present = file_bytes - start
    promised = wide_length if length == ELSEWHERE and magic != b"RIFF" else length
    notes: tuple[str, ...] = ()
    if not _can_be_true(promised, present) or (promised == 0 and not _are_chunks(handle, start, file_bytes, order)):
        promised, is_to_end = present, True
    else:
        is_to_end, notes = False, _lacking(present, promised, sound.bytes_per_s) + _left_out(found)
    if not sound.subtype and sound.encoding not in (_PCM, _FLOAT, *_ADPCM):
        return Container("WAV", is_foreign=True)
    if not sound.subtype:  # compressed in blocks, the last of them filled up
        is_said = samples_said not in (0, ELSEWHERE) and not is_to_end
        return Container("WAV", samples=samples_said if is_said else None, notes=notes, mask=sound.mask)
    samples = min(promised, present) // sound.frame_bytes
    misleads = magic == b"BW64" or (magic == b"RF64" and not wide_length) or (is_to_end and not length)
    raw = _raw(start, sound) if (misleads or start % 2) and order == "<" else None
    return Container("WAV", samples=samples, raw=raw, notes=notes, mask=sound.mask)


def _raw(start: int, sound: Format) -> Raw:
    return Raw(start, sound.rate_hz, sound.channels, sound.subtype)


def is_length(promised: int) -> bool:
    """False for what programs write that do not know the length: about the most that 31 or 32 bits hold."""
    below, above = 0x01010000, 1 << 16  # sox ends 16 MB early for AIFF, others by the header's length
    limits = 1 << 31, 0xF0000000, 1 << 32  # the second is Liquidsoap's (2.1)
    nearly = any(limit - below <= promised < limit + above for limit in limits)
    return not nearly and promised < 1 << 62


def _can_be_true(promised: int, present: int) -> bool:
    return promised <= present or is_length(promised)


def _are_chunks(handle: BinaryIO, start: int, file_bytes: int, order: str) -> bool:
    """Whether chunks, or nothing, fill the rest of the file: then a length of 0 is meant."""
    end = start
    for name, length in chunks(handle, order, start):
        end = handle.tell() + length
        if not name.isascii() or not name.decode("ascii").isprintable() or end > file_bytes:
            return False
    return file_bytes - end <= 1


def _lacking(present: int, promised: int, bytes_per_s: int) -> tuple[str, ...]:
    """A note where a little lacks; Broken where it is more."""
    lacks = promised - present
    if lacks <= 0:
        return ()
    if lacks > LACKING_S * bytes_per_s or present <= lacks:
        raise Broken(present / bytes_per_s, promised / bytes_per_s)
    return (f"the last {lacks} bytes of its sound are missing ({1000 * lacks / bytes_per_s:.1f} ms); the rest is read",)


def _left_out(behind: Iterator[tuple[bytes, int]]) -> tuple[str, ...]:
    """A note where more sound lies behind the first: a second data chunk, or a file behind the file."""
    if any(name in (b"data", *ORDERS) for name, _ in behind):
        return ("more sound lies behind the end that its header names; it is not read",)
    return ()


def inspect_w64(handle: BinaryIO, file_bytes: int) -> Container:
    """The container of Sony's W64, its end checked: names of 16 bytes, lengths of 8 that count themselves."""
    start, sound = 40, Format(0, 0, 0, 0)
    for _ in range(MOST_CHUNKS):
        handle.seek(start)
        name, length = struct.unpack("<4s12xQ", handle.read(24))
        if name == b"fmt ":
            sound = read_format(handle.read(40), "<")
        elif name == b"data":
            start = handle.tell()
            present, promised = file_bytes - start, length - 24
            notes: tuple[str, ...] = ()
            if is_true := _can_be_true(promised, present):
                present, notes = min(promised, present), _lacking(present, promised, sound.bytes_per_s)
            if is_true and sound.encoding != _FLOAT:  # which the decoder takes for integers
                return Container("W64", notes=notes, mask=sound.mask)
            if not sound.subtype:
                return Container("W64", is_foreign=True)
            samples = present // sound.frame_bytes
            return Container("W64", samples=samples, raw=_raw(start, sound), notes=notes, mask=sound.mask)
        start += max(length + 7 & ~7, 24)
    raise Broken(0.0)


def inspect_aiff(handle: BinaryIO, file_bytes: int) -> Container:
    """The container of an AIFF file, its end checked. Thread: main. Allocates: yes."""
    held, bytes_per_s = 0, 1
    for name, length in chunks(handle, ">"):
        if name == b"COMM":
            channels, frames, bits, exponent, mantissa = struct.unpack(">HIHHQ", handle.read(18))
            compression = handle.read(4) if length >= 22 else b"NONE"
            frame_bytes = channels * -(-bits // 8)
            bytes_per_s = max(int(math.ldexp(mantissa, min(exponent, 0x4020) - 16383 - 63)) * frame_bytes, 1)
            held = frames * frame_bytes if compression in (b"NONE", b"sowt", b"twos") else 0
        elif name == b"SSND":
            present = file_bytes - handle.tell()
            promised = max(length, held + 8)
            notes = _lacking(present, promised, bytes_per_s) if _can_be_true(promised, present) else ()
            return Container("AIFF", notes=notes)
    raise Broken(0.0)
