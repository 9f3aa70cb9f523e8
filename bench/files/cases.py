"""Some four hundred files: formats, rates, depths, headers, channels, tags; and what must be read from each."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.files import signal, wav
from bench.files.signal import Samples

RATES_HZ = (8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000)
KEPT_HZ = RATES_HZ[5:]
OWN, LOSSY, FOREIGN = 0.0, 2e-5, 1e-3


@dataclass(frozen=True)
class Case:
    """One file.

    `make` writes it and gives what a right reader reads at the file's own rate, None where it must be
    refused; `within` is how far two right decoders of a lossy format may differ.
    """

    group: str
    name: str
    file_name: str
    rate_hz: int
    make: Callable[[Path], Samples | None]
    within: float = OWN


def all_cases() -> Iterator[Case]:
    """Every case, in the order of the table."""
    yield from _wav_encodings()
    yield from _wav_headers()
    yield from _lossless()
    yield from _lossy()
    yield from _chained()
    yield from _foreign()


def _wav(values_bits: int, kind: str, rate_hz: int, channels: int) -> tuple[wav.Wav, Samples]:
    data, truth = wav.encoded(
        signal.steps(rate_hz, channels, 24 if kind == "float" else values_bits), values_bits, kind
    )
    return wav.Wav(rate_hz, channels, values_bits, kind, data), truth


def _wav_encodings() -> Iterator[Case]:
    for bits, kind in ((8, "int"), (16, "int"), (24, "int"), (32, "int"), (32, "float"), (64, "float")):
        for rate_hz in RATES_HZ:
            for channels in (1, 2):

                def make(
                    path: Path, bits: int = bits, kind: str = kind, rate: int = rate_hz, n: int = channels
                ) -> Samples:
                    made, truth = _wav(bits, kind, rate, n)
                    path.write_bytes(made.whole())
                    return truth

                yield Case("WAV", f"{kind}{bits} {rate_hz} Hz, {channels} ch", "a.wav", rate_hz, make)


def _wav_headers() -> Iterator[Case]:
    for bits, kind, channels in ((16, "int", 2), (24, "int", 1), (32, "float", 2)):
        made, truth = _wav(bits, kind, 48000, channels)
        frame_bytes = channels * bits // 8
        where = f"{kind}{bits}, {channels} ch"
        for name, write in wav.READ.items():
            yield Case("WAV header", f"{name}; {where}", "a.wav", 48000, _written(write(made), truth))
        for name, write in wav.CUT.items():
            content = write(made)
            left = (len(content) - 44) // frame_bytes
            yield Case("WAV cut", f"{name}; {where}", "a.wav", 48000, _written(content, truth[:, :left]))
        for name, write in wav.REFUSED.items():
            yield Case("WAV refused", f"{name}; {where}", "a.wav", 48000, _written(write(made), None))


def _written(content: bytes, truth: Samples | None) -> Callable[[Path], Samples | None]:
    def make(path: Path) -> Samples | None:
        path.write_bytes(content)
        return truth

    return make


def _from_wav(bits: int, rate_hz: int, channels: int, words: tuple[str, ...]) -> Callable[[Path], Samples]:
    """An encoder without loss: what went in must come out."""

    def make(path: Path) -> Samples:
        made, truth = _wav(bits, "int", rate_hz, channels)
        source = path.with_name("source.wav")
        source.write_bytes(made.whole())
        signal.ffmpeg("-i", source, *words, path)
        return truth

    return make


def _lossless() -> Iterator[Case]:
    kinds: tuple[tuple[str, str, int, tuple[str, ...]], ...] = (
        ("FLAC", "a.flac", 16, ("-sample_fmt", "s16")),
        ("FLAC", "a.flac", 24, ("-sample_fmt", "s32")),
        ("OGG FLAC", "a.oga", 16, ("-c:a", "flac", "-sample_fmt", "s16")),
        ("OGG FLAC", "a.oga", 24, ("-c:a", "flac", "-sample_fmt", "s32")),
        ("AIFF", "a.aiff", 16, ("-c:a", "pcm_s16be")),
        ("AIFF", "a.aif", 24, ("-c:a", "pcm_s24be")),
    )
    for group, file_name, bits, words in kinds:
        for rate_hz in (8000, 22050, *KEPT_HZ):
            for channels in (1, 2):
                make = _from_wav(bits, rate_hz, channels, words)
                yield Case(group, f"int{bits} {rate_hz} Hz, {channels} ch", file_name, rate_hz, make)
    for bits, words in ((16, ("-sample_fmt", "s16")), (24, ("-sample_fmt", "s32"))):
        yield Case("FLAC", f"int{bits}, into a pipe", "a.flac", 48000, _piped(bits, words))
        yield Case("FLAC", f"int{bits}, ID3 before it", "a.flac", 48000, _behind_id3(bits, words))
    for channels in (1, 2):
        yield Case("FLAC", f"ends in silence, {channels} ch", "a.flac", 48000, _silent_at_its_end(channels))
    aiff = (("pcm_s8", 8), ("pcm_s16le", 16), ("pcm_s32be", 32), ("pcm_f32be", 24), ("pcm_f64be", 24))
    for codec, bits in aiff:
        yield Case("AIFF", codec, "a.aiff", 48000, _from_wav(bits, 48000, 2, ("-c:a", codec)))
    for codec in ("pcm_alaw", "pcm_mulaw"):
        yield Case("companded", f"{codec} in WAV", "a.wav", 48000, _compared(("-c:a", codec)))
        yield Case("companded", f"{codec} in AIFF", "a.aiff", 48000, _compared(("-c:a", codec)))
    yield Case("ADPCM", "Microsoft", "a.wav", 44100, _adpcm("adpcm_ms", signal.by_ffmpeg))
    yield Case("ADPCM", "IMA", "a.wav", 44100, _adpcm("adpcm_ima_wav", signal.by_sox))


def _piped(bits: int, words: tuple[str, ...]) -> Callable[[Path], Samples]:
    def make(path: Path) -> Samples:
        truth = _from_wav(bits, 48000, 2, words)(path)
        command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), *words, "-f", "flac", "-"]
        path.write_bytes(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        return truth

    return make


def _silent_at_its_end(channels: int) -> Callable[[Path], Samples]:
    def make(path: Path) -> Samples:
        made, truth = _wav(16, "int", 48000, channels)
        silent = 2 * channels * 9000
        source = path.with_name("source.wav")
        source.write_bytes(replace(made, data=made.data[:-silent] + bytes(silent)).whole())
        signal.ffmpeg("-i", source, path)
        truth[:, -9000:] = 0.0
        return truth

    return make


def _behind_id3(bits: int, words: tuple[str, ...]) -> Callable[[Path], Samples]:
    def make(path: Path) -> Samples:
        truth = _from_wav(bits, 48000, 2, words)(path)
        path.write_bytes(b"ID3\4\0\0\0\0\1\0" + bytes(128) + path.read_bytes())
        return truth

    return make


def _compared(
    words: tuple[str, ...], rate_hz: int = 48000, channels: int = 2, is_exactly_as_long: bool = False
) -> Callable[[Path], Samples]:
    """An encoder with loss: ffmpeg's decoder says what comes out.

    It does not always cut off what the encoder filled up; the format says how long it is.
    """

    def make(path: Path) -> Samples:
        truth = _from_wav(16, rate_hz, channels, words)(path)
        found = signal.by_ffmpeg(path, channels)
        return found[:, : truth.shape[1]] if is_exactly_as_long else found

    return make


def _adpcm(codec: str, reference: Callable[[Path, int], Samples]) -> Callable[[Path], Samples]:
    """Blocks, the last filled up: the fact chunk has the true length."""

    def make(path: Path) -> Samples:
        truth = _from_wav(16, 44100, 2, ("-c:a", codec))(path)
        content = path.read_bytes()
        at = content.find(b"fact")
        said = int.from_bytes(content[at + 8 : at + 12], "little") if at > 0 else truth.shape[1]
        return reference(path, 2)[:, :said]

    return make


def _lossy() -> Iterator[Case]:
    for rate_hz in (8000, 11025, 16000, 22050, 32000, 44100, 48000):
        for channels in (1, 2):
            for name, words in (
                ("constant", ("-b:a", "64k")),
                ("variable", ("-q:a", "4")),
                ("constant, no header", ("-b:a", "64k", "-write_xing", "0")),
                ("variable, no header", ("-q:a", "2", "-write_xing", "0")),
                ("variable, tagged", ("-q:a", "4", "-metadata", "title=Björk", "-write_id3v1", "1")),
            ):
                make = _compared(("-c:a", "libmp3lame", *words), rate_hz, channels, "no header" not in name)
                yield Case("MP3", f"{name}, {rate_hz} Hz, {channels} ch", "a.mp3", rate_hz, make, LOSSY)
    for channels in (1, 2):
        yield Case("MP3", f"counted, no delay said, {channels} ch", "a.mp3", 48000, _without_delay(channels), LOSSY)
    for rate_hz in (22050, 44100, 48000):
        make = _compared(("-c:a", "mp2", "-b:a", "96k"), rate_hz)
        yield Case("MP2", f"{rate_hz} Hz", "a.mp2", rate_hz, make, 1e-4)
    for rate_hz in (8000, 22050, 44100, 48000, 96000):
        for channels in (1, 2):
            make = _compared(("-c:a", "libvorbis", "-q:a", "5"), rate_hz, channels, True)
            yield Case("Vorbis", f"{rate_hz} Hz, {channels} ch", "a.ogg", rate_hz, make, LOSSY)
    for rate_hz in (44100, 48000):
        for channels in (1, 2):
            make = _compared(("-c:a", "libopus", "-b:a", "96k"), rate_hz, channels)
            yield Case("Opus", f"{rate_hz} Hz, {channels} ch", "a.opus", 48000, make, FOREIGN)


def _without_delay(channels: int) -> Callable[[Path], Samples]:
    """A Xing header that ends before what LAME adds to it."""

    def make(path: Path) -> Samples:
        _compared(("-c:a", "libmp3lame", "-q:a", "4"), 48000, channels)(path)
        content = bytearray(path.read_bytes())
        at = content.find(b"Lav", content.find(b"Xing"))
        content[at : at + 36] = bytes(36)
        path.write_bytes(content)
        return signal.by_ffmpeg(path, channels)

    return make


def _chained() -> Iterator[Case]:
    for group, file_name, words in (
        ("Vorbis", "a.ogg", ("-c:a", "libvorbis")),
        ("Opus", "a.opus", ("-c:a", "libopus")),
        ("OGG FLAC", "a.oga", ("-c:a", "flac")),
    ):  # fmt: skip

        def make(path: Path, words: tuple[str, ...] = words) -> Samples:
            one = _compared(words, is_exactly_as_long=True)(path)
            path.write_bytes(3 * path.read_bytes())
            return np.tile(one, 3)

        yield Case("chained", group, file_name, 48000, make, FOREIGN)

    def mixed(path: Path) -> None:
        whole = b""
        for words in (("-c:a", "libvorbis"), ("-c:a", "flac")):
            _from_wav(16, 48000, 2, words)(path)
            whole += path.read_bytes()
        path.write_bytes(whole)

    yield Case("chained", "Vorbis, then FLAC: refused", "a.ogg", 48000, mixed)


def _foreign() -> Iterator[Case]:
    for group, file_name, words, bits in (
        ("ALAC", "a.m4a", ("-c:a", "alac"), 16),
        ("ALAC", "a.m4a", ("-c:a", "alac", "-sample_fmt", "s32p"), 24),
        ("WavPack", "a.wv", ("-c:a", "wavpack"), 16),
        ("TTA", "a.tta", ("-c:a", "tta"), 16),
        ("CAF", "a.caf", ("-c:a", "pcm_s24le"), 24),
        ("AU", "a.au", ("-c:a", "pcm_s16be"), 16),
        ("Matroska", "a.mka", ("-c:a", "flac", "-sample_fmt", "s16"), 16),
    ):
        for rate_hz in (44100, 48000, 96000):
            for channels in (1, 2):
                make = _from_wav(bits, rate_hz, channels, words)
                yield Case(group, f"int{bits} {rate_hz} Hz, {channels} ch", file_name, rate_hz, make)
    for rate_hz in (8000, 48000, 192000):  # ffmpeg counts the bytes that fill up the last eight
        yield Case("W64", f"{rate_hz} Hz", "a.w64", rate_hz, _compared(("-c:a", "pcm_s24le"), rate_hz))
    for group, file_name, words in (
        ("AAC", "a.m4a", ("-c:a", "aac", "-b:a", "128k")),
        ("AAC", "a.aac", ("-c:a", "aac", "-b:a", "128k")),
        ("WMA", "a.wma", ("-c:a", "wmav2")),
        ("AC-3", "a.ac3", ("-c:a", "ac3")),
        ("Matroska", "a.mkv", ("-c:a", "libmp3lame")),
        ("WebM", "a.webm", ("-c:a", "libopus")),
    ):
        for channels in (1, 2):
            make_lossy = _compared(words, 48000, channels)
            yield Case(group, f"{file_name}, {channels} ch", file_name, 48000, make_lossy, FOREIGN)

    def video(path: Path) -> Samples:
        made, _ = _wav(16, "int", 48000, 2)
        source = path.with_name("source.wav")
        source.write_bytes(made.whole())
        picture = ("-f", "lavfi", "-i", "testsrc=size=64x64:rate=10", "-shortest", "-c:v", "mpeg4")
        signal.ffmpeg("-i", source, *picture, "-c:a", "alac", path)
        return signal.by_ffmpeg(path, 2)

    yield Case("video", "MP4 with ALAC", "a.mp4", 48000, video)
    for name, content in (("text", b"Dear diary, today I mastered a song.\n" * 99), ("zeros", bytes(5000))):
        for ending in ("wav", "mp3", "flac", "ogg", "m4a"):
            yield Case("no audio", f"{name} as .{ending}", f"a.{ending}", 48000, _written(content, None))
