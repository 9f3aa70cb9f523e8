"""A watched folder: each file once, after it was whole, however it came."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time

import mixes
import pytest

from rt_automix.batch import How, Session
from rt_automix.batch.watching import watch
from rt_automix.errors import UserError
from rt_automix.render import render


def _copy(content, path, pauses_s):
    """As a slow network does: in pieces, with a rest after each."""
    size = len(content) // len(pauses_s) + 1
    with path.open("wb") as file:
        for number, pause_s in enumerate(pauses_s):
            file.write(content[number * size : (number + 1) * size])
            file.flush()
            time.sleep(pause_s)


def test_slow_copies_moves_and_overwrites_are_mastered_once_and_whole(tmp_path):
    made, folder, out = tmp_path / "made", tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    wavs = {
        name: mixes.write(made / name, seed)
        for seed, name in enumerate(["slow.wav", "stalled.wav", "moved.wav", "old.wav"])
    }
    flac = mixes.write(made / "slow.flac", 7)
    masters = {}
    for path in [*wavs.values(), flac]:
        render(path, tmp_path / f"m-{path.name}", lookahead="song")
        masters[path.name] = (tmp_path / f"m-{path.name}").read_bytes()
    (folder / "old.wav").write_bytes(wavs["slow.wav"].read_bytes())
    (folder / "text.wav").write_text("no music")
    over, rows = threading.Event(), []

    def come():
        copies = [
            threading.Thread(target=_copy, args=(wavs["slow.wav"].read_bytes(), folder / "slow.wav", [0.5] * 6)),
            threading.Thread(target=_copy, args=(wavs["stalled.wav"].read_bytes(), folder / "stalled.wav", [3.0, 0.0])),
            threading.Thread(target=_copy, args=(flac.read_bytes(), folder / "slow.flac", [2.6, 0.0])),
        ]
        for copy in copies:
            copy.start()
        while not any(row.target == "old.wav" for row in rows):
            time.sleep(0.05)
        wavs["moved.wav"].rename(folder / "deeper.wav")
        (folder / "deeper.wav").rename(folder / "moved.wav")
        (folder / "old.wav").write_bytes(wavs["old.wav"].read_bytes())
        for copy in copies:
            copy.join()

    coming = threading.Thread(target=come)
    coming.start()
    limit_s = time.monotonic() + 90.0
    with Session(out, jobs=2) as session:
        is_over = lambda: over.is_set() or time.monotonic() > limit_s  # noqa: E731
        for row in watch([folder], session, How(), is_over, patience_s=5.0):
            rows += [row] if row.is_new else []
            if len(rows) == 7:
                over.set()
    coming.join()
    assert sorted(row.target for row in rows if row.status == "done") == sorted([*masters, "old.wav"])
    assert [row.source for row in rows if row.status == "failed"] == [str(folder / "text.wav")]
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.name in masters} == masters


def test_the_command_watches_until_it_is_told_to_stop(tmp_path):
    (tmp_path / "in").mkdir()
    surroundings = {**os.environ, "PYTHONPATH": str(mixes.ROOT)}
    words = [*mixes.BATCH, "in", "-o", "in/masters", "--watch", "--jobs", "1"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(words, cwd=tmp_path, env=surroundings, **pipes)
    assert process.stderr.readline().startswith("Watching in.")
    mixes.write(tmp_path / "in" / "song.wav", 1)
    assert "song.wav → " in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and said.startswith("1 mastered, 0 failed.")
    assert (tmp_path / "in" / "masters" / "summary.html").exists()


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with Session(tmp_path / "out") as session, pytest.raises(UserError, match="cannot be watched"):
        next(watch([tmp_path / "in"], session, How()))
