"""Makes the pictures of the README anew that need no measurement: `make pictures`, after `make music`.

demo.png from the built-in song, panel-*.png from a session in a browser, live.svg from one on a JACK
server. They need jackd and chromium, as their tests do, whose helpers they use. latency.png is that of
`python -m bench latency`, styles.png that of `python -m training styles`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import soundfile
from browser_house import CHROMIUM, LAPTOP, PHONE, TABLET, Visit
from jackserver import jack_server
from liverun import LiveRun, Probe
from playwright.sync_api import sync_playwright
from rich.console import Console

from rt_automix.cli.views import frame

DOCS = Path(__file__).parent
PANEL_S, SCREEN_S = 150.0, 20.0
"""So long a session plays before it is shown: its curves over time need some past."""
SIZES = {
    "desktop": (LAPTOP, {}),
    "tablet": (TABLET, {"has_touch": True}),
    "phone": (PHONE, {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}),
}
TERMINAL = (100, 24)


def demo(folder: Path) -> None:
    """The picture that `rt-automix demo` draws."""
    subprocess.run([sys.executable, "-m", "rt_automix", "demo", "--out", folder], check=True)
    shutil.copy(folder / "picture.png", DOCS / "demo.png")


def panel(song: Path, folder: Path) -> None:
    """The page on a laptop, a tablet and a phone, with a curve of one's own, a trim and two presets."""
    homes = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    caches = {"XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")}
    place: Any = SimpleNamespace(environment={**os.environ, **homes, **caches})
    arguments = ["--play", str(song), "--panel", "--panel-port", "0", "--record", str(folder / "gig.flac")]
    with sync_playwright() as engine, LiveRun(place, folder / "panel.json", *arguments) as run:
        run.wait_until_playing()
        run.command(set={"amount": 0.8, "trims": {"presence_db": 1.2}, "curve": [[250.0, -2.0], [4000.0, 2.5]]})
        url = next(text for text in run.texts() if text.startswith("Panel: ")).removeprefix("Panel: ")
        visit = Visit(engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]), url)
        for name, (size, how) in SIZES.items():
            page = visit.open(size, **how)
            if name == "desktop":
                for preset in ("Club", "Open air"):
                    page.fill("#preset-name", preset)
                    page.keyboard.press("Enter")
                    page.wait_for_selector(f"[aria-label='Recall {preset}']")
                page.evaluate("document.activeElement.blur()")
                time.sleep(PANEL_S)
            page.screenshot(path=DOCS / f"panel-{name}.png")
        visit.close()


def screen(song: Path, folder: Path) -> None:
    """The terminal while a song comes in through JACK."""
    sound, _ = soundfile.read(song, dtype="float32", always_2d=True)
    without_midi = folder / "gig.toml"
    without_midi.write_text("[midi]\nenabled = false\n")
    arguments = ["--amount", "0.7", "--record", str(folder / "gig.flac"), "--config", str(without_midi)]
    with jack_server(period=256) as server, LiveRun(server, folder / "screen.json", *arguments) as run:
        run.wait_until_playing()
        events = [(time.strftime("%H:%M:%S"), run.texts("state")[-1])]
        probe = Probe(np.ascontiguousarray(sound.T))
        probe.connect()
        probe.run(SCREEN_S)
        status = run.status
        probe.close()
    meters = status["meters"]
    shown = frame.Scene(
        "playing", status=status, clock=time.strftime("%H:%M:%S"), in_hold_dbfs=meters["in_peak_dbfs"],
        out_hold_dbtp=meters["out_true_peak_dbtp"], takes=status.get("takes", ()), events=events,
    )  # fmt: skip
    with (folder / "nothing").open("w") as nowhere:
        console = Console(file=nowhere, width=TERMINAL[0], height=TERMINAL[1], record=True, force_terminal=True)
        for line in frame.draw(shown, *TERMINAL):
            console.print(line)
    console.save_svg(str(DOCS / "live.svg"), title="rt-automix live --amount 0.7 --record gig.flac")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        played = Path(name) / "City Blues.ogg"
        shutil.copy(next(Path(sys.argv[1]).rglob("*City Blues.ogg")), played)
        for make, given in ((demo, ()), (panel, (played,)), (screen, (played,))):
            folder = Path(name) / make.__name__
            folder.mkdir()
            make(*given, folder)
