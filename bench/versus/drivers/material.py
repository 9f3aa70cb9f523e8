"""Writes what both sides are measured on into a folder, with the new side's package. Arguments: FOLDER SECONDS [SONG]

song.wav: SONG, or the built-in one, over and over for so many seconds; second.wav: its first second; and heard.f32:
a minute and a half of the built-in song at 48 kHz as raw float32 frames of two channels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from rt_automix.demo.song import render_song
from rt_automix.io.files.audio import AudioReader, AudioWriter

HEARD_S, HEARD_RATE_HZ = 90, 48_000
RATE_HZ = 44_100


def main(folder: Path, seconds: float, song: Path | None) -> None:
    """Make all three."""
    audio, rate_hz = render_song(RATE_HZ), RATE_HZ
    if song is not None:
        with AudioReader(song) as reader:
            audio, rate_hz = np.concatenate(list(reader.blocks()), axis=1), reader.sample_rate_hz
    for name, length_s in (("song.wav", seconds), ("second.wav", 1.0)):
        count = round(length_s * rate_hz)
        with AudioWriter(folder / name, rate_hz, len(audio), 24) as writer:
            writer.write(np.tile(audio, count // audio.shape[1] + 1)[:, :count].copy())
    heard = np.tile(render_song(HEARD_RATE_HZ), 2)[:, : HEARD_S * HEARD_RATE_HZ]
    np.ascontiguousarray(heard.T, "<f4").tofile(folder / "heard.f32")
    print("made")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
