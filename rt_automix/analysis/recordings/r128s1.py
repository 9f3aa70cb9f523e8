"""A programme against EBU R 128 s1: what advertisements and other short-form content may measure.

R 128 (version 4, 2020): -23.0 LUFS, to 0.2 LU when it is checked, and -1 dBTP, to 0.3 dB. R 128 s1 asks for one more,
and leaves the broadcaster the choice: maximum short-term loudness of -18 LUFS, or momentary of -15. The loudness
range says nothing about so short a programme.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from rt_automix.analysis.recordings.measure import Measurement
from rt_automix.units import FLOOR_DB

TARGET_LUFS, TOLERANCE_LU = -23.0, 0.2
MAX_SHORT_TERM_LUFS, MAX_MOMENTARY_LUFS = -18.0, -15.0
MAX_TRUE_PEAK_DBTP, PEAK_TOLERANCE_DB = -1.0, 0.3

SUFFIXES = (".txt", ".csv", ".json")
_ROUNDING = 0.05
"""Figures are said to a tenth."""

_WORDS = {
    "integrated_lufs": ("programme loudness", "LUFS", TARGET_LUFS),
    "max_momentary_lufs": ("maximum momentary", "LUFS", MAX_MOMENTARY_LUFS),
    "max_short_term_lufs": ("maximum short-term", "LUFS", MAX_SHORT_TERM_LUFS),
    "max_true_peak_dbtp": ("maximum true peak", "dBTP", MAX_TRUE_PEAK_DBTP),
}


def report(name: str, measured: Measurement) -> dict[str, Any]:
    """The four figures, whether each is within what it may be, and whether all is, ready for JSON.

    A level of silence, or of less than there must be for one, is None. `within` holds where loudness and peak do, and
    either of the two maxima.
    Thread: main. Allocates: yes.
    """
    figures: dict[str, Any] = {
        "integrated_lufs": measured.integrated_lufs,
        "max_momentary_lufs": measured.max_momentary_lufs,
        "max_short_term_lufs": measured.max_short_term_lufs,
        "max_true_peak_dbtp": measured.true_peak_dbtp,
    }
    is_met = {
        "integrated_lufs": abs(measured.integrated_lufs - TARGET_LUFS) < TOLERANCE_LU + _ROUNDING,
        "max_momentary_lufs": measured.max_momentary_lufs < MAX_MOMENTARY_LUFS + _ROUNDING,
        "max_short_term_lufs": measured.max_short_term_lufs < MAX_SHORT_TERM_LUFS + _ROUNDING,
        "max_true_peak_dbtp": measured.true_peak_dbtp < MAX_TRUE_PEAK_DBTP + PEAK_TOLERANCE_DB + _ROUNDING,
    }
    one_of_two = is_met["max_momentary_lufs"] or is_met["max_short_term_lufs"]
    return {
        "programme": name,
        "duration_s": round(measured.duration_s, 2),
        **{key: round(level, 2) if level > FLOOR_DB else None for key, level in figures.items()},
        **{f"{key.rpartition('_')[0]}_ok": is_so for key, is_so in is_met.items()},
        "within": is_met["integrated_lufs"] and is_met["max_true_peak_dbtp"] and one_of_two,
    }


def as_text(found: Mapping[str, Any]) -> str:
    """A report in lines for people. Thread: any. Allocates: yes."""
    verdict = "within EBU R 128 s1" if found["within"] else "not within EBU R 128 s1"
    lines = [f"{found['programme']} ({found['duration_s']:.1f} s): {verdict}"]
    for key, (name, unit, limit) in _WORDS.items():
        level = "no level" if found[key] is None else f"{found[key]:.1f} {unit}"
        what = "" if found[f"{key.rpartition('_')[0]}_ok"] else ", not within"
        about = f"{limit:g} ± {TOLERANCE_LU:g}" if key == "integrated_lufs" else f"at most {limit:g}"
        lines.append(f"  {name}: {level} ({about}{what})")
    return "\n".join(lines) + "\n"


def as_csv(reports: list[dict[str, Any]]) -> str:
    """Reports as a table with a head. Thread: any. Allocates: yes."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(reports[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(reports)
    return text.getvalue()


def written(reports: list[dict[str, Any]], suffix: str) -> str:
    """Reports as what a file with this ending holds. Thread: any. Allocates: yes."""
    if suffix == ".csv":
        return as_csv(reports)
    return json.dumps(reports, indent=2) + "\n" if suffix == ".json" else "\n".join(map(as_text, reports))
