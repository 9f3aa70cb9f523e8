"""The residual one with channel attention, pooling over several stretches of time, and bounded corrections.

Attention: J. Hu, L. Shen and G. Sun, "Squeeze-and-excitation networks", CVPR 2018. Pooling: the
mean of all, of the newest half and the strongest moment, in the manner of K. He et al., "Spatial
pyramid pooling", ECCV 2014.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.nets import enhanced_cnn
from training.nets.common import EnteredBody, Member

SCALES = 3
POOLED = 4
"""Frequencies that remain: eight, pooled by twos."""
SIZE = enhanced_cnn.CHANNELS[-1] * POOLED * SCALES
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


class Block(enhanced_cnn.Block):
    """The same, its change weighed by attention."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.attention = Attention(channels, channels // 4)

    def change(self, x: Tensor) -> Tensor:
        return self.attention(super().change(x))


class Body(EnteredBody):
    """(N, rows, frames) to (N, SIZE)."""

    def __init__(self) -> None:
        super().__init__(enhanced_cnn.CHANNELS[0])
        self.layers = enhanced_cnn.trunk(Block)

    def after(self, entered: Tensor) -> Tensor:
        """See EnteredBody."""
        x = self.layers(entered)
        x = 0.5 * (x[:, :, 0::2] + x[:, :, 1::2])
        newest = x[:, :, :, x.shape[3] // 2 :]
        return torch.cat([x.mean(3), newest.mean(3), x.amax(3)], 1).flatten(1)


def build() -> Member:
    """A fresh member."""
    return Member(Body(), SIZE, reach=REACH)
