"""The residual one: deeper, with shortcuts, so that every layer need only add what is missing.

K. He et al., "Deep residual learning for image recognition", CVPR 2016.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.nets.common import Entry, Member, conv

CHANNELS = (24, 40, 64)
SIZE = CHANNELS[-1] * 8


class Block(nn.Module):
    """relu(x + conv(relu(conv(x)))), at the same size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = conv(channels, channels), conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


class Body(nn.Module):
    """(N, rows, frames) to (N, SIZE)."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = CHANNELS
        self.layers = nn.Sequential(
            Entry(first),
            Block(first),
            conv(first, second, (2, 2)),
            nn.ReLU(),
            Block(second),
            conv(second, third, (2, 2)),
            nn.ReLU(),
            Block(third),
        )

    def forward(self, window: Tensor) -> Tensor:
        return self.layers(window).mean(3).flatten(1)


def build() -> Member:
    """A fresh member."""
    return Member(Body(), SIZE)
