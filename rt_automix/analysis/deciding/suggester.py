"""Who decides the parameters: the closed-form matcher, or a network; what both offer, and the choice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from rt_automix import params
from rt_automix.analysis.aim import masters
from rt_automix.analysis.aim.profile import Profile
from rt_automix.analysis.bundles import bundle
from rt_automix.analysis.hearing.listener import Listener
from rt_automix.errors import ConfigError, ModelError, nearest

AUTO, MATCHER = "auto", "matcher"
PRECISIONS: tuple[bundle.Precision, ...] = ("int8", "fp32")


class Suggester(Protocol):
    """Decides the ten parameters from what has been heard and what it should measure like.

    Attributes
    ----------
    name : str
    confidence : float64, shape (params.COUNT,), 0..1
        Of the last suggestion: how far the engine goes with each parameter, and how fast.
    """

    name: str
    confidence: params.Values

    def suggest(self, listener: Listener, profile: Profile) -> params.Values:
        """Parameters inside their ranges, always finite: float64, shape (params.COUNT,).

        Neutral until there is enough music to judge. Thread: worker. Allocates: yes.
        """
        ...


def check(text: str) -> None:
    """Raise ConfigError unless `text` names a suggester: `auto`, `matcher`, or a model's name or folder.

    A model may be followed by its precision, as in `weighted_ensemble:fp32`. Thread: main. Allocates: yes.
    """
    name, _ = _split(text)
    known = (AUTO, MATCHER, *dict.fromkeys((*bundle.NAMES, *bundle.shipped())))
    if name not in known and not _is_path(name):
        near = nearest(name, known)
        raise ConfigError(f'suggester "{text}" is unknown.{near} Known: {", ".join(known)}; or the folder of a model.')


def check_bundle(text: str) -> None:
    """As `check`, and a model that is named must be there, whole and made for this version.

    Raises
    ------
    ConfigError, ModelError

    Thread: main. Allocates: yes.
    """
    check(text)
    name, precision = _split(text)
    if name not in (AUTO, MATCHER):
        bundle.inspect(name, precision)


def choose(text: str, complain: Callable[[str], None], at_once: bool = True) -> Suggester:
    """The suggester of that name; the matcher, and a word why, where its model cannot be used.

    The networks that correct are the same for every suggester but the matcher. Without them it is the closed form that
    corrects, which is told, too.

    Parameters
    ----------
    text : str
        As `check` passes it.
    complain : function of a str
        Also told, once, when a network fails later; from the thread that runs it then.
    at_once : bool
        Whether a network is opened now, or when it is first asked.

    Thread: main. Allocates: yes.
    """
    from rt_automix.analysis.deciding.matcher import Matcher
    from rt_automix.analysis.deciding.network import Network

    name, precision = _split(text)
    if name == MATCHER:
        return Matcher()
    if problem := masters.problem():
        complain(f"{problem} The closed form corrects alone.")
    try:
        return Network(bundle.load(bundle.NAMES[0] if name == AUTO else name, precision, at_once), complain)
    except ModelError as error:
        complain(f"{error} The matcher decides.")
        return Matcher()


def _split(text: str) -> tuple[str, bundle.Precision]:
    """Name and precision. Raises ConfigError for a precision that there is not."""
    name, colon, last = text.rpartition(":")
    for precision in PRECISIONS:
        if colon and last == precision and name not in (AUTO, MATCHER):
            return name, precision
    if colon and not _is_path(text):
        raise ConfigError(
            f'suggester "{text}": "{last}" cannot follow "{name}".{nearest(last, PRECISIONS)} '
            f"After the name of a model stands nothing, or one of :{', :'.join(PRECISIONS)}."
        )
    return text, "int8"


def _is_path(text: str) -> bool:
    return len(Path(text).parts) > 1 or "\\" in text or Path(text).is_dir()
