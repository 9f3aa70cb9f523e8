#!/usr/bin/env bash
# libsndfile 1.2.2 (soundfile 0.14.0): a W64 file of floats whose format is extensible, which is how ffmpeg writes it,
# is opened as one of 32 bit integers: what is read is noise at full level, and nothing is said. A WAV file with the
# same format is read as floats.
#
# Seen, half a second of a sine written by ffmpeg as floats:
#   wav FLOAT peak 0.088
#   w64 PCM_32 peak 0.565
# What follows for us: floats in W64 are read as they lie bare behind the header.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check soundfile==0.14.0 numpy
for kind in wav w64; do
  ffmpeg -v error -f lavfi -i "sine=440:duration=0.5" -c:a pcm_f32le -ac 2 "$folder/a.$kind"
  "$folder/venv/bin/python" - "$folder/a.$kind" <<'PY'
import sys

import soundfile

samples, _ = soundfile.read(sys.argv[1])
print(sys.argv[1][-3:], soundfile.info(sys.argv[1]).subtype, "peak", round(float(abs(samples).max()), 3))
PY
done | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
wav FLOAT peak 0.088
w64 PCM_32 peak 0.565
SEEN
echo "libsndfile $("$folder/venv/bin/python" -c 'import soundfile; print(soundfile.__libsndfile_version__)') still does so."
