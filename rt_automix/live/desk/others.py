"""The outputs beside the main one: each an engine and a desk of its own, listening through the main engine.

Where every pair of channels is a programme of its own they are those behind the first. Each listens for itself then,
all in one thread, which is the main one's, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from rt_automix.analysis.deciding.suggester import Suggester
from rt_automix.engine import memory
from rt_automix.engine.engine import Engine
from rt_automix.engine.worker import Worker
from rt_automix.io.devices.edge.wiring import EngineArrays
from rt_automix.live.desk import remembering
from rt_automix.live.desk.desk import Desk, Remark
from rt_automix.live.desk.phones import Phones
from rt_automix.live.setup import Setup

LOOK_S = 0.01
"""How often the thread of pairs looks whether there is something to hear: a fifth of the time that it has to decide."""


class Others:
    """Makes them, and does with all what is done with the main one.

    Parameters
    ----------
    setup : Setup
    main : Desk
        Of the main output, whose engine is prepared; it finds all the others by name from here on.
    max_block_samples : int
    suggester : Suggester
    remark : callable
    """

    def __init__(self, setup: Setup, main: Desk, max_block_samples: int, suggester: Suggester, remark: Remark) -> None:
        self._main, self._have_own_input = main, setup.has_own_pairs
        leader = None if self._have_own_input else main.engine
        self._desks: dict[str, Desk] = {}
        self._asked: dict[str, dict[str, Any]] = {}
        for output in setup.others:
            own = setup.of(output)
            engine = Engine(own.config, own.reference, suggester, "off", leader)
            engine.prepare(main.engine.sample_rate_hz, max_block_samples)
            engine.set(output_trim_db=output.output_trim_db)
            self._desks[output.name] = Desk(engine, own, partial(_say_of, output.name, remark))
        self._phones = main.phones = Phones(setup.names) if setup.config.phones.are_there else None
        if setup.config.output:
            first = setup.config.output[0]
            main.engine.set(output_trim_db=first.output_trim_db)
            main.outputs = {first.name: main, **self._desks}
        self._worker = self._listening()

    def prepare(self, sample_rate_hz: int, max_block_samples: int) -> None:
        """As `Engine.prepare`, behind the main one."""
        if self._worker is not None:
            self._worker.stop()
        for engine in self.engines:
            engine.prepare(sample_rate_hz, max_block_samples)
        self._worker = self._listening()

    def _listening(self) -> Worker | None:
        """The thread that lets every pair's analysis follow what comes in; None where the main one has its own."""
        if not self._have_own_input:
            return None
        engines = self._main.engine, *self.engines
        warm = self._main.engine.analyst.warm  # for all of them, as they are alike
        return Worker(warm, lambda: sum(engine.analyst.follow() for engine in engines) > 0, lambda: LOOK_S)

    def recall(self, kept: dict[str, Any], resumed: bool, remark: Remark) -> None:
        """Go on from what was kept of the session."""
        if self._phones is not None and kept.get("phones") in self._phones.names:
            self._phones.heard = kept["phones"]
        for name, desk in self._desks.items():
            own = remembering.table(remembering.table(kept, "outputs"), name)
            if not self._have_own_input and "learned" in own and "learned" in kept:  # one listening taught them all
                statistics = remembering.table(kept, "learned").get("statistics")
                own = {**own, "learned": {**remembering.table(own, "learned"), "statistics": statistics}}
            self._asked[name] = remembering.recall(desk, own, {"listen": "master"}, resumed, remark)

    @property
    def values(self) -> list[dict[str, Any]]:
        """Every control of each, and of the phones."""
        return [*(desk.values for desk in self._desks.values()), self._heard]

    @property
    def _heard(self) -> dict[str, Any]:
        return {"phones": self._phones.heard} if self._phones is not None else {}

    def to_keep(self) -> dict[str, Any]:
        """What `recall` needs."""
        kept = {name: remembering.to_keep(desk, self._asked[name]) for name, desk in self._desks.items()}
        for own in () if self._have_own_input else kept.values():
            del own["learned"]["statistics"]
        return {**({"outputs": kept} if kept else {}), **self._heard}

    def learned(self) -> list[dict[str, Any]]:
        """What each engine has learned, for `resume`."""
        return [memory.learned(desk.engine) for desk in self._desks.values()]

    def resume(self, memories: list[dict[str, Any]], settled: bool) -> None:
        """Go on with it, at another sample rate."""
        for desk, own in zip(self._desks.values(), memories, strict=True):
            memory.resume(desk.engine, own, settled)

    def wired(self, channels: Sequence[Sequence[int]]) -> list[tuple[EngineArrays, Sequence[int]]]:
        """Each engine's arrays and its channels, as a wiring wants them: the first of these; pairs have none."""
        ways = [()] * len(self._desks) if self._have_own_input else channels
        return [(desk.engine.arrays, own) for desk, own in zip(self._desks.values(), ways, strict=False)]

    @property
    def engines(self) -> list[Engine]:
        """Of each."""
        return [desk.engine for desk in self._desks.values()]

    def status(self) -> list[dict[str, Any]]:
        """How each output is, the main one first; nothing where there is only that."""
        return [
            {
                "name": name,
                "meters": asdict(desk.engine.meters()),
                "suggested": desk.engine.suggestion,
                "controls": desk.engine.controls,
                "profile": desk.profile,
                "panic": desk.is_panicking,
                "engine_latency_samples": desk.engine.latency_samples,
            }
            for name, desk in self._main.outputs.items()
        ]


def _say_of(name: str, remark: Remark, text: str) -> None:
    remark(f"{name}: {text}")
