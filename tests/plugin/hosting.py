"""The tests' own hosts of plug-ins, and the engine that these are held against."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rt_automix.analysis.aim import profile
from rt_automix.analysis.deciding.suggester import choose
from rt_automix.config import Config, Limiter
from rt_automix.engine.engine import Engine
from rt_automix.plugin import build, table, ttl

HERE = Path(__file__).resolve().parent
CLAP_HEADERS = build.DPF / "src"
ID = {row.symbol: row.identity for row in (*table.CONTROLS, *table.METERS)}
LATENCY = 64


def compiled(source: str, folder: Path, *options: object) -> Path:
    """A program of the tests' own."""
    program = folder / Path(source).stem
    command = (
        "cc",
        "-O1",
        "-std=c11",
        "-D_GNU_SOURCE",
        HERE / "hosts" / source,
        "-o",
        program,
        *options,
        "-ldl",
        "-lpthread",
    )
    subprocess.run([str(part) for part in command], check=True)
    return program


def talker(*command: object, env: dict[str, str] | None = None) -> Callable[..., list[str]]:
    """A host that does what lines say; what it prints."""
    usual = env

    def run(*lines: str, env: dict[str, str] | None = None) -> list[str]:
        text = "\n".join(lines) + "\n"
        words = [str(part) for part in command]
        done = subprocess.run(words, input=text, capture_output=True, text=True, env=env or usual, timeout=120)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return done.stdout.splitlines()

    return run


def driver(plugin: Path, folder: Path, *options: str) -> Callable[..., list[str]]:
    """The host of CLAPs, compiled with some options, for one plug-in."""
    return talker(compiled("claphost.c", folder, *options, f"-I{CLAP_HEADERS}"), plugin)


def lilv(bundles: Path, folder: Path, *options: str, kind: str = "") -> Callable[..., list[str]]:
    """The host that lilv makes, the same way, for an LV2 in a folder of bundles."""
    if not shutil.which("pkg-config") or subprocess.run(["pkg-config", "--exists", "lilv-0"], check=False).returncode:
        pytest.skip("needs lilv's headers: sudo apt install liblilv-dev pkg-config")
    asked = subprocess.run(["pkg-config", "--cflags", "--libs", "lilv-0"], capture_output=True, text=True, check=True)
    program = compiled("lilvhost.c", folder, *options, *asked.stdout.split())
    return talker(program, ttl.URI + kind, env={**os.environ, "LV2_PATH": str(bundles)})


def new_vst3_host(binary: Path, folder: Path, *options: str) -> Callable[..., list[str]]:
    """The host of VST3s, the same way."""
    return talker(compiled("vst3host.c", folder, *options, "-fms-extensions", f"-I{CLAP_HEADERS}"), binary)


def new_engine(rate_hz: int = 48_000, channels: int = 2, direct: bool = False, style: str = "auto") -> Engine:
    """An engine as `render` makes one."""
    config = Config(limiter=Limiter(lookahead=not direct))
    suggester = choose(config.master.suggester, pytest.fail, at_once=False)
    engine = Engine(config, profile.load(style), suggester)
    engine.prepare(rate_hz, 4096, channels)
    return engine


def play(engine: Engine, samples: np.ndarray, events: Sequence[tuple[int, dict[str, Any]]] = ()) -> np.ndarray:
    """What the engine makes of samples, with controls set at some of them."""
    done = samples.copy()
    stops = sorted({at for at, _ in events} | set(range(0, samples.shape[1], 4096)) | {samples.shape[1]})
    for start, stop in itertools.pairwise(stops):
        for at, controls in events:
            if at == start:
                engine.set(**controls)
        done[:, start:stop] = engine.process(np.ascontiguousarray(done[:, start:stop]))
    return done


def master(
    samples: np.ndarray, rate_hz: int = 48_000, events: Sequence[tuple[int, dict[str, Any]]] = (), **kind: Any
) -> np.ndarray:
    """What a new engine makes of samples."""
    return play(new_engine(rate_hz, len(samples), **kind), samples, events)


def read(path: Path, channels: int = 2) -> np.ndarray:
    """What the CLAP's host wrote."""
    return np.fromfile(path, np.float32).reshape(2, -1)[:channels]


def parts_of(state: Path) -> SimpleNamespace:
    """What the CLAP saves: controls by their numbers, and what was learned, by the numbers of its parts."""
    content = state.read_bytes()
    count = int.from_bytes(content[:4], "little")
    rows = np.frombuffer(content[8 : 8 + 16 * count], [("id", "<u4"), ("", "<u4"), ("value", "<f8")])
    at, parts = 8 + 16 * count + 8, {}
    while at < len(content):
        number, size = np.frombuffer(content[at : at + 8], "<u4")
        parts[int(number)] = np.frombuffer(content[at + 8 : at + 8 + 8 * size], "<f8")
        at += 8 + 8 * int(size)
    return SimpleNamespace(controls=dict(zip(rows["id"].tolist(), rows["value"].tolist(), strict=True)), learned=parts)


def sixteen(host, raw, song, folder, size=3 * 48_000):
    """What sixteen plug-ins on threads of their own make of the beginning of a song: arrays of shape (2, size)."""
    lines = [line for _ in range(16) for line in ("new 48000", f"in {raw} {song.shape[1]}")]
    host(*lines, f"crowd 480 {size}", *(line for k in range(16) for line in (f"use {k}", f"out {folder}/{k}")))
    return [read(folder / str(k))[:, :size] for k in range(16)]
