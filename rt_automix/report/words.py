"""A render in words and numbers: the headline, the table's rows, the warnings, what a figure shows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from rt_automix import params
from rt_automix.analysis.aim.profile import Profile
from rt_automix.render import RenderResult
from rt_automix.report import curves
from rt_automix.units import db_from_lin

SILENCE_DB = -100.0
"""Levels at and below are called silence."""

MONO_DB = -80.0
"""A side this far under the mid is none."""

TARGET_TOLERANCE_LU = 0.5
CEILING_TOLERANCE_DB = 0.02
AUDIBLE_DB = 0.5
"""Changes of tone and width below this are not worth a word."""

REGIONS_HZ = {"bass": 140.0, "low mids": 520.0, "mids": 2000.0, "presence": 6000.0, "air": math.inf}
"""What people call parts of the spectrum, and about where each ends."""
REGIONS_NAMED = 2

NONE = "–"


class Row(NamedTuple):
    """One line of the table of figures."""

    name: str
    note: str
    before: str
    after: str
    change: str
    aim: str


def number(value: float, decimals: int = 1, sign: bool = False) -> str:
    """A number with a true minus; zero has no sign."""
    rounded = round(value, decimals)
    return f"{rounded or 0.0:{'+' if sign and rounded else ''}.{decimals}f}".replace("-", "−")


def level(value_db: float, unit: str, decimals: int = 1, nothing: str = "silence") -> str:
    """A level with its unit, or the word for none at all."""
    return nothing if value_db <= SILENCE_DB else f"{number(value_db, decimals)} {unit}"


def clock(duration_s: float) -> str:
    """A duration as people say it: 4.2 s, 3:05 min, 1:00:00 h."""
    if duration_s < 60.0:
        return f"{duration_s:.1f} s"
    minutes, seconds = divmod(round(duration_s), 60)
    return f"{minutes}:{seconds:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d} h"


def setting(param: params.Param, value: float) -> str:
    """A parameter's value with its unit; a linear level in dB."""
    if param.unit == "dB":
        return f"{number(value, 1, sign=param.low < 0.0)} dB"
    if param.unit == "lin":
        return f"{number(db_from_lin(value))} dB"
    return f"× {number(value, 2)}" if param.unit == "x" else number(value, 2)


def printable(text: str, longest: int = 255) -> str:
    """A name as it can be shown: control characters and broken bytes replaced, the middle of a long one left out."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return shown if len(shown) <= longest else f"{shown[: longest // 2]}…{shown[-(longest // 2) + 1 :]}"


def tone_changes_db(before: Profile, after: Profile) -> dict[str, float]:
    """How much each region of the spectrum rose against the rest, in dB."""
    change_db = np.subtract(after.bands_db, before.bands_db)
    region = np.searchsorted(list(REGIONS_HZ.values()), curves.band_centres_hz())
    return {name: float(change_db[region == k].mean()) for k, name in enumerate(REGIONS_HZ)}


def tone_distance_db(profile: Profile, style: Profile) -> float:
    """Root mean square of the difference of two spectra over their bands, in dB."""
    return float(np.sqrt(np.mean(np.subtract(profile.bands_db, style.bands_db) ** 2)))


def is_silent(result: RenderResult) -> bool:
    """Whether not a sample came out."""
    return result.output.sample_peak_dbfs <= SILENCE_DB


def has_loudness(result: RenderResult) -> bool:
    """Whether input and output were long and loud enough to measure their loudness."""
    return min(result.input.integrated_lufs, result.output.integrated_lufs) > SILENCE_DB


def no_loudness(result: RenderResult) -> str:
    """What to call a loudness that there is not."""
    return "silence" if is_silent(result) else "not measurable"


def headline(result: RenderResult) -> str:
    """What was done, in one sentence; before it, what was missed and why."""
    if is_silent(result):
        return "Silence: there was nothing to master."
    peak = f"{number(result.output.true_peak_dbtp, 2)} dBTP"
    kept = result.output.true_peak_dbtp <= result.ceiling_dbtp + CEILING_TOLERANCE_DB
    ceiling = f"ceiling kept at {peak}" if kept else f"peaks of {peak} over the ceiling"
    if not has_loudness(result):
        return f"Too quiet or too short to measure its loudness; {ceiling}."
    change_lu = result.output.integrated_lufs - result.input.integrated_lufs
    now = f"{number(result.output.integrated_lufs)} LUFS"
    if abs(change_lu) < 0.05:
        loudness = f"As loud as before at {now}"
    else:
        loudness = f"{number(abs(change_lu))} dB {'louder' if change_lu > 0.0 else 'quieter'} at {now}"
    missed = f"{result.missed} " if result.missed else ""
    return f"{missed}{', '.join([loudness, *_tone_words(result), ceiling])}."


def _tone_words(result: RenderResult) -> list[str]:
    """What became of tone and width, as far as it can be heard."""
    if result.input_profile is None or result.output_profile is None:
        return []
    changes_db = tone_changes_db(result.input_profile, result.output_profile)
    largest = sorted(changes_db, key=lambda name: -abs(changes_db[name]))[:REGIONS_NAMED]
    words = [
        f"{name} {'up' if changes_db[name] > 0.0 else 'down'} {number(abs(changes_db[name]))} dB"
        for name in largest
        if abs(changes_db[name]) >= AUDIBLE_DB
    ]
    width_db = result.output_profile.side_mid_db - result.input_profile.side_mid_db
    if result.input_profile.side_mid_db > MONO_DB and abs(width_db) >= AUDIBLE_DB:
        words.append(f"{'wider' if width_db > 0.0 else 'narrower'} by {number(abs(width_db))} dB")
    return words or ["tone and width kept"]


def rows(result: RenderResult) -> list[Row]:
    """The table of figures."""
    before, after, style = result.input, result.output, result.style
    plr_before_db, plr_after_db = (before.plr_db, after.plr_db) if has_loudness(result) else (None, None)
    target, ceiling = f"{number(result.target_lufs)} LUFS", f"≤ {number(result.ceiling_dbtp, 2)} dBTP"
    found = [
        _row(
            "Integrated loudness", "the whole programme, gated",
            before.integrated_lufs, after.integrated_lufs, "LUFS", aim=target, nothing=no_loudness(result),
        ),
        _row(
            "Loudest 3 s", "maximum short-term loudness",
            before.max_short_term_lufs, after.max_short_term_lufs, "LUFS", nothing=no_loudness(result),
        ),
        _row(
            "Loudness range", "LRA, from quiet parts to loud ones",
            before.loudness_range_lu, after.loudness_range_lu, "LU",
        ),
        _row(
            "True peak", "between the samples too",
            before.true_peak_dbtp, after.true_peak_dbtp, "dBTP", decimals=2, aim=ceiling,
        ),
        _row(
            "Sample peak", "the largest sample",
            before.sample_peak_dbfs, after.sample_peak_dbfs, "dBFS", decimals=2,
        ),
        _row(
            "Peak to loudness", "PLR, true peak over integrated loudness",
            plr_before_db, plr_after_db, "dB", aim=f"{number(style.plr_db)} dB",
        ),
        *_tone_rows(result),
    ]  # fmt: skip
    settled_lufs = result.loudness_after_10_s_lufs
    if settled_lufs is not None:
        found.insert(1, _row("Loudness after 10 s", "without settling", None, settled_lufs, "LUFS", aim=target))
    return found


def _tone_rows(result: RenderResult) -> list[Row]:
    """Spectrum and width, before and after; only where they were measured."""
    before, after, style = result.input_profile, result.output_profile, result.style
    if before is None or after is None:
        return []
    return [
        _row(
            "Distance from style", "spectrum, RMS over 24 bands",
            tone_distance_db(before, style), tone_distance_db(after, style), "dB", aim="0 dB",
        ),
        _row(
            "Side over mid", "stereo width, 150 Hz to 12 kHz",
            before.side_mid_db, after.side_mid_db, "dB", aim=f"{number(style.side_mid_db)} dB",
            nothing="mono", nothing_db=MONO_DB,
        ),
    ]  # fmt: skip


_UNIT_OF_CHANGE = {"LUFS": "LU", "dBTP": "dB", "dBFS": "dB"}


def _row(
    name: str,
    note: str,
    before: float | None,
    after: float | None,
    unit: str,
    decimals: int = 1,
    aim: str = NONE,
    nothing: str = "silence",
    nothing_db: float = SILENCE_DB,
) -> Row:
    """A row from two values; None is a value that there is not."""

    def text(value: float | None) -> str:
        if value is None or math.isnan(value):
            return NONE
        return nothing if value <= nothing_db else f"{number(value, decimals)} {unit}"

    change = NONE
    if before is not None and after is not None and min(before, after) > nothing_db:
        change = f"{number(after - before, decimals, sign=True)} {_UNIT_OF_CHANGE.get(unit, unit)}"
    return Row(name, note, text(before), text(after), change, aim)
