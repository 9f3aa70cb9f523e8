"""Tags (title, artist, ...) carried from one audio file to another.

Only what stays true of a remastered song is copied: ReplayGain and the like measure the old audio.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import mutagen
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3, Encoding, Frames
from mutagen.wave import WAVE

from rt_automix.io.files import riff

# Vorbis comment, ID3v2.4 frame, RIFF INFO chunk.
_FIELDS = (
    ("title", "TIT2", b"INAM"),
    ("artist", "TPE1", b"IART"),
    ("album", "TALB", b"IPRD"),
    ("albumartist", "TPE2", b""),
    ("composer", "TCOM", b""),
    ("date", "TDRC", b"ICRD"),
    ("tracknumber", "TRCK", b"IPRT"),
    ("discnumber", "TPOS", b""),
    ("genre", "TCON", b"IGNR"),
    ("comment", "COMM", b"ICMT"),
    ("copyright", "TCOP", b"ICOP"),
    ("isrc", "TSRC", b""),
)


def copy(source: Path, target: Path) -> str:
    """Copy text and pictures of any readable audio file into a WAV (ID3 chunk) or FLAC (Vorbis comment).

    Parameters
    ----------
    source, target : Path
        `target` is changed in place.

    Returns
    -------
    str : one line on what could not be kept, empty if nothing was lost. Tags are never a reason to fail.

    Thread: main. Allocates: yes.
    """
    try:
        file = mutagen.File(source)
        texts, pictures = _read_texts(file, source), _read_pictures(file)
        if texts or pictures:
            _write(target, texts, pictures)
    except Exception as error:
        return f"{source}: the tags could not be copied ({error})."
    return ""


def _read_texts(file: Any, path: Path) -> dict[str, list[str]]:
    """Values by Vorbis comment name."""
    found = file.tags if file is not None else None
    if isinstance(found, ID3):
        # A comment with a description belongs to a program; some programs put the user's own in TXXX.
        frames = {name: [f for f in found.getall(frame) if not getattr(f, "desc", "")] for name, frame, _ in _FIELDS}
        frames["comment"] += found.getall("TXXX:comment")
        return {name: [str(text) for text in same[0].text] for name, same in frames.items() if same}
    if found:
        comment = {"comment": list(found["description"])} if "description" in found else {}
        return comment | {name: list(found[name]) for name, _, _ in _FIELDS if name in found}
    return _read_info(path)


def _read_pictures(file: Any) -> list[Picture]:
    found = file.tags if file is not None else None
    if isinstance(found, ID3):
        return [_convert(frame, Picture()) for frame in found.getall("APIC")]
    if isinstance(file, FLAC):
        return list(file.pictures)
    return [Picture(base64.b64decode(text)) for text in (found or {}).get("metadata_block_picture", [])]


def _convert(picture: Any, into: Any) -> Any:
    for attribute in ("mime", "type", "desc", "data"):
        setattr(into, attribute, getattr(picture, attribute))
    return into


def _read_info(path: Path) -> dict[str, list[str]]:
    """The INFO list of a WAV file, which many programs write in place of ID3."""
    names = {chunk: name for name, _, chunk in _FIELDS if chunk}
    found = {}
    with path.open("rb") as handle:
        if handle.read(12)[8:] != b"WAVE":
            return {}
        lists = [handle.read(length) for name, length in riff.chunks(handle) if name == b"LIST"]
    for chunk in lists:
        at = 4
        while chunk[:4] == b"INFO" and at + 8 <= len(chunk):
            length = int.from_bytes(chunk[at + 4 : at + 8], "little")
            name = names.get(chunk[at : at + 4])
            if name:
                text = chunk[at + 8 : at + 8 + length].rstrip(b"\0")
                found[name] = [text.decode("utf-8", errors="replace")]
            at += 8 + length + length % 2
    return found


def _write(path: Path, texts: dict[str, list[str]], pictures: list[Picture]) -> None:
    file: Any = mutagen.File(path, options=[FLAC, WAVE])
    if file.tags is None:
        file.add_tags()
    if isinstance(file, FLAC):
        for name, values in texts.items():
            file[name] = values
        for picture in pictures:
            file.add_picture(picture)
    else:
        for name, frame, _ in _FIELDS:
            if name in texts:
                file.tags.add(Frames[frame](encoding=Encoding.UTF8, text=texts[name]))
        for picture in pictures:
            file.tags.add(_convert(picture, APIC(encoding=Encoding.UTF8)))
    file.save()
