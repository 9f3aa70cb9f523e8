"""The device of a session, or the file in its place: opened, asked whether it has a clock, and closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rt_automix.errors import AutomixError, DeviceError
from rt_automix.io.devices.edge.wiring import Wiring
from rt_automix.io.devices.streams.stream import Stream
from rt_automix.live.setup import Setup

PACE_S = 0.1
MOST_TIMES = 10.0
"""A real device fills its buffers at first; ten times as many samples as there is time for are no buffer's."""

CLOSE_LIMIT_S = 1.0


def opened(setup: Setup) -> Stream:
    """Find the device, or the file in its place. Raises DeviceChoiceError, DeviceError or AudioFileError."""
    if setup.play is not None:
        from rt_automix.io.devices.streams.file import FileStream

        return FileStream(setup.play, setup.config.audio, len(setup.ways_out))
    if setup.config.audio.backend == "jack":
        from rt_automix.io.devices.jack.jack import JackStream

        return JackStream(setup.config.audio, setup.links, setup.ways_out)
    from rt_automix.io.devices.streams.portaudio import PortAudioStream
    from rt_automix.io.devices.streams.survey import shut_down

    try:
        return PortAudioStream(setup.config.audio, setup.links, setup.ways_out)
    except AutomixError:
        _done(shut_down)  # it has asked as a client of JACK's; one that dies with this process holds the others up
        raise


def check_pace(stream: Stream, wiring: Wiring) -> None:
    """Refuse a device that takes whatever it is given: it has no clock, and nobody hears it.

    On JACK all devices have the server's clock, which may be told to run free.
    """
    if stream.links is not None:
        return
    began_samples, began = wiring.samples, time.monotonic()
    time.sleep(PACE_S)
    times = (wiring.samples - began_samples) / (stream.sample_rate_hz * (time.monotonic() - began))
    if times > MOST_TIMES:
        raise DeviceError(
            f"{stream.description} plays nothing: it takes {times:.0f} times as many samples as can be heard, as a "
            "null device does. Choose another with --device; `rt-automix devices` lists them."
        )


def check_there(stream: Stream, setup: Setup) -> None:
    """Have a session that waits for its device wait where a server has none at all yet, as while a machine starts.

    What has been joined once is waited for by its name.
    """
    may_wait = setup.wait and setup.links is None and setup.config.audio.connect
    if may_wait and stream.links is not None and not stream.links:
        raise DeviceError("The server has no device yet. Where it shall play without one, say --no-connect.")


def closed(stream: Stream) -> bool:
    """Close a stream within a limit; False if it hangs, as PortAudio does when its server has died."""
    return _done(stream.close)


def _done(action: Callable[[], None]) -> bool:
    """Do something within the limit; False if it hangs."""
    doing = threading.Thread(target=action, daemon=True)
    doing.start()
    doing.join(CLOSE_LIMIT_S)
    return not doing.is_alive()
