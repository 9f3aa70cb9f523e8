"""Programmes of more than two channels: which speakers they have, in which order, and what each counts for.

Everything inside is in the order of a WAV file. A bed is such a programme laid out two by two, as the chain hears it:
front, centre and LFE, surround, back; where there is no LFE its row is silent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rt_automix.errors import UserError

STEREO = "stereo"
MOST_CHANNELS = 16
"""Of pairs."""

LFE_ROW = 3
"""Row of a bed that gets gain and limiter, but no filter, and is not measured."""

_WEIGHTS = {"LFE": 0.0, "Ls": 1.41, "Rs": 1.41}
"""BS.1770-5: surrounds at 60 to 120 degrees 1.41, all others 1; the LFE does not count."""

_HALF = math.sqrt(0.5)
_FOLDED = {
    "L": (1.0, 0.0), "R": (0.0, 1.0), "C": (_HALF, _HALF), "LFE": (0.0, 0.0),
    "Ls": (_HALF, 0.0), "Rs": (0.0, _HALF), "Lb": (_HALF, 0.0), "Rb": (0.0, _HALF),
}  # fmt: skip
"""BS.775-4, table 2: what a speaker gives to left and right where there are only these."""


@dataclass(frozen=True)
class Layout:
    """Speakers in the order of a WAV file.

    Parameters
    ----------
    name : str
    speakers : tuple of str
    masks : tuple of int
        WAV channel masks that mean it; the first is written where the source said none.
    vorbis : tuple of int
        Where Ogg Vorbis and Opus have each of the speakers.
    is_paired : bool
        Whether it is stereo pairs side by side, without a centre and an LFE.
    """

    name: str
    speakers: tuple[str, ...]
    masks: tuple[int, ...] = ()
    vorbis: tuple[int, ...] = ()
    is_paired: bool = False

    @property
    def rows(self) -> tuple[int, ...]:
        """Row of the bed of each channel."""
        return tuple(k + (k >= LFE_ROW and self._lacks_lfe) for k in range(len(self.speakers)))

    @property
    def weights(self) -> tuple[float, ...]:
        """What each row of the bed counts for in its loudness: a factor on its energy."""
        return tuple(_WEIGHTS.get(name, 1.0) for name in self._by_row)

    @property
    def folded(self) -> tuple[tuple[float, float], ...]:
        """Shares of each row of the bed in left and right of the stereo that the analysis hears."""
        return tuple(_FOLDED[name] for name in self._by_row)

    @property
    def _by_row(self) -> tuple[str, ...]:
        """Speakers by rows of the bed; where there is no LFE its row is one that is silent."""
        lacks = self._lacks_lfe
        return (*self.speakers[:LFE_ROW], "LFE", *self.speakers[LFE_ROW:]) if lacks else self.speakers

    @property
    def _lacks_lfe(self) -> bool:
        return "LFE" not in self.speakers and not self.is_paired


LAYOUTS = {
    len(layout.speakers): layout
    for layout in (
        Layout("5.0", ("L", "R", "C", "Ls", "Rs"), (0x37, 0x607), (0, 2, 1, 3, 4)),
        Layout("5.1", ("L", "R", "C", "LFE", "Ls", "Rs"), (0x3F, 0x60F), (0, 2, 1, 5, 3, 4)),
        Layout("7.1", ("L", "R", "C", "LFE", "Lb", "Rb", "Ls", "Rs"), (0x63F,), (0, 2, 1, 7, 5, 6, 3, 4)),
    )
}
"""By number of channels."""


def layout_of(channels: int) -> Layout:
    """The layout of so many channels.

    Raises
    ------
    UserError
        There is none.

    Thread: any. Allocates: no.
    """
    if channels not in LAYOUTS:
        raise UserError(
            f"{channels} channels: allowed are 1, 2, 5 (5.0), 6 (5.1) and 8 (7.1). Mix down first, "
            "or have every two mastered by themselves: --pairs own."
        )
    return LAYOUTS[channels]


def layout_for(channels: int, paired: bool = False) -> Layout | None:
    """The layout of so many channels, of speakers or of pairs; None for one or two.

    Raises
    ------
    UserError
        There is none.

    Thread: any. Allocates: yes.
    """
    if channels in (1, 2):
        return None
    if not paired:
        return layout_of(channels)
    count = pairs_of(channels)
    return Layout(f"{count} pairs", ("L", "R") * count, is_paired=True)


def pairs_of(channels: int) -> int:
    """How many pairs so many channels are.

    Raises
    ------
    UserError
        None, or too many.

    Thread: any. Allocates: no.
    """
    if channels % 2 or not 2 <= channels <= MOST_CHANNELS:
        raise UserError(f"{channels} channels are no pairs: allowed are 2, 4, 6, ... {MOST_CHANNELS}.")
    return channels // 2


def channels_of(name: str) -> int:
    """How many channels a layout has, by its name, or stereo.

    Thread: any. Allocates: no.
    """
    return next((channels for channels, layout in LAYOUTS.items() if layout.name == name), 2)


def numbered(text: str) -> tuple[int, ...]:
    """Channels as people write them, such as "3,4" or "1-6"; none where that cannot be read.

    Thread: any. Allocates: yes.
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        if not (first.isdecimal() and (last.isdecimal() or not dash)) or (
            dash and int(last) - int(first) not in range(64)
        ):
            return ()
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def name_of(channels: int, paired: bool = False) -> str:
    """What so many channels are called.

    Thread: any. Allocates: yes.
    """
    if paired:
        return f"{channels // 2} pairs"
    return {1: "mono", 2: STEREO}.get(channels) or layout_of(channels).name
