"""`render` and `demo` as their users meet them, and what every command has: what is written where, and what is said."""

from __future__ import annotations

import json
import re
from pathlib import Path

import bundles
import pytest
import soundfile as sf
from programs import hash_of

COMMANDS = (
    "demo", "render", "analyze", "profile", "profile list", "profile make", "check", "batch", "pipe", "live", "devices",
    "midi", "midi learn", "midi monitor", "plugin", "plugin build", "plugin install",
)  # fmt: skip


# What it says when all is well ---------------------------------------------------------------------


def test_render_shows_before_and_after(run, mix):
    code, out, err = run("render", mix, "out.wav")
    assert (code, err) == (0, "")
    assert sf.info("out.wav").frames == sf.info(mix).frames and sf.info("out.wav").subtype == "PCM_24"
    for word in ("Loudness", "True peak", "before", "after", "Low mid 260 Hz", "times real time", "out.wav"):
        assert word in out


def test_render_json_is_one_document(run, mix):
    code, out, err = run("render", mix, "out.flac", "--json", "--bits", "16", "--target-lufs", "-20", "--amount", "0.5")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert (document["target_lufs"], document["amount"], document["target"]) == (-20.0, 0.5, "out.flac")
    assert sf.info("out.flac").subtype == "PCM_16"


def test_options_reach_the_engine(run, mix):
    """Each changes the figures the way it says."""
    options = ("--ceiling-dbtp", "-6", "--target-lufs", "-12", "--block", "64", "--lookahead", "song")
    _, out, _ = run("render", mix, "a.wav", "--json", *options)
    assert json.loads(out)["output"]["true_peak_dbtp"] <= -5.98
    Path("gig.toml").write_text("[limiter]\nceiling_dbtp = -9.0\n[master]\namount = 0.25\n")
    _, out, _ = run("render", mix, "b.wav", "--json", "--config", "gig.toml", "--amount", "0.75")
    document = json.loads(out)
    assert document["ceiling_dbtp"] == -9.0 and document["amount"] == 0.75


def test_a_second_run_gives_the_same_file(run, mix):
    assert run("render", mix, "a.wav")[0] == run("render", mix, "b.wav")[0] == 0
    assert hash_of(Path("a.wav")) == hash_of(Path("b.wav"))


def test_a_reference_song_is_the_style(run, mix):
    """Aiming at itself, a song keeps its tone."""
    _, out, _ = run("render", mix, "out.wav", "--reference", mix, "--json")
    document = json.loads(out)
    assert document["profile"] == "mix" and document["target_lufs"] < -20.0
    assert abs(document["settled"]["low_mid_db"]) < 1.0


def test_the_report_is_written_beside(run, mix):
    code, out, _ = run("render", mix, "out.wav", "--report", "page.html")
    assert code == 0 and "page.html" in out
    assert Path("page.html").read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html")


def test_force_replaces(run, mix):
    Path("out.wav").write_text("precious")
    assert run("render", mix, "out.wav")[0] == 2 and Path("out.wav").read_text() == "precious"
    assert run("render", mix, "out.wav", "--force")[0] == 0 and sf.info("out.wav").frames > 0


def test_demo_writes_sounds_pictures_and_figures(run):
    code, out, err = run("demo", "--out", "here", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert Path(document["picture"]).read_bytes().startswith(b"\x89PNG")
    assert Path(document["report"]).stat().st_size > 10_000
    assert (
        sf.info(document["before"]).duration == sf.info(document["after"]).duration == document["result"]["duration_s"]
    )
    assert document["result"]["output"]["integrated_lufs"] > document["result"]["input"]["integrated_lufs"] + 5.0
    assert len(document["result"]["settled"]) == 11


def test_render_delivers_and_says_at_which_ceiling(run, mix):
    loud = ("--target-lufs", "-8", "--deliver", "aac:64,mp3:192")
    code, out, err = run("render", mix, "out.wav", "--report", "page.html", *loud)
    assert (code, err) == (0, "") and "What decodes" in out
    assert "Written: out.wav, out-aac-64.m4a, out-mp3-192.mp3, page.html" in out
    assert {path.name for path in Path().iterdir()} == {"out.wav", "out-aac-64.m4a", "out-mp3-192.mp3", "page.html"}
    assert "As aac:64" in Path("page.html").read_text(encoding="utf-8")
    document = json.loads(run("render", mix, "out.wav", "--force", "--json", *loud)[1])
    assert all(one["true_peak_dbtp"] <= 0.0 for one in document["deliveries"])
    assert ("The ceiling is" in out) == (document["ceiling_dbtp"] < -1.0)


def test_a_mono_render_shows_both_loudnesses(run, mix):
    samples, rate = sf.read(mix)
    sf.write("mono.wav", samples[:, 0], rate)
    assert "as one channel" in run("render", "mono.wav", "a.wav")[1]
    assert "from two loudspeakers" in run("render", "mono.wav", "b.wav", "--mono", "single")[1]


def test_a_platform_sets_loudness_and_ceiling_and_what_is_said_beside_it_wins(run, mix):
    document = json.loads(run("render", mix, "a.wav", "--json", "--for", "A85")[1])
    assert (document["target_lufs"], document["ceiling_dbtp"]) == (-24.0, -2.0)
    document = json.loads(run("render", mix, "b.wav", "--json", "--for", "a85", "--target-lufs", "-20")[1])
    assert (document["target_lufs"], document["ceiling_dbtp"]) == (-20.0, -2.0)
    document = json.loads(run("render", mix, "c.wav", "--json", "--for", "a85", "--ceiling-dbtp", "-3")[1])
    assert (document["target_lufs"], document["ceiling_dbtp"]) == (-24.0, -3.0)
    Path("my.toml").write_text("[master]\ntarget_lufs = -9.0\n[limiter]\nceiling_dbtp = -6.0\n")
    document = json.loads(run("render", mix, "d.wav", "--json", "--for", "r128", "--config", "my.toml")[1])
    assert (document["target_lufs"], document["ceiling_dbtp"]) == (-23.0, -1.0)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(run, command):
    code, out, _ = run(*command.split(), "--help")
    assert code == 0 and re.search(rf"Examples?:\n .*rt-automix {command}", out)


def test_version(run):
    code, out, _ = run("--version")
    assert code == 0 and re.fullmatch(r"rt-automix \d.*\n", out)


# What it says when something is wrong ---------------------------------------------------------------


# Who decides -----------------------------------------------------------------------------------------


def test_a_network_decides_where_it_is_named(run, mix):
    bundles.make(Path("models/tiny"))
    code, out, err = run("render", mix, "out.wav", "--suggester", "models/tiny:fp32", "--json")
    assert (code, err) == (0, "")
    assert (json.loads(out)["suggester"], json.loads(out)["suggester_notes"]) == ("tiny:fp32", [])


@pytest.mark.parametrize("command", ["render", "demo", "check"])
def test_a_model_that_is_refused_is_told_in_one_line_and_the_matcher_goes_on(run, mix, command):
    (bundles.make(Path("models/tiny")) / "model.int8.onnx").write_bytes(b"cut")
    Path("gig.toml").write_text('[master]\nsuggester = "models/tiny"\n')
    refused = "models/tiny/model.int8.onnx: has 3 bytes, "
    if command == "check":
        code, out, err = run("check", "gig.toml")
        assert (code, out, len(err.splitlines())) == (2, "", 1) and f"gig.toml: master.suggester: {refused}" in err
        return
    rest = [mix, "out.wav", "--config", "gig.toml"] if command == "render" else ["--suggester", "models/tiny"]
    code, out, err = run(command, *rest, "--json")
    result = json.loads(out) if command == "render" else json.loads(out)["result"]
    assert (code, result["suggester"]) == (0, "matcher")
    assert err == result["suggester_notes"][0] + "\n" and err.startswith(refused)
    assert err.endswith("Fetch or export the bundle anew. The matcher decides.\n")
