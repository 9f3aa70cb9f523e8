"""Places elsewhere: ``s3://``, ``gs://``, ``sftp://``, ``http://``, whatever fsspec can reach."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

from rt_automix.errors import UserError


def is_url(word: object) -> bool:
    """Whether a word names a place elsewhere. Thread: any. Allocates: yes."""
    return "://" in str(word)


@dataclass(frozen=True)
class Url:
    """A place elsewhere, in as much like a Path as is needed here.

    Parameters
    ----------
    text : str
        Such as ``s3://bucket/disc 1/03 waltz.flac``.

    Thread: any but audio. Allocates: yes.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    def __truediv__(self, place: str) -> Url:
        return Url(f"{self.text.rstrip('/')}/{place}")

    @property
    def name(self) -> str:
        return PurePosixPath(self.text).name

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.text).suffix

    @property
    def parent(self) -> Url:
        return Url(self.text.rpartition("/")[0])

    def system(self) -> tuple[Any, str]:
        """fsspec's file system, and the path in it. Raises UserError."""
        try:
            import fsspec
        except ImportError:
            cure = 'Install it: pip install "rt-automix[remote]".'
            raise UserError(f"{self}: what lies elsewhere needs fsspec. {cure}") from None
        try:
            found: tuple[Any, str] = fsspec.core.url_to_fs(self.text)
        except (ImportError, ValueError) as error:
            raise UserError(f"{self}: cannot be reached: {error}") from None
        return found

    def exists(self) -> bool:
        """Whether something is there."""
        system, path = self.system()
        return bool(system.exists(path))

    def is_file(self) -> bool:
        """Whether it is a file."""
        system, path = self.system()
        return bool(system.isfile(path))

    def stat(self) -> SimpleNamespace:
        """`st_size` of the file, in bytes. Raises OSError."""
        system, path = self.system()
        return SimpleNamespace(st_size=int(system.size(path) or 0))

    def mark(self) -> str:
        """Short text that is another once the file is: what the place says of it. Raises OSError."""
        system, path = self.system()
        with contextlib.suppress(AttributeError, NotImplementedError):  # only some keep what is out of date
            system.invalidate_cache()
        told = system.ukey(path)
        return hashlib.blake2b(str(told).encode(), digest_size=16).hexdigest()

    def get(self, folder: Path) -> Path:
        """Bring it into a folder. Raises OSError."""
        system, path = self.system()
        here = folder / self.name
        system.get_file(path, str(here))
        return here

    def put(self, here: Path) -> None:
        """Put a file there, whole or not at all. Raises OSError."""
        system, path = self.system()
        folder, _, name = path.rpartition("/")
        with contextlib.suppress(NotImplementedError):
            system.makedirs(folder, exist_ok=True)
        part = f"{folder}/.{uuid.uuid4().hex[:8]}-{name}"
        try:
            system.put_file(str(here), part)
            system.mv(part, path)
        except BaseException:
            with contextlib.suppress(Exception):
                system.rm_file(part)
            raise


Place = Path | Url


def place(word: str | Path | Url) -> Place:
    """A path, or what lies elsewhere. Thread: any. Allocates: yes."""
    return word if isinstance(word, Url) else Url(str(word)) if is_url(word) else Path(word)


def found(word: str, endings: tuple[str, ...]) -> list[tuple[Url, PurePosixPath]]:
    """(source, path from where the folder or the pattern begins) of all that a URL names.

    Raises
    ------
    UserError
        Nobody answers there, or no music is in it.

    Thread: main. Allocates: yes.
    """
    system, path = Url(word).system()
    base = word.rstrip("/")
    try:
        if "*" in word or "[" in word:
            base = word[: word.index(next(sign for sign in word if sign in "*["))].rpartition("/")[0]
            root, names = system._strip_protocol(base), system.glob(path)
        elif system.isdir(path):
            root, names = path, system.find(path)
        else:
            return [(Url(word), PurePosixPath(Url(word).name))]
    except Exception as error:  # each system has errors of its own
        raise UserError(f"{word}: cannot be looked into ({type(error).__name__}: {error}).") from None
    music = []
    for name in sorted(names):
        inside = PurePosixPath(name).relative_to(root)
        if inside.suffix.lower() in endings and not any(part.startswith(".") for part in inside.parts):
            music.append((Url(f"{base}/{inside}"), inside))
    if not music:
        raise UserError(f"{word}: no music there ({', '.join(endings)}). Name another folder, or files.")
    return music
