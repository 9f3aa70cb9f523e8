"""All members as one network: learned weights per parameter, and what their disagreement says.

The members' weights stay as they are; what is fitted here, on validation songs, is who is listened
to for which parameter, and how far spread and disagreement foretell the error.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rt_automix import params
from training.nets.common import LEAST_LOG_SPREAD, MOST_LOG_SPREAD, NINE, Member, ten_from_nine
from training.networks.loss import absolute_error, spread_likelihood
from training.networks.rehearsal import Rehearsal

FIT_STEPS, FIT_RATE = 400, 0.03
DIVERSITY = 0.002
"""Worth of even weights: one part in 500 of error is given for members that are all listened to."""


class Ensemble(nn.Module):
    """Members and their weights; the same inputs and output as a member.

    Parameters
    ----------
    members : list of Member
    """

    def __init__(self, members: list[Member]) -> None:
        super().__init__()
        self.members, self.rehearsal = nn.ModuleList(members), Rehearsal()
        self.heard_logits = nn.Parameter(torch.zeros(len(members), NINE))
        self.song_logits = nn.Parameter(torch.zeros(len(members), NINE))
        self.spread_logits = nn.Parameter(torch.zeros(2, params.COUNT))

    def forward(self, window: Tensor, context: Tensor) -> Tensor:
        """(N, rows, frames) and (N, context.SIZE) to `parameters` (N, 3, params.COUNT)."""
        rehearsed = self.rehearsal(window, None, context)
        answers = [member.answers(window, None, context, rehearsed) for member in self.members]
        return self.combine(
            torch.stack([answer.heard for answer in answers]).clamp(0.0, 1.0),
            torch.stack([answer.song for answer in answers]).clamp(0.0, 1.0),
            torch.stack([answer.log_spread for answer in answers]),
        )

    def combine(self, heard: Tensor, song: Tensor, log_spread: Tensor) -> Tensor:
        """Members' clamped answers, each (members, N, ...), to (N, 3, params.COUNT)."""
        heard_ten = ten_from_nine(weigh(self.heard_logits, heard))
        song_nine = weigh(self.song_logits, song)
        song_ten = ten_from_nine(song_nine)
        apart = (torch.stack([ten_from_nine(one) for one in song.unbind()]) - song_ten).abs().mean(0)
        own, disagreement = nn.functional.softplus(self.spread_logits)
        spread = own * log_spread.exp().mean(0) + disagreement * apart
        return torch.stack([heard_ten, song_ten, spread.clamp(0.0, 1.0)], 1)

    def diversity(self) -> Tensor:
        """Mean entropy of the weights, 0..1: 1 where all members weigh alike."""
        entropies = [
            -(torch.softmax(logits, 0) * torch.log_softmax(logits, 0)).sum(0).mean()
            for logits in (self.heard_logits, self.song_logits)
        ]
        return sum(entropies) / (2.0 * torch.log(torch.tensor(float(len(self.members)))))


def weigh(logits: Tensor, answers: Tensor) -> Tensor:
    """Mean of answers (members, N, NINE) under weights per parameter."""
    return (torch.softmax(logits, 0)[:, None, :] * answers).sum(0)


def fit(
    ensemble: Ensemble, heard: Tensor, song: Tensor, log_spread: Tensor, heard_label: Tensor, song_label: Tensor
) -> None:
    """Choose the weights that err least on what the members answered to validation songs.

    Parameters
    ----------
    heard, song : (members, N, NINE), clamped
    log_spread : (members, N, params.COUNT)
    heard_label, song_label : (N, params.COUNT)
    """
    fitted = [ensemble.heard_logits, ensemble.song_logits, ensemble.spread_logits]
    optimizer = torch.optim.Adam(fitted, lr=FIT_RATE)
    for _ in range(FIT_STEPS):
        optimizer.zero_grad()
        answer = ensemble.combine(heard, song, log_spread)
        error = absolute_error(answer[:, 0], heard_label) + absolute_error(answer[:, 1], song_label)
        said = answer[:, 2].clamp(min=1e-3).log().clamp(LEAST_LOG_SPREAD, MOST_LOG_SPREAD)
        spread = spread_likelihood(said, answer[:, 1], song_label)
        (error + 0.01 * spread - DIVERSITY * ensemble.diversity()).backward()
        optimizer.step()
