"""A song that a page sends, measured: decoded in a process of its own, within limits of time and memory.

Decoders read what strangers wrote. Whatever a file does to one, it happens to a process that holds
nothing, writes one small file in a folder of ours, and is killed when it takes too long or too much.
What it wrote is checked as any profile of a user's is.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import re
import signal
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from rt_automix.errors import AudioFileError, AutomixError
from rt_automix.io.devices.mask import start

if TYPE_CHECKING:
    from rt_automix.analysis.aim.profile import Profile

SUFFIXES = (".wav", ".flac", ".aif", ".aiff", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".wv", ".wma")
TYPES = ("audio/", "application/ogg", "application/octet-stream", "video/ogg", "video/mp4")
LIMIT_S = 90.0
"""Until the profile must be there, the start of an interpreter included."""

LONGEST_S = 3600.0
_CPU_S = 60
_MEMORY_BYTES = 4 << 30
_FILE_BYTES = 64 << 20
_LOOK_S = 0.05
_SONG, _PROFILE, _REASON = "song", "profile.toml", "reason.txt"


def suffix_of(file_name: str, content_type: str) -> str:
    """The kind of a file, as its sender says; nothing else of the name is ever used for a path.

    Raises
    ------
    AudioFileError
        It is none that can be read.
    """
    suffix = PurePosixPath(unquote(file_name)).suffix.lower()
    if suffix not in SUFFIXES:
        raise AudioFileError(f"A file of kind {suffix[:10]!r} cannot be read. Send {', '.join(SUFFIXES)}.")
    if content_type and not content_type.startswith(TYPES):
        raise AudioFileError(f"Content-Type {content_type[:40]!r} is not audio. Send audio/..., or none.")
    return suffix


def name_of(file_name: str, taken: tuple[str, ...]) -> str:
    """What to call a song's profile: harmless words of the file's name, and none of the names taken."""
    stem = PurePosixPath(unquote(file_name).replace("\\", "/")).stem
    name = " ".join(re.sub(r"[^\w-]+", " ", stem).split())[:40].strip() or "song"
    return f"{name} song" if name in taken else name


async def measured(folder: Path, song: Path, name: str, limit_s: float = LIMIT_S) -> Profile:
    """The profile of a song in a folder of ours.

    Raises
    ------
    AudioFileError
        It cannot be measured, or not within the limits.

    Thread: the server's. Allocates: yes.
    """
    from rt_automix.analysis.aim import profile

    process = multiprocessing.get_context("spawn").Process(target=_measure, args=(folder, song, name), daemon=True)
    start(process)
    try:
        async with asyncio.timeout(limit_s):
            while process.is_alive():
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        raise AudioFileError(f"{name}: not measured within {limit_s:g} s. Send a shorter piece of it.") from None
    finally:
        process.kill()
        process.join()
    with contextlib.suppress(FileNotFoundError):
        raise AudioFileError((folder / _REASON).read_text(encoding="utf-8"))
    if process.exitcode != 0 or not (folder / _PROFILE).is_file():
        raise AudioFileError(f"{name}: cannot be decoded. Is it whole, and audio?")
    return profile.load(folder / _PROFILE)


def _measure(folder: Path, song: Path, name: str) -> None:
    """In the other process: leave the profile, or the reason why there is none."""
    _confine()
    from rt_automix.analysis.aim import profile
    from rt_automix.io.files.audio import AudioReader

    try:
        with AudioReader(song) as reader:
            if reader.duration_s > LONGEST_S:
                raise AudioFileError(f"{name}: lasts longer than {LONGEST_S / 60:g} minutes. Send a song.")
            profile.measure(reader.blocks(), reader.sample_rate_hz, reader.channels, name).save(folder / _PROFILE)
    except AutomixError as error:
        (folder / _REASON).write_text(str(error).replace(str(song), name + song.suffix), encoding="utf-8")


def _confine() -> None:
    """Last in line for time, little memory, and nothing on the performer's screen."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with contextlib.suppress(ImportError, AttributeError, OSError, ValueError):
        import resource

        os.nice(10)
        for what, most in (
            (resource.RLIMIT_AS, _MEMORY_BYTES),
            (resource.RLIMIT_CPU, _CPU_S),
            (resource.RLIMIT_FSIZE, _FILE_BYTES),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(what, (most, most))
