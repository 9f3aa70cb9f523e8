"""`analyze`, `profile` and `check`: what they say of recordings, profiles and settings."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from programs import ROOT

from rt_automix.analysis.aim import profile


def test_analyze_measures_and_compares(run, mix):
    code, out, _ = run("analyze", mix, "--json")
    (figures,) = json.loads(out)["files"]
    assert code == 0 and (figures["sample_rate_hz"], figures["channels"], figures["duration_s"]) == (44100, 2, 8.0)
    assert figures["format"] == "WAV int16" and figures["integrated_lufs"] < -15.0
    assert figures["from_profile"]["tone_rms_db"] > 1.0
    code, out, _ = run("analyze", mix)
    assert code == 0 and "44100" in out and "0:08.0" in out and f"{figures['integrated_lufs']:.1f}" in out


def test_analyze_says_what_is_wrong_and_where(run, mix):
    samples, rate = sf.read(mix, dtype="float32")
    samples = samples * 0.5 + np.float32(0.03)
    samples[3 * rate, 0] = np.nan
    samples[4 * rate : 7 * rate, 1] = 0.0
    sf.write("bad.wav", samples, rate, subtype="FLOAT")
    (figures,) = json.loads(run("analyze", "bad.wav", "--json")[1])["files"]
    assert [flaw.split(":")[0].split(" from")[0] for flaw in figures["flaws"][:3]] == [
        "insane samples", "the right side is dead", "DC",
    ]  # fmt: skip
    code, out, err = run("analyze", "bad.wav")
    assert (code, err) == (0, "") and "bad.wav: the right side is dead from 0:04.0 to 0:07.0.\n" in out


def test_what_is_too_short_for_a_loudness_is_no_silence(run):
    noise = 0.1 * np.random.default_rng(0).standard_normal((9600, 2))
    sf.write("short.wav", noise, 48000)
    sf.write("silent.wav", np.zeros((9600, 2)), 48000)
    out = run("analyze", "short.wav", "silent.wav")[1]
    short, silent = (next(line for line in out.splitlines() if name in line) for name in ("short.wav", "silent.wav"))
    assert short.split()[3:5] == ["not", "measurable"] and len(short.split()) == 6  # and the true peak
    assert silent.split()[3:] == ["silence", "silence"]
    figures, _ = json.loads(run("analyze", "short.wav", "silent.wav", "--json")[1])["files"]
    assert figures["plr_db"] == 0.0
    out = run("render", "short.wav", "out.wav")[1]
    assert "not measurable" in out and "silence" not in out


def test_the_width_of_mono_is_no_number(run, mix):
    samples, rate = sf.read(mix, dtype="float32")
    sf.write("one.wav", samples[:, 0], rate)
    sf.write("equal.wav", samples[:, [0, 0]], rate)
    rows = run("analyze", "one.wav", "equal.wav", mix)[1].splitlines()
    assert [row.split()[-2] for row in rows if ".wav " in row and "0:08.0" in row][:2] == ["mono", "mono"]
    assert sum("mono" in row.split()[-2:] for row in rows) == 2


def test_analyze_goes_on_after_a_bad_file(run, mix):
    code, out, err = run("analyze", "none.wav", mix, "--json")
    assert code == 2 and len(json.loads(out)["files"]) == 1
    assert err == "Error: none.wav: no such file. Check the name and the folder.\n"


def test_analyze_reports_against_r128_s1(run, mix):
    code, out, _ = run("analyze", mix, "--r128-s1", "spot.csv", "--json")
    (figures,) = json.loads(out)["files"]
    head, row = Path("spot.csv").read_text().splitlines()
    found = dict(zip(head.split(","), row.split(","), strict=True))
    assert code == 0 and found["programme"] == str(mix)
    assert float(found["max_momentary_lufs"]) == pytest.approx(figures["max_momentary_lufs"], abs=0.006)
    assert figures["r128_s1"]["max_true_peak_dbtp"] == pytest.approx(figures["true_peak_dbtp"], abs=0.006)
    code, _, err = run("analyze", mix, "--r128-s1", "spot.pdf")
    assert code == 2 and ".txt, .csv, .json" in err


def test_analyze_says_what_decodes(run, mix):
    code, out, err = run("analyze", mix, "--deliver", "aac:128,mp3:320", "--json")
    (figures,) = json.loads(out)["files"]
    assert (code, err) == (0, "") and [one["format"] for one in figures["deliveries"]] == ["aac:128", "mp3:320"]
    for one in figures["deliveries"]:
        assert one["integrated_lufs"] == pytest.approx(figures["integrated_lufs"], abs=0.2)
        assert one["true_peak_dbtp"] == pytest.approx(figures["true_peak_dbtp"], abs=2.0)
        assert one["clipped_samples"] == 0 and "file" not in one
    code, out, err = run("analyze", mix, "--deliver", "opus:96")
    assert (code, err) == (0, "") and "What decodes" in out and "opus:96" in out
    assert list(Path().iterdir()) == []


def test_analyze_measures_mono_as_asked_and_says_so(run, mix):
    samples, rate = sf.read(mix)
    sf.write("mono.wav", samples[:, 0], rate)
    lufs = {}
    for mono in ("dual", "single"):
        (figures,) = json.loads(run("analyze", "mono.wav", "--json", "--mono", mono)[1])["files"]
        lufs[mono] = figures["integrated_lufs"]
        assert (figures["channels"], figures["mono"]) == (1, mono)
    assert lufs["dual"] - lufs["single"] == pytest.approx(3.01, abs=0.01)
    said = f"mono, measured as it sounds from two loudspeakers; as one channel it has {lufs['single']:.1f} LUFS."
    assert said in run("analyze", "mono.wav")[1]
    said = f"mono, measured as one channel; from two loudspeakers it has {lufs['dual']:.1f} LUFS."
    assert said in run("analyze", "mono.wav", "--mono", "single")[1]
    assert "measured as" not in run("analyze", mix)[1]


def test_a_profile_is_made_listed_and_used(run, mix):
    assert run("profile", "make", mix, "-o", "mine.toml", "--name", "Mine")[0] == 0
    made = profile.load("mine.toml")
    assert made.name == "Mine" and made.loudness_lufs < -15.0
    assert run("profile", "make", mix, "-o", "mine.toml")[0] == 2
    assert run("profile", "make", mix, mix, "-o", "mine.toml", "--force")[0] == 0
    np.testing.assert_allclose(profile.load("mine.toml").bands_db, made.bands_db, atol=1e-6)
    _, out, _ = run("render", mix, "out.wav", "--profile", "mine.toml", "--json")
    assert json.loads(out)["profile"] == "mine"
    code, out, _ = run("profile", "list")
    assert code == 0 and "balanced" in out
    assert [style["name"] for style in json.loads(run("profile", "list", "--json")[1])] == list(profile.shipped())


def test_check_finds_the_shipped_configs_fine(run):
    files = sorted((ROOT / "configs").glob("*.toml"))
    code, out, err = run("check", *files)
    assert (code, err) == (0, "") and out.count(": fine") == len(files) > 1


def test_check_names_every_problem_at_once(run):
    Path("gig.toml").write_text('[master]\namount = 2.0\nprofile = "balancd"\nsuggester = "macher"\n[limitr]\n')
    Path("other.toml").write_text("[master\n")
    code, out, err = run("check", "gig.toml", "other.toml", "none.toml")
    assert (code, out) == (2, "")
    for problem in (
        "gig.toml: master.amount = 2.0 is outside [0.0, 1.0]",
        'gig.toml: master.profile: profile "balancd" is unknown. Did you mean "balanced"?',
        'gig.toml: master.suggester: suggester "macher" is unknown. Did you mean "matcher"?',
        "section [limitr] is unknown",
        "other.toml: not valid TOML",
        "none.toml: cannot be read",
    ):
        assert problem in err
    assert len(err.splitlines()) == 6


def test_a_style_that_begins_with_a_mark_of_its_encoding_is_used(run, mix):
    """As Windows' editor saves it."""
    assert run("profile", "make", mix, "-o", "mine.toml")[0] == 0
    marked = Path("marked.toml")
    marked.write_bytes(b"\xef\xbb\xbf" + Path("mine.toml").read_bytes())
    assert profile.load("marked.toml").bands_db == profile.load("mine.toml").bands_db


def test_a_name_in_no_encoding_makes_a_style_that_can_be_read(run, mix):
    name = os.fsdecode(b"p\xf6.toml")
    assert run("profile", "make", mix, "-o", name)[0] == 0
    assert profile.load(name).name == "p?"


def test_what_cannot_be_reached_is_said_in_a_sentence(run, mix):
    code, _, err = run("render", mix, "y" * 300 + ".wav")
    assert code == 2 and "File name too long. Choose another name." in err
