"""The program as a process: stopped, with a full disk, its reader gone; and what it does not wait for."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from programs import ROOT, hash_of, process_of


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_render_leaves_nothing(tmp_path, long_mix, number):
    before = hash_of(long_mix)
    process = process_of("render", long_mix, tmp_path / "out.wav")
    until = time.monotonic() + 60.0
    while not any(path.stat().st_size > 1_000_000 for path in tmp_path.iterdir()):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60.0)
    assert (process.returncode, out, err) == (1, "", "Stopped; the file under way was not written.\n")
    assert list(tmp_path.iterdir()) == [] and hash_of(long_mix) == before


IMPORTING = """
import os, sys, time, weakref, click
from rt_automix import cli
def fall_into_a_callback():
    thing = set()
    callback = weakref.ref(thing, lambda _: os.kill(os.getpid(), {number:d}))
    del thing
    time.sleep(60.0)
def turn_into_another():
    try:
        os.kill(os.getpid(), {number:d})
        time.sleep(60.0)
    except KeyboardInterrupt as stop:
        raise ImportError("initialization failed") from stop
click.Group.invoke = lambda *_: {doing}
sys.exit(cli.main(["devices"]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "doing",
    ['exec("import os; os.kill(os.getpid(), {number:d})")', "fall_into_a_callback()", "turn_into_another()"],
)
def test_what_is_stopped_while_it_imports_ends_with_its_own_exit_code(number, doing, tmp_path):
    """`python -m` ends by SIGINT in the end where that came amid an `exec`, as dataclasses use, however well caught.

    What is raised in a weak reference's callback, as each import has one, is dropped; and compiled modules that are
    stopped amid their import raise another error from it.
    """
    (tmp_path / "importing.py").write_text(IMPORTING.format(number=number, doing=doing.format(number=number)))
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "importing"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "Stopped; the file under way was not written.\n")


@pytest.mark.parametrize("module", ["click", "numpy"])
def test_what_is_stopped_before_it_has_begun_shows_no_traceback(tmp_path, module):
    (tmp_path / f"{module}.py").write_text("import time; print('imported', flush=True); time.sleep(60.0)")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "rt_automix", "analyze", "a.wav"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes) as process:
        assert process.stdout.readline() == "imported\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60.0)
    if module == "click":  # not even the command line is there
        assert (process.returncode, err) == (-signal.SIGINT, "")
    else:
        assert (process.returncode, err) == (1, "Stopped; the file under way was not written.\n")


@pytest.mark.parametrize(
    ("command", "name", "most_bytes"),
    [("render MIX OUT", "out.wav", 100_000), ("profile make MIX --force -o OUT", "out.toml", 1_000)],
)
def test_a_full_disk_leaves_nothing_and_what_was_there(tmp_path, mix, command, name, most_bytes):
    def small_files_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    path = tmp_path / name
    if "--force" in command:
        path.write_text("of before")
    words = command.replace("MIX", str(mix)).replace("OUT", str(path)).split()
    process = process_of(*words, preexec_fn=small_files_only)
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert len(err.splitlines()) == 1 and f"{name}: cannot be written: File too large" in err
    assert [one.read_text() for one in tmp_path.iterdir()] == (["of before"] if "--force" in command else [])


def test_a_full_disk_behind_stdout_is_said():
    with Path("/dev/full").open("w") as full:
        process = process_of("profile", "list", stdout=full)
        _, err = process.communicate(timeout=60.0)
    assert (process.returncode, err) == (
        2, "Error: The output: No space left on device. Make room there, or write elsewhere.\n",
    )  # fmt: skip


def test_json_stays_alone_on_stdout(tmp_path, mix):
    process = process_of("render", mix, tmp_path / "out.wav", "--json")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "") and json.loads(out)["target"] == str(tmp_path / "out.wav")


def test_errors_leave_stdout_empty(tmp_path):
    process = process_of("analyze", tmp_path / "none.wav")
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "") and err.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error_to_report():
    process = process_of("check", *[ROOT / "configs" / "gentle.toml"] * 20)
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait() == 1
    process.stderr.close()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["check", "configs/gentle.toml"]])
def test_what_computes_nothing_waits_for_no_compiler(arguments):
    code = f"import sys; from rt_automix.cli import main; main({arguments!r}); sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
