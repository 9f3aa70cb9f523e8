"""What the tests in a browser share: a session that plays, a browser, and pages that are closed again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from browser_house import CHROMIUM, House, Visit
from liverun import LiveRun

SONG_S, PEAK_LIN = 120, 0.3  # so quiet that the limiter has nothing to do where nothing else has


@pytest.fixture(scope="module")
def house(browser: Any, songs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("panel")
    sound, rate_hz = soundfile.read(songs[0], dtype="float32", always_2d=True)
    sound = sound[len(sound) // 4 :][: SONG_S * rate_hz]
    soundfile.write(folder / "song.wav", PEAK_LIN * sound / np.abs(sound).max(), rate_hz, "FLOAT")
    homes = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    arguments = ["--play", str(folder / "song.wav"), "--panel", "--panel-port", "0", "--record-bits", "32"]
    arguments += ["--record", str(folder / "out.wav")]
    caches = {"XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")}
    server: Any = SimpleNamespace(environment={**os.environ, **homes, **caches})
    with LiveRun(server, folder / "state.json", *arguments) as run:
        run.wait_until_playing()
        url = next(text for text in run.texts() if text.startswith("Panel: "))
        yield House(run, url.removeprefix("Panel: "), folder)


@pytest.fixture(scope="module")
def status(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a real session tells, for stages that a whole page looks at."""
    folder = tmp_path_factory.mktemp("session")
    soundfile.write(folder / "song.wav", 0.1 * np.random.default_rng(3).standard_normal((96_000, 2)), 48_000)
    server: Any = SimpleNamespace(environment=dict(os.environ))
    with LiveRun(server, folder / "state.json", "--play", str(folder / "song.wav")) as run:
        return run.wait_until_playing().status


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    if CHROMIUM is None:
        pytest.skip("needs a browser: sudo apt install chromium")
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Any, house: House) -> Iterator[Visit]:
    house.reset()
    visit = Visit(browser, house.url)
    yield visit
    visit.close()
