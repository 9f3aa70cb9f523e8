"""A device that plays has the pace of a clock. One that takes whatever it is given is no device. Plain data."""

from __future__ import annotations

from rt_automix.errors import DeviceError

_WINDOW_S = 1.0
_MOST_TIMES = 4.0


class Pace:
    """Holds what went through a stream against the time that has passed.

    Parameters
    ----------
    sample_rate_hz : int
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate_hz = sample_rate_hz
        self._since: tuple[int, float] | None = None

    def check(self, description: str, samples: int, now: float) -> None:
        """Take in how many samples have gone through.

        Raises
        ------
        DeviceError
            There were many times more than can have been heard.
        """
        since_samples, since_s = self._since or (samples, now)
        self._since = since_samples, since_s
        if now - since_s < _WINDOW_S:
            return
        times = (samples - since_samples) / (self._rate_hz * (now - since_s))
        self._since = samples, now
        if times > _MOST_TIMES:
            raise DeviceError(
                f"{description} plays nothing: it takes {times:.0f} times as many samples as can be heard, as a null "
                "device does. Choose another with --device; `rt-automix devices` lists them."
            )
