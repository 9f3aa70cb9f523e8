"""The panels of the report: each draws one thing on the axes it is given.

Colours are of Okabe and Ito's palette, which colour-blind eyes tell apart; line styles differ too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rt_automix import params
from rt_automix.dsp.tone import equalizer
from rt_automix.render import RenderResult
from rt_automix.report import curves
from rt_automix.report.words import no_loudness, setting

Axes = Any
"""Matplotlib's, which only `figures` imports."""

INK, MUTED, FAINT = "#1a1a1a", "#5f5f5f", "#e6e6e6"
BEFORE, AFTER, AIM = "#8c8c8c", "#0072b2", "#d55e00"
EQUALIZER, FINE, COMPRESSOR, LIMITER = "#009e73", "#cc79a7", "#0072b2", "#d55e00"
DASHED = (0, (4, 2))

POINTS = 800
"""Of one curve: more than a screen can show."""
AREA_POINTS = 400
PARAMETER_POINTS = 300
_TIME_STEPS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0)
_UNIT_LABELS = {"x": "×", "lin": "linear"}


def _legend(axes: Axes, drawn: dict[str, Any] | None = None) -> None:
    """In one row above the axes, so that it never covers a curve; of what has a label, or of what is given."""
    entries = () if drawn is None else (list(drawn.values()), list(drawn))
    axes.legend(*entries, loc="lower left", bbox_to_anchor=(0.0, 1.02), ncols=4)


def _time_axis(axes: Axes, duration_s: float) -> None:
    step_s = next((step for step in _TIME_STEPS_S if duration_s <= 8.0 * step), 3600.0)
    ticks_s = np.arange(0.0, duration_s + 1e-6, step_s)
    if duration_s >= 60.0:
        axes.set_xticks(ticks_s, [f"{int(at_s) // 60}:{int(at_s) % 60:02d}" for at_s in ticks_s])
    else:
        axes.set_xticks(ticks_s, [f"{at_s:g}" for at_s in ticks_s.round(1)])
    axes.set_xlim(0.0, duration_s)
    axes.set_xlabel("Time (min:s)" if duration_s >= 60.0 else "Time (s)")


def loudness(axes: Axes, result: RenderResult) -> None:
    """Loudness before and after, with the target."""
    window_s = curves.loudness_window_s(result.duration_s)
    drawn = [result.target_lufs]
    for curve, color, width, label in (
        (result.input_curve, BEFORE, 1.1, "before"),
        (result.output_curve, AFTER, 1.5, "after"),
    ):
        time_s, lufs = curves.loudness(curve, window_s, POINTS)
        axes.plot(time_s, lufs, color=color, linewidth=width, label=label)
        drawn += lufs[np.isfinite(lufs)].tolist()
    axes.axhline(result.target_lufs, color=AIM, linewidth=1.1, linestyle=DASHED, label="target")
    high_lufs = max(drawn) + 3.0
    axes.set_ylim(min(max(min(drawn) - 2.0, high_lufs - 40.0), high_lufs - 15.0), high_lufs)
    if len(drawn) == 1:
        axes.text(0.5, 0.4, no_loudness(result), transform=axes.transAxes, ha="center", color=MUTED)
    axes.locator_params(axis="y", nbins=5, integer=True)
    axes.set_ylabel("Short-term (LUFS)" if window_s == curves.SHORT_TERM_S else "Momentary (LUFS)")
    _time_axis(axes, result.duration_s)
    _legend(axes)


def _frequency_axis(axes: Axes) -> None:
    ticks = {30: "30", 100: "100", 300: "300", 1000: "1k", 3000: "3k", 10000: "10k"}
    axes.set_xscale("log")
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    axes.set_xlim(30.0, 18000.0)
    axes.set_xlabel("Frequency (Hz)")


def spectrum(axes: Axes, result: RenderResult) -> None:
    """Long-term spectra before and after, and the reference's; a correction is behind the equaliser's curve."""
    centres_hz = curves.band_centres_hz()
    reference = result.style if result.found is None else None
    drawn = []
    for profile, label, line in (
        (result.input_profile, "before", {"color": BEFORE, "linewidth": 1.1}),
        (result.output_profile, "after", {"color": AFTER, "linewidth": 1.5}),
        (reference, "target", {"color": AIM, "linewidth": 1.1, "linestyle": DASHED}),
    ):
        if profile is not None:
            axes.plot(centres_hz, profile.bands_db, label=label, **line)
            drawn += list(profile.bands_db)
    if drawn:
        axes.set_ylim(max(min(drawn) - 3.0, -45.0), max(drawn) + 3.0)
        _legend(axes)
    axes.set_ylabel("Level (dB over mean)")
    _frequency_axis(axes)


def response(axes: Axes, result: RenderResult) -> None:
    """What the equaliser did: five bands, the fine ones on top of them, both together and the range it moved in.

    Behind it the correction that was found to be due, with its doubt.
    """
    frequencies_hz = np.geomspace(30.0, 18000.0, 200)
    five_db, fine_db = curves.equalizer_parts_db(result.history, frequencies_hz, result.sample_rate_hz)
    low_db, median_db, high_db = curves.equalizer_spread_db(result.history, frequencies_hz, result.sample_rate_hz)
    moved = axes.fill_between(frequencies_hz, low_db, high_db, color=INK, alpha=0.12, linewidth=0.0)
    shown: dict[str, Any] = {}
    if result.found is not None:
        correction_db, doubt_db, at_hz = result.found.correction_db, result.found.doubt_db, curves.band_centres_hz()
        band = axes.fill_between(
            at_hz, correction_db - doubt_db, correction_db + doubt_db, color=AIM, alpha=0.14, linewidth=0.0
        )
        (line,) = axes.plot(at_hz, correction_db, color=AIM, linewidth=1.0)
        shown["found"] = (band, line)
    axes.fill_between(frequencies_hz, fine_db, 0.0, color=FINE, alpha=0.35, linewidth=0.0)
    (fine,) = axes.plot(frequencies_hz, fine_db, color=FINE, linewidth=1.0)
    (five,) = axes.plot(frequencies_hz, five_db, color=EQUALIZER, linewidth=1.1, linestyle=DASHED)
    (both,) = axes.plot(frequencies_hz, median_db, color=INK, linewidth=1.5)
    centres_hz = [centre_hz for _, centre_hz in equalizer.BANDS]
    axes.plot(centres_hz, np.interp(centres_hz, frequencies_hz, five_db), "o", color=EQUALIZER, markersize=3.0)
    axes.axhline(0.0, color=MUTED, linewidth=0.6)
    reach_db = max(3.0, 1.0 + max(np.abs(drawn_db).max() for drawn_db in (low_db, high_db, five_db, fine_db)))
    axes.set_ylim(-reach_db, reach_db)
    axes.locator_params(axis="y", nbins=7, integer=True)
    axes.set_ylabel("Gain (dB)")
    _frequency_axis(axes)
    # Fine bands do what five leave of a reference, and with one there is no correction to be found.
    shown = shown or {"31 fine": fine}
    _legend(axes, {"5 bands": five, "both, range": (moved, both)} | shown)


def reduction(axes: Axes, result: RenderResult) -> None:
    """How much compressor and limiter took away."""
    deepest_db = 3.0
    for values, color, label in (
        (result.history.compression_db, COMPRESSOR, "compressor"),
        (result.history.limiting_db, LIMITER, "limiter"),
    ):
        time_s, reduction_db = curves.thin_peaks(result.history.time_s, values, AREA_POINTS)
        axes.fill_between(time_s, -reduction_db, 0.0, color=color, alpha=0.35, linewidth=0.0)
        axes.plot(time_s, -reduction_db, color=color, linewidth=0.8, label=label)
        deepest_db = max(deepest_db, reduction_db.max(initial=0.0))
    axes.set_ylim(-1.08 * deepest_db, 0.0)
    axes.locator_params(axis="y", nbins=5, integer=True)
    axes.set_ylabel("Gain reduction (dB)")
    _time_axis(axes, result.duration_s)
    _legend(axes)


def gain(axes: Axes, result: RenderResult) -> None:
    """All gain that was applied, and the share that steers to the loudness target."""
    low_db, high_db = -3.0, 3.0
    for values, color, line, label in (
        (result.history.gain_db, AFTER, "-", "total gain"),
        (result.history.trim_db, EQUALIZER, DASHED, "of it, loudness trim"),
    ):
        axes.plot(*curves.thin(result.history.time_s, values, POINTS), color=color, linestyle=line, label=label)
        low_db, high_db = values.min(initial=low_db), values.max(initial=high_db)
    axes.axhline(0.0, color=MUTED, linewidth=0.6)
    axes.set_ylim(low_db - 1.0, high_db + 1.0)
    axes.set_ylabel("Gain (dB)")
    _time_axis(axes, result.duration_s)
    _legend(axes)


def parameters(panels: Sequence[Axes], result: RenderResult) -> None:
    """Each parameter over time in its whole range: suggested, and applied after smoothing and amount."""
    history = result.history
    for k, (axes, param) in enumerate(zip(panels, params.PARAMS, strict=True)):
        for values, color, width, alpha, label in (
            (history.suggested[:, k], AIM, 2.6, 0.45, "suggested"),
            (history.applied[:, k], AFTER, 1.0, 1.0, "applied"),
        ):
            time_s, thinned = curves.thin(history.time_s, values, PARAMETER_POINTS)
            axes.plot(time_s, thinned, color=color, linewidth=width, alpha=alpha, label=label)
        axes.axhline(param.neutral, color=MUTED, linewidth=0.6)
        margin = 0.06 * (param.high - param.low)
        axes.set_ylim(param.low - margin, param.high + margin)
        axes.set_yticks([param.low, 0.5 * (param.low + param.high), param.high])
        unit = _UNIT_LABELS.get(param.unit, param.unit)
        axes.set_title(f"{param.label} ({unit})" if unit else param.label, pad=3.0)
        _time_axis(axes, result.duration_s)
        if not axes.get_subplotspec().is_last_row():
            axes.set_xlabel("")
    panels[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.02), ncols=2)


def settled(axes: Axes, result: RenderResult) -> None:
    """Where each parameter settled in its range: a bar from neutral to the median, a line for what it moved in."""
    low, median, high = curves.settled(result.history)
    low_norm, median_norm, high_norm, neutral_norm = map(params.normalise, (low, median, high, params.NEUTRAL))
    rows = np.arange(params.COUNT)
    axes.barh(rows, 1.0, height=0.34, color=FAINT)
    axes.barh(rows, median_norm - neutral_norm, left=neutral_norm, height=0.34, color=AFTER)
    axes.hlines(rows, low_norm, high_norm, color=INK, linewidth=1.0)
    axes.vlines(neutral_norm, rows - 0.24, rows + 0.24, color=INK, linewidth=1.0)
    for row, (param, value) in enumerate(zip(params.PARAMS, median, strict=True)):
        axes.text(0.0, row - 0.29, param.label, va="bottom")
        axes.text(1.0, row - 0.29, setting(param, value), va="bottom", ha="right")
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(params.COUNT - 0.7, -0.7)
    axes.set_axis_off()
    axes.text(0.0, 1.02, "bar: median; line: its range", transform=axes.transAxes, color=MUTED)
