"""OSC as others send and hear it: liblo's tools against a real session, and what strangers may send."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jackserver import jack_server, needs_jack
from liverun import LiveRun
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket

from rt_automix.analysis.aim import profile
from rt_automix.config import Config
from rt_automix.errors import ConfigError
from rt_automix.live.setup import Setup
from rt_automix.panel.osc import ROOT, Osc

pytestmark = pytest.mark.live

needs_liblo = pytest.mark.skipif(shutil.which("oscsend") is None, reason="needs oscsend: sudo apt install liblo-tools")
PROFILES = ("balanced", *profile.shipped())


class Session:
    """Stands where the supervisor and the takes do; keeps what it was told to do."""

    def __init__(self):
        self.done, self.takes, self.outputs, self.heard = [], [], [], None
        self.controls = {
            **{"amount": 0.5, "fine_tone": 1.0, "target_lufs": -14.0, "ceiling_dbtp": -1.0, "max_trim_db": 12.0},
            **{
                "output_trim_db": 0.0,
                "freeze": False,
                "ride": True,
                "night": False,
                "listen": "master",
                "trims": {},
                "curve": [],
            },
        }
        self.renew()

    def renew(self):
        meters = dict.fromkeys(
            ("momentary_lufs", "short_term_lufs", "integrated_lufs", "loudness_range_lu", "out_true_peak_dbtp",
             "gain_db", "compression_db", "limiting_db"), 0.0)  # fmt: skip
        self.status = {"controls": dict(self.controls), "meters": meters, "profile": "balanced", "panic": False,
                       "profiles": PROFILES, "outputs": self.outputs, "phones": self.heard}  # fmt: skip

    def set(self, name, value):
        self.done.append(("set", name, value))

    def nudge(self, name, steps):
        self.done.append(("nudge", name, steps))

    def record(self, on):
        self.done.append(("record", on))


class NoTakes:
    def __init__(self, session):
        self.record = session.record

    def status(self):
        return []


SEVERAL = Config().with_overrides(output=[{"name": "room"}, {"name": "stream", "channels": "3,4"}])
WITH_PHONES = SEVERAL.with_overrides(**{"phones.channels": "5,6"})


@pytest.fixture(params=[WITH_PHONES], ids=[""])
def served(request):
    setup = Setup(request.param, PROFILES)
    with Osc(setup, "0", "", print) as osc, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))
        ours.settimeout(0.2)
        session = Session()

        def send(address, *values):
            message = OscMessageBuilder(address)
            for value in values:
                message.add_arg(value)
            ours.sendto(message.build().dgram, ("127.0.0.1", osc.port))
            session.done.clear()
            session.renew()
            osc.show(session, NoTakes(session))
            return list(session.done)

        def heard():
            found = {}
            try:
                while True:
                    (timed,) = OscPacket(ours.recv(65_536)).messages
                    found[timed.message.address] = list(timed.message.params)
            except TimeoutError:
                return found

        yield send, heard, session, osc, ours


def test_every_address_does_what_the_page_tells(served):
    send, _, _, _, _ = served
    assert send(f"{ROOT}/amount", 0.25) == [("set", "amount", 0.25)]
    assert send(f"{ROOT}/amount", 1) == [("set", "amount", 1.0)]
    assert send(f"{ROOT}/trim/air_db", 2.0) == [("set", "trim.air_db", 2.0)]
    assert send(f"{ROOT}/bypass", 1.0) == [("set", "bypass", True)]
    assert send(f"{ROOT}/freeze", False) == [("set", "freeze", False)]
    assert send(f"{ROOT}/toggle/panic") == [("set", "panic", None)]
    assert send(f"{ROOT}/toggle/freeze", 1.0) == [("set", "freeze", None)] and send(f"{ROOT}/toggle/freeze", 0.0) == []
    assert send(f"{ROOT}/profile", "warm") == [("set", "profile", "warm")]
    assert send(f"{ROOT}/listen", "compare") == [("set", "listen", "compare")]
    assert send(f"{ROOT}/curve", 100.0, 2.0, 4000, -3.0) == [("set", "curve", [[100.0, 2.0], [4000.0, -3.0]])]
    assert send(f"{ROOT}/nudge/target_lufs", -2) == [("nudge", "target_lufs", -2.0)]
    assert send(f"{ROOT}/record", 1) == [("record", True)]


def test_an_output_is_addressed_by_name(served):
    send, heard, session, _, _ = served
    assert send(f"{ROOT}/output/stream/amount", 0.25) == [("set", "output/stream/amount", 0.25)]
    assert send(f"{ROOT}/output/stream/trim/air_db", 2.0) == [("set", "output/stream/trim.air_db", 2.0)]
    assert send(f"{ROOT}/output/stream/bypass", 1) == [("set", "output/stream/bypass", True)]
    assert send(f"{ROOT}/toggle/output/stream/compare") == [("set", "output/stream/compare", None)]
    assert send(f"{ROOT}/nudge/output/stream/target_lufs", -2) == [("nudge", "output/stream/target_lufs", -2.0)]
    assert send(f"{ROOT}/output/stream/nothing", 1) == [] and send(f"{ROOT}/output/stream/amount", 7.0) == []
    assert send(f"{ROOT}/phones", "stream") == [("set", "phones", "stream")]
    assert send(f"{ROOT}/output/stream/phones", 1) == [("set", "output/stream/phones", True)]
    assert send(f"{ROOT}/toggle/phones") == [("set", "phones", None)]
    assert send(f"{ROOT}/nudge/phones", -1) == [("nudge", "phones", -1.0)] and send(f"{ROOT}/phones", 1) == []
    heard()
    stream = {**session.status, "name": "stream", "controls": {**session.controls, "amount": 0.75}}
    session.outputs, session.heard = [stream], "stream"
    send(ROOT)
    told = heard()
    assert told[f"{ROOT}/amount"] == [0.5] and told[f"{ROOT}/output/stream/amount"] == [0.75]
    assert told[f"{ROOT}/output/stream/meter/short_term_lufs"] == [0.0]
    send(f"{ROOT}/output/stream/amount")
    assert heard() == {f"{ROOT}/output/stream/amount": [0.75]}
    assert told[f"{ROOT}/phones"] == ["stream"] and told[f"{ROOT}/output/stream/phones"] == [1]


def test_who_speaks_is_told_everything_once_and_then_what_changes(served):
    send, heard, session, _, _ = served
    send(ROOT)
    first = heard()
    assert first[f"{ROOT}/amount"] == [0.5] and first[f"{ROOT}/trim/mid_db"] == [0.0]
    assert first[f"{ROOT}/bypass"] == [0] and first[f"{ROOT}/profile"] == ["balanced"]
    assert first[f"{ROOT}/meter/short_term_lufs"] == [0.0] and first[f"{ROOT}/state"] == ["starting"]
    session.controls.update(amount=0.75, listen="bypass")
    send(f"{ROOT}/nudge/amount", 1)
    assert heard() == {f"{ROOT}/amount": [0.75], f"{ROOT}/listen": ["bypass"], f"{ROOT}/bypass": [1]}
    send(f"{ROOT}/target_lufs")
    assert heard() == {f"{ROOT}/target_lufs": [-14.0]}


def test_who_goes_on_speaking_is_told_however_many_others_speak_once(served):
    send, heard, session, osc, _ = served
    send(ROOT)
    for _ in range(3):
        for _ in range(20):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.sendto(OscMessageBuilder(f"{ROOT}/target_lufs").build().dgram, ("127.0.0.1", osc.port))
                session.renew()
                osc.show(session, NoTakes(session))
        send(f"{ROOT}/target_lufs")
    heard()
    session.controls.update(amount=0.25)
    session.renew()
    osc.show(session, NoTakes(session))
    assert heard() == {f"{ROOT}/amount": [0.25]}


@pytest.mark.parametrize(("address", "values", "word"), [
    (f"{ROOT}/amout", [0.5], 'Did you mean "amount"'), (f"{ROOT}/amount", [1.5], "outside"),
    (f"{ROOT}/amount", ["loud"], "number"), (f"{ROOT}/profile", ["/etc/passwd"], "unknown"),
    (f"{ROOT}/nudge/panic", [1], "unknown"), (f"{ROOT}/curve", [100.0], "pairs"), ("/other", [1], "begin with"),
    (f"{ROOT}/preset", ["nowhere"], "nowhere"), (f"{ROOT}/output/strem/amount", [0.5], 'Did you mean "stream"'),
    (f"{ROOT}/phones", ["zzz"], 'phones = "zzz": there is no such output. There are: room, stream.'),
    (f"{ROOT}/nudge/output/zzz/amount", [1], 'there is no output "zzz"'), (f"{ROOT}/output/zzz/phones", [1], "zzz"),
])  # fmt: skip
def test_what_cannot_be_done_is_answered_in_words_and_not_done(served, address, values, word):
    send, heard, _, _, _ = served
    assert send(address, *values) == []
    assert word in heard()[f"{ROOT}/error"][0]


@pytest.mark.parametrize("served", [SEVERAL], indirect=True)
@pytest.mark.parametrize("address", ["phones", "toggle/phones", "nudge/phones", "output/stream/phones"])
def test_that_there_are_no_phones_is_answered(served, address):
    send, heard, _, _, _ = served
    assert send(f"{ROOT}/{address}", "room" if address == "phones" else 1) == []
    assert "there are no phones. Say where they are" in heard()[f"{ROOT}/error"][0]


@pytest.mark.parametrize(("tags", "data"), [(b",Sf", b"half\0\0\0\0"), (b",cf", b"\0\0\0A"), (b",?", b"")])
def test_an_argument_of_a_type_that_is_not_known_is_said_so_and_no_number(served, tags, data):
    send, heard, session, osc, ours = served
    padded = tags + bytes(4 - len(tags) % 4)
    ours.sendto(b"/rt_automix/amount\0\0" + padded + data + b"\x3e\x80\0\0", ("127.0.0.1", osc.port))
    session.renew()
    osc.show(session, NoTakes(session))
    assert session.done == [] and f"type {chr(tags[1])} is not read" in heard()[f"{ROOT}/error"][0]
    assert send(f"{ROOT}/amount", 0.25) == [("set", "amount", 0.25)]


@settings(max_examples=300)
@given(data=st.binary(max_size=200) | st.binary(max_size=60).map(lambda rest: b"/rt_automix/amount\0\0,f\0\0" + rest)
       | st.binary(max_size=60).map(lambda rest: b"#bundle\0" + bytes(8) + rest))  # fmt: skip
def test_whatever_comes_in_ends_nothing(data):
    setup = Setup(Config(), PROFILES)
    with Osc(setup, "0", "", print) as osc, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.sendto(data, ("127.0.0.1", osc.port))
        session = Session()
        osc.show(session, NoTakes(session))
        for verb, name, value in session.done:
            assert (verb, name) == ("set", "amount") and 0.0 <= value <= 1.0


@pytest.mark.parametrize("text", ["", "x", "-1", "70000", "nowhere.invalid:9000", "a:b"])
def test_what_is_no_address_is_said_so(text):
    with pytest.raises(ConfigError, match=r"^--osc "):
        Osc(Setup(Config(), PROFILES), text, "", print)


def test_two_on_one_port(served):
    with pytest.raises(ConfigError, match="Choose another port"):
        Osc(Setup(Config(), PROFILES), str(served[3].port), "", print)


@needs_jack
@needs_liblo
def test_liblo_steers_a_real_session_and_hears_it(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        reply = free.getsockname()[1]
    dump = subprocess.Popen(["stdbuf", "-oL", "oscdump", str(reply)], stdout=subprocess.PIPE, text=True)
    with jack_server(256) as server:
        options = ["--osc", "0", "--osc-reply", str(reply)]
        with LiveRun(server, tmp_path / "state.json", *options) as run:
            run.wait_until_playing()
            port = next(text for text in run.texts() if text.startswith("OSC")).split()[-1].rstrip(".")
            for words in (
                ["amount", "f", "0.25"],
                ["freeze", "T"],
                ["trim/air_db", "f", "1.5"],
                ["profile", "s", "warm"],
            ):
                subprocess.run(["oscsend", "127.0.0.1", port, f"{ROOT}/{words[0]}", *words[1:]], check=True)
            run.wait_for(lambda run: run.status["controls"]["amount"] == 0.25 and run.status["profile"] == "warm")
            assert run.status["controls"]["freeze"] and run.status["controls"]["trims"] == {"air_db": 1.5}
            time.sleep(0.5)
            subprocess.run(["oscsend", "127.0.0.1", port, f"{ROOT}/amout", "f", "0.5"], check=True)
            subprocess.run(["oscsend", "127.0.0.1", port, f"{ROOT}/toggle/panic"], check=True)
            run.wait_for(lambda run: run.status["panic"])
            time.sleep(0.5)
        dump.terminate()
    said = dump.stdout.read()
    for line in (f"{ROOT}/amount f 0.250000", f'{ROOT}/profile s "warm"', f"{ROOT}/freeze i 1", f"{ROOT}/panic i 1"):
        assert line in said, line
    assert f"{ROOT}/error s" in said and 'Did you mean "amount"' in said.replace("\\", "")
    assert f'{ROOT}/state s "playing"' in said and f"{ROOT}/meter/gain_db f" in said
