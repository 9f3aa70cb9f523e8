"""The engine: a plugin's life cycle around the compiled chain and the analysis behind it."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rt_automix import params, surround
from rt_automix.analysis.aim import profile
from rt_automix.analysis.deciding.analyst import Analyst
from rt_automix.analysis.deciding.matcher import Matcher
from rt_automix.analysis.deciding.suggester import Suggester
from rt_automix.config import Config
from rt_automix.dsp import atomics
from rt_automix.dsp.tone import fine
from rt_automix.engine import bed, chain, controls, exchange, fresh, meters, steering, worker
from rt_automix.engine import layout as at
from rt_automix.errors import UserError

SAMPLE_RATES_HZ = (44_100, 192_000)
"""Lowest and highest sample rate the engine runs at."""

Analysis = Literal["inline", "thread", "off"]


class Engine:
    """Masters a stream of audio.

    Parameters
    ----------
    config : Config, optional
    style : Profile, optional
        What to aim at; by default the configuration's.
    suggester : Suggester, optional
        Who decides the parameters; by default the matcher.
    analysis : "inline", "thread" or "off"
        Inside `process` (offline: the same result every time), in a thread of its own (live), or
        not at all, with parameters held as `hold` set them.
    leader : Engine, optional
        An engine on the same input, prepared alike and before this one: it listens for both, and its analysis has
        this one decide, too. Keep both, and prepare both anew if one is.
    """

    def __init__(
        self,
        config: Config | None = None,
        style: profile.Profile | None = None,
        suggester: Suggester | None = None,
        analysis: Analysis = "inline",
        leader: Engine | None = None,
    ) -> None:
        self.config = config or Config()
        self.style = style or profile.load(self.config.master.profile)
        self._suggester = suggester or Matcher()
        self._analysis, self._leader = analysis if leader is None else "off", leader
        self._lock = threading.Lock()
        self._worker: worker.Worker | None = None
        self._controls, self._lowered_lu = controls.initial(self.config, self.style), 0.0

    def prepare(self, sample_rate_hz: int, max_block_samples: int = 4096, channels: int = 2) -> None:
        """Allocate everything for a stream; nothing later. More than two channels, in a WAV's order, are one `bed`.

        Raises
        ------
        UserError
            The rate, the block or the number of channels is outside what the engine does.

        Thread: main. Allocates: yes.
        """
        low, high = SAMPLE_RATES_HZ
        if not low <= sample_rate_hz <= high:
            raise UserError(f"sample rate {sample_rate_hz} Hz is outside [{low}, {high}]. Convert the audio first.")
        self.layout = surround.layout_for(channels, self.config.engine.pairs == "linked")
        if max_block_samples < 1:
            raise UserError(f"max_block_samples = {max_block_samples} is below 1. Use the largest block you will pass.")
        self.sample_rate_hz, self.channels = sample_rate_hz, channels
        self._mono = np.zeros((2, max_block_samples if channels == 1 else 0), np.float32)
        self._max_block_samples = max_block_samples
        self.reset()

    @property
    def latency_samples(self) -> int:
        """By how many samples the output lags the input, exactly."""
        return at.DELAY_SAMPLES if self.config.limiter.lookahead else 0

    def reset(self) -> None:
        """Forget the stream: filters, meters, suggestions, loudness. Controls stay.

        Thread: main, while no audio runs. Allocates: yes.
        """
        self.close()
        rate = self.sample_rate_hz
        self._solve_fine = fine.solve_matrix(rate)
        self._f64, self._f32, self._i64 = fresh.arrays(self.config, rate, self.channels, self._leader is None)
        self.bed = bed.new(self.layout, rate) if self.layout else None
        ring, publish = (
            exchange.ring(self._f32, self._i64, self.channels),
            partial(exchange.publish, self._f64, self._i64),
        )
        leader, hops = self._leader.analyst if self._leader is not None else None, self.config.engine.analysis_hops
        self.analyst: Analyst = Analyst(rate, self._suggester, self.style, hops, ring, publish, leader)
        self._publish_controls()
        self.hold(params.NEUTRAL)
        self.settle()
        # Compiles or loads the chain here rather than in the first callback.
        if self.bed is not None and self.layout is not None:
            self._master = bed.lent(self.bed, self.arrays, self.layout)
        else:
            self._master = chain.lent(self.arrays)
        self._start_worker()

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Master a block in place and return it.

        Parameters
        ----------
        block : float32, shape (channels, n), C-contiguous; n up to max_block_samples

        Raises
        ------
        ValueError
            The block has another dtype, layout or shape.

        Thread: audio (from Python). Allocates: no, but for the analysis where it is inline.
        """
        if block.dtype != np.float32 or block.ndim != 2 or not block.flags.c_contiguous:
            raise ValueError(f"a block is float32, C-contiguous, (channels, samples); got {block.dtype} {block.shape}")
        if block.shape[0] != self.channels or block.shape[1] > self._max_block_samples:
            allowed = f"({self.channels}, up to {self._max_block_samples})"
            raise ValueError(f"a block of {allowed} was prepared for; got {block.shape}")
        if self.channels >= 2:
            self._run(block)
            return block
        stereo = self._mono if block.shape[1] == self._max_block_samples else np.empty((2, block.shape[1]), np.float32)
        stereo[:] = block
        self._run(stereo)
        block[0] = stereo[0]
        return block

    def _run(self, stereo: NDArray[np.float32]) -> None:
        if self._analysis != "inline":
            self._master(stereo)
            return
        done = 0
        while done < stereo.shape[1]:
            due = self.analyst.next_at - int(self._i64[at.SAMPLE_COUNT])
            whole = done == 0 and due >= stereo.shape[1]
            piece = stereo if whole else np.ascontiguousarray(stereo[:, done : done + due])
            self._master(piece)
            if not whole:
                stereo[:, done : done + piece.shape[1]] = piece
            done += piece.shape[1]
            self.analyst.follow()

    def _start_worker(self) -> None:
        if self._analysis == "thread":
            self._worker = worker.Worker(self.analyst.warm, lambda: self.analyst.follow(), self._analysis_due_s)

    def _analysis_due_s(self) -> float:
        return (self.analyst.next_at - int(self._i64[at.SAMPLE_COUNT])) / self.sample_rate_hz

    def close(self) -> None:
        """Stop the analysis thread, if there is one."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def hold(self, values: params.Values, fine_gains_db: NDArray[np.float64] | None = None) -> None:
        """Set all ten parameters by hand, from the next tick on (an analysis that runs moves them again).

        Parameters
        ----------
        values : float64, shape (10,)
        fine_gains_db : float64, shape (31,), optional
            The fine bands' gains, before `fine_tone` and the amount; flat without them.

        Thread: the analysis', or any while analysis is off. Allocates: yes.
        """
        gains_db = np.zeros(fine.BAND_COUNT) if fine_gains_db is None else np.nan_to_num(fine_gains_db)
        self.analyst.suggestion = params.clamp(values)
        self.analyst.fine_gains_db = np.clip(gains_db, -fine.GAIN_LIMIT_DB, fine.GAIN_LIMIT_DB)
        exchange.publish(self._f64, self._i64, self.analyst.ready())

    def settle(self) -> None:
        """Put parameters and controls where they were last set, at once, as if they had always been.

        Thread: main, while no audio runs. Allocates: no.
        """
        steering.settle(self._f64, self._i64)

    @property
    def controls(self) -> dict[str, Any]:
        """Every control by name, as last set."""
        return dict(self._controls)

    def set(self, **values: Any) -> None:
        """Set controls by name; they act from the next tick, click-free.

        Parameters
        ----------
        amount : float, 0..1
        listen : "master", "bypass" or "compare" (the input at the master's loudness)
        freeze : bool
            Hold parameters and loudness trim.
        ceiling_dbtp : float, -12..0
        target_lufs : float, -40..-5
        ride : bool
            Whether the loudness rider works.
        night : bool
            Whether it keeps what is quiet and what is loud within a few LU, for late at night and for dialogue.
        max_trim_db : float, 0..24
        output_trim_db : float, -40..0
            Behind everything, whatever is listened to.
        trims : dict
            Offsets to what is suggested, by parameter, each up to half its range.
        fine_tone : float, 0..1
            How much of what is suggested for the fine bands is done.
        boldness : float, 0..1
            How large damage is expected to be, and so how far what is heard is corrected.
        style_strength : float, 0..1
            How far a style is leaned to.
        curve : sequence of (Hz, dB) pairs
            The performer's own curve on top: see `owncurve`.

        Raises
        ------
        ConfigError
            A name or value is not one of these.

        Thread: any. Allocates: yes.
        """
        for name, value in values.items():
            controls.check(name, value)
        if "curve" in values:
            values["curve"] = [list(point) for point in values["curve"]]  # as JSON gives it back
        with self._lock:
            self._controls.update(values)
            self._publish_controls()

    def lower(self, lowered_lu: float) -> None:
        """Aim so much below `target_lufs` from the next tick on. Thread: any. Allocates: yes."""
        with self._lock:
            self._lowered_lu = lowered_lu
            self._publish_controls()

    def _publish_controls(self) -> None:
        slots = self._f64[at.CONTROL_SLOTS : at.CONTROL_SLOTS + 3 * at.CONTROL_SIZE]
        index = self._i64[at.CONTROL_INDEX : at.CONTROL_INDEX + 3]
        self._instruct()
        aimed = {**self._controls, "target_lufs": self._controls["target_lufs"] - self._lowered_lu}
        atomics.triple_publish(index, slots, controls.message(aimed, self._solve_fine))

    def _instruct(self) -> None:
        """Tell who decides what was set."""
        for name in ("boldness", "style_strength"):
            setattr(self.analyst.decision, name, self._controls[name])
        self.analyst.decision.target_lufs = self._controls["target_lufs"] - self._lowered_lu

    @property
    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.int64]]:
        """The arrays of `layout` that `chain.process_pair` works on, for a compiled callback.

        They stay the same until the next `reset` or `prepare`; whoever lends them out keeps the engine.
        """
        return self._f64, self._f32, self._i64

    def follow_style(self, style: profile.Profile) -> None:
        """Aim at another profile from the next suggestion on, and at its loudness unless one was configured.

        Thread: any. Allocates: yes.
        """
        self.style = self.analyst.profile = style
        if self.config.master.target_lufs is None:
            self.set(target_lufs=style.loudness_lufs)

    @property
    def suggestion(self) -> dict[str, float]:
        """The parameters last suggested, by name, before the amount."""
        return params.to_dict(self.analyst.suggestion)

    @property
    def fine_suggestion(self) -> NDArray[np.float64]:
        """Gains in dB last suggested for the fine bands, before `fine_tone` and the amount: float64, shape (31,)."""
        return self.analyst.fine_gains_db.copy()

    @property
    def suggestion_age_s(self) -> float:
        """How long ago the newest sample came in that the suggestion has heard."""
        return (int(self._i64[at.SAMPLE_COUNT]) - self.analyst.heard_samples) / self.sample_rate_hz

    @property
    def input_short_term_lufs(self) -> float:
        """Loudness of the last three seconds of what comes in, as the analysis has heard it."""
        return self.analyst.short_term_lufs()

    @property
    def is_speech(self) -> bool:
        """Whether the analysis hears talk, and not music."""
        return self.analyst.listener.is_speech

    @property
    def analysis_late(self) -> int:
        """How often a suggestion came after its time: it acted at once, and a render would not be the same."""
        return self.analyst.late

    @property
    def analysis_gaps(self) -> int:
        """How often the analysis fell so far behind that it had to skip."""
        return self.analyst.gaps

    def meters(self) -> meters.Meters:
        """The newest meter readings. Thread: one reader at a time. Allocates: yes."""
        return meters.read(self._f64, self._i64, self.sample_rate_hz, self.channels)

    def state(self) -> dict[str, Any]:
        """Everything `restore` needs to go on as if nothing had happened, bit for bit.

        Thread: the one that calls `process`, or main while no audio runs. Allocates: yes.
        """
        return {
            **self._kind,
            "controls": self.controls,
            "f64": self._f64.copy(),
            "f32": self._f32.copy(),
            "i64": self._i64.copy(),
            "bed": [array.copy() for array in self.bed or ()],
            "analyst": self.analyst.state(),
        }

    @property
    def _kind(self) -> dict[str, Any]:
        """What two engines have in common if one can go on for the other."""
        return {"sample_rate_hz": self.sample_rate_hz, "channels": self.channels, "lookahead": self.latency_samples > 0}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken; the engine is prepared for the same kind of stream.

        Raises
        ------
        UserError
            The state is of another sample rate, number of channels or look-ahead.

        Thread: main, while no audio runs. Allocates: yes.
        """
        for name, value in self._kind.items():
            if state.get(name) != value:
                raise UserError(f"saved state: {name} = {state.get(name)}, the engine has {value}. Prepare it alike.")
        self.close()
        self._controls = dict(state["controls"])
        for mine, saved in ((self._f64, state["f64"]), (self._f32, state["f32"]), (self._i64, state["i64"])):
            mine[:] = saved
        if self.bed:
            self.bed.refill(state["bed"])
        self.analyst.restore(state["analyst"])
        self._instruct()
        self._start_worker()
