"""`demo --panel` and `render --panel`: the file is mastered, then played to the same page, without a device."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
import soundfile
from waiting import until

RATE_HZ = 48_000


def state_of(url):
    with urllib.request.urlopen(f"{url}api/v1/state", timeout=10.0) as answer:
        return json.load(answer)


def wait_for(what, process):
    """The first answer of `what` that is not None."""

    def found():
        assert process.poll() is None, "it ended by itself"
        return [answer] if (answer := what()) is not None else []

    return until(found)[0]


@pytest.mark.parametrize("command", ["render", "demo"])
def test_after_mastering_the_page_shows_it_playing(command, tmp_path):
    noise = 0.1 * np.random.default_rng(3).standard_normal((20 * RATE_HZ, 2))
    soundfile.write(tmp_path / "song.wav", noise, RATE_HZ)
    files = {"render": ["song.wav", "master.wav"], "demo": ["--out", "demo"]}[command]
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
    log = tmp_path / "log.txt"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "rt_automix", command, *files, "--panel"],
            cwd=tmp_path, env=environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        url = wait_for(lambda: (m := re.search(r"Panel: (http\S+/)\s", log.read_text())) and m[1], process)
        assert "Written" in log.read_text() or "Listen" in log.read_text()
        with urllib.request.urlopen(url, timeout=10.0) as page:
            assert page.status == 200 and "<html" in page.read().decode()

        def heard():
            session = state_of(url).get("session") or {}
            playing = session.get("state") == "playing" and session["meters"]["momentary_lufs"] > -60.0
            return session if playing else None

        session = wait_for(heard, process)
        assert session["suggester"]
    finally:
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(30.0)
        finally:
            process.kill()
    assert code == 0, log.read_text()
