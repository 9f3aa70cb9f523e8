"""The long-term statistics of what has been heard.

They are one stretch of float64, laid out in `layout` and learned by the kernels of `means`;
the class is a view of one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis import layout as at
from rt_automix.analysis.features import HOP_S, MEL_BANDS, ROW_FLOOR_DB
from rt_automix.analysis.hearing import means, texture
from rt_automix.analysis.hearing.fine_spectrum import fine_of_mel
from rt_automix.analysis.tone import TONE_BANDS, VECTOR_SIZE
from rt_automix.units import db_from_power

MEMORY_S = 60.0
"""How long the means remember: a song's verse and chorus together, so that tone settles on the song."""

_SCALARS = {
    "_memory_frames": at.MEMORY_FRAMES,
    "_pause_frames": at.PAUSE_FRAMES,
    "_sound_frames": at.SOUND_FRAMES,
    "_heard_frames": at.HEARD_FRAMES,
    "_music_frames": at.MUSIC_FRAMES,
    "_running_energy": at.RUNNING_ENERGY,
    "_energy": at.ENERGY,
    "_energy_squared": at.ENERGY_SQUARED,
    "_peak_power": at.PEAK_POWER,
}
_ARRAYS = {
    "_blocks": (at.BLOCK_SHARES, (at.LEVELS,)),
    "_levels": (at.LEVEL_SHARES, (at.LEVELS,)),
    "_mel_power": (at.MEL_POWER, (2, MEL_BANDS)),
}
_FINE, _RECENT, _TEXTURE, _SPEECH = "_fine_power", "_recent_energies", "_texture", "_speech"


_MOST = 1e9
"""No level, count or power that was heard comes near: what is larger is of a bit that fell over."""


class Statistics:
    """What a programme measures like so far.

    Parameters
    ----------
    time_constant_s : float
        How long the means remember, in seconds of music; `math.inf` to weigh all alike.
    values : float64, shape (layout.STATISTICS_SIZE,), optional
        Statistics to look at; by default new ones, with nothing heard.
    """

    def __init__(self, time_constant_s: float = MEMORY_S, values: NDArray[np.float64] | None = None) -> None:
        if values is None:
            values = np.empty(at.STATISTICS_SIZE)
            means.clear(values, max(time_constant_s / HOP_S, 1.0))
        self.values = values

    def reset(self) -> None:
        """Nothing heard."""
        means.clear(self.values, self.values[at.MEMORY_FRAMES])

    def state(self) -> NDArray[np.float64]:
        """A copy of what `restore` needs to go on from here."""
        return self.values.copy()

    def restore(self, state: NDArray[np.float64]) -> None:
        """Go on from where `state` was taken."""
        self.values[:] = state

    def plain(self) -> dict[str, Any]:
        """The same as `state` as plain numbers and lists, for a file."""
        plain: dict[str, Any] = {name: float(self.values[start]) for name, start in _SCALARS.items()}
        for name, (start, shape) in _ARRAYS.items():
            plain[name] = self._part(start, shape).tolist()
        plain[_FINE] = self.fine_power.tolist()
        plain[_TEXTURE] = self.texture[: at.T_PAST].tolist()
        plain[_SPEECH] = float(self.values[at.SPEECH])
        first = at.RECENT_ENERGIES + at.BLOCK_FRAMES - int(self.values[at.RECENT_COUNT])
        plain[_RECENT] = self.values[first : at.RECENT_ENERGIES + at.BLOCK_FRAMES].tolist()
        return plain

    def restore_plain(self, plain: dict[str, Any]) -> None:
        """Go on from what `plain` gave; a fine spectrum that is missing is made of mel bands, a texture is new.

        Numbers are held within what can be heard.

        Raises
        ------
        ValueError
            Something is missing, of another shape, or not a number.
        """
        read = np.zeros(at.STATISTICS_SIZE)
        for name, start in _SCALARS.items():
            read[start] = max(float(_numbers(plain, name, ())), 0.0)
        read[at.MEMORY_FRAMES] = max(read[at.MEMORY_FRAMES], 1.0)
        for name, (start, shape) in _ARRAYS.items():
            read[start : start + int(np.prod(shape))] = np.maximum(_numbers(plain, name, shape), 0.0).reshape(-1)
        read[at.SPEECH] = float(_SPEECH in plain and _numbers(plain, _SPEECH, ()) != 0.0)
        recent = _numbers(plain, _RECENT, None)
        if recent.ndim != 1 or recent.size > at.BLOCK_FRAMES:
            raise ValueError(f"statistics: {_RECENT} is not what it should be")
        read[at.RECENT_COUNT] = recent.size
        read[at.RECENT_ENERGIES + at.BLOCK_FRAMES - recent.size : at.RECENT_ENERGIES + at.BLOCK_FRAMES] = np.maximum(
            recent, 0.0
        )
        if _FINE in plain:
            fine = np.maximum(_numbers(plain, _FINE, (2, at.FINE_POINTS)), 0.0)
        else:
            low, from_below, from_above = fine_of_mel()
            mel = read[at.MEL_POWER : at.MEL_POWER + 2 * MEL_BANDS].reshape(2, MEL_BANDS)
            fine = from_below * mel[:, low] + from_above * mel[:, low + 1]
        read[at.FINE_POWER : at.FINE_POWER + 2 * at.FINE_POINTS] = fine.reshape(-1)
        if _TEXTURE in plain:
            texture = read[at.TEXTURE : at.TEXTURE + at.TEXTURE_SIZE]
            texture[: at.T_PAST] = _numbers(plain, _TEXTURE, (at.T_PAST,))
            texture[at.T_NEXT] = 0.0
            means_db = texture[at.T_MEANS : at.T_MEANS + at.TEXTURE_CHANNELS]  # of the frames before nothing is known
            texture[at.T_PAST :] = np.tile(means_db, at.TEXTURE_RING)
        self.values[:] = read

    def add(self, rows: NDArray[np.float32]) -> None:
        """Take frames in of which only the rows are known: the fine spectrum is what their mel bands say.

        Parameters
        ----------
        rows : float32, shape (k, features.ROWS)

        Thread: worker. Allocates: yes.
        """
        scratch = np.empty(2 * at.FINE_POINTS, np.float32)
        means.add_rows(self.values, np.ascontiguousarray(rows, np.float32), scratch)

    def pause(self, frames: int) -> None:
        """Pass over frames that are no music; enough of them in a row, and what comes next weighs more.

        Thread: worker. Allocates: no.
        """
        means.pause(self.values, float(frames))

    def _part(self, start: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
        return self.values[start : start + int(np.prod(shape))].reshape(shape)

    @property
    def seconds_heard(self) -> float:
        """Seconds of music: frames that passed the gates."""
        return float(self.values[at.HEARD_FRAMES]) * HOP_S

    @property
    def mel_power(self) -> NDArray[np.float64]:
        """Mean power per mel band of mid and of side: float64, shape (2, MEL_BANDS), a view."""
        return self._part(at.MEL_POWER, (2, MEL_BANDS))

    @property
    def fine_power(self) -> NDArray[np.float64]:
        """Mean power of mid and of side around each point of the fine spectrum: shape (2, FINE_POINTS), a view."""
        return self._part(at.FINE_POWER, (2, at.FINE_POINTS))

    @property
    def texture(self) -> NDArray[np.float64]:
        """How levels spread and move: float64, shape (layout.TEXTURE_SIZE,), a view."""
        return self._part(at.TEXTURE, (at.TEXTURE_SIZE,))

    def told(self) -> NDArray[np.float64]:
        """The texture in numbers that no equaliser changes, see `texture.describe`: shape (layout.TOLD_SIZE,)."""
        told = np.empty(at.TOLD_SIZE)
        texture.describe(self.values, told)
        return told

    @property
    def fine_db(self) -> NDArray[np.float64]:
        """Fine spectrum of mid and side together, less the mean of its points: float64, shape (FINE_POINTS,)."""
        levels = np.maximum(db_from_power(self.fine_power.sum(axis=0)), ROW_FLOOR_DB)
        return levels - levels.mean()

    @property
    def level_shares(self) -> NDArray[np.float64]:
        """Share of the music's frames at each of LEVELS_LUFS."""
        return self._part(at.LEVEL_SHARES, (at.LEVELS,))

    @property
    def bands_db(self) -> NDArray[np.float64]:
        """Long-term spectrum: levels of the tone bands less their mean: float64, shape (TONE_BANDS,)."""
        bands = np.empty(TONE_BANDS)
        means.bands_db(self.values, bands)
        return bands

    @property
    def loudness_lufs(self) -> float:
        """Gated loudness in the manner of BS.1770-5: blocks of four hops, relative gate at -10 LU."""
        return means.loudness_lufs(self.values)

    @property
    def side_mid_db(self) -> float:
        """Power of side over mid, 150 Hz to 12 kHz."""
        return means.side_mid_db(self.values)

    @property
    def peak_dbfs(self) -> float:
        """Largest sample, forgotten at the pace of the means."""
        return means.peak_dbfs(self.values)

    @property
    def dynamics_db(self) -> float:
        """5 log10(mean e^2 / mean(e)^2) of the frames' K-weighted energies: 0 for a steady level."""
        return means.dynamics_db(self.values)

    def vector(self) -> NDArray[np.float64]:
        """All of it in the order of a profile's vector: float64, shape (VECTOR_SIZE,)."""
        values = np.empty(VECTOR_SIZE)
        means.vector(self.values, values)
        return values


def _numbers(plain: dict[str, Any], name: str, shape: tuple[int, ...] | None) -> NDArray[np.float64]:
    """A field of `plain`: finite, within what can be, of a shape if one is given. Raises ValueError."""
    try:
        value = np.asarray(plain.get(name), np.float64)
    except (TypeError, ValueError, OverflowError):
        value = np.array(np.nan)
    if not np.isfinite(value).all() or (shape is not None and value.shape != shape):
        raise ValueError(f"statistics: {name} is not what it should be")
    return np.clip(value, -_MOST, _MOST)
