"""What turning does to controls: take-over, pairs, endless encoders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig import RELATIVE, Rig, mapping

from rt_automix.live.midi.knobs import PICK_UP_NORM
from rt_automix.live.midi.messages import relative_steps

# Knobs -------------------------------------------------------------------------------------------


def test_a_knob_without_take_over_covers_its_range():
    rig = Rig(mapping("target_lufs", takeover=False))
    heard = [rig(0xB0, 21, value)["target_lufs"] for value in (0, 127, 64)]
    assert heard == pytest.approx([-24.0, -8.0, -24.0 + 16.0 * 64 / 127])
    assert rig(0xB0, 21, 64) == {}  # nothing new


def test_ends_can_be_narrow_and_turned_around():
    rig = Rig(mapping("output_trim_db", low=-6.0, high=-12.0, takeover=False))
    assert [rig(0xB0, 21, value)["output_trim_db"] for value in (0, 127)] == [-6.0, -12.0]


def test_only_the_mapped_channel_is_heard():
    rig = Rig(mapping(channel=3, takeover=False))
    assert rig(0xB0, 21, 10) == {} and rig(0xB3, 21, 10) == {}
    assert rig(0xB2, 21, 127) == {"amount": 1.0}


@pytest.mark.parametrize("message", [(), (0xF8,), (0xC0, 21), (0xB0, 22, 5), (0x90, 21, 5), (0xF0, 21, 5, 0xF7)])
def test_other_messages_do_nothing(message):
    assert Rig(mapping(takeover=False))(*message) == {}


def test_a_knob_and_a_button_of_one_output_leave_the_others_alone():
    rig = Rig(
        mapping(output="stream", takeover=False),
        mapping("bypass", 22, "toggle", output="stream"),
        mapping("amount", 23, takeover=False, output="hall"),
    )
    of_stream = {f"output/stream/{name}": value for name, value in rig.controls.items()}
    rig.controls |= {**of_stream, "listen": "bypass"}
    changes = rig.router.feed((0xB0, 21, 127), rig.controls)
    assert changes == [("output/stream/amount", 1.0)]
    ((name, is_on),) = rig.router.feed((0xB0, 22, 127), rig.controls)
    assert (name, is_on) == ("output/stream/listen", "bypass") or (name, is_on) == ("output/stream/bypass", True)
    assert rig.router.feed((0xB0, 23, 127), rig.controls) == []  # there is no such output
    assert (0xB0, 22, 0) in rig.lights()
    rig.controls["output/stream/listen"] = "bypass"
    assert rig.lights() == [(0xB0, 22, 127)]


def test_soft_takeover_waits_until_the_knob_comes_near():
    rig = Rig(mapping())
    assert [rig(0xB0, 21, value) for value in (20, 40, 60)] == [{}, {}, {}]
    assert rig(0xB0, 21, 62) == {"amount": pytest.approx(62 / 127)}
    assert rig(0xB0, 21, 90) == {"amount": pytest.approx(90 / 127)}  # held: it may move as fast as it likes


def test_soft_takeover_when_the_knob_passes_between_two_messages():
    rig = Rig(mapping())
    assert rig(0xB0, 21, 100) == {}
    assert rig(0xB0, 21, 20) == {"amount": pytest.approx(20 / 127)}


def test_a_knob_lets_go_when_something_else_sets_the_control():
    rig = Rig(mapping(), mapping(number=22))
    rig(0xB0, 21, 64)
    assert rig(0xB0, 21, 70)
    rig.controls["amount"] = 0.1
    assert rig(0xB0, 21, 71) == {}
    assert rig(0xB0, 22, 13) and rig(0xB0, 22, 20)  # the other knob takes over at 0.1
    assert rig(0xB0, 21, 72) == {}
    assert rig(0xB0, 21, 10)  # passed 20 / 127 on its way


def test_after_a_reset_a_held_knob_is_met_again():
    rig = Rig(mapping())
    assert rig(0xB0, 21, 64)
    rig.router.reset()
    assert rig(0xB0, 21, 120) == {}


def test_a_value_beyond_the_knob_is_taken_over_at_its_end():
    rig = Rig(mapping("target_lufs"))
    rig.controls["target_lufs"] = -30.0
    assert rig(0xB0, 21, 20) == {}
    assert rig(0xB0, 21, 0) == {"target_lufs": -24.0}


@given(
    st.lists(
        st.tuples(st.just("knob"), st.integers(0, 127)) | st.tuples(st.just("set"), st.floats(0.0, 1.0)), max_size=40
    )
)
def test_whatever_happens_a_knob_never_jumps_further_than_it_was_turned(steps):
    rig = Rig(mapping())
    stood = None
    for what, value in steps:
        if what == "set":
            rig.controls["amount"] = value
            continue
        now = rig.controls["amount"]
        change = rig(0xB0, 21, value).get("amount")
        turned = abs(value / 127 - stood) if stood is not None else 0.0
        if change is not None:
            assert abs(change - now) <= turned + PICK_UP_NORM + 1e-4
        stood = value / 127


# 14 bits -----------------------------------------------------------------------------------------


def test_a_pair_acts_once_when_its_fine_half_is_there():
    rig = Rig(mapping(number=7, kind="14bit", takeover=False))
    assert rig(0xB0, 7, 64) == {}
    assert rig(0xB0, 39, 5) == {"amount": pytest.approx((64 * 128 + 5) / 16383)}
    assert rig(0xB0, 39, 6) == {"amount": pytest.approx((64 * 128 + 6) / 16383)}  # a running fine half
    assert rig(0xB0, 7, 127) == {} and rig(0xB0, 39, 127) == {"amount": 1.0}


def test_a_coarse_half_alone_acts_as_seven_bits():
    rig = Rig(mapping(number=7, kind="14bit", takeover=False))
    assert rig(0xB0, 7, 64) == {}  # the fine half may still come
    assert rig(0xB0, 7, 65) == {"amount": pytest.approx(65 / 127)}
    assert rig(0xB0, 7, 127) == {"amount": 1.0}
    assert rig(0xB0, 39, 0) == {"amount": pytest.approx(127 * 128 / 16383)}  # it does come
    assert rig(0xB0, 7, 10) == {}  # so it is waited for again


def test_a_fine_half_before_any_coarse_one_says_nothing():
    assert Rig(mapping(number=7, kind="14bit", takeover=False))(0xB0, 39, 5) == {}


def test_pitch_bend_is_a_fader_of_14_bits():
    rig = Rig(mapping(number=0, kind="14bit", source="pitchbend", channel=2, takeover=False))
    assert rig(0xE1, 127, 127) == {"amount": 1.0}
    assert rig(0xE1, 5, 64) == {"amount": pytest.approx((64 * 128 + 5) / 16383)}
    assert rig(0xE0, 0, 0) == {}


# Endless encoders --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", RELATIVE)
def test_encoders_count_from_wherever_the_value_is(kind):
    assert [relative_steps(kind, RELATIVE[kind](n)) for n in range(-7, 8)] == list(range(-7, 8))
    rig = Rig(mapping(kind=kind))
    assert rig(0xB0, 21, RELATIVE[kind](3)) == {"amount": pytest.approx(0.5 + 3 / 127)}
    rig.controls["amount"] = 0.99
    assert rig(0xB0, 21, RELATIVE[kind](7)) == {"amount": 1.0}
    assert rig(0xB0, 21, RELATIVE[kind](1)) == {}
    assert rig(0xB0, 21, RELATIVE[kind](-1)) == {"amount": pytest.approx(126 / 127)}


def test_an_encoder_leads_a_value_back_into_its_range_without_a_jump():
    rig = Rig(mapping("target_lufs", kind="relative"))
    rig.controls["target_lufs"] = -30.0
    assert rig(0xB0, 21, 127) == {}
    assert rig(0xB0, 21, 1) == {"target_lufs": pytest.approx(-30.0 + 16 / 127)}


# Profiles ----------------------------------------------------------------------------------------


# Switches ----------------------------------------------------------------------------------------


# Parameters (NRPN and RPN) -----------------------------------------------------------------------


# What nobody has said -----------------------------------------------------------------------------


# Lights ------------------------------------------------------------------------------------------
