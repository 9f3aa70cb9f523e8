"""What commands say when something is wrong: one clear line, the right exit code, nothing left behind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from programs import hash_of

from rt_automix import cli, config
from rt_automix.analysis.aim import profile
from rt_automix.native import build


def _bad_files(folder, mix):
    whole = mix.read_bytes()
    (folder / "empty.wav").write_bytes(b"")
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "text.wav").write_text("no audio here, only words")
    sf.write(folder / "none.wav", np.zeros((0, 2)), 48000)
    sf.write(folder / "seven.wav", np.zeros((4800, 7)), 48000)
    sf.write(folder / "low.wav", np.zeros((400, 2)), 4000)
    sf.write(folder / "silent.wav", np.zeros((48000, 2)), 48000)
    (folder / "taken.wav").write_bytes(whole)
    (folder / "broken.toml").write_text("[master]\namount = 7.0\n")
    profile.load("warm").save(folder / "style.toml")
    (folder / "folder").mkdir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nowhere.wav out.wav", "nowhere.wav: no such file"),
        ("folder out.wav", "a folder or a device"),
        ("empty.wav out.wav", "the file is empty"),
        ("cut.wav out.wav", "cut off or damaged 4.00 s into its 8.00 s"),
        ("text.wav out.wav", "not audio that can be read"),
        ("none.wav out.wav", "no audio found in it"),
        ("seven.wav out.wav", "7 channels; allowed are 1, 2, 5 (5.0), 6 (5.1) and 8 (7.1)"),
        ("low.wav out.wav", "4000 Hz; allowed are 8000 to 192000 Hz"),
        ("mix.wav taken.wav", "exists already. Choose another name, or replace it with --force."),
        ("mix.wav mix.wav --force", "this is the input, which is never written over"),
        ("mix.wav folder --force", "folder"),
        ("mix.wav nowhere/out.wav", "the folder nowhere does not exist"),
        ("mix.wav out.mp3", 'cannot write files ending in ".mp3"'),
        ("mix.wav out.flac --bits 32", "32 bits do not fit a .flac file"),
        ("mix.wav out.wav --bits 20", "Invalid value for '--bits'"),
        ("mix.wav out.wav --block 0", "Invalid value for '--block'"),
        ("mix.wav out.wav --amount 1.5", "command line: master.amount = 1.5 is outside [0.0, 1.0]. Use 1 or less."),
        ("mix.wav out.wav --amount much", "'much' is not a valid float"),
        ("mix.wav out.wav --target-lufs 3", "master.target_lufs = 3.0 is outside [-40.0, -5.0]"),
        ("mix.wav out.wav --target-lufs nan", "master.target_lufs = nan"),
        ("mix.wav out.wav --ceiling-dbtp 1", "limiter.ceiling_dbtp = 1.0 is outside [-12.0, 0.0]"),
        ("mix.wav out.wav --profile balansed", 'profile "balansed" is unknown. Did you mean "balanced"?'),
        ("mix.wav out.wav --profile my.toml", "my.toml: no such file. Make one with: rt-automix profile make"),
        ("mix.wav out.wav --profile broken.toml", "broken.toml: these are settings, no style. Use them with --config."),
        ("mix.wav out.wav --config style.toml", "style.toml: this is a style, no settings. Use it with --profile"),
        ("mix.wav out.wav --suggester network", 'suggester "network" is unknown. Known: auto, matcher, baseline'),
        ("mix.wav out.wav --reference silent.wav", "0.0 s of music above -60 LUFS found"),
        ("mix.wav out.wav --reference low.wav", "4000 Hz"),
        ("mix.wav out.wav --reference mix.wav --profile balanced", "give one of them"),
        ("mix.wav out.wav --config broken.toml", "broken.toml: master.amount = 7.0 is outside [0.0, 1.0]"),
        ("mix.wav out.wav --config nowhere.toml", "nowhere.toml: cannot be read"),
        ("mix.wav out.wav --report taken.wav", "taken.wav: exists already"),
        ("mix.wav out.wav --report out.wav", "take the place of the audio"),
        ("mix.wav out.wav --report nowhere/page.html", "the folder nowhere does not exist"),
        (
            "mix.wav out.wav --for spotfy",
            'platform "spotfy" is unknown. Did you mean "spotify"? Known: spotify (-14 LUFS',
        ),
        ("mix.wav out.wav --deliver acc:128", 'codec "acc" is unknown. Did you mean "aac"?'),
        ("mix.wav out.wav --deliver mp3:300", "mp3 has only 32, 40"),
        ("mix.wav out.wav --deliver aac", '"aac" lacks its kbit/s'),
        ("mix.wav taken.wav --deliver aac:128", "taken.wav: exists already"),
        ("mix.wav out.wav --mono both", "Invalid value for '--mono'"),
        ("mix.wav out.wav --louder", "No such option"),
        ("mix.wav", "Missing argument 'OUT'"),
    ],
)
def test_bad_input_gives_one_clear_line_and_nothing_else(run, mix, arguments, message):
    here = Path()
    _bad_files(here, mix)
    (here / "mix.wav").write_bytes(mix.read_bytes())
    before = {path: hash_of(path) for path in here.rglob("*") if path.is_file()}
    code, out, err = run("render", *arguments.split())
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("Error: ") and message in err and "Traceback" not in err
    assert {path: hash_of(path) for path in here.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("analyze", "Missing argument 'FILE...'"),
        ("analyze mix.wav --deliver opus", '"opus" lacks its kbit/s'),
        ("profile make -o x.toml", "Missing argument 'FILE...'"),
        ("profile make silent.wav -o x.toml", "at least 1 s needed"),
        ("profile make mix.wav -o x.txt", 'profiles end in ".toml"'),
        ("profile make mix.wav -o nowhere/x.toml", "the folder nowhere does not exist"),
        ("analyze mix.wav --r128-s1 nowhere/x.txt", "the folder nowhere does not exist"),
        ("check", "Missing argument 'CONFIG...'"),
        ("demo --amount -1", "master.amount = -1.0 is outside"),
        ("demo --out mix.wav", "mix.wav: cannot be made"),
        ("rendr a b", "No such command 'rendr'"),
        ("batch mix.wav -out.wav", "No such option '-out'. Did you mean '--out'? If a file is called so, write "),
        ("analyze -dash.wav", "No such option '-d'. If a file is called so, write ./-dash.wav. See:"),
    ],
)
def test_other_commands_explain_too(run, mix, arguments, message):
    _bad_files(Path(), mix)
    Path("mix.wav").write_bytes(mix.read_bytes())
    code, out, err = run(*arguments.split())
    assert (code, out, len(err.splitlines())) == (2, "", 1) and message in err and err.startswith("Error: ")


@pytest.mark.parametrize("words", ["", "profile", "plugin"])
def test_a_group_alone_shows_its_help_as_no_error(run, words):
    code, out, err = run(*words.split())
    assert (code, out) == (2, "") and err.startswith("Usage: rt-automix") and err.count("--help") == 1
    assert err == run(*words.split(), "--help")[1]


def test_what_should_not_happen_is_one_line_too_unless_debugging(run, monkeypatch):
    def fail(path):
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr(config, "problems", fail)
    code, out, err = run("check", "x.toml")
    assert (code, out, len(err.splitlines())) == (1, "", 1) and "RuntimeError: first" in err
    monkeypatch.setenv("RT_AUTOMIX_DEBUG", "1")
    with pytest.raises(RuntimeError):
        cli.main(["check", "x.toml"])


def test_remarks_go_to_stderr(run):
    audio = np.zeros((4800, 2))
    audio[10] = np.nan
    sf.write("in.wav", audio, 48000, subtype="FLOAT")
    code, out, err = run("render", "in.wav", "out.wav", "--json")
    assert code == 0 and json.loads(out)["faults"] == 2
    assert err == "in.wav: 2 samples were not sane audio; silence took their place.\n"


def test_the_first_run_says_that_it_compiles(run, monkeypatch, mix):
    monkeypatch.setattr(build, "is_warm", lambda user: False)
    code, out, err = run("analyze", mix, "--json")
    assert code == 0 and json.loads(out)
    assert err == "Compiling the audio engine for this processor, first run only ...\n"
