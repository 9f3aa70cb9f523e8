"""Loudness of songs streamed live: how soon it settles, how near it stays, what steps and pauses do to it.

Every song is streamed block by block with the analysis that live has, at a target of -14 LUFS: once
as it is, once in level steps of 12 dB every 30 s, and with pauses of silence, of room tone and of
applause in it. With a folder of voices, talk and talk over the songs are streamed as they are, too. Beside
it stand the untouched input, ffmpeg's loudnorm in one pass, which looks ahead by three seconds, and its
dynaudnorm, which looks ahead by eight and knows no target: both are read as aligned, as if that were nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from rich.table import Table

from bench.common import material, peers, report
from bench.quality import loudness_picture, loudness_talk
from rt_automix.analysis.recordings.measure import Meter
from rt_automix.config import Config, Master
from rt_automix.engine.engine import Engine
from rt_automix.units import lin_from_db
from tests.helpers.crowd import applause
from tests.helpers.oversampled import true_peak_dbtp

Audio = NDArray[np.float32]
Values = NDArray[np.float64]
Leveller = Callable[[Audio, int], Audio]

TARGET_LUFS, CEILING_DBTP = -14.0, -1.0
BLOCK_S = 0.1
PLAIN_S, AFTER_START_S = 75.0, 10.0
STEP_S, STEPS_DB = 30.0, (-12.0, 0.0, -12.0)
NEAR_LU, HOLD_S, SHORT_TERM_S, AFTER_STEP_S = 1.0, 2.0, 3.0, 15.0
"""Settled is what stays this near for this long."""

PAUSE_FROM_S, PAUSE_S, AFTER_PAUSE_S = 30.0, 5.0, 3.0
REST_S, REST_DB = 4.0, 0.5
"""A pause comes where the gain has moved by less than this, and would go on so: what moves it is the pause."""
APPLAUSE_LU = (-20.0, -12.0, -6.0, 0.0)
"""Loudness of the applause, against the music before it."""

INPUT, OURS, FFMPEG, DYNAMIC = "input", "ours", "ffmpeg loudnorm", "ffmpeg dynaudnorm"
GOALS = {
    "settles after the start, s": ("median", 5.0),
    "settles after +12 dB, s": ("median", 6.0),
    "settles after -12 dB, s": ("median", 6.0),
    "never settles": ("sum", 0.0),
    "loudness error after 10 s, LU": ("median", 0.3),
    "worst loudness error, LU": ("max", 1.0),
    "peak after +12 dB, LU over": ("max", 4.5),
    "true peak over the ceiling, dB": ("max", 0.02),
}


def ours(audio: Audio, rate_hz: int) -> Audio:
    """The engine as live runs it, its latency cut off."""
    return streamed(audio, rate_hz)[0]


def streamed(audio: Audio, rate_hz: int) -> tuple[Audio, Values]:
    """Output of a live stream, and the rider's gain in dB after every block of BLOCK_S."""
    config = Config(master=Master(target_lufs=TARGET_LUFS))
    engine = Engine(config, analysis="inline")
    block_samples = round(BLOCK_S * rate_hz)
    engine.prepare(rate_hz, block_samples, len(audio))
    late = engine.latency_samples
    padded = np.pad(audio, ((0, 0), (0, late)))
    out, gains_db = np.empty_like(padded), []
    for start in range(0, padded.shape[1], block_samples):
        block = np.ascontiguousarray(padded[:, start : start + block_samples])
        out[:, start : start + block_samples] = engine.process(block)
        gains_db.append(engine.meters().ride_db)
    return np.ascontiguousarray(out[:, late:]), np.array(gains_db)


def levellers() -> dict[str, Leveller]:
    """Who takes part on this machine."""
    found: dict[str, Leveller] = {INPUT: lambda audio, rate_hz: audio, OURS: ours}
    if peers.has_ffmpeg():
        found[FFMPEG] = lambda audio, rate_hz: peers.ffmpeg_loudnorm(audio, rate_hz, TARGET_LUFS, CEILING_DBTP)
        found[DYNAMIC] = lambda audio, rate_hz: peers.ffmpeg(audio, rate_hz, "dynaudnorm")
    else:
        report.console.print("ffmpeg is not installed: its loudnorm and dynaudnorm are skipped.")
    return found


def short_term(audio: Audio, rate_hz: int) -> tuple[Values, Values]:
    """Short-term loudness in LUFS every 100 ms, and the times at which its windows end."""
    meter = Meter(rate_hz, len(audio))
    meter.push(audio)
    return meter.curve.time_s, meter.curve.short_term_lufs


def settling_s(times_s: Values, short_term_lufs: Values, since_s: float, until_s: float) -> float | None:
    """Time from `since_s` to where the loudness stays within NEAR_LU for HOLD_S; None if it never does."""
    near = np.abs(short_term_lufs - TARGET_LUFS) <= NEAR_LU
    first_s = max(since_s, SHORT_TERM_S) - 0.01
    for time_s in times_s[(times_s >= first_s) & (times_s <= until_s - HOLD_S + 0.01)]:
        if near[(times_s >= time_s - 0.01) & (times_s <= time_s + HOLD_S + 0.01)].all():
            return float(time_s - since_s)
    return None


def stepped(song: Audio, rate_hz: int) -> Audio:
    """The song in three levels."""
    levels_lin = np.repeat([lin_from_db(level_db) for level_db in STEPS_DB], round(STEP_S * rate_hz))
    return song[:, : levels_lin.size] * levels_lin.astype(np.float32)


def plain_run(song: Audio, rate_hz: int, level: Leveller) -> dict[str, Any]:
    """Figures of the song as it is."""
    audio = song[:, : round(PLAIN_S * rate_hz)]
    output = level(audio, rate_hz)
    times_s, short_term_lufs = short_term(output, rate_hz)
    later = np.ascontiguousarray(output[:, round(AFTER_START_S * rate_hz) :])
    return {
        "settles_s": settling_s(times_s, short_term_lufs, 0.0, PLAIN_S),
        "error_lu": material.integrated_lufs(later, rate_hz) - TARGET_LUFS,
        "within_1_lu": float(np.mean(np.abs(short_term_lufs[times_s > AFTER_START_S] - TARGET_LUFS) <= 1.0)),
        "true_peak_over_db": true_peak_dbtp(output) - CEILING_DBTP,
        "short_term_lufs": short_term_lufs.tolist(),
    }


def step_run(song: Audio, rate_hz: int, level: Leveller) -> dict[str, Any]:
    """Figures of the song in level steps."""
    output = level(stepped(song, rate_hz), rate_hz)
    times_s, short_term_lufs = short_term(output, rate_hz)
    up = (times_s > STEP_S) & (times_s <= STEP_S + AFTER_STEP_S)
    down = (times_s > 2 * STEP_S) & (times_s <= 2 * STEP_S + AFTER_STEP_S)
    return {
        "settles_s": settling_s(times_s, short_term_lufs, 0.0, STEP_S),
        "settles_up_s": settling_s(times_s, short_term_lufs, STEP_S, 2 * STEP_S),
        "settles_down_s": settling_s(times_s, short_term_lufs, 2 * STEP_S, 3 * STEP_S),
        "peak_up_lu": float(short_term_lufs[up].max() - TARGET_LUFS),
        "dip_down_lu": float(short_term_lufs[down].min() - TARGET_LUFS),
        "true_peak_over_db": true_peak_dbtp(output) - CEILING_DBTP,
        "short_term_lufs": short_term_lufs.tolist(),
    }


def pauses(song: Audio, rate_hz: int, at: int) -> dict[str, Audio]:
    """What the music is interrupted by at a sample, as loud as it has to be beside what comes before it."""
    shape, rng = (len(song), round(PAUSE_S * rate_hz)), np.random.default_rng(5)
    before_lufs = material.integrated_lufs(np.ascontiguousarray(song[:, at - 10 * rate_hz : at]), rate_hz)
    found: dict[str, Audio] = {"silence": np.zeros(shape, np.float32)}
    room_lin = lin_from_db(-65.0)
    found["room tone, -65 dBFS"] = (room_lin * rng.standard_normal(shape)).astype(np.float32)
    claps = applause(rate_hz, PAUSE_S, len(song))
    for level_lu in APPLAUSE_LU:
        found[f"applause, {level_lu:+.0f} LU"] = material.at_loudness(claps, rate_hz, before_lufs + level_lu)
    return found


def _at_rest(gains_db: Values) -> int:
    """The first block from PAUSE_FROM_S on with the gain at rest before and after; or where it moves least."""
    before, after = round(REST_S / BLOCK_S), round(AFTER_PAUSE_S / BLOCK_S)
    places = range(round(PAUSE_FROM_S / BLOCK_S), len(gains_db) - after, round(1.0 / BLOCK_S))
    moved_db = {place: float(np.ptp(gains_db[place - before : place + after])) for place in places}
    return next((place for place in places if moved_db[place] < REST_DB), min(moved_db, key=moved_db.__getitem__))


def pause_runs(song: Audio, rate_hz: int) -> dict[str, dict[str, float]]:
    """How far the gain moves in each pause, and how far from where it would be without one in the music after."""
    straight_db = streamed(song, rate_hz)[1]
    place, paused, after = _at_rest(straight_db), round(PAUSE_S / BLOCK_S), round(AFTER_PAUSE_S / BLOCK_S)
    at = place * round(BLOCK_S * rate_hz)
    rest = song[:, at : at + round(AFTER_PAUSE_S * rate_hz)]
    moves: dict[str, dict[str, float]] = {}
    for name, pause in pauses(song, rate_hz, at).items():
        gains_db = streamed(np.concatenate([song[:, :at], pause, rest], axis=1), rate_hz)[1]
        there = gains_db[place : place + paused] - gains_db[place - 1]
        later = gains_db[place + paused :][:after] - straight_db[place:][:after]
        moves[name] = {"pause_db": float(np.abs(there).max()), "after_db": float(np.abs(later).max())}
    return moves


def measure(music: Path, count: int, voices: Path | None = None) -> dict[str, Any]:
    """Everything the tables and the picture show."""
    takers = levellers()
    songs: dict[str, Any] = {}
    found = material.albums(music, count, 3 * STEP_S)
    for name, (audio, rate_hz) in track(found.items(), "songs", console=report.console, transient=True):
        songs[name] = {
            "plain": {taker: plain_run(audio, rate_hz, level) for taker, level in takers.items()},
            "steps": {taker: step_run(audio, rate_hz, level) for taker, level in takers.items()},
            "pauses": pause_runs(audio, rate_hz),
        }
    kinds = {"songs": {name: song["plain"] for name, song in songs.items()}}
    if voices is not None:
        for kind, talks in loudness_talk.talks(voices, found).items():
            kinds[kind] = {
                name: {taker: plain_run(audio, rate_hz, level) for taker, level in takers.items()}
                for name, (audio, rate_hz) in track(talks.items(), kind, console=report.console, transient=True)
            }
    return {"songs": songs, "kinds": kinds, "summary": {taker: summary(songs, taker) for taker in takers}}


def _finite(values: list[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def summary(songs: dict[str, Any], taker: str) -> dict[str, dict[str, float]]:
    """Median, worst and sum over the songs of each of GOALS; what never settles counts in a row of its own."""
    plain, steps = [song["plain"][taker] for song in songs.values()], [song["steps"][taker] for song in songs.values()]
    settling = {
        "settles after the start, s": [run["settles_s"] for run in plain + steps],
        "settles after +12 dB, s": [run["settles_up_s"] for run in steps],
        "settles after -12 dB, s": [run["settles_down_s"] for run in steps],
    }
    errors = [abs(run["error_lu"]) for run in plain]
    rows: dict[str, list[float]] = {name: _finite(values) for name, values in settling.items()}
    rows["never settles"] = [float(value is None) for values in settling.values() for value in values]
    rows["loudness error after 10 s, LU"] = rows["worst loudness error, LU"] = errors
    rows["peak after +12 dB, LU over"] = [run["peak_up_lu"] for run in steps]
    rows["true peak over the ceiling, dB"] = [run["true_peak_over_db"] for run in plain + steps]
    return {
        name: {"median": float(np.median(values)), "max": float(np.max(values)), "sum": float(np.sum(values))}
        for name, values in rows.items()
        if values
    }


def run(music: Path, count: int, voices: Path | None, out: Path) -> None:
    """Measure, print the tables, write figures and picture."""
    results = measure(music, count, voices)
    _print(results)
    loudness_talk.show(results["kinds"])
    settings = {
        "target_lufs": TARGET_LUFS,
        "ceiling_dbtp": CEILING_DBTP,
        "plain_s": PLAIN_S,
        "step_s": STEP_S,
        "steps_db": STEPS_DB,
        "pause_from_s": PAUSE_FROM_S,
        "pause_s": PAUSE_S,
    }
    report.save("loudness", out, settings, results, loudness_picture.draw(results, settings))


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f}"


def _print(results: dict[str, Any]) -> None:
    takers = list(results["summary"])
    heads = ["settles s", "error LU", "steps: start / up / down s", "peak / dip LU", "TP over dB"]
    table = Table("song", "", *heads, title=f"Streamed live at {TARGET_LUFS:g} LUFS", title_justify="left")
    for name, song in results["songs"].items():
        for taker in takers:
            plain, steps = song["plain"][taker], song["steps"][taker]
            settles = [_seconds(steps[key]) for key in ("settles_s", "settles_up_s", "settles_down_s")]
            over_db = max(plain["true_peak_over_db"], steps["true_peak_over_db"])
            table.add_row(
                name if taker == takers[0] else "",
                taker,
                _seconds(plain["settles_s"]),
                f"{plain['error_lu']:+.2f}",
                " / ".join(settles),
                f"{steps['peak_up_lu']:+.1f} / {steps['dip_down_lu']:+.1f}",
                f"{over_db:+.2f}",
            )
        table.add_section()
    report.console.print(table)

    table = Table("over all songs", *takers, "goal", title_justify="left")
    for row, (which, goal) in GOALS.items():
        cells = [results["summary"][taker].get(row, {}).get(which) for taker in takers]
        table.add_row(f"{row} ({which})", *("-" if cell is None else f"{cell:.2f}" for cell in cells), f"{goal:g}")
    report.console.print(table)

    runs = [song["pauses"] for song in results["songs"].values()]
    table = Table("gain moved by 5 s of", "there: median / worst dB", "after: median / worst dB", title_justify="left")
    for pause in runs[0]:
        moved = [[run[pause][key] for run in runs] for key in ("pause_db", "after_db")]
        table.add_row(pause, *(f"{np.median(values):.2f} / {max(values):.2f}" for values in moved))
    report.console.print(table)
