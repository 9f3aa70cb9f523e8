"""How loud a night is for those who are there: LAeq and LCeq of what goes out, and a soft cap. No certified instrument.

The program hears the signal, not the room. One figure joins them: what a sound level meter at the place shows, less
what is shown here without it.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from rt_automix.dsp.loudness import spl
from rt_automix.live.watching.heard import MAIN, Heard
from rt_automix.units import FLOOR_DB, db_from_power, power_from_db

if TYPE_CHECKING:
    from rt_automix.config import Venue as Settings
    from rt_automix.live.parent.supervisor import Supervisor
    from rt_automix.live.takes.takes import Takes

WINDOW_S = 900
"""Rules for venues limit the mean over 15 minutes."""

AHEAD_S = (15, 30, 60, 120, 200, 300)
"""The cap looks so far ahead: what may still come until each without the window going over."""

MARGIN_DB = 0.1
"""So far below the cap it aims."""

RECENT_S = 30
"""As loud as this it is taken to go on."""

DOWN_LU_PER_S, UP_LU_PER_S = 0.05, 0.02
MOST_LU = 20.0


class Exposure:
    """Energies by the second, and what follows from them.

    Parameters
    ----------
    calibration_db : float
        dB SPL of a signal whose weighted level is 0 dBFS.
    max_laeq_db : float, optional
        The soft cap.

    Attributes
    ----------
    lowered_lu : float
        How far below its target the output is to be, 0 to MOST_LU.
    """

    def __init__(self, calibration_db: float, max_laeq_db: float | None) -> None:
        self._scale = float(power_from_db(calibration_db))
        self._most = float(power_from_db(max_laeq_db - MARGIN_DB)) if max_laeq_db is not None else None
        self._a, self._c = deque[float](maxlen=WINDOW_S), deque[float](maxlen=WINDOW_S)
        self._unlowered = deque[float](maxlen=RECENT_S)
        self._night_a = self._night_c = 0.0
        self.seconds = 0
        self.lowered_lu = 0.0

    def add(self, a_energy: float, c_energy: float) -> None:
        """A second has passed: its mean squares behind the weightings. Thread: main. Allocates: yes."""
        self._a.append(a_energy * self._scale)
        self._c.append(c_energy * self._scale)
        self._night_a, self._night_c = self._night_a + self._a[-1], self._night_c + self._c[-1]
        self._unlowered.append(self._a[-1] * float(power_from_db(self.lowered_lu)))
        self.seconds += 1
        if self._most is not None:
            step_lu = self._wanted_lu(self._most) - self.lowered_lu
            self.lowered_lu += min(max(step_lu, -UP_LU_PER_S), DOWN_LU_PER_S)

    def _wanted_lu(self, most: float) -> float:
        """How much what comes next must be lowered so that the window is not over at any of the times ahead."""
        recent = sum(self._unlowered) / len(self._unlowered)
        if recent <= 0.0:
            return 0.0
        allowed = []
        for ahead_s in AHEAD_S:
            staying = sum(islice(self._a, max(len(self._a) + ahead_s - WINDOW_S, 0), None))
            allowed.append((most * min(len(self._a) + ahead_s, WINDOW_S) - staying) / ahead_s)
        least = max(min(allowed), 1e-3 * most)
        return min(max(float(db_from_power(recent / least)), 0.0), MOST_LU)

    def figures(self) -> dict[str, float]:
        """Levels in dB(A) and dB(C): of the last second, 15 minutes at most, and all of it; and how far it is lowered.

        Thread: main. Allocates: yes.
        """
        spans = {
            "1s": (self._a[-1], self._c[-1]),
            "15min": (sum(self._a) / len(self._a), sum(self._c) / len(self._c)),
            "night": (self._night_a / self.seconds, self._night_c / self.seconds),
        }
        levels = {
            f"{name}_{span}_db": float(db_from_power(energy)) if energy > 0.0 else FLOOR_DB
            for span, energies in spans.items()
            for name, energy in zip(("laeq", "lceq"), energies, strict=True)
        }
        return {**levels, "lowered_lu": self.lowered_lu}


class Venue:
    """Hears what goes out of the main output: a view of the session beside the others.

    Parameters
    ----------
    settings : config.Venue
    """

    wants_end = False

    def __init__(self, settings: Settings) -> None:
        self._exposure = Exposure(settings.spl_calibration_db or 0.0, settings.max_laeq_db)
        self._heard, self._second_samples = Heard(), 0
        self._state = spl.new_state(48_000)

    def __enter__(self) -> Venue:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def hear(self, document: dict[str, Any]) -> None:
        """Nothing that is said is loud."""

    def remark(self, text: str) -> None:
        """Nor this."""

    def show(self, supervisor: Supervisor, takes: Takes) -> None:
        """Hear what has gone out since the last time; once a second of it, say how loud that was."""
        if self._heard.follow(supervisor):
            self._second_samples, self._state = 0, spl.new_state(self._heard.sample_rate_hz)
        for block in self._heard.blocks(supervisor, MAIN):
            while block.shape[1]:
                part = block[:, : self._heard.sample_rate_hz - self._second_samples]
                spl.accumulate(self._state, np.ascontiguousarray(part[0]), np.ascontiguousarray(part[1]))
                self._second_samples += part.shape[1]
                block = block[:, part.shape[1] :]
                if self._second_samples == self._heard.sample_rate_hz:
                    self._end_second(supervisor)

    def _end_second(self, supervisor: Supervisor) -> None:
        before_lu = self._exposure.lowered_lu
        energies = self._state[spl.A_ENERGY : spl.C_ENERGY + 1]
        self._exposure.add(*(energies / self._heard.sample_rate_hz).tolist())
        energies[:], self._second_samples = 0.0, 0
        supervisor.beside["venue"] = {"seconds": self._exposure.seconds, **self._exposure.figures()}
        if self._exposure.lowered_lu or before_lu:  # every second: a process that has just begun knows nothing of it
            supervisor.lower(self._exposure.lowered_lu)
