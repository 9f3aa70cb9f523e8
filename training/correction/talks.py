"""Talk to learn from: prompts, dialogues and letters of Debian's packages, strung together, in rooms and over music."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import click
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from rt_automix.analysis.hearing.listener import FeatureStream
from rt_automix.errors import ConfigError
from rt_automix.units import lin_from_db
from training.labels.shards import write_whole
from training.music import corpus
from training.pool import processes

Audio = NDArray[np.float32]

RATE_HZ = 44_100
LENGTH_S = 90.0
SPEECH_OVER_MUSIC_DB = (None, None, None, None, None, None, 20.0, 14.0, 10.0, 6.0, 6.0, 12.0, -12.0)
"""Talks that are made of a package: without music, or so far above it."""
PAUSE_S, LONGEST_PAUSE_S = 0.35, 3.0
ROOM_S, ROOM_DB = (0.1, 0.6), (-14.0, -3.0)
"""Half of them sound in a room: for how long, how loud."""
NOISE_DBFS = (-95.0, -65.0)
LEVEL_RMS_LIN, LEVEL_SPREAD_DB = 0.08, 1.5
SHORTEST_S = 0.25
AT_ONCE = 20


@dataclass(frozen=True)
class Talk:
    """A talk to be made.

    Parameters
    ----------
    package : str
        Of talks.toml.
    use : str
    seed : int
    over_music_db : float or None
        None for talk alone.
    """

    package: str
    use: str
    seed: int
    over_music_db: float | None

    @property
    def is_speech(self) -> bool:
        """Whether the voice is what is heard."""
        return self.over_music_db is None or self.over_music_db > 0.0


def packages() -> dict[str, dict[str, Any]]:
    """What talks.toml says of each package."""
    return tomllib.loads(Path(__file__).with_name("talks.toml").read_text(encoding="utf-8"))


def all_talks() -> list[Talk]:
    """Every talk there should be, in order."""
    return [
        Talk(name, entry["use"], seed, over_db)
        for name, entry in packages().items()
        for seed, over_db in enumerate(SPEECH_OVER_MUSIC_DB)
    ]


def file_of(talk: Talk, folder: Path) -> Path:
    """Where the rows of a talk are kept."""
    return folder / f"{talk.package}.{talk.seed}.npy"


def make(voices: Path, music: list[corpus.Song], folder: Path, workers: int = 2) -> list[Talk]:
    """Make what is missing of the rows that a listener sees of each talk, and say which there are.

    Parameters
    ----------
    voices : Path
        PACKAGE/usr/share/..., as `training.music.fetch` leaves it.
    music : of songs, for those over music; each use has its own
    folder : Path
    workers : int
        Processes.

    Raises
    ------
    ConfigError
        A package is not there.
    """
    missing = [name for name in packages() if not (voices / name).is_dir()]
    if missing:
        raise ConfigError(
            f"{voices}: no {', '.join(missing)}. Unpack them there: apt-get download PACKAGE; dpkg -x *.deb PACKAGE"
        )
    talks = all_talks()
    wanted = [talk for talk in talks if not file_of(talk, folder).is_file()]
    beds = {use: [song for song in music if song.use == use] for use in corpus.USES}
    with processes(workers) as pool, click.progressbar(length=len(wanted), label="making talks") as bar:
        jobs = [pool.submit(_make, talk, voices, beds[talk.use], folder) for talk in wanted]  # type: ignore[index]
        for job in jobs:
            job.result()
            bar.update(1)
    return talks


def read(talk: Talk, folder: Path) -> NDArray[np.float32]:
    """The rows of a talk: float32, shape (frames, features.ROWS), dB."""
    return np.load(file_of(talk, folder)).astype(np.float32)


def voice(talk: Talk, voices: Path) -> Audio:
    """The voice of a talk alone, LENGTH_S of it, always the same: float32, shape (samples,)."""
    return _voice(talk, voices, _chances(talk))


def _chances(talk: Talk) -> np.random.Generator:
    return np.random.default_rng([talk.seed, *talk.package.encode()])


def _voice(talk: Talk, voices: Path, rng: np.random.Generator) -> Audio:
    return _in_a_room(_strung(talk, voices, rng), rng)


def over(voice: Audio, bed: Audio, over_db: float) -> Audio:
    """A voice over music, so much louder than it: float32, shape (2, samples), as long as the voice."""
    both = np.stack([voice, voice])
    return np.ascontiguousarray(both + bed * np.float32(_rms(both) / _rms(bed) * lin_from_db(-over_db)), np.float32)


def _make(talk: Talk, voices: Path, beds: list[corpus.Song], folder: Path) -> None:
    rng = _chances(talk)
    alone = _voice(talk, voices, rng)
    both = np.stack([alone, alone])
    if talk.over_music_db is not None:
        both = over(alone, _bed(beds, both.shape[1], rng), talk.over_music_db)
    rows = FeatureStream(RATE_HZ, 2).push(np.ascontiguousarray(both, np.float32)).astype(np.float16)
    write_whole(file_of(talk, folder), lambda opened: np.save(opened, rows))


def _rms(audio: Audio) -> float:
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64)) + 1e-12))


def _strung(talk: Talk, voices: Path, rng: np.random.Generator) -> Audio:
    """Pieces one after another with pauses between, LENGTH_S in all."""
    patterns = packages()[talk.package]["files"]
    files = sorted(
        path
        for path in (voices / talk.package).rglob("*")
        if path.is_file() and any(fnmatch(path.as_posix(), pattern) for pattern in patterns)
    )
    parts: list[Audio] = []
    missing = round(LENGTH_S * RATE_HZ)
    while missing > 0:
        for piece in _decoded([files[k] for k in rng.integers(len(files), size=AT_ONCE)]):
            if len(piece) < SHORTEST_S * RATE_HZ or np.abs(piece).max() < 1e-3:
                continue
            level = LEVEL_RMS_LIN * lin_from_db(rng.normal(0.0, LEVEL_SPREAD_DB)) / _rms(piece)
            pause = np.zeros(round(min(rng.exponential(PAUSE_S) + 0.05, LONGEST_PAUSE_S) * RATE_HZ), np.float32)
            parts += [piece * np.float32(level), pause]
            missing -= len(piece) + len(pause)
    return np.concatenate(parts)[: round(LENGTH_S * RATE_HZ)]


def _in_a_room(voice: Audio, rng: np.random.Generator) -> Audio:
    """The same with a little noise, and half of the time with a room's answer: noise that decays by 60 dB."""
    if rng.random() < 0.5:
        length = round(rng.uniform(*ROOM_S) * RATE_HZ)
        answer = rng.normal(size=length) * 10.0 ** (-3.0 * np.arange(length) / length)
        answer *= lin_from_db(rng.uniform(*ROOM_DB)) / np.sqrt(np.sum(answer**2))
        voice = voice + fftconvolve(voice, answer)[: len(voice)].astype(np.float32)
    noise = rng.normal(size=len(voice)) * lin_from_db(rng.uniform(*NOISE_DBFS))
    return (voice + noise).astype(np.float32)


def _bed(beds: list[corpus.Song], samples: int, rng: np.random.Generator) -> Audio:
    """Some song's beginning, again and again: float32, shape (2, samples)."""
    song = beds[int(rng.integers(len(beds)))]
    audio, rate_hz = corpus.decode_as_it_is(song)
    audio = soxr.resample(audio[:, : round(LENGTH_S * rate_hz)].T, rate_hz, RATE_HZ).T
    audio = np.broadcast_to(audio, (2, audio.shape[1]))
    return np.tile(audio, (1, -(-samples // audio.shape[1])))[:, :samples].astype(np.float32)


def _decoded(files: list[Path]) -> Iterator[Audio]:
    """Files as they sound in mono at RATE_HZ; telephone formats by ffmpeg, all of them at once."""
    if files[0].suffix in (".ogg", ".wav"):
        for file in files:
            audio, rate_hz = soundfile.read(file, dtype="float32", always_2d=True)
            yield soxr.resample(audio.mean(axis=1), rate_hz, RATE_HZ)
        return
    form, rate_hz, samples_a_byte = ("g722", 16_000, 2.0) if files[0].suffix == ".g722" else ("gsm", 8_000, 160 / 33)
    contents = [file.read_bytes() for file in files]
    command = ["ffmpeg", "-v", "error", "-f", form, "-i", "-", "-ac", "1", "-f", "f32le", "-"]
    done = subprocess.run(command, input=b"".join(contents), capture_output=True, check=True)
    audio, at = np.frombuffer(done.stdout, np.float32), 0.0
    for content in contents:
        stop = at + len(content) * samples_a_byte
        yield soxr.resample(audio[round(at) : round(stop)], rate_hz, RATE_HZ)
        at = stop
