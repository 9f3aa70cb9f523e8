"""Where everything lies in the plain arrays of what listens.

Offsets are plain integers fixed at import: compiled code sees them as literals.
"""

from __future__ import annotations

from rt_automix import params
from rt_automix.analysis.features import MEL_BANDS
from rt_automix.analysis.tone import LEVELS_LUFS, TONE_BANDS

FINE_POINTS = 62
"""Points of the fine spectrum: `dsp.fine.POINTS_HZ`."""

FINE_BANDS = 31
"""Bands of the fine layer: `dsp.fine.CENTRES_HZ`."""

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

# What is aimed at: a profile's numbers, in the order of its vector, and what else is known of it.
_aim = Region()
AIM_BANDS = _aim.take(TONE_BANDS)
AIM_LOUDNESS = _aim.take(1)
AIM_PLR = _aim.take(1)
AIM_SIDE_MID = _aim.take(1)
AIM_PEAK = _aim.take(1)
AIM_DYNAMICS = _aim.take(1)
AIM_IS_AUTO = _aim.take(1)
"""1 for the profile that leans on what is heard."""
AIM_HAS_FINE = _aim.take(1)
"""1 where the fine spectrum is known: a reference, and so a place to go to and not a direction."""
AIM_FINE = _aim.take(FINE_POINTS)
AIM_SIZE = _aim.size

LEAN_SIZE = TONE_BANDS + 2
"""What an input's level does not touch of a profile: tone bands, side/mid ratio, dynamics."""

# The state of what decides: a stretch of float64.
_decision = Region()
LEAN = _decision.take(LEAN_SIZE)
"""How far the aim is from what is heard, where it leans."""
LEAN_HEARD_S = _decision.take(1)
"""Music heard when the lean last moved, in seconds."""
SUGGESTED = _decision.take(params.COUNT)
MOVING = _decision.take(params.COUNT)
"""1 for a parameter on its way."""
FINE_SUGGESTED = _decision.take(FINE_BANDS)
FINE_MOVING = _decision.take(FINE_BANDS)
DECISION_SIZE = _decision.size

# What comes up while deciding, of use until the next time.
_passing = Region()
AIM = _passing.take(AIM_SIZE)
MATCHED = _passing.take(params.COUNT)
"""The closed form's parameters."""
WANTED = _passing.take(params.COUNT)
FINE_WANTED = _passing.take(FINE_BANDS)
CONFIDENCE = _passing.take(params.COUNT)
"""How far to go with each of the ten, 0 to 1."""
PASSING_SIZE = _passing.size
