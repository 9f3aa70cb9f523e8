"""What buttons, pedals and programs do: profiles, switches, takes, presets."""

from __future__ import annotations

import pytest
from rig import PROFILES, Rig, learned, mapping

from rt_automix.live.midi.mapping import Router


def test_a_button_hears_an_output_on_the_phones_and_another_the_next_one():
    held = mapping("phones", 24, "momentary", output="room")
    router = Router(
        [mapping("phones", 22, "toggle", output="stream"), mapping("phones", 23, "latching"), held], PROFILES
    )
    controls = {"phones": "room", "output/room/phones": True, "output/stream/phones": False, "listen": "master"}
    assert router.feed((0xB0, 22, 127), controls) == [("output/stream/phones", True)]
    assert router.feed((0xB0, 24, 0), controls) == [("output/room/phones", False)]
    assert router.feed((0xB0, 23, 127), controls) == [("phones", None)]
    assert router.feedback(controls)[:1] == [(0xB0, 22, 0)]
    controls |= {"phones": "stream", "output/room/phones": False, "output/stream/phones": True}
    assert router.feedback(controls) == [(0xB0, 22, 127), (0xB0, 24, 0)]
    assert router.feed((0xB0, 23, 127), {"listen": "master"}) == []  # there are no phones


def test_a_button_goes_through_the_profiles():
    rig = Rig(mapping("profile", 36, "toggle", source="note"))
    heard = [rig(0x90, 36, 100) | rig(0x80, 36, 0) for _ in range(5)]
    assert [change["profile"] for change in heard] == ["warm", "loud", "mine", "balanced", "warm"]
    rig.controls["profile"] = "elsewhere.toml"
    assert rig(0x90, 36, 1) == {"profile": "balanced"}


def test_a_knob_and_an_encoder_choose_a_profile():
    rig = Rig(mapping("profile", takeover=False), mapping("profile", 22, "relative"))
    heard = [rig(0xB0, 21, value).get("profile") for value in range(128)]
    assert [name for name in heard if name] == list(PROFILES[1:])
    assert rig(0xB0, 22, 127) == {"profile": "loud"} and rig(0xB0, 22, 125) == {"profile": "balanced"}
    assert rig(0xB0, 22, 127) == {}


def test_a_knob_takes_over_the_profile_where_it_stands():
    rig = Rig(mapping("profile"))
    assert rig(0xB0, 21, 100) == {}
    assert rig(0xB0, 21, 30) == {} and rig(0xB0, 21, 40) == {"profile": "warm"}


@pytest.mark.parametrize("source", ["cc", "note"])
def test_a_toggle_changes_over_at_each_press(source):
    status = {"cc": 0xB0, "note": 0x90}[source]
    rig = Rig(mapping("bypass", 40, "toggle", source=source), mapping("freeze", 41, "toggle", source=source))
    assert rig(status, 40, 127) == {"listen": "bypass"} and rig(status, 40, 0) == {}
    assert rig(status, 41, 100) == {"freeze": True} and rig(status, 41, 0) == {}
    assert rig(status, 40, 127) == {"listen": "master"} and rig(status, 40, 0) == {}
    assert rig(status, 41, 100) == {"freeze": False}


def test_bypass_and_compare_are_two_ways_to_listen():
    rig = Rig(mapping("bypass", 40, "toggle"), mapping("compare", 41, "toggle"))
    assert rig(0xB0, 40, 127) == {"listen": "bypass"}
    assert rig(0xB0, 41, 127) == {"listen": "compare"}
    rig(0xB0, 41, 0)
    assert rig(0xB0, 41, 127) == {"listen": "master"}


def test_a_momentary_switch_follows_its_button():
    rig = Rig(mapping("compare", 40, "momentary", source="note"))
    assert rig(0x90, 40, 1) == {"listen": "compare"}
    assert rig(0x90, 40, 0) == {"listen": "master"}  # a note-on with velocity 0 is a release
    assert rig(0x90, 40, 1) and rig(0x80, 40, 64) == {"listen": "master"}
    rig(0x90, 40, 1)
    rig.controls["listen"] = "bypass"
    assert rig(0x80, 40, 0) == {}  # somebody chose something else meanwhile


def test_a_button_that_sends_no_release_and_a_pedal_on_its_way():
    rig = Rig(mapping("freeze", 40, "toggle"))
    assert [rig(0xB0, 40, 127) for _ in range(3)] == [{"freeze": True}, {"freeze": False}, {"freeze": True}]
    pedal = Rig(mapping("freeze", 64, "toggle"))
    assert [change for value in range(0, 128, 3) if (change := pedal(0xB0, 64, value))] == [{"freeze": True}]


@pytest.mark.parametrize("kind", ["toggle", "momentary"])
def test_panic_comes_and_goes_by_touch_and_not_by_letting_go(kind):
    rig = Rig(mapping("panic", 40, kind))
    assert rig(0xB0, 40, 127) == {"panic": True} and rig(0xB0, 40, 0) == {}
    assert rig(0xB0, 40, 127) == {"panic": False} and rig(0xB0, 40, 0) == {}


def test_a_button_of_small_numbers_is_learned_and_acts():
    found = learned("bypass", (0xB0, 40, 1), (0xB0, 40, 0))
    assert (found.kind, found.pressed_from) == ("toggle", 1)
    rig = Rig(found)
    heard = [rig(0xB0, 40, value) for value in (1, 0, 1, 0)]
    assert heard == [{"listen": "bypass"}, {}, {"listen": "master"}, {}]


@pytest.mark.parametrize("control", ["bypass", "freeze", "panic", "profile", "record", "preset"])
@pytest.mark.parametrize("values", [(127, 0, 127, 0), (127, 127, 127, 127), (1, 0, 1, 0)])
def test_no_press_of_a_latching_button_is_dead(control, values):
    rig = Rig(learned(control, (0xB0, 40, values[0])))
    rig.controls["record"] = False
    for value in values:
        changes = rig.router.feed((0xB0, 40, value), rig.controls)
        assert changes
        rig.controls.update(changes)


def test_programs_choose_profiles_and_switch():
    rig = Rig(mapping("profile", 4, "latching", source="program"), mapping("freeze", 2, "latching", source="program"))
    assert [rig(0xC0, number).get("profile") for number in (5, 5, 7, 4, 8, 127, 3)] == [
        "warm", None, "mine", "balanced", None, None, None,
    ]  # fmt: skip
    assert rig(0xC3, 2) == {"freeze": True} and rig(0xC3, 2) == {"freeze": False}
    assert rig.lights() == []


def test_a_button_records_by_presses_or_as_long_as_it_is_held():
    rig = Rig(mapping("record", 40, "toggle"), mapping("record", 41, "momentary", source="note"))
    rig.controls["record"] = False
    assert rig.router.feed((0xB0, 40, 127), rig.controls) == [("record", True)]
    rig.controls["record"] = True
    assert (0xB0, 40, 127) in rig.lights() and (0x90, 41, 127) not in rig.lights()
    rig.router.feed((0xB0, 40, 0), rig.controls)
    assert rig.router.feed((0xB0, 40, 127), rig.controls) == [("record", False)]
    assert rig.router.feed((0x80, 41, 0), rig.controls) == [("record", False)]


def test_presets_by_name_by_number_and_the_next():
    rig = Rig(
        mapping("preset", 36, "toggle", source="note", preset="Second half"),
        mapping("preset", 37, "latching"),
        mapping("preset", 4, "latching", source="program"),
    )
    feed = rig.router.feed
    assert feed((0x90, 36, 100), rig.controls) == [("preset", "Second half")]
    assert feed((0x80, 36, 0), rig.controls) == []
    assert feed((0x90, 36, 100), rig.controls) == [("preset", "Second half")]  # again: knobs may have moved since
    assert feed((0xB0, 37, 0), rig.controls) == [("preset", None)]
    assert [feed((0xC0, number), rig.controls) for number in (3, 4, 6)] == [[], [("preset", 0)], [("preset", 2)]]
    assert rig.lights() == []
