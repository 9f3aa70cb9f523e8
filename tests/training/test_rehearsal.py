"""The rehearsal says what the slow functions say, and on music it is nearer to the teacher than the matcher is."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the rehearsal is a part of networks, which need torch")

from demosong import demo_song  # noqa: E402
from shards import vectors  # noqa: E402

from rt_automix import params  # noqa: E402
from rt_automix.analysis.aim import profile  # noqa: E402
from rt_automix.analysis.bundles import context  # noqa: E402
from rt_automix.analysis.deciding.matcher import COMPRESSIONS, Matcher, choose_compression  # noqa: E402
from rt_automix.analysis.hearing.listener import Listener  # noqa: E402
from rt_automix.dsp.dynamics import compressor  # noqa: E402
from training.labels.teacher import MOST_EXTRA_DB, TRIALS, Teacher  # noqa: E402
from training.networks import rehearsal  # noqa: E402
from training.networks.rehearsal import GAIN_AT, REDUCED_AT, SIZE, WANTED_AT, Rehearsal  # noqa: E402
from training.networks.rehearsal_tables import LOG_PER_DB  # noqa: E402

RATE_HZ = 44_100
MATCHED = context.PARTS["matched_norm"]
COMPRESSION = params.INDEX["compression"]
TOTAL = [params.INDEX["input_gain_db"], params.INDEX["limiter_drive_db"]]
torch.set_num_threads(1)


def test_it_chooses_as_the_matcher_does() -> None:
    random = np.random.default_rng(0)
    reduced = np.cumsum(random.uniform(0.0, 0.3, (200, len(TRIALS) - 1)), 1)
    wanted = random.uniform(-0.5, 2.0, 200)
    found = Rehearsal().choose(torch.from_numpy(reduced).float(), torch.from_numpy(wanted).float())
    for one, wish, chosen in zip(reduced, wanted, found.tolist(), strict=True):
        curve = np.interp(COMPRESSIONS, TRIALS, [0.0, *one])
        slow = choose_compression(curve, wish) / COMPRESSIONS[-1] if wish > 0.0 else 0.0
        assert chosen == pytest.approx(slow, abs=2e-4)


def reduction_db(levels_db: torch.Tensor, compression: float) -> torch.Tensor:
    """What the compressor takes off levels (curves, frames) relative to the programme's."""
    setting = torch.tensor([[compression]])
    found = rehearsal._over_log(levels_db[:, None, None] * LOG_PER_DB, setting) * rehearsal._slope(setting)
    return found[:, 0, 0] / LOG_PER_DB


@pytest.mark.parametrize("compression", [0.05, 0.24, 0.6])
def test_a_steady_level_is_reduced_as_the_compressor_does(compression: float) -> None:
    levels_db = np.arange(-20.0, 21.0, 2.5)
    steady = torch.from_numpy(np.repeat(levels_db[:, None], 5, 1)).float()
    found = reduction_db(steady, compression)
    wanted = [-compressor.static_gain_db(level, compression) for level in levels_db]
    assert np.allclose(found.numpy(), np.repeat(np.array(wanted)[:, None], 5, 1), atol=1e-4)


def test_after_a_loud_frame_the_reduction_dies_away() -> None:
    levels_db = torch.full((1, 4), -20.0)
    levels_db[0, 1] = 15.0
    found = reduction_db(levels_db, 0.5)[0]
    assert found[0] == 0.0
    assert found[2] == pytest.approx(float(found[1]) * math.exp(-93.0 / compressor.RELEASE_MS), rel=1e-4)


@pytest.mark.parametrize("over_db", [-1.0, 0.5, 1.5, 3.0])
def test_what_the_limiter_takes_from_steady_music_is_made_good(over_db: float) -> None:
    """Where all frames are over by the same, the gain x that makes good share * (over + x) is known."""
    share = 0.6
    energy, over = torch.ones(1, 1, 1, 50), torch.full((1, 1, 1, 50), over_db * LOG_PER_DB)
    base, weights, shares = torch.zeros(1, 1, 1, 1), torch.full((1, 1, 50, 1), 1.0 / 50.0), torch.tensor([[[-share]]])
    found = float(Rehearsal()._extra_db(energy, over, base, weights, shares))
    exact = share * max(over_db, 0.0) / (1.0 - share)
    assert found == pytest.approx(MOST_EXTRA_DB * math.tanh(exact / MOST_EXTRA_DB), abs=0.06)


def test_where_nothing_is_to_be_done_nothing_moves() -> None:
    """A neutral answer to music that is as wished, with room below the ceiling."""
    numbers = torch.from_numpy(vectors(np.random.default_rng(1), 8))
    numbers[:, MATCHED] = torch.from_numpy(params.normalise(params.NEUTRAL)).float()
    for part in ("heard", "wanted"):
        numbers[:, context.PARTS[part]] = torch.tensor([30.0, -10.0, -1.0, 1.0])
    numbers[:, context.PARTS["loudness_change_lu"]] = 0.0
    windows = torch.randn(8, *context.WINDOW_SHAPE, generator=torch.Generator().manual_seed(0)) * 3.0 - 20.0
    tried = Rehearsal()(windows, None, numbers)
    for at in (0, WANTED_AT, GAIN_AT, GAIN_AT + 2):
        assert tried[:, at].abs().max() < 1e-3, at


@pytest.mark.parametrize("value", [0.0, 1e30, -1e30, float("inf"), float("-inf")])
def test_it_is_finite_whatever_comes_in(value: float) -> None:
    tried = Rehearsal()(torch.full((2, *context.WINDOW_SHAPE), value), None, torch.full((2, context.SIZE), value))
    assert tried.shape == (2, SIZE)
    assert torch.isfinite(tried).all()


def test_on_music_it_is_nearer_to_the_teacher_than_the_matcher_is() -> None:
    """Ten seconds of a song, towards the shipped profiles, but calmer and louder."""
    samples = np.ascontiguousarray(demo_song(RATE_HZ)[:, 5 * RATE_HZ : 15 * RATE_HZ]) * np.float32(2.0)
    listener = Listener(RATE_HZ, 2)
    listener.push(samples)
    heard = listener.statistics
    teacher, matcher, tries = Teacher(samples, RATE_HZ, heard), Matcher(), Rehearsal()
    window = torch.from_numpy(context.window(listener.window, heard.loudness_lufs))[None]
    off: dict[str, list[tuple[float, float]]] = {"compression": [], "gain": []}
    for name in ("balanced", "bright", "warm"):
        for calmer_db, peak_db in ((0.2, 8.0), (0.4, 10.0)):
            calm = heard.dynamics_db - calmer_db
            wanted = replace(profile.load(name), dynamics_db=calm, peak_dbtp=-1.0, plr_db=peak_db)
            wanted = replace(wanted, loudness_lufs=wanted.peak_dbtp - peak_db)
            values, matched = teacher.solve(wanted), matcher.match(heard, wanted)
            tried = tries(window, None, torch.from_numpy(context.vector(heard, wanted, matched))[None])
            chosen = 0.6 * float(tries.choose(tried[:, REDUCED_AT], tried[:, WANTED_AT]))
            off["compression"].append((chosen - values[COMPRESSION], matched[COMPRESSION] - values[COMPRESSION]))
            missing_db = values[TOTAL].sum() - matched[TOTAL].sum()
            off["gain"].append((float(tried[0, GAIN_AT]) - missing_db, missing_db))
    for name, errors in off.items():
        ours, matchers = np.abs(errors).mean(0)
        assert ours < 0.6 * matchers, (name, errors)
