"""Audio devices by way of PortAudio; the only importer of sounddevice."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from rt_automix.errors import DeviceError
from rt_automix.io.devices.choice import RATES_HZ, WITHOUT_ONE, Device, HostApi
from rt_automix.io.devices.mask import mask_kept
from rt_automix.io.devices.system import no_server, pipewire_runs, sound_servers, tries

_NAMES: list[bytes] = []

_PIPEWIRE_HZ = 48_000
"""What it runs at unless told otherwise."""
"""What PortAudio has been called on JACK: it keeps the address, not a copy."""

_NO_LIBRARY = (
    "The PortAudio library is not installed. Install it: `sudo apt install libportaudio2` (Debian, Ubuntu), "
    "`sudo dnf install portaudio` (Fedora), `sudo pacman -S portaudio` (Arch)."
)


@dataclass(frozen=True)
class Survey:
    """What is there: device numbers hold until the next survey. `missing`: what is not, and how to get it."""

    host_apis: tuple[HostApi, ...]
    devices: tuple[Device, ...]
    missing: tuple[str, ...]
    servers: tuple[str, ...] = ()


def survey(with_rates: bool = False, name: str = "rt_automix") -> Survey:
    """Start PortAudio anew, so that devices and servers that came later are seen, and list what it finds.

    Parameters
    ----------
    with_rates : bool
        Ask every device which rates it takes: instant on JACK, slow where each question opens a device.
    name : str
        What other programs see on JACK.

    Notes
    -----
    No stream may be open. A JACK server must outlive PortAudio: see `shut_down`.
    Thread: main. Allocates: yes.
    """
    try:
        library = start_anew(name)
    except DeviceError as error:
        return Survey((), (), (str(error),))
    host_apis = tuple(
        HostApi(index, api["name"], api["default_input_device"], api["default_output_device"])
        for index, api in enumerate(library.query_hostapis())
    )
    through = {api.index for api in host_apis if api.name == "ALSA" and pipewire_runs()}
    devices = tuple(_device(found, found["hostapi"] in through) for found in library.query_devices())
    if with_rates:
        devices = tuple(replace(device, rates_hz=rates_of(device)) for device in devices)
    servers = sound_servers(any("JACK" in api.name for api in host_apis))
    return Survey(host_apis, devices, tuple(_missing(library, host_apis, devices)), tuple(servers))


def start_anew(name: str) -> Any:
    """The sounddevice module, its PortAudio freshly started.

    Raises
    ------
    DeviceError
        The library is missing, or does not start.

    Thread: main. Allocates: yes.
    """
    os.environ.setdefault("JACK_NO_START_SERVER", "1")  # else libjack starts a server of its own
    os.environ.setdefault("SD_ENABLE_ASIO", "1")
    with _stderr_silenced(), mask_kept():
        try:
            import sounddevice

            shut_down()
            attempts: Iterable[int] = (0,)
            with contextlib.suppress(AttributeError):  # a PortAudio without JACK
                _NAMES.append(name.encode())
                _portaudio_function(sounddevice, "PaJack_SetClientName")(_NAMES[-1])
                attempts = tries()
            for attempt in attempts:
                if attempt:
                    shut_down()
                try:
                    sounddevice._initialize()
                    refusal = None
                except sounddevice.PortAudioError as error:
                    refusal = error
                    continue
                if any("JACK" in api["name"] for api in sounddevice.query_hostapis()):
                    break
            if refusal:
                raise refusal
        except OSError:
            raise DeviceError(_NO_LIBRARY) from None
        except Exception as error:  # sounddevice's own, which may come before its class can be named
            raise DeviceError(
                f"PortAudio does not start: {error}. Restart the sound system, or the computer."
            ) from error
    return sounddevice


def sound_library() -> Any:
    """The sounddevice module as `start_anew` left it: its device numbers are those of the last survey.

    Thread: main. Allocates: no.
    """
    return sys.modules["sounddevice"]


def shut_down() -> None:
    """Leave every sound system. PortAudio aborts the process if its JACK server ended before this.

    Thread: main. Allocates: yes.
    """
    library = sys.modules.get("sounddevice")
    with mask_kept():
        while library is not None and library._initialized:
            library._terminate()


def rates_of(device: Device) -> tuple[int, ...]:
    """Which of `RATES_HZ` a device of the last survey takes, in each direction that it has.

    Thread: main. Allocates: yes.
    """
    import sounddevice

    sides: list[tuple[Callable[..., None], int]] = [
        (sounddevice.check_input_settings, device.in_channels),
        (sounddevice.check_output_settings, device.out_channels),
    ]

    def takes(rate_hz: int) -> bool:
        try:
            for check, channels in sides:
                if channels:
                    check(device.index, min(channels, 2), "float32", samplerate=rate_hz)
        except sounddevice.PortAudioError:
            return False
        return True

    with _stderr_silenced():
        return tuple(filter(takes, RATES_HZ))


def _device(found: dict[str, Any], is_pipewire: bool) -> Device:
    """A device as PortAudio tells it; of ALSA's, also of one that is PipeWire, it says 44100 Hz if they take that."""
    return Device(
        index=found["index"],
        name=found["name"],
        host_api=found["hostapi"],
        in_channels=found["max_input_channels"],
        out_channels=found["max_output_channels"],
        default_rate_hz=_PIPEWIRE_HZ if is_pipewire else found["default_samplerate"],
        in_latency_s=found["default_low_input_latency"] if found["max_input_channels"] else 0.0,
        out_latency_s=found["default_low_output_latency"] if found["max_output_channels"] else 0.0,
    )


def _missing(library: Any, host_apis: tuple[HostApi, ...], devices: tuple[Device, ...]) -> Iterator[str]:
    """What would give more, or anything at all."""
    if sys.platform == "linux" and not any("JACK" in api.name for api in host_apis):
        try:
            _portaudio_function(library, "PaJack_SetClientName")
        except AttributeError:
            yield "JACK: this PortAudio is built without it. Get another: `sudo apt install libportaudio2`."
        else:
            yield no_server()
    if not devices and any("JACK" in api.name for api in host_apis):
        yield f"No audio device: the sound server has none. {WITHOUT_ONE}"
    elif not devices:
        yield (
            "No audio device. Connect an interface"
            + (
                ", see that `arecord -l` lists it and that you are in the group `audio`."
                if sys.platform == "linux"
                else "."
            )
        )


def jack_client_name() -> str:
    """What PortAudio is called on the JACK server that it has reached."""
    name = ctypes.c_char_p()
    _portaudio_function(sound_library(), "PaJack_GetClientName")(ctypes.byref(name))
    return (name.value or b"").decode()


def _portaudio_function(library: Any, name: str) -> Any:
    """A function of PortAudio's that sounddevice leaves out. Raises AttributeError where there is none."""
    return getattr(ctypes.CDLL(library._libname), name)


@contextlib.contextmanager
def _stderr_silenced() -> Iterator[None]:
    """ALSA, JACK and PortAudio print what they try and do not find, past Python."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
