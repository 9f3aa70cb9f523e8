"""Stopped at any moment, started twice: at the end the same files, none half-written, none done twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import mixes
import pytest

from rt_automix.batch import Session, batch
from rt_automix.batch.journal import Journal
from rt_automix.batch.session import SCRATCH
from rt_automix.cli import main
from rt_automix.errors import UserError
from rt_automix.render import render

SONGS = 6


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """A folder of mixes, and the master that each should become."""
    folder = tmp_path_factory.mktemp("stopped") / "in"
    paths = [mixes.write(folder / f"{number}.wav", number, 2.0) for number in range(SONGS)]
    made = folder.parent / "made.wav"
    masters = {}
    for path in paths:
        render(path, made, lookahead="song", force=True)
        masters[path.name] = made.read_bytes()
    return folder, masters


def _start(folder, out, **how):
    surroundings = {**os.environ, "PYTHONPATH": str(mixes.ROOT)}
    words = [*mixes.BATCH, str(folder), "-o", str(out), "--jobs", "2"]
    return subprocess.Popen(words, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)


def _done(out):
    """What is written down as done: name and identity of each master."""
    rows = [row for row in Journal(out).rows.values() if row.status == "done"]
    return {row.target: (out / row.target).stat().st_mtime_ns for row in rows}


def test_killed_at_random_moments_it_goes_on_where_it_was(songs, tmp_path):
    folder, masters = songs
    out, dice, kept, kills = tmp_path / "out", random.Random(16), {}, 0
    while kills < 3:
        process = _start(folder, out)
        wanted = min(2 * kills, SONGS - 2)  # further each time, and somewhere in the middle of the next
        while process.poll() is None and not (out.is_dir() and len(_done(out)) >= wanted):
            time.sleep(0.02)
        time.sleep(dice.uniform(0.0, 0.5))
        workers = [int(path.name) for path in (out / SCRATCH).glob("*")]  # none where it has just begun, or ended
        process.kill()
        process.communicate()
        kills += 1
        _wait_for_the_end_of(workers)
        for name, content in masters.items():
            assert not (out / name).exists() or (out / name).read_bytes() == content
        now = _done(out)
        assert kept.items() <= now.items()
        kept = now
        with (out / "batch.jsonl").open("a") as journal:
            journal.write('{"source": "half a ro')
    process = _start(folder, out)
    text, problems = process.communicate()
    assert process.returncode == 0 and problems == "" and f"{len(kept)} done before" in text
    assert kept.items() <= _done(out).items()
    assert {path.name: path.read_bytes() for path in out.glob("*.wav")} == masters
    assert len((out / "batch.jsonl").read_text().splitlines()) == SONGS
    assert not (out / SCRATCH).exists() and not list(out.rglob("*.part"))


def test_asked_to_stop_it_leaves_what_is_done_and_says_how_to_go_on(songs, tmp_path):
    folder, masters = songs
    process = _start(folder, tmp_path / "out")
    while not (tmp_path / "out" / "0.wav").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1 and said.startswith("Stopped after ") and "goes on from there" in said
    assert not (tmp_path / "out" / SCRATCH).exists() and (tmp_path / "out" / "0.wav").read_bytes() == masters["0.wav"]


def _wait_for_the_end_of(workers):
    """Nothing but the end of their parent tells them."""
    until = time.monotonic() + 20.0
    while any(map(_runs, workers)):
        assert time.monotonic() < until
        time.sleep(0.02)


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_two_at_once_is_one_and_a_sentence(songs, tmp_path, capsys):
    folder, masters = songs
    with Session(tmp_path / "out", jobs=1):
        assert main(["batch", str(folder), "-o", str(tmp_path / "out")]) == 2
        assert "another batch is at work there" in capsys.readouterr().err
        assert not list((tmp_path / "out").glob("*.wav"))
        with pytest.raises(UserError, match="another batch"):
            next(batch([folder / "0.wav"], tmp_path / "out"))
    (row,) = batch([folder / "0.wav"], tmp_path / "out", jobs=1)
    assert row.status == "done" and (tmp_path / "out" / "0.wav").read_bytes() == masters["0.wav"]
