"""`rt-automix pipe` among the programs it is made for: the bits of a render, and an end whatever ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from demosong import demo_song

from rt_automix.config import Config
from rt_automix.platforms import PLATFORMS
from rt_automix.render import render

PIPE = [sys.executable, "-m", "rt_automix", "pipe"]
RAW = ["--format", "s16le", "--rate", "44100"]
PAGE = (Path(__file__).parents[2] / "docs/pipe.md").read_text(encoding="utf-8")
RECIPES = [line.strip() for line in PAGE.splitlines() if line.startswith("    ")]


def recipe(beginning):
    """The only line of docs/pipe.md that begins so."""
    (line,) = (line for line in RECIPES if line.startswith(beginning))
    return line


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """A song of 12 s, as files of several kinds, and what a render makes of them."""
    folder = tmp_path_factory.mktemp("songs")
    song = demo_song()[:, : 12 * 48_000].T
    kinds = {
        "stereo": (song, 48_000, "PCM_24"),
        "float": (song, 96_000, "FLOAT"),
        "mono": (song[:, :1], 44_100, "PCM_16"),
    }
    for name, (samples, rate_hz, subtype) in kinds.items():
        soundfile.write(folder / f"{name}.wav", samples, rate_hz, subtype)
        bits = {"PCM_16": 16, "PCM_24": 24, "FLOAT": 32}[subtype]
        render(folder / f"{name}.wav", folder / f"{name}-render.wav", bits=bits)
    return folder


def sound(path):
    return soundfile.read(path, dtype="int32" if "float" not in path.name else "float32", always_2d=True)[0]


def start(*words, **how):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*PIPE, *words], **(pipes | how))


@pytest.mark.parametrize(("name", "words"), [("stereo", []), ("float", ["--low-delay"]), ("mono", [])])
def test_the_bits_are_those_of_a_render(name, words, songs, tmp_path):
    path = tmp_path / f"{name}.wav"
    with (songs / f"{name}.wav").open("rb") as source, path.open("wb") as target:
        done = subprocess.run([*PIPE, *words], stdin=source, stdout=target, stderr=subprocess.PIPE, check=True)
    assert b"LUFS" in done.stderr
    assert np.array_equal(sound(path), sound(songs / f"{name}-render.wav"))


def surround(path, layout, seconds):
    """Music on every channel, no two alike, by ffmpeg: with another's masks than ours."""
    song, count = demo_song(), {"5.0": 5, "5.1(side)": 6, "7.1": 8, "7.1(wide)": 8}[layout]
    rows = [song[k % 2, (5 + k) * 48_000 : (5 + k + seconds) * 48_000] for k in range(count)]
    given = ["-f", "f32le", "-ar", "48000", "-ac", str(count), "-channel_layout", layout, "-i", "-"]
    command = ["ffmpeg", "-v", "error", *given, "-c:a", "pcm_f32le", path]
    subprocess.run(command, input=np.ascontiguousarray(np.transpose(rows), "<f4").tobytes(), check=True)
    return path


def speakers(path):
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=channel_layout", "-of", "csv=p=0", path]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("layout", ["5.1(side)", "7.1"])
def test_surround_has_the_bits_of_a_render_and_its_speakers(layout, tmp_path):
    source = surround(tmp_path / "float.wav", layout, 3)
    render(source, tmp_path / "float-render.wav", bits=32, lookahead="live")
    with source.open("rb") as comes, (tmp_path / "float-pipe.wav").open("wb") as goes:
        subprocess.run(PIPE, stdin=comes, stdout=goes, stderr=subprocess.PIPE, check=True)
    assert np.array_equal(sound(tmp_path / "float-pipe.wav"), sound(tmp_path / "float-render.wav"))
    assert speakers(tmp_path / "float-pipe.wav") == layout


def test_bare_samples_of_five_channels(tmp_path):
    source = surround(tmp_path / "float.wav", "5.0", 2)
    render(source, tmp_path / "float-render.wav", bits=32, lookahead="live")
    data = soundfile.read(source, dtype="float32")[0].tobytes()
    words = [*PIPE, "--format", "f32le", "--channels", "5"]
    done = subprocess.run(words, input=data, capture_output=True, check=True).stdout
    assert np.array_equal(np.frombuffer(done, "<f4").reshape(-1, 5), sound(tmp_path / "float-render.wav"))


def test_other_speakers_are_refused_with_a_cure_that_works(tmp_path):
    source = surround(tmp_path / "wide.wav", "7.1(wide)", 1)
    done = subprocess.run(PIPE, stdin=source.open("rb"), capture_output=True)
    said = done.stderr.decode()
    assert done.returncode == 2 and "0xFF" in said and said.count("\n") == 1 and not done.stdout
    cure = said[said.index("ffmpeg") :].strip().removesuffix(".")
    laid = subprocess.run(cure.split(), stdin=source.open("rb"), capture_output=True, check=True).stdout
    assert len(subprocess.run(PIPE, input=laid, capture_output=True, check=True).stdout) > 48_000 * 8 * 2


def test_input_in_odd_pieces_changes_no_bit(songs):
    data, _ = soundfile.read(songs / "stereo.wav", dtype="int32", always_2d=True)
    data = data[: 3 * 48_000].astype("<i4").tobytes()
    whole = subprocess.run([*PIPE, "--format", "s32le"], input=data, capture_output=True, check=True).stdout
    assert len(whole) == len(data)
    run, heard = start("--format", "s32le", "--low-delay"), []
    reader = threading.Thread(target=lambda: heard.append(run.stdout.read()))
    reader.start()
    starts = np.cumsum(np.random.default_rng(2).integers(1, 60_000, 100))
    for piece in np.split(np.frombuffer(data, np.uint8), starts[starts < len(data)]):
        run.stdin.write(piece.tobytes())
        run.stdin.flush()
    run.stdin.close()
    reader.join(60)
    assert heard == [whole] and run.wait(60) == 0


def test_a_latency_that_is_kept_comes_first_and_nothing_is_lost(songs):
    data = soundfile.read(songs / "stereo.wav", dtype="float32")[0][:96_000].tobytes()
    words = [*PIPE, "--format", "f32le"]
    cut, kept = (
        np.frombuffer(subprocess.run([*words, *more], input=data, capture_output=True, check=True).stdout, "<f4")
        for more in ([], ["--latency", "keep"])
    )
    assert cut.size == 2 * 96_000 and kept.size == cut.size + 2 * 64
    assert not kept[: 2 * 64].any() and np.array_equal(kept[2 * 64 :], cut)


def test_commands_act_between_blocks_and_what_is_no_command_is_said(songs):
    inside, outside = os.pipe()
    run = start(*RAW, "--json-lines", "--json-fd", str(inside), pass_fds=[inside])
    os.close(inside)
    second = np.random.default_rng(4).normal(0, 3000, (44_100, 2)).astype("<i2").tobytes()
    reader = subprocess.Popen(["cat"], stdin=run.stdout, stdout=subprocess.DEVNULL)
    run.stdin.write(second + second)
    run.stdin.flush()
    assert json.loads(run.stderr.readline())["amount"] == 1.0
    lines = '{"set": {"amount": 0.25}}', '{"nudge": {"target_lufs": -2}}', "louder!", '{"set": {"amount": 7}}'
    os.write(outside, ("\n".join(lines) + "\n").encode())
    time.sleep(0.5)  # until they have been read: what follows could be faster
    run.stdin.write(second + second)
    run.stdin.close()
    said = run.stderr.read().decode().splitlines()
    states = [json.loads(line) for line in said if line.startswith('{"type"')]
    assert states[-1]["amount"] == 0.25 and states[-1]["target_lufs"] == -15.0 and states[-1]["seconds"] == 4.0
    assert any("louder!: not a command" in line for line in said) and any("outside [0.0, 1.0]" in line for line in said)
    assert run.wait(30) == 0 and reader.wait(30) == 0
    os.close(outside)


def test_who_stops_reading_ends_it_and_who_only_waits_loses_nothing():
    second = bytes(4 * 44_100)
    endless = subprocess.Popen(["cat", "/dev/zero"], stdout=subprocess.PIPE)
    run = start(*RAW, stdin=endless.stdout)
    endless.stdout.close()
    assert len(run.stdout.read(1000)) == 1000
    run.stdout.close()
    assert run.wait(30) == 1 and b"Error" not in run.stderr.read()
    assert endless.wait(30) != 0  # by SIGPIPE, or where JACK's library has had it blocked, by the error of its write
    run = start(*RAW)
    feeder = subprocess.Popen(["head", "-c", str(10 * len(second)), "/dev/zero"], stdout=run.stdin)
    run.stdin.close()
    time.sleep(2.0)
    assert run.poll() is None
    assert len(run.stdout.read()) == 10 * len(second)
    assert feeder.wait(10) == 0 and run.wait(10) == 0


def test_half_a_frame_is_left_out_and_said():
    done = subprocess.run([*PIPE, *RAW], input=bytes(4 * 5000 + 3), capture_output=True)
    assert done.returncode == 0 and len(done.stdout) == 4 * 5000 and b"last 3 bytes" in done.stderr


def test_nothing_comes_and_nothing_goes():
    done = subprocess.run([*PIPE, *RAW], input=b"", capture_output=True)
    assert done.returncode == 0 and done.stdout == b""
    done = subprocess.run(PIPE, input=b"", capture_output=True)
    assert done.returncode == 2 and b"ends before any sound" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped(number):
    run = start(*RAW)
    run.stdin.write(bytes(4 * 5000))
    run.stdin.flush()
    run.stdout.read(1000)
    run.send_signal(number)
    _, said = run.communicate(timeout=30)
    assert run.returncode == 1 and said.strip() == b"Stopped."


@pytest.mark.parametrize(("words", "cure"), [
    (["--format", "s16le", "--rate", "22050"], "-ar 48000"),
    (["--format", "s16le", "--channels", "7"], "6 (5.1)"),
    (["--json-fd", "77"], "77< FIFO"),
    (["--profile", "warm", "--reference", "x.wav"], "give one of them"),
    ([], "--format s16le"),
])  # fmt: skip
def test_what_cannot_be_is_one_sentence_with_a_cure(words, cure):
    done = subprocess.run([*PIPE, *words], input=bytes(1000), capture_output=True)
    said = done.stderr.decode()
    assert done.returncode == 2 and cure in said and said.count("\n") == 1 and not done.stdout


def test_sound_is_not_written_to_a_terminal():
    own, theirs = os.openpty()
    done = subprocess.run(PIPE, stdin=theirs, capture_output=True, text=True)
    assert done.returncode == 2 and "not a terminal" in done.stderr
    os.close(own)
    os.close(theirs)


@pytest.fixture(scope="module")
def house(songs):
    """A folder as the recipes expect one, and a surrounding in which they find our program.

    It keeps what it was handed, where $HANDED says so.
    """
    shutil.copy(songs / "stereo.wav", songs / "mix.wav")
    data, rate_hz = soundfile.read(songs / "stereo.wav", dtype="int32", frames=4 * 48_000)
    soundfile.write(songs / "in.wav", data, rate_hz, "PCM_24")
    (songs / "bin").mkdir()
    program = songs / "bin" / "rt-automix"
    program.write_text(f"""#!/bin/sh
if [ -z "$HANDED" ]; then exec {sys.executable} -m rt_automix "$@"; fi
tee "$HANDED" | {sys.executable} -m rt_automix "$@"
""")
    program.chmod(0o755)
    surroundings = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(Path.cwd())}
    return songs, surroundings


def test_no_recipe_is_left_out():
    assert len(RECIPES) == 6


@pytest.mark.parametrize("beginning", ["ffmpeg", "sox"])
def test_between_two_ffmpegs_and_two_soxes_as_it_is_written(beginning, house):
    folder, surroundings = house
    subprocess.run(recipe(beginning), shell=True, cwd=folder, env=surroundings, check=True)
    assert np.array_equal(sound(folder / "master.flac"), sound(folder / "stereo-render.wav"))
    (folder / "master.flac").unlink()


@pytest.mark.skipif(shutil.which("gst-launch-1.0") is None, reason="needs GStreamer: see the Makefile")
def test_between_two_gstreamers_as_it_is_written(house):
    folder, surroundings = house
    subprocess.run(recipe("gst-launch"), shell=True, cwd=folder, env=surroundings, check=True)
    assert np.array_equal(sound(folder / "master.wav"), sound(folder / "stereo-render.wav"))


def test_a_full_disk_behind_it_is_said(songs):
    with (songs / "stereo.wav").open("rb") as source, Path("/dev/full").open("wb") as full:
        done = subprocess.run(PIPE, stdin=source, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "cannot be written: No space left" in done.stderr


def test_bare_samples_between_two_ffmpegs(songs, tmp_path):
    line = (
        f"ffmpeg -v error -i stereo.wav -f s24le - | {sys.executable} -m rt_automix pipe --format s24le"
        f" | ffmpeg -v error -f s24le -ar 48000 -ac 2 -i - {tmp_path}/0.flac"
    )
    subprocess.run(line, shell=True, cwd=songs, check=True)
    assert np.array_equal(sound(tmp_path / "0.flac"), sound(songs / "stereo-render.wav"))


def test_it_is_steered_as_it_is_written(house):
    folder, surroundings = house
    lines = "\n".join((recipe("mkfifo"), recipe("echo"), "wait"))
    subprocess.run(lines, shell=True, cwd=folder, env=surroundings, check=True, timeout=60)
    steered, mastered = sound(folder / "out.wav") / 2.0**31, sound(folder / "stereo-render.wav")[: 4 * 48_000] / 2.0**31
    assert steered.shape == mastered.shape
    assert np.square(steered[96_000:]).mean() < 0.8 * np.square(mastered[96_000:]).mean()


STATION = """
settings.log.stdout.set(true)
settings.init.allow_root.set(true)
radio = playlist(mode="normal", loop=false, "{folder}/songs.m3u")
{recipe}
output.file(%wav, fallible=true, on_stop=shutdown, "{folder}/out.wav", mastered)
"""


@pytest.mark.skipif(shutil.which("liquidsoap") is None, reason="needs Liquidsoap: sudo apt install liquidsoap")
def test_in_liquidsoap_a_station_sounds_as_a_render(house, tmp_path):
    songs, surroundings = house
    tmp_path.chmod(0o777)
    song = soundfile.read(songs / "mono.wav", dtype="int16")[0]
    soundfile.write(tmp_path / "song.wav", np.stack([song, song], axis=1), 44_100, "PCM_16")
    (tmp_path / "songs.m3u").write_text(f"{tmp_path}/song.wav\n")
    (tmp_path / "station.liq").write_text(STATION.format(folder=tmp_path, recipe=recipe("mastered")))
    # What it hands over is not quite the song: it counts in floats and rounds to 16 bits by itself.
    surroundings = surroundings | {"HANDED": f"{tmp_path}/handed.wav", "HOME": str(tmp_path)}
    surroundings.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    done = subprocess.run(
        ["liquidsoap", str(tmp_path / "station.liq")], env=surroundings, capture_output=True, text=True, timeout=240
    )
    assert (tmp_path / "out.wav").exists(), done.stdout[-2000:]
    out = soundfile.read(tmp_path / "out.wav", dtype="int32", always_2d=True)[0]
    asked = PLATFORMS["spotify"]
    config = {"master.target_lufs": asked.target_lufs, "limiter.ceiling_dbtp": asked.ceiling_dbtp}
    render(tmp_path / "handed.wav", tmp_path / "render.wav", config=Config().with_overrides(**config), bits=16)
    expected = sound(tmp_path / "render.wav")
    assert 0 <= len(expected) - len(out) < 3 * 1764  # it plays whole frames of 40 ms
    assert np.array_equal(out, expected[: len(out)])


def test_what_a_render_is_told_a_pipe_can_be_told_too(songs, tmp_path):
    render(songs / "stereo.wav", tmp_path / "render.wav", config=Config().with_overrides(**{"master.boldness": 1.0}))
    with (songs / "stereo.wav").open("rb") as source, (tmp_path / "pipe.wav").open("wb") as target:
        subprocess.run([*PIPE, "--boldness", "1"], stdin=source, stdout=target, stderr=subprocess.PIPE, check=True)
    assert np.array_equal(sound(tmp_path / "pipe.wav"), sound(tmp_path / "render.wav"))
    assert not np.array_equal(sound(tmp_path / "pipe.wav"), sound(songs / "stereo-render.wav"))
