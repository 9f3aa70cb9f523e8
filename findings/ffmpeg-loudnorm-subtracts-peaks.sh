#!/usr/bin/env bash
# ffmpeg 5.1.9, loudnorm: a file shorter than 3 s is turned up or down as a whole, and where the target would take its
# peak over TP, the gain is meant to be lowered to what TP allows: TP / peak. It is TP - peak, both as amplitudes. What
# should get louder gets quieter, by more the nearer its peak is to TP, down to nothing; above TP the gain is negative,
# and the sound comes out upside down. No word is said. From 3 s on, or where the target needs no lowering, it is right.
#
# Seen, a tone with a peak in it, to -14 LUFS and -1 dBTP (0.891); the gain asked for, what TP allows, what was done:
#   2.9 s, peak 0.2: asked 2.01, allowed 4.46, done 2.01
#   2.9 s, peak 0.5: asked 2.00, allowed 1.78, done 0.39
#   2.9 s, peak 0.8: asked 2.00, allowed 1.11, done 0.09
#   2.9 s, peak 0.99: asked 2.00, allowed 0.90, done -0.10
# What follows for us: bench compares with loudnorm on longer songs alone; a jingle or a spot is no case for it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import re
import subprocess

import numpy as np

RATE_HZ, SECONDS = 192_000, 2.9  # loudnorm works at this rate: nothing is resampled
RAW = ["-f", "f32le", "-ar", str(RATE_HZ), "-ac", "1"]


def filtered(samples, options):
    command = ["ffmpeg", "-hide_banner", *RAW, "-i", "-", "-af", f"loudnorm=I=-14:TP=-1{options}", *RAW, "-"]
    done = subprocess.run(command, input=samples.tobytes(), capture_output=True, check=True)
    return np.frombuffer(done.stdout, "<f4"), done.stderr.decode()


seconds = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
for peak in (0.2, 0.5, 0.8, 0.99):
    song = (0.1414 * np.sin(2.0 * np.pi * 1000.0 * seconds)).astype("<f4")
    half_wave = slice(RATE_HZ, RATE_HZ + RATE_HZ // 2000)
    song[half_wave] *= peak / song[half_wave].max()
    got, said = filtered(song, ":print_format=json")
    asked = 10.0 ** ((-14.0 - float(re.search(r'"input_i" : "(.+?)"', said)[1])) / 20.0)
    allowed = 10.0 ** (-1.0 / 20.0) / peak
    done = np.dot(got, song) / np.dot(song, song)
    assert np.abs(got - done * song).max() < 1e-4  # a gain and nothing else
    print(f"{SECONDS} s, peak {peak}: asked {asked:.2f}, allowed {allowed:.2f}, done {done:.2f}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
2.9 s, peak 0.2: asked 2.01, allowed 4.46, done 2.01
2.9 s, peak 0.5: asked 2.00, allowed 1.78, done 0.39
2.9 s, peak 0.8: asked 2.00, allowed 1.11, done 0.09
2.9 s, peak 0.99: asked 2.00, allowed 0.90, done -0.10
SEEN
echo "ffmpeg $(ffmpeg -version | awk 'NR == 1 {print $3}') still does so."
