"""The live lines of docs/outputs.md, each as it is written there, beside a real JACK server."""

import csv

import numpy as np
import pytest
import soundfile
from icecastserver import PASSWORD, icecast, listened, needs_icecast
from jackserver import jack_server, needs_jack
from liverun import LiveRun, Probe
from pages import arguments, shown
from waiting import PATIENCE_S

pytestmark = [needs_jack, pytest.mark.live]

RATE_HZ, PERIOD = 48_000, 256


def recipe(*words):
    """The arguments of the only live line that has these words."""
    return arguments("outputs.md", "live", *words)[1:]


def music(seconds):
    rng, t = np.random.default_rng(6), np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    beat = 0.1 * np.exp(-8.0 * (t % 0.5)) * rng.standard_normal((2, len(t)))
    return (0.2 * np.sin(2 * np.pi * 55.0 * t) + beat).astype(np.float32)


@pytest.fixture(scope="module")
def server():
    with jack_server(PERIOD, playbacks=6) as running:
        yield running


def levels_dbfs(probe):
    """Of each port that was heard, once the sound had come."""
    heard = probe.heard[:, RATE_HZ : probe.position]
    return 20.0 * np.log10(np.sqrt((heard.astype(np.float64) ** 2).mean(axis=1)) + 1e-10)


def heard_through(run, pairs, seconds=4.0):
    """Levels of the outputs' ports while a program plays into ours, as OBS and Mixxx would."""
    run.wait_until_playing()
    probe = Probe(music(seconds), pairs=pairs)
    probe.connect()
    probe.run(PATIENCE_S)
    probe.close()
    return levels_dbfs(probe)


def test_no_line_is_left_out():
    assert len(shown("outputs.md", "rt-automix")) == 5


@pytest.mark.parametrize("word", ["profile=warm", "--phones"])
def test_two_outputs_of_a_device_as_it_is_written(server, tmp_path, word):
    with LiveRun(server, tmp_path / "state", *recipe(word)) as run:
        run.wait_until_playing()
        room, stream = run.status["outputs"]
        joined = {sink for _, sink in server.links() if sink.startswith("system:playback_")}
    assert run.process.returncode == 0
    assert (room["controls"]["target_lufs"], stream["controls"]["target_lufs"]) == (-12.0, -16.0)
    assert len(joined) == (6 if word == "--phones" else 4)


def test_obs(server, tmp_path):
    with LiveRun(server, tmp_path / "state", *recipe("--backend jack", "stream:")) as run:
        run.wait_until_playing()
        run.wait_for(lambda run: "The output stream is connected to nothing: patch its ports." in run.status["text"])
        room_l, _, stream_l, stream_r = heard_through(run, 2)
    assert run.process.returncode == 0
    assert room_l > stream_l + 2.0 > -50.0 and abs(stream_l - stream_r) < 1.0


@needs_icecast
def test_mixxx(server, tmp_path):
    with icecast() as radio:
        place = f"{PASSWORD}@127.0.0.1:{radio.port}"
        arguments = [word.replace("PASSWORD@HOST:8000", place) for word in recipe("radio:")]
        with LiveRun(server, tmp_path / "state", *arguments) as run:
            assert heard_through(run, 2, 2.0).min() > -50.0
            radio.wait_for("live.opus", lambda: (run.texts(), run.status["takes"]))
            probe = Probe(music(15.0), pairs=2)
            probe.connect()
            probe.go()
            loudness_lufs, peak_dbtp = listened(radio.url("live.opus"), 6.0)
            probe.close()
    assert run.process.returncode == 0
    assert loudness_lufs > -30.0 and peak_dbtp < 0.0


def test_a_venue(server, tmp_path):
    (tmp_path / "venue.toml").write_text("[venue]\nspl_calibration_db = 118.5\nmax_laeq_db = 99.0\n")
    here = {"venue.toml": str(tmp_path / "venue.toml"), "night.csv": str(tmp_path / "night.csv")}
    arguments = [here.get(word, word).replace("night.flac", f"{tmp_path}/night.flac") for word in recipe("bar:")]
    with LiveRun(server, tmp_path / "state", *arguments) as run:
        main, _, delay, _, bar, _, tape, _ = heard_through(run, 4)
        assert run.status["venue"]["laeq_night_db"] > 60.0
        joined = {(source.removeprefix("rt_automix:"), sink) for source, sink in server.links()}
        for number, port in enumerate(("out_1", "out_2", "out_delay_1", "out_delay_2", "out_bar_1"), 1):
            assert (port, f"system:playback_{number}") in joined
    assert run.process.returncode == 0
    assert min(main, delay, bar, tape) > -60.0 and main > delay > bar
    assert soundfile.info(tmp_path / "night.flac").duration > 4.0
    (log,) = tmp_path.glob("night-2*.csv")
    assert {row["output"] for row in csv.DictReader(log.open())} == {"main", "delay", "bar", "tape"}
    assert len(list(tmp_path.glob("night-spl-*.csv"))) == len(list(tmp_path.glob("night-r128s1-*.csv"))) == 1
