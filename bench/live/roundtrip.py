"""In to out through a real server, and from a knob to the sound, as another program sees them.

The real `rt-automix live` runs in a process of its own. An independent JACK client plays clicks into
it and counts the samples until they are back. For the knob a real MIDI port sends, at times of no
pattern, controller messages that turn the output down and up again by 1 dB, while a steady level goes
in: the first sample that differs is where the message can be heard. A period's time is when its
samples lie before the client that listens; to it come the sample's place in the period, and what the
server says that lies between its outputs and the converter. Nothing is taken off. The server waits
for late clients, so that no sample is lost and none is taken for the answer.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.progress import Progress
from rich.table import Table

from bench.common import host, jackd, report
from bench.common.probe import Block, Probe
from bench.common.program import Program
from bench.live import roundtrip_picture
from bench.live.shim import Player

BACKENDS = ("portaudio", "jack")
CLICKS = 10
CLICK_EVERY_SAMPLES = 4800
CLICK_LIN = 0.5
STEADY_LIN = 0.25
TURNS_DB = (0.0, -1.0)
SETTLE_S = 0.3
"""From one message to the next: until the output stands still again, to the last bit."""

GOAL_KNOB_MS = 5.0
STREAM_MESSAGES_PER_S = 500.0
STREAM_STEPS = 120
"""Steps of an encoder from one end of its control towards the other, in one go; 127 would be all."""

ENCODERS = {21: ("amount", 0.0, 1.0), 22: ("target_lufs", -24.0, -8.0), 23: ("output_trim_db", -24.0, 0.0)}
KNOB = 20


def _settings(folder: Path, lookahead: bool = True) -> list[str]:
    """Arguments with a settings file in `folder`: the mappings, and whether the limiter looks ahead."""
    rows = [f'control = "output_trim_db"\nnumber = {KNOB}\nkind = "7bit"\nlow = -1.0\nhigh = 0.0\ntakeover = false']
    rows += [
        f'control = "{control}"\nnumber = {number}\nkind = "relative"\nlow = {low}\nhigh = {high}'
        for number, (control, low, high) in ENCODERS.items()
    ]
    text = f'[limiter]\nlookahead = {str(lookahead).lower()}\n[midi]\napi = "jack"\n'
    path = folder / "settings.toml"
    path.write_text(text + "".join(f"[[midi.map]]\n{row}\n" for row in rows), encoding="utf-8")
    return ["--config", str(path), "--amount", "0"]


class _Recording:
    """What a probe plays once and what it hears meanwhile, with the time at which it had each period."""

    def __init__(self, played: NDArray[np.float32], period_samples: int) -> None:
        self._played, self._period_samples = played, period_samples
        self.heard = np.zeros_like(played)
        self.periods_us = np.zeros(played.shape[1] // period_samples, np.int64)
        self.count = 0
        self.goes = False
        self.probe: Probe

    @property
    def is_full(self) -> bool:
        return self.count == len(self.periods_us)

    def turn(self, play: Block, hear: Block) -> None:
        play[:] = 0.0
        if self.goes and not self.is_full:
            here = slice(self.count * self._period_samples, (self.count + 1) * self._period_samples)
            play[:] = self._played[:, here]
            self.heard[:, here] = hear
            self.periods_us[self.count] = self.probe.now_us
            self.count += 1


def measure_path(period_samples: int, backend: str, lookahead: bool) -> dict[str, Any]:
    """Samples from click to click, and what the program shows."""
    played = np.zeros((2, (CLICKS + 1) * CLICK_EVERY_SAMPLES // period_samples * period_samples), np.float32)
    rng = np.random.default_rng(5)
    places = (np.arange(CLICKS) + rng.uniform(0.1, 0.8, CLICKS)) * CLICK_EVERY_SAMPLES
    played[:, places.astype(np.int64)] = CLICK_LIN
    recording = _Recording(played, period_samples)
    with (
        tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name,
        jackd.running(period_samples, synchronous=True) as server,
        Program(server, Path(name), *_settings(Path(name), lookahead), "--backend", backend) as program,
        Probe(recording.turn) as probe,
    ):
        recording.probe = probe
        program.wait_until_playing()
        probe.connect()
        time.sleep(SETTLE_S)
        recording.goes = True
        program.wait_for(lambda status: recording.is_full)
        shown = period_samples + program.status["engine_latency_samples"]  # JACK adds a period round a circle
    heard = np.flatnonzero(recording.heard[0] > 0.5 * CLICK_LIN)
    sent = np.flatnonzero(played[0])
    delays = (heard - sent).tolist() if len(heard) == len(sent) else []
    return {
        "period_samples": period_samples,
        "backend": backend,
        "lookahead": lookahead,
        "clicks": CLICKS,
        "delays_samples": sorted(set(delays)),
        "shown_samples": shown,
        "ms": 1e3 * max(delays, default=np.nan) / jackd.SAMPLE_RATE_HZ,
    }


class _Knob:
    """A MIDI output of this process that the program listens to."""

    def __init__(self, program: Program) -> None:
        import rtmidi

        self._out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="bench-knob")
        self._out.open_virtual_port("knob")
        program.wait_for(lambda status: any("bench-knob" in port for port in status["midi"]["ports"]))
        time.sleep(SETTLE_S)

    def send(self, number: int, value: int) -> None:
        self._out.send_message((0xB0, number, value))

    def close(self) -> None:
        self._out.close_port()
        self._out.delete()


def answers_ms(
    sent_us: NDArray[np.int64], recording: _Recording, period_samples: int, latency_samples: int
) -> tuple[list[float], list[float]]:
    """From each message to the first sample that differs, and to half of the way, in ms; a lost one is left out."""
    heard = recording.heard[0, : recording.count * period_samples].astype(np.float64)
    periods_us = recording.periods_us[: recording.count]
    per_sample_us = 1e6 / jackd.SAMPLE_RATE_HZ

    def time_us(sample: int) -> float:
        return float(periods_us[sample // period_samples] + (sample % period_samples + latency_samples) * per_sample_us)

    first_ms, half_ms = [], []
    ends_us = np.append(sent_us[1:], periods_us[-1])
    for start_us, end_us in zip(sent_us, ends_us, strict=True):
        start = max(int(np.searchsorted(periods_us, start_us)) - 1, 0) * period_samples
        end = int(np.searchsorted(periods_us, end_us)) * period_samples
        stretch = heard[start:end]
        moved = np.flatnonzero(stretch != stretch[0])
        if len(moved):
            middle = np.sqrt(max(stretch[0], 1e-9) * max(stretch[-1], 1e-9))
            half = int(np.argmax((stretch > middle) != (stretch[0] > middle)))
            first_ms.append(1e-3 * (time_us(start + int(moved[0])) - start_us))
            half_ms.append(1e-3 * (time_us(start + half) - start_us))
    return first_ms, half_ms


def measure_knob(period_samples: int, messages: int, stream: int) -> dict[str, Any]:
    """From a controller message to the sound, and how many of a dense stream of them arrive."""
    room_s = (messages + 2) * 1.6 * SETTLE_S + 5.0
    silence = np.zeros((2, int(room_s * jackd.SAMPLE_RATE_HZ) // period_samples * period_samples), np.float32)
    recording = _Recording(silence, period_samples)
    steady = np.full((2, 4096), STEADY_LIN, np.float32)
    rng = np.random.default_rng(9)
    with (
        tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name,
        jackd.running(period_samples, synchronous=True) as server,
        Program(server, Path(name), *_settings(Path(name))) as program,
        Probe(recording.turn) as probe,
        Player(steady) as player,
    ):
        recording.probe = probe

        def sound(seconds: float) -> None:
            """Until so much more has been heard: a server that waits for late clients is behind the clock."""
            until = recording.count + math.ceil(seconds * jackd.SAMPLE_RATE_HZ / period_samples)
            program.wait_for(lambda status: recording.is_full or recording.count >= until)

        program.wait_until_playing()
        player.connect()
        probe.connect(play=False)
        knob = _Knob(program)
        latency_samples = probe.playback_latency_samples
        ticks = host.processor_ticks()
        recording.goes = True
        sent_us = []
        for number in range(messages):
            sound(SETTLE_S * rng.uniform(1.0, 1.2))
            sent_us.append(probe.now_us)
            knob.send(KNOB, 0 if number % 2 == 0 else 127)
        sound(SETTLE_S)
        recording.goes = False
        steal_percent = host.steal_percent(ticks, host.processor_ticks())
        arrived = _arrived(program, knob, stream)
        knob.close()
    first_ms, half_ms = answers_ms(np.array(sent_us), recording, period_samples, latency_samples)
    return {
        "period_samples": period_samples,
        "messages": messages,
        "answered": len(first_ms),
        "first_change_ms": _distribution(first_ms),
        "half_of_the_way_ms": _distribution(half_ms),
        "every_first_change_ms": first_ms,
        "of_it_until_the_converter_ms": 1e3 * latency_samples / jackd.SAMPLE_RATE_HZ,
        "steal_percent": steal_percent,
        "stream_messages": stream,
        "stream_per_s": STREAM_MESSAGES_PER_S,
        "stream_arrived": arrived,
    }


def _distribution(values: list[float]) -> dict[str, float]:
    names = ("min", "q1", "median", "q3", "p95", "max")
    found = np.percentile(values, (0, 25, 50, 75, 95, 100)) if values else np.full(len(names), np.nan)
    return dict(zip(names, map(float, found), strict=True))


def _portions(messages: int) -> Iterator[int]:
    """The stream in as few parts as the encoders' range allows."""
    most = STREAM_STEPS * len(ENCODERS)
    while messages > 0:
        yield min(messages, most)
        messages -= most


def _arrived(program: Program, knob: _Knob, messages: int) -> int:
    """How many steps of three encoders got through: every step that is lost is missing in a control's value."""
    arrived = 0
    numbers = list(ENCODERS)
    for portion in _portions(messages):
        program.command(set={control: low for control, low, _ in ENCODERS.values()})
        program.wait_for(lambda status: all(status["controls"][name] == low for name, low, _ in ENCODERS.values()))
        start = time.monotonic()
        for step in range(portion):
            time.sleep(max(0.0, start + step / STREAM_MESSAGES_PER_S - time.monotonic()))
            knob.send(numbers[step % len(numbers)], 1)
        time.sleep(1.0)  # until a status has come that has seen them all
        now = program.status["controls"]
        arrived += sum(round((now[name] - low) / (high - low) * 127.0) for name, low, high in ENCODERS.values())
    return arrived


def run(periods: list[int], messages: int, stream: int, out: Path) -> None:
    """Measure, print the tables, write figures and picture."""
    if jackd.is_missing("roundtrip"):
        return
    paths = [(p, backend, lookahead) for p in periods for backend in BACKENDS for lookahead in (True, False)]
    with Progress(console=report.console, transient=True) as progress:
        task = progress.add_task("measuring", total=len(paths) + len(periods))
        results: dict[str, Any] = {"paths": [], "knob": []}
        for path in paths:
            results["paths"].append(measure_path(*path))
            progress.advance(task)
        for period_samples in periods:
            results["knob"].append(measure_knob(period_samples, messages, stream))
            progress.advance(task)
    settings = {
        "sample_rate_hz": jackd.SAMPLE_RATE_HZ,
        "server": jackd.JackServer(periods[0], synchronous=True).command,
        "messages_apart_s": [SETTLE_S, 1.2 * SETTLE_S],
        "knob_turns_db": TURNS_DB,
    }
    _print(results)
    report.save("roundtrip", out, settings, results, roundtrip_picture.draw(results))


def _print(results: dict[str, Any]) -> None:
    table = Table("period", "by way of", "limiter", "measured", "shown", "ms", box=box.SIMPLE_HEAD,
                  title="In to out, samples, through the server and back", title_justify="left")  # fmt: skip
    for path in results["paths"]:
        measured = " ".join(map(str, path["delays_samples"])) or "clicks lost"
        mode = "looks ahead" if path["lookahead"] else "direct"
        shown = f"{path['shown_samples']}"
        table.add_row(f"{path['period_samples']}", path["backend"], mode, measured, shown, f"{path['ms']:.2f}")
    report.console.print(table)

    table = Table("period", "answered", "min", "median", "p95", "max", "half way", "steal, %", "dense stream",
                  title="From a controller message to the first sample that differs, ms", title_justify="left",
                  box=box.SIMPLE_HEAD)  # fmt: skip
    for row in results["knob"]:
        first = row["first_change_ms"]
        table.add_row(
            f"{row['period_samples']}",
            f"{row['answered']} of {row['messages']}",
            *(f"{first[name]:.2f}" for name in ("min", "median", "p95", "max")),
            f"{row['half_of_the_way_ms']['median']:.0f}",
            f"{row['steal_percent']:.1f}",
            f"{row['stream_arrived']} of {row['stream_messages']}",
        )
    report.console.print(table)
    row = results["knob"][0]
    report.console.print(
        f"Of the time at {row['period_samples']} samples {row['of_it_until_the_converter_ms']:.2f} ms lie between the "
        f"server's outputs and the converter. Goal at 64 samples: median at most {GOAL_KNOB_MS:g} ms. The change of "
        f"1 dB itself is smoothed. The dense stream sends {row['stream_per_s']:g} a second."
    )
