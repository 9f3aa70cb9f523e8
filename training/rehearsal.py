"""The matcher's answer tried out on the window: what its equaliser does to dynamics, loudness and peaks.

The matcher knows long-term spectra and levels but not how they go together, so it cannot know that
less bass calms a song whose bass drum is all that moves. On the window's frames it shows: equalise
them, let the compressor's static curve act at several settings, choose one as the matcher does. No
weights: a part of every network's graph, which training computes once per example.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from rt_automix import params
from rt_automix.analysis import context, features
from rt_automix.analysis.dynamics import (
    COMPRESSION_COST,
    COMPRESSION_TEMPERATURE,
    COMPRESSION_TOLERANCE_DB,
    COMPRESSIONS,
)
from rt_automix.analysis.features import LOUDNESS_ROW, MEL_BANDS, MID_ROW, PEAK_ROW, SIDE_ROW
from rt_automix.analysis.means import QUIET_LU
from rt_automix.dsp import compressor, equalizer
from training.teacher import MOST_EXTRA_DB, REST_LU, TRIALS

LIMITED_SHARES = (0.7, 0.5, 0.9)
"""How much of a frame's energy goes with its peak when the limiter holds that down; the first is the best guess."""
EXTRAS_DB = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.5, 6.5, 9.0, 12.0)
"""Gains that are tried to make up for the limiter."""
EXCESSES_DB = (-3.0, 0.0, 3.0, 6.0)
"""What peaks are above so many dB over the ceiling also says what the limiter has to do."""

WANTED_AT, REDUCED_AT = 1, slice(3, 2 + len(TRIALS))
GAIN_AT = REDUCED_AT.stop + 1
SIZE = GAIN_AT + 5 + len(LIMITED_SHARES) + len(EXCESSES_DB)
"""Numbers for each example; see `Rehearsal.forward`."""

_EQ = slice(params.INDEX["low_shelf_db"], params.INDEX["air_db"] + 1)
_COMPRESSION, _WIDTH = params.INDEX["compression"], params.INDEX["stereo_width"]
_LEVEL = params.INDEX["output_level"]
_GAIN, _DRIVE = params.INDEX["input_gain_db"], params.INDEX["limiter_drive_db"]
_TOTAL_RANGE_DB = float(params.HIGH[_GAIN] + params.HIGH[_DRIVE] - params.LOW[_GAIN])
_NEARLY_DB = 0.01
_PLR, _PEAK, _DYNAMICS = 0, 2, 3
_CEILINGS_DBTP = tuple(20.0 * float(np.log10(end[_LEVEL])) for end in (params.LOW, params.HIGH))
_MOST_DYNAMICS_DB, _MOST_PLR_DB, _MOST_CHANGE_LU = 15.0, 40.0, 60.0
_GATE_LU = 10.0
_SHAPE_DB = 4.0
_NOTHING = 1e-9
_LOWEST_POWER = 10.0 ** (context.LOWEST_LU / 10.0)
_HELD = float(np.exp(-1000.0 * features.HOP_S / compressor.RELEASE_MS))


class Rehearsal(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        centres = features.mel_edges_hz()[1:-1]
        gains_db = _SHAPE_DB * np.eye(equalizer.BAND_COUNT)
        shapes = [equalizer.analog_magnitude_db(one, centres) / _SHAPE_DB for one in gains_db]
        between = [np.interp(COMPRESSIONS, TRIALS, one) for one in np.eye(len(TRIALS))[1:]]
        for name, value in (
            ("low", params.LOW),
            ("range", params.HIGH - params.LOW),
            ("shapes", np.array(shapes)),
            ("k_weights", features.k_weighting_power(centres)),
            ("between", np.array(between)),
            ("compressions", COMPRESSIONS),
            ("trials", TRIALS),
            ("shares", (*LIMITED_SHARES, LIMITED_SHARES[0])),
            ("extras", EXTRAS_DB),
            ("excesses", EXCESSES_DB),
        ):
            self.register_buffer(name, torch.as_tensor(np.array(value), dtype=torch.float32), persistent=False)

    def forward(self, windows: Tensor, window_of: Tensor | None, numbers: Tensor) -> Tensor:
        """What is found, in dB unless said otherwise.

        Parameters
        ----------
        windows : (W, rows, frames)
        window_of : (N,), int64, optional
        numbers : (N, context.SIZE)

        Returns
        -------
        (N, SIZE): how dynamics move through equaliser and width; what the compressor shall take off
        them; dynamics behind the equaliser; what each of TRIALS but the first takes off; how far the
        compression chosen is from the matcher's, 0..1; how far the gain is; loudness of the window,
        what equaliser and width add to it, and these with the compressor; the share of frames that
        count; what limiting takes for each of LIMITED_SHARES; what of the peaks is above each of
        EXCESSES_DB.
        """
        power = _lin(windows.clamp(context.LOWEST_LU, context.HIGHEST_LU))
        if window_of is not None:
            power = power[window_of]
        matched = self.low + self.range * numbers[:, context.PARTS["matched_norm"]].clamp(0.0, 1.0)
        before = power[:, LOUDNESS_ROW]
        counts = _counting(before)
        energy, heard, peak = self._equalised(power, matched)

        calming, chosen = self._try_compressor(before, energy, heard, counts, numbers)
        compression = self.low[_COMPRESSION] + self.range[_COMPRESSION] * chosen
        compressor_db = _compressor_db(heard, counts, compression)
        from_matched = (compression - matched[:, _COMPRESSION]) / self.range[_COMPRESSION]
        compressed, peak_db = energy * _lin(compressor_db), _db(peak) + compressor_db

        loudness, with_tone, with_all = (_loudness_db(one, counts) for one in (before, energy, compressed))
        change = numbers[:, context.PARTS["loudness_change_lu"]][:, 0].clamp(-_MOST_CHANGE_LU, _MOST_CHANGE_LU)
        room_db = _room_db(numbers)
        over_db = peak_db - (with_all + room_db)[:, None]
        over_at_rest_db = _db(power[:, PEAK_ROW]) - (room_db + change)[:, None]
        extras, at_rest = self._try_limiter(compressed, over_db, before, over_at_rest_db, counts)
        # What the limiter takes from the untouched music is not made good where little is to change.
        at_rest = torch.exp(-(change / REST_LU).square()) * at_rest
        beyond = self._beyond_db(matched, change - with_tone + loudness)
        gain = with_tone - with_all + extras[:, 0] - at_rest + beyond

        excesses = _mean(torch.relu(over_db[:, None] - self.excesses[:, None]), counts[:, None])
        levels = [from_matched, gain, loudness, with_tone - loudness, with_all - loudness, counts.mean(1)]
        return torch.cat([calming, torch.stack(levels, 1), extras, excesses], 1)

    def _try_compressor(
        self, before: Tensor, energy: Tensor, heard: Tensor, counts: Tensor, numbers: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The first part of what is found, and the compression chosen, 0..1."""
        reduction_db = _reduction_db(_level_db(heard, counts)[:, None], self.trials[1:, None])
        dynamics = _dynamics_db(energy, counts)
        reduced = dynamics[:, None] - _dynamics_db(energy[:, None] * _lin(-reduction_db), counts[:, None])
        moved = dynamics - _dynamics_db(before, counts)
        measured, wished = (
            numbers[:, context.PARTS[part]][:, _DYNAMICS].clamp(0.0, _MOST_DYNAMICS_DB) for part in ("heard", "wanted")
        )
        wanted = measured + moved - wished
        return torch.cat([torch.stack([moved, wanted, dynamics], 1), reduced], 1), self.choose(reduced, wanted)

    def _try_limiter(
        self, compressed: Tensor, over_db: Tensor, before: Tensor, over_at_rest_db: Tensor, counts: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gains that make good what the limiter takes: (N, len(LIMITED_SHARES)); and of the untouched music, (N,).

        Parameters
        ----------
        compressed, before : (N, frames)
            Energies behind the compressor and of the untouched music.
        over_db, over_at_rest_db : (N, frames)
            Their peaks above the ceiling.
        """
        energies = torch.stack([compressed] * len(LIMITED_SHARES) + [before], 1)
        overs = torch.stack([over_db] * len(LIMITED_SHARES) + [over_at_rest_db], 1)
        found = _extra_db(energies, overs, counts[:, None], self.shares, self.extras)
        return found[:, :-1], found[:, -1]

    def choose(self, reduced_db: Tensor, wanted_db: Tensor) -> Tensor:
        """The setting that takes off what is wanted, 0..1, as `rt_automix.analysis.matcher.choose_compression`: (N,).

        Parameters
        ----------
        reduced_db : (N, len(TRIALS) - 1)
            What TRIALS but the first take off.
        wanted_db : (N,)
        """
        between = reduced_db @ self.between
        at_rest, found = (self._soft_minimum(between, wish) for wish in (0.0 * wanted_db, wanted_db))
        highest = float(COMPRESSIONS[-1])
        chosen = ((found - at_rest) / (highest - at_rest).clamp(min=0.01)).clamp(0.0, 1.0)
        return torch.where(wanted_db > 0.0, chosen, 0.0)

    def _equalised(self, power: Tensor, matched: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Each frame's K-weighted energy, power that the compressor hears, and peak: (N, frames) each.

        Bands say by how much equaliser and width change a frame; how much it is, its own rows know better.
        """
        response = _lin(matched[:, _EQ] @ self.shapes)
        side_share = matched[:, _WIDTH].square()[:, None]
        mid, side = power[:, :MEL_BANDS], power[:, MEL_BANDS : 2 * MEL_BANDS]
        weights = torch.stack([self.k_weights.expand_as(response), response * self.k_weights, response], 1)
        mid_plain, mid_energy, mid_power = (weights @ mid).unbind(1)
        side_plain, side_energy, side_power = (weights @ side).unbind(1)
        energy_change = (mid_energy + side_share * side_energy) / (mid_plain + side_plain).clamp(min=_NOTHING)
        all_power = (mid + side).sum(1).clamp(min=_NOTHING)
        heard_change = (mid_power + side_power) / all_power
        peak_change = (mid_power + side_share * side_power) / all_power
        return (
            power[:, LOUDNESS_ROW] * energy_change,
            (power[:, MID_ROW] + power[:, SIDE_ROW]) * heard_change,
            power[:, PEAK_ROW] * peak_change,
        )

    def _beyond_db(self, matched: Tensor, total_db: Tensor) -> Tensor:
        """How far beyond its range the matcher's gain in all was before it was held in there: (N,)."""
        matched_db = matched[:, _GAIN] + matched[:, _DRIVE]
        lowest, highest = self.low[_GAIN] + _NEARLY_DB, self.low[_GAIN] + _TOTAL_RANGE_DB - _NEARLY_DB
        above = torch.where(matched_db > highest, torch.relu(total_db - highest), 0.0)
        below = torch.where(matched_db < lowest, torch.relu(lowest - total_db), 0.0)
        return above - below

    def _soft_minimum(self, reduced_db: Tensor, wanted_db: Tensor) -> Tensor:
        cost = ((reduced_db - wanted_db[:, None]) / COMPRESSION_TOLERANCE_DB).square()
        cost = cost + COMPRESSION_COST * self.compressions
        return torch.softmax(-cost / COMPRESSION_TEMPERATURE, 1) @ self.compressions


def _lin(level_db: Tensor) -> Tensor:
    return torch.exp(level_db * (np.log(10.0) / 10.0))


def _db(power: Tensor) -> Tensor:
    return torch.log(power.clamp(min=_NOTHING)) * (10.0 / np.log(10.0))


# Below, frames are the last axis and are taken together where they count.


def _counting(energy: Tensor) -> Tensor:
    """1 for each frame that counts: sound, and not far under the mean of all."""
    is_sound = energy > 1.1 * _LOWEST_POWER
    return (is_sound & (energy > 10.0 ** (-QUIET_LU / 10.0) * _mean(energy, is_sound.float())[:, None])).float()


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    return (values * counts).sum(-1) / counts.sum(-1).clamp(min=1.0)


def _dynamics_db(energy: Tensor, counts: Tensor) -> Tensor:
    """5 log10(mean e^2 / mean(e)^2)."""
    mean, mean_square = _mean(energy, counts), _mean(energy * energy, counts)
    return (0.5 * _db(mean_square / mean.square().clamp(min=1e-12))).clamp(0.0, _MOST_DYNAMICS_DB)


def _loudness_db(energy: Tensor, counts: Tensor) -> Tensor:
    """Mean of the frames that are at most 10 LU under the mean of all."""
    is_loud = (energy > 10.0 ** (-_GATE_LU / 10.0) * _mean(energy, counts).unsqueeze(-1)).float()
    return _db(_mean(energy, counts * is_loud)).clamp(context.LOWEST_LU, context.HIGHEST_LU)


def _level_db(heard: Tensor, counts: Tensor) -> Tensor:
    """Each frame's level relative to the programme's."""
    return _db(heard) - _db(_mean(heard, counts))[:, None]


def _reduction_db(level_db: Tensor, compression: Tensor) -> Tensor:
    """Gain reduction, positive, of levels relative to the programme's.

    The curve of `compressor.static_gain_db`, and what the release holds over from the frame before.
    """
    over = level_db - compressor.THRESHOLD_DB - compressor.THRESHOLD_PER_COMPRESSION_DB * compression
    knee = (over + 0.5 * compressor.KNEE_DB).clamp(0.0, compressor.KNEE_DB)
    wanted = knee * knee / (2.0 * compressor.KNEE_DB) + torch.relu(over - 0.5 * compressor.KNEE_DB)
    before = torch.cat([wanted[..., :1], wanted[..., :-1]], -1)
    held = torch.maximum(wanted, wanted + _HELD * (before - wanted))
    return (1.0 - 1.0 / (1.0 + compressor.RATIO_PER_COMPRESSION * compression)) * held


def _compressor_db(heard: Tensor, counts: Tensor, compression: Tensor) -> Tensor:
    """Gain of the compressor, which makes up for its mean reduction: (N, frames)."""
    reduction_db = _reduction_db(_level_db(heard, counts), compression[:, None])
    made_up_db = _mean(reduction_db * heard, counts) / _mean(heard, counts).clamp(min=_NOTHING)
    return made_up_db[:, None] - reduction_db


def _room_db(numbers: Tensor) -> Tensor:
    """How far the ceiling is above the wanted loudness: (N,)."""
    plr, peak = (numbers[:, context.PARTS["wanted"]][:, at].clamp(-_MOST_PLR_DB, _MOST_PLR_DB) for at in (_PLR, _PEAK))
    return plr + peak.clamp(*_CEILINGS_DBTP) - peak


def _extra_db(energy: Tensor, over_db: Tensor, counts: Tensor, shares: Tensor, extras: Tensor) -> Tensor:
    """Gain that makes good what the limiter takes at that gain, within the teacher's reason: (N, S).

    Parameters
    ----------
    energy, over_db : (N, S, frames)
        Energies, and peaks above the ceiling, without that gain.
    counts : (N, 1, frames)
    shares : (S,)
        See LIMITED_SHARES.
    extras : (X,)
        See EXTRAS_DB.
    """
    reduction_db = shares[:, None, None] * torch.relu(over_db[:, :, None] + extras[:, None])
    taken = _loudness_db(energy, counts)[..., None] - _loudness_db(
        energy[:, :, None] * _lin(-reduction_db), counts[:, :, None]
    )
    missing = taken - extras
    # Where the line through the trials crosses zero: every step below is taken whole.
    less, more = missing[..., :-1], missing[..., 1:]
    steps = (less / (less - more).clamp(min=0.01)).clamp(0.0, 1.0)
    return MOST_EXTRA_DB * torch.tanh((steps * (extras[1:] - extras[:-1])).sum(-1) / MOST_EXTRA_DB)
