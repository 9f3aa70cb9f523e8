"""A session that plays a real song, and pages in a browser that show it."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import waiting
from liverun import LiveRun
from waiting import PATIENCE_S

from rt_automix import params

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LAPTOP, TABLET, PHONE = (1440, 900), (1024, 768), (390, 844)
HANDHELD = {"tablet": TABLET, "tablet upright": (768, 1024), "phone": PHONE, "phone across": (844, 390)}
REST_S, SPAN_S = 0.8, 0.4
FINE_REST_S = 3.5
"""The fine equaliser takes so long until nothing of it is left."""
START: dict[str, Any] = {"amount": 1.0, "listen": "master", "freeze": False, "target_lufs": -14.0, "trims": {}}
START |= {
    "night": False,
    "fine_tone": 1.0,
    "boldness": 0.5,
    "style_strength": 0.5,
    "curve": [],
    "profile": "balanced",
    "output_trim_db": 0.0,
    "ceiling_dbtp": -1.0,
}


@dataclass
class House:
    """A session that plays, where its page is, and its takes."""

    run: LiveRun
    url: str
    folder: Path

    @property
    def status(self) -> dict[str, Any]:
        return self.run.status

    @property
    def controls(self) -> dict[str, Any]:
        return self.status["controls"]

    def wait(self, condition: Callable[[], Any]) -> Any:
        """Wait until something holds; what it gave."""
        return self.run.wait_for(lambda _: condition())

    def reset(self) -> None:
        """The controls as at the start."""
        self.run.command(set=START)
        self.wait(lambda: START.items() <= {**self.controls, "profile": self.status["profile"]}.items())

    def sound(self, rest_s: float = REST_S) -> tuple[float, float]:
        """Gain in dB of the output over the song, and what of the output is no scaled song, in dB of it.

        Of the 0.4 s that come after what was asked for before has come to rest.
        """
        began_s = self._taken_s() + rest_s
        self.wait(lambda: self._taken_s() > began_s + SPAN_S + 0.1)
        rate_hz = self.status["sample_rate_hz"]
        start, count = int(began_s * rate_hz), int(SPAN_S * rate_hz)
        after = soundfile.read(self.folder / "out.wav", count, start + self.status["latency_samples"])[0]
        song = soundfile.read(self.folder / "song.wav")[0]
        before = song.take(range(start, start + count), axis=0, mode="wrap")
        gain_lin = np.vdot(before, after) / np.vdot(before, before)
        rest = np.linalg.norm(after - gain_lin * before) / np.linalg.norm(after)
        return 20.0 * np.log10(gain_lin), 20.0 * np.log10(max(rest, 1e-9))

    def applied(self) -> float:
        """How far the ten parameters are from doing nothing, in shares of their ranges."""
        applied = self.status["meters"]["applied"]
        return sum(abs(applied[one.name] - one.neutral) / (one.high - one.low) for one in params.PARAMS)

    def _taken_s(self) -> float:
        return soundfile.info(self.folder / "out.wav").duration


class Visit:
    """Pages in a browser of their own; what they complain of is collected."""

    def __init__(self, browser: Any, url: str) -> None:
        self._browser, self._url = browser, url
        self._contexts: list[Any] = []
        self.complaints: list[str] = []

    def open(
        self, size: tuple[int, int] = LAPTOP, prepare: Callable[[Any], None] = lambda page: None, **how: Any
    ) -> Any:
        viewport = {"width": size[0], "height": size[1]}
        context = self._browser.new_context(viewport=viewport, **how)
        context.set_default_timeout(1e3 * PATIENCE_S)
        self._contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda message: message.type in ("error", "warning") and self.complaints.append(message.text)
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        prepare(page)
        page.goto(self._url)
        until(page, "!document.body.classList.contains('stale')")
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def until(page: Any, expression: str, limit_s: float = PATIENCE_S) -> None:
    """Wait until something holds in the page; its policy forbids the driver's own way, which is to evaluate text."""
    waiting.until(lambda: page.evaluate(expression), expression, limit_s)


def spot(page: Any, frequency_hz: float, gain_db: float) -> tuple[float, float]:
    """Where that lies on the page, over the spectrum."""
    box = page.locator("#curve").bounding_box()
    across = math.log(frequency_hz / 25.0) / math.log(20_000.0 / 25.0)
    return box["x"] + across * box["width"], box["y"] + (0.5 - gain_db / 24.0) * box["height"]


def shown_amount(page: Any) -> int:
    return int(page.get_attribute("#amount", "aria-valuenow"))


def pull_amount(page: Any, to: float) -> None:
    """Take the thumb with the pointer and move it to a share of the fader's height."""
    box = page.locator(".fader-thumb").bounding_box()
    way = page.locator("#amount").bounding_box()["height"] * (to - shown_amount(page) / 100)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - way, steps=12)
    page.mouse.up()
