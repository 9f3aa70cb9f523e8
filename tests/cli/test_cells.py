"""What is written to a terminal: what has changed and no more; together it is the picture."""

from __future__ import annotations

import io
import random
from dataclasses import replace

import pytest
from rich.console import Console
from rich.text import Text
from shown_cells import ShownCells
from test_screen import scene, status

from rt_automix.cli.views import frame
from rt_automix.cli.views.cells import Cells

WIDTH, HEIGHT = 100, 40
FRAMES_PER_S = 10
MOST_BYTES_PER_S = 10_000


def console(colour="256"):
    return Console(file=io.StringIO(), force_terminal=True, color_system=colour, width=WIDTH, height=HEIGHT)


def moving(count, seed=6):
    """Pictures of a session in which nothing but the meters moves."""
    choice = random.Random(seed)
    level = -14.0
    for number in range(count):
        level = min(max(level + choice.gauss(0.0, 0.4), -30.0), -6.0)
        told = status()
        for name in ("in_peak_dbfs", "out_peak_dbfs", "out_true_peak_dbtp"):
            told["meters"][name] = level + 8.0 * choice.random()
        told["meters"] |= {"momentary_lufs": level, "short_term_lufs": level + 0.05 * (number % 7)}
        told["meters"] |= {"compression_db": 2.0 * choice.random(), "limiting_db": 3.0 * choice.random()}
        for name, value in told["meters"]["applied"].items():  # parameters glide all the time
            told["meters"]["applied"][name] = value + 0.05 * choice.random() * (name != "output_level")
        clock = f"12:00:{number // FRAMES_PER_S:02d}"
        yield replace(scene(), status=told, clock=clock)


def test_meters_that_move_cost_at_most_ten_kilobytes_a_second():
    cells, screen, sizes = Cells(console()), ShownCells(WIDTH, HEIGHT), []
    for shown in moving(10 * FRAMES_PER_S):
        lines = frame.draw(shown, WIDTH, HEIGHT)
        written = cells.changes(lines, WIDTH, HEIGHT)
        sizes.append(len(written.encode()))
        screen.write(written)
        assert screen.lines[: len(lines)] == [line.plain.rstrip() for line in lines]
    assert sizes[0] > 2000
    assert sum(sizes[1:]) / 10 < MOST_BYTES_PER_S


def test_the_same_picture_again_costs_nothing_and_a_shorter_one_leaves_nothing_behind():
    cells, screen = Cells(console()), ShownCells(WIDTH, HEIGHT)
    for lines in (["one line", "and another"], ["one", "", "three"], ["one"], ["two"]):
        written = cells.changes([Text(line) for line in lines], WIDTH, HEIGHT)
        screen.write(written)
        assert [line for line in screen.lines if line] == [line for line in lines if line]
    assert cells.changes([Text("two")], WIDTH, HEIGHT) == ""
    assert cells.changes([Text("two", "bold")], WIDTH, HEIGHT) == "\x1b[1;1H\x1b[1mtwo\x1b[0m"
    assert cells.changes([Text("two", "bold")], WIDTH, HEIGHT - 1).startswith("\x1b[0m\x1b[2J")


@pytest.mark.parametrize("colour", [None, "standard", "truecolor"])
def test_colours_are_those_that_the_terminal_has(colour):
    written = Cells(console(colour)).changes([Text("red", "red"), Text("ふ|")], WIDTH, HEIGHT)
    assert ("\x1b[31m" in written) == (colour is not None) and "ふ|" in written
