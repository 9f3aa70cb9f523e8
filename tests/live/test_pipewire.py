"""`rt-automix live` beside a real PipeWire: what comes back is played on again, and nothing else is.

RT_AUTOMIX_REPEATS=10 does each ten times; `pytest -s` shows the table.
"""

from __future__ import annotations

import functools
import itertools
import os
import signal
import time
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from jackclient import TONE_HZ, Other
from liverun import LiveRun, kill
from pipewireserver import needs_pipewire, pipewire_server, wait_for
from waiting import PATIENCE_S, alone_s

from rt_automix.io.devices.jack.patching import GRACE_S

pytestmark = [needs_pipewire, pytest.mark.live]

REPEATS = int(os.environ.get("RT_AUTOMIX_REPEATS", "1"))
FEWEST = 3
BACK_LIMIT_S = 2.0

both_back_ends = pytest.mark.parametrize("backend", ["portaudio", "jack"])


@pytest.fixture
def server():
    with pipewire_server("Main") as running:
        yield running


def ours(backend):
    """Our ports: in left, in right, out left, out right."""
    numbers = (1, 2) if backend == "jack" else (0, 1)
    return [f"rt_automix:{side}_{number}" for side in ("in", "out") for number in numbers]


def linked(server, links):
    """Wait until exactly these links are there."""
    try:
        wait_for(lambda: server.links() == set(links), "links")
    except AssertionError:
        raise AssertionError(f"links are {sorted(server.links())}, not {sorted(links)}") from None


def steadily(server, links, seconds=1.5):
    """Exactly these links, and they stay."""
    linked(server, links)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert server.links() == set(links)
        time.sleep(0.1)


def told(run, *words):
    """Wait until the newest state says all of these words."""
    run.wait_for(lambda run: all(word in run.texts("state")[-1] for word in words))


def report(what, times):
    """A row of the table."""
    print(f"{what:55s} {len(times):3d} times  median {np.median(times):.2f} s  worst {max(times):.2f} s")


def measured(what, once):
    """Do something again and again that gives how long it took; the median of an idle machine decides."""
    times = []
    while len(times) < REPEATS or (len(times) < FEWEST and np.median(times) >= BACK_LIMIT_S):
        times.append(alone_s(once(), BACK_LIMIT_S))
    report(what, times)
    assert np.median(times) < BACK_LIMIT_S


def patched_by_hand(server, backend, player, ears):
    """Another program plays through us, to two sides at once; one of the links that we made is taken away."""
    in_left, in_right, out_left, out_right = ours(backend)
    server.run("jack_disconnect", out_right, "Main:playback_FR")
    links = {
        (f"{player.name}:out_1", in_left),
        (f"{player.name}:out_1", in_right),
        (out_left, "Main:playback_FL"),
        (out_left, "Main:playback_FR"),
    }
    for pair in links:
        server.run("jack_connect", *pair)
    wait_for(lambda: ears.hear("Main:monitor_FL", "Main:monitor_FR"), "monitors")
    linked(server, links | heard_by(ears))
    time.sleep(2 * GRACE_S)  # the parent hears of it, and what was taken away is believed to be so
    return links


def heard_by(ears):
    return {(f"Main:monitor_F{side}", f"{ears.name}:in_{k}") for k, side in ((1, "L"), (2, "R"))}


def back_in_sound(ears, since):
    """How long until the sink plays what we play, listened to at its monitors."""
    wait_for(lambda: ears.hear("Main:monitor_FL", "Main:monitor_FR"), "monitors")
    return ears.wait_for_sound() - since


@both_back_ends
def test_what_went_is_played_on_again_as_it_was_patched(server, backend, tmp_path):
    with (
        LiveRun(server, tmp_path / "state.json", "--backend", backend, "--amount", "0") as run,
        Other(server.environment, "ears") as ears,
    ):
        run.wait_until_playing()
        linked(server, zip(ours(backend)[2:], ("Main:playback_FL", "Main:playback_FR"), strict=True))
        player = Other(server.environment, "player")
        links = patched_by_hand(server, backend, player, ears)
        ears.wait_for_sound()
        pid = run.status["pid"]

        def sink():
            server.destroy("Main")
            told(run, "output", "nothing", "Main:playback_FL")
            server.create("Main")
            took = back_in_sound(ears, time.monotonic())
            linked(server, links | heard_by(ears))
            return took

        def owner():
            nonlocal player
            player.kill()
            told(run, "input", "nothing", "player:out_1")
            player = Other(server.environment, "player")
            began = time.monotonic()
            took = ears.wait_for_sound() - began
            linked(server, links | heard_by(ears))
            return took

        def quick():
            """Gone and back before anybody looks."""
            server.run("pw-cli", "destroy", "Main")
            server.create("Main")
            took = back_in_sound(ears, time.monotonic())
            linked(server, links | heard_by(ears))
            return took

        measured(f"sink destroyed and returned, {backend}", sink)
        measured(f"sink returned at once, {backend}", quick)
        measured(f"owner of the patched ports killed, {backend}", owner)
        assert run.status["pid"] == pid

        def process():
            began, starts = time.monotonic(), run.status["starts"]
            kill(run.status["pid"])
            run.wait_for(lambda run: run.status["starts"] > starts)
            linked(server, links | heard_by(ears))
            return ears.wait_for_sound() - began

        measured(f"audio process killed, {backend}", process)
        steadily(server, links | heard_by(ears))
        player.kill()
    assert run.process.returncode == 0


@both_back_ends
def test_the_server_is_killed_and_nothing_else_is_played_through(server, backend, tmp_path):
    outs = ours(backend)[2:]
    wanted = set(zip(outs, ("Main:playback_FL", "Main:playback_FR"), strict=True))
    with LiveRun(server, tmp_path / "state.json", "--backend", backend) as run:
        run.wait_until_playing()
        linked(server, wanted)

        def once():
            server.stop(signal.SIGKILL)
            told(run, "Waiting")
            time.sleep(1.0)
            assert "Waiting" in run.texts("state")[-1], "it plays through something else"
            server.start()
            server.create("Main")
            began = time.monotonic()
            linked(server, wanted)
            run.wait_for(lambda run: run.status["state"] == "playing")
            return time.monotonic() - began

        measured(f"PipeWire killed, {backend}", once)
        assert not any("ALSA" in text for text in run.texts("state"))


@both_back_ends
def test_the_rate_changes_and_a_take_goes_on_in_a_new_file(server, backend, tmp_path):
    take = tmp_path / "take.flac"
    options = ["--backend", backend, "--amount", "0", "--record", str(take)]
    with (
        LiveRun(server, tmp_path / "state.json", *options) as run,
        Other(server.environment, "player") as player,
        Other(server.environment, "ears") as ears,
    ):
        run.wait_until_playing()
        links = patched_by_hand(server, backend, player, ears)
        rates = itertools.cycle([44_100, 48_000])

        def once():
            rate_hz = next(rates)
            take = run.status["takes"][0]["path"]
            began = time.monotonic()
            server.rate(rate_hz)
            run.wait_for(lambda run: run.status["sample_rate_hz"] == rate_hz and run.status["state"] == "playing")
            took = ears.wait_for_sound() - began
            linked(server, links | heard_by(ears))
            told(run, f"at {rate_hz} Hz")
            run.wait_for(lambda run: run.status["takes"][0]["path"] != take)  # a take of its own, long enough to tell
            run.wait_for(lambda run: run.status["takes"][0]["seconds"] > 1.0)
            return took

        measured(f"rate changed, {backend}", once)
        assert any("48000" in text and "44100" in text for text in run.texts())
    first, second = sorted(tmp_path.glob("take*.flac"), key=lambda path: path.stat().st_mtime)[:2]
    assert (soundfile.info(first).samplerate, soundfile.info(second).samplerate) == (48_000, 44_100)
    samples, _ = soundfile.read(second)
    tone = np.abs(np.fft.rfft(samples[-22_050:, 0] * np.hanning(22_050)))
    # A block that a busy machine lost smears the tone; at the wrong rate it would be 88 Hz away.
    assert abs(tone.argmax() * 44_100 / 22_050 - TONE_HZ) < 30.0


@both_back_ends
def test_the_quantum_changes_under_way(server, backend, tmp_path):
    with LiveRun(server, tmp_path / "state.json", "--backend", backend) as run:
        run.wait_until_playing()
        for _ in range(REPEATS):
            for quantum in (32, 2048, 256):
                server.quantum(quantum)
                block = quantum if backend == "jack" else min(quantum, 1024)  # PortAudio cuts longer ones
                run.wait_for(lambda run, block=block: run.status["timing"]["block_samples"] == block)
        assert [text[:7] for text in run.texts("state")] == ["Playing"]


@both_back_ends
def test_nothing_is_joined_that_was_not_asked_for(server, backend, tmp_path):
    """A sink without a source: its monitor is not a microphone; what feeds a virtual microphone is no loudspeaker."""
    in_left, in_right, out_left, out_right = ours(backend)
    to_main = {(out_left, "Main:playback_FL"), (out_right, "Main:playback_FR")}
    with LiveRun(server, tmp_path / "state.json", "--backend", backend) as run:
        run.wait_until_playing()
        told(run, "input", "nothing")
        steadily(server, to_main)
    server.create("Mic", "Audio/Source/Virtual")
    with LiveRun(server, tmp_path / "state.json", "--backend", backend) as run:
        run.wait_until_playing()
        steadily(server, to_main | {("Mic:capture_FL", in_left), ("Mic:capture_FR", in_right)})


def test_two_nodes_of_one_description_are_told_apart(server, tmp_path):
    server.create("second", "Audio/Source/Virtual", description="Main")
    for options in ([], ["--device", "Main"]):
        with LiveRun(server, tmp_path / "state.json", "--backend", "jack", "--in-channels", "2,1", *options) as run:
            run.wait_until_playing()
            steadily(
                server,
                {
                    ("Main:capture_FR", "rt_automix:in_1"), ("Main:capture_FL", "rt_automix:in_2"),
                    ("rt_automix:out_1", "Main:playback_FL"), ("rt_automix:out_2", "Main:playback_FR"),
                },
            )  # fmt: skip


@both_back_ends
def test_a_monitor_by_name_is_feedback_where_it_hears_what_is_played(server, backend, tmp_path):
    server.create("Other")
    in_right = ours(backend)[1]
    options = ["--backend", backend, "--in-device", "main monitor"]
    with LiveRun(server, tmp_path / "state.json", *options) as run:
        run.process.wait(PATIENCE_S)
    assert run.process.returncode == 2 and "would howl" in run.process.stderr.read()
    for more in (["--allow-feedback"], ["--out-device", "Other"]):
        with LiveRun(server, tmp_path / "state.json", *options, *more) as run:
            run.wait_until_playing()
            wait_for(lambda: ("Main:monitor_FR", in_right) in server.links(), "monitor")


@both_back_ends
def test_all_patching_can_be_left_to_the_user(server, backend, tmp_path):
    out_left = ours(backend)[2]
    by_hand = {(out_left, "Main:playback_FR")}
    with LiveRun(server, tmp_path / "state.json", "--backend", backend, "--no-connect") as run:
        run.wait_until_playing()
        told(run, "connected to nothing", "patch its ports")
        steadily(server, set())
        server.run("jack_connect", *by_hand.copy().pop())
        told(run, "The input is connected to nothing")
        steadily(server, by_hand)
        server.destroy("Main")
        server.create("Main")
        steadily(server, set())


def test_where_nothing_is_at_all_it_waits_to_be_patched(tmp_path):
    with pipewire_server() as server, LiveRun(server, tmp_path / "state.json", "--backend", "jack") as run:
        run.wait_until_playing()
        told(run, "connected to nothing")
        server.create("Late")
        server.create("Mic", "Audio/Source/Virtual")
        steadily(server, set())


def test_who_is_to_wait_waits_where_nothing_is_at_all_yet(tmp_path):
    """As while a machine starts."""
    with pipewire_server() as server, LiveRun(server, tmp_path / "state.json", "--backend", "jack", "--wait") as run:
        run.wait_for(lambda run: any("has no device yet" in text for text in run.texts("state")))
        server.create("Late")
        run.wait_until_playing()
        steadily(server, {("rt_automix:out_1", "Late:playback_FL"), ("rt_automix:out_2", "Late:playback_FR")})


def test_the_latency_is_that_of_the_way_and_reported(server, tmp_path):
    """What we add is told to everybody before and behind us."""
    with (
        LiveRun(server, tmp_path / "state.json", "--backend", "jack") as run,
        Other(server.environment, "player") as player,
    ):
        run.wait_until_playing()
        server.run("jack_connect", "player:out_1", "rt_automix:in_1")
        wait_for(lambda: player.latency("player:out_1")["playback"][1] == 64, "playback latency")
        assert run.status["engine_latency_samples"] == 64 == run.status["latency_samples"]


@both_back_ends
def test_a_rate_that_is_not_ours_is_named(server, backend, tmp_path):
    with LiveRun(server, tmp_path / "state.json", "--backend", backend) as run:
        run.wait_until_playing()
        server.rate(192_000)
        told(run, "192000 Hz", "48000")
        assert "does not open at" not in run.texts("state")[-1]
        server.rate(48_000)
        told(run, "Playing", "48000 Hz")


def test_by_way_of_alsa_it_plays_at_the_server_s_rate(server, tmp_path):
    """At 44100 Hz, which PortAudio says is ALSA's own, PipeWire would resample what comes in and what goes out."""
    server.create("Mic", "Audio/Source/Virtual")
    with LiveRun(SimpleNamespace(environment=server.bare_environment), tmp_path / "state.json") as run:
        run.wait_until_playing()
        assert "ALSA" in run.status["device"] and run.status["sample_rate_hz"] == 48_000


@both_back_ends
@pytest.mark.parametrize("stopped", ["session", "server"])
def test_blocks_that_are_missing_are_counted_as_xruns(server, backend, stopped, tmp_path):
    """PipeWire tells nobody of them; its count of frames goes on."""
    with LiveRun(server, tmp_path / "state.json", "--backend", backend) as run:
        run.wait_until_playing()
        linked(server, zip(ours(backend)[2:], ("Main:playback_FL", "Main:playback_FR"), strict=True))
        time.sleep(0.5)
        pid = run.status["pid"]
        send = server.signal if stopped == "server" else lambda number: os.kill(pid, number)

        def counted_after_a_stop(run, before):
            """A server that is held up makes good for it, where its clients keep up: then nothing is missing."""
            send(signal.SIGSTOP)
            time.sleep(0.2)
            send(signal.SIGCONT)
            time.sleep(0.5)
            return run.status["timing"]["xruns"] > before

        for _ in range(3):
            run.wait_for(functools.partial(counted_after_a_stop, before=run.status["timing"]["xruns"]))


@both_back_ends
def test_a_second_start_is_noticed(server, backend, tmp_path):
    """Where PipeWire itself would let two clients have one name."""
    with LiveRun(server, tmp_path / "state.json", "--backend", backend) as run:
        run.wait_until_playing()
        links = server.links()
        with LiveRun(server, tmp_path / "other.json", "--backend", backend) as second:
            second.process.wait(PATIENCE_S)
        assert second.process.returncode == 1 and "--name rt_automix-2" in second.process.stderr.read()
        assert server.links() == links
        with LiveRun(server, tmp_path / "other.json", "--backend", backend, "--name", "rt_automix-2") as second:
            second.wait_until_playing()
            assert any(source.startswith("rt_automix-2:") for source, _ in server.links())
