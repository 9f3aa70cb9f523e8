"""LV2 in jalv on a PipeWire of the test's own: it hears and decides with jalv's worker."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess

import pytest
from jackclient import LEVEL, Other
from pipewireserver import needs_pipewire, pipewire_server, wait_for

from rt_automix.plugin import ttl

pytestmark = [needs_pipewire, pytest.mark.live]


@pytest.mark.skipif(shutil.which("jalv") is None, reason="needs jalv: sudo apt install jalv")
def test_jalv_on_pipewire_lets_it_listen(plugins, tmp_path):
    said = tmp_path / "said"
    with pipewire_server() as server, said.open("w") as log:
        environment = {**server.environment, "LV2_PATH": str(plugins / ".lv2")}
        command = [
            "stdbuf",
            "-oL",
            "jalv",
            "-x",
            "-n",
            "rt_automix",
            "-c",
            "style_loudness=0",
            "-c",
            "target_lufs=-10",
            ttl.URI,
        ]
        pipes = {"stdin": subprocess.PIPE, "stdout": log, "stderr": log, "text": True}
        jalv = subprocess.Popen(command, env=environment, **pipes)
        try:
            with Other(server.environment, "player") as player, Other(server.environment, "ears") as ears:
                wait_for(lambda: {"rt_automix:in_left", "rt_automix:out_right"} <= set(server.ports()), "jalv's ports")
                for k, side in ((1, "left"), (2, "right")):
                    server.run("jack_connect", f"{player.name}:out_{k}", f"rt_automix:in_{side}")
                wait_for(lambda: ears.hear("rt_automix:out_left", "rt_automix:out_right"), "links")
                ears.wait_for_sound()
                wait_for(lambda: ears.peak() > 2.0 * LEVEL, "what is quiet to become louder")
                assert ears.peak() <= 10.0 ** (-1.0 / 20.0) + 1e-6
            jalv.stdin.write("monitors\n")
            jalv.stdin.flush()
            wait_for(lambda: "short_term_lufs = " in said.read_text(), "meters")
            jalv.send_signal(signal.SIGINT)
            jalv.wait(20.0)
        finally:
            jalv.kill()
            jalv.wait(5.0)
    meters = {name: float(value) for name, value in re.findall(r"(\w+) = (-?[\d.]+)", said.read_text())}
    assert 0.0 < meters["suggestion_age_s"] < 2.0 and meters["short_term_lufs"] > -40.0
