"""Options that several commands have, and kinds of values."""

from __future__ import annotations

from pathlib import Path

import click

out = click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("bench-out"), show_default=True,
    help="Folder for figures (JSON) and picture (PNG).",
)  # fmt: skip
models = click.option(
    "--models", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of networks, instead of the shipped ones.",
)  # fmt: skip


class Numbers(click.ParamType):
    """Numbers of a range, separated by commas."""

    name = "N,N,..."

    def __init__(self, kind: type[int] | type[float], least: float, most: float, example: str) -> None:
        self._kind, self._least, self._most, self._example = kind, least, most, example

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> list[float]:
        try:
            numbers = [self._kind(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers. Use for example {self._example}.", param, ctx)
        for number in numbers:
            if not self._least <= number <= self._most:
                self.fail(f"{number} is outside [{self._least}, {self._most}]. Use numbers in that range.", param, ctx)
        return numbers


blocks = Numbers(int, 32, 1024, "64,256")
rates = Numbers(int, 44_100, 96_000, "44100,48000")
minutes = Numbers(float, 0.01, 600, "1,10")
