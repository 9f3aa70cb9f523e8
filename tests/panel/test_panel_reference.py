"""A song dropped on the page becomes a profile; whatever else is dropped becomes a plain message."""

from __future__ import annotations

import multiprocessing
import threading

import numpy as np
import pytest
import soundfile
from panel_stage import Stage

from rt_automix.analysis.aim import profile
from rt_automix.errors import AudioFileError
from rt_automix.panel import reference

RATE_HZ = 44_100


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("panel"), step_s=0.02) as stage:
        yield stage


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """Two seconds of noise: a path."""
    path = tmp_path_factory.mktemp("song") / "noise.flac"
    noise = 0.1 * np.random.default_rng(2).standard_normal((2 * RATE_HZ, 2))
    soundfile.write(path, noise, RATE_HZ, "PCM_16")
    return path


def upload(stage, body, name, kind="application/octet-stream"):
    """Status and document of the answer."""
    return stage.ask("POST", "/api/v1/reference", body, X_File_Name=name, Content_Type=kind)[:2]


def test_a_song_becomes_the_profile_that_is_aimed_at(stage, song):
    code, answer = upload(stage, song.read_bytes(), "Abend%20%E2%80%93%20Lied.FLAC", "audio/flac")
    assert (code, answer) == (200, {"v": 1, "profile": "Abend Lied"})
    (verb, style), *_ = stage.wait_for(lambda: stage.supervisor.done)
    assert verb == "reference" and style.name == "Abend Lied"
    samples = np.ascontiguousarray(soundfile.read(song, dtype="float32")[0].T)
    expected = profile.measure([samples], RATE_HZ, 2, "Abend Lied")
    assert np.abs(style.vector() - expected.vector()).max() < 0.002
    state = stage.ask("GET", "/api/v1/state")[1]
    assert state["profiles"][0] == "Abend Lied" and stage.server._deck.style("Abend Lied") == style


def damaged(song):
    whole = song.read_bytes()
    rng = np.random.default_rng(4)
    wav = b"RIFF" + (2**32 - 1).to_bytes(4, "little") + b"WAVEfmt " + bytes(range(16)) * 4
    return {
        "empty": (b"", "a.wav"),
        "noise": (rng.bytes(50_000), "a.mp3"),
        "text": (b"<html>" * 1000, "a.ogg"),
        "cut": (whole[: len(whole) // 3], "a.flac"),
        "torn": (whole[:1000] + rng.bytes(2000) + whole[3000:], "a.flac"),
        "liar": (wav, "a.wav"),
        "pickle": (b"\x80\x04\x95\x0e\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x8c\x06system\x93.", "a.aiff"),
    }


@pytest.mark.parametrize("kind", ["empty", "noise", "text", "cut", "torn", "liar", "pickle"])
def test_a_malformed_file_is_refused_in_plain_words(stage, song, kind):
    body, name = damaged(song)[kind]
    done = list(stage.supervisor.done)
    code, answer = upload(stage, body, name)
    assert code == 422 and stage.supervisor.done == done
    assert 10 < len(answer["error"]) < 300 and "/" not in answer["error"] and "Traceback" not in answer["error"]
    assert stage.told == []
    assert name in answer["error"] or kind not in ("empty", "text")  # as the sender calls it: a cure may be a command


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.exe", "application/octet-stream"), ("", "audio/wav"), ("a.wav", "text/html"), ("a.wav/../b", "audio/wav"),
     ("a.wav%00.sh", "audio/wav"), ("a.mid", "audio/midi"), ("%2e%2e%2fetc%2fpasswd", "audio/wav")],
)  # fmt: skip
def test_other_kinds_are_refused_before_anything_is_stored(stage, name, kind):
    code, answer = upload(stage, b"RIFF", name, kind)
    assert code == 415 and len(answer["error"]) < 200 and "Send " in answer["error"]


@pytest.mark.parametrize(
    ("file_name", "name"),
    [("My Song.wav", "My Song"), ("..%2F..%2Fetc%2Fpasswd.wav", "passwd"), ("C:%5CMusic%5Ca.b.wav", "a b"),
     ("%3Cscript%3E.wav", "script"), (".wav", "wav"), ("%2F%2F.wav", "wav"), ("x" * 99 + ".wav", "x" * 40),
     ("balanced.mp3", "balanced song"), ("%00%0a.wav", "song")],
)  # fmt: skip
def test_names_of_profiles_are_harmless(file_name, name):
    assert reference.name_of(file_name, ("balanced",)) == name
    assert not any(sign in name for sign in "./\\<>\0\n")


def test_one_song_at_a_time_and_a_decoder_that_dies_is_a_message(stage, song):
    """The first one's decoder is killed, as the system kills what takes too much memory."""
    answers = []
    first = threading.Thread(target=lambda: answers.append(upload(stage, song.read_bytes(), "a.flac")))
    first.start()
    (decoder,) = stage.wait_for(multiprocessing.active_children)
    assert upload(stage, song.read_bytes(), "b.flac")[0] == 429
    decoder.kill()
    first.join(20.0)
    code, answer = answers[0]
    assert code == 422 and "cannot be decoded" in answer["error"]
    assert not stage.server._hub.deck.take() and stage.ask("GET", "/api/v1/state")[0] == 200


def test_a_decoder_that_takes_too_long_is_ended(stage, song, monkeypatch):
    monkeypatch.setattr(reference.measured, "__defaults__", (0.05,))
    code, answer = upload(stage, song.read_bytes(), "a.flac")
    assert code == 422 and "not measured within 0.05 s" in answer["error"]
    assert not multiprocessing.active_children()


def test_limits_of_the_process_hold():
    resource = pytest.importorskip("resource")
    answer, question = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=confined, args=(question,))
    process.start()
    assert answer.poll(60.0)
    limits = answer.recv()
    process.join(10.0)
    assert limits == {resource.RLIMIT_AS: 4 << 30, resource.RLIMIT_CPU: 60, resource.RLIMIT_CORE: 0}


def confined(question):
    """In another process: its limits, and whether they can be felt."""
    import resource

    reference._confine()
    try:
        np.zeros(5 << 30, np.uint8)
    except MemoryError:
        kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_CORE)
        question.send({kind: resource.getrlimit(kind)[1] for kind in kinds})


def test_suffixes():
    assert reference.suffix_of("A.WAV", "audio/x-wav") == ".wav"
    assert reference.suffix_of("a.b.ogg", "") == ".ogg"
    with pytest.raises(AudioFileError, match="cannot be read"):
        reference.suffix_of("wav", "audio/wav")
