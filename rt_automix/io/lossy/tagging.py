"""Tags and pictures of a lossy file, each by the name that its kind has for it.

ffmpeg passes names on as they are, so that an ISRC becomes a TSRC that no player of Ogg knows, and no pictures.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import mutagen
from mutagen.id3 import APIC, ID3, Encoding, Frames
from mutagen.mp4 import MP4, MP4Cover, MP4FreeForm

from rt_automix.errors import AudioFileError
from rt_automix.io.files import tags

_ISRC_ATOM = "----:com.apple.iTunes:ISRC"


def write(source: Path, path: Path) -> None:
    """Put what a lossless master says of itself, and its pictures, into an MP3, M4A, Opus or Vorbis file of it.

    Raises
    ------
    AudioFileError
        The file cannot be changed.

    Thread: any but audio. Allocates: yes.
    """
    texts, pictures = tags.texts(source), tags.pictures(source)
    if not texts and not pictures:
        return
    try:
        file: Any = mutagen.File(path)
        if file.tags is None:
            file.add_tags()
        is_id3 = isinstance(file.tags, ID3)
        into = _into_mp4 if isinstance(file, MP4) else _into_id3 if is_id3 else _into_comments
        into(file.tags, texts, pictures)
        file.save()
    except (mutagen.MutagenError, OSError) as error:
        raise AudioFileError(f"{path}: the tags cannot be written: {error}. Leave --deliver out.") from error


def _into_id3(found: Any, texts: dict[str, list[str]], pictures: list[Any]) -> None:
    found.delall("TXXX:isrc")
    for name, values in texts.items():
        found.setall(tags.FRAMES[name], [Frames[tags.FRAMES[name]](encoding=Encoding.UTF8, text=values)])
    for one in pictures:
        shown = {"mime": one.mime, "type": one.type, "desc": one.desc, "data": one.data}
        found.add(APIC(encoding=Encoding.UTF8, **shown))


def _into_mp4(found: Any, texts: dict[str, list[str]], pictures: list[Any]) -> None:
    if isrc := texts.get("isrc"):
        found[_ISRC_ATOM] = [MP4FreeForm(text.encode()) for text in isrc]
    if pictures:
        found["covr"] = [
            MP4Cover(one.data, MP4Cover.FORMAT_PNG if one.mime == "image/png" else MP4Cover.FORMAT_JPEG)
            for one in pictures
        ]


def _into_comments(found: Any, texts: dict[str, list[str]], pictures: list[Any]) -> None:
    if "tsrc" in found:
        del found["tsrc"]
    for name, values in texts.items():
        found[name] = values
    if pictures:
        found["metadata_block_picture"] = [base64.b64encode(one.write()).decode() for one in pictures]
