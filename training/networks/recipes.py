"""How each member is trained. Members differ by bodies, seeds, and how far their music is changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from training.networks.dataset import Augmentation
from training.networks.loss import Weights


@dataclass(frozen=True)
class Recipe:
    """How one member is trained.

    warm_up : share of all steps over which the learning rate rises
    average_decay : of the running mean of the weights, which is what is validated and kept
    parent : the member whose weights it starts from
    is_widened : whether it also sees the shards of --widened
    """

    augmentation: Augmentation = field(default_factory=Augmentation)
    weights: Weights = field(default_factory=Weights)
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    windows_per_batch: int = 48
    warm_up: float = 0.05
    average_decay: float = 0.998
    patience_epochs: int = 10
    parent: str | None = None
    is_widened: bool = False


RECIPES = {
    "ast_regressor": Recipe(Augmentation(shift_frames=12, noise_db=1.0)),
    "baseline_cnn": Recipe(Augmentation(masked_bands=6, masked_frames=8, noise_db=0.4)),
    "enhanced_cnn": Recipe(),
    "improved_enhanced_cnn": Recipe(Augmentation(masked_bands=14, masked_frames=24)),
    "retrained_enhanced_cnn": Recipe(
        Augmentation(masked_bands=16, masked_frames=32, noise_db=1.5, begun_lately=0.3, gain_db=12.0),
        learning_rate=7e-4,
        parent="enhanced_cnn",
        is_widened=True,
    ),
}
