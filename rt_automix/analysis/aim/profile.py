"""Profiles: what a master should measure like. Shipped ones, and the user's own from reference songs."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.analysis.features import SAMPLE_LIMIT
from rt_automix.analysis.hearing.fine_spectrum import POINTS_HZ
from rt_automix.analysis.tone import TONE_BANDS, tone_edges_hz
from rt_automix.dsp.tone.thirds import POINT_COUNT
from rt_automix.errors import ConfigError, nearest
from rt_automix.units import db_from_lin

MIN_MUSIC_S = 1.0
"""Less music than this makes no profile."""

RANGES: dict[str, tuple[float, float]] = {
    "loudness_lufs": (-70.0, 20.0),
    "plr_db": (-10.0, 80.0),
    "side_mid_db": (-300.0, 300.0),
    "peak_dbtp": (-70.0, 70.0),
    "dynamics_db": (0.0, 50.0),
}
"""Scalar fields and what anything that can be measured has; levels of a spectrum are within BANDS_RANGE_DB."""
BANDS_RANGE_DB = (-200.0, 200.0)
_NEEDED = ("name", *RANGES, "bands_db")
_KEYS = (*_NEEDED, "fine_db")

_FOLDER = resources.files("rt_automix") / "data" / "profiles"


@dataclass(frozen=True)
class Profile:
    """What a master should measure like.

    Parameters
    ----------
    name : str
    bands_db : 24 floats
        Long-term spectrum of mid and side together, in ERB bands from 30 Hz to 18 kHz, less their mean.
    loudness_lufs, plr_db, side_mid_db, peak_dbtp, dynamics_db : float
        Gated loudness; peak over loudness; power of side over mid, 150 Hz to 12 kHz; true peak;
        5 log10(mean e^2 / mean(e)^2) of the K-weighted energies e of 93 ms frames.
    fine_db : 62 floats, optional
        The same spectrum around each of `fine_spectrum.POINTS_HZ`, less their mean. A profile that has it is a
        place to go to, in full; one without, such as the shipped styles, is a direction to lean in.
    """

    name: str
    bands_db: tuple[float, ...]
    loudness_lufs: float
    plr_db: float
    side_mid_db: float
    peak_dbtp: float
    dynamics_db: float
    fine_db: tuple[float, ...] | None = None

    def vector(self) -> NDArray[np.float64]:
        """In the order of `Statistics.vector`: float64, shape (tone.VECTOR_SIZE,)."""
        return np.array([*self.bands_db, *(getattr(self, name) for name in RANGES)])

    def numbers(self) -> NDArray[np.float64]:
        """What the kernels aim at: float64, shape (layout.AIM_SIZE,)."""
        from rt_automix.analysis import (
            layout as at,
        )  # brings a compiler, which who only reads profiles must not wait for

        numbers = np.zeros(at.AIM_SIZE)
        numbers[: at.AIM_IS_AUTO] = self.vector()
        if self.fine_db is not None:
            numbers[at.AIM_HAS_FINE] = 1.0
            numbers[at.AIM_FINE : at.AIM_FINE + at.FINE_POINTS] = self.fine_db
        return numbers

    def save(self, path: str | Path, comment: str = "") -> None:
        """Write what `text` is to a file.

        Raises
        ------
        ConfigError
            The file cannot be written.
        """
        try:
            Path(path).write_text(self.text(comment), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written ({error.strerror}). Choose another place.") from None

    def text(self, comment: str = "") -> str:
        """As TOML; `comment` goes on top, line by line."""
        edges = tone_edges_hz()
        lines = [f"# {line}".rstrip() for line in comment.splitlines()]
        lines += [f"name = {_quoted(self.name)}", ""]
        lines += [f"{name} = {getattr(self, name):.3f}" for name in RANGES]
        lines += ["", "# Long-term spectrum: power in ERB bands, less the mean of all.", "bands_db = ["]
        for value, low, high in zip(self.bands_db, edges[:-1], edges[1:], strict=True):
            lines.append(f"  {value:.3f},  # {low:.0f} to {high:.0f} Hz")
        lines.append("]")
        if self.fine_db is not None:
            lines += ["", "# The same in a third of an octave around each point.", "fine_db = ["]
            lines += [f"  {value:.3f},  # {hz:.0f} Hz" for value, hz in zip(self.fine_db, POINTS_HZ, strict=True)]
            lines.append("]")
        text = "\n".join([*lines, ""])
        return text.encode(errors="replace").decode()  # names of files may hold bytes that are no text


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def measure(blocks: Iterable[NDArray[np.float32]], sample_rate_hz: int, channels: int, name: str) -> Profile:
    """Profile of a programme; that of a mono one as it sounds from two loudspeakers.

    Parameters
    ----------
    blocks : iterable of float32, shape (channels, n), C-contiguous
        The programme, in pieces of any length.

    Raises
    ------
    ConfigError
        There is too little in it to measure.
    """
    # These compile; those who only load a profile need not wait for it.
    from rt_automix.analysis.hearing.listener import Listener
    from rt_automix.dsp.loudness import truepeak

    listener = Listener(sample_rate_hz, 2, math.inf)
    heard = listener.statistics
    peaks = truepeak.new_state()
    for block in blocks:
        clean = np.clip(np.nan_to_num(block), -SAMPLE_LIMIT, SAMPLE_LIMIT)
        listener.push(clean if channels == 2 else np.repeat(clean, 2, axis=0))
        truepeak.process(peaks, clean[0], clean[-1])
    if heard.seconds_heard < MIN_MUSIC_S:
        raise ConfigError(
            f'profile "{name}": {heard.seconds_heard:.1f} s of music above -60 LUFS found, at least '
            f"{MIN_MUSIC_S:.0f} s needed. Give a longer or louder song."
        )
    peak_dbtp = db_from_lin(truepeak.true_peak_lin(peaks))
    return Profile(
        name=name,
        bands_db=tuple(heard.bands_db.tolist()),
        loudness_lufs=heard.loudness_lufs,
        plr_db=peak_dbtp - heard.loudness_lufs,
        side_mid_db=heard.side_mid_db,
        peak_dbtp=peak_dbtp,
        dynamics_db=heard.dynamics_db,
        fine_db=tuple(heard.fine_db.tolist()),
    )


def mean_of(profiles: Sequence[Profile], name: str = "mean") -> Profile:
    """Mean of several profiles, every number by itself, in dB; the fine spectrum only where all have one.

    Raises
    ------
    ConfigError
        There are none.
    """
    if not profiles:
        raise ConfigError(f'profile "{name}": no songs given. Give at least one.')
    *bands_db, loudness_lufs, plr_db, side_mid_db, peak_dbtp, dynamics_db = np.mean(
        [profile.vector() for profile in profiles], axis=0
    ).tolist()
    fine = [profile.fine_db for profile in profiles if profile.fine_db is not None]
    fine_db = tuple(np.mean(fine, axis=0).tolist()) if len(fine) == len(profiles) else None
    return Profile(name, tuple(bands_db), loudness_lufs, plr_db, side_mid_db, peak_dbtp, dynamics_db, fine_db)


def shipped() -> tuple[str, ...]:
    """Names of the profiles that come with the package."""
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in _FOLDER.iterdir() if entry.name.endswith(".toml"))
    )


def load(name_or_path: str | Path) -> Profile:
    """A shipped profile by name, or one from a TOML file.

    Raises
    ------
    ConfigError
        There is no such profile, or it is not valid; every problem is named, one per line.
    """
    text = str(name_or_path)
    if text in shipped():
        return parse((_FOLDER / f"{text}.toml").read_text(encoding="utf-8"), text)
    path = Path(name_or_path)
    if not path.is_file():
        if path.suffix == ".toml" or len(path.parts) > 1:
            raise ConfigError(f"{text}: no such file. Make one with: rt-automix profile make SONG -o {text}")
        raise ConfigError(
            f'profile "{text}" is unknown.{nearest(text, shipped())} '
            f"Shipped: {', '.join(shipped())}; or give the path of a .toml file."
        )
    try:
        return parse(path.read_text(encoding="utf-8-sig"), text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{text}: cannot be read as text ({error}). Give a profile in TOML.") from None


def parse(text: str, where: str) -> Profile:
    """Profile of a TOML text; `where` names it in errors.

    Raises
    ------
    ConfigError
        It is not valid; every problem is named, one per line.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: not valid TOML: {error}. Compare it with a shipped profile.") from None
    if not any(key in table for key in _KEYS) and any(isinstance(value, dict) for value in table.values()):
        raise ConfigError(f"{where}: these are settings, no style. Use them with --config.")
    problems = [f'"{key}" is unknown.{nearest(key, _KEYS)}' for key in table if key not in _KEYS]
    problems += [f'"{key}" is missing. Needed: {", ".join(_NEEDED)}.' for key in _NEEDED if key not in table]
    if not isinstance(table.get("name", ""), str):
        problems.append(f"name = {table['name']!r} is not text. Put it in quotes.")
    for key, (low, high) in RANGES.items():
        problems += _number_problems(key, table.get(key, low), low, high)
    problems += _list_problems("bands_db", table.get("bands_db", [0.0] * TONE_BANDS), TONE_BANDS)
    problems += _list_problems("fine_db", table.get("fine_db", [0.0] * POINT_COUNT), POINT_COUNT)
    if problems:
        raise ConfigError("\n".join(f"{where}: {problem}" for problem in problems))
    scalars = {key: float(table[key]) for key in RANGES}
    fine_db = _without_mean(table["fine_db"]) if "fine_db" in table else None
    return Profile(name=table["name"], bands_db=_without_mean(table["bands_db"]), fine_db=fine_db, **scalars)


def _without_mean(levels_db: list[float]) -> tuple[float, ...]:
    levels = np.array(levels_db, dtype=np.float64)
    return tuple((levels - levels.mean()).tolist())


def _list_problems(key: str, values: Any, count: int) -> list[str]:
    """What is wrong with a list of levels."""
    if not isinstance(values, list) or len(values) != count:
        found = f"has {len(values)} numbers" if isinstance(values, list) else f"= {values!r} is not a list"
        return [f"{key} {found}, {count} needed. Measure the profile anew."]
    return [
        problem
        for index, value in enumerate(values)
        for problem in _number_problems(f"{key}[{index}]", value, *BANDS_RANGE_DB)
    ]


def _number_problems(key: str, value: Any, low: float, high: float) -> list[str]:
    """What is wrong with a number, as a list of none or one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [f"{key} = {value!r} is not a number. Use one in [{low}, {high}]."]
    if not low <= value <= high:
        return [f"{key} = {value} is outside [{low}, {high}]. Measure the profile anew, or correct the number."]
    return []
