"""Master a file for lossy delivery: find the ceiling at which what decodes stays within full scale.

An encoder keeps no peaks. How far it lifts them depends on the music and the codec, so each ceiling
is tried for real: mastered, encoded, decoded, measured.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rt_automix.config import Config
from rt_automix.errors import AudioFileError
from rt_automix.io.files.audio import AudioReader, AudioWriter
from rt_automix.io.files.whole import put, taken
from rt_automix.io.lossy import ffmpeg
from rt_automix.io.lossy.codecs import Format
from rt_automix.io.lossy.delivery import LIMIT_DBTP, Delivered, deliver
from rt_automix.render import Progress, render
from rt_automix.render.result import RenderResult

MOST_PASSES = 6
CLOSE_DB = 0.5
"""A ceiling that is clean is taken when one that is not, or the limit itself, is as near as this."""

MARGIN_DB = 0.1
"""How much further than by its excess a ceiling is lowered: peaks do not follow it to the last tenth."""

LOWEST_DBTP = -12.0


def render_delivered(
    source: str | Path,
    target: str | Path,
    formats: tuple[Format, ...],
    *,
    config: Config | None = None,
    bits: int = 24,
    force: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> RenderResult:
    """Master a file into another and into lossy ones beside it, such as ``master-aac-128.m4a``.

    Parameters
    ----------
    source, target : path
    formats : tuple of Format
    config : Config, optional
        Its ceiling is the highest that is tried.
    bits, force, progress, **options
        As for `render`.

    Returns
    -------
    RenderResult
        Of the master that was kept; `ceiling_dbtp` is the one that was found, `deliveries` what decodes.

    Raises
    ------
    ConfigError, AudioFileError, UserError
        As for `render`; a bit rate that does not fit the channels; ffmpeg or an encoder is missing. Nothing
        is left then.

    Thread: main. Allocates: yes.
    """
    config, progress = config or Config(), progress or (lambda doing, share: None)
    source, target = Path(source), Path(target)
    ffmpeg.check(formats)
    with AudioReader(source) as reader:
        for wanted in formats:
            wanted.check(reader.channels)
        AudioWriter(target, reader.sample_rate_hz, reader.channels, bits, force, not_over=source)  # looks only
    lossy = [target.with_name(target.stem + wanted.ending) for wanted in formats]
    for path in lossy:
        _check_free(path, source, force)
    try:
        trials = tempfile.TemporaryDirectory(prefix=".rt_automix-", dir=target.parent)
    except OSError as error:
        raise AudioFileError(f"{target}: cannot be written: {error.strerror}. Choose another folder.") from error
    with trials as folder:
        names = [target.name, *(path.name for path in lossy)]

        def attempt(number: int, ceiling_dbtp: float) -> RenderResult:
            here = Path(folder, str(number))
            here.mkdir()
            doing = f"pass {number}, ceiling {ceiling_dbtp:.2f} dBTP: "

            def told(what: str, share: float) -> None:
                progress(doing + what, share)

            at_ceiling = config.with_overrides("--deliver", **{"limiter.ceiling_dbtp": ceiling_dbtp})
            try:
                result = render(source, here / names[0], config=at_ceiling, bits=bits, progress=told, **options)
                lossy_here = [here / name for name in names[1:]]
                return replace(result, deliveries=_deliveries(result, formats, lossy_here, told))
            except AudioFileError as error:  # of a file that the user will see, not of our try at it
                raise AudioFileError(str(error).replace(str(here), str(target.parent))) from error

        best = _search(attempt, config.limiter.ceiling_dbtp)
        with contextlib.ExitStack() as undone:
            for path in (target, *lossy):
                put(best.target.with_name(path.name), path, over=force)
                if not force:
                    undone.callback(path.unlink)
            undone.pop_all()
    kept = tuple(replace(one, file=str(path)) for one, path in zip(best.deliveries, lossy, strict=True))
    return replace(best, target=target, deliveries=kept)


def _search(attempt: Callable[[int, float], RenderResult], highest_dbtp: float) -> RenderResult:
    """The result at about the highest ceiling that is clean; where none is, the one at the lowest that was tried."""
    clean: RenderResult | None = None
    unclean: RenderResult | None = None
    ceiling_dbtp = highest_dbtp
    for number in range(1, MOST_PASSES + 1):
        result = attempt(number, ceiling_dbtp)
        excess_db = _peak_dbtp(result) - LIMIT_DBTP
        if excess_db > 0.0:
            unclean = result
        else:
            clean = result
        if clean is None:
            if ceiling_dbtp == LOWEST_DBTP:
                break
            ceiling_dbtp = max(round(ceiling_dbtp - excess_db - MARGIN_DB, 2), LOWEST_DBTP)
        elif unclean is None or _is_close(clean, unclean):
            break
        else:
            ceiling_dbtp = round(0.5 * (unclean.ceiling_dbtp + clean.ceiling_dbtp), 2)
    best = clean or unclean
    assert best is not None
    return best


def _is_close(clean: RenderResult, unclean: RenderResult) -> bool:
    """Whether a higher ceiling would gain less than is worth a pass."""
    return min(LIMIT_DBTP - _peak_dbtp(clean), unclean.ceiling_dbtp - clean.ceiling_dbtp) <= CLOSE_DB


def _peak_dbtp(result: RenderResult) -> float:
    return max(one.true_peak_dbtp for one in result.deliveries)


def _deliveries(
    result: RenderResult, formats: tuple[Format, ...], paths: list[Path], progress: Progress
) -> tuple[Delivered, ...]:
    sides = 2 if result.mono == "dual" else None
    found = []
    for wanted, path in zip(formats, paths, strict=True):
        told = functools.partial(progress, str(wanted))
        with AudioReader(result.target) as master:
            music = master.blocks(), master.sample_rate_hz, master.channels, master.samples
            found.append(deliver(*music, wanted, path, sides=sides, tags_from=result.target, progress=told))
    return tuple(found)


def _check_free(path: Path, source: Path, force: bool) -> None:
    if path.exists() and path.samefile(source):
        raise AudioFileError(f"{path}: this is the input, which is never written over. Choose another name.")
    if path.exists() and not (force and path.is_file()):
        raise taken(path)
