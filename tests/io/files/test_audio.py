"""Audio files of every kind, whole and broken, in; WAV and FLAC, whole or not at all, out."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rt_automix.dsp.samples import dither
from rt_automix.errors import AudioFileError
from rt_automix.io.files.audio import AudioReader, AudioWriter

RATE_HZ = 48000
RNG = np.random.default_rng(1)
NOISE = (0.3 * RNG.standard_normal((2, 3 * RATE_HZ))).clip(-1, 1).astype(np.float32)
SAW = (np.arange(RATE_HZ) % 480 / 480 - 0.5).astype(np.float32)

LOSSLESS = {
    "wav16.wav": ["-c:a", "pcm_s16le"],
    "wav24.wav": ["-c:a", "pcm_s24le"],
    "wav32f.wav": ["-c:a", "pcm_f32le"],
    "flac16.flac": ["-sample_fmt", "s16"],
    "flac24.flac": ["-sample_fmt", "s32"],
    "aiff16.aiff": ["-c:a", "pcm_s16be"],
}
LOSSY = {"mp3.mp3": ["-c:a", "libmp3lame", "-b:a", "192k"], "ogg.ogg": ["-c:a", "libvorbis", "-q:a", "6"]}
KINDS = LOSSLESS | LOSSY


def ffmpeg(*arguments: str | Path) -> bytes:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def read_all(path: Path, block_samples: int = 4096) -> np.ndarray:
    with AudioReader(path) as reader:
        return np.concatenate(list(reader.blocks(block_samples)), axis=1)


def write_all(path: Path, audio: np.ndarray, bits: int, block_samples: int = 4096, **options: object) -> AudioWriter:
    writer = AudioWriter(path, RATE_HZ, len(audio), bits, **options)  # type: ignore[arg-type]
    with writer:
        for start in range(0, audio.shape[1], block_samples):
            writer.write(np.ascontiguousarray(audio[:, start : start + block_samples]))
    return writer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of stereo noise in every format."""
    made = tmp_path_factory.mktemp("formats")
    soundfile.write(made / "source.wav", NOISE.T, RATE_HZ, "PCM_24")
    for name, options in KINDS.items():
        ffmpeg("-i", made / "source.wav", *options, made / name)
    return made


# Reading what is whole


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [44100, 48000, 88200, 96000])
@pytest.mark.parametrize("name", KINDS)
def test_reads_every_format_at_every_rate(tmp_path: Path, name: str, rate_hz: int, channels: int) -> None:
    if name == "mp3.mp3" and rate_hz > 48000:
        pytest.skip("MP3 ends at 48 kHz")
    source = tmp_path / "source.wav"
    soundfile.write(source, np.stack([SAW, -0.5 * SAW][:channels]).T, rate_hz, "PCM_16")
    ffmpeg("-i", source, *KINDS[name], tmp_path / name)
    with AudioReader(tmp_path / name) as reader:
        blocks = list(reader.blocks(1000))
    audio = np.concatenate(blocks, axis=1)
    assert (reader.sample_rate_hz, reader.channels) == (rate_hz, channels)
    assert all(b.dtype == np.float32 and b.flags.c_contiguous and b.shape[1] == 1000 for b in blocks[:-1])
    assert audio.shape == (channels, reader.samples)
    if name in LOSSLESS:
        expected = soundfile.read(source, dtype="float32", always_2d=True)[0].T
        np.testing.assert_array_equal(audio, expected)
    else:
        assert reader.duration_s == pytest.approx(len(SAW) / rate_hz, abs=0.06)
        assert audio[0].std() == pytest.approx(SAW.std(), rel=0.1)


@pytest.mark.parametrize("name", KINDS)
def test_a_second_pass_and_other_blocks_give_the_same(folder: Path, name: str) -> None:
    with AudioReader(folder / name) as reader:
        first = np.concatenate(list(reader.blocks(16384)), axis=1)
        second = np.concatenate(list(reader.blocks(777)), axis=1)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_U8", 8), ("PCM_16", 16), ("PCM_24", 24)])
def test_integers_arrive_exactly(tmp_path: Path, subtype: str, bits: int) -> None:
    top = 2 ** (bits - 1)
    steps = np.concatenate([[-top, 1 - top, -1, 0, 1, top - 1], RNG.integers(-top, top, 50_000)])
    soundfile.write(tmp_path / "steps.wav", (steps << (32 - bits)).astype(np.int32), RATE_HZ, subtype)
    np.testing.assert_array_equal(read_all(tmp_path / "steps.wav")[0] * top, steps)


def test_float_files_pass_unchanged(tmp_path: Path) -> None:
    odd = np.array([np.nan, np.inf, -np.inf, 1e30, 2.5, 1e-40, -0.0, 0.1], dtype=np.float32)
    soundfile.write(tmp_path / "odd.wav", odd, RATE_HZ, "FLOAT")
    assert read_all(tmp_path / "odd.wav")[0].tobytes() == odd.tobytes()


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_silence_and_dc_are_audio(tmp_path: Path, level: float) -> None:
    soundfile.write(tmp_path / "dc.wav", np.full(1000, level), RATE_HZ, "PCM_16")
    np.testing.assert_array_equal(read_all(tmp_path / "dc.wav"), np.full((1, 1000), level, dtype=np.float32))


def test_a_wav_from_a_pipe_ends_where_its_data_ends(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "piped.wav").write_bytes(ffmpeg("-i", folder / "wav16.wav", "-f", "wav", "-"))
    np.testing.assert_array_equal(read_all(tmp_path / "piped.wav"), read_all(folder / "wav16.wav"))


def test_an_mp3_without_a_length_is_counted(tmp_path: Path) -> None:
    # Quiet first: a decoder that extrapolates from the first frame expects far too long a file.
    soundfile.write(tmp_path / "rising.wav", np.concatenate([np.zeros((2, RATE_HZ)), NOISE], axis=1).T, RATE_HZ)
    ffmpeg("-i", tmp_path / "rising.wav", "-c:a", "libmp3lame", "-q:a", "0", "-write_xing", "0", tmp_path / "vbr.mp3")
    audio = read_all(tmp_path / "vbr.mp3")
    assert audio.shape[1] / RATE_HZ == pytest.approx(4.0, abs=0.06)
    assert audio[:, -RATE_HZ // 2 : -RATE_HZ // 10].std() == pytest.approx(0.3, rel=0.1)


def test_trailing_tags_are_no_damage(folder: Path, tmp_path: Path) -> None:
    tagged = tmp_path / "tagged.mp3"
    tagged.write_bytes((folder / "mp3.mp3").read_bytes() + b"TAG" + bytes(125))
    np.testing.assert_array_equal(read_all(tagged), read_all(folder / "mp3.mp3"))


def test_describes_itself(folder: Path) -> None:
    descriptions = {}
    for name in KINDS:
        with AudioReader(folder / name) as reader:
            descriptions[name] = reader.description
    assert descriptions == {
        "wav16.wav": "WAV int16",
        "wav24.wav": "WAV int24",
        "wav32f.wav": "WAV float32",
        "flac16.flac": "FLAC int16",
        "flac24.flac": "FLAC int24",
        "aiff16.aiff": "AIFF int16",
        "mp3.mp3": "MP3",
        "ogg.ogg": "OGG",
    }


# Refusing what is not


def refused(path: Path) -> str:
    with pytest.raises(AudioFileError) as caught:
        read_all(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message


def test_missing(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "nowhere.wav")


def test_a_folder(tmp_path: Path) -> None:
    assert "not a file" in refused(tmp_path)


@pytest.mark.parametrize("ending", ["wav", "flac", "aiff", "mp3", "ogg"])
def test_empty_text_and_noise(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"bad.{ending}"
    path.touch()
    assert "empty" in refused(path)
    for content in (b"Dear diary, today I mastered a song.\n" * 99, RNG.bytes(20_000)):
        path.write_bytes(content)
        assert "WAV, FLAC, AIFF, MP3 and OGG can" in refused(path)


def test_a_header_alone(folder: Path, tmp_path: Path) -> None:
    for name in KINDS:
        path = tmp_path / name
        path.write_bytes((folder / name).read_bytes()[:120])
        refused(path)


def test_no_samples(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.wav", np.zeros((0, 2)), RATE_HZ)
    assert "no audio" in refused(tmp_path / "none.wav")


@pytest.mark.parametrize("rate_hz", [1000, 7999, 192001, 352800])
def test_rates_beyond_all_use(tmp_path: Path, rate_hz: int) -> None:
    soundfile.write(tmp_path / "rate.wav", SAW, rate_hz)
    message = refused(tmp_path / "rate.wav")
    assert f"{rate_hz} Hz" in message and "8000 to 192000" in message and "-ar 48000" in message


def test_eight_channels(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "wide.wav", np.zeros((100, 8)), RATE_HZ)
    assert "8 channels; allowed are 1 and 2" in refused(tmp_path / "wide.wav")


@pytest.mark.parametrize("name", KINDS)
def test_a_cut_is_found_before_decoding(folder: Path, tmp_path: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: int(0.6 * len(whole))])
    with pytest.raises(AudioFileError, match=r"cut off or damaged \d") as caught:
        AudioReader(path)
    second = float(str(caught.value).split("damaged ")[1].split(" s into")[0])
    assert second == pytest.approx(1.8, abs=0.1 if name != "ogg.ogg" else 1.0), "an OGG page may hold a second"


@pytest.mark.parametrize("name", [name for name in KINDS if "wav" not in name and "aiff" not in name])
def test_the_last_byte_counts(folder: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((folder / name).read_bytes()[:-1])
    refused(path)


@pytest.mark.parametrize("name", ["flac16.flac", "flac24.flac", *LOSSY])
def test_a_hole_in_the_middle_is_found(folder: Path, tmp_path: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = bytes(4096)
    path = tmp_path / name
    path.write_bytes(content)
    message = refused(path)
    assert "cannot be decoded at 1." in message if name.startswith("flac") else "damaged" in message


def test_a_changed_checksum_is_found(folder: Path, tmp_path: Path) -> None:
    content = bytearray((folder / "flac24.flac").read_bytes())
    content[26] ^= 1
    (tmp_path / "changed.flac").write_bytes(content)
    assert "does not match its checksum" in refused(tmp_path / "changed.flac")


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_header_is_an_error_or_harmless(folder: Path, tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(3)
    whole = (folder / name).read_bytes()[:200_000]
    for _ in range(40):
        content = bytearray(whole[: rng.choice([30, 60, len(whole)])])
        for at in rng.integers(0, min(len(content), 120), 3):
            content[at] = rng.integers(256)
        (tmp_path / name).write_bytes(content)
        try:
            audio = read_all(tmp_path / name)
        except AudioFileError:
            continue
        assert audio.shape[1] / 44100 < 10.0, "no more comes out than could be in it"


def test_what_the_decoder_would_leave_out_is_refused(folder: Path, tmp_path: Path) -> None:
    chained = tmp_path / "chained.mp3"
    chained.write_bytes(2 * (folder / "mp3.mp3").read_bytes())
    assert "ffmpeg" in refused(chained)


# Writing


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("ending", "bits"), [("wav", 16), ("wav", 24), ("flac", 16), ("flac", 24)])
def test_writes_exactly_what_the_dither_gives(tmp_path: Path, ending: str, bits: int, channels: int) -> None:
    audio = 1.2 * NOISE[:channels, :20_000]
    expected = np.empty(audio.shape, dtype=np.int32)
    for samples, row, state in zip(audio, expected, dither.new_state(RATE_HZ, channels), strict=True):
        dither.quantise(samples, row, state, bits)
    path = tmp_path / f"out.{ending}"
    write_all(path, audio, bits)
    written, rate_hz = soundfile.read(path, dtype="int32", always_2d=True)
    assert (rate_hz, soundfile.info(path).subtype) == (RATE_HZ, f"PCM_{bits}")
    np.testing.assert_array_equal(written.T, expected)
    np.testing.assert_array_equal(read_all(path), expected / np.float32(2**31))


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_a_second_run_and_other_blocks_write_the_same_bytes(tmp_path: Path, ending: str) -> None:
    contents = []
    for block_samples in (4096, 4096, 1, 2, 777):
        path = tmp_path / f"out.{ending}"
        write_all(path, NOISE[:, :3000], 16, block_samples, force=True)
        contents.append(path.read_bytes())
    assert len(set(contents)) == 1


def test_32_bit_float_passes_unchanged(tmp_path: Path) -> None:
    odd = np.array([[np.nan, np.inf, 1e30, 2.5, 1e-40, -0.0], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]], dtype=np.float32)
    write_all(tmp_path / "odd.wav", odd, 32)
    written = soundfile.read(tmp_path / "odd.wav", dtype="float32")[0].T
    assert soundfile.info(tmp_path / "odd.wav").subtype == "FLOAT"
    assert np.ascontiguousarray(written).tobytes() == odd.tobytes()


def cannot_write(path: Path, **options: object) -> str:
    before = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    with pytest.raises(AudioFileError) as caught:
        write_all(path, NOISE[:, :1000], **({"bits": 16} | options))  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert (sorted(path.parent.iterdir()) if path.parent.is_dir() else []) == before
    return str(caught.value)


def test_other_endings_and_depths(tmp_path: Path) -> None:
    assert '".mp3". Allowed are .wav and .flac' in cannot_write(tmp_path / "out.mp3")
    assert "32 bits do not fit a .flac file; allowed are 16, 24" in cannot_write(tmp_path / "out.flac", bits=32)
    assert "20 bits" in cannot_write(tmp_path / "out.wav", bits=20)


def test_missing_and_unwritable_folders(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "does not exist" in cannot_write(tmp_path / "nowhere" / "out.wav")
    assert "does not exist" in cannot_write(tmp_path / "file" / "out.wav")
    assert "cannot be written: " in cannot_write(Path("/proc/self") / "out.wav")
    (tmp_path / "folder.wav").mkdir()
    assert "not a file" in cannot_write(tmp_path / "folder.wav", force=True)


def test_an_existing_file_needs_force(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    path.write_text("precious")
    assert "--force" in cannot_write(path)
    assert path.read_text() == "precious"
    write_all(path, NOISE[:, :1000], 16, force=True)
    assert read_all(path).shape == (2, 1000)


@pytest.mark.parametrize("link", ["itself", "symlink", "hard link"])
def test_the_input_is_never_written_over(tmp_path: Path, link: str) -> None:
    source, target = tmp_path / "song.wav", tmp_path / "out.wav"
    write_all(source, NOISE[:, :1000], 16)
    content = source.read_bytes()
    if link == "symlink":
        target.symlink_to(source)
    elif link == "hard link":
        target.hardlink_to(source)
    else:
        target = tmp_path / "." / "song.wav"
    assert "the input" in cannot_write(target, force=True, not_over=source)
    assert source.read_bytes() == content


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_in_the_body_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "out.wav").write_text("precious")
    with pytest.raises(error), AudioWriter(tmp_path / "out.wav", RATE_HZ, 2, 16, force=True) as writer:
        writer.write(NOISE)
        assert len(list(tmp_path.iterdir())) == 2, "written beside the target"
        raise error
    assert [path.name for path in tmp_path.iterdir()] == ["out.wav"]
    assert (tmp_path / "out.wav").read_text() == "precious"


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_an_interrupt_at_any_moment_leaves_nothing(tmp_path: Path, ending: str) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        for after_ms in range(10, 60, 2):
            with pytest.raises(KeyboardInterrupt), AudioWriter(tmp_path / f"out.{ending}", RATE_HZ, 2, 24) as writer:
                signal.setitimer(signal.ITIMER_REAL, after_ms / 1000)
                while True:
                    writer.write(NOISE[:, :500].copy())
            assert list(tmp_path.iterdir()) == []
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


# Over by a lot, and by so little that only the encoder's last flush fails.
@pytest.mark.parametrize("samples", [3 * RATE_HZ, 16_380, 16_400])
@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_a_full_disk_is_reported(small_disk: Path, ending: str, samples: int) -> None:
    noise = RNG.uniform(-1, 1, (2, samples)).astype(np.float32)
    with pytest.raises(AudioFileError, match="No space left on device"):
        write_all(small_disk / f"out.{ending}", noise, 16, block_samples=samples, tags_from=None)
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_a_refused_byte_is_reported_wherever_it_is(tmp_path: Path, ending: str) -> None:
    noise = RNG.uniform(-1, 1, (2, 16_000)).astype(np.float32)
    size = write_all(tmp_path / f"whole.{ending}", noise, 16).path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for missing_bytes in (1, 2, 100, 5000, size - 1):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size - missing_bytes, hard))
            with pytest.raises(AudioFileError, match="cannot be written: File too large"):
                write_all(tmp_path / f"out.{ending}", noise, 16)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == [f"whole.{ending}"]
