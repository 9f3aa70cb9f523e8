"""Panic: everything neutral at one touch, back at another, and nothing that the next session begins with."""

from __future__ import annotations

import time

import pytest
from jackserver import jack_server, needs_jack
from liverun import LiveRun, kill

from rt_automix.live.desk.desk import TWICE_S

pytestmark = [needs_jack, pytest.mark.live]


def touch(run):
    """The one touch of a button or a key."""
    run.command(set={"panic": None})


def waits_for(run, panic, **controls):
    run.wait_for(
        lambda run: (
            run.status["panic"] == panic
            and all(run.status["controls"][name] == value for name, value in controls.items())
        )
    )


def test_panic_is_taken_back_with_one_touch_and_not_kept(tmp_path):
    state = tmp_path / "state.json"
    with jack_server(256) as server:
        with LiveRun(server, state) as run:
            run.wait_until_playing()
            run.command(set={"amount": 0.7, "listen": "bypass", "freeze": True})
            waits_for(run, False, amount=0.7, listen="bypass", freeze=True)
            touch(run)
            touch(run)  # who hits it twice means it
            waits_for(run, True, amount=0.0, listen="master", freeze=False)
            time.sleep(TWICE_S)
            assert run.status["panic"]
            touch(run)
            waits_for(run, False, amount=0.7, listen="bypass", freeze=True)

            touch(run)
            waits_for(run, True, amount=0.0)
            kill(run.status["pid"])  # the process that takes over goes on as it was
            run.wait_for(lambda run: run.status["starts"] == 2 and run.status["state"] == "playing")
            waits_for(run, True, amount=0.0, listen="master")
            time.sleep(TWICE_S)
            touch(run)
            waits_for(run, False, amount=0.7, listen="bypass")

            touch(run)
            waits_for(run, True, amount=0.0)
            run.command(set={"amount": 0.2})  # and from there one goes on
            waits_for(run, False, amount=0.2, listen="master")
            run.command(set={"amount": 0.6})
            waits_for(run, False, amount=0.6)
            touch(run)
            waits_for(run, True, amount=0.0)
        with LiveRun(server, state) as run:
            run.wait_until_playing()
            assert run.status["controls"]["amount"] == 0.6 and not run.status["panic"]
