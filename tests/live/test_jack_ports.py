"""`rt-automix live` among the ports of a real jackd: what it is joined to, what it tells, and what it is called."""

from __future__ import annotations

import contextlib
import signal
import time
from dataclasses import replace

import pytest
import soundfile
from jackclient import Other
from jackserver import jack_server, needs_jack
from liverun import LiveRun, kill
from pipewireserver import only_jackd
from waiting import PATIENCE_S, until

from rt_automix.config import Audio
from rt_automix.io.devices.jack.jack import JackStream
from rt_automix.io.devices.jack.patchbay import Patchbay
from rt_automix.io.devices.jack.patching import GRACE_S
from rt_automix.io.devices.jack.server import Server

pytestmark = [needs_jack, only_jackd, pytest.mark.live]  # test_pipewire.py has the same on PipeWire

both_back_ends = pytest.mark.parametrize("backend", ["portaudio", "jack"])


@pytest.fixture
def server():
    with jack_server(256) as running:
        yield running


def ours(backend):
    """Our ports: in left, in right, out left, out right."""
    numbers = (1, 2) if backend == "jack" else (0, 1)
    return [f"rt_automix:{side}_{number}" for side in ("in", "out") for number in numbers]


def linked(server, links):
    """Wait until exactly these links are there."""
    wanted = set(links)
    until(lambda: server.links() == wanted, lambda: f"links {sorted(wanted)} in the place of {sorted(server.links())}")


def told(player, port, mode, samples):
    """Wait until the server says that a port is that late."""
    late = f"{port} {samples} samples late in {mode}"
    until(lambda: player.latency(port)[mode] == [samples] * 2, lambda: f"{late}, not {player.latency(port)}")


@both_back_ends
def test_what_was_patched_by_hand_outlives_its_owner_the_process_and_the_server(server, backend, tmp_path):
    in_left, in_right, out_left, out_right = ours(backend)
    with LiveRun(server, tmp_path / "state.json", "--backend", backend) as run:
        run.wait_until_playing()
        linked(
            server,
            zip(
                ("system:capture_1", "system:capture_2", out_left, out_right),
                (in_left, in_right, "system:playback_1", "system:playback_2"),
                strict=True,
            ),
        )
        player = Other(server.environment, "player")
        links = {
            ("player:out_1", in_left), ("player:out_1", in_right),
            (out_left, "system:playback_1"), (out_left, "system:playback_2"),
        }  # fmt: skip
        for unwanted in server.links() - links:
            server.run("jack_disconnect", *unwanted)
        for pair in links - server.links():
            server.run("jack_connect", *pair)
        run.wait_for(lambda run: len(run.status["links"]) == 4 and "input" not in run.status["text"])
        time.sleep(2 * GRACE_S)  # what was taken away is believed to be so
        player.kill()
        run.wait_for(lambda run: "waiting for player:out_1" in run.status["text"])
        player = Other(server.environment, "player")
        linked(server, links)
        kill(run.status["pid"])
        run.wait_for(lambda run: run.status["starts"] == 2 and run.status["state"] == "playing")
        linked(server, links)
        server.stop(signal.SIGKILL)
        player.kill()
        run.wait_for(lambda run: run.texts("state")[-1].startswith("Waiting"))
        server.start()
        player = Other(server.environment, "player")
        linked(server, links)
        time.sleep(1.0)
        assert server.links() == links, (run.status["text"], run.texts())
        player.kill()


@pytest.mark.parametrize("options", [[], ["--out-channels", "2,1"]])
def test_a_server_without_inputs_is_played_through(options, tmp_path):
    with jack_server(256, captures=0) as server:
        with LiveRun(server, tmp_path / "state.json", "--backend", "jack", *options) as run:
            run.wait_until_playing()
            run.wait_for(lambda run: "The input is connected to nothing" in run.status["text"])
            outs = ("out_2", "out_1") if options else ("out_1", "out_2")
            linked(server, {(f"rt_automix:{out}", f"system:playback_{k}") for k, out in enumerate(outs, 1)})
        with LiveRun(server, tmp_path / "state.json", "--backend", "jack", "--in-channels", "1") as run:
            run.process.wait(PATIENCE_S)
        assert run.process.returncode == 2 and "no device has input ports" in run.process.stderr.read()
        with LiveRun(server, tmp_path / "state.json", *options) as run:
            run.process.wait(PATIENCE_S)
        assert run.process.returncode == 1 and "--backend jack plays all the same" in run.process.stderr.read()


@both_back_ends
def test_the_latency_is_that_of_the_whole_way(server, backend, tmp_path):
    with (
        LiveRun(server, tmp_path / "state.json", "--backend", backend) as run,
        Other(server.environment, "player") as player,
    ):
        run.wait_until_playing()
        capture = player.latency("system:capture_1")["capture"][1]
        playback = player.latency("system:playback_1")["playback"][1]
        assert capture >= 256 <= playback
        run.wait_for(lambda run: run.status["latency_samples"] == capture + 64 + playback)
        assert run.status["engine_latency_samples"] == 64
        if backend == "jack":
            told(player, "rt_automix:out_1", "capture", capture + 64)
            told(player, "rt_automix:in_2", "playback", playback + 64)
            server.run("jack_disconnect", "system:capture_1", "rt_automix:in_1")
            server.run("jack_connect", "player:out_1", "rt_automix:in_1")
            told(player, "player:out_1", "playback", playback + 64)


@both_back_ends
def test_a_server_that_returns_at_another_rate_is_followed(server, backend, tmp_path):
    options = ["--backend", backend, "--record", str(tmp_path / "take.flac")]
    with LiveRun(server, tmp_path / "state.json", *options) as run:
        run.wait_until_playing()
        run.wait_for(lambda run: run.status["takes"] and run.status["takes"][0]["seconds"] > 1.0)
        links = server.links()
        server.stop()
        server.rate_hz = 44_100
        server.start()
        run.wait_for(lambda run: "at 44100 Hz" in run.texts("state")[-1])
        linked(server, links)
        run.wait_for(lambda run: run.status["takes"][0]["path"].endswith("take-2.flac"))
        run.wait_for(lambda run: run.status["takes"][0]["seconds"] > 1.0 and run.status["sample_rate_hz"] == 44_100)
    takes = sorted(tmp_path.glob("take*.flac"), key=lambda path: path.stat().st_mtime)
    assert [soundfile.info(path).samplerate for path in takes] == [48_000, 44_100]


@pytest.fixture
def watcher(server, monkeypatch):
    """A client of the server that is not in its cycle."""
    for name in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER"):
        monkeypatch.setenv(name, server.environment[name])
    watcher = Server("watcher")
    yield watcher
    watcher.close()


def watch(watcher, links):
    """A patchbay of the player's that has joined these links."""
    patchbay = Patchbay(watcher, "player", ("out_1", "out_2"), links, connects=True)
    until(lambda: patchbay.tend(time.monotonic()) or patchbay.joined == links, lambda: patchbay.joined)
    return patchbay


OUTS = {("out_1", "system:playback_1"), ("out_2", "system:playback_2")}


def test_who_is_thrown_out_has_taken_nothing_away_by_hand(server, watcher):
    """As a server that ends does with its clients, whose links go with their ports while those of devices stay."""
    with Other(server.environment, "player"):
        patchbay = watch(watcher, OUTS)
    for _ in range(15):
        time.sleep(0.2 * GRACE_S)
        patchbay.tend(time.monotonic())
    assert patchbay.links == OUTS and not server.links()


def test_while_a_server_stands_still_nobody_takes_anything_away_by_hand(server, watcher):
    """As it does for a client that was killed, between the end of its links and that of its ports."""
    with Other(server.environment, "player"):
        patchbay = watch(watcher, OUTS)
        server.run("jack_disconnect", "player:out_1", "system:playback_1")
        server.signal(signal.SIGSTOP)
        for _ in range(15):
            time.sleep(0.1 * GRACE_S)
            patchbay.tend(time.monotonic())
        server.signal(signal.SIGCONT)
        assert patchbay.links == OUTS and len(patchbay.joined) == 1
        until(lambda: patchbay.tend(time.monotonic()) or len(patchbay.links) == 1, lambda: patchbay.links)


def test_two_outputs_at_one_loudspeaker_are_refused(server, tmp_path):
    """They would be summed there, behind the limiter of each."""
    with LiveRun(server, tmp_path / "state.json", "--backend", "jack", "--phones", "channels=2,1") as run:
        run.process.wait(PATIENCE_S)
    assert run.process.returncode == 2 and "another output plays there" in run.process.stderr.read()


def test_a_left_output_alone_is_a_mono_sum_only_where_there_is_one_loudspeaker():
    """Not where that is how it is patched by hand."""
    link = ("out_1", "system:playback_1")
    with jack_server(256, playbacks=1), contextlib.ExitStack() as streams:

        def stream(selection, *links):
            return streams.enter_context(contextlib.closing(JackStream(selection, *links)))

        first = stream(Audio(name="first"))
        again = stream(replace(first.selection, name="again"), {link})
        by_hand = stream(Audio(name="by_hand"), {link})
        assert (first.out_channels, again.out_channels, by_hand.out_channels) == ((0,), (0,), (0, 1))


def test_a_dozen_ports_are_in_their_order(server, watcher):
    with Other(server.environment, "many", ins=12, outs=12):
        wanted = [f"{side}_{number}" for side in ("in", "out") for number in range(1, 13)]
        assert watcher.own_names("many") == wanted


def test_xruns_are_counted(tmp_path):
    with (
        jack_server(64) as server,
        LiveRun(server, tmp_path / "state.json", "--backend", "jack") as run,
    ):
        run.wait_until_playing()
        before = run.status["timing"]["xruns"]
        for _ in range(5):
            server.signal(signal.SIGSTOP)
            time.sleep(0.1)
            server.signal(signal.SIGCONT)
            time.sleep(0.3)
        run.wait_for(lambda run: run.status["timing"]["xruns"] > before)


@both_back_ends
def test_a_second_start_says_so(server, backend, tmp_path):
    state = tmp_path / "state.json"
    options = ["--backend", backend]
    with LiveRun(server, state, *options) as first:
        first.wait_until_playing()
        links = server.links()
        for again, path in (([], state), ([], tmp_path / "other.json")):
            with LiveRun(server, path, *options, *again) as second:
                second.process.wait(PATIENCE_S)
            assert second.process.returncode in (1, 2)
            assert "--name" in second.process.stderr.read()
        assert server.links() == links
        with LiveRun(server, tmp_path / "other.json", *options, "--name", "two") as second:
            second.wait_until_playing()
            assert any(name.startswith("two:") for pair in server.links() for name in pair)
        with LiveRun(server, state, *options, "--replace") as third:
            third.wait_until_playing()
            first.process.wait(PATIENCE_S)
            assert first.stop() == 0
            assert any(f"process {third.process.pid}" in text for text in first.texts())
            third.process.kill()
            third.process.wait(PATIENCE_S)
        with LiveRun(server, state, *options) as fourth:  # a crash leaves no lock behind, and no client
            fourth.wait_until_playing()
            linked(server, links)
            fourth.process.send_signal(signal.SIGSTOP)
            with LiveRun(server, state, *options, "--replace") as fifth:  # one that hangs is replaced, too
                fifth.wait_until_playing()
                linked(server, links)
