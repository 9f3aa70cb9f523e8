"""Plays raw frames into `rt-automix live` on a JACK server, over and over, without numpy. Arguments: heard.f32

Without numpy, because a page that this process shared with those whose memory is measured counts half for them.
Prints a line once it is connected; ends with its standard input.
"""

from __future__ import annotations

import sys
import time
from array import array
from pathlib import Path

import jack

LIMIT_S = 60.0


def main(path: str) -> None:
    """Connect when the program is there, and play."""
    frames = array("f")
    frames.frombytes(Path(path).read_bytes())
    sides = [frames[0::2].tobytes(), frames[1::2].tobytes()]
    client = jack.Client("versus-feeder", no_start_server=True)
    outs = [client.outports.register(f"out_{k + 1}") for k in range(2)]
    place, length = 0, len(sides[0])

    @client.set_process_callback
    def process(count: int) -> None:
        nonlocal place
        if place + 4 * count > length:
            place = 0
        for out, side in zip(outs, sides, strict=True):
            out.get_buffer()[:] = side[place : place + 4 * count]
        place += 4 * count

    with client:
        deadline = time.monotonic() + LIMIT_S
        while len(sinks := client.get_ports("rt_automix:in_.*", is_audio=True, is_input=True)) < 2:
            if time.monotonic() > deadline:
                raise SystemExit("rt-automix live did not register its ports")
            time.sleep(0.05)
        for out, sink in zip(outs, sinks, strict=False):
            for other in client.get_all_connections(sink):
                client.disconnect(other, sink)
            client.connect(out, sink)
        print("connected", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
