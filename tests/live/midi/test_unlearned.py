"""Knobs and encoders of which nobody has said what they are, and parameters that several messages make."""

from __future__ import annotations

from itertools import pairwise

import pytest
from rig import RELATIVE, Rig, learned, mapping

from rt_automix.config import Config


def parameter(number, value, names=(99, 98), status=0xB0):
    """The messages that set a parameter."""
    pairs = zip((*names, 6, 38), (number >> 7, number & 127, value >> 7, value & 127), strict=True)
    return [(status, controller, half) for controller, half in pairs]


@pytest.mark.parametrize(("source", "names"), [("nrpn", (99, 98)), ("rpn", (101, 100))])
def test_a_fader_that_sends_parameters_is_learned_as_one_and_moves(source, names):
    moved = [message for value in range(2000, 9000, 70) for message in parameter(1155, value, names, 0xB2)]
    found = learned("amount", *moved)
    assert found == mapping(number=1155, kind="14bit", source=source, channel=3)
    rig = Rig(found)
    rig.router.feed((0xB2, 7, 5), rig.controls)
    heard = [rig(*message) for message in moved]
    last = [change["amount"] for change in heard if change][-1]
    assert last == pytest.approx(range(2000, 9000, 70)[-1] / 16383)
    other = [rig(*message) for message in parameter(1156, 100, names, 0xB2)]
    assert not any(other)
    rig.controls["amount"] = 0.25
    assert rig.lights() == parameter(1155, round(0.25 * 16383), names, 0xB2)


def test_a_parameter_that_stays_named_and_one_that_is_closed():
    fader, knob = mapping(number=300, kind="14bit", source="nrpn", takeover=False), mapping("output_trim_db", 6)
    rig = Rig(fader, knob)
    for message in parameter(300, 8000):
        rig(*message)
    rig(0xB0, 6, 100)
    assert rig(0xB0, 38, 1) == {"amount": pytest.approx((100 * 128 + 1) / 16383)}  # running: named but once
    rig(0xB0, 99, 127), rig(0xB0, 98, 127)
    assert rig(0xB0, 6, 127) == {} and rig(0xB0, 6, 0) == {"output_trim_db": -24.0}  # CC 6 is a controller again
    coarse = Rig(mapping(number=300, source="nrpn", takeover=False))
    assert [coarse(*message) for message in parameter(300, 127 << 7)] == [{}, {}, {"amount": 1.0}, {}]


@pytest.mark.parametrize("kind", ["relative-sign", "relative"])
def test_unlearned_an_endless_encoder_moves_by_its_steps_and_nothing_jumps(kind):
    rig = Rig(Config().midi.map[0])
    rig.controls["amount"] = 0.3
    turns, seen = (1, 1, 2, 3, 1, -1, -1, -2, -1, 1), [0.3]
    for steps in turns:
        rig(0xB0, 16, RELATIVE[kind](steps))
        seen.append(rig.controls["amount"])
    assert seen[-1] == pytest.approx(0.3 + sum(turns) / 127)
    assert max(abs(after - before) for before, after in pairwise(seen)) <= 3.5 / 127


def test_unlearned_the_first_turn_to_the_left_goes_left():
    rig = Rig(Config().midi.map[0])
    rig.controls["amount"] = 0.512  # where a knob at 65 would be taken over
    heard = [rig(0xB0, 16, value).get("amount") for value in (65, 65, 65)]
    assert heard == [None, pytest.approx(0.512 - 2 / 127), pytest.approx(0.512 - 3 / 127)]


@pytest.mark.parametrize("values", [range(40, 128), range(0, 100, 3), (*range(1, 100, 9), *range(90, 3, -1))])
def test_unlearned_a_knob_with_two_ends_is_one(values):
    guessed, plain = Rig(Config().midi.map[0]), Rig(mapping(number=16))
    for value in values:
        guessed(0xB0, 16, value), plain(0xB0, 16, value)
    assert guessed.controls == plain.controls and guessed.controls["amount"] != 0.5


def test_a_knob_taken_for_an_encoder_is_one_as_soon_as_it_shows():
    rig = Rig(Config().midi.map[0])
    for value in (66, 66, 70, 75, 80, 81):
        rig(0xB0, 16, value)
    rig.controls["amount"] = 0.65
    assert rig(0xB0, 16, 83) == {"amount": pytest.approx(83 / 127)}


def test_trims_are_turned_like_any_other():
    rig = Rig(mapping("trim.air_db", 30, takeover=False), mapping("trim.compression", 31, "relative"))
    rig.controls |= {"trim.air_db": 0.0, "trim.compression": 0.0}
    assert rig.router.feed((0xB0, 30, 127), rig.controls) == [("trim.air_db", 6.0)]
    assert rig.router.feed((0xB0, 31, 127), rig.controls) == [("trim.compression", pytest.approx(-0.6 / 127))]


def test_a_motor_fader_is_left_to_the_hand_that_holds_it_and_then_kept_where_it_is():
    fader = mapping("target_lufs", 0, "14bit", source="pitchbend", channel=2, takeover=False, touch=105)
    rig = Rig(fader)
    rig.lights()
    rig(0x90, 105, 127)
    assert rig(0xE1, 127, 127) == {"target_lufs": -8.0}
    assert rig.lights() == []
    rig.controls["target_lufs"] = -12.0  # somebody else
    assert rig.lights() == []
    rig(0x90, 105, 0)
    place = round(0.75 * 16383)
    assert rig.lights() == [(0xE1, place & 127, place >> 7)] and rig.lights() == []
    rig(0x90, 105, 127), rig(0xE1, 0, 64), rig(0x80, 105, 0)
    assert rig.lights() == [(0xE1, 0, 64)]  # told where it stands, or it would fall back
