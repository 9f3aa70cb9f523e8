"""Processes that play as copies of one that has all loaded: each on its own, whatever happens to the other."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from jackserver import jack_server, needs_jack
from liverun import LiveRun, Probe, kill
from waiting import until

from rt_automix.config import Config
from rt_automix.io.devices.edge.board import CALLBACKS, Board
from rt_automix.live.parent import mould
from rt_automix.live.setup import Setup

IMPOSSIBLE = "processes are not copied on this system"
pytestmark = [pytest.mark.live, pytest.mark.skipif(not mould.is_possible(), reason=IMPOSSIBLE)]

RATE_HZ = 48_000


def parent_of(pid):
    """Number of the process that started one."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.fixture
def setup(tmp_path):
    """A session that plays a file, without a device."""
    soundfile.write(tmp_path / "song.wav", np.zeros((10 * RATE_HZ, 2)), RATE_HZ)
    return Setup(Config(), ("balanced",), play=tmp_path / "song.wav")


@pytest.fixture
def board():
    return Board()


@pytest.fixture
def ready(board):
    made = mould.Mould(board)
    yield made
    made.close()


def moves(board):
    """Whether callbacks are counted, a moment later."""
    before = int(board.stats[CALLBACKS])
    return until(lambda: int(board.stats[CALLBACKS]) != before)


def playing(ready, setup, board):
    """A copy that plays."""
    player = ready.play(setup, resumed=False)
    until(lambda: ready.listen() or player.pid)
    assert moves(board)
    return player


def test_copies_come_and_go_and_the_mould_stays(ready, setup, board):
    pids = set()
    for number in (signal.SIGKILL, signal.SIGSEGV):
        player = playing(ready, setup, board)
        assert parent_of(player.pid) == ready.pid and player.exit_code is None and ready.is_there
        os.kill(player.pid, number)
        assert until(lambda player=player: player.exit_code) == -number
        pids.add(player.pid)
        player.bury()
    player = playing(ready, setup, board)
    player.send("stop")
    until(lambda: player.exit_code is not None)
    assert player.exit_code == 0 and ready.is_there and len(pids | {player.pid}) == 3


def test_a_copy_outlives_its_mould(ready, setup, board):
    player = playing(ready, setup, board)
    kill(ready.pid)
    until(lambda: not ready.is_there)
    assert player.exit_code is None and moves(board)
    player.send("ask")
    until(lambda: any(message[0] == "status" for message in player.heard()))
    player.kill()
    assert until(lambda: player.exit_code) == mould.UNKNOWN


def test_without_its_parent_neither_goes_on(board, setup):
    ready = mould.Mould(board)
    player = playing(ready, setup, board)
    player._pipe.close()
    ready._pipe.close()  # as when the parent is no more
    until(lambda: ready.exitcode is not None)
    until(lambda: not Path(f"/proc/{player.pid}").exists() or "Z" in Path(f"/proc/{player.pid}/stat").read_text())


def test_one_with_threads_is_not_copied_but_plays_itself(board, setup, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import threading; threading.Timer(600.0, int).start()")
    monkeypatch.syspath_prepend(str(tmp_path))
    ready = mould.Mould(board)
    player = playing(ready, setup, board)
    assert player.pid == ready.pid and not ready.is_there
    ready.close()  # which leaves it alone
    assert player.exit_code is None and moves(board)
    player.kill()
    assert until(lambda: player.exit_code) == -signal.SIGKILL


@needs_jack
def test_the_mould_is_killed_and_nobody_hears_it(tmp_path):
    with jack_server(64, synchronous=True) as server, LiveRun(server, tmp_path / "state.json", "--amount", "0") as run:
        run.wait_until_playing()
        first = parent_of(run.status["pid"])
        probe = Probe(np.tile(np.float32(0.1), (2, 20 * RATE_HZ)))
        probe.connect()
        probe.go()
        time.sleep(0.5)
        heard_from = probe.position
        kill(first)
        time.sleep(1.0)
        heard = probe.heard[:, heard_from : probe.position].copy()
        assert run.status["starts"] == 1 and np.all(heard > 0.09)
        second = run.status["pid"]
        kill(second)
        run.wait_for(lambda run: run.status["pid"] not in (None, second) and run.status["state"] == "playing")
        assert parent_of(run.status["pid"]) not in (first, run.process.pid)
        probe.close()
    assert run.process.returncode == 0
