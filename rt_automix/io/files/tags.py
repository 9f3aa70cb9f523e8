"""Tags (title, artist, ...) and markers carried from one audio file to another.

Only what stays true of a remastered song is copied. ReplayGain and the like measure the old audio: where
a file has them they are written afresh. What is lost is named.
"""

from __future__ import annotations

import base64
import contextlib
import re
from pathlib import Path
from typing import Any

import mutagen
from mutagen.apev2 import APENoHeaderError, APEv2
from mutagen.asf import ASFTags
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3, TXXX, Encoding, Frames
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4, MP4Cover, MP4FreeForm, MP4Tags
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from rt_automix.analysis.recordings.measure import Measurement
from rt_automix.dsp.loudness import loudness
from rt_automix.errors import AudioFileError
from rt_automix.io.files import gains, otherwise
from rt_automix.io.files.containers import chunks
from rt_automix.units import lin_from_db

# Vorbis comment, ID3v2.4 frame, RIFF INFO chunks.
_FIELDS: tuple[tuple[str, str, tuple[bytes, ...]], ...] = (
    ("title", "TIT2", (b"INAM",)),
    ("artist", "TPE1", (b"IART",)),
    ("album", "TALB", (b"IPRD",)),
    ("albumartist", "TPE2", ()),
    ("composer", "TCOM", (b"IMUS",)),
    ("date", "TDRC", (b"ICRD",)),
    ("tracknumber", "TRCK", (b"ITRK", b"IPRT")),
    ("discnumber", "TPOS", ()),
    ("genre", "TCON", (b"IGNR",)),
    ("comment", "COMM", (b"ICMT",)),
    ("copyright", "TCOP", (b"ICOP",)),
    ("isrc", "TSRC", ()),
)
_MP4 = (
    ("title", "\xa9nam"), ("artist", "\xa9ART"), ("album", "\xa9alb"), ("albumartist", "aART"), ("composer", "\xa9wrt"),
    ("date", "\xa9day"), ("genre", "\xa9gen"), ("comment", "\xa9cmt"), ("copyright", "cprt"),
)  # fmt: skip
_MP4_NUMBERS = (("tracknumber", "trkn"), ("discnumber", "disk"))
_NAMES = {name for name, _, _ in _FIELDS}
_FRAMES = {frame for _, frame, _ in _FIELDS}
_INFO_CHUNKS = {chunk for _, _, names in _FIELDS for chunk in names}
_NO_LOSS = (
    "encoder", "metadata_block_picture", "year", "waveformatextensible_channel_mask", "TSSE", "TENC", "TLEN",
    "APIC", "covr", "ISFT",
)  # fmt: skip
"""What is of the file and not of the song, or carried under another name."""


_OF_NOBODY = ("", "ID3v1 Comment")
"""Descriptions that are none: the second is mutagen's own."""

_ISO_DATE = re.compile(r"\d{4}(-\d\d(-\d\d([T ].*)?)?)?")


def copy(source: Path, target: Path, measured: Measurement | None = None, is_aligned: bool = True) -> str:
    """Copy text, pictures and markers of any readable audio file into a WAV (ID3 chunk) or FLAC (Vorbis comment).

    Parameters
    ----------
    source, target : Path
        `target` is changed in place.
    measured : Measurement, optional
        Of the target: what the source's loudness tags say anew.
    is_aligned : bool
        A sample of the target is one of the source; else markers are lost.

    Returns
    -------
    str : one line on what could not be kept, empty if nothing was lost. Tags are never a reason to fail.

    Thread: main. Allocates: yes.
    """
    try:
        file, found = _open(source)
        beside = _beside(source, file)
        carried = chunks.read(source, keeps_chunks=is_aligned and not _starts(target, b"fLaC"))
        texts = _from_info(carried.texts) | _read_texts(beside) | _read_texts(found)
        pictures = _read_pictures(file, found) or _read_pictures(None, beside)
        own = _gains(measured) if _has_gain(found) or _has_gain(beside) else {}
        if texts or pictures or own:
            _write(target, texts, pictures, own)
        if carried.kept:
            chunks.insert(target, carried.kept, measured)
        lost = [*carried.lost, *_lost(found, carried.texts), *_lost(beside, {}), *_lost_places(file)]
    except Exception as error:
        return f"{source}: the tags could not be copied ({error})."
    return f"{source}: not kept, as it may not be true of the master: {', '.join(sorted(set(lost)))}." if lost else ""


def texts(source: Path) -> dict[str, list[str]]:
    """Values by Vorbis comment name, such as ``tracknumber``, of any readable audio file; none where there are none.

    Thread: any but audio. Allocates: yes.
    """
    try:
        carried = chunks.read(source, keeps_chunks=False)
        return _from_info(carried.texts) | _read_texts(_open(source)[1])
    except Exception:
        return {}


def mask_of_flac(path: Path) -> int:
    """The channel mask that a FLAC has in a comment; 0 where there is none. Thread: any but audio. Allocates: yes."""
    try:
        return int(FLAC(path)["waveformatextensible_channel_mask"][0], 0)
    except (mutagen.MutagenError, KeyError, ValueError):
        return 0


def _starts(path: Path, *magic: bytes) -> bool:
    with path.open("rb") as handle:
        return handle.read(4) in magic


def _open(path: Path) -> tuple[Any, Any]:
    """The file as mutagen sees it, and its tags; both may be None."""
    file = None if _starts(path, b"RF64", b"BW64", b"RIFX") else _seen(path)  # it knows RIFF alone
    if file is None or (not file.tags and otherwise.is_for_decoder(path)):
        return None, otherwise.by_decoder(path)
    if isinstance(file, MP3) and not file.tags:
        with contextlib.suppress(APENoHeaderError):
            return file, APEv2(path)
    return file, file.tags


def _beside(path: Path, file: Any) -> Any:
    """A second tag of an MP3, as programs leave it that write its loudness; None where there is none."""
    if isinstance(file, MP3) and isinstance(file.tags, ID3):
        with contextlib.suppress(APENoHeaderError):
            return APEv2(path)
    return None


def _seen(path: Path) -> Any:
    """What mutagen makes of a file; nothing of a WAV whose lengths were never filled in, which ends it."""
    try:
        return mutagen.File(path)
    except mutagen.MutagenError:
        if _starts(path, b"RIFF"):
            return None
        raise


def _read_texts(found: Any) -> dict[str, list[str]]:
    """Values by Vorbis comment name."""
    if isinstance(found, ID3):
        # A comment with a description belongs to a program; some programs put the user's own in TXXX.
        frames = {
            name: [f for f in found.getall(frame) if getattr(f, "desc", "") in _OF_NOBODY] for name, frame, _ in _FIELDS
        }
        frames["comment"] += found.getall("TXXX:comment")
        return {name: [str(text) for text in same[0].text] for name, same in frames.items() if same}
    if isinstance(found, MP4Tags):
        numbers = {
            name: ["/".join(str(n) for n in found[atom][0] if n)] for name, atom in _MP4_NUMBERS if atom in found
        }
        return numbers | {name: list(map(str, found[atom])) for name, atom in _MP4 if atom in found}
    if isinstance(found, ASFTags):
        return otherwise.asf_texts(found)
    aliases = {"comment": "description", "date": "year", "tracknumber": "track"}
    values = {name: (found or {}).get(name) or (found or {}).get(aliases.get(name, name)) for name in _NAMES}
    return {name: [str(text) for text in texts] for name, texts in values.items() if texts}


def _from_info(texts: dict[bytes, str]) -> dict[str, list[str]]:
    """The INFO list of a WAV file, which many programs write in place of ID3."""
    values = {name: [texts[chunk] for chunk in names if texts.get(chunk)][:1] for name, _, names in _FIELDS}
    return {name: value for name, value in values.items() if value}


def _read_pictures(file: Any, found: Any) -> list[Picture]:
    if isinstance(found, ID3):
        return [_convert(frame, Picture()) for frame in found.getall("APIC")]
    if isinstance(found, MP4Tags):
        return [_picture(bytes(c), c.imageformat == MP4Cover.FORMAT_PNG) for c in found.get("covr", [])]
    if isinstance(file, FLAC):
        return list(file.pictures)
    if isinstance(found, APEv2):
        data = otherwise.ape_cover(found)
        return [_picture(data, data[:4] == b"\x89PNG")] if data else []
    return [Picture(base64.b64decode(text)) for text in (found or {}).get("metadata_block_picture", [])]


def _picture(data: bytes, is_png: bool) -> Picture:
    """A front cover."""
    picture = Picture()
    picture.data, picture.type, picture.mime = data, 3, "image/png" if is_png else "image/jpeg"
    return picture


def _convert(picture: Any, into: Any) -> Any:
    for attribute in ("mime", "type", "desc", "data"):
        setattr(into, attribute, getattr(picture, attribute))
    return into


def _measured_name(key: str) -> bool:
    return "replaygain" in key.lower() or "r128_" in key.lower() or key.startswith(("RVA2", "RGAD", "iTunNORM"))


def _has_gain(found: Any) -> bool:
    return any(_measured_name(key) for key in _keys(found))


def _keys(found: Any) -> list[str]:
    return [str(key) for key in found.keys()] if found else []  # noqa: SIM118  (an ID3 iterates over nothing else)


def _gains(measured: Measurement | None) -> dict[str, str]:
    """ReplayGain of the master; none where nothing can be heard."""
    if measured is None or measured.integrated_lufs <= loudness.GATE_LUFS:
        return {}
    return {
        "REPLAYGAIN_TRACK_GAIN": f"{gains.REPLAYGAIN_LUFS - measured.integrated_lufs:.2f} dB",
        "REPLAYGAIN_TRACK_PEAK": f"{lin_from_db(measured.true_peak_dbtp):.6f}",
    }


def _lost(found: Any, info: dict[bytes, str]) -> list[str]:
    """Names of tags that are in none of the fields."""
    known = {*_NAMES, *_NO_LOSS, "track", "description"}
    keys = [key.split(":")[0] if isinstance(found, ID3) else key for key in _keys(found)]
    if isinstance(found, MP4Tags):
        known |= {atom for _, atom in (*_MP4, *_MP4_NUMBERS)} | {"\xa9too", "----:com.apple.iTunes:iTunSMPB"}
    if isinstance(found, ASFTags):
        known |= {name for _, name in otherwise.ASF} | otherwise.ASF_OF_THE_FILE
    if isinstance(found, APEv2):
        known |= {otherwise.APE_COVER}
    other = [key for key in keys if key not in _FRAMES and key.lower() not in known and key not in known]
    other = [key for key in other if key != "TXXX" and not _measured_name(key)]
    if isinstance(found, ID3):
        other += [f"TXXX {f.desc}" for f in found.getall("TXXX") if f.desc != "comment" and not _measured_name(f.desc)]
    other += [chunk.decode("latin-1") for chunk in info if chunk not in _INFO_CHUNKS and chunk != b"ISFT"]
    if not isinstance(found, ID3 | MP4Tags | ASFTags) and "description" in map(str.lower, keys):
        other += ["description"] if "comment" in map(str.lower, keys) else []
    albums = any("album" in key.lower() and _measured_name(key) for key in _keys(found))
    return other + (["the album's gain"] if albums else [])


def _lost_places(file: Any) -> list[str]:
    """Marks that lie beside the tags: chapters of an MP4, the cue sheet of a FLAC."""
    return [what for what in ("chapters", "cuesheet") if getattr(file, what, None)]


def pass_on(source: Path, path: Path) -> None:
    """Put what a master says of itself, and its pictures, into a lossy file of it, by the names of that one's kind.

    ffmpeg passes names on as they are, so that an ISRC becomes what no player of Ogg knows, and no pictures.

    Raises
    ------
    AudioFileError
        The file cannot be changed.

    Thread: any but audio. Allocates: yes.
    """
    file, found = _open(source)
    try:
        _write(path, _read_texts(found), _read_pictures(file, found), {})
    except (mutagen.MutagenError, OSError) as error:
        raise AudioFileError(f"{path}: the tags cannot be written: {error}. Make some room, or try again.") from error


def _write(path: Path, texts: dict[str, list[str]], pictures: list[Picture], own: dict[str, str]) -> None:
    file: Any = mutagen.File(path, options=[FLAC, WAVE, MP3, MP4, OggOpus, OggVorbis])
    if file.tags is None:
        file.add_tags()
    if isinstance(file, MP4):
        _into_mp4(file.tags, texts, pictures)
    elif isinstance(file.tags, ID3):
        _into_id3(file.tags, texts, pictures, own)
    else:
        if "tsrc" in file:
            del file["tsrc"]
        for name, values in (texts | {name: [gain] for name, gain in own.items()}).items():
            file[name] = values
        if not isinstance(file, FLAC):
            file["metadata_block_picture"] = [base64.b64encode(one.write()).decode() for one in pictures]
        for picture in pictures if isinstance(file, FLAC) else ():
            file.add_picture(picture)
    file.save()


def _into_id3(found: ID3, texts: dict[str, list[str]], pictures: list[Picture], own: dict[str, str]) -> None:
    found.delall("TXXX:isrc")
    for name, frame, _ in _FIELDS:
        if name in texts and (frame != "TDRC" or _ISO_DATE.fullmatch(texts[name][0])):
            found.setall(frame, [Frames[frame](encoding=Encoding.UTF8, text=texts[name])])
    if (date := texts.get("date", [""])[0]) and not _ISO_DATE.fullmatch(date):
        # As a date it would be misread; the year of it is one.
        found.add(TXXX(encoding=Encoding.UTF8, desc="date", text=date))
        if len(years := re.findall(r"(?<!\d)[12]\d{3}(?!\d)", date)) == 1:
            found.setall("TDRC", [Frames["TDRC"](encoding=Encoding.UTF8, text=years)])
    for name, gain in own.items():
        found.add(TXXX(encoding=Encoding.UTF8, desc=name, text=gain))
    for picture in pictures:
        found.add(_convert(picture, APIC(encoding=Encoding.UTF8)))


def _into_mp4(found: Any, texts: dict[str, list[str]], pictures: list[Picture]) -> None:
    """What ffmpeg has not written there."""
    if isrc := texts.get("isrc"):
        found["----:com.apple.iTunes:ISRC"] = [MP4FreeForm(text.encode()) for text in isrc]
    if pictures:
        formats = {"image/png": MP4Cover.FORMAT_PNG}
        found["covr"] = [MP4Cover(one.data, formats.get(one.mime, MP4Cover.FORMAT_JPEG)) for one in pictures]


def read_gains(path: Path) -> dict[str, str]:
    """The tags of `gains.NAMES` of a WAV or FLAC.

    Raises OSError and mutagen's errors.

    Thread: any but audio. Allocates: yes.
    """
    tags: Any = mutagen.File(path, options=[FLAC, WAVE]).tags
    if tags is None:
        return {}
    if hasattr(tags, "getall"):
        return {frame.desc: str(frame.text[0]) for frame in tags.getall("TXXX") if frame.desc in gains.NAMES}
    return {name: tags[name][0] for name in gains.NAMES if name in tags}


def write_gains(path: Path, tags: dict[str, str]) -> None:
    """Put the tags of `gains.NAMES` into a WAV or FLAC, in the place of those that are there; others stay.

    Raises OSError and mutagen's errors.

    Thread: any but audio. Allocates: yes.
    """
    file: Any = mutagen.File(path, options=[FLAC, WAVE])
    if file.tags is None:
        file.add_tags()
    for name in gains.NAMES:
        if not isinstance(file, FLAC):
            file.tags.delall(f"TXXX:{name}")
        elif name in file:
            del file[name]
    for name, text in tags.items():
        if isinstance(file, FLAC):
            file[name] = text
        else:
            file.tags.add(TXXX(encoding=Encoding.UTF8, desc=name, text=text))
    file.save()
