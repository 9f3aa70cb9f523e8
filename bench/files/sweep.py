"""Read every case as a command would, hold it against the reference, and count what differs without a word."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bench.files.cases import Case
from bench.files.signal import Samples
from rt_automix.errors import AudioFileError
from rt_automix.io.files.audio import AudioReader
from rt_automix.io.files.resampled import rate_for

VERDICTS = ("exact", "within", "refused", "DIFFERENT", "REFUSED", "READ")
"""What may come of a case; in capitals what must not: other samples, no samples, samples of what has none."""

WRONG = VERDICTS[3:]


def read(path: Path) -> tuple[Samples, int]:
    """The whole file and its rate."""
    with AudioReader(path) as reader:
        return np.concatenate(list(reader.blocks()), axis=1), reader.sample_rate_hz


def judge(case: Case, folder: Path) -> tuple[str, str]:
    """A verdict and what there is to say about it."""
    path = folder / case.file_name
    truth = case.make(path)
    try:
        found, rate_hz = read(path)
    except AudioFileError as error:
        return ("refused" if truth is None else "REFUSED"), str(error).replace(str(path), case.file_name)
    if truth is None:
        return "READ", f"{found.shape[1]} samples"
    if rate_hz != rate_for(case.rate_hz):
        return "DIFFERENT", f"{rate_hz} Hz"
    if rate_hz != case.rate_hz:
        truth = _resampled(truth, case.rate_hz, rate_hz)
    if found.shape != truth.shape:
        return "DIFFERENT", f"{found.shape[0]} x {found.shape[1]} samples for {truth.shape[0]} x {truth.shape[1]}"
    worst = float(np.abs(found.astype(np.float64) - truth).max(initial=0.0))
    if worst > case.within:
        return "DIFFERENT", f"by up to {worst:.1e}"
    return ("exact", "") if worst == 0.0 else ("within", f"{worst:.0e}")


def _resampled(truth: Samples, from_hz: int, to_hz: int) -> Samples:
    import soxr

    return np.ascontiguousarray(soxr.resample(np.ascontiguousarray(truth.T), from_hz, to_hz, quality="VHQ").T)


def run(cases: Iterable[Case]) -> list[tuple[Case, str, str]]:
    """Every case with its verdict."""
    results = []
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="rt_automix-files-") as folder:
            results.append((case, *judge(case, Path(folder))))
    return results


def table(results: list[tuple[Case, str, str]]) -> list[list[str]]:
    """A row for each format: how many of each verdict."""
    counts: dict[str, Counter[str]] = {}
    for case, verdict, _ in results:
        counts.setdefault(case.group, Counter())[verdict] += 1
    return [
        [group, str(count.total()), *(str(count[name] or "") for name in VERDICTS)] for group, count in counts.items()
    ]
