"""What pages may say: every valid message is understood, every other one refused, and the tables are the engine's."""

from __future__ import annotations

import json
import os
from typing import get_args

import pytest
from hypothesis import given, settings
from panel_messages import FUZZED, PROFILES

from rt_automix import midimap
from rt_automix.engine import controls
from rt_automix.live.desk import desk
from rt_automix.panel import api
from rt_automix.panel.api import Command, Refused
from rt_automix.panel.deck import MOST_COMMANDS, Deck

MESSAGES = 10_000 if os.environ.get("RT_AUTOMIX_FUZZ") == "all" else 2_000


def message(**fields):
    return json.dumps({"v": 1, **fields})


def test_tables_are_those_of_the_engine_the_desk_and_midi():
    ranges = {name: span for name, span in api.RANGES.items() if not name.startswith("trim.")}
    trims = {name.removeprefix("trim."): high for name, (_, high) in api.RANGES.items() if name.startswith("trim.")}
    assert ranges == controls.RANGES and trims == controls.TRIM_RANGES
    assert all(low == -high for name, (low, high) in api.RANGES.items() if name.startswith("trim."))
    assert set(api.SWITCHES) == {*controls.SWITCHES, *desk.LISTEN_SWITCHES} and set(api.LISTEN) == set(controls.LISTEN)
    assert set(api.NUDGED) == {*desk.NUDGES, "profile", "phones"}
    assert set(api.LEARNED) == set(get_args(midimap.Control))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "set", "control": "amount", "value": 0.5}, Command("set", "amount", 0.5)),
        ({"type": "set", "control": "amount", "value": 1}, Command("set", "amount", 1)),
        ({"type": "set", "control": "trim.air_db", "value": -6.0}, Command("set", "trim.air_db", -6.0)),
        ({"type": "set", "control": "fine_tone", "value": 0.4}, Command("set", "fine_tone", 0.4)),
        ({"type": "set", "control": "curve", "value": []}, Command("set", "curve", [])),
        (
            {"type": "set", "control": "curve", "value": [[90, 3.5], [4e3, -6]]},
            Command("set", "curve", [[90, 3.5], [4000.0, -6]]),
        ),
        (
            {"type": "set", "control": "output/stream/trim.air_db", "value": 1.5},
            Command("set", "output/stream/trim.air_db", 1.5),
        ),
        (
            {"type": "nudge", "control": "output/stream/profile", "steps": 1},
            Command("nudge", "output/stream/profile", 1),
        ),
        ({"type": "nudge", "control": "fine_tone", "steps": 2}, Command("nudge", "fine_tone", 2)),
        ({"type": "learn", "control": "fine_tone"}, Command("learn", value="fine_tone")),
        ({"type": "set", "control": "bypass", "value": None}, Command("set", "bypass", None)),
        ({"type": "set", "control": "freeze", "value": True}, Command("set", "freeze", True)),
        ({"type": "set", "control": "listen", "value": "compare"}, Command("set", "listen", "compare")),
        ({"type": "set", "control": "profile", "value": "a/path.toml"}, Command("set", "profile", "a/path.toml")),
        ({"type": "set", "control": "panic", "value": True}, Command("set", "panic", True)),
        ({"type": "set", "control": "phones", "value": "stream"}, Command("set", "phones", "stream")),
        (
            {"type": "set", "control": "output/stream/phones", "value": None},
            Command("set", "output/stream/phones", None),
        ),
        ({"type": "nudge", "control": "profile", "steps": -1}, Command("nudge", "profile", -1)),
        ({"type": "record", "on": False}, Command("record", value=False)),
        ({"type": "learn", "control": None}, Command("learn", value=None)),
        ({"type": "learn", "control": "amount"}, Command("learn", value="amount")),
        ({"type": "preset", "do": "save", "name": "Früh am Abend_2"}, Command("preset", "save", "Früh am Abend_2")),
    ],
)
def test_valid_messages(fields, expected):
    assert api.command(message(**fields), PROFILES) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", ""),
        ("{", ""),
        ("[]", ""),
        ("[" * 4000, ""),
        ("null", ""),
        ('"set"', ""),
        ("1e999", ""),
        (b"\xff\xfe", ""),
        ('{"type":"record","on":true}', ""),
        ('{"v":2,"type":"record","on":true}', ""),
        ('{"v":true,"type":"record","on":true}', ""),
        ('{"v":1.0,"type":"record","on":true}', ""),
        (message(type="sell"), '"sell"'),
        (message(type=["set"]), '["set"]'),
        (message(type="set", control="amount"), "set"),
        (message(type="set", control="amount", value=0.5, more=1), "set"),
        (message(type="set", control="amount", value=1.01), "set"),
        (message(type="set", control="amount", value=float("nan")), "set"),
        (message(type="set", control="amount", value=-float("inf")), "set"),
        (message(type="set", control="amount", value=10**3000), "set"),
        (message(type="set", control="amount", value=True), "set"),
        (message(type="set", control="amount", value="0.5"), "set"),
        (message(type="set", control="amount", value=None), "set"),
        (message(type="set", control=["amount"], value=0.5), "set"),
        (message(type="set", control="fine_tone", value=1.01), "set"),
        *((message(type="set", control="curve", value=value), "set")
          for value in (None, 1, "flat", {"90": 3.5}, [90, 3.5], [[90]], [[90, 3.5, 1]], [[90, "3.5"]], [[90, None]],
                        [[90, True]], [[19.9, 0]], [[20_001, 0]], [[90, 6.1]], [[90, -6.1]], [[90, float("nan")]],
                        [[float("inf"), 0]], [[10**3000, 0]], [[90, 10**3000]], [["9" * 3000, 0]], [[[[90]], 0]],
                        [[90, 1], [90, 2]], [[90, 1], [92, 2]], [[20 * 2**k, 0] for k in range(9)])),
        (message(type="nudge", control="curve", steps=1), "nudge"),
        (message(type="learn", control="curve"), "learn"),
        (message(type="set", control={}, value=0.5), "set"),
        (message(type="set", control="phones", value=True), "set"),
        (message(type="set", control="output/stream/phones", value="stream"), "set"),
        (message(type="set", control="__class__", value=0.5), "set"),
        (message(type="set", control="trim.treble", value=0.5), "set"),
        (message(type="set", control="trims", value={}), "set"),
        (message(type="set", control="freeze", value=1), "set"),
        (message(type="set", control="listen", value="off"), "set"),
        (message(type="set", control="profile", value="/etc/passwd"), "set"),
        (message(type="set", control="profile", value="../a/path.toml"), "set"),
        (message(type="set", control="profile", value=["balanced"]), "set"),
        (message(type="nudge", control="freeze", steps=1), "nudge"),
        (message(type="nudge", control="amount", steps=1e9), "nudge"),
        (message(type="nudge", control="amount", steps=float("nan")), "nudge"),
        (message(type="record", on=1), "record"),
        (message(type="learn", control="ceiling_dbtp"), "learn"),
        (message(type="learn", control=[]), "learn"),
        (message(type="preset", do="steal", name="a"), "preset"),
        (message(type="preset", do=["save"], name="a"), "preset"),
        *((message(type="preset", do="save", name=name), "preset")
          for name in ("", " a", "a ", "../a", "a/b", "a\\b", "a.b", "a\n", "a\0", "x" * 41, 7, None, ["a"])),
    ],
)  # fmt: skip
def test_invalid_messages_are_refused_by_name(text, kind):
    with pytest.raises(Refused) as refused:
        api.command(text, PROFILES)
    assert refused.value.kind == kind
    assert 0 < len(str(refused.value)) < 400
    json.loads(api.encoded({"text": str(refused.value)}))


@settings(max_examples=MESSAGES)
@given(FUZZED)
def test_whatever_comes_is_refused_or_is_what_the_engine_takes(text):
    try:
        command = api.command(text, PROFILES)
    except Refused as error:
        json.loads(api.encoded({"text": str(error), "for": error.kind}))
        return
    if command.verb == "set" and command.name in controls.RANGES:
        controls.check(command.name, command.value)
    elif command.verb == "set" and command.name.startswith("trim."):
        controls.check("trims", {command.name.removeprefix("trim."): command.value})
    elif command.verb == "set" and command.name == "curve":
        controls.check("curve", command.value)
    elif command.verb == "set" and command.name == "profile":
        assert command.value in PROFILES
    elif command.verb == "learn":
        assert command.value in (None, *api.LEARNED)
    else:
        assert command.verb in ("set", "nudge", "record", "preset")


def test_numbers_that_json_does_not_have_become_null():
    nested = {"a": [1.5, float("nan")], "b": {"c": -float("inf")}, "d": (float("inf"), "x", True)}
    assert json.loads(api.encoded(nested)) == {"v": 1, "a": [1.5, None], "b": {"c": None}, "d": [None, "x", True]}


def test_the_deck_keeps_the_newest_value_of_each_control_and_every_toggle():
    deck = Deck(PROFILES, None)
    for value in range(1000):
        assert deck.offer(Command("set", "amount", value / 1000), Command("set", "target_lufs", -14.0))
    assert deck.offer(Command("set", "bypass", None)) and deck.offer(Command("set", "bypass", None))
    assert deck.take() == [
        Command("set", "amount", 0.999),
        Command("set", "target_lufs", -14.0),
        Command("set", "bypass", None),
        Command("set", "bypass", None),
    ]
    assert deck.take() == []


def test_the_deck_is_bounded_and_takes_all_of_a_preset_or_nothing():
    deck = Deck(PROFILES, None)
    assert all(deck.offer(Command("nudge", "amount", 1)) for _ in range(MOST_COMMANDS - 1))
    assert not deck.offer(Command("set", "amount", 0.1), Command("set", "target_lufs", -14.0))
    assert deck.offer(Command("set", "amount", 0.1))
    assert not deck.offer(Command("nudge", "amount", 1))
    assert deck.offer(Command("set", "amount", 0.2)), "a value may always be replaced"
    assert len(deck.take()) == MOST_COMMANDS
