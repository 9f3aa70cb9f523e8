"""`rt-automix render` and `rt-automix demo`: master a file, and show what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rt_automix.cli import settings, terminal
from rt_automix.cli.kernels import ensure_compiled
from rt_automix.errors import AudioFileError
from rt_automix.io.files.whole import taken

if TYPE_CHECKING:
    from rt_automix.render import RenderResult


_panel = click.option(
    "--panel", is_flag=True, help="Then play it through the live engine, with the page that shows it."
)


@click.command()
@click.argument("source", type=settings.FILE, metavar="IN")
@click.argument("target", type=settings.FILE, metavar="OUT")
@settings.options(
    *settings.mastering,
    settings.lookahead,
    settings.mono,
    click.option("--deliver", metavar="CODEC:KBPS,...", help="Also write it as aac, mp3, opus or vorbis, "
                 "with the ceiling as low as it takes for what decodes to stay within full scale."),
    click.option("--block", type=click.IntRange(1, 4096), metavar="N", help="Samples per block; changes no sound."),
    settings.bits,
    settings.config_path,
    settings.pairs,
    click.option("--report", type=settings.FILE, metavar="FILE.html", help="Write a page of curves and figures."),
    click.option("--force", is_flag=True, help="Replace files that exist."),
    settings.as_json,
    _panel,
)  # fmt: skip
@click.pass_context
def render(
    context: click.Context, source: Path, target: Path, profile: str | None, reference: Path | None,
    amount: float | None, fine_tone: float | None, boldness: float | None, style_strength: float | None,
    platform: str | None, target_lufs: float | None, ceiling_dbtp: float | None, night: bool | None,
    suggester: str | None, lookahead: Any, mono: Any, deliver: str | None, block: int | None, bits: str,
    config_path: Path | None, pairs: str | None, report: Path | None, force: bool, as_json: bool, panel: bool,
) -> None:  # fmt: skip
    """Master the file IN into OUT (.wav or .flac).

    \b
    Examples:
      rt-automix render mix.wav master.wav
      rt-automix render mix.flac master.flac --target-lufs -16 --amount 0.7
      rt-automix render mix.wav master.wav --reference favourite.mp3 --report master.html
      rt-automix render mix.wav master.wav --for spotify
      rt-automix render talk.wav talk-master.wav --for podcast --deliver mp3:128
    """
    if profile is not None and reference is not None:
        raise click.UsageError("--profile and --reference both name the style; give one of them.")
    target_lufs, ceiling_dbtp = settings.asked_for(platform, target_lufs, ceiling_dbtp)
    config = settings.config_from(
        config_path,
        master__profile=profile,
        master__amount=amount,
        master__fine_tone=fine_tone,
        master__boldness=boldness,
        master__style_strength=style_strength,
        master__target_lufs=target_lufs,
        master__suggester=suggester,
        limiter__ceiling_dbtp=ceiling_dbtp,
        rider__night=night,
        engine__pairs=pairs,
    )
    pairing = config.engine.pairs
    if pairing != "no" and (report is not None or deliver is not None or panel):
        raise click.UsageError("--pairs: leave out --report, --deliver and --panel.")
    if report is not None:
        _check_report(report, (source, target, reference), force)
    formats = settings.formats_of(deliver)
    ensure_compiled("rt_automix.render")
    from rt_automix import render as rendering
    from rt_automix.render.delivered import render_delivered
    from rt_automix.render.pairs import render_pairs

    with terminal.progress() as progress:
        how: dict[str, Any] = {
            "config": config,
            "style": settings.style_of(config, reference, progress),
            "bits": int(bits),
            "block_samples": block,
            "lookahead": lookahead,
            "mono": mono,
            "detail": report is not None,
            "force": force,
            "progress": progress,
        }
        if pairing == "own":
            results = render_pairs(source, target, **how)
            _show_pairs(results, target, as_json)
            for one in results:
                _show_remarks(one)
            return
        if formats:
            result = render_delivered(source, target, formats, **how)
        else:
            result = rendering.render(source, target, **how)
    if report is not None:
        from rt_automix.report import write_html

        write_html(result, report)
    if as_json:
        terminal.show_json(result.to_dict() | ({"report": str(report)} if report else {}))
    else:
        _show(result)
        _show_deliveries(result, config.limiter.ceiling_dbtp)
        written = [target, *(one.file for one in result.deliveries), *([report] if report else [])]
        click.echo(f"Written: {', '.join(map(str, written))}")
    _show_remarks(result)
    if panel:
        style = {"profile": profile, "reference": reference, "target_lufs": target_lufs, "ceiling_dbtp": ceiling_dbtp}
        strength = {
            "amount": amount, "fine_tone": fine_tone, "boldness": boldness, "style_strength": style_strength,
        }  # fmt: skip
        _play(context, source, suggester=suggester, config_path=config_path, **strength, **style)


def _show_pairs(results: Sequence[RenderResult], target: Path, as_json: bool) -> None:
    """What came of each pair."""
    if as_json:
        terminal.show_json({"target": str(target), "pairs": [result.to_dict() for result in results]})
        return
    for number, result in enumerate(results, 1):
        click.echo(f"Pair {number}:")
        _show(result)
    click.echo(f"Written: {target}")


@click.command()
@click.option("--out", type=settings.FILE, default=Path("demo-out"), show_default=True, metavar="DIR",
              help="Folder for the files; its demo files are replaced.")  # fmt: skip
@settings.amount
@settings.fine_tone
@settings.boldness
@settings.suggester
@settings.as_json
@_panel
@click.pass_context
def demo(
    context: click.Context, out: Path, amount: float | None, fine_tone: float | None, boldness: float | None,
    suggester: str | None, as_json: bool, panel: bool,
) -> None:  # fmt: skip
    """Master a built-in song and show what changed: before.wav, after.wav, picture.png and report.html.

    \b
    Examples:
      rt-automix demo --out listen
      rt-automix demo --panel
    """
    said = {"amount": amount, "fine_tone": fine_tone, "boldness": boldness, "suggester": suggester}
    config = settings.config_from(None, **{f"master__{name}": value for name, value in said.items()})
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioFileError(f"{out}: cannot be made ({error.strerror}). Choose another folder with --out.") from None
    before, after, picture, page = (out / name for name in ("before.wav", "after.wav", "picture.png", "report.html"))
    ensure_compiled("rt_automix.render")
    from rt_automix import render as rendering
    from rt_automix import report
    from rt_automix.demo.song import render_song
    from rt_automix.io.files.audio import AudioWriter

    with terminal.progress() as progress:
        progress("playing the song", 0.0)
        song = render_song()
        with AudioWriter(before, 48000, len(song), force=True) as writer:
            writer.write(song)
        progress("playing the song", 1.0)
        result = rendering.render(before, after, config=config, detail=True, force=True, progress=progress)
        progress("drawing", 0.0)
        report.write_picture(result, picture)
        report.write_html(result, page)
        progress("drawing", 1.0)
    if as_json:
        files = {"before": str(before), "after": str(after), "picture": str(picture), "report": str(page)}
        terminal.show_json(files | {"result": result.to_dict()})
    else:
        _show(result)
        click.echo(f"Listen: {before} and {after}")
        click.echo(f"Look:   {picture} and {page}")
    _show_remarks(result)
    if panel:
        _play(context, before, **said)


def _play(context: click.Context, path: Path, **options: Any) -> None:
    """Play a file through the live engine, without a device, and serve the page that shows it."""
    from rt_automix.cli.commands.live import live

    context.invoke(live, play=path, panel=True, **options)


def _check_report(path: Path, others: tuple[Path | None, ...], force: bool) -> None:
    """Raise AudioFileError if the page cannot be written, before the long work starts."""
    if not path.parent.is_dir():
        raise AudioFileError(f"{path}: the folder {path.parent} does not exist. Make it, or choose another.")
    if any(other is not None and path.absolute() == other.absolute() for other in others):
        raise AudioFileError(f"{path}: the report would take the place of the audio. Choose another name.")
    if path.exists() and not (force and path.is_file()):
        raise taken(path)


_FIGURES = (
    ("Loudness", "integrated_lufs", "LUFS"),
    ("Loudest 3 s", "max_short_term_lufs", "LUFS"),
    ("Loudness range", "loudness_range_lu", "LU"),
    ("True peak", "true_peak_dbtp", "dBTP"),
    ("Peak to loudness", "plr_db", "dB"),
)


def _show(result: RenderResult) -> None:
    """Before and after, and what was done in between."""
    from rt_automix import params
    from rt_automix.analysis.recordings.measure import OTHER_MONO
    from rt_automix.render import SETTLING_S

    if result.missed:
        click.echo(result.missed)
    units = {name: unit for _, name, unit in _FIGURES}
    sides = (terminal.levels(asdict(side), units) for side in (result.input, result.output))
    rows = [list(row) for row in zip((label for label, _, _ in _FIGURES), *sides, strict=True)]
    if result.mono:
        label, more_lu = OTHER_MONO[result.mono]
        loudness_lufs = (side.integrated_lufs for side in (result.input, result.output))
        rows.insert(1, [f"  {label}", *(terminal.loudness(value, more_lu) for value in loudness_lufs)])
    if result.loudness_after_10_s_lufs is not None:
        rows.insert(1, ["  after the first 10 s", "", terminal.level(result.loudness_after_10_s_lufs, "LUFS")])
    goal = f"{result.style.name}, {result.target_lufs:.1f} LUFS"
    terminal.show_table(f"{result.source.name} → {result.target.name}, style: {goal}", ["", "before", "after"], rows)
    settled = result.history.settled(SETTLING_S)
    rows = [[param.label, f"{settled[param.name]:.2f} {param.unit}".rstrip()] for param in params.PARAMS]
    rows.append(["All gain, with the loudness loop's", f"{settled['gain_db']:.2f} dB"])
    terminal.show_table("What was done, once settled", ["", "median"], rows)
    speed = result.duration_s / result.seconds_taken
    click.echo(f"{terminal.clock(result.duration_s)} in {result.seconds_taken:.2f} s: {speed:.0f} times real time.")


def _show_deliveries(result: RenderResult, asked_dbtp: float) -> None:
    """What decodes from the lossy files, and at what price."""
    if not result.deliveries:
        return
    output = asdict(result.output)
    terminal.show_deliveries([(result.target.name, asdict(one), output) for one in result.deliveries])
    if result.ceiling_dbtp < asked_dbtp:
        click.echo(f"The ceiling is {result.ceiling_dbtp:.2f} dBTP instead of {asked_dbtp:.2f}, so that this is so.")


def _show_remarks(result: RenderResult) -> None:
    """What is worth knowing but stopped nobody."""
    if result.faults:
        terminal.remark(f"{result.source}: {result.faults} samples were not sane audio; silence took their place.")
    for one in result.deliveries:
        if not one.is_clean:
            terminal.remark(
                f"{one.file}: decodes to {one.true_peak_dbtp:.2f} dBTP, and no ceiling down to "
                f"{result.ceiling_dbtp:.2f} dBTP kept it under 0. Choose another codec or more kbit/s."
            )
    for note in (*result.source_notes, *result.suggester_notes):
        terminal.remark(note)
    if result.tags_note:
        terminal.remark(result.tags_note)
