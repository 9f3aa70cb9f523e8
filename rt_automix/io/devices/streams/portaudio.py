"""Live audio by way of PortAudio: every system that has one of its host APIs."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from typing import Any

from rt_automix.config import Audio
from rt_automix.dsp.jit import address_of
from rt_automix.errors import AutomixError, DeviceChoiceError, DeviceError
from rt_automix.io.devices.choice import are_called, channel_indices, choose
from rt_automix.io.devices.edge import callbacks
from rt_automix.io.devices.edge.wiring import Wiring
from rt_automix.io.devices.jack.jacklib import has_jack
from rt_automix.io.devices.jack.patchbay import Patchbay
from rt_automix.io.devices.jack.ports import Link, beside, choose_ports, joined_in_pairs
from rt_automix.io.devices.jack.server import Server, name_taken
from rt_automix.io.devices.jack.skips import Skips
from rt_automix.io.devices.streams.survey import Survey, jack_client_name, rates_of, shut_down, sound_library, survey

_INPUT_STALL_S = 0.7

_MONITOR = re.compile(r"\s*\bmonitors?\b\s*", re.IGNORECASE)


class PortAudioStream:
    """Finds the devices of a selection; `start` opens them.

    `others` are name and channels of each output beside the main one, and of the phones.

    Raises
    ------
    DeviceChoiceError, DeviceError
        What was asked for is not there, or nothing is.
    """

    def __init__(
        self, selection: Audio, links: Collection[Link] | None = None, others: Sequence[tuple[str, str]] = ()
    ) -> None:
        found = survey(name=selection.name)
        if found.missing and not found.devices:
            raise DeviceError(" ".join(found.missing))
        self._monitor = _monitor(found, selection) if has_jack() else ""
        self._choice = choose(
            found.devices,
            found.host_apis,
            device=selection.device or None,
            in_device=(_MONITOR.sub(" ", self._monitor).strip() if self._monitor else selection.in_device) or None,
            out_device=selection.out_device or None,
            host_api="JACK" if self._monitor else selection.host_api or None,
            in_channels=selection.in_channels or None,
            out_channels=selection.out_channels or None,
            channels=selection.channels,
            rate_hz=selection.sample_rate_hz,
            allow_feedback=selection.allow_feedback,
            rates_of=rates_of,
        )
        self._asked = selection
        self._streams: list[Any] = []
        self._is_bridged = self._choice.input.index != self._choice.output.index
        if self._is_bridged and selection.callback == "python":
            raise DeviceChoiceError("--callback python: two devices need the native one. Leave it out.")
        if self._is_bridged and selection.channels > 2:
            raise DeviceChoiceError(
                f"{selection.programme}: two devices, each with a clock of its own, carry stereo alone. "
                "Choose one that hears and plays with --device."
            )
        self._captured, self._captured_at = -1, 0.0
        self.sample_rate_hz = self._choice.rate_hz
        self.in_channels, self.out_channels = self._choice.in_channels, self._choice.out_channels
        self._host_api = next(api.name for api in found.host_apis if api.index == self._choice.input.host_api)
        self._is_jack = "JACK" in self._host_api
        self._is_patched = self._is_jack and has_jack()
        if self._is_patched:  # by ports of ours for these channels, and no more
            self.in_channels = tuple(range(len(self.in_channels)))
            self.out_channels = tuple(range(len(self.out_channels)))
        self._others = [channels for _, channels in others]
        self.other_channels = self._places()
        self.in_width = max(self.in_channels) + 1
        self.out_width = max(max(channels, default=0) for channels in (self.out_channels, *self.other_channels)) + 1
        names = dict.fromkeys((self._choice.input.name, self._choice.output.name))
        self.description = f"{' -> '.join(names)} ({self._host_api})"
        self._links = links
        self._server: Server | None = None
        self._patchbay: Patchbay | None = None
        self._skips = Skips()

    def _places(self) -> tuple[tuple[int, ...], ...]:
        """Where among the channels of the stream the other outputs go: on JACK they have ports of their own."""
        sink, taken, found = self._choice.output, len(self.out_channels), []
        for wanted in self._others:
            channels = channel_indices(wanted, sink.name, sink.out_channels, "out") if wanted else ()
            if set(channels) & set(self._choice.out_channels):
                raise DeviceChoiceError(f'channels = "{wanted}": the main output plays there. Choose others.')
            if self._is_patched:
                channels, taken = tuple(range(taken, taken + len(channels))), taken + len(channels)
            found.append(channels)
        return tuple(found)

    def start(self, wiring: Wiring) -> None:
        """Open the device, or the two devices, and let callbacks come.

        Raises
        ------
        DeviceError
            A device does not open.

        Thread: main. Allocates: yes.
        """
        self._wiring = wiring  # callbacks read it as long as the streams live
        library = sound_library()
        try:
            if self._is_patched:
                self._server = self._beside()
            self._streams = self._two(library, wiring) if self._is_bridged else [self._one(library, wiring)]
            for stream in self._streams:
                stream.start()
            if self._server is not None:
                self._patch(self._server, wiring)
        except (library.PortAudioError, OSError) as error:
            self.close()
            raise DeviceError(
                f"{self.description} does not open at {self.sample_rate_hz} Hz: {error}. "
                "Close other programs that use it, or choose another device, rate or block size."
            ) from error
        except AutomixError:
            self.close()
            raise

    def _beside(self) -> Server:
        """A client beside PortAudio's, which joins its ports itself, monitors too, and never again.

        Raises DeviceError where another session has the name.
        """
        server = Server(f"{self._asked.name}-patch")
        client = jack_client_name()
        if client != self._asked.name or server.own_names(client):
            server.close()
            raise DeviceError(name_taken(self._asked.name))
        return server

    def _patch(self, server: Server, wiring: Wiring) -> None:
        """Join PortAudio's ports as they are to be."""
        server.activate(wiring)
        client = self._asked.name
        own = tuple(server.own_names(client))
        links, connects = self._links, self._asked.connect
        if links is None and connects:
            ins, outs = ([name for name in own if name.startswith(side)] for side in ("in", "out"))
            links = joined_in_pairs(ins, outs, *choose_ports(server.ports(), self._asked_by_name))
            for wanted, places in zip(self._others, self.other_channels, strict=True):
                if wanted:
                    _, sinks = choose_ports(server.ports(), beside(self._asked_by_name, wanted))
                    links |= joined_in_pairs((), [outs[place] for place in places], (), sinks)
        self._patchbay = Patchbay(server, client, own, links or (), connects)
        self._patchbay.take_over()

    @property
    def _asked_by_name(self) -> Audio:
        """What was asked for, numbers replaced by what they stood for when they were said."""
        asked, choice = self._asked, self._choice
        return replace(
            asked,
            device="",
            in_device=self._monitor or (choice.input.name if asked.in_device or asked.device else ""),
            out_device=choice.output.name if asked.out_device or asked.device else "",
        )

    @property
    def selection(self) -> Audio:
        """These devices, by this system."""
        source, sink = self._choice.input.name, self._choice.output.name
        return replace(self._asked, device="", in_device=source, out_device=sink, host_api=self._host_api)

    def tend(self, now: float) -> None:
        """Keep ports joined, and count what PipeWire tells nobody of."""
        if self._patchbay is not None:
            self._patchbay.tend(now)
        if self._server is not None and self._server.is_pipewire:
            counts = self._server.cycle, self._wiring.samples, self._wiring.block_samples
            self._wiring.count_skip(self._skips.look(*counts))

    @property
    def links(self) -> Collection[Link] | None:
        """What the ports are joined to, on JACK."""
        return self._patchbay.links if self._patchbay is not None else None

    @property
    def joined(self) -> Collection[Link]:
        """What of that is joined now."""
        return self._patchbay.joined if self._patchbay is not None else ()

    @property
    def note(self) -> str:
        """That something is not connected."""
        return self._patchbay.note if self._patchbay is not None else ""

    def _one(self, library: Any, wiring: Wiring) -> Any:
        """A stream through a device that hears and plays."""
        settings = {
            "device": (self._choice.input.index, self._choice.output.index),
            "channels": (self.in_width, self.out_width),
            **self._settings(library),
        }
        if self._asked.callback == "python":
            return library.Stream(callback=_through_the_interpreter(wiring), **settings)
        return _native(library, "duplex", address_of(callbacks.portaudio_callback), wiring, settings)

    def _two(self, library: Any, wiring: Wiring) -> list[Any]:
        """Streams through two devices, each with a clock of its own."""
        wiring.bridge(self.sample_rate_hz, self._asked.bridge_margin_ms)
        sides = (
            ("output", self._choice.output, self.out_width, address_of(callbacks.playback_callback)),
            ("input", self._choice.input, self.in_width, address_of(callbacks.capture_callback)),
        )
        return [
            _native(library, kind, address, wiring,
                    {"device": device.index, "channels": width, **self._settings(library)})
            for kind, device, width, address in sides
        ]  # fmt: skip

    def _settings(self, library: Any) -> dict[str, Any]:
        exclusive = self._asked.exclusive and "WASAPI" in self.description
        return {
            "samplerate": self.sample_rate_hz,
            "blocksize": self._asked.block_samples,
            "dtype": "float32",
            "latency": "low",
            "extra_settings": library.WasapiSettings(exclusive=True) if exclusive else None,
        }

    @property
    def is_alive(self) -> bool:
        """Whether PortAudio says that all runs, and the input of a pair still brings something."""
        if not self._streams or not all(stream.active for stream in self._streams):
            return False
        if self._server is not None and (self._server.has_ended or self._server.rate_hz != self.sample_rate_hz):
            return False
        now = time.monotonic()
        if not self._is_bridged or self._wiring.captured != self._captured:
            self._captured, self._captured_at = self._wiring.captured, now
        return now - self._captured_at < _INPUT_STALL_S

    @property
    def device_latency_samples(self) -> int | None:
        """As the system tells it, in and out, and the bridge between two; on JACK one block is the truth."""
        if not self._streams:
            return None
        if self._patchbay is not None:
            return self._patchbay.latency_samples
        if self._is_bridged:
            told_s = 0.0 if self._is_jack else sum(stream.latency for stream in self._streams)
            return round(told_s * self.sample_rate_hz + self._wiring.bridging.latency_samples)
        return None if self._is_jack else round(sum(self._streams[0].latency) * self.sample_rate_hz)

    @property
    def bridging(self) -> dict[str, Any] | None:
        """How the clocks of two devices are kept together; None for one device."""
        return asdict(self._wiring.bridging) if self._is_bridged and self._streams else None

    def close(self) -> None:
        """End the streams and leave the sound system."""
        for stream in self._streams:
            with contextlib.suppress(Exception):  # nothing more can be done for a stream that does not close
                stream.close()
        self._streams = []
        if self._server is not None:
            self._server.close()
        shut_down()


def _monitor(found: Survey, selection: Audio) -> str:
    """What was asked for, if that is what a sink plays: PortAudio has it in the device that is called as the sink."""
    wanted, system = selection.in_device, selection.host_api.casefold()
    sink = _MONITOR.sub(" ", wanted).strip()
    jack = {api.index for api in found.host_apis if "JACK" in api.name}
    heard = [device for device in found.devices if device.host_api in jack and device.in_channels]
    is_no_device = sink not in ("", wanted) and system in ("", "jack") and not are_called(found.devices, wanted)
    return wanted if is_no_device and are_called(heard, sink) else ""


def _native(library: Any, kind: str, address: int, wiring: Wiring, settings: dict[str, Any]) -> Any:
    """A stream that calls compiled code."""
    return library._StreamBase(
        kind=kind,
        callback=library._ffi.cast("PaStreamCallback*", address),
        userdata=library._ffi.cast("void*", wiring.address),
        wrap_callback=None,
        **settings,
    )


def _through_the_interpreter(wiring: Wiring) -> Any:
    """The stated fallback, and what the benchmarks hold the native callback against."""

    def callback(source: Any, sink: Any, frames: int, times: Any, status: Any) -> None:
        wiring.exchange(source, sink, bool(status))

    return callback
