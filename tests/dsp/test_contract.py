"""One contract for all processors: any block size, fresh starts, silence, insane input, strict types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from watched import Checked, checked

from rt_automix.dsp.clocks import bridge, delaylock, ring
from rt_automix.dsp.dynamics import compressor, limiter, rider
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.dsp.loudness import loudness, truepeak
from rt_automix.dsp.samples import dither, mix, resampler
from rt_automix.dsp.tone import cascade, equalizer, fine, subsonic

COUNT = 30_000 if JIT_ENABLED else 150
BLOCKS = (1, 7, 64, 65, 512, 4096) if JIT_ENABLED else (7, 64, 65)
CEILING = np.float32(0.8)


@dataclass(frozen=True)
class Processor:
    """One instance: its kernel's arrays ahead of left and right, how it takes a block, what it reads."""

    kernel: Any
    arguments: tuple[Any, ...]
    take: Callable[[np.ndarray, np.ndarray], Any]
    readings: Callable[[], tuple[float, ...]] = tuple


def simple(kernel: Any, *arguments: Any, readings: tuple[Any, ...] = ()) -> Processor:
    """A kernel that takes any block length; `readings` are kernels of the first argument."""
    arguments = tuple(checked(x) if isinstance(x, np.ndarray) else x for x in arguments)
    return Processor(
        kernel,
        arguments,
        lambda left, right: kernel(*arguments, checked(left), checked(right)),
        lambda: tuple(float(reading(arguments[0])) for reading in readings),
    )


def an_equalizer() -> Processor:
    coefficients = np.zeros(equalizer.COEFFICIENTS)
    equalizer.design(checked(equalizer.design_table(48000)), np.array([6.0, -6.0, 3.3, -1.2, 6.0]), coefficients)
    return simple(equalizer.process, coefficients, equalizer.new_state())


def a_fine_equalizer() -> Processor:
    """In motion on the grid of the stream, as the chain moves it."""
    table, rng = checked(fine.design_table(48000)), np.random.default_rng(3)
    ramp, start, goal = (np.zeros(size) for size in (fine.RAMP_SIZE, fine.GOAL_SIZE, fine.GOAL_SIZE))
    ramp, start, goal = checked(ramp), checked(start), checked(goal)
    state, work, samples_heard = checked(fine.new_state()), checked(np.zeros(cascade.WORK_SIZE)), 0
    fine.design(table, rng.uniform(-12.0, 12.0, fine.BAND_COUNT), goal)

    def take(left: np.ndarray, right: np.ndarray) -> None:
        nonlocal samples_heard
        done = 0
        while done < len(left):
            offset = samples_heard % fine.FRAME_SAMPLES
            if offset == 0:
                start[:] = goal
                fine.design(table, rng.uniform(-12.0, 12.0, fine.BAND_COUNT), goal)
                cascade.move(ramp, start, goal, fine.FRAME_SAMPLES)
            stop = min(done + fine.FRAME_SAMPLES - offset, len(left))
            cascade.process(ramp, state, work, offset, checked(left[done:stop]), checked(right[done:stop]))
            samples_heard += stop - done
            done = stop

    return Processor(cascade.process, (ramp, state, work, 0), take)


def a_subsonic_filter() -> Processor:
    """On what `cascade.take_in` lays out, as the chain runs it."""
    design, state = checked(np.zeros(subsonic.DESIGN_SIZE)), checked(subsonic.new_state())
    subsonic.design(30.0 / 48000, 1.0, design)

    def take(left: np.ndarray, right: np.ndarray) -> None:
        work = checked(np.zeros(4 * len(left)))
        cascade.take_in(work, 1.0, 0.0, 0, checked(left), checked(right))
        subsonic.process(design, state, work, len(left))
        left[:], right[:] = np.asarray(work).reshape(-1, 4)[:, 1::2].T

    return Processor(subsonic.process, (design, state), take)


def a_compressor() -> Processor:
    """Ticks on the grid of the stream, as the chain gives them."""
    state, scratch = checked(compressor.new_state()), checked(np.zeros(compressor.SCRATCH_SIZE, np.float32))
    settings, samples_heard = checked(compressor.new_settings(48000)), 0

    def take(left: np.ndarray, right: np.ndarray) -> None:
        nonlocal samples_heard
        start = 0
        while start < len(left):
            offset = samples_heard % compressor.WIDTH
            if offset == 0:
                compressor.tick(state, settings, 0.5, 1.0, False)
            stop = min(start + compressor.WIDTH - offset, len(left))
            compressor.process(state, scratch, settings, checked(left[start:stop]), checked(right[start:stop]))
            samples_heard += stop - start
            start = stop

    return Processor(compressor.process, (state, scratch, settings), take)


def a_limiter(rate_hz: int, look_ahead: bool = True) -> Processor:
    settings = limiter.new_settings(rate_hz, look_ahead)
    readings = (limiter.take_lowest_gain, limiter.take_true_peak)
    return simple(limiter.process, limiter.new_state(), settings, CEILING, readings=readings)


def a_true_peak_meter() -> Processor:
    readings = (truepeak.true_peak_lin, truepeak.sample_peak_lin)
    return simple(truepeak.process, truepeak.new_state(), readings=readings)


def a_loudness_meter() -> Processor:
    readings = (
        loudness.momentary_lufs,
        loudness.short_term_lufs,
        loudness.integrated_lufs,
        loudness.max_momentary_lufs,
        loudness.seconds,
    )
    return simple(loudness.process, loudness.new_state(48000, 2), readings=readings)


def a_mix() -> Processor:
    """Width, gain and a fade to something else, ramps that run through the whole stream."""
    samples_heard, step = 0, np.float32(0.5 / COUNT)
    start = np.float32(0.3)

    def take(left: np.ndarray, right: np.ndarray) -> None:
        nonlocal samples_heard
        other = checked(right.copy()), checked(left.copy())
        pair = checked(left), checked(right)
        mix.width_and_gain(*pair, samples_heard, start, step, np.float32(1.0), -step)
        mix.gain(*pair, samples_heard, start, step)
        mix.crossfade(*pair, *other, samples_heard, start, step)
        samples_heard += len(left)

    return Processor(mix.peak, (), take)


PROCESSORS: dict[str, Callable[[], Processor]] = {
    "equalizer": an_equalizer,
    "fine equalizer": a_fine_equalizer,
    "subsonic filter": a_subsonic_filter,
    "compressor": a_compressor,
    "limiter": lambda: a_limiter(48000),
    "limiter at 44.1 kHz": lambda: a_limiter(44100),
    "limiter without look-ahead": lambda: a_limiter(48000, look_ahead=False),
    "true-peak meter": a_true_peak_meter,
    "loudness meter": a_loudness_meter,
    "mix": a_mix,
}
all_processors = pytest.mark.parametrize("make", PROCESSORS.values(), ids=PROCESSORS)


def music() -> np.ndarray:
    """Loud noise with quiet stretches and an edge or two."""
    rng = np.random.default_rng(1)
    audio = 0.8 * rng.standard_normal((2, COUNT)) * (0.05 + (np.arange(COUNT) * 7 // COUNT) % 2)
    audio[:, COUNT // 3] = 3.0
    return audio.astype(np.float32)


def processed(processor: Processor, audio: np.ndarray, block: int | None = None) -> np.ndarray:
    output = audio.copy()
    block = block or audio.shape[1]
    for start in range(0, audio.shape[1], block):
        processor.take(output[0, start : start + block], output[1, start : start + block])
    return output


@all_processors
def test_block_size_changes_no_bit(make):
    """Neither in the output nor in the readings; nor do empty blocks."""
    whole = make()
    expected, readings = processed(whole, music()), whole.readings()
    for block in BLOCKS:
        processor = make()
        processor.take(*np.zeros((2, 0), np.float32))
        assert np.array_equal(processed(processor, music(), block), expected), block
        assert processor.readings() == readings, block


@all_processors
def test_a_new_state_is_fresh(make):
    """What one instance has heard, the next one knows nothing of."""
    first = make()
    expected, readings = processed(first, music()), first.readings()
    processed(first, 2.0 * music())
    second = make()
    assert np.array_equal(processed(second, music()), expected)
    assert second.readings() == readings


@all_processors
def test_silence_stays_silence(make):
    processor = make()
    assert not np.any(processed(processor, np.zeros((2, COUNT), np.float32), 65))
    assert np.all(np.isfinite(processor.readings()))


@all_processors
def test_nothing_insane_comes_out(make):
    """Random bits, infinities, denormals: after the guard everything is finite, and so are all memories."""
    rng = np.random.default_rng(2)
    audio = rng.integers(-(2**31), 2**31, (2, COUNT), dtype=np.int32).view(np.float32)
    audio[:, ::11] = rng.choice(np.float32([np.nan, np.inf, -np.inf, 1e30, 1e-40, 32.0, -32.0]), audio[:, ::11].shape)
    assert mix.guard(audio[0], audio[1]) > COUNT // 10
    processor = make()
    assert np.all(np.isfinite(processed(processor, audio, 64)))
    assert np.all(np.isfinite(processor.readings()))
    for memory in processor.arguments:
        assert np.all(np.isfinite(memory))


needs_types = pytest.mark.skipif(not JIT_ENABLED, reason="plain Python takes any type")


def kernels_and_arguments() -> dict[str, tuple[Any, list[Any]]]:
    """A call that each kernel takes, those of the processors and some beside them."""
    left, right = np.zeros((2, 64), np.float32)
    riding, rider_settings = rider.new_state(), np.full(rider.SETTINGS_SIZE, -60.0)
    share = np.float32(0.5)
    made = {name: make() for name, make in PROCESSORS.items()}
    calls = {name: (one.kernel, [*one.arguments, left, right]) for name, one in made.items()}
    calls["subsonic filter"] = (subsonic.process, [*made["subsonic filter"].arguments, np.zeros(256), 64])
    return calls | {
        "equalizer.design": (
            equalizer.design,
            [equalizer.design_table(48000), np.zeros(5), np.zeros(equalizer.COEFFICIENTS)],
        ),
        "fine.design": (fine.design, [fine.design_table(48000), np.zeros(31), np.zeros(fine.GOAL_SIZE)]),
        "subsonic.design": (subsonic.design, [0.001, 0.5, np.zeros(subsonic.DESIGN_SIZE)]),
        "subsonic.has_rung_out": (subsonic.has_rung_out, [subsonic.new_state()]),
        "cascade.move": (cascade.move, [np.zeros(fine.RAMP_SIZE), *np.zeros((2, fine.GOAL_SIZE)), 512]),
        "cascade.rest": (cascade.rest, [np.zeros(fine.RAMP_SIZE), np.zeros(fine.GOAL_SIZE)]),
        "compressor.tick": (compressor.tick, [compressor.new_state(), compressor.new_settings(48000), 0.3, 1.0, False]),
        "dither.quantise": (dither.quantise, [left, np.zeros(64, np.int32), dither.new_state(48000, 1)[0], 16]),
        "mix.guard": (mix.guard, [left, right]),
        "mix.crossfade": (mix.crossfade, [left, right, left.copy(), right.copy(), 0, share, share]),
        "rider.hear": (rider.hear, [riding, rider_settings, 0.1, 0.0, -14.0, False]),
        "delaylock.tick": (delaylock.tick, [delaylock.new_state(48000.0), 64, 0]),
        "resampler.process": (
            resampler.process,
            [
                np.array([0.0, 1.0]),
                resampler.new_table(48000.0, 48000.0),
                np.zeros(resampler.WORK_SIZE, np.float32),
                *np.zeros((2, 128), np.float32),
                left,
                right,
            ],
        ),
        "ring.put": (ring.put, [np.zeros(64, np.float32), left, 0]),
        "ring.take": (ring.take, [np.zeros(64, np.float32), left.copy(), 0]),
        "bridge.push": (bridge.push, [*bridge.new_bridge(48000.0, 48000.0), left, right, 0]),
        "bridge.pull": (bridge.pull, [*bridge.new_bridge(48000.0, 48000.0), left.copy(), right.copy(), 0]),
    }


@needs_types
@pytest.mark.parametrize("name", kernels_and_arguments())
def test_wrong_arrays_raise_instead_of_compiling(name):
    """Another dtype, every second sample, two dimensions, a list: nothing of it reaches the audio thread."""
    kernel, arguments = kernels_and_arguments()[name]
    kernel(*arguments)
    arrays = [at for at, argument in enumerate(arguments) if isinstance(argument, np.ndarray)]
    assert arrays
    for at in arrays:
        good = arguments[at]
        other = np.float64 if good.dtype == np.float32 else np.float32
        for wrong in (good.astype(other), np.repeat(good, 2)[::2], good[None, :], good.tolist(), None):
            with pytest.raises(TypeError):
                kernel(*arguments[:at], wrong, *arguments[at + 1 :])
    with pytest.raises(TypeError):
        kernel(*arguments[:-1])


@pytest.mark.parametrize("key", [-1, 8, slice(-2, None), slice(0, 9), slice(5, 3), slice(0, 8, 2)])
def test_checked_arrays_refuse_what_compiled_code_would_not_notice(key):
    array = np.zeros(8).view(Checked)
    with pytest.raises(IndexError):
        array[key]
    with pytest.raises(IndexError):
        array[key] = 1.0
    assert array[7] == 0.0 and len(array[2:8][1:]) == 5
