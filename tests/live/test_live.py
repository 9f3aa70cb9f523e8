"""`rt-automix live` end to end: the real program, a real JACK server, an independent client around it."""

from __future__ import annotations

import signal
import time

import bundles
import numpy as np
import pytest
import soundfile
from jackserver import jack_server, needs_jack
from liverun import LiveRun, Probe

from rt_automix.analysis.deciding.suggester import choose
from rt_automix.dsp.dynamics import limiter
from rt_automix.engine.engine import Engine
from rt_automix.io.devices.edge.wiring import FADE_S

pytestmark = [needs_jack, pytest.mark.alone]

RATE_HZ = 48_000


def music(seconds, seed=7):
    """Noise with a beat and a bass, loud enough for the chain to work on: float32, shape (2, n)."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    beat = np.exp(-8.0 * (t % 0.5))
    bass = 0.2 * np.sin(2 * np.pi * 55.0 * t)
    return (bass + 0.1 * beat * rng.standard_normal((2, len(t)))).astype(np.float32)


def offline(samples, suggester, **controls):
    """The same samples through the engine that renders files."""
    engine = Engine(suggester=choose(suggester, print))
    engine.prepare(RATE_HZ)
    engine.set(**controls)
    engine.settle()
    out = samples.copy()
    for start in range(0, out.shape[1], 4096):
        block = np.ascontiguousarray(out[:, start : start + 4096])
        out[:, start : start + 4096] = engine.process(block)
    return out


def takes_of(path):
    """Samples of a take: float32, shape (2, n)."""
    samples, rate_hz = soundfile.read(path, dtype="float32")
    assert rate_hz == RATE_HZ
    return np.ascontiguousarray(samples.T)


def recorded(server, tmp_path, backend, suggester):
    """(a probe that has played and heard, what came in, what went out, the last status) of one run."""
    takes = ["--record", str(tmp_path / "out.wav"), "--record-input", str(tmp_path / "in.wav")]
    options = ["--backend", backend, "--suggester", suggester, "--amount", "0.8", "--record-bits", "32", *takes]
    with LiveRun(server, tmp_path / "state.json", *options) as run:
        run.wait_until_faded_in()
        probe = Probe(music(4.0))
        probe.connect()
        probe.run(60.0)
        probe.close()
        time.sleep(0.3)
    assert run.process.returncode == 0
    sides = takes_of(tmp_path / "in.wav"), takes_of(tmp_path / "out.wav")
    return probe, *sides, run.status


def is_heard(probe, came_in, expected):
    """Whether the probe, another client, has sent all that came in, and heard what went out, a period late."""
    played = probe.played[:, : probe.position]
    start = int(np.argmax(np.abs(came_in[0]) > 0)) - int(np.argmax(np.abs(played[0]) > 0))
    return np.array_equal(came_in[:, start : start + played.shape[1]], played) and np.array_equal(
        *probe.beside(expected, start)
    )


@pytest.mark.parametrize(
    ("period", "backend", "suggester"),
    [(64, "portaudio", "auto"), (128, "jack", "network"), (256, "portaudio", "matcher")],
)
def test_what_comes_out_is_the_engine_to_the_bit_one_period_late(period, backend, suggester, tmp_path):
    if suggester == "network":
        suggester = str(bundles.make(tmp_path / "network", moved_norm=0.1, window_share=0.004))
    with jack_server(period, synchronous=True) as server:
        for attempt in range(5):
            folder = tmp_path / str(attempt)
            folder.mkdir()
            probe, came_in, went_out, status = recorded(server, folder, backend, suggester)
            expected = offline(came_in, suggester, amount=0.8)
            is_whole = is_heard(probe, came_in, expected)
            # Else the host stole time from the analysis, and live says so; or a block, where nobody waits for it.
            if not status["analysis_late"] and (is_whole or server.waits):
                break
    assert status["suggester"] == choose(suggester, print).name
    faded_out = expected.shape[1] - 8 * round(FADE_S * RATE_HZ)
    assert np.abs(went_out[:, :faded_out]).max() > 0.1
    differs = np.flatnonzero((went_out != expected)[:, :faded_out].any(axis=0))
    sounds_from = int(np.argmax(np.abs(came_in[0]) > 0))
    assert not len(differs), (
        f"{len(differs)}, {differs[0]} to {differs[-1]} of {faded_out}; music from {sounds_from} on"
    )
    assert is_whole
    assert status["engine_latency_samples"] == limiter.LATENCY_SAMPLES
    assert status["latency_samples"] == limiter.LATENCY_SAMPLES + server.playback_samples


@pytest.mark.parametrize("direct", [False, True])
def test_the_round_trip_is_what_is_shown(direct, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text(f"[limiter]\nlookahead = {str(not direct).lower()}\n")
    click = np.zeros((2, 32_000), np.float32)
    click[:, 16_000] = 0.5
    with jack_server(64, synchronous=True) as server:
        options = ["--config", str(settings), "--amount", "0"]
        with LiveRun(server, tmp_path / "state.json", *options) as run:
            run.wait_until_playing()
            time.sleep(3 * FADE_S)
            probe = Probe(click)
            probe.connect()
            heard = probe.run(30.0).copy()
            probe.close()
            # As long as it was there its ports and ours made a circle, which is as long as one cares to go round.
            run.wait_for(lambda run: not any("probe" in name for _, name in run.status["links"]))
            shown = run.status
    arrived = int(np.abs(heard[0]).argmax())
    # A period is what JACK adds for what goes round in a circle.
    assert arrived - 16_000 == server.period + shown["engine_latency_samples"]
    assert shown["latency_samples"] == server.playback_samples + shown["engine_latency_samples"]
    assert shown["engine_latency_samples"] == (0 if direct else limiter.LATENCY_SAMPLES)
    assert shown["latency_ms"] == pytest.approx(1e3 * shown["latency_samples"] / RATE_HZ)


def test_it_begins_and_ends_with_a_fade(tmp_path):
    tone = 0.3 * np.sin(2 * np.pi * 440.0 * np.arange(6 * RATE_HZ) / RATE_HZ)
    with jack_server(128, synchronous=True) as server:
        probe = Probe(np.stack([tone, tone]).astype(np.float32))
        with LiveRun(server, tmp_path / "state.json", "--amount", "0", "--backend", "jack") as run:
            run.wait_until_playing()
            probe.connect()
            probe.go()  # plays from here on while the program ends
            time.sleep(1.0)
            assert run.stop(signal.SIGINT) == 0
        heard = probe.heard[0, : probe.position].copy()
        probe.close()
    last = np.flatnonzero(heard)[-1]
    steps = np.abs(np.diff(heard[last - round(2 * FADE_S * RATE_HZ) : last + 10]))
    loudest_step = np.abs(np.diff(tone)).max()
    assert steps.max() < 1.05 * loudest_step  # no click: it sinks to nothing, it is not cut off
    assert np.abs(heard[last - 20 : last]).max() < 0.01
