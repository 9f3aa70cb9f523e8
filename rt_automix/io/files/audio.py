"""Audio files: read in blocks in constant memory, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from rt_automix.dsp.samples import dither
from rt_automix.errors import AudioFileError
from rt_automix.io.files import codec, foreign, resampled, speakers
from rt_automix.io.files.codec import Block, Decoder, DecodingError, SoundFile
from rt_automix.io.files.containers import containers, riff
from rt_automix.io.files.containers.pieces import Container
from rt_automix.io.files.resampled import Resampled
from rt_automix.io.files.whole import check_readable, put, taken
from rt_automix.surround import LAYOUTS

if TYPE_CHECKING:
    from rt_automix.analysis.recordings.measure import Measurement

BLOCK_SAMPLES = 16384
"""A good block to read and write: longer ones are no faster, 512 samples take up to four times as long."""

MOST_CHANNELS = 2

UNDECODED_S = 0.1
"""How much less than what it holds a file may announce."""


class AudioReader:
    """An audio file of any kind, open for reading.

    WAV, FLAC, AIFF, MP3 and OGG (Vorbis, Opus, FLAC); others, such as M4A, where PyAV or an ffmpeg is there.

    Parameters
    ----------
    path : Path
        Whatever bytes its name is made of.
    surround, pairs : bool
        Whether it may have the channels of a layout of `rt_automix.surround`, in its order; any number, as they lie.

    Attributes
    ----------
    sample_rate_hz, channels : int
    mask : int, of a WAV with the speakers of a surround file
    samples : int
        Length per channel.
    duration_s : float
    description : str
        Such as ``"WAV int16"``.
    is_resampled : bool
        The rate is not the file's own.
    notes : tuple of str
        What was not as it should be and was read all the same, such as a rate that was changed.

    Raises
    ------
    AudioFileError
        On opening: missing, a folder, empty, not audio, cut off, an unsupported rate or channel
        count. While reading: damage that only shows then (FLAC's checksum).

    Notes
    -----
    Samples of up to 24 bit integers arrive exactly: n / 2**(bits - 1); of 32 bits and of 64 bit
    floats as the nearest float32. Float files pass unchanged, NaN and values beyond full scale included.

    Thread: main. Allocates: yes.
    """

    def __init__(self, path: Path, surround: bool = False, pairs: bool = False) -> None:
        self.path, self._is_surround, self._is_pairs = Path(path), surround, pairs
        check_readable(self.path)
        container = containers.inspect(self.path)
        self._decoder = _open_decoder(self.path, container)
        try:
            self._check_and_describe(container)
        except BaseException:
            self._decoder.close()
            raise

    def _check_and_describe(self, container: Container) -> None:
        path, decoder = self.path, self._decoder
        self.channels, own_rate_hz = decoder.channels, decoder.sample_rate_hz
        if not resampled.LOWEST_HZ <= own_rate_hz <= resampled.HIGHEST_HZ:
            raise AudioFileError(
                f"{path}: the sample rate is {own_rate_hz} Hz; allowed are {resampled.LOWEST_HZ} to "
                f"{resampled.HIGHEST_HZ} Hz. Resample it: {containers.ffmpeg(path, '-ar 48000 resampled.wav')}."
            )
        if self.channels > MOST_CHANNELS and not (self._is_pairs or (self._is_surround and self.channels in LAYOUTS)):
            allowed = "1, 2, 5 (5.0), 6 (5.1) and 8 (7.1)" if self._is_surround else "1 and 2"
            raise AudioFileError(
                f"{path}: {self.channels} channels; allowed are {allowed}. "
                f"Mix it down: {containers.ffmpeg(path, '-ac 2 stereo.wav')}."
            )
        held = decoder.samples if container.samples is None else container.samples
        decoded = min(held, decoder.samples)
        if decoded <= 0 or self.channels == 0:
            raise AudioFileError(
                f"{path}: no audio found in it. Try {containers.ffmpeg(path, 'new.wav')}, or another file."
            )
        if held - decoded > UNDECODED_S * own_rate_hz:
            raise AudioFileError(
                f"{path}: it holds {held / own_rate_hz:.2f} s, but only {decoded / own_rate_hz:.2f} s "
                f"can be decoded. Rewrite it: {containers.ffmpeg(path, 'rewritten.wav')}."
            )
        decoder.samples = decoded
        self._decoder, self.mask, unsaid = speakers.in_order(path, decoder, container, self._is_pairs)
        notes = [f"{path}: {note}." for note in (*container.notes, *unsaid)]
        self.sample_rate_hz = resampled.rate_for(own_rate_hz)
        self.is_resampled = self.sample_rate_hz != own_rate_hz
        if self.is_resampled:
            self._decoder = Resampled(self._decoder, self.sample_rate_hz)
            notes.append(f"{path}: resampled from {own_rate_hz} to {self.sample_rate_hz} Hz.")
        self.samples, self.notes = self._decoder.samples, tuple(notes)
        lossless = container.name in ("WAV", "W64", "AIFF", "FLAC", "OGG FLAC")
        self.description = f"{container.name} {decoder.encoding}".strip() if lossless else container.name

    @property
    def duration_s(self) -> float:
        return self.samples / self.sample_rate_hz

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoder.close()

    def blocks(self, block_samples: int = BLOCK_SAMPLES) -> Iterator[Block]:
        """The whole file from its start, in blocks; the last one may be shorter.

        Each call starts over, so a file can be read in several passes, one after the other.
        """
        done, kept = 0, np.empty((self.channels, 0), np.float32)
        try:
            for block in self._decoder.blocks(block_samples):
                kept = np.concatenate((kept, block), axis=1) if kept.size else block
                while kept.shape[1] >= block_samples and done + block_samples <= self.samples:
                    yield np.ascontiguousarray(kept[:, :block_samples])
                    done, kept = done + block_samples, kept[:, block_samples:]
        except DecodingError as error:
            raise _damaged(self.path, str(error)) from error
        rest = kept[:, : self.samples - done]
        done += rest.shape[1]
        if rest.size:
            yield np.ascontiguousarray(rest)
        if done < self.samples:
            raise _damaged(self.path, f"breaks off at {done / self.sample_rate_hz:.2f} s of {self.duration_s:.2f} s")


def _damaged(path: Path, what: str) -> AudioFileError:
    return AudioFileError(
        f"{path}: {what}. Copy it again; or keep what can be saved of it with {containers.ffmpeg(path, 'saved.wav')}."
    )


def _open_decoder(path: Path, container: Container) -> Decoder:
    """libsndfile for what `containers` knows; what neither knows goes to PyAV or ffmpeg."""
    if not container.is_foreign:
        try:
            return SoundFile(path, container)
        except DecodingError as error:
            raise _damaged(path, str(error)) from error
        except OSError as error:
            raise AudioFileError(
                f"{path}: cannot be unpacked: {error.strerror}. Free some space in the folder for temporary files."
            ) from error
        except Exception:
            if not foreign.is_possible():
                raise _not_audio(path) from None
    try:
        return foreign.Foreign(path)
    except DecodingError as error:
        raise _damaged(path, str(error)) from error
    except foreign.NotAudioError as error:
        raise _not_audio(path) from error


def _not_audio(path: Path) -> AudioFileError:
    cure = '; others where ffmpeg is installed, or PyAV: pip install "rt-automix[formats]"'
    more = "" if foreign.is_possible() else cure
    return AudioFileError(
        f"{path}: not audio that can be read here; WAV, FLAC, AIFF, MP3 and OGG can{more}. "
        f"Convert it: {containers.ffmpeg(path, 'converted.wav')}."
    )


class AudioWriter:
    """A WAV or FLAC file in the making: it appears under its name once it is whole, or never.

    Parameters
    ----------
    path : Path
        ``.wav`` (16 or 24 bit integers, 32 bit float) or ``.flac`` (16 or 24).
    sample_rate_hz, channels : int
    bits : int
        16, 24 or 32. 16 and 24 are dithered (`rt_automix.dsp.samples.dither`) and clip at full scale.
    force : bool
        Replace an existing file.
    not_over : Path, optional
        The input, which is never written over, not even with `force` or through a link.
    tags_from : Path, optional
        Copy this file's tags and markers; `tags_note` says afterwards what could not be kept.
    is_aligned : bool
        A sample here is one of that file's: not if the rate is another.
    mask : int, which speakers a surround WAV's channels are for

    Attributes
    ----------
    measured : Measurement, optional
        Of what was written, for the tags that speak of loudness; whoever knows it sets it.

    Raises
    ------
    AudioFileError
        A wrong ending or depth, an existing file, a folder that is missing or cannot be written
        to, a full disk. Whatever ends the ``with`` body early, nothing is left behind.

    Thread: main. Allocates: yes.
    """

    def __init__(
        self,
        path: Path,
        sample_rate_hz: int,
        channels: int,
        bits: int = 24,
        force: bool = False,
        not_over: Path | None = None,
        tags_from: Path | None = None,
        is_aligned: bool = True,
        mask: int = 0,
    ) -> None:
        self.path, self._force = Path(path), force
        self.sample_rate_hz, self.channels, self.bits = sample_rate_hz, channels, bits
        self.tags_from, self.tags_note, self._is_aligned, self._mask = tags_from, "", is_aligned, mask
        self.measured: Measurement | None = None
        _check_target(self.path, channels, bits, force, not_over)
        self._unfinished = self.path.with_name(f".rt_automix-{secrets.token_hex(6)}.part")

    def __enter__(self) -> AudioWriter:
        try:
            self._sink = codec.Sink(self._unfinished, "x+")
        except OSError as error:
            raise self._cannot_write(error) from error
        try:
            self._encode(self._open_encoder)
            self._dither = dither.new_state(self.sample_rate_hz, self.channels)
        except BaseException:
            self._abandon()
            raise
        return self

    def _open_encoder(self) -> None:
        kind = self.path.suffix.lower()[1:]
        self._encoder = codec.open_encoder(self._sink, kind, self.sample_rate_hz, self.channels, self.bits)

    def write(self, block: Block) -> None:
        """Append a float32 block of shape (channels, samples)."""
        if self.bits < 32:
            quantised = np.empty(block.shape, dtype=np.int32)
            for samples, row, state in zip(block, quantised, self._dither, strict=True):
                dither.quantise(samples, row, state, self.bits)
            self._encode(self._encoder.write, quantised)
        else:
            self._encode(self._encoder.write, block)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._abandon()

    def _finish(self) -> None:
        self._encode(self._encoder.close)
        self._sink.close()
        if self._mask and self.path.suffix.lower() == ".wav":  # the encoder says another one for 7.1
            riff.write_mask(self._unfinished, self._mask)
        if self.tags_from is not None and riff.may_have_tags(self.tags_from):
            from rt_automix.io.files import tags

            self.tags_note = tags.copy(self.tags_from, self._unfinished, self.measured, self._is_aligned)
        containers.inspect(self._unfinished)
        try:
            with self._unfinished.open("rb+") as whole:
                os.fsync(whole.fileno())
            put(self._unfinished, self.path, over=self._force)
        except OSError as error:
            raise self._cannot_write(error) from error

    def _abandon(self) -> None:
        """Remove what is unfinished; nothing is, after `_finish`."""
        with contextlib.suppress(Exception):
            self._encoder.close()
        with contextlib.suppress(OSError):
            self._sink.close()
        self._unfinished.unlink(missing_ok=True)

    def _encode(self, call: Callable[..., object], *arguments: object) -> None:
        """Call the encoder and let nothing that went wrong beneath it pass."""
        try:
            call(*arguments)
        except Exception as error:
            if self._sink.error is None:
                raise self._cannot_write(error) from error
        if isinstance(self._sink.error, Exception):
            raise self._cannot_write(self._sink.error) from self._sink.error
        if self._sink.error is not None:
            raise self._sink.error

    def _cannot_write(self, error: Exception) -> AudioFileError:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return AudioFileError(
            f"{self.path}: cannot be written: {reason}. Free some space or choose another folder; "
            "nothing was left behind."
        )


def _check_target(path: Path, channels: int, bits: int, force: bool, not_over: Path | None) -> None:
    allowed_bits = {".wav": (16, 24, 32), ".flac": (16, 24)}.get(path.suffix.lower())
    if allowed_bits is None:
        raise AudioFileError(f'{path}: cannot write files ending in "{path.suffix}". Allowed are .wav and .flac.')
    if bits not in allowed_bits:
        allowed = ", ".join(map(str, allowed_bits))
        raise AudioFileError(
            f"{path}: {bits} bits do not fit a {path.suffix} file; allowed are {allowed}. "
            "WAV holds 16, 24 and 32 (float)."
        )
    if path.suffix.lower() == ".flac" and channels > codec.MOST_IN_FLAC:
        raise AudioFileError(f"{path}: FLAC holds {codec.MOST_IN_FLAC} channels, not {channels}. Write a .wav file.")
    if not path.parent.is_dir():
        raise AudioFileError(f"{path}: the folder {path.parent} does not exist. Make it, or choose another.")
    try:
        is_free = not path.exists()
    except OSError as error:
        raise AudioFileError(f"{path}: cannot be written: {error.strerror}. Choose another name.") from error
    if is_free:
        return
    if not_over is not None and not_over.exists() and path.samefile(not_over):
        raise AudioFileError(f"{path}: this is the input, which is never written over. Choose another name.")
    if not path.is_file():
        raise AudioFileError(f"{path}: a folder or a device, not a file. Choose another name.")
    if not force:
        raise taken(path)
