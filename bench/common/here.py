"""Where the project is, and the screen: what is needed before anything heavy is imported."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
console = Console(markup=False)  # what stands in brackets is meant
