"""MIDI controllers on a live session: what they send reaches the desk, what the desk shows reaches them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from rt_automix.config import Midi
from rt_automix.errors import AutomixError
from rt_automix.io.midi import MidiPorts
from rt_automix.live.desk import Desk, Remark
from rt_automix.live.mapping import Router

CHECK_S = 0.15
"""How often ports are looked after: one that comes back is taken up within this and a little more."""

SHOW_S = 0.05
"""How often lights follow."""


class Hands:
    """Controllers, mapped to a desk; opens what ports there are.

    Parameters
    ----------
    settings : config.Midi
    desk : Desk
    remark : function of a str
    """

    def __init__(self, settings: Midi, desk: Desk, remark: Remark) -> None:
        self._desk, self._remark = desk, remark
        self._router = Router(settings.map, desk.profiles)
        self._ports: MidiPorts | None = None
        self._check_at = self._show_at = 0.0
        if settings.enabled:
            with self._kept_from_the_music():
                self._ports = MidiPorts(settings.port, settings.api, settings.feedback)
                for name in self._ports.inputs:
                    remark(f"MIDI: listening to {name}.")

    @contextlib.contextmanager
    def _kept_from_the_music(self) -> Iterator[None]:
        """Whatever goes wrong with MIDI ends MIDI, and nothing else."""
        try:
            yield
        except Exception as error:
            self._ports = None
            self._remark(
                f"MIDI is off: {type(error).__name__}: {error}. The sound goes on; start anew to have it back."
            )

    def serve(self) -> None:
        """Take what came in, a thousand times a second; now and then look after ports and lights."""
        if self._ports is not None:
            with self._kept_from_the_music():
                self._serve(self._ports, time.monotonic())

    def _serve(self, ports: MidiPorts, now: float) -> None:
        for message, _ in ports.poll():
            for name, value in self._router.feed(message, self._desk.values):
                self._set(name, value)
        if now >= self._check_at:
            self._check_at = now + CHECK_S
            for text in ports.check():
                self._router.reset()
                self._remark(text)
        if now >= self._show_at:
            self._show_at = now + SHOW_S
            for message in self._router.feedback(self._desk.values):
                ports.send(message)

    def _set(self, name: str, value: Any) -> None:
        try:
            self._desk.set(name, value)
        except AutomixError as error:
            self._remark(str(error))

    def status(self) -> dict[str, Any]:
        """Which ports are listened to, and what is missing."""
        return {
            "ports": self._ports.inputs if self._ports else [],
            "missing": self._ports.note if self._ports else "",
        }

    def close(self) -> None:
        """Let go of the ports."""
        if self._ports is not None:
            self._ports.close()
