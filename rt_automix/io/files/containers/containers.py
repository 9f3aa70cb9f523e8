"""Is an audio file whole, and what is it? Read from its container, because the decoder does not say.

Measured on the decoder in use: it ends a cut WAV, AIFF, FLAC, MP3 or OGG early and raises nothing. What a
format promises is therefore held against what is there before a sample is decoded:

- WAV, W64, AIFF: the length of the data chunk against the size of the file (`riff`);
- FLAC: the last frame against the total in STREAMINFO (`flac`); its MD5 is left to the decoder's side;
- MP3: the chain of frame headers, and the count in a Xing or Info header (`mpeg`). A stream without that
  header promises no length, so only a hole in it can be seen;
- OGG: every page's checksum, and the last page's end-of-stream mark (`ogg`).

A promise that cannot be true, as programs make it that write into a pipe, means "to the end of the file".
"""

from __future__ import annotations

import os
import shlex
import struct
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from rt_automix.errors import AudioFileError
from rt_automix.io.files.containers import flac, mpeg, ogg, riff
from rt_automix.io.files.containers.pieces import Broken, Container, Stream


def inspect(path: Path) -> Container:
    """Read a file's container and make sure that the file is whole.

    Raises
    ------
    AudioFileError
        The file breaks off or has a hole; the message names the second.

    Thread: main. Allocates: yes.
    """
    try:
        with path.open("rb") as handle:
            return _inspect(handle, os.fstat(handle.fileno()).st_size)
    except Broken as broken:
        what = broken.what or "is cut off or damaged"
        raise AudioFileError(
            f"{path}: the file {what} {broken.at_s:.2f} s into its {broken.of_s:.2f} s. "
            f"Copy it again; or keep what can be saved of it with {ffmpeg(path, 'saved.wav')}."
        ) from None
    except (struct.error, IndexError, ValueError, ArithmeticError) as error:
        raise AudioFileError(f"{path}: the header is damaged. Copy the file again, or choose another.") from error
    except OSError as error:
        raise AudioFileError(f"{path}: cannot be read: {error.strerror}. Copy it to another disk.") from error


def _inspect(handle: BinaryIO, file_bytes: int) -> Container:
    magic = handle.read(12)
    if magic[:4] in riff.ORDERS and magic[8:] == b"WAVE":
        return riff.inspect_wav(handle, file_bytes, magic[:4])
    if magic[:4] == b"FORM" and magic[8:] in (b"AIFF", b"AIFC"):
        return riff.inspect_aiff(handle, file_bytes)
    if magic[:4] == b"riff":
        return riff.inspect_w64(handle, file_bytes)
    if magic[:4] == b"OggS":
        return ogg.inspect(handle)
    start = flac.end_of_id3(handle)
    handle.seek(start)
    head = handle.read(4)
    handle.seek(start)
    if start > 0 and head in riff.ORDERS:
        return _behind_id3(handle, file_bytes, start)
    if head == b"fLaC":
        return flac.inspect(handle, file_bytes)
    is_like_mpeg = start > 0 or (head[:1] == b"\xff" and head[1:2] >= b"\xe0") or not head.strip(b"\0")
    found = mpeg.inspect(handle, file_bytes) if is_like_mpeg else mpeg.inspect_behind(handle, file_bytes)
    return found or Container("", is_foreign=True)


def _behind_id3(handle: BinaryIO, file_bytes: int, start: int) -> Container:
    """A WAV behind an ID3 tag, where the decoder does not look for one."""
    rest = Stream(((start, file_bytes - start),))
    with rest.put_together(handle) as bare:
        return replace(_inspect(bare, file_bytes - start), streams=(rest,))


def ffmpeg(path: Path, arguments: str) -> str:
    """The command that mends a file, to end an error message with; it keeps every bit and every over."""
    name = f"file:{path}" if ":" in str(path) else str(path)
    *options, target = arguments.split(" ")
    return f"`ffmpeg -i {shlex.quote(name)} {' '.join([*options, '-c:a pcm_f32le', target])}`"
