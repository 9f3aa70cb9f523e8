"""What is wrong with a recording, a line each, with where: samples, clipping, sides, DC, and `flaws_spectrum`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rt_automix import surround
from rt_automix.analysis.recordings.flaws_spectrum import SpectrumFlaws
from rt_automix.dsp.loudness import truepeak
from rt_automix.dsp.samples import mix
from rt_automix.units import db_from_lin

FLAT_SAMPLES = 3
"""So many equal samples in a row are flat, if the wave came to them in a step: the top of a slow wave is flat, too."""
STEP_LIN = 0.002
LOWEST_TOP_LIN = 0.1
SAME_TOP = 0.99
"""Clipping cuts at one level: tops below this share of the highest flat one are none."""
FEWEST_TOPS = 3

LEAST_OVER_LIN = 1.006
"""0.05 dBTP."""

LOUD_POWER = 1e-5
"""-50 dBFS: seconds in which neither side reaches that say nothing about the sides."""
DEAD_RATIO = 1e-6
DEAD_S = 2
INVERTED = -0.8
"""Correlation of the sides at which one of them is upside down."""
OPPOSED, OPPOSED_S = -0.7, 10
"""Correlation of their bass, for so long, at which it is. Of 376 songs one has that, throughout."""
SAME_RATIO = 1e-6
LEAST_DC_LIN = 0.005
"""It takes 0.04 dB of headroom; decoded songs have up to 0.004."""

_PARTS = {"front": ("L", "R"), "centre": ("C",), "surround": ("Ls", "Rs"), "back": ("Lb", "Rb")}


class Flaws:
    """Listens to a recording as it is in the file, in blocks.

    Parameters
    ----------
    sample_rate_hz : int
    channels : int, 1 or 2
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._rate_hz, self._channels = sample_rate_hz, channels
        self._done = 0
        self._insane, self._first_insane = 0, 0
        self._over, self._first_over = 0, 0
        self._last = np.zeros((channels, FLAT_SAMPLES), np.float32)
        self._top_lin, self._tops_at = 0.0, np.zeros(0, np.int64)
        self._peaks, self._peak_lin, self._peak_at = truepeak.new_state(), 0.0, 0
        self._sums = np.zeros((5, 0))  # of each second: left, right, their squares, their product
        self._spectrum = SpectrumFlaws(sample_rate_hz, channels)

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Hear a block: float32, shape (channels, n). What comes back has silence where it was not sane.

        Thread: main. Allocates: yes.
        """
        insane = np.flatnonzero((~(np.abs(block) <= mix.SANE_PEAK)).any(axis=0))
        if insane.size:
            self._first_insane = self._first_insane if self._insane else self._done + int(insane[0])
            block = np.where(np.abs(block) <= mix.SANE_PEAK, block, np.float32(0.0))
            self._insane += insane.size
        over = np.flatnonzero((np.abs(block) > 1.0).any(axis=0))
        if over.size:
            self._first_over = self._first_over if self._over else self._done + int(over[0])
            self._over += over.size
        self._find_tops(block)
        truepeak.process(self._peaks, block[0], block[-1])
        peak_lin = float(truepeak.true_peak_lin(self._peaks))
        if peak_lin > self._peak_lin:
            self._peak_lin, self._peak_at = peak_lin, self._done
        self._add(block)
        self._spectrum.push(block)
        self._done += block.shape[1]
        return block

    def _find_tops(self, block: NDArray[np.float32]) -> None:
        """Where flat tops begin, at the level of the highest of them."""
        heard = np.concatenate([self._last, block], axis=1)
        self._last = heard[:, -FLAT_SAMPLES:]
        if np.abs(block).max() < max(LOWEST_TOP_LIN, SAME_TOP * self._top_lin):
            return
        before, first, second, third = (heard[:, k : heard.shape[1] - 3 + k] for k in range(4))
        level = np.abs(first)
        is_top = (first == second) & (second == third) & (level >= LOWEST_TOP_LIN)
        is_top &= (level - np.abs(before) > STEP_LIN) | (before * first < 0.0)
        if not is_top.any():
            return
        highest = float(level[is_top].max())
        if highest * SAME_TOP > self._top_lin:
            self._tops_at = self._tops_at[:0]
        self._top_lin = max(self._top_lin, highest)
        at = np.nonzero(is_top & (level >= SAME_TOP * self._top_lin))[1]
        seconds = (self._done + at) // self._rate_hz
        counts = np.bincount(seconds, minlength=self._tops_at.size)
        counts[: self._tops_at.size] += self._tops_at
        self._tops_at = counts

    def _add(self, block: NDArray[np.float32]) -> None:
        """Sums of each second that the block touches."""
        left, right = block[0].astype(np.float64), block[-1].astype(np.float64)
        first = self._done // self._rate_hz
        borders = np.arange(first + 1, (self._done + left.size - 1) // self._rate_hz + 1) * self._rate_hz - self._done
        starts = np.concatenate([[0], borders]).astype(np.intp)
        products = left, right, left * left, right * right, left * right
        pieces = np.stack([np.add.reduceat(values, starts) for values in products])
        missing = first + pieces.shape[1] - self._sums.shape[1]
        self._sums = np.pad(self._sums, ((0, 0), (0, missing)))
        self._sums[:, first:] += pieces

    def found(self) -> list[str]:
        """One sentence for each flaw, without a full stop; empty if there is none. Thread: main. Allocates: yes."""
        if self._done == 0:
            return []
        return [*self._samples(), *self._clipping(), *self._sides(), *self._dc(), *self._spectrum.found()]

    def _samples(self) -> Iterator[str]:
        if self._insane:
            yield (
                f"insane samples: {self._insane} are no number or beyond +30 dBFS, first at "
                f"{self._clock(self._first_insane)}; they are silence here"
            )

    def _clipping(self) -> Iterator[str]:
        tops = int(self._tops_at.sum())
        if tops >= FEWEST_TOPS:
            first, most = int(np.flatnonzero(self._tops_at)[0]), int(self._tops_at.argmax())
            yield (
                f"clipped: {tops} flat tops at {db_from_lin(self._top_lin):.1f} dBFS, first at {_clock(first)}, "
                f"most of them at {_clock(most)}"
            )
        peak = f"{float(db_from_lin(self._peak_lin)):+.1f} dBTP at {self._clock(self._peak_at)}"
        if self._over:
            yield f"over full scale: {self._over} samples, first at {self._clock(self._first_over)}, up to {peak}"
        elif self._peak_lin > LEAST_OVER_LIN:
            yield f"clips between the samples: {peak}"

    def _sides(self) -> Iterator[str]:
        if self._channels == 1:
            return
        left, right, product = self._sums[2:]
        counts = np.full(left.size, float(self._rate_hz))
        counts[-1] = self._done - (left.size - 1) * self._rate_hz
        is_loud = np.maximum(left, right) > LOUD_POWER * counts
        if not is_loud.any():
            return
        for name, this, other in (("left", left, right), ("right", right, left)):
            yield from self._spans(is_loud & (this < DEAD_RATIO * other), f"the {name} side is dead", DEAD_S)
        mid, side = left + right + 2.0 * product, left + right - 2.0 * product
        if side.sum() <= SAME_RATIO * mid.sum():
            yield "mono as stereo: both sides are the same"
        correlation = product / np.sqrt(np.maximum(left * right, 1e-30))
        is_inverted = is_loud & (correlation < INVERTED)
        for start, end in _runs(is_loud & (self._spectrum.bass_correlation(left.size) < OPPOSED), OPPOSED_S):
            is_inverted[start:end] = True
        yield from self._spans(is_inverted, "one side is inverted", DEAD_S)

    def _spans(self, where: NDArray[np.bool_], what: str, shortest_s: int) -> Iterator[str]:
        """A sentence for all stretches of so many seconds, with the first of them."""
        spans = _runs(where, shortest_s)
        if not spans:
            return
        start, end = spans[0]
        if end - start == where.size:
            yield f"{what} throughout"
            return
        more = "" if len(spans) == 1 else f", and {len(spans) - 1} times more"
        last_s = min(float(end), self._done / self._rate_hz)
        yield f"{what} from {_clock(start)} to {_clock(last_s)}{more}"

    def _dc(self) -> Iterator[str]:
        means = self._sums[: self._channels].sum(axis=1) / self._done
        if np.abs(means).max() >= LEAST_DC_LIN:
            sides = [f"{mean:+.3f} {side}" for mean, side in zip(means, ("left", "right"), strict=False)]
            yield f"DC: {', '.join(sides) if self._channels == 2 else sides[0].split()[0]} of full scale"

    def _clock(self, sample: int) -> str:
        return _clock(sample / self._rate_hz)


class SurroundFlaws:
    """As `Flaws`, of a surround programme: pairs and the centre each by itself, the LFE not at all.

    Parameters
    ----------
    sample_rate_hz : int
    channels : int
        As many as a layout of `rt_automix.surround` has, in its order.
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        speakers = surround.layout_of(channels).speakers
        found = {name: [k for k, one in enumerate(speakers) if one in which] for name, which in _PARTS.items()}
        self._rows = {name: rows for name, rows in found.items() if rows}
        self._flaws = {name: Flaws(sample_rate_hz, len(rows)) for name, rows in self._rows.items()}

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `Flaws.push`."""
        for name, rows in self._rows.items():
            self._flaws[name].push(block[rows])
        return np.where(np.abs(block) <= mix.SANE_PEAK, block, np.float32(0.0))

    def found(self) -> list[str]:
        """As `Flaws.found`, each with where it is."""
        return [f"{name}: {flaw}" for name, flaws in self._flaws.items() for flaw in flaws.found()]


def _runs(where: NDArray[np.bool_], shortest: int) -> list[tuple[int, int]]:
    """First and past the last of each stretch that is so long, or that is everything."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], where.astype(np.int8), [0]])))
    runs = [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return [(start, end) for start, end in runs if end - start >= min(shortest, where.size)]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(float(seconds), 60.0)
    return f"{int(minutes)}:{rest:04.1f}"
