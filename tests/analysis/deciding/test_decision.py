"""The decision and its fine layer: flat where nothing is to do, there where something is, at its own pace."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import profile
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.deciding import stepping
from rt_automix.analysis.deciding.decision import ASK_ALWAYS_S, ASK_EVERY, Decision, answered
from rt_automix.analysis.deciding.matcher import MIN_MUSIC_S, Matcher
from rt_automix.analysis.deciding.suggester import choose
from rt_automix.analysis.features import HOP_S
from rt_automix.analysis.hearing.fine_spectrum import POINTS_HZ
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.analysis.hearing.statistics import MEMORY_S
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.tone import equalizer, fine

if not JIT_ENABLED:
    pytest.skip("takes minutes in plain Python; the kernels have their own tests", allow_module_level=True)

RATE_HZ = 48000
HOPS = 4
STEP_S = HOPS * HOP_S
GAIN = [params.INDEX["input_gain_db"], params.INDEX["limiter_drive_db"]]


def noise(seconds: float, curve_db=None, seed: int = 0) -> np.ndarray:
    """Stereo noise as dark as music, under a curve in dB over POINTS_HZ."""
    count = round(seconds * RATE_HZ)
    frequencies = np.fft.rfftfreq(count, 1.0 / RATE_HZ)
    shape_db = -10.0 * np.log10(np.maximum(frequencies, 25.0)) - 10.0 * np.log10(1.0 + (frequencies / 6000.0) ** 2)
    if curve_db is not None:
        shape_db += np.interp(np.log(np.maximum(frequencies, 1.0)), np.log(POINTS_HZ), curve_db)
    mid, side = np.fft.irfft(
        np.fft.rfft(np.random.default_rng(seed).standard_normal((2, count))) * 10 ** (shape_db / 20)
    )
    audio = np.stack([mid + 0.4 * side, mid - 0.4 * side])
    return (0.1 * audio / audio.std()).astype(np.float32)


def bump(hz: float, level_db: float, octaves: float = 0.6) -> np.ndarray:
    return level_db * np.exp(-0.5 * (np.log2(POINTS_HZ / hz) / octaves) ** 2)


def follow(decision: Decision, audio: np.ndarray, wanted: Profile, ears: Listener | None = None) -> np.ndarray:
    """Hear and decide as the analyst does: the fine gains after every step, shape (steps, fine.BAND_COUNT)."""
    ears, matcher, step = ears or Listener(RATE_HZ, 2, MEMORY_S), Matcher(), round(HOP_S * RATE_HZ) * HOPS
    gains = []
    for start in range(0, audio.shape[1] - step + 1, step):
        ears.push(np.ascontiguousarray(audio[:, start : start + step]))
        decision.move(ears, matcher, wanted)
        gains.append(decision.fine_db.copy())
    return np.array(gains)


DAMAGE_DB = bump(2000.0, 12.0, 0.4) - bump(300.0, 11.0, 0.5) + bump(7000.0, 9.0, 0.5)
"""Enough for nobody to take it for a quiet passage of the same song."""


@pytest.fixture(scope="module")
def reference() -> Profile:
    return profile.measure([noise(20.0, seed=1)], RATE_HZ, 2, "reference")


def place(name: str) -> Profile:
    """A style as if it were a reference: a place to go to."""
    return dataclasses.replace(profile.load(name), fine_db=(0.0,) * at.FINE_POINTS)


def test_a_song_asked_to_be_like_itself_is_left_exactly_alone(reference):
    gains_db = follow(decision := Decision(RATE_HZ, STEP_S), noise(20.0, seed=1), reference)
    assert not gains_db.any()
    np.testing.assert_allclose(decision.suggested[1:6], 0.0, atol=1e-12)


def test_a_network_has_no_say_where_a_song_is_asked_to_be_like_itself(reference):
    step, music, found = round(HOP_S * RATE_HZ) * HOPS, noise(20.0, seed=1), []
    for who in (Matcher(), choose("auto", pytest.fail)):
        ears, decision = Listener(RATE_HZ, 2, MEMORY_S), Decision(RATE_HZ, STEP_S)
        for start in range(0, music.shape[1] - step + 1, step):
            ears.push(np.ascontiguousarray(music[:, start : start + step]))
            decision.move(ears, who, reference)
        found.append(decision.suggested.copy())
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)


@pytest.mark.parametrize("name", ["auto", "warm-full"])
def test_where_it_only_leans_five_bands_do_it_and_the_layer_is_flat(name):
    decision = Decision(RATE_HZ, STEP_S)
    assert not follow(decision, noise(15.0, DAMAGE_DB), profile.load(name)).any()
    assert np.abs(decision.suggested[1:6]).max() > 0.5


def test_the_bolder_the_more_is_corrected_and_the_stronger_the_more_of_a_style():
    audio, moved = noise(40.0, DAMAGE_DB), []
    for boldness, strength in ((0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (0.0, 0.5), (0.0, 1.0)):
        decision = Decision(RATE_HZ, STEP_S)
        decision.boldness, decision.style_strength = boldness, strength
        follow(decision, audio, profile.load("warm-full"))
        moved.append(float(np.linalg.norm(decision.suggested[1:6])))
    nothing, middle, bold, half, whole = moved
    assert nothing < 0.2 and nothing < middle < bold and nothing < half < whole


def test_what_was_found_is_told_with_its_doubt():
    decision = Decision(RATE_HZ, STEP_S)
    assert decision.found is None
    follow(decision, noise(30.0, DAMAGE_DB), profile.load("auto"))
    assert np.abs(decision.found.correction_db).max() > 0.5 and (decision.found.doubt_db > 0.1).all()


def test_what_five_bands_cannot_do_the_fine_layer_does(reference):
    decision = Decision(RATE_HZ, STEP_S)
    gains_db = follow(decision, noise(40.0, DAMAGE_DB, seed=2), reference)
    inside = (POINTS_HZ > 70.0) & (POINTS_HZ < 14000.0)
    five_db = DAMAGE_DB + equalizer.analog_magnitude_db(decision.suggested[1:6], POINTS_HZ)
    all_db = five_db + fine.magnitude_db(decision.fine_db, POINTS_HZ, RATE_HZ)
    before, with_five, with_all = (np.std(curve[inside]) for curve in (DAMAGE_DB, five_db, all_db))
    assert before > 4.0 and with_five > 2.0 and with_all < 0.6
    assert np.abs(gains_db).max() <= fine.GAIN_LIMIT_DB
    # No faster than its slew, four times that in the first seconds.
    steps_db = np.abs(np.diff(gains_db, axis=0, prepend=0.0))
    hurried = round(stepping.HURRY_S / STEP_S) + 1
    assert steps_db[:hurried].max() <= stepping.FINE_SLEW_DB_PER_S * stepping.HURRY * STEP_S + 1e-9
    assert steps_db[hurried:].max() <= stepping.FINE_SLEW_DB_PER_S * STEP_S + 1e-9
    # It arrives, and stays.
    late_db = gains_db[round(30.0 / STEP_S) :]
    assert np.ptp(late_db, axis=0).max() < 1.0 and (np.diff(late_db, axis=0) == 0.0).mean() > 0.9


def test_little_heard_is_little_dared(reference):
    gains_db = follow(Decision(RATE_HZ, STEP_S), noise(14.0, 1.5 * DAMAGE_DB, seed=3), reference)
    most_db = np.abs(gains_db).max(axis=1)
    early, later, last = (most_db[round(seconds / STEP_S) - 1] for seconds in (2.0, 6.0, 13.0))
    assert early < 0.4 * last and later < 0.8 * last and last > 3.0


def test_what_turns_out_to_be_of_no_use_is_given_up_at_full_pace(reference):
    decision, state = Decision(RATE_HZ, STEP_S), Decision(RATE_HZ, STEP_S).state()
    state[at.FINE_SUGGESTED + 9], state[at.SUGGESTED + params.INDEX["mid_db"]] = -3.0, 2.0
    decision.restore(state)
    ears = Listener(RATE_HZ, 2, MEMORY_S)
    ears.push(noise(20.0, seed=1))
    gains_db = follow(decision, noise(20.0, seed=1), reference, ears)
    steps = round(3.0 / stepping.FINE_SLEW_DB_PER_S / STEP_S) + 1
    assert gains_db[steps // 2, 9] != 0.0 and not gains_db[steps:].any()
    assert decision.suggested[params.INDEX["mid_db"]] == 0.0


def test_talk_among_songs_leaves_the_tone_where_a_reference_has_put_it(reference):
    """Whether it is talk is said here by hand; it sounds unlike the song, and is quieter: only the gain follows."""
    decision, ears = Decision(RATE_HZ, STEP_S), Listener(RATE_HZ, 2, MEMORY_S)
    follow(decision, noise(30.0, DAMAGE_DB, seed=3), reference, ears)
    before, song_lufs = (decision.suggested.copy(), decision.fine_db.copy()), ears.statistics.loudness_lufs
    f64, _, _ = ears.arrays
    now, other = (f64[start : start + at.STATISTICS_SIZE] for start in (at.STATISTICS, at.OTHER))
    other[:], now[:] = now.copy(), other.copy()
    now[at.SPEECH] = 1.0
    follow(decision, 0.5 * noise(12.0, -DAMAGE_DB, seed=4), reference, ears)
    quieter_lu = song_lufs - ears.statistics.loudness_lufs
    assert quieter_lu > 5.0
    assert decision.suggested[GAIN].sum() - before[0][GAIN].sum() == pytest.approx(quieter_lu, abs=0.7)
    np.testing.assert_allclose(np.delete(decision.suggested, GAIN), np.delete(before[0], GAIN), atol=0.1)
    np.testing.assert_allclose(decision.fine_db, before[1], atol=0.5)
    follow(decision, 0.5 * noise(40.0, -DAMAGE_DB, seed=5), reference, ears)
    assert np.abs(decision.fine_db - before[1]).max() > 6.0  # of more talk than there was music the reference is one


def test_nothing_is_boosted_where_there_is_nothing(reference):
    """A song that ends at 8 kHz gets no treble out of its noise floor."""
    cut_db = np.where(POINTS_HZ > 8000.0, -80.0, 0.0)
    decision = Decision(RATE_HZ, STEP_S)
    follow(decision, noise(30.0, cut_db + DAMAGE_DB, seed=4), reference)
    treble_db = fine.magnitude_db(decision.fine_db, np.geomspace(11000.0, 20000.0, 40), RATE_HZ)
    assert treble_db.max() < 3.0
    assert np.abs(decision.fine_db).max() > 2.0


def test_what_it_adds_to_the_loudness_is_taken_off_the_gain(reference):
    ears = Listener(RATE_HZ, 2, MEMORY_S)
    ears.push(noise(15.0, -DAMAGE_DB, seed=5))
    settled, ten = Decision(RATE_HZ, STEP_S), Matcher().suggest(ears, reference)
    settled.settle(ears, Matcher(), reference)
    # The fine bands leave the gain and the width to make good for.
    others = np.delete(np.arange(params.COUNT), [*GAIN, params.INDEX["stereo_width"]])
    np.testing.assert_allclose(settled.suggested[others], ten[others], atol=1e-12)
    curve_db = equalizer.analog_magnitude_db(ten[1:6], POINTS_HZ)
    energy = features.k_weighting_power(POINTS_HZ) * 10.0 ** (curve_db / 10.0)
    energy *= ears.statistics.fine_power[0] + ten[params.INDEX["stereo_width"]] ** 2 * ears.statistics.fine_power[1]
    gain = 10.0 ** (fine.magnitude_db(settled.fine_db, POINTS_HZ, RATE_HZ) / 10.0)
    louder_lu = 10.0 * np.log10(energy @ gain / energy.sum())
    assert abs(louder_lu) > 0.3
    assert settled.suggested[GAIN].sum() == pytest.approx(ten[GAIN].sum() - louder_lu, abs=0.1)


def test_settled_is_exactly_flat_for_a_song_that_is_there(reference):
    ears = Listener(RATE_HZ, 2, np.inf)
    ears.push(noise(20.0, seed=1))
    settled = Decision(RATE_HZ, STEP_S)
    settled.settle(ears, Matcher(), reference)
    assert not settled.fine_db.any()


def test_it_goes_on_from_its_state(reference):
    audio = noise(24.0, bump(1000.0, 8.0), seed=7)
    half = audio.shape[1] // 2
    one, other, ears, ears_too = (Decision(RATE_HZ, STEP_S), Decision(RATE_HZ, STEP_S),
                                  Listener(RATE_HZ, 2, MEMORY_S), Listener(RATE_HZ, 2, MEMORY_S))  # fmt: skip
    follow(one, audio[:, :half], reference, ears)
    other.restore(one.state())
    ears_too.restore(ears.state())
    np.testing.assert_array_equal(
        follow(one, audio[:, half:], reference, ears), follow(other, audio[:, half:], reference, ears_too)
    )
    np.testing.assert_array_equal(one.suggested, other.suggested)


def test_a_network_is_asked_at_every_decision_at_first_then_at_every_third():
    music, asked = noise(40.0), []
    learned = choose("auto", pytest.fail)
    rows = learned.rows
    learned.rows = lambda inputs: asked.append(len(inputs)) or rows(inputs)
    ears, decision, step = Listener(RATE_HZ, 2, MEMORY_S), Decision(RATE_HZ, STEP_S), round(HOP_S * RATE_HZ) * HOPS
    wanted = place("balanced")
    for start in range(0, music.shape[1] - step + 1, step):
        ears.push(np.ascontiguousarray(music[:, start : start + step]))
        decision.move(ears, learned, wanted)
    often = round((ASK_ALWAYS_S - MIN_MUSIC_S) / STEP_S)
    assert asked[:2] == [0, 0] and set(asked[4:30]) == {1}  # before there is music enough nobody is asked
    rare = asked[-(ASK_EVERY * 15) :]
    assert sum(rare) == 15 and max(np.diff(np.flatnonzero(rare))) == ASK_EVERY
    assert sum(asked) == pytest.approx(often + (len(asked) - ASK_ALWAYS_S / STEP_S) / ASK_EVERY, abs=3)


def test_between_two_questions_what_a_network_said_still_holds():
    music = noise(30.0)
    learned, wanted = choose("auto", pytest.fail), place("balanced")
    ears, decision, step = Listener(RATE_HZ, 2, MEMORY_S), Decision(RATE_HZ, STEP_S), round(HOP_S * RATE_HZ) * HOPS
    for start in range(0, music.shape[1] - step + 1, step):
        ears.push(np.ascontiguousarray(music[:, start : start + step]))
        question = decision.ask(ears, learned, wanted)
        (answer,) = answered([question], learned)
        before = question.passing.copy()
        decision.take(question, answer, learned)
        if question.has_said:
            assert answer is None and not np.array_equal(question.passing, before)
            saved = decision.state()
    again = Decision(RATE_HZ, STEP_S)
    again.restore(saved)
    assert again.state()[at.HAS_ANSWER] == 1.0
    decision.ask(ears, learned, place("warm"))
    assert decision.state()[at.ANSWER_AGE] == 0.0  # another reference is a new question
