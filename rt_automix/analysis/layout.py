"""Where everything lies in the plain arrays of what listens.

Offsets are plain integers fixed at import: compiled code sees them as literals.
"""

from __future__ import annotations

from rt_automix.analysis.features import MEL_BANDS
from rt_automix.analysis.tone import LEVELS_LUFS

FINE_POINTS = 62
"""Points of the fine spectrum: `dsp.fine.POINTS_HZ`."""

BLOCK_FRAMES = 4
"""Four hops are nearly the 400 ms of BS.1770's gating blocks."""

LEVELS = LEVELS_LUFS.size


class Region:
    """Hands out consecutive stretches of one array."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, count: int) -> int:
        """Where a new stretch of `count` begins."""
        start = self.size
        self.size += count
        return start


# Statistics of a programme: a stretch of float64 that holds nothing but numbers, counts included.
_statistics = Region()
MEMORY_FRAMES = _statistics.take(1)
"""How long the means remember; infinite where all weighs alike."""
PAUSE_FRAMES = _statistics.take(1)
"""Frames without music since the last with."""
SOUND_FRAMES = _statistics.take(1)
"""Frames that were no silence, as far as they weigh."""
HEARD_FRAMES = _statistics.take(1)
"""Frames of music, all that ever were."""
MUSIC_FRAMES = _statistics.take(1)
"""Frames of music, as far as they weigh."""
RUNNING_ENERGY = _statistics.take(1)
"""K-weighted mean square of the last ten seconds."""
ENERGY = _statistics.take(1)
"""Means of the frames' K-weighted mean square, and of its square."""
ENERGY_SQUARED = _statistics.take(1)
PEAK_POWER = _statistics.take(1)
RECENT_COUNT = _statistics.take(1)
"""How many of the recent energies there are; the newest is the last."""
RECENT_ENERGIES = _statistics.take(BLOCK_FRAMES)
BLOCK_SHARES = _statistics.take(LEVELS)
"""Share of the gating blocks at each of LEVELS_LUFS."""
LEVEL_SHARES = _statistics.take(LEVELS)
"""Share of the music's frames at each of LEVELS_LUFS."""
MEL_POWER = _statistics.take(2 * MEL_BANDS)
"""Mean power per mel band of mid, then of side."""
FINE_POWER = _statistics.take(2 * FINE_POINTS)
"""Mean power in a third of an octave around each point of the fine spectrum, of mid, then of side."""
STATISTICS_SIZE = _statistics.size
