"""The report of a render: one HTML page that works offline, or one picture.

`words` and `notes` say what happened, `curves` and `panels` draw it, `figures` and `page` put it together.
"""

from __future__ import annotations

from pathlib import Path

from rt_automix.errors import UserError
from rt_automix.render import RenderResult
from rt_automix.report import figures, page


def write_html(result: RenderResult, path: str | Path) -> None:
    """Write the report as one self-contained page; the same result gives the same bytes.

    Raises
    ------
    UserError
        The file cannot be written.

    Thread: main. Allocates: yes.
    """
    _write(Path(path), page.html(result).encode())


def write_picture(result: RenderResult, path: str | Path) -> None:
    """Write the report's essence as one PNG of 1600 x 1000 pixels; the same result gives the same bytes.

    Raises
    ------
    UserError
        The file cannot be written.

    Thread: main. Allocates: yes.
    """
    _write(Path(path), figures.picture(result))


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}). Choose another place.") from None
