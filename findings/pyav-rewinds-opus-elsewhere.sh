#!/usr/bin/env bash
# PyAV 18.1.0: seek(0) is not the beginning of an Opus stream. Played a little and rewound, an Ogg gives 312 samples
# more than the first time, at the start: those that the encoder put there to be thrown away, which the first time were.
# All of it comes 6.5 ms late. Of a WebM 960 are missing, of a fresh one as well, if it is sought before it is read, or
# 648 after it was. Two takes of one song, one sought and one not, no longer line up. MP3 and Vorbis are exact.
#
# Seen, 6 s at 48 kHz, samples more or less than a new open gives, and where the sound lies:
#   Opus in Ogg: played, seek(0): +312, at +312; opened, seek(0): +0, at +0
#   Opus in WebM: played, seek(0): -648, at -648; opened, seek(0): -960, at -960
#   MP3: played, seek(0): +0, at +0; opened, seek(0): +0, at +0
#   Vorbis in Ogg: played, seek(0): +0, at +0; opened, seek(0): +0, at +0
# What follows for us: io/files/foreign.py opens a file anew instead of going back in it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import itertools
import subprocess
import sys

import av
import numpy as np

RATE_HZ, FFT_SAMPLES = 48_000, 1 << 18
noise = np.random.default_rng(1).normal(0.0, 0.1, 6 * RATE_HZ).astype("<f4")
given = ["ffmpeg", "-v", "error", "-f", "f32le", "-ar", str(RATE_HZ), "-ac", "1", "-i", "-"]


def decoded(container):
    return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


def later(one, two):
    """By how many samples the second second of noise lies later in the other."""
    spectra = [np.fft.rfft(samples[RATE_HZ : 3 * RATE_HZ], FFT_SAMPLES) for samples in (one, two)]
    at = int(np.fft.irfft(spectra[0].conj() * spectra[1]).argmax())
    return at if at < FFT_SAMPLES // 2 else at - FFT_SAMPLES


for title, ending, codec in (
    ("Opus in Ogg", "opus", "libopus"),
    ("Opus in WebM", "webm", "libopus"),
    ("MP3", "mp3", "libmp3lame"),
    ("Vorbis in Ogg", "ogg", "libvorbis"),
):
    path = f"{sys.argv[1]}/song.{ending}"
    subprocess.run([*given, "-c:a", codec, "-b:a", "128k", path], input=noise.tobytes(), check=True)
    with av.open(path) as container:
        whole = decoded(container)
    words = []
    for name, played in (("played, seek(0)", 20), ("opened, seek(0)", 0)):
        with av.open(path) as container:
            list(itertools.islice(container.decode(audio=0), played))
            container.seek(0)
            again = decoded(container)
        words.append(f"{name}: {len(again) - len(whole):+d}, at {later(whole, again):+d}")
    print(f"{title}: {'; '.join(words)}")
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
Opus in Ogg: played, seek(0): +312, at +312; opened, seek(0): +0, at +0
Opus in WebM: played, seek(0): -648, at -648; opened, seek(0): -960, at -960
MP3: played, seek(0): +0, at +0; opened, seek(0): +0, at +0
Vorbis in Ogg: played, seek(0): +0, at +0; opened, seek(0): +0, at +0
SEEN
echo "PyAV 18.1.0 still does so."
