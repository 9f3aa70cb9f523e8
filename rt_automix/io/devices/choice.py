"""Which audio devices to use: what the user asked for, held against what is there. Plain data, no library."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rt_automix import surround
from rt_automix.errors import DeviceChoiceError, DeviceError

RATES_HZ = (44100, 48000, 88200, 96000)
"""The sample rates that a live stream may have."""

WITHOUT_ONE = "--backend jack plays all the same, and its ports wait to be patched."
"""What a JACK server without devices is good for."""

# Lowest latency first. ASIO comes after WASAPI because its "default" is only the first driver
# installed, connected or not; MME, which PortAudio would take on Windows, is some 100 ms late.
_PREFERRED = ("jack", "core audio", "wasapi", "asio", "wdm-ks", "alsa", "directsound", "mme", "oss")

_CARD = re.compile(r" ?\(hw:\d+,\d+\)$")

_MICROPHONE = re.compile(
    r"\b(mics?|micro|mikro|array|web ?cam|camera|kamera)\b|m[iy][ck]rof|microphone|micrófono|микрофон|マイク|麦克风"
)
_SPEAKERS = re.compile(
    r"\bspeakers?\b|built-in output|lautsprecher|haut-parleur|altavo[cz]|altoparlant|alto-falante|luidspreker"
    r"|högtalare|høyttaler|højttaler|głośnik|динамик|スピーカー|扬声器"
)


@dataclass(frozen=True)
class HostApi:
    """A system through which PortAudio reaches devices; a default of -1 means that it has none."""

    index: int
    name: str
    default_input: int
    default_output: int


@dataclass(frozen=True)
class Device:
    """A device as one host API shows it. `rates_hz` are those of `RATES_HZ` that it takes; empty: unknown."""

    index: int
    name: str
    host_api: int
    in_channels: int
    out_channels: int
    default_rate_hz: float
    in_latency_s: float = 0.0
    out_latency_s: float = 0.0
    rates_hz: tuple[int, ...] = ()


@dataclass(frozen=True)
class Choice:
    """What to open. Channels count from 0: one or two, where a single one in goes to both sides; or a surround's."""

    input: Device
    output: Device
    in_channels: tuple[int, ...]
    out_channels: tuple[int, ...]
    rate_hz: int


@dataclass(frozen=True)
class _Side:
    """A direction, what was asked for in it (None: nothing), and the option that asked."""

    word: str
    wanted: str | None
    option: str

    def channels(self, device: Device) -> int:
        return device.in_channels if self.word == "input" else device.out_channels

    def default(self, host_api: HostApi) -> int:
        return host_api.default_input if self.word == "input" else host_api.default_output


def choose(
    devices: Sequence[Device],
    host_apis: Sequence[HostApi],
    *,
    device: str | int | None = None,
    in_device: str | int | None = None,
    out_device: str | int | None = None,
    host_api: str | None = None,
    in_channels: str | None = None,
    out_channels: str | None = None,
    channels: int = 2,
    rate_hz: int | None = None,
    allow_feedback: bool = False,
    rates_of: Callable[[Device], tuple[int, ...]] = lambda device: device.rates_hz,
) -> Choice:
    """The devices, channels and rate that fit what was asked for.

    Parameters
    ----------
    devices, host_apis : sequences
        What is there.
    device, in_device, out_device : str or int, optional
        An index, or words that all occur in the name, for both sides or for one. A side that is
        not named gets the other's device where that can do both, else the host API's default.
    host_api : str, optional
        Part of its name. Else the one of lowest latency that has what is asked for.
    in_channels, out_channels : str, optional
        One or two, counted from 1, such as ``"3,4"``; else the first two, or the only one.
    channels : int
        Of the programme; where it has more than two, there have to be as many on both sides.
    rate_hz : int, optional
        Else the devices' own.
    allow_feedback : bool
        Open a microphone into loudspeakers all the same.
    rates_of : function
        Asks a device for its rates, which may take a while; only the devices chosen are asked.

    Raises
    ------
    DeviceChoiceError
        What was asked for is not there; the message names what comes nearest.
    DeviceError
        There is no device that could be asked for.

    Thread: main. Allocates: yes.
    """
    apis = sorted(_host_apis_named(host_apis, host_api), key=_rank)
    _check_there_are_some(devices, host_apis)
    source, sink = _pair(
        devices,
        apis,
        _side("input", "--in-device", in_device, device),
        _side("output", "--out-device", out_device, device),
    )
    if not allow_feedback:
        check_feedback(source.name, sink.name)
    return Choice(
        source,
        sink,
        channel_indices(in_channels, source.name, source.in_channels, "in", channels),
        channel_indices(out_channels, sink.name, sink.out_channels, "out", channels),
        _rate(rate_hz, {chosen: _rates(chosen, rates_of) for chosen in (source, sink)}),
    )


def _rates(device: Device, rates_of: Callable[[Device], tuple[int, ...]]) -> tuple[int, ...]:
    """What a device takes; all that it could take where that is not known."""
    own_hz = round(device.default_rate_hz)
    rates = rates_of(device)
    if not rates and own_hz and own_hz not in RATES_HZ:
        raise DeviceError(f'"{device.name}" runs at {own_hz} Hz. Set it, or its server, to one of {listed(RATES_HZ)}.')
    return rates or RATES_HZ


def _check_there_are_some(devices: Sequence[Device], host_apis: Sequence[HostApi]) -> None:
    if not any(d.in_channels for d in devices) or not any(d.out_channels for d in devices):
        lacking = "audio" if not devices else "output" if any(d.in_channels for d in devices) else "input"
        cure = "Connect one; `rt-automix devices` says what is missing."
        if any("JACK" in api.name for api in host_apis):
            cure = WITHOUT_ONE
        raise DeviceError(f"There is no {lacking} device. {cure}")


def check_feedback(source: str, sink: str) -> None:
    """Refuse a microphone into loudspeakers, by the names of their devices.

    Raises DeviceChoiceError. Thread: main. Allocates: yes.
    """
    if _MICROPHONE.search(source.casefold()) and _SPEAKERS.search(sink.casefold()):
        raise DeviceChoiceError(
            f'"{source}" into "{sink}" would howl: a microphone hears loudspeakers. Choose headphones or '
            "another device with --out-device, or say --allow-feedback if the one cannot hear the other."
        )


def _side(word: str, own_option: str, own: str | int | None, both: str | int | None) -> _Side:
    if own is not None:
        return _Side(word, str(own).strip(), own_option)
    return _Side(word, None if both is None else str(both).strip(), "--device")


def _rank(host_api: HostApi) -> int:
    name = host_api.name.casefold()
    return next((rank for rank, part in enumerate(_PREFERRED) if part in name), len(_PREFERRED))


def _host_apis_named(host_apis: Sequence[HostApi], wanted: str | None) -> list[HostApi]:
    if wanted is None:
        return list(host_apis)
    sought = _letters(wanted)
    found = [api for api in host_apis if sought and sought in _letters(api.name)]
    if not found:
        there = ", ".join(api.name for api in host_apis) or "none"
        cure = " Start the JACK server first; `rt-automix devices` says how." if sought == "jack" else ""
        raise DeviceChoiceError(f'--host-api "{wanted}": not there. There are: {there}.{cure}')
    return found


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


def _pair(devices: Sequence[Device], apis: list[HostApi], side_in: _Side, side_out: _Side) -> tuple[Device, Device]:
    """Input and output: by one host API where any has both, for then they share a clock or nearly so."""
    by_index = {d.index: d for d in devices}

    def able(found: Device | None, side: _Side) -> Device | None:
        return found if found is not None and side.channels(found) else None

    def default(api: HostApi, side: _Side) -> Device | None:
        return able(by_index.get(side.default(api)), side)

    sources, sinks = _named(devices, apis, side_in), _named(devices, apis, side_out)
    for api in apis:
        source, sink = sources.get(api.index), sinks.get(api.index)
        if side_in.wanted is None:
            source = able(sink, side_in) or default(api, side_in)
        if side_out.wanted is None:
            sink = able(source, side_out) or default(api, side_out)
        if source and sink:
            return source, sink
    first: list[Device] = []
    for side, named in ((side_in, sources), (side_out, sinks)):
        found = (named.get(api.index) if side.wanted is not None else default(api, side) for api in apis)
        best = next(filter(None, found), None)
        if best is None:
            names = ", ".join(api.name for api in apis)
            raise DeviceChoiceError(
                f"{names}: no {side.word} device. Leave --host-api out, or name one with {side.option}."
            )
        first.append(best)
    return first[0], first[1]


def _named(devices: Sequence[Device], apis: list[HostApi], side: _Side) -> dict[int, Device]:
    """The device that was asked for, by host API; empty where nothing was."""
    if side.wanted is None:
        return {}
    able = [d for api in apis for d in devices if d.host_api == api.index and side.channels(d)]
    found = _matches(able, side.wanted)
    if not found:
        raise DeviceChoiceError(_not_found(devices, able, side))
    per_api = {api.index: [d for d in found if d.host_api == api.index] for api in apis}
    first = next(same for same in per_api.values() if same)
    if len(first) > 1:
        listed = ", ".join(map(_label, first))
        raise DeviceChoiceError(
            f'{side.option} "{side.wanted}": {len(first)} {side.word} devices have that in their names: {listed}. '
            "Give more of the name, or the number."
        )
    return {api: same[0] for api, same in per_api.items() if len(same) == 1}


def _matches(devices: list[Device], wanted: str) -> list[Device]:
    if re.fullmatch(r"\d+", wanted):
        return [d for d in devices if d.index == int(wanted)]
    sought = wanted.casefold()
    exact = [d for d in devices if d.name.casefold() == sought]
    # A card that returns may have another number.
    exact = exact or [d for d in devices if _CARD.sub("", d.name.casefold()) == _CARD.sub("", sought)]
    words = sought.split()
    return exact or [d for d in devices if words and all(word in d.name.casefold() for word in words)]


def are_called(devices: Iterable[Device], wanted: str) -> bool:
    """Whether some devices have a number or words in their names that somebody asks for. Thread: main."""
    return bool(_matches(list(devices), wanted.strip()))


def _label(device: Device) -> str:
    return f'{device.index} "{device.name}"'


def _not_found(devices: Sequence[Device], able: list[Device], side: _Side) -> str:
    wanted = side.wanted or ""
    listed = ", ".join(map(_label, able[:8])) + (f" and {len(able) - 8} more" if len(able) > 8 else "")
    others = _matches([d for d in devices if d not in able], wanted)
    what = f"no {side.word} device of that name or number."
    if others:
        takes = "cannot be used for it" if side.channels(others[0]) else f"has no {side.word} channels"
        what = f"{_label(others[0])} {takes}."
    hint = "" if others else _hint(wanted, [d.name for d in able])
    return f'{side.option} "{wanted}": {what}{hint} There are: {listed or "none"}.'


def _hint(wanted: str, names: Iterable[str]) -> str:
    """` Did you mean ...?` with up to three names that hold something like what was typed."""
    sought = wanted.casefold()

    def likeness(name: str) -> float:
        words = re.findall(r"\w+", name.casefold())
        span = max(1, len(sought.split()))
        runs = [" ".join(words[at : at + span]) for at in range(len(words))]
        return max(difflib.SequenceMatcher(None, sought, run).ratio() for run in (*runs, name.casefold()))

    scores = {name: likeness(name) for name in names}
    near = sorted((name for name in scores if scores[name] >= 0.6), key=lambda name: -scores[name])[:3]
    return " Did you mean " + " or ".join(f'"{name}"' for name in near) + "?" if near else ""


def channel_indices(wanted: str | None, name: str, there: int, side: str, count: int = 2) -> tuple[int, ...]:
    """Channels from 0, of the `there` that the device `name` has on a side, "in" or "out".

    One or two of them, or as many as a surround programme has, by `count`.
    Raises DeviceChoiceError. Thread: main. Allocates: yes.
    """
    where = f'--{side}-channels "{wanted}"'
    numbers = tuple(range(1, min(there, count) + 1)) if wanted is None else surround.numbered(wanted)
    if count > 2 and wanted is None and there < count:
        raise DeviceChoiceError(
            f'"{name}" has {there} {side}put channels, where {count} are needed. Choose another with '
            f"--{side}-device; or, on JACK, say --no-connect and patch by hand."
        )
    if count > 2 and len(numbers) != count:
        raise DeviceChoiceError(f'{where}: not {count} channels, counted from 1. Write "1-{count}".')
    if not 1 <= len(numbers) <= count:
        raise DeviceChoiceError(f'{where}: neither one channel nor two, counted from 1. Write it like "1" or "3,4".')
    if not all(1 <= number <= there for number in numbers):
        allowed = "1" if there == 1 else f"1 to {there}"
        raise DeviceChoiceError(f'{where}: "{name}" has {side}put channels {allowed}. Choose from those.')
    if side == "out" and len(set(numbers)) < len(numbers):
        raise DeviceChoiceError(f"{where}: both sides into one channel. Name two channels, or only one.")
    return tuple(number - 1 for number in numbers)


def _rate(wanted_hz: int | None, rates_hz: dict[Device, tuple[int, ...]]) -> int:
    """The rate asked for, or the best one that all devices take."""
    shared = [rate for rate in RATES_HZ if all(rate in rates for rates in rates_hz.values())]
    if wanted_hz is None and shared:
        own = [round(device.default_rate_hz) for device in rates_hz]
        return next(rate for rate in (*own, 48000, *shared) if rate in shared)
    if wanted_hz is not None and wanted_hz in shared:
        return wanted_hz
    taken = "; ".join(f'"{d.name}" takes {listed(rates)}' for d, rates in rates_hz.items())
    if wanted_hz is None:
        raise DeviceChoiceError(f"The devices share no sample rate: {taken}. Choose another with --out-device.")
    cure = f"Choose from {listed(shared)}, or leave --rate out" if shared else "Choose another device"
    jack = " (JACK's rate is set where its server is started)" if len(shared) == 1 else ""
    raise DeviceChoiceError(f"--rate {wanted_hz}: not possible; {taken}. {cure}{jack}.")


def listed(rates_hz: Sequence[int]) -> str:
    """Rates in words."""
    return ", ".join(map(str, rates_hz)) + " Hz"
