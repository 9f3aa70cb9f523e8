"""The teacher: neutral means neutral, small causes have small effects, and its trials are the chain's truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from demosong import demo_song

from rt_automix import params
from rt_automix.analysis.aim import profile
from rt_automix.analysis.deciding.matcher import Matcher
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.config import Config
from rt_automix.dsp.dynamics import compressor
from rt_automix.engine.engine import Engine
from training.labels import blocks
from training.labels.teacher import Teacher

RATE_HZ = 44_100
LEVEL = params.INDEX["output_level"]


@pytest.fixture(scope="module")
def music():
    """Twenty seconds of the demo song, as it is mixed."""
    return np.ascontiguousarray(demo_song(RATE_HZ)[:, 5 * RATE_HZ : 25 * RATE_HZ])


def heard_of(samples):
    listener = Listener(RATE_HZ, 2, math.inf)
    listener.push(samples)
    return listener


def teacher_of(samples):
    return Teacher(samples, RATE_HZ, heard_of(samples).statistics)


def through_the_chain(samples, values):
    """The second time round, so that nothing has to be learned any more."""
    engine = Engine(Config().with_overrides(**{"limiter.ceiling_dbtp": 0.0}), analysis="off")
    engine.prepare(RATE_HZ, samples.shape[1], 2)
    engine.set(ride=False, amount=1.0)
    engine.hold(values)
    engine.settle()
    engine.process(samples.copy())
    return engine.process(samples.copy())


@pytest.mark.parametrize("gain_db", [0.0, -12.0])
def test_music_matched_to_itself_is_left_alone(music, gain_db):
    quieter = music * np.float32(10.0 ** (gain_db / 20.0))
    own = profile.measure([quieter], RATE_HZ, 2, "own")
    values = teacher_of(quieter).solve(own)
    apart = np.abs(params.normalise(values) - params.normalise(params.NEUTRAL))
    assert np.delete(apart, LEVEL).max() < 0.01


def test_the_same_question_has_the_same_answer(music):
    wanted = profile.load("bright")
    assert np.array_equal(teacher_of(music).solve(wanted), teacher_of(music.copy()).solve(wanted))


def test_a_tenth_of_a_second_later_the_answer_is_nearly_the_same(music):
    shift, length = round(0.1 * RATE_HZ), 15 * RATE_HZ
    moved = [
        params.normalise(teacher_of(np.ascontiguousarray(music[:, start : start + length])).solve(wanted))
        for wanted in (profile.load("bright"), profile.load("warm"))
        for start in (0, shift)
    ]
    assert np.mean(np.abs([moved[1] - moved[0], moved[3] - moved[2]])) < 0.003


@pytest.mark.parametrize("compression", [0.1, 0.3, 0.6])
def test_blocks_compress_as_the_compressor_does(music, compression):
    power, energy, _ = blocks.reduce(music, RATE_HZ, np.zeros(5), 1.0)
    gain = blocks.compress(power, RATE_HZ, compression)
    quiet = compose_only(compression)
    out = through_the_chain(music * np.float32(0.1), quiet)
    steady = slice(2 * RATE_HZ, None)
    real = heard_of(np.ascontiguousarray(out[:, steady])).statistics
    block_energy, _ = blocks.by_chunk(energy * gain * gain, gain)
    lufs = blocks.gated_lufs(np.ascontiguousarray(block_energy[2 * RATE_HZ // blocks.CHUNK :]), RATE_HZ) - 20.0
    assert lufs == pytest.approx(real.loudness_lufs, abs=0.3)
    untouched = heard_of(np.ascontiguousarray(music[:, steady])).statistics
    tried = blocks.compress(power, RATE_HZ, 0.0)
    assert np.all(tried == 1.0)
    assert real.dynamics_db < untouched.dynamics_db


def compose_only(compression):
    return params.from_dict({"compression": compression, "output_level": 0.9})


def test_its_answer_brings_the_real_chain_to_the_profile(music):
    wanted = profile.load("balanced")
    heard = heard_of(music)
    solved = Teacher(music, RATE_HZ, heard.statistics).solve(wanted)
    matched = Matcher().suggest(heard, wanted)
    apart = {
        name: abs(heard_of(through_the_chain(music, values)).statistics.loudness_lufs - wanted.loudness_lufs)
        for name, values in (("teacher", solved), ("matcher", matched))
    }
    assert apart["teacher"] < 0.15
    assert apart["teacher"] <= apart["matcher"] + 0.02


def test_the_limiter_on_blocks_takes_what_the_limiter_takes(music):
    _, energy, peak = blocks.reduce(music, RATE_HZ, np.zeros(5), 1.0)
    for drive_db in (3.0, 6.0, 9.0):
        values = params.from_dict({"limiter_drive_db": drive_db, "output_level": 0.9})
        real = heard_of(through_the_chain(music, values)).statistics.loudness_lufs
        tried = blocks.limited_lufs(*blocks.by_chunk(energy, peak), RATE_HZ, drive_db, 0.9)
        before = blocks.gated_lufs(blocks.by_chunk(energy, peak)[0], RATE_HZ)
        assert tried - before == pytest.approx(real - heard_of(music).statistics.loudness_lufs, abs=0.12)


def test_silence_is_refused_nowhere_and_answers_are_finite():
    silence = np.zeros((2, 3 * RATE_HZ), np.float32)
    values = teacher_of(silence).solve(profile.load("balanced"))
    assert np.isfinite(values).all()
    assert np.all((values >= params.LOW) & (values <= params.HIGH))
    assert compressor.slope_of(0.0) == 0.0
