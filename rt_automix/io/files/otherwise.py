"""Tags where the usual place has none: APE behind an MP3, WMA's names, a cover in APE, what only a decoder reads."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from mutagen.apev2 import APENoHeaderError, APEv2
from mutagen.asf import ASFTags
from mutagen.flac import Picture

ASF = (
    ("title", "Title"), ("artist", "Author"), ("album", "WM/AlbumTitle"), ("albumartist", "WM/AlbumArtist"),
    ("composer", "WM/Composer"), ("date", "WM/Year"), ("tracknumber", "WM/TrackNumber"),
    ("discnumber", "WM/PartOfSet"), ("genre", "WM/Genre"), ("comment", "Description"), ("copyright", "Copyright"),
    ("isrc", "WM/ISRC"),
)  # fmt: skip
ASF_OF_THE_FILE = {"WM/EncodingSettings", "WM/EncodingTime", "WMFSDKVersion", "WMFSDKNeeded", "IsVBR"}
_COVER = "Cover Art (Front)"
_MAGICS = {b"\x1aE\xdf\xa3", b"caff", b".snd"}
"""Of Matroska and WebM, CAF and AU, which mutagen does not read."""
_NAMES = {"album_artist": "albumartist", "track": "tracknumber", "disc": "discnumber"}
_OF_THE_FILE = {"encoder", "duration"}


def ape(path: Path) -> APEv2 | None:
    """The APE tag at the end of a file, or None. Thread: any but audio. Allocates: yes."""
    try:
        return APEv2(path)
    except APENoHeaderError:
        return None


def asf_texts(tags: ASFTags) -> dict[str, list[str]]:
    """Values of a WMA by Vorbis comment name. Thread: any but audio. Allocates: yes."""
    found = {name: [str(value) for value in tags.get(own, [])] for name, own in ASF}
    own_names = {name: [str(value) for value in tags.get(name, [])] for name, _ in ASF}  # as ffmpeg writes some
    return {
        name: list(dict.fromkeys(values or own_names[name]))
        for name, values in found.items()
        if values or own_names[name]
    }


def ape_cover(tags: APEv2) -> list[Picture]:
    """The front cover of an APE tag: a file's name, a zero, the picture. Thread: any but audio. Allocates: yes."""
    if _COVER not in tags:
        return []
    picture = Picture()
    picture.data, picture.type = bytes(tags[_COVER].value).partition(b"\0")[2], 3
    picture.mime = "image/png" if picture.data[:4] == b"\x89PNG" else "image/jpeg"
    return [picture]


def by_decoder(path: Path) -> dict[str, list[str]]:
    """What PyAV or ffmpeg find in a Matroska, WebM, CAF or AU, by Vorbis comment name.

    Thread: any but audio. Allocates: yes.
    """
    with path.open("rb") as handle:
        if handle.read(4) not in _MAGICS:
            return {}
    try:
        found = _by_pyav(path)
    except ImportError:
        found = _by_ffmpeg(path)
    names = ((_NAMES.get(name.lower(), name.lower()), text) for name, text in found.items())
    return {name: [text] for name, text in names if name not in _OF_THE_FILE}


def _by_pyav(path: Path) -> dict[str, str]:
    import av

    with path.open("rb") as handle, av.open(handle, metadata_errors="replace") as container:
        found: dict[str, Any] = {**container.streams.audio[0].metadata, **container.metadata}
        return found | ({"chapters": "some"} if container.chapters() else {})


def _by_ffmpeg(path: Path) -> dict[str, str]:
    """The same from the text that ffmpeg writes: name=value, and a heading before each chapter."""
    command = ["ffmpeg", "-v", "quiet", "-nostdin", "-i", str(path.absolute()), "-f", "ffmetadata", "-"]
    text = subprocess.run(command, capture_output=True).stdout.decode(errors="replace")
    whole, *chapters = text.split("\n[")
    lines = (line.partition("=") for line in whole.splitlines() if not line.startswith(";"))
    found = {name: value for name, equals, value in lines if equals}
    return found | ({"chapters": "some"} if any(part.startswith("CHAPTER") for part in chapters) else {})
