"""The report: what it says is true, complete, safe to open, and the same at every writing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rendered import RATE_HZ, rendered

from rt_automix import params, report
from rt_automix.analysis.recordings.measure import LoudnessCurve
from rt_automix.dsp.tone import thirds
from rt_automix.errors import UserError
from rt_automix.io.lossy.delivery import Delivered
from rt_automix.render import RenderResult
from rt_automix.report import curves, figures, notes, page, words

VOID = {"meta", "br", "hr", "img", "link", "input"}


@pytest.fixture(scope="module")
def song_page(song) -> str:
    return page.html(song)


class Reader(HTMLParser):
    """Reads a page and notes its texts, attributes, and tags that are closed wrongly or never."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.texts.append(data)

    def values(self, name: str) -> list[str]:
        return [value for attribute, value in self.attributes if attribute == name]


def _shown(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")


# The page -------------------------------------------------------------------------------------------


def test_the_page_is_well_formed_and_its_ids_are_its_own(song_page):
    read = Reader(song_page)
    assert read.wrong == [] and read.tags["svg"] == 4 and read.tags["table"] == 1
    ids = Counter(read.values("id"))
    assert ids and max(ids.values()) == 1
    referred = set(re.findall(r"url\(#([^)]+)\)", song_page)) | {value[1:] for value in read.values("href")}
    assert referred == set(ids)


def test_the_page_refers_to_nothing_outside(song_page):
    read = Reader(song_page)
    assert not re.search(r"https?:|//\w|@import|\bsrc\s*=", song_page)
    assert all(value.startswith("#") for value in read.values("href"))
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(read.tags)


def test_the_equaliser_that_is_drawn_is_five_bands_and_the_fine_ones(song):
    """In a render whose fine bands were held: the response is theirs on top of the five's, and the words say so."""
    gains_db = np.zeros(31)
    gains_db[21], gains_db[10] = -4.0, 2.5  # 2.5 kHz, 200 Hz
    history = replace(song.history, fine_gains_db=np.tile(gains_db, (song.history.time_s.size, 1)))
    flat = replace(song.history, fine_gains_db=np.zeros_like(history.fine_gains_db))
    hz = np.geomspace(30.0, 18000.0, 50)
    with_them, without = (curves.equalizer_spread_db(one, hz, RATE_HZ)[1] for one in (history, flat))
    assert np.abs(with_them - without - thirds.magnitude_db(gains_db, hz, RATE_HZ)).max() < 1e-9
    assert np.array_equal(curves.settled_fine_db(history), gains_db)
    assert notes.fine_words(replace(song, history=history)) == "−4.0 dB at 2.5 kHz"
    assert notes.fine_words(replace(song, history=flat)) == "none"
    assert "−4.0 dB at 2.5 kHz" in notes.ALT["spectrum"](replace(song, history=history))
    five_db, fine_db = curves.equalizer_parts_db(history, hz, RATE_HZ)
    assert np.abs(fine_db - thirds.magnitude_db(gains_db, hz, RATE_HZ)).max() < 1e-9
    assert np.abs(five_db - curves.equalizer_parts_db(flat, hz, RATE_HZ)[0]).max() < 1e-9
    words_drawn = Reader(figures.drawings(replace(song, history=history, found=None))["spectrum"]).texts
    assert {"before", "after", "target", "5 bands", "31 fine", "both, range"} <= set(words_drawn)
    words_drawn = Reader(figures.drawings(song)["spectrum"]).texts
    assert "found" in words_drawn and "31 fine" not in words_drawn


def test_every_figure_says_in_words_what_it_shows(song, song_page):
    labels = Reader(song_page).values("aria-label")
    assert labels == [alt(song) for alt in notes.ALT.values()]
    assert f"{_shown(song.input.integrated_lufs, 1)} LUFS before" in labels[0]
    assert f"most limiting {song.history.limiting_db.max():.1f} dB" in labels[2]
    assert all(param.label in labels[3] for param in params.PARAMS)


def test_the_table_holds_the_figures(song, song_page):
    text = " ".join(Reader(song_page).texts)
    for before, after, decimals, unit in (
        (song.input.integrated_lufs, song.output.integrated_lufs, 1, "LUFS"),
        (song.input.max_short_term_lufs, song.output.max_short_term_lufs, 1, "LUFS"),
        (song.input.loudness_range_lu, song.output.loudness_range_lu, 1, "LU"),
        (song.input.true_peak_dbtp, song.output.true_peak_dbtp, 2, "dBTP"),
        (song.input.sample_peak_dbfs, song.output.sample_peak_dbfs, 2, "dBFS"),
        (song.input.plr_db, song.output.plr_db, 1, "dB"),
        (song.input_profile.side_mid_db, song.output_profile.side_mid_db, 1, "dB"),
    ):
        assert f"{_shown(before, decimals)} {unit} {_shown(after, decimals)} {unit}" in re.sub(r"\s+", " ", text)
    assert f"{_shown(song.loudness_after_10_s_lufs, 1)} LUFS" in text
    for fact in ("25.0 s", "64 samples (1.33 ms)", f"{song.duration_s / song.seconds_taken:.0f} × real time"):
        assert fact in text
    assert words.headline(song) in text


def test_axes_have_units(song_page):
    texts = Reader(song_page).texts
    for label in ("Short-term (LUFS)", "Time (s)", "Level (dB over mean)", "Frequency (Hz)", "Gain reduction (dB)"):
        assert label in texts
    assert all(any(text.startswith(param.label) for text in texts) for param in params.PARAMS)


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")  # of an earlier test, found while collecting garbage
def test_names_are_text_and_nothing_else(song, tmp_path):
    """File and style names that are HTML, mathematics, not printable, or in a script the font lacks."""
    bad = 'a"><script>alert(1)<b>&amp; $x_1^2 \\frac{ 音楽 \udcff\x00\n.wav'
    tagged = replace(
        song, source=Path("secret folder") / bad, style=replace(song.style, name=bad), tags_note="<b>note</b>"
    )
    report.write_html(tagged, tmp_path / "report.html")
    report.write_picture(tagged, tmp_path / "report.png")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    read = Reader(text)
    assert read.wrong == [] and not {"script", "b"} & set(read.tags) and "secret" not in text
    assert any(f"{bad[:-7]}���.wav → master.wav" in title for title in read.texts)
    assert "<b>note</b>" in read.texts


def _global_settings() -> dict[str, object]:
    return {name: value for name, value in matplotlib.rcParams.copy().items() if name != "backend"}


def test_writing_twice_gives_the_same_bytes_and_leaves_no_trace(song, song_page, tmp_path):
    paths = tmp_path / "1", tmp_path / "2"
    report.write_picture(song, paths[0])
    with matplotlib.rc_context({"font.size": 30.0, "axes.facecolor": "red", "svg.fonttype": "path"}):
        before = _global_settings()
        assert page.html(song) == song_page
        report.write_picture(song, paths[1])
        assert _global_settings() == before
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_an_hour_fits_in_a_small_page(hour):
    text = page.html(hour)
    assert len(text.encode()) < 1_500_000
    assert "60:00" in text and "Time (min:s)" in text


def test_matplotlib_waits_until_something_is_drawn():
    code = "import sys, rt_automix.report; print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_a_place_that_cannot_be_written_is_named(song, tmp_path):
    with pytest.raises(UserError, match=r"absent.*cannot be written.*Choose another place"):
        report.write_picture(song, tmp_path / "absent" / "picture.png")


# Uncommon input -------------------------------------------------------------------------------------

NOISE = 0.1 * np.random.default_rng(3).standard_normal((2, 8 * RATE_HZ))


@pytest.mark.parametrize(
    ("audio", "headline", "window"),
    [
        (NOISE[:1], r"dB (louder|quieter) at .* LUFS, .*ceiling kept at", "Short-term"),
        (NOISE[:, :RATE_HZ], r"LUFS.*, ceiling kept at", "Momentary"),
        (np.zeros((2, 2 * RATE_HZ)), r"^Silence: there was nothing to master\.$", "Momentary"),
        (NOISE[:, :4000], r"^Too quiet or too short to measure its loudness; ceiling kept at", "Momentary"),
    ],
    ids=["mono", "one second", "silence", "83 ms"],
)
def test_uncommon_input(audio, headline, window, tmp_path):
    result = rendered(tmp_path, audio)
    report.write_html(result, tmp_path / "report.html")
    report.write_picture(result, tmp_path / "report.png")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    read = Reader(text)
    assert re.search(headline, words.headline(result)) and f"{window} (LUFS)" in read.texts
    assert not re.search(r"[-−]200|[-−]1\d\d\.\d|\bnan\b|\binf\b", " ".join(read.texts))
    assert ("silence" in read.texts) == (result.output.sample_peak_dbfs < -100.0)
    assert ("not measurable" in read.texts) == (0.0 < result.duration_s <= 1.0)
    assert ("mono" in read.texts) == (len(audio) == 1)
    assert notes.warnings(result) == []


def test_a_render_without_profiles_has_a_report(song):
    read = Reader(page.html(replace(song, input_profile=None, output_profile=None)))
    assert read.wrong == [] and "Distance from style" not in read.texts and "target" in read.texts


# Words ----------------------------------------------------------------------------------------------


def test_the_titles_hold_the_key_figures_and_no_speed(song):
    title, subtitle = notes.picture_titles(song)
    assert title == (
        f"mix.wav: {_shown(song.input.integrated_lufs, 1)} LUFS → {_shown(song.output.integrated_lufs, 1)} LUFS"
        f"  ·  true peak {_shown(song.output.true_peak_dbtp, 2)} dBTP"
    )
    assert "target −14.0 LUFS" in subtitle and "latency 1.33 ms" in subtitle
    assert notes.picture_titles(replace(song, seconds_taken=100.0)) == (title, subtitle)


def _with_output(result: RenderResult, **figures: float) -> RenderResult:
    return replace(result, output=replace(result.output, **figures))


def test_the_headline_tells_what_changed(song):
    input_lufs = song.input.integrated_lufs
    louder = words.headline(_with_output(song, integrated_lufs=input_lufs + 3.2, true_peak_dbtp=-1.02))
    assert louder.startswith("3.2 dB louder at ") and louder.endswith("ceiling kept at −1.02 dBTP.")
    assert words.headline(_with_output(song, integrated_lufs=input_lufs - 3.2)).startswith("3.2 dB quieter at ")
    assert words.headline(_with_output(song, integrated_lufs=input_lufs)).startswith("As loud as before at ")
    over = words.headline(_with_output(song, true_peak_dbtp=-0.5))
    assert over.endswith("peaks of −0.50 dBTP over the ceiling.")
    same = words.headline(replace(song, output_profile=song.input_profile))
    assert "tone and width kept" in same


def test_the_headline_names_the_regions_that_changed_most(song):
    centres_hz = curves.band_centres_hz()
    bands_db = np.array(song.input_profile.bands_db)
    after_db = bands_db - 4.0 * (centres_hz < 140.0) + 2.0 * (centres_hz > 6000.0) + 1.0 * (abs(centres_hz - 999) < 400)
    side_mid_db = song.input_profile.side_mid_db - 1.5
    after = replace(song.input_profile, bands_db=tuple(after_db), side_mid_db=side_mid_db)
    headline = words.headline(replace(song, output_profile=after))
    assert "bass down 4.0 dB, air up 2.0 dB, narrower by 1.5 dB" in headline and "mids" not in headline


@pytest.mark.parametrize(
    ("value", "options", "text"),
    [
        (-14.04, {}, "−14.0"),
        (-0.04, {}, "0.0"),
        (-0.04, {"sign": True}, "0.0"),
        (3.25, {"decimals": 2, "sign": True}, "+3.25"),
    ],
)
def test_numbers(value, options, text):
    assert words.number(value, **options) == text


@pytest.mark.parametrize(("duration_s", "text"), [(4.25, "4.2 s"), (185.0, "3:05 min"), (3661.0, "1:01:01 h")])
def test_durations(duration_s, text):
    assert words.clock(duration_s) == text


def test_warnings_say_what_is_wrong(song):
    song = _missed(song, song.target_lufs)
    assert notes.warnings(song) == []
    assert "true peak of −0.90 dBTP is over the ceiling" in notes.warnings(_with_output(song, true_peak_dbtp=-0.9))[0]
    assert notes.warnings(replace(song, faults=1))[0].startswith("1 sample of the input")
    assert notes.warnings(replace(song, analysis_gaps=3))[0].endswith("3 times.")
    assert notes.warnings(replace(song, tags_note="No cover."))[0] == "No cover."
    over = notes.warnings(_missed(song, song.target_lufs + 0.8))
    assert len(over) == 1 and "0.8 LU over the target" in over[0]
    assert notes.warnings(_missed(song, song.target_lufs + 0.4)) == []
    assert notes.warnings(replace(_missed(song, -30.0), amount=0.5)) == []


def test_what_decodes_is_told_and_warned_of(song):
    song = _missed(song, song.target_lufs)
    clean = Delivered("aac:128", "mix-aac-128.m4a", 130.0, 48000, -14.1, -0.31, 0)
    clipped = replace(clean, format="opus:96", true_peak_dbtp=0.42, clipped_samples=1)
    facts = dict(notes.run_facts(replace(song, deliveries=(clean, clipped))))
    assert facts["As aac:128"] == "−14.1 LUFS, −0.31 dBTP, 0 samples clipped"
    assert facts["As opus:96"] == "−14.1 LUFS, 0.42 dBTP, 1 sample clipped"
    (warning,) = notes.warnings(replace(song, deliveries=(clean, clipped)))
    assert warning.startswith("As opus:96 it decodes to 0.42 dBTP, which players clip.")


def _missed(result: RenderResult, loudness_lufs: float) -> RenderResult:
    return replace(_with_output(result, integrated_lufs=loudness_lufs), loudness_after_10_s_lufs=loudness_lufs)


@pytest.mark.parametrize(("trim_db", "stuck"), [(12.0, True), (-12.0, False)])
def test_a_trim_at_its_limit_explains_a_missed_target(song, trim_db, stuck):
    at_limit = np.clip(song.history.time_s / 2.0, 0.0, 1.0) * trim_db
    quiet = _missed(replace(song, history=replace(song.history, trim_db=at_limit)), song.target_lufs - 3.0)
    (warning,) = notes.warnings(quiet)
    assert "3.0 LU under the target" in warning and ("limit of +12.0 dB" in warning) is stuck
    moving = replace(song.history, trim_db=at_limit + np.sin(song.history.time_s))
    assert "limit" not in notes.warnings(replace(quiet, history=moving))[0]


# Curves ---------------------------------------------------------------------------------------------


@given(
    values=st.lists(st.floats(-200.0, 20.0), min_size=1, max_size=300).map(np.array),
    points=st.integers(1, 20).map(lambda half: 2 * half),
)
def test_thinning_keeps_order_and_extremes(values, points):
    time_s = np.arange(float(values.size))
    thin_s, thinned = curves.thin(time_s, values, points)
    assert thin_s.size == min(points, values.size)
    assert (np.diff(thin_s) >= 0.0).all() and (thinned == values[thin_s.astype(int)]).all()
    assert thinned.min() == values.min() and thinned.max() == values.max()
    peaks_s, peaks = curves.thin_peaks(time_s, values, points)
    assert peaks_s.size == min(points, values.size) and (peaks == values[peaks_s.astype(int)]).all()
    assert (np.diff(peaks_s) > 0.0).all() and peaks.max() == values.max()


def test_loudness_has_gaps_in_silence_and_starts_with_a_full_window(song):
    curve = LoudnessCurve(0.1 * np.arange(1.0, 101.0), np.full(100, -20.0), np.full(100, -20.0))
    curve.short_term_lufs[50:60] = -200.0
    time_s, lufs = curves.loudness(curve, curves.SHORT_TERM_S, 800)
    assert time_s[0] == pytest.approx(3.0) and np.isnan(lufs).sum() == 10
    assert curves.loudness(curve, curves.MOMENTARY_S, 800)[0][0] == pytest.approx(0.4)


def test_settled_parameters_are_the_medians_after_ten_seconds(song):
    low, median, high = curves.settled(song.history)
    late = song.history.applied[song.history.time_s > 10.0]
    assert np.allclose(median, [sorted(column)[len(column) // 2] for column in late.T], atol=0.02)
    assert (low <= median).all() and (median <= high).all() and (low >= late.min(axis=0)).all()
