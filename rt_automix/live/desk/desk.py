"""What can be done to a live engine by name, whoever asks: a key, a MIDI knob, a page."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rt_automix.analysis.aim import profile
from rt_automix.engine import controls
from rt_automix.engine.engine import Engine
from rt_automix.errors import ConfigError, UserError, nearest
from rt_automix.live.desk.phones import Phones
from rt_automix.live.setup import Setup
from rt_automix.outputs import PREFIX, addressed, no_output, no_phones

LISTEN_SWITCHES = ("bypass", "compare")
"""Switches that say what is listened to; both off is the master."""

NUDGES = {
    "amount": 0.05,
    "fine_tone": 0.05,
    "boldness": 0.05,
    "style_strength": 0.05,
    "target_lufs": 0.5,
    "output_trim_db": 1.0,
    "ceiling_dbtp": 0.1,
    "max_trim_db": 1.0,
}
"""How far one press of a key goes."""

_NEUTRAL = {"amount": 0.0, "listen": "master", "freeze": False}

TWICE_S = 0.5
"""Panic cannot be taken back sooner: two hits are one."""

Remark = Callable[[str], None]


class Desk:
    """An engine with its profiles, as a performer handles them.

    Parameters
    ----------
    engine : Engine
        Prepared.
    setup : Setup
    remark : callable
        Told what a performer should know.
    """

    def __init__(self, engine: Engine, setup: Setup, remark: Remark) -> None:
        self.engine = engine
        self._remark = remark
        self.before_panic: dict[str, Any] = {}
        self._panicked_at = 0.0
        self._profiles = setup.profiles
        self._reference = setup.reference
        self.profile = setup.reference.name if setup.reference else setup.config.master.profile
        self.outputs: dict[str, Desk] = {}
        """The desks of all outputs by name, this one's among them, where there are several."""
        self.phones: Phones | None = None

    @property
    def profiles(self) -> tuple[str, ...]:
        """What the profile control steps through."""
        return ((self._reference.name,) if self._reference else ()) + self._profiles

    @property
    def values(self) -> dict[str, Any]:
        """Every control by name, the profile and panic among them."""
        return {**self.engine.controls, "profile": self.profile, "panic": self.is_panicking}

    @property
    def knobs(self) -> dict[str, Any]:
        """The same with every parameter's offset under a name of its own."""
        trims = self.engine.controls["trims"]
        own = {**self.values, **{f"trim.{name}": trims.get(name, 0.0) for name in controls.TRIM_RANGES}}
        several = {name: own if desk is self else desk.knobs for name, desk in self.outputs.items()}
        own |= {f"{PREFIX}{name}/{knob}": value for name, its in several.items() for knob, value in its.items()}
        if self.phones is not None:
            own |= {f"{PREFIX}{name}/phones": name == self.phones.heard for name in self.phones.names}
            own["phones"] = self.phones.heard
        return own

    def _addressed(self, name: str) -> tuple[Desk, str]:
        """The desk that a control is on, and its name there. Raises ConfigError where there is no such output."""
        if not name.startswith(PREFIX):
            return self, name
        output, _, control = name.removeprefix(PREFIX).partition("/")
        if output not in self.outputs:
            raise no_output(name, output, self.outputs)
        return self.outputs[output], control

    def set(self, name: str, value: Any) -> None:
        """Set a control to a value in its own unit; None toggles a switch: bypass, compare and panic among them.

        "trim.NAME" is a parameter's offset to what is suggested; "output/NAME/CONTROL" is one of an output.

        Raises
        ------
        ConfigError
            There is no such control or it cannot be that.
        """
        if addressed(name)[1] == "phones":
            self._hear(name, value)
            return
        desk, control = self._addressed(name)
        if desk is not self:
            desk.set(control, value)
            return
        name = control
        if name == "panic":
            self.panic(_switched(name, value, self.is_panicking))
            return
        if name == "profile":
            self.use_profile(value)
        elif name.startswith("trim."):
            self.engine.set(trims={**self.engine.controls["trims"], name.removeprefix("trim."): value})
        elif name in LISTEN_SWITCHES:
            on = _switched(name, value, self.engine.controls["listen"] == name)
            if on or self.engine.controls["listen"] == name:
                self.engine.set(listen=name if on else "master")
        elif name in controls.SWITCHES:
            self.engine.set(**{name: _switched(name, value, self.engine.controls[name])})
        else:
            self.engine.set(**{name: value})
        self._leave_panic(name)

    def nudge(self, name: str, steps: float) -> None:
        """Move a control by so many steps of NUDGES, no further than its range; the profile to the next.

        Raises
        ------
        ConfigError
            There is no such control.
        """
        if name == "phones":
            self._phones_for(name).step(int(steps))
            return
        desk, control = self._addressed(name)
        if desk is not self:
            desk.nudge(control, steps)
            return
        name = control
        if name == "profile":
            self.step_profile(int(steps))
            return
        if name not in NUDGES:
            raise ConfigError(f'control "{name}" does not move in steps.{nearest(name, NUDGES)}')
        self._leave_panic(name)
        low, high = controls.RANGES[name]
        wanted = self.engine.controls[name] + steps * NUDGES[name]
        self.engine.set(**{name: round(min(max(wanted, low), high), 6)})

    def _hear(self, name: str, value: Any) -> None:
        """Have an output heard on the phones: "phones" names it, "output/NAME/phones" is a switch of each."""
        phones, output = self._phones_for(name), addressed(name)[0].removeprefix(PREFIX).rstrip("/")
        if output:
            phones.switch(output, value)
        else:
            phones.choose(value)

    def _phones_for(self, name: str) -> Phones:
        """The phones that a control is about. Raises ConfigError where there are none."""
        if self.phones is None:
            raise no_phones(name)
        return self.phones

    @property
    def is_panicking(self) -> bool:
        """Whether panic can be taken back."""
        return bool(self.before_panic)

    def panic(self, on: bool) -> None:
        """Everything neutral at once, the limiter stays; or back to what was before. Who hits it twice means it.

        Panic on the main output is panic on all.
        """
        if not self._panic(on):
            return
        for desk in self.outputs.values():
            desk._panic(on)
        everything = "everything neutral, the limiter stays. Touch it again to take it back."
        self._remark(f"Panic: {everything}" if on else "Panic taken back.")

    def _panic(self, on: bool) -> bool:
        """Whether that changed anything."""
        now = time.monotonic()
        if on and not self.is_panicking:
            self.before_panic = {name: self.engine.controls[name] for name in _NEUTRAL}
            self._panicked_at = now
            self.engine.set(**_NEUTRAL)
            return True
        if not on and self.is_panicking and now - self._panicked_at > TWICE_S:
            self.engine.set(**self.before_panic)
            self.before_panic = {}
            return True
        return False

    def _leave_panic(self, name: str) -> None:
        """Whoever sets what panic has set goes on from there."""
        if name in (*_NEUTRAL, *LISTEN_SWITCHES):
            self.before_panic = {}

    def step_profile(self, steps: int) -> None:
        """Go on by so many profiles, round and round."""
        there = self.profiles
        now = there.index(self.profile) if self.profile in there else 0
        self.use_profile(there[(now + steps) % len(there)])

    def use_reference(self, style: profile.Profile) -> None:
        """Aim at what a song measures like; it stays among the profiles until the next one."""
        self._reference = style
        self.profile = style.name
        self.engine.follow_style(style)

    def use_profile(self, name: str) -> None:
        """Aim at a profile by name or path; one that does not load changes nothing."""
        if name == self.profile:
            return
        if not isinstance(name, str):
            raise ConfigError(f"control profile = {name!r} is none. Use one of {', '.join(self.profiles)}, or a file.")
        is_reference = self._reference is not None and name == self._reference.name
        try:
            style = self._reference if is_reference and self._reference else profile.load(name)
        except UserError as error:
            self._remark(str(error))
            return
        self.profile = name
        self.engine.follow_style(style)


def _switched(name: str, value: Any, now: bool) -> bool:
    """What a switch is to be; None is the other way round. Raises ConfigError where it is no switch's."""
    if value is None:
        return not now
    if not isinstance(value, bool | int | float):
        raise ConfigError(f"{name} = {value!r} is not a switch's. Use true, false, or null to toggle.")
    return bool(value)
