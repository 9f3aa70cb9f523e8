"""Pairs through the real program beside a real server: each is an engine of its own, to the bit.

Linked ones go the way of 5.1, for which see `test_surround_live` and `tests/io/devices/test_pairs_edge.py`.
"""

import time

import numpy as np
import pytest
import soundfile
from jackserver import jack_server, needs_jack
from liverun import LiveRun, Probe
from pages import arguments

from rt_automix.config import Config
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge.wiring import FADE_S, TURN_S
from rt_automix.io.files.containers import containers

pytestmark = [needs_jack, pytest.mark.alone]

RATE_HZ, PERIOD, CHANNELS = 48_000, 64, 6
FADED = round(FADE_S * RATE_HZ)
SAID = {"english": {"ceiling_dbtp": -12.0}, "french": {"amount": 0.5, "ceiling_dbtp": -6.0, "output_trim_db": -3.0}}
OUTPUTS = [{"name": name, **said} for name, said in SAID.items()] + [{"name": "pair3"}]


def music(seconds):
    rng, t = np.random.default_rng(3), np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tones = 0.1 * np.sin(2 * np.pi * 55.0 * np.arange(1, CHANNELS + 1)[:, None] * t)
    return (tones + 0.1 * np.exp(-8.0 * (t % 0.5)) * rng.standard_normal((CHANNELS, len(t)))).astype(np.float32)


def alone(samples, config, trim_db=0.0):
    """The same samples through an engine of its own, offline."""
    engine, out = Engine(config, analysis="off"), samples.copy()
    engine.prepare(RATE_HZ, channels=len(samples))
    engine.set(freeze=True, output_trim_db=trim_db)
    engine.settle()
    for start in range(0, out.shape[1], 4096):
        out[:, start : start + 4096] = engine.process(np.ascontiguousarray(out[:, start : start + 4096]))
    return out


def wanted_of(came_in):
    """What is to come out of what came in."""
    config = Config().with_overrides(output=OUTPUTS)
    pairs = [(came_in[2 * k : 2 * k + 2], output) for k, output in enumerate(config.output)]
    return np.concatenate([alone(pair, config.of(output), output.output_trim_db) for pair, output in pairs])


def played(folder):
    """(the probe, the last status) of docs/surround.md's line; a host that steals time decides nothing."""
    words = arguments("surround.md", "live", "--pairs own")[1:]
    words += ["--record-bits", "32"]
    words += ["--record", str(folder / "out.wav"), "--record-input", str(folder / "in.wav")]
    for name, said in SAID.items():
        words += ["--output", f"{name}: {' '.join(f'{key}={value}' for key, value in said.items())}"]
    words += ["--phones", "channels=7,8", "--log", str(folder / "loud.csv")]
    with (
        jack_server(PERIOD, synchronous=True, captures=CHANNELS, playbacks=CHANNELS + 2) as server,
        LiveRun(server, folder / "state.json", *words) as run,
    ):
        run.wait_until_faded_in()
        run.command(set={"phones": "french", **{f"output/{one['name']}/freeze": True for one in OUTPUTS}})
        run.wait_for(lambda run: all(one["controls"]["freeze"] for one in run.status["outputs"]))
        told_at_s = run.wait_for(lambda run: run.status["phones"] == "french" and run.status["meters"]["seconds"])
        run.wait_for(lambda run: run.status["meters"]["seconds"] > told_at_s + 4 * TURN_S)  # until they have turned
        probe = Probe(music(2.5), pairs=CHANNELS // 2 + 1)
        probe.connect()
        probe.run(60.0)
        probe.close()
        time.sleep(0.3)
        status = run.status
    assert run.process.returncode == 0
    return probe, status


def test_each_pair_at_64_frames_is_an_engine_of_its_own_to_the_bit(tmp_path):
    probe, status = played(tmp_path)
    assert containers.inspect(tmp_path / "out.wav").mask in (None, 0)  # they are no speakers
    came_in, went_out = (soundfile.read(tmp_path / name, dtype="float32")[0].T for name in ("in.wav", "out.wav"))
    sounds = np.flatnonzero(np.abs(came_in[0]))
    wanted = wanted_of(np.ascontiguousarray(came_in))
    assert np.abs(wanted).max(axis=1).min() > 0.05
    assert np.array_equal(went_out[:, FADED : sounds[-1]], wanted[:, FADED : sounds[-1]])
    start = int(sounds[0]) - int(np.argmax(np.abs(probe.played[0]) > 0))
    heard, to_be_heard = probe.beside(wanted, start)
    assert np.array_equal(heard[:CHANNELS], to_be_heard)
    assert status["layout"] == "3 pairs" and "3 pairs" in status["text"]
    assert np.array_equal(heard[CHANNELS:], heard[2:4])  # the phones have been turned to it before the sound came
    assert [one["name"] for one in status["outputs"]] == ["english", "french", "pair3"]
    assert len({one["meters"]["short_term_lufs"] for one in status["outputs"]}) == 3
    (log,) = tmp_path.glob("loud-2*.csv")
    assert {line.split(",")[1] for line in log.read_text().splitlines()[1:]} == {"english", "french", "pair3"}
