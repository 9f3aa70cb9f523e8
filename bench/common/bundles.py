"""Where the networks are that the benchmarks measure."""

from __future__ import annotations

from pathlib import Path

from rt_automix.analysis.bundles import bundle


def find(models: Path | None) -> dict[str, str | Path]:
    """Bundles by name, the one to use first on top: those of a folder, or by default the shipped ones."""
    if models is None:
        places: dict[str, str | Path] = {name: name for name in bundle.shipped()}
    else:
        places = {entry.parent.name: entry.parent for entry in sorted(models.glob("*/model.json"))}
    return dict(sorted(places.items(), key=lambda item: (item[0] != bundle.NAMES[0], item[0])))
