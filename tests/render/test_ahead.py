"""Two threads, one behind the other: in order, bounded, and what ends one ends the other."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rt_automix.render.ahead import Ahead

ROOT = Path(__file__).parents[2]


def _threads():
    return [thread for thread in threading.enumerate() if thread.name == "rt_automix ahead"]


@pytest.mark.parametrize("most", [1, 2, 7])
def test_all_items_come_in_their_order(most):
    with Ahead(iter(range(1000)), most) as items:
        assert list(items) == list(range(1000))
    assert not _threads()


def test_the_maker_runs_in_a_thread_of_its_own_and_no_further_ahead_than_allowed():
    made, here = [], threading.get_ident()

    def items():
        for number in range(20):
            made.append(threading.get_ident())
            yield number

    with Ahead(items(), 3) as coming:
        for number in coming:
            time.sleep(0.01)
            assert len(made) <= number + 5  # taken, waiting, and one that is done but has no room
    assert len(made) == 20 and here not in made


def test_an_error_of_the_maker_is_raised_behind_what_it_had_made():
    def items():
        yield 1
        yield 2
        raise OSError("the disk is gone")

    taken = []
    with pytest.raises(OSError, match="the disk is gone"), Ahead(items()) as coming:
        for item in coming:
            taken.append(item)
    assert taken == [1, 2] and not _threads()


def test_who_leaves_early_stops_the_maker():
    made = []

    def items():
        for number in range(10**9):
            made.append(number)
            yield number

    with pytest.raises(RuntimeError, match="enough"), Ahead(items()) as coming:
        for number in coming:
            if number == 5:
                raise RuntimeError("enough")
    assert len(made) < 12 and not _threads()


@pytest.mark.skipif(sys.platform == "win32", reason="sends the signal of Ctrl-C")
@pytest.mark.parametrize("where", ["maker sleeps", "taker sleeps"])
def test_ctrl_c_ends_both_at_once(where):
    code = (
        "import sys, time\n"
        "from rt_automix.render.ahead import Ahead\n"
        "def items():\n"
        "    for number in range(100):\n"
        "        yield number\n"
        f"        time.sleep(0.5 if {where == 'maker sleeps'} else 0)\n"
        "try:\n"
        "    with Ahead(items()) as coming:\n"
        "        for item in coming:\n"
        "            print(item, flush=True)\n"
        f"            time.sleep(30 if {where == 'taker sleeps'} else 0)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None and run.stdout.readline() == "0\n"
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=20)
    assert out.splitlines()[-1] == "interrupted" and run.returncode == 0
