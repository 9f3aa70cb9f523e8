"""Whole figures, as SVG or PNG: the only file that imports matplotlib, and only when it draws."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from rt_automix.render import RenderResult
from rt_automix.report import notes, panels
from rt_automix.report.panels import FAINT, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE_INCHES = 9.0
PICTURE_INCHES, PICTURE_DPI = (8.0, 5.0), 200

_STYLE: Any = {
    "svg.hashsalt": "rt_automix",  # ids must not change from run to run
    "svg.fonttype": "none",  # text stays text: sharp, searchable, in the page's own font
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#9a9a9a",
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 2.5,
    "ytick.major.size": 0.0,
    "text.color": INK,
    "text.parse_math": False,  # a dollar in a file's name is a dollar
    "lines.linewidth": 1.3,
    "lines.solid_joinstyle": "round",
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.borderaxespad": 0.0,
    "legend.columnspacing": 1.4,
}

_PICTURE = {
    "Loudness": ((0.07, 0.52, 0.26, 0.29), panels.loudness),
    "Gain reduction": ((0.07, 0.085, 0.26, 0.29), panels.reduction),
    "Spectrum": ((0.415, 0.52, 0.315, 0.29), panels.spectrum),
    "Equaliser": ((0.415, 0.085, 0.315, 0.29), panels.response),
    "Parameters": ((0.765, 0.065, 0.22, 0.745), panels.settled),
}
"""Panels of the picture: left, bottom, width and height as shares of it. A column has one axis of time or frequency."""
_PAGE = {
    "loudness": (2.9, {panels.loudness: 1.0}),
    "spectrum": (5.4, {panels.spectrum: 1.4, panels.response: 1.0}),
    "gain": (3.9, {panels.reduction: 1.0, panels.gain: 1.0}),
}
"""Height in inches of each figure of the page, and its panels from top to bottom with their shares of it."""


@contextmanager
def empty(width_in: float, height_in: float) -> Iterator[Figure]:
    """An empty figure in the house's style, with no part in pyplot's global state."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()  # whatever the user's own matplotlibrc says
        matplotlib.rcParams.update(_STYLE)
        warnings.filterwarnings("ignore", "Glyph")  # names in scripts that the font lacks show as boxes
        yield Figure(figsize=(width_in, height_in), layout="constrained")


def svg(figure: Figure, name: str, alt: str) -> str:
    """A figure as an element to put into a page: no header, no addresses, ids of its own."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = buffer.getvalue()
    body = text[text.index("</defs>") + len("</defs>") :].replace("xlink:href", "href")
    referred = set(re.findall(r'(?:href="|url\()#(\w+)', body))
    body = re.sub(r' id="([^"]+)"', lambda at: f' id="{name}-{at[1]}"' if at[1] in referred else "", body)
    body = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", body)
    width, height = 72.0 * figure.get_size_inches()
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(alt)}">{body}'


def picture(result: RenderResult) -> bytes:
    """Five panels under a headline, as a PNG of 1600 x 1000 pixels.

    Thread: main. Allocates: yes.
    """
    buffer = io.BytesIO()
    with empty(*PICTURE_INCHES) as figure:
        compose(figure, result)
        figure.savefig(buffer, format="png", dpi=PICTURE_DPI, metadata={"Software": None})
    return buffer.getvalue()


def compose(figure: Figure, result: RenderResult) -> None:
    """Draw the picture on an empty figure of PICTURE_INCHES."""
    title, subtitle = notes.picture_titles(result)
    figure.set_layout_engine("none")  # a fixed size has fixed places, so that panels line up
    _fit(figure.text(0.012, 0.955, title, fontsize=11.5, weight="bold"), figure)
    _fit(figure.text(0.012, 0.915, subtitle, color=MUTED), figure)
    for name, (place, draw) in _PICTURE.items():
        axes = figure.add_axes(place)
        axes.set_title(name, pad=18.0)
        draw(axes, result)
        if place[1] > 0.5:
            axes.set_xlabel("")  # the panel below says it


def _fit(text: Any, figure: Figure) -> None:
    """Make a line smaller if it is too wide for the figure: some scripts, and some names, have wide letters."""
    width_share = text.get_window_extent().width / figure.bbox.width
    text.set_fontsize(text.get_fontsize() * min(1.0, 0.97 / width_share))


def drawings(result: RenderResult) -> dict[str, str]:
    """Every figure of the page as an SVG element, by name.

    Thread: main. Allocates: yes.
    """
    found = {}
    for name, (height_in, stack) in _PAGE.items():
        with empty(PAGE_INCHES, height_in) as figure:
            rows = figure.subplots(len(stack), squeeze=False, sharex=True, height_ratios=list(stack.values()))[:, 0]
            for axes, draw in zip(rows, stack, strict=True):
                draw(axes, result)
                axes.label_outer()
            found[name] = svg(figure, name, notes.ALT[name](result))
    with empty(PAGE_INCHES, 6.4) as figure:
        panels.parameters(figure.subplots(5, 2, sharex=True).T.ravel(), result)
        found["parameters"] = svg(figure, "parameters", notes.ALT["parameters"](result))
    return found
