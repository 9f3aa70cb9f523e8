"""Members side by side, as they are exported: one network of few, larger layers that says what they say.

A graph of small layers costs by the layer, and members are alike: what they share (the rehearsal, how
inputs are standardised, the first look at the window) is done once, and layers of equal shape are one
grouped convolution. Nothing is learned here and no answer changes.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rt_automix.analysis.bundles import context
from training.nets.common import FARTHEST_DEVIATIONS, EnteredBody, Entry, Member
from training.nets.stacked_answer import Answer, Corrections
from training.nets.stacking import KNOWN, alike, as_image, grouped, joined, members_of, split
from training.nets.weighted_ensemble import Ensemble
from training.networks.rehearsal import SIZE, Rehearsal


class Stack(nn.Module):
    """The members of an ensemble, or a single one, as one network with the same inputs and output.

    Parameters
    ----------
    network : Member or Ensemble
        Trained; its weights are copied.
    """

    def __init__(self, network: Member | Ensemble) -> None:
        super().__init__()
        members = members_of(network)
        self.rehearsal = Rehearsal()
        self.bodies = nn.ModuleList(_Bodies(some) for some in alike(members, ("window",)))
        self.heard = nn.ModuleList(copy.deepcopy(member.heard[1]) for member in members)
        self.known = _Known(members)
        self.statistics = nn.Sequential(*(_Residual([member.statistics[at] for member in members]) for at in (3, 4)))
        width = members[0].statistics[0].out_features
        self.fuse_known = grouped([member.fuse[0] for member in members], slice(0, width))
        self.fuse_heard = grouped([member.fuse[0] for member in members], slice(width, None), is_added=True)
        known = context.SIZE + SIZE
        self.ahead = grouped([member.ahead[1] for member in members], slice(known, None), is_added=True)
        self.corrections = Corrections(members)
        self.answer = Answer(network)

    def forward(self, window: Tensor, context: Tensor) -> Tensor:
        """What is exported: (N, rows, frames) and (N, context.SIZE) to `parameters` (N, 3, params.COUNT)."""
        tried = self.rehearsal.try_out(window, None, context)
        features = [feature for bodies in self.bodies for feature in bodies(window)]
        heard = [layer(feature) for layer, feature in zip(self.heard, features, strict=True)]
        heard = nn.functional.silu(as_image(joined(heard)))
        statistics, ahead, tried_norm = self.known(context, tried.found)
        statistics = nn.functional.silu(self.statistics(nn.functional.silu(as_image(statistics))))
        fused = nn.functional.silu(self.fuse_known(statistics) + self.fuse_heard(heard))
        ahead = nn.functional.silu(as_image(ahead) + self.ahead(heard))
        return self.answer(tried, self.corrections(fused, ahead, tried_norm))


class _Bodies(nn.Module):
    """Bodies of members that standardise the window alike; those with an entry enter together."""

    def __init__(self, members: Sequence[Member]) -> None:
        super().__init__()
        self.register_buffer("slope", 1.0 / members[0].window_deviation)
        self.register_buffer("offset", -members[0].window_mean / members[0].window_deviation)
        self.bodies = nn.ModuleList(copy.deepcopy(member.body) for member in members)
        entries = [body.entry for body in self.bodies if isinstance(body, EnteredBody)]
        self.channels = [entry.image.out_channels for entry in entries]
        self.entry = _entry(entries) if entries else None

    def forward(self, window: Tensor) -> list[Tensor]:
        standard = _held(window * self.slope + self.offset)
        entered = split(self.entry(standard), self.channels) if self.entry else []
        return [body.after(entered.pop(0)) if isinstance(body, EnteredBody) else body(standard) for body in self.bodies]


def _entry(entries: Sequence[Entry]) -> Entry:
    """One entry with the channels of all."""
    one = Entry(sum(entry.image.out_channels for entry in entries))
    states = [entry.state_dict() for entry in entries]
    names = [name for name, value in states[0].items() if value.dim() > 0]
    one.load_state_dict({name: torch.cat([state[name] for state in states]) for name in names}, strict=False)
    return one


class _Known(nn.Module):
    """What is known, standardised, and the members' first layers on it."""

    def __init__(self, members: Sequence[Member]) -> None:
        super().__init__()
        kinds = alike(members, KNOWN)
        self.size = context.SIZE + SIZE
        for name, moments in (
            ("mean", [torch.cat([some[0].context_mean, some[0].rehearsed_mean]) for some in kinds]),
            ("deviation", [torch.cat([some[0].context_deviation, some[0].rehearsed_deviation]) for some in kinds]),
        ):
            self.register_buffer(name, torch.cat(moments))
        self.statistics = nn.ModuleList(_side_by_side([member.statistics[0] for member in some]) for some in kinds)
        self.ahead = nn.ModuleList(_side_by_side([member.ahead[1] for member in some], self.size) for some in kinds)

    def forward(self, numbers: Tensor, rehearsed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The statistics branches' and the outlooks' first layers; what was rehearsed, standardised in every way."""
        raw = torch.cat([numbers, rehearsed] * len(self.statistics), 1)
        parts = split((raw - self.mean) / self.deviation, [self.size] * len(self.statistics))
        # Twice held in reach, so that what the last layers get is not what 8 bits leave of it.
        tried = _held(joined([part[:, context.SIZE :] for part in parts]))
        known = [_held(part) for part in parts]
        statistics, ahead = (
            joined([layer(part) for layer, part in zip(layers, known, strict=True)])
            for layers in (self.statistics, self.ahead)
        )
        return statistics, ahead, tried


def _held(values: Tensor) -> Tensor:
    return values.clamp(-FARTHEST_DEVIATIONS, FARTHEST_DEVIATIONS)


def _side_by_side(layers: Sequence[nn.Linear], inputs: int | None = None) -> nn.Linear:
    """Layers on the first of their inputs that are the same for all, as one."""
    weight = torch.cat([layer.weight[:, :inputs] for layer in layers])
    one = nn.Linear(weight.shape[1], weight.shape[0])
    one.weight.data, one.bias.data = weight.detach().clone(), torch.cat([layer.bias for layer in layers]).detach()
    return one


class _Residual(nn.Module):
    """One residual block of every member."""

    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.first, self.second = (grouped([getattr(block, at) for block in blocks]) for at in ("first", "second"))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(nn.functional.silu(self.first(x)))
