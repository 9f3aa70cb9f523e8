"""A host for LV2 in as many lines as it takes: the interface of C, seen from Python, with a worker that can be late."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_double, c_float, c_int, c_size_t, c_uint32, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from rt_automix.plugin import table

_STORE = CFUNCTYPE(c_int, c_void_p, c_uint32, c_void_p, c_size_t, c_uint32, c_uint32)
_RETRIEVE = CFUNCTYPE(c_void_p, c_void_p, c_uint32, POINTER(c_size_t), POINTER(c_uint32), POINTER(c_uint32))
_MAP = CFUNCTYPE(c_uint32, c_void_p, c_char_p)
_SCHEDULE = CFUNCTYPE(c_int, c_void_p, c_uint32, c_void_p)


def _structure(name: str, **fields: Any) -> Any:
    return type(name, (ctypes.Structure,), {"_fields_": list(fields.items())})


_Descriptor = _structure(
    "Descriptor",
    uri=c_char_p,
    instantiate=CFUNCTYPE(c_void_p, c_void_p, c_double, c_char_p, c_void_p),
    connect=CFUNCTYPE(None, c_void_p, c_uint32, c_void_p),
    activate=CFUNCTYPE(None, c_void_p),
    run=CFUNCTYPE(None, c_void_p, c_uint32),
    deactivate=c_void_p,
    cleanup=CFUNCTYPE(None, c_void_p),
    extension=CFUNCTYPE(c_void_p, c_char_p),
)
_Feature = _structure("Feature", uri=c_char_p, data=c_void_p)
_Held = _structure("Held", handle=c_void_p, function=c_void_p)
_States = _structure(
    "States",
    save=CFUNCTYPE(c_int, c_void_p, _STORE, c_void_p, c_uint32, c_void_p),
    restore=CFUNCTYPE(c_int, c_void_p, _RETRIEVE, c_void_p, c_uint32, c_void_p),
)
_Works = _structure("Works", work=CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_uint32, c_void_p))


class Plugin:
    """The stereo plug-in; `waits` counts what its worker has been asked for and has not done."""

    def __init__(self, binary: Path, rate_hz: int = 48_000, has_worker: bool = False) -> None:
        library = ctypes.CDLL(str(binary))
        library.lv2_descriptor.restype = POINTER(_Descriptor)
        self._calls = library.lv2_descriptor(0).contents
        self._known: dict[bytes, int] = {}
        self._map = _MAP(lambda _, uri: self._known.setdefault(uri, len(self._known) + 1))
        self._schedule = _SCHEDULE(self._wanted)
        self.waits = 0
        self._held = [_Held(None, ctypes.cast(call, c_void_p)) for call in (self._map, self._schedule)]
        uris = (b"http://lv2plug.in/ns/ext/urid#map", b"http://lv2plug.in/ns/ext/worker#schedule")
        count = 2 if has_worker else 1
        self._features = [_Feature(uris[k], ctypes.cast(ctypes.byref(self._held[k]), c_void_p)) for k in range(count)]
        pointers = (POINTER(_Feature) * (count + 1))(*map(ctypes.pointer, self._features))
        self._self = self._calls.instantiate(ctypes.byref(self._calls), rate_hz, b"", pointers)
        assert self._self
        rows = (*table.CONTROLS, *table.METERS)
        self.ports = {row.symbol: c_float(row.default) for row in rows}
        self.ports |= {"enabled": c_float(1.0), "freewheel": c_float(0.0), "latency": c_float(-1.0)}
        for index, port in enumerate(self.ports.values(), 4):
            self._calls.connect(self._self, index, ctypes.byref(port))
        self._calls.activate(self._self)

    def _wanted(self, *_: Any) -> int:
        self.waits += 1
        return 0

    def work(self) -> None:
        """Let the worker do what it has been asked for."""
        works = ctypes.cast(self._calls.extension(b"http://lv2plug.in/ns/ext/worker#interface"), POINTER(_Works))
        while self.waits:
            self.waits -= 1
            works.contents.work(self._self, None, None, 0, None)

    def run(self, left: np.ndarray, right: np.ndarray, out_left: np.ndarray, out_right: np.ndarray) -> None:
        """Play a block; any of the four may be the same memory."""
        for index, array in enumerate((left, right, out_left, out_right)):
            self._calls.connect(self._self, index, array.ctypes.data)
        self._calls.run(self._self, len(left))

    def _states(self) -> Any:
        found = self._calls.extension(b"http://lv2plug.in/ns/ext/state#interface")
        return ctypes.cast(found, POINTER(_States)).contents

    @property
    def calls(self) -> tuple[Any, Any, int]:
        """For a host that is compiled: `connect_port`, `run`, and what they take first."""
        return self._calls.connect, self._calls.run, self._self

    def save(self) -> bytes:
        """What a project keeps beside the controls."""
        kept: list[bytes] = []

        def store(_: Any, key: int, value: int, size: int, kind: int, flags: int) -> int:
            kept.append(ctypes.string_at(value, size))
            return 0

        assert self._states().save(self._self, _STORE(store), None, 0, None) == 0
        (content,) = kept
        return content

    def restore(self, content: bytes) -> int:
        """Give it back; 0 where it was taken."""
        kept = ctypes.create_string_buffer(content, len(content))

        def retrieve(_: Any, key: int, size: Any, kind: Any, flags: Any) -> int:
            size[0], kind[0], flags[0] = len(content), self._known[b"http://lv2plug.in/ns/ext/atom#Chunk"], 3
            return ctypes.addressof(kept)

        return int(self._states().restore(self._self, _RETRIEVE(retrieve), None, 0, None))

    def close(self) -> None:
        """End it."""
        self._calls.cleanup(self._self)
