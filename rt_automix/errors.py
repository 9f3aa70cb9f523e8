"""The errors a user can meet. Each message says where, what was found, what is allowed, and the cure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AutomixError(Exception):
    """Base of every error this package raises on purpose; the command line prints it as one line."""

    exit_code = 1


class UserError(AutomixError):
    """The user's input is at fault; exit code 2."""

    exit_code = 2


class ConfigError(UserError):
    """A setting, profile or option is missing, unknown or out of range."""


class AudioFileError(UserError):
    """An audio file cannot be read or written."""


class DeviceError(AutomixError):
    """An audio or MIDI device cannot be used."""


class DeviceChoiceError(UserError):
    """The devices there do not fit what was asked for: name, host API, channels or rate."""


class ModelError(AutomixError):
    """A model bundle cannot be used."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """` Did you mean "x"?` for the allowed name closest to `name`, or an empty string."""
    close = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.5)
    return f' Did you mean "{close[0]}"?' if close else ""
