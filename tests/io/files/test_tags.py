"""Tags survive from every format that can be read into both that can be written."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC, Picture
from mutagen.id3 import ID3
from mutagen.wave import WAVE

from rt_automix.analysis.recordings.measure import Measurement, Meter
from rt_automix.io.files.audio import AudioReader, AudioWriter

NOISE = (0.1 * np.random.default_rng(1).standard_normal((2, 4800))).astype(np.float32)
TEXTS = {
    "title": "Größer als 1 = laut",
    "artist": "The Knobs",
    "album": "Amount",
    "date": "2024",
    "track": "7",
    "genre": "Drone",
    "comment": "first take",
}


def tagged(folder: Path, ending: str, **texts: str) -> Path:
    source, path = folder / "source.wav", folder / f"in.{ending}"
    soundfile.write(source, NOISE.T, 48000, "PCM_16")
    options = [word for name, text in texts.items() for word in ("-metadata", f"{name}={text}")]
    options += ["-write_id3v2", "1"] if ending == "aiff" else []
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(source), *options, str(path)], check=True)
    return path


def master(source: Path, target: Path) -> AudioWriter:
    writer = AudioWriter(target, 48000, 2, 16, tags_from=source)
    with writer:
        writer.write(NOISE)
    return writer


def probe(path: Path) -> dict[str, str]:
    """Tags as another program sees them."""
    command = ["ffprobe", "-v", "error", "-show_format", "-of", "json", str(path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["format"].get("tags", {})
    return {name.lower(): text for name, text in found.items()}


@pytest.mark.parametrize("target", ["wav", "flac"])
@pytest.mark.parametrize("source", ["wav", "flac", "aiff", "mp3", "ogg"])
def test_texts_are_kept(tmp_path: Path, source: str, target: str) -> None:
    path = tmp_path / f"out.{target}"
    assert master(tagged(tmp_path, source, **TEXTS), path).tags_note == ""
    found = probe(path)
    assert {name: found.get(name) for name in TEXTS} == TEXTS
    with AudioReader(path) as reader:
        assert sum(block.shape[1] for block in reader.blocks()) == NOISE.shape[1]


def test_what_mastering_makes_untrue_is_left_out(tmp_path: Path) -> None:
    master(tagged(tmp_path, "flac", title="x", replaygain_track_gain="-7.1 dB"), tmp_path / "out.flac")
    assert set(FLAC(tmp_path / "out.flac").tags.as_dict()) == {"title"}


@pytest.mark.parametrize("target", ["wav", "flac"])
def test_pictures_are_kept(tmp_path: Path, target: str) -> None:
    cover = Picture()
    cover.data, cover.type, cover.mime = b"a picture, by all means", 3, "image/png"
    source = FLAC(tagged(tmp_path, "flac", title="x"))
    source.add_picture(cover)
    source.save()
    path = tmp_path / f"out.{target}"
    master(tmp_path / "in.flac", path)
    (found,) = WAVE(path).tags.getall("APIC") if target == "wav" else FLAC(path).pictures
    assert (found.data, found.type, found.mime) == (cover.data, cover.type, cover.mime)


def test_unreadable_tags_are_a_note_not_a_failure(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"ID3\x04\x00\x00\x00\x00\x00\x0a" + b"\xff" * 50)
    writer = master(broken, tmp_path / "out.flac")
    assert writer.tags_note.startswith(f"{broken}: the tags could not be copied")
    with AudioReader(tmp_path / "out.flac") as reader:
        assert reader.samples == NOISE.shape[1]


def test_no_tags_write_none(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "bare.wav", NOISE.T, 48000, "PCM_16")
    assert master(tmp_path / "bare.wav", tmp_path / "out.wav").tags_note == ""
    assert b"id3" not in (tmp_path / "out.wav").read_bytes().lower()


@pytest.mark.parametrize(
    ("date", "year"),
    [("12.05.2003", "2003"), ("May 2003", "2003"), ("2003/2011", ""), ("2003-05-12", "2003-05-12"), ("2003", "2003")],
)
def test_a_date_of_no_standard_form_is_kept_as_it_is_and_its_year_beside(tmp_path: Path, date: str, year: str) -> None:
    """An ID3 date is numbers: "12.05.2003" came out as the year 12."""
    master(tagged(tmp_path, "flac", date=date), tmp_path / "out.wav")
    tags = WAVE(tmp_path / "out.wav").tags
    assert tags is not None and str(tags.get("TDRC", "")) == year
    assert str(tags.get("TXXX:date", "")) == (date if date != year else "")


@pytest.mark.parametrize("lengths", [("RIFF",), ("RIFF", "data")])
def test_a_recording_that_was_never_closed_keeps_its_tags(tmp_path: Path, lengths: tuple[str, ...]) -> None:
    path = tagged(tmp_path, "wav", **TEXTS)
    content = bytearray(path.read_bytes())
    for name in lengths:
        at = content.index(name.encode()) + 4
        content[at : at + 4] = bytes(4)
    path.write_bytes(content)
    assert master(path, tmp_path / "out.wav").tags_note == ""
    assert probe(tmp_path / "out.wav")["title"] == TEXTS["title"]


def test_a_description_beside_a_comment_is_named_as_lost(tmp_path: Path) -> None:
    path = tagged(tmp_path, "flac", comment="one")
    file = FLAC(path)
    file["comment"], file["description"] = "one", "two"
    file.save()
    assert "description" in master(path, tmp_path / "out.wav").tags_note
    assert probe(tmp_path / "out.wav")["comment"] == "one"


def test_the_comment_of_an_old_tag_is_kept(tmp_path: Path) -> None:
    """ID3v1, which mutagen gives a description."""
    path = tagged(tmp_path, "mp3")
    ID3(path).delete()
    with path.open("ab") as handle:
        handle.write(b"TAG" + b"T".ljust(30, b"\0") + bytes(64) + b"said once".ljust(30, b"\0") + b"\xff")
    assert master(path, tmp_path / "out.wav").tags_note == ""
    assert probe(tmp_path / "out.wav")["comment"] == "said once"


def test_the_second_tag_of_an_mp3_is_heeded(tmp_path: Path) -> None:
    """As programs leave it that measure loudness."""
    path = tagged(tmp_path, "mp3", title="Song")
    ape = APEv2()
    ape.update({"REPLAYGAIN_TRACK_GAIN": "-6.00 dB", "Composer": "Her", "Mood": "blue"})
    ape.save(path)
    writer = AudioWriter(tmp_path / "out.flac", 48000, 2, 16, tags_from=path)
    writer.measured = meter(0.1 * np.random.default_rng(1).standard_normal((2, 96_000)).astype(np.float32))
    with writer:
        writer.write(NOISE)
    found = FLAC(tmp_path / "out.flac")
    assert (found["title"], found["composer"]) == (["Song"], ["Her"]) and "replaygain_track_gain" in found
    assert "Mood" in writer.tags_note and "gain" not in writer.tags_note.lower()


def test_numbers_of_the_other_order_are_read(tmp_path: Path) -> None:
    source = tmp_path / "source.wav"
    soundfile.write(source, NOISE.T, 48000, "PCM_16")
    subprocess.run(["sox", source, "-B", tmp_path / "in.wav"], check=True)
    content = (tmp_path / "in.wav").read_bytes()
    info = b"INFO" + b"INAM" + (4).to_bytes(4, "big") + b"Big\0"
    cue = (0).to_bytes(4, "big")
    more = b"LIST" + len(info).to_bytes(4, "big") + info + b"cue " + len(cue).to_bytes(4, "big") + cue
    whole = b"RIFX" + (len(content) - 8 + len(more)).to_bytes(4, "big") + content[8:] + more
    (tmp_path / "in.wav").write_bytes(whole)
    assert "cue" in master(tmp_path / "in.wav", tmp_path / "out.wav").tags_note
    assert probe(tmp_path / "out.wav")["title"] == "Big"


@pytest.mark.parametrize("ending", ["mov", "tta"])
def test_what_only_a_decoder_finds_is_kept(tmp_path: Path, ending: str) -> None:
    writer = master(tagged(tmp_path, ending, title="Film", artist="Them"), tmp_path / "out.wav")
    assert writer.tags_note == ""
    assert {**probe(tmp_path / "out.wav"), "title": "Film", "artist": "Them"} == probe(tmp_path / "out.wav")


def meter(samples: np.ndarray) -> Measurement:
    meter = Meter(48000, 2)
    meter.push(samples)
    return meter.result()
