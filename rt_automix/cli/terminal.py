"""What commands say: results on stdout, progress and remarks on stderr."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console


def show_json(document: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(document, indent=2, allow_nan=False))


def remark(text: str) -> None:
    """A line on stderr."""
    click.echo(text, err=True)


def show_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout; the first column is text, the others are figures."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console(sys.stdout).print(table)


def console(stream: Any) -> Console:
    """Rich's console on a stream; wide where it is no terminal, so that nothing is folded there."""
    from rich.console import Console

    return Console(file=stream, highlight=False, width=None if stream.isatty() else 160)


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """A function that shows what is being done and how far it is, 0 to 1: a bar where stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda doing, share: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console(sys.stderr), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(doing: str, share: float) -> None:
            if doing not in tasks:
                tasks[doing] = bar.add_task(doing.capitalize(), total=1.0)
            bar.update(tasks[doing], completed=share)

        yield show


def level(value: float, unit: str = "", nothing: str = "silence") -> str:
    """A level or a difference of levels as text."""
    from rt_automix.units import FLOOR_DB

    return nothing if value <= FLOOR_DB + 1.0 else f"{value:.1f} {unit}".rstrip()


def levels(found: Mapping[str, Any], units: Mapping[str, str]) -> list[str]:
    """Figures of a recording as text; sound without a loudness, such as what is too short for one, is no silence."""
    from rt_automix.units import FLOOR_DB

    nothing = "silence" if found["sample_peak_dbfs"] <= FLOOR_DB + 1.0 else "not measurable"
    gone = ("loudness_range_lu", "plr_db") if found["integrated_lufs"] <= FLOOR_DB + 1.0 else ()
    return ["" if name in gone else level(found[name], unit, nothing) for name, unit in units.items()]


def loudness(value_lufs: float, more_lu: float) -> str:
    """A loudness that is measured in another way, by so much more; silence is silence in any."""
    from rt_automix.units import FLOOR_DB

    return level(value_lufs + more_lu if value_lufs > FLOOR_DB + 1.0 else FLOOR_DB, "LUFS")


def show_deliveries(found: Sequence[tuple[str, dict[str, Any], dict[str, Any]]]) -> None:
    """What decodes from lossy files: of each the name of its source, its figures, those of its source."""
    head = [
        "What decodes",
        "",
        "Loudness LUFS",
        "Change LU",
        "True peak dBTP",
        "Change dB",
        "Clipped samples",
        "kbit/s",
    ]
    rows = []
    for name, one, source in found:
        lufs, dbtp = one["integrated_lufs"], one["true_peak_dbtp"]
        row = [name, one["format"], level(lufs), f"{lufs - source['integrated_lufs']:+.2f}", f"{dbtp:.2f}"]
        row += [f"{dbtp - source['true_peak_dbtp']:+.2f}", str(one["clipped_samples"]), f"{one['kbps']:.0f}"]
        rows.append(row)
    show_table("", head, rows)


def clock(seconds: float) -> str:
    """A time as minutes and seconds."""
    minutes, rest = divmod(seconds, 60.0)
    return f"{int(minutes)}:{rest:04.1f}"
