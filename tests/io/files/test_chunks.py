"""What a file carries beside its sound: kept where it stays true, written afresh where it measures, else named."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC
from mutagen.wave import WAVE

from rt_automix.io.files.audio import AudioReader
from rt_automix.io.files.containers import riff
from rt_automix.render import render

RATE_HZ = 48000
NOISE = np.random.default_rng(1).normal(0, 0.05, (2, 4 * RATE_HZ))
CUE = struct.pack("<I", 2) + b"".join(
    struct.pack("<II4sIII", n, at, b"data", 0, 0, at) for n, at in ((1, 1000), (2, 96_000))
)
SMPL = struct.pack("<9I", 0, 0, 20833, 60, 0, 0, 0, 1, 0) + struct.pack("<6I", 0, 0, 4800, 9600, 0, 0)
LABELS = b"adtl" + b"labl" + struct.pack("<I", 10) + struct.pack("<I", 1) + b"verse\0"
BEXT = (
    b"An interview".ljust(256, b"\0") + b"Studio 2".ljust(32, b"\0") + b"REF1".ljust(32, b"\0")
    + b"2026-01-0212:34:56" + struct.pack("<QH", 123_456, 1) + bytes(64 + 190) + b"A=PCM,F=48000\r\n"
)  # fmt: skip


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def wav(path: Path, *more: bytes, before: bool = False, rate_hz: int = RATE_HZ) -> Path:
    soundfile.write(path, NOISE.T, rate_hz, "PCM_16")
    plain = path.read_bytes()
    body = plain[12:36] + b"".join(more) + plain[36:] if before else plain[12:] + b"".join(more)
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body)
    return path


def chunks(path: Path) -> dict[bytes, bytes]:
    with path.open("rb") as handle:
        handle.seek(12)
        found = {name: handle.read(length) for name, length in riff.chunks(handle)}
        assert handle.seek(0, 2) == 8 + struct.unpack("<I", path.read_bytes()[4:8])[0], "the header's length is true"
    return found


def probed(path: Path) -> dict[str, str]:
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    tags = found["format"].get("tags", {}) | found["streams"][0].get("tags", {})
    return {name.lower(): text for name, text in tags.items()}


@pytest.mark.parametrize("before", [False, True])
def test_markers_and_loops_stay(tmp_path, before):
    source = wav(tmp_path / "in.wav", chunk(b"cue ", CUE), chunk(b"smpl", SMPL), chunk(b"LIST", LABELS), before=before)
    result = render(source, tmp_path / "out.wav")
    found = chunks(tmp_path / "out.wav")
    assert (found[b"cue "], found[b"smpl"], found[b"LIST"]) == (CUE, SMPL, LABELS)
    assert result.tags_note == ""
    assert soundfile.info(tmp_path / "out.wav").frames == NOISE.shape[1]


def test_markers_are_lost_where_samples_move_and_named(tmp_path):
    source = wav(tmp_path / "in.wav", chunk(b"cue ", CUE), chunk(b"LIST", LABELS), rate_hz=32_000)
    assert "cue, labels of markers" in render(source, tmp_path / "out.wav").tags_note
    source = wav(tmp_path / "in.wav", chunk(b"cue ", CUE))
    assert ": cue." in render(source, tmp_path / "out.flac").tags_note


def test_bext_stays_and_speaks_of_the_master(tmp_path):
    result = render(wav(tmp_path / "in.wav", chunk(b"bext", BEXT), before=True), tmp_path / "out.wav")
    bext = chunks(tmp_path / "out.wav")[b"bext"]
    assert bext[:346] == BEXT[:346] and bext[602:] == BEXT[602:]
    (version,) = struct.unpack_from("<H", bext, 346)
    loudness = [value / 100 for value in struct.unpack_from("<5h", bext, 412)]
    out = result.output
    expected = [
        out.integrated_lufs, out.loudness_range_lu, out.true_peak_dbtp, out.max_momentary_lufs, out.max_short_term_lufs,
    ]  # fmt: skip
    assert version == 2 and loudness == pytest.approx(expected, abs=0.0051)
    assert probed(tmp_path / "out.wav")["comment"] == "An interview"
    assert result.tags_note == ""


def test_what_speaks_of_the_file_is_named(tmp_path):
    more = (
        chunk(b"iXML", b"<BWFXML/>"),
        chunk(b"axml", b"<ebuCoreMain/>"),
        chunk(b"chna", bytes(4)),
        chunk(b"JUNK", bytes(8)),
    )
    note = render(wav(tmp_path / "in.wav", *more), tmp_path / "out.wav").tags_note
    assert "ADM (axml), ADM (chna), iXML." in note and "JUNK" not in note


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252"])
def test_info_is_read_in_the_code_page_it_is_in(tmp_path, encoding):
    texts = {b"IART": "Björk", b"INAM": "Jóga", b"ITRK": "2", b"ICRD": "1997"}
    info = b"INFO" + b"".join(chunk(name, text.encode(encoding) + b"\0") for name, text in texts.items())
    for target in ("out.wav", "out.flac"):
        result = render(wav(tmp_path / "in.wav", chunk(b"LIST", info)), tmp_path / target)
        found = probed(tmp_path / target)
        assert (found["artist"], found["title"], found["track"], found["date"]) == ("Björk", "Jóga", "2", "1997")
        assert result.tags_note == ""


@pytest.mark.parametrize("target", ["out.wav", "out.flac"])
@pytest.mark.parametrize("source", ["in.flac", "in.mp3"])
def test_replaygain_is_that_of_the_master(tmp_path, source, target):
    plain = wav(tmp_path / "plain.wav")
    words = ["-metadata", "replaygain_track_gain=-7.10 dB", "-metadata", "replaygain_album_gain=-6.00 dB"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", plain, *words, tmp_path / source], check=True)
    result = render(tmp_path / source, tmp_path / target)
    tags = FLAC(tmp_path / target).tags if target.endswith("flac") else WAVE(tmp_path / target).tags
    if target.endswith("flac"):
        gain, peak = tags["replaygain_track_gain"][0], tags["replaygain_track_peak"][0]
    else:
        gain, peak = (str(tags[f"TXXX:REPLAYGAIN_TRACK_{name}"]) for name in ("GAIN", "PEAK"))
    assert gain == f"{-18.0 - result.output.integrated_lufs:.2f} dB"
    assert 20 * np.log10(float(peak)) == pytest.approx(result.output.true_peak_dbtp, abs=0.001)
    assert "the album's gain" in result.tags_note


def test_mp4s_tags_are_kept(tmp_path):
    plain = wav(tmp_path / "plain.wav")
    words = [w for name in ("title", "artist", "album", "date") for w in ("-metadata", f"{name}=a {name}")]
    words += ["-metadata", "track=3/9"]
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-i", plain, *words, "-c:a", "alac", tmp_path / "in.m4a"], check=True
    )
    result = render(tmp_path / "in.m4a", tmp_path / "out.flac")
    found = FLAC(tmp_path / "out.flac")
    assert [found[name][0] for name in ("title", "artist", "album", "tracknumber")] == [
        "a title",
        "a artist",
        "a album",
        "3/9",
    ]
    assert result.tags_note == ""


def test_a_note_of_the_input_reaches_the_result(tmp_path):
    source = wav(tmp_path / "in.wav", rate_hz=32_000)
    result = render(source, tmp_path / "out.wav")
    assert result.source_notes == (f"{source}: resampled from 32000 to 48000 Hz.",)
    assert result.to_dict()["source_notes"] == list(result.source_notes)
    with AudioReader(tmp_path / "out.wav") as reader:
        assert (reader.sample_rate_hz, reader.samples) == (48000, 6 * RATE_HZ)


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
def test_markers_of_a_wide_wav_stay_too(tmp_path, magic):
    source = tmp_path / "in.wav"
    soundfile.write(source, NOISE.T, RATE_HZ, "PCM_16", format="RF64")
    source.write_bytes(magic + source.read_bytes()[4:] + chunk(b"cue ", CUE))
    result = render(source, tmp_path / "out.wav")
    assert chunks(tmp_path / "out.wav")[b"cue "] == CUE and result.tags_note == ""
