"""Master a file: the engine that plays live, fed from disk, and the figures that prove what it did."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

from rt_automix import surround
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.deciding.suggester import Suggester, choose
from rt_automix.analysis.recordings.measure import LoudnessCurve
from rt_automix.config import Config
from rt_automix.dsp.loudness import loudness
from rt_automix.engine.history import STEP_S, History, Recorder
from rt_automix.errors import ConfigError
from rt_automix.io.files.audio import AudioReader, AudioWriter
from rt_automix.render import song
from rt_automix.render.ahead import Ahead
from rt_automix.render.result import SETTLING_S, RenderResult
from rt_automix.render.song import GAIN_TOLERANCE_LU
from rt_automix.render.stages import Ears, Job, Progress, Source, sides_of
from rt_automix.units import FLOOR_DB, db_from_power, lin_from_db, power_from_db

__all__ = [
    "GAIN_TOLERANCE_LU",
    "SETTLING_S",
    "STEP_S",
    "History",
    "Lookahead",
    "Mono",
    "Progress",
    "RenderResult",
    "render",
]

Lookahead = Literal["live", "song"]
Mono = Literal["dual", "single"]


class _PlayAgainError(Exception):
    """The gain was not right yet; nothing of this pass stays."""


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
    mono: Mono = "dual",
    detail: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> RenderResult:
    """Master a file into another, of the same length and aligned with it; 5.0, 5.1 and 7.1 as one programme.

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
        With `rider.night` it is "live" anyway: no one gain can do that.
    mono : "dual" or "single"
        How a mono file is heard and measured: as it sounds from two loudspeakers, as live and like a stereo
        file of two equal channels, or as one channel, which is 3.01 LU less.
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
    config = config or Config()
    is_linked = config.engine.pairs == "linked"
    with AudioReader(Path(source), surround=True, pairs=is_linked) as reader:
        rate, channels = reader.sample_rate_hz, reader.channels
        writer = AudioWriter(
            Path(target), rate, channels, bits, force,
            not_over=reader.path, tags_from=reader.path, is_aligned=not reader.is_resampled, mask=reader.mask,
        )  # fmt: skip
        progress = progress or (lambda doing, share: None)
        lookahead = "live" if config.rider.night else lookahead
        notes: list[str] = []
        suggester = suggester or choose(config.master.suggester, notes.append, at_once=False)
        sides = sides_of(channels, mono)
        samples = Source(reader, lookahead == "song", sides)
        job = Job(samples, config, style, suggester, block_samples, progress)
        layout = surround.layout_for(sides, is_linked)
        heard = Ears(rate, sides, detail, layout)
        plan = song.listen(job, heard) if lookahead == "song" else None
        is_done = False
        while not is_done:
            engine, trim_db = (job.engine(config), 0.0) if plan is None else plan.engine()
            mastered, recorder = Ears(rate, sides, detail, layout), Recorder(engine, block_samples)
            hear = heard.push if plan is None else None
            playing = job if plan is None else plan.job()
            played = job.played(recorder, playing.stretches(engine, hear, plan is None, lin_from_db(trim_db)))
            with suppress(_PlayAgainError), writer, Ahead(played) as coming:
                for block, share in coming:
                    mastered.push(block)
                    writer.write(block[:channels])
                    progress("mastering", share)
                if plan is not None and plan.is_to_be_played_again([mastered.meter.result().integrated_lufs]):
                    raise _PlayAgainError  # so that the writer leaves nothing
                writer.measured = mastered.meter.result()
                is_done = True
    curve = mastered.meter.curve
    return RenderResult(
        source=reader.path,
        target=writer.path,
        sample_rate_hz=rate,
        channels=channels,
        duration_s=reader.duration_s,
        latency_samples=engine.latency_samples,
        seconds_taken=time.perf_counter() - started,
        amount=engine.controls["amount"],
        target_lufs=engine.controls["target_lufs"],
        ceiling_dbtp=engine.controls["ceiling_dbtp"],
        input=heard.meter.result(),
        output=mastered.meter.result(),
        input_curve=heard.meter.curve,
        output_curve=curve,
        loudness_after_10_s_lufs=_settled_lufs(curve) if reader.duration_s >= 1.5 * SETTLING_S else None,
        history=recorder.history(trim_db),
        style=engine.style,
        suggester=suggester.name,
        suggester_notes=tuple(notes),
        input_profile=heard.profile("input"),
        output_profile=mastered.profile("output"),
        faults=samples.faults,
        analysis_gaps=engine.analysis_gaps,
        tags_note=writer.tags_note,
        source_notes=reader.notes,
        found=engine.analyst.decision.found if plan is None else plan.found,
        missed="" if plan is None else plan.missed[0],
        mono=mono if channels == 1 else "",
    )


def _settled_lufs(curve: LoudnessCurve) -> float:
    """Integrated loudness without the first SETTLING_S: the curve's momentary values are BS.1770's gating blocks."""
    blocks_lufs = curve.momentary_lufs[curve.time_s > SETTLING_S + 0.35]
    powers = power_from_db(blocks_lufs[blocks_lufs > loudness.GATE_LUFS])
    if powers.size == 0:
        return FLOOR_DB
    return float(db_from_power(powers[powers > 0.1 * powers.mean()].mean()))
