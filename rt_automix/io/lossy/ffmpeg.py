"""ffmpeg as a program: what it can do, sound into a file of its making, and sound out of one."""

from __future__ import annotations

import contextlib
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rt_automix.errors import AudioFileError, UserError
from rt_automix.io.lossy.codecs import Format

BLOCK_SAMPLES = 65536
_CURE = "Install it: on Debian and Ubuntu with sudo apt install ffmpeg, else from https://ffmpeg.org."


def check(formats: Iterable[Format]) -> None:
    """Raise UserError, with the cure, where ffmpeg or one of the encoders is missing.

    Thread: main. Allocates: yes.
    """
    there = _encoders(_program())
    for wanted in formats:
        if wanted.codec.encoder not in there:
            raise UserError(
                f"{wanted}: this ffmpeg ({_program()}) lacks the encoder {wanted.codec.encoder}. "
                "Install one that has it; Debian's does: sudo apt install ffmpeg."
            )


def encode(
    blocks: Iterable[NDArray[np.float32]],
    sample_rate_hz: int,
    channels: int,
    wanted: Format,
    path: Path,
    tags_from: Path | None = None,
) -> None:
    """Write a file in a lossy format.

    Parameters
    ----------
    blocks : iterable of float32, shape (channels, n)
        Go in as they are: nothing is clipped or dithered on the way to the encoder.
    sample_rate_hz, channels : int
    wanted : Format
    path : Path
        Its ending does not matter; what is there is replaced.
    tags_from : Path, optional
        Its tags go along.

    Raises
    ------
    UserError
        ffmpeg is missing.
    AudioFileError
        ffmpeg did not do it; the message holds its reason.

    Thread: main. Allocates: yes.
    """
    codec = wanted.codec
    tags = [] if tags_from is None else ["-i", tags_from.absolute()]
    arguments = [
        "-f", "f32le", "-ar", sample_rate_hz, "-ac", channels, "-i", "pipe:0", *tags,
        "-map", "0:a", "-map_metadata", len(tags) // 2, "-c:a", codec.encoder, "-b:a", f"{wanted.kbps}k",
        "-ar", wanted.rate_hz(sample_rate_hz), "-f", codec.container, "-y", path.absolute(),
    ]  # fmt: skip
    with _Run(arguments, f"{path}: not encoded as {wanted}", stdin=subprocess.PIPE) as ffmpeg:
        for block in blocks:
            ffmpeg.stdin.write(np.ascontiguousarray(block.T).data)
        ffmpeg.stdin.close()
    if tags_from is not None:
        from rt_automix.io.files import tags as names

        names.pass_on(tags_from, path)


def decode(path: Path, channels: int) -> Iterator[NDArray[np.float32]]:
    """A file's samples as its decoder hands them out, beyond full scale where they are.

    Parameters
    ----------
    path : Path
    channels : int
        As many as it has.

    Returns
    -------
    iterator of float32, shape (channels, n), C-contiguous

    Raises
    ------
    UserError, AudioFileError
        As for `encode`.

    Thread: main. Allocates: yes.
    """
    arguments = ["-i", path.absolute(), "-map", "0:a", "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"]
    with _Run(arguments, f"{path}: not decoded", stdout=subprocess.PIPE) as ffmpeg:
        while data := ffmpeg.stdout.read(4 * channels * BLOCK_SAMPLES):
            yield np.array(np.frombuffer(data, "<f4").reshape(-1, channels).T, order="C")


class _Run:
    """A run of ffmpeg that ends with the ``with`` body: killed where that breaks off, else waited for."""

    def __init__(self, arguments: list[object], what: str, **pipes: Any) -> None:
        self._arguments, self._what, self._pipes = list(map(str, arguments)), what, pipes

    def __enter__(self) -> Any:
        self._said = tempfile.TemporaryFile()  # no pipe, which could fill unread
        command = [_program(), "-hide_banner", "-nostdin", "-loglevel", "error", *self._arguments]
        # Its own session: Ctrl-C is for us, who end it.
        self._process = subprocess.Popen(command, stderr=self._said, start_new_session=True, **self._pipes)
        return self._process

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._said:
            if kind is not None and not isinstance(error, BrokenPipeError):
                self._process.kill()
            code = self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
            if kind is None and code == 0:
                return
            if kind is None or isinstance(error, BrokenPipeError):
                self._said.seek(0)
                lines = self._said.read().decode("utf-8", "replace").splitlines() or [f"exit code {code}"]
                raise AudioFileError(
                    f"{self._what}: ffmpeg says: {lines[0].strip()}. Try another format, or see that there is space."
                ) from None


def _program() -> str:
    found = shutil.which("ffmpeg")
    if found is None:
        raise UserError(f"--deliver: ffmpeg, which encodes and decodes, is missing. {_CURE}")
    return found


@functools.cache
def _encoders(program: str) -> frozenset[str]:
    """Names of the encoders that there are."""
    run = subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, text=True, check=False)
    return frozenset(words[1] for line in run.stdout.splitlines() if len(words := line.split()) > 1)
