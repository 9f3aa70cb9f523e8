"""The performer's screen: what is drawn at every size, what keys do, and the real program on a real terminal."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import io
import json
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from typing import Any

import pytest
from jackserver import JackServer, jack_server, needs_jack
from rich.console import Console
from shown_cells import ShownCells
from waiting import PATIENCE_S, until

from rt_automix import params
from rt_automix.cli.views import frame, gauges
from rt_automix.cli.views.keys import decode
from rt_automix.cli.views.screen import ACTIONS, HOLD_S, QUIT_S, Screen

pytestmark = pytest.mark.live

SIZES = [(80, 24), (120, 40), (60, 15)]
SUGGESTED = dict(zip(params.NAMES, [2.4, -1.8, -2.6, 0.4, 1.9, 2.8, 0.31, 1.14, 4.2, 0.87], strict=True))
APPLIED = params.to_dict(params.blend(list(SUGGESTED.values()), 0.7))


def status(**changes: Any) -> dict[str, Any]:
    """What a session says of itself, with changes anywhere in it."""
    meters = {
        "in_peak_dbfs": -11.6, "out_true_peak_dbtp": -1.2, "momentary_lufs": -13.1, "short_term_lufs": -13.8,
        "integrated_lufs": -14.3, "compression_db": 2.3, "limiting_db": 1.7, "gain_db": 6.4, "trim_db": 1.9,
        "faults": 0, "applied": APPLIED, "fine_gains_db": [0.4, -3.2] + 29 * [0.0],
    }  # fmt: skip
    controls = {
        "amount": 0.7, "listen": "master", "freeze": False, "ceiling_dbtp": -1.0, "target_lufs": -14.0,
        "output_trim_db": 0.0, "fine_tone": 0.85,
    }  # fmt: skip
    timing = {"late": 3, "xruns": 5, "block_samples": 64, "share": 0.074, "worst_us": 1000.0}
    whole: dict[str, Any] = {
        "state": "playing", "device": "Scarlett 2i2 USB", "sample_rate_hz": 48000, "latency_samples": 192,
        "engine_latency_samples": 64,
        "latency_ms": 4.0, "suggested": SUGGESTED, "suggestion_age_s": 0.2, "analysis_gaps": 4, "profile": "balanced",
        "suggester": "weighted_ensemble",
    }  # fmt: skip
    parts = {"meters": meters, "controls": controls, "timing": timing}
    for name, value in changes.items():
        part = next((part for part in parts.values() if name in part), whole)
        part[name] = value
    return whole | parts


def scene(status_changes: dict[str, Any] | None = None, **changes: Any) -> frame.Scene:
    """A session in the middle of a gig."""
    event = ("21:12:44", "Playing through Scarlett 2i2 USB at 48000 Hz.")
    whole = frame.Scene(
        "playing", status=status(**(status_changes or {})), clock="21:47:12", in_hold_dbfs=-9.4, out_hold_dbtp=-1.1,
        restarts=2, events=[(f"20:00:0{k}", f"event {k}") for k in range(4)] + [event],
    )  # fmt: skip
    return dataclasses.replace(whole, **changes)


def picture(shown: frame.Scene, width: int, height: int) -> list[str]:
    """Its lines as a terminal of that size gets them, without colours."""
    console = Console(file=io.StringIO(), width=width, height=height, record=True, force_terminal=True)
    lines = frame.draw(shown, width, height)
    assert len(lines) == height and max(line.cell_len for line in lines) <= width
    for line in lines:
        console.print(line)
    told = console.export_text().splitlines()
    assert len(told) == height, "a line was folded"
    return told


# What is drawn -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_number_is_there_at_every_size(width, height):
    text = "\n".join(picture(scene(), width, height))
    for param in params.PARAMS:
        (row,) = re.findall(rf"{param.label}[^\d+-]*([+-]?\d+\.\d+) +([+-]?\d+\.\d+)", text)
        digits = 0.051 if param.unit == "dB" else 0.0051
        assert abs(float(row[0]) - SUGGESTED[param.name]) < digits, param.name
        assert abs(float(row[1]) - APPLIED[param.name]) < digits, param.name
    levels = ["70 %", "-11.6 dBFS", "-9.4", "-1.2 dBTP", "-1.1", "-13.8", "M -13.1", "I -14.3", "target -14.0"]
    gains = ["-2.3", "-1.7", "+6.4 dB", "rider +1.9", "4.00 ms, 192 samples", "ceiling -1.0"]
    times = ["7.4%, worst 75% of block", "3 late, 5 xruns", "age 0.2 s, 4 dropped", "FINE  85 %"]
    for words in levels + gains + times + ["PLAYING", "[MASTER]", "21:47:12", "panic", "qq quit"]:
        assert words in text, words
    assert re.search(r"restarts +2\b", text)
    assert width < 80 or "up to -3.2 dB" in text


def test_the_last_five_events_are_on_a_small_screen_with_their_times():
    lines = picture(scene(), 80, 24)
    assert [line.split() for line in lines[18:22]] == [[f"20:00:0{k}", "event", str(k)] for k in range(4)]
    assert lines[22].strip() == "21:12:44  Playing through Scarlett 2i2 USB at 48000 Hz."


@pytest.mark.parametrize("width", [1, 2, 5, 9, 17, 40, 59, 75, 76, 79, 81, 200])
@pytest.mark.parametrize("height", [1, 2, 3, 9, 23, 24, 33, 34, 80])
def test_any_size_has_a_picture(width, height):
    take = {"path": "gig.flac", "seconds": 75.5, "megabytes": 9.8, "dropped_seconds": 0.0, "state": "recording"}
    for shown in (scene(), scene(takes=[take] * 2), scene(has_help=True), frame.Scene()):
        assert picture(shown, width, height)


def test_nothing_is_said_by_a_colour_alone():
    plain = picture(scene(), 80, 24)
    others = {
        "[BYPASS]": scene({"listen": "bypass"}),
        "[COMPARE]": scene({"listen": "compare"}),
        "[FREEZE]": scene({"freeze": True}),
        "HOT": scene(is_hot=True),
        "OVER": scene(is_over=True),
        "LOST": scene(state="lost", text="Lost: Scarlett."),
        "WAITING  Waiting for the device.": scene(state="waiting", text="Waiting for the device."),
        "no figures for 3 s": scene(unheard_s=3.2),
        "q again": scene(notice="Press q again."),
    }
    for words, shown in others.items():
        assert words in "\n".join(picture(shown, 80, 24)) and words not in "\n".join(plain), words


def test_who_decides_recordings_and_midi_are_shown():
    assert re.search(r"suggester +weighted_ensemble", "\n".join(picture(scene(), 80, 24)))
    good = {"path": "a/gig.flac", "seconds": 75.5, "megabytes": 9.8, "dropped_seconds": 0.0, "state": "recording"}
    bad = good | {"path": "in.wav", "state": "failed", "reason": "disk full"}
    found = {"midi": {"ports": ["nanoKONTROL2"], "missing": ""}}
    text = "\n".join(picture(scene(found, takes=[good, bad]), 120, 40))
    assert "1:15.5, 9.8 MB gig.flac" in text and "FAILED: in.wav: disk full" in text and "nanoKONTROL2" in text
    ended = "\n".join(picture(scene(takes=[good | {"state": "stopped"}]), 120, 40))
    assert re.search(r"recorded +1:15.5, 9.8 MB gig.flac", ended) and "recording" not in ended
    missing = {"midi": {"ports": [], "missing": "MIDI: no port yet in jack."}}
    assert re.search(r"MIDI +no port yet in jack\.", "\n".join(picture(scene(missing), 120, 40)))


def test_levels_are_not_shown_while_nothing_plays():
    text = "\n".join(picture(scene(state="waiting", text="Waiting."), 80, 24))
    assert "-11.6" not in text and "-13.8" not in text and "+2.4" in text


def test_a_first_run_shows_how_far_the_compiler_is():
    half = "\n".join(picture(frame.Scene("compiling", compiling=(30, 60)), 80, 24))
    assert "COMPILING" in half and "30 of 60" in half and half.count("█") == half.count("░") == 30


def test_help_explains_every_key():
    text = "\n".join(picture(scene(has_help=True), 80, 24))
    keys = "".join(keys for keys, _, _ in frame.KEYS)
    signs = {"up": "↑", "down": "↓", "left": "←", "right": "→", "=": "+"}
    for key in ACTIONS:
        assert signs.get(key, key) in keys + " + - P: ", key
    assert all(sentence in text for _, _, sentence in frame.KEYS)


def test_the_scale_of_the_meters():
    for level_db, halves in ((gauges.BOTTOM_DB, 0), (-24.0, 48), (-12.0, 72), (-0.25, 96), (0.0, 96), (6.0, 96)):
        plain = gauges.level_bar(level_db, 48, -200.0).plain
        assert (2 * plain.count("█") + plain.count("▌"), len(plain)) == (halves, 48), level_db
    assert set(gauges.level_bar(float("nan"), 20, -200.0).plain) == {"░"}
    assert gauges.level_bar(-200.0, 48, -24.0).plain.index("│") == 24
    numbers = gauges.scale(48).plain
    assert [numbers.index(str(level_db)) for level_db in (-48, -36, -24, -12)] == [0, 12, 24, 36]


@pytest.mark.parametrize(("value", "cell"), [(-6.0, 0), (-3.0, 5), (6.0, 19), (99.0, 19)])
def test_a_parameter_stands_where_it_is_in_its_range(value, cell):
    mid = params.PARAMS[params.INDEX["mid_db"]]
    applied = gauges.param_range(mid, 20, suggested=1.3, applied=value).plain
    assert applied.index("█") == cell and applied.index("▼") == 12 and applied[10] == "┼"


# What keys do --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "keys", "rest"),
    [
        ("b+P0", ["b", "+", "P", "0"], ""),
        ("\x1b[A\x1b[B\x1b[C\x1b[D", ["up", "down", "right", "left"], ""),
        ("\x1bOA\x1bOD", ["up", "left"], ""),
        ("\x1b[1;5Ab", ["up", "b"], ""),
        ("\x1b[3~\x1b[15~\x1bOPf", ["f"], ""),
        ("f\x1b", ["f"], "\x1b"),
        ("\x1b[", [], "\x1b["),
        ("\x1b[1;", [], "\x1b[1;"),
        ("\x1bb", ["b"], ""),
        ("\x1b\x1b[A", ["up"], ""),
        ("\x00\x13\n\té", ["é"], ""),
    ],
)
def test_what_a_terminal_sends_becomes_keys(sent, keys, rest):
    assert decode(sent) == (keys, rest)


def test_an_arrow_cut_anywhere_is_no_other_key():
    for cut in (1, 2):
        begun, rest = decode("\x1b[A"[:cut])
        assert begun == [] and decode(rest + "\x1b[A"[cut:]) == (["up"], "")


def test_every_key_does_what_the_desk_can():
    from rt_automix.live.desk import desk

    steps, switches = {*desk.NUDGES, "profile"}, {*desk.LISTEN_SWITCHES, "freeze", "panic"}
    assert {name for verb, name, _ in ACTIONS.values() if verb == "nudge"} <= steps
    assert {name for verb, name, _ in ACTIONS.values() if verb == "set"} == switches


class Wire:
    """Stands in for a supervisor and its takes: notes what keys ask for, shows a status."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.status: dict[str, Any] | None = None
        self.starts = 1

    def set(self, name: str, value: Any) -> None:
        self.said.append(("set", name, value))

    def nudge(self, name: str, steps: float) -> None:
        self.said.append(("nudge", name, steps))


class NoTakes:
    """No recordings."""

    def status(self) -> list[dict[str, Any]]:
        return []

    programs = status


def test_quitting_takes_two_presses_in_time_and_nothing_between():
    screen, wire = Screen(), Wire()
    for key, at_s in (("q", 10.0), ("q", 10.1 + QUIT_S), ("b", 10.2 + QUIT_S), ("Q", 10.3 + QUIT_S)):
        screen.press(key, wire, at_s)
        assert not screen.wants_end
    screen.press("q", wire, 10.4 + QUIT_S)
    assert screen.wants_end and wire.said == [("set", "bypass", None)]


def test_caps_lock_is_no_trap():
    screen, wire = Screen(), Wire()
    for key in "BCFpP":
        screen.press(key, wire, 0.0)
    names = [("set", name, None) for name in ("bypass", "compare", "freeze")]
    assert wire.said == [*names, ("nudge", "profile", 1), ("nudge", "profile", -1)]


def test_an_output_is_chosen_by_a_key_shown_and_steered_and_panic_is_for_all():
    outputs = [{"name": name, **status(amount=amount)} for name, amount in (("room", 0.7), ("stream", 0.4))]
    screen, wire = Screen(), Wire()
    wire.status = {**status(), "outputs": outputs}
    screen.hear({"type": "state", "state": "playing", "text": "Playing."})
    for key in "bo":
        screen.show(wire, NoTakes())
        screen.press(key, wire, 0.0)
    screen.show(wire, NoTakes())
    for key in ("up", "0", "h", "o", "f", "h"):
        screen.press(key, wire, 0.0)
    assert wire.said == [
        ("set", "bypass", None), ("nudge", "output/stream/amount", 1), ("set", "panic", None),
        ("set", "phones", "stream"), ("set", "freeze", None), ("set", "phones", "room"),
    ]  # fmt: skip
    program = {"side": "stream", "state": "waiting", "dropped_seconds": 2.5}
    for width, height in SIZES:
        shown = scene({"amount": 0.4}, programs=[program])
        shown.status.update(outputs=outputs, name="stream", phones="room")
        text = "\n".join(picture(shown, width, height))
        assert "[o] stream" in text and "40 %" in text
        assert width < 120 or ("stream: waiting, 2.5 s lost" in text and "target -14.0" in text and "hear room" in text)


def test_a_venue_s_sound_level_is_shown_and_how_far_the_target_is_down():
    shown = scene({})
    shown.status["venue"] = {"laeq_15min_db": 98.26, "lowered_lu": 1.5}
    assert "98.3 dB, target -1.5 LU" in "\n".join(picture(shown, 120, 40))


def test_peaks_and_their_marks_stay_for_a_while(monkeypatch):
    now = [100.0]
    screen, wire, shown = Screen(lambda: now[0]), Wire(), []
    monkeypatch.setattr(frame, "Scene", lambda **fields: shown.append(fields))
    screen.hear({"type": "state", "state": "playing", "text": "Playing."})
    levels = (-0.5, -12.0, -12.0), (-0.2, -6.0, -6.0)
    for at_s, in_dbfs, out_dbtp in zip((0.0, 0.9 * HOLD_S, 1.1 * HOLD_S), *levels, strict=True):
        now[0], wire.status = 100.0 + at_s, status(in_peak_dbfs=in_dbfs, out_true_peak_dbtp=out_dbtp)
        screen.show(wire, NoTakes())
    held = [(one["in_hold_dbfs"], one["out_hold_dbtp"], one["is_hot"], one["is_over"]) for one in shown]
    assert held == [(-0.5, -0.2, True, True)] * 2 + [(-12.0, -6.0, False, False)]


def test_the_screen_is_light():
    code = "import sys, rt_automix.cli.views.screen, rt_automix.live.parent.supervisor; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(run.stdout.split())
    assert "rich.live" in loaded and not loaded & {"numba", "llvmlite", "rt_automix.engine", "sounddevice"}


# The real thing ------------------------------------------------------------------------------------

TAKE_TERMINAL = "import fcntl, os, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp('sh', ['sh', '-i'])"


class Terminal:
    """A shell with job control on a terminal of 80x24; what is written there is read only in `wait_for`."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._slave, self._open = slave, [self._master, slave]
        self._screen, self._unshown = ShownCells(80, 24), ""
        self.text = ""
        environment = environment | {"TERM": "xterm-256color", "PS1": "$ ", "ENV": ""}
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL], stdin=slave, stdout=slave, stderr=slave, env=environment,
            start_new_session=True,
        )  # fmt: skip

    @property
    def mode(self) -> list[Any]:
        """How the terminal is set."""
        return termios.tcgetattr(self._slave)

    @property
    def unread(self) -> int:
        """Bytes that wait to be read."""
        return struct.unpack("i", fcntl.ioctl(self._master, termios.FIONREAD, b"\0" * 4))[0]

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def wait_for(self, pattern: str) -> str:
        """Read until something new appears; forgets what came before its end."""
        found = until(
            lambda: re.search(pattern, self.text, re.DOTALL) or self.read() * 0,
            lambda: f"{pattern!r} in {self.text[-3000:]!r}",
        )
        self.text = self.text[found.end() :]
        return found.group()

    def read(self) -> int:
        """Take in what has been written, within a moment; how much that was."""
        if not select.select([self._master], [], [], 0.1)[0]:
            return 0
        came = os.read(self._master, 65536)
        text = came.decode(errors="ignore")
        self.text += text
        whole, mark, rest = (self._unshown + text).rpartition("\x1b")  # what may have been cut off waits
        self._screen.write(whole)
        self._unshown = mark + rest
        return len(came)

    def wait_until_shown(self, pattern: str) -> None:
        """Read until this is on the screen."""
        until(lambda: self.read() * 0 or re.search(pattern, "\n".join(self._screen.lines), re.DOTALL), pattern)

    def close(self) -> None:
        """Hang up."""
        while self._open:
            os.close(self._open.pop())
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE_S)
        self.process.kill()
        self.process.wait(5)


@pytest.fixture
def terminal() -> Iterator[tuple[Terminal, JackServer]]:
    with jack_server() as server:
        opened = Terminal(server.environment)
        try:
            opened.wait_for(r"\$ ")
            yield opened, server
        finally:
            opened.close()


AMOUNT = r"AMOUNT[^%]*? {} %"


def is_blocked(terminal: Terminal) -> bool:
    """Whether a terminal that nobody reads takes nothing any more, although whole pictures follow each other."""
    before = terminal.unread
    for _ in range(4):
        terminal.type("?")
        time.sleep(0.25)
    return terminal.unread == before > 4000


@needs_jack
def test_keys_on_a_real_terminal_reach_the_session_which_outlives_a_stop_and_a_blocked_terminal(terminal, tmp_path):
    shell, server = terminal
    state, before = tmp_path / "live.json", shell.mode

    def amount() -> Any:
        return json.loads(state.read_text())["learned"]["controls"]["amount"] if state.exists() else None

    shell.type(f"{sys.executable} -m rt_automix live --state {state} --amount 0.5\n")
    shell.wait_for(r"\x1b\[\?1049h")
    shell.wait_until_shown("PLAYING")
    shell.wait_until_shown(AMOUNT.format(50))
    assert not shell.mode[3] & (termios.ICANON | termios.ECHO) and shell.mode[3] & termios.ISIG

    shell.type("\x1b[A\x1b[A\x1bOA++-b")
    shell.wait_until_shown(AMOUNT.format(70))
    shell.wait_until_shown(r"\[BYPASS\]")
    until(lambda: amount() == pytest.approx(0.7), "the state file does not follow the keys")

    until(lambda: is_blocked(shell), "the terminal takes more and more")
    shell.type("\x1b[B" * 4)
    until(lambda: amount() == pytest.approx(0.5), "a blocked terminal blocks the keys")
    shell.wait_until_shown(AMOUNT.format(50))

    shell.type("\x1a")  # Ctrl-Z
    shell.wait_for(r"\x1b\[\?25h\x1b\[\?1049l.*Stopped.*\$ ")
    assert shell.mode == before and "rt_automix:out_1" in server.run("jack_lsp")
    shell.type("fg\n")
    shell.wait_for(r"\x1b\[\?1049h")
    shell.wait_until_shown("PLAYING")
    shell.type("0")
    shell.wait_until_shown(AMOUNT.format(" 0") + r".*\[MASTER\].*Panic")

    shell.type("q")
    shell.wait_until_shown("Press q again")
    shell.type("q")
    shell.wait_for(r"\x1b\[\?25h\x1b\[\?1049l.*Panic.*\$ ")
    shell.type("echo code $?\n")
    shell.wait_for(r"code 0\r")
    assert shell.mode == before and "rt_automix" not in server.run("jack_lsp")


@needs_jack
def test_a_terminal_that_closes_ends_the_session(terminal, tmp_path):
    shell, server = terminal
    state = tmp_path / "live.json"
    shell.type(f"exec {sys.executable} -m rt_automix live --state {state}\n")
    shell.wait_until_shown("PLAYING")
    shell.close()
    assert shell.process.returncode == 0
    assert "rt_automix" not in server.run("jack_lsp") and state.exists()
