"""Who takes part in `bench quality`: ours with each that can decide, and what people would use otherwise."""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pedalboard
from numpy.typing import NDArray

from bench.common import material, peers, report
from bench.common.bundles import find as find_bundles
from bench.quality import limiter, sonare
from bench.quality.measures import CEILING_DBTP, Limiter
from rt_automix import params
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.bundles.bundle import load as load_bundle
from rt_automix.analysis.deciding.matcher import Matcher
from rt_automix.analysis.deciding.network import Network
from rt_automix.analysis.deciding.suggester import Suggester
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.errors import ModelError
from rt_automix.io.files.audio import AudioReader, AudioWriter
from rt_automix.render import render
from rt_automix.units import LUFS_OFFSET_DB, lin_from_db

Audio = NDArray[np.float32]

BLOCK_S = 0.1
PRESET = {
    "low_shelf_db": 1.0,
    "low_mid_db": -1.0,
    "presence_db": 1.0,
    "air_db": 1.5,
    "compression": 0.2,
    "limiter_drive_db": 6.0,
}
"""What a careful person might leave set for all music."""

GAIN_TRIALS = 4

UNTOUCHED, STATIC, MATCHER, TEACHER = "untouched", "static preset", "matcher", "teacher, offline"
MATCHERING, LOUDNORM, DYNAUDNORM = "Matchering 2, offline", "ffmpeg loudnorm", "ffmpeg dynaudnorm"
PEDALBOARD = "pedalboard, offline"
SONARE, SONARE_MATCH = "libsonare streaming, offline", "libsonare match EQ, offline"
SONG = ", --lookahead song"
"""Behind the name of who decides, where the whole song is heard first."""
REFERENCES = (UNTOUCHED, STATIC, TEACHER)
PEERS = (MATCHERING, SONARE, SONARE_MATCH, LOUDNORM, DYNAUDNORM, PEDALBOARD)


@dataclass(frozen=True)
class Task:
    """Music, and what it shall be like.

    Parameters
    ----------
    audio, reference : float32, shape (2, n)
    rate_hz, reference_rate_hz : int
    wanted : Profile
        Of the reference.
    """

    audio: Audio
    rate_hz: int
    wanted: Profile
    reference: Audio
    reference_rate_hz: int


System = Callable[[Task], Audio]


def systems(models: Path | None, quick: bool) -> dict[str, System]:
    """Who takes part on this machine; who does not is named with the reason."""
    found: dict[str, System] = {UNTOUCHED: lambda task: task.audio, STATIC: _static, MATCHER: _live(Matcher)}
    found |= _networks(models, quick)
    if not quick:
        found |= _teacher() | matchering() | _sonare()
    if peers.has_ffmpeg():
        found[LOUDNORM] = _loudnorm
        if not quick:
            found[DYNAUDNORM] = _dynaudnorm
    else:
        report.console.print("ffmpeg is not installed: loudnorm and dynaudnorm are skipped.")
    return {**found, PEDALBOARD: _pedalboard}


def limiters(quick: bool) -> dict[str, Limiter]:
    """The limiters behind them, and ffmpeg's, which can be driven by hand."""
    found = dict(limiter.limiters())
    if not quick and find_spec("matchering"):
        found["Matchering 2"] = _matchering_limiter
    return found


# Ours -------------------------------------------------------------------------------------------------


def _stream(engine: Engine, task: Task) -> Audio:
    """Block by block as live, the latency cut off; the engine is prepared."""
    late, block_samples = engine.latency_samples, round(BLOCK_S * task.rate_hz)
    out = np.pad(task.audio, ((0, 0), (0, late)))
    for start in range(0, out.shape[1], block_samples):
        block = np.ascontiguousarray(out[:, start : start + block_samples])
        out[:, start : start + block_samples] = engine.process(block)
    return np.ascontiguousarray(out[:, late:])


def _live(suggester: Callable[[], Suggester]) -> System:
    """The engine as live runs it, with somebody to decide."""

    def system(task: Task) -> Audio:
        engine = Engine(_config(task), style=task.wanted, suggester=suggester(), analysis="inline")
        engine.prepare(task.rate_hz, round(BLOCK_S * task.rate_hz))
        return _stream(engine, task)

    return system


def _song(suggester: Callable[[], Suggester]) -> System:
    """A render that hears the whole song first, from file to file."""

    def system(task: Task) -> Audio:
        with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
            source, target = Path(name) / "source.wav", Path(name) / "mastered.wav"
            _write(source, task.audio, task.rate_hz)
            options: dict[str, Any] = {"config": _config(task), "style": task.wanted, "suggester": suggester()}
            render(source, target, bits=32, lookahead="song", **options)
            return _read(target)

    return system


def _write(path: Path, audio: Audio, rate_hz: int) -> None:
    with AudioWriter(path, rate_hz, 2, 32) as writer:
        writer.write(audio)


def _read(path: Path) -> Audio:
    with AudioReader(path) as reader:
        return np.concatenate(list(reader.blocks()), axis=1)


def _config(task: Task) -> Config:
    """The defaults, at the profile's loudness as far as it can be set."""
    settings: dict[str, Any] = {
        "master.target_lufs": min(max(task.wanted.loudness_lufs, -40.0), -5.0),
        "limiter.ceiling_dbtp": CEILING_DBTP,
    }
    return Config().with_overrides(**settings)


def _held(task: Task, values: params.Values, ride: bool) -> Audio:
    """Parameters that hold still, with or without the loudness loop."""
    engine = Engine(_config(task), style=task.wanted, analysis="off")
    engine.prepare(task.rate_hz, round(BLOCK_S * task.rate_hz))
    engine.set(ride=ride)
    engine.hold(values)
    engine.settle()
    return _stream(engine, task)


def _static(task: Task) -> Audio:
    return _held(task, params.from_dict(PRESET), ride=False)


def _networks(models: Path | None, quick: bool) -> dict[str, System]:
    found: dict[str, System] = {}
    places = find_bundles(models)
    if not places:
        report.console.print("Networks are skipped: there are none here. Make some with: python -m training all")
    for name, place in list(places.items())[: 1 if quick else None]:
        try:
            bundle = load_bundle(place)
        except ModelError as error:
            report.console.print(f"{error} It is skipped.")
        else:
            found[name] = _live(lambda bundle=bundle: Network(bundle, report.console.print))
            if len(found) == 1:
                found[name + SONG] = _song(lambda bundle=bundle: Network(bundle, report.console.print))
    return found


def _teacher() -> dict[str, System]:
    try:
        from training.labels.teacher import Teacher
    except ImportError as error:
        report.console.print(f"The teacher is skipped: {error}. It needs: pip install .[training]")
        return {}

    def system(task: Task) -> Audio:
        listener = Listener(task.rate_hz, 2, math.inf)
        listener.push(task.audio)
        return _held(task, Teacher(task.audio, task.rate_hz, listener.statistics).solve(task.wanted), ride=True)

    return {TEACHER: system}


# Peers ------------------------------------------------------------------------------------------------


def matchering() -> dict[str, System]:
    """Matchering 2, if it is installed."""
    if not find_spec("matchering"):
        report.console.print("Matchering 2 is skipped: it is not installed (pip install .[bench]).")
        return {}
    return {MATCHERING: _run_matchering}


def _quiet_import() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports from scipy are of old
        import matchering
        import matchering.limiter
    return matchering


def _run_matchering(task: Task) -> Audio:
    """Matchering 2 with its defaults, from file to file, at our ceiling and the music's rate."""
    matchering = _quiet_import()
    with tempfile.TemporaryDirectory(prefix="rt_automix-bench-") as name:
        files = {kind: Path(name) / f"{kind}.wav" for kind in ("target", "reference", "result")}
        for kind, audio, rate_hz in (
            ("target", task.audio, task.rate_hz),
            ("reference", task.reference, task.reference_rate_hz),
        ):
            _write(files[kind], audio, rate_hz)
        config = _matchering_config(task.rate_hz, CEILING_DBTP, allow_equality=True, temp_folder=name)
        result = matchering.Result(str(files["result"]), subtype="FLOAT")
        matchering.process(str(files["target"]), str(files["reference"]), [result], config)
        return _read(files["result"])


def _matchering_config(rate_hz: int, ceiling_dbtp: float, **others: Any) -> Any:
    return _quiet_import().Config(internal_sample_rate=rate_hz, threshold=lin_from_db(ceiling_dbtp), **others)


def _matchering_limiter(audio: Audio, rate_hz: int, ceiling_dbtp: float) -> Audio:
    limited = _quiet_import().limiter.limit(audio.T.astype(np.float64), _matchering_config(rate_hz, ceiling_dbtp))
    return np.ascontiguousarray(limited.T, dtype=np.float32)


def _sonare() -> dict[str, System]:
    if not sonare.is_there():
        report.console.print("libsonare is skipped: it is not installed (pip install .[bench]).")
        return {}

    def matched(task: Task) -> Audio:
        reference = task.reference, task.reference_rate_hz
        return sonare.matched(task.audio, task.rate_hz, *reference, task.wanted.loudness_lufs, CEILING_DBTP)

    return {
        SONARE: lambda task: sonare.preset(task.audio, task.rate_hz, task.wanted.loudness_lufs, CEILING_DBTP),
        SONARE_MATCH: matched,
    }


def _loudnorm(task: Task) -> Audio:
    target_lufs = min(max(task.wanted.loudness_lufs, -70.0), -5.0)
    return peers.ffmpeg_loudnorm(task.audio, task.rate_hz, target_lufs, CEILING_DBTP)


def _dynaudnorm(task: Task) -> Audio:
    """It knows RMS of a channel: what a flat spectrum would need for the loudness."""
    target_db = min(task.wanted.loudness_lufs - LUFS_OFFSET_DB - 3.01, 0.0)
    settings = f"dynaudnorm=p={lin_from_db(CEILING_DBTP)}:r={lin_from_db(target_db)}"
    return peers.ffmpeg(task.audio, task.rate_hz, settings)


def _pedalboard(task: Task) -> Audio:
    """Compressor and limiter at fixed settings, the gain between them tried until the whole song is as loud as asked.

    The limiter makes up for what it might take, so that a gain cannot be computed beforehand.
    """
    compressor = pedalboard.Compressor(threshold_db=-18.0, ratio=2.5, attack_ms=10.0, release_ms=150.0)
    target_lufs = task.wanted.loudness_lufs
    compressed = compressor(material.at_loudness(task.audio, task.rate_hz, target_lufs), task.rate_hz)
    out, gain_db = compressed, 0.0
    for _ in range(GAIN_TRIALS):
        gain_db += target_lufs - material.integrated_lufs(out, task.rate_hz)
        louder = compressed * np.float32(lin_from_db(gain_db))
        out = peers.pedalboard_limiter(louder, task.rate_hz, CEILING_DBTP)
    return out
