#!/usr/bin/env bash
# soundfile 0.14.0 with libsndfile 1.2.2, ffmpeg 5.1: of a 5.1 or 7.1 file in Ogg Vorbis, soundfile gives the channels as
# Vorbis has them (L C R Ls Rs LFE), where WAV and FLAC have L R C LFE Ls Rs, and says nothing of it: the centre comes
# out on the right, the LFE as a surround. ffmpeg, and so whoever made or hears the file, puts them in a WAV's order.
#
# Seen, each channel a tone of its own, found again by its frequency:
#   5.1 FLAC: 1 2 3 4 5 6
#   5.1 Vorbis: 1 3 2 5 6 4
#   7.1 FLAC: 1 2 3 4 5 6 7 8
#   7.1 Vorbis: 1 3 2 7 8 5 6 4
# What follows for us: io/files/speakers.py puts them right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check soundfile==0.14.0 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import subprocess
import sys

import numpy as np
import soundfile

folder, rate = sys.argv[1], 48000
for layout, channels in (("5.1", 6), ("7.1", 8)):
    hz = 100.0 * (np.arange(channels) + 1.0)
    hz[3] = 60.0
    waves = 0.2 * np.sin(2.0 * np.pi * np.outer(np.arange(3 * rate) / rate, hz)).astype("<f4")
    given = ["ffmpeg", "-v", "error", "-f", "f32le", "-ar", str(rate), "-ac", str(channels), "-channel_layout", layout]
    for name, codec in (("FLAC", "flac"), ("Vorbis", "libvorbis")):
        path = f"{folder}/{layout}.{'flac' if name == 'FLAC' else 'ogg'}"
        subprocess.run([*given, "-i", "-", "-c:a", codec, path], input=waves.tobytes(), check=True)
        heard = soundfile.read(path)[0][rate : 2 * rate]
        loudest_hz = np.abs(np.fft.rfft(heard, axis=0)).argmax(axis=0)
        print(f"{layout} {name}:", *(int(np.abs(hz - found).argmin()) + 1 for found in loudest_hz))
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
5.1 FLAC: 1 2 3 4 5 6
5.1 Vorbis: 1 3 2 5 6 4
7.1 FLAC: 1 2 3 4 5 6 7 8
7.1 Vorbis: 1 3 2 7 8 5 6 4
SEEN
echo "soundfile 0.14.0 still does so."
