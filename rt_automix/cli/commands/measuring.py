"""`rt-automix analyze` and `rt-automix profile`: what recordings measure like."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rt_automix.cli import settings, terminal
from rt_automix.cli.kernels import ensure_compiled
from rt_automix.errors import ConfigError
from rt_automix.io.files.whole import taken

if TYPE_CHECKING:
    from rt_automix.analysis.aim.profile import Profile
    from rt_automix.batch.catalogue import Answer
    from rt_automix.batch.url import Place

Found = TypeVar("Found")

MOST_NAMES = 20
"""So many songs are named in a profile."""


many = settings.options(
    click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes at once; otherwise as many as help."),
    click.option("--dask", metavar="ADDRESS|local", help="Have a Dask cluster do it, over storage that it shares."),
)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--profile", "style_name", default="balanced", show_default=True, metavar="NAME|FILE",
              help="Style to compare with.")  # fmt: skip
@settings.mono
@click.option("--deliver", metavar="CODEC:KBPS,...", help="Also measure what decodes from aac, mp3, opus or vorbis.")
@click.option("--r128-s1", "r128_s1", type=settings.FILE, metavar="FILE",
              help="Also write a report against EBU R 128 s1: .txt, .csv or .json.")  # fmt: skip
@many
@settings.as_json
@click.option("--json-lines", is_flag=True, help="Print a line of JSON for each file as it is done, for very many.")
def analyze(
    files: tuple[str, ...], style_name: str, mono: str, deliver: str | None, r128_s1: Path | None, jobs: int | None,
    dask: str | None, as_json: bool, json_lines: bool,
) -> None:  # fmt: skip
    """Measure files, folders, "patterns" and URLs: loudness, range, peaks, how far from a style, and what is wrong.

    \b
    Examples:
      rt-automix analyze mix.wav master.wav
      rt-automix analyze *.flac --json
      rt-automix analyze master.wav --deliver aac:128,mp3:320,opus:96
      rt-automix analyze spot.wav --r128-s1 spot.txt
      rt-automix analyze archive --json-lines --dask tcp://10.0.0.1:8786 > archive.jsonl
    """
    from rt_automix.analysis.aim import profile
    from rt_automix.analysis.recordings import r128s1

    if r128_s1 is not None and r128_s1.suffix not in r128s1.SUFFIXES:
        raise ConfigError(f"--r128-s1 {r128_s1}: no such kind of report. Use {', '.join(r128s1.SUFFIXES)}.")
    if r128_s1 is not None:
        _check_place(r128_s1)
    style, formats = profile.load(style_name), settings.formats_of(deliver)
    ensure_compiled(__name__)
    from rt_automix.batch import catalogue

    found: dict[int, dict[str, Any]] = {}
    reports: dict[int, dict[str, Any]] = {}

    def ended(answer: Answer[dict[str, Any]]) -> None:
        if answer.found is None:
            return
        reports[answer.place] = answer.found["r128_s1"]
        if json_lines:
            click.echo(json.dumps(answer.found, allow_nan=False))
        else:
            found[answer.place] = answer.found

    def asked(paths: list[Place], **how: Any) -> Iterator[Answer[dict[str, Any]]]:
        return catalogue.analyzed(paths, style=style, mono=mono, formats=formats, **how)

    errors = _ask_all(files, asked, jobs, dask, ended)
    in_order = [found[place] for place in sorted(found)]
    if as_json:
        terminal.show_json({"profile": style.name, "files": in_order})
    elif in_order:
        _show(in_order, style.name)
    if r128_s1 is not None and reports:
        _write(r128_s1, r128s1.written([reports[place] for place in sorted(reports)], r128_s1.suffix))
    if errors:
        raise ConfigError("\n".join(errors))


def _check_place(path: Path) -> None:
    """Raise ConfigError if a file cannot come to lie there, before the long work starts."""
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: the folder {path.parent} does not exist. Make it, or choose another.")
    if path.is_dir():
        raise ConfigError(f"{path}: a folder, not a file. Choose another name.")


def _write(path: Path, text: str, over: bool = True) -> None:
    """A whole file or none: what was there stays until then, or for good."""
    from rt_automix.batch.journal import write_shared

    try:
        write_shared(path, text, over)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written: {error.strerror}. Free some space or choose another folder; "
            "nothing was left behind."
        ) from None


def _ask_all(
    words: Sequence[str],
    asked: Callable[..., Iterator[Answer[Found]]],
    jobs: int | None,
    dask: str | None,
    ended: Callable[[Answer[Found]], None],
) -> list[str]:
    """Have each file looked at and its answer taken; what was wrong with some, in the order that they were named in."""
    from rt_automix.batch import catalogue, finding

    paths = finding.sources(words)
    processes = jobs or catalogue.processes_for(len(paths))
    errors: dict[int, str] = {}
    with terminal.progress() as progress:
        answers = asked(paths, jobs=processes, dask=dask, progress=progress)
        for number, answer in enumerate(answers, 1):
            ended(answer)
            if answer.found is None:
                errors[answer.place] = answer.reason
            if len(paths) > 1:
                progress(f"{len(paths)} files", number / len(paths))
    return [errors[place] for place in sorted(errors)]


def _show(found: list[dict[str, Any]], style_name: str) -> None:
    from rt_automix.analysis.recordings.measure import OTHER_MONO
    from rt_automix.report.words import MONO_DB

    head = ["File", "Length", "Rate", "Loudness LUFS", "Range LU", "True peak dBTP", "Peak to loudness dB"]
    head += [f"Tone from {style_name} dB", "Width dB", "Dynamics dB"]
    rows = []
    for figures in found:
        row = [figures["file"], terminal.clock(figures["duration_s"]), f"{figures['sample_rate_hz']}"]
        names = ("integrated_lufs", "loudness_range_lu", "true_peak_dbtp", "plr_db")
        row += terminal.levels(figures, dict.fromkeys(names, ""))
        apart = {name: "" if value is None else f"{value:+.1f}" for name, value in figures["from_profile"].items()}
        if (figures["from_profile"]["side_mid_db"] or 0.0) < MONO_DB:
            apart["side_mid_db"] = "mono"
        row += apart.values()
        rows.append(row)
    terminal.show_table("", head, rows)
    if delivered := [(figures["file"], one, figures) for figures in found for one in figures["deliveries"]]:
        terminal.show_deliveries(delivered)
    for figures in found:
        for flaw in figures["flaws"]:
            click.echo(f"{figures['file']}: {flaw}.")
        if figures["mono"]:
            label, more_lu = OTHER_MONO[figures["mono"]]
            lufs = terminal.loudness(figures["integrated_lufs"], more_lu)
            how = "as it sounds from two loudspeakers" if figures["mono"] == "dual" else "as one channel"
            click.echo(f"{figures['file']}: mono, measured {how}; {label} it has {lufs}.")
    for figures in found:
        if figures["found"]:
            what = ": talk" if figures["speech"] else ""
            click.echo(f"{figures['file']}{what}: {'; '.join(figures['found']['words'])}")
    for note in (note for figures in found for note in figures["notes"]):
        terminal.remark(note)


@click.group()
def profile() -> None:
    """Styles to master towards: list them, or make one from songs.

    \b
    Example:
      rt-automix profile make favourite.flac -o mine.toml
    """


@profile.command("list")
@settings.as_json
def list_(as_json: bool) -> None:
    """Show the shipped profiles and what they measure like.

    \b
    Example:
      rt-automix profile list
    """
    from rt_automix.analysis.aim import profile

    styles = [profile.load(name) for name in profile.shipped()]
    if as_json:
        terminal.show_json([asdict(style) for style in styles])
        return
    head = ["Name", "Loudness LUFS", "Peak dBTP", "Peak to loudness dB", "Side to mid dB", "Dynamics dB"]
    names = ("loudness_lufs", "peak_dbtp", "plr_db", "side_mid_db", "dynamics_db")
    rows = [[style.name, *(terminal.level(getattr(style, name)) for name in names)] for style in styles]
    terminal.show_table("", head, rows)


@profile.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-o", "--out", required=True, type=settings.FILE, metavar="X.toml", help="File to write.")
@click.option("--name", metavar="NAME", help="Name of the profile; otherwise that of the file.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@many
@settings.as_json
def make(
    files: tuple[str, ...], out: Path, name: str | None, force: bool, jobs: int | None, dask: str | None, as_json: bool
) -> None:
    """Measure songs and write what they have in common as a profile: files, folders and "patterns".

    What cannot be measured is named and left out; the exit code is 2 then.

    \b
    Examples:
      rt-automix profile make favourite.flac -o mine.toml
      rt-automix profile make album -o album.toml --name album
    """
    if out.exists() and not (force and out.is_file()):
        raise taken(out)
    if out.suffix != ".toml":
        raise ConfigError(f'{out}: profiles end in ".toml". Name it {out.with_suffix(".toml")}.')
    _check_place(out)
    ensure_compiled(__name__)
    from rt_automix.analysis.aim import profile
    from rt_automix.batch import catalogue

    songs: dict[int, tuple[str, Profile]] = {}

    def ended(answer: Answer[Profile]) -> None:
        if answer.found is not None:
            songs[answer.place] = answer.path.name, answer.found

    errors = _ask_all(files, catalogue.measured, jobs, dask, ended)
    if songs:
        in_order = [songs[place] for place in sorted(songs)]
        made = profile.mean_of([one for _, one in in_order], name or out.stem.encode("utf-8", "replace").decode())
        _write(out, made.text(f"Measured from {_listed([song for song, _ in in_order])}"), over=force)
        if as_json:
            terminal.show_json(asdict(made) | {"file": str(out)})
        else:
            click.echo(f"Written: {out}. Use it with: rt-automix render IN OUT --profile {out}")
    if errors:
        raise ConfigError("\n".join(errors))


def _listed(names: Sequence[str]) -> str:
    """Names, and how many more there are."""
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
