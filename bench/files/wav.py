"""WAV files byte by byte: every encoding, and headers as programs really write them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.files.signal import Samples

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def encoded(values: NDArray[np.int64], bits: int, kind: str) -> tuple[bytes, Samples]:
    """The bytes of integers as "int" or "float" of so many bits, and what must be read from them."""
    frames = values.T
    if kind == "float":
        floats = (frames / 2.0**23).astype("<f4" if bits == 32 else "<f8")
        return floats.tobytes(), np.ascontiguousarray(floats.T.astype(np.float32))
    truth = (values / 2.0 ** (bits - 1)).astype(np.float32)
    if bits == 8:
        return (frames + 128).astype(np.uint8).tobytes(), truth
    if bits == 24:
        return np.ascontiguousarray(frames, "<i4").reshape(-1, 1).view(np.uint8)[:, :3].tobytes(), truth
    return frames.astype(f"<i{bits // 8}").tobytes(), truth


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk, filled up to an even length."""
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


@dataclass(frozen=True)
class Wav:
    """A WAV file that can be written in many ways."""

    rate_hz: int
    channels: int
    bits: int
    kind: str
    data: bytes = field(repr=False)

    def fmt(self, extensible: bool = False, bits: int | None = None) -> bytes:
        """The fmt chunk."""
        code = FLOAT if self.kind == "float" else PCM
        frame_bytes = self.channels * self.bits // 8
        tail = (self.channels, self.rate_hz, self.rate_hz * frame_bytes, frame_bytes, self.bits)
        if not extensible:
            return chunk(b"fmt ", struct.pack("<HHIIHH", code, *tail))
        more = struct.pack("<HHIH", 22, bits or self.bits, (0, 4, 3)[self.channels], code) + _GUID_TAIL
        return chunk(b"fmt ", struct.pack("<HHIIHH", EXTENSIBLE, *tail) + more)

    def whole(
        self,
        before: bytes = b"",
        after: bytes = b"",
        riff: int | None = None,
        length: int | None = None,
        fmt: bytes = b"",
    ) -> bytes:
        """The file; `riff` and `length` stand in the header in place of what is true."""
        body = b"WAVE" + before + (fmt or self.fmt())
        data = self.data + bytes(len(self.data) % 2 if after else 0)
        true = len(body) + 8 + len(data) + len(after)
        head = struct.pack("<4sI", b"RIFF", true if riff is None else riff)
        return head + body + struct.pack("<4sI", b"data", len(self.data) if length is None else length) + data + after

    def wide(self, name: bytes, length: int | None = None) -> bytes:
        """The file as RF64 or BW64."""
        held = len(self.data) if length is None else length
        sizes = struct.pack("<QQQI", held + 80, held, held // (self.channels * self.bits // 8), 0)
        body = b"WAVE" + chunk(b"ds64", sizes) + self.fmt()
        return struct.pack("<4sI", name, 0xFFFFFFFF) + body + struct.pack("<4sI", b"data", 0xFFFFFFFF) + self.data


_INFO = chunk(b"LIST", b"INFO" + chunk(b"INAM", b"A song") + chunk(b"IART", "Björk".encode("latin-1")))

READ: dict[str, Callable[[Wav], bytes]] = {
    "plain": lambda w: w.whole(),
    "extensible": lambda w: w.whole(fmt=w.fmt(True)),
    "length ffffffff (ffmpeg's pipe)": lambda w: w.whole(riff=0xFFFFFFFF, length=0xFFFFFFFF),
    "length 7ffff000 (sox's, arecord's pipe)": lambda w: w.whole(riff=0x7FFFF024, length=0x7FFFF000),
    "length 7fffffff": lambda w: w.whole(riff=0x7FFFFFFF, length=0x7FFFFFFF - 36),
    "length 80000000": lambda w: w.whole(riff=0x80000024, length=0x80000000),
    "length ffffffff less the header": lambda w: w.whole(riff=0xFFFFFFFF, length=0xFFFFFFFF - 44),
    "length 0 (never closed)": lambda w: w.whole(riff=0, length=0),
    "length 0, RIFF 36": lambda w: w.whole(riff=36, length=0),
    "RIFF length 0, data's true": lambda w: w.whole(riff=0),
    "extensible, length ffffffff": lambda w: w.whole(riff=0xFFFFFFFF, length=0xFFFFFFFF, fmt=w.fmt(True)),
    "extensible, length 0": lambda w: w.whole(riff=0, length=0, fmt=w.fmt(True)),
    "INFO before": lambda w: w.whole(before=_INFO),
    "INFO behind": lambda w: w.whole(after=_INFO),
    "JUNK before": lambda w: w.whole(before=chunk(b"JUNK", bytes(28))),
    "odd chunk before": lambda w: w.whole(before=chunk(b"bext", bytes(603))),
    "odd chunk before, not filled up": lambda w: w.whole(before=b"LIST\7\0\0\0INFOabc"),
    "ID3 before RIFF": lambda w: b"ID3\4\0\0\0\0\1\0" + bytes(128) + w.whole(),
    "cue behind": lambda w: w.whole(after=chunk(b"cue ", struct.pack("<7I", 1, 1, 9, 0x61746164, 0, 0, 9))),
    "fmt of 18 bytes": lambda w: w.whole(fmt=chunk(b"fmt ", w.fmt()[8:] + b"\0\0")),
    "RF64": lambda w: w.wide(b"RF64"),
    "BW64": lambda w: w.wide(b"BW64"),
    "RF64 without ds64": lambda w: w.wide(b"RF64")[:12] + w.wide(b"RF64")[48:],
    "RF64, length unknown": lambda w: w.wide(b"RF64", (1 << 64) - 81),
    "BW64, length 0": lambda w: w.wide(b"BW64", 0),
}
"""Headers that leave no doubt about the sound, by name."""

CUT: dict[str, Callable[[Wav], bytes]] = {
    "last byte missing": lambda w: w.whole()[:-1],
    "last 3 bytes missing": lambda w: w.whole()[:-3],
    "last 100 bytes missing": lambda w: w.whole()[:-100],
}
"""Files of which whole frames up to the cut are read."""

REFUSED: dict[str, Callable[[Wav], bytes]] = {
    "half missing": lambda w: w.whole()[: 44 + len(w.data) // 2],
    "no data chunk": lambda w: w.whole()[:36],
    "header alone": lambda w: w.whole()[:44],
    "empty": lambda w: b"",
    "no samples": lambda w: w.whole(length=0)[:44] + _INFO,
    "half a header": lambda w: w.whole()[:20],
}
"""Files that no one can read right."""
