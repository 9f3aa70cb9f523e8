"""A page to listen blind: in a real browser, from a disk; what is answered there is summed up by who mastered."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from bench.__main__ import main
from bench.quality import heard, listen
from rt_automix.analysis.recordings.measure import Meter

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
RATE_HZ = 48_000


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Two songs as they are mastered today, and not at all: no other checkout is made."""
    folder = tmp_path_factory.mktemp("listen")
    (folder / "music").mkdir()
    rng = np.random.default_rng(3)
    beat = np.exp(-6.0 * (np.arange(13 * RATE_HZ) / RATE_HZ % 0.5))[:, None]
    for number in range(2):
        soundfile.write(folder / "music" / f"{number}.wav", 0.1 * beat * rng.standard_normal((beat.size, 2)), RATE_HZ)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listen, "COMMIT", "no-such-commit")
        words = ["listen", str(folder / "page"), "--music", str(folder / "music"), "--seconds", "6", "--excerpt", "2"]
        run = CliRunner().invoke(main, words)
    assert run.exit_code == 0, run.output
    assert "0.3.0 is skipped" in run.output
    return folder / "page"


def test_all_are_as_long_and_as_loud_and_the_key_names_them(page):
    key = json.loads((page / "key.json").read_text())
    for number, letters in key["key"].items():
        assert sorted(letters.values()) == [listen.CLOSED, listen.NETWORKS, listen.UNTOUCHED]
        text = (page / f"song{number}.js").read_text()
        assert not any(who in text for who in letters.values())  # nothing tells
        sounds = json.loads(re.fullmatch(r"loaded\(\d+, (.*)\);\n", text).group(1))
        loudness = []
        for letter in letters:
            audio, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(sounds[letter])), dtype="float32")
            assert rate_hz == RATE_HZ and len(audio) == 2 * RATE_HZ
            meter = Meter(rate_hz, 2)
            meter.push(np.ascontiguousarray(audio.T))
            loudness.append(meter.result().integrated_lufs)
            assert meter.result().true_peak_dbtp < -0.9
        assert np.ptp(loudness) < 0.1


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: sudo apt install chromium")
def test_in_a_browser_it_is_rated_by_keys_and_what_is_saved_is_summed_up(page, tmp_path):
    from playwright.sync_api import sync_playwright

    letters = json.loads((page / "key.json").read_text())["key"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        shown, wrong = browser.new_page(), []
        shown.on("pageerror", lambda error: wrong.append(str(error)))
        shown.goto(f"file://{page}/index.html")
        for number in ("0", "1"):
            shown.wait_for_selector("#rowC")
            assert shown.inner_text("#title") == f"Song {int(number) + 1} of 2"
            untouched = next(letter for letter, who in letters[number].items() if who == listen.UNTOUCHED)
            best = next(letter for letter, who in letters[number].items() if who == listen.CLOSED)
            shown.keyboard.press(untouched.lower())
            assert shown.inner_text("#play") == "Pause"
            shown.wait_for_function("document.getElementById('where').value > 0.1")
            shown.keyboard.press("ArrowDown")
            shown.keyboard.press(best.lower())
            assert shown.get_attribute(f"#row{best}", "class") == "row on"
            for _ in range(4):
                shown.keyboard.press("ArrowUp")
            shown.keyboard.press("n")
            shown.wait_for_function(f"document.getElementById('title').textContent.includes('Song {2}')")
        shown.click("#rowA button")
        shown.keyboard.press(" ")  # pauses, and does not press the button that was clicked
        assert shown.inner_text("#play") == "Play"
        shown.reload()
        shown.wait_for_selector("#rowC")
        with shown.expect_download() as saving:
            shown.keyboard.press("s")
        saving.value.save_as(tmp_path / "answers.json")
        assert shown.inner_text("#said") == "Saved: 4 of 6 are rated."
        shown.on("dialog", lambda asked: asked.accept())
        shown.click("#clear")
        shown.wait_for_function("document.querySelector('#rowA output')?.textContent === '–'")
        shown.reload()
        shown.wait_for_selector("#rowC")
        assert shown.inner_text("#rowA output") == "–"  # the next who listens begins anew
        browser.close()
    assert wrong == []
    run = CliRunner().invoke(main, ["heard", str(page), str(tmp_path / "answers.json"), "--out", str(tmp_path)])
    assert run.exit_code == 0, run.output
    results = json.loads((tmp_path / "heard.json").read_text())["results"]
    assert results[listen.CLOSED]["score"] == 70.0 and results[listen.CLOSED]["over_untouched"] == 25.0
    assert results[listen.UNTOUCHED]["score"] == 45.0 and results[listen.UNTOUCHED]["best"] == 0.0
    assert list(results) == [listen.CLOSED, listen.UNTOUCHED]  # who was not rated is left out


def answers(folder, scores, **others):
    """A file as the page saves it."""
    told = {"format": 1, "page": json.loads((folder / "key.json").read_text())["page"], "scores": scores}
    file = folder.parent / "answers.json"
    file.write_text(json.dumps({**told, **others}))
    return file


@pytest.mark.parametrize(
    ("scores", "others", "says"),
    [
        ({"7": {"A": 3}}, {}, "song 7 is none of"),
        ({"0": {"A": 300}}, {}, "outside 0 to 100"),
        ({"0": {"A": 3}}, {"page": "made anew"}, "answers of another page"),  # whose letters stood for others
        ({"0": {"A": "loud"}}, {}, "no answers"),
        ([], {}, "no answers"),
    ],
)
def test_answers_of_another_page_or_none_are_refused(page, scores, others, says):
    run = CliRunner().invoke(main, ["heard", str(page), str(answers(page, scores, **others))])
    assert run.exit_code == 2 and says in " ".join(run.output.split())


def test_who_listens_need_not_rate_all_and_a_song_counts_once(page):
    letters = json.loads((page / "key.json").read_text())["key"]
    first, second = ({who: letter for letter, who in letters[number].items()} for number in "01")
    rated = {"0": {first[listen.NETWORKS]: 80, first[listen.CLOSED]: 60}, "1": {second[listen.NETWORKS]: 40}}
    found = heard.summary(page, [answers(page, rated)] * 3)
    assert found[listen.NETWORKS]["score"] == 60.0 and found[listen.NETWORKS]["heard"] == 6.0
    assert found[listen.NETWORKS]["best"] == 1.0 and found[listen.CLOSED]["best"] == 0.0  # alone is not the best
    assert found[listen.NETWORKS]["over_untouched"] is None and found[listen.NETWORKS]["low"] is None
    rated["0"][first[listen.UNTOUCHED]], rated["1"][second[listen.UNTOUCHED]] = 50, 50
    found = heard.summary(page, [answers(page, rated)])
    assert found[listen.NETWORKS]["over_untouched"] == 10.0  # 30 better, and 10 worse
    assert (found[listen.NETWORKS]["low"], found[listen.NETWORKS]["high"]) == (-10.0, 30.0)
    assert found[listen.CLOSED]["over_untouched"] == 10.0 and found[listen.CLOSED]["low"] is None  # of one song
