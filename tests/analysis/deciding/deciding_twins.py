"""What the kernels that decide must give, written as plainly as numpy allows: their slow twins."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.aim import profile
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.bundles import context
from rt_automix.analysis.hearing.fine_spectrum import POINTS_HZ
from rt_automix.analysis.hearing.statistics import MEMORY_S, Statistics
from rt_automix.analysis.tone import (
    LEVEL_ENERGIES,
    LEVEL_STEP_LU,
    LEVELS_LUFS,
    SILENCE_LUFS,
    TONE_BANDS,
    TONE_MATRIX,
    WIDTH_HIGH_HZ,
    WIDTH_LOW_HZ,
    WIDTH_WEIGHTS,
    tone_edges_hz,
)
from rt_automix.dsp.dynamics import compressor
from rt_automix.dsp.tone import equalizer
from rt_automix.units import db_from_power, lin_from_db, lufs_from_energy, power_from_db

# The closed form --------------------------------------------------------------------------------------

TONE_REACH_DB, RIDGE, EMPTY_DB, EMPTY_SLOPE_DB, TONE_PASSES = 9.0, 0.003, -40.0, 4.0, 2
MONO_DB, STEREO_DB = -40.0, -25.0
COMPRESSOR_YIELD, COMPRESSION_TOLERANCE_DB, COMPRESSION_COST, COMPRESSION_TEMPERATURE = 0.62, 0.15, 5.0, 0.3
COMPRESSIONS = np.linspace(0.0, 0.6, 25)
_GAINS = slice(params.INDEX["low_shelf_db"], params.INDEX["air_db"] + 1)
_MID, _SIDE = 0, 1
_SHAPE_DB = 4.0


class Matcher:
    """As `matching`."""

    def __init__(self) -> None:
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

    def match(self, heard: Statistics, profile: Profile) -> params.Values:
        """All ten."""
        if heard.seconds_heard < 1.0:
            return params.NEUTRAL.copy()
        gains_db, width, loudness_change_lu = self.match_tone(heard, profile)
        total_gain_db = profile.loudness_lufs - heard.loudness_lufs - loudness_change_lu
        return compose(gains_db, width, self._match_dynamics(heard, profile), total_gain_db, profile.peak_dbtp)

    def match_tone(self, heard: Statistics, profile: Profile) -> tuple[NDArray[np.float64], float, float]:
        """Equaliser gains in dB, stereo width, and what both add to the loudness in LU.

        The equaliser by weighted ridge least squares in the box of its range, linearised anew
        around each pass's result; the width in closed form behind it."""
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
    """Parameters in their ranges; of the total gain what is above 0 dB drives the limiter, the rest comes first."""
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
    wanted_db : float"""
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


# The lean ---------------------------------------------------------------------------------------------

_LEVEL_FREE = [*range(TONE_BANDS), TONE_BANDS + 2, TONE_BANDS + 4]


class Aim:
    """As `aiming` and `correction`, in matrices, without networks."""

    def __init__(self, boldness: float = 0.5, style_strength: float = 0.5) -> None:
        text = (resources.files("rt_automix") / "data" / "masters.json").read_text(encoding="utf-8")
        self._masters = {name: np.array(value) for name, value in json.loads(text).items() if name != "packages"}
        self._boldness, self._strength = boldness, style_strength
        self._lean, self._heard_s = np.zeros(len(_LEVEL_FREE)), 0.0

    def follow(self, statistics: Statistics, wanted: Profile) -> Profile:
        """What to aim at."""
        new_s = min(max(statistics.seconds_heard - self._heard_s, 0.0), 1.0)
        self._heard_s = statistics.seconds_heard
        if wanted.fine_db is not None or self._heard_s == 0.0:
            return wanted
        if self._heard_s >= 1.0:
            self._lean += (1.0 - math.exp(-new_s / 10.0)) * (self.correction(statistics)[0] - self._lean)
        return self._made(statistics, wanted, self._lean)

    def settled(self, statistics: Statistics, wanted: Profile) -> Profile:
        """Where `follow` would end."""
        if wanted.fine_db is not None or statistics.seconds_heard < 1.0:
            return wanted
        return self._made(statistics, wanted, self.correction(statistics)[0])

    def _made(self, statistics: Statistics, wanted: Profile, lean: NDArray[np.float64]) -> Profile:
        aim = statistics.vector()[_LEVEL_FREE] + lean + self.style(wanted)
        *bands_db, side_mid_db, dynamics_db = aim.tolist()
        return replace(wanted, bands_db=tuple(bands_db), side_mid_db=side_mid_db, dynamics_db=max(dynamics_db, 0.0))

    def style(self, wanted: Profile) -> NDArray[np.float64]:
        """How far is leaned towards a style."""
        style = wanted.vector()[_LEVEL_FREE] - self._masters["mean_db"]
        strength = 0.0 if wanted == profile.load("auto") else self._strength
        return strength * style

    def correction(self, statistics: Statistics) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation."""
        masters, heard = self._masters, statistics.vector()
        away = heard[:TONE_BANDS] - masters["mean_db"][:TONE_BANDS]
        for _ in range(3):
            say = 1.0 / (1.0 + np.exp((-24.0 - away) / 1.5))
            away = away - say @ away / say.sum()
        away = say * np.clip(away, -24.0, 24.0)
        modes = masters["analysis"] @ away
        place = np.clip(math.log2(max(statistics.seconds_heard, 2.0)) - 1.0, 0.0, 6 - 0.001)
        spread = np.array([np.interp(place, range(7), column) for column in masters["spreads"].T])
        variances = spread + masters["scales"][:, None] ** 2
        fits = -0.5 * (modes**2 / variances + np.log(variances)).sum(axis=1)
        leaning = (2.0 * self._boldness - 1.0) * masters["bold_log"] * masters["scales"]
        logs = masters["temper"] * fits + masters["prior_log"] + leaning
        shares = np.exp(logs - logs.max())
        shares /= shares.sum()
        gains = masters["scales"][:, None] ** 2 / variances
        means = (gains * modes) @ masters["synthesis_db"]
        within = (gains * spread) @ masters["synthesis_db"] ** 2
        mean = shares @ means
        deviation = np.sqrt(shares @ (within + means**2) - mean**2)
        rest_db = 2.0 * (1.0 - self._boldness) * masters["rest_db"]
        square = say @ mean**2 / say.sum()
        gone = square / (square + rest_db**2)
        mean, deviation = gone * mean, np.hypot(deviation, (1.0 - gone) * mean)
        side_mid = self._read("width_table_db", heard[TONE_BANDS + 2])
        dynamics = self._read("dynamics_table_db", heard[TONE_BANDS + 4])
        share = min(2.0 * self._boldness, 1.0)
        found = np.array([*(say * mean), side_mid[0], dynamics[0]])
        return np.clip(-share * found, -6.0, 6.0), np.array([*deviation, side_mid[1], dynamics[1]])

    def _read(self, name: str, value: float) -> tuple[float, float]:
        low, step, *numbers = self._masters[name]
        points = low + step * np.arange(len(numbers) // 2)
        return float(np.interp(value, points, numbers[::2])), float(np.interp(value, points, numbers[1::2]))


# What a network is told -------------------------------------------------------------------------------


def told(heard: Statistics, profile: Profile, matched: params.Values) -> NDArray[np.float32]:
    """As `context.tell`."""
    loudness_lufs, peak_dbfs = heard.loudness_lufs, heard.peak_dbfs
    bands_db, wanted_db = heard.bands_db, np.array(profile.bands_db)
    mel_lu = db_from_power(heard.mel_power).reshape(-1) - loudness_lufs
    parts = {
        "missing_bands_db": np.clip(wanted_db - bands_db, -40.0, 40.0),
        "heard_bands_db": np.clip(bands_db, -80.0, 40.0),
        "mel_lu": np.clip(mel_lu, context.LOWEST_LU, context.HIGHEST_LU),
        "histogram": _histogram(heard.level_shares, loudness_lufs),
        "heard": _levels(peak_dbfs - loudness_lufs, heard.side_mid_db, peak_dbfs, heard.dynamics_db),
        "wanted": _levels(profile.plr_db, profile.side_mid_db, profile.peak_dbtp, profile.dynamics_db),
        "loudness_change_lu": np.clip([profile.loudness_lufs - loudness_lufs], -60.0, 60.0),
        "seconds_log2": np.array([math.log2(min(max(heard.seconds_heard, 0.125), MEMORY_S))]),
        "matched_norm": params.normalise(matched),
    }
    return np.concatenate([parts[name] for name in context.PARTS]).astype(np.float32)


def _levels(plr_db: float, side_mid_db: float, peak_db: float, dynamics_db: float) -> NDArray[np.float64]:
    return np.array(
        [
            min(max(plr_db, 0.0), 40.0),
            min(max(side_mid_db, -60.0), 60.0),
            min(max(peak_db, -60.0), 12.0),
            min(dynamics_db, 15.0),
        ]
    )


def _histogram(shares: NDArray[np.float64], loudness_lufs: float) -> NDArray[np.float64]:
    """Shares per 1 LU around the loudness, each level's split between the two nearest bins."""
    position = np.clip(LEVELS_LUFS - loudness_lufs - context.HISTOGRAM_LOWEST_LU, 0.0, context.HISTOGRAM_BINS - 1.001)
    low = position.astype(np.intp)
    part = position - low
    histogram = np.zeros(context.HISTOGRAM_BINS)
    np.add.at(histogram, low, (1.0 - part) * shares)
    np.add.at(histogram, low + 1, part * shares)
    return histogram


def shown(rows: NDArray[np.float32], loudness_lufs: float) -> NDArray[np.float32]:
    """As `context.show`."""
    return np.ascontiguousarray(np.clip(rows - np.float32(loudness_lufs), context.LOWEST_LU, context.HIGHEST_LU).T)


# A network's answer and the step ----------------------------------------------------------------------

_IN, _DRIVE = params.INDEX["input_gain_db"], params.INDEX["limiter_drive_db"]
_LEVELS = [_IN, _DRIVE, params.INDEX["output_level"]]


def combined(
    answer: NDArray[np.float64],
    full_norm: float,
    none_norm: float,
    most: float,
    matched: params.Values,
    confidence: params.Values,
) -> tuple[params.Values, params.Values]:
    """As `deciding.combine`, of an answer (3, params.COUNT) inside 0..1: values and confidence."""
    sure = most * np.clip((none_norm - answer[2]) / (none_norm - full_norm), 0.0, 1.0)
    sure[[_IN, _DRIVE]] = min(sure[_IN], sure[_DRIVE])
    heard, song = params.denormalise(answer[0]), params.denormalise(answer[1])
    values = matched + sure * (song - matched)
    matched_db, heard_db = (float(side[_IN] + side[_DRIVE]) for side in (matched, heard))
    total_db = matched_db + float(sure[_DRIVE]) * (heard_db - matched_db)
    values[_DRIVE] = min(max(total_db, 0.0), params.HIGH[_DRIVE])
    values[_IN] = total_db - values[_DRIVE]
    return params.clamp(values), sure + (1.0 - sure) * confidence


# The fine layer ---------------------------------------------------------------------------------------


def fine(
    heard: Statistics, wanted: Profile, values: params.Values, matrix: NDArray[np.float64], share: float
) -> tuple[NDArray[np.float64], float]:
    """As `fine_tone.solve`: 31 gains and what they add to the loudness."""
    mid, side = heard.fine_power
    if wanted.fine_db is not None:
        heard_db, wanted_db = heard.fine_db, np.array(wanted.fine_db)
        missing_db, say = wanted_db - heard_db, _say(heard_db, wanted_db)
    else:
        edges = tone_edges_hz()
        centres = 0.5 * np.log(edges[:-1] * edges[1:])
        missing_db, say = np.array(wanted.bands_db) - heard.bands_db, _say(heard.bands_db, np.array(wanted.bands_db))
        missing_db = 9.0 * np.tanh((missing_db - say @ missing_db / say.sum()) / 9.0)
        missing_db, say = (np.interp(np.log(POINTS_HZ), centres, levels) for levels in (missing_db, say))
    gains_db = values[params.INDEX["low_shelf_db"] : params.INDEX["air_db"] + 1]
    five_db = gains_db @ [equalizer.analog_magnitude_db(4.0 * one, POINTS_HZ) / 4.0 for one in np.eye(5)]
    width_power = values[params.INDEX["stereo_width"]] ** 2
    rest_db = missing_db - five_db - (db_from_power(mid + width_power * side) - db_from_power(mid + side))
    rest_db -= say @ rest_db / say.sum()
    log_hz = np.log(POINTS_HZ)
    low, high = (log_hz - np.log(20.0)) / np.log(3.0), (np.log(26000.0) - log_hz) / np.log(26000.0 / 16000.0)
    hope = np.where(rest_db > 0.0, say / (1.0 + np.exp((rest_db - 25.0) / 4.0)), 1.0)
    rest_db *= np.clip(np.minimum(low, high), 0.3, 1.0) * hope
    curve_db = share * np.convolve(np.pad(rest_db, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    energy = (mid + width_power * side) * features.k_weighting_power(POINTS_HZ) * power_from_db(five_db)
    louder_lu = float(db_from_power(energy @ power_from_db(np.clip(curve_db, -12.0, 12.0)) / energy.sum()))
    return np.clip(matrix @ curve_db, -12.0, 12.0), louder_lu


def _say(heard_db: NDArray[np.float64], wanted_db: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp((-40.0 - np.minimum(heard_db, wanted_db)) / 4.0))


def behind(heard: Statistics, values: params.Values, curve_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power of mid and side at each point behind five bands, width and a curve: shape (2, points)."""
    gains_db = values[params.INDEX["low_shelf_db"] : params.INDEX["air_db"] + 1]
    five_db = gains_db @ [equalizer.analog_magnitude_db(4.0 * one, POINTS_HZ) / 4.0 for one in np.eye(5)]
    width = values[params.INDEX["stereo_width"]]
    return heard.fine_power * power_from_db(five_db + curve_db) * [[1.0], [width**2]]


def kept_width(heard: Statistics, values: params.Values, curve_db: NDArray[np.float64]) -> float:
    """As `fine_tone.keep_width`."""
    counts = (POINTS_HZ >= WIDTH_LOW_HZ) & (POINTS_HZ <= WIDTH_HIGH_HZ)
    plain = values.copy()
    plain[params.INDEX["stereo_width"]] = 1.0
    before_db, after_db = (
        float(db_from_power(side[counts].sum()) - db_from_power(mid[counts].sum()))
        for mid, side in (behind(heard, plain, curve) for curve in (0.0 * curve_db, np.clip(curve_db, -12.0, 12.0)))
    )
    trust = min(max((before_db - MONO_DB) / (STEREO_DB - MONO_DB), 0.0), 1.0)
    return float(np.clip(values[params.INDEX["stereo_width"]] * lin_from_db(trust * (before_db - after_db)), 0.5, 1.5))


def sureness(heard: Statistics, wanted: Profile) -> float:
    """As `fine_tone.sureness`."""
    if wanted.fine_db is None or heard.seconds_heard == 0.0:
        return 1.0
    missing_db, say = np.array(wanted.bands_db) - heard.bands_db, _say(heard.bands_db, np.array(wanted.bands_db))
    say = say / say.sum()
    rms_db = math.sqrt(say @ (missing_db - say @ missing_db) ** 2)
    doubt_db = min(max(4.0 * math.sqrt(15.0 / heard.seconds_heard), 1.5), 5.0)
    part = min(max((rms_db / doubt_db - 1.0) / 0.5, 0.0), 1.0)
    return part * part * (3.0 - 2.0 * part)


class Steps:
    """As the step of `deciding.take` for the ten, where the fine layer is flat."""

    def __init__(self) -> None:
        self.suggested, self._is_moving = params.NEUTRAL.copy(), np.zeros(params.COUNT, np.bool_)

    def move(self, wanted: params.Values, confidence: params.Values, heard_s: float, elapsed_s: float) -> None:
        """One step."""
        away = params.NEUTRAL + confidence * (wanted - params.NEUTRAL) - self.suggested
        is_back = (away * (self.suggested - params.NEUTRAL) < 0.0) & ~np.isin(np.arange(params.COUNT), _LEVELS)
        pace = np.where(is_back, 1.0, np.maximum(confidence, 0.25))
        step = params.SLEW_PER_S * ((4.0 if heard_s < 20.0 else 1.0) * elapsed_s) * pace
        self._is_moving |= np.abs(away) > 0.01 * (params.HIGH - params.LOW)
        self.suggested = self.suggested + np.where(self._is_moving, np.clip(away, -step, step), 0.0)
        self._is_moving &= np.abs(away) > step
