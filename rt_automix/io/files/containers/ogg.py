"""OGG (RFC 3533): every page's checksum, the links of a chain, and FLAC taken out of its pages.

The decoder reads the first link of a chain and no OGG FLAC at all. Each link is a stream of its own, so it is
handed over as one; and FLAC's packets in a row, less nine bytes, are a FLAC file (RFC 9639, section 10.1).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from rt_automix.io.files.containers import flac
from rt_automix.io.files.containers.pieces import Broken, Container, Piece, Stream

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_FLAC_MARK = b"\x7fFLAC"
_FLAC_MARK_BYTES = 9
_KINDS = {b"\x01vor": "OGG", b"Opus": "Opus", _FLAC_MARK[:4]: "OGG FLAC"}


@dataclass
class _Link:
    """One stream of a chain."""

    kind: bytes
    start: int
    length: int = 0
    head: bytes = b""
    bodies: list[tuple[int, int]] = field(default_factory=list)
    granule: int = 0
    has_ended: bool = False


@dataclass(frozen=True)
class _Page:
    start: int
    flags: int
    granule: int
    body_start: int
    body: bytes


def _pages(handle: BinaryIO) -> Iterator[_Page]:
    """Whole pages from the start to the first that is not."""
    handle.seek(0)
    start = 0
    while True:
        header = handle.read(27)
        table = handle.read(header[26]) if header[:4] == b"OggS" and len(header) == 27 else b""
        body = handle.read(sum(table))
        if not table or _crc(header[:22] + bytes(4) + header[26:] + table + body) != _little(header[22:26]):
            return
        yield _Page(start, header[5], _little(header[6:14]), start + 27 + len(table), body)
        start += 27 + len(table) + len(body)


def _crc(page: bytes) -> int:
    """OGG's checksum (RFC 3533, section 6) by way of zlib's, which runs over mirrored bits."""
    crc = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _rate_hz(head: bytes) -> int:
    """What a granule counts, from a stream's first packet; never 0."""
    if head[:5] == _FLAC_MARK:
        return int.from_bytes(head[27:30], "big") >> 4 or 1
    return 48000 if head[:4] == b"Opus" else _little(head[12:16]) or 1


def inspect(handle: BinaryIO) -> Container:
    """The container of an OGG file. Thread: main. Allocates: yes."""
    links: list[_Link] = []
    has_several_at_once, rate_hz = False, 1
    for page in _pages(handle):
        if page.flags & 2:
            has_several_at_once |= bool(links) and not links[-1].has_ended
            links.append(_Link(page.body[:4], page.start, head=page.body))
            rate_hz = _rate_hz(page.body)
        if not links:
            break
        link = links[-1]
        link.length = page.body_start + len(page.body) - link.start
        link.bodies.append((page.body_start, len(page.body)))
        link.has_ended = link.has_ended or bool(page.flags & 4)
        if page.granule < 1 << 63:  # else: no packet ends on this page
            link.granule = page.granule
    kinds = {link.kind for link in links}
    if has_several_at_once or (links and not kinds <= set(_KINDS)):
        return Container("OGG", is_foreign=True)  # a film, or a codec of the past
    samples = sum(link.granule for link in links)
    if not links or not links[-1].has_ended:
        raise Broken(samples / rate_hz)
    if len(kinds) > 1:
        raise Broken(links[0].granule / rate_hz, samples / rate_hz, "goes on in another format")
    name = _KINDS[links[0].kind]
    if name == "OGG FLAC":
        return Container(name, streams=tuple(Stream(_unwrapped(link)) for link in links))
    streams = tuple(Stream(((link.start, link.length),)) for link in links) if len(links) > 1 else ()
    return Container(name, streams=streams)


def _unwrapped(link: _Link) -> tuple[Piece, ...]:
    return (flac.with_total(link.head[_FLAC_MARK_BYTES:], link.granule), *link.bodies[1:])
