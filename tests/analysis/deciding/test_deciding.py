"""The kernels that decide: each against its slow twin, on music or the built-in song, and the numerics beneath."""

from __future__ import annotations

import os
from pathlib import Path

import deciding_twins as twins
import numpy as np
import pytest
from demosong import demo_song
from scipy.optimize import lsq_linear

from rt_automix import params
from rt_automix.analysis import features, numbers
from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import dynamics, fine_tone, masters, profile
from rt_automix.analysis.aim.masters import Aim
from rt_automix.analysis.bundles import context
from rt_automix.analysis.deciding import deciding
from rt_automix.analysis.deciding.matcher import Matcher
from rt_automix.analysis.hearing.listener import FeatureStream
from rt_automix.analysis.hearing.statistics import Statistics
from rt_automix.dsp.dynamics import compressor
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.tone.thirds import POINTS_HZ, magnitude_db, solve_matrix
from rt_automix.io.files.audio import AudioReader
from rt_automix.units import db_from_power

if not JIT_ENABLED:
    pytest.skip("takes minutes in plain Python; the kernels have their own tests", allow_module_level=True)

SONGS, SECONDS, PIECE = 6, 30.0, 40
STYLES = [profile.load(name) for name in profile.shipped()]
AUTO = profile.load("auto")


def _audio() -> list[tuple[np.ndarray, int]]:
    """The first seconds of songs of the music folder; of the built-in song where there is none."""
    folder = Path(os.environ.get("RT_AUTOMIX_MUSIC", "nowhere"))
    found = []
    for path in sorted(folder.rglob("*.ogg"))[::7][:SONGS]:
        with AudioReader(path) as reader:
            if reader.channels == 2 and reader.duration_s > SECONDS:
                blocks = reader.blocks(round(SECONDS * reader.sample_rate_hz))
                found.append((next(iter(blocks)), reader.sample_rate_hz))
    return found or [(demo_song(44100), 44100)]


@pytest.fixture(scope="module")
def heard() -> list[Statistics]:
    """What was heard of each song, a few seconds more each time, and of nothing."""
    found = [Statistics()]
    for audio, rate_hz in _audio():
        rows, statistics = FeatureStream(rate_hz, 2).push(audio), Statistics()
        for start in range(0, len(rows), PIECE):
            statistics.add(rows[start : start + PIECE])
            found.append(_copy(statistics))
    return found


def _copy(statistics: Statistics) -> Statistics:
    other = Statistics()
    other.restore(statistics.state())
    return other


def test_the_closed_form(heard):
    kernel, twin = Matcher(), twins.Matcher()
    for statistics in heard:
        for style in STYLES:
            np.testing.assert_allclose(kernel.match(statistics, style), twin.match(statistics, style), atol=1e-9)
            if statistics.seconds_heard > 0.0:
                for mine, its in zip(
                    kernel.match_tone(statistics, style), twin.match_tone(statistics, style), strict=True
                ):
                    np.testing.assert_allclose(mine, its, atol=1e-9)


@pytest.mark.parametrize(("boldness", "style_strength"), [(0.5, 0.5), (0.2, 1.0), (1.0, 0.0)])
def test_the_aim(heard, boldness, style_strength):
    kernel = Aim(boldness, style_strength, masters.table(False))
    twin = twins.Aim(boldness, style_strength)
    for statistics in heard:
        for style in (AUTO, STYLES[1], STYLES[-1]):
            for mine, its in (
                (kernel.follow(statistics, style), twin.follow(statistics, style)),
                (kernel.settled(statistics, style), twin.settled(statistics, style)),
            ):
                np.testing.assert_allclose(mine.vector(), its.vector(), atol=2e-6)
        if statistics.seconds_heard >= 1.0:
            wanted, doubt = twin.correction(statistics)
            np.testing.assert_allclose(kernel.found.correction_db, wanted[:24], atol=2e-6)
            np.testing.assert_allclose(kernel.found.doubt_db, doubt[:24], atol=2e-6)


def test_what_a_network_is_told(heard):
    rng, matcher = np.random.default_rng(1), Matcher()
    rows = rng.uniform(-100.0, 0.0, (context.WINDOW_FRAMES, context.WINDOW_SHAPE[0])).astype(np.float32)
    for statistics in heard[1:]:
        matched, level_lufs = matcher.match(statistics, STYLES[1]), statistics.loudness_lufs
        told = context.vector(statistics, STYLES[1], matched)
        np.testing.assert_allclose(told, twins.told(statistics, STYLES[1], matched), rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(context.window(rows, level_lufs), twins.shown(rows, level_lufs))
    rows[3, 5] = np.nan
    assert context.window(rows, -20.0)[5, 3] == context.LOWEST_LU


def test_a_networks_answer():
    rng = np.random.default_rng(2)
    for _ in range(200):
        answer = rng.uniform(0.0, 1.0, (3, params.COUNT)).astype(np.float32)
        answer[2] *= 0.3
        matched = params.denormalise(rng.uniform(0.0, 1.0, params.COUNT))
        confidence, values = rng.uniform(0.0, 1.0, params.COUNT), np.empty(params.COUNT)
        limits, scratch = (0.05, 0.2, float(rng.uniform())), np.empty(params.COUNT)
        wanted, trusted = twins.combined(answer.astype(np.float64), *limits, matched, confidence)
        assert deciding.combine(answer.reshape(-1), *limits, matched, confidence, values, scratch)
        np.testing.assert_allclose(values, wanted, atol=1e-9)
        np.testing.assert_allclose(confidence, trusted, atol=1e-9)


def _reference(statistics: Statistics) -> profile.Profile:
    vector = statistics.vector()
    return profile.Profile("like this", tuple(vector[:24]), *vector[24:], fine_db=tuple(statistics.fine_db))


def test_the_fine_layer(heard):
    rng, work, found = np.random.default_rng(5), np.zeros(fine_tone.WORK_SIZE), np.empty(at.FINE_BANDS)
    matrix = rng.normal(0.0, 0.1, (at.FINE_BANDS, at.FINE_POINTS))
    references = [_reference(statistics) for statistics in heard[PIECE // 8 :: PIECE // 4]]
    for statistics in heard[1:]:
        for wanted in (*references, *STYLES[1:4]):
            values, share = params.denormalise(rng.uniform(0.0, 1.0, params.COUNT)), rng.uniform()
            expected, expected_lu = twins.fine(statistics, wanted, values, matrix, share)
            aim = wanted.numbers()
            louder_lu = fine_tone.solve(statistics.values, aim, values, matrix.reshape(-1), work, share, found)
            np.testing.assert_allclose(found, expected, atol=1e-9)
            assert louder_lu == pytest.approx(expected_lu, abs=1e-9)
            sure = fine_tone.sureness(statistics.values, aim, work)
            assert sure == pytest.approx(twins.sureness(statistics, wanted), abs=1e-9)


def test_what_the_equalisers_do_to_loudness_and_width(heard):
    rng, work, gains_db = np.random.default_rng(6), np.zeros(fine_tone.WORK_SIZE), np.empty(at.FINE_BANDS)
    weights = features.k_weighting_power(POINTS_HZ)
    for statistics in heard[1::7]:
        values, reference = params.denormalise(rng.uniform(0.0, 1.0, params.COUNT)), _reference(heard[-1])
        fine_tone.solve(
            statistics.values, reference.numbers(), values, solve_matrix(48_000.0).reshape(-1), work, 1.0, gains_db
        )
        curve_db = work[fine_tone._CURVE : fine_tone._CURVE + at.FINE_POINTS].copy()
        width = fine_tone.keep_width(statistics.values, values, work)
        assert width == pytest.approx(twins.kept_width(statistics, values, curve_db), abs=1e-9)
        found_db = fine_tone.loudness_db(statistics.values, values, gains_db, work)
        power = twins.behind(statistics, values, magnitude_db(gains_db, POINTS_HZ, 48_000.0)).sum(axis=0)
        # Bands of many dB are not quite as much wider as they are higher.
        assert found_db == pytest.approx(float(db_from_power(weights @ power)), abs=0.3)


def test_the_step(heard):
    """The ten move as they always have, where the fine layer has nothing to do."""
    twin, matcher, lean, step_s = twins.Steps(), twins.Matcher(), twins.Aim(), 0.372
    matrix, work = np.zeros(at.FINE_BANDS * at.FINE_POINTS), np.zeros(deciding.WORK_SIZE)
    decision, passing = np.zeros(at.DECISION_SIZE), np.zeros(at.PASSING_SIZE)
    decision[at.SUGGESTED : at.SUGGESTED + params.COUNT] = params.NEUTRAL
    wanted, known = masters.numbers(AUTO), masters.table(False)
    passing[at.BOLDNESS], passing[at.STYLE_STRENGTH] = masters.BOLDNESS, masters.STYLE_STRENGTH
    passing[at.TARGET_LUFS] = AUTO.loudness_lufs
    for statistics in heard:
        for _ in range(4):
            deciding.decide(statistics.values, passing, wanted, known, matrix, step_s, decision, work)
            confidence = np.empty(params.COUNT)
            deciding.be_patient(statistics.seconds_heard, confidence)
            aimed_at = matcher.match(statistics, lean.follow(statistics, AUTO))
            twin.move(aimed_at, confidence, statistics.seconds_heard, step_s)
            suggested = decision[at.SUGGESTED : at.SUGGESTED + params.COUNT]
            np.testing.assert_allclose(suggested, twin.suggested, atol=1e-9)


def test_the_compressors_curve_is_the_compressors():
    levels_db = dynamics.LEVEL_STEP_LU * np.arange(1 - dynamics._LEVELS, dynamics._LEVELS + 1)
    for setting, powers in zip(dynamics.COMPRESSIONS, dynamics._COMPRESSOR_POWERS, strict=True):
        gains_db = [compressor.static_gain_db(level_db, setting) for level_db in levels_db]
        np.testing.assert_allclose(10.0 * np.log10(powers), gains_db, atol=1e-9)


@pytest.mark.parametrize("seed", range(30))
def test_the_box_solver_finds_the_minimum(seed):
    random = np.random.default_rng(seed)
    design = random.normal(size=(24, 5)) @ (np.eye(5) + 0.6 * np.eye(5, k=1))
    wanted = design @ random.normal(0.0, 8.0, 5)
    found = np.empty(5)
    numbers.solve_in_box((design.T @ design).reshape(-1), design.T @ wanted, 6.0, found, np.empty(30))
    np.testing.assert_allclose(found, lsq_linear(design, wanted, (-6.0, 6.0), tol=1e-13).x, atol=1e-5)


def test_cholesky_solves():
    rng = np.random.default_rng(3)
    for count in range(1, 12):
        half = rng.normal(size=(2 * count, count))
        matrix, x = half.T @ half, rng.normal(size=count)
        expected = np.linalg.solve(matrix, x)
        numbers.solve(matrix.reshape(-1).copy(), x, count)
        np.testing.assert_allclose(x, expected, rtol=1e-9)
