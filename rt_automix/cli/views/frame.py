"""One picture of a live session, as lines of text that fit a terminal of any size.

A picture is drawn from a `Scene` alone. Colours are the terminal's own and never say anything that a
word or a mark does not say too; signs are those that text consoles have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rich.text import Text

from rt_automix import params
from rt_automix.cli import terminal
from rt_automix.cli.views import gauges

QUIET_S = 1.0
"""A status older than this is said to be old."""

TABLE_WIDTH, TABLE_HEIGHT, TALL_HEIGHT = 76, 24, 34
"""From here on there is room for the table of parameters with bars, and for a big amount."""

KEYS = (
    ("↑↓", "amount", "Amount up or down by 5 %; + and - too"),
    ("0", "panic", "Panic: everything neutral at once, the limiter stays; again: back"),
    ("b", "bypass", "Bypass: hear the input; again: the master"),
    ("c", "compare", "Compare: hear the input as loud as the master"),
    ("f", "freeze", "Freeze the parameters and the loudness gain"),
    ("p", "profile", "Next profile; P: the one before"),
    ("qq", "quit", "Quit with a fade: twice within 2 s, or Ctrl-C"),
    ("?", "help", "This list on and off"),
    ("[]", "target", "Target loudness down or up by 0.5 LU"),
    ("←→", "trim", "Output trim down or up by 1 dB"),
    ("<>", "fine tone", "Fine tone down or up by 5 %"),
    ("h", "hear", "Hear this output on the phones"),
)
"""Keys, in a word, in a sentence."""

SILENCE_DB = -200.0
_FINE_WIDTH = 40
"""From here on fine tone stands beside the amount."""

_FAR_LU = 60.0
"""So far from the target is silence, which misses nothing."""

_METER_WORDS = 47
"""Cells of a line of meters that are not its bar."""

_SAID_BY_LABEL = ("gain", "fine bands", "restarts", "bad samples", "MIDI", "recording", "program", "LAeq 15 min")
"""Facts that do not explain themselves without their label."""

_STATE_STYLES = {"playing": "bold reverse green", "starting": "bold reverse", "compiling": "bold reverse"}
_ALARM = "bold reverse red"


@dataclass(frozen=True)
class Scene:
    """What there is to be shown.

    Parameters
    ----------
    state, text : str
        How the session is, in a word and in a sentence.
    status : dict, optional
        The newest that the session said of itself.
    unheard_s : float
        How old that is.
    clock : str
        The time of day.
    in_hold_dbfs, out_hold_dbtp : float
        Held peaks.
    is_hot, is_over : bool
        Whether the input came close to full scale, and the output over its ceiling.
    restarts : int
        Processes that ended on their own.
    compiling : (int, int), optional
        Functions compiled, and all that there are.
    takes : sequence of dict
        Status of the recordings.
    programs : sequence of dict
        Status of the programs that outputs go to.
    events : sequence of (str, str)
        Time of day and text, newest last.
    notice : str
        In place of the keys.
    has_help : bool
        Show the keys in sentences.
    """

    state: str = "starting"
    text: str = ""
    status: dict[str, Any] | None = None
    unheard_s: float = 0.0
    clock: str = ""
    in_hold_dbfs: float = SILENCE_DB
    out_hold_dbtp: float = SILENCE_DB
    is_hot: bool = False
    is_over: bool = False
    restarts: int = 0
    compiling: tuple[int, int] | None = None
    takes: Sequence[dict[str, Any]] = ()
    programs: Sequence[dict[str, Any]] = ()
    events: Sequence[tuple[str, str]] = ()
    notice: str = ""
    has_help: bool = False


def draw(scene: Scene, width: int, height: int) -> list[Text]:
    """A picture of a scene: `height` lines of at most `width` cells, the most important first."""
    is_table = width >= TABLE_WIDTH and height >= TABLE_HEIGHT
    gap = [Text()] if height >= TALL_HEIGHT and is_table else []
    lines = [_head(scene, width), *gap]
    if scene.status is None:
        lines += _waiting(scene, width)
    else:
        lines += _amount(scene.status, width, 3 if gap else 1) + gap
        lines += [_listening(scene.status), *gap, *_meters(scene, scene.status, width), *gap]
        if not scene.has_help:
            lines += _table(scene, scene.status, width) if is_table else _list(scene, scene.status, width)
            lines += gap
    if scene.has_help:
        lines += [Text.assemble((f" {keys:3}", "bold"), sentence) for keys, _, sentence in KEYS]
    room = max(height - 1 - len(lines), 0)
    events = list(scene.events)[-room:] if room else []
    lines += [Text.assemble((f" {at}  ", "dim"), text) for at, text in events]
    lines = [*lines[: height - 1], *[Text()] * (height - 1 - len(lines)), _foot(scene)]
    for line in lines:
        line.no_wrap = True
        line.truncate(max(width, 1))
    return lines[-height:]


def _head(scene: Scene, width: int) -> Text:
    status, text = scene.status, scene.text
    if scene.state == "playing" and status is not None:
        block = status["timing"]["block_samples"]
        device = f"{status['device']}, {status['sample_rate_hz']} Hz, blocks of {block}"
        text = status.get("missed") or device
        if scene.unheard_s > QUIET_S:
            text = f"The sound goes on; no figures for {scene.unheard_s:.0f} s."
    line = Text.assemble((f" {scene.state.upper()} ", _STATE_STYLES.get(scene.state, _ALARM)), " ")
    if status is not None and len(status.get("outputs", ())) > 1:
        line.append(f"[o] {shown(status)} ", "bold")
    line.append(text)
    line.truncate(max(width - len(scene.clock) - 1, 1), pad=True)
    return line.append(" ").append(scene.clock, "dim")


def shown(status: dict[str, Any]) -> str | None:
    """The name of the output that a status is of; None where there is only one, which may have none."""
    outputs = status.get("outputs", ())
    return status.get("name", outputs[0]["name"]) if outputs else None


def _waiting(scene: Scene, width: int) -> list[Text]:
    """Before the first status there is nothing but what is being done."""
    if scene.compiling is None:
        return [Text(), Text(" One moment: no sound yet.")]
    done, total = scene.compiling
    bar = gauges.bar(done / max(total, 1), min(width - 2, 60), "cyan")
    words = f" Compiling the audio engine for this processor, first run only: {done} of {total}"
    return [Text(), Text(words), Text(" ") + bar]


def _amount(status: dict[str, Any], width: int, rows: int) -> list[Text]:
    controls = status["controls"]
    amount, is_heard = controls["amount"], controls["listen"] == "master"
    fine = f"  FINE {100.0 * controls['fine_tone']:3.0f} %" if width >= _FINE_WIDTH else ""
    bar = gauges.bar(amount, max(width - 16 - len(fine), 1), "bold cyan" if is_heard else "dim")
    lines = [Text.assemble(" " * 9, bar) for _ in range(rows)]
    middle = rows // 2
    lines[middle] = Text.assemble((" AMOUNT  ", "bold"), bar, (f" {100.0 * amount:3.0f} %", "bold"), fine)
    return lines


def _listening(status: dict[str, Any]) -> Text:
    controls = status["controls"]
    line = Text(" HEAR")
    for name in ("master", "bypass", "compare"):
        is_on = controls["listen"] == name
        style = "bold reverse" if name == "master" else "bold reverse magenta"
        line.append(" ").append(f"[{name.upper()}]" if is_on else f" {name} ", style if is_on else "dim")
    frozen = controls["freeze"]
    line.append("  ").append("[FREEZE]" if frozen else " freeze ", "bold reverse magenta" if frozen else "dim")
    line.append("  PROFILE ").append(_short(status["profile"]), "bold")
    return line.append(f"  TRIM {controls['output_trim_db']:.1f} dB")


def _short(profile: str) -> str:
    """A profile's name, without the folder of one that is a file."""
    return Path(profile).name[:24] if profile else "none"


# Meters ------------------------------------------------------------------------------------------


def _meters(scene: Scene, status: dict[str, Any], width: int) -> list[Text]:
    """Input, output and loudness on one scale, with their numbers beside them."""
    meters, controls = status["meters"], status["controls"]
    cells = max(width - _METER_WORDS, 0)

    def row(label: str, name: str, mark_db: float, mark: str, words: str, alarm: str = "") -> Text:
        level_db = meters[name] if scene.state == "playing" else SILENCE_DB
        bar = gauges.level_bar(level_db, cells, mark_db, mark)
        return Text.assemble((f" {label:7}", "bold"), bar, (gauges.level(level_db), "bold"), words, (alarm, _ALARM))

    def figure(level_db: float) -> str:
        return gauges.level(level_db).strip()

    ceiling = f"ceiling {controls['ceiling_dbtp']:.1f}"
    target_lufs = controls["target_lufs"]
    momentary_lufs = meters["momentary_lufs"] if scene.state == "playing" else SILENCE_DB
    off_lu = meters["short_term_lufs"] - target_lufs
    missed = f" {off_lu:+.0f}" if scene.state == "playing" and 0.5 <= abs(off_lu) < _FAR_LU else ""
    lufs = f" M {figure(momentary_lufs)} I {figure(meters['integrated_lufs'])} target {target_lufs:.1f}{missed}"
    in_hold, out_hold = f" dBFS hold {figure(scene.in_hold_dbfs):>5} ", f" dBTP hold {figure(scene.out_hold_dbtp):>5} "
    lines = [
        row("IN", "in_peak_dbfs", scene.in_hold_dbfs, "│", in_hold, "HOT" * scene.is_hot),
        row("OUT", "out_true_peak_dbtp", scene.out_hold_dbtp, "│", out_hold, f"OVER {ceiling}" * scene.is_over),
        row("LUFS S", "short_term_lufs", target_lufs, "▼", lufs),
    ]
    if not scene.is_over:
        lines[1].append(ceiling)
    return [Text(" " * 8) + gauges.scale(cells), *lines] if width >= TABLE_WIDTH else lines


# Parameters and figures ---------------------------------------------------------------------------


def _table(scene: Scene, status: dict[str, Any], width: int) -> list[Text]:
    """The ten parameters with their ranges; the figures beside them."""
    left = 42 + max(width - 80, 0) // 2
    rows = [Text.assemble((f" {'PARAMETER':17}", "bold"), ("▼ suggested  █ applied", "dim"))]
    for param, suggested, applied in _params(status):
        bar = gauges.param_range(param, left - 34, suggested, applied)
        words = f" {param.label:17}", bar, f" {gauges.number(param, suggested)} "
        rows.append(Text.assemble(*words, (gauges.number(param, applied), "bold"), f" {param.unit:3}"))
    lines = []
    for row, figure in zip_longest(rows, _figures(scene, status, width - left), fillvalue=Text()):
        line = row.copy()
        line.truncate(left, pad=True)
        lines.append(line + figure)
    return lines


def _params(status: dict[str, Any]) -> list[tuple[params.Param, float, float]]:
    """Every parameter, what is suggested and what is applied."""
    suggested, applied = status["suggested"], status["meters"]["applied"]
    return [(param, suggested[param.name], applied[param.name]) for param in params.PARAMS]


def _figures(scene: Scene, status: dict[str, Any], width: int) -> list[Text]:
    """Gain, time and faults, a line each."""
    cells = max(min(width - 23, 40), 1)
    lines = []
    for label, name in (("compressor", "compression_db"), ("limiter", "limiting_db")):
        reduction_db = status["meters"][name] if scene.state == "playing" else 0.0
        bar = gauges.bar(reduction_db / gauges.REDUCTION_DB, cells, "magenta")
        lines.append(Text.assemble(f" {label:12}", bar, (f"{-reduction_db:z5.1f}", "bold"), " dB"))
    return lines + [Text(f" {label:12}") + text for label, text in _facts(scene, status)]


def _facts(scene: Scene, status: dict[str, Any]) -> list[tuple[str, Text]]:
    """What is said in words and numbers alone: label and text."""
    meters, timing = status["meters"], status["timing"]
    block_us = 1e6 * timing["block_samples"] / status["sample_rate_hz"]
    worst = timing["worst_us"] / block_us if block_us else 0.0
    samples = f" ms, {status['latency_samples']} samples, {status['engine_latency_samples']} ours"
    latency = (f"{status['latency_ms']:.2f}", "bold"), samples
    facts = [
        ("gain", Text.assemble((f"{meters['gain_db']:+.1f}", "bold"), f" dB, rider {meters['trim_db']:+.1f}")),
        ("in to out", Text.assemble(*latency)),
        ("block time", Text.assemble((f"{timing['share']:.1%}", "bold"), f", worst {worst:.0%} of block")),
        ("callbacks", _count(timing["late"], "late") + Text(", ") + _count(timing["xruns"], "xruns")),
        ("suggestion", Text(f"age {status['suggestion_age_s']:.1f} s, ") + _count(status["analysis_gaps"], "dropped")),
        ("restarts", _count(scene.restarts)),
        ("bad samples", _count(meters["faults"])),
        ("fine bands", Text(f"up to {max(meters['fine_gains_db'], key=abs):+z.1f} dB")),
    ]
    if midi := status.get("midi"):
        missing = midi["missing"].removeprefix("MIDI: ")
        facts.append(("MIDI", Text(missing, "bold") if missing else Text(", ".join(midi["ports"]) or "off")))
    for one in status.get("outputs", ())[1:]:
        levels = one["meters"]["short_term_lufs"], one["controls"]["target_lufs"]
        facts.append((one["name"], Text.assemble((f"{levels[0]:.1f}", "bold"), f" LUFS, target {levels[1]:.1f}")))
    if phones := status.get("phones"):
        facts.append(("phones", Text(f"hear {phones}")))
    if venue := status.get("venue"):
        lowered = f", target {-venue['lowered_lu']:.1f} LU" if venue["lowered_lu"] else ""
        facts.append(("LAeq 15 min", Text.assemble((f"{venue['laeq_15min_db']:.1f}", "bold"), f" dB{lowered}")))
    for program in scene.programs:
        lost = f", {program['dropped_seconds']:.1f} s lost" if program["dropped_seconds"] else ""
        words = f"{program['side']}: {program['state']}{lost}"
        facts.append(("program", Text(words, "" if program["state"] == "feeding" else _ALARM)))
    takes = (("recorded" if take["state"] == "stopped" else "recording", _take(take)) for take in scene.takes)
    return [*facts, *takes, ("suggester", Text(status["suggester"]))]


def _count(count: int, what: str = "") -> Text:
    """Something that should be 0: it stands out when it is not."""
    return Text.assemble((f"{count} {what}".rstrip(), "bold reverse" if count else ""))


def _take(take: dict[str, Any]) -> Text:
    name = Path(take["path"]).name
    if take["state"] == "failed":
        return Text(f"FAILED: {name}: {take['reason']}", _ALARM)
    dropped = f", {take['dropped_seconds']:.1f} s lost" if take["dropped_seconds"] else ""
    return Text(f"{terminal.clock(take['seconds'])}, {take['megabytes']:.1f} MB{dropped} {name}")


def _list(scene: Scene, status: dict[str, Any], width: int) -> list[Text]:
    """The ten parameters in numbers, in two columns where there is room, and the figures one after the other."""
    entries = [
        Text.assemble(f" {param.label:17}{gauges.number(param, suggested)} ", (gauges.number(param, applied), "bold"))
        for param, suggested, applied in _params(status)
    ]
    if width >= 60:
        entries = [left + Text(" ") + right for left, right in zip(entries[:5], entries[5:], strict=True)]
    meters = status["meters"]
    reduction = Text(f" comp {-meters['compression_db']:z.1f}  limit {-meters['limiting_db']:z.1f} ")
    lines = [reduction]
    for label, text in _facts(scene, status):
        piece = Text(f" {label} " if label in _SAID_BY_LABEL else " ") + text
        if lines[-1].cell_len + 1 + piece.cell_len > width:
            lines.append(piece)
        else:
            lines[-1] = lines[-1] + Text(" ") + piece
    return entries + lines


def _foot(scene: Scene) -> Text:
    if scene.notice:
        return Text(f" {scene.notice} ", _ALARM)
    line = Text()
    for keys, word, _ in KEYS:
        if word.startswith(keys):
            line.append(keys.upper(), "bold underline").append(f"{word[1:]} ")
        else:
            line.append(keys, "bold").append(f" {word} ")
    return line
