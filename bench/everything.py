"""`bench all`: every command in a process of its own, and one folder of figures, pictures and a table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from bench import headlines
from bench.common import report


@dataclass(frozen=True)
class Part:
    """A command of the whole: its arguments for the quick and the full form, and its figures for the table.

    `{music}` among the arguments stands for the folder of music; without one the command is skipped.
    """

    name: str
    quick: str
    full: str
    headlines: Callable[[dict[str, Any]], Iterator[tuple[str, str]]]

    def arguments(self, is_quick: bool, music: Path | None) -> list[str]:
        """For the command line."""
        text = self.quick if is_quick else self.full
        return [str(music) if word == "{music}" else word for word in text.split()]


PARTS = (
    Part("latency", "--seconds 2 --processes 3", "", headlines.latency),
    Part("chain", "--blocks 64,256 --seconds 3", "--blocks 32,64,128,256,512,1024", headlines.chain),
    Part("scale", "--seconds 4 --minutes 1,3", "", headlines.scale),
    Part("outputs", "--seconds 2", "", headlines.outputs),
    Part("limiter", "--seconds 2", "", headlines.limiter),
    Part("render", "--repeats 2", "", headlines.render),
    Part("startup", "--repeats 3 --no-cold", "", headlines.startup),
    Part("model", "--seconds 3 --repeats 1", "", headlines.model),
    Part("plugin", "--seconds 3 --rounds 2 --repeats 3", "", headlines.plugin),
    Part("jitter", "--seconds 0.5 --rounds 1", "", headlines.jitter),
    Part("roundtrip", "--blocks 64 --messages 10 --stream 360", "", headlines.roundtrip),
    Part("soak", "--hours 0.02", "", headlines.soak),
    Part("loudness", "--music {music} --songs 1", "--music {music}", headlines.loudness),
    Part("quality", "{music} --quick", "{music}", headlines.quality),
)


def run(is_quick: bool, music: Path | None, names: list[str], out: Path) -> int:
    """Run the parts, all unless named; the exit code."""
    parts = [part for part in PARTS if part.name in names or not names]
    out.mkdir(parents=True, exist_ok=True)
    done: dict[str, dict[str, Any]] = {}
    with Progress(console=report.console, transient=True) as progress:
        task = progress.add_task("", total=len(parts))
        for part in parts:
            progress.update(task, description=f"bench {part.name}")
            done[part.name] = _run(part, is_quick, music, out)
            progress.advance(task)
            for note in done[part.name]["notes"]:
                report.console.print(note, markup=False)
    settings = {"quick": is_quick, "with_music": music is not None}
    whole = {"command": "all", **report.circumstances(), "settings": settings, "parts": done}
    whole["took_s"] = sum(part["took_s"] for part in done.values())
    (out / "all.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    (out / "all.md").write_text("\n".join(_markdown(whole)) + "\n", encoding="utf-8")
    report.console.print(f"{whole['took_s']:.0f} s. Written: {out / 'all.json'}, all.md and pictures", markup=False)
    return int(any(part["failed"] for part in done.values()))


def _run(part: Part, is_quick: bool, music: Path | None, out: Path) -> dict[str, Any]:
    """One command: what it wrote, what it skipped, whether it failed."""
    arguments = part.arguments(is_quick, music)
    found: dict[str, Any] = {"arguments": arguments, "took_s": 0.0, "failed": False, "notes": [], "results": None}
    if music is None and "{music}" in (part.quick, part.full)[not is_quick].split():
        found["notes"].append(f"bench {part.name} is skipped. It needs a folder of songs: --music FOLDER")
        return found
    written = out / f"{part.name}.json"
    written.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bench", part.name, *arguments, "--out", str(out)]
    wide = {**os.environ, "COLUMNS": "200"}
    start = time.perf_counter()
    process = subprocess.run(command, env=wide, capture_output=True, text=True)
    found["took_s"] = time.perf_counter() - start
    (out / f"{part.name}.txt").write_text(process.stdout, encoding="utf-8")
    found["notes"] += [line.strip() for line in process.stdout.splitlines() if "skipped" in line]
    found["failed"] = process.returncode != 0
    if found["failed"]:
        last = (process.stderr.strip().splitlines() or ["without a word"])[-1]
        found["notes"].append(f"bench {part.name} failed: {last}")
    elif written.exists():
        content = json.loads(written.read_text(encoding="utf-8"))
        found |= {"settings": content["settings"], "results": content["results"]}
    return found


def _markdown(whole: dict[str, Any]) -> Iterator[str]:
    machine, versions = whole["machine"], whole["versions"]
    form = "--quick" if whole["settings"]["quick"] else ""
    changes = " with uncommitted changes" if whole["uncommitted_changes"] else ""
    load = machine["load_average"]
    yield f"# python -m bench all {form}".rstrip()
    yield ""
    yield f"- {whole['date']}, commit {whole['commit'] or 'unknown'}{changes}"
    yield f"- {machine['processor']}, {machine['cores']} cores, {machine['system']}"
    yield f"- load at the end: {', '.join(f'{value:.1f}' for value in load) if load else 'unknown'}"
    yield "- " + ", ".join(f"{name} {version}" for name, version in versions.items())
    yield "- In brackets: the spread, in which the figure of another run on this machine lies."
    headings = {part.name: part.headlines for part in PARTS}
    for name, part in whole["parts"].items():
        yield from ("", f"## {name}", "")
        if part["results"] is not None:
            yield from (f"`python -m bench {' '.join([name, *part['arguments']])}`, {part['took_s']:.0f} s", "")
            yield from ("| what | figure |", "|---|---|")
            yield from (f"| {what} | {figure} |" for what, figure in headings[name](part["results"]))
            yield from ("", f"![{name}]({name}.png)")
        yield from (f"\n{note}" for note in part["notes"])
