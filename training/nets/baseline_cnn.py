"""The plain one: three convolutions, the mean over time, frequency kept."""

from __future__ import annotations

import torch
from torch import Tensor

from training.nets.common import EnteredBody, Member, conv

CHANNELS = (16, 24, 32)
SIZE = CHANNELS[-1] * 8
"""Eight frequencies remain."""


class Body(EnteredBody):
    """(N, rows, frames) to (N, SIZE)."""

    def __init__(self) -> None:
        first, second, third = CHANNELS
        super().__init__(first)
        self.second, self.third = conv(first, second, (2, 2)), conv(second, third, (2, 2))

    def after(self, entered: Tensor) -> Tensor:
        """See EnteredBody."""
        x = torch.relu(self.second(entered))
        x = torch.relu(self.third(x))
        return x.mean(3).flatten(1)


def build() -> Member:
    """A fresh member."""
    return Member(Body(), SIZE)
