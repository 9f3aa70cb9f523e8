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
from bench.quality import listen
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
        shown.reload()
        shown.wait_for_selector("#rowC")
        with shown.expect_download() as saving:
            shown.keyboard.press("s")
        saving.value.save_as(tmp_path / "answers.json")
        browser.close()
    assert wrong == []
    run = CliRunner().invoke(main, ["heard", str(page), str(tmp_path / "answers.json"), "--out", str(tmp_path)])
    assert run.exit_code == 0, run.output
    results = json.loads((tmp_path / "heard.json").read_text())["results"]
    assert results[listen.CLOSED]["score"] == 70.0 and results[listen.CLOSED]["over_untouched"] == 25.0
    assert results[listen.UNTOUCHED]["score"] == 45.0 and results[listen.UNTOUCHED]["best"] == 0.0
    assert list(results) == [listen.CLOSED, listen.UNTOUCHED]  # who was not rated is left out


def test_answers_of_another_page_are_refused(page, tmp_path):
    (tmp_path / "answers.json").write_text(json.dumps({"format": 1, "scores": {"7": {"A": 3}}}))
    run = CliRunner().invoke(main, ["heard", str(page), str(tmp_path / "answers.json")])
    assert run.exit_code == 2 and "song 7 is none of" in run.output
