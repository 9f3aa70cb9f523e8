"""The triple buffer under two real threads and against a simple model; the denormal switch."""

from __future__ import annotations

import platform
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rt_automix.dsp import atomics
from rt_automix.dsp.jit import JIT_ENABLED, kernel

needs_threads = pytest.mark.skipif(not JIT_ENABLED, reason="atomics are compiled; plain Python has one thread's order")
SIZE = 64
MESSAGES = 3_000_000
PATIENCE = 2_000_000_000


def new_buffer(size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Index and slots of a buffer whose first message is all zeros."""
    index = np.zeros(3, np.int64)
    atomics.triple_reset(index)
    return index, np.zeros(3 * size)


def newest(index: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """The message the reader gets; a view."""
    slot = atomics.triple_fetch(index)
    size = len(slots) // 3
    return slots[slot * size : (slot + 1) * size]


@kernel("void(int64[::1], float64[::1], float64[::1], int64)")
def write_all(index, slots, message, messages):
    """Publish message k full of the number k, for every k."""
    for k in range(1, messages + 1):
        for i in range(message.shape[0]):
            message[i] = k
        atomics.triple_publish(index, slots, message)


@kernel("void(int64[::1], float64[::1], int64, int64, int64, int64[::1])")
def read_all(index, slots, size, last, patience, findings):
    """Fetch until the last message has come; counts torn ones, steps back, and different ones."""
    seen = 0.0
    for _ in range(patience):
        slot = atomics.triple_fetch(index)
        first = slots[slot * size]
        for i in range(size):
            if slots[slot * size + i] != first:
                findings[0] += 1
        if first < seen:
            findings[1] += 1
        if first > seen:
            findings[2] += 1
        seen = first
        if seen == last:
            findings[3] = 1
            break


@needs_threads
def test_no_message_is_torn_and_none_comes_back():
    """A writer and a reader at full speed, both without the GIL; the last message always arrives."""
    index, slots = new_buffer()
    findings = np.zeros(4, np.int64)
    reader = threading.Thread(target=read_all, args=(index, slots, SIZE, MESSAGES, PATIENCE, findings))
    writer = threading.Thread(target=write_all, args=(index, slots, np.zeros(SIZE), MESSAGES))
    reader.start()
    writer.start()
    writer.join()
    reader.join()
    torn, went_back, different, arrived = findings
    print(f"{different} of {MESSAGES} messages were seen, {torn} torn, {went_back} older than one before")
    assert arrived == 1
    assert (torn, went_back) == (0, 0)


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["publish", "fetch"]), max_size=40))
def test_reader_gets_the_newest_and_keeps_it(actions):
    """Against the simplest model: one variable. What was fetched stands still however much is published."""
    index, slots = new_buffer(3)
    published, fetched = 0.0, newest(index, slots)
    held = 0.0
    for action in actions:
        if action == "publish":
            published += 1.0
            atomics.triple_publish(index, slots, np.full(3, published))
        else:
            fetched, held = newest(index, slots), published
        assert np.array_equal(fetched, np.full(3, held))
        assert sorted((index[0] & 3, index[1], index[2])) == [0, 1, 2]


@kernel("void(int64[::1], int64[::1])")
def swap_and_set(array, seen):
    """What `exchange` returns, and what is read after it and after `store_release`."""
    seen[0] = atomics.exchange(array, 1, 60)
    atomics.store_release(array, 2, 70)
    seen[1], seen[2] = atomics.load_acquire(array, 1), atomics.load_acquire(array, 2)


def test_exchange_returns_what_was_there():
    array, seen = np.array([5, 6, 7], dtype=np.int64), np.zeros(3, np.int64)
    swap_and_set(array, seen)
    assert list(seen) == [6, 60, 70]
    assert list(array) == [5, 60, 70]


@kernel("float64(float64[::1])")
def product(factors):
    """Of two numbers that the compiler cannot know."""
    return factors[0] * factors[1]


@needs_threads
@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64", "i686", "aarch64", "arm64"),
    reason="no denormal switch known for this processor",
)
@pytest.mark.parametrize(
    "factors", [(1e-300, 1e-15), (5e-320, 1e10)], ids=["a result that is denormal", "a denormal that is read"]
)
def test_denormals_flush_and_come_back(factors):
    """On this thread only: another one that was there before goes on as it was. Nested switches too."""
    factors = np.array(factors)
    exact = product(factors)
    assert exact != 0.0
    flushing, elsewhere = threading.Event(), []
    thread = threading.Thread(target=lambda: flushing.wait(60.0) and elsewhere.append(product(factors)))
    thread.start()
    outer = atomics.flush_denormals()
    try:
        flushed = product(factors)
        inner = atomics.flush_denormals()
        atomics.restore_denormals(inner)
        still_flushed = product(factors)
        flushing.set()
        thread.join()
    finally:
        atomics.restore_denormals(outer)
    assert (flushed, still_flushed) == (0.0, 0.0)
    assert product(factors) == exact
    assert elsewhere == [exact]


@pytest.mark.skipif(JIT_ENABLED, reason="compiled code has the real switch")
def test_plain_python_has_no_switch():
    assert atomics.flush_denormals() == 0
    atomics.restore_denormals(0)
    assert product(np.array([1e-300, 1e-15])) != 0.0
