"""Tags that lie where few look are kept; marks that cannot be are named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen.apev2 import APEBinaryValue, APEv2
from mutagen.flac import FLAC
from mutagen.wave import WAVE

from rt_automix.io.files import foreign, otherwise, tags

RATE_HZ = 44100
TEXTS = {"title": "Jóga", "artist": "Björk", "album": "Homogenic", "date": "1997", "track": "2"}
JPEG = bytes.fromhex("ffd8ffe0") + bytes(60)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    noise = np.random.default_rng(1).normal(0.0, 0.1, (RATE_HZ // 2, 2))
    soundfile.write(tmp_path / "song.wav", noise, RATE_HZ, "PCM_16")
    return tmp_path / "song.wav"


@pytest.fixture
def copied(song: Path, tmp_path: Path):
    """A function that copies a file's tags into a FLAC and a WAV, and gives the FLAC and the note."""

    def copy(source: Path) -> tuple[FLAC, str]:
        soundfile.write(tmp_path / "out.flac", np.zeros(9), RATE_HZ)
        soundfile.write(tmp_path / "out.wav", np.zeros(9), RATE_HZ)
        notes = [tags.copy(source, tmp_path / name) for name in ("out.flac", "out.wav")]
        assert notes[0] == notes[1]
        found = FLAC(tmp_path / "out.flac")
        if "title" in found:
            assert str(WAVE(tmp_path / "out.wav").tags["TIT2"]) == found["title"][0]
        return found, notes[0]

    return copy


def tagged(song: Path, target: Path) -> Path:
    words = [word for name, text in TEXTS.items() for word in ("-metadata", f"{name}={text}")]
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", song, *words, target], check=True)
    return target


@pytest.mark.parametrize("name", ["a.wma", "a.mka", "a.caf", "a.webm"])
def test_texts_of_every_container_are_kept(song: Path, tmp_path: Path, copied, name: str) -> None:
    found, note = copied(tagged(song, tmp_path / name))
    kept = {key.replace("tracknumber", "track"): value for key, value in found.tags.as_dict().items()}
    assert {key: kept[key] for key in TEXTS} == {key: [text] for key, text in TEXTS.items()}
    assert note == ""


def test_without_pyav_ffmpeg_reads_them(song: Path, tmp_path: Path, monkeypatch) -> None:
    source = tagged(song, tmp_path / "a.mka")
    expected = otherwise.by_decoder(source)

    monkeypatch.setattr(foreign, "_decoder", lambda: foreign._by_ffmpeg)
    assert otherwise.by_decoder(source) == expected != {}


def test_an_ape_tag_behind_an_mp3_is_kept_with_its_cover(song: Path, tmp_path: Path, copied) -> None:
    source = tmp_path / "a.mp3"
    subprocess.run(["lame", "--quiet", song, source], check=True)
    ape = APEv2()
    ape["Title"], ape["Artist"], ape["Mood"] = "Jóga", ["Björk", "Another"], "blue"
    ape["Cover Art (Front)"] = APEBinaryValue(b"front.jpg\0" + JPEG)
    ape.save(source)
    found, note = copied(source)
    assert (found["title"], found["artist"]) == (["Jóga"], ["Björk", "Another"])
    assert [(picture.mime, picture.data) for picture in found.pictures] == [("image/jpeg", JPEG)]
    assert note.endswith(": Mood.")


def test_a_cue_sheet_and_chapters_are_named(song: Path, tmp_path: Path, copied) -> None:
    (tmp_path / "a.cue").write_text('FILE "a" WAVE\n TRACK 01 AUDIO\n  INDEX 01 00:00:00\n')
    command = ["flac", "--silent", f"--cuesheet={tmp_path / 'a.cue'}", "-o", tmp_path / "a.flac", song]
    subprocess.run(command, check=True)
    assert "cuesheet" in copied(tmp_path / "a.flac")[1]
    chapters = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=200\ntitle=One\n"
    (tmp_path / "chapters").write_text(chapters)
    for name in ("a.m4a", "a.mka"):
        command = ["ffmpeg", "-v", "error", "-i", song, "-i", tmp_path / "chapters", "-map_chapters", "1"]
        subprocess.run([*command, tmp_path / name], check=True)
        assert "chapters" in copied(tmp_path / name)[1]


def test_info_in_utf_16_is_read(song: Path, copied) -> None:
    text = "Größe".encode("utf-16")
    content = song.read_bytes()
    info = b"LIST" + (12 + len(text)).to_bytes(4, "little") + b"INFOINAM" + len(text).to_bytes(4, "little") + text
    song.write_bytes(content[:12] + info + content[12:])
    assert copied(song)[0]["title"] == ["Größe"]
