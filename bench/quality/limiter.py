"""What limiting costs and holds: distortion, true peak, loudness, beside two limiters that people use.

All get the same audio and the same ceiling, and ffmpeg's no make-up gain; pedalboard's cannot be had without
(pedalboard 0.9: what is quiet comes out 4.75 dB louder at a threshold of -1 dB). The true peak is read by a
meter of 32 times oversampling and 128 taps, far longer than any detector's filter. "Loudness at equal true
peak" turns each output up or down until its true peak is the ceiling, so that nobody gains by going over it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from bench.common import material, peers, report
from rt_automix.dsp.dynamics import limiter
from rt_automix.units import lin_from_db
from tests.helpers.oversampled import band_limited, true_peak_dbtp

Audio = NDArray[np.float32]
Limiter = Callable[[Audio, int, float], Audio]

SAMPLE_RATE_HZ = 48_000
CEILING_DBTP = -1.0
TONES_HZ = (50, 100, 1000)
TONE_OVER_DB = 6.0
HOT_LUFS = -6.0
"""How loud music goes into the limiters."""

OURS, PEDALBOARD, FFMPEG = "ours", "pedalboard.Limiter", "ffmpeg alimiter"
COLOURS = {OURS: report.OURS, PEDALBOARD: report.PEER, FFMPEG: report.PEER_TOO}


def ours(audio: Audio, sample_rate_hz: int, ceiling_dbtp: float) -> Audio:
    """The chain's limiter alone."""
    output = audio.copy()
    settings = limiter.new_settings(sample_rate_hz)
    limiter.process(limiter.new_state(), settings, np.float32(lin_from_db(ceiling_dbtp)), output[0], output[1])
    return output


def limiters() -> dict[str, Limiter]:
    """Who takes part on this machine."""
    found: dict[str, Limiter] = {OURS: ours, PEDALBOARD: peers.pedalboard_limiter}
    if peers.has_ffmpeg():
        found[FFMPEG] = peers.ffmpeg_limiter
    else:
        report.console.print("ffmpeg is not installed: its limiter is skipped.")
    return found


def _stereo(mono: NDArray[np.float64], over_db: float) -> Audio:
    """Band-limited to 21 kHz, both channels alike, its sample peak this far over the ceiling."""
    quiet_edges = np.pad(mono, 4096)
    clean = band_limited(quiet_edges, SAMPLE_RATE_HZ)
    clean *= lin_from_db(CEILING_DBTP + over_db) / np.abs(clean).max()
    return np.stack([clean, clean]).astype(np.float32)


def hard_signals(seconds: float) -> dict[str, Audio]:
    """Signals whose peaks lie between the samples, all below 21 kHz."""
    count = round(seconds * SAMPLE_RATE_HZ)
    index, rng = np.arange(count), np.random.default_rng(7)
    noise = rng.standard_normal(count)
    beat = index % (SAMPLE_RATE_HZ // 4)
    kick = np.sin(2.0 * np.pi * (60.0 * beat / SAMPLE_RATE_HZ)) * np.exp(-beat / (0.05 * SAMPLE_RATE_HZ))
    return {
        "fs/4 bursts, 45°": _stereo(np.cos(np.pi * index / 2.0 + np.pi / 4.0) * (index % 4800 < 480), 6.0),
        "noise": _stereo(noise, 12.0),
        "noise bursts": _stereo(noise * (index % 9600 < 2400), 12.0),
        "kicks and clicks": _stereo(kick + (beat == 0), 12.0),
        "square waves": _stereo(np.sign(np.sin(2.0 * np.pi * 997.0 * index / SAMPLE_RATE_HZ + 0.1)), 9.0),
    }


def distortion_percent(output: Audio, tone_hz: int) -> float:
    """All harmonics against the fundamental, over the last second."""
    second = output[0, -SAMPLE_RATE_HZ:].astype(np.float64)
    amplitude = np.abs(np.fft.rfft(second))
    harmonics = amplitude[2 * tone_hz :: tone_hz]
    return float(100.0 * np.sqrt(np.sum(harmonics**2)) / amplitude[tone_hz])


def _distortion(takers: dict[str, Limiter], seconds: float) -> dict[str, dict[str, float]]:
    times_s = np.arange(round((seconds + 1.0) * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    level_lin = lin_from_db(CEILING_DBTP + TONE_OVER_DB)
    tones = {hz: np.tile(level_lin * np.sin(2.0 * np.pi * hz * times_s), (2, 1)).astype(np.float32) for hz in TONES_HZ}
    return {
        f"{hz} Hz": {
            name: distortion_percent(limit(tone, SAMPLE_RATE_HZ, CEILING_DBTP), hz) for name, limit in takers.items()
        }
        for hz, tone in tones.items()
    }


def _songs(music: Path | None, seconds: float) -> dict[str, tuple[Audio, int]]:
    demo = material.loud_song(SAMPLE_RATE_HZ)[:, : round(2.0 * seconds * SAMPLE_RATE_HZ)]
    found = {"demo song": (demo, SAMPLE_RATE_HZ)}
    if music is not None:
        found |= material.songs([music], 3, 2.0 * seconds)
    return {
        name: (np.ascontiguousarray(material.at_loudness(audio, rate_hz, HOT_LUFS)), rate_hz)
        for name, (audio, rate_hz) in found.items()
    }


def measure(music: Path | None, seconds: float) -> dict[str, Any]:
    """Everything the table and the picture show."""
    takers = limiters()
    over: dict[str, dict[str, float]] = {}
    for signal, audio in hard_signals(seconds).items():
        outputs = {name: limit(audio, SAMPLE_RATE_HZ, CEILING_DBTP) for name, limit in takers.items()}
        over[signal] = {name: true_peak_dbtp(output) - CEILING_DBTP for name, output in outputs.items()}
    loudness: dict[str, dict[str, dict[str, float]]] = {}
    for song, (audio, rate_hz) in _songs(music, seconds).items():
        loudness[song] = {}
        over[song] = {}
        for name, limit in takers.items():
            output = limit(audio, rate_hz, CEILING_DBTP)
            lufs = material.integrated_lufs(output, rate_hz)
            over[song][name] = true_peak_dbtp(output) - CEILING_DBTP
            loudness[song][name] = {"lufs": lufs, "lufs_at_equal_true_peak": lufs - over[song][name]}
    return {
        "limiters": list(takers),
        "distortion_percent": _distortion(takers, seconds),
        "true_peak_over_ceiling_db": over,
        "loudness": loudness,
    }


def run(music: Path | None, seconds: float, out: Path) -> None:
    """Measure, print the tables, write figures and picture."""
    results = measure(music, seconds)
    _print(results)
    settings = {
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "ceiling_dbtp": CEILING_DBTP,
        "tone_over_db": TONE_OVER_DB,
        "music_into_the_limiter_lufs": HOT_LUFS,
        "seconds": seconds,
    }
    report.save("limiter", out, settings, results, draw(results))


def _print(results: dict[str, Any]) -> None:
    names = results["limiters"]
    table = Table("ceiling -1 dBTP", *names, title="Limiters on the same audio", title_justify="left")
    for tone, row in results["distortion_percent"].items():
        table.add_row(f"THD of {tone}, 6 dB limited", *(f"{row[name]:.4f} %" for name in names))
    table.add_section()
    for signal, row in results["true_peak_over_ceiling_db"].items():
        table.add_row(f"true peak over the ceiling: {signal}", *(f"{row[name]:+.3f} dB" for name in names))
    table.add_section()
    for song, per in results["loudness"].items():
        cells = (f"{per[n]['lufs']:.2f} ({per[n]['lufs_at_equal_true_peak']:.2f})" for n in names)
        table.add_row(f"LUFS (at equal true peak): {song}", *cells)
    report.console.print(table)


def draw(results: dict[str, Any]) -> Figure:
    """Distortion, true peak and loudness, side by side."""
    figure, axes = report.plot_size(13.0, 4.4, 1, 3, width_ratios=(0.8, 1.3, 1.0))
    names = results["limiters"]
    distortion = results["distortion_percent"]
    floor = 1e-5
    rows = {tone: {n: max(row[n], floor) for n in names} for tone, row in distortion.items()}
    _bars(axes[0], rows, names, lambda value: f"{value:.2g} %" if value > floor else "0")
    axes[0].set_xscale("log")
    axes[0].set_xlim(floor, 300.0)
    axes[0].axvline(0.01, color=report.GOAL, lw=1.5, ls="--")
    axes[0].set_title("Distortion of a tone limited by 6 dB")
    axes[0].set_xlabel("THD, percent (dashed: goal 0.01)")

    over = results["true_peak_over_ceiling_db"]
    _bars(axes[1], over, names, lambda value: f"{value:+.2f}")
    axes[1].axvline(0.0, color=report.GOAL, lw=1.0)
    axes[1].set_xlim(min(-0.5, *(v for row in over.values() for v in row.values())) - 0.3, None)
    axes[1].margins(x=0.12)
    axes[1].set_title("True peak over the ceiling")
    axes[1].set_xlabel("dB over -1 dBTP, read at 32x")

    loudness = results["loudness"]
    equal = {song: {n: row[n]["lufs_at_equal_true_peak"] for n in names} for song, row in loudness.items()}
    low = min(v for row in equal.values() for v in row.values())
    _bars(axes[2], equal, names, lambda value: f"{value:.1f}", left=low - 2.0)
    axes[2].set_title("Loudness at equal true peak")
    axes[2].set_xlabel("LUFS: further right is louder")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(names))
    return figure


def _bars(
    axes: Axes, rows: dict[str, dict[str, float]], names: list[str], text: Callable[[float], str], left: float = 0.0
) -> None:
    """Horizontal bars, grouped by row, one colour for each limiter."""
    height = 0.8 / len(names)
    for k, name in enumerate(names):
        places = [index + (k - (len(names) - 1) / 2) * height for index in range(len(rows))]
        values = [row[name] for row in rows.values()]
        bars = axes.barh(places, [v - left for v in values], 0.9 * height, left=left, color=COLOURS[name], label=name)
        report.label_bars(axes, bars, [text(value) for value in values])
    axes.set_yticks(range(len(rows)), [row if len(row) < 24 else row[:22] + "…" for row in rows])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
