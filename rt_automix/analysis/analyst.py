"""The listener behind the engine: reads a ring of input, asks the suggester, publishes suggestions.

It works on a grid of its own, a suggestion every few feature hops, and stamps each with the sample
from which it holds, a fixed time after the music it was made from. As long as the analysis is done
by then, a live stream and an offline render of the same samples get the same parameters.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.applause import UNDO_FRAMES, Applause
from rt_automix.analysis.auto_style import AutoStyle
from rt_automix.analysis.clipping import Clipping
from rt_automix.analysis.profile import Profile
from rt_automix.analysis.statistics import Listener
from rt_automix.analysis.suggester import Suggester
from rt_automix.dsp import fine
from rt_automix.units import db_from_power, power_from_db

DELAY_S = 0.05
"""From the newest sample a suggestion has heard to the first it acts on."""

HURRY = 4.0
HURRY_S = 10.0
"""Suggestions may move this much faster while the engine has heard less than this."""

SLOWEST = 0.25
"""Where there is little confidence suggestions move slower, down to this share of their slew."""

DEAD_BAND_NORM = 0.01
"""Once arrived, a parameter stays until this share of its range is missing; then it goes all the way."""

SHORT_TERM_S = 3.0

_DEAD_BAND = DEAD_BAND_NORM * (params.HIGH - params.LOW)


Publish = Callable[[params.Values, int, float, bool, NDArray[np.float64]], None]
"""Takes a suggestion, the sample from which it holds, the input's short-term loudness in LUFS, whether
there is applause, and the gains of the fine bands in dB."""


@dataclass(frozen=True)
class Ring:
    """What came in last, as somebody else goes on writing it.

    Parameters
    ----------
    channels : float32 arrays, each of the same power of two of samples
        Sample number n lies at n modulo that.
    written : int64, shape (1,)
        How many samples there have been.
    """

    channels: tuple[NDArray[np.float32], ...]
    written: NDArray[np.int64]


class Analyst:
    """Turns what lies in a ring into suggestions.

    What is no music teaches nothing and moves nothing: silence, applause, a clipped input.

    Parameters
    ----------
    sample_rate_hz : int
    suggester : Suggester
    profile : Profile
    hops : int
        Feature hops from one suggestion to the next.
    ring : Ring
        What to listen to.
    publish : Publish
        Where suggestions go.
    """

    def __init__(
        self, sample_rate_hz: int, suggester: Suggester, profile: Profile, hops: int, ring: Ring, publish: Publish
    ) -> None:
        self.listener = Listener(sample_rate_hz, len(ring.channels))
        self._ring, self._publish = ring, publish
        self.suggester = suggester
        self._profile, self._is_new_profile = profile, False
        self.applause = Applause(self.listener.stream.bin_hz)
        self.clipping = Clipping()
        self.auto = AutoStyle()
        self._before: deque[NDArray[np.float64]] = deque(maxlen=UNDO_FRAMES)
        self.interval_samples = features.hop_samples(sample_rate_hz) * hops
        self.suggestion = params.NEUTRAL.copy()
        self.fine_gains_db = np.zeros(fine.BAND_COUNT)
        self._is_moving = np.zeros(params.COUNT, np.bool_)
        self.heard_samples = 0
        self.gaps = self.late = 0
        self._sample_rate_hz = sample_rate_hz
        self._delay_samples = round(DELAY_S * sample_rate_hz)
        self._short_term_frames = round(SHORT_TERM_S / features.HOP_S)

    @property
    def next_at(self) -> int:
        """The sample count at which the next suggestion is due."""
        return self.heard_samples + self.interval_samples

    def follow(self) -> bool:
        """Hear and suggest once if enough has come; whether it did.

        Thread: worker. Allocates: yes.
        """
        written = int(self._ring.written[0])
        if written < self.next_at:
            return False
        if written - self.heard_samples > len(self._ring.channels[0]) - self.interval_samples:
            # The ring has gone round: go on at the newest grid point.
            self.heard_samples = (written // self.interval_samples - 1) * self.interval_samples
            self.gaps += 1
        if self._hear(self._read(self.interval_samples)) or self._is_new_profile:
            self._move()
        effective_at = self.next_at + self._delay_samples
        self._publish(self.suggestion, effective_at, self.short_term_lufs(), self.applause.heard, self.fine_gains_db)
        self.late += int(self._ring.written[0]) > effective_at
        self.heard_samples = self.next_at
        return True

    def _hear(self, block: NDArray[np.float32]) -> bool:
        """Listen frame by frame; whether there was music to learn from.

        Applause teaches nothing, what it has taught before it was known included.
        """
        hop_samples = features.hop_samples(self._sample_rate_hz)
        before_s = self.listener.statistics.seconds_heard
        for start in range(0, block.shape[1], hop_samples):
            hop = block[:, start : start + hop_samples]
            known = self.applause.heard
            if not known:
                self._before.append(self.listener.statistics.state())
            self.clipping.add(hop)
            if self.listener.push(hop, is_music=not (known or self.clipping.heard)):
                loudness_lufs = float(self.listener.window[-1, features.LOUDNESS_ROW])
                self.applause.add(self.listener.stream.spectrum, loudness_lufs)
            if self.applause.heard and not known:
                self.listener.statistics.restore(self._before[0])
        return self.listener.statistics.seconds_heard > before_s

    def short_term_lufs(self) -> float:
        """Loudness of the last three seconds of input."""
        frames = self.listener.window[-self._short_term_frames :, features.LOUDNESS_ROW]
        return float(db_from_power(np.mean(power_from_db(frames))))

    def _read(self, count: int) -> NDArray[np.float32]:
        block = np.empty((len(self._ring.channels), count), np.float32)
        size = len(self._ring.channels[0])
        start = self.heard_samples & (size - 1)
        before_end = min(count, size - start)
        for channel, ring in zip(block, self._ring.channels, strict=True):
            channel[:before_end] = ring[start : start + before_end]
            channel[before_end:] = ring[: count - before_end]
        return block

    def _move(self) -> None:
        """Step towards what is wanted, as far as it is trusted, no faster than each parameter's slew."""
        profile = self.profile
        aim = self.auto.follow(self.listener.statistics, profile)
        wanted = params.clamp(self.suggester.suggest(self.listener, aim))
        confidence = np.clip(np.nan_to_num(self.suggester.confidence), 0.0, 1.0)
        away = params.NEUTRAL + confidence * (wanted - params.NEUTRAL) - self.suggestion
        hurry = HURRY if self.listener.statistics.seconds_heard < HURRY_S else 1.0
        step = params.SLEW_PER_S * (hurry * self.interval_samples / self._sample_rate_hz)
        step = step * np.maximum(confidence, SLOWEST)
        self._is_moving |= np.abs(away) > _DEAD_BAND
        self.suggestion = self.suggestion + np.where(self._is_moving, np.clip(away, -step, step), 0.0)
        self._is_moving &= np.abs(away) > step
        if profile is self.profile and not self._is_moving.any():
            self._is_new_profile = False

    @property
    def profile(self) -> Profile:
        """What to aim at; a new one is gone for in silence, too."""
        return self._profile

    @profile.setter
    def profile(self, profile: Profile) -> None:
        self._profile, self._is_new_profile = profile, True

    def state(self) -> dict[str, Any]:
        """A copy of what `restore` needs."""
        return {
            "listener": self.listener.state(),
            "applause": self.applause.state(),
            "clipping": self.clipping.state(),
            "auto": self.auto.state(),
            "before": list(self._before),
            "suggestion": self.suggestion.copy(),
            "fine_gains_db": self.fine_gains_db.copy(),
            "is_moving": self._is_moving.copy(),
            "is_new_profile": self._is_new_profile,
            "heard_samples": self.heard_samples,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self.listener.restore(state["listener"])
        self.applause.restore(state["applause"])
        self.clipping.restore(state["clipping"])
        self.auto.restore(state["auto"])
        self._before.clear()
        self._before.extend(state["before"])
        self.suggestion = state["suggestion"].copy()
        self.fine_gains_db = state["fine_gains_db"].copy()
        self._is_moving = state["is_moving"].copy()
        self._is_new_profile = state["is_new_profile"]
        self.heard_samples = state["heard_samples"]
