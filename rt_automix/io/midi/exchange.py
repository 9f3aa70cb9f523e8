"""What a JACK client's callback does with MIDI, compiled: events in and out through two rings, without a lock.

One int64 for each message: its bytes from the lowest up, at 24 how many those are, at 32 the number of its port.
"""

from __future__ import annotations

import numpy as np

from rt_automix.dsp import atomics
from rt_automix.dsp.foreign import (
    call_for_count,
    call_for_pointer,
    call_to_get,
    call_to_put,
    call_with_pointer,
    int64_at,
    uint8_at,
)
from rt_automix.dsp.jit import kernel

MOST_PORTS = 32
"""In each direction."""

RING = 4096
"""Messages that wait, in each direction."""

# int64: C's functions, how far each side is, where the ports are, and the rings.
(
    X_GET_BUFFER,
    X_COUNT,
    X_GET,
    X_CLEAR,
    X_PUT,
    X_INS,
    X_OUTS,
    X_CAME,
    X_TAKEN,
    X_LOST,
    X_SAID,
    X_GONE,
    X_EVENT,
) = range(13)
X_IN_PORTS = X_EVENT + 3  # an event of JACK: time, size, place of its bytes
X_OUT_PORTS = X_IN_PORTS + MOST_PORTS
X_OUT_BUFFERS = X_OUT_PORTS + MOST_PORTS
X_IN_RING = X_OUT_BUFFERS + MOST_PORTS
X_OUT_RING = X_IN_RING + RING
EXCHANGE_SIZE = X_OUT_RING + RING

_SIZE_AT, _PORT_AT = 24, 32
_EXCLUSIVE, _QUARTER, _CLOCK, _SENSING = 0xF0, 0xF1, 0xF8, 0xFE


def packed(port: int, message: bytes) -> int:
    """A message of up to three bytes for a port, as the rings have it."""
    return int.from_bytes(message, "little") | len(message) << _SIZE_AT | port << _PORT_AT


def unpacked(word: int) -> tuple[int, tuple[int, ...]]:
    """The port's number and the message."""
    return word >> _PORT_AT, tuple(word.to_bytes(8, "little")[: word >> _SIZE_AT & 0xFF])


@kernel("void(int64[::1], int64, int64)")
def take(exchange, here, samples):
    """Put what has come into the ring; what nobody could mean by a knob is left out: dumps, clocks, signs of life.

    Thread: audio. Allocates: no.
    """
    came = exchange[X_CAME]
    for port in range(atomics.load_acquire(exchange, X_INS)):
        buffer = call_for_pointer(exchange[X_GET_BUFFER], exchange[X_IN_PORTS + port], samples)
        for place in range(call_for_count(exchange[X_COUNT], buffer)):
            if call_to_get(exchange[X_GET], here + 8 * X_EVENT, buffer, place) != 0:
                continue
            size = exchange[X_EVENT + 1]
            if size < 1 or size > 3:
                continue
            message = uint8_at(exchange[X_EVENT + 2], size)
            if message[0] in (_EXCLUSIVE, _QUARTER, _CLOCK, _SENSING):
                continue
            if came - atomics.load_acquire(exchange, X_TAKEN) >= RING:
                exchange[X_LOST] += 1
                continue
            word = size << _SIZE_AT | np.int64(port) << _PORT_AT
            for byte in range(size):
                word |= np.int64(message[byte]) << (8 * byte)
            exchange[X_IN_RING + came % RING] = word
            came += 1
    atomics.store_release(exchange, X_CAME, came)


@kernel("void(int64[::1], int64, int64)")
def give(exchange, here, samples):
    """Send what is in the other ring; what does not fit into this block goes with the next.

    Thread: audio. Allocates: no.
    """
    ports = atomics.load_acquire(exchange, X_OUTS)
    for port in range(ports):
        buffer = call_for_pointer(exchange[X_GET_BUFFER], exchange[X_OUT_PORTS + port], samples)
        exchange[X_OUT_BUFFERS + port] = buffer
        call_with_pointer(exchange[X_CLEAR], buffer)
    said, gone = atomics.load_acquire(exchange, X_SAID), exchange[X_GONE]
    while gone < said:
        at = X_OUT_RING + gone % RING
        port, size = exchange[at] >> _PORT_AT, exchange[at] >> _SIZE_AT & 0xFF
        if port < ports and call_to_put(
            exchange[X_PUT], exchange[X_OUT_BUFFERS + port], np.int64(0), here + 8 * at, size
        ):
            break
        gone += 1
    atomics.store_release(exchange, X_GONE, gone)


@kernel("int64(int64[::1])", door=True)
def next_word(exchange):
    """The next message that has come, -1 if there is none.

    Thread: main. Allocates: no.
    """
    taken = exchange[X_TAKEN]
    if taken == atomics.load_acquire(exchange, X_CAME):
        return np.int64(-1)
    word = exchange[X_IN_RING + taken % RING]
    atomics.store_release(exchange, X_TAKEN, taken + 1)
    return word


@kernel("void(int64[::1], int64)", door=True)
def say_word(exchange, word):
    """Have a message sent; one that does not fit any more is dropped.

    Thread: main. Allocates: no.
    """
    said = exchange[X_SAID]
    if said - atomics.load_acquire(exchange, X_GONE) < RING:
        exchange[X_OUT_RING + said % RING] = word
        atomics.store_release(exchange, X_SAID, said + 1)


@kernel("void(int64[::1], int64, int64, int64)", door=True)
def plug(exchange, count_at, first, port):
    """Have the callback look after one more port, behind the others from `first` on.

    Thread: main. Allocates: no.
    """
    count = exchange[count_at]
    exchange[first + count] = port
    atomics.store_release(exchange, count_at, count + 1)


@kernel("int32(uint32, int64)", door=True)
def jack_midi_callback(frames, user):
    """JACK's process callback of a client that has MIDI ports only; `user` is the exchange."""
    exchange = int64_at(user, EXCHANGE_SIZE)
    samples = np.int64(frames)
    take(exchange, user, samples)
    give(exchange, user, samples)
    return 0
