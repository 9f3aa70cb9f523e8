#!/usr/bin/env bash
# soundfile 0.14.0 with libsndfile 1.2.2: SoundFile.read seeks to where it is behind every block that it has read. For
# most formats that is nothing; an MP3's decoder starts anew there, and where frames borrow bits from many before them
# (silence, then sound, at a variable rate) it lacks these: a frame comes out wrong, by up to full scale, without a
# word. Which one depends on the block size alone, so a longer block may pass a test that a shorter one would fail.
#
# Seen, silence and then noise as a variable MP3, in blocks, against one read of the whole; more than 0.001 off:
#   as it is: blocks of 1000 differ, of 8192 differ
#   seekable() says False: blocks of 1000 agree, of 8192 agree
# What follows for us: io/files/codec.py reads with a SoundFile that says it cannot seek.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check soundfile==0.14.0 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import sys

import numpy as np
import soundfile

path = sys.argv[1] + "/song.mp3"
noise = np.random.default_rng(1).normal(0, 0.2, (6 * 44100, 2)).clip(-0.9, 0.9)
song = np.concatenate([np.zeros((4 * 44100, 2)), noise])
soundfile.write(path, song, 44100, format="MP3", bitrate_mode="VARIABLE", compression_level=0.0)


class Straight(soundfile.SoundFile):
    def seekable(self):
        return False


def read(kind, block):
    found = []
    with kind(path) as file:
        buffer = np.empty((block, 2), np.float32)
        while len(part := file.read(out=buffer)):
            found.append(part.copy())
    return np.concatenate(found)


whole = read(soundfile.SoundFile, 1 << 20)
for name, kind in (("as it is", soundfile.SoundFile), ("seekable() says False", Straight)):
    verdicts = []
    for block in (1000, 8192):
        worst = np.abs(read(kind, block)[: len(whole)] - whole).max()
        verdicts.append(f"of {block} {'differ' if worst > 1e-3 else 'agree'}")
    print(f"{name}: blocks {', '.join(verdicts)}")
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
as it is: blocks of 1000 differ, of 8192 differ
seekable() says False: blocks of 1000 agree, of 8192 agree
SEEN
echo "soundfile 0.14.0 still does so."
