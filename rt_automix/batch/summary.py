"""`summary.html`: what became of each file on one page, failures first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path
from urllib.parse import quote

from rt_automix.batch.item import Row
from rt_automix.batch.journal import write_shared
from rt_automix.errors import UserError
from rt_automix.report.look import CSS
from rt_automix.report.words import printable
from rt_automix.units import FLOOR_DB

NAME = "summary.html"

_TABLES = """
td:first-child, td.reason, th.reason { text-align: left; white-space: normal; overflow-wrap: anywhere; }
td:first-child { padding-left: 0; font-weight: 600; min-width: 8rem; }
td.reason { color: #444; font-size: .875rem; }
@media (max-width: 45rem) { th:nth-child(2) { display: table-cell; } }
"""


def write(path: Path, rows: Sequence[Row], masters: str = "") -> None:
    """Write the page; the same rows give the same bytes. `masters` is the URL that they are at, if it is elsewhere.

    Raises
    ------
    UserError
        The file cannot be written.

    Thread: main. Allocates: yes.
    """
    try:
        write_shared(path, html(rows, masters))
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}). Free some space.") from None


def html(rows: Sequence[Row], masters: str = "") -> str:
    """The whole document. Thread: main. Allocates: yes."""
    by_status = {status: [row for row in rows if row.status == status] for status in ("failed", "done", "started")}
    failed, done, open_ = by_status["failed"], by_status["done"], by_status["started"]
    counts = [f"{len(done)} of {len(rows)} {'song' if len(rows) == 1 else 'songs'} mastered"]
    counts += [f"{len(failed)} failed"] if failed else []
    counts += [f"{len(open_)} not finished"] if open_ else []
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{counts[0]}</title>
<style>{CSS}{_TABLES}</style>
</head>
<body>
<main>
<h1>Batch</h1>
<p class="headline">{", ".join(counts)}.</p>
{_table("Failed", ("Source", "Why"), map(_failed, _sorted(failed)))}
{_table("Not finished", ("File", "Source"), map(_unfinished, _sorted(open_)))}
{_table("Mastered", _HEAD, map(partial(_done, masters=masters), _sorted(done)))}
<footer>Loudness by ITU-R BS.1770-5 and EBU R 128. Made by rt-automix.</footer>
</main>
</body>
</html>
"""


_HEAD = ("File", "Before, LUFS", "After, LUFS", "True peak, dBTP", "Length", "Notes")


def _sorted(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.name)


def _table(title: str, head: Sequence[str], lines: map[str]) -> str:
    body = "\n".join(lines)
    if not body:
        return ""
    cells = "".join(
        f'<th scope="col"{" class=reason" if number and name in ("Why", "Source", "Notes") else ""}>{name}</th>'
        for number, name in enumerate(head)
    )
    return f"""<section>
<h2>{title}</h2>
<div class="wide"><table>
<thead><tr>{cells}</tr></thead>
<tbody>
{body}
</tbody>
</table></div>
</section>"""


def _text(text: str) -> str:
    return escape(printable(text, 2000))


def _failed(row: Row) -> str:
    return f'<tr><td>{_text(Path(row.source).name)}</td><td class="reason">{_text(row.reason)}</td></tr>'


def _unfinished(row: Row) -> str:
    return f'<tr><td>{_text(row.name)}</td><td class="reason">{_text(row.source)}</td></tr>'


def _done(row: Row, masters: str) -> str:
    levels = "".join(f"<td>{_level(value)}</td>" for value in (row.input_lufs, row.output_lufs, row.output_dbtp))
    minutes, seconds = divmod(round(row.duration_s), 60)
    link = escape((masters and f"{masters}/") + quote(row.target.encode("utf-8", "surrogateescape")))
    return (
        f'<tr><td><a href="{link}">{_text(row.target)}</a></td>{levels}<td>{minutes}:{seconds:02d}</td>'
        f'<td class="reason">{_text(" ".join(row.notes))}</td></tr>'
    )


def _level(value: float | None) -> str:
    if value is None:
        return ""
    return "silence" if value <= FLOOR_DB + 1.0 else f"{value:.1f}"
