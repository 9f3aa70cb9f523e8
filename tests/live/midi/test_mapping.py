"""What messages do to controls: take-over, pairs, encoders, switches, lights; and what learning recognises."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt_automix.config import Config
from rt_automix.engine import controls as engine_controls
from rt_automix.errors import ConfigError
from rt_automix.live.midi.knobs import PICK_UP_NORM
from rt_automix.live.midi.learn import recognise
from rt_automix.live.midi.mapping import Router
from rt_automix.live.midi.messages import Decoder, relative_steps
from rt_automix.midimap import KNOBS, MidiMapping

PROFILES = ("balanced", "warm", "loud", "mine")
RELATIVE = {  # kind: value for n steps to the right, n from -7 to 7
    "relative": lambda n: n % 128,
    "relative-offset": lambda n: 64 + n,
    "relative-sign": lambda n: n if n >= 0 else 64 - n,
}


class Rig:
    """A router and the controls that it changes, as a session has them."""

    def __init__(self, *mappings: MidiMapping) -> None:
        self.router = Router(mappings, PROFILES)
        self.controls = {
            "amount": 0.5,
            "target_lufs": -14.0,
            "output_trim_db": 0.0,
            "listen": "master",
            "freeze": False,
            "profile": "balanced",
        }

    def __call__(self, *message: int) -> dict[str, object]:
        changes = self.router.feed(message, self.controls)
        self.controls.update(changes)
        for name, value in changes:
            if name not in ("profile", "panic"):
                engine_controls.check(name, value)
        return dict(changes)

    def lights(self):
        return self.router.feedback(self.controls)


def mapping(control="amount", number=21, kind="7bit", **rest):
    return MidiMapping(control=control, number=number, kind=kind, **rest)


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


# Switches ----------------------------------------------------------------------------------------


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


# Parameters (NRPN and RPN) -----------------------------------------------------------------------


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


# What nobody has said -----------------------------------------------------------------------------


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


# Lights ------------------------------------------------------------------------------------------


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


# Learning ----------------------------------------------------------------------------------------


def learned(control, *messages):
    decoder = Decoder()
    return recognise(control, [event for message in messages if (event := decoder.feed(message))])


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
