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

from rt_automix import context, features, params
from rt_automix.dsp import compressor, equalizer
from rt_automix.features import LOUDNESS_ROW, MEL_BANDS, MID_ROW, PEAK_ROW, SIDE_ROW
from rt_automix.listening import QUIET_LU
from rt_automix.matcher import (
    COMPRESSION_COST,
    COMPRESSION_TEMPERATURE,
    COMPRESSION_TOLERANCE_DB,
    COMPRESSIONS,
)

TRIALS = (0.0, 0.05, 0.1, 0.16, 0.24, 0.34, 0.46, 0.6)
"""Settings of the compressor that are tried; between them its effect is interpolated."""
EXCESSES_DB = (-6.0, -3.0, 0.0, 3.0, 6.0, 9.0)
"""How far peaks stand above so many dB over the ceiling is what the limiter has to do."""

WANTED_AT, REDUCED_AT = 1, slice(3, 2 + len(TRIALS))
SIZE = REDUCED_AT.stop + 5 + len(EXCESSES_DB)
"""Numbers for each example; see `Rehearsal.forward`."""

_EQ = slice(params.INDEX["low_shelf_db"], params.INDEX["air_db"] + 1)
_COMPRESSION, _WIDTH = params.INDEX["compression"], params.INDEX["stereo_width"]
_PLR, _DYNAMICS = 0, 3
_MOST_DYNAMICS_DB, _MOST_PLR_DB = 15.0, 40.0
_GATE_LU = 10.0
_SHAPE_DB = 4.0
_NOTHING = 1e-9
_LOWEST_POWER = 10.0 ** (context.LOWEST_LU / 10.0)
_HELD = float(np.exp(-1000.0 * features.HOP_S / compressor.RELEASE_MS))
_RATIO_PER_COMPRESSION = float(1.0 / (1.0 - compressor.slope_of(1.0)) - 1.0)


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
        compression chosen is from the matcher's, 0..1; loudness of the window, what equaliser and
        width add to it, and these with the compressor; the share of frames that count; what of the
        peaks is above each of EXCESSES_DB.
        """
        power = _lin(windows.clamp(context.LOWEST_LU, context.HIGHEST_LU))
        if window_of is not None:
            power = power[window_of]
        matched = self.low + self.range * numbers[:, context.PARTS["matched_norm"]].clamp(0.0, 1.0)
        before = power[:, LOUDNESS_ROW]
        counts = _counting(before)
        energy, heard, peak = self._equalised(power, matched)

        moved = _dynamics_db(energy, counts) - _dynamics_db(before, counts)
        heard_db, wanted_db = (
            numbers[:, context.PARTS[part]][:, _DYNAMICS].clamp(0.0, _MOST_DYNAMICS_DB) for part in ("heard", "wanted")
        )
        wanted = heard_db + moved - wanted_db
        level_db = _db(heard) - _db(_mean(heard, counts))[:, None]
        reduced = torch.stack([self._reduced(energy, level_db, counts, trial) for trial in TRIALS[1:]], 1)
        chosen = self.choose(reduced, wanted)

        compression = self.low[_COMPRESSION] + self.range[_COMPRESSION] * chosen[:, None]
        reduction_db = _reduction_db(level_db, compression)
        # The compressor makes up for its mean reduction.
        made_up_db = _mean(reduction_db * heard, counts) / _mean(heard, counts).clamp(min=_NOTHING)
        compressor_db = made_up_db[:, None] - reduction_db
        loudness = [_loudness_db(one, counts) for one in (before, energy, energy * _lin(compressor_db))]
        # At the wanted loudness the ceiling is the wanted PLR above it.
        plr = numbers[:, context.PARTS["wanted"]][:, _PLR].clamp(0.0, _MOST_PLR_DB)
        over = _db(peak) + compressor_db - (loudness[2] + plr)[:, None]
        excess = [_mean(torch.relu(over - most), counts) for most in EXCESSES_DB]
        from_matched = chosen - numbers[:, context.PARTS["matched_norm"]][:, _COMPRESSION].clamp(0.0, 1.0)
        levels = [loudness[0], loudness[1] - loudness[0], loudness[2] - loudness[0]]
        found = [moved, wanted, _dynamics_db(energy, counts), *reduced.unbind(1), from_matched, *levels]
        return torch.stack([*found, counts.mean(1), *excess], 1)

    def choose(self, reduced_db: Tensor, wanted_db: Tensor) -> Tensor:
        """The setting that takes off what is wanted, 0..1, as `rt_automix.matcher.choose_compression`: (N,).

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

    def _reduced(self, energy: Tensor, level_db: Tensor, counts: Tensor, compression: float) -> Tensor:
        """What a setting of the compressor takes off the dynamics."""
        reduction_db = _reduction_db(level_db, torch.tensor(compression))
        return _dynamics_db(energy, counts) - _dynamics_db(energy * _lin(-reduction_db), counts)

    def _soft_minimum(self, reduced_db: Tensor, wanted_db: Tensor) -> Tensor:
        cost = ((reduced_db - wanted_db[:, None]) / COMPRESSION_TOLERANCE_DB).square()
        cost = cost + COMPRESSION_COST * self.compressions
        return torch.softmax(-cost / COMPRESSION_TEMPERATURE, 1) @ self.compressions


def _lin(level_db: Tensor) -> Tensor:
    return torch.exp(level_db * (np.log(10.0) / 10.0))


def _db(power: Tensor) -> Tensor:
    return torch.log(power.clamp(min=_NOTHING)) * (10.0 / np.log(10.0))


def _counting(energy: Tensor) -> Tensor:
    """1 for each frame that counts: sound, and not far under the mean of all; (N, frames)."""
    is_sound = energy > 1.1 * _LOWEST_POWER
    return (is_sound & (energy > 10.0 ** (-QUIET_LU / 10.0) * _mean(energy, is_sound.float())[:, None])).float()


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    """Over the frames that count: (N,)."""
    return (values * counts).sum(1) / counts.sum(1).clamp(min=1.0)


def _dynamics_db(energy: Tensor, counts: Tensor) -> Tensor:
    """5 log10(mean e^2 / mean(e)^2): (N,)."""
    mean, mean_square = _mean(energy, counts), _mean(energy * energy, counts)
    return (0.5 * _db(mean_square / mean.square().clamp(min=1e-12))).clamp(0.0, _MOST_DYNAMICS_DB)


def _loudness_db(energy: Tensor, counts: Tensor) -> Tensor:
    """Mean of the frames that are at most 10 LU under the mean of all: (N,)."""
    is_loud = (energy > 10.0 ** (-_GATE_LU / 10.0) * _mean(energy, counts)[:, None]).float()
    return _db(_mean(energy, counts * is_loud)).clamp(context.LOWEST_LU, context.HIGHEST_LU)


def _reduction_db(level_db: Tensor, compression: Tensor) -> Tensor:
    """Gain reduction, positive, of levels relative to the programme's: (N, frames).

    The curve of `compressor.static_gain_db`, and what the release holds over from the frame before.
    """
    over = level_db - compressor.THRESHOLD_DB - compressor.THRESHOLD_PER_COMPRESSION_DB * compression
    knee = (over + 0.5 * compressor.KNEE_DB).clamp(0.0, compressor.KNEE_DB)
    wanted = knee * knee / (2.0 * compressor.KNEE_DB) + torch.relu(over - 0.5 * compressor.KNEE_DB)
    before = torch.cat([wanted[:, :1], wanted[:, :-1]], 1)
    held = torch.maximum(wanted, wanted + _HELD * (before - wanted))
    return (1.0 - 1.0 / (1.0 + _RATIO_PER_COMPRESSION * compression)) * held
