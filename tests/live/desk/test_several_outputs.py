"""Several outputs of a live session: the real program, a real server, each output held against an engine of its own."""

import os
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from jackclient import Other
from jackserver import jack_server, needs_jack
from liverun import LiveRun, Probe
from pipewireserver import needs_pipewire, pipewire_server

from rt_automix.analysis.deciding.suggester import choose
from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge.wiring import FADE_S, TURN_S

pytestmark = pytest.mark.alone

RATE_HZ, PERIOD = 48_000, 64
FADED, TURNED = round(FADE_S * RATE_HZ), round(TURN_S * RATE_HZ)
SAID = {
    "room": {"target_lufs": -12.0},
    "stream": {"target_lufs": -18.0, "ceiling_dbtp": -2.0, "profile": "warm", "amount": 0.8},
    "booth": {"target_lufs": -20.0, "lookahead": False, "boldness": 0.1},
    "tape": {"profile": "bright", "style_strength": 1.0, "ceiling_dbtp": -6.0},
}


def music(seconds, seed=7):
    rng, t = np.random.default_rng(seed), np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    beat = 0.1 * np.exp(-8.0 * (t % 0.5)) * rng.standard_normal((2, len(t)))
    return (0.2 * np.sin(2 * np.pi * 55.0 * t) + beat).astype(np.float32)


def options(folder, **more):
    """The command line for all four, each with a take."""
    found = ["--record-bits", "32", "--record-input", str(folder / "in.wav")]
    for name, said in SAID.items():
        words = {**said, **more.get(name, {}), "file": folder / f"{name}.wav"}
        found += ["--output", f"{name}: {' '.join(f'{key}={value}' for key, value in words.items())}"]
    return found


def take(folder, name):
    samples, rate_hz = soundfile.read(folder / f"{name}.wav", dtype="float32")
    assert rate_hz == RATE_HZ
    return np.ascontiguousarray(samples.T)


def alone(samples, said):
    """The same samples through an engine of its own, offline."""
    config = Config().with_overrides(output=[{"name": "it", **said}])
    engine = Engine(config.of(config.output[0]), suggester=choose("auto", print))
    engine.prepare(RATE_HZ)
    engine.settle()
    out = samples.copy()
    for start in range(0, out.shape[1], 4096):
        out[:, start : start + 4096] = engine.process(np.ascontiguousarray(out[:, start : start + 4096]))
    return out


TURNS = ({"phones": "tape"}, {"output/stream/phones": True})
"""What is heard on the phones after the room."""


def played(server, folder):
    """(the probe, the last status) of one run through four outputs, in turns on the phones."""
    with LiveRun(server, folder / "state.json", "--backend", "jack", "--phones", *options(folder)) as run:
        run.wait_until_playing()
        assert run.status["phones"] == "room"
        probe = Probe(music(4.0), pairs=len(SAID) + 1)
        probe.connect()

        def turn():
            for number, said in enumerate(TURNS, 1):
                run.wait_for(lambda run, at=number * 1.3 * RATE_HZ: probe.position > at, 20.0)
                run.command(set=said)

        turning = threading.Thread(target=turn)
        turning.start()
        probe.run(20.0)
        turning.join()
        probe.close()
        time.sleep(0.3)
        status = run.status
    assert run.process.returncode == 0
    return probe, status


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """(the folder with the takes, the probe, the last status) of four outputs and phones on jackd."""
    for _ in range(8):
        folder = tmp_path_factory.mktemp("four")
        with jack_server(PERIOD) as server:
            probe, status = played(server, folder)
        is_whole = probe.position == probe.played.shape[1]
        if is_whole and not status["analysis_late"]:  # else the host stole time, from the server or the analysis
            break
    assert is_whole, f"the server halts after {probe.position} samples, whenever it is started: {status}"
    return folder, probe, status


@needs_jack
def test_four_outputs_at_64_frames_are_four_engines_to_the_bit(four):
    folder, probe, status = four
    came_in = take(folder, "in")
    start = int(np.argmax(np.abs(came_in[0]) > 0)) - int(np.argmax(np.abs(probe.played[0]) > 0))
    for number, (name, said) in enumerate(SAID.items()):
        wanted, went_out = alone(came_in, said), take(folder, name)
        until = wanted.shape[1] - 8 * FADED
        assert np.abs(went_out[:, FADED:until]).max() > 0.05
        assert np.array_equal(went_out[:, FADED:until], wanted[:, FADED:until]), name
        heard = probe.heard[2 * number : 2 * number + 2, PERIOD : probe.position]
        assert np.array_equal(heard, wanted[:, start : start + heard.shape[1]]), name
    assert [one["name"] for one in status["outputs"]] == list(SAID)
    assert status["outputs"][1]["controls"]["target_lufs"] == -18.0
    assert status["outputs"][1]["profile"] == "warm"
    assert status["timing"]["late"] <= 0.01 * status["timing"]["callbacks"]


@needs_jack
def test_the_phones_are_the_output_that_is_chosen_to_the_bit(four):
    """While they turn, all four are what engines of their own make: the test before this one, of the same run."""
    _, probe, status = four
    heard = probe.heard[:, PERIOD : probe.position].reshape(len(SAID) + 1, 2, -1)
    phones, names = heard[-1], list(SAID)
    at = 0
    for name in ("room", "tape", "stream"):
        is_other = np.any(phones[:, at:] != heard[names.index(name), :, at:], axis=0)
        until = at + int(np.argmax(is_other)) if is_other.any() else phones.shape[1]
        assert until - at > 0.5 * RATE_HZ, name
        assert np.abs(phones[:, at:until]).max() > 0.05
        at = until + TURNED
    assert until == phones.shape[1]
    assert status["phones"] == "stream"


FILE_AS_DEVICE = SimpleNamespace(environment=dict(os.environ))
"""In the place of a sound server: a file is played."""


def one(run, name):
    return next(output for output in run.status["outputs"] if output["name"] == name)


def test_outputs_are_addressed_by_name_panic_is_for_all_and_a_new_process_goes_on(tmp_path):
    soundfile.write(tmp_path / "song.wav", music(10.0).T, RATE_HZ, subtype="FLOAT")
    settings = tmp_path / "outputs.toml"
    settings.write_text(
        '[master]\ntarget_lufs = -15.0\n[[output]]\nname = "room"\n[[output]]\nname = "stream"\ntarget_lufs = -20.0\n'
    )
    said = ["--config", str(settings), "--output", "stream: amount=0.5", "--log", str(tmp_path / "loud.csv")]
    said += ["--phones", "channels=5,6"]
    with LiveRun(FILE_AS_DEVICE, tmp_path / "state.json", "--play", str(tmp_path / "song.wav"), *said) as run:
        run.wait_until_playing()
        assert one(run, "room")["controls"]["target_lufs"] == -15.0
        assert (one(run, "stream")["controls"]["target_lufs"], one(run, "stream")["controls"]["amount"]) == (-20.0, 0.5)
        run.command(set={"phones": "stream"})
        run.command(set={"output/stream/amount": 0.25, "output/room/bypass": True, "output/hall/amount": 1.0})
        run.command(nudge={"output/stream/target_lufs": -2, "output/stream/profile": 1})
        run.wait_for(lambda run: one(run, "room")["controls"]["listen"] == "bypass", 5.0)
        run.wait_for(lambda run: one(run, "stream")["profile"] != "auto", 5.0)
        assert one(run, "stream")["controls"]["amount"] == 0.25
        assert one(run, "stream")["controls"]["listen"] == "master" and one(run, "room")["profile"] == "auto"
        assert any('no output "hall"' in text and "room, stream" in text for text in run.texts())

        run.command(panic=True)
        run.wait_for(lambda run: all(output["panic"] for output in run.status["outputs"]), 5.0)
        assert one(run, "stream")["controls"]["amount"] == 0.0
        time.sleep(0.6)
        run.command(panic=False)
        run.wait_for(lambda run: one(run, "stream")["controls"]["amount"] == 0.25, 5.0)

        before = one(run, "stream")
        time.sleep(0.3)  # until it is kept
        os.kill(run.status["pid"], 9)
        run.wait_for(lambda run: run.status["starts"] == 2 and run.status["state"] == "playing", 20.0)
        assert run.status["phones"] == "stream"
        assert (
            one(run, "stream")["controls"] == before["controls"] and one(run, "stream")["profile"] == before["profile"]
        )
        time.sleep(1.2)
    (log,) = tmp_path.glob("loud-2*.csv")
    head, *lines = log.read_text().splitlines()
    assert head.startswith("time,output,momentary_lufs,short_term_lufs")
    assert {line.split(",")[1] for line in lines} == {"room", "stream"}
    assert all(len(line.split(",")) == len(head.split(",")) for line in lines)


def beside_pipewire(server, backend, folder):
    """The last status of a run through four outputs, whose links are those of their channels."""
    places = {"room": "1,2", "stream": "3,4", "booth": "5,6", "tape": "8"}
    said = options(folder, **{name: {"channels": channels} for name, channels in places.items()})
    said += ["--phones", "channels=7"]
    of_jack = ["out_1", "out_2", "out_stream_1", "out_stream_2", "out_booth_1", "out_booth_2", "out_tape_1", "phones_1"]
    with LiveRun(server, folder / "state.json", "--backend", backend, *said) as run:
        run.wait_until_playing()
        run.wait_for(lambda run: len(run.status["links"]) == 8, 10.0)
        to = {port.rpartition("_")[2]: own for own, port in run.status["links"]}
        names = of_jack if backend == "jack" else [f"out_{number}" for number in range(8)]
        assert [to[side] for side in ("FL", "FR", "RL", "RR", "FC", "LFE", "SR", "SL")] == names
        with Other(server.environment, "player") as player:
            for number in (1, 2):
                ours = f"rt_automix:in_{number if backend == 'jack' else number - 1}"
                server.run("jack_connect", f"{player.name}:out_{number}", ours)
            time.sleep(3.0)
            status = run.status
    assert run.process.returncode == 0
    return status


@needs_pipewire
@pytest.mark.parametrize("backend", ["portaudio", "jack"])
def test_four_outputs_beside_pipewire_go_to_the_channels_of_a_device_each_to_the_bit(backend, tmp_path):
    with pipewire_server() as server:
        server.create("Main", positions="FL FR RL RR FC LFE SL SR")
        server.quantum(PERIOD)
        for attempt in range(3):
            folder = tmp_path / str(attempt)
            folder.mkdir()
            status = beside_pipewire(server, backend, folder)
            if not status["analysis_late"]:
                break
    came_in = take(folder, "in")
    assert np.abs(came_in).max() > 0.05
    assert status["timing"]["block_samples"] == PERIOD
    for name, said in SAID.items():
        wanted, went_out = alone(came_in, said), take(folder, name)
        until = wanted.shape[1] - 8 * FADED
        assert np.array_equal(went_out[:, FADED:until], wanted[:, FADED:until]), name
