"""The sweep and the fuzz of `bench files`, in small: some files of each format, every header of a WAV."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.files import cases, fuzz, sweep

ALL_OF = ("WAV header", "WAV cut", "WAV refused", "chained", "ADPCM", "no audio", "companded")


def _some() -> list[cases.Case]:
    taken: Counter[str] = Counter()
    found = []
    for case in cases.all_cases():
        taken[case.group] += 1
        if case.group in ALL_OF or taken[case.group] % 7 == 1:
            found.append(case)
    return found


def test_there_are_more_than_300_files() -> None:
    names = [(case.group, case.name, case.file_name) for case in cases.all_cases()]
    assert len(names) > 450 and len(set(names)) == len(names)


@pytest.mark.parametrize("case", _some(), ids=lambda case: f"{case.group}: {case.name}")
def test_is_read_as_the_reference_reads_it_or_refused(case, tmp_path) -> None:
    verdict, said = sweep.judge(case, tmp_path)
    assert verdict not in sweep.WRONG, said


def test_mutated_files_do_no_harm(tmp_path) -> None:
    found = fuzz.run(400, seed=11, kept=tmp_path / "kept")
    assert found.faults == []
    assert found.counts["read"] > 50 and found.counts["refused"] > 100
    assert found.memory_mb < fuzz.MOST_MEMORY_MB


def test_the_watch_sees_what_it_is_for(tmp_path) -> None:
    """A reader that ends is a fault, not a silence."""
    reader = fuzz._Reader()
    reader._process.kill()
    reader._process.join()
    assert reader.read(tmp_path / "x.wav")[0].startswith("ended with")
    reader.close()
