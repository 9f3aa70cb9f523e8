"""What `bench model` times: suggesters behind engines of their own, by turns, with audio running or not."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis import features
from rt_automix.analysis.bundles import context
from rt_automix.analysis.bundles.bundle import Bundle, Precision
from rt_automix.analysis.bundles.bundle import load as load_bundle
from rt_automix.analysis.deciding.matcher import Matcher
from rt_automix.analysis.deciding.network import Network, clean
from rt_automix.analysis.deciding.suggester import MATCHER, PRECISIONS, Suggester
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.config import Config
from rt_automix.engine import chain
from rt_automix.engine import layout as at
from rt_automix.engine.engine import Engine
from rt_automix.errors import ModelError

RATE_HZ = 48_000
BLOCK = 64
WARM_UP_S = 15.0
RUNS_PER_TURN = 5
WARM_ROUNDS = 2
POLL_S = 0.005
PARTS = ("hearing", "matcher", "context")

Audio = NDArray[np.float32]
Arrays = tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.int64]]


def interval_samples() -> int:
    """From one suggestion to the next, as shipped."""
    return features.hop_samples(RATE_HZ) * Config().engine.analysis_hops


class Worker:
    """A suggester behind an engine, which has heard some music already.

    Parameters
    ----------
    suggester : Suggester
    bundle : Bundle, optional
        The network in it, if it is one.
    audio : float32, shape (2, n)
        The music that it hears, over and over.
    """

    def __init__(self, suggester: Suggester, bundle: Bundle | None, audio: Audio) -> None:
        self.engine = Engine(suggester=suggester, analysis="off")
        self.engine.prepare(RATE_HZ, interval_samples())
        self.suggester, self._bundle = suggester, bundle
        self._audio, self._place = audio, 0
        for _ in range(round(WARM_UP_S * RATE_HZ / interval_samples())):
            self.hear()
            self.work()
        heard = self.engine.analyst.listener
        vector = context.vector(heard.statistics, self.engine.style, Matcher().suggest(heard, self.engine.style))
        window = context.window(heard.window, heard.statistics.loudness_lufs)
        self._inputs = clean(window[None], vector[None])

    def hear(self) -> None:
        """The music of one interval goes through the chain and into the ring."""
        count = interval_samples()
        self._place = (self._place + count) % (self._audio.shape[1] - count)
        chain.process_block(self._audio[:, self._place : self._place + count].copy(), *self.engine.arrays)

    def work(self) -> tuple[float, float] | None:
        """A suggestion, if one is due: features, statistics, matcher, context, network.

        Seconds by the clock, and of the processor's time, which what else the machine does leaves as it is.
        """
        start_s, start_busy_s = time.perf_counter(), time.thread_time()
        if not self.engine.analyst.follow():
            return None
        return time.perf_counter() - start_s, time.thread_time() - start_busy_s

    def run(self) -> list[float]:
        """Seconds of each of some runs in a row: of the network alone, or of the matcher if there is none."""
        bundle, analyst = self._bundle, self.engine.analyst
        times_s = []
        for _ in range(RUNS_PER_TURN):
            start = time.perf_counter()
            if bundle is None:
                self.suggester.suggest(analyst.listener, analyst.profile)
            else:
                bundle.run(*self._inputs)
            times_s.append(time.perf_counter() - start)
        return times_s


class Parts:
    """The stages of a suggestion that are the same for everybody, one by one."""

    def __init__(self, audio: Audio) -> None:
        self._audio, self._place = audio, 0
        self._listener, self._matcher, self._style = Listener(RATE_HZ, 2), Matcher(), Engine().style
        self._listener.push(np.ascontiguousarray(audio[:, : round(WARM_UP_S * RATE_HZ)]))

    def turn(self) -> list[float]:
        """Seconds of each of PARTS for one interval of music."""
        count = interval_samples()
        self._place = (self._place + count) % (self._audio.shape[1] - count)
        block, heard = self._audio[:, self._place : self._place + count].copy(), self._listener
        times_s = [time.perf_counter()]
        heard.push(block)
        times_s.append(time.perf_counter())
        matched = self._matcher.suggest(heard, self._style)
        times_s.append(time.perf_counter())
        context.vector(heard.statistics, self._style, matched)
        context.window(heard.window, heard.statistics.loudness_lufs)
        times_s.append(time.perf_counter())
        return np.diff(times_s).tolist()


@dataclass
class Times:
    """Seconds, round by round: of single runs; of a whole suggestion, and the processor's time of it."""

    runs: list[list[float]] = field(default_factory=list)
    work: list[tuple[float, float]] = field(default_factory=list)


def interleaved(workers: dict[str, Worker], parts: Parts, seconds: float) -> tuple[dict[str, Times], list[list[float]]]:
    """Turns of all workers, in a new order each round, for `seconds`; and of the parts, once a round."""
    order, names = np.random.default_rng(0), list(workers)
    times, stages = {name: Times() for name in names}, []
    end, rounds = time.perf_counter() + seconds, 0
    gc.collect()
    while rounds < WARM_ROUNDS + 2 or time.perf_counter() < end:
        for index in order.permutation(len(names)):
            worker = workers[names[index]]
            worker.hear()
            work_s, runs_s = worker.work(), worker.run()
            if rounds >= WARM_ROUNDS and work_s is not None:
                times[names[index]].work.append(work_s)
                times[names[index]].runs.append(runs_s)
        stage = parts.turn()
        if rounds >= WARM_ROUNDS:
            stages.append(stage)
        rounds += 1
    return times, stages


# While audio runs -------------------------------------------------------------------------------------


class Player:
    """A thread that plays music through an engine's chain in blocks of 64, as late and as often as real time has it."""

    def __init__(self, arrays: Arrays, audio: Audio) -> None:
        count = audio.shape[1] // BLOCK
        self._blocks = np.ascontiguousarray(audio[:, : count * BLOCK].reshape(2, count, BLOCK).transpose(1, 0, 2))
        self._arrays, self._stop = arrays, threading.Event()
        self._thread = threading.Thread(target=self._play, name="bench player")
        self.played = 0
        self.seconds = 0.0

    def _play(self) -> None:
        start = time.perf_counter()
        while not self._stop.is_set():
            wait_s = start + self.played * BLOCK / RATE_HZ - time.perf_counter()
            if wait_s > 0.0:
                time.sleep(wait_s)
            chain.process_block(self._blocks[self.played % len(self._blocks)].copy(), *self._arrays)
            self.played += 1
        self.seconds = time.perf_counter() - start

    @property
    def share_played(self) -> float:
        """Blocks that were played of those that were due: 1 if it kept up."""
        return self.played * BLOCK / RATE_HZ / max(self.seconds, 1e-9)

    @contextlib.contextmanager
    def playing(self) -> Iterator[Player]:
        """While it plays."""
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()


def background(audio: Audio) -> Player:
    """Audio that runs beside and has nothing to do with what is timed."""
    engine = Engine(analysis="off")
    engine.prepare(RATE_HZ, BLOCK)
    return Player(engine.arrays, audio)


def live(worker: Worker, audio: Audio, seconds: float) -> dict[str, Any]:
    """The worker in its place: it waits for what a player writes into the ring, and works once in an interval.

    Returns
    -------
    dict of seconds that each suggestion took by the clock (`work_s`) and of the processor (`busy_s`), how old
    its newest sample was when it was there (`age_s`), how many came too late for their time, and the share of
    the blocks that were played.
    """
    analyst, arrays = worker.engine.analyst, worker.engine.arrays
    late_before, spent, age_s = analyst.late, [], []
    with Player(arrays, audio).playing() as player:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or not spent:
            time.sleep(POLL_S)
            work_s = worker.work()
            if work_s is not None:
                spent.append(work_s)
                age_s.append((int(arrays[2][at.SAMPLE_COUNT]) - analyst.heard_samples) / RATE_HZ)
    late, (work_s, busy_s) = analyst.late - late_before, zip(*spent, strict=True)
    return {"work_s": work_s, "busy_s": busy_s, "age_s": age_s, "late": late, "played": player.share_played}


def networks(
    places: dict[str, Any], audio: Audio, complain: Callable[[str], None]
) -> tuple[dict[str, Worker], dict[str, tuple[str, Precision]]]:
    """Workers by name, the matcher's first; and of the networks bundle and precision. Who is refused complains."""
    workers, origins = {MATCHER: Worker(Matcher(), None, audio)}, {}
    for name, place in places.items():
        for precision in PRECISIONS:
            try:
                bundle = load_bundle(place, precision)
            except ModelError as error:
                complain(f"{error} It is skipped.")
            else:
                title = f"{name} {precision}"
                workers[title], origins[title] = Worker(Network(bundle, complain), bundle, audio), (name, precision)
    return workers, origins
