"""What a host can set, and what it can read: one table for all formats. Identities are for ever.

An `identity` is never given to anything else, and none is taken away: projects that were saved with it come back.
A range is as good as for ever, too: hosts write automation as shares of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import rt_automix
from rt_automix import params

STYLES = (
    "auto", "", "balanced", "bright", "bright-dense", "bright-dynamic", "bright-scooped", "dense-narrow", "dense-wide",
    "scooped-narrow", "warm", "warm-full", "warm-wide", "speech",
)  # fmt: skip
"""Shipped profiles by their number; new ones come last. At LEARNED is what was heard while `learn` was on."""
LEARNED = 1
MOST_STYLES = 32
LISTEN = ("master", "input", "input at the master's loudness")


@dataclass(frozen=True)
class Control:
    """Something to set. `symbol` is its name in LV2 and in C; `steps` names whole numbers from 0 on."""

    identity: int
    symbol: str
    label: str
    unit: str
    low: float
    high: float
    default: float
    steps: tuple[str, ...] = ()
    is_switch: bool = False

    @property
    def is_stepped(self) -> bool:
        """Whether it takes whole numbers only."""
        return self.is_switch or bool(self.steps)


@dataclass(frozen=True)
class Meter:
    """Something to read."""

    identity: int
    symbol: str
    label: str
    unit: str
    low: float
    high: float
    default: float = field(default=0.0)


def _switch(identity: int, symbol: str, label: str, default: bool = False) -> Control:
    return Control(identity, symbol, label, "", 0.0, 1.0, float(default), is_switch=True)


def _trim(place: int, param: params.Param) -> Control:
    most = round(0.5 * (param.high - param.low), 6)
    unit = param.unit if param.unit == "dB" else ""
    return Control(100 + place, f"trim_{param.name}", f"Trim: {param.label}", unit, -most, most, 0.0)


CONTROLS: tuple[Control, ...] = (
    Control(1, "amount", "Amount", "", 0.0, 1.0, 1.0),
    Control(2, "target_lufs", "Target loudness", "LUFS", -40.0, -5.0, -14.0),
    _switch(3, "style_loudness", "Loudness of the style", True),
    Control(4, "ceiling_dbtp", "Ceiling", "dB", -12.0, 0.0, -1.0),
    Control(5, "output_trim_db", "Output trim", "dB", -40.0, 0.0, 0.0),
    Control(6, "style", "Style", "", 0.0, MOST_STYLES - 1.0, 0.0, STYLES),
    Control(7, "style_strength", "Style strength", "", 0.0, 1.0, 0.5),
    Control(8, "boldness", "Boldness", "", 0.0, 1.0, 0.5),
    Control(9, "fine_tone", "Fine tone", "", 0.0, 1.0, 1.0),
    Control(10, "listen", "Listen to", "", 0.0, 2.0, 0.0, LISTEN),
    _switch(11, "freeze", "Freeze"),
    _switch(12, "direct", "Direct (no latency)"),
    _switch(13, "bypass", "Bypass"),
    _switch(14, "learn", "Learn this"),
    _switch(15, "ride", "Loudness rider", True),
    Control(16, "max_trim_db", "Rider's most", "dB", 0.0, 24.0, 12.0),
    *(_trim(place, param) for place, param in enumerate(params.PARAMS)),
    Control(17, "learn_from", "Learn from", "", 0.0, 1.0, 0.0, ("input", "side-chain")),
)

METERS: tuple[Meter, ...] = (
    Meter(1001, "momentary_lufs", "Momentary loudness", "LUFS", -200.0, 20.0, -200.0),
    Meter(1002, "short_term_lufs", "Short-term loudness", "LUFS", -200.0, 20.0, -200.0),
    Meter(1003, "integrated_lufs", "Integrated loudness", "LUFS", -200.0, 20.0, -200.0),
    Meter(1004, "true_peak_dbtp", "True peak", "dB", -200.0, 40.0, -200.0),
    Meter(1005, "limiting_db", "Limiting", "dB", 0.0, 100.0),
    Meter(1006, "compression_db", "Compression", "dB", 0.0, 100.0),
    Meter(1007, "gain_db", "Gain", "dB", -100.0, 100.0),
    Meter(1008, "suggestion_age_s", "Suggestion's age", "s", 0.0, 1000.0),
    Meter(1009, "late", "Suggestions too late", "", 0.0, 1e6),
)


def named(control: Control) -> tuple[str, ...]:
    """The names of a control's steps. Thread: main. Allocates: yes."""
    if control.symbol != "style":
        return control.steps
    return tuple("what was learned" if place == LEARNED else name for place, name in enumerate(control.steps))


def version() -> tuple[int, int, int]:
    """The package's, in the numbers that hosts compare; 0 for each where it is not installed.

    Thread: main. Allocates: yes.
    """
    major, minor, micro = (*map(int, re.findall(r"\d+", str(rt_automix.__version__))), 0, 0, 0)[:3]
    return major, minor, micro
