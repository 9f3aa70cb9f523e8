"""A ring of samples that one thread fills and another one reads, by positions that only grow.

Who may write or read where is for the callers to agree on.
"""

from __future__ import annotations

from rt_automix.dsp.jit import kernel


@kernel("void(float32[::1], float32[::1], int64)")
def put(ring, block, position):
    """Copy a block to a position of a ring.

    Parameters
    ----------
    ring : float32, shape (a power of two,), updated
    block : float32, shape (n,), at most as long as the ring
    position : int64

    Thread: audio. Allocates: no.
    """
    at = position & (ring.shape[0] - 1)
    first = min(block.shape[0], ring.shape[0] - at)
    there, rest = ring[at : at + first], block[first:]
    for i in range(first):
        there[i] = block[i]
    for i in range(rest.shape[0]):
        ring[i] = rest[i]


@kernel("void(float32[::1], float32[::1], int64)")
def take(ring, block, position):
    """Copy a block from a position of a ring; as `put`.

    Thread: audio. Allocates: no.
    """
    at = position & (ring.shape[0] - 1)
    first = min(block.shape[0], ring.shape[0] - at)
    there, rest = ring[at : at + first], block[first:]
    for i in range(first):
        block[i] = there[i]
    for i in range(rest.shape[0]):
        rest[i] = ring[i]
