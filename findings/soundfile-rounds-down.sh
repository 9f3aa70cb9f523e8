#!/usr/bin/env bash
# soundfile 0.14.0 with libsndfile 1.2.2: floats that become integers are rounded to the next lower step in WAV, AIFF,
# CAF and W64, and to the nearest in FLAC. The same array is two different songs: in the WAV each sample lies half a
# step lower on average, a DC of -0.5 LSB, which grows with every gain that is tried on the file; what is barely below
# zero becomes -1, and the error is up to twice as large.
#
# Seen, 4000 values within two steps of zero, error in steps of 16 bits; and a song read, turned down and up by 1 dB and
# written, ten times over:
#   WAV: mean -0.50, lowest -1.00, highest +0.00; ten times over: mean -5.55
#   AIFF: mean -0.50, lowest -1.00, highest +0.00; ten times over: mean -5.55
#   CAF: mean -0.50, lowest -1.00, highest +0.00; ten times over: mean -5.55
#   W64: mean -0.50, lowest -1.00, highest +0.00; ten times over: mean -5.55
#   FLAC: mean +0.00, lowest -0.50, highest +0.50; ten times over: mean +0.00
# What follows for us: io/files rounds and dithers by itself and gives libsndfile integers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check soundfile==0.14.0 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import io

import numpy as np
import soundfile

STEP = 2.0**-15


def through(samples, container):
    file = io.BytesIO()
    soundfile.write(file, samples, 48_000, format=container, subtype="PCM_16")
    file.seek(0)
    return soundfile.read(file)[0]


small = np.linspace(-2.0, 2.0, 4000) * STEP
song = np.random.default_rng(1).normal(0.0, 0.1, 480_000).round(4)
for container in ("WAV", "AIFF", "CAF", "W64", "FLAC"):
    error = (through(small, container) - small) / STEP
    again = song
    for gain in 5 * (10.0**-0.05, 10.0**0.05):
        again = through(gain * again, container)
    figures = (error.mean(), error.min(), error.max(), np.mean((again - song) / STEP))
    mean, lowest, highest, drift = (f"{figure.round(2) + 0.0:+.2f}" for figure in figures)
    print(f"{container}: mean {mean}, lowest {lowest}, highest {highest}; ten times over: mean {drift}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
WAV: mean -0.50, lowest -1.00, highest +0.00; ten times over: mean -5.55
AIFF: mean -0.50, lowest -1.00, highest +0.00; ten times over: mean -5.55
CAF: mean -0.50, lowest -1.00, highest +0.00; ten times over: mean -5.55
W64: mean -0.50, lowest -1.00, highest +0.00; ten times over: mean -5.55
FLAC: mean +0.00, lowest -0.50, highest +0.50; ten times over: mean +0.00
SEEN
echo "soundfile 0.14.0 still does so."
