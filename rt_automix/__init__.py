"""rt_automix masters live audio: a listener decides ten parameters, a compiled chain applies them.

`Engine`, `Config` and `Profile` are here by name, and the modules `config`, `params`, `profile` and
`render`. All of them load when first asked for, so that a command that computes nothing starts at once.
"""

from __future__ import annotations

_CLASSES = {"Config": "config", "Engine": "engine.engine", "Profile": "analysis.aim.profile"}
_MODULES = {"config": "config", "params": "params", "profile": "analysis.aim.profile", "render": "render"}


def __getattr__(name: str) -> object:
    import importlib

    if name in _CLASSES:
        return getattr(importlib.import_module(f"rt_automix.{_CLASSES[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"rt_automix.{_MODULES[name]}")
    if name == "__version__":
        from importlib import metadata  # slow, and nobody needs it to work

        try:
            return metadata.version("rt-automix")
        except metadata.PackageNotFoundError:
            return "0 (not installed)"
    raise AttributeError(f"module 'rt_automix' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_CLASSES, *_MODULES, "__version__"])
