"""Which knob or button of a MIDI controller sets what: one mapping, and what mappings may not be.

To add a control that MIDI can set: its name in `Control`, and a row in `KNOBS` or a place in `SWITCHES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from rt_automix.checked import Checked, between

Control = Literal[
    "amount",
    "fine_tone",
    "boldness",
    "style_strength",
    "profile",
    "target_lufs",
    "output_trim_db",
    "bypass",
    "compare",
    "freeze",
    "panic",
]
Source = Literal["cc", "note", "pitchbend"]
Kind = Literal["7bit", "14bit", "relative", "relative-offset", "relative-sign", "toggle", "momentary"]

KNOB_KINDS: tuple[Kind, ...] = ("7bit", "14bit", "relative", "relative-offset", "relative-sign")
SWITCH_KINDS: tuple[Kind, ...] = ("toggle", "momentary")


@dataclass(frozen=True)
class Knob:
    """A control with a continuous value: the range it can have, and the one a knob covers unless told."""

    lowest: float
    highest: float
    low: float
    high: float


KNOBS: dict[str, Knob] = {
    "amount": Knob(0.0, 1.0, 0.0, 1.0),
    "fine_tone": Knob(0.0, 1.0, 0.0, 1.0),
    "boldness": Knob(0.0, 1.0, 0.0, 1.0),
    "style_strength": Knob(0.0, 1.0, 0.0, 1.0),
    "target_lufs": Knob(-40.0, -5.0, -24.0, -8.0),
    "output_trim_db": Knob(-40.0, 0.0, -24.0, 0.0),
}
SWITCHES = ("bypass", "compare", "freeze", "panic")


@dataclass(frozen=True)
class MidiMapping(Checked):
    """One knob, fader, encoder, key or button, and the control that it sets.

    `channel` counts from 1, 0 is any; `number` is that of the controller or note (0 for the pitch
    bend). `low` and `high` are the control's values at the knob's ends, in its own unit; the other
    way round turns the knob around.
    """

    control: Control
    number: Annotated[int, between(0, 127)]
    kind: Kind
    source: Source = "cc"
    channel: Annotated[int, between(0, 16)] = 0
    low: float | None = None
    high: float | None = None
    takeover: bool = True

    @property
    def ends(self) -> tuple[float, float]:
        """The control's values where the knob starts and where it ends; for the controls in `KNOBS`."""
        knob = KNOBS[self.control]
        return (knob.low if self.low is None else self.low, knob.high if self.high is None else self.high)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers that it listens to: a 14-bit controller sends its fine half 32 higher."""
        return (self.number, self.number + 32) if (self.source, self.kind) == ("cc", "14bit") else (self.number,)

    @property
    def heard(self) -> str:
        """What it listens to, in words."""
        what = {"cc": "CC", "note": "note", "pitchbend": "pitch bend"}[self.source]
        numbers = "" if self.source == "pitchbend" else f" {' and '.join(map(str, self.numbers))}"
        return f"{what}{numbers} on {f'channel {self.channel}' if self.channel else 'any channel'}"

    def problems(self) -> list[str]:
        """What is wrong with it as a whole, each beginning with the setting that is at fault."""
        found = []
        if self.kind not in self._suitable():
            allowed = ", ".join(f'"{kind}"' for kind in self._suitable())
            cure = f"Use {allowed}." if allowed else 'Use source = "cc".'
            found.append(f'kind = "{self.kind}" does not suit {self.control} from {self.heard}. {cure}')
        elif len(self.numbers) == 2 and self.number > 31:
            found.append(
                f"number = {self.number} cannot be 14bit: its fine half would be {self.number + 32}. "
                "Use 0 to 31, the number of the coarse half."
            )
        if self.source == "pitchbend" and self.number:
            found.append(f"number = {self.number} means nothing to the pitch bend, which has none. Use 0.")
        return found + self._range_problems()

    def shares_with(self, other: MidiMapping) -> bool:
        """Whether one message could mean both."""
        same_channel = self.channel == other.channel or 0 in (self.channel, other.channel)
        return same_channel and self.source == other.source and not set(self.numbers).isdisjoint(other.numbers)

    def _suitable(self) -> tuple[Kind, ...]:
        buttons = SWITCH_KINDS if self.control in SWITCHES else ("toggle",) if self.control == "profile" else ()
        knobs = () if self.control in SWITCHES else KNOB_KINDS
        return {"cc": (*knobs, *buttons), "note": buttons, "pitchbend": ("14bit",) if knobs else ()}[self.source]

    def _range_problems(self) -> list[str]:
        given = {name: value for name in ("low", "high") if (value := getattr(self, name)) is not None}
        knob = KNOBS.get(self.control)
        if knob is None:
            cure = f"means nothing to {self.control}. Leave it out."
            return [f"{name} = {value:g} {cure}" for name, value in given.items()]
        allowed = f"[{knob.lowest}, {knob.highest}], the range of {self.control}"
        found = []
        for name, value in given.items():
            if value < knob.lowest:
                found.append(f"{name} = {value:g} is outside {allowed}. Use {knob.lowest:g} or more.")
            elif value > knob.highest:
                found.append(f"{name} = {value:g} is outside {allowed}. Use {knob.highest:g} or less.")
        if not found and self.ends[0] == self.ends[1]:
            found.append(f"low = {self.ends[0]:g} is high too: the knob would do nothing. Use two different values.")
        return found


DEFAULT = MidiMapping(control="amount", number=16, kind="7bit")
"""The one knob that works unlearned. CC 16 is the first general-purpose controller of the MIDI
specification: nothing plays with it, unlike the modulation wheel (1) or the volume (7)."""


def collisions(mappings: Sequence[MidiMapping | None]) -> list[tuple[int, str]]:
    """(place, what is wrong) of every mapping that shares a message with one before it, counted from 0."""
    found = []
    for place, mapping in enumerate(mappings):
        for earlier, other in enumerate(mappings[:place]):
            if mapping and other and mapping.shares_with(other):
                found.append(
                    (
                        place,
                        f"({mapping.control}, {mapping.heard}) collides with midi.map[{earlier + 1}] ({other.control}, "
                        f"{other.heard}). Give one of them another number or channel.",
                    )
                )
                break
    return found
