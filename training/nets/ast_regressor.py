"""A small audio spectrogram transformer: patches of the window attend to each other.

Y. Gong, Y.-A. Chung and J. Glass, "AST: Audio spectrogram transformer", Interspeech 2021; blocks
with normalisation first (R. Xiong et al., ICML 2020).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rt_automix.analysis.bundles import context
from training.nets.common import Member

PATCH_ROWS, PATCH_FRAMES = 12, 12
SIZE, HEADS, BLOCKS = 48, 4, 2
_ROWS, _FRAMES = context.WINDOW_SHAPE
MISSING_FRAMES = -_FRAMES % PATCH_FRAMES
PATCHES = (_ROWS // PATCH_ROWS) * ((_FRAMES + MISSING_FRAMES) // PATCH_FRAMES)


class Attention(nn.Module):
    """Multi-head self-attention, written out so that it exports as plain products."""

    def __init__(self) -> None:
        super().__init__()
        self.mix, self.out = nn.Linear(SIZE, 3 * SIZE), nn.Linear(SIZE, SIZE)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (self._heads(part) for part in self.mix(x).split(SIZE, 2))
        scores = torch.softmax(query @ key.transpose(2, 3) * (SIZE // HEADS) ** -0.5, 3)
        return self.out((scores @ value).transpose(1, 2).reshape(-1, PATCHES, SIZE))

    def _heads(self, x: Tensor) -> Tensor:
        return x.reshape(-1, PATCHES, HEADS, SIZE // HEADS).transpose(1, 2)


class Block(nn.Module):
    """Attention, then an MLP, each added to what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.LayerNorm(SIZE), nn.LayerNorm(SIZE)
        self.attention = Attention()
        self.mlp = nn.Sequential(nn.Linear(SIZE, 2 * SIZE), nn.ReLU(), nn.Linear(2 * SIZE, SIZE))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm_attention(x))
        return x + self.mlp(self.norm_mlp(x))


class Body(nn.Module):
    """(N, rows, frames) to (N, SIZE)."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, SIZE, (PATCH_ROWS, PATCH_FRAMES), stride=(PATCH_ROWS, PATCH_FRAMES))
        self.places = nn.Parameter(0.02 * torch.randn(1, PATCHES, SIZE))
        self.blocks = nn.Sequential(*[Block() for _ in range(BLOCKS)], nn.LayerNorm(SIZE))
        self.register_buffer("mean", torch.full((1, PATCHES), 1.0 / PATCHES), persistent=False)

    def forward(self, window: Tensor) -> Tensor:
        padded = nn.functional.pad(window[:, None], (MISSING_FRAMES, 0))
        tokens = self.patches(padded).flatten(2).transpose(1, 2) + self.places
        return (self.mean @ self.blocks(tokens)).flatten(1)


def build() -> Member:
    """A fresh member."""
    return Member(Body(), SIZE)
