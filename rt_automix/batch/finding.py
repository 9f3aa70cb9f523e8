"""What there is to master: files, folders and patterns become sources with a place each."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePath

from rt_automix.batch import url
from rt_automix.batch.item import How, Item
from rt_automix.batch.url import Place
from rt_automix.errors import UserError

ENDINGS = (
    ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".ape", ".au", ".bw64", ".caf", ".dts", ".flac", ".m4a", ".mka", ".mp2",
    ".mp3", ".oga", ".ogg", ".opus", ".rf64", ".snd", ".tta", ".voc", ".w64", ".wav", ".wave", ".wma", ".wv",
)  # fmt: skip
"""What counts as music in a folder, and in a pattern; a file that is named is taken whatever it is called."""


def items(words: Iterable[str | Path], folder: Path, how: How) -> list[Item]:
    """Everything that files, folders, patterns and URLs name, each once, in order.

    A file keeps its name, what lies in a folder its path from there, what a pattern finds its path from where the
    pattern begins.

    Parameters
    ----------
    words : iterable of str or Path
        A pattern is one with ``*``, ``?`` or ``[`` that no file is called by; ``**`` crosses folders.
    folder : Path
        Of the masters: not looked into.
    how : How

    Raises
    ------
    UserError
        A folder or a pattern has no music in it; two sources would give the same target.

    Thread: main. Allocates: yes.
    """
    found: dict[str, Item] = {}
    for word in words:
        for source, place in _found(word, folder):
            found.setdefault(_real(source), Item(source, target_of(source, place, how), how))
    check(found.values())
    return list(found.values())


def sources(words: Iterable[str | Path]) -> list[Place]:
    """Every file that files, folders and patterns name, each once, in order.

    Raises
    ------
    UserError
        A folder or a pattern has no music in it.

    Thread: main. Allocates: yes.
    """
    found: dict[str, Place] = {}
    for word in words:
        for source, _ in _found(word, None):
            found.setdefault(_real(source), source)
    return list(found.values())


def _real(source: Place) -> str:
    """What two names of one file have in common."""
    return os.path.realpath(source) if isinstance(source, Path) else str(source)


def target_of(source: Place, place: PurePath, how: How) -> str:
    """The target of a source with that place: its ending tells what is written. Thread: any. Allocates: yes."""
    has_ending = place.suffix[1:].isalnum()  # "Op. 9, slow" has none
    return str(place.with_name((place.stem if has_ending else place.name) + how.suffix(source)))


def check(several: Iterable[Item]) -> None:
    """Raise UserError, with all of them, if items have the same target. Thread: any. Allocates: yes."""
    by_target: dict[str, list[Item]] = {}
    for one in several:
        by_target.setdefault(os.path.normcase(os.path.normpath(one.target)), []).append(one)
    lines = [
        f"{' and '.join(str(one.source) for one in same)} would both become {same[0].target}."
        for same in by_target.values()
        if len(same) > 1
    ]
    if lines:
        cure = "Rename one of them; or name the folder that holds both, which keeps what lies in it apart."
        raise UserError("\n".join([*lines, cure]))


def _found(named: str | Path, folder: Path | None) -> Iterator[tuple[Place, PurePath]]:
    """(source, place) of all that a word names."""
    word = Path(named)
    if url.is_url(named):
        yield from url.found(str(named), ENDINGS)
    elif _is_folder(word):
        check_apart(word, folder)
        inside = list(walked(word, folder, _closed))
        if not inside:
            raise UserError(f"{word}: no music in this folder ({', '.join(ENDINGS)}). Name another, or files.")
        yield from inside
    elif glob.has_magic(str(word)) and not word.exists():
        yield from _matching(word, folder)
    else:
        yield word, Path(word.name)  # if it is missing, that is a row like another


def _is_folder(path: Path) -> bool:
    """Whether it is a folder, as far as the system says; what cannot be reached is a row like another."""
    try:
        return path.is_dir()
    except OSError:
        return False


def check_apart(songs: Path, masters: Path | None) -> None:
    """Raise UserError if masters would lie among the songs, as songs of the next run. Thread: main. Allocates: yes."""
    if masters is not None and os.path.realpath(songs) == os.path.realpath(masters):
        raise UserError(f"{songs}: what is made would lie among the songs. Choose another folder; one inside is fine.")


def _matching(pattern: Path, folder: Path | None) -> Iterator[tuple[Path, Path]]:
    plain = pattern.parts[: _first_magic(pattern)]
    root, is_any = Path(*plain), False
    check_apart(root, folder)
    is_deep = "**" in pattern.parts  # then what lies in a folder that fits is found by itself
    for name in sorted(glob.glob(str(pattern), recursive=True)):  # noqa: PTH207  (a pattern of any root)
        path = Path(name)
        if is_deep and _is_beyond_a_link(path, root):
            continue
        inside = walked(path, folder, _closed) if path.is_dir() and not is_deep else iter([(path, Path())])
        for source, _ in inside:
            if source.suffix.lower() in ENDINGS and not source.is_dir() and not _is_in(source, folder):
                is_any = True
                yield source, source.relative_to(root)
    if not is_any:
        raise UserError(f"{pattern}: nothing there fits. Look at the pattern; ** crosses folders.")


def _is_beyond_a_link(path: Path, root: Path) -> bool:
    """Whether the way from `root` leads through a linked folder."""
    return any(parent.is_symlink() for parent in path.parents if parent != root and root in parent.parents)


def _first_magic(pattern: Path) -> int:
    return next(number for number, part in enumerate(pattern.parts) if glob.has_magic(part))


def _closed(error: OSError) -> None:
    raise UserError(f"{error.filename}: cannot be looked into ({error.strerror}). Change its permissions.") from None


def walked(
    root: Path, folder: Path | None, complain: Callable[[OSError], None] | None = None
) -> Iterator[tuple[Path, Path]]:
    """(source, path from `root`) of the music in a folder and in those inside, by name; hidden ones left out.

    What is in `folder` is not looked at.

    `complain` gets what the system says of a folder that is closed. Links to folders are not followed. A folder
    that is called like music and has nothing in it counts as a source, so that somebody says what it is.
    Thread: any. Allocates: yes.
    """
    for here, folders, files in os.walk(root, onerror=complain):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not _is_in(Path(here, name), folder)
        )
        named = [name for name in folders if Path(name).suffix.lower() in ENDINGS and _is_empty(Path(here, name))]
        for name in sorted([*files, *named]):
            path = Path(here, name)
            if path.suffix.lower() in ENDINGS and not name.startswith("."):
                yield path, path.relative_to(root)


def _is_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except OSError:
        return False


def _is_in(path: Path, folder: Path | None) -> bool:
    """Whether it is the folder of the masters, or in it."""
    if folder is None:
        return False
    real, masters = os.path.realpath(path), os.path.realpath(folder)
    return real == masters or real.startswith(masters + os.sep)
