"""What controllers are told: lights, rings and motors."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rig import Rig, mapping

from rt_automix.config import Config


def test_lights_tell_what_changed_and_nothing_twice():
    rig = Rig(mapping(channel=2), mapping("freeze", 40, "toggle", source="note"), mapping("bypass", 41, "momentary"))
    assert rig.lights() == [(0xB1, 21, 64), (0x90, 40, 0), (0xB0, 41, 0)]
    assert rig.lights() == []
    rig.controls.update(amount=1.0, listen="bypass")
    assert rig.lights() == [(0xB1, 21, 127), (0xB0, 41, 127)]
    rig.router.reset()
    assert rig.lights() == [(0xB1, 21, 127), (0x90, 40, 0), (0xB0, 41, 127)]


def test_a_knob_is_not_told_what_it_said_itself_but_what_others_do():
    rig = Rig(mapping(number=7, kind="14bit"), mapping(number=22))
    assert rig.lights() == [(0xB0, 7, 64), (0xB0, 39, 0), (0xB0, 22, 64)]
    rig(0xB4, 22, 64)
    rig(0xB4, 22, 80)
    assert rig.lights() == [(0xB0, 7, 80), (0xB0, 39, 80)]  # 80 / 127 of 16383; the other knob turned there itself
    rig.controls["amount"] = 1.0
    assert rig.lights() == [(0xB0, 7, 127), (0xB0, 39, 127), (0xB4, 22, 127)]  # on the channel it spoke on
    rig.controls["amount"] = 80 / 127
    assert rig.lights() == [(0xB0, 7, 80), (0xB0, 39, 80), (0xB4, 22, 80)]


def test_the_ring_of_an_encoder_and_the_light_of_a_button_are_ours_to_set():
    rig = Rig(mapping(kind="relative"), mapping("freeze", 40, "toggle"))
    rig.lights()
    rig(0xB0, 21, 63)
    rig(0xB0, 40, 127)
    assert rig.lights() == [(0xB0, 21, 126), (0xB0, 40, 127)]
    rig(0xB0, 40, 0)
    assert rig.lights() == [(0xB0, 40, 127)]  # the button put its own light out when it was let go


def test_the_motor_of_a_pitch_bend_fader():
    rig = Rig(mapping("target_lufs", 0, "14bit", source="pitchbend", channel=1))
    rig.controls["target_lufs"] = -30.0
    assert rig.lights() == [(0xE0, 0, 0)]
    rig.controls["target_lufs"] = -8.0
    assert rig.lights() == [(0xE0, 127, 127)]


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 127), st.integers(0, 127)), max_size=60))
def test_no_message_asks_for_what_the_engine_refuses(messages):
    rig = Rig(*Config().midi.map, mapping("target_lufs", 1, "14bit"), mapping("output_trim_db", 2, "relative"),
              mapping("profile", 3), mapping("compare", 64, "toggle", source="note"),
              mapping("freeze", 0, "momentary", source="note"))  # fmt: skip
    for message in messages:
        rig(*message)  # checks every change
        assert all(0 <= byte < 256 for light in rig.lights() for byte in light)
