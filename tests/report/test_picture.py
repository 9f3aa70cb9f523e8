"""The picture: complete, and every part in a place of its own."""

from __future__ import annotations

import struct
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from rt_automix import report
from rt_automix.render import History
from rt_automix.report import figures


def test_the_picture_is_a_png_of_1600_by_1000(song, tmp_path):
    path = tmp_path / "picture.png"
    report.write_picture(song, path)
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and data[-8:-4] == b"IEND"
    assert struct.unpack(">II", data[16:24]) == (1600, 1000)
    pixels = matplotlib.image.imread(path)[:, :, :3]
    for part in (pixels[:500, :800], pixels[:500, 800:], pixels[500:, :800], pixels[500:, 800:]):
        blue = np.abs(part - matplotlib.colors.to_rgb("#0072b2")).max(axis=2) < 0.02
        assert blue.sum() > 300  # what came out is drawn in every panel
    assert (pixels[:, -6:] == 1.0).all() and (pixels[-6:] == 1.0).all()  # and nothing runs off the edge


@pytest.mark.parametrize("case", ["as it is", "loud words", "an hour", "silence"])
def test_nothing_in_the_picture_overlaps_or_runs_off(song, hour, case):
    """Every panel with its title, legend and numbers, and both headlines, have a place of their own."""
    long_name = replace(song, source=Path("W" * 80), style=replace(song.style, name="W" * 80))
    nothing = np.zeros((0, 31))
    empty = History(*(nothing[:, 0], *2 * [nothing[:, :10]], *4 * [nothing[:, 0]], nothing))
    result = {"as it is": song, "loud words": long_name, "an hour": hour, "silence": replace(song, history=empty)}[case]
    with figures.empty(*figures.PICTURE_INCHES) as figure:
        figures.compose(figure, result)
        renderer = FigureCanvasAgg(figure).get_renderer()
        boxes = {axes.get_title(loc="left"): axes.get_tightbbox(renderer) for axes in figure.axes}
        boxes |= {text.get_text(): text.get_window_extent(renderer) for text in figure.texts}
    assert len(boxes) == 7
    for name, box in boxes.items():
        assert box.x0 > 2 and box.y0 > 2 and box.x1 < figure.bbox.x1 - 2 and box.y1 < figure.bbox.y1 - 2, name
    for (one, box), (other, further) in combinations(boxes.items(), 2):
        assert not box.overlaps(further), (one, other)
