"""The plug-in beside the engine's own chain and pedalboard, call for call, from C; and what hearing costs beside it."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common import peers, report
from bench.common.lv2host import Plugin
from bench.speed.chain.chain import STILL, TARGET_LUFS
from rt_automix import params
from rt_automix.config import Config
from rt_automix.dsp.jit import address_of
from rt_automix.engine import chain
from rt_automix.engine.engine import Engine
from rt_automix.plugin import table

RATE_HZ = 48_000
TURN_BLOCKS = 32
"""So few that a worker that works between two turns is in time."""
PLUGIN, CHAIN, PEER = (
    "plug-in, parameters still",
    "the engine's compiled chain, the same parameters",
    "pedalboard's chain",
)
LISTENING = "plug-in, as it comes"
OURS = (PLUGIN, LISTENING, CHAIN)

_TRIMS = {control.symbol.removeprefix("trim_"): control for control in table.CONTROLS if control.identity >= 100}
Audio = NDArray[np.float32]


def _trims() -> dict[str, float]:
    """STILL as offsets to what does nothing, as far as a trim goes."""
    return {
        param.name: float(np.clip(STILL[k] - params.NEUTRAL[k], _TRIMS[param.name].low, _TRIMS[param.name].high))
        for k, param in enumerate(params.PARAMS)
    }


def new_plugin(binary: Path, is_still: bool) -> Plugin:
    """The LV2; still ones hold what STILL says, and hear for nothing."""
    plugin = Plugin(binary, RATE_HZ, has_worker=True)
    if is_still:
        plugin.ports["freeze"].value, plugin.ports["ride"].value = 1.0, 0.0
        plugin.ports["style_loudness"].value, plugin.ports["target_lufs"].value = 0.0, TARGET_LUFS
        for name, value in _trims().items():
            plugin.ports[f"trim_{name}"].value = value
    return plugin


def new_engine() -> Engine:
    """An engine that holds the same, without analysis."""
    engine = Engine(Config(), analysis="off")
    engine.prepare(RATE_HZ, TURN_BLOCKS * 64)
    engine.set(target_lufs=TARGET_LUFS, ride=False, freeze=True, trims=_trims())
    return engine


def _compiled() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "turns.so"
        source = Path(__file__).with_name("turns.c")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-w", source, "-o", library], check=True)
        loaded = ctypes.CDLL(str(library))
    loaded.lv2_turn.restype = loaded.chain_turn.restype = ctypes.c_int64
    return loaded


class Turns:
    """Each of the systems, at one block size: a turn masters TURN_BLOCKS blocks and gives seconds per block."""

    def __init__(self, binary: Path, block_samples: int) -> None:
        self._calls, self._samples = _compiled(), block_samples
        self.still, self.listening = new_plugin(binary, True), new_plugin(binary, False)
        self.engine, self._peer = new_engine(), peers.pedalboard_chain(with_limiter=True)
        self.worked_s, self.heard_s = 0.0, 0.0
        self.systems: dict[str, Callable[[Audio], float]] = {
            PLUGIN: self._still,
            LISTENING: self._heard,
            CHAIN: self._chain,
            PEER: self._pedalboard,
        }

    def _lv2(self, plugin: Plugin, blocks: Audio) -> float:
        connect, run, handle = plugin.calls
        spent_ns = self._calls.lv2_turn(
            connect, run, ctypes.c_void_p(handle), blocks.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int64(len(blocks)), ctypes.c_int64(self._samples),
        )  # fmt: skip
        return 1e-9 * spent_ns / len(blocks)

    def _still(self, blocks: Audio) -> float:
        spent_s = self._lv2(self.still, blocks)
        self.still.work()
        return spent_s

    def _heard(self, blocks: Audio) -> float:
        spent_s = self._lv2(self.listening, blocks)
        before_s = time.thread_time()
        self.listening.work()
        self.worked_s += time.thread_time() - before_s
        self.heard_s += len(blocks) * self._samples / RATE_HZ
        return spent_s

    def _chain(self, blocks: Audio) -> float:
        arrays = [
            part
            for array in self.engine.arrays
            for part in (ctypes.c_void_p(array.ctypes.data), ctypes.c_int64(array.size))
        ]
        spent_ns = self._calls.chain_turn(
            ctypes.c_void_p(address_of(chain.process_pair)), *arrays, blocks.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int64(len(blocks)), ctypes.c_int64(self._samples),
        )  # fmt: skip
        return 1e-9 * spent_ns / len(blocks)

    def _pedalboard(self, blocks: Audio) -> float:
        piece = np.ascontiguousarray(blocks.transpose(1, 0, 2).reshape(2, -1))
        start_s = time.perf_counter()
        self._peer.process(piece, RATE_HZ, buffer_size=self._samples, reset=False)
        return (time.perf_counter() - start_s) / len(blocks)

    def close(self) -> None:
        """End the plug-ins."""
        self.still.close()
        self.listening.close()


def measure(binary: Path, audio: Audio, block_samples: int, seconds: float) -> dict[str, Any]:
    """Microseconds per block of each system, ratios taken within each round, and what the worker takes of a core.

    Parameters
    ----------
    binary : path
        Of the LV2.
    audio : float32, shape (2, n), at RATE_HZ
    block_samples : int
    seconds : float
        Of measuring.
    """
    turns, order = Turns(binary, block_samples), np.random.default_rng(0)
    count = TURN_BLOCKS * block_samples
    pieces = [audio[:, at : at + count] for at in range(0, audio.shape[1] - count, count)]
    times: dict[str, list[float]] = {name: [] for name in turns.systems}
    difference, rounds, end_s = 0.0, 0, time.perf_counter() + seconds
    while rounds < len(times) or time.perf_counter() < end_s:
        piece = pieces[rounds % len(pieces)]
        blocks = np.ascontiguousarray(piece.reshape(2, TURN_BLOCKS, block_samples).transpose(1, 0, 2))
        results = {}
        for name in order.permutation(list(turns.systems)):
            results[name] = blocks.copy()
            times[name].append(turns.systems[name](results[name]))
        difference = max(difference, float(np.abs(results[PLUGIN] - results[CHAIN]).max()))
        rounds += 1
    turns.close()
    us = {name: 1e6 * np.array(values) for name, values in times.items()}
    return {
        "block_samples": block_samples,
        "rounds": rounds,
        "us_per_block": {name: report.over_time(values) for name, values in us.items()},
        "to_the_chain": report.over_time(us[PLUGIN] / us[CHAIN]),
        "listening_to_the_chain": report.over_time(us[LISTENING] / us[CHAIN]),
        "listening_to_pedalboard": report.over_time(us[LISTENING] / us[PEER]),
        "largest_difference_to_the_chain": difference,
        "worker_share_of_a_core": turns.worked_s / turns.heard_s,
    }
