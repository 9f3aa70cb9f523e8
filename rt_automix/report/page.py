"""The page: words, tables and figures in one HTML document that refers to nothing outside itself."""

from __future__ import annotations

from html import escape
from pathlib import Path

from rt_automix.render import RenderResult
from rt_automix.report import figures, notes, words
from rt_automix.report.look import CSS

_FIGURES = {
    "loudness": (
        "Loudness over time",
        "How loud the music is at each moment, before and after, and the loudness that was asked for.",
    ),
    "spectrum": (
        "Spectrum",
        "How much there is of each pitch on average, from bass to treble, against the style that was aimed at; "
        "below it what the equaliser did: five broad bands, 31 fine ones that do what is left, and both together; "
        "grey is where they moved.",
    ),
    "gain": (
        "Gain over time",
        "What compressor and limiter took off the peaks; below it all gain that was put on, "
        "and the part of it that steers to the target.",
    ),
    "parameters": (
        "Parameters over time",
        "Each of the ten parameters in its whole range. The grey line is neutral: no change to the sound.",
    ),
}


def html(result: RenderResult) -> str:
    """The whole document.

    Thread: main. Allocates: yes.
    """
    drawn = figures.drawings(result)
    source, target = (escape(words.printable(Path(path).name)) for path in (result.source, result.target))
    sections = "\n".join(
        f'<section>\n<h2>{title}</h2>\n<p>{caption}</p>\n<div class="wide">{drawn[name]}</div>\n</section>'
        for name, (title, caption) in _FIGURES.items()
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{source} mastered</title>
<style>{CSS}</style>
</head>
<body>
<main>
<h1>{source} → {target}</h1>
<p class="headline">{escape(words.headline(result))}</p>
{_warnings(result)}
{_table(result)}
{_facts(result)}
{sections}
<footer>Loudness by ITU-R BS.1770-5 and EBU R 128. Made by rt-automix.</footer>
</main>
</body>
</html>
"""


def _warnings(result: RenderResult) -> str:
    items = "\n".join(f"<li>{escape(text)}</li>" for text in notes.warnings(result))
    return f'<ul class="warnings">\n{items}\n</ul>' if items else ""


def _table(result: RenderResult) -> str:
    lines = "\n".join(
        f'<tr><th scope="row">{row.name}</th><td class="note">{row.note}</td><td>{row.before}</td>'
        f'<td class="after">{row.after}</td><td>{row.change}</td><td class="aim">{row.aim}</td></tr>'
        for row in words.rows(result)
    )
    return f"""<div class="wide"><table>
<thead><tr><th scope="col">Figure</th><th></th><th scope="col">Before</th><th scope="col">After</th>
<th scope="col">Change</th><th scope="col">Aim</th></tr></thead>
<tbody>
{lines}
</tbody>
</table></div>"""


def _facts(result: RenderResult) -> str:
    return "<dl>\n{}\n</dl>".format(
        "\n".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in notes.run_facts(result))
    )
