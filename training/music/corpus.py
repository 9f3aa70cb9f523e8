"""The music that is learned from: found, split by package, decoded. `training.music.fetch` gets some."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from rt_automix.errors import AudioFileError, ConfigError

Audio = NDArray[np.float32]
Use = Literal["train", "validation", "test"]
USES: tuple[Use, ...] = ("train", "validation", "test")

ENDINGS = (".ogg", ".oga", ".mp3", ".flac", ".opus", ".wav")
SMALLEST_BYTES = 700_000
SHORTEST_S = 45.0
LONGEST_S = 360.0
"""No more than this from the start of a song is decoded."""
LOWEST_RATE_HZ = 44_100
"""Below, the treble is missing: no master to learn from."""

# Frets on Fire keeps a song in two halves that are played together.
_OTHER_HALF = {"song.ogg": "guitar.ogg"}


@dataclass(frozen=True)
class Song:
    """A piece of music.

    Parameters
    ----------
    path : Path
    package : str
        The package or album it belongs to; all of one are used for the same thing.
    use : "train", "validation" or "test"
    title : str
    id : str
        Twelve hexadecimal digits of the package's name and the path in it: the same on every machine.
    """

    path: Path
    package: str
    use: Use
    title: str
    id: str


@cache
def packages() -> dict[str, dict[str, Any]]:
    """What packages.toml says of each package."""
    return tomllib.loads(Path(__file__).with_name("packages.toml").read_text(encoding="utf-8"))


def licence(package: str, path: Path) -> str:
    """The licence of a song; "unknown" for anyone's own music."""
    patterns = packages().get(package, {}).get("licences", {})
    return next((name for pattern, name in reversed(patterns.items()) if fnmatch(path.as_posix(), pattern)), "unknown")


# Finding --------------------------------------------------------------------------------------------


def find(folder: Path) -> list[Song]:
    """All songs in a folder, in an order that is the same everywhere.

    Each folder in it is a package or an album. Those of packages.toml have their use there; anyone's
    own are dealt out by a hash of their name, 80 % for training and 10 % each for validation and test.

    Raises
    ------
    ConfigError
        There are none.
    """
    songs = [
        song
        for album in sorted(folder.iterdir() if folder.is_dir() else [], key=lambda path: path.name)
        if not album.name.startswith(".") and not album.name.endswith(".part")
        for song in _songs_of(album)
    ]
    if not songs:
        raise ConfigError(
            f"{folder}: no music found: {', '.join(ENDINGS)} above {SMALLEST_BYTES // 1000} kB, {SHORTEST_S:.0f} s "
            f"and {LOWEST_RATE_HZ} Hz, in a folder for each album. Fetch some: python -m training fetch"
        )
    return songs


def _songs_of(album: Path) -> Iterator[Song]:
    use = packages()[album.name]["use"] if album.name in packages() else use_by_hash(album.name)
    for path in files(album):
        inside = path.relative_to(album).as_posix() if path != album else path.name
        title = path.stem if path.name not in _OTHER_HALF else path.parent.name
        yield Song(path, album.name, use, title, hashlib.sha256(f"{album.name}/{inside}".encode()).hexdigest()[:12])


def use_by_hash(album: str) -> Use:
    tenth = int(hashlib.sha256(album.encode()).hexdigest(), 16) % 10
    return "train" if tenth < 8 else "validation" if tenth == 8 else "test"


def files(album: Path) -> Iterator[Path]:
    """The songs' files of a package, of an album or, where the album is a file, itself."""
    entry = packages().get(album.name, {})
    roots = [album / inside for inside in entry.get("music", ["."])]
    found = {path for root in roots for path in ([root] if root.is_file() else root.rglob("*"))}
    halves = {path.with_name(_OTHER_HALF[path.name]) for path in found if path.name in _OTHER_HALF}
    for path in sorted(found - halves, key=lambda path: path.as_posix()):
        left_out = any(fnmatch(path.name, pattern) for pattern in entry.get("leave_out", []))
        if path.suffix.lower() in ENDINGS and not left_out and _is_song(path):
            yield path


def parts(path: Path) -> list[Path]:
    """The file of a song and, where it is kept in halves, the other one."""
    other = path.with_name(_OTHER_HALF.get(path.name, path.name))
    return [path, other] if other != path and other.is_file() else [path]


def _is_song(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size < SMALLEST_BYTES:
        return False
    try:
        about = soundfile.info(path)
    except soundfile.LibsndfileError:
        return False  # whatever it is, it cannot be decoded
    return about.duration >= SHORTEST_S and about.samplerate >= LOWEST_RATE_HZ and about.channels <= 2


# Decoding -------------------------------------------------------------------------------------------


def decode(song: Song, sample_rate_hz: int = 44_100) -> Audio:
    """A song's audio: its first LONGEST_S at most, without the silence at both ends.

    Returns
    -------
    float32, shape (2, n), C-contiguous; mono songs come as two equal channels.

    Raises
    ------
    AudioFileError
        It cannot be decoded, or there is nothing in it.
    """
    audio, rate_hz = decode_as_it_is(song)
    if rate_hz != sample_rate_hz:
        audio = resample_poly(audio, sample_rate_hz, rate_hz, axis=1)
    return np.ascontiguousarray(audio, dtype=np.float32)


def decode_as_it_is(song: Song) -> tuple[Audio, int]:
    """The same at the file's own sample rate, and that rate in Hz.

    Raises
    ------
    AudioFileError
        It cannot be decoded, or there is nothing in it.
    """
    audio, rate_hz = _read(song.path)
    for half in parts(song.path)[1:]:
        other, _ = _read(half)
        samples = min(audio.shape[1], other.shape[1])
        audio = audio[:, :samples] + other[:, :samples]
        audio /= max(1.0, float(np.abs(audio).max()))
    sounding = np.flatnonzero(np.abs(audio).max(axis=0) > 0.0)
    if sounding.size == 0:
        raise AudioFileError(f"{song.path}: nothing but silence in it. Take it out of the folder.")
    audio = audio[:, int(sounding[0]) : int(sounding[-1]) + 1]
    return np.ascontiguousarray(audio, dtype=np.float32), rate_hz


def _read(path: Path) -> tuple[Audio, int]:
    """The first LONGEST_S of a file as float32, shape (2, n), and its sample rate."""
    try:
        with soundfile.SoundFile(path) as file:
            rate_hz = file.samplerate
            audio = file.read(round(LONGEST_S * rate_hz), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioFileError(f"{path}: cannot be decoded ({error}). Take it out of the folder.") from None
    clean = np.nan_to_num(audio.T, posinf=0.0, neginf=0.0)
    return (np.repeat(clean, 2, axis=0) if len(clean) == 1 else clean), rate_hz


# The split ------------------------------------------------------------------------------------------


def write_split(path: Path, songs: Iterable[Song]) -> None:
    """Write which song is used for what, as JSON."""
    listed = [{**asdict(song), "path": str(song.path.absolute())} for song in songs]
    path.write_text(json.dumps({"format": 1, "songs": listed}, indent=1) + "\n", encoding="utf-8")


def read_split(path: Path) -> list[Song]:
    """The songs of a split, in its order.

    Raises
    ------
    ConfigError
        There is no such file, or it is none that `write_split` wrote.
    """
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["songs"]
        return [Song(**{**entry, "path": Path(entry["path"])}) for entry in listed]
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}). Make it with: python -m training label"
        ) from None
    except (ValueError, TypeError, KeyError):
        raise ConfigError(f"{path}: not a split. Delete it; it is made anew by: python -m training label") from None
