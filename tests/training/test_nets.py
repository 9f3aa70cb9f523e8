"""Networks: safe whatever comes in, the matcher before they have learned, and labels that stay true."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from shards import vectors  # noqa: E402

from rt_automix import params  # noqa: E402
from rt_automix.analysis.bundles import context  # noqa: E402
from rt_automix.analysis.tone import tone_edges_hz  # noqa: E402
from rt_automix.dsp.tone import equalizer  # noqa: E402
from rt_automix.errors import ConfigError  # noqa: E402
from training import nets  # noqa: E402
from training.nets.common import COMPRESSION, TOTAL, Answer, nine_from_ten, ten_from_nine  # noqa: E402
from training.nets.weighted_ensemble import Ensemble  # noqa: E402
from training.networks.dataset import (  # noqa: E402
    FAR_FROM_REST_LU,
    TOTAL_RANGE_DB,
    Augmentation,
    Batch,
    Scale,
    augment,
    augment_windows,
)
from training.networks.loss import Loss, Weights, band_shapes, spread_likelihood  # noqa: E402
from training.networks.rehearsal import GAIN_AT, REDUCED_AT, SIZE, WANTED_AT, Rehearsal  # noqa: E402

torch.set_num_threads(1)
MATCHED = context.PARTS["matched_norm"]


def windows(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, *context.WINDOW_SHAPE, generator=torch.Generator().manual_seed(seed)) * 8.0 - 20.0


def numbers(count: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(vectors(np.random.default_rng(seed), count))


def shaken(name: str, seed: int = 0, far: float = 0.05) -> torch.nn.Module:
    """A network away from its beginning: nothing is zero any more."""
    torch.manual_seed(seed)
    member = nets.build(name).eval()
    with torch.no_grad():
        for weight in member.parameters():
            weight.add_(far * torch.randn_like(weight))
    return member


@pytest.fixture(scope="module")
def networks() -> dict[str, torch.nn.Module]:
    members = {name: shaken(name, seed, far=1.0) for seed, name in enumerate(nets.MEMBERS)}
    return {**members, nets.ENSEMBLE: Ensemble(list(members.values())).eval()}


@pytest.mark.parametrize("name", nets.NAMES)
@pytest.mark.parametrize("scale", [1.0, 1e4, 1e30, float("inf")])
def test_every_answer_is_inside_its_range(networks: dict[str, torch.nn.Module], name: str, scale: float) -> None:
    """Whatever the inputs, up to infinity, and whatever the weights."""
    window, vector = windows(4) * scale, numbers(4) * scale
    window, vector = (torch.nan_to_num(part, posinf=scale, neginf=-scale) for part in (window, vector))
    with torch.no_grad():
        answer = networks[name](window, vector)
    assert answer.shape == (4, 3, params.COUNT)
    assert torch.isfinite(answer).all()
    assert ((answer >= 0.0) & (answer <= 1.0)).all()


@pytest.mark.parametrize("name", nets.MEMBERS)
def test_an_untrained_member_is_the_matcher(name: str) -> None:
    """All but compression and gain, which begin as they were rehearsed."""
    member, window, vector = nets.build(name).eval(), windows(6), numbers(6)
    vector[:3, context.PARTS["heard"].stop - 1] = 8.0
    with torch.no_grad():
        answer = member(window, vector)
        tried = member.rehearsal(window, None, vector)
    chosen = member.rehearsal.choose(tried[:, REDUCED_AT], tried[:, WANTED_AT])
    wanted = nine_from_ten(vector[:, MATCHED])
    wanted[:, COMPRESSION] = chosen
    wanted[:, TOTAL] = (wanted[:, TOTAL] + tried[:, GAIN_AT] / TOTAL_RANGE_DB).clamp(0.0, 1.0)
    for row in (0, 1):
        assert torch.allclose(nine_from_ten(answer[:, row]), wanted, atol=1e-6)


@pytest.mark.parametrize("name", nets.MEMBERS)
def test_a_member_hears_the_window_and_reads_what_is_known(name: str) -> None:
    member, window, vector, tried = shaken(name), windows(2), numbers(2), torch.randn(2, SIZE)
    with torch.no_grad():
        before = member.answers(window, None, vector, tried).heard
        for other in (
            (window.flip(0), vector, tried),
            (window, vector.flip(0), tried),
            (window, vector, tried.flip(0)),
        ):
            assert not torch.allclose(before, member.answers(other[0], None, *other[1:]).heard)


@pytest.mark.parametrize("name", nets.MEMBERS)
def test_examples_that_share_a_window_get_what_they_would_alone(name: str) -> None:
    member, window, vector = shaken(name), windows(2), numbers(5)
    window_of = torch.tensor([0, 0, 1, 0, 1])
    rehearsal = Rehearsal()
    with torch.no_grad():
        shared = member.answers(window, window_of, vector, rehearsal(window, window_of, vector))
        alone = member.answers(window[window_of], None, vector, rehearsal(window[window_of], None, vector))
    for one, other in zip(shared, alone, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)


def test_an_unknown_network_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match='Did you mean "baseline_cnn"'):
        nets.build("baseline_cn")


@settings(max_examples=40)
@given(st.floats(-12.0, 21.0))
def test_the_total_gain_is_split_as_the_teacher_does(total_db: float) -> None:
    values = params.NEUTRAL.copy()
    drive_db = min(max(total_db, 0.0), 9.0)
    values[params.INDEX["limiter_drive_db"]] = drive_db
    values[params.INDEX["input_gain_db"]] = total_db - drive_db
    ten = torch.from_numpy(params.normalise(values)).float()[None]
    assert torch.allclose(ten_from_nine(nine_from_ten(ten)), ten, atol=1e-6)


# The loss --------------------------------------------------------------------------------------


def batch_of(count: int) -> Batch:
    vector = numbers(count)
    matched = vector[:, MATCHED].clone()
    return Batch(windows(count), torch.arange(count), vector, torch.randn(count, SIZE), matched, matched.clone())


def answer_of(batch: Batch) -> Answer:
    nine = nine_from_ten(batch.heard)
    return Answer(nine.clone(), nine.clone(), torch.full((len(nine), params.COUNT), -3.0))


def test_a_right_answer_costs_nothing_but_its_spread() -> None:
    batch = batch_of(5)
    terms = Loss(Weights())(answer_of(batch), batch, answer_of(batch))
    for name in ("parameters", "spectral", "overshoot", "consistency"):
        assert float(terms[name]) == pytest.approx(0.0, abs=1e-5), name


def test_the_spectral_term_is_the_error_of_the_equalisers_response() -> None:
    batch = batch_of(1)
    answer = answer_of(batch)
    answer.heard[0, 2] += 0.25  # mid, 3 dB more
    answer.song[0, 2] += 0.25
    edges = tone_edges_hz()
    response_db = equalizer.analog_magnitude_db([0, 0, 3.0, 0, 0], np.sqrt(edges[1:] * edges[:-1]))
    expected = np.abs(response_db).mean() + np.abs(response_db - response_db.mean()).mean()
    inside = ten_from_nine(answer.heard)
    wanted = inside.clone()
    wanted[0, params.INDEX["mid_db"]] -= 0.25
    assert float(Loss(Weights()).spectral(inside, wanted)) == pytest.approx(expected, rel=0.01)
    assert band_shapes().shape == (equalizer.BAND_COUNT, edges.size - 1)


def test_what_has_no_label_teaches_nothing() -> None:
    batch = batch_of(4)
    batch.song[:] = torch.nan
    answer = answer_of(batch)
    for part in answer:
        part.requires_grad_()
    Loss(Weights())(answer, batch)["total"].backward()
    assert torch.isfinite(answer.heard.grad).all()
    assert float(answer.log_spread.grad.abs().sum()) == 0.0
    inside = (answer.song > 0.0) & (answer.song < 1.0)
    assert float(answer.song.grad[inside].abs().sum()) == 0.0


def test_beyond_its_range_an_answer_is_led_back() -> None:
    batch = batch_of(1)
    answer = answer_of(batch)
    answer.heard[0, 3] = 1.4
    answer.heard.requires_grad_()
    Loss(Weights())(answer, batch)["total"].backward()
    assert float(answer.heard.grad[0, 3]) > 0.0


def test_the_spread_costs_least_where_it_is_the_mean_error() -> None:
    error = torch.tensor([0.02, 0.05, 0.11])[:, None]
    logs = torch.log(torch.linspace(0.01, 0.2, 191))
    costs = [float(spread_likelihood(log.expand(3, 1), error, torch.zeros(3, 1))) for log in logs]
    assert float(logs[int(np.argmin(costs))].exp()) == pytest.approx(0.06, abs=0.002)


# Augmentation ----------------------------------------------------------------------------------


def scale() -> Scale:
    sizes = ((context.WINDOW_SHAPE[0], 1), context.SIZE, SIZE)
    return Scale(*(fill(size) for size in sizes for fill in (torch.zeros, torch.ones)))


def test_music_some_db_louder_needs_that_much_less_gain() -> None:
    batch = batch_of(200)
    changed = augment(batch, Augmentation(gain_db=6.0), scale(), torch.Generator().manual_seed(1))
    part = context.PARTS["loudness_change_lu"]
    louder_db = (batch.context[:, part] - changed.context[:, part])[:, 0]
    peak_at = context.PARTS["heard"].start + 2
    assert torch.allclose(changed.context[:, peak_at] - batch.context[:, peak_at], louder_db, atol=1e-5)
    for before, after in (
        (batch.heard, changed.heard),
        (batch.song, changed.song),
        (batch.context[:, MATCHED], changed.context[:, MATCHED]),
    ):
        before_db, after_db = (
            torch.from_numpy(params.denormalise(side.numpy()))[:, [0, params.INDEX["limiter_drive_db"]]]
            for side in (before, after)
        )
        assert torch.allclose(before_db.sum(1) - after_db.sum(1), louder_db.double(), atol=1e-4)
        # The drive takes what is above 0 dB, as in every label.
        assert torch.allclose(after_db[:, 1], after_db.sum(1).clamp(0.0, 9.0), atol=1e-4)
    assert (louder_db.abs() > 1.0).sum() > 20
    near = batch.context[:, part][:, 0].abs() < FAR_FROM_REST_LU
    assert (louder_db[near] == 0.0).all()


def test_a_view_is_changed_but_stays_a_window() -> None:
    window = windows(40)
    window[0, :, :50] = context.LOWEST_LU
    changed = augment_windows(window, Augmentation(begun_lately=0.5), torch.Generator().manual_seed(2))
    assert changed.shape == window.shape
    assert changed.amin() >= context.LOWEST_LU
    assert changed.amax() <= context.HIGHEST_LU
    begun = (changed[:, :, 0] == context.LOWEST_LU).all(1)
    assert 5 < int(begun.sum()) < 35
    # Nothing was rolled into the silence before a stream began.
    assert changed[0, :, -50:].mean() > -30.0


def test_no_change_asked_for_changes_nothing() -> None:
    batch = batch_of(5)
    how = Augmentation(0, 0, 0, 0.0, 0.0, 0.0, 0.0)
    changed = augment(batch, how, scale(), torch.Generator().manual_seed(3))
    for before, after in zip(batch, changed, strict=True):
        assert torch.allclose(before.float(), after.float(), atol=1e-6)
