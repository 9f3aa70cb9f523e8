"""Live audio by way of PortAudio: every system that has one of its host APIs."""

from __future__ import annotations

import contextlib
from typing import Any

from rt_automix.errors import DeviceError
from rt_automix.io import edge
from rt_automix.io.choice import choose
from rt_automix.io.device import rates_of, shut_down, sound_library, survey
from rt_automix.io.stream import Selection
from rt_automix.io.wiring import Wiring


class PortAudioStream:
    """Finds the devices of a selection; `start` opens them.

    Raises
    ------
    DeviceChoiceError, DeviceError
        What was asked for is not there, or nothing is.
    """

    def __init__(self, selection: Selection) -> None:
        found = survey()
        if found.missing and not found.devices:
            raise DeviceError(" ".join(found.missing))
        self._choice = choose(
            found.devices,
            found.host_apis,
            device=selection.device,
            in_device=selection.in_device,
            out_device=selection.out_device,
            host_api=selection.host_api,
            in_channels=selection.in_channels,
            out_channels=selection.out_channels,
            rate_hz=selection.rate_hz,
            allow_feedback=selection.allow_feedback,
            rates_of=rates_of,
        )
        self._selection = selection
        self._stream: Any = None
        self.sample_rate_hz = self._choice.rate_hz
        self.in_channels, self.out_channels = self._choice.in_channels, self._choice.out_channels
        self.in_width, self.out_width = max(self.in_channels) + 1, max(self.out_channels) + 1
        host_api = next(api.name for api in found.host_apis if api.index == self._choice.input.host_api)
        names = dict.fromkeys((self._choice.input.name, self._choice.output.name))
        self.description = f"{' -> '.join(names)} ({host_api})"
        self._is_jack = "JACK" in host_api

    def start(self, wiring: Wiring) -> None:
        """Open the device and let callbacks come.

        Raises
        ------
        DeviceError
            The device does not open.

        Thread: main. Allocates: yes.
        """
        library = sound_library()
        selection = self._selection
        settings: dict[str, Any] = {
            "samplerate": self.sample_rate_hz,
            "blocksize": selection.block_samples,
            "device": (self._choice.input.index, self._choice.output.index),
            "channels": (self.in_width, self.out_width),
            "dtype": "float32",
            "latency": "low",
            "extra_settings": self._extra_settings(library),
        }
        try:
            if selection.callback == "native":
                self._stream = library._StreamBase(
                    kind="duplex",
                    callback=library._ffi.cast("PaStreamCallback*", edge.portaudio_callback.address),
                    userdata=library._ffi.cast("void*", wiring.address),
                    wrap_callback=None,
                    **settings,
                )
            else:
                self._stream = library.Stream(callback=_through_the_interpreter(wiring), **settings)
            self._wiring = wiring  # callbacks read it as long as the stream lives
            self._stream.start()
        except (library.PortAudioError, OSError) as error:
            self.close()
            raise DeviceError(
                f"{self.description} does not open at {self.sample_rate_hz} Hz: {error}. "
                "Close other programs that use it, or choose another device, rate or block size."
            ) from error

    def _extra_settings(self, library: Any) -> Any:
        if self._selection.exclusive and "WASAPI" in self.description:
            return library.WasapiSettings(exclusive=True)
        return None

    @property
    def is_alive(self) -> bool:
        """Whether PortAudio says that the stream runs."""
        return bool(self._stream is not None and self._stream.active)

    @property
    def device_latency_samples(self) -> int | None:
        """As the system tells it, in and out; on JACK it tells nothing and one block is the truth."""
        if self._is_jack or self._stream is None:
            return None
        return round(sum(self._stream.latency) * self.sample_rate_hz)

    def close(self) -> None:
        """End the stream and leave the sound system."""
        if self._stream is not None:
            with contextlib.suppress(Exception):  # nothing more can be done for a stream that does not close
                self._stream.close()
            self._stream = None
        shut_down()


def _through_the_interpreter(wiring: Wiring) -> Any:
    """The stated fallback, and what the benchmarks hold the native callback against."""

    def callback(source: Any, sink: Any, frames: int, times: Any, status: Any) -> None:
        wiring.exchange(source, sink, bool(status))

    return callback
