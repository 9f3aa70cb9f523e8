"""What nobody hears eats no headroom: DC and rumble through the engine, the amount, bypass, a render."""

from __future__ import annotations

import numpy as np
import pytest
from demosong import demo_song

from rt_automix import params
from rt_automix.config import Config
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.engine import layout as at
from rt_automix.engine.engine import Engine

RATE_HZ = 48000
pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow in plain Python")


def make(rate_hz=RATE_HZ, analysis="off", channels=2, **overrides):
    engine = Engine(
        Config().with_overrides(**{name.replace("__", "."): v for name, v in overrides.items()}), analysis=analysis
    )
    engine.prepare(rate_hz, 8192, channels)
    return engine


def run(engine, audio, block=512, before=lambda position: None):
    out = np.empty_like(audio)
    for start in range(0, audio.shape[1], block):
        before(start)
        out[:, start : start + block] = engine.process(np.ascontiguousarray(audio[:, start : start + block]))
    return out


def pink(seconds, rate_hz=RATE_HZ, low_hz=40.0):
    """Noise at about -26 dBFS between `low_hz` and 6 kHz."""
    count = round(seconds * rate_hz)
    frequency_hz = np.fft.rfftfreq(count, 1 / rate_hz)
    spectrum = np.fft.rfft(np.random.default_rng(4).standard_normal((2, count)))
    spectrum *= np.where((frequency_hz > low_hz) & (frequency_hz < 6000), 1 / np.sqrt(frequency_hz + 50), 0)
    audio = np.fft.irfft(spectrum, count)
    return (0.05 * audio / audio.std()).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [44100, 192000])
@pytest.mark.parametrize("channels", [1, 2])
def test_dc_is_gone_and_the_end_is_no_step(rate_hz, channels):
    audio = np.float32(0.3) * pink(4, rate_hz)[:channels] * np.linspace(1.0, 0.0, 4 * rate_hz, dtype=np.float32)
    engine = make(rate_hz, channels=channels)
    engine.hold(params.from_dict({"input_gain_db": 12.0, "limiter_drive_db": 9.0}))
    out = run(engine, audio + np.float32(0.03))
    assert np.abs(out[:, rate_hz:].mean(axis=1)).max() < 1e-3 and np.abs(out[:, -20:]).max() < 1e-2
    kept = make(rate_hz, channels=channels, master__subsonic_hz=0.0)
    assert np.abs(run(kept, audio + np.float32(0.03))[:, -20:]).min() > 0.02


@pytest.mark.parametrize("rate_hz", [44100, 48000, 88200, 96000, 176400, 192000])
def test_at_amount_0_every_bit_is_the_input(rate_hz):
    audio = pink(1, rate_hz) + np.float32(0.1)
    engine = make(rate_hz, "inline", master__amount=0.0)
    out = run(engine, audio)
    assert np.array_equal(out[:, 64:], audio[:, :-64])
    assert not engine.arrays[2][at.SUBSONIC_AWAKE]


def test_once_the_amount_is_0_it_rings_out_and_every_bit_is_the_input_again():
    audio = pink(6) + np.float32(0.05)
    engine = make()
    out = run(engine, audio, 480, lambda position: engine.set(amount=float(position < RATE_HZ)))
    assert np.array_equal(out[:, 4 * RATE_HZ :], audio[:, 4 * RATE_HZ - 64 : -64])
    assert not engine.arrays[2][at.SUBSONIC_AWAKE]
    engine.set(amount=0.5)
    assert np.abs(run(engine, audio)[:, RATE_HZ:].mean(axis=1)).max() < 1e-3


def test_bypass_is_the_input_with_all_its_dc():
    audio = pink(2) + np.float32(0.1)
    engine = make()
    engine.set(listen="bypass")
    out = run(engine, audio)
    assert np.array_equal(out[:, RATE_HZ:], audio[:, RATE_HZ - 64 : -64])


def splatter_dbfs(out):
    """The loudest 20 ms of what lies above 14 kHz."""
    frames = np.lib.stride_tricks.sliding_window_view(out, 960, axis=1)[:, ::240]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(960), axis=2))
    return 20 * np.log10(spectrum[:, :, 280:].max() / 240 + 1e-30)


@pytest.mark.parametrize("block", [64, 65, 512])
def test_an_amount_that_jumps_does_not_click(block):
    """Over DC and rumble, which come and go with it."""
    count = 4 * RATE_HZ
    audio = pink(4) + np.float32(0.1)
    audio += (0.1 * np.sin(2 * np.pi * 15.0 * np.arange(count) / RATE_HZ)).astype(np.float32)
    engine, jumps = make(), [0.0, 1.0, 0.1, 0.3, 0.0, 0.2, 0.0, 1.0]

    def jump(position):
        engine.set(amount=jumps[position * len(jumps) // count])

    out = run(engine, audio, block, jump)
    steady = run(make(), audio, block)
    largest = max(np.abs(audio).max(), np.abs(steady).max())
    print(f"largest {np.abs(out).max():.2f} where it is {largest:.2f} at rest")
    assert np.abs(out).max() < 1.2 * largest
    print(f"splatter {splatter_dbfs(out[:, 4096:]):.1f} dBFS, steady {splatter_dbfs(steady[:, 4096:]):.1f}")
    assert splatter_dbfs(out[:, 4096:]) < -85.0
    assert np.abs(np.diff(out)).max() < 1.3 * max(np.abs(np.diff(audio)).max(), np.abs(np.diff(steady)).max())


@pytest.mark.parametrize("block", [1, 7, 65, 4096])
def test_the_block_size_changes_no_bit_while_it_comes_and_goes(block):
    audio = (pink(1) + np.float32(0.05))[:, : 6 * 4096]

    def outs(block):
        engine = make(master__amount=0.0)
        engine.hold(params.from_dict({"input_gain_db": 6.0}))
        parts = []
        for number, amount in enumerate((0.1, 1.0, 0.0)):
            engine.set(amount=amount)
            parts.append(run(engine, audio[:, 8192 * number : 8192 * (number + 1)], block))
        return np.concatenate(parts, axis=1)

    assert np.array_equal(outs(block), outs(512))


@pytest.mark.parametrize(("frequency_hz", "level"), [(12.0, 0.3), (12.0, 0.7), (18.0, 0.3)])
def test_rumble_moves_neither_the_loudness_nor_what_is_heard(frequency_hz, level):
    song = demo_song(RATE_HZ)[:, 12 * RATE_HZ : 27 * RATE_HZ]
    rumble = (level * np.sin(2 * np.pi * frequency_hz * np.arange(song.shape[1]) / RATE_HZ)).astype(np.float32)
    clean, rumbling = make(analysis="inline"), make(analysis="inline")
    run(clean, song, 4096)
    run(rumbling, song + rumble, 4096)
    assert rumbling.meters().short_term_lufs == pytest.approx(clean.meters().short_term_lufs, abs=0.5)
    assert rumbling.meters().out_true_peak_dbtp <= -1.0 + 0.05


@pytest.mark.parametrize(("frequency_hz", "more_lu"), [(0.0, 0.1), (12.0, 0.1), (18.0, 0.5)])
def test_what_nobody_hears_is_not_heard_as_loudness(frequency_hz, more_lu):
    """As loud as the music, which is at -26 dBFS."""
    audio = pink(5)
    other = 0.07 * np.cos(2 * np.pi * frequency_hz * np.arange(audio.shape[1]) / RATE_HZ)
    heard = []
    for rumble in (0.0, other):
        engine = make(analysis="inline")
        run(engine, (audio + rumble).astype(np.float32), 4096)
        heard.append(engine.input_short_term_lufs)
    assert abs(heard[1] - heard[0]) < more_lu
