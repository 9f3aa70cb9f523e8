"""The engine's promises, on its public face: latency, nulls, blocks, jumps, bad input, freezing."""

import dataclasses
import itertools
import sys
import threading
import time

import numpy as np
import pytest
from demosong import demo_song

from rt_automix import params
from rt_automix.config import Config
from rt_automix.dsp import direct
from rt_automix.dsp.jit import JIT_ENABLED
from rt_automix.engine import chain, exchange, layout
from rt_automix.engine.engine import Engine
from rt_automix.engine.meters import missed
from rt_automix.errors import ConfigError, UserError

RATE_HZ = 48000
CEILING_LIN = 10 ** (-1 / 20)
pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="seconds of audio: too slow in plain Python")


@pytest.fixture(scope="module")
def song():
    return demo_song(RATE_HZ)


def make(analysis="off", rate_hz=RATE_HZ, channels=2, block=8192, **overrides):
    engine = Engine(Config().with_overrides(**overrides), analysis=analysis)
    engine.prepare(rate_hz, block, channels)
    return engine


def run(engine, audio, block=4096, before=None):
    """Stream `audio` through; `before(position)` may set controls at block starts."""
    out = np.empty_like(audio)
    for start in range(0, audio.shape[1], block):
        if before:
            before(start)
        out[:, start : start + block] = engine.process(audio[:, start : start + block].copy())
    return out


def extremes(high):
    """All parameters at one end (the ceiling apart) but for those that would just make it silent."""
    return np.where(high, params.HIGH, params.LOW)


@pytest.mark.parametrize("rate_hz", [44100, 48000, 88200, 96000, 176400, 192000])
@pytest.mark.parametrize("lookahead", [True, False])
def test_amount_0_is_the_input_delayed_by_the_latency(rate_hz, lookahead):
    rng = np.random.default_rng(1)
    audio = (0.2 * rng.standard_normal((2, rate_hz))).clip(-0.6, 0.6).astype(np.float32)
    engine = make("inline", rate_hz, **{"master.amount": 0.0, "limiter.lookahead": lookahead})
    out = run(engine, audio)
    delay = engine.latency_samples
    assert delay == (64 if lookahead else 0)
    assert np.abs(out[:, delay:] - audio[:, : audio.shape[1] - delay]).max() < 1e-6


@pytest.mark.parametrize("channels", [1, 2])
def test_the_output_does_not_depend_on_the_block_size(song, channels):
    audio = np.ascontiguousarray(song[:channels, 14 * RATE_HZ : 17 * RATE_HZ])
    outs = [run(make("inline", channels=channels), audio, block) for block in (4096, 7, 64, 65, 512, 8192)]
    for out in outs[1:]:
        assert np.array_equal(out, outs[0])
    assert not np.array_equal(outs[0][:, 64:], audio[:, :-64])
    short = audio[:, :6000]
    assert np.array_equal(run(make("inline", channels=channels), short, 1), outs[0][:, :6000])


def test_the_analysis_in_a_thread_gives_what_it_gives_inline(song):
    audio = song[:, 14 * RATE_HZ : 18 * RATE_HZ]
    inline = run(make("inline"), audio, 512)
    engine = make("thread")

    def keep_pace(position):
        # An offline test runs faster than the music: wait for the analysis as real time would.
        while engine.analyst.next_at <= position:
            pass

    threaded = run(engine, audio, 512, keep_pace)
    engine.close()
    assert np.array_equal(threaded, inline)


def test_a_frozen_analysis_is_the_same_as_held_parameters(song):
    """Invariant 1: a worker that stands still costs nothing but freshness."""
    audio = song[:, 14 * RATE_HZ : 18 * RATE_HZ]
    half = audio.shape[1] // 2 // 512 * 512
    held, stuck = make("inline"), make("inline")
    run(held, audio[:, :half], 512)
    run(stuck, audio[:, :half], 512)
    held._analysis = stuck._analysis = "off"
    # The stuck worker's last message is still there; the holder publishes the same again.
    again = held.analyst.ready(held.analyst.heard_samples + 2400, held.analyst.short_term_lufs())
    exchange.publish(held._f64, held._i64, again)
    assert np.array_equal(run(held, audio[:, half:], 512), run(stuck, audio[:, half:], 512))


def splatter_db(out, at):
    """Energy above 14 kHz in 20 ms around a jump, relative to the loudest 20 ms of the whole."""
    frames = np.lib.stride_tricks.sliding_window_view(out, 960, axis=1)[:, ::240]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(960), axis=2)) ** 2
    total = spectrum.sum(axis=2).max()
    high = spectrum[:, :, int(14000 / 50) :].sum(axis=2)
    near = slice(max(at // 240 - 8, 0), at // 240 + 60)
    return 10 * np.log10(high[:, near].max() / total + 1e-30)


@pytest.mark.parametrize("block", [1, 7, 64, 65, 512, 4096])
@pytest.mark.parametrize("name", [*params.NAMES, "all"])
def test_any_jump_between_extremes_is_smooth(name, block):
    """Noise below 6 kHz, shaped like music, plays; a parameter jumps from end to end and back."""
    count = 2 * RATE_HZ if block >= 64 else RATE_HZ // 2
    rng = np.random.default_rng(3)
    spectrum = np.fft.rfft(rng.standard_normal((2, count)))
    frequency = np.fft.rfftfreq(count, 1 / RATE_HZ)
    spectrum *= np.where((frequency > 30) & (frequency < 6000), 1 / np.sqrt(frequency + 50), 0)
    audio = np.fft.irfft(spectrum, count)
    audio = (0.25 * audio / np.abs(audio).max()).astype(np.float32)
    low = params.NEUTRAL.copy()
    high = params.NEUTRAL.copy()
    where = slice(None) if name == "all" else params.INDEX[name]
    low[where], high[where] = params.LOW[where], params.HIGH[where]
    jumps = {count // 4 // block * block: high, count // 2 // block * block: low, 3 * count // 4 // block * block: high}

    def play(start, jumps):
        engine = make(**{"rider.enabled": False})
        engine.hold(start)
        engine.settle()
        return run(engine, audio, block, lambda at: engine.hold(jumps[at]) if at in jumps else None)

    out = play(low, jumps)
    peak = max(np.abs(play(low, {})).max(), np.abs(play(high, {})).max())
    assert np.abs(out).max() <= 1.06 * peak
    worst = max(splatter_db(out, at) for at in jumps)
    steady = max(splatter_db(play(high, {}), count // 2), splatter_db(play(low, {}), count // 2))
    limit = -60.0 if name == "all" else -70.0  # all at once: 21 dB of gain rush into the limiter
    assert worst < max(steady + 3.0, limit), f"splatter {worst:.1f} dB, steady {steady:.1f} dB"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -1e30, 3e38, 1e-42])
def test_insane_audio_is_contained_and_gone_within_a_second(song, bad):
    audio = song[:, 14 * RATE_HZ : 18 * RATE_HZ].copy()
    clean = run(make(), audio)
    audio[:, RATE_HZ : RATE_HZ + 200] = bad
    engine = make()
    out = run(engine, audio)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= np.float32(CEILING_LIN)
    assert engine.meters().faults == (400 if abs(bad) > 1 or np.isnan(bad) else 0)
    after = slice(2 * RATE_HZ + 200, None)
    assert np.sqrt(np.mean((out[:, after] - clean[:, after]) ** 2)) < 0.02 * np.sqrt(np.mean(clean[:, after] ** 2))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, 1e-42])
def test_insane_suggestions_are_contained(song, bad):
    audio = song[:, 14 * RATE_HZ : 16 * RATE_HZ]
    engine = make(**{"rider.enabled": False})
    engine.hold(np.full(params.COUNT, bad))
    out = run(engine, audio)
    assert np.isfinite(out).all() and np.abs(out).max() <= np.float32(CEILING_LIN)
    applied = np.array(list(engine.meters().applied.values()))
    assert (applied >= params.LOW - 1e-12).all() and (applied <= params.HIGH + 1e-12).all()
    engine.hold(params.NEUTRAL)
    run(engine, audio[:, :RATE_HZ])
    clean = make(**{"rider.enabled": False})
    run(clean, audio[:, :RATE_HZ])
    after, wanted = run(engine, audio[:, RATE_HZ:]), run(clean, audio[:, RATE_HZ:])
    assert np.sqrt(np.mean((after - wanted) ** 2)) < 0.02 * np.sqrt(np.mean(wanted**2))


def test_a_suggester_gone_mad_never_passes_the_ceiling(song):
    class Mad:
        name = "mad"
        rng = np.random.default_rng(5)

        def suggest(self, listener, style):
            self.confidence = self.rng.choice([np.nan, np.inf, -1.0, 0.5, 1.0], params.COUNT)
            return self.rng.choice([np.nan, np.inf, -np.inf, 1e300, -1e300, 0.0, 5.0], params.COUNT)

    engine = Engine(suggester=Mad())
    engine.prepare(RATE_HZ, 8192, 2)
    out = run(engine, 4 * song[:, 14 * RATE_HZ : 20 * RATE_HZ])
    assert np.isfinite(out).all() and np.abs(out).max() <= np.float32(CEILING_LIN)


def test_bypass_is_the_delayed_input_and_enters_without_a_click(song):
    audio = song[:, 14 * RATE_HZ : 17 * RATE_HZ]
    engine = make("inline")
    switches = {RATE_HZ: "bypass", 2 * RATE_HZ: "master"}
    out = run(engine, audio, 480, lambda at: engine.set(listen=switches[at]) if at in switches else None)
    inside = slice(RATE_HZ + 4800, 2 * RATE_HZ)
    assert np.array_equal(out[:, inside], audio[:, inside.start - 64 : inside.stop - 64])
    wet = run(make("inline"), audio, 480)
    for at in switches:
        near = slice(at - 480, at + 4800)
        step = np.abs(np.diff(out[:, near], axis=1)).max()
        assert step <= 1.1 * max(np.abs(np.diff(side[:, near], axis=1)).max() for side in (wet, audio))


def test_compare_is_as_loud_as_the_master_and_keeps_the_ceiling(song):
    from rt_automix.analysis.recordings.measure import Meter

    audio = 2.0 * song[:, 14 * RATE_HZ : 27 * RATE_HZ]  # the chorus; the match is limited to 12 dB
    loudness = {}
    for listen in ("master", "compare"):
        engine = make("inline")
        at = 8 * RATE_HZ // 480 * 480
        out = run(engine, audio, 480, lambda p, e=engine, w=listen, at=at: e.set(listen=w) if p == at else None)
        assert np.abs(out).max() <= np.float32(CEILING_LIN)
        meter = Meter(RATE_HZ, 2)
        meter.push(np.ascontiguousarray(out[:, 10 * RATE_HZ :]))
        loudness[listen] = meter.result().integrated_lufs
    plain = Meter(RATE_HZ, 2)
    plain.push(np.ascontiguousarray(audio[:, 10 * RATE_HZ :]))
    assert abs(loudness["compare"] - loudness["master"]) < 0.5
    assert loudness["compare"] > plain.result().integrated_lufs + 3.0


def test_freeze_holds_parameters_and_trim(song):
    audio = song[:, : 8 * RATE_HZ]
    engine = make("inline")
    run(engine, audio[:, : 4 * RATE_HZ])
    engine.set(freeze=True)
    run(engine, audio[:, 4 * RATE_HZ : 6 * RATE_HZ])
    held = engine.meters()
    run(engine, 3 * audio[:, 6 * RATE_HZ :])
    now = engine.meters()
    assert now.applied == pytest.approx(held.applied, abs=1e-4)
    assert now.gain_db == pytest.approx(held.gain_db, abs=1e-4)


def test_silence_changes_no_parameter_and_no_gain(song):
    engine = make("inline")
    run(engine, song[:, 14 * RATE_HZ : 26 * RATE_HZ])
    run(engine, np.zeros((2, RATE_HZ), np.float32))  # what was on its way arrives
    before = engine.meters(), engine.suggestion
    run(engine, np.zeros((2, 5 * RATE_HZ), np.float32))
    after = engine.meters(), engine.suggestion
    assert after[1] == pytest.approx(before[1], abs=0.05)
    assert after[0].gain_db == pytest.approx(before[0].gain_db, abs=0.1)


def test_a_restored_engine_goes_on_bit_for_bit(song):
    audio = song[:, 14 * RATE_HZ : 20 * RATE_HZ]
    first = make("inline")
    run(first, audio[:, : 3 * RATE_HZ], 512)
    saved = first.state()
    second = make("inline", **{"master.amount": 0.3})
    second.restore(saved)
    assert np.array_equal(run(first, audio[:, 3 * RATE_HZ :], 512), run(second, audio[:, 3 * RATE_HZ :], 512))
    assert second.controls == first.controls
    other = make("inline", rate_hz=44100)
    with pytest.raises(UserError, match="sample_rate_hz = 48000"):
        other.restore(saved)


def test_reset_is_as_fresh_as_new(song):
    audio = song[:, 14 * RATE_HZ : 16 * RATE_HZ]
    engine = make("inline")
    first = run(engine, audio)
    engine.reset()
    assert np.array_equal(run(engine, audio), first)


def test_the_ceiling_follows_the_user_and_the_lower_of_two_rules(song):
    engine = make(**{"rider.enabled": False})
    engine.set(ceiling_dbtp=-6.0)
    engine.hold(params.from_dict({"input_gain_db": 12.0, "limiter_drive_db": 9.0}))
    out = run(engine, song[:, 14 * RATE_HZ : 17 * RATE_HZ])
    assert np.abs(out[:, RATE_HZ:]).max() <= 10 ** (-6 / 20) + 1e-4


@pytest.mark.parametrize(
    "wrong", [{"amount": 1.5}, {"amount": True}, {"amount": np.nan}, {"listen": "dry"}, {"freeze": 1}, {"volume": 3}]
)
def test_a_wrong_control_is_refused_and_nothing_changes(wrong):
    engine = make()
    before = engine.controls
    with pytest.raises(ConfigError, match=f"control .*{next(iter(wrong))}"):
        engine.set(**wrong)
    assert engine.controls == before


@pytest.mark.parametrize(
    ("rate_hz", "block", "channels"),
    [(8000, 512, 2), (192001, 512, 2), (48000, 0, 2), (48000, 512, 7), (48000, 512, 0)],
)
def test_a_stream_it_cannot_do_is_refused_at_prepare(rate_hz, block, channels):
    with pytest.raises(UserError):
        Engine().prepare(rate_hz, block, channels)


def test_a_wrong_block_is_refused():
    engine = make(block=512)
    for block in (
        np.zeros((2, 513), np.float32),
        np.zeros((1, 64), np.float32),
        np.zeros((2, 64)),
        np.zeros((64, 2), np.float32).T,
    ):
        with pytest.raises(ValueError, match="block"):
            engine.process(block)


def test_meters_tell_what_went_out(song):
    engine = make("inline")
    out = run(engine, song[:, 14 * RATE_HZ : 24 * RATE_HZ])
    meters = engine.meters()
    assert meters.seconds == pytest.approx(10.0, abs=0.011)
    assert meters.out_true_peak_dbtp <= -1.0 + 0.05
    assert -0.2 < meters.out_peak_dbfs + 1.0 + 15.0 < 30
    assert dataclasses.asdict(meters)["applied"].keys() == set(params.NAMES)
    assert np.abs(out).max() > 0.3


def test_target_loudness_is_met_whatever_the_suggester_says(song):
    class Wrong:
        name = "wrong"
        confidence = np.ones(params.COUNT)

        def suggest(self, listener, style):
            return params.from_dict({"input_gain_db": -6.0})

    from rt_automix.analysis.recordings.measure import Meter

    audio = np.concatenate([song[:, 14 * RATE_HZ : 24 * RATE_HZ]] * 2, axis=1)
    engine = Engine(
        Config().with_overrides(**{"rider.max_trim_db": 24.0, "master.target_lufs": -16.0}), suggester=Wrong()
    )
    engine.prepare(RATE_HZ, 8192, 2)
    out = run(engine, audio)
    meter = Meter(RATE_HZ, 2)
    meter.push(np.ascontiguousarray(out[:, 8 * RATE_HZ :]))
    assert abs(meter.result().integrated_lufs + 16.0) < 0.7


def test_what_comes_in_far_too_quiet_meets_a_low_target(song):
    """More gain than parameters reach is taken for the style's own loudness, and less of it for the target."""
    from rt_automix.analysis.recordings.measure import Meter

    quiet = np.concatenate([song[:, 14 * RATE_HZ : 24 * RATE_HZ]] * 2, axis=1) * np.float32(10.0 ** (-24.0 / 20.0))
    engine = Engine(Config().with_overrides(**{"master.target_lufs": -40.0}), analysis="inline")
    engine.prepare(RATE_HZ, 8192, 2)
    meter = Meter(RATE_HZ, 2)
    meter.push(np.ascontiguousarray(run(engine, quiet)[:, 8 * RATE_HZ :]))
    assert abs(meter.result().integrated_lufs + 40.0) < 0.7


@pytest.mark.parametrize(
    ("controls", "said"),
    [
        ({"target_lufs": -14.0}, ""),
        ({"target_lufs": -5.0}, "under the target: the limiter takes"),
        (
            {"target_lufs": -20.0, "max_trim_db": 0.0, "trims": {"input_gain_db": 6.0}},
            "over the target: the gain is at",
        ),
        ({"target_lufs": -5.0, "amount": 0.5}, ""),
    ],
)
def test_a_target_that_is_missed_is_said_and_why(song, controls, said):
    engine = Engine(Config(), analysis="inline")
    engine.prepare(RATE_HZ, 8192, 2)
    engine.set(**controls)
    assert missed(engine.arrays[0], engine.arrays[2], engine.meters()) == ""
    run(engine, np.concatenate([song[:, 18 * RATE_HZ : 24 * RATE_HZ]] * 3, axis=1))
    words = missed(engine.arrays[0], engine.arrays[2], engine.meters())
    print(words)
    assert said in words and bool(said) == bool(words)


def test_extreme_parameters_and_controls_in_any_order_stay_under_the_ceiling(song):
    rng = np.random.default_rng(11)
    audio = song[:, 14 * RATE_HZ : 22 * RATE_HZ] * 6
    engine = make("off")
    choices = itertools.cycle(["master", "compare", "bypass", "compare", "master"])

    def shake(at):
        if at % 9600 == 0:
            engine.hold(extremes(rng.random(params.COUNT) < 0.5))
            engine.set(listen=next(choices), amount=float(rng.random()), ride=bool(rng.random() < 0.5))

    out = run(engine, audio.clip(-0.85, 0.85), 480, shake)
    assert np.isfinite(out).all() and np.abs(out).max() <= np.float32(CEILING_LIN)


def test_the_arrays_and_what_is_long_in_them_begin_with_a_cache_line():
    engine = Engine(analysis="off")
    engine.prepare(48_000, 64)
    assert all(array.ctypes.data % layout.CACHE_LINE_BYTES == 0 for array in engine.arrays)
    assert all(start % 8 == 0 for start in (layout.EQ_RAMP, layout.FINE_RAMP, layout.FINE_STATE, layout.CASCADE_WORK))
    assert all(start % 16 == 0 for start in (layout.RING_RIGHT, layout.LIMITER_STATE, layout.COMPRESSOR_SCRATCH))


@pytest.mark.parametrize("count", [1, 64, 100, 4096])
def test_lent_arrays_sound_the_same(count):
    rng = np.random.default_rng(5)
    engines = [Engine(analysis="off") for _ in range(2)]
    for engine in engines:
        engine.prepare(48_000, 4096)
        engine.set(target_lufs=-8.0)
    first, second = engines
    io = rng.normal(0.0, 0.3, (2, count)).astype(np.float32)
    again = io.copy()
    chain.process_block(io, *first.arrays)
    chain.lent(second.arrays)(again)
    assert np.array_equal(io, again)


@pytest.mark.parametrize("by_object", [True, False])
def test_what_is_lent_takes_blocks_of_two_channels_and_says_what_else_it_was_given(by_object, monkeypatch):
    monkeypatch.setattr(direct, "is_possible", lambda: by_object)
    process = chain.lent(make(block=64).arrays)
    read_only = np.zeros((2, 64), np.float32)
    read_only.flags.writeable = False
    wrong = [np.zeros((2, 64)), np.zeros((2, 64, 1), np.float32), np.zeros((2, 8), np.float32)[:, ::2], read_only]
    references = [sys.getrefcount(thing) for thing in wrong]
    for thing in (*wrong, None, 1):
        with pytest.raises(TypeError, match="io is float32"):
            process(thing)
    assert [sys.getrefcount(thing) for thing in wrong] == references
    assert process(np.zeros((2, 0), np.float32)) is None and process(np.zeros((2, 64), np.float32)) is None


def test_this_python_lets_a_kernel_look_at_its_arrays():
    assert direct.is_possible()


def test_while_a_block_is_mastered_other_threads_run():
    io, ran, is_done = np.zeros((2, 1 << 22), np.float32), [], threading.Event()
    process = chain.lent(make(block=64).arrays)

    def note() -> None:
        while not is_done.wait(1e-3):
            ran.append(time.perf_counter())

    thread = threading.Thread(target=note)
    thread.start()
    start = time.perf_counter()
    process(io)
    end = time.perf_counter()
    is_done.set()
    thread.join()
    assert sum(start < moment < end for moment in ran) > 3
