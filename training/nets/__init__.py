"""The networks by name; one readable file each."""

from __future__ import annotations

from collections.abc import Callable

from rt_automix.errors import ConfigError, nearest
from training.nets import ast_regressor, baseline_cnn, enhanced_cnn, improved_enhanced_cnn
from training.nets.common import Member

MEMBERS: dict[str, Callable[[], Member]] = {
    "ast_regressor": ast_regressor.build,
    "baseline_cnn": baseline_cnn.build,
    "enhanced_cnn": enhanced_cnn.build,
    "improved_enhanced_cnn": improved_enhanced_cnn.build,
    "retrained_enhanced_cnn": enhanced_cnn.build,
}
ENSEMBLE = "weighted_ensemble"
NAMES = (*MEMBERS, ENSEMBLE)


def build(name: str) -> Member:
    """A fresh member by its name.

    Raises
    ------
    ConfigError
        There is no such member.
    """
    if name not in MEMBERS:
        raise ConfigError(f'network "{name}" is unknown.{nearest(name, NAMES)} Known: {", ".join(NAMES)}.')
    return MEMBERS[name]()
