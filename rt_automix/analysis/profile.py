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

from rt_automix.analysis.features import SAMPLE_LIMIT, FeatureStream
from rt_automix.analysis.tone import TONE_BANDS, tone_edges_hz
from rt_automix.errors import ConfigError, nearest
from rt_automix.units import db_from_lin

MIN_MUSIC_S = 1.0
"""Less music than this makes no profile."""

RANGES: dict[str, tuple[float, float]] = {
    "loudness_lufs": (-70.0, 20.0),
    "plr_db": (-10.0, 80.0),
    "side_mid_db": (-150.0, 150.0),
    "peak_dbtp": (-70.0, 70.0),
    "dynamics_db": (0.0, 50.0),
}
"""Scalar fields and what anything that can be measured has; every one of `bands_db` is within BANDS_RANGE_DB."""
BANDS_RANGE_DB = (-200.0, 200.0)
_KEYS = ("name", *RANGES, "bands_db")

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
    """

    name: str
    bands_db: tuple[float, ...]
    loudness_lufs: float
    plr_db: float
    side_mid_db: float
    peak_dbtp: float
    dynamics_db: float

    def vector(self) -> NDArray[np.float64]:
        """In the order of `Statistics.vector`: float64, shape (tone.VECTOR_SIZE,)."""
        return np.array([*self.bands_db, *(getattr(self, name) for name in RANGES)])

    def save(self, path: str | Path, comment: str = "") -> None:
        """Write as TOML; `comment` goes on top, line by line.

        Raises
        ------
        ConfigError
            The file cannot be written.
        """
        edges = tone_edges_hz()
        lines = [f"# {line}".rstrip() for line in comment.splitlines()]
        lines += [f"name = {_quoted(self.name)}", ""]
        lines += [f"{name} = {getattr(self, name):.3f}" for name in RANGES]
        lines += ["", "# Long-term spectrum: power in ERB bands, less the mean of all.", "bands_db = ["]
        for value, low, high in zip(self.bands_db, edges[:-1], edges[1:], strict=True):
            lines.append(f"  {value:.3f},  # {low:.0f} to {high:.0f} Hz")
        try:
            Path(path).write_text("\n".join([*lines, "]", ""]), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written ({error.strerror}). Choose another place.") from None


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def measure(blocks: Iterable[NDArray[np.float32]], sample_rate_hz: int, channels: int, name: str) -> Profile:
    """Profile of a programme.

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
    from rt_automix.analysis.statistics import Statistics
    from rt_automix.dsp import truepeak

    stream, heard = FeatureStream(sample_rate_hz, channels), Statistics(math.inf)
    peaks = truepeak.new_state()
    for block in blocks:
        clean = np.clip(np.nan_to_num(block), -SAMPLE_LIMIT, SAMPLE_LIMIT)
        heard.add(stream.push(clean))
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
    )


def mean_of(profiles: Sequence[Profile], name: str = "mean") -> Profile:
    """Mean of several profiles, every number by itself, in dB.

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
    return Profile(name, tuple(bands_db), loudness_lufs, plr_db, side_mid_db, peak_dbtp, dynamics_db)


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
        return parse(path.read_text(encoding="utf-8"), text)
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
    problems = [f'"{key}" is unknown.{nearest(key, _KEYS)}' for key in table if key not in _KEYS]
    problems += [f'"{key}" is missing. Needed: {", ".join(_KEYS)}.' for key in _KEYS if key not in table]
    if not isinstance(table.get("name", ""), str):
        problems.append(f"name = {table['name']!r} is not text. Put it in quotes.")
    for key, (low, high) in RANGES.items():
        problems += _number_problems(key, table.get(key, low), low, high)
    bands = table.get("bands_db", [0.0] * TONE_BANDS)
    if not isinstance(bands, list) or len(bands) != TONE_BANDS:
        found = f"has {len(bands)} numbers" if isinstance(bands, list) else f"= {bands!r} is not a list"
        problems.append(f"bands_db {found}, {TONE_BANDS} needed. Measure the profile anew.")
    else:
        for band, value in enumerate(bands):
            problems += _number_problems(f"bands_db[{band}]", value, *BANDS_RANGE_DB)
    if problems:
        raise ConfigError("\n".join(f"{where}: {problem}" for problem in problems))
    levels = np.array(bands, dtype=np.float64)
    scalars = {key: float(table[key]) for key in RANGES}
    return Profile(name=table["name"], bands_db=tuple((levels - levels.mean()).tolist()), **scalars)


def _number_problems(key: str, value: Any, low: float, high: float) -> list[str]:
    """What is wrong with a number, as a list of none or one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [f"{key} = {value!r} is not a number. Use one in [{low}, {high}]."]
    if not low <= value <= high:
        return [f"{key} = {value} is outside [{low}, {high}]. Measure the profile anew, or correct the number."]
    return []
