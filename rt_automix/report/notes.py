"""What stands around the figures: the facts of the run, warnings, the picture's title, alternative texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from rt_automix import params, surround
from rt_automix.analysis.recordings import findings
from rt_automix.analysis.recordings.measure import OTHER_MONO
from rt_automix.dsp.tone import thirds
from rt_automix.io.lossy.delivery import Delivered
from rt_automix.render import RenderResult
from rt_automix.report import curves
from rt_automix.report.words import (
    CEILING_TOLERANCE_DB,
    clock,
    has_loudness,
    level,
    no_loudness,
    number,
    printable,
    setting,
    tone_changes_db,
    tone_distance_db,
)

TARGET_TOLERANCE_LU = 0.5
FLAT_DB = 0.05
"""A fine equaliser whose largest gain rounds to nothing did nothing."""


def run_facts(result: RenderResult) -> list[tuple[str, str]]:
    """How the render was made: name and value of each fact."""
    speed = number(result.duration_s / max(result.seconds_taken, 1e-3), 0)
    facts = [
        ("Style", printable(result.style.name)),
        ("Amount", f"{number(100.0 * result.amount, 0)} %"),
        ("Found", found_words(result)),
        ("Largest fine gain", fine_words(result)),
        ("Target", f"{number(result.target_lufs)} LUFS"),
        ("Ceiling", f"{number(result.ceiling_dbtp, 2)} dBTP"),
        ("Audio", f"{result.sample_rate_hz / 1000.0:g} kHz, {surround.name_of(result.channels)}"),
        ("Duration", clock(result.duration_s)),
        ("Latency when live", f"{result.latency_samples} samples ({_latency_ms(result)} ms)"),
        ("Speed", f"{speed} × real time"),
    ]
    if result.mono:
        label, more_lu = OTHER_MONO[result.mono]
        how = "as it sounds from two loudspeakers" if result.mono == "dual" else "as one channel"
        other = level(result.output.integrated_lufs + more_lu, "LUFS", nothing=no_loudness(result))
        facts.append(("Loudness measured", f"{how}; {label} {other}"))
    return facts + [(f"As {one.format}", _decoded_words(one)) for one in result.deliveries]


def _decoded_words(one: Delivered) -> str:
    """What decodes from a lossy file."""
    peak = f"{level(one.integrated_lufs, 'LUFS')}, {level(one.true_peak_dbtp, 'dBTP', 2)}"
    return f"{peak}, {_count(one.clipped_samples, 'sample')} clipped"


def found_words(result: RenderResult) -> str:
    """What was found about the input, and how sure that is."""
    told = findings.words(result.found)
    return "; ".join(told) if told else "not looked for: a reference says where to go"


def fine_words(result: RenderResult) -> str:
    """The largest gain of the fine bands once settled, and where."""
    gains_db = curves.settled_fine_db(result.history)
    largest = int(np.abs(gains_db).argmax())
    if abs(gains_db[largest]) < FLAT_DB:
        return "none"
    centre_hz = float(thirds.CENTRES_HZ[largest])
    pitch = f"{number(centre_hz, 0)} Hz" if centre_hz < 999.5 else f"{centre_hz / 1000.0:.2g} kHz"
    return f"{number(gains_db[largest], sign=True)} dB at {pitch}"


def _latency_ms(result: RenderResult) -> str:
    return number(1000.0 * result.latency_samples / result.sample_rate_hz, 2)


def warnings(result: RenderResult) -> list[str]:
    """What to know before trusting the result; empty if there is nothing."""
    found = []
    if result.output.true_peak_dbtp > result.ceiling_dbtp + CEILING_TOLERANCE_DB:
        found.append(
            f"The true peak of {number(result.output.true_peak_dbtp, 2)} dBTP is over the ceiling of "
            f"{number(result.ceiling_dbtp, 2)} dBTP."
        )
    found += _target_warning(result)
    for one in result.deliveries:
        if not one.is_clean:
            found.append(
                f"As {one.format} it decodes to {number(one.true_peak_dbtp, 2)} dBTP, which players clip. "
                "Choose another codec or more kbit/s."
            )
    if result.faults:
        found.append(
            f"{_count(result.faults, 'sample')} of the input could not be audio (not a number, or beyond +30 dBFS) "
            "and became silence. Check the file."
        )
    if result.analysis_gaps:
        found.append(f"The analysis fell behind and skipped music {_count(result.analysis_gaps, 'time')}.")
    found += map(printable, result.source_notes)
    if result.tags_note:
        found.append(printable(result.tags_note))
    return found


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _target_warning(result: RenderResult) -> list[str]:
    """That the loudness is not what was asked for, and why, as a list of none or one."""
    if result.missed:
        return [result.missed]
    # With less than the full amount the loudness is meant to stay between the input's and the target.
    if not has_loudness(result) or result.amount < 1.0 or result.loudness_after_10_s_lufs is None:
        return []
    # A live render aims at the target once it has settled, one that listens first aims with the whole.
    reached_lufs = min(
        (result.loudness_after_10_s_lufs, result.output.integrated_lufs),
        key=lambda loudness_lufs: abs(loudness_lufs - result.target_lufs),
    )
    missed_lu = reached_lufs - result.target_lufs
    if abs(missed_lu) <= TARGET_TOLERANCE_LU:
        return []
    text = (
        f"The loudness of {level(reached_lufs, 'LUFS')} is {number(abs(missed_lu))} LU "
        f"{'over' if missed_lu > 0.0 else 'under'} the target."
    )
    stuck_db = curves.stuck_trim_db(result.history)
    if missed_lu * stuck_db < 0.0:
        text += (
            f" The loudness trim stood at its limit of {number(stuck_db, sign=True)} dB: "
            "raise rider.max_trim_db, or the level of the input."
        )
    return [text]


def picture_titles(result: RenderResult) -> tuple[str, str]:
    """Name and key figures in one line, and further ones in another; nothing that depends on the machine."""
    before, after, facts = result.input, result.output, dict(run_facts(result))
    name, missing = printable(Path(result.source).name, longest=24), no_loudness(result)
    title = [f"{name}: {level(before.integrated_lufs, 'LUFS', nothing=missing)}"]
    subtitle = [f"style {printable(result.style.name, longest=20)}, {facts['Amount']}", f"target {facts['Target']}"]
    if has_loudness(result):
        title[0] += f" → {level(after.integrated_lufs, 'LUFS')}"
        title.append(f"true peak {level(after.true_peak_dbtp, 'dBTP', 2)}")
        subtitle.append(f"PLR {number(before.plr_db)} → {number(after.plr_db)} dB")
        subtitle.append(f"LRA {number(before.loudness_range_lu)} → {number(after.loudness_range_lu)} LU")
    subtitle.append(f"latency {_latency_ms(result)} ms")
    return "  ·  ".join(title), "  ·  ".join(subtitle)


# Alternative texts: what a figure shows, for those who do not see it --------------------------------


def _loudness(result: RenderResult) -> str:
    window_s = curves.loudness_window_s(result.duration_s)
    before, after = (
        level(side.integrated_lufs, "LUFS", nothing=no_loudness(result)) for side in (result.input, result.output)
    )
    return (
        f"{'Short-term' if window_s == curves.SHORT_TERM_S else 'Momentary'} loudness over time. "
        f"Integrated: {before} before, {after} after; target {number(result.target_lufs)} LUFS."
    )


def _spectrum(result: RenderResult) -> str:
    text = f"Long-term spectrum against the style {printable(result.style.name)}, and the equaliser's response: "
    text += f"five bands and 31 fine ones; largest fine gain: {fine_words(result)}."
    if result.input_profile is None or result.output_profile is None:
        return text
    changes = tone_changes_db(result.input_profile, result.output_profile)
    regions = ", ".join(f"{name} {number(change_db, sign=True)} dB" for name, change_db in changes.items())
    before_db, after_db = (
        number(tone_distance_db(profile, result.style)) for profile in (result.input_profile, result.output_profile)
    )
    return f"{text} Changes: {regions}. Distance from the style: {before_db} dB before, {after_db} dB after."


def _gain(result: RenderResult) -> str:
    history = result.history
    compression_db, limiting_db, gain_db = (
        number(abs(values).max(initial=0.0))
        for values in (history.compression_db, history.limiting_db, history.gain_db)
    )
    return (
        "Gain reduction and gain over time. "
        f"Most compression {compression_db} dB, most limiting {limiting_db} dB, largest gain {gain_db} dB."
    )


def _parameters(result: RenderResult) -> str:
    values = zip(params.PARAMS, curves.settled(result.history)[1], strict=True)
    settled = ", ".join(f"{param.label} {setting(param, value)}" for param, value in values)
    return f"The ten parameters over time, suggested and applied. Medians once settled: {settled}."


ALT: dict[str, Callable[[RenderResult], str]] = {
    "loudness": _loudness,
    "spectrum": _spectrum,
    "gain": _gain,
    "parameters": _parameters,
}
