"""Is an audio file whole? Read from its container, because the decoder does not say.

Measured on the decoder in use: it fills whatever is missing from a cut or damaged WAV, AIFF, FLAC or
MP3 with digital silence, ends a cut OGG early, and raises nothing. What a format promises is therefore
held against what is there before a sample is decoded:

- WAV, AIFF: the length of the data chunk against the size of the file;
- FLAC: the last frame against the total in STREAMINFO (RFC 9639); its MD5 is left to the reader;
- MP3 (MPEG-1 layer III): the chain of frame headers, and the count in a Xing or Info header.
  A stream without that header promises no length, so only a hole in it can be seen;
- OGG: every page's checksum, and the last page's end-of-stream mark (RFC 3533).
"""

from __future__ import annotations

import os
import shlex
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rt_automix.errors import AudioFileError


@dataclass(frozen=True)
class Container:
    """What a file's container says about itself.

    `samples` is the true length where the decoder is known to guess it, else None; `md5` is the
    checksum of the decoded integers (FLAC), else empty.
    """

    name: str
    samples: int | None = None
    md5: bytes = b""


class _Broken(Exception):
    """The promise is not kept from this point on; the argument is a time in seconds."""


def inspect(path: Path, samples: int, sample_rate_hz: int) -> Container:
    """Read a file's container and make sure that the file is whole.

    Parameters
    ----------
    path : Path
        A file that the decoder has opened.
    samples : int
        What the decoder takes its length to be, per channel.
    sample_rate_hz : int
        In Hz.

    Raises
    ------
    AudioFileError
        The file breaks off or has a hole; the message names the second.

    Thread: main. Allocates: yes.
    """
    duration_s = samples / sample_rate_hz
    try:
        with path.open("rb") as handle:
            return _inspect(handle, duration_s, sample_rate_hz)
    except _Broken as broken:
        at_s = broken.args[0]
        raise AudioFileError(
            f"{path}: the file is cut off or damaged {at_s:.2f} s into its {max(duration_s, at_s):.2f} s. "
            f"Copy it again; or keep what can be saved of it with {ffmpeg(path, 'saved.wav')}."
        ) from None
    except (struct.error, IndexError) as error:
        raise AudioFileError(f"{path}: the header is damaged. Copy the file again, or choose another.") from error
    except OSError as error:
        raise AudioFileError(f"{path}: cannot be read: {error.strerror}. Copy it to another disk.") from error


def _inspect(handle: BinaryIO, duration_s: float, sample_rate_hz: int) -> Container:
    file_bytes = os.fstat(handle.fileno()).st_size
    magic = handle.read(12)
    if magic[:4] in (b"RIFF", b"RF64", b"BW64"):
        return _inspect_wav(handle, file_bytes, duration_s)
    if magic[:4] == b"FORM":
        return _inspect_aiff(handle, file_bytes, duration_s, compressed=magic[8:] != b"AIFF")
    handle.seek(0)
    if magic[:4] == b"OggS":
        return _inspect_ogg(handle, sample_rate_hz)
    handle.seek(_end_of_id3(handle))
    if handle.read(4) == b"fLaC":
        return _inspect_flac(handle, file_bytes)
    handle.seek(-4, os.SEEK_CUR)
    return _inspect_mp3(handle, file_bytes, duration_s)


def ffmpeg(path: Path, arguments: str) -> str:
    """The command that mends a file, to end an error message with."""
    return f"`ffmpeg -i {shlex.quote(str(path))} {arguments}`"


def riff_chunks(handle: BinaryIO, length_format: str = "<I") -> Iterator[tuple[bytes, int]]:
    """Each chunk of a RIFF or IFF file as (name, bytes promised), the handle at its first byte."""
    start = 12
    while True:
        handle.seek(start)
        header = handle.read(8)
        if len(header) < 8:
            return
        length = struct.unpack(length_format, header[4:])[0]
        yield header[:4], length
        start += 8 + length + length % 2


_SOUND = (b"fmt ", b"fact", b"PEAK", b"data", b"JUNK", b"PAD ")
"""Chunks of a WAV file that hold the sound, say how it is stored, or are empty."""


def may_have_tags(path: Path) -> bool:
    """Whether anything is in a file that could be a tag: False only for a WAV that holds sound and nothing else.

    Thread: main. Allocates: yes.
    """
    try:
        with path.open("rb") as handle:
            if handle.read(12)[8:] != b"WAVE":
                return True
            return any(name not in _SOUND for name, _ in riff_chunks(handle))
    except OSError:
        return True


def _inspect_wav(handle: BinaryIO, file_bytes: int, duration_s: float) -> Container:
    unknown = 0xFFFFFFFF
    pcm, floating, extensible = 1, 3, 0xFFFE
    wide_length, sample_bytes = unknown, 0
    for name, length in riff_chunks(handle):
        if name == b"ds64":
            wide_length = struct.unpack("<8xQ", handle.read(16))[0]
        elif name == b"fmt ":
            encoding, block_align = struct.unpack("<H10xH", handle.read(14))
            sample_bytes = block_align if encoding in (pcm, floating, extensible) else 0
        elif name == b"data":
            present = file_bytes - handle.tell()
            promised = wide_length if length == unknown else length
            if promised != unknown:
                _require(present, promised, duration_s)
            elif sample_bytes:  # written to a pipe: the length could not be filled in afterwards
                return Container("WAV", samples=present // sample_bytes)
            break
    return Container("WAV")


def _inspect_aiff(handle: BinaryIO, file_bytes: int, duration_s: float, compressed: bool) -> Container:
    held = 0
    for name, length in riff_chunks(handle, ">I"):
        if name == b"COMM" and not compressed:
            channels, frames, bits = struct.unpack(">HIH", handle.read(8))
            held = frames * channels * -(-bits // 8)
        elif name == b"SSND":
            _require(file_bytes - handle.tell(), max(length, held), duration_s)
            return Container("AIFF")
    raise _Broken(0.0)


def _require(present: int, promised: int, duration_s: float) -> None:
    if present < promised:
        raise _Broken(duration_s * present / promised)


def _inspect_flac(handle: BinaryIO, file_bytes: int) -> Container:
    handle.read(4)
    block_samples = struct.unpack(">H", handle.read(2))[0]
    handle.read(8)
    packed = int.from_bytes(handle.read(8), "big")
    sample_rate_hz, bits, total = packed >> 44, (packed >> 36 & 31) + 1, packed & (1 << 36) - 1
    md5 = handle.read(16)
    handle.seek(max(handle.tell(), file_bytes - (1 << 19)))  # far more than the longest usual frame
    spans = [span for span in _flac_frames(handle.read(), block_samples) if span[1] <= total]
    if total and (not spans or spans[-1][1] < total):
        raise _Broken((spans[-1][0] if spans else 0) / sample_rate_hz)
    return Container("FLAC", md5=md5 if any(md5) and bits in (16, 24) else b"")


def _flac_frames(data: bytes, block_samples: int) -> Iterator[tuple[int, int]]:
    """First and past-the-end sample of each frame whose header is in `data` (RFC 9639, section 9.1)."""
    at = data.find(b"\xff")
    while 0 <= at < len(data) - 16:
        header = data[at : at + 16]
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


_MP3_FRAME_SAMPLES = 1152
_MP3_BITRATES_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_MP3_RATES_HZ = (44100, 48000, 32000, 0)


def _end_of_id3(handle: BinaryIO) -> int:
    """Where the ID3v2 tags at the head of a file end."""
    start = 0
    while True:
        handle.seek(start)
        header = handle.read(10)
        if len(header) < 10 or header[:3] != b"ID3":
            return start
        length = 0
        for byte in header[6:]:
            length = length << 7 | byte & 0x7F
        start += 10 + length + (10 if header[5] & 0x10 else 0)


def _mp3_frame_bytes(header: bytes) -> int:
    """Length of the MPEG-1 layer III frame that starts with these four bytes; 0 if none does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xFE != 0xFA:
        return 0
    rate_hz = _MP3_RATES_HZ[header[2] >> 2 & 3]
    bitrate_kbps = _MP3_BITRATES_KBPS[header[2] >> 4]
    return 144000 * bitrate_kbps // rate_hz + (header[2] >> 1 & 1) if rate_hz and bitrate_kbps else 0


def _next_mp3_frame(handle: BinaryIO) -> bool:
    """Move to the next place where two frames follow each other; False if there is none near."""
    start = handle.tell()
    data = handle.read(1 << 20)
    at = data.find(b"\xff")
    while at >= 0:
        frame_bytes = _mp3_frame_bytes(data[at : at + 4])
        if frame_bytes and _mp3_frame_bytes(data[at + frame_bytes : at + frame_bytes + 4]):
            handle.seek(start + at)
            return True
        at = data.find(b"\xff", at + 1)
    return False


def _inspect_mp3(handle: BinaryIO, file_bytes: int, duration_s: float) -> Container:
    if not _next_mp3_frame(handle):
        _require(file_bytes, int(4000 * duration_s), duration_s)  # 32 kbit/s is the least there is
        return Container("MPEG audio")
    start = handle.tell()
    first = handle.read(48)
    rate_hz = _MP3_RATES_HZ[first[2] >> 2 & 3]
    marker = max(first.find(b"Xing", 0, 40), first.find(b"Info", 0, 40))
    frame_bytes = _mp3_frame_bytes(first)
    promised = 0
    if marker >= 0:
        flags, promised = struct.unpack(">II", first[marker + 4 : marker + 12])
        promised = promised if flags & 1 else 0
        start += frame_bytes
    handle.seek(start)
    frames = 0
    while (frame_bytes := _mp3_frame_bytes(handle.read(4))) and handle.tell() - 4 + frame_bytes <= file_bytes:
        handle.seek(frame_bytes - 4, os.SEEK_CUR)
        frames += 1
    at_s = frames * _MP3_FRAME_SAMPLES / rate_hz
    if not frame_bytes and handle.tell() < file_bytes and _next_mp3_frame(handle):
        raise _Broken(at_s)
    # Some encoders count the frame that carries the promise, so one may be missing without a stump.
    if frames < promised - (0 if frame_bytes else 1):
        raise _Broken(at_s)
    return Container("MP3", samples=frames * _MP3_FRAME_SAMPLES)


_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _ogg_crc(page: bytes) -> int:
    """OGG's checksum (RFC 3533, section 6) by way of zlib's, which runs over mirrored bits."""
    crc = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)


def _inspect_ogg(handle: BinaryIO, sample_rate_hz: int) -> Container:
    streams, granule, earlier_samples, ended = 0, 0, 0, True
    while header := handle.read(27):
        table = handle.read(header[26]) if header[:4] == b"OggS" and len(header) == 27 else b""
        body = handle.read(sum(table))
        if not table or _ogg_crc(header[:22] + bytes(4) + header[26:] + table + body) != _little(header[22:26]):
            break
        flags, position = header[5], _little(header[6:14])
        if flags & 2 and ended:
            streams, earlier_samples, granule = streams + 1, earlier_samples + granule, 0
        ended = bool(flags & 4)
        if position < 1 << 63:  # else: no packet ends on this page
            granule = position
    if not ended:
        raise _Broken((earlier_samples + granule) / sample_rate_hz)
    return Container("OGG", samples=earlier_samples + granule if streams > 1 else None)


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
