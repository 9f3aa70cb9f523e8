"""Master a file: the engine that plays live, fed from disk, and the figures that prove what it did."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import decision
from rt_automix.analysis.listener import Listener
from rt_automix.analysis.measure import LoudnessCurve, Measurement, Meter
from rt_automix.analysis.profile import MIN_MUSIC_S, Profile, load
from rt_automix.analysis.suggester import Suggester, choose
from rt_automix.config import Config
from rt_automix.dsp import loudness, mix
from rt_automix.engine.engine import Engine
from rt_automix.engine.history import History, Recorder
from rt_automix.errors import ConfigError
from rt_automix.io.files.audio import AudioReader, AudioWriter, Block
from rt_automix.units import FLOOR_DB, db_from_power, lin_from_db, power_from_db

STEP_S = 0.1
"""Files are read in steps of this, and the history has a point for each."""

SETTLING_S = 10.0
"""How long the engine may take to settle: figures of the settled master leave this much out."""

GAIN_PASSES = 3
GAIN_TOLERANCE_LU = 0.05
"""When the search for the one gain of a song ends; the gain it ends with is closer than this."""

_INPUT_GAIN, _DRIVE = params.INDEX["input_gain_db"], params.INDEX["limiter_drive_db"]

Lookahead = Literal["live", "song"]
Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, 0 to 1."""


@dataclass(frozen=True)
class RenderResult:
    """What became of a file; `to_dict` holds the figures, without what was recorded over time.

    `loudness_after_10_s_lufs` is the integrated loudness of the output without the seconds in which
    the engine may still settle, None for less than 15 s; the two profiles are None unless asked for,
    or where there is too little music; `faults` counts samples that were not sane audio;
    `suggester_notes` say why another one decided than was asked for.
    """

    source: Path
    target: Path
    sample_rate_hz: int
    channels: int
    duration_s: float
    latency_samples: int
    seconds_taken: float
    amount: float
    target_lufs: float
    ceiling_dbtp: float
    input: Measurement
    output: Measurement
    input_curve: LoudnessCurve
    output_curve: LoudnessCurve
    loudness_after_10_s_lufs: float | None
    history: History
    style: Profile
    suggester: str
    suggester_notes: tuple[str, ...]
    input_profile: Profile | None
    output_profile: Profile | None
    faults: int
    analysis_gaps: int
    tags_note: str

    def to_dict(self) -> dict[str, Any]:
        """The figures by name, ready for JSON."""
        plain = {name: value for name, value in vars(self).items() if isinstance(value, (int, float, str))}
        return {
            "source": str(self.source),
            "target": str(self.target),
            **plain,
            "loudness_after_10_s_lufs": self.loudness_after_10_s_lufs,
            "profile": self.style.name,
            "suggester_notes": list(self.suggester_notes),
            "input": asdict(self.input),
            "output": asdict(self.output),
            "settled": self.history.settled(SETTLING_S),
        }

    def to_json(self) -> str:
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=2)


def render(
    source: str | Path,
    target: str | Path,
    *,
    config: Config | None = None,
    style: Profile | None = None,
    suggester: Suggester | None = None,
    bits: int = 24,
    block_samples: int | None = None,
    lookahead: Lookahead = "live",
    detail: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> RenderResult:
    """Master a file into another, of the same length and aligned with it.

    Parameters
    ----------
    source, target : path
    config : Config, optional
    style : Profile, optional
        What to aim at; by default the configuration's.
    suggester : Suggester, optional
        Who decides; by default the configuration's.
    bits : int
        16, 24 or 32 (float).
    block_samples : int, optional
        Longest block the engine gets; the result does not depend on it.
    lookahead : "live" or "song"
        Exactly what live would do; or listen to the whole first, then master it with settled
        parameters and one gain that meets the target. `amount` scales that gain like the rest.
    detail : bool
        Also measure the profiles of input and output.
    force : bool
        Replace an existing target.
    progress : callable, optional

    Raises
    ------
    ConfigError
        `block_samples` is below 1, or there is no such profile or suggester.
    AudioFileError
        The source cannot be read or the target cannot be written; no target is left then.

    Thread: main. Allocates: yes; but for the history the same for a file of any length.
    """
    started = time.perf_counter()
    if block_samples is not None and block_samples < 1:
        raise ConfigError(f"block_samples = {block_samples} is below 1. Use 1 or more, or None.")
    with AudioReader(Path(source)) as reader:
        rate, channels = reader.sample_rate_hz, reader.channels
        writer = AudioWriter(Path(target), rate, channels, bits, force, not_over=reader.path, tags_from=reader.path)
        config, progress = config or Config(), progress or (lambda doing, share: None)
        notes: list[str] = []
        suggester = suggester or choose(config.master.suggester, notes.append)
        job = _Job(reader, config, style, suggester, block_samples, progress)
        run = job.settled_run() if lookahead == "song" else _Run(job.engine("inline", config))
        heard, mastered, recorder = _Ears(reader, detail), _Ears(reader, detail), Recorder()
        with writer:
            for block in job.through(run, job.blocks("mastering", heard.push)):
                writer.write(block)
                mastered.push(block)
                recorder.add(mastered.samples / rate, run.suggested, run.engine.meters(), run.trim_db)
    curve = mastered.meter.curve
    return RenderResult(
        source=reader.path,
        target=writer.path,
        sample_rate_hz=rate,
        channels=channels,
        duration_s=reader.duration_s,
        latency_samples=run.engine.latency_samples,
        seconds_taken=time.perf_counter() - started,
        amount=run.engine.controls["amount"],
        target_lufs=run.engine.controls["target_lufs"],
        ceiling_dbtp=run.engine.controls["ceiling_dbtp"],
        input=heard.meter.result(),
        output=mastered.meter.result(),
        input_curve=heard.meter.curve,
        output_curve=curve,
        loudness_after_10_s_lufs=_settled_lufs(curve) if reader.duration_s >= 1.5 * SETTLING_S else None,
        history=recorder.history(),
        style=run.engine.style,
        suggester=suggester.name,
        suggester_notes=tuple(notes),
        input_profile=heard.profile("input"),
        output_profile=mastered.profile("output"),
        faults=heard.faults,
        analysis_gaps=run.engine.analysis_gaps,
        tags_note=writer.tags_note,
    )


@dataclass(frozen=True)
class _Run:
    """An engine ready for the file: one that listens, or one with `held` parameters.

    `trim_db` is gain before the engine, for what the held parameters cannot reach.
    """

    engine: Engine
    held: params.Values | None = None
    trim_db: float = 0.0

    @property
    def suggested(self) -> params.Values:
        return params.from_dict(self.engine.suggestion) if self.held is None else self.held


@dataclass(frozen=True)
class _Job:
    """A file and how it is to be mastered: makes engines, and passes of the file through them."""

    reader: AudioReader
    config: Config
    style: Profile | None
    suggester: Suggester
    block_samples: int | None
    progress: Progress

    @property
    def step_samples(self) -> int:
        return round(STEP_S * self.reader.sample_rate_hz)

    def engine(self, analysis: Literal["inline", "off"], config: Config) -> Engine:
        """An engine at the start of the stream."""
        engine = Engine(config, self.style, self.suggester, analysis)
        engine.prepare(self.reader.sample_rate_hz, self.step_samples, self.reader.channels)
        return engine

    def blocks(self, doing: str, push: Callable[[Block], object]) -> Iterator[Block]:
        """The file from its start, each block heard by `push` first."""
        done = 0
        for block in self.reader.blocks(self.step_samples):
            push(block)
            done += block.shape[1]
            self.progress(doing, done / self.reader.samples)
            yield block

    def through(self, run: _Run, blocks: Iterable[Block]) -> Iterator[Block]:
        """What comes out for what goes in, as long and aligned: the latency is cut off and flushed."""
        gain_lin = np.float32(lin_from_db(run.trim_db))
        late_samples = run.engine.latency_samples
        flush = [np.zeros((self.reader.channels, late_samples), np.float32)] if late_samples else []
        for block in chain(blocks, flush):
            out, piece_samples = np.empty_like(block), self.block_samples or block.shape[1]
            for start in range(0, block.shape[1], piece_samples):
                piece = slice(start, start + piece_samples)
                out[:, piece] = run.engine.process(gain_lin * block[:, piece])
            yield np.ascontiguousarray(out[:, late_samples:])
            late_samples = max(late_samples - out.shape[1], 0)

    def settled_run(self) -> _Run:
        """Listen to the whole, decide once, and find the one gain that meets the target."""
        listener = Listener(self.reader.sample_rate_hz, self.reader.channels, math.inf)
        for block in self.blocks("listening", _sane):
            listener.push(block)
        style = self.style or load(self.config.master.profile)
        values, fine_db = decision.settled(listener, self.suggester, style, self.reader.sample_rate_hz)
        gain_db = float(values[_INPUT_GAIN] + values[_DRIVE])
        if self.config.rider.enabled:
            gain_db = self._find_gain_db(values, fine_db, gain_db)
        return self._held_run(values, fine_db, gain_db, self.config.master.amount)

    def _held_run(self, values: params.Values, fine_db: NDArray[np.float64], gain_db: float, amount: float) -> _Run:
        """An engine with these from the first sample; as in the matcher the drive takes what is above 0 dB."""
        held = values.copy()
        held[_DRIVE] = min(max(gain_db, 0.0), params.HIGH[_DRIVE])
        held[_INPUT_GAIN] = min(max(gain_db - held[_DRIVE], params.LOW[_INPUT_GAIN]), params.HIGH[_INPUT_GAIN])
        still: dict[str, Any] = {"rider.enabled": False, "master.amount": amount}
        engine = self.engine("off", self.config.with_overrides(**still))
        engine.hold(held, fine_db)
        engine.settle()
        return _Run(engine, held, amount * (gain_db - held[_DRIVE] - held[_INPUT_GAIN]))

    def _find_gain_db(self, values: params.Values, fine_db: NDArray[np.float64], wanted_db: float) -> float:
        """Secant on the loudness that the full amount gives; a limiter makes it rise by less than the gain."""
        reach_db = self.config.rider.max_trim_db
        gain_db, slope, last = wanted_db, 1.0, (wanted_db, FLOOR_DB)
        for number in range(GAIN_PASSES):
            run = self._held_run(values, fine_db, gain_db, 1.0)
            for _ in self.through(run, self.blocks(f"finding the gain, pass {number + 1}", _sane)):
                pass
            lufs = run.engine.meters().integrated_lufs
            missing_db = run.engine.controls["target_lufs"] - lufs
            if lufs == FLOOR_DB or abs(missing_db) < GAIN_TOLERANCE_LU:
                break
            if gain_db != last[0]:
                slope = min(max((lufs - last[1]) / (gain_db - last[0]), 0.2), 1.0)
            last = gain_db, lufs
            gain_db = min(max(gain_db + missing_db / slope, wanted_db - reach_db), wanted_db + reach_db)
        return gain_db


def _sane(block: Block) -> int:
    """Make silence of what is not sane audio, in place; how many samples were not."""
    return mix.guard(block[0], block[-1]) * len(block) // 2  # of mono it counts both sides


class _Ears:
    """Measures one side of the chain."""

    def __init__(self, reader: AudioReader, detail: bool) -> None:
        self.meter = Meter(reader.sample_rate_hz, reader.channels)
        self.faults = 0
        self.samples = 0
        self._listener = Listener(reader.sample_rate_hz, reader.channels, math.inf) if detail else None

    def push(self, block: Block) -> None:
        self.faults += _sane(block)
        self.samples += block.shape[1]
        self.meter.push(block)
        if self._listener is not None:
            self._listener.push(block)

    def profile(self, name: str) -> Profile | None:
        """What this side measures like; None if there was next to nothing, or nobody listened."""
        if self._listener is None or self._listener.statistics.seconds_heard < MIN_MUSIC_S:
            return None
        heard, measured = self._listener.statistics, self.meter.result()
        levels = measured.integrated_lufs, measured.plr_db, heard.side_mid_db, measured.true_peak_dbtp
        return Profile(name, tuple(heard.bands_db.tolist()), *levels, heard.dynamics_db)


def _settled_lufs(curve: LoudnessCurve) -> float:
    """Integrated loudness without the first SETTLING_S: the curve's momentary values are BS.1770's gating blocks."""
    blocks_lufs = curve.momentary_lufs[curve.time_s > SETTLING_S + 0.35]
    powers = power_from_db(blocks_lufs[blocks_lufs > loudness.GATE_LUFS])
    if powers.size == 0:
        return FLOOR_DB
    return float(db_from_power(powers[powers > 0.1 * powers.mean()].mean()))
