"""What is kept of an output from one session to the next, and from one process to the next."""

from __future__ import annotations

from typing import Any

from rt_automix.engine import memory
from rt_automix.errors import UserError
from rt_automix.live.desk.desk import Desk, Remark


def to_keep(desk: Desk, asked: dict[str, Any]) -> dict[str, Any]:
    """What `recall` needs, ready for JSON; `asked` is what that gave.

    Thread: the one that reads the meters. Allocates: yes.
    """
    learned, before = memory.learned(desk.engine), desk.before_panic
    learned["controls"] = {**learned["controls"], **before}  # the next session does not begin in panic
    return {"profile": desk.profile, "learned": learned, "asked": asked, "panic": bool(before)}


def table(kept: dict[str, Any], name: str) -> dict[str, Any]:
    """A table of what was kept; empty where there is something else, as a damaged file may have."""
    found = kept.get(name)
    return found if isinstance(found, dict) else {}


def recall(desk: Desk, kept: dict[str, Any], said: dict[str, Any], resumed: bool, remark: Remark) -> dict[str, Any]:
    """Go on from what was kept; a fresh start prefers what is said, or what the settings newly say.

    Returns
    -------
    dict
        What the settings say, by which the next session tells what they newly say.

    Thread: main, while no audio runs. Allocates: yes.
    """
    asked = desk.values
    if isinstance(kept.get("profile"), str):
        try:
            desk.use_profile(kept["profile"])
        except UserError as error:
            remark(f"saved state: {error}")
    if "learned" in kept:
        for fault in memory.resume(desk.engine, table(kept, "learned"), resumed):
            remark(fault)
    if resumed and kept.get("panic"):
        desk.panic(True)
        desk.engine.settle()
    if not resumed:
        asked_last = table(kept, "asked")
        wanted = {name: value for name, value in asked.items() if asked_last.get(name, value) != value} | said
        for name in sorted(wanted, key=lambda name: name != "profile"):  # which brings a target of its own
            desk.set(name, wanted[name])
        desk.engine.settle()
    return asked
