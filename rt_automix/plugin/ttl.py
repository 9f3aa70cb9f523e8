"""The table as LV2 wants it told: Turtle, one plug-in per kind of channels."""

from __future__ import annotations

from collections.abc import Iterator

from rt_automix.plugin import table

URI = "urn:rt-automix:master"
KINDS = {"": (2, 0, 2), "-mono": (1, 0, 1), "-mono-to-stereo": (1, 0, 2), "-side-chain": (2, 2, 2)}
"""What comes behind the URI, and channels in, at the side and out.

The side-chain is a kind of its own: lv2apply and ffmpeg take every audio input for one of the song's channels.
"""

BUNDLE, BINARY = "rt_automix.lv2", "rt_automix.so"

_PREFIXES = """\
@prefix doap: <http://usefulinc.com/ns/doap#> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix lv2: <http://lv2plug.in/ns/lv2core#> .
@prefix props: <http://lv2plug.in/ns/ext/port-props#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix state: <http://lv2plug.in/ns/ext/state#> .
@prefix units: <http://lv2plug.in/ns/extensions/units#> .
@prefix urid: <http://lv2plug.in/ns/ext/urid#> .
@prefix work: <http://lv2plug.in/ns/ext/worker#> .

"""
_UNITS = {"dB": "units:db", "s": "units:s"}


def manifest() -> str:
    """What a host reads of every bundle. Thread: main. Allocates: yes."""
    plugins = (
        f"<{URI}{kind}> a lv2:Plugin ; lv2:binary <{BINARY}> ; rdfs:seeAlso <rt_automix.ttl> ." for kind in KINDS
    )
    return _PREFIXES + "\n".join(plugins) + "\n"


def description() -> str:
    """All of it. Thread: main. Allocates: yes."""
    return _PREFIXES + "\n".join(_plugin(kind, *channels) for kind, channels in KINDS.items())


def _plugin(kind: str, *channels: int) -> str:
    ports = ",\n    ".join(f"[ {port} ; lv2:index {index} ]" for index, port in enumerate(_ports(*channels)))
    major, minor, micro = table.version()
    name = f"RT Automix{kind.replace('-', ' ')}"
    return f"""\
<{URI}{kind}>
  a lv2:Plugin, lv2:DynamicsPlugin ;
  doap:name "{name}" ;
  doap:license <https://spdx.org/licenses/GPL-3.0-or-later> ;
  lv2:minorVersion {2 * (100 * major + minor)} ; lv2:microVersion {2 * micro} ;
  lv2:optionalFeature lv2:hardRTCapable, urid:map, work:schedule, state:threadSafeRestore ;
  lv2:extensionData state:interface, work:interface ;
  lv2:port
    {ports} .
"""


def _ports(*channels: int) -> Iterator[str]:
    """What stands of each port, in order."""
    aside = " ; lv2:portProperty lv2:connectionOptional, lv2:isSideChain"
    kinds = (("in", "Input", "Input", ""), ("side", "Side-chain", "Input", aside), ("out", "Output", "Output", ""))
    for (symbol, name, direction, more), count in zip(kinds, channels, strict=True):
        for side in ("left", "right")[:count]:
            told = f'lv2:symbol "{symbol}_{side}" ; lv2:name "{name} {side}"{more}'
            yield f"a lv2:AudioPort, lv2:{direction}Port ; {told}"
    yield from map(_control, table.CONTROLS)
    for meter in table.METERS:
        yield (
            f'a lv2:ControlPort, lv2:OutputPort ; lv2:symbol "{meter.symbol}" ; lv2:name "{meter.label}" ; '
            f"lv2:minimum {meter.low} ; lv2:maximum {meter.high} ; lv2:default {meter.default}{_unit(meter.unit)}"
        )
    yield (
        'a lv2:ControlPort, lv2:InputPort ; lv2:symbol "enabled" ; lv2:name "Enabled" ; lv2:designation lv2:enabled ; '
        "lv2:minimum 0 ; lv2:maximum 1 ; lv2:default 1 ; lv2:portProperty lv2:toggled, lv2:integer"
    )
    yield (
        'a lv2:ControlPort, lv2:InputPort ; lv2:symbol "freewheel" ; lv2:name "Freewheel" ; '
        "lv2:designation lv2:freeWheeling ; lv2:minimum 0 ; lv2:maximum 1 ; lv2:default 0 ; "
        "lv2:portProperty lv2:toggled, lv2:integer, props:notOnGUI"
    )
    yield (
        'a lv2:ControlPort, lv2:OutputPort ; lv2:symbol "latency" ; lv2:name "Latency" ; lv2:designation lv2:latency ; '
        "lv2:minimum 0 ; lv2:maximum 64 ; lv2:default 64 ; lv2:portProperty lv2:reportsLatency, lv2:integer"
    )


def _control(control: table.Control) -> str:
    text = (
        f'a lv2:ControlPort, lv2:InputPort ; lv2:symbol "{control.symbol}" ; lv2:name "{control.label}" ; '
        f"lv2:minimum {control.low} ; lv2:maximum {control.high} ; lv2:default {control.default}{_unit(control.unit)}"
    )
    if control.is_switch:
        return f"{text} ; lv2:portProperty lv2:toggled"
    if not control.steps:
        return text
    points = (f'[ rdfs:label "{name}" ; rdf:value {place} ]' for place, name in enumerate(table.named(control)) if name)
    return f"{text} ; lv2:portProperty lv2:integer, lv2:enumeration ; lv2:scalePoint {', '.join(points)}"


def _unit(unit: str) -> str:
    return f" ; units:unit {_UNITS[unit]}" if unit in _UNITS else ""
