"""Who may talk to the panel, and how much.

On this machine alone, a page of another site is the danger: it may send requests here, and a name of
its own may be made to point here (DNS rebinding). So the Host must be this machine's, and an Origin
must be the page's own. On a network everybody else is the danger: there a token is needed too.
"""

from __future__ import annotations

import io
import ipaddress
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
_DOCUMENTATION_ADDRESS = "192.0.2.1"


@dataclass(frozen=True)
class Limits:
    """What one client, and all of them, may ask of the server."""

    clients: int = 32
    connections: int = 128
    message_bytes: int = 4096
    messages_per_s: float = 100.0
    burst: int = 200
    excess: int = 500
    """A client that sends so many more than it may is shown the door."""
    requests_per_s: float = 50.0
    request_burst: int = 200
    upload_bytes: int = 60_000_000
    upload_s: float = 120.0
    import_bytes: int = 256_000


class Guard:
    """Decides who comes in.

    Parameters
    ----------
    host : str
        The address served on.
    port : int
    """

    def __init__(self, host: str, port: int) -> None:
        self.cookie = f"rt_automix_{port}"  # cookies do not tell ports apart, and there may be two sessions
        self._names = {*LOCAL_NAMES, f"[{host}]" if ":" in host else host}
        self.token = "" if is_local(host) else secrets.token_urlsafe(16)

    def complaint(self, headers: Mapping[str, str]) -> str:
        """What is wrong with where a request says it comes from; empty if nothing is."""
        host, origin = headers.get("Host", ""), headers.get("Origin")
        if not self.token and _name(host) not in self._names:
            return f"Host {host[:80]!r} is not this machine. Use http://127.0.0.1 or http://localhost."
        if origin is not None and origin != f"http://{host}":
            return f"Origin {origin[:80]!r} is another site. Open the panel at its own address."
        return ""

    def admits(self, token: str | None) -> bool:
        """Whether a token is the one, where one is needed."""
        given = (token or "").encode(errors="replace")  # a header can hold bytes that are no text
        return not self.token or secrets.compare_digest(given, self.token.encode())


def is_local(host: str) -> bool:
    """Whether an address to serve on can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name(host: str) -> str:
    """A Host header without its port, in lower case."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def reachable(host: str) -> str:
    """The address under which others reach a server on `host`; asks the routing table, sends nothing."""
    if host not in ("0.0.0.0", "::", ""):
        return f"[{host}]" if ":" in host else host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((_DOCUMENTATION_ADDRESS, 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


def picture(url: str) -> str:
    """A URL as a QR code in characters."""
    import segno

    out = io.StringIO()
    segno.make(url, micro=False).terminal(out, border=2, compact=True)
    return out.getvalue()


class Allowance:
    """So many things a second, more for a moment (a token bucket).

    Parameters
    ----------
    per_s : float
    burst : int
        How many at once after a pause.
    clock : function
        Seconds that only grow.
    """

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float]) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._left, self._at = float(burst), clock()

    def take(self) -> bool:
        """Whether there is one more."""
        now = self._clock()
        self._left = min(self._left + (now - self._at) * self._per_s, self._burst)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
