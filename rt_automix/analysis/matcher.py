"""The closed-form suggester: solves the ten parameters from what has been heard and the profile.

No learning, no state: the same statistics and profile always give the same parameters. It is the
fallback where no model can run, and what a model has to beat.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.profile import Profile
from rt_automix.analysis.statistics import Listener, Statistics
from rt_automix.analysis.tone import (
    LEVEL_ENERGIES,
    LEVEL_STEP_LU,
    LEVELS_LUFS,
    SILENCE_LUFS,
    TONE_MATRIX,
    WIDTH_WEIGHTS,
)
from rt_automix.dsp import compressor, equalizer
from rt_automix.units import db_from_power, lin_from_db, lufs_from_energy, power_from_db

MIN_MUSIC_S = 1.0
"""Neutral until this much music has been heard."""

TRUST_S = 12.0
"""The first seconds of a song say little about its tone: until this much music has been heard, tone,
compression and width are to go only this share of the way. Gain needs no such patience."""

TONE_REACH_DB = 9.0
"""Differences in tone saturate here: a band 20 dB off is a matter of arrangement, not of mastering."""
RIDGE = 0.003
"""Pull of the equaliser's gains towards 0, beside weights that sum to 1."""
EMPTY_DB, EMPTY_SLOPE_DB = -40.0, 4.0
"""Bands so far under the mean of all, here or in the profile, lose their say."""
TONE_PASSES = 2
"""The second stays within 0.03 dB of any more, on pairs of unlike songs."""

MONO_DB, STEREO_DB = -40.0, -25.0
"""Side under mid: below the first the width stays alone, above the second it is matched in full."""

COMPRESSOR_YIELD = 0.62
"""What attack and release leave of the static curve's effect on dynamics: .59 to .66 for any setting, 16 songs."""
COMPRESSION_STEPS = 25
COMPRESSION_TOLERANCE_DB = 0.15
COMPRESSION_COST = 5.0
"""Pull towards none: settings that win little are not worth their sound."""
COMPRESSION_TEMPERATURE = 0.3
"""Wide enough for the soft minimum to glide between the steps of the grid."""

COMPRESSIONS = np.linspace(0.0, params.PARAMS[params.INDEX["compression"]].high, COMPRESSION_STEPS)
"""The grid of settings to choose from."""

_GAINS = slice(params.INDEX["low_shelf_db"], params.INDEX["air_db"] + 1)
_TONE = np.array([name not in ("input_gain_db", "limiter_drive_db", "output_level") for name in params.NAMES])
_MID, _SIDE = 0, 1
_SHAPE_DB = 4.0


class Matcher:
    """Closed-form suggester; see the module."""

    name = "matcher"

    def __init__(self) -> None:
        self.confidence = np.zeros(params.COUNT)
        centres = features.mel_edges_hz()[1:-1]
        # With Q = sqrt(1/2) a band's response in dB is its gain times one shape, to 0.02 dB.
        self._shapes = np.array(
            [
                equalizer.analog_magnitude_db(one, centres) / _SHAPE_DB
                for one in _SHAPE_DB * np.eye(equalizer.BAND_COUNT)
            ]
        )
        self._one_and_shapes = np.vstack([np.ones_like(centres), self._shapes]).T
        self._meters = np.stack([WIDTH_WEIGHTS, features.k_weighting_power(centres)], axis=1)
        self._ridge = RIDGE * np.eye(equalizer.BAND_COUNT)
        relative_db = np.arange(1 - LEVELS_LUFS.size, LEVELS_LUFS.size + 1) * LEVEL_STEP_LU
        self._compressor_powers = power_from_db(
            [[compressor.static_gain_db(level, amount) for level in relative_db] for amount in COMPRESSIONS]
        )

    def suggest(self, listener: Listener, profile: Profile) -> params.Values:
        """Parameters that bring what has been heard towards the profile.

        Returns
        -------
        float64, shape (params.COUNT,), inside the ranges; neutral before MIN_MUSIC_S of music.

        Thread: worker. Allocates: yes.
        """
        heard = listener.statistics
        self.confidence = np.where(_TONE, min(heard.seconds_heard / TRUST_S, 1.0), 1.0)
        return self.match(heard, profile)

    def match(self, heard: Statistics, profile: Profile) -> params.Values:
        """The same for statistics alone. Thread: worker. Allocates: yes."""
        if heard.seconds_heard < MIN_MUSIC_S:
            return params.NEUTRAL.copy()
        gains_db, width, loudness_change_lu = self.match_tone(heard, profile)
        total_gain_db = profile.loudness_lufs - heard.loudness_lufs - loudness_change_lu
        return compose(gains_db, width, self._match_dynamics(heard, profile), total_gain_db, profile.peak_dbtp)

    def match_tone(self, heard: Statistics, profile: Profile) -> tuple[NDArray[np.float64], float, float]:
        """Equaliser gains in dB, stereo width, and what both add to the loudness in LU.

        The equaliser by weighted ridge least squares in the box of its range, linearised anew
        around each pass's result; the width in closed form behind it.

        Thread: worker. Allocates: yes.
        """
        before_db = db_from_power(TONE_MATRIX @ heard.mel_power.sum(axis=0))
        input_db, target_db = heard.bands_db, np.array(profile.bands_db)
        weights = 1.0 / (1.0 + np.exp((EMPTY_DB - np.minimum(input_db, target_db)) / EMPTY_SLOPE_DB))
        weights /= weights.sum()
        # The level is the gain's business: differences count from their weighted means.
        difference_db = target_db - input_db
        wanted_db = TONE_REACH_DB * np.tanh((difference_db - weights @ difference_db) / TONE_REACH_DB)

        spectra, gains_db, width = heard.mel_power, np.zeros(equalizer.BAND_COUNT), 1.0
        (mid, mid_energy), (side, side_energy) = spectra @ self._meters
        energy_before, heard_side_mid_db = mid_energy + side_energy, _ratio_db(side, mid)
        for _ in range(TONE_PASSES):
            after = spectra[_MID] + width * width * spectra[_SIDE]
            bands = TONE_MATRIX @ (after[:, None] * self._one_and_shapes)
            effects = bands[:, 1:] / np.maximum(bands[:, :1], 1e-20)
            missing_db = wanted_db - (db_from_power(bands[:, 0]) - before_db) + effects @ gains_db
            effects -= weights @ effects
            missing_db -= weights @ missing_db
            weighted = effects.T * weights
            normal = weighted @ effects + self._ridge
            gains_db = _solve_in_box(normal, weighted @ missing_db, equalizer.GAIN_LIMIT_DB)

            spectra = heard.mel_power * power_from_db(gains_db @ self._shapes)
            (mid, mid_energy), (side, side_energy) = spectra @ self._meters
            width = _match_width(heard_side_mid_db, _ratio_db(side, mid), profile.side_mid_db)
        return gains_db, width, _ratio_db(mid_energy + width * width * side_energy, energy_before)

    def _match_dynamics(self, heard: Statistics, profile: Profile) -> float:
        """Compression that brings the dynamics number down to the profile's, by the static curve."""
        wanted_db = heard.dynamics_db - profile.dynamics_db
        if wanted_db <= 0.0:
            return 0.0
        shares = heard.level_shares
        energies = shares * LEVEL_ENERGIES
        programme_lufs = lufs_from_energy(energies.sum() / max(shares.sum(), 1e-12))
        # The curve is relative to the programme's level: slide its table under the histogram.
        position = LEVELS_LUFS.size - 1 - (programme_lufs - SILENCE_LUFS) / LEVEL_STEP_LU
        low = min(max(int(position), 0), LEVELS_LUFS.size - 1)
        part = position - low
        table = self._compressor_powers
        powers = (1.0 - part) * table[:, low : low + LEVELS_LUFS.size]
        powers += part * table[:, low + 1 : low + 1 + LEVELS_LUFS.size]
        mean = powers @ energies
        mean_square = (powers * powers) @ (energies * LEVEL_ENERGIES)
        dynamics_db = 5.0 * np.log10(np.maximum(mean_square, 1e-300) / np.maximum(mean * mean, 1e-300))
        return choose_compression(COMPRESSOR_YIELD * (dynamics_db[0] - dynamics_db), wanted_db)


def compose(
    gains_db: NDArray[np.float64], width: float, compression: float, total_gain_db: float, peak_dbtp: float
) -> params.Values:
    """Parameters in their ranges; of the total gain what is above 0 dB drives the limiter, the rest comes first.

    Thread: worker. Allocates: yes.
    """
    drive_db = min(max(total_gain_db, 0.0), params.HIGH[params.INDEX["limiter_drive_db"]])
    values = params.NEUTRAL.copy()
    values[_GAINS] = gains_db
    values[params.INDEX["stereo_width"]] = width
    values[params.INDEX["compression"]] = compression
    values[params.INDEX["limiter_drive_db"]] = drive_db
    values[params.INDEX["input_gain_db"]] = total_gain_db - drive_db
    values[params.INDEX["output_level"]] = lin_from_db(peak_dbtp)
    return params.clamp(values)


def choose_compression(reduced_db: NDArray[np.float64], wanted_db: float) -> float:
    """The setting that reduces the dynamics number by what is wanted.

    A soft minimum over a grid, since a hard one jumps between settings that do about as well;
    less the value it gives for a programme that needs nothing, so that neutral means neutral.

    Parameters
    ----------
    reduced_db : float64, shape (COMPRESSION_STEPS,)
        What each of COMPRESSIONS takes off the dynamics number.
    wanted_db : float

    Thread: worker. Allocates: yes.
    """
    at_rest = _soft_minimum(reduced_db, 0.0)
    highest = COMPRESSIONS[-1]
    return max((_soft_minimum(reduced_db, wanted_db) - at_rest) * highest / (highest - at_rest), 0.0)


def _soft_minimum(reduced_db: NDArray[np.float64], wanted_db: float) -> float:
    cost = ((reduced_db - wanted_db) / COMPRESSION_TOLERANCE_DB) ** 2 + COMPRESSION_COST * COMPRESSIONS
    share = np.exp((cost.min() - cost) / COMPRESSION_TEMPERATURE)
    return float(share @ COMPRESSIONS / share.sum())


def _ratio_db(power: float, to_power: float) -> float:
    """Ratio of two powers in dB, finite for nothing."""
    return 10.0 * math.log10(max(power, 1e-20) / max(to_power, 1e-20))


def _match_width(heard_db: float, equalised_db: float, target_db: float) -> float:
    """Side gain that gives the wanted side/mid ratio; 1 for what is mono, with a soft passage."""
    trust = min(max((heard_db - MONO_DB) / (STEREO_DB - MONO_DB), 0.0), 1.0)
    low, high = params.LOW[params.INDEX["stereo_width"]], params.HIGH[params.INDEX["stereo_width"]]
    return float(min(max(lin_from_db(trust * (target_db - equalised_db)), low), high))


def _solve_in_box(normal: NDArray[np.float64], right: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """Minimum of x' normal x / 2 - right' x with |x| <= limit.

    Primal-dual active set (Hintermüller, Ito and Kunisch, SIAM J. Optim. 13, 2003): guess which
    bounds hold, solve for the rest, read the next guess off the result and the multipliers.
    """
    held, identity = np.zeros(right.size), np.eye(right.size)
    for _ in range(8):
        free = held == 0.0
        x = np.linalg.solve(np.where(free[:, None], normal, identity), np.where(free, right, held * limit))
        push = x + (right - normal @ x) / normal.diagonal()
        guess = np.sign(push) * (np.abs(push) > limit)
        if (guess == held).all():
            break
        held = guess
    return np.clip(x, -limit, limit)
