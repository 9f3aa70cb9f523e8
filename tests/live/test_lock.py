"""One session for one state."""

import os
import subprocess
import sys

import pytest

from rt_automix.errors import UserError
from rt_automix.live import lock

NOBODY = (1 << 22) + 1
"""No process has a number so large."""

HOLD = """
import sys
from pathlib import Path
from rt_automix.live.lock import alone_with
with alone_with(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path):
    """A state that a process holds who cannot be reached by the number in the lock, as one in a container cannot."""
    state = tmp_path / "state.json"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(state)], **pipes, text=True) as process:
        assert process.stdout.readline() == "held\n"
        (tmp_path / "state.json.lock").write_text(str(NOBODY))
        yield state
        process.stdin.close()


def test_a_second_session_is_told_what_to_do(held):
    with pytest.raises(UserError, match=r"--name SECOND.*--replace"), lock.alone_with(held):
        pass


def test_who_gives_up_ending_another_is_not_named_as_its_successor(held, monkeypatch):
    monkeypatch.setattr(lock, "REPLACE_LIMIT_S", 0.1)
    with pytest.raises(UserError, match="End it by hand"), lock.alone_with(held, replace=True):
        pass
    assert lock.successor(held) == ""


def test_who_ends_another_is_named_while_it_waits(held, monkeypatch):
    named = []
    monkeypatch.setattr(lock, "_take", lambda descriptor: bool(named.append(lock.successor(held))) or len(named) > 2)
    with lock.alone_with(held, replace=True):
        pass
    assert named[0] == "" and named[1:] == [str(os.getpid())] * 2
