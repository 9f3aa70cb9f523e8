"""A router of MIDI messages, and the controls that it changes."""

from __future__ import annotations

from rt_automix.engine import controls as engine_controls
from rt_automix.live.midi.learn import recognise
from rt_automix.live.midi.mapping import Router
from rt_automix.live.midi.messages import Decoder
from rt_automix.midimap import MidiMapping

PROFILES = ("balanced", "warm", "loud", "mine")


RELATIVE = {  # kind: value for n steps to the right, n from -7 to 7
    "relative": lambda n: n % 128,
    "relative-offset": lambda n: 64 + n,
    "relative-sign": lambda n: n if n >= 0 else 64 - n,
}


class Rig:
    """A router and the controls that it changes, as a session has them."""

    def __init__(self, *mappings: MidiMapping) -> None:
        self.router = Router(mappings, PROFILES)
        self.controls = {
            "amount": 0.5,
            "target_lufs": -14.0,
            "output_trim_db": 0.0,
            "listen": "master",
            "freeze": False,
            "profile": "balanced",
        }

    def __call__(self, *message: int) -> dict[str, object]:
        changes = self.router.feed(message, self.controls)
        self.controls.update(changes)
        for name, value in changes:
            if name not in ("profile", "panic"):
                engine_controls.check(name, value)
        return dict(changes)

    def lights(self):
        return self.router.feedback(self.controls)


def mapping(control="amount", number=21, kind="7bit", **rest):
    return MidiMapping(control=control, number=number, kind=kind, **rest)


def learned(control, *messages):
    decoder = Decoder()
    return recognise(control, [event for message in messages if (event := decoder.feed(message))])
