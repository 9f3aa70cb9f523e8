"""From MIDI messages to changes of controls, and back to the lights of the controller. No port here.

A change is (name, value) as the engine takes it: `amount`, `fine_tone`, `boldness`, `style_strength`, `target_lufs`
and `output_trim_db` in their own units, `listen` as "master", "bypass" or "compare", `freeze` and `panic` as True or
False, `profile` as the name of one of the profiles, `trim.NAME` in the parameter's own unit; of an output as
`output/NAME/CONTROL`, such as `output/NAME/phones`, True or False; `phones` alone as None, for the next output.
`record` is True or False, `preset` a name, a place counted from 0, or None for the next.
"""

from __future__ import annotations

from collections.abc import Sequence

from rt_automix.live.midi.buttons import (
    Change,
    Controls,
    Message,
    NextHeard,
    NextProfile,
    Preset,
    Program,
    Route,
    Switch,
)
from rt_automix.live.midi.knobs import Choice, Encoder, Guess, Knob, Range
from rt_automix.live.midi.messages import Decoder, Event
from rt_automix.midimap import KNOBS, SWITCHES, MidiMapping, Source
from rt_automix.outputs import PREFIX


class Router:
    """All mappings of a gig.

    Parameters
    ----------
    mappings : sequence of MidiMapping
    profiles : sequence of str
        The profiles that a knob or a button goes through, in order.
    """

    def __init__(self, mappings: Sequence[MidiMapping], profiles: Sequence[str] = ()) -> None:
        self._routes = [_route(mapping, profiles) for mapping in mappings]
        self._decoder = Decoder()
        self.last: tuple[Event, tuple[str, ...]] | None = None
        """What came last, and the controls that listen to it."""
        self._by_message: dict[tuple[Source, int], list[Route]] = {}
        for route in self._routes:
            for number in route.mapping.numbers:
                self._by_message.setdefault((route.mapping.source, number), []).append(route)
            if route.mapping.touch is not None:
                self._by_message.setdefault(("note", route.mapping.touch), []).append(route)

    def feed(self, message: Sequence[int], controls: Controls) -> list[Change]:
        """The changes that a message asks for; `controls` must show those of earlier messages already.

        Thread: main. Allocates: yes.
        """
        event = self._decoder.feed(message)
        if event is None:
            return []
        routes = [
            route
            for route in self._by_message.get((event.source, event.number), ())
            if route.mapping.channel in (0, event.channel) or event.number == route.mapping.touch
        ]
        self.last = event, tuple(route.mapping.sets for route in routes)
        return [change for route in routes for change in _heard(route, event, controls)]

    def feedback(self, controls: Controls) -> list[Message]:
        """Messages that bring the controller's lights, rings and motors up to date: only what changed.

        Thread: main. Allocates: yes.
        """
        return [message for route in self._routes if (own := _own(route, controls)) for message in route.news(own)]

    def reset(self) -> None:
        """After a controller came back: where its knobs stand and what its lights show is not known.

        Thread: main. Allocates: yes.
        """
        self._decoder = Decoder()
        for route in self._routes:
            route.reset()


def _own(route: Route, controls: Controls) -> Controls:
    """The controls of the output that a route is for, by their plain names; none if there is no such output."""
    if not route.mapping.output:
        return controls
    prefix = f"{PREFIX}{route.mapping.output}/"
    return {name.removeprefix(prefix): value for name, value in controls.items() if name.startswith(prefix)}


def _heard(route: Route, event: Event, controls: Controls) -> list[Change]:
    """The changes that a route hears in an event, each by the whole name of its control."""
    prefix = f"{PREFIX}{route.mapping.output}/" if route.mapping.output else ""
    own = _own(route, controls)
    return [(prefix + name, value) for name, value in route.hear(event, own)] if own else []


def _route(mapping: MidiMapping, profiles: Sequence[str]) -> Route:
    if mapping.control == "phones" and not mapping.output:
        return NextHeard(mapping)
    if mapping.control in SWITCHES:
        return Switch(mapping)
    if mapping.control == "preset":
        return Preset(mapping)
    if mapping.source == "program":
        return Program(mapping, profiles)
    if mapping.control == "profile" and (mapping.kind in ("toggle", "latching") or not profiles):
        return NextProfile(mapping, profiles)
    way = Range(mapping) if mapping.control in KNOBS else Choice(profiles)
    if mapping.kind == "auto":
        return Guess(mapping, way)
    return (Encoder if mapping.kind.startswith("relative") else Knob)(mapping, way)
