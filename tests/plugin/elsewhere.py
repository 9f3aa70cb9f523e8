"""Runs the CLAP of another system where that can be done: `python tests/plugin/elsewhere.py FOLDER TARGET`.

Windows under wine64, aarch64 under qemu; what comes out is held against the CLAP for this machine, of a level with
the same operations: fused ones round otherwise.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from rt_automix.demo.song import render_song
from rt_automix.plugin import build
from rt_automix.plugin.tools import DPF, zig

HERE = Path(__file__).resolve().parent
LIMIT = 1e-6
NATIVE = {"windows-x86_64": "linux-x86-64-v2", "linux-aarch64": "linux-x86-64-v3"}
EMULATORS = {
    "windows-x86_64": (("wine64", "/usr/lib/wine/wine64"), "sudo apt install wine64"),
    "linux-aarch64": (("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"), "sudo apt install qemu-user libc6-arm64-cross"),
}


def _emulator(target: str) -> list[str]:
    names, cure = EMULATORS[target]
    if names[0] == "wine64":
        found = next((name for name in names if shutil.which(name)), None)
        command = [found] if found else []
    else:
        command = list(names) if shutil.which(names[0]) and Path(names[-1]).is_dir() else []
    if not command:
        sys.exit(f"Nothing is here to run {target} in. Install it: {cure}")
    return command


def _played(command: list[str], plugin: Path, folder: Path, samples: int) -> tuple[np.ndarray, list[str]]:
    """What the tests' host makes of the song in a folder, and what it prints.

    Offline, as an emulator may be slower than time; by name, so that Windows finds it.
    """
    song = f"in song.raw {samples}"
    lines = ("new", "since", "offline 1", "on 48000", song, f"blocks 64 {samples}", "out out.raw", "new", "on 48000",
             song, f"cost 64 {samples}", "new", "stress 11 2000")  # fmt: skip
    done = subprocess.run(
        [*command, plugin], cwd=folder, input="\n".join(lines) + "\n", text=True, capture_output=True, check=False
    )
    if done.returncode:
        sys.exit(f"{plugin}: the host ends with {done.returncode}: {done.stderr[-1000:]}")
    return np.fromfile(folder / "out.raw", np.float32), done.stdout.split()


def main() -> None:
    """Build the host, run both, print what was found. Thread: main. Allocates: yes."""
    place, target = Path(sys.argv[1]).resolve(), sys.argv[2]
    plugin = next(path for path in place.rglob("rt_automix*") if path.is_file() and ".clap" in str(path))
    print(f"{target}: {plugin.stat().st_size / 1e6:.2f} MB")
    if target not in EMULATORS:
        print(f"{target}: linked; there is nothing here to try it in")
        return
    emulator, native = _emulator(target), NATIVE[target]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        song = np.ascontiguousarray(render_song(48_000)[:, 10 * 48_000 : 18 * 48_000], np.float32)
        song.tofile(folder / "song.raw")
        runs = {}
        for name, command in ((native, []), (target, emulator)):
            (level,) = build.levels_of(name)
            host = folder / f"host-{name}.exe"
            options = (
                "-O2",
                "-std=c11",
                "-D_GNU_SOURCE",
                f"-I{DPF / 'src'}",
                HERE / "hosts" / "claphost.c",
                "-o",
                host,
            )
            subprocess.run([*map(str, (*zig(level, "cc"), *options)), "-lpthread"], check=True)
            clap = plugin if name == target else build.build({"clap": folder / "native"}, level)[0]
            runs[name] = _played([*command, str(host)], clap, folder, song.shape[1])
        difference = float(np.abs(runs[target][0] - runs[native][0]).max())
        for name, (_, said) in runs.items():
            first_ms, mean_us, median_us, blocks = said[:4]
            print(
                f"{name}: {first_ms} ms to be there, {median_us} us per block (mean {mean_us}); {blocks} random blocks"
            )
    print(f"{target}: at most {difference:.1e} from {native}")
    if difference > LIMIT:
        sys.exit(f"That is more than {LIMIT}.")


if __name__ == "__main__":
    main()
