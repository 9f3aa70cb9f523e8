"""The arrays that a callback works on, tied together, and what the rest of the program does with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix import surround
from rt_automix.dsp.clocks.bridge import Reading, new_bridge, read
from rt_automix.engine.bed import Bed
from rt_automix.io.devices.edge import bedpiece, edge, piece
from rt_automix.io.devices.edge.board import BLOCK_SAMPLES, CALLBACKS, SAMPLES, SKIPS, Board

FADE_S = 0.05
"""How long the sound takes to come and to go."""

TURN_S = 0.02
"""How long the phones take to turn from one output to another."""

EngineArrays = tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.int64]]


class Wiring:
    """Joins an engine, the shared board and a device's channels; keep it as long as callbacks may come.

    Parameters
    ----------
    engine_arrays : the arrays of a prepared engine
    board : Board
    sample_rate_hz : int
    in_width, out_width : int
        How many channels the device's frames hold.
    in_channels : one index (mono, to both sides) or two
    out_channels : one index (the mean of both sides) or two
    others : pairs of arrays of a prepared engine, and channels as those above, or none
        The outputs beside the main one, as many as the board was made for at most.
    phones : channels as those above, or none; None: no phones
    heard : int
        The output that they begin with, 0 for the main one.
    bed : Bed, optional
        Of an engine for more than two channels; there are as many `in_channels` and `out_channels` then, and a board
        for them. More than two without one are pairs, each with an engine: those behind the first are `others`.
    """

    def __init__(
        self,
        engine_arrays: EngineArrays,
        board: Board,
        sample_rate_hz: int,
        in_width: int = 2,
        out_width: int = 2,
        in_channels: Sequence[int] = (0, 1),
        out_channels: Sequence[int] = (0, 1),
        others: Sequence[tuple[EngineArrays, Sequence[int]]] = (),
        phones: Sequence[int] | None = None,
        heard: int = 0,
        bed: Bed | None = None,
    ) -> None:
        self.stats = board.stats
        self._fade = np.zeros(piece.FADE_SIZE)
        self._fade[piece.FADE_STEP] = 1.0 / (FADE_S * sample_rate_hz)
        self._fade[piece.PERIOD_NS] = 1e9 / sample_rate_hz
        scratch = np.zeros(piece.SCRATCH_SIZE, np.float32)
        self._wiring = np.zeros(edge.WIRING_SIZE, np.int64)
        self._others = np.zeros(piece.OTHERS_SIZE, np.int64)
        self._arrays = (*engine_arrays, self.stats, self._fade, scratch, board.takes, self._wiring)
        addresses = [array.ctypes.data for array in self._arrays[:-1]]
        self._wiring[: len(addresses)] = addresses
        self._wiring[edge.W_OTHERS] = self._others.ctypes.data
        self._wiring[edge.W_IN_CHANNELS] = in_width
        self._wiring[edge.W_OUT_CHANNELS] = out_width
        self._wiring[edge.W_IN_LEFT], self._wiring[edge.W_IN_RIGHT] = in_channels[0], in_channels[-1]
        self._wiring[edge.W_OUT_LEFT] = out_channels[0]
        self._wiring[edge.W_OUT_RIGHT] = out_channels[1] if len(out_channels) > 1 else -1
        self._board = board
        self._kept = [self._join(number, *other) for number, other in enumerate(others)]
        self._others[0] = len(others)
        is_wide = bed is not None or len(in_channels) > 2
        self._bed = self._lay(bed, in_channels, out_channels) if is_wide else None
        if phones is not None:
            self._phones = self._wear(phones, heard, round(TURN_S * sample_rate_hz))

    def _lay(self, bed: Bed | None, in_channels: Sequence[int], out_channels: Sequence[int]) -> Any:
        """Fill in what more than two channels have beside the rest; what must be kept for it."""
        channels, wires = len(in_channels), self._wiring[edge.W_BED :]
        rows = channels if bed is None else len(bed.weights)
        scratch = np.zeros((rows, piece.PIECE_SAMPLES), np.float32)
        lent = (*(bed or ()), scratch, self._board.whole(channels))
        wires[bedpiece.B_CHANNELS], wires[bedpiece.B_ROWS] = channels, rows
        wires[bedpiece.B_WHOLE + 1 - len(lent) : bedpiece.B_WHOLE + 1] = [array.ctypes.data for array in lent]
        if bed is None:
            for number in range(channels // 2 - 1):
                row = self._row(number)
                row[piece.O_SCRATCH] = scratch[2 * number + 2 :].ctypes.data
                row[piece.O_HAS_INPUT] = 1
        for start, places in (
            (bedpiece.B_ROW, range(channels) if rows == channels else surround.layout_of(channels).rows),
            (bedpiece.B_IN, in_channels),
            (bedpiece.B_OUT, out_channels),
        ):
            wires[start : start + channels] = places
        return lent

    def _wear(self, channels: Sequence[int], heard: int, length_samples: int) -> Any:
        """Fill the row of the phones; what must be kept for it."""
        scratch = np.zeros(piece.SCRATCH_SIZE, np.float32)
        row = self._others[piece.PHONES_ROW : piece.PHONES_ROW + piece.OTHER_SIZE]
        row[piece.O_SCRATCH] = scratch.ctypes.data
        _aim(row, channels)
        self._others[[piece.P_WANTED, piece.P_FROM, piece.P_TO]] = heard
        self._others[[piece.P_DONE, piece.P_LENGTH]] = length_samples
        self._others[piece.P_ON] = 1
        return scratch

    def _join(self, number: int, engine_arrays: EngineArrays, channels: Sequence[int]) -> Any:
        """Fill the row of another output; what must be kept for it."""
        scratch = np.zeros(piece.SCRATCH_SIZE, np.float32)
        row = self._row(number)
        lent = (*engine_arrays, scratch, self._board.rings[2 + number])
        row[: len(lent)] = [array.ctypes.data for array in lent]
        _aim(row, channels)
        return lent

    def _row(self, number: int) -> NDArray[np.int64]:
        start = 1 + number * piece.OTHER_SIZE
        return self._others[start : start + piece.OTHER_SIZE]

    @property
    def has_pairs(self) -> bool:
        """Whether the others are pairs of the device's channels, and go where those go."""
        return self._bed is not None and self._wiring[edge.W_BED + bedpiece.B_OWN64] == 0

    @property
    def address(self) -> int:
        """What the callback gets as user data."""
        return int(self._wiring.ctypes.data)

    @property
    def lent(self) -> tuple[Any, Any, Any, Any]:
        """The last four arrays of `edge.duplex`: fade, scratch, takes, wiring."""
        return self._arrays[-4:]

    @property
    def others(self) -> NDArray[np.int64]:
        """The rows of `piece` that the wiring points to."""
        return self._others

    def plug(self, get_buffer: int, ports: Sequence[int]) -> None:
        """Note where `jack_port_get_buffer` is, and a client's ports: all in, all of each output, two for phones."""
        wires = self._wiring[edge.W_BED :]
        channels = int(wires[bedpiece.B_CHANNELS]) or 2
        self._wiring[edge.W_GET_BUFFER] = get_buffer
        if channels == 2:
            self._wiring[edge.W_PORTS : edge.W_PORTS + 4] = ports[:4]
        else:
            wires[bedpiece.B_PORT_IN : bedpiece.B_PORT_IN + channels] = ports[:channels]
            wires[bedpiece.B_PORT_OUT : bedpiece.B_PORT_OUT + channels] = ports[channels : 2 * channels]
        for number in range(0 if self.has_pairs else int(self._others[0])):
            first = 2 * channels + 2 * number
            self._row(number)[piece.O_PORT_LEFT : piece.O_PORT_RIGHT + 1] = ports[first : first + 2]
        if self._others[piece.P_ON]:
            first = piece.PHONES_ROW + piece.O_PORT_LEFT
            self._others[first : first + 2] = ports[-2:]

    def count_frames(self, frame_time: int, client: int) -> None:
        """Have it noticed when blocks are missing: where `jack_last_frame_time` is, and the client to ask of."""
        self._wiring[[edge.W_FRAME_TIME, edge.W_CLIENT, edge.W_NEXT_FRAME]] = frame_time, client, -1

    @property
    def latencies(self) -> int:
        """How often JACK has said that latencies have changed."""
        return int(self._wiring[edge.W_LATENCIES])

    @property
    def latency_samples(self) -> int:
        """What JACK is told that the engine adds."""
        return int(self._wiring[edge.W_LATENCY])

    @latency_samples.setter
    def latency_samples(self, count: int) -> None:
        self._wiring[edge.W_LATENCY] = count

    def registered(self, since: int) -> tuple[int, list[int]]:
        """How many ports have ever come, and the numbers of those since so many, as far as they are kept."""
        count = int(self._wiring[edge.W_REGISTERED])
        numbers = self._wiring[edge.W_NUMBERS :]
        first = max(since, count - edge.REGISTERED_KEPT)
        return count, [int(numbers[at % edge.REGISTERED_KEPT]) for at in range(first, count)]

    def fade(self, goal: float) -> None:
        """Let the sound come (1) or go (0) within FADE_S."""
        self._fade[piece.FADE_GOAL] = goal

    def hear(self, number: int) -> None:
        """Turn the phones to an output, 0 for the main one, within TURN_S. Thread: main. Allocates: no."""
        self._others[piece.P_WANTED] = number

    def bridge(self, sample_rate_hz: int, margin_ms: float) -> None:
        """Prepare for an input device with a clock of its own."""
        self._bridge = new_bridge(sample_rate_hz, sample_rate_hz, margin_ms)
        self._capture = np.zeros(piece.SCRATCH_SIZE, np.float32)
        addresses = [array.ctypes.data for array in self._bridge]
        self._wiring[edge.W_BRIDGE_F64 : edge.W_BRIDGE_F64 + 3] = addresses
        self._wiring[edge.W_BRIDGE_F32_SIZE] = len(self._bridge[1])
        self._wiring[edge.W_CAPTURE] = self._capture.ctypes.data

    @property
    def captured(self) -> int:
        """How many blocks an input device of its own has brought."""
        return int(self._wiring[edge.W_CAPTURED])

    @property
    def bridging(self) -> Reading:
        """How the two clocks are kept together."""
        f64, _, i64 = self._bridge
        return read(f64, i64)

    @property
    def is_silent(self) -> bool:
        """Whether the sound has gone."""
        return bool(self._fade[piece.FADE_NOW] == 0.0)

    @property
    def callbacks(self) -> int:
        """How many callbacks there have been."""
        return int(self.stats[CALLBACKS])

    @property
    def samples(self) -> int:
        """How many samples have gone through."""
        return int(self.stats[SAMPLES])

    @property
    def block_samples(self) -> int:
        """How long the last block was."""
        return int(self.stats[BLOCK_SAMPLES])

    def count_skip(self, missing: bool) -> None:
        """Count that blocks are missing, where no callback is told. Thread: main."""
        self.stats[SKIPS] += missing

    def exchange(self, source: NDArray[np.float32], sink: NDArray[np.float32], xrun: bool) -> None:
        """Do one block from Python: frames in, frames out. Thread: audio, but through the interpreter."""
        arrays: Any = self._arrays
        edge.duplex(source.reshape(-1), sink.reshape(-1), len(source), xrun, *arrays)


def _aim(row: NDArray[np.int64], channels: Sequence[int]) -> None:
    """Note the channels of an output, or of the phones."""
    row[piece.O_LEFT] = channels[0] if channels else -1
    row[piece.O_RIGHT] = channels[1] if len(channels) > 1 else -1
