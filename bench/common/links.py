"""What is joined on a JACK server, jackd or PipeWire, as its own tools tell it."""

from __future__ import annotations


def links_of(listing: str) -> set[tuple[str, str]]:
    """What is joined, as `jack_lsp -c -p` tells: pairs of names, from and to."""
    found: set[tuple[str, str]] = set()
    joined: list[str] = []
    port = ""
    for line in listing.splitlines():
        if line.startswith("\tproperties:"):
            found |= {(port, other) for other in joined if "output" in line}
        elif line.startswith("   "):
            joined.append(line.strip())
        else:
            port, joined = line, []
    return found
