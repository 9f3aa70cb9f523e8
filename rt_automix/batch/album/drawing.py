"""A record's figures: its songs side by side, before and after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rt_automix.batch.album.work import Heard, Mastered
from rt_automix.batch.item import Row
from rt_automix.report import curves, figures
from rt_automix.report.panels import AFTER, BEFORE
from rt_automix.report.words import SILENCE_DB

Songs = Sequence[tuple[Row, Heard, Mastered]]


def loudness(songs: Songs) -> str:
    """Bars from song to song, as an SVG element. Thread: main. Allocates: yes."""
    sides = {
        "before": ([one.input.integrated_lufs for _, one, _ in songs], BEFORE, -0.2),
        "after": ([made.output.integrated_lufs for _, _, made in songs], AFTER, 0.2),
    }
    with figures.empty(figures.PAGE_INCHES, 2.6) as figure:
        axes = figure.subplots()
        for name, (lufs, color, beside) in sides.items():
            heard = [(n, value) for n, value in enumerate(lufs, 1) if value > SILENCE_DB]
            if heard:
                places, values = np.array(heard).T
                axes.vlines(places + beside, max(values) - 60.0, values, color=color, linewidth=5.0, label=name)
        levels = [value for lufs, _, _ in sides.values() for value in lufs if value > SILENCE_DB]
        axes.set_ylim(min(levels, default=-30.0) - 3.0, max(levels, default=0.0) + 2.0)
        axes.set_xlim(0.4, len(songs) + 0.6)
        axes.locator_params(axis="x", integer=True)
        axes.set_xlabel("Song")
        axes.set_ylabel("Loudness (LUFS)")
        if levels:
            axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
        return figures.svg(figure, "loudness", "Loudness of each song before and after.")


def tone(songs: Songs) -> str:
    """Spectra of all songs, as an SVG element. Thread: main. Allocates: yes."""
    with figures.empty(figures.PAGE_INCHES, 2.8) as figure:
        both = figure.subplots(1, 2, sharey=True)
        for axes, is_after in zip(both, (False, True), strict=True):
            for _, heard, made in songs:
                profile = made.profile if is_after else heard.profile
                if profile is not None:
                    color = AFTER if is_after else BEFORE
                    axes.plot(curves.band_centres_hz(), profile.bands_db, color=color, linewidth=0.9, alpha=0.7)
            axes.set_xscale("log")
            axes.set_title("After" if is_after else "Before")
            axes.set_xticks([100.0, 1000.0, 10000.0], ["100", "1k", "10k"])
            axes.set_xlabel("Frequency (Hz)")
        both[0].set_ylabel("Level (dB)")
        return figures.svg(figure, "tone", "Spectra of all songs before and after.")
