"""Mastering chains of comparable function as LV2 in ffmpeg, in blocks of one size: what each costs of a processor.

A run's time is a process's own, of a long and a short stretch of the same music, so that neither starting nor looking
for plug-ins counts; what ffmpeg itself takes for a block is taken off. Ours hears and decides besides, in line, as
ffmpeg has no worker; the others only apply what they are told.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common import report
from rt_automix.plugin import ttl

RATE_HZ = 48_000
SHORT_S = 1.0
OURS = "rt_automix"
NOTHING = "ffmpeg alone"
_LSP, _X42, _CALF = (
    "http://lsp-plug.in/plugins/lv2/",
    "http://gareus.org/oss/lv2/",
    "http://calf.sourceforge.net/plugins/",
)

CHAINS: dict[str, tuple[tuple[str, str], ...]] = {
    NOTHING: (),
    OURS: ((ttl.URI, ""),),
    "LSP": (
        (f"{_LSP}para_equalizer_x16_stereo", "ft_0=5|f_0=110|g_0=1.26|ft_1=1|f_1=260|g_1=.7|ft_2=1|f_2=1000|g_2=1.12|"
         "ft_3=1|f_3=3500|g_3=1.26|ft_4=3|f_4=9000|g_4=1.41"),
        (f"{_LSP}compressor_stereo", "al=.125|cr=3|at=10|rt=150"),
        (f"{_LSP}limiter_stereo", "th=.89|ovs=5"),
    ),
    "x42": (
        (f"{_X42}fil4#stereo", "LSgain=2|gain1=-3|gain2=1|gain3=2|HSgain=3"),
        (f"{_X42}darc#stereo", "threshold=-18|Ratio=.6"),
        (f"{_X42}dpl#stereo", "gain=6|threshold=-1|truepeak=1"),
    ),
    "Calf": (
        (f"{_CALF}Equalizer5Band", "ls_active=1|ls_level=1.26|hs_active=1|hs_level=1.41|p1_active=1|p1_level=.7|"
         "p2_active=1|p2_level=1.12|p3_active=1|p3_level=1.26"),
        (f"{_CALF}Compressor", "threshold=.125|ratio=3|attack=10|release=150"),
        (f"{_CALF}StereoTools", "slev=1.2"),
        (f"{_CALF}Limiter", "limit=.89|level_in=2|oversampling=4|auto_level=0"),
    ),
}  # fmt: skip
"""Equaliser, compressor, width where there is one, limiter: plug-in and what it is set to."""
PACKAGES = {"LSP": "lsp-plugins-lv2", "x42": "x42-plugins", "Calf": "calf-plugins"}

Audio = NDArray[np.float32]


def _filters(chain: tuple[tuple[str, str], ...], block_samples: int) -> str:
    parts = ["aformat=sample_fmts=fltp:channel_layouts=stereo", f"asetnsamples=n={block_samples}:p=0"]
    for uri, controls in chain:
        escaped = uri.replace(":", r"\\:")
        parts.append(f"lv2=p={escaped}" + (f":c={controls}" if controls else ""))
    return ",".join(parts)


def _spent_s(filters: str, path: Path, environment: dict[str, str]) -> float | None:
    """What a run takes of a processor; None where a plug-in is not there."""
    command = ["ffmpeg", "-v", "error", "-f", "f32le", "-ar", str(RATE_HZ), "-ac", "2", "-i", str(path), "-af", filters]
    process = subprocess.Popen(
        [*command, "-f", "null", "-"], env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return None if process.returncode else used.ru_utime + used.ru_stime


def measure(bundles: Path, audio: Audio, block_samples: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Microseconds per block of each chain that is there, all of them by turns; what is not there is named.

    Parameters
    ----------
    bundles : path
        The folder that our LV2 is in.
    audio : float32, shape (2, n), at RATE_HZ
    block_samples : int
    seconds : float
        Of the long stretch.
    rounds : int
    """
    if shutil.which("ffmpeg") is None:
        return {"us_per_block": {}, "missing": ["ffmpeg"]}
    places = os.pathsep.join([str(bundles), os.environ.get("LV2_PATH", "/usr/lib/lv2:/usr/local/lib/lv2")])
    environment, order = {**os.environ, "LV2_PATH": places}, np.random.default_rng(0)
    count = round(seconds * RATE_HZ)
    frames = np.resize(audio.T, (count + round(SHORT_S * RATE_HZ), 2)).astype("<f4")
    with tempfile.TemporaryDirectory() as folder:
        short, whole = Path(folder) / "short.raw", Path(folder) / "whole.raw"
        frames[:-count].tofile(short)
        frames.tofile(whole)
        filters = {name: _filters(chain, block_samples) for name, chain in CHAINS.items()}
        there = [name for name, text in filters.items() if _spent_s(text, short, environment) is not None]
        spent: dict[str, list[float]] = {name: [] for name in there}
        for _ in range(rounds):
            for name in order.permutation(there):
                times = [_spent_s(filters[name], path, environment) for path in (short, whole)]
                assert times[0] is not None and times[1] is not None
                spent[name].append(1e6 * (times[1] - times[0]) * block_samples / count)
    alone = np.array(spent[NOTHING])
    return {
        "us_per_block": {name: report.quartiles(np.array(us) - alone) for name, us in spent.items() if name != NOTHING},
        "missing": [PACKAGES.get(name, name) for name in CHAINS if name not in there],
    }
