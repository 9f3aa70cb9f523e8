"""The residual one: deeper, with shortcuts, so that every layer need only add what is missing.

K. He et al., "Deep residual learning for image recognition", CVPR 2016.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.nets.common import EnteredBody, Member, conv

CHANNELS = (12, 20, 32)
SIZE = CHANNELS[-1] * 8


class Block(nn.Module):
    """relu(x + change(x)), at the same size; the change is two convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = conv(channels, channels), conv(channels, channels)

    def change(self, x: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(x)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.change(x))


def trunk(block: type[Block]) -> nn.Sequential:
    """What the entry gives to (N, CHANNELS[-1], 8, 7): the size halves and the channels grow between blocks."""
    first, second, third = CHANNELS
    return nn.Sequential(
        block(first),
        conv(first, second, (2, 2)),
        nn.ReLU(),
        block(second),
        conv(second, third, (2, 2)),
        nn.ReLU(),
        block(third),
    )


class Body(EnteredBody):
    """(N, rows, frames) to (N, SIZE)."""

    def __init__(self) -> None:
        super().__init__(CHANNELS[0])
        self.layers = trunk(Block)

    def after(self, entered: Tensor) -> Tensor:
        """See EnteredBody."""
        return self.layers(entered).mean(3).flatten(1)


def build() -> Member:
    """A fresh member."""
    return Member(Body(), SIZE)
