"""`rt-automix batch`: master many files, and go on where it was stopped."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rt_automix.cli import settings, terminal
from rt_automix.cli.kernels import ensure_compiled
from rt_automix.errors import AutomixError, UserError

if TYPE_CHECKING:
    from rt_automix.batch import How, Item, Row, Session
    from rt_automix.batch.url import Place, Url


@click.command()
@click.argument("sources", nargs=-1, metavar="IN...")
@settings.options(
    click.option("-o", "--out", required=True, metavar="DIR|URL", help="Folder for the masters."),
    click.option("--journal", type=settings.FILE, metavar="DIR", help="Folder for batch.jsonl and summary.html, where "
                 "the masters go to a URL."),
    click.option("--to", type=click.Choice(["wav", "flac"]), help="Otherwise a FLAC stays one, and the rest are WAV."),
    click.option("--list", "list_path", type=settings.FILE, metavar="FILE", help="Songs with settings of their own: "
                 ".csv with columns source, target, amount, ..., or .toml with a [[song]] each."),
    click.option("--album", is_flag=True, help="The songs are one record: one tone, and their distances in loudness."),
    click.option("--album-keep", type=float, metavar="0..1", help="How much of these distances stays; otherwise all."),
    click.option("--watch", is_flag=True, help="Go on with what comes into the folders IN, until Ctrl-C."),
    click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
    click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes at once; otherwise one for each core."),
    click.option("--dask", metavar="ADDRESS|local", help="Have a Dask cluster do it, over storage that it shares."),
    *settings.mastering,
    settings.lookahead,
    settings.mono,
    settings.bits,
    settings.config_path,
    click.option("--force", is_flag=True, help="Replace files that were not made here."),
    settings.as_json,
)  # fmt: skip
def batch(
    sources: tuple[str, ...], out: str, journal: Path | None, to: str | None, list_path: Path | None, album: bool,
    album_keep: float | None, watch: bool, dry_run: bool, jobs: int | None, dask: str | None,
    profile: str | None, reference: Path | None, amount: float | None, fine_tone: float | None, boldness: float | None,
    style_strength: float | None, platform: str | None, target_lufs: float | None, ceiling_dbtp: float | None,
    night: bool | None, suggester: str | None, lookahead: str, mono: str, bits: str,
    config_path: Path | None, force: bool, as_json: bool,
) -> int:  # fmt: skip
    """Master many files into a folder, as render does each: files, folders, "patterns" and URLs.

    Stopped, however that was, the same command goes on. DIR gets batch.jsonl, a row for each file, and
    summary.html. The exit code is 1 if a file failed.

    \b
    Examples:
      rt-automix batch mixes -o masters --to flac
      rt-automix batch "tapes/**/*.wav" talk.mp3 -o masters --for podcast --dry-run
      rt-automix batch --list songs.csv -o masters
      rt-automix batch --album record -o mastered --target-lufs -14
      rt-automix batch incoming -o masters --watch
      rt-automix batch s3://label/mixes -o s3://label/masters --journal log --dask tcp://10.0.0.1:8786
    """
    if profile is not None and reference is not None:
        raise click.UsageError("--profile and --reference both name the style; give one of them.")
    if not sources and list_path is None:
        raise click.UsageError("Nothing to master. Name files or folders, or a --list.")
    if watch and (list_path is not None or dry_run or not all(Path(one).is_dir() for one in sources)):
        raise click.UsageError("--watch goes with folders alone; leave files, --list and --dry-run out.")
    if album and (list_path is not None or watch or lookahead != "song"):
        raise click.UsageError(
            "--album masters all songs alike, once they are heard; leave --list, --watch and --lookahead out."
        )
    if album_keep is not None and not album:
        raise click.UsageError("--album-keep goes with --album.")
    folder, masters = _places(out, journal, sources if album or watch else ())
    options = {
        "profile": profile, "reference": reference, "amount": amount, "fine_tone": fine_tone,
        "boldness": boldness, "style_strength": style_strength, "for": platform,
        "target_lufs": target_lufs, "ceiling_dbtp": ceiling_dbtp, "night": night, "suggester": suggester,
        "lookahead": lookahead, "mono": mono, "bits": int(bits), "to": to,
    }  # fmt: skip
    from rt_automix.batch import Session, finding

    make_how = _HowMaker(config_path)
    how = make_how(options)
    if watch:
        for one in sources:
            finding.check_apart(Path(one), folder)
        ensure_compiled("rt_automix.render")
        return _watch([Path(one) for one in sources], Session(folder, jobs, force, dask), how)
    items = _record(sources, folder, how) if album else _items(sources, list_path, folder, options, make_how, how)
    keep = (1.0 if album_keep is None else album_keep) if album else None
    if dry_run:
        from rt_automix.batch import album as record

        states = _states(items, folder, masters or folder, force)
        return _say(states if keep is None else record.states(items, folder, keep, force), masters or folder)
    ensure_compiled("rt_automix.render")
    return _run(items, Session(folder, jobs, force, dask, masters), as_json, keep)


def _places(out: str, journal: Path | None, need_files: Iterable[str]) -> tuple[Path, Url | None]:
    """The folder on this machine, and where the masters go if they go elsewhere."""
    from rt_automix.batch.url import Url, is_url

    if is_url(out) != (journal is not None):
        raise click.UsageError("--journal goes with a URL for -o, and a URL needs it: journal and page stay here.")
    need = list(need_files)
    if need and any(map(is_url, (out, *need))):
        raise click.UsageError("--album and --watch need files of this machine, or of storage that is mounted here.")
    return (Path(out), None) if journal is None else (journal, Url(out))


class _HowMaker:
    """From options to what a file is told; a reference is measured once, however many name it."""

    def __init__(self, config_path: Path | None) -> None:
        from rt_automix import config

        self._config = config.load(config_path)
        self._styles: dict[Path, Any] = {}

    def __call__(self, options: Mapping[str, Any], where: str = "command line") -> How:
        from rt_automix.analysis.aim import profile
        from rt_automix.analysis.deciding import suggester
        from rt_automix.batch import How

        target_lufs, ceiling_dbtp = settings.asked_for(
            options.get("for"), options.get("target_lufs"), options.get("ceiling_dbtp")
        )
        names = "profile", "amount", "fine_tone", "boldness", "style_strength", "suggester"
        master = {f"master.{name}": options.get(name) for name in names}
        loudness = {"master.target_lufs": target_lufs, "limiter.ceiling_dbtp": ceiling_dbtp}
        loudness |= {"rider.night": options.get("night")}
        config = self._config.with_overrides(where, **master, **loudness)
        suggester.check(config.master.suggester)
        profile.load(config.master.profile)
        reference = options.get("reference")
        style = None if reference is None else self._style(Path(reference))
        rest = {name: options[name] for name in ("lookahead", "mono", "bits")}
        return How(config, style, kind=options.get("to"), **rest)

    def _style(self, song: Path) -> Any:
        if song not in self._styles:
            with terminal.progress() as progress:
                self._styles[song] = settings.measured(song, progress)
        return self._styles[song]


def _items(
    sources: tuple[str, ...], list_path: Path | None, out: Path, options: Mapping[str, Any], make_how: _HowMaker,
    how: How,
) -> list[Item]:  # fmt: skip
    """Everything that was named, once it is sure that no two would be one."""
    from rt_automix.batch import Item, finding, listing

    found = finding.items(sources, out, how)
    problems = []
    for entry in listing.read(list_path) if list_path else []:
        try:
            own = make_how(_over(options, entry.options), entry.where)
        except AutomixError as error:
            said = str(error)
            problems.append(said if said.startswith(entry.where) else f"{entry.where}: {said}")
            continue
        target = entry.target or finding.target_of(entry.source, Path(entry.source.name), own)
        found.append(Item(entry.source, target, own))
    if problems:
        raise UserError("\n".join(problems))
    finding.check(found)
    return found


def _record(sources: tuple[str, ...], out: Path, how: How) -> list[Item]:
    """The songs of a record, in their order."""
    from rt_automix.batch import finding
    from rt_automix.batch.album import order

    return order.ordered(finding.items(order.expanded(sources), out, how))


def _over(options: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Options under those of a song of its own; what says the same in another way gives way."""
    rivals = {"profile": ("reference",), "reference": ("profile",), "for": ("target_lufs", "ceiling_dbtp")}
    gone = {rival for name in own for rival in rivals.get(name, ())}
    return {name: None if name in gone else value for name, value in options.items()} | dict(own)


def _say(states: Iterable[tuple[Item, str]], out: Place) -> int:
    """What would be done, a line for each file."""
    counts = dict.fromkeys(("to do", "done", "fail"), 0)
    for item, state in states:
        if state not in ("", "done"):
            click.echo(f"would fail: {state}")
            counts["fail"] += 1
        elif state:
            click.echo(f"is done: {item.source} → {out / item.target}")
            counts["done"] += 1
        else:
            click.echo(f"would master: {item.source} → {out / item.target}")
            counts["to do"] += 1
    click.echo(f"{counts['to do']} to master, {counts['done']} done already, {counts['fail']} that would fail.")
    return 1 if counts["fail"] else 0


def _states(items: list[Item], folder: Path, masters: Place, force: bool) -> Iterator[tuple[Item, str]]:
    """Each file with why it would fail, or "done", or nothing: it would be made."""
    from rt_automix.batch import worker
    from rt_automix.batch.journal import Journal
    from rt_automix.batch.remote import mark_of
    from rt_automix.batch.session import refusal

    rows = Journal(folder).rows
    for item in items:
        before, mark = rows.get(item.target), ""
        with contextlib.suppress(OSError):
            mark = mark_of(item.source)
        reason = refusal(item, masters, before, force)
        if not mark:
            reason = f"{item.source}: cannot be read. Check name and permissions."
        is_done = worker.is_done(before, mark, item.how.key(), masters / item.target)
        yield item, reason or ("done" if is_done else "")


def _run(items: list[Item], opening: Session, as_json: bool, keep: float | None) -> int:
    """Master them: each by itself, or as a record that keeps so much of its distances."""
    from rt_automix.batch import masters
    from rt_automix.batch.album import album

    started, tally = time.monotonic(), _Tally()
    with opening as session, _shown(items, tally) as show:
        try:
            for row in masters(items, session) if keep is None else album(items, session, keep):
                show(row)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"Stopped after {tally.ended} of {len(items)} files. The same command goes on from there."
            ) from None
    paths = {"rows": str(session.journal.path), "summary": str(session.folder / "summary.html")}
    seconds = time.monotonic() - started
    if as_json:
        terminal.show_json({**tally.figures(), "seconds": round(seconds, 3), **paths})
    else:
        click.echo(f"{tally.text()} {_pace(tally.music_s, seconds)}")
        click.echo(f"Written: {paths['rows']} and {paths['summary']}")
    return 1 if tally.failed else 0


def _watch(folders: list[Path], opening: Session, how: How) -> int:
    from rt_automix.batch.watching import watch

    tally = _Tally()
    with opening as session:
        terminal.remark(f"Watching {', '.join(map(str, folders))}. Ctrl-C ends it.")
        with contextlib.suppress(KeyboardInterrupt):
            for row in watch(folders, session, how):
                tally.count(row)
                if row.status == "failed":
                    terminal.remark(row.reason)
                elif row.is_new:
                    click.echo(f"{row.source} → {session.folder / row.target}")
                    sys.stdout.flush()
    click.echo(tally.text())
    return 0


class _Tally:
    """How many files have ended, and how."""

    def __init__(self) -> None:
        self.mastered = self.failed = self.kept = 0
        self.music_s = 0.0

    @property
    def ended(self) -> int:
        return self.mastered + self.failed + self.kept

    def count(self, row: Row) -> None:
        """Take in a row."""
        if row.status == "failed":
            self.failed += 1
        elif row.is_new:
            self.mastered += 1
            self.music_s += row.duration_s
        else:
            self.kept += 1

    def figures(self) -> dict[str, int]:
        return {"mastered": self.mastered, "failed": self.failed, "done_before": self.kept}

    def text(self) -> str:
        kept = f", {self.kept} done before" if self.kept else ""
        return f"{self.mastered} mastered, {self.failed} failed{kept}."


def _pace(music_s: float, seconds: float) -> str:
    if not music_s:
        return ""
    return f"{terminal.clock(music_s)} in {terminal.clock(seconds)}: {music_s / seconds:.0f} times real time."


def _size_bytes(source: Place) -> int:
    if not isinstance(source, Path):
        return 1  # to ask for each would take longer than to begin
    try:
        return source.stat().st_size
    except OSError:
        return 0


@contextlib.contextmanager
def _shown(items: list[Item], tally: _Tally) -> Iterator[Callable[[Row], None]]:
    """A function that counts a row and shows it: a failure as a line on stderr, all as a bar where that is a terminal.

    Time left goes by the bytes of the songs, and by those alone that were mastered in this run.
    """
    if not sys.stderr.isatty():

        def tell(row: Row) -> None:
            tally.count(row)
            if row.status == "failed":
                terminal.remark(row.reason)

        yield tell
        return
    from rich.progress import BarColumn, Progress, TextColumn

    started, bytes_of = time.monotonic(), {str(item.source): _size_bytes(item.source) for item in items}
    left_bytes, mastered_bytes = sum(bytes_of.values()), 0
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[pace]}")
    with Progress(*columns, console=terminal.console(sys.stderr), transient=True) as bar:
        task = bar.add_task(f"0 of {len(items)} songs", total=left_bytes or None, pace="")

        def show(row: Row) -> None:
            nonlocal left_bytes, mastered_bytes
            tally.count(row)
            size_bytes = bytes_of.get(row.source, 0)
            left_bytes -= size_bytes
            mastered_bytes += size_bytes if row.is_new else 0
            if row.status == "failed":
                bar.console.print(row.reason, markup=False, soft_wrap=True)
            seconds = time.monotonic() - started
            pace = f"{tally.music_s / seconds:.0f}x real time" if tally.music_s else ""
            if mastered_bytes:
                pace += f", {terminal.clock(seconds * left_bytes / mastered_bytes)[:-2]} left"
            doing = f"{tally.ended} of {len(items)} songs" + (f", {tally.failed} failed" if tally.failed else "")
            bar.update(task, advance=size_bytes, description=doing, pace=pace)

        yield show
