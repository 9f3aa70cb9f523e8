"""The residual one with channel attention, pooling over several stretches of time, and bounded corrections.

Attention: J. Hu, L. Shen and G. Sun, "Squeeze-and-excitation networks", CVPR 2018. Pooling: the
mean of all, of the newest half and the strongest moment, in the manner of K. He et al., "Spatial
pyramid pooling", ECCV 2014.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.nets.common import Entry, Member, conv

CHANNELS = (24, 40, 64)
SCALES = 3
POOLED = 4
"""Frequencies that remain: eight, pooled by twos."""
SIZE = CHANNELS[-1] * POOLED * SCALES
REACH = 0.6
"""Farthest correction, as a share of a parameter's range."""


class Attention(nn.Module):
    """Weighs the channels by what all of the window holds."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Linear(channels, squeezed), nn.Linear(squeezed, channels)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.sigmoid(self.excite(torch.relu(self.squeeze(x.mean((2, 3))))))
        return x * weights[:, :, None, None]


class Block(nn.Module):
    """A residual block whose addition is weighed by attention."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = conv(channels, channels), conv(channels, channels)
        self.attention = Attention(channels, channels // 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.attention(self.second(torch.relu(self.first(x)))))


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
        x = self.layers(window)
        x = 0.5 * (x[:, :, 0::2] + x[:, :, 1::2])
        newest = x[:, :, :, x.shape[3] // 2 :]
        return torch.cat([x.mean(3), newest.mean(3), x.amax(3)], 1).flatten(1)


def build() -> Member:
    """A fresh member."""
    return Member(Body(), SIZE, reach=REACH)
