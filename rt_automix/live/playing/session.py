"""A session in the process that plays: one engine, one device, the controls. Its parent is `supervisor`.

One loop drains MIDI, answers the parent, watches the device and has the state kept;
the sound runs in the device's own thread and needs none of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from rt_automix.analysis.deciding.suggester import choose
from rt_automix.engine import memory
from rt_automix.engine.engine import Analysis, Engine
from rt_automix.engine.meters import missed
from rt_automix.errors import AutomixError, DeviceError, UserError
from rt_automix.io.devices.edge.board import Board, clear, timing
from rt_automix.io.devices.edge.wiring import FADE_S, Wiring
from rt_automix.io.devices.streams.stream import Stream
from rt_automix.live.desk import remembering
from rt_automix.live.desk.desk import Desk
from rt_automix.live.desk.others import Others
from rt_automix.live.midi.hands import Hands, Mappings
from rt_automix.live.playing import keeper, opening
from rt_automix.live.setup import LOST, Setup

LOOP_S = 0.001
"""How often knobs are looked at."""

SERVE_S = 0.005
"""How often everybody else is."""

WATCH_S = 0.02
STALL_S = 1.0
"""A device that calls back no more for this long is lost."""

FIND_AGAIN_S = 0.25

KEEP_S = 0.05
LEARN_S = 1.0
FADE_LIMIT_S = 1.0
FIRST_RATE_HZ = 48_000
MAX_BLOCK_SAMPLES = 4096


class Session:
    """Plays until it is told to stop or its device is lost for good.

    Parameters
    ----------
    setup : Setup
    board : Board
    pipe : connection
        To the parent.
    resumed : bool
        An earlier process played before: what it left goes on, and a missing device is waited for.
    """

    def __init__(self, setup: Setup, board: Board, pipe: Any, resumed: bool) -> None:
        self._setup, self._board, self._pipe = setup, board, pipe
        self._waits = setup.wait or resumed
        self._is_settled = resumed
        self._telling = threading.Lock()
        self._stopping = False
        self._state = "starting"
        self._said = ""
        self._stream: Stream | None = None
        self._wiring: Wiring | None = None
        self._keeper = keeper.Keeper(setup.state_path, self._remark) if setup.state_path else None
        self._kept: object = None
        self._keep_at = self._learn_at = self._serve_at = 0.0
        self._suggester = choose(setup.config.master.suggester, self._remark)
        listening: Analysis = (
            "off" if setup.has_own_pairs else "thread"
        )  # then all are listened to by the others' thread
        self.engine = Engine(setup.main.config, setup.main.reference, self._suggester, analysis=listening)
        self._channels = 2 if setup.has_own_pairs else setup.channels
        self.engine.prepare(FIRST_RATE_HZ, MAX_BLOCK_SAMPLES, self._channels)
        self.desk = Desk(self.engine, setup.main, self._remark)
        self._others = Others(setup, self.desk, MAX_BLOCK_SAMPLES, self._suggester, self._remark)
        self._recall(resumed)
        first = "jack" if setup.config.audio.backend == "jack" else ""
        self._hands = Hands(setup.config.midi, self.desk, self._remark, self._learned, self._ask, first)

    # What the parent hears -------------------------------------------------------------------------

    def _tell(self, *message: Any) -> None:
        try:
            with self._telling:
                self._pipe.send(message)
        except (BrokenPipeError, OSError):
            self._stopping = True

    def _remark(self, text: str) -> None:
        self._tell("event", text)

    def _learned(self, mappings: Mappings) -> None:
        self._tell("learned", mappings)

    def _ask(self, name: str, value: Any) -> None:
        self._tell("asked", name, value)

    def _enter(self, state: str, text: str) -> None:
        """Change state; say so once."""
        self._state = state
        if text != self._said:
            self._said = text
            self._tell("state", state, text, self.engine.sample_rate_hz)

    def _hold(self, stream: Stream) -> None:
        """Have it known what to come back to, here and in the processes that follow: this device, these links."""
        links = stream.links
        links = None if links is None else frozenset(links)
        if (stream.selection, links) != (self._setup.config.audio, self._setup.links):
            config = replace(self._setup.config, audio=stream.selection)
            self._setup = replace(self._setup, config=config, links=links)
            self._tell("holds", stream.selection, links)

    # State that outlives the process ---------------------------------------------------------------

    def _recall(self, resumed: bool) -> None:
        """Go on from what was kept; a fresh start prefers what the command line says, or the settings newly say."""
        kept = keeper.load(self._setup.state_path, self._remark) if self._setup.state_path else {}
        self._others.recall(kept, resumed, self._remark)
        said = {"listen": "master", **self._setup.controls}
        self._asked = remembering.recall(self.desk, kept, said, resumed, self._remark)

    def _keep(self, now: float) -> None:
        """Have the state written when a control has moved, and now and then for what was learned."""
        if self._keeper is None or now < self._keep_at:
            return
        controls = [self.desk.values, *self._others.values]
        if controls != self._kept or now >= self._learn_at:
            self._kept, self._keep_at, self._learn_at = controls, now + KEEP_S, now + LEARN_S
            self._keeper.put({**remembering.to_keep(self.desk, self._asked), **self._others.to_keep()})

    # The loop --------------------------------------------------------------------------------------

    def run(self) -> int:
        """Play until the end; the exit code."""
        try:
            while not self._stopping:
                stream = self._find()
                if stream is not None and not self._play(stream):
                    self._finish()
                    return LOST
            self._finish()
            return 0
        except AutomixError as error:
            self._tell("error", str(error), error.exit_code)
            return error.exit_code

    def _finish(self) -> None:
        self._hands.close()
        if self._keeper is not None:
            self._keep_at = self._learn_at = 0.0
            self._keep(time.monotonic())
            self._keeper.close()

    def _find(self) -> Stream | None:
        """The device, opened for; None if the end came first."""
        while not self._stopping:
            try:
                return opening.opened(self._setup)
            except (DeviceError, UserError) as error:
                if not self._waits:
                    raise
                self._enter("waiting", f"Waiting for the device. {error}")
            self._turn(FIND_AGAIN_S)
        return None

    def _play(self, stream: Stream) -> bool:
        """Play through a device; False if it was lost and this process cannot go on."""
        if stream.sample_rate_hz != self.engine.sample_rate_hz:
            if self._said:
                self._remark(
                    f"The sample rate is {stream.sample_rate_hz} Hz now, not {self.engine.sample_rate_hz}: the engine "
                    "starts anew at it, a take goes on in another file."
                )
            learned, others_learned = memory.learned(self.engine), self._others.learned()
            self.engine.prepare(stream.sample_rate_hz, MAX_BLOCK_SAMPLES, self._channels)
            self._others.prepare(stream.sample_rate_hz, MAX_BLOCK_SAMPLES)
            self._others.resume(others_learned, self._is_settled)
            memory.resume(self.engine, learned, self._is_settled)
        clear(self._board.stats)
        channels = stream.in_width, stream.out_width, stream.in_channels, stream.out_channels
        ways, phones = stream.other_channels, self.desk.phones
        others = self._others.wired(ways)
        phoned: dict[str, Any] = {"phones": ways[-1], "heard": phones.number} if phones is not None else {}
        self._wiring = Wiring(
            self.engine.arrays, self._board, stream.sample_rate_hz, *channels, others, bed=self.engine.bed, **phoned
        )
        self._wiring.latency_samples = self.engine.latency_samples
        try:
            stream.start(self._wiring)
            opening.check_pace(stream, self._wiring)
            opening.check_there(stream, self._setup)
        except DeviceError as error:
            if not (self._waits and opening.closed(stream)):
                raise
            self._enter("waiting", f"Waiting for the device. {error}")
            self._turn(FIND_AGAIN_S)
            return True
        self._stream = stream
        self._waits = self._is_settled = True
        self._wiring.fade(1.0)
        self._watch(stream, self._wiring)
        if self._stopping:
            self._fade_out()
        else:
            self._enter("lost", f"Lost: {stream.description}.")
        self._stream = None
        return opening.closed(stream) or self._stopping

    def _watch(self, stream: Stream, wiring: Wiring) -> None:
        """Until the end, or until the device calls back no more."""
        callbacks, moved_at = wiring.callbacks, time.monotonic()
        while not self._stopping:
            text = f"Playing {self._layout}through {stream.description} at {stream.sample_rate_hz} Hz."
            self._enter("playing", f"{text} {stream.note}".rstrip())
            self._hold(stream)
            self._turn(WATCH_S)
            now = time.monotonic()
            stream.tend(now)
            if self.desk.phones is not None:
                wiring.hear(self.desk.phones.number)
            wiring.latency_samples = self.engine.latency_samples
            if wiring.callbacks != callbacks:
                callbacks, moved_at = wiring.callbacks, now
            if now - moved_at > STALL_S or not stream.is_alive:
                return

    @property
    def _layout(self) -> str:
        """What is played, where that is not stereo."""
        return f"{self._setup.config.audio.programme} " if self._setup.channels > 2 else ""

    def _fade_out(self) -> None:
        assert self._wiring is not None
        self._wiring.fade(0.0)
        deadline = time.monotonic() + FADE_LIMIT_S  # longer than the fade: a busy machine may take its time
        while not self._wiring.is_silent and time.monotonic() < deadline:
            time.sleep(LOOP_S)
        time.sleep(FADE_S)  # let the silence out

    def _turn(self, seconds: float) -> None:
        """Serve the parent and the controls for a while."""
        until = time.monotonic() + seconds
        while not self._stopping:
            now = time.monotonic()
            self._hands.serve(now)
            if now >= self._serve_at:
                self._serve_at = now + SERVE_S
                self._serve()
                self._keep(now)
            if now >= until:
                return
            time.sleep(LOOP_S if self._hands.is_listening else SERVE_S)

    def _serve(self) -> None:
        try:
            while self._pipe.poll():
                self._answer(*self._pipe.recv())
        except (EOFError, OSError):
            self._stopping = True  # nobody could stop this sound any more

    def _answer(self, what: str, *rest: Any) -> None:
        match what:
            case "ask":
                self._tell("status", self.status())
            case "stop":
                self._stopping = True
            case "set" | "nudge" | "use_reference":
                self._try(getattr(self.desk, what), *rest)
            case "lower":
                self.engine.lower(*rest)
            case "learn":
                self._try(self._hands.learn, *rest)
            case "know":
                self._hands.know(*rest)

    def _try(self, action: Callable[..., None], *arguments: Any) -> None:
        try:
            action(*arguments)
        except AutomixError as error:
            self._remark(str(error))
        except Exception as error:  # whatever was asked for, the sound goes on
            self._remark(f"That cannot be done: {type(error).__name__}: {error}")

    def stop(self) -> None:
        """Ask for the end. Thread: any."""
        self._stopping = True

    def status(self) -> dict[str, Any]:
        """Everything that a performer, a page or a log wants to know, ready for JSON."""
        engine, stream = self.engine, self._stream
        now = engine.meters()
        rate_hz = engine.sample_rate_hz
        time_spent = timing(self._board.stats, rate_hz)
        device_samples = stream.device_latency_samples if stream else None
        device_samples = time_spent.block_samples if device_samples is None else device_samples
        latency_samples = device_samples + engine.latency_samples
        return {
            "state": self._state,
            "text": self._said,
            "device": stream.description if stream else "",
            "sample_rate_hz": rate_hz,
            "layout": self._setup.config.audio.programme,
            "latency_samples": latency_samples,
            "latency_ms": 1e3 * latency_samples / rate_hz,
            "engine_latency_samples": engine.latency_samples,
            "links": sorted(stream.joined) if stream else [],
            "timing": asdict(time_spent),
            "bridge": stream.bridging if stream else None,
            "meters": asdict(now),
            "missed": missed(engine.arrays[0], engine.arrays[2], now),
            "suggester": self._suggester.name,
            "suggested": engine.suggestion,
            "input_short_term_lufs": engine.input_short_term_lufs,
            "speech": engine.is_speech,
            "suggestion_age_s": engine.suggestion_age_s,
            "analysis_gaps": sum(one.analysis_gaps for one in (engine, *self._others.engines)),
            "analysis_late": sum(one.analysis_late for one in (engine, *self._others.engines)),
            "controls": engine.controls,
            "panic": self.desk.is_panicking,
            "profile": self.desk.profile,
            "profiles": list(self.desk.profiles),
            "outputs": self._others.status(),
            "phones": self.desk.phones.heard if self.desk.phones is not None else None,
            "learning": self._hands.learning,
            "midi": self._hands.status(),
        }
