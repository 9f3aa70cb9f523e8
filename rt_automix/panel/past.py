"""What was: the last ten minutes of loudness and gain reduction, and what has happened, for a page that comes late."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

SPAN_S = 600.0
EVERY_S = 0.5
MOST_EVENTS = 50
SERIES = ("in_lufs", "out_lufs", "compression_db", "limiting_db")
"""Loudness is short-term; of gain reduction the most within EVERY_S."""


class Past:
    """Kept by the server's thread."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, list[float]]] = deque(maxlen=round(SPAN_S / EVERY_S))
        self._events: deque[tuple[float, str, str]] = deque(maxlen=MOST_EVENTS)

    def see(self, status: Mapping[str, Any], now: float) -> None:
        """Take in a session's status."""
        meters = status["meters"]
        if status["state"] != "playing" or "short_term_lufs" not in meters:
            return
        loud = [round(status["input_short_term_lufs"], 1), round(meters["short_term_lufs"], 1)]
        reduced = [round(meters["compression_db"], 1), round(meters["limiting_db"], 1)]
        if self._points and now - self._points[-1][0] < EVERY_S:
            newest = self._points[-1][1]
            newest[2:] = map(max, newest[2:], reduced)
            return
        self._points.append((now, loud + reduced))

    def note(self, text: str, level: str, now: float) -> None:
        """Keep what has happened."""
        self._events.append((now, text, level))

    def told(self, now: float) -> dict[str, Any]:
        """The message for a page."""
        series = {name: [values[k] for _, values in self._points] for k, name in enumerate(SERIES)}
        events = [{"ago_s": round(now - at, 1), "text": text, "level": level} for at, text, level in self._events]
        ago_s = [round(now - at, 1) for at, _ in self._points]
        return {"type": "history", "ago_s": ago_s, **series, "events": events}
