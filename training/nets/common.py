"""What all networks share: the statistics branch, the matcher's answer as a start, and a safe end.

A member hears the window with a body of its own, reads what is known with an MLP, and corrects the
matcher's answer. Its corrections begin at zero, so an untrained member is the matcher, after its
rehearsal on the window. Every answer is clamped to the ranges of the parameters.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from rt_automix import params
from rt_automix.analysis.bundles import context
from rt_automix.analysis.features import HOP_S, MEL_BANDS
from training.networks.dataset import TOTAL_RANGE_DB, Scale, split_total, total_norm
from training.networks.rehearsal import GAIN_AT, REDUCED_AT, SIZE, WANTED_AT, Rehearsal
from training.networks.rehearsal_tables import LEAST_LOG2_S, MOST_LOG2_S

NINE = params.COUNT - 1
"""Five gains of the equaliser, compression, width, total gain, level: what a network predicts."""
COMPRESSION, TOTAL = 5, 7
FARTHEST_DEVIATIONS = 5.0
"""Standardised inputs are held in here, so that nothing a stream can hold drives a network far off."""

AHEAD_WIDTH, AHEAD_DROPOUT = 64, 0.5
WINDOW_S = context.WINDOW_SHAPE[1] * HOP_S
FIRST_LOG_SPREAD = -3.0
LEAST_LOG_SPREAD, MOST_LOG_SPREAD = -7.0, 0.0


class Answer(NamedTuple):
    """What a member says of N examples, before it is clamped.

    heard, song : (N, NINE), normalised, the total gain as one number
    log_spread : (N, params.COUNT), natural logarithm of the expected error of `song`
    """

    heard: Tensor
    song: Tensor
    log_spread: Tensor


def nine_from_ten(parameters: Tensor) -> Tensor:
    """Normalised parameters with input gain and drive as one: (N, params.COUNT) to (N, NINE)."""
    return torch.cat([parameters[:, 1:8], total_norm(parameters)[:, None], parameters[:, 9:10]], 1)


def ten_from_nine(nine: Tensor) -> Tensor:
    """Normalised parameters, each inside its range: (N, NINE) to (N, params.COUNT)."""
    held = nine.clamp(0.0, 1.0)
    gain, drive = split_total(held[:, TOTAL])
    return torch.cat([gain[:, None], held[:, :TOTAL], drive[:, None], held[:, TOTAL + 1 :]], 1)


class Residual(nn.Module):
    """x + W2 silu(W1 x): one block of an MLP."""

    def __init__(self, size: int, dropout: float) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(size, size), nn.Linear(size, size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.dropout(nn.functional.silu(self.first(x))))


class Entry(nn.Module):
    """First convolution over the window: mid and side as two channels of an image, four level rows beside them.

    A level is the same at every frequency: its convolution runs over time only and is added everywhere.

    Parameters
    ----------
    channels : int
        Of the result, whose shape is (N, channels, MEL_BANDS / 2, 27).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.image = nn.Conv2d(2, channels, (5, 5), stride=(2, 4), padding=(2, 2), bias=False)
        self.levels = nn.Conv2d(4, channels, (1, 5), stride=(1, 4), padding=(0, 2), bias=False)
        self.norm_image, self.norm_levels = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, window: Tensor) -> Tensor:
        image = window[:, : 2 * MEL_BANDS].reshape(-1, 2, MEL_BANDS, int(window.shape[2]))
        levels = window[:, 2 * MEL_BANDS :, None]
        return torch.relu(self.norm_image(self.image(image)) + self.norm_levels(self.levels(levels)))


class EnteredBody(nn.Module):
    """A body that begins with an Entry, so that several can enter together.

    Parameters
    ----------
    channels : int
        Of the entry.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.entry = Entry(channels)

    def after(self, entered: Tensor) -> Tensor:
        """What comes behind the entry."""
        raise NotImplementedError

    def forward(self, window: Tensor) -> Tensor:
        return self.after(self.entry(window))


def conv(before: int, after: int, stride: tuple[int, int] = (1, 1)) -> nn.Sequential:
    """A 3 x 3 convolution with batch normalisation, which the export folds into it."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(after),
    )


class Member(nn.Module):
    """A network: a body over the window, an MLP over what is known, corrections to the matcher's answer.

    The whole song's answer starts from the one for what has been heard. How a song goes on cannot be
    heard, and there are few songs to learn it from: that part is small, and much of its input is
    dropped while it learns.

    Parameters
    ----------
    body : nn.Module
        (W, rows, frames), standardised, to (W, heard_size).
    heard_size : int
    width : int
        Of the statistics branch.
    dropout : float
    reach : float, optional
        Corrections are bent to stay within plus and minus this; without, only the ranges bound them.
    """

    def __init__(
        self, body: nn.Module, heard_size: int, width: int = 128, dropout: float = 0.1, reach: float | None = None
    ) -> None:
        super().__init__()
        self.body, self.reach, self.rehearsal = body, reach, Rehearsal()
        for name, size in (("window", (context.WINDOW_SHAPE[0], 1)), ("context", context.SIZE), ("rehearsed", SIZE)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_deviation", torch.ones(size))
        known = context.SIZE + SIZE
        self.statistics = nn.Sequential(
            nn.Linear(known, width),
            nn.SiLU(),
            nn.Dropout(dropout),
            Residual(width, dropout),
            Residual(width, dropout),
            nn.SiLU(),
        )
        self.heard = nn.Sequential(nn.Dropout(dropout), nn.Linear(heard_size, width // 2), nn.SiLU())
        self.fuse = nn.Sequential(nn.Linear(width + width // 2, width), nn.SiLU(), nn.Dropout(dropout))
        self.ahead = nn.Sequential(
            nn.Dropout(AHEAD_DROPOUT), nn.Linear(known + width // 2, AHEAD_WIDTH), nn.SiLU(), nn.Dropout(AHEAD_DROPOUT)
        )
        self.correct_heard = _silent(width + SIZE, NINE + 2)
        self.correct_song = _silent(AHEAD_WIDTH, NINE)
        self.spread = _silent(width + AHEAD_WIDTH, params.COUNT)
        self.older_heard, self.older_song = (nn.Parameter(torch.zeros(NINE)) for _ in range(2))

    def set_scale(self, scale: Scale) -> None:
        """Take over what standardises the inputs."""
        for name, value in scale._asdict().items():
            getattr(self, name).copy_(value)

    def answers(self, windows: Tensor, window_of: Tensor | None, numbers: Tensor, rehearsed: Tensor) -> Answer:
        """Answers before clamping, to examples of which several may share a window.

        Parameters
        ----------
        windows : (W, rows, frames)
        window_of : (N,), int64, optional
            Each example's window; without, they go together one by one.
        numbers : (N, context.SIZE)
        rehearsed : (N, rehearsal.SIZE)
        """
        heard = self.heard(self.body(_standardise(windows, self.window_mean, self.window_deviation)))
        if window_of is not None:
            heard = heard[window_of]
        tried = _standardise(rehearsed, self.rehearsed_mean, self.rehearsed_deviation)
        known = torch.cat([_standardise(numbers, self.context_mean, self.context_deviation), tried], 1)
        fused = self.fuse(torch.cat([self.statistics(known), heard], 1))
        ahead = self.ahead(torch.cat([known, heard.detach()], 1))
        matched = nine_from_ten(numbers[:, context.PARTS["matched_norm"]].clamp(0.0, 1.0))
        change = self.correct_heard(torch.cat([fused, tried], 1))
        chosen = self._chosen(rehearsed, change[:, NINE:])[:, None]
        equaliser, _, width, total, level = matched.split([COMPRESSION, 1, 1, 1, 1], 1)
        total = total + rehearsed[:, GAIN_AT, None] / TOTAL_RANGE_DB
        start = torch.cat([equaliser, chosen, width, total, level], 1)
        # What was heard before the window only the matcher goes by: the more that is, the more it is asked.
        older = _older_share(numbers)
        heard_nine = start + older * self.older_heard * (matched - start) + self._bent(change[:, :NINE])
        known_nine = heard_nine.detach()
        song_nine = known_nine + older * self.older_song * (matched - known_nine) + self._bent(self.correct_song(ahead))
        spread = FIRST_LOG_SPREAD + self.spread(torch.cat([fused, ahead], 1).detach())
        return Answer(heard_nine, song_nine, spread.clamp(LEAST_LOG_SPREAD, MOST_LOG_SPREAD))

    def _chosen(self, rehearsed: Tensor, change: Tensor) -> Tensor:
        """The compression that comes of the rehearsal, its effect and its aim corrected."""
        effect, aim_db = change.clamp(-1.0, 1.0).unbind(1)
        return self.rehearsal.choose(rehearsed[:, REDUCED_AT] * effect.exp()[:, None], rehearsed[:, WANTED_AT] + aim_db)

    def _bent(self, correction: Tensor) -> Tensor:
        return correction if self.reach is None else self.reach * torch.tanh(correction / self.reach)

    def forward(self, window: Tensor, context: Tensor) -> Tensor:
        """What is exported: (N, rows, frames) and (N, context.SIZE) to `parameters` (N, 3, params.COUNT)."""
        answer = self.answers(window, None, context, self.rehearsal(window, None, context))
        rows = [ten_from_nine(answer.heard), ten_from_nine(answer.song), answer.log_spread.exp()]
        return torch.stack(rows, 1)


def _older_share(numbers: Tensor) -> Tensor:
    """Share of what has been heard that is no longer in the window: (N, 1)."""
    heard_s = 2.0 ** numbers[:, context.PARTS["seconds_log2"]].clamp(LEAST_LOG2_S, MOST_LOG2_S)
    return torch.relu(1.0 - WINDOW_S / heard_s)


def _silent(before: int, after: int) -> nn.Linear:
    """A layer that says nothing before it has learned."""
    layer = nn.Linear(before, after)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _standardise(values: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    return ((values - mean) / deviation).clamp(-FARTHEST_DEVIATIONS, FARTHEST_DEVIATIONS)
