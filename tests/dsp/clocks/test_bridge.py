"""Two devices for minutes of simulated time; faults of either; the bridge's parts beside it."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import twodevices
from twodevices import Device
from watched import checked

from rt_automix.dsp.atomics import load_acquire, store_release
from rt_automix.dsp.clocks import bridge, delaylock, ring
from rt_automix.dsp.jit import JIT_ENABLED, kernel

needs_speed = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow as plain Python")
BLOCKS = [(64, 64), (128, 256), (441, 480)]
RATE_HZ = 48000.0


def pair(ppm: float, blocks: tuple[int, int] = (64, 64), **more: float) -> tuple[Device, Device]:
    """An input that runs `ppm` fast and an output that runs as slow."""
    late_s = twodevices.lateness_s(1), twodevices.lateness_s(2)
    return (
        Device(ppm=ppm, blocks=np.array([blocks[0]]), late_s=late_s[0], **more),
        Device(ppm=-ppm, blocks=np.array([blocks[1]]), late_s=late_s[1]),
    )


def told(run: twodevices.Run) -> twodevices.Run:
    """The same, and its figures in the log."""
    print(
        f"level off by {run.level_after_30_s:.1f} samples after 30 s, ripple {run.ripple_ppm:.2f} ppm"
        f" ({run.least_ppm:+.2f} to {run.most_ppm:+.2f}), step off by {run.worst_step_samples:.1e} samples,"
        f" {run.silent_samples:.0f} silent samples, {run.reading}"
    )
    return run


def assert_seamless(run: twodevices.Run) -> None:
    """No gap, no repeat, nothing that the bridge itself had to count."""
    assert run.faults == 0 and run.silent_samples == 0
    assert run.worst_step_samples < 2e-4
    assert 0.0 < run.started_s < 1.0
    assert (run.reading.underruns, run.reading.overruns, run.reading.resyncs) == (0, 0, 0)


@needs_speed
@pytest.mark.parametrize("blocks", BLOCKS, ids=str)
@pytest.mark.parametrize("ppm", [300.0, -300.0])
def test_ten_minutes_with_skewed_clocks(ppm, blocks):
    """Callbacks up to 4 ms late, some 10 ms."""
    run = told(twodevices.run(*pair(ppm, blocks), seconds=600.0, settled_s=60.0))
    assert_seamless(run)
    assert run.level_after_30_s < min(blocks)
    assert run.ripple_ppm < 5.0 and max(-run.least_ppm, run.most_ppm) < 5.0
    assert run.reading.ppm == pytest.approx(2.0 * ppm, abs=5.0)
    assert run.reading.margin_ms == pytest.approx(bridge.MARGIN_MS)


@needs_speed
@pytest.mark.parametrize("blocks", BLOCKS, ids=str)
@pytest.mark.parametrize("ppm", [1000.0, -1000.0, 2000.0, -2000.0])
def test_up_to_4000_ppm_between_the_clocks(ppm, blocks):
    run = told(twodevices.run(*pair(ppm, blocks), seconds=120.0, settled_s=60.0))
    assert_seamless(run)
    assert run.level_after_30_s < min(blocks)
    assert run.ripple_ppm < 5.0


@needs_speed
@pytest.mark.parametrize("ppm", [3000.0, -3000.0])
def test_beyond_the_limit_it_fades_and_starts_over(ppm):
    """6000 ppm between the clocks: it cannot follow, but what plays is whole."""
    run = told(twodevices.run(*pair(ppm), seconds=60.0))
    assert run.faults == 0
    assert 0 < run.silent_samples < 0.2 * 60.0 * RATE_HZ
    assert abs(run.reading.ppm) <= 1.0001e6 * bridge.MOST_CORRECTION
    assert run.reading.underruns + run.reading.resyncs > 0


@needs_speed
@pytest.mark.parametrize(("swing_ppm", "swing_s"), [(10.0, 60.0), (50.0, 600.0)])
def test_a_clock_that_warms_and_cools(swing_ppm, swing_s):
    """As fast as 1 ppm in one second: the level lags behind by no more than a block."""
    run = told(twodevices.run(*pair(100.0, swing_ppm=swing_ppm, swing_s=swing_s), seconds=600.0))
    assert_seamless(run)
    assert run.level_after_30_s < 64
    assert max(-run.least_ppm, run.most_ppm) < 20.0


@needs_speed
@pytest.mark.parametrize(
    ("in_rate_hz", "out_rate_hz"), [(44100, 48000), (48000, 44100), (96000, 48000), (48000, 96000)]
)
def test_different_nominal_rates(in_rate_hz, out_rate_hz):
    source, sink = pair(300.0, (128, 128))
    source.rate_hz, sink.rate_hz = float(in_rate_hz), float(out_rate_hz)
    run = told(twodevices.run(source, sink, seconds=120.0, settled_s=60.0))
    assert_seamless(run)
    assert run.level_after_30_s < 128
    assert run.ripple_ppm < 5.0
    assert run.reading.ratio == pytest.approx(out_rate_hz / in_rate_hz * (1.0 - 600e-6), rel=5e-6)


@needs_speed
@pytest.mark.parametrize("most", [128, 4096])
def test_block_lengths_that_never_repeat(most):
    source, sink = pair(300.0)
    rng = np.random.default_rng(1)
    source.blocks, sink.blocks = rng.integers(1, most + 1, 997), rng.integers(1, most + 1, 991)
    run = told(twodevices.run(source, sink, seconds=120.0))
    assert_seamless(run)
    assert run.level_after_30_s < 64
    assert run.reading.target_samples > source.blocks.max()


@needs_speed
def test_a_margin_that_was_too_small_grows():
    """3 ms, and callbacks that are 10 ms late at times: an underrun or two, then none."""
    run = told(twodevices.run(*pair(300.0), seconds=120.0, margin_ms=3.0))
    assert run.faults == 0
    assert 1 <= run.reading.underruns <= 3
    assert run.reading.margin_ms >= 10.0
    assert run.silent_samples < run.reading.underruns * 0.03 * RATE_HZ


@needs_speed
@pytest.mark.parametrize("stall_s", [0.02, 0.1, 0.2, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("which", ["input", "output"])
def test_a_device_that_stops_for_a_while(which, stall_s):
    """Back within a second, at the target, and with the margin that was enough before."""
    source, sink = pair(300.0)
    stalled = source if which == "input" else sink
    stalled.stall_at_s, stalled.stall_s = 20.0, stall_s
    run = told(twodevices.run(source, sink, seconds=60.0, settled_s=50.0))
    assert run.faults == 0
    assert run.reading.is_playing and run.reading.margin_ms == pytest.approx(bridge.MARGIN_MS)
    assert run.silent_samples < (stall_s + 1.0) * RATE_HZ
    assert abs(run.rows[-1, twodevices.ROW_LEVEL]) < 64
    assert run.reading.ppm == pytest.approx(600.0, abs=20.0)


def drive_plainly(blocks: int, content: float = 1.0, without: tuple[range, range] = (range(0), range(0))) -> np.ndarray:
    """Punctual callbacks of equal clocks, half a block apart, a constant as input; some callbacks left out."""
    f64, f32, i64 = (checked(array) for array in bridge.new_bridge(RATE_HZ, RATE_HZ))
    constant, output = np.full(64, np.float32(content)), np.zeros((2, 64 * blocks), np.float32)
    period_ns = round(64 / RATE_HZ * 1e9)
    for k in range(blocks):
        if k not in without[0]:
            bridge.push(f64, f32, i64, checked(constant.copy()), checked(constant.copy()), 10**12 + k * period_ns)
        if k not in without[1]:
            left, right = (checked(channel[64 * k : 64 * k + 64]) for channel in output)
            bridge.pull(f64, f32, i64, left, right, 10**12 + k * period_ns + period_ns // 2)
    return output


@pytest.mark.parametrize("which", [0, 1])
def test_it_never_cuts(which):
    """A constant: whatever happens, two neighbouring samples differ by no more than the fade's steepest step."""
    blocks, gone = (4000, range(1500, 1600)) if JIT_ENABLED else (420, range(395, 420))
    without = (gone, range(0)) if which == 0 else (range(0), gone)
    output = drive_plainly(blocks, without=without)
    played = np.delete(output, np.arange(64 * gone.start, 64 * gone.stop), axis=1) if which == 1 else output
    assert np.abs(np.diff(played)).max() <= 1.5 / bridge.FADE * 1.02
    assert np.max(output) == pytest.approx(1.0, abs=1e-5)
    assert np.array_equal(output[0], output[1])
    if JIT_ENABLED:
        ended, sounding = 64 * gone.stop, output[0] > 0.5
        assert not np.all(sounding[64 * gone.start :]) and np.all(sounding[ended + int(RATE_HZ) :])


@needs_speed
def test_the_latency_is_what_it_says():
    """Both clocks punctual: the phase that comes out, against the one going in at that moment."""
    f64, f32, i64 = bridge.new_bridge(RATE_HZ, RATE_HZ)
    period_ns = round(64 / RATE_HZ * 1e9)
    left, right = np.zeros((2, 64), np.float32)
    for k in range(3000):
        turns = 2.0 * np.pi * (64 * k + np.arange(64)) / 4800
        bridge.push(f64, f32, i64, np.sin(turns).astype(np.float32), np.cos(turns).astype(np.float32), k * period_ns)
        bridge.pull(f64, f32, i64, left, right, k * period_ns + period_ns // 2)
    arriving = 64 * 3000 + 32
    playing = np.arctan2(left[0], right[0]) * 4800 / (2.0 * np.pi)
    reading = bridge.read(f64, i64)
    assert (arriving - playing) % 4800 == pytest.approx(reading.latency_samples, abs=0.05)
    assert reading.latency_samples == pytest.approx(64 + 24 + bridge.FADE + 0.012 * RATE_HZ + 64, abs=0.01)
    assert reading.level_samples == pytest.approx(reading.target_samples, abs=0.05)


def test_alone_it_is_silent():
    """Nobody pushes, or nobody pulls and then somebody does: silence until there is something new to play."""
    f64, f32, i64 = (checked(array) for array in bridge.new_bridge(RATE_HZ, RATE_HZ))
    block, output = checked(np.ones(4096, np.float32)), checked(np.full(64, np.float32(7.0)))
    for k in range(100):
        output[:] = 7.0
        bridge.pull(f64, f32, i64, output, output.copy(), k * 1_333_333)
        assert not np.any(output)
    for k in range(30):
        bridge.push(f64, f32, i64, block, block, k * 85_333_333)
    assert bridge.read(f64, i64).overruns == 30 - bridge.RING // 4096
    bridge.pull(f64, f32, i64, output, output.copy(), 30 * 85_333_333)
    assert not np.any(output) and not bridge.read(f64, i64).is_playing


def test_insane_times_and_blocks_leave_a_sane_bridge():
    """Random times, backwards and at the ends of 64 bits, blocks of 0 to 8192: finite, then it works again."""
    rng = np.random.default_rng(4)
    f64, f32, i64 = (checked(array) for array in bridge.new_bridge(RATE_HZ, RATE_HZ))
    audio = np.ones(8192, np.float32)
    for k in range(4000 if JIT_ENABLED else 300):
        samples, wild = int(rng.integers(0, 8193)), int(rng.integers(-(2**63), 2**63 - 1))
        now_ns = wild if rng.random() < 0.2 else k * 85_333_333
        if rng.random() < 0.5:
            bridge.push(f64, f32, i64, checked(audio[:samples]), checked(audio[:samples]), now_ns)
        else:
            left, right = checked(np.full(samples, np.nan, np.float32)), checked(np.zeros(samples, np.float32))
            bridge.pull(f64, f32, i64, left, right, now_ns)
            assert np.all(np.abs(left) <= 1.001)
        assert np.all(np.isfinite(f64))
    if not JIT_ENABLED:
        return
    left, right = np.zeros((2, 64), np.float32)
    for k in range(4000):
        bridge.push(f64, f32, i64, audio[:64], audio[:64], 10**15 + k * 1_333_333)
        bridge.pull(f64, f32, i64, left, right, 10**15 + k * 1_333_333)
    assert bridge.read(f64, i64).is_playing
    np.testing.assert_allclose(left, 1.0, atol=1e-5)


def test_the_first_samples_of_a_run():
    """As plain Python too, with every index checked: started, and no step."""
    run = twodevices.run(*pair(300.0), seconds=0.535)
    assert run.faults == 0 and run.started_s > delaylock.RELOCK_S
    assert run.silent_samples == 0


@pytest.mark.parametrize("position", [0, 5, 15, 16, 1003])
@pytest.mark.parametrize("count", [0, 1, 11, 16])
def test_ring_wraps(position, count):
    memory, block = np.zeros(16, np.float32), np.arange(1, count + 1, dtype=np.float32)
    ring.put(checked(memory), checked(block), position)
    where = (position + np.arange(count)) % 16
    assert np.array_equal(memory[where], block) and np.count_nonzero(memory) == count
    got = np.zeros(count, np.float32)
    ring.take(checked(memory), checked(got), position)
    assert np.array_equal(got, block)


@kernel(
    "void(float64[::1], float32[::1], int64[::1], int64[::1], float32[:, ::1], float32[::1], "
    "float32[::1], int64, int64)"
)
def push_all(f64, f32, i64, done, wave, left, right, blocks, patience):
    """A capture thread at full speed that stays within eight blocks of the other one."""
    for k in range(blocks):
        for i in range(64):
            at = (64 * k + i) % twodevices.PERIOD
            left[i], right[i] = wave[0][at], wave[1][at]
        for _ in range(patience):
            if k - load_acquire(done, 8) < 8:
                break
        bridge.push(f64, f32, i64, left, right, 10**12 + k * 1_333_333)
        store_release(done, 0, k + 1)


@kernel(
    "void(float64[::1], float32[::1], int64[::1], int64[::1], float32[::1], float32[::1], int64, int64, float64[::1])"
)
def pull_all(f64, f32, i64, done, left, right, blocks, patience, found):
    """A playback thread beside it."""
    expected = -twodevices.PERIOD
    for k in range(blocks):
        for _ in range(patience):
            if load_acquire(done, 0) > k:
                break
        bridge.pull(f64, f32, i64, left, right, 10**12 + k * 1_333_333)
        expected = twodevices.judge(left, right, f64[bridge._POSITION + 1], expected, found)
        store_release(done, 8, k + 1)


@needs_speed
def test_two_real_threads():
    """Neither holds the GIL; every sample that comes out follows the one before it."""
    f64, f32, i64 = bridge.new_bridge(RATE_HZ, RATE_HZ)
    done, found, blocks = np.zeros(16, np.int64), np.zeros(8), 30_000
    turn = 2.0 * np.pi * np.arange(twodevices.PERIOD) / twodevices.PERIOD
    wave = np.stack([np.sin(turn), np.cos(turn)]).astype(np.float32)
    mine, theirs = np.zeros((2, 64), np.float32), np.zeros((2, 64), np.float32)
    pusher = threading.Thread(target=push_all, args=(f64, f32, i64, done, wave, *mine, blocks, 10**9))
    puller = threading.Thread(target=pull_all, args=(f64, f32, i64, done, *theirs, blocks, 10**9, found))
    pusher.start()
    puller.start()
    pusher.join()
    puller.join()
    heard = 64 * blocks - found[twodevices.SILENT]
    print(f"{heard:.0f} samples heard, {found[twodevices.FAULTS]:.0f} out of place, {bridge.read(f64, i64)}")
    assert found[twodevices.FAULTS] == 0
    assert heard > 0.9 * 64 * blocks
