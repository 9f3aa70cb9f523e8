"""Open Sound Control, both ways: what lighting desks, QLab, TouchOSC and Stream Deck speak. See docs/osc.md.

Method: OSC 1.0 (Wright 2002) over UDP, read and written by python-osc.
"""

from __future__ import annotations

import contextlib
import math
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket

from rt_automix.errors import ConfigError, nearest
from rt_automix.live.desk.phones import Phones
from rt_automix.outputs import PREFIX, addressed, no_output, no_phones
from rt_automix.panel.api import CONTROLS, NUDGED, RANGES, SWITCHES, Command, check
from rt_automix.panel.deck import BUSY, Deck
from rt_automix.panel.presets import Presets, default_path

if TYPE_CHECKING:
    from rt_automix.live.parent.supervisor import Supervisor
    from rt_automix.live.setup import Setup
    from rt_automix.live.takes.takes import Takes

ROOT = "/rt_automix"

METERS = (
    "momentary_lufs", "short_term_lufs", "integrated_lufs", "loudness_range_lu", "out_true_peak_dbtp", "gain_db",
    "compression_db", "limiting_db",
)  # fmt: skip

_MOST_BYTES = 65_536
_MOST_AT_ONCE = 200
"""Datagrams that are read before the session is looked after again."""

_MOST_HEARERS = 32
_TYPES = "ifsbhdtTFNIrm[]"
_TOGGLED = (*SWITCHES, "panic", "phones")


class Osc:
    """A session that is steered by OSC and tells how it is: a view beside the others.

    Parameters
    ----------
    setup : Setup
    listen : str
        ``"PORT"`` or ``"HOST:PORT"``; only this machine unless a host is named.
    reply : str
        Where to tell what changes, as ``"PORT"`` or ``"HOST:PORT"``; "" tells those that have sent something.
    tell : function of a str
        Hears what a user should know.

    Raises
    ------
    ConfigError
        That is no address, or it cannot be listened to.
    """

    wants_end = False

    def __init__(self, setup: Setup, listen: str, reply: str, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._deck = Deck(setup.profiles, setup.reference)
        self._outputs = [output.name for output in setup.config.output]
        self._phones = Phones(setup.names) if setup.config.phones.are_there else None
        self._fixed = _address("--osc-reply", reply) if reply else None
        self._hearers: dict[tuple[str, int], None] = {self._fixed: None} if self._fixed else {}
        self._told: dict[str, Any] = {}
        self._asked: dict[str, list[tuple[str, int]]] = {}
        self._answer: object = None
        self._state = "starting"
        self._socket = _opened(_address("--osc", listen))

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def __enter__(self) -> Osc:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def hear(self, document: dict[str, Any]) -> None:
        """Take note of what the session says."""
        if document["type"] == "state":
            self._state = document["state"]

    def remark(self, text: str) -> None:
        """Take note of something a user should know."""

    def show(self, supervisor: Supervisor, takes: Takes) -> None:
        """Do what was asked for, and tell what has changed. Never waits."""
        status = supervisor.status
        profiles = tuple(status["profiles"]) if status else self._deck.profiles
        for _ in range(_MOST_AT_ONCE):
            try:
                data, sender = self._socket.recvfrom(_MOST_BYTES)
            except BlockingIOError:
                break
            except OSError:  # on Windows: somebody that was told something is not there any more
                continue
            self._hear_from(data, sender, profiles)
        if status is not self._answer:  # as for the panel: no more into the pipe than is taken out
            self._answer = status
            for command in self._deck.take():
                if command.verb == "record":
                    takes.record(command.value)
                else:
                    {"set": supervisor.set, "nudge": supervisor.nudge}[command.verb](command.name, command.value)
            if status is not None:
                self._tell_of(status, takes)

    def _hear_from(self, data: bytes, sender: tuple[str, int], profiles: tuple[str, ...]) -> None:
        try:
            messages = [timed.message for timed in OscPacket(data).messages]
        except Exception:  # whatever strangers send into a port
            return
        if self._fixed is None and messages:
            if sender not in self._hearers:
                self._told = {}  # whoever is new is told everything
            self._hearers.pop(sender, None)
            self._hearers[sender] = None  # at the end: who has not sent for longest goes first
            while len(self._hearers) > _MOST_HEARERS:
                del self._hearers[next(iter(self._hearers))]
        for message in messages:
            try:
                _check_types(message.address, message.dgram)
                self._obey(message.address, list(message.params), sender, profiles)
            except ConfigError as error:
                self._send(f"{ROOT}/error", str(error), self._who_is_told(sender))

    def _obey(self, address: str, values: list[Any], sender: tuple[str, int], profiles: tuple[str, ...]) -> None:
        """Put what a message asks for among what is to be done.

        Raises
        ------
        ConfigError
            It cannot be done.
        """
        if address == ROOT:
            self._told = {}
            return
        verb, _, rest = address.removeprefix(f"{ROOT}/").partition("/")
        if not address.startswith(f"{ROOT}/"):
            raise ConfigError(f"{address} is unknown. Addresses begin with {ROOT}/.")
        value = values[0] if values else None
        match verb:
            case "nudge":
                commands = [Command("nudge", _named(rest, NUDGED), _number(address, value))]
            case "toggle":
                name = _named(rest, _TOGGLED)
                # A button says 1 when it is pressed, and most say 0 when it is let go.
                commands = [Command("set", name, None)] if value is None or _is_on(address, value) else []
            case "record":
                commands = [Command("record", value=_is_on(address, value))]
            case "preset":
                commands, missing = Presets(default_path()).recalled(str(value), profiles)
                if missing:
                    self._send(f"{ROOT}/error", missing, self._who_is_told(sender))
            case _:
                name = _named(address.removeprefix(f"{ROOT}/"), CONTROLS)
                if value is None:
                    self._asked.setdefault(name, []).append(sender)
                    return
                value = _converted(address, name, values if name == "curve" else value)
                check(name, value, profiles)
                commands = [Command("set", name, value)]
        if verb != "preset":  # one that knows more outputs does what it can
            for command in commands:
                self._check_there(command)
        if not self._deck.offer(*commands):
            raise ConfigError(BUSY)

    def _check_there(self, command: Command) -> None:
        """Raise ConfigError where a command is about an output, or phones, that the session does not have."""
        output, name = addressed(command.name)
        output_name = output.removeprefix(PREFIX).rstrip("/")
        if output and output_name not in self._outputs:
            raise no_output(command.name, output_name, self._outputs)
        if name == "phones":
            if self._phones is None:
                raise no_phones(command.name)
            if isinstance(command.value, str):
                self._phones.choose(command.value)

    def _tell_of(self, status: dict[str, Any], takes: Takes) -> None:
        values = _values(status)
        several = {f"{PREFIX}{one['name']}/": one for one in status.get("outputs", ())}
        of_outputs = {
            f"{prefix}{name}": value
            for prefix, one in several.items()
            for name, value in (_values(one) | _meters(one)).items()
        }
        heard = status.get("phones")
        if heard is not None:
            values["phones"] = heard
            of_outputs |= {f"{prefix}phones": prefix == f"{PREFIX}{heard}/" for prefix in several}
        news = {
            **values,
            **_meters(status),
            **of_outputs,
            "record": any(take["side"] == "out" and take.get("state") == "recording" for take in takes.status()),
            "state": self._state,
        }
        for name, value in news.items():
            if self._told.get(name, _NOTHING) != value:
                self._send(f"{ROOT}/{name}", value, self._hearers)
        self._told = news
        asked, self._asked = self._asked, {}
        for control, senders in asked.items():
            name = "".join((addressed(control)[0], addressed(control)[1].replace(".", "/")))
            if name in news:
                self._send(f"{ROOT}/{name}", news[name], self._hearers if self._fixed else senders)

    def _who_is_told(self, sender: tuple[str, int]) -> Any:
        """Who hears what concerns a sender alone."""
        return self._hearers if self._fixed else (sender,)

    def _send(self, address: str, value: Any, hearers: Any) -> None:
        message = OscMessageBuilder(address)
        for one in value if isinstance(value, list) else [value]:
            message.add_arg(int(one) if isinstance(one, bool) else one)
        data = message.build().dgram
        for hearer in list(hearers):
            with contextlib.suppress(OSError):
                self._socket.sendto(data, hearer)


_NOTHING = object()


def _check_types(address: str, data: bytes) -> None:
    """Raise ConfigError for an argument of a type that python-osc (1.10) skips: it misreads those behind it."""
    tags_at = data.find(b",")
    tags = data[tags_at + 1 :].split(b"\0", 1)[0].decode("ascii", "replace") if tags_at >= 0 else ""
    for tag in tags:
        if tag not in _TYPES:
            raise ConfigError(f"{address}: an argument of the type {tag} is not read here. Send f, i, s, T or F.")


def _values(status: dict[str, Any]) -> dict[str, Any]:
    """Every control by its address, as the session has it."""
    controls = status["controls"]
    found = {name: controls[name] for name in (*RANGES, "freeze", "ride", "night", "listen") if name in controls}
    found |= {name: controls["listen"] == name for name in ("bypass", "compare")}
    found |= {name.replace(".", "/"): controls["trims"].get(name[5:], 0.0) for name in RANGES if name[:5] == "trim."}
    found |= {"profile": status["profile"], "panic": status["panic"]}
    return found | {"curve": [float(part) for point in controls["curve"] for part in point]}


def _meters(status: dict[str, Any]) -> dict[str, float]:
    return {f"meter/{name}": round(status["meters"][name], 2) for name in METERS}


def _named(text: str, known: tuple[str, ...]) -> str:
    output, rest = addressed(text)
    name = rest.replace("/", ".")
    if name not in known:
        raise ConfigError(f"{ROOT}/{text[:60]} is unknown.{nearest(name[:40], known)}")
    return output + name


def _number(address: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError(f"{address}: needs a number.")
    return float(value)


def _is_on(address: str, value: Any) -> bool:
    return value if isinstance(value, bool) else _number(address, value) != 0.0


def _converted(address: str, name: str, value: Any) -> Any:
    """An argument as the control has it, of whichever output."""
    output, name = addressed(name)
    if name == "phones" and not output:
        return value
    if name == "curve":
        numbers = [_number(address, one) for one in value]
        if len(numbers) % 2:
            raise ConfigError(f"{address}: needs pairs of Hz and dB.")
        return [list(pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
    if name in _TOGGLED:
        return _is_on(address, value)
    if name not in RANGES:
        return value
    low, high = RANGES[name]
    number = _number(address, value)
    # A fader's end in 32 bits may lie a hair outside.
    return min(max(number, low), high) if low - 1e-6 <= number <= high + 1e-6 else number


def _address(option: str, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65_535:
        raise ConfigError(f'{option} "{text}": not an address. Write PORT or HOST:PORT, such as 9000.')
    return host or "127.0.0.1", int(port)


def _opened(address: tuple[str, int]) -> socket.socket:
    try:
        family = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0][0]
        found = socket.socket(family, socket.SOCK_DGRAM)
        found.setblocking(False)
        found.bind(address)
    except OSError as error:
        raise ConfigError(
            f"--osc {address[0]}:{address[1]}: cannot be listened to ({error.strerror}). Choose another port."
        ) from None
    return found
