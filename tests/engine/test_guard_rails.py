"""What keeps suggestions steady: confidence, dead band, and holding still for what is no music."""

from __future__ import annotations

import dataclasses

import bundles
import numpy as np
import pytest
from demosong import demo_song

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.aim import profile
from rt_automix.analysis.bundles.bundle import Bundle
from rt_automix.analysis.bundles.bundle import load as load_bundle
from rt_automix.analysis.deciding.network import Network
from rt_automix.analysis.deciding.stepping import DEAD_BAND_NORM, HURRY, SLOWEST
from rt_automix.analysis.hearing.clipping import CLIPPED_SHARE, LONGEST_S
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.analysis.layout import CLIPPING_FRAMES
from rt_automix.config import Config
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.engine.engine import Engine

RATE_HZ = 48000
HOP = features.hop_samples(RATE_HZ)
STEP = Config().engine.analysis_hops * HOP
SPAN = params.HIGH - params.LOW
pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="minutes of audio: too slow in plain Python")


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    return demo_song(RATE_HZ)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Bundle:
    """Its answer depends on the window as well as on what the matcher says."""
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    return load_bundle(bundles.make(folder, moved_norm=0.2, window_share=0.004, spread_norm=0.1))


class Fixed:
    """A suggester that does as it is told."""

    name = "fixed"

    def __init__(self, wanted_norm=0.5, confidence=1.0):
        self.wanted = params.denormalise(np.full(params.COUNT, wanted_norm))
        self.confidence = np.full(params.COUNT, confidence)

    def suggest(self, listener, style):
        return self.wanted


def make(suggester, analysis="inline", **overrides):
    engine = Engine(Config().with_overrides(**overrides), suggester=suggester, analysis=analysis)
    engine.prepare(RATE_HZ, 8192)
    return engine


def run(engine, audio, block=4096):
    out = np.empty_like(audio)
    for start in range(0, audio.shape[1], block):
        out[:, start : start + block] = engine.process(np.ascontiguousarray(audio[:, start : start + block]))
    return out


def steps(engine, audio, count):
    """The suggestion after each of `count` steps of the analysis: shape (count, params.COUNT)."""
    suggestions = []
    for start in range(0, count * STEP, STEP):
        run(engine, audio[:, start : start + STEP])
        suggestions.append(engine.analyst.suggestion.copy())
    return np.array(suggestions)


# Confidence and dead band ----------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.0, 0.1, 0.5, 1.0])
def test_confidence_says_how_far_and_how_fast(song, confidence):
    engine = make(Fixed(0.9, confidence))
    after = steps(engine, song[:, 14 * RATE_HZ :], 36)
    target = params.NEUTRAL + confidence * (params.denormalise(np.full(params.COUNT, 0.9)) - params.NEUTRAL)
    within = DEAD_BAND_NORM * SPAN
    assert (np.abs(after[-1] - target) <= within).all()
    slew = params.SLEW_PER_S * HURRY * STEP / RATE_HZ * max(confidence, SLOWEST)
    wanted = np.clip(target - params.NEUTRAL, -slew, slew)
    np.testing.assert_allclose(after[0] - params.NEUTRAL, np.where(np.abs(wanted) > within, wanted, 0.0), atol=1e-9)


def test_insane_confidence_moves_nothing_out_of_range(song):
    for confidence in (np.nan, np.inf, -np.inf, -3.0, 1e300):
        after = steps(make(Fixed(0.9, confidence)), song[:, 14 * RATE_HZ :], 5)
        assert ((after >= params.LOW) & (after <= params.HIGH)).all()


def test_what_has_arrived_stays_until_it_matters_and_then_goes_all_the_way(song):
    fixed = Fixed(0.4)
    engine, music = make(fixed), song[:, 14 * RATE_HZ :]
    arrived = steps(engine, music, 40)[-1]
    np.testing.assert_allclose(arrived, fixed.wanted, atol=1e-12)
    for away_norm in (0.9, -0.9):
        fixed.wanted = arrived + away_norm * DEAD_BAND_NORM * SPAN
        assert (steps(engine, music[:, 6 * RATE_HZ :], 4) == arrived).all()
    fixed.wanted = arrived + np.where(np.arange(params.COUNT) % 2, 1.1, 0.9) * DEAD_BAND_NORM * SPAN
    moved = steps(engine, music, 10)[-1]
    np.testing.assert_allclose(moved[1::2], fixed.wanted[1::2], atol=1e-12)
    np.testing.assert_array_equal(moved[::2], arrived[::2])


# What is no music ------------------------------------------------------------------------------------


def test_in_silence_a_network_holds_and_after_it_goes_on(song, bundle):
    # Bold: else so little is corrected after some seconds that one would not see it go on.
    engine, music = make(Network(bundle, pytest.fail), **{"master.boldness": 1.0}), song[:, 14 * RATE_HZ :]
    run(engine, music[:, : 6 * RATE_HZ])
    silence = np.zeros((2, 20 * STEP), np.float32)
    held = steps(engine, silence, 20)
    assert (held[2:] == held[2]).all()  # the frame that the silence cut through is still music
    after = steps(engine, music[:, 6 * RATE_HZ :], 8)
    assert np.abs(after[-1] - held[-1]).max() > 0.1
    first = np.abs(after[0] - held[-1]) / (params.SLEW_PER_S * HURRY * STEP / RATE_HZ)
    assert first.max() <= 1.0 + 1e-9, "it starts again from where it was"


def test_a_style_chosen_in_silence_is_there_when_the_music_is(song):
    engine = make(None)
    run(engine, song[:, 14 * RATE_HZ : 28 * RATE_HZ])
    run(engine, np.zeros((2, RATE_HZ), np.float32))
    before = engine.analyst.suggestion.copy()
    bands_db = tuple(np.linspace(24.0, -24.0, 24))
    tilted = dataclasses.replace(profile.load("balanced"), name="tilted", bands_db=bands_db)
    engine.follow_style(tilted)
    after = steps(engine, np.zeros((2, 60 * STEP), np.float32), 60)
    assert np.abs(after[-1] - before).max() > 1.0
    assert (after[-1] == after[-10]).all()
    gains_db = dict(zip(params.NAMES, after[-1] - before, strict=True))
    assert gains_db["low_shelf_db"] > 0.5 and gains_db["air_db"] < -0.5, "it leans there, on top of what was heard"


def clipped(music, gain=6.0):
    """As a preamplifier that is turned up too far: one full scale for all."""
    return np.clip(gain * music / np.abs(music).max(), -1.0, 1.0).astype(np.float32)


def test_a_clipped_input_teaches_nothing_and_moves_nothing(song):
    music = np.concatenate([song[:, 14 * RATE_HZ : 26 * RATE_HZ]] * 2, axis=1)
    engine, other = make(None), make(None)
    run(engine, music[:, : 14 * RATE_HZ])
    other.restore(engine.state())
    held, moved = steps(engine, clipped(music), 30), steps(other, np.float32(0.95) * clipped(music), 30)
    assert (held[4:] == held[4]).all() and np.abs(moved[-1] - moved[4]).max() > 1.0
    known_s = engine.analyst.listener.statistics.seconds_heard
    run(engine, clipped(music)[:, :RATE_HZ])
    assert engine.analyst.listener.statistics.seconds_heard == known_s
    run(engine, music[:, : 4 * RATE_HZ])
    assert engine.analyst.listener.statistics.seconds_heard > known_s + 2.0


def test_a_hot_master_is_mastered(song):
    """Full scale at every peak, rounded to 16 bits as a decoder does, some of them flat."""
    engine = make(None)
    music = song[:, 14 * RATE_HZ : 26 * RATE_HZ]
    hot = np.round(clipped(music, 1.2) * 32767.0).astype(np.float32) / np.float32(32767.0)
    flat = (hot[:, 2:] == hot[:, 1:-1]) & (hot[:, 1:-1] == hot[:, :-2]) & (np.abs(hot[:, 2:]) >= 0.99)
    assert flat.any()
    run(engine, hot)
    assert not engine.analyst.listener.is_clipped and engine.analyst.listener.statistics.seconds_heard > 10.0


def ears():
    return Listener(RATE_HZ, 2, judges=True)


def hops(clipping, kinds):
    """What is heard after each hop: "c" is clean, "x" clipped."""
    tone = 0.5 * np.sin(0.05 * np.arange(HOP))
    signals = {"c": np.stack([tone, tone]).astype(np.float32), "x": np.clip(8.0 * np.stack([tone, tone]), -1.0, 1.0)}
    heard = []
    for kind in kinds:
        clipping.push(signals[kind])
        heard.append(clipping.is_clipped)
    return np.array(heard)


def test_what_clips_from_its_start_or_for_long_is_the_programme():
    assert not hops(ears(), "x" * 200).any()
    longest = int(LONGEST_S / features.HOP_S)
    heard = hops(ears(), "c" * 400 + "x" * 400)
    begun, ended = np.flatnonzero(heard)[[0, -1]]
    assert heard[begun : ended + 1].all() and 400 <= begun < 400 + CLIPPING_FRAMES
    assert ended + 1 - begun == pytest.approx(longest, abs=2)
    assert hops(ears(), "c" * 40 + "x" * 100).sum() == pytest.approx(40, abs=2), "no longer than it was clean"
    over = hops(ears(), "c" * 400 + "x" * 50 + "c" * 50)
    assert over[449] and not over[450 + CLIPPING_FRAMES :].any()


def test_few_flat_tops_are_none():
    rng = np.random.default_rng(2)
    block = rng.uniform(-0.9, 0.9, (2, HOP)).astype(np.float32)
    few, many = block.copy(), block.copy()
    few[:, : int(0.8 * CLIPPED_SHARE * HOP)] = 1.0
    many[:, : int(1.3 * CLIPPED_SHARE * HOP)] = -1.0
    low = np.sign(block) * np.float32(0.98)  # flat, but far from full scale
    for signal, is_clipped in ((few, False), (many, True), (low, False)):
        clipping = ears()
        hops(clipping, "c" * 50)
        for _ in range(CLIPPING_FRAMES):
            clipping.push(signal)
        assert clipping.is_clipped == is_clipped


# Bit for bit -----------------------------------------------------------------------------------------


def eventful(song):
    """Music, silence, music, clipped music, music."""
    music = song[:, 14 * RATE_HZ : 18 * RATE_HZ]
    return np.concatenate([music, np.zeros((2, RATE_HZ), np.float32), music, clipped(music), music], axis=1)


def test_with_a_network_a_stream_is_the_render_of_the_same_samples(song, bundle):
    audio = eventful(song)[:, : 14 * RATE_HZ]
    whole = run(make(Network(bundle, pytest.fail)), audio)
    assert np.array_equal(run(make(Network(bundle, pytest.fail)), audio, 1777), whole)
    engine = make(Network(bundle, pytest.fail), "thread")
    threaded = np.empty_like(audio)
    for start in range(0, audio.shape[1], 512):
        while engine.analyst.next_at <= start:
            pass  # an offline test runs faster than the music: wait as real time would
        threaded[:, start : start + 512] = engine.process(audio[:, start : start + 512].copy())
    engine.close()
    assert engine.analysis_late == 0 and np.array_equal(threaded, whole)


@pytest.mark.parametrize("seconds", [3.0, 4.5, 8.7, 11.0, 13.5])
def test_with_a_network_a_restored_engine_goes_on_bit_for_bit(song, bundle, seconds):
    audio, at = eventful(song), round(seconds * RATE_HZ)
    first = make(Network(bundle, pytest.fail))
    run(first, audio[:, :at])
    first.analyst._is_new_profile = seconds == 4.5
    second = make(Network(bundle, pytest.fail))
    second.restore(first.state())
    assert np.array_equal(run(second, audio[:, at:]), run(first, audio[:, at:]))
    assert second.suggestion == first.suggestion
