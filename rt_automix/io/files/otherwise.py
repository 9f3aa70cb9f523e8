"""Tags under other names: WMA's, a cover in APE, and what only a decoder reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rt_automix.io.files import foreign

ASF = (
    ("title", "Title"), ("artist", "Author"), ("album", "WM/AlbumTitle"), ("albumartist", "WM/AlbumArtist"),
    ("composer", "WM/Composer"), ("date", "WM/Year"), ("tracknumber", "WM/TrackNumber"),
    ("discnumber", "WM/PartOfSet"), ("genre", "WM/Genre"), ("comment", "Description"), ("copyright", "Copyright"),
    ("isrc", "WM/ISRC"),
)  # fmt: skip
ASF_OF_THE_FILE = {"WM/EncodingSettings", "WM/EncodingTime", "WMFSDKVersion", "WMFSDKNeeded", "IsVBR"}
APE_COVER = "Cover Art (Front)"
_MAGICS = {b"\x1aE\xdf\xa3", b"caff", b".snd", b"TTA1"}
"""Of Matroska and WebM, CAF, AU and, where the tag is APE's, TTA, which mutagen does not read."""
_MOVIE = b"ftypqt  "
"""At the fifth byte of a QuickTime film, whose tags lie elsewhere than an MP4's."""
_NAMES = {"album_artist": "albumartist", "track": "tracknumber", "disc": "discnumber"}
_OF_THE_FILE = {
    "encoder", "duration", "major_brand", "minor_version", "compatible_brands", "creation_time", "handler_name",
    "language", "vendor_id", "timecode",
}  # fmt: skip


def asf_texts(tags: Any) -> dict[str, list[str]]:
    """Values of a WMA by Vorbis comment name. Thread: any but audio. Allocates: yes."""
    found = {name: [str(value) for value in tags.get(own, [])] for name, own in ASF}
    own_names = {name: [str(value) for value in tags.get(name, [])] for name, _ in ASF}  # as ffmpeg writes some
    return {
        name: list(dict.fromkeys(values or own_names[name]))
        for name, values in found.items()
        if values or own_names[name]
    }


def ape_cover(tags: Any) -> bytes:
    """The front cover of an APE tag, behind a file's name and a zero; empty where there is none.

    Thread: any but audio. Allocates: yes.
    """
    return bytes(tags[APE_COVER].value).partition(b"\0")[2] if APE_COVER in tags else b""


def is_for_decoder(path: Path) -> bool:
    """Whether only PyAV or ffmpeg find all that it says of itself. Thread: any but audio. Allocates: yes."""
    with path.open("rb") as handle:
        head = handle.read(12)
    return head[:4] in _MAGICS or head[4:] == _MOVIE


def by_decoder(path: Path) -> dict[str, list[str]]:
    """What PyAV or ffmpeg find, by Vorbis comment name, where nobody else does.

    Thread: any but audio. Allocates: yes.
    """
    if not is_for_decoder(path):
        return {}
    names = ((_NAMES.get(name.lower(), name.lower()), text) for name, text in foreign.texts(path).items())
    return {name: [text] for name, text in names if name not in _OF_THE_FILE}
