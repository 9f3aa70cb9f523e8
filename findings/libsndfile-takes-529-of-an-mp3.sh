#!/usr/bin/env bash
# libsndfile 1.2.2 (soundfile 0.14.0) reads MP3 through mpg123, which takes its own delay of 529 samples away at the
# start as soon as a Xing header counts the frames, though the header names no delay (no LAME extension). Without any
# header it takes nothing away, but guesses the length from the size of the first frame; ffmpeg takes nothing away in
# either case. Who puts a Xing header before a stream to tell the length must give back the 529: one silent frame
# more, with a LAME delay of a frame less 529 and a padding of 529.
#
# Seen, 100 frames of 1152 samples = 115200:
#   Xing header alone: 114671
#   and a silent frame, delay 623, padding 529: 115200
# What follows for us: io/files/containers/mpeg.py writes such a header and such a frame.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check soundfile==0.14.0 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import io
import struct

import soundfile

HEADER = bytes((0xFF, 0xFB, 0x90, 0x00))  # MPEG-1, layer III, 128 kbit/s, 44100 Hz, stereo
FRAME_BYTES, FRAMES = 417, 100
silent = HEADER.ljust(FRAME_BYTES, b"\0")


def counted(frames, lame=b""):
    return (HEADER.ljust(36, b"\0") + struct.pack(">4sII", b"Xing", 1, frames) + lame).ljust(FRAME_BYTES, b"\0")


trims = b"LAME3.100".ljust(21, b"\0") + ((1152 - 529) << 12 | 529).to_bytes(3, "big")
for name, song in (
    ("Xing header alone", counted(FRAMES) + FRAMES * silent),
    ("and a silent frame, delay 623, padding 529", counted(FRAMES + 1, trims) + (FRAMES + 1) * silent),
):
    with soundfile.SoundFile(io.BytesIO(song)) as file:
        print(f"{name}: {len(file.read())}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
Xing header alone: 114671
and a silent frame, delay 623, padding 529: 115200
SEEN
echo "libsndfile 1.2.2 still does so."
