"""The command line as its users meet it: what it writes where, exit codes, one clear line, nothing left behind."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import bundles
import numpy as np
import pytest
import soundfile as sf
from demosong import demo_song

from rt_automix import cli, config
from rt_automix.analysis.aim import profile
from rt_automix.cli import kernels
from rt_automix.native import build

ROOT = Path(__file__).parents[2]
COMMANDS = ("demo", "render", "analyze", "profile", "profile list", "profile make", "check")


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    kernels.ensure_compiled("rt_automix.render")  # so that no test meets the remark of a first run


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command in this process, in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture(scope="module")
def mix(tmp_path_factory):
    """Eight seconds of the demo song."""
    path = tmp_path_factory.mktemp("mix") / "mix.wav"
    sf.write(path, demo_song(44100)[:, 800_000:1_152_800].T, 44100, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def long_mix(tmp_path_factory):
    """Ten minutes: long enough to be stopped in the middle."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    song = (demo_song(48000)[:, : 40 * 48000].T * 32767.0).astype(np.int16)
    with sf.SoundFile(path, "w", 48000, 2, "PCM_16") as file:
        for _ in range(15):
            file.write(song)
    return path


def _process(*arguments, **options):
    """The real program."""
    command = [sys.executable, "-m", "rt_automix", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, **(pipes | options))


def _hash(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
    assert _hash(Path("a.wav")) == _hash(Path("b.wav"))


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


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(run, command):
    code, out, _ = run(*command.split(), "--help")
    assert code == 0 and re.search(rf"Examples?:\n +rt-automix {command}", out)


def test_version(run):
    code, out, _ = run("--version")
    assert code == 0 and re.fullmatch(r"rt-automix \d.*\n", out)


# What it says when something is wrong ---------------------------------------------------------------


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
        ("mix.wav out.wav --profile broken.toml", 'broken.toml: "master" is unknown.'),
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
    before = {path: _hash(path) for path in here.rglob("*") if path.is_file()}
    code, out, err = run("render", *arguments.split())
    assert (code, out) == (2, "")
    if "--profile broken.toml" not in arguments:  # there every missing number has a line
        assert len(err.splitlines()) == 1
    assert err.startswith("Error: ") and message in err and "Traceback" not in err
    assert {path: _hash(path) for path in here.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("analyze", "Missing argument 'FILE...'"),
        ("analyze mix.wav --deliver opus", '"opus" lacks its kbit/s'),
        ("profile make -o x.toml", "Missing argument 'FILE...'"),
        ("profile make silent.wav -o x.toml", "at least 1 s needed"),
        ("profile make mix.wav -o x.txt", 'profiles end in ".toml"'),
        ("profile make mix.wav -o nowhere/x.toml", "cannot be written"),
        ("check", "Missing argument 'CONFIG...'"),
        ("demo --amount -1", "master.amount = -1.0 is outside"),
        ("demo --out mix.wav", "mix.wav: cannot be made"),
        ("rendr a b", "No such command 'rendr'"),
    ],
)
def test_other_commands_explain_too(run, mix, arguments, message):
    _bad_files(Path(), mix)
    Path("mix.wav").write_bytes(mix.read_bytes())
    code, out, err = run(*arguments.split())
    assert (code, out, len(err.splitlines())) == (2, "", 1) and message in err and err.startswith("Error: ")


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


# The real program ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_render_leaves_nothing(tmp_path, long_mix, number):
    before = _hash(long_mix)
    process = _process("render", long_mix, tmp_path / "out.wav")
    until = time.monotonic() + 60.0
    while not any(path.stat().st_size > 1_000_000 for path in tmp_path.iterdir()):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60.0)
    assert (process.returncode, out, err) == (1, "", "Stopped; the file under way was not written.\n")
    assert list(tmp_path.iterdir()) == [] and _hash(long_mix) == before


def test_a_full_disk_leaves_nothing(tmp_path, mix):
    def small_files_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    process = _process("render", mix, tmp_path / "out.wav", preexec_fn=small_files_only)
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert len(err.splitlines()) == 1 and "out.wav: cannot be written: File too large" in err
    assert list(tmp_path.iterdir()) == []


def test_json_stays_alone_on_stdout(tmp_path, mix):
    process = _process("render", mix, tmp_path / "out.wav", "--json")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "") and json.loads(out)["target"] == str(tmp_path / "out.wav")


def test_errors_leave_stdout_empty(tmp_path):
    process = _process("analyze", tmp_path / "none.wav")
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "") and err.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error_to_report():
    process = _process("check", *[ROOT / "configs" / "gentle.toml"] * 20)
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait() == 1
    process.stderr.close()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["check", "configs/gentle.toml"]])
def test_what_computes_nothing_waits_for_no_compiler(arguments):
    code = f"import sys; from rt_automix.cli import main; main({arguments!r}); sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
