#!/usr/bin/env bash
# pedalboard 0.9.26: of a FLAC in an Ogg the first read comes out silent, however long it is, with the right number of
# frames; what is read after it is right. Read at once, the usual way, the whole song is silence. Of one that ffmpeg
# made it reads no frame at all. Neither is an error. Plain FLAC and Ogg Vorbis are right.
#
# Seen, 3 s of noise, highest sample of each read:
#   flac --ogg, at once: 144000 frames, 0.00
#   flac --ogg, three reads: 144000 frames, 0.00 0.42 0.42
#   flac, at once: 144000 frames, 0.44
#   ffmpeg -f ogg, at once: 0 frames
# What follows for us: files are read by libsndfile, and bench hands pedalboard arrays instead of names.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pedalboard==0.9.26 numpy==2.4.6
cat >make.py <<'PY'
import wave

import numpy as np

noise = np.random.default_rng(1).normal(0.0, 0.1, 3 * 48_000)
with wave.open("noise.wav", "wb") as file:
    file.setnchannels(1), file.setsampwidth(2), file.setframerate(48_000)
    file.writeframes((noise * 32767.0).round().astype("<i2").tobytes())
PY
cat >try.py <<'PY'
import numpy as np
from pedalboard.io import AudioFile


def show(title, path, block):
    with AudioFile(path) as file:
        parts = []
        while (part := file.read(block)).shape[-1]:
            parts.append(part)
    peaks = " ".join(f"{np.abs(part).max():.2f}" for part in parts)
    print(f"{title}: {sum(part.shape[-1] for part in parts)} frames{', ' + peaks if parts else ''}")


show("flac --ogg, at once", "flac.oga", 144_000)
show("flac --ogg, three reads", "flac.oga", 48_000)
show("flac, at once", "noise.flac", 144_000)
show("ffmpeg -f ogg, at once", "ffmpeg.ogg", 144_000)
PY
venv/bin/python make.py
flac --silent noise.wav
flac --silent --ogg -o flac.oga noise.wav
ffmpeg -v error -i noise.wav -c:a flac -f ogg ffmpeg.ogg
venv/bin/python try.py | tee seen
diff seen - <<'SEEN'
flac --ogg, at once: 144000 frames, 0.00
flac --ogg, three reads: 144000 frames, 0.00 0.42 0.42
flac, at once: 144000 frames, 0.44
ffmpeg -f ogg, at once: 0 frames
SEEN
echo "pedalboard 0.9.26 still does so."
