"""The plain one: three convolutions, the mean over time, frequency kept."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.nets.common import Entry, Member, conv

CHANNELS = (16, 24, 32)
SIZE = CHANNELS[-1] * 8
"""Eight frequencies remain."""


class Body(nn.Module):
    """(N, rows, frames) to (N, SIZE)."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = CHANNELS
        self.entry = Entry(first)
        self.second, self.third = conv(first, second, (2, 2)), conv(second, third, (2, 2))

    def forward(self, window: Tensor) -> Tensor:
        x = torch.relu(self.second(self.entry(window)))
        x = torch.relu(self.third(x))
        return x.mean(3).flatten(1)


def build() -> Member:
    """A fresh member."""
    return Member(Body(), SIZE)
