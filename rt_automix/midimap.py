"""Which knob or button of a MIDI controller sets what: one mapping, and what mappings may not be.

To add a control that MIDI can set: its name in `Control`, and a row in `KNOBS` or a place in `SWITCHES`.
`record` and `preset` belong to the session's parent, which has the takes and the presets; all others to its desk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, cast, get_args

from rt_automix.checked import Checked, NotEmpty, between
from rt_automix.errors import ConfigError, nearest
from rt_automix.outputs import PREFIX, addressed
from rt_automix.params import PARAMS

Control = Literal[
    "amount", "fine_tone", "boldness", "style_strength", "profile", "target_lufs", "output_trim_db",
    "bypass", "compare", "freeze", "night", "panic", "phones", "record", "preset",
    "trim.input_gain_db", "trim.low_shelf_db", "trim.low_mid_db", "trim.mid_db", "trim.presence_db", "trim.air_db",
    "trim.compression", "trim.stereo_width", "trim.limiter_drive_db", "trim.output_level",
]  # fmt: skip
Source = Literal["cc", "nrpn", "rpn", "note", "program", "pitchbend"]
Kind = Literal[
    "auto", "7bit", "14bit", "relative", "relative-offset", "relative-sign", "toggle", "momentary", "latching"
]

KNOB_KINDS: tuple[Kind, ...] = ("auto", "7bit", "14bit", "relative", "relative-offset", "relative-sign")
SWITCH_KINDS: tuple[Kind, ...] = ("toggle", "momentary", "latching")

FINE_HALF: dict[str, int] = {"cc": 32, "nrpn": 1 << 14, "rpn": 1 << 14}
"""How far above the coarse half of a 14-bit value its fine half is counted."""


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
    **{f"trim.{one.name}": Knob(-half, half, -half, half) for one in PARAMS if (half := 0.5 * (one.high - one.low))},
}
SWITCHES = ("bypass", "compare", "freeze", "night", "panic", "phones", "record")
OF_PARENT = ("record", "preset")
"""Controls that are no sound's: a take that runs or not, and what was stored."""

WORDS: dict[str, str] = {
    "cc": "CC", "nrpn": "NRPN", "rpn": "RPN", "note": "note", "program": "program", "pitchbend": "pitch bend",
}  # fmt: skip
"""What each source is called."""


@dataclass(frozen=True)
class MidiMapping(Checked):
    """One knob, fader, encoder, key or button, and the control that it sets.

    `channel` counts from 1, 0 is any; `number` is that of the controller, parameter, note or program (0 for
    the pitch bend; for a profile, the program that chooses the first). `low` and `high` are the control's values
    at the knob's ends, in its own unit; the other way round turns the knob around. A button is pressed from the
    value `pressed_from` on. `touch` is the note that says that a motor fader is held. `output` is the name of the
    output whose control it is, where there are several; the main one's without. `phones` with it hears that output
    there, without it the next one. `preset` is the name of the one preset that a button recalls; without, it takes
    the next, and programs choose among all from `number` on.
    """

    control: Control
    number: Annotated[int, between(0, 16383)]
    kind: Kind
    source: Source = "cc"
    channel: Annotated[int, between(0, 16)] = 0
    low: float | None = None
    high: float | None = None
    takeover: bool = True
    pressed_from: Annotated[int, between(1, 127)] = 64
    touch: Annotated[int, between(0, 127)] | None = None
    output: str | None = None
    preset: NotEmpty | None = None

    @property
    def sets(self) -> str:
        """The control that it sets, with the name of the output or preset where it is of one."""
        if self.preset:
            return f"{self.control}/{self.preset}"
        return f"{PREFIX}{self.output}/{self.control}" if self.output else self.control

    @property
    def ends(self) -> tuple[float, float]:
        """The control's values where the knob starts and where it ends; for the controls in `KNOBS`."""
        knob = KNOBS[self.control]
        return (knob.low if self.low is None else self.low, knob.high if self.high is None else self.high)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers that it listens to: a 14-bit controller has a fine half, a choice all programs from one on."""
        if self.source == "program" and self.control in ("profile", "preset") and not self.preset:
            return tuple(range(self.number, 128))
        if self.kind == "14bit" and self.source in FINE_HALF:
            return (self.number, self.number + FINE_HALF[self.source])
        return (self.number,)

    @property
    def heard(self) -> str:
        """What it listens to, in words."""
        what = WORDS[self.source]
        numbers = "" if self.source == "pitchbend" else f" {self.number}"
        if self.source == "cc" and len(self.numbers) == 2:
            numbers = f" {self.number} and {self.numbers[1]}"
        elif len(self.numbers) > 2:
            numbers += " and up"
        return f"{what}{numbers} on {f'channel {self.channel}' if self.channel else 'any channel'}"

    def problems(self) -> list[str]:
        """What is wrong with it as a whole, each beginning with the setting that is at fault."""
        found = []
        if self.kind not in self._suitable():
            allowed = ", ".join(f'"{kind}"' for kind in self._suitable())
            cure = f"Use {allowed}." if allowed else 'Use source = "cc".'
            found.append(f'kind = "{self.kind}" does not suit {self.control} from {self.heard}. {cure}')
        elif self.source not in ("nrpn", "rpn") and self.number > 127:
            found.append(f"number = {self.number} is outside [0, 127]. Use 127 or less.")
        elif self.source == "cc" and len(self.numbers) == 2 and self.number > 31:
            found.append(
                f"number = {self.number} cannot be 14bit: its fine half would be {self.number + 32}. "
                "Use 0 to 31, the number of the coarse half."
            )
        if self.source == "pitchbend" and self.number:
            found.append(f"number = {self.number} means nothing to the pitch bend, which has none. Use 0.")
        if self.touch is not None and self.source != "pitchbend":
            found.append(f"touch = {self.touch} belongs to a motor fader, which sends pitch bend. Leave it out.")
        if self.output is not None and self.control in OF_PARENT:
            found.append(f'output = "{self.output}" means nothing to {self.control}, which is of all. Leave it out.')
        if self.preset is not None and self.control != "preset":
            found.append(f'preset = "{self.preset}" means nothing to {self.control}. Use control = "preset".')
        return found + self._range_problems()

    def shares_with(self, other: MidiMapping) -> bool:
        """Whether one message could mean both."""
        same_channel = self.channel == other.channel or 0 in (self.channel, other.channel)
        return same_channel and self.source == other.source and not set(self.numbers).isdisjoint(other.numbers)

    def _suitable(self) -> tuple[Kind, ...]:
        is_switch, is_choice = self.control in SWITCHES, self.control in ("profile", "preset")
        buttons = SWITCH_KINDS if is_switch else ("toggle", "latching") if is_choice else ()
        knobs = () if is_switch or self.control == "preset" else KNOB_KINDS
        match self.source:
            case "cc":
                return (*knobs, *buttons)
            case "nrpn" | "rpn":
                return (*(kind for kind in knobs if kind != "auto"), *buttons)
            case "note":
                return buttons
            case "program":
                return ("latching",) if is_switch or is_choice else ()
        return ("14bit",) if knobs else ()

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


DEFAULT = MidiMapping(control="amount", number=16, kind="auto")
"""The one knob that works unlearned. CC 16 is the first general-purpose controller of the MIDI
specification: nothing plays with it, unlike the modulation wheel (1) or the volume (7)."""


def named(text: str) -> tuple[Control, str | None, str | None]:
    """The control that is meant, the preset's name in "preset/NAME", and the output's in "output/NAME/CONTROL".

    Raises
    ------
    ConfigError
        There is no such control.

    Thread: main. Allocates: yes.
    """
    prefix, of_output = addressed(text)
    control, slash, preset = of_output.partition("/") if of_output.startswith("preset/") else (of_output, "", "")
    known = get_args(Control)
    if control not in known or bool(slash) != bool(preset) or (prefix and control in OF_PARENT):
        raise ConfigError(f'control "{text}" is unknown.{nearest(text, known)} Known: {", ".join(known)}.')
    return cast(Control, control), preset or None, prefix.removeprefix(PREFIX).rstrip("/") or None


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
