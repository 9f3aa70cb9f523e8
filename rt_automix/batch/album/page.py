"""`album.html`: the songs of a record side by side, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.aim.profile import Profile
from rt_automix.batch.album import drawing
from rt_automix.batch.album.work import Heard, Mastered
from rt_automix.batch.item import Row
from rt_automix.batch.journal import write_shared
from rt_automix.dsp.loudness import loudness
from rt_automix.errors import UserError
from rt_automix.report.look import CSS
from rt_automix.report.words import NONE, SILENCE_DB, clock, level, number, printable, tone_changes_db

NAME = "album.html"

_TABLES = """
td:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; padding-left: 0; font-weight: 600; }
@media (max-width: 45rem) { th:nth-child(2) { display: table-cell; } }
"""

Songs = Sequence[tuple[Row, Heard, Mastered]]


def write(path: Path, songs: Songs, keep: float) -> None:
    """Write the page; the same songs give the same bytes.

    Raises
    ------
    UserError
        The file cannot be written.

    Thread: main. Allocates: yes.
    """
    try:
        write_shared(path, html(songs, keep))
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}). Free some space.") from None


def html(songs: Songs, keep: float) -> str:
    """The whole document. Thread: main. Allocates: yes."""
    count = f"{len(songs)} {'song' if len(songs) == 1 else 'songs'}"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Album of {count}</title>
<style>{CSS}{_TABLES}</style>
</head>
<body>
<main>
<h1>Album of {count}</h1>
<p class="headline">{_headline(songs, keep)}</p>
<section>
<h2>Loudness</h2>
<p>How far each song is below the loudest, before and after; the songs in grey and blue, by the record's order.</p>
<div class="wide">{drawing.loudness(songs)}</div>
{_table(_LOUDNESS, _loudness_rows(songs))}
</section>
<section>
<h2>Tone</h2>
<p>Spectra of all songs, before and after, and how far each is from the mean of the record.</p>
<div class="wide">{drawing.tone(songs)}</div>
{_table(_TONE, _tone_rows(songs))}
</section>
<footer>Loudness by ITU-R BS.1770-5 and EBU R 128. Made by rt-automix.</footer>
</main>
</body>
</html>
"""


_LOUDNESS = ("Song", "Before", "After", "Below, before", "Below, after", "Gain", "True peak", "Length")
_TONE = ("Song", "From the mean, before", "From the mean, after", "Bass", "Low mids", "Mids", "Presence", "Air")


def _headline(songs: Songs, keep: float) -> str:
    if not songs:
        return "No song was mastered."
    outputs = [made.output for _, _, made in songs]
    record_lufs = loudness.together_lufs(np.sum([made.gated for _, _, made in songs], axis=0))
    loudest = max(one.integrated_lufs for one in outputs)
    kept = "distances kept" if keep == 1.0 else f"{number(100.0 * keep, 0)} % of the distances kept"
    peak = max(one.true_peak_dbtp for one in outputs)
    return (
        f"The loudest song at {level(loudest, 'LUFS')}, all together at {level(record_lufs, 'LUFS')}; "
        f"{kept}, no peak above {level(peak, 'dBTP', 2)}."
    )


def _loudness_rows(songs: Songs) -> list[list[str]]:
    before = [one.input.integrated_lufs for _, one, _ in songs]
    after = [made.output.integrated_lufs for _, _, made in songs]
    return [
        [
            _song(row),
            level(before[n], "LUFS"),
            level(after[n], "LUFS"),
            *(_below(several, n) for several in (before, after)),
            f"{number(made.gain_db, sign=True)} dB",
            level(made.output.true_peak_dbtp, "dBTP", 2),
            clock(made.output.duration_s),
        ]
        for n, (row, _, made) in enumerate(songs)
    ]


def _below(several: list[float], n: int) -> str:
    return NONE if several[n] <= SILENCE_DB else f"{number(max(several) - several[n], 2)} LU"


def _tone_rows(songs: Songs) -> list[list[str]]:
    found = []
    means = _mean([heard.profile for _, heard, _ in songs]), _mean([made.profile for _, _, made in songs])
    for row, heard, made in songs:
        if heard.profile is None or made.profile is None:
            found.append([_song(row), *[NONE] * (len(_TONE) - 1)])
            continue
        away = [
            float(np.sqrt(np.mean(np.subtract(profile.bands_db, mean) ** 2)))
            for profile, mean in zip((heard.profile, made.profile), means, strict=True)
        ]
        moved = tone_changes_db(heard.profile, made.profile).values()
        found.append(
            [
                _song(row),
                *(f"{number(one, 2)} dB" for one in away),
                *(f"{number(one, sign=True)} dB" for one in moved),
            ]
        )
    return found


def _mean(profiles: Sequence[Profile | None]) -> NDArray[np.float64]:
    return np.mean([one.bands_db for one in profiles if one is not None] or [(0.0,)], axis=0)


def _song(row: Row) -> str:
    link = escape(quote(row.target.encode("utf-8", "surrogateescape")))
    return f'<a href="{link}">{escape(printable(row.target, 2000))}</a>'


def _table(head: Sequence[str], rows: list[list[str]]) -> str:
    cells = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'
