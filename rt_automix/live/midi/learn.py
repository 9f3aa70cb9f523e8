"""What kind of knob or button sent these messages? Worked out from a second or two of turning it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from rt_automix.errors import ConfigError
from rt_automix.live.midi.messages import Event, may_count
from rt_automix.midimap import FINE_HALF, KNOBS, SWITCHES, WORDS, Control, Kind, MidiMapping

QUIET_S = 1.0
"""A knob or button is done when it has sent nothing for so long."""

LIMIT_S = 5.0
"""What came until then is enough, from the first message on."""

_FAR = 40
"""Of 127: no knob goes there and back again without a word from between."""


def recognise(control: Control, events: Sequence[Event]) -> MidiMapping:
    """The mapping of a control to what sent the most of these events, in the order they came.

    Raises
    ------
    ConfigError
        What was moved cannot set that control, or was moved too little to tell.

    Thread: main. Allocates: yes.
    """
    source, channel, number = Counter(event[:3] for event in events).most_common(1)[0][0]
    counts = Counter(event.number for event in events if event[:2] == (source, channel))
    fine = FINE_HALF.get(source, 0)
    if fine <= number < 2 * fine and (counts[number - fine] or source != "cc"):
        number -= fine  # this was the fine half of a 14-bit pair: it moves the most
    is_pair = number < fine and counts[number + fine] * 2 >= counts[number]
    values = [event.value for event in events if event[:3] == (source, channel, number)]
    is_button = source in ("note", "program") or (source != "pitchbend" and not is_pair and _is_button(values))
    where = f"{WORDS[source]} {number}, channel {channel}"
    if is_button and control in KNOBS:
        raise ConfigError(
            f"{control} needs a knob, a fader or an encoder; what was touched sends only on and off, "
            f"as a button does ({where}). Turn a knob slowly, to and fro."
        )
    only_buttons = control in (*SWITCHES, "preset")
    if source == "pitchbend" and only_buttons:
        raise ConfigError(f"{control} needs a button or a key; what was moved is a pitch bend. Press a button.")
    kind: Kind
    pressed_from = 64
    if is_button or only_buttons:
        kind = _button(control, source, values) if is_button else "toggle" if control == "preset" else "momentary"
        if is_button and source not in ("note", "program") and 0 < max(values) < 64:
            pressed_from = max(values)
    elif source == "pitchbend" or is_pair:
        kind = "14bit"
    else:
        kind = _encoder(control, where, values) or "7bit"
    return MidiMapping(
        control=control, number=number, kind=kind, source=source, channel=channel, pressed_from=pressed_from
    )


def _button(control: Control, source: str, values: Sequence[int]) -> Kind:
    """How a button tells that it is pressed."""
    if source == "program":
        return "latching"
    if source == "note":  # one that is held all the time: the control follows it
        return "toggle" if len(values) > 1 or control in ("profile", "preset") else "momentary"
    # Nothing came when it was let go: it stays down, or says its one value at each press.
    is_silent_when_released = values[-1] > 0
    return "latching" if is_silent_when_released else "toggle"


def _is_button(values: Sequence[int]) -> bool:
    """Whether this is on and off only, such as 127 and 0, or 1 and 0.

    An encoder turned one way says the same value many times, and never 0.
    """
    return len({*values} - {0}) <= 1 and (0 in values or len(values) < 3)


def _encoder(control: Control, where: str, values: Sequence[int]) -> Kind | None:
    """How an endless encoder counts; None for a knob with two ends.

    A knob tells each place once as it passes, and passes those between; an encoder says the same small steps over and
    over, and those to the other side lie far away.
    """
    repeats = sum(value == before for before, value in pairwise(values))
    jumps = sum(abs(value - before) > _FAR for before, value in pairwise(values))
    kinds = may_count(values)
    if (repeats * 4 < len(values) and jumps < 2) or not kinds:
        return None
    if len(kinds) > 1:
        raise ConfigError(
            f"{control}: an endless encoder that was turned one way only may count in several ways ({where}). "
            "Turn it slowly, to and fro."
        )
    return kinds[0]
