"""What learning recognises: knobs, pairs, encoders, pitch bends, buttons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig import RELATIVE, learned, mapping

from rt_automix.errors import ConfigError
from rt_automix.midimap import KNOBS


@pytest.mark.parametrize("control", sorted(KNOBS))
def test_learning_a_knob(control):
    turned = [(0xB4, 74, value) for value in (*range(30, 70), *range(69, 20, -2))]
    assert learned(control, *turned) == mapping(control, 74, "7bit", channel=5)


def test_learning_a_knob_among_others_that_tremble():
    turned = [(0xB0, 21, value) for value in range(20)]
    assert learned("amount", (0xB0, 3, 5), *turned, (0xB0, 3, 6)).number == 21


@pytest.mark.parametrize("fine_steps", [37, 3])
def test_learning_a_pair(fine_steps):
    places = range(8000, 9500, fine_steps)
    pairs = [m for place in places for m in ((0xB0, 16, place >> 7), (0xB0, 48, place & 127))]
    assert learned("amount", *pairs) == mapping(number=16, kind="14bit", channel=1)
    running = [pairs[0], *(m for m, before in zip(pairs[2:], pairs, strict=False) if m != before)]
    assert learned("amount", *running) == mapping(number=16, kind="14bit", channel=1)


@pytest.mark.parametrize("kind", RELATIVE)
@pytest.mark.parametrize("turn", [(1, 1, 1, 2, 3, 2, 1, -1, -1, -2, -3, -1, -1), (1,) * 12 + (-1,) * 12])
def test_learning_an_encoder(kind, turn):
    assert learned("amount", *((0xB0, 21, RELATIVE[kind](n)) for n in turn)).kind == kind


@pytest.mark.parametrize("kind", ["relative", "relative-sign"])
@pytest.mark.parametrize("turn", [(1, -1) * 6, (1, 1, 2, -1, -2, -1, 1, 1, -1), (3, 5, 2, -4, -2, 1, 3)])
def test_learning_an_encoder_that_is_wiggled(kind, turn):
    """It says hardly a value twice in a row, and no knob is at either end without passing between."""
    assert learned("amount", *((0xB0, 21, RELATIVE[kind](n)) for n in turn)).kind == kind


@pytest.mark.parametrize("places", [(10, 40, 75, 110, 60, 20), (5, 12, 70, 79), (2, 9, 15, 66, 74)])
def test_learning_a_knob_that_is_turned_fast(places):
    assert learned("amount", *((0xB0, 21, place) for place in places)).kind == "7bit"


@pytest.mark.parametrize("value", [1, 2, 65])
def test_learning_does_not_guess_from_one_direction(value):
    assert learned("amount", *[(0xB0, 21, 127)] * 9).kind == "relative"  # no other says that
    assert learned("amount", *[(0xB0, 21, 63)] * 9).kind == "relative-offset"
    with pytest.raises(ConfigError, match="Turn it slowly, to and fro"):
        learned("amount", *[(0xB0, 21, value)] * 9)


def test_learning_a_pitch_bend():
    moved = [(0xE0, 0, value) for value in range(40, 90)]
    assert learned("amount", *moved) == mapping(number=0, kind="14bit", source="pitchbend", channel=1)


@pytest.mark.parametrize(
    ("messages", "kind", "source"),
    [
        ([(0x99, 36, 90), (0x89, 36, 0)], "toggle", "note"),
        ([(0x99, 36, 90), (0x99, 36, 0)], "toggle", "note"),
        ([(0x99, 36, 90)], "momentary", "note"),
        ([(0xB9, 36, 127), (0xB9, 36, 0)], "toggle", "cc"),
        ([(0xB9, 36, 127)], "latching", "cc"),
        ([(0xB9, 36, 127), (0xB9, 36, 0), (0xB9, 36, 127)], "latching", "cc"),
        ([(0xC9, 36)], "latching", "program"),
        ([(0xB9, 36, value) for value in range(128)], "momentary", "cc"),
    ],
)
def test_learning_a_button(messages, kind, source):
    assert learned("bypass", *messages) == mapping("bypass", 36, kind, source=source, channel=10)


def test_learning_a_button_for_the_next_profile():
    assert learned("profile", (0x90, 36, 90), (0x80, 36, 0)).kind == "toggle"
    assert learned("profile", *((0xB0, 36, value) for value in range(20))).kind == "7bit"


@pytest.mark.parametrize("messages", [[(0x90, 36, 90), (0x80, 36, 0)], [(0xB0, 36, 127), (0xB0, 36, 0)]])
def test_a_button_cannot_set_a_level(messages):
    with pytest.raises(ConfigError, match=r"^amount needs a knob, .* 36, channel 1\)\. Turn a knob"):
        learned("amount", *messages)


def test_a_pitch_bend_cannot_switch():
    with pytest.raises(ConfigError, match=r"^freeze needs a button"):
        learned("freeze", (0xE0, 0, 64), (0xE0, 0, 70))


@given(
    control=st.sampled_from([*KNOBS, "profile", "bypass", "freeze"]),
    messages=st.lists(
        st.tuples(st.sampled_from([0x80, 0x90, 0xB0, 0xE0]), st.integers(0, 70), st.integers(0, 127)), min_size=1
    ),
)
def test_what_is_learned_is_a_mapping_that_may_stand_in_a_file(control, messages):
    try:
        found = learned(control, *messages)
    except ConfigError:
        return
    assert found.problems() == []
