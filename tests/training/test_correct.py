"""The learned correction: it learns what texture foretells, is written and read back, and is what the kernel says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rt_automix.analysis import layout as at
from rt_automix.analysis.aim import masters as known
from rt_automix.analysis.aim import profile
from rt_automix.analysis.aim.masters import Aim
from rt_automix.analysis.hearing.listener import FeatureStream
from rt_automix.analysis.hearing.statistics import Statistics
from rt_automix.analysis.tone import TONE_BANDS
from training.correction import correct, rowdamage

COUNT = 600


@pytest.fixture(scope="module")
def data() -> correct.Material:
    """Made-up songs whose own tone is written in their texture, and nowhere else."""
    rng = np.random.default_rng(5)
    hidden = rng.normal(size=(COUNT, 3))
    told = (hidden @ rng.normal(size=(3, at.TOLD_SIZE)) + 0.1 * rng.normal(size=(COUNT, at.TOLD_SIZE))).astype("f4")
    shapes = np.cos(np.pi * np.arange(1, 4)[:, None] * (np.arange(TONE_BANDS) + 0.5) / TONE_BANDS)
    own = np.zeros((COUNT, at.LEAN_SIZE), "f4")
    own[:, :TONE_BANDS] = known.table()[at.MEAN : at.MEAN + TONE_BANDS] + 3.0 * hidden @ shapes
    others = np.full((COUNT, 2), 6.0, "f4")
    return correct.Material(told, own, own, others, np.ones(COUNT, "f4"), np.zeros(COUNT, np.int64))


@pytest.fixture(scope="module")
def trained(data) -> tuple[list[correct.Corrector], np.ndarray, np.ndarray]:
    mean, parts = correct.components(data.told, data.weight)
    return [correct.train(data, mean, parts, seed, epochs=150) for seed in range(at.NET_MEMBERS)], mean, parts


def damaged(data: correct.Material) -> tuple[correct.Material, np.ndarray]:
    effect = correct.effects(9, rowdamage.LEARNED_SHARES)[: len(data.own)] * 1.75
    heard = data.own.copy()
    heard[:, :TONE_BANDS] += effect
    return correct.Material(data.told, data.own, heard, data.others, data.weight, data.group), effect


def test_components_are_uncorrelated_and_of_unit_variance(data):
    mean, parts = correct.components(data.told, data.weight)
    scaled = (data.told - mean) @ parts.T
    np.testing.assert_allclose(np.cov(scaled.T, bias=True)[:20, :20], np.eye(20), atol=0.05)


def test_it_learns_what_texture_foretells(data, trained):
    """No covariance could: damage of this size is well within what these songs differ by."""
    heard, effect = damaged(data)
    found = correct.answers(trained[0], heard, trained[1], trained[2], 0.7)[:, :TONE_BANDS]
    before, after = np.sqrt((effect**2).mean(axis=1)), np.sqrt(((found + effect) ** 2).mean(axis=1))
    assert after.mean() < 0.8 * before.mean()


def test_the_same_seed_trains_the_same_network(data):
    mean, parts = correct.components(data.told, data.weight)
    one, again = (correct.train(data, mean, parts, 1, epochs=2) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), again.parameters(), strict=True))


USE = correct.Use(
    blend=(0.0, 0.1, 0.3, 0.5, 0.9, 0.8, 0.7),
    rest=(1.0, 0.9, 0.8, 0.7, 0.5, 0.3, 0.2),
    boldness=0.6,
    doubt=(1.2, 0.7),
)


def table_of(trained, file, use: correct.Use) -> np.ndarray:
    correct.write(*trained, file, use)
    with np.load(file) as parts:
        return known.with_networks(known.table(False), dict(parts))


def test_the_kernel_says_what_the_networks_say(trained, tmp_path):
    """Mixed with the closed form, small corrections left undone, and the doubt scaled, by how long has been heard."""
    statistics = Statistics()
    times = np.arange(44_100 * 20)
    audio = np.random.default_rng(3).normal(size=(2, times.size)) * 0.05 * (1.0 + np.sin(times / 9000.0))
    statistics.add(FeatureStream(44_100, 2).push(audio.astype("f4")))
    without_rest = known.table(False).copy()
    without_rest[at.REST] = 0.0
    closed, aim = Aim(0.5, masters=without_rest), Aim(0.5, masters=table_of(trained, tmp_path / "corrector.npz", USE))
    for one in (closed, aim):
        one.settled(statistics, profile.load("auto"))
    vector = statistics.vector().astype("f4")
    free = np.array([[*vector[:TONE_BANDS], vector[TONE_BANDS + 2], vector[TONE_BANDS + 4]]], "f4")
    others = np.array([[np.log2(statistics.seconds_heard), vector[TONE_BANDS + 1]]], "f4")
    told = statistics.told()[None].astype("f4")
    material = correct.Material(told, free, free, others, np.ones(1, "f4"), np.zeros(1, np.int64))
    networks, mean, parts = correct.read_back(tmp_path / "corrector.npz")
    said = correct.answers(networks, material, mean, parts, 0.5**USE.boldness)[0]
    at_knot = np.log2(statistics.seconds_heard) - 1.0
    share, rest = (np.interp(at_knot, range(at.KNOTS), numbers) for numbers in (USE.blend, USE.rest))
    both = (1.0 - share) * closed.found.correction_db + share * said[:TONE_BANDS]
    doubt = np.sqrt((1.0 - share) * closed.found.doubt_db**2 + share * said[TONE_BANDS:] ** 2)
    mean_db = torch.from_numpy(known.table()[at.MEAN : at.MEAN + TONE_BANDS].astype("f4"))
    say = correct.looked_at(torch.from_numpy(free[:, :TONE_BANDS]), mean_db)[1].numpy()[0]
    both /= say  # which both had been told
    done = say @ both**2 / (say @ (both**2 + rest**2 * doubt**2))
    doubt = np.hypot(doubt, (1.0 - done) * both)
    doubt *= USE.doubt[0] * np.sqrt(say @ doubt**2 / say.sum()) ** (USE.doubt[1] - 1.0)
    np.testing.assert_allclose(aim.found.correction_db, np.clip(say * done * both, -6, 6), atol=0.02)
    np.testing.assert_allclose(aim.found.doubt_db, doubt, rtol=0.02)


def test_whole_numbers_say_nearly_what_the_networks_say_in_far_fewer_bytes(data, trained, tmp_path):
    files = [tmp_path / name for name in ("int8.npz", "fp32.npz")]
    for file, is_int8 in zip(files, (True, False), strict=True):
        correct.write(*trained, file, is_int8=is_int8)
    small, large = (file.stat().st_size for file in files)
    assert small <= 0.4 * large
    rounded, full = (correct.read_back(file) for file in files)
    assert all(torch.equal(a, b) for a, b in zip(full[0][0].parameters(), trained[0][0].parameters(), strict=True))
    heard, effect = damaged(data)
    said, meant = (correct.answers(*one[:1], heard, *one[1:], 0.7)[:, :TONE_BANDS] for one in (rounded, full))
    left, least = (np.sqrt(((one + effect) ** 2).mean(axis=1)).mean() for one in (said, meant))
    assert left == pytest.approx(least, rel=0.02) and np.abs(said - meant).max() > 0.0


def test_networks_that_are_none_leave_the_closed_form(trained, tmp_path):
    table = table_of(trained, tmp_path / "corrector.npz", correct.Use())
    statistics = Statistics()
    noise = np.random.default_rng(4).normal(size=(2, 44_100 * 20)).astype("f4") * 0.05
    statistics.add(FeatureStream(44_100, 2).push(noise))
    closed = Aim(masters=known.table(False))
    closed.settled(statistics, profile.load("auto"))
    for what in (np.nan, np.inf, 1e30):
        broken = table.copy()
        broken[at.NET + at.N_LAST :: at.NET_SIZE][: at.NET_MEMBERS] = what
        broken[at.NET + at.N_FIRST : at.NET + at.N_FIRST + 200] = what
        aim = Aim(masters=broken)
        aim.settled(statistics, profile.load("auto"))
        np.testing.assert_array_equal(aim.found.correction_db, closed.found.correction_db)
    with pytest.raises(ValueError, match="networks: blend"):
        known.with_networks(known.table(False), {})


def test_the_shipped_networks_are_whole():
    assert known.table()[at.HAS_NETWORK] == 1.0 and known.table(False)[at.HAS_NETWORK] == 0.0
    blend = known.table()[at.BLEND : at.BLEND + at.KNOTS]
    assert (blend >= 0.0).all() and (blend <= 1.0).all() and blend[-1] > 0.0
