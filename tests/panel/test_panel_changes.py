"""What was changed, taken back and done again; what was before a page came; how loud the programme is."""

from __future__ import annotations

import asyncio
import copy

import numpy as np
import pytest
from panel_stage import Stage, next_of, page, status

from rt_automix.analysis.recordings.measure import Meter
from rt_automix.errors import ConfigError
from rt_automix.io.devices.edge.board import WRITTEN
from rt_automix.panel.changes import MOST, Changes
from rt_automix.panel.past import EVERY_S, SPAN_S, Past
from rt_automix.panel.programme import Programme


class Hand:
    """A session that a hand moves, looked at twenty times a second; commands are obeyed at once."""

    def __init__(self):
        self.changes, self.status, self.now = Changes(), status(), 0.0
        self.said = []
        self.rest(0.1)

    def rest(self, seconds=1.0):
        for _ in range(round(20 * seconds)):
            self.now += 0.05
            self.said += self.changes.see(copy.deepcopy(self.status), self.now)

    def move(self, seconds=1.0, **controls):
        self.status["controls"] |= controls
        self.rest(seconds)

    def obey(self, found):
        commands, text = found
        for _, name, value in commands:
            if name == "profile":
                self.status["profile"] = value
                self.status["controls"]["target_lufs"] = -9.0  # it brings its own
            elif name.startswith("trim."):
                self.status["controls"]["trims"][name.removeprefix("trim.")] = value
            else:
                self.status["controls"][name] = value
        self.rest()
        return text


def test_a_knob_that_is_turned_is_one_change_that_can_be_taken_back_and_done_again():
    hand = Hand()
    for amount in (0.55, 0.6, 0.65, 0.7):
        hand.move(0.1, amount=amount)
    hand.rest()
    assert hand.said == ["Amount 50 % → 70 %"] and hand.changes.told["undo"] == "Amount 50 % → 70 %"
    assert hand.obey(hand.changes.undo(hand.now)) == "Taken back: Amount 50 % → 70 %"
    assert hand.status["controls"]["amount"] == 0.5 and hand.changes.told["undo"] is None
    assert hand.obey(hand.changes.redo(hand.now)) == "Done again: Amount 50 % → 70 %"
    assert hand.status["controls"]["amount"] == 0.7 and hand.said == ["Amount 50 % → 70 %"]
    hand.move(amount=0.8)
    hand.obey(hand.changes.undo(hand.now))
    hand.move(ceiling_dbtp=-2.0)
    with pytest.raises(ConfigError, match="nothing to do again"):
        hand.changes.redo(hand.now)


def test_a_profile_comes_back_with_the_loudness_that_was_wanted_with_it():
    hand = Hand()
    hand.status["profile"] = "warm"
    hand.move(target_lufs=-11.0)
    assert hand.said == ["Profile warm, Target −14 → −11"]
    hand.obey(hand.changes.undo(hand.now))
    assert (hand.status["profile"], hand.status["controls"]["target_lufs"]) == ("balanced", -14.0)


def test_the_last_twenty_are_kept_and_two_hands_are_two_changes():
    hand = Hand()
    hand.move(0.25, amount=0.6)
    hand.move(target_lufs=-10.0)
    for step in range(MOST + 5):
        hand.move(amount=0.01 * step)
    assert hand.said[:2] == ["Amount 50 % → 60 %", "Target −14 → −10"] and len(hand.said) == MOST + 7
    for _ in range(MOST):
        hand.obey(hand.changes.undo(hand.now))
    assert hand.status["controls"]["amount"] == pytest.approx(0.04)
    with pytest.raises(ConfigError, match="nothing to take back"):
        hand.changes.undo(hand.now)


def test_who_it_was_and_what_is_only_listened_to():
    hand = Hand()
    hand.status["midi"] = {"moved": ["amount"]}
    hand.move(amount=0.1)
    hand.status["midi"] = {"moved": []}
    hand.move(listen="bypass")
    hand.move(listen="master", freeze=True)
    hand.status["panic"] = True
    hand.move(amount=0.0)
    assert hand.changes.told["undo"] == "Panic"
    assert hand.changes.undo(hand.now) == ([("set", "panic", False)], "")
    hand.status["panic"] = False
    hand.move(amount=0.1)
    assert hand.said == ["Amount 50 % → 10 %, by MIDI", "Bypass", "Freeze on, Master"]
    hand.obey(hand.changes.undo(hand.now))
    assert not hand.status["controls"]["freeze"]
    hand.obey(hand.changes.undo(hand.now))
    assert hand.status["controls"]["amount"] == 0.5


def test_two_settings_side_by_side():
    hand = Hand()
    assert hand.obey(hand.changes.swap(hand.now)) == "Settings B."
    hand.status["controls"]["trims"]["air_db"] = 2.0
    hand.move(amount=0.9)
    hand.obey(hand.changes.swap(hand.now))
    assert (hand.status["controls"]["amount"], hand.status["controls"]["trims"]["air_db"]) == (0.5, 0.0)
    hand.obey(hand.changes.swap(hand.now))
    assert (hand.status["controls"]["amount"], hand.status["controls"]["trims"]["air_db"]) == (0.9, 2.0)
    assert hand.changes.copy() == "Settings A are what B is now."
    hand.obey(hand.changes.swap(hand.now))
    assert hand.status["controls"]["amount"] == 0.9 and hand.changes.told["slot"] == "A"
    assert len(hand.said) == 1  # the one that a hand made


def test_ten_minutes_are_kept_with_the_most_reduction_of_each_moment():
    past, now = Past(), 0.0
    heard = {**status(), "input_short_term_lufs": -23.0}
    while now < SPAN_S + 30.0:
        brief = 6.0 if round(now % 200.0, 2) == 100.25 else 1.0
        heard["meters"] |= {"short_term_lufs": -14.0, "compression_db": brief, "limiting_db": 0.0}
        past.see(heard, now)
        now += 0.05
    told = past.told(now)
    assert told["ago_s"][0] == pytest.approx(SPAN_S, abs=30.0) and told["ago_s"][-1] <= EVERY_S + 0.1
    assert len(told["ago_s"]) == len(told["in_lufs"]) <= SPAN_S / EVERY_S
    assert set(told["in_lufs"]) == {-23.0} and told["compression_db"].count(6.0) == 3


def test_a_programme_is_what_has_gone_out_since_it_was_measured_anew(tmp_path):
    with Stage(tmp_path) as stage:
        supervisor = stage.supervisor
    programme = Programme()
    sound = np.random.default_rng(2).standard_normal((2, 8 * 48_000)).astype(np.float32)
    sound *= np.repeat([0.3, 0.05, 0.1, 0.1], 2 * 48_000).astype(np.float32)
    ring = supervisor.board.rings[1]

    def play(start, stop):
        for at in range(start, stop, 2400):
            place = int(supervisor.board.stats[WRITTEN])
            ring[:, place : place + 2400] = sound[:, at : at + 2400]
            supervisor.board.stats[WRITTEN] += 2400
            programme.follow(supervisor)
        for _ in range(4):  # until figures are worked out anew
            programme.follow(supervisor)
        return programme.figures["main"]

    def measured(start, stop):
        meter = Meter(48_000, 2)
        meter.push(np.ascontiguousarray(sound[:, start:stop]))
        return meter.result()

    programme.follow(supervisor)
    first = play(0, 4 * 48_000)
    programme.restart()
    programme.follow(supervisor)
    second = play(4 * 48_000, 8 * 48_000)
    for found, wanted in ((first, measured(0, 4 * 48_000)), (second, measured(4 * 48_000, 8 * 48_000))):
        assert found["integrated_lufs"] == pytest.approx(wanted.integrated_lufs, abs=0.01)
        assert found["true_peak_dbtp"] == pytest.approx(wanted.true_peak_dbtp, abs=0.01)
        assert found["loudness_range_lu"] == pytest.approx(wanted.loudness_range_lu, abs=0.01)
    assert second["integrated_lufs"] < first["integrated_lufs"] - 3.0 and first["seconds"] == second["seconds"] == 4.0


def test_pages_take_back_and_a_late_one_is_told_what_happened(tmp_path):
    async def talk(stage):
        async with page(stage) as socket:
            await next_of(socket, "history")
            await next_of(socket, "state")
            await socket.send_json({"v": 1, "type": "set", "control": "amount", "value": 0.9})
            await next_of(socket, "event", lambda event: event == {
                "v": 1, "type": "event", "text": "Amount 50 % → 90 %", "level": "done"})  # fmt: skip
            await socket.send_json({"v": 1, "type": "history", "do": "undo"})
            await next_of(socket, "state", lambda state: state["session"]["controls"]["amount"] == 0.5)
            await socket.send_json({"v": 1, "type": "history", "do": "undo"})
            assert "nothing to take back" in (await next_of(socket, "error"))["text"]
            await socket.send_json({"v": 1, "type": "settings", "do": "swap"})
            await next_of(socket, "state", lambda state: state["changes"]["slot"] == "B")
            await socket.send_json({"v": 1, "type": "programme", "do": "restart"})
            await next_of(socket, "event", lambda event: "measured anew" in event["text"])
        async with page(stage) as late:
            texts = [event["text"] for event in (await next_of(late, "history"))["events"]]
            assert texts[:2] == ["Amount 50 % → 90 %", "Taken back: Amount 50 % → 90 %"] and "Settings B." in texts

    with Stage(tmp_path) as stage:
        asyncio.run(talk(stage))
