"""A file to master, how, and what became of it."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rt_automix
from rt_automix.batch.url import Place
from rt_automix.config import Config
from rt_automix.errors import ConfigError, UserError

if TYPE_CHECKING:
    from rt_automix.analysis.aim.profile import Profile

Status = Literal["started", "done", "failed"]

KINDS = ("wav", "flac")
"""What can be written."""

_SILENT = ("audio", "midi")
"""Sections of the settings that a file does not hear."""


@dataclass(frozen=True)
class How:
    """How a file is mastered: what `rt_automix.render.render` is told beside the names.

    Parameters
    ----------
    config : Config
    style : Profile, optional
        What to aim at; by default the configuration's.
    bits : int
        16, 24 or 32 (float, in a WAV alone).
    lookahead : "live" or "song"
    mono : "dual" or "single"
    kind : "wav", "flac" or None
        What is written where a target is not named; None keeps a FLAC one, and makes WAV of the rest.

    Raises
    ------
    ConfigError
        No file can be written like this.
    """

    config: Config = Config()  # noqa: RUF009  (frozen)
    style: Profile | None = None
    bits: int = 24
    lookahead: Literal["live", "song"] = "song"
    mono: Literal["dual", "single"] = "dual"
    kind: str | None = None

    def __post_init__(self) -> None:
        named = {"bits": (16, 24, 32), "lookahead": ("live", "song"), "mono": ("dual", "single"), "to": (*KINDS, None)}
        values = {"bits": self.bits, "lookahead": self.lookahead, "mono": self.mono, "to": self.kind}
        for name, allowed in named.items():
            if values[name] not in allowed:
                known = ", ".join(str(one) for one in allowed if one is not None)
                raise ConfigError(f"{name} = {values[name]} is unknown. Use one of {known}.")
        if self.bits == 32 and self.kind == "flac":
            raise ConfigError("bits = 32 does not fit FLAC, which holds 16 and 24. Use 24, or write WAV.")

    def key(self) -> str:
        """Short text that is another for whatever would make another sound.

        Raises
        ------
        ConfigError
            There is no such profile.

        Thread: any but audio. Allocates: yes.
        """
        return _key(self)

    def suffix(self, source: Place) -> str:
        """The ending of what is made of a file: ``.wav`` or ``.flac``."""
        if self.kind is not None:
            return f".{self.kind}"
        return ".flac" if source.suffix.lower() == ".flac" and self.bits < 32 else ".wav"


@functools.lru_cache
def _key(how: How) -> str:
    from rt_automix.analysis.aim import profile

    style = how.style or profile.load(how.config.master.profile)
    sections = {name: table for name, table in dataclasses.asdict(how.config).items() if name not in _SILENT}
    told = [rt_automix.__version__, sections, dataclasses.asdict(style), how.bits, how.lookahead, how.mono]
    return hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Item:
    """A file to master.

    Parameters
    ----------
    source : Path or Url
    target : str
        Its place in the folder of masters, such as ``disc 1/03 waltz.flac``.
    how : How
    """

    source: Place
    target: str
    how: How = How()

    @property
    def path(self) -> Path:
        """The source, for those who need a file of this machine. Raises UserError."""
        if isinstance(self.source, Path):
            return self.source
        raise UserError(f"{self.source}: lies elsewhere, where this cannot look. Copy it here first.")


@dataclass(frozen=True)
class Row:
    """What became of a file, as `batch.jsonl` keeps it, a line each.

    `target` is empty where another file's master has that place; `settings` is `How.key`; `source_hash` is BLAKE2b
    of the file's bytes, 16 of them in hex; `reason` says why it failed, `notes` what was not as it should be;
    loudness in LUFS, true peak in dBTP, None where it failed; `duration_s` is the song's, `seconds` what it took;
    `target_bytes` is how long the master is, 0 if there is none; `is_ours`: what stands at the target was made
    here, and may be replaced; `is_new`: by this run.
    """

    source: str
    target: str
    settings: str
    status: Status
    source_hash: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()
    input_lufs: float | None = None
    output_lufs: float | None = None
    output_dbtp: float | None = None
    duration_s: float = 0.0
    seconds: float = 0.0
    target_bytes: int = 0
    is_ours: bool = True
    is_new: bool = True

    @property
    def name(self) -> str:
        """What tells rows apart: the target; the source, where it got none."""
        return self.target or self.source

    def to_json(self) -> str:
        """One line, without what only this run knows."""
        return json.dumps({name: value for name, value in vars(self).items() if name != "is_new"})

    @classmethod
    def from_json(cls, line: str) -> Row | None:
        """A row of an earlier run; None where the line is no whole one."""
        try:
            found: dict[str, Any] = json.loads(line)
            known = {field.name: found[field.name] for field in dataclasses.fields(cls) if field.name in found}
            row = cls(**{**known, "notes": tuple(known.get("notes", ())), "is_new": False})
        except (ValueError, TypeError):
            return None
        is_sound = all(isinstance(one, str) for one in (row.source, row.target, row.settings, row.source_hash))
        return row if is_sound and row.status in ("started", "done", "failed") else None


def hash_of(path: Path) -> str:
    """BLAKE2b of a file's bytes, 16 of them in hex. Raises OSError. Thread: any but audio. Allocates: no."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
