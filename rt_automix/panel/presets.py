"""Presets: controls under a name, in a file of the user's; what comes from a page never names a file."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from rt_automix.errors import ConfigError
from rt_automix.io.files import whole
from rt_automix.panel import api
from rt_automix.panel.api import Command

MOST = 100
EXPORTED = "Choose a file that Export has written."
_KEPT = (
    "amount", "fine_tone", "boldness", "style_strength", "curve", "target_lufs", "ceiling_dbtp", "output_trim_db",
    "max_trim_db", "ride", "night",
)  # fmt: skip
_MOST_PROFILE_CHARACTERS = 200

Controls = dict[str, Any]


def default_path() -> Path:
    """Where presets are kept unless told otherwise."""
    import platformdirs

    return platformdirs.user_config_path("rt_automix", appauthor=False) / "presets.json"


class Presets:
    """The presets in a file.

    Parameters
    ----------
    path : path
        Replaced as a whole at each change; read before it, since another program may have changed it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._presets: dict[str, Controls] = {}
        self.problem = ""
        """Why the file cannot be used; it is left alone then."""
        try:
            self._read()
        except ConfigError as error:
            self.problem = str(error)

    @property
    def names(self) -> list[str]:
        return list(self._presets)

    def chosen(self, which: str | int | None, before: str) -> str:
        """The name of a preset: by itself, by its place from 0, or the one behind another, round and round.

        Raises
        ------
        ConfigError
            There are none, or not so many.
        """
        if isinstance(which, str):
            return which
        names = self.names
        if not names:
            raise ConfigError("There are no presets yet. Save one in the panel: rt-automix live --panel")
        if which is None:
            return names[(names.index(before) + 1) % len(names) if before in names else 0]
        if which >= len(names):
            raise ConfigError(f"preset {which + 1}: there are {len(names)}: {', '.join(names)}.")
        return names[which]

    def exported(self) -> dict[str, Any]:
        """All of them, as the file and an export have them."""
        return {"v": api.VERSION, "presets": [{"name": name, "controls": c} for name, c in self._presets.items()]}

    def save(self, name: str, status: Mapping[str, Any]) -> None:
        """Keep what a session's status says under a name.

        Raises
        ------
        ConfigError
            There are too many, or the file cannot be used.
        """
        controls = status["controls"]
        trims = {f"trim.{param}": offset for param, offset in controls["trims"].items() if offset}
        kept = {"profile": status["profile"], **{control: controls[control] for control in _KEPT}, **trims}
        self._read()
        self._write({**self._presets, name: kept})

    def delete(self, name: str) -> None:
        """Forget one. Raises ConfigError."""
        self._read()
        self._named(name)
        self._write({other: controls for other, controls in self._presets.items() if other != name})

    def merge(self, text: str | bytes) -> int:
        """Take in an export, over presets of the same names; how many came.

        Raises
        ------
        ConfigError
            Anything in it is not as it must be; nothing is taken in then.
        """
        try:
            coming = _parsed(api.document(text))
        except ConfigError as error:
            raise ConfigError(f"{error} {EXPORTED}") from None
        self._read()
        self._write({**self._presets, **coming})
        return len(coming)

    def recalled(self, name: str, profiles: Collection[str]) -> tuple[list[Command], str]:
        """What sets a session to a preset, and what of it cannot be had (empty if nothing).

        Raises
        ------
        ConfigError
            There is no such preset.
        """
        untouched = {"curve": [], **{control: 0.0 for control in api.RANGES if control.startswith("trim.")}}
        controls = {**untouched, **self._named(name)}
        profile, missing = controls.pop("profile", None), ""
        commands = [Command("set", control, value) for control, value in controls.items()]
        if profile in profiles:
            commands.insert(0, Command("set", "profile", profile))  # it brings a loudness of its own
        elif profile is not None:
            missing = f'Preset "{name}": its profile {profile} is not there; the rest of it is set.'
        return commands, missing

    def _named(self, name: str) -> Controls:
        if name not in self._presets:
            raise ConfigError(f'preset "{name}" is unknown.')
        return self._presets[name]

    def _read(self) -> None:
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            self._presets = {}
            return
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be read ({error.strerror}).") from None
        try:
            self._presets = _parsed(api.document(text))
        except ConfigError as error:
            raise ConfigError(f"{self._path}: {error} Correct it, or move it away.") from None

    def _write(self, presets: dict[str, Controls]) -> None:
        if len(presets) > MOST:
            raise ConfigError(f"{len(presets)} presets are more than {MOST}. Delete some first.")
        before, self._presets = self._presets, presets
        try:
            whole.write_text(self._path, json.dumps(self.exported(), indent=1))
        except OSError as error:
            self._presets = before
            raise ConfigError(f"{self._path}: cannot be written ({error.strerror}).") from None


def _parsed(document: Mapping[str, Any]) -> dict[str, Controls]:
    """The presets of a document; raises ConfigError at the first thing wrong."""
    entries = document.get("presets")
    if not isinstance(entries, list) or set(document) != {"presets"} or len(entries) > MOST:
        raise ConfigError(f'Not an export of presets: "v" and "presets" needed, a list of {MOST} at most.')
    presets: dict[str, Controls] = {}
    for place, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or set(entry) != {"name", "controls"}:
            raise ConfigError(f'presets[{place}]: "name" and "controls" needed.')
        api.check_name(entry["name"])
        presets[entry["name"]] = _checked(place, entry["controls"])
    return presets


def _checked(place: int, controls: Any) -> Controls:
    if not isinstance(controls, dict):
        raise ConfigError(f"presets[{place}]: controls is not an object.")
    for control, value in controls.items():
        if control == "profile":
            if not isinstance(value, str) or len(value) > _MOST_PROFILE_CHARACTERS:
                raise ConfigError(f"presets[{place}]: profile is not a name.")
        elif control in _KEPT or control.startswith("trim."):
            if value is None:
                raise ConfigError(f"presets[{place}]: {control} has no value.")
            api.check(control, value, ())
        else:
            raise ConfigError(f"presets[{place}]: {control[:40]!r} is not kept in presets.")
    return controls
