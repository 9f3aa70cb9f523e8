"""MIDI ports over a real JACK server: nothing lost, nothing that stops the music, everything taken up again."""

from __future__ import annotations

import ctypes
import faulthandler
import signal
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from jackserver import jack_server, needs_jack
from midi_controller import Controller
from pipewireserver import IS_MEANT
from waiting import PATIENCE_S, until

from rt_automix.io.midi import exchange, host
from rt_automix.io.midi.ports import MidiPorts, survey
from rt_automix.live.midi.mapping import Router
from rt_automix.midimap import MidiMapping

NO_SERVER = "no server is running. Start one, for example with: jackd -d alsa."
if IS_MEANT:
    NO_SERVER = "PipeWire does not answer. Start it: systemctl --user start pipewire wireplumber"

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def server():
    with jack_server(64, synchronous=True) as server:
        yield server


@pytest.fixture
def ports(server):
    made = []

    def make(*arguments, **named):
        made.append(MidiPorts(*arguments, api="jack", **named))
        return made[-1]

    yield make
    for one in made:
        one.close()


def received(listening, count):
    """The next `count` messages, and whatever else comes with them."""
    came = []
    until(lambda: came.extend(message for message, _ in listening.poll()) or len(came) >= count)
    return came


def joined(listening, knobs):
    """Wait until the link of a controller carries, of which PipeWire makes no promise, and all of that has come in."""
    until(lambda: knobs.send((0xB0, 119, 0)) * 0 or listening.poll())
    knobs.send((0xB0, 119, 1))
    until(lambda: (0xB0, 119, 1) in [message for message, _ in listening.poll()])
    return listening


def looked_after(listening, inputs):
    """Seconds until `check`, called as a session calls it, has these inputs."""
    start = time.monotonic()
    next_check = [0.0]

    def settled():
        if time.monotonic() >= next_check[0]:
            listening.check()
            next_check[0] = time.monotonic() + 0.3
        return listening.inputs == inputs

    until(settled)
    return time.monotonic() - start


# Without a port, without a server, without a library ---------------------------------------------


def test_no_midi_at_all_is_a_remark(monkeypatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "automix-nobody")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)  # whose PipeWire would be named
    monkeypatch.delenv("PIPEWIRE_RUNTIME_DIR", raising=False)
    found = survey("jack")
    assert (found.inputs, found.outputs) == ([], [])
    assert found.notes == [f"jack: {NO_SERVER}"]
    listening = MidiPorts(api="jack")
    assert listening.note == f"MIDI: {found.notes[0]}"
    assert listening.check() == [] and listening.poll() == [] and listening.inputs == listening.outputs == []
    listening.send((0xB0, 1, 2))
    listening.close()


def test_a_system_of_another_platform_and_a_library_that_is_missing(monkeypatch):
    assert survey("coremidi").notes == ["coremidi: not on this system. Here: alsa, jack."]
    monkeypatch.setattr("rt_automix.io.midi.systems.rtmidi", None)
    monkeypatch.setattr("rt_automix.io.midi.systems._WHY_NO_RTMIDI", "libasound.so.2: cannot open", raising=False)
    (note,) = survey("alsa").notes
    assert "libasound.so.2" in note and MidiPorts(api="alsa").note == f"MIDI: {note}"


def test_a_driver_that_fails_is_a_remark_too(monkeypatch):
    def fail(*_):
        raise RuntimeError("the driver is broken.")

    monkeypatch.setattr("rt_automix.io.midi.ports.System", fail)
    listening = MidiPorts()
    assert listening.note == "MIDI: the driver is broken." and listening.check() == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Launchpad Mini:Launchpad Mini MIDI 1 20:0", "Launchpad Mini:Launchpad Mini MIDI 1 24:0", True),
        ("a2j:APC Key [20] (capture): MIDI 1", "a2j:APC Key [24] (playback): MIDI 1", True),
        ("system:midi_capture_1", "system:midi_playback_1", True),
        ("system:midi_capture_1", "system:midi_playback_2", False),
        ("Twin A 20:0", "Twin B 20:0", False),
    ],
)
def test_names_that_belong_to_one_controller(one, other, same):
    assert (host.device_name(one) == host.device_name(other)) == same


@pytest.mark.parametrize(
    ("port", "own"),
    [
        ("rt_automix_midi:in 128:0", True),
        ("Midi-Bridge:rt_automix_midi:(capture_0) out", True),
        ("Midi-Bridge:rt_automix_midi 128:(playback_0) in", True),
        ("a2j:rt_automix_midi [128] (capture): out", True),
        ("Midi-Bridge:[128:0] rt_automix_midi:(capture_0) out", True),
        ("nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0", False),
        ("Midi-Bridge:nanoKONTROL2:(capture_0) for rt_automix", False),
    ],
)
def test_ports_of_ours_are_told_behind_a_bridge_too(port, own):
    """PipeWire and a2jmidid show JACK what a program has on ALSA: we would listen to ourselves."""
    assert host.is_own(port) == own


class FakeSystem:
    """Stands for two MIDI systems at once, which a test machine does not have: ports by system, and who is open."""

    there: ClassVar[dict[str, list[str]]] = {"alsa": [], "jack": []}
    opened: ClassVar[list[str]] = []
    own_names = ()

    def __init__(self, api, with_outputs, with_own=False):
        self.api, self.inputs, self.outputs = api, self, self
        self.open = {}
        self.opened.append(api)

    def names(self):
        return self.there[self.api]

    def is_alive(self):
        return True

    def is_joined(self):
        return False

    def follow(self, is_input, is_output, is_current):
        self.open = {name: None for name in self.names() if is_current and is_input(name)}
        return []

    def close(self):
        self.opened.remove(self.api)


def test_auto_takes_the_first_system_with_a_controller_and_stays_with_it(monkeypatch):
    monkeypatch.setattr("rt_automix.io.midi.ports.System", FakeSystem)
    monkeypatch.setattr("rt_automix.io.midi.systems.compiled", lambda: {"alsa": 1, "jack": 2})
    FakeSystem.there = {"alsa": ["Midi Through Port-0 14:0"], "jack": []}
    listening = MidiPorts()
    assert listening.inputs == [] and FakeSystem.opened == ["alsa", "jack"]
    FakeSystem.there["jack"] = ["knobdev:out"]
    assert listening.check() == ["MIDI: listening to knobdev:out."]
    FakeSystem.there["alsa"] = ["nano 20:0"]
    assert listening.check() == [] and FakeSystem.opened == ["jack"]
    FakeSystem.there["jack"] = []
    assert listening.check() == ["MIDI: knobdev:out is gone; looking for it.", "MIDI: listening to nano 20:0."]
    FakeSystem.there["alsa"] = ["nano 24:0"]  # plugged in again under another number
    assert listening.check() == ["MIDI: nano 20:0 is gone; looking for it.", "MIDI: listening to nano 24:0."]
    listening.close()
    assert FakeSystem.opened == []
    FakeSystem.there = {"alsa": ["nano 20:0"], "jack": ["knobdev:out"]}
    where_sound_is = MidiPorts(first="jack")
    assert where_sound_is.inputs == ["knobdev:out"] and FakeSystem.opened == ["jack"]
    where_sound_is.close()


class Buffers:
    """Stands for JACK's MIDI functions, with events that no server would bring in the order that a test wants."""

    def __init__(self, *events: bytes) -> None:
        self.kept = [ctypes.create_string_buffer(event, len(event)) for event in events]
        pointer, count = ctypes.c_void_p, ctypes.c_uint32
        kinds = {
            exchange.X_GET_BUFFER: ((pointer, pointer, count), lambda port, samples: port),
            exchange.X_COUNT: ((count, pointer), lambda buffer: len(self.kept)),
            exchange.X_GET: ((ctypes.c_int, pointer, pointer, count), self.get),
        }
        self.functions = {place: ctypes.CFUNCTYPE(*kind)(function) for place, (kind, function) in kinds.items()}
        self.words = np.zeros(exchange.EXCHANGE_SIZE, np.int64)
        for place, function in self.functions.items():
            self.words[place] = ctypes.cast(function, pointer).value
        for port in (7, 8):
            exchange.plug(self.words, exchange.X_INS, exchange.X_IN_PORTS, port)

    def get(self, event, buffer, place):
        found = self.kept[place]
        ctypes.memmove(event, (ctypes.c_int64 * 3)(0, len(found), ctypes.addressof(found)), 24)
        return 0

    def take(self):
        exchange.take(self.words, self.words.ctypes.data, 64)

    def came(self):
        words = []
        while (word := exchange.next_word(self.words)) >= 0:
            words.append(exchange.unpacked(word))
        return words


def test_what_no_knob_sends_is_left_out_and_the_rest_comes_whole_for_each_port():
    buffers = Buffers(b"\xb0\x01\x7f", b"\xf8", b"\xf0\x01\x02\x03\xf7", b"\xc3\x05", b"\xfe", b"\xfa", b"\xff\x7f\x7f")
    buffers.take()
    heard = [(0xB0, 1, 127), (0xC3, 5), (0xFA,), (0xFF, 127, 127)]
    assert buffers.came() == [(port, message) for port in (0, 1) for message in heard]


def test_a_full_ring_keeps_the_first_and_counts_what_is_lost():
    buffers = Buffers(*(bytes((0xB0, number, 1)) for number in range(100)))
    for _ in range(21):
        buffers.take()
    came = buffers.came()
    assert (len(came), buffers.words[exchange.X_LOST]) == (exchange.RING, 21 * 200 - exchange.RING)
    assert came[:3] == [(0, (0xB0, number, 1)) for number in range(3)]
    buffers.take()
    assert len(buffers.came()) == 200


# Over a real server ------------------------------------------------------------------------------


@needs_jack
def test_ports_are_listed_and_chosen_by_part_of_their_name(ports, server):
    with Controller("pads"), Controller("knobdev"):
        found = survey("jack")
        assert found.notes == []
        assert sorted(name for _, name in found.inputs) == ["knobdev:knobs out", "pads:knobs out"]
        assert sorted(ports("").inputs) == ["knobdev:knobs out", "pads:knobs out"]
        assert ports("KNOBD").inputs == ["knobdev:knobs out"]
        with MidiPorts("knobd") as of_any_system:
            assert of_any_system.inputs == ["knobdev:knobs out"]
        assert survey("jack").inputs == found.inputs  # those of our own are not listed
        absent = ports("nanoKONTROL")
        assert absent.inputs == [] and '"nanokontrol"' in absent.note and absent.check() == []


@needs_jack
def test_a_thousand_messages_at_500_a_second_lose_none(ports):
    with Controller() as knobs:
        listening = joined(ports("knobdev"), knobs)
        sent = [(0xB0, 21, number % 128) for number in range(1000)]
        knobs.send(*sent, every_s=0.002)
        assert received(listening, len(sent)) == sent


@needs_jack
def test_take_over_pairs_and_encoders_from_a_real_port(ports):
    mappings = [
        MidiMapping(control="amount", number=21, kind="7bit"),
        MidiMapping(control="target_lufs", number=2, kind="14bit"),
        MidiMapping(control="output_trim_db", number=3, kind="relative"),
    ]
    controls = {"amount": 0.5, "target_lufs": -24.0, "output_trim_db": -12.0}
    router = Router(mappings)
    with Controller() as knobs:
        listening = joined(ports(""), knobs)
        sweep = [(0xB0, 21, value) for value in range(0, 128)]
        pairs = [m for place in range(0, 16384, 331) for m in ((0xB0, 2, place >> 7), (0xB0, 34, place & 127))]
        turns = [(0xB0, 3, 127)] * 127
        knobs.send(*sweep, *pairs, *turns, every_s=0.0005)
        seen = {name: [value] for name, value in controls.items()}
        for message in received(listening, len(sweep) + len(pairs) + len(turns)):
            for name, value in router.feed(message, controls):
                controls[name] = value
                seen[name].append(value)
    assert seen["amount"][1:] == pytest.approx([value / 127 for value in range(61, 128)])  # met at 61, not before
    assert seen["target_lufs"] == pytest.approx([-24.0 + 16.0 * place / 16383 for place in range(0, 16384, 331)])
    assert seen["output_trim_db"][-1] == pytest.approx(-24.0)
    assert max(abs(b - a) for a, b in zip(seen["output_trim_db"], seen["output_trim_db"][1:], strict=False)) < 0.2


@needs_jack
def test_lights_go_to_the_controller_and_to_nobody_else(ports):
    with Controller("synth") as synth, Controller("knobdev") as knobs:
        listening = ports("knobdev")
        lights = [(0x90, 36, 127), (0xB0, 21, 64)]
        until(lambda: listening.send((0x90, 0, 0)) or knobs.heard())  # a new link takes a moment until it carries
        time.sleep(0.2)
        knobs.heard()
        for light in lights:
            listening.send(light)
        heard = []
        until(lambda: heard.extend(knobs.heard()) or len(heard) >= 2)
        assert heard == lights and synth.heard() == []
        silent = ports("knobdev", feedback=False)
        silent.send(lights[0])
        assert silent.outputs == [] and len(listening.outputs) == 1


@needs_jack
def test_a_port_that_went_and_came_back_is_taken_up(ports):
    listening = ports("knobdev")
    knobs = Controller()
    looked_after(listening, ["knobdev:knobs out"])
    for number in range(3):
        knobs.unplug()
        looked_after(listening, [])
        assert '"knobdev"' in listening.note
        knobs = Controller()
        took_s = looked_after(listening, ["knobdev:knobs out"])
        print(f"port back: {took_s * 1e3:.0f} ms")
        joined(listening, knobs)
        knobs.send((0xB0, 21, number))
        assert received(listening, 1) == [(0xB0, 21, number)]
    knobs.unplug()
    remarks = []
    until(lambda: remarks.extend(listening.check()) or remarks)
    assert remarks == ["MIDI: knobdev:knobs out is gone; looking for it."]


@needs_jack
def test_other_programs_join_ports_of_our_own(ports, server):
    with Controller("pads") as other:
        listening = ports("nobody", own=True)
        into, out = listening.own
        assert [into, out] == ["rt_automix_midi:in", "rt_automix_midi:out"] and not listening.is_listening
        (lights,) = (port for port in server.run("jack_lsp").split("\n") if "knobs in" in port)
        server.run("jack_connect", "pads:knobs out", into)
        server.run("jack_connect", out, lights)
        remarks = []
        until(lambda: remarks.extend(listening.check()) or remarks)
        assert "another program is joined" in remarks[0] and listening.is_listening and listening.inputs == []
        sent = [(0xB0, 21, number) for number in range(100)]
        other.send(*sent, every_s=0.002)
        came = []
        until(lambda: came.extend(listening.poll()) or len(came) >= len(sent))
        assert came == [(message, into) for message in sent]
        listening.send((0x90, 36, 127))
        until(lambda: (0x90, 36, 127) in other.heard())
        assert not [name for _, name in survey("jack").inputs if "rt_automix" in name]


@pytest.mark.skipif(not Path("/dev/snd/seq").exists(), reason="needs ALSA's sequencer: sudo modprobe snd-seq")
def test_other_programs_join_ports_of_our_own_on_alsa():
    import rtmidi

    with MidiPorts("nobody", api="alsa", own=True) as listening:
        sender = rtmidi.MidiOut(rtmidi.API_LINUX_ALSA, "pads")
        (place,) = (k for k, name in enumerate(sender.get_ports()) if name.startswith("rt_automix_midi:in"))
        sender.open_port(place)
        sender.send_message((0xB0, 21, 5))
        assert received(listening, 1) == [(0xB0, 21, 5)]
        sender.close_port()


@needs_jack
def test_messages_come_in_while_the_interpreter_is_held(ports):
    with Controller() as knobs:
        listening = joined(ports("knobdev"), knobs)
        sent = [(0xB0, 21, number % 128) for number in range(100)]
        sending = threading.Thread(target=knobs.send, args=sent, kwargs={"every_s": 0.002})
        came = listening._current._client._exchange
        before = int(came[exchange.X_CAME])
        sending.start()
        time.sleep(0.05)
        hold = ctypes.PyDLL(None).usleep  # unlike a CDLL's it lets nobody in meanwhile
        until(lambda: hold(700_000) or int(came[exchange.X_CAME]) - before == len(sent))
        assert received(listening, len(sent)) == sent
        sending.join(PATIENCE_S)


@needs_jack
def test_a_server_that_died_and_came_back_is_taken_up():
    with jack_server(64, synchronous=True) as server:
        knobs = Controller()
        listening = MidiPorts("knobdev", api="jack")
        assert listening.inputs == ["knobdev:knobs out"]
        server.stop(signal.SIGKILL)
        faulthandler.dump_traceback_later(60, exit=True, file=sys.__stderr__)  # rtmidi would wait for ever
        for number in range(20_000):  # more than its ring holds
            listening.send((0xB0, 21, number % 128))
        faulthandler.cancel_dump_traceback_later()
        assert listening.check() == ["MIDI: knobdev:knobs out is gone; looking for it."]
        assert NO_SERVER[:20] in listening.note and listening.poll() == []
        knobs.unplug()
        server.start()
        with Controller() as knobs:
            took_s = looked_after(listening, ["knobdev:knobs out"])
            print(f"server back: {took_s * 1e3:.0f} ms")
            joined(listening, knobs)
            knobs.send((0xB0, 21, 9))
            assert received(listening, 1) == [(0xB0, 21, 9)]
            listening.send((0xB0, 21, 8))
            until(lambda: (0xB0, 21, 8) in knobs.heard())
        listening.close()
