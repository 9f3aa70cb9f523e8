"""Outputs of a live session by their names, and by the channels of a device beside a real PipeWire."""

import os
import time
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from four_outputs import FADED, PERIOD, RATE_HZ, SAID, music, options, take
from jackclient import Other
from liverun import LiveRun
from pipewireserver import needs_pipewire, pipewire_server

from rt_automix.config import Config
from rt_automix.engine.engine import Engine

pytestmark = pytest.mark.live


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
        run.wait_until_faded_in()
        assert one(run, "room")["controls"]["target_lufs"] == -15.0
        assert (one(run, "stream")["controls"]["target_lufs"], one(run, "stream")["controls"]["amount"]) == (-20.0, 0.5)
        run.command(set={"phones": "stream"})
        run.command(set={"output/stream/amount": 0.25, "output/room/bypass": True, "output/hall/amount": 1.0})
        run.command(nudge={"output/stream/target_lufs": -2, "output/stream/profile": 1})
        run.wait_for(lambda run: one(run, "room")["controls"]["listen"] == "bypass")
        run.wait_for(lambda run: one(run, "stream")["profile"] != "auto")
        assert one(run, "stream")["controls"]["amount"] == 0.25
        assert one(run, "stream")["controls"]["listen"] == "master" and one(run, "room")["profile"] == "auto"
        assert any('no output "hall"' in text and "room, stream" in text for text in run.texts())

        run.command(panic=True)
        run.wait_for(lambda run: all(output["panic"] for output in run.status["outputs"]))
        assert one(run, "stream")["controls"]["amount"] == 0.0
        time.sleep(0.6)
        run.command(panic=False)
        run.wait_for(lambda run: one(run, "stream")["controls"]["amount"] == 0.25)

        before = one(run, "stream")
        time.sleep(0.3)  # until it is kept
        os.kill(run.status["pid"], 9)
        run.wait_for(lambda run: run.status["starts"] == 2 and run.status["state"] == "playing")
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
        run.wait_until_faded_in()
        run.command(set={f"output/{name}/freeze": True for name in SAID})  # a busy machine decides later than an engine
        run.wait_for(lambda run: all(one["controls"]["freeze"] for one in run.status["outputs"]))
        run.wait_for(lambda run: len(run.status["links"]) == 8)
        to = {port.rpartition("_")[2]: own for own, port in run.status["links"]}
        names = of_jack if backend == "jack" else [f"out_{number}" for number in range(8)]
        assert [to[side] for side in ("FL", "FR", "RL", "RR", "FC", "LFE", "SR", "SL")] == names
        with Other(server.environment, "player") as player:
            for number in (1, 2):
                ours = f"rt_automix:in_{number if backend == 'jack' else number - 1}"
                server.run("jack_connect", f"{player.name}:out_{number}", ours)
            before = run.status["takes"][0]["seconds"]
            status = run.wait_for(lambda run: run.status["takes"][0]["seconds"] > before + 1.5 and run.status)
    assert run.process.returncode == 0
    return status


def frozen(samples, said):
    """The same samples through an engine of its own, offline, in which nothing is decided."""
    config = Config().with_overrides(output=[{"name": "it", **said}])
    engine, out = Engine(config.of(config.output[0]), analysis="off"), samples.copy()
    engine.prepare(RATE_HZ)
    engine.set(freeze=True)
    engine.settle()
    for start in range(0, out.shape[1], 4096):
        out[:, start : start + 4096] = engine.process(np.ascontiguousarray(out[:, start : start + 4096]))
    return out


@needs_pipewire
@pytest.mark.parametrize("backend", ["portaudio", "jack"])
def test_four_outputs_beside_pipewire_go_to_the_channels_of_a_device_each_to_the_bit(backend, tmp_path):
    with pipewire_server() as server:
        server.create("Main", positions="FL FR RL RR FC LFE SL SR")
        server.quantum(PERIOD)
        status = beside_pipewire(server, backend, tmp_path)
    came_in = take(tmp_path, "in")
    assert np.abs(came_in).max() > 0.05
    assert status["timing"]["block_samples"] == PERIOD
    for name, said in SAID.items():
        wanted, went_out = frozen(came_in, said), take(tmp_path, name)
        until = wanted.shape[1] - 8 * FADED
        assert np.array_equal(went_out[:, FADED:until], wanted[:, FADED:until]), name
