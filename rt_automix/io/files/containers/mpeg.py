"""MPEG audio (MP3, MP2): a walk along its frames, because the decoder believes what the first of them says.

A Xing or Info header counts the frames and, by LAME's extension, the samples that the encoder put before and
behind; the decoder heeds both. Without that header it guesses the length from the first frame, which is wrong
for a variable bit rate, and without the extension (iTunes writes none) it takes away its own delay of 529 samples
all the same. Then a header with the true count is put before the stream, and a silent frame to be taken away.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from rt_automix.io.files.containers.pieces import Broken, Container, Stream

_RATES_HZ = (44100, 48000, 32000)
_KBPS = {  # (is MPEG-1, layer): bit rates by index, ISO/IEC 11172-3 and 13818-3
    (True, 1): tuple(range(0, 449, 32)),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_DECODER_DELAY = 529
_MOST_LYRICS = 1 << 20
_LEGEND_BYTES = 192
"""Enough of a frame for its header, side information, the count behind and what LAME adds."""
_ENCODERS = (b"LAME", b"Lavf", b"Lavc")
"""Who says how many samples are put before and behind, be it none."""


@dataclass(frozen=True)
class _Frame:
    """What four bytes say about the frame that they head."""

    header: bytes
    layer: int
    rate_hz: int
    samples: int
    length: int
    """In bytes."""

    @property
    def count_at(self) -> int:
        """Where a Xing or Info header begins: behind the side information."""
        is_first_version, is_mono = self.samples == 1152, self.header[3] >> 6 == 3
        return 4 + (17 if is_mono else 32) if is_first_version else 4 + (9 if is_mono else 17)


def _frame(header: bytes) -> _Frame | None:
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)  # version: 3 MPEG-1, 2 MPEG-2, 0 MPEG-2.5
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    kbps, rate_hz = _KBPS[version == 3, layer][bitrate], _RATES_HZ[rate] >> {3: 0, 2: 1, 0: 2}[version]
    samples = {1: 384, 2: 1152, 3: 1152 if version == 3 else 576}[layer]
    slot_bytes = 4 if layer == 1 else 1
    length = (samples // 8 * kbps * 1000 // rate_hz // slot_bytes + padding) * slot_bytes
    return _Frame(header[:4], layer, rate_hz, samples, length)


def _seek_frame(handle: BinaryIO) -> bool:
    """Move to the next place where two frames of a kind follow each other; False if there is none near."""
    start = handle.tell()
    data = handle.read(1 << 20)
    at = data.find(b"\xff")
    while at >= 0:
        frame = _frame(data[at : at + 4])
        after = _frame(data[at + frame.length : at + frame.length + 4]) if frame else None
        if frame and after and (frame.layer, frame.rate_hz) == (after.layer, after.rate_hz):
            handle.seek(start + at)
            return True
        at = data.find(b"\xff", at + 1)
    return False


def _promise(legend: bytes, frame: _Frame) -> tuple[bool, int]:
    """Whether the first frame carries a count in place of sound, and the count; 0 if it names none."""
    name, flags, count = struct.unpack_from(">4sII", legend, frame.count_at)
    if name in (b"Xing", b"Info"):
        return True, count if flags & 1 and count < 1 << 31 else 0
    if legend[36:40] == b"VBRI":
        return True, 0  # Fraunhofer's; the decoder does not read it
    return False, 0


def _says_delay(legend: bytes, frame: _Frame) -> bool:
    """Whether LAME's extension of a Xing or Info header says what the encoder put before and behind."""
    flags = struct.unpack_from(">I", legend, frame.count_at + 4)[0]
    at = frame.count_at + 8 + sum(size for bit, size in enumerate((4, 4, 100, 4)) if flags >> bit & 1)
    return legend[at : at + 4] in _ENCODERS or any(legend[at + 21 : at + 24])


def inspect_behind(handle: BinaryIO, file_bytes: int) -> Container | None:
    """The container of a stream with something unknown before it; None unless a count there is kept to the frame.

    Nothing else is proof: what looks like frames is found in other formats, too.
    """
    try:
        found = inspect(handle, file_bytes)
    except Broken:
        return None
    return found if found and found.samples is None and not found.is_foreign else None


def inspect(handle: BinaryIO, file_bytes: int) -> Container | None:
    """The container of a stream that begins near the handle's place; None if it is no MPEG audio."""
    before = handle.tell()
    if not _seek_frame(handle):
        return None
    start = handle.tell()
    legend = handle.read(_LEGEND_BYTES).ljust(_LEGEND_BYTES, b"\0")
    first = _frame(legend)
    assert first is not None
    is_count, promised = _promise(legend, first)
    sound_start = start + first.length if is_count else start
    frames, end = _walk(handle, sound_start, file_bytes)
    at_s = frames * first.samples / first.rate_hz
    has_stump = _frame_at(handle, end) is not None
    if not has_stump and end < file_bytes:
        handle.seek(end)
        if _pass_tags(handle) and _seek_frame(handle):
            raise Broken(at_s, what="goes on behind a tag that ends it, as joined files do,")
        if handle.tell() == end and _seek_frame(handle):
            raise Broken(at_s)
    # Some encoders count the frame that carries the promise, so one may be missing without a stump.
    if frames < promised - (0 if has_stump else 1):
        raise Broken(at_s, promised * first.samples / first.rate_hz)
    if promised and frames > promised + 1:
        raise Broken(promised * first.samples / first.rate_hz, at_s, "goes on after the end that its header names")
    name = "MP3" if first.layer == 3 else f"MP{first.layer}"
    if first.layer != 3:
        return Container(name, is_foreign=True)  # its length would be guessed, and no header can be put before it
    if promised and _says_delay(legend, first):
        whole = Stream(((start, file_bytes - start),))  # the decoder finds no stream behind what it does not know
        return Container(name, streams=(whole,) if start > before else ())
    sound = Stream((*_silent_frames(first, frames), (sound_start, end - sound_start)))
    return Container(name, samples=frames * first.samples, streams=(sound,))


def _frame_at(handle: BinaryIO, at: int) -> _Frame | None:
    handle.seek(at)
    return _frame(handle.read(4))


def _walk(handle: BinaryIO, at: int, file_bytes: int) -> tuple[int, int]:
    """How many whole frames follow each other from a place on, and where they end."""
    frames = 0
    while (frame := _frame_at(handle, at)) and at + frame.length <= file_bytes:
        at += frame.length
        frames += 1
    return frames, at


def _pass_tags(handle: BinaryIO) -> bool:
    """Go on behind the tags that lie here, if any do: ID3v1, APE, Lyrics3."""
    begins = at = handle.tell()
    while True:
        start = handle.read(32)
        if start[:3] == b"TAG":
            at += 128
        elif start[:8] == b"APETAGEX" and len(start) == 32:
            at += 32 + int.from_bytes(start[12:16], "little")
        elif start[:8] == b"LYRICSBE":
            handle.seek(at)
            at = (
                handle.seek(0, os.SEEK_END)
                if (end := handle.read(_MOST_LYRICS).find(b"LYRICS200")) < 0
                else at + end + 9
            )
        else:
            handle.seek(at)
            return at > begins
        handle.seek(at)


def _silent_frames(like: _Frame, frames: int) -> tuple[bytes, bytes]:
    """A Xing header with the count, and a frame to be taken away; of 128 kbit/s, or 80 in MPEG-2."""
    header = bytes((0xFF, like.header[1] | 1, 9 << 4 | like.header[2] & 0x0C, like.header[3]))
    silent = _frame(header)
    assert silent is not None
    count = struct.pack(">4sII", b"Xing", 1, frames + 1)
    trims = (like.samples - _DECODER_DELAY) << 12 | _DECODER_DELAY
    lame = b"LAME3.100".ljust(21, b"\0") + trims.to_bytes(3, "big")
    legend = header.ljust(silent.count_at, b"\0") + count + lame
    return legend.ljust(silent.length, b"\0"), header.ljust(silent.length, b"\0")
