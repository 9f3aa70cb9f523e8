"""The audio thread is sacred: no interpreter, no allocation, no lock. Proof, not prose."""

import ctypes
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from rt_automix.dsp.atomics import load_acquire
from rt_automix.dsp.jit import JIT_ENABLED, kernel
from rt_automix.engine import chain
from rt_automix.engine.engine import Engine

pytestmark = [pytest.mark.alone, pytest.mark.skipif(not JIT_ENABLED, reason="about compiled code")]


@kernel("void(float32[:, ::1], float64[::1], float32[::1], int64[::1], int64[::1], int64[::1])")
def run_blocks(io, f64, f32, i64, done, stop):
    while load_acquire(stop, 0) == 0 and done[0] < 10_000_000:
        chain.process_block(io, f64, f32, i64)
        done[0] += 1


def test_blocks_go_on_while_another_thread_holds_the_interpreter():
    engine = Engine(analysis="off")
    engine.prepare(48000, 64, 2)
    io = np.zeros((2, 64), np.float32)
    done, stop = np.zeros(1, np.int64), np.zeros(1, np.int64)
    arrays = (io, engine._f64, engine._f32, engine._i64, done)
    run_blocks(*arrays, np.ones(1, np.int64))  # load
    thread = threading.Thread(target=run_blocks, args=(*arrays, stop))
    thread.start()
    time.sleep(0.1)
    before = int(done[0])
    ctypes.PyDLL(None).usleep(500_000)  # PyDLL keeps the interpreter's lock while it sleeps
    during = int(done[0]) - before
    stop[0] = 1
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert during > 1000  # real time would be 375


FIRST_DECISION = """
import numpy as np
from rt_automix.analysis.aim import masters
from rt_automix.analysis.deciding.suggester import choose
from rt_automix.dsp import jit
from rt_automix.engine.engine import Engine

engine = Engine(suggester=choose("auto", print), analysis="thread")
engine.prepare(48_000)
loaded, load = [], jit.Kernel._load
jit.Kernel._load = lambda self, *arguments: loaded.append(self.py_func.__name__) or load(self, *arguments)
read = masters.table.cache_info().misses
analyst = engine.analyst
engine.close()
noise = np.random.default_rng(3).normal(0.0, 0.1, (2, 4096)).astype(np.float32)
while not analyst.heard_samples:
    engine.process(noise.copy())
    analyst.follow()
print(loaded, masters.table.cache_info().misses - read)
"""


def test_the_first_decision_of_a_process_finds_all_that_it_needs():
    """Else it comes too late: what is played then is not what a render of the same would be."""
    done = subprocess.run([sys.executable, "-c", FIRST_DECISION], capture_output=True, text=True, timeout=120)
    assert done.stdout.split("\n")[0] == "[] 0", done.stdout + done.stderr
