"""Kernels are compiled by several processes at once, callees first, and without them where they fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rt_automix.dsp import jit
from rt_automix.io.devices import kernels

pytestmark = pytest.mark.skipif(not jit.JIT_ENABLED, reason="compiles kernels")

FEW = """
import json, sys
from rt_automix.dsp import compressor, jit
from rt_automix.io.devices import kernels
calls = {name: callees for name, callees in jit.callees().items() if "compressor" in name or "logexp" in name}
print(json.dumps(list(kernels.in_parallel(calls, 2))))
"""


def test_callees_are_found_by_their_own_names_and_in_their_modules():
    kernels.import_all()
    calls = jit.callees()
    chain, edge, limiter = "rt_automix.engine.chain", "rt_automix.io.devices.edge", "rt_automix.dsp.limiter"
    assert f"{edge}:master_piece" in calls["rt_automix.io.devices.callbacks:jack_callback"]
    assert f"{edge}:duplex" in calls["rt_automix.io.devices.callbacks:portaudio_callback"]
    assert calls[f"{chain}:_segment"] == {
        "rt_automix.engine.steering:tick",
        "rt_automix.dsp.mix:guard",
        "rt_automix.dsp.mix:peak",
        *(f"{chain}:{name}" for name in ("_master", "_measure", "_listen", "_trim")),
    }
    assert calls[f"{limiter}:process"] == {f"{limiter}:_look_ahead", f"{limiter}:_direct"}
    assert calls["rt_automix.dsp.logexp:log2"] == set()


def test_helpers_fill_the_cache_callees_first(tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)
    run = subprocess.run([sys.executable, "-c", FEW], env=environment, capture_output=True, text=True, check=True)
    done = json.loads(run.stdout)
    calls = jit.callees()
    assert len(done) > 5
    for place, name in enumerate(done):
        assert calls[name] <= set(done[:place])
    cached = {path.name.partition("-")[0] for path in Path(tmp_path).rglob("*.nbi")}
    assert cached == {name.rpartition(".")[2].replace(":", ".") for name in done}


@pytest.mark.parametrize("trouble", ["no interpreter", "ends at once", "other sources", "dies at work"])
def test_without_helpers_everything_is_compiled_all_the_same(trouble, monkeypatch, tmp_path):
    speaks = f"print({str(jit.CACHE_FOLDER)!r}, flush=True)"
    does = {"ends at once": "", "other sources": "print('elsewhere')", "dies at work": f"{speaks}; input()"}
    script = tmp_path / "interpreter"
    if trouble in does:
        script.write_text(f"#!{sys.executable}\n{does[trouble]}\n", encoding="utf-8")
        script.chmod(0o755)
    monkeypatch.setattr(kernels.sys, "executable", str(script))
    monkeypatch.setattr(jit, "is_warm", lambda: False)
    monkeypatch.setattr(jit, "_forget_old_caches", lambda: None)
    monkeypatch.setattr(kernels, "_cores", lambda: 2)
    compiled: list[str] = []
    monkeypatch.setattr(jit, "compile_one", compiled.append)
    steps = list(kernels.compile_missing())
    assert sorted(compiled) == sorted(jit.callees())
    assert steps == [(number, len(compiled)) for number in range(1, len(compiled) + 1)]


def test_what_helpers_have_done_is_not_done_again(monkeypatch):
    monkeypatch.setattr(jit, "is_warm", lambda: False)
    monkeypatch.setattr(jit, "_forget_old_caches", lambda: None)
    monkeypatch.setattr(kernels, "_cores", lambda: 2)
    asked: list[int] = []

    def half(calls, helpers):
        asked.append(helpers)
        yield from sorted(calls)[::2]
        raise kernels.HelperError

    compiled: list[str] = []
    monkeypatch.setattr(kernels, "in_parallel", half)
    monkeypatch.setattr(jit, "compile_one", compiled.append)
    steps = list(kernels.compile_missing())
    assert asked == [2]
    assert sorted(compiled) == sorted(jit.callees())[1::2]
    assert [done for done, _ in steps] == list(range(1, len(jit.callees()) + 1))
