"""The audio thread is sacred: no interpreter, no allocation, no lock. Proof, not prose."""

import ctypes
import threading
import time

import numba
import numpy as np
import pytest
from compiled import calls_beyond, functions_of

from rt_automix.analysis import hearing
from rt_automix.dsp.jit import FLAGS, JIT_ENABLED
from rt_automix.engine import chain
from rt_automix.engine.engine import Engine

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="about compiled code")

SIGNATURE = "void(float32[:, ::1], float64[::1], float32[::1], int64[::1])"


def calls_of(function):
    """Names of everything outside itself that a function can reach once it is compiled."""
    compiled = numba.njit(SIGNATURE, nogil=True, error_model="numpy", fastmath=set(FLAGS))(function)
    functions = functions_of(next(iter(compiled.overloads.values())).library.get_llvm_str())
    # The entry is the function itself, not the wrapper that the interpreter calls it through.
    entry = [name for name in functions if function.__name__ in name and "cpython" not in name and "cfunc" not in name]
    assert len(entry) == 1
    return calls_beyond(functions, entry[0])


def test_the_chain_calls_nothing_but_arithmetic():
    process_block = chain.process_block

    def carry(io, f64, f32, i64):
        process_block(io, f64, f32, i64)

    assert calls_of(carry) == set()


def test_hearing_calls_nothing_but_arithmetic():
    hear_hop = hearing.hear_hop

    def once(io, f64, f32, i64):
        hear_hop(io[0], io[1], 0, f64, f32, i64)

    assert calls_of(once) == set()


def test_that_test_would_see_an_allocation():
    def allocate(io, f64, f32, i64):
        f64[0] = np.empty(int(f64[0]) + 1000)[3]

    assert any("NRT" in name for name in calls_of(allocate))


@numba.njit(nogil=True)
def run_blocks(process_block, io, f64, f32, i64, done, stop):
    while stop[0] == 0 and done[0] < 10_000_000:
        process_block(io, f64, f32, i64)
        done[0] += 1


def test_blocks_go_on_while_another_thread_holds_the_interpreter():
    engine = Engine(analysis="off")
    engine.prepare(48000, 64, 2)
    io = np.zeros((2, 64), np.float32)
    done, stop = np.zeros(1, np.int64), np.zeros(1, np.int64)
    arrays = (chain.process_block, io, engine._f64, engine._f32, engine._i64, done)
    run_blocks(*arrays, np.ones(1, np.int64))  # compile
    thread = threading.Thread(target=run_blocks, args=(*arrays, stop))
    thread.start()
    time.sleep(0.1)
    before = int(done[0])
    ctypes.PyDLL(None).usleep(500_000)  # PyDLL keeps the interpreter's lock while it sleeps
    during = int(done[0]) - before
    stop[0] = 1
    thread.join(timeout=10)
    if thread.is_alive():  # a plain load may be hoisted out of a compiled loop
        pytest.fail("the driver did not stop")
    assert during > 1000  # real time would be 375
