#!/usr/bin/env bash
# pedalboard 0.9.26: a WAV of eight channels gets the channel mask 0xFF, which is 7.1 "wide": the seventh and eighth
# channel are speakers between front and centre, and not those at the sides (0x63F), which is what nearly all films and
# games mean by 7.1. Six channels get 0x3F, as they should. A FLAC has no mask, and its order is the common 7.1: the same
# eight channels written as WAV and as FLAC are for different speakers. There is no parameter for it.
#
# Seen, by ffprobe 5.1:
#   5.1 .wav: 5.1
#   7.1 .wav: 7.1(wide)
#   7.1 .flac: 7.1
# What follows for us: io/files/audio.py writes the mask by itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pedalboard==0.9.26 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import subprocess
import sys

import numpy as np
from pedalboard.io import AudioFile

show = ["ffprobe", "-v", "error", "-show_entries", "stream=channel_layout", "-of", "csv=p=0"]
for layout, channels, ending in (("5.1", 6, ".wav"), ("7.1", 8, ".wav"), ("7.1", 8, ".flac")):
    path = f"{sys.argv[1]}/{layout}{ending}"
    with AudioFile(path, "w", 48000, channels, bit_depth=24) as file:
        file.write(np.zeros((channels, 4800), np.float32))
    found = subprocess.run([*show, path], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{layout} {ending}: {found}")
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
5.1 .wav: 5.1
7.1 .wav: 7.1(wide)
7.1 .flac: 7.1
SEEN
echo "pedalboard 0.9.26 still does so."
