"""`rt-automix analyze` and `rt-automix profile`: what recordings measure like."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rt_automix.cli import settings, terminal
from rt_automix.cli.kernels import ensure_compiled
from rt_automix.errors import AutomixError, ConfigError

if TYPE_CHECKING:
    from rt_automix.io.files.audio import AudioReader
    from rt_automix.io.lossy.codecs import Format


@click.command()
@click.argument("files", nargs=-1, required=True, type=settings.FILE, metavar="FILE...")
@click.option("--profile", "style_name", default="balanced", show_default=True, metavar="NAME|FILE",
              help="Style to compare with.")  # fmt: skip
@settings.mono
@click.option("--deliver", metavar="CODEC:KBPS,...", help="Also measure what decodes from aac, mp3, opus or vorbis.")
@settings.as_json
def analyze(files: tuple[Path, ...], style_name: str, mono: str, deliver: str | None, as_json: bool) -> None:
    """Measure files: loudness, range, peaks, how far they are from a style, and what is wrong with them.

    \b
    Examples:
      rt-automix analyze mix.wav master.wav
      rt-automix analyze *.flac --json
      rt-automix analyze master.wav --deliver aac:128,mp3:320,opus:96
    """
    from rt_automix.analysis import profile

    style, formats = profile.load(style_name), settings.formats_of(deliver)
    ensure_compiled(__name__)
    found, errors = [], []
    with terminal.progress() as progress:
        for path in files:
            try:
                found.append(_analyze(path, style, mono, formats, progress))
            except AutomixError as error:
                errors.append(error)
    if as_json:
        terminal.show_json({"profile": style.name, "files": found})
    elif found:
        _show(found, style.name)
    if errors:
        raise ConfigError("\n".join(map(str, errors)))


def _analyze(
    path: Path, style: Any, mono: str, formats: tuple[Format, ...], progress: settings.Progress
) -> dict[str, Any]:
    """Figures of a file by name; the distances are None where there is too little music."""
    import numpy as np

    from rt_automix.analysis import findings
    from rt_automix.analysis.flaws import Flaws
    from rt_automix.analysis.listener import Listener
    from rt_automix.analysis.masters import NAME, Aim
    from rt_automix.analysis.measure import Meter
    from rt_automix.analysis.profile import MIN_MUSIC_S, load
    from rt_automix.io.files.audio import AudioReader

    with AudioReader(path) as reader:
        flaws = Flaws(reader.sample_rate_hz, reader.channels)
        sides = 2 if mono == "dual" else reader.channels
        meter = Meter(reader.sample_rate_hz, sides)
        listener = Listener(reader.sample_rate_hz, sides, math.inf)
        for block in settings.followed(reader, f"listening to {path.name}", progress):
            block = flaws.push(block)
            if len(block) < sides:
                block = np.repeat(block, sides, axis=0)
            meter.push(block)
            listener.push(block)
        listener.conclude()
        figures: dict[str, Any] = {
            "file": str(path),
            "format": reader.description,
            "sample_rate_hz": reader.sample_rate_hz,
            "channels": reader.channels,
            "mono": mono if reader.channels == 1 else "",
            "duration_s": reader.duration_s,
            "speech": listener.is_speech,
            "flaws": flaws.found(),
            "notes": list(reader.notes),
        }
        deliveries = [_delivered(reader, wanted, sides, progress) for wanted in formats]
    heard = listener.statistics
    distances: dict[str, float | None] = dict.fromkeys(("tone_rms_db", "side_mid_db", "dynamics_db"))
    if heard.seconds_heard >= MIN_MUSIC_S:
        bands_db = heard.bands_db - style.bands_db
        distances = {
            "tone_rms_db": math.sqrt(float((bands_db**2).mean())),
            "side_mid_db": heard.side_mid_db - style.side_mid_db,
            "dynamics_db": heard.dynamics_db - style.dynamics_db,
        }
    aim = Aim()
    aim.settled(heard, load(NAME))
    figures["found"] = findings.plain(aim.found)
    measured = asdict(meter.result()) | {"duration_s": reader.duration_s}
    return {**figures, **measured, "from_profile": distances, "deliveries": deliveries}


def _delivered(reader: AudioReader, wanted: Format, sides: int, progress: settings.Progress) -> dict[str, Any]:
    """Figures of what decodes from a lossy file, which is not kept."""
    import tempfile

    from rt_automix.dsp import mix
    from rt_automix.io.lossy.delivery import deliver

    def sane() -> Iterator[Any]:
        for block in reader.blocks():
            mix.guard(block[0], block[-1])
            yield block

    def told(share: float) -> None:
        progress(f"{reader.path.name} as {wanted}", share)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"delivered{wanted.ending}")
        music = sane(), reader.sample_rate_hz, reader.channels, reader.samples
        found = asdict(deliver(*music, wanted, path, sides=sides, progress=told))
    return {name: value for name, value in found.items() if name != "file"}


def _show(found: list[dict[str, Any]], style_name: str) -> None:
    from rt_automix.analysis.measure import OTHER_MONO

    head = ["File", "Length", "Rate", "Loudness LUFS", "Range LU", "True peak dBTP", "Peak to loudness dB"]
    head += [f"Tone from {style_name} dB", "Width dB", "Dynamics dB"]
    rows = []
    for figures in found:
        row = [figures["file"], terminal.clock(figures["duration_s"]), f"{figures['sample_rate_hz']}"]
        names = ("integrated_lufs", "loudness_range_lu", "true_peak_dbtp", "plr_db")
        row += [terminal.level(figures[name]) for name in names]
        row += ["" if value is None else f"{value:+.1f}" for value in figures["from_profile"].values()]
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
    from rt_automix.analysis import profile

    styles = [profile.load(name) for name in profile.shipped()]
    if as_json:
        terminal.show_json([asdict(style) for style in styles])
        return
    head = ["Name", "Loudness LUFS", "Peak dBTP", "Peak to loudness dB", "Side to mid dB", "Dynamics dB"]
    names = ("loudness_lufs", "peak_dbtp", "plr_db", "side_mid_db", "dynamics_db")
    rows = [[style.name, *(terminal.level(getattr(style, name)) for name in names)] for style in styles]
    terminal.show_table("", head, rows)


@profile.command()
@click.argument("files", nargs=-1, required=True, type=settings.FILE, metavar="FILE...")
@click.option("-o", "--out", required=True, type=settings.FILE, metavar="X.toml", help="File to write.")
@click.option("--name", metavar="NAME", help="Name of the profile; otherwise that of the file.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@settings.as_json
def make(files: tuple[Path, ...], out: Path, name: str | None, force: bool, as_json: bool) -> None:
    """Measure songs and write what they have in common as a profile.

    \b
    Examples:
      rt-automix profile make favourite.flac -o mine.toml
      rt-automix profile make album/*.flac -o album.toml --name album
    """
    if out.exists() and not (force and out.is_file()):
        raise ConfigError(f"{out}: exists already. Choose another name, or replace it with --force.")
    if out.suffix != ".toml":
        raise ConfigError(f'{out}: profiles end in ".toml". Name it {out.with_suffix(".toml")}.')
    ensure_compiled(__name__)
    from rt_automix.analysis import profile

    with terminal.progress() as progress:
        songs = [settings.measured(path, progress) for path in files]
    made = profile.mean_of(songs, name or out.stem)
    made.save(out, comment="Measured from " + ", ".join(path.name for path in files))
    if as_json:
        terminal.show_json(asdict(made) | {"file": str(out)})
    else:
        click.echo(f"Written: {out}. Use it with: rt-automix render IN OUT --profile {out}")
