"""What a look into a container finds: what it is, how long it is, and where in it the decoder should look."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import dataclass
from typing import BinaryIO

Piece = bytes | tuple[int, int]
"""Bytes that are put in, or (start, length) of bytes of the file."""


@dataclass(frozen=True)
class Stream:
    """Pieces that together are a file which the decoder reads whole and right."""

    pieces: tuple[Piece, ...]

    def put_together(self, source: BinaryIO) -> BinaryIO:
        """A temporary file without a name."""
        whole: BinaryIO = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  (the caller closes it)
        for piece in self.pieces:
            if not isinstance(piece, bytes):
                source.seek(piece[0])
                piece = source.read(piece[1])
            if whole.write(piece) != len(piece):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole.seek(0)
        return whole


@dataclass(frozen=True)
class Raw:
    """Samples that lie bare in a file whose header would mislead the decoder."""

    start: int
    rate_hz: int
    channels: int
    subtype: str
    """The decoder's name for the encoding."""


@dataclass(frozen=True)
class Container:
    """What a file's container says about itself.

    `samples` is the true length where the decoder is known to guess it, else None. `raw` or `streams`
    say where to look, if not in the file as it is; the streams are one song. `is_foreign` is a format
    that only PyAV or ffmpeg know right. `mask` is a WAV's channel mask, 0 where it says none.
    """

    name: str
    samples: int | None = None
    raw: Raw | None = None
    streams: tuple[Stream, ...] = ()
    notes: tuple[str, ...] = ()
    is_foreign: bool = False
    mask: int = 0


class Broken(Exception):
    """The promise is not kept from `at_s` on; there should be `of_s` seconds, if that is known."""

    def __init__(self, at_s: float, of_s: float = 0.0, what: str = "") -> None:
        super().__init__(at_s, of_s, what)
        self.at_s, self.of_s, self.what = at_s, max(of_s, at_s), what
