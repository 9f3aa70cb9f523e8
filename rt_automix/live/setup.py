"""What a live session is to be: made once by the command line, handed to every process that plays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rt_automix.config import Config
from rt_automix.outputs import Output

if TYPE_CHECKING:
    from rt_automix.analysis.aim.profile import Profile
    from rt_automix.io.devices.jack.ports import Link

LOST = 75
"""Exit code of a process that plays, if its device went away (EX_TEMPFAIL)."""


@dataclass(frozen=True)
class Setup:
    """Everything a session starts from.

    Parameters
    ----------
    config : Config
    profiles : tuple of str
        What the profile control steps through; the configured one among them.
    reference : Profile, optional
        A measured song to master towards, before any of `profiles`.
    controls : dict
        What the command line sets, over what was kept.
    state_path : path, optional
        Where controls and learned state are kept; None keeps nothing.
    wait : bool
        Wait for a device that is not there at the start, too.
    play : path, optional
        A file to play in the place of a device.
    links : collection of Link, optional
        What our ports on JACK were joined to when they were last seen; None: nobody has played yet.
    """

    config: Config
    profiles: tuple[str, ...]
    reference: Profile | None = None
    controls: dict[str, Any] = field(default_factory=dict)
    state_path: Path | None = None
    wait: bool = False
    play: Path | None = None
    links: frozenset[Link] | None = None

    @property
    def channels(self) -> int:
        """Of the programme: 2, or those of a surround layout, or of pairs."""
        return self.config.audio.channels

    @property
    def has_own_pairs(self) -> bool:
        """Whether every two channels are a programme of their own, and the others are no outputs of the first."""
        return self.config.engine.pairs == "own" and self.channels > 2

    @property
    def others(self) -> tuple[Output, ...]:
        """The outputs beside the main one."""
        return self.config.output[1:]

    @property
    def names(self) -> tuple[str, ...]:
        """What the outputs are called, the main one first."""
        return tuple(output.name for output in self.config.output) or (Output().name,)

    @property
    def ways_out(self) -> list[tuple[str, str]]:
        """Beside the main one's, of each output and then of the phones: what its ports are called, its channels."""
        others = () if self.has_own_pairs else self.others
        phones = [("phones", self.config.phones.channels)] if self.config.phones.are_there else []
        return [(f"out_{output.name}", output.channels) for output in others] + phones

    @property
    def main(self) -> Setup:
        """What the main output starts from: the first, if there are several."""
        return self.of(self.config.output[0]) if self.config.output else self

    def of(self, output: Output) -> Setup:
        """What an output starts from."""
        reference = None if output.profile else self.reference
        return replace(self, config=self.config.of(output), reference=reference)
