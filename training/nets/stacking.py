"""How layers of several members become one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor, nn

from training.nets.common import Member
from training.nets.weighted_ensemble import Ensemble

KNOWN = ("context", "rehearsed")
"""Inputs beside the window."""


def members_of(network: Member | Ensemble) -> list[Member]:
    """An ensemble's members, or the single one."""
    return [network] if isinstance(network, Member) else list(network.members)  # type: ignore[arg-type]


def alike(members: Sequence[Member], inputs: Sequence[str]) -> list[list[Member]]:
    """Members in runs that standardise these inputs by the same numbers."""

    def scale(member: Member) -> list[list[float]]:
        return [getattr(member, f"{name}_{moment}").tolist() for name in inputs for moment in ("mean", "deviation")]

    return [list(run) for _, run in groupby(members, scale)]


def grouped(layers: Sequence[nn.Linear], inputs: slice = slice(None), is_added: bool = False) -> nn.Conv2d:
    """Layers of equal shape side by side: (N, members * before, 1, 1) to (N, members * after, 1, 1).

    Parameters
    ----------
    inputs : slice, optional
        What of the layers' inputs comes in.
    is_added : bool
        To what brings the biases already.
    """
    weights = torch.cat([layer.weight[:, inputs] for layer in layers])
    count, before = len(layers), weights.shape[1]
    one = nn.Conv2d(count * before, len(weights), 1, groups=count, bias=not is_added)
    one.weight.data = weights[:, :, None, None].detach().clone()
    if one.bias is not None:
        one.bias.data = torch.cat([layer.bias for layer in layers]).detach().clone()
    return one


def as_image(values: Tensor) -> Tensor:
    """Channels of a single cell, as grouped layers take them."""
    return values.reshape(-1, int(values.shape[1]), 1, 1)


def split(values: Tensor, sizes: list[int]) -> list[Tensor]:
    """Channels in parts; where all are one part there is no node."""
    return list(values.split(sizes, 1)) if len(sizes) > 1 else [values]


def joined(parts: list[Tensor]) -> Tensor:
    """The other way."""
    return torch.cat(parts, 1) if len(parts) > 1 else parts[0]
