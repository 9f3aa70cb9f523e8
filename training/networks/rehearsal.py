"""The matcher's answer tried out on the window: what its equaliser does to dynamics, loudness and peaks.

The matcher knows long-term spectra and levels but not how they go together, so it cannot know that
less bass calms a song whose bass drum is all that moves. On the window's frames it shows: equalise
them, let the compressor's static curve act at several settings, choose one as the matcher does. No
weights: a part of every network's graph, which training computes once per example.

A graph of small arrays costs by the node, so this is written for few of them: what is linear is one
product (see `rehearsal_tables`), frames are averaged by a product with their weights, and what is
done to several curves is done side by side. Arrays are (N, 1, curves, frames) throughout, a number
being a frame long; levels are natural logarithms of power, called log, and dB only where they leave.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from rt_automix import params
from rt_automix.analysis import features
from rt_automix.analysis.aim.dynamics import COMPRESSION_COST, COMPRESSION_TEMPERATURE, COMPRESSIONS
from rt_automix.analysis.bundles import context
from rt_automix.analysis.features import PEAK_ROW
from rt_automix.analysis.hearing.means import QUIET_LU
from rt_automix.dsp.dynamics import compressor
from training.labels.teacher import MOST_EXTRA_DB, REST_LU, TRIALS
from training.networks import rehearsal_tables as tables
from training.networks.rehearsal_tables import CURVES, LOG_PER_DB, NUMBERS

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

_TRIED, _PLAYED = len(TRIALS) - 1, len(LIMITED_SHARES)
_CEILINGS_DBTP = np.array(
    [20.0 * float(np.log10(end[params.INDEX["output_level"]])) for end in (params.LOW, params.HIGH)]
)
_LOWEST_LOG, _HIGHEST_LOG = LOG_PER_DB * context.LOWEST_LU, LOG_PER_DB * context.HIGHEST_LU
_MOST_COMPRESSION = float(COMPRESSIONS[-1])
_MOST_DYNAMICS_DB, _GATE_LU = 15.0, 10.0
_NOTHING = 1e-9
_SOUND_POWER = 1.1 * 10.0 ** (context.LOWEST_LU / 10.0)
_QUIET_SHARE = 10.0 ** (-QUIET_LU / 10.0)
_KNEE_LOG, _THRESHOLD_LOG = LOG_PER_DB * compressor.KNEE_DB, LOG_PER_DB * compressor.THRESHOLD_DB
_THRESHOLD_PER_COMPRESSION_LOG = LOG_PER_DB * compressor.THRESHOLD_PER_COMPRESSION_DB
_HELD = float(np.exp(-1000.0 * features.HOP_S / compressor.RELEASE_MS))


class Rehearsed(NamedTuple):
    """What a rehearsal has found, and what the members need of the way there.

    found : (N, SIZE), see `Rehearsal.forward`
    bounded : (N, context.SIZE), the context held in what it can be
    between : (N, 1, 1, len(COMPRESSIONS)), what each of COMPRESSIONS takes off, as `tables.between` scales it
    wanted_db, gain_db : (N, 1, 1, 1), as in `found`
    """

    found: Tensor
    bounded: Tensor
    between: Tensor
    wanted_db: Tensor
    gain_db: Tensor


class Rehearsal(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        for name, value in (
            *zip(("lower", "upper"), tables.limits(), strict=True),
            *zip(("numbers", "numbers_added"), tables.numbers(), strict=True),
            ("log_weights", tables.log_weights()),
            ("found", tables.found()),
            ("between", tables.between()),
            ("trials", TRIALS[1:, None]),
            ("costs", -COMPRESSION_COST * COMPRESSIONS / COMPRESSION_TEMPERATURE),
            ("compressions", COMPRESSIONS[:, None]),
            ("wishes", [[0.0], [tables.COST_SCALE]]),
            ("shares", -np.array([*LIMITED_SHARES, LIMITED_SHARES[0]])[:, None, None]),
            ("extras", LOG_PER_DB * np.array(EXTRAS_DB)[:, None]),
            ("crossing", tables.crossing(len(EXTRAS_DB))),
            ("steps", np.diff(EXTRAS_DB)[None] / MOST_EXTRA_DB),
            ("sides", [[1.0], [-1.0]]),
            ("ends", [[tables.MOST_TOTAL_DB], [-tables.LEAST_TOTAL_DB]]),
            ("excesses", LOG_PER_DB * np.array(EXCESSES_DB)[:, None]),
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
        return self.try_out(windows, window_of, numbers).found

    def try_out(self, windows: Tensor, window_of: Tensor | None, numbers: Tensor) -> Rehearsed:
        """The same, with what else the answer is made of."""
        rows_log = (windows * LOG_PER_DB).clamp(_LOWEST_LOG, _HIGHEST_LOG)[:, None]
        if window_of is not None:
            rows_log = rows_log[window_of]
        bounded = numbers.minimum(self.upper).maximum(self.lower)
        known = _as_column(nn.functional.linear(bounded, self.numbers, self.numbers_added))
        shape, width, matched, at_ends, change_db, calm_db, room, peak = known.split(list(NUMBERS.values()), 2)
        room = room + peak.clamp(*(LOG_PER_DB * _CEILINGS_DBTP).tolist())
        before, curves = self._equalised(torch.exp(rows_log), shape, width)
        weights, counted = _weights(before)

        energy, heard, peaks = curves.split(1, 2)
        mean_heard = (heard @ weights).clamp(min=_NOTHING)
        level_log = _log(heard) - _log(mean_heard)
        moved, wanted_db, dynamics, reduced, between = self._try_compressor(energy, before, level_log, weights)
        wanted_db, between = wanted_db + calm_db, between.reshape(-1, 1, 1, len(COMPRESSIONS))
        chosen = self.choose_between(between, wanted_db)
        compressor_log = _compressor_log(level_log, heard, mean_heard, weights, chosen * _MOST_COMPRESSION)
        compressed = energy * torch.exp(compressor_log)

        loudness, with_tone, with_all = _loudness_log(torch.cat([before, energy, compressed], 2), weights).split(1, 2)
        over = _log(peaks) + compressor_log - (with_all + room)
        over_at_rest = rows_log[:, :, PEAK_ROW : PEAK_ROW + 1] - (room + change_db * LOG_PER_DB)
        extras_db = self._extra_db(
            torch.cat([compressed] * _PLAYED + [before], 1),
            torch.cat([over] * _PLAYED + [over_at_rest], 1),
            torch.cat([with_all] * _PLAYED + [loudness], 1),
            weights,
            self.shares,
        ).reshape(-1, 1, _PLAYED + 1, 1)
        excesses = torch.relu(over - self.excesses) @ weights

        levels_db = torch.cat([loudness, with_tone - loudness, with_all - loudness, excesses], 2) * (1.0 / LOG_PER_DB)
        loudness_db, toned_db, all_db, excesses_db = levels_db.split([1, 1, 1, len(EXCESSES_DB)], 2)
        extras_db, at_rest_db = extras_db.split([_PLAYED, 1], 2)
        # What the limiter takes from the untouched music is not made good where little is to change.
        at_rest_db = torch.exp(change_db * change_db * (-1.0 / REST_LU**2)) * at_rest_db
        beyond_db = self._beyond_db(at_ends, change_db - toned_db)
        gain_db = toned_db - all_db + extras_db[:, :, :1] - at_rest_db + beyond_db
        levels = [chosen - matched, gain_db, loudness_db, toned_db, all_db, counted]
        found = torch.cat([moved, wanted_db, dynamics, reduced, *levels, extras_db, excesses_db], 2)
        return Rehearsed(found.reshape(-1, SIZE), bounded, between, wanted_db, gain_db)

    def _equalised(self, power: Tensor, shape: Tensor, width: Tensor) -> tuple[Tensor, Tensor]:
        """Each frame's energy as it came, (N, 1, 1, frames), and CURVES of it behind equaliser and width.

        Bands say by how much equaliser and width change a frame; how much it is, its own rows know better.
        """
        bands = torch.exp(self.log_weights @ shape).reshape(-1, 1, 4 * CURVES, features.ROWS)
        mid, side, plain, own = (bands @ power).split(CURVES, 2)
        return own[:, :, :1], (mid + width * width * side) / plain * own

    def _try_compressor(self, energy: Tensor, before: Tensor, level_log: Tensor, weights: Tensor) -> list[Tensor]:
        """How dynamics move, twice, and are; what trials take off, and all of COMPRESSIONS: dB."""
        tried = energy * torch.exp(_over_log(level_log, self.trials) * -_slope(self.trials))
        dynamics_db = _dynamics_db(torch.cat([energy, before, tried], 2), weights)
        return list((self.found @ dynamics_db).split([1, 1, 1, _TRIED, len(COMPRESSIONS)], 2))

    def choose(self, reduced_db: Tensor, wanted_db: Tensor) -> Tensor:
        """The setting that takes off what is wanted, 0..1, as `choose_compression` of the matcher: (N,).

        Parameters
        ----------
        reduced_db : (N, len(TRIALS) - 1)
            What TRIALS but the first take off.
        wanted_db : (N,)
        """
        return self.choose_between((reduced_db @ self.between.T)[:, None], wanted_db[:, None, None])[:, 0, 0]

    def choose_between(self, between: Tensor, wanted_db: Tensor) -> Tensor:
        """The same of what all of COMPRESSIONS take off, (..., 1, len(COMPRESSIONS)), scaled: (..., 1, 1).

        What is wanted is compared with wanting nothing, so nothing comes of less than that.
        """
        missing = between - torch.relu(wanted_db) * self.wishes
        at_rest, found = (torch.softmax(self.costs - missing * missing, -1) @ self.compressions).split(1, -2)
        return ((found - at_rest) / (_MOST_COMPRESSION - at_rest).clamp(min=0.01)).clamp(0.0, 1.0)

    def _extra_db(self, energy: Tensor, over: Tensor, base: Tensor, weights: Tensor, shares: Tensor) -> Tensor:
        """Gain that makes good what the limiter takes at that gain, within the teacher's reason: (N, S, 1, 1).

        Parameters
        ----------
        energy, over : (N, S, 1, frames)
            Energies, and peaks above the ceiling as logarithms, without that gain.
        base : (N, S, 1, 1)
            Loudness of these energies, logarithms.
        weights : (N, 1, frames, 1)
        shares : (S, 1, 1)
            See LIMITED_SHARES, negative.
        """
        count, frames = len(shares), int(energy.shape[3])
        limited = energy * torch.exp(torch.relu(over + self.extras) * shares)
        left = _loudness_log(limited.reshape(-1, 1, count * len(EXTRAS_DB), frames), weights)
        missing = base - left.reshape(-1, count, len(EXTRAS_DB), 1) - self.extras
        # Where the line through the trials crosses zero: every step below is taken whole.
        less, fall = (self.crossing @ missing).split(len(EXTRAS_DB) - 1, 2)
        steps = (less / fall.clamp(min=0.01 * LOG_PER_DB)).clamp(0.0, 1.0)
        return torch.tanh(self.steps @ steps) * MOST_EXTRA_DB

    def _beyond_db(self, at_ends: Tensor, total_db: Tensor) -> Tensor:
        """How far beyond its range the matcher's gain in all was before it was held in there: (N, 1, 1, 1)."""
        beyond = torch.relu(total_db * self.sides - self.ends) * (at_ends > 0.0).float()
        return self.sides.T @ beyond


class _Log(torch.autograd.Function):
    """Natural logarithm, exported as that of a sum over the second axis, which has one element.

    onnxruntime takes logarithms of several numbers at once, and of the last few of an array one by one, which rounds
    otherwise: what a row gives would depend on the rows beside it. Of sums it takes them one by one.
    """

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        """The logarithm itself; there is no gradient."""
        return torch.log(values)

    @staticmethod
    def symbolic(graph: Any, values: Any) -> Any:
        """How it is exported."""
        return graph.op("ReduceLogSum", values, axes_i=[1], keepdims_i=1)


def _log(values: Tensor) -> Tensor:
    return _Log.apply(values)


def _as_column(numbers: Tensor) -> Tensor:
    return numbers.reshape(-1, 1, int(numbers.shape[1]), 1)


# Frames are the last axis; means over those that count are products with their weights: (N, 1, frames, 1), sum 1.


def _weights(energy: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the frames that count, and their share, (N, 1, 1, 1), of energies (N, 1, 1, frames).

    What counts is sound and not far under the mean of all; if nothing does, all weights are 0.
    """
    is_sound, frames = (energy > _SOUND_POWER).float(), int(energy.shape[3])
    mean = energy @ is_sound.reshape(-1, 1, frames, 1) / is_sound.sum(3, keepdim=True).clamp(min=1.0)
    counts = (energy > (mean * _QUIET_SHARE).clamp(min=_SOUND_POWER)).float()
    count = counts.sum(3, keepdim=True)
    return (counts / count.clamp(min=1.0)).reshape(-1, 1, frames, 1), count * (1.0 / frames)


def _dynamics_db(energy: Tensor, weights: Tensor) -> Tensor:
    """5 log10(mean e^2 / mean(e)^2)."""
    mean, mean_square = energy @ weights, (energy * energy) @ weights
    ratio = mean_square / (mean * mean).clamp(min=1e-12)
    return (_log(ratio) * (0.5 / LOG_PER_DB)).clamp(0.0, _MOST_DYNAMICS_DB)


def _loudness_log(energy: Tensor, weights: Tensor) -> Tensor:
    """Mean of the frames that are at most _GATE_LU under the mean of all."""
    is_loud = (energy > energy @ weights * 10.0 ** (-_GATE_LU / 10.0)).float()
    mean = (energy * is_loud) @ weights / (is_loud @ weights).clamp(min=_NOTHING)
    return _log(mean).clamp(_LOWEST_LOG, _HIGHEST_LOG)


def _slope(compression: Tensor) -> Tensor:
    """Reduction for what is over the threshold."""
    return 1.0 - 1.0 / (compression * compressor.RATIO_PER_COMPRESSION + 1.0)


def _over_log(level_log: Tensor, compression: Tensor) -> Tensor:
    """How far levels relative to the programme's are over the threshold: (N, 1, settings, frames).

    The curve of `compressor.static_gain_db`, and what the release holds over from the frame before.

    Parameters
    ----------
    level_log : (N, 1, 1, frames)
    compression : (settings, 1), or (N, 1, 1, 1)
    """
    over = level_log - (compression * _THRESHOLD_PER_COMPRESSION_LOG + (_THRESHOLD_LOG - 0.5 * _KNEE_LOG))
    knee = over.clamp(0.0, _KNEE_LOG)
    wanted = torch.relu(over) + knee * (knee * (0.5 / _KNEE_LOG) - 1.0)
    # Of the frame before as much as the release holds, and of its own the rest; before the first there was nothing.
    return wanted.maximum(nn.functional.conv2d(wanted, torch.tensor([[[[_HELD, 1.0 - _HELD, 0.0]]]]), padding=(0, 1)))


def _compressor_log(level_log: Tensor, heard: Tensor, mean: Tensor, weights: Tensor, compression: Tensor) -> Tensor:
    """Gain of the compressor, which makes up for its mean reduction: (N, 1, 1, frames)."""
    reduction = _over_log(level_log, compression) * _slope(compression)
    return (reduction * heard) @ weights / mean - reduction
