"""Which JACK ports are played through, by their names; what is remembered of them. The servers are in tests/live."""

from __future__ import annotations

import pytest

from rt_automix.config import Audio
from rt_automix.errors import DeviceChoiceError
from rt_automix.io.devices.jack.patching import GRACE_S, Patching
from rt_automix.io.devices.jack.ports import Port, choose_ports, joined_in_pairs, makes_circle


def ports(client, *names, physical=()):
    """Ports of a client: those that give are called capture, monitor or out, the others take."""
    gives = ("capture", "monitor", "out")
    return [Port(f"{client}:{name}", name.startswith(gives), name in physical) for name in names]


SINK = ports("Hall", "playback_FL", "playback_FR", "monitor_FL", "monitor_FR", physical=("playback_FL", "playback_FR"))
VIRTUAL_MICROPHONE = ports(
    "Call", "input_FL", "input_FR", "capture_FL", "capture_FR", physical=("input_FL", "input_FR")
)
INTERFACE = ports("Scarlett", "capture_AUX0", "capture_AUX1", "playback_AUX0", "playback_AUX1",
                  physical=("capture_AUX0", "capture_AUX1", "playback_AUX0", "playback_AUX1"))  # fmt: skip
PLAYER = ports("mpv", "out_1", "out_2")
JACKD = ports("system", "capture_1", "playback_1", "playback_2", physical=("capture_1", "playback_1", "playback_2"))


def named(client, *names):
    return [f"{client}:{name}" for name in names]


@pytest.mark.parametrize(
    ("there", "asked", "sources", "sinks"),
    [
        (SINK, {}, [], named("Hall", "playback_FL", "playback_FR")),
        ([*VIRTUAL_MICROPHONE, *SINK], {},
         named("Call", "capture_FL", "capture_FR"), named("Hall", "playback_FL", "playback_FR")),
        (VIRTUAL_MICROPHONE, {}, named("Call", "capture_FL", "capture_FR"), []),
        ([*VIRTUAL_MICROPHONE, *INTERFACE], {},  # hardware first
         named("Scarlett", "capture_AUX0", "capture_AUX1"), named("Scarlett", "playback_AUX0", "playback_AUX1")),
        (PLAYER, {}, [], []),
        ([], {}, [], []),
        (JACKD, {}, named("system", "capture_1"), named("system", "playback_1", "playback_2")),
        (JACKD, {"out_channels": "2"}, named("system", "capture_1"), named("system", "playback_2")),
        ([*SINK, *PLAYER], {"in_device": "mpv"},
         named("mpv", "out_1", "out_2"), named("Hall", "playback_FL", "playback_FR")),
        ([*INTERFACE, *SINK], {"in_device": "hall monitor", "out_device": "scar"},
         named("Hall", "monitor_FL", "monitor_FR"), named("Scarlett", "playback_AUX0", "playback_AUX1")),
        ([*INTERFACE, *VIRTUAL_MICROPHONE], {"out_device": "call"},  # into a call, as that is what was asked for
         named("Scarlett", "capture_AUX0", "capture_AUX1"), named("Call", "input_FL", "input_FR")),
    ],
)  # fmt: skip
def test_what_is_joined(there, asked, sources, sinks):
    assert choose_ports(there, Audio(**asked)) == (sources, sinks)


@pytest.mark.parametrize(
    ("there", "asked", "words"),
    [
        (SINK, {"in_device": "Hall"}, "would howl"),
        ([*SINK, *INTERFACE], {"in_device": "Scarlet7"}, '"Hall", "Scarlett"'),
        ([*INTERFACE, *VIRTUAL_MICROPHONE], {"in_device": "capture"}, "2 are called so"),
        (SINK, {"in_channels": "1"}, "no device has input ports"),
        (JACKD, {"in_channels": "1,2"}, "input channels 1."),
    ],
)
def test_what_cannot_be_joined_is_said(there, asked, words):
    with pytest.raises(DeviceChoiceError, match=words.replace(".", r"\.")):
        choose_ports(there, Audio(**asked))


def test_one_source_goes_to_both_sides():
    links = joined_in_pairs(["in_1", "in_2"], ["out_1", "out_2"], ["a:1"], ["b:1", "b:2"])
    assert links == {("in_1", "a:1"), ("in_2", "a:1"), ("out_1", "b:1"), ("out_2", "b:2")}


@pytest.mark.parametrize(
    ("joined", "is_circle"),
    [
        ({("in_1", "system:capture_1"), ("out_1", "system:playback_1")}, False),
        ({("in_1", "mpv:out"), ("out_1", "reaper:in")}, False),
        ({("in_1", "reaper:out"), ("out_2", "reaper:in"), ("out_1", "system:playback_1")}, True),
        ({("in_1", "rt_automix:out_1"), ("out_1", "rt_automix:in_1")}, True),
    ],
)
def test_a_circle_of_programs_is_seen(joined, is_circle):
    assert makes_circle(joined, ("in_1", "in_2"), ("out_1", "out_2")) is is_circle


LEFT, RIGHT = ("out_1", "Hall:playback_FL"), ("out_2", "Hall:playback_FR")
BOTH = {LEFT[1], RIGHT[1]}


def test_what_goes_with_its_port_is_joined_again():
    memory = Patching([LEFT, RIGHT])
    assert memory.look(0.0, set(), BOTH, set()) == {LEFT, RIGHT}
    memory.note_joined(LEFT), memory.note_joined(RIGHT)
    assert memory.look(1.0, {LEFT, RIGHT}, BOTH, set()) == set()
    assert memory.look(2.0, set(), BOTH, set()) == set()  # links go before their ports
    assert memory.look(2.1, set(), set(), set()) == set() and memory.awaited("out") == sorted(BOTH)
    assert memory.look(60.0, set(), BOTH, BOTH) == {LEFT, RIGHT}


def test_what_went_and_came_between_two_looks_is_joined_again():
    memory = Patching([LEFT])
    memory.look(0.0, {LEFT}, BOTH, set())
    assert memory.look(1.0, set(), BOTH, {LEFT[1]}) == {LEFT}


def test_what_was_taken_away_by_hand_stays_away():
    memory = Patching([LEFT, RIGHT])
    memory.look(0.0, {LEFT, RIGHT}, BOTH, set())
    assert memory.look(1.0, {RIGHT}, BOTH, {"Other:playback_FL"}) == set()
    assert memory.look(1.0 + GRACE_S, {RIGHT}, BOTH, set()) == set()
    assert memory.links == {RIGHT}
    memory.look(3.0, set(), set(), set())
    assert memory.look(4.0, set(), BOTH, BOTH) == {RIGHT}


def test_what_was_joined_by_hand_is_remembered():
    memory = Patching([])
    memory.look(0.0, {LEFT}, BOTH, set())
    memory.look(1.0, set(), set(), set())
    assert memory.look(2.0, {RIGHT}, BOTH, set()) == {LEFT}
