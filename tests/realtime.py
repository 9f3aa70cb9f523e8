"""Which test files keep real time, told from their text: to import the others takes as long as to run some of these."""

from __future__ import annotations

import re

MARKS = frozenset({"live", "alone"})


def holds_none(text: str, expression: str) -> bool:
    """Whether a file has no test that `-m` asks for, where that is "live", "alone" or both of them.

    Parameters
    ----------
    text : str
        The file.
    expression : str
        What `-m` says.
    """
    asked = set(re.findall(r"\w+", expression)) - {"or"}
    return bool(asked) and asked <= MARKS and not re.search(rf"\bmark\.({'|'.join(asked)})\b", text)
