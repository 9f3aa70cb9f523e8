"""Quantisation of float audio to 16 or 24 bit integers with triangular dither.

Method: non-subtractive TPDF dither of two quantisation steps peak to peak, no noise shaping
(Lipshitz, Wannamaker and Vanderkooy, "Quantization and Dither: A Theoretical Survey", JAES 40(5),
1992): mean and variance of the total error are 0 and 1/4 step**2 whatever the signal. The noise comes
from Marsaglia's xorshift64 ("Xorshift RNGs", J. Stat. Software 8(14), 2003), one generator per channel
from a fixed seed, so a second run writes the same bits whatever the block size.

What fits is written as it is: after `BLANK_AFTER_MS` of samples that are whole quantisation steps, silence
among them, a channel is written without dither until its next sample that is not. Every channel starts
in that condition, so what comes untouched from a file of so many bits leaves with identical ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rt_automix.dsp.jit import kernel

BLANK_AFTER_MS = 100.0

# The generator is 64 bits wide and unsigned: a plain integer beside it would turn it into a float.
_SHIFT_LEFT_13 = np.uint64(13)
_SHIFT_RIGHT_7 = np.uint64(7)
_SHIFT_LEFT_17 = np.uint64(17)
_HALF = np.uint64(32)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_UNIFORM = 2.0**-32

_SEEDS = (
    0x9E3779B97F4A7C15, 0xD1B54A32D192ED03, 0x6E789E6AA1B965F4, 0x06C45D188009454F,
    0xF88BB8A8724C81EC, 0x1B39896A51A8749B, 0x53CB9F0C747EA2EA, 0x2C829ABE1F4532E1,
    0xDB9C559891948D23, 0x6E75725323D4929E, 0x64646B7CD4C5E3E1, 0x5EB450AE86B81CB7,
    0xB5B5B1C1634A6F89, 0x37BBEB262E04CE93, 0xC4596B919C124252, 0xE868D1E0AF004203,
)  # fmt: skip


def new_state(sample_rate_hz: float, channels: int) -> NDArray[np.uint64]:
    """Fresh state of one channel or several.

    Parameters
    ----------
    sample_rate_hz : float
        In Hz; sets how many samples make `BLANK_AFTER_MS`.
    channels : int
        1 to 16.

    Returns
    -------
    uint64 array (channels, 3): generator, whole steps until dither stops, whole steps that stop it.

    Thread: main. Allocates: yes.
    """
    blank_samples = round(BLANK_AFTER_MS * 1e-3 * sample_rate_hz)
    seeds = [_SEEDS[channel] for channel in range(channels)]
    return np.array([[seed, 0, blank_samples] for seed in seeds], dtype=np.uint64)


@kernel("void(float32[::1], int32[::1], uint64[::1], int64)", door=True)
def quantise(samples, quantised, state, bits):  # type: ignore[no-untyped-def]
    """Dither one channel and round it to `bits`, left-justified in 32 bits.

    Parameters
    ----------
    samples : float32 (n,)
        Full scale is 1. Beyond it the result clips; NaN becomes zero.
    quantised : int32 (n,)
        Output: multiples of ``2**(32 - bits)``.
    state : uint64 (3,)
        One row of `new_state`.
    bits : int
        16 or 24.

    Thread: main. Allocates: no.
    """
    full_scale = float(1 << (bits - 1))
    step = float(1 << (32 - bits))
    noise = state[0]
    exact_left = np.int64(state[1])
    blank_samples = np.int64(state[2])
    for i in range(samples.shape[0]):
        noise ^= noise << _SHIFT_LEFT_13
        noise ^= noise >> _SHIFT_RIGHT_7
        noise ^= noise << _SHIFT_LEFT_17
        level = float(samples[i]) * full_scale
        if level != np.floor(level) or not -full_scale <= level < full_scale:  # NaN is no whole step either
            exact_left = blank_samples
        elif exact_left > 0:
            exact_left -= 1
        value = level
        if exact_left > 0:
            # Two independent uniforms of one step each: the halves of one draw.
            halves = np.int64(noise >> _HALF) + np.int64(noise & _LOW_HALF)
            value = np.floor(level + float(halves) * _UNIFORM - 0.5)
            value = min(max(value, -full_scale), full_scale - 1.0) if level == level else 0.0
        quantised[i] = np.int32(value * step)
    state[0] = noise
    state[1] = np.uint64(exact_left)
