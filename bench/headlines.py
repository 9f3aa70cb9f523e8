"""The few figures of each command that go into the table of `bench all`: what, and how much, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.common import report

Results = dict[str, Any]
Rows = Iterator[tuple[str, str]]


def latency(results: Results) -> Rows:
    """Proven latency, share of the deadline, stages."""
    for null in results["null_tests"]:
        if null["sample_rate_hz"] == 48_000:
            mode = "with look-ahead" if null["lookahead"] else "in direct mode"
            word = "proven by a null test" if null["is_proven"] else "NOT PROVEN"
            yield f"latency {mode}", f"{null['found_samples']} samples ({null['found_ms']:.2f} ms), {word}"
    for rate in results["rates"]:
        shares = [row["share_of_deadline"] for row in rate["blocks"]]
        text = ", ".join(f"{name} {100.0 * max(share[name] for share in shares):.2f} %" for name in ("p50", "p99.9"))
        yield f"worst share of the deadline at {rate['sample_rate_hz']} Hz", text
    for rate in results["rates"]:
        stages = rate["stages_share_of_the_whole"]
        most = max(stages, key=lambda name: stages[name]["median"])
        text = f"{most}, {report.spread(stages[most])} of the chain"
        yield f"stage that takes most at {rate['sample_rate_hz']} Hz", text


def chain(results: Results) -> Rows:
    """Ratios to pedalboard at each block size."""
    for entry in results["blocks"]:
        for ratio in entry["ratios"]:
            if ratio["goal"] is not None:
                yield f"{ratio['system']} / {ratio['against']}, {entry['block_samples']} samples", report.spread(ratio)


def limiter(results: Results) -> Rows:
    """Worst distortion and true peak of each limiter."""
    for name in results["limiters"]:
        distortion = max(row[name] for row in results["distortion_percent"].values())
        over_db = max(row[name] for row in results["true_peak_over_ceiling_db"].values())
        yield f"{name}: worst THD, worst true peak over the ceiling", f"{distortion:.4f} %, {over_db:+.2f} dB"


def outputs(results: Results) -> Rows:
    """What each further output costs, and the share of the period that the most take."""
    for row in results["outputs"]:
        if "further_to_first" in row:
            count, further = row["outputs"], row["further_to_first"]
            for part in ("callback", "together"):
                yield f"{count} outputs: each further / first, {part}", report.spread(further[part], 2)
    yield f"{count} outputs, share of the period", f"{100.0 * row['share_of_period']['median']:.2f} %"


def render(results: Results) -> Rows:
    """Speed of each file."""
    for name, entry in results.items():
        yield f"{name}: times real time", report.spread(entry["times_real_time"], 0)


def plugin(results: Results) -> Rows:
    """Ratios, the worker, loading, size, and what others take."""
    calls = results["call_for_call"]
    yield "plug-in / the engine's chain, call for call", report.spread(calls["to_the_chain"])
    yield "plug-in as it comes / pedalboard's chain", report.spread(calls["listening_to_pedalboard"])
    yield "plug-in's worker, share of a core", f"{100.0 * calls['worker_share_of_a_core']:.2f} %"
    for name, us in results["in_ffmpeg"]["us_per_block"].items():
        yield f"{name} in ffmpeg, us per block", report.spread(us, 1)
    yield "plug-in opened and its first block, ms", report.spread(results["first_sound_ms"], 1)
    yield "largest plug-in, MB", f"{max(results['bytes'].values()) / 1e6:.2f}"


def scale(results: Results) -> Rows:
    """Channels, rates, where real time ends, files."""
    last = results["channels"][-1]
    yield f"{last['channels']} channels, x stereo", report.spread(last["to_stereo"], 2)
    last = results["rates"][-1]
    yield f"a second at {last['sample_rate_hz']} Hz, x 48000 Hz", report.spread(last["second_to_second"], 2)
    for limit in results["limits"]:
        where = f"{limit['block_samples']} samples at {limit['sample_rate_hz']} Hz"
        count = f"{limit['most_engines']}{'' if limit['ends_there'] else ' or more'}"
        yield f"stereo engines at once on one core, {where}", count
    for row in results["files"]:
        text = f"{row['times_real_time']:.0f} x real time, {row['memory_mb']:.0f} MB"
        yield f"a file of {row['minutes']:g} min", text


def startup(results: Results) -> Rows:
    """Start of each command, and of live's sound; sizes."""
    for name, entry in results["commands"].items():
        yield f"rt-automix {name}: warm, s", _with_first_run(entry)
    live = results["live"]
    if live is not None:
        yield "rt-automix live to the first sample: warm, s", _with_first_run(live)
        yield "memory of live", ", ".join(f"{name} {mb:.0f} MB" for name, mb in live["memory_mb"].items())
    yield "base install", f"{results['install_total_megabytes']:.0f} MB"


def _with_first_run(entry: dict[str, Any]) -> str:
    cold = "" if entry["cold_s"] is None else f"; first run {entry['cold_s']:.1f}"
    return report.spread(entry["warm_s"], 2) + cold


def jitter(results: Results) -> Rows:
    """Late callbacks and the worst of them, over all loads."""
    loads = results["loads"].values()
    for way in next(iter(loads)):
        late = max(rows[way]["late_percent"] for rows in loads)
        run = min(min(rows[way]["run_percent_by_round"]) for rows in loads)
        yield f"{way}: worst under any load", f"{run:.0f} % of callbacks run, {late:.2f} % of them late"


def roundtrip(results: Results) -> Rows:
    """In to out, and knob to sound."""
    for path in results["paths"]:
        where = (
            f"{path['backend']}, {path['period_samples']} samples, {'looks ahead' if path['lookahead'] else 'direct'}"
        )
        yield f"in to out, {where}", f"{' '.join(map(str, path['delays_samples']))} samples, {path['ms']:.2f} ms"
    for row in results["knob"]:
        first = row["first_change_ms"]
        text = f"median {first['median']:.2f} ms, p95 {first['p95']:.2f} ms"
        yield f"knob to sound, {row['period_samples']} samples", text


def soak(results: Results) -> Rows:
    """What was looked at, and what was found."""
    yield "played", f"{results['played_s'] / 3600.0:.2f} h at {results['times_real_time']:.0f} x real time"
    yield "samples not finite, over the ceiling", f"{results['not_finite']}, {results['over_the_ceiling']}"


def loudness(results: Results) -> Rows:
    """Of each system over all songs."""
    for name, rows in results["summary"].items():
        text = ", ".join(f"{row}: {rows[row][which]:.2f}" for row, which in _LOUDNESS.items() if row in rows)
        yield f"{name}, over {len(results['songs'])} songs", text


_LOUDNESS = {"settles after the start, s": "median", "loudness error after 10 s, LU": "median"}


def model(results: Results) -> Rows:
    """Who is chosen, and what each costs in its place."""
    yield "chosen at the start", results["choice"]["chosen"]
    for name, row in results["live"].items():
        error = results["error_norm"].get(name, {})
        known = ", ".join(f"error on {music} music {value:.4f}" for music, value in error.items())
        yield f"{name}: share of a core", f"{100.0 * row['share_of_a_core']:.2f} %{', ' if known else ''}{known}"


def quality(results: Results) -> Rows:
    """Of each system the median over the songs of what counts most."""
    for name, rows in results["summary"].items():
        cells = [(words, rows[measure]["median"]) for measure, words in _QUALITY.items()]
        text = ", ".join(f"{words} {'never' if value is None else f'{value:.2f}'}" for words, value in cells)
        yield f"{name}, over {len(results['songs'])} songs", text


_QUALITY = {
    "loudness_error_lu": "LU off",
    "settles_s": "settles after s",
    "band_balance_db": "bands off, dB",
    "true_peak_over_db": "true peak over, dB",
    "harm_bands_db": "a master's bands moved, dB",
}
