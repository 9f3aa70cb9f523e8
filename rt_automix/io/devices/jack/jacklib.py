"""The JACK library, jackd's or PipeWire's; the only importer of jack."""

from __future__ import annotations

import os
from typing import Any

from rt_automix.errors import DeviceError
from rt_automix.io.devices.mask import mask_kept
from rt_automix.io.devices.system import NO_MODULE, tries


def has_jack() -> bool:
    """Whether JACK can be reached as a client of it, without PortAudio."""
    try:
        import jack  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


def load() -> Any:
    """The module, which starts no server and writes nothing to stderr.

    Raises
    ------
    DeviceError
        It is not there, or JACK's library is not.

    Thread: main. Allocates: yes.
    """
    os.environ.setdefault("JACK_NO_START_SERVER", "1")
    try:
        import jack
    except ImportError:
        raise DeviceError(NO_MODULE) from None
    except OSError:
        raise DeviceError("The JACK library is missing. Install it: sudo apt install libjack-jackd2-0") from None
    jack.set_error_function(lambda message: None)
    jack.set_info_function(lambda message: None)
    return jack


def opened(jack: Any, name: str) -> Any:
    """A client of the running server, not yet active; it may be called otherwise than it asked for.

    Raises
    ------
    jack.JackOpenError
        No server, or one that takes no further client.

    Thread: main. Allocates: yes.
    """
    for _ in tries():
        try:
            with mask_kept():
                return jack.Client(name, no_start_server=True)
        except jack.JackOpenError as error:
            refusal = error
    raise refusal
