"""The page of a session with several outputs: one of them is chosen, shown and steered."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from browser_house import Visit, until
from liverun import LiveRun

pytestmark = pytest.mark.live


def one(run: LiveRun, name: str) -> dict[str, Any]:
    return next(output for output in run.status["outputs"] if output["name"] == name)


def check_what_is_of_the_main_output(page: Any, run: LiveRun) -> None:
    """Its take, presets and reference; a knob is learned for the output that is shown."""
    run.wait_for(lambda run: [take["side"] for take in run.status["takes"]] == ["tape"])
    until(page, "document.getElementById('record-word').textContent === 'Record'")
    page.select_option("#output", "stream")
    until(page, "[...document.querySelectorAll('[data-of-main]')].every((part) => part.inert)")
    page.click("#learn")
    page.click("#amount")
    run.wait_for(lambda run: run.status["learning"] == "output/stream/amount")
    until(page, "document.getElementById('amount').closest('[data-learn]').classList.contains('learning')")
    page.click("#learn-cancel")
    run.wait_for(lambda run: run.status["learning"] is None)
    page.select_option("#output", "room")
    until(page, "![...document.querySelectorAll('[data-of-main]')].some((part) => part.inert)")


def test_an_output_is_chosen_shown_and_steered(browser: Any, tmp_path: Any) -> None:
    soundfile.write(tmp_path / "song.wav", 0.1 * np.random.default_rng(3).standard_normal((96_000, 2)), 48_000)
    server: Any = SimpleNamespace(environment={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)})
    said = ["--output", "room: amount=0.9", "--output", "stream: amount=0.4 target_lufs=-20"]
    said += ["--output", f"tape: file={tmp_path / 'night.flac'}"]
    options = ["--play", str(tmp_path / "song.wav"), "--panel", "--panel-port", "0", "--phones", *said]
    with LiveRun(server, tmp_path / "state.json", *options) as run:
        run.wait_until_playing()
        url = next(text for text in run.texts() if text.startswith("Panel: ")).removeprefix("Panel: ")
        visit = Visit(browser, url)
        page = visit.open()
        until(page, "document.getElementById('amount').getAttribute('aria-valuenow') === '90'")
        assert page.locator("#output option").all_inner_texts() == ["room", "stream", "tape"]
        page.select_option("#output", "stream")
        until(page, "document.getElementById('amount').getAttribute('aria-valuenow') === '40'")
        page.focus("#amount")
        page.keyboard.press("ArrowUp")
        run.wait_for(lambda run: one(run, "stream")["controls"]["amount"] > 0.4)
        assert one(run, "room")["controls"]["amount"] == 0.9
        page.click("#bypass")
        run.wait_for(lambda run: one(run, "stream")["controls"]["listen"] == "bypass")
        assert one(run, "room")["controls"]["listen"] == "master"
        pressed = "document.getElementById('phones').getAttribute('aria-pressed') === '{}'"
        until(page, pressed.format("false"))
        page.click("#phones")
        run.wait_for(lambda run: run.status["phones"] == "stream")
        until(page, pressed.format("true"))
        page.select_option("#output", "room")
        until(page, pressed.format("false"))
        page.select_option("#output", "stream")
        until(page, pressed.format("true"))
        page.click("#phones")
        run.wait_for(lambda run: run.status["phones"] == "room")
        check_what_is_of_the_main_output(page, run)
        page.click("#panic")
        run.wait_for(lambda run: all(output["panic"] for output in run.status["outputs"]))
        visit.close()
        assert not visit.complaints
