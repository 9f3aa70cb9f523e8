"""The learned suggester: what it takes from the network, what it leaves to the matcher, and the choice between them."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import bundles
import numpy as np
import pytest
from demosong import demo_song
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rt_automix import params
from rt_automix.analysis.aim import masters, profile
from rt_automix.analysis.bundles import context
from rt_automix.analysis.bundles.bundle import ANSWER_SHAPE, Bundle, shipped
from rt_automix.analysis.bundles.bundle import load as load_bundle
from rt_automix.analysis.deciding import suggester
from rt_automix.analysis.deciding.matcher import TRUST_S, Matcher
from rt_automix.analysis.deciding.network import TOGETHER, Network, clean
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.errors import ConfigError, ModelError

RATE_HZ = 44100
STYLE = profile.load("balanced")
IN, DRIVE = params.INDEX["input_gain_db"], params.INDEX["limiter_drive_db"]
TONE = [k for k in range(params.COUNT) if k not in (IN, DRIVE)]
SPAN = params.HIGH - params.LOW
HALF = 0.5 * (bundles.FULL_NORM + bundles.NONE_NORM)


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    return 2.0 * demo_song(RATE_HZ)[:, 14 * RATE_HZ : 22 * RATE_HZ]


@pytest.fixture(scope="module")
def listener(song) -> Listener:
    """Ears that have heard six seconds."""
    ears = Listener(RATE_HZ, 2)
    ears.push(song[:, : 6 * RATE_HZ])
    return ears


@pytest.fixture
def network(tmp_path):
    """Make a network from a tiny bundle; its complaints are in `complaints`."""
    made = []

    def make(**settings):
        bundle = load_bundle(bundles.make(tmp_path / f"tiny{len(made)}", **settings))
        made.append(Network(bundle, complaints.append))
        return made[-1]

    complaints: list[str] = []
    make.complaints = complaints
    return make


def gain_db(values):
    return values[IN] + values[DRIVE]


# What is suggested -----------------------------------------------------------------------------------


def test_where_it_is_sure_the_song_decides_the_tone_and_what_was_heard_the_gain(network, listener):
    sure = network(moved_norm=-0.0625, heard_moved_norm=0.03125, spread_norm=bundles.FULL_NORM)
    matched = Matcher().suggest(listener, STYLE)
    values = sure.suggest(listener, STYLE)
    wanted = params.clamp(matched - 0.0625 * SPAN)
    np.testing.assert_allclose(values[TONE], wanted[TONE], atol=1e-5)
    heard = params.clamp(matched + 0.03125 * SPAN)
    assert gain_db(values) == pytest.approx(gain_db(heard), abs=1e-5) and gain_db(heard) > gain_db(matched) + 0.5
    assert values[DRIVE] == pytest.approx(min(max(gain_db(heard), 0.0), 9.0), abs=1e-5)
    np.testing.assert_allclose(sure.confidence, 1.0)
    assert sure.faults == 0 and network.complaints == []


def test_where_it_is_not_the_matcher_decides_and_in_between_both(network, listener):
    matcher = Matcher()
    matched = matcher.suggest(listener, STYLE)
    unsure = network(moved_norm=0.125, spread_norm=bundles.NONE_NORM)
    np.testing.assert_allclose(unsure.suggest(listener, STYLE), matched, atol=1e-6)
    np.testing.assert_allclose(unsure.confidence, matcher.confidence, atol=1e-6)
    assert matcher.confidence[TONE[0]] == pytest.approx(6.0 / TRUST_S, abs=0.03) and matcher.confidence[IN] == 1.0
    spread = np.full(params.COUNT, bundles.FULL_NORM)
    spread[TONE[2]], spread[IN] = HALF, HALF
    torn = network(moved_norm=0.125, spread_norm=spread)
    there = params.clamp(matched + 0.125 * SPAN)
    wanted = np.where(np.arange(params.COUNT) == TONE[2], 0.5 * (matched + there), there)
    values = torn.suggest(listener, STYLE)
    np.testing.assert_allclose(values[TONE], wanted[TONE], atol=1e-5)
    assert gain_db(values) == pytest.approx(0.5 * (gain_db(matched) + gain_db(there)), abs=1e-5)
    assert torn.confidence[TONE[2]] == pytest.approx(0.5 + 0.5 * matcher.confidence[TONE[2]], abs=1e-5)
    assert torn.confidence[TONE[1]] == pytest.approx(1.0) == torn.confidence[IN]


@pytest.mark.parametrize("matched_db", [-15.0, -4.0, -1.0, 1.0, 5.0, 9.0])
def test_half_the_way_between_two_gains_has_no_gain_that_undoes_another(network, listener, matched_db):
    style = dataclasses.replace(STYLE, loudness_lufs=STYLE.loudness_lufs - 10.0 + matched_db)
    matched = Matcher().suggest(listener, style)
    values = network(moved_norm=0.2, spread_norm=HALF).suggest(listener, style)
    assert values[DRIVE] == 0.0 or values[IN] >= 0.0
    assert gain_db(values) > gain_db(matched) or values[DRIVE] == 9.0


def test_neutral_until_there_is_music(network, song):
    ears = Listener(RATE_HZ, 2)
    learned = network(moved_norm=0.25)
    for seconds, is_neutral in ((0.0, True), (0.9, True), (1.3, False)):
        ears.reset()
        ears.push(song[:, : round(seconds * RATE_HZ)])
        assert np.array_equal(learned.suggest(ears, STYLE), params.NEUTRAL) == is_neutral


@pytest.mark.parametrize("count", [1, 3, TOGETHER, 2 * TOGETHER + 3])
@pytest.mark.parametrize("name", ["weighted_ensemble", "baseline_cnn"])
def test_many_questions_get_the_answers_they_get_alone(song, name, count):
    ears, alone, together = Listener(RATE_HZ, 2), _load(name), _load(name)
    wanted, questions = [], []
    for number in range(count):
        ears.push(song[:, (number % 6) * RATE_HZ :][:, :RATE_HZ])
        wanted.append((alone.suggest(ears, STYLE), alone.confidence))
        questions.append(together.question(ears, STYLE))
    for _ in range(2):  # the second time it knows whether rows may go together
        for answer, want in zip(together.answer(questions), wanted, strict=True):
            np.testing.assert_array_equal(answer, want)


def test_rows_that_come_out_otherwise_together_are_asked_alone(network, listener):
    learned = network(moved_norm=0.25)
    wanted = learned.suggest(listener, STYLE)
    learned._bundle = dataclasses.replace(learned._bundle, session=Sloppy(learned._bundle.session))
    questions = TOGETHER * [learned.question(listener, STYLE)]
    for _ in range(2):
        assert all(np.array_equal(values, wanted) for values, _ in learned.answer(questions))


class Sloppy:
    """A runtime that rounds otherwise when rows go together."""

    def __init__(self, session):
        self.session = session

    def run(self, names, inputs):
        (answers,) = self.session.run(names, inputs)
        return [answers if len(answers) == 1 else answers * np.float32(0.9999)]


def _load(name):
    return Network(load_bundle(name), lambda text: None)


# What goes wrong -------------------------------------------------------------------------------------


class Session:
    """In the place of onnxruntime's, which cannot be made to give these answers."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def run(self, names, inputs):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [answer]


def answer(value=0.5, shape=(1, *ANSWER_SHAPE), **at):
    array = np.full(shape, value, np.float32)
    for row, number in at.items():
        array[0, int(row[3:]), 4] = number
    return array


@pytest.mark.parametrize(
    "bad",
    [
        answer(np.nan),
        answer(row0=np.inf),
        answer(row1=np.nan),
        answer(row2=-np.inf),
        answer(row1=1.01),
        answer(row0=-0.01),
        RuntimeError("out of memory"),
    ],
    ids=lambda bad: "",
)
def test_an_answer_that_is_none_is_the_matchers_and_is_told_once(network, listener, bad):
    learned = network()
    learned._bundle = dataclasses.replace(learned._bundle, session=Session(bad, bad, answer(0.125)))
    matcher = Matcher()
    for _ in range(2):
        np.testing.assert_array_equal(learned.suggest(listener, STYLE), matcher.suggest(listener, STYLE))
        np.testing.assert_array_equal(learned.confidence, matcher.confidence)
    assert learned.faults == 2
    (complaint,) = network.complaints
    assert complaint.endswith("Where it fails the matcher decides.") and complaint.count("\n") == 0
    assert not np.array_equal(learned.suggest(listener, STYLE), matcher.suggest(listener, STYLE))


_ANSWERS = arrays.arrays(np.float32, (1, 3, 10), elements=st.floats(0.0, 1.0, width=32))
_SMALL = st.sampled_from([0.0, 1.0, -0.0, 0.5, np.nan, np.inf, -np.inf, 1e30, -1e-30, 1.0009, 2.0])
_WILD = arrays.arrays(np.float32, (1, 3, 10), elements=_SMALL.map(np.float32), fill=st.just(np.float32(0.5)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Bundle:
    return load_bundle(bundles.make(tmp_path_factory.mktemp("bundle") / "tiny", window_share=0.01))


@given(given_answer=_ANSWERS | _WILD)
def test_whatever_the_network_says_the_suggestion_is_inside_the_ranges(tiny, listener, given_answer):
    learned = Network(dataclasses.replace(tiny, session=Session(given_answer)), lambda text: None)
    values = learned.suggest(listener, STYLE)
    assert values.dtype == np.float64 and values.shape == (params.COUNT,)
    assert ((values >= params.LOW) & (values <= params.HIGH)).all()  # so that NaN does not pass
    assert ((learned.confidence >= 0.0) & (learned.confidence <= 1.0)).all()


def _adversarial(rng, shape):
    """Numbers of every size, among them some that are none."""
    wild = np.array([0, 1, -1, 1e-42, -1e-42, 100, -100, 1e6, -1e6, 3e38, -3e38, np.inf, -np.inf, np.nan], np.float32)
    numbers = rng.normal(0.0, 30.0, shape).astype(np.float32)
    share = rng.choice([0.0, 0.01, 1.0], (shape[0], *[1] * (len(shape) - 1)))
    return np.where(rng.random(shape, np.float32) < share, rng.choice(wild, shape), numbers)


def _all_inside(answers):
    return bool(((answers >= 0.0) & (answers <= 1.0)).all())


def test_100_000_insane_inputs_give_sane_answers(tiny):
    rng = np.random.default_rng(4)
    windows = _adversarial(rng, (250, *context.WINDOW_SHAPE))
    assert not _all_inside(tiny.run(windows, _adversarial(rng, (250, context.SIZE)))), "nothing to clean"
    for _ in range(400):
        contexts = _adversarial(rng, (250, context.SIZE))
        heard, told = clean(windows[rng.permutation(250)], contexts)
        assert np.isfinite(heard).all() and np.isfinite(told).all()
        assert _all_inside(tiny.run(heard, told))


@pytest.mark.parametrize("precision", ["int8", "fp32"])
@pytest.mark.parametrize("name", shipped())
def test_shipped_networks_give_sane_answers_to_insane_inputs(name, precision):
    rng = np.random.default_rng(5)
    bundle = load_bundle(name, precision)
    inputs = _adversarial(rng, (100, *context.WINDOW_SHAPE)), _adversarial(rng, (100, context.SIZE))
    answers = bundle.run(*clean(*inputs))
    assert ((answers >= -1e-3) & (answers <= 1.0 + 1e-3)).all()


def test_cleaning_leaves_what_is_sane_alone(listener):
    matched = Matcher().suggest(listener, STYLE)
    window = context.window(listener.window, listener.statistics.loudness_lufs)[None]
    vector = context.vector(listener.statistics, STYLE, matched)[None]
    for cleaned, before in zip(clean(window, vector), (window, vector), strict=True):
        assert cleaned.dtype == np.float32 and np.array_equal(cleaned, before)


# The choice ------------------------------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path, monkeypatch) -> Path:
    """A folder of models with one that is sound, in the place of the shipped ones."""
    bundles.make(tmp_path / "models" / "baseline_cnn")
    monkeypatch.setattr("rt_automix.analysis.bundles.bundle.FOLDERS", (tmp_path / "models",))
    return tmp_path / "models"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("auto", "baseline_cnn"),
        ("baseline_cnn", "baseline_cnn"),
        ("baseline_cnn:int8", "baseline_cnn"),
        ("baseline_cnn:fp32", "baseline_cnn:fp32"),
        ("matcher", "matcher"),
    ],
)
def test_who_is_named_decides(shelf, text, name):
    complaints: list[str] = []
    suggester.check(text)
    suggester.check_bundle(text)
    assert suggester.choose(text, complaints.append).name == name and complaints == []


def test_one_that_is_opened_when_it_is_first_asked_answers_as_any(shelf, listener):
    at_once, later = (suggester.choose("auto", pytest.fail, at_once=at_once) for at_once in (True, False))
    np.testing.assert_array_equal(later.suggest(listener, STYLE), at_once.suggest(listener, STYLE))
    assert later.name == at_once.name == "baseline_cnn" and later.faults == 0


def test_one_that_turns_out_unfit_when_it_is_first_asked_is_the_matcher_from_then_on(shelf, listener):
    (shelf / "baseline_cnn" / "golden.npz").unlink()
    complaints: list[str] = []
    later = suggester.choose("auto", complaints.append, at_once=False)
    assert later.name == "baseline_cnn" and complaints == []
    for _ in range(2):
        np.testing.assert_array_equal(later.suggest(listener, STYLE), Matcher().suggest(listener, STYLE))
    (complaint,) = complaints
    assert complaint.endswith("export the bundle anew. The matcher decides.") and later.name == "matcher"


def test_a_folder_can_be_named(shelf, tmp_path):
    mine = str(bundles.make(tmp_path / "my models" / "mine"))
    for text, name in ((mine, "mine"), (f"{mine}:fp32", "mine:fp32")):
        suggester.check_bundle(text)
        assert suggester.choose(text, pytest.fail).name == name


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """What is known of masters, in a folder of its own."""
    for name in ("masters.json", "spoken.json", "corrector.npz"):
        (tmp_path / name).write_bytes((masters._DATA / name).read_bytes())
    monkeypatch.setattr(masters, "_DATA", tmp_path)
    masters.table.cache_clear()
    yield tmp_path
    masters.table.cache_clear()


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:70_000])


def _turned(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[40_000] ^= 0x10
    file.write_bytes(content)


def _without_a_layer(file: Path) -> None:
    with np.load(file) as parts:
        np.savez(file, **{name: parts[name] for name in parts.files if name != "weight_1_2"})


@pytest.mark.parametrize(
    "harm",
    [Path.unlink, _cut, _turned, _without_a_layer, lambda file: file.write_bytes(b""),
     lambda file: file.write_bytes(b"no archive"), lambda file: np.save(file.open("wb"), np.zeros(3))],
    ids=["missing", "cut", "a bit turned", "a layer missing", "empty", "no archive", "one array"],
)  # fmt: skip
def test_networks_that_cannot_correct_are_told_and_the_closed_form_does(data, shelf, harm):
    assert masters.problem() == ""
    harm(data / "corrector.npz")
    masters.table.cache_clear()
    np.testing.assert_array_equal(masters.table(), masters.table(False))
    complaints: list[str] = []
    assert suggester.choose("auto", complaints.append).name == "baseline_cnn"
    (complaint,) = complaints
    assert complaint.startswith(f"{data / 'corrector.npz'}: ") and "\n" not in complaint
    assert complaint.endswith(". Install rt-automix anew. The closed form corrects alone.")
    suggester.choose("matcher", pytest.fail)


@pytest.mark.parametrize("text", ["auto", "baseline_cnn", "baseline_cnn:fp32", "weighted_ensemble", "no/folder"])
def test_a_model_that_cannot_be_used_is_told_and_the_matcher_decides(shelf, text):
    shutil.rmtree(shelf / "baseline_cnn")
    complaints: list[str] = []
    suggester.check(text)
    assert suggester.choose(text, complaints.append).name == "matcher"
    (complaint,) = complaints
    assert "no such bundle" in complaint and complaint.endswith("The matcher decides.")
    if text == "auto":
        suggester.check_bundle(text)
    else:
        with pytest.raises(ModelError, match="no such bundle"):
            suggester.check_bundle(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("macher", 'suggester "macher" is unknown. Did you mean "matcher"? Known: auto, matcher, baseline_cnn, '),
        ("weighted_ensemble:fp16", '"fp16" cannot follow "weighted_ensemble". Did you mean "fp32"?'),
        ("auto:fp32", '"fp32" cannot follow "auto".'),
        ("matcher:int8", '"int8" cannot follow "matcher".'),
    ],
)
def test_a_name_that_nobody_has_is_an_error(shelf, text, message):
    with pytest.raises(ConfigError) as raised:
        suggester.check(text)
    assert message in str(raised.value) and "\n" not in str(raised.value)
