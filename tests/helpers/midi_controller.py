"""A MIDI controller for tests: a program of its own with a real output and a real input, which can be pulled out.

`Controller` starts it; run as a script it is the controller, told what to do line by line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from waiting import PATIENCE_S

from rt_automix.io.devices.jack.jacklib import opened


def dark(note: int) -> set[tuple[int, int, int]]:
    """What puts a light out: one of these, as PipeWire 0.3.65 makes the one the other."""
    return {(0x90, note, 0), (0x80, note, 64)}


class Controller:
    """A controller that is plugged in; it sends what a test says and tells what it was sent.

    Its ports are called `<name>:knobs out` and `<name>...:knobs in`. With an environment it is one client of the
    server that is found in there, through the libjack of that: rtmidi brings its own, which finds no PipeWire.
    """

    def __init__(self, name: str = "knobdev", environment: dict[str, str] | None = None) -> None:
        if environment is None and os.environ.get("RT_AUTOMIX_SERVER") == "pipewire":
            environment = dict(os.environ)
        command = [sys.executable, __file__, name, *(["jack"] if environment else [])]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process: subprocess.Popen[str] = subprocess.Popen(command, text=True, env=environment, **pipes)
        self._answer()

    def send(self, *messages: Iterable[int], every_s: float = 0.0) -> float:
        """Send messages, so many seconds apart; how many seconds it took."""
        return self._ask({"send": [list(message) for message in messages], "every_s": every_s})

    def heard(self) -> list[tuple[int, ...]]:
        """What it was sent since it was last asked."""
        return [tuple(message) for message in self._ask({"heard": True})]

    def unplug(self) -> None:
        """Pull it out, without a word to anybody."""
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def _ask(self, what: dict[str, Any]) -> Any:
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Controller:
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()
        self._process.stdin.close()
        self._process.stdout.close()


class _Knobs:
    """One JACK client that sends and hears, as rtmidi's two do."""

    def __init__(self, name: str) -> None:
        import jack

        self._said: deque[list[int]] = deque()
        self._heard: deque[list[int]] = deque()
        self._client = opened(jack, name)
        out = self._client.midi_outports.register("knobs out")
        hears = self._client.midi_inports.register("knobs in")

        @self._client.set_process_callback
        def process(frames: int) -> None:
            out.clear_buffer()
            for place in range(min(len(self._said), frames)):
                out.write_midi_event(place, bytes(self._said.popleft()))
            for _, data in hears.incoming_midi_events():
                self._heard.append(list(bytes(data)))

        self._client.activate()

    def send_message(self, message: list[int]) -> None:
        self._said.append(message)

    def get_message(self) -> tuple[list[int], float] | None:
        return (self._heard.popleft(), 0.0) if self._heard else None


def _of_rtmidi(name: str) -> tuple[Any, Any]:
    import rtmidi

    knobs = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=name).open_virtual_port("knobs out")
    return knobs, rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name, queue_size_limit=65536).open_virtual_port("knobs in")


def _run(name: str, is_jack: bool) -> None:
    knobs, lights = (_Knobs(name),) * 2 if is_jack else _of_rtmidi(name)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        answer: Any = []
        if "send" in asked:
            start = time.monotonic()
            for number, message in enumerate(asked["send"]):
                time.sleep(max(0.0, start + number * asked["every_s"] - time.monotonic()))
                knobs.send_message(message)
            answer = time.monotonic() - start
        while "heard" in asked and (got := lights.get_message()) is not None:
            answer.append(got[0])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _run(sys.argv[1], len(sys.argv) > 2)
