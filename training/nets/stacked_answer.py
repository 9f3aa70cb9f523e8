"""The end of a stack: from what was rehearsed and the members' corrections of it to the parameters.

Numbers lie in columns, (N, members, numbers, 1), so that parts of them broadcast as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rt_automix import params
from rt_automix.analysis.bundles import context
from training.nets.common import (
    COMPRESSION,
    FIRST_LOG_SPREAD,
    LEAST_LOG_SPREAD,
    MOST_LOG_SPREAD,
    NINE,
    TOTAL,
    WINDOW_S,
    Member,
    nine_from_ten,
)
from training.nets.stacking import KNOWN, alike, grouped, members_of
from training.nets.weighted_ensemble import Ensemble
from training.networks.dataset import DRIVE, DRIVE_RANGE_DB, GAIN, GAIN_RANGE_DB, LOWEST_TOTAL_DB, TOTAL_RANGE_DB
from training.networks.rehearsal import SIZE, Rehearsal, Rehearsed

_NEVER_BENT = 1e4
"""A reach so far that bending moves nothing by more than rounding does."""

_SIZES = [2 * NINE, 1, 1, params.COUNT]
"""Corrections of a member: the answers for what was heard and for the song; the rehearsal's effect, its aim; spread."""
_SIZE = sum(_SIZES)


class Corrections(nn.Module):
    """The members' last layers: (N, members, _SIZE, 1)."""

    def __init__(self, members: Sequence[Member]) -> None:
        super().__init__()
        tables = [_last_layers(member) for member in members]
        self.fused, self.ahead = (grouped([table[at] for table in tables], is_added=at > 0) for at in (0, 1))
        kinds = alike(members, KNOWN)
        ways = [way for way, some in enumerate(kinds) for _ in some]
        weights = torch.zeros(len(members), _SIZE, len(kinds), SIZE)
        for number, (table, way) in enumerate(zip(tables, ways, strict=True)):
            weights[number, :, way] = table[2].weight
        self.tried = nn.Linear(len(kinds) * SIZE, len(members) * _SIZE, bias=False)
        self.tried.weight.data = weights.reshape(len(members) * _SIZE, -1)
        self.count = len(members)

    def forward(self, fused: Tensor, ahead: Tensor, tried: Tensor) -> Tensor:
        learned = self.fused(fused) + self.ahead(ahead)
        return learned.reshape(-1, self.count, _SIZE, 1) + self.tried(tried).reshape(-1, self.count, _SIZE, 1)


@torch.no_grad()
def _last_layers(member: Member) -> list[nn.Linear]:
    """Corrections from what is fused, what lies ahead and what was rehearsed; the first brings all biases."""
    heard, song, effect_aim = slice(0, NINE), slice(NINE, 2 * NINE), slice(2 * NINE, 2 * NINE + 2)
    spread = slice(2 * NINE + 2, None)
    change, width = member.correct_heard, member.fuse[0].out_features
    sizes = (width, member.correct_song.in_features, SIZE)
    fused, ahead, tried = layers = [nn.Linear(size, _SIZE) for size in sizes]
    for layer in layers:
        layer.weight.zero_()
        layer.bias.zero_()
    for layer, part in ((fused, slice(0, width)), (tried, slice(width, None))):
        layer.weight[heard], layer.weight[effect_aim] = change.weight[:NINE, part], change.weight[NINE:, part]
    ahead.weight[song] = member.correct_song.weight
    fused.weight[spread], ahead.weight[spread] = member.spread.weight[:, :width], member.spread.weight[:, width:]
    fused.bias[heard], fused.bias[effect_aim] = change.bias[:NINE], change.bias[NINE:]
    fused.bias[song], fused.bias[spread] = member.correct_song.bias, member.spread.bias + FIRST_LOG_SPREAD
    return layers


class Answer(nn.Module):
    """From the rehearsal and the corrections to `parameters`: as `Member.forward`, or `Ensemble.combine`."""

    @torch.no_grad()
    def __init__(self, network: Member | Ensemble) -> None:
        super().__init__()
        members, self.rehearsal = members_of(network), Rehearsal()
        shares, own, disagreement = torch.ones(1, 2 * NINE), torch.ones(params.COUNT), torch.zeros(params.COUNT)
        if isinstance(network, Ensemble):
            logits = torch.cat([network.heard_logits, network.song_logits], 1)
            shares, (own, disagreement) = torch.softmax(logits, 0), nn.functional.softplus(network.spread_logits)
        self.is_alone, self.is_bent = len(members) == 1, any(member.reach for member in members)
        identity = torch.eye(NINE)
        (nines, nines_added), (pieces, pieces_added, joined) = _nines(), _ten()
        for name, value in (("nines", nines), ("nines_added", nines_added), ("pieces", pieces), ("joined", joined)):
            self.register_buffer(name, value)
        for name, value in (
            ("rest", 1.0 - identity[COMPRESSION]),
            ("chosen_at", identity[COMPRESSION]),
            ("gain_at", identity[TOTAL] / TOTAL_RANGE_DB),
            ("reach", torch.tensor([[float(member.reach or _NEVER_BENT)] for member in members])),
            ("older_heard", torch.stack([member.older_heard for member in members])),
            ("older_song", torch.stack([member.older_song for member in members])),
            ("shares", shares),
            ("pieces_added", pieces_added),
            ("own", own / len(members)),
            ("disagreement", disagreement / len(members)),
        ):
            self.register_buffer(name, value[..., None].clone())

    def forward(self, tried: Rehearsed, corrections: Tensor) -> Tensor:
        """(N, 3, params.COUNT)."""
        correction, effect, aim_db, log_spread = corrections.split(_SIZES, 2)
        if self.is_bent:
            correction = torch.tanh(correction / self.reach) * self.reach
        correct_heard, correct_song = correction.split(NINE, 2)
        known = nn.functional.linear(tried.bounded, self.nines, self.nines_added).reshape(-1, 1, NINE + 1, 1)
        matched, log_newer = known.split([NINE, 1], 2)
        # What was heard before the window only the matcher goes by: the more that is, the more it is asked.
        older = torch.relu(1.0 - torch.exp(log_newer))
        between = tried.between * effect.clamp(-1.0, 1.0).exp()
        chosen = self.rehearsal.choose_between(between, tried.wanted_db + aim_db.clamp(-1.0, 1.0))
        start = matched * self.rest + tried.gain_db * self.gain_at + chosen * self.chosen_at
        heard = start + older * self.older_heard * (matched - start) + correct_heard
        song = heard + older * self.older_song * (matched - heard) + correct_song
        both = torch.cat([heard, song], 2).clamp(0.0, 1.0)
        log_spread = log_spread.clamp(LEAST_LOG_SPREAD, MOST_LOG_SPREAD)
        if self.is_alone:
            rows = [self._ten(both.reshape(-1, 2, NINE, 1)), log_spread.exp()]
        else:
            weighed = (both * self.shares).sum(1).reshape(-1, 2, NINE, 1)
            tens = self._ten(torch.cat([weighed, both[:, :, NINE:]], 1))
            rows = [tens[:, :2], self._spread(tens[:, 1:2], tens[:, 2:], log_spread)]
        return torch.cat(rows, 1).reshape(-1, 3, params.COUNT)

    def _ten(self, nine: Tensor) -> Tensor:
        """As `common.ten_from_nine`, of columns."""
        return self.joined @ (self.pieces @ nine + self.pieces_added).clamp(0.0, 1.0)

    def _spread(self, song: Tensor, songs: Tensor, log_spread: Tensor) -> Tensor:
        """What is said of the error, and what the members' disagreement says."""
        said = self.own * log_spread.exp() + self.disagreement * (songs - song).abs()
        return said.sum(1, keepdim=True).clamp(0.0, 1.0)


def _nines() -> tuple[Tensor, Tensor]:
    """The matcher's nine, and the logarithm of the window's share of what was heard, as a product with the context."""
    matched = nine_from_ten(torch.eye(params.COUNT)).T @ torch.eye(context.SIZE)[context.PARTS["matched_norm"]]
    newer = -math.log(2.0) * torch.eye(context.SIZE)[context.PARTS["seconds_log2"]]
    return torch.cat([matched, newer]), torch.tensor([0.0] * NINE + [math.log(WINDOW_S)])


def _ten() -> tuple[Tensor, Tensor, Tensor]:
    """Ten parameters from nine as pieces that are held in 0..1 each, and these joined: two products and what is added.

    The total gain is three pieces: input gain below 0 dB, drive, and input gain above what drive takes.
    """
    pieces, added, joined = torch.zeros(NINE + 2, NINE), torch.zeros(NINE + 2), torch.zeros(params.COUNT, NINE + 2)
    plain = [nine for nine in range(NINE) if nine != TOTAL]
    places = [ten for ten in range(params.COUNT) if ten not in (GAIN, DRIVE)]
    pieces[range(NINE - 1), plain] = joined[places, range(NINE - 1)] = 1.0
    highest_db = GAIN_RANGE_DB + LOWEST_TOTAL_DB
    for piece, (lowest_db, range_db) in enumerate(
        ((LOWEST_TOTAL_DB, -LOWEST_TOTAL_DB), (0.0, DRIVE_RANGE_DB), (DRIVE_RANGE_DB, highest_db)), NINE - 1
    ):
        pieces[piece, TOTAL] = TOTAL_RANGE_DB / range_db
        added[piece] = (LOWEST_TOTAL_DB - lowest_db) / range_db
        joined[DRIVE if lowest_db == 0.0 else GAIN, piece] = 1.0 if lowest_db == 0.0 else range_db / GAIN_RANGE_DB
    return pieces, added, joined
