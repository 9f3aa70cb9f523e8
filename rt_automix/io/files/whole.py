"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from rt_automix.errors import AudioFileError


def put(made: Path, path: Path, over: bool = True) -> None:
    """Give a file that is whole its name, in one step.

    Parameters
    ----------
    made, path : Path
        On one file system.
    over : bool
        Replace what has that name. Otherwise it stays, also what somebody else has put there a moment ago.

    Raises
    ------
    AudioFileError
        Something has that name and stays.
    OSError
        It cannot be; `made` is where it was.

    Thread: any but audio. Allocates: yes.
    """
    if not over:
        try:
            _link(made, path)
        except FileExistsError:
            raise taken(path) from None
    made.replace(path)
    made.unlink(missing_ok=True)  # of two links to one file none goes


def _link(made: Path, path: Path) -> None:
    """Take a name that nobody has. Raises OSError."""
    try:
        os.link(made, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links, such as a memory card's
        path.open("xb").close()


def taken(path: Path) -> AudioFileError:
    """That something has a name. Thread: any. Allocates: yes."""
    return AudioFileError(f"{path}: exists already. Choose another name, or replace it with --force.")


def write_text(path: Path, text: str, over: bool = True) -> None:
    """Write a file beside and put it in its place in one step, as `put` does; its folder is made.

    Raises
    ------
    OSError
        It cannot be written; what was there still is.

    Thread: any but audio. Allocates: yes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        put(Path(name), path, over)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def check_readable(path: Path) -> None:
    """Raise AudioFileError unless a file is there and can be read. Thread: any but audio. Allocates: yes."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise AudioFileError(f"{path}: no such file. Check the name and the folder.") from None
    except OSError as error:  # behind a closed folder, or a name that is too long
        raise AudioFileError(f"{path}: cannot be reached: {error.strerror}. Check the name and the folders.") from error
    if not stat.S_ISREG(found.st_mode):
        raise AudioFileError(f"{path}: a folder or a device, not a file. Name an audio file.")
    if found.st_size == 0:
        raise AudioFileError(f"{path}: the file is empty. Choose another, or copy it again.")
    if not os.access(path, os.R_OK):
        raise AudioFileError(f"{path}: no permission to read it. Change its permissions, or copy it elsewhere.")
