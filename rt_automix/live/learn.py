"""What kind of knob or button sent these messages? Worked out from a second or two of turning it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from rt_automix.errors import ConfigError
from rt_automix.live.mapping import Event
from rt_automix.midimap import KNOBS, SWITCHES, Control, Kind, MidiMapping

QUIET_S = 1.0
"""A knob or button is done when it has sent nothing for so long."""

LIMIT_S = 5.0
"""What came until then is enough, from the first message on."""

_FASTEST_STEPS = 15
_ENCODERS: dict[Kind, set[int]] = {
    "relative": {*range(1, 1 + _FASTEST_STEPS), *range(128 - _FASTEST_STEPS, 128)},
    "relative-offset": {*range(64 - _FASTEST_STEPS, 64), *range(65, 65 + _FASTEST_STEPS)},
    "relative-sign": {*range(1, 1 + _FASTEST_STEPS), *range(65, 65 + _FASTEST_STEPS)},
}


def recognise(control: Control, events: Sequence[Event]) -> MidiMapping:
    """The mapping of a control to what sent the most of these events, in the order they came.

    Raises
    ------
    ConfigError
        What was moved cannot set that control.

    Thread: main. Allocates: yes.
    """
    source, channel, number = Counter(event[:3] for event in events).most_common(1)[0][0]
    counts = Counter(event.number for event in events if event[:2] == ("cc", channel))
    if source == "cc" and 32 <= number < 64 and counts[number - 32]:
        number -= 32  # this was the fine half of a 14-bit pair: it moves the most
    is_pair = source == "cc" and number < 32 and counts[number + 32] * 2 >= counts[number]
    values = [event.value for event in events if event[:3] == (source, channel, number)]
    is_button = source == "note" or (source == "cc" and not is_pair and _is_button(values))
    if is_button and control in KNOBS:
        raise ConfigError(
            f"{control} needs a knob, a fader or an encoder; what was touched sends only on and off, "
            f"as a button does ({source} {number}, channel {channel}). Turn a knob slowly, to and fro."
        )
    if source == "pitchbend" and control in SWITCHES:
        raise ConfigError(f"{control} needs a button or a key; what was moved is a pitch bend. Press a button.")
    kind: Kind
    if control in SWITCHES:
        # Held all the time, or a button that stays down: the control follows it.
        kind = "toggle" if is_button and len(values) > 1 else "momentary"
    elif is_button:
        kind = "toggle"
    elif source == "pitchbend" or is_pair:
        kind = "14bit"
    else:
        kind = _encoder(values) or "7bit"
    return MidiMapping(control=control, number=number, kind=kind, source=source, channel=channel)


def _is_button(values: Sequence[int]) -> bool:
    """Whether this is on and off only; an encoder turned to the left says 127 many times, and never 0."""
    return set(values) <= {0, 127} and (0 in values or len(values) < 3)


def _encoder(values: Sequence[int]) -> Kind | None:
    """How an endless encoder counts; None for a knob with two ends.

    A knob tells each place once as it passes; an encoder says the same small steps over and over.
    """
    repeats = sum(value == before for before, value in pairwise(values))
    if repeats * 4 < len(values):
        return None
    return next((kind for kind, steps in _ENCODERS.items() if steps.issuperset(values)), None)
