"""FLAC (RFC 9639): the last frame against the total in STREAMINFO, which the decoder believes.

Without a total, as programs write it into a pipe, the decoder knows no end: the last frame gives it.
"""

from __future__ import annotations

import contextlib
import mmap
import struct
from collections.abc import Iterator
from typing import IO, BinaryIO

from rt_automix.io.files.containers.pieces import Broken, Container, Stream

_HEAD_BYTES = 42
"""The marker, a block's header and STREAMINFO."""

_BEGINS = b"fLaC\x00\x00\x00\x22"
"""The marker, and the header of STREAMINFO where another block follows."""

_TOTAL_AT = 21

_TAILS_BYTES = (1 << 19, 1 << 24)
"""Where the last frame is looked for: far more than the longest usual one, and then behind something else."""


def inspect(handle: BinaryIO, file_bytes: int) -> Container:
    """The container of a FLAC file that begins at the handle's place. Thread: main. Allocates: yes.

    Raises
    ------
    Broken
        The last frame is not there.
    """
    start = handle.tell()
    head = handle.read(_HEAD_BYTES)
    block_samples = struct.unpack_from(">H", head, 8)[0]
    packed = int.from_bytes(head[18:26], "big")
    sample_rate_hz, total = packed >> 44 or 1, packed & (1 << 36) - 1
    first_frame_at, spans = handle.tell(), []
    for size_bytes in _TAILS_BYTES:
        handle.seek(max(first_frame_at, file_bytes - size_bytes))
        spans = [span for span in _frames(handle.read(), block_samples) if span[1] <= total or not total]
        if spans:
            break
    first, end = _last(spans)
    if end < total or not spans:
        raise Broken(first / sample_rate_hz, total / sample_rate_hz)
    if total:
        return Container("FLAC", notes=_joined(handle, start))
    # Written into a pipe: the count could not be filled in afterwards.
    rest = (start + _HEAD_BYTES, file_bytes - start - _HEAD_BYTES)
    return Container("FLAC", samples=end, streams=(Stream((with_total(head, end), rest)),))


def _joined(handle: BinaryIO, start: int) -> tuple[str, ...]:
    """A note where another FLAC file lies behind this one, as after `cat`: nobody reads it."""
    with contextlib.suppress(ValueError, OSError), mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(_BEGINS, start + len(_BEGINS)) >= 0:
            return ("another FLAC file lies behind its end; it is not read",)
    return ()


def _last(spans: list[tuple[int, int]]) -> tuple[int, int]:
    """The last frame of the longest chain: sound may hold bytes that look like a header, but not one after another."""
    chains: dict[tuple[int, int], int] = {}
    lengths: dict[int, int] = {}
    for first, end in spans:
        chains[first, end] = lengths[end] = lengths.get(first, 0) + 1
    return max(chains, key=chains.__getitem__, default=(0, 0))


def with_total(head: bytes, samples: int) -> bytes:
    """The start of a FLAC file, its STREAMINFO counting so many samples. Thread: any. Allocates: yes."""
    field = int.from_bytes(head[_TOTAL_AT : _TOTAL_AT + 5], "big") >> 36 << 36 | samples
    return head[:_TOTAL_AT] + field.to_bytes(5, "big") + head[_TOTAL_AT + 5 :]


def md5_of(stream: IO[bytes]) -> bytes:
    """The checksum of a FLAC stream's integers, behind an ID3 tag too; empty if there is none.

    Leaves the stream at its start. Thread: main. Allocates: yes.
    """
    stream.seek(end_of_id3(stream))
    head = stream.read(_HEAD_BYTES)
    stream.seek(0)
    return head[26:42] if head[:4] == b"fLaC" and any(head[26:42]) else b""


def end_of_id3(stream: IO[bytes]) -> int:
    """Where the ID3v2 tags at the head of a file end."""
    start = 0
    while True:
        stream.seek(start)
        header = stream.read(10)
        if len(header) < 10 or header[:3] != b"ID3":
            return start
        length = 0
        for byte in header[6:]:
            length = length << 7 | byte & 0x7F
        start += 10 + length + (10 if header[5] & 0x10 else 0)


def _frames(data: bytes, block_samples: int) -> Iterator[tuple[int, int]]:
    """First and past-the-end sample of each frame whose header is in `data` (RFC 9639, section 9.1)."""
    at = data.find(b"\xff")
    while at >= 0:
        header = data[at : at + 16].ljust(16, b"\0")  # a frame of silence may be shorter
        size_code, leading = header[2] >> 4, header[4]
        extra = 0 if leading < 0x80 else 7 - (leading ^ 0xFF).bit_length()
        at = data.find(b"\xff", at + 1)
        if header[1] not in (0xF8, 0xF9) or not size_code or (leading >= 0x80 and not 1 <= extra <= 6):
            continue
        number = leading & (0x7F if leading < 0x80 else 0x3F >> extra)
        for byte in header[5 : 5 + extra]:
            number = number << 6 | byte & 0x3F
        end = 5 + extra
        size_bytes = {6: 1, 7: 2}.get(size_code, 0)
        rate_bytes = {12: 1, 13: 2, 14: 2}.get(header[2] & 15, 0)
        if size_bytes:
            size = int.from_bytes(header[end : end + size_bytes], "big") + 1
        else:
            size = 192 if size_code == 1 else 576 << size_code - 2 if size_code < 6 else 256 << size_code - 8
        end += size_bytes + rate_bytes
        if _crc8(header[:end]) == header[end]:
            first = number if header[1] == 0xF9 else number * block_samples
            yield first, first + size


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc
