"""What a WAV or AIFF file carries beside its sound: kept where it stays true of a master, else named.

A master is aligned with its source, so markers (cue, smpl and their labels) stay true. A broadcast
extension (bext, EBU Tech 3285) does, but for its loudness, which is written afresh. Descriptions of
the file itself (iXML, ADM) do not.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rt_automix.analysis.recordings.measure import Measurement
from rt_automix.io.files.containers import riff
from rt_automix.units import FLOOR_DB

_MARKERS = (b"cue ", b"smpl")
_ADM = (b"axml", b"chna", b"bxml", b"sxml")
_SILENT = (*riff.SOUND, *riff.ORDERS, b"id3 ", b"ID3 ", b"COMM", b"SSND", b"FVER")
_AIFF_TEXTS = {b"NAME": b"INAM", b"AUTH": b"IART", b"(c) ": b"ICOP", b"ANNO": b"ICMT"}
_UNKNOWN = 0x7FFF
"""What bext says where a loudness could not be measured."""

_BEXT_BYTES, _VERSION_AT, _LOUDNESS_AT = 602, 346, 412
_COPIED_BYTES = 1 << 22
_MOST_BYTES = 1 << 24
"""Of one chunk: more is no description."""


@dataclass
class Carried:
    """What was found: chunks to keep, INFO texts by their chunk's name, and names of what is lost."""

    kept: list[tuple[bytes, bytes]] = field(default_factory=list)
    texts: dict[bytes, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


def read(source: Path, keeps_chunks: bool) -> Carried:
    """Everything beside the sound; `keeps_chunks` where the target is a WAV at the source's rate.

    Thread: main. Allocates: yes.
    """
    found = Carried()
    with source.open("rb") as handle:
        magic = handle.read(12)
        is_wav = magic[:4] in riff.ORDERS and magic[8:] == b"WAVE"
        if not is_wav and magic[:4] != b"FORM":
            return found
        is_little = is_wav and magic[:4] != b"RIFX"
        keeps_chunks = keeps_chunks and is_little  # numbers of the other order would have to be turned round
        for name, length in riff.chunks(handle, "<" if is_little else ">"):
            data = handle.read(min(length, _MOST_BYTES)) if name not in _SILENT else b""
            if name in _AIFF_TEXTS:
                before = found.texts.get(_AIFF_TEXTS[name])  # there may be several annotations
                found.texts[_AIFF_TEXTS[name]] = f"{before}; {text(data)}" if before else text(data)
            elif name == b"LIST" and data[:4] == b"INFO":
                found.texts |= _info(data, "little" if is_little else "big")
            elif name not in _SILENT and name.strip(b"\0") and name.isascii() and name.decode().isprintable():
                _take(found, name, data, keeps_chunks)
    return found


def _take(found: Carried, name: bytes, data: bytes, keeps_chunks: bool) -> None:
    is_label = name == b"LIST" and data[:4] == b"adtl"
    if keeps_chunks and (name in _MARKERS or is_label or (name == b"bext" and len(data) >= _BEXT_BYTES)):
        found.kept.append((name, data))
        return
    shown = "labels of markers" if is_label else name.decode("latin-1").strip()
    found.lost.append(f"ADM ({shown})" if name in _ADM else shown)


def _info(data: bytes, order: Literal["little", "big"]) -> dict[bytes, str]:
    """The texts of an INFO list, by chunk name."""
    found, at = {}, 4
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], order)
        found[data[at : at + 4]] = text(data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return found


def text(data: bytes) -> str:
    """UTF-8, UTF-16 with its mark, or the code page that Windows programs write. Thread: any. Allocates: yes."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace").split("\0")[0].strip()
    data = data.split(b"\0")[0]
    try:
        return data.decode("utf-8").strip()
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace").strip()


def insert(target: Path, kept: list[tuple[bytes, bytes]], measured: Measurement | None) -> None:
    """Add chunks to a WAV file, before its sound: some readers stop there. The loudness of bext is the master's.

    Thread: main. Allocates: yes.
    """
    added = b""
    for name, data in kept:
        content = _with_loudness(data, measured) if name == b"bext" else data
        added += name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
    with target.open("rb+") as handle:
        magic = handle.read(4)
        at = next(handle.tell() - 8 for name, _ in riff.chunks(handle) if name == b"data")
        end = place = handle.seek(0, os.SEEK_END)
        while place > at:  # from the end on, so that nothing is written over
            place, before = max(place - _COPIED_BYTES, at), place
            handle.seek(place)
            moved = handle.read(before - place)
            handle.seek(place + len(added))
            handle.write(moved)
        handle.seek(at)
        handle.write(added)
        riff_bytes = end + len(added) - 8
        handle.seek(4 if magic == b"RIFF" else 20)  # RF64: the ds64 chunk comes first
        handle.write(struct.pack("<I" if magic == b"RIFF" else "<Q", riff_bytes))


def _with_loudness(bext: bytes, measured: Measurement | None) -> bytes:
    """A broadcast extension of version 2 (EBU Tech 3285, supplement 4) with these figures."""
    levels = (
        (
            measured.integrated_lufs,
            measured.loudness_range_lu,
            measured.true_peak_dbtp,
            measured.max_momentary_lufs,
            measured.max_short_term_lufs,
        )
        if measured
        else (FLOOR_DB,) * 5
    )
    hundredths = [_UNKNOWN if level <= FLOOR_DB else round(100 * level) for level in levels]
    version = max(2, int.from_bytes(bext[_VERSION_AT : _VERSION_AT + 2], "little"))
    loudness = struct.pack("<5h", *hundredths)
    head = bext[:_VERSION_AT] + struct.pack("<H", version) + bext[_VERSION_AT + 2 : _LOUDNESS_AT]
    return head + loudness + bext[_LOUDNESS_AT + len(loudness) :]
