"""Who may talk to the panel, and how much.

On this machine alone, a page of another site is the danger: it may send requests here, and a name of
its own may be made to point here (DNS rebinding). So the Host must be this machine's, and an Origin
must be the page's own, or that of the proxy that was named. On a network everybody else is the danger:
there a token is needed too.
"""

from __future__ import annotations

import io
import ipaddress
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from rt_automix.errors import ConfigError

LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
_PORTS = {"http": 80, "https": 443}
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
    origin : str
        Of pages that come through a proxy, as `origin_of` gives it; empty: there is none.
    """

    def __init__(self, host: str, port: int, origin: str = "") -> None:
        self._origin, self._proxied = origin, _name(urlsplit(origin).netloc)
        self._hint = "" if origin else "; behind a proxy: --panel-origin"
        self.cookie = f"rt_automix_{port}"  # cookies do not tell ports apart, and there may be two sessions
        self._names = {*LOCAL_NAMES, f"[{host}]" if ":" in host else host, self._proxied} - {""}
        self.token = "" if is_local(host) else secrets.token_urlsafe(16)

    def complaint(self, headers: Mapping[str, str], is_file: bool = False) -> str:
        """What is wrong with where a request says it comes from; empty if nothing is.

        Of the page's own files, which are no secret, the Origin is no matter: without them it could not say why it
        is refused.
        """
        host, origin = headers.get("Host", ""), headers.get("Origin")
        is_proxied = bool(self._proxied) and _name(host) == self._proxied
        own = self._origin if is_proxied else f"http://{host}"
        if not self.token and _name(host) not in self._names:
            also = f", or {self._origin}" if self._origin else self._hint
            return f"Host {host[:80]!r} is not this machine. Use http://127.0.0.1 or http://localhost{also}."
        if origin is not None and not is_file and origin not in {own, self._origin or own}:
            return f"Origin {origin[:80]!r} is another site. Open the panel at its own address{self._hint}."
        return ""

    def admits(self, token: str | None) -> bool:
        """Whether a token is the one, where one is needed."""
        given = (token or "").encode(errors="replace")  # a header can hold bytes that are no text
        return not self.token or secrets.compare_digest(given, self.token.encode())


def origin_of(text: str) -> str:
    """An origin as browsers write it: scheme, name in lower case, port unless it is the scheme's own.

    Raises
    ------
    ConfigError
        It is none.
    """
    try:
        parts = urlsplit(text.strip())
        name, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError):
        parts, name, port = urlsplit(""), "", None
    rest = parts.path.strip("/") or parts.query or parts.fragment or parts.username or "*" in name
    if parts.scheme not in _PORTS or not name or rest:
        raise ConfigError(
            f"--panel-origin {text[:80]}: not the origin of a page. Write scheme and name, and the port where the "
            "browser shows one, such as https://mix.example or https://mix.example:8443."
        )
    name = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{name}" + (f":{port}" if port not in (None, _PORTS[parts.scheme]) else "")


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
