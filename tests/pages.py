"""What the pages of docs/ show to type: each line of it is run by a test as it is written there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def shown(page: str, beginning: str = "") -> list[str]:
    """The lines to type that begin so, in their order; one that goes on in the next is one."""
    text = (DOCS / page).read_text(encoding="utf-8").replace("\\\n", "")
    lines = (re.sub(r" {2,}", " ", line.strip()) for line in text.splitlines() if line.startswith("    "))
    return [line for line in lines if line.startswith(beginning)]


def arguments(page: str, *words: str) -> list[str]:
    """The arguments of the only line that calls the program and has all these words, as a shell would read them."""
    (line,) = (line for line in shown(page, "rt-automix") if all(word in line for word in words))
    program, *rest = shlex.split(line)
    assert program == "rt-automix"
    return rest


def settings(page: str) -> list[str]:
    """The settings that a page shows, one text for each stretch of them."""
    stretches = re.findall(r"(?:^    .*\n|^\n)+", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
    texts = (re.sub(r"^    ", "", stretch, flags=re.MULTILINE).strip() for stretch in stretches)
    return [text for text in texts if text.startswith("[")]
