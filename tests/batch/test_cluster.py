"""A batch on a real Dask cluster of processes: the same bits, whoever is lost meanwhile, and no list in memory."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import mixes
import pytest

from rt_automix.batch import Item, Session, batch, masters
from rt_automix.batch.album import album
from rt_automix.batch.cluster import Cluster
from rt_automix.cli import main
from rt_automix.errors import UserError
from rt_automix.render import render

distributed = pytest.importorskip("distributed")

SONGS = 6


@pytest.fixture(scope="module")
def cluster():
    """Two processes, each beside a nanny that replaces it."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as found:
        yield found


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """A folder of mixes, and the master that each should become."""
    folder = tmp_path_factory.mktemp("cluster") / "in"
    paths = [mixes.write(folder / f"{number}.wav", number, 2.0) for number in range(SONGS)]
    made, masters = folder.parent / "made.wav", {}
    for path in paths:
        render(path, made, lookahead="song", force=True)
        masters[path.name] = made.read_bytes()
    return folder, masters


def _kill_one(cluster, session):
    """Kill a worker that has something under way."""
    while not session.pending or not any(folder.iterdir() for folder in [session.folder / ".rt_automix-batch"]):
        time.sleep(0.01)
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        pid = next(iter(client.run(os.getpid).values()))
    os.kill(pid, signal.SIGKILL)


def test_a_worker_is_killed_in_the_middle_and_all_masters_have_the_bits_of_a_render(cluster, songs, tmp_path):
    folder, expected = songs
    with Session(tmp_path, dask=cluster.scheduler_address) as session:
        killers = [threading.Thread(target=_kill_one, args=(cluster, session)) for _ in range(2)]
        items = [Item(path, path.name) for path in sorted(folder.iterdir())]
        killers[0].start()
        rows = masters(iter(items), session)
        found = [next(rows)]
        killers[1].start()
        found += rows
        for killer in killers:
            killer.join()
    assert sorted((row.source, row.status) for row in found) == [(str(item.source), "done") for item in items]
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.wav")} == expected
    assert not (tmp_path / ".rt_automix-batch").exists()


def _limit(pid, most_bytes):
    """Let a process write no file longer than this, as if its disk were full."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))


@pytest.fixture
def pids(cluster):
    """The workers', whose disks are not full afterwards."""
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(2)
        found = list(client.run(os.getpid).values())
    yield found
    for pid in found:
        _limit(pid, resource.RLIM_INFINITY)


def test_what_one_worker_has_no_room_for_another_does(cluster, songs, pids, tmp_path):
    folder, expected = songs
    sources = sorted(folder.iterdir())
    _limit(pids[0], 20_000)
    rows = list(batch(sources, tmp_path / "out", dask=cluster.scheduler_address))
    assert {row.status for row in rows} == {"done"}, [row.reason for row in rows]
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.wav")} == expected
    _limit(pids[1], 20_000)
    (row,) = batch(sources[:1], tmp_path / "full", dask=cluster.scheduler_address)
    assert row.status == "failed" and "cannot be written" in row.reason
    assert not list((tmp_path / "full").glob("*.wav"))


def test_a_bad_file_is_a_row_and_what_is_done_is_not_done_again(cluster, songs, tmp_path):
    folder, _ = songs
    (tmp_path / "bad.wav").touch()
    several = [folder / "0.wav", tmp_path / "bad.wav"]
    for is_new in (True, False):
        rows = {row.target: row for row in batch(several, tmp_path / "out", dask=cluster.scheduler_address)}
        assert rows["0.wav"].status == "done" and rows["0.wav"].is_new == is_new
        assert rows["bad.wav"].status == "failed" and "is empty" in rows["bad.wav"].reason


def test_sources_are_taken_as_they_are_needed(cluster, songs, tmp_path):
    source, taken = songs[0] / "0.wav", []

    def endless():
        for number in range(1_000_000):
            taken.append(number)
            yield Item(source, f"{number}.wav")

    rows = batch(endless(), tmp_path / "out", dask=cluster.scheduler_address)
    assert next(rows).status == "done" and len(taken) <= 6
    rows.close()


def test_a_record_comes_out_the_same(cluster, songs, tmp_path):
    items = [Item(path, path.name) for path in sorted(songs[0].iterdir())[:2]]
    for out, how in (("there", {"dask": cluster.scheduler_address}), ("here", {"jobs": 1})):
        with Session(tmp_path / out, **how) as session:
            assert {row.status for row in album(items, session)} == {"done"}
    for item in items:
        assert (tmp_path / "there" / item.target).read_bytes() == (tmp_path / "here" / item.target).read_bytes()


@dataclass(frozen=True)
class Deadly:
    """A job that takes its worker with it."""

    scratch: Path

    def do(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def died(self, how):
        return how

    def has_failed(self, answer):
        return False


def test_what_takes_every_worker_with_it_is_named(cluster, tmp_path):
    pool = Cluster(cluster.scheduler_address, 1, tmp_path)
    try:
        pool.submit(Deadly(tmp_path))
        _, said = pool.answer(120.0)
        assert "workers that worked on it were lost" in said
    finally:
        pool.close()


def test_nobody_at_an_address_is_said_at_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("rt_automix.batch.cluster._FIND_S", 0.5)
    source = mixes.write(tmp_path / "a.wav", 1)
    assert main(["batch", str(source), "-o", str(tmp_path / "out"), "--dask", "tcp://127.0.0.1:9"]) == 2
    assert "no scheduler answers there" in capsys.readouterr().err
    with pytest.raises(UserError):
        next(batch([source], tmp_path / "out", dask="nonsense://"))


def test_a_scheduler_that_goes_for_good_ends_it_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("rt_automix.batch.cluster._FIND_S", 1.0)
    with distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None, silence_logs=50) as gone:
        pool = Cluster(gone.scheduler_address, 1, tmp_path)
    try:
        with pytest.raises(UserError, match="the same command goes on"):
            pool.answer(60.0)
    finally:
        pool.close()


def _start(place, *words):
    """A part of a cluster, as a process of its own."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{words[0]}", *words[1:]]
    return subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_a_scheduler_that_is_killed_and_comes_back_costs_nothing(songs, tmp_path):
    """Its workers end without it, and come back with it, as a service starts them again."""
    folder, expected = songs
    port, started = _free_port(), []

    def start():
        started.append(_start(tmp_path, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"))
        more = "--nthreads", "1", "--no-dashboard", "--death-timeout", "60", "--local-directory", tmp_path / "workers"
        started.append(_start(tmp_path, "worker", f"tcp://127.0.0.1:{port}", *map(str, more)))

    try:
        start()
        with Session(tmp_path / "out", dask=f"tcp://127.0.0.1:{port}") as session:
            rows = masters(iter([Item(path, path.name) for path in sorted(folder.iterdir())]), session)
            found = [next(rows)]
            started[0].kill()
            start()
            found += rows
        assert sorted((row.target, row.status) for row in found) == [(name, "done") for name in sorted(expected)]
        assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.wav")} == expected
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(30.0)
