"""What the core in C is given by Python: where things lie, the table, and numbers that do not change.

`header` is the text of `made.h`; the numbers themselves, tables of each sample rate, profiles, and what is known of
masters, are one constant, `rtm_data`, whose parts the header names by their offsets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import params
from rt_automix.analysis import features, tone
from rt_automix.analysis import layout as analysis_at
from rt_automix.analysis.aim import masters, profile
from rt_automix.analysis.deciding import analyst, deciding
from rt_automix.analysis.hearing import ears, hearing, means, speech, spoken
from rt_automix.analysis.hearing.statistics import MEMORY_S
from rt_automix.config import Config
from rt_automix.dsp import atomics
from rt_automix.dsp.dynamics import limiter, rider
from rt_automix.dsp.loudness import loudness, truepeak
from rt_automix.dsp.tone import cascade, fine
from rt_automix.dsp.vectors import fft
from rt_automix.engine import chain, fresh, steering
from rt_automix.engine import layout as engine_at
from rt_automix.native import abi
from rt_automix.plugin import table
from rt_automix.units import LUFS_OFFSET_DB

RATES_HZ = (44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
"""Sample rates whose tables are inside."""

DOORS: tuple[Any, ...] = (
    chain.process_pair, steering.settle, atomics.triple_publish, atomics.triple_fetch, hearing.hear_hop,
    hearing.recent_lufs, speech.set_aside, deciding.match, deciding.take, limiter.reset, loudness.integrated_lufs,
    rider.gain_db, means.clear, means.vector, means.loudness_lufs, truepeak.process, truepeak.true_peak_lin,
)  # fmt: skip
"""All of the engine that the core calls."""

_JOINED = 8
"""So few equal items between two stretches do not part them."""

KEPT = (
    (1, "MEMORY_FRAMES", 1), (2, "PAUSE_FRAMES", 1), (3, "SOUND_FRAMES", 1), (4, "HEARD_FRAMES", 1),
    (5, "MUSIC_FRAMES", 1), (6, "RUNNING_ENERGY", 1), (7, "ENERGY", 1), (8, "ENERGY_SQUARED", 1),
    (9, "PEAK_POWER", 1), (10, "RECENT_COUNT", 1), (11, "RECENT_ENERGIES", analysis_at.BLOCK_FRAMES),
    (12, "BLOCK_SHARES", analysis_at.LEVELS), (13, "LEVEL_SHARES", analysis_at.LEVELS),
    (14, "MEL_POWER", 2 * features.MEL_BANDS), (15, "FINE_POWER", 2 * analysis_at.FINE_POINTS),
    (16, "TEXTURE", analysis_at.T_PAST), (17, "SPEECH", 1),
)  # fmt: skip
"""What of the statistics is saved, under which number: a number is for ever."""


class Data:
    """Parts of one constant, each at a multiple of eight bytes."""

    def __init__(self) -> None:
        self.content = bytearray()

    def put(self, values: NDArray[Any]) -> int:
        """Where a part begins."""
        start = len(self.content)
        self.content += np.ascontiguousarray(values).tobytes()
        self.content += bytes(-len(self.content) % 8)
        return start


@dataclass(frozen=True)
class Image:
    """The arrays of chain and ears of one sample rate, before a stream begins."""

    arrays: tuple[NDArray[Any], ...]

    @classmethod
    def of(cls, sample_rate_hz: int, channels: int = 2, look_ahead: bool = True) -> Image:
        config = Config()
        config = replace(config, limiter=replace(config.limiter, lookahead=look_ahead))
        heard = ears.new_arrays(sample_rate_hz, channels, MEMORY_S, judges=True)
        at = analysis_at
        for start, count in ((at.HANN, at.FRAME_SIZE), (at.FFT_TABLE, at.TABLE_SIZE), (at.WINDOW, _window())):
            heard[1][start : start + count] = 0.0  # the core makes these
        heard[0][at.SPEECH_NET : at.SPEECH_NET + at.SPEECH_NET_SIZE] = 0.0  # is the same at every rate
        of_chain = fresh.arrays(config, sample_rate_hz, channels)
        of_chain[0][engine_at.FINE_TABLE : engine_at.FINE_TABLE + _FINE_CUTS] = 0.0  # the core makes them of the boosts
        return cls((*of_chain, *heard))

    def runs(self, base: Image | None = None) -> Iterator[tuple[int, int, NDArray[Any]]]:
        """Stretches (array, start, values) in which it differs from another, by default from nothing."""
        for place, array in enumerate(self.arrays):
            other = base.arrays[place] if base else np.zeros_like(array)
            differs = np.flatnonzero(array != other)
            parts = np.split(differs, np.flatnonzero(np.diff(differs) > _JOINED) + 1) if differs.size else []
            for part in parts:
                start, stop = int(part[0]), int(part[-1]) + 1
                yield place, start, array[start:stop]


_FINE_CUTS = fine.TABLE_ROWS // 2 * fine.BAND_COUNT * cascade.ENTRIES


def _window() -> int:
    return 2 * analysis_at.WINDOW_FRAMES * features.ROWS


def everything() -> tuple[str, bytes]:
    """The header's text, and the constant.

    Thread: main. Allocates: yes.
    """
    data = Data()
    parts = [
        "/* Made by rt_automix.plugin.made. */",
        "#ifndef RTM_MADE_H",
        "#define RTM_MADE_H",
        "#include <stdint.h>",
        "extern const unsigned char rtm_data[];",
        *_numbers(),
        *_layout("E", engine_at),
        *_layout("A", analysis_at),
        *_kernels(),
        *_rates(data),
        *_profiles(data),
        *_masters(data),
        *_controls(),
        "#endif",
        "",
    ]
    return "\n".join(parts), bytes(data.content)


def _numbers() -> Iterator[str]:
    """Single numbers."""
    values = {
        "HOP_S": features.HOP_S,
        "DELAY_S": analyst.DELAY_S,
        "SHORT_TERM_FRAMES": round(analyst.SHORT_TERM_S / features.HOP_S),
        "MIN_MUSIC_S": profile.MIN_MUSIC_S,
        "INTERVAL_HOPS": Config().engine.analysis_hops,
        "ROW_FLOOR_DB": features.ROW_FLOOR_DB,
        "ROWS": features.ROWS,
        "WINDOW_SIZE": _window(),
        "PARAM_COUNT": params.COUNT,
        "WORK_SIZE": deciding.WORK_SIZE,
        "VECTOR_SIZE": tone.VECTOR_SIZE,
        "LUFS_OFFSET_DB": LUFS_OFFSET_DB,
        "LOUDNESS_SIZE": loudness.STATE_SIZE,
        "LIMITER_SIZE": limiter.STATE_SIZE,
        "LIMITER_SETTINGS_SIZE": limiter.SETTINGS_SIZE,
        "TRUE_PEAK_SIZE": truepeak.new_state().size,
        "FINE_LIMIT_DB": fine.GAIN_LIMIT_DB,
        "FINE_CUTS": fine.TABLE_ROWS // 2 * fine.BAND_COUNT,
        "FINE_ROW": fine.BAND_COUNT,
        "ENTRIES": cascade.ENTRIES,
        "FFT_LENGTH": fft.LENGTH,
        "FFT_ROWS": fft.ROWS,
        "FFT_COLUMNS": fft.COLUMNS,
        "FFT_STRIDE": fft.STRIDE,
        "FFT_SIZE": fft.SIZE,
        "RIDER_SIZE": rider.STATE_SIZE,
        "RIDER_GAIN_LIMIT_DB": rider.GAIN_LIMIT_DB,
        "RIDER_WINDOW_STEPS": rider.WINDOW_STEPS,
        **{f"RIDER{name}": getattr(rider, name) for name in _RIDER},
        "STYLE_LEARNED": table.LEARNED,
        "STYLE_COUNT": len(table.STYLES),
    }
    for name, value in values.items():
        yield f"#define {name} {value!r}"
    for name, each in (("NEUTRAL", params.NEUTRAL), ("LOW", params.LOW), ("HIGH", params.HIGH)):
        yield f"static const double {name}[] = {{{', '.join(map(repr, each.tolist()))}}};"


_RIDER = ("_RING", "_BLOCKS", "_LONG", "_GAINS", "_AT", "_STEPS", "_GOAL", "_GAIN")


def _layout(prefix: str, module: Any) -> Iterator[str]:
    """Where things lie in the arrays of a layout."""
    for name, value in vars(module).items():
        if name.isupper() and not name.startswith("_") and isinstance(value, int | np.integer):
            yield f"#define {prefix}_{name} {int(value)}"


def _kernels() -> Iterator[str]:
    """How the core calls the engine."""
    for door in DOORS:
        signature, function = door.signature, door.py_func
        name = abi.symbol(function.__module__, function.__name__)
        taken: list[str] = []
        for kind in signature.takes:
            if kind.dimensions:
                taken += [f"const {abi.SCALARS[kind.name][0]} *", *["int64_t"] * kind.dimensions]
            else:
                taken.append(abi.SCALARS[kind.name][0])
        returned = abi.SCALARS[signature.returns][0] if signature.returns else "void"
        yield f"extern {returned} {name}({', '.join(taken)});"
        yield f"#define k_{function.__module__.rpartition('.')[2]}_{function.__name__} {name}"


def _rates(data: Data) -> Iterator[str]:
    """The arrays of each rate, and what of them is otherwise for one channel, without look-ahead, and with it again."""
    yield "struct run { int32_t array, start, count; int64_t offset; };"
    yield "struct rate { int32_t hz; const struct run *all, *mono, *direct, *ahead;"
    yield "  int32_t all_count, mono_count, direct_count, ahead_count; int64_t solve; };"
    rows = []
    for rate in RATES_HZ:
        whole = Image.of(rate)
        direct = Image.of(rate, look_ahead=False)
        kinds = {
            "all": whole.runs(),
            "mono": Image.of(rate, channels=1).runs(whole),
            "direct": direct.runs(whole),
            "ahead": whole.runs(direct),
        }
        counts = []
        for kind, found in kinds.items():
            runs = [f"{{{place}, {start}, {values.size}, {data.put(values)}}}" for place, start, values in found]
            yield f"static const struct run {kind}_{rate}[] = {{{', '.join(runs)}}};"
            counts.append(len(runs))
        solve = data.put(np.ascontiguousarray(fine.solve_matrix(rate)))
        names = ", ".join(f"{kind}_{rate}" for kind in kinds)
        rows.append(f"{{{rate}, {names}, {', '.join(map(str, counts))}, {solve}}}")
    yield f"#define RATE_COUNT {len(rows)}"
    yield f"static const struct rate RATES[] = {{{', '.join(rows)}}};"


def _profiles(data: Data) -> Iterator[str]:
    """What each style aims at; at LEARNED what `auto` does."""
    numbers = [masters.numbers(profile.load(name or "auto")) for name in table.STYLES]
    yield f"#define PROFILES_AT {data.put(np.array(numbers))}"


def _masters(data: Data) -> Iterator[str]:
    """What is known of masters, in float32 where that is all of it, the rest apart."""
    known = masters.table()
    assert not masters.problem(), masters.problem()
    rough = known.astype(np.float32)
    differs = np.flatnonzero(rough.astype(np.float64) != known)
    start, stop = int(differs[0]), int(differs[-1]) + 1
    yield f"#define MASTERS_AT {data.put(rough)}"
    yield f"#define MASTERS_EXACT_AT {data.put(known[start:stop])}"
    yield f"#define MASTERS_EXACT_START {start}"
    yield f"#define MASTERS_EXACT_COUNT {stop - start}"
    net = spoken.net()
    assert (net == net.astype(np.float32)).all()
    yield f"#define SPEECH_NET_AT {data.put(net.astype(np.float32))}"


def _controls() -> Iterator[str]:
    """The table, in C."""
    kinds = "struct control { int32_t id; const char *symbol, *label, *unit; double low, high, normal;"
    yield f"{kinds} int32_t is_stepped, is_switch, step_count; const char *const *steps; }};"
    for place, control in enumerate(table.CONTROLS):
        yield f"#define P_{control.symbol.upper()} {place}"
        if control.steps:
            names = ", ".join(f'"{step}"' for step in table.named(control))
            yield f"static const char *const STEPS_{control.identity}[] = {{{names}}};"
    yield f"#define CONTROL_COUNT {len(table.CONTROLS)}"
    rows = []
    for control in table.CONTROLS:
        texts = ", ".join(f'"{text}"' for text in (control.symbol, control.label, control.unit))
        numbers = ", ".join(map(repr, (control.low, control.high, control.default)))
        steps = f"STEPS_{control.identity}" if control.steps else "0"
        kind = f"{int(control.is_stepped)}, {int(control.is_switch)}, {len(control.steps)}, {steps}"
        rows.append(f"{{{control.identity}, {texts}, {numbers}, {kind}}}")
    yield f"static const struct control CONTROLS[] = {{{', '.join(rows)}}};"
    yield "struct meter { int32_t id; const char *symbol, *label, *unit; double low, high, normal; };"
    rows = []
    for place, meter in enumerate(table.METERS):
        yield f"#define M_{meter.symbol.upper()} {place}"
        texts = ", ".join(f'"{text}"' for text in (meter.symbol, meter.label, meter.unit))
        rows.append(f"{{{meter.identity}, {texts}, {meter.low!r}, {meter.high!r}, {meter.default!r}}}")
    yield f"#define METER_COUNT {len(rows)}"
    yield f"static const struct meter METERS[] = {{{', '.join(rows)}}};"
    yield "struct kept { int32_t id, start, count; };"
    rows = [f"{{{number}, A_{name}, {count}}}" for number, name, count in KEPT]
    yield f"#define KEPT_COUNT {len(rows)}"
    yield f"static const struct kept KEPT[] = {{{', '.join(rows)}}};"
