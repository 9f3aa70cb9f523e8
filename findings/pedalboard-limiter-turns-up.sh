#!/usr/bin/env bash
# pedalboard 0.9.26: Limiter(threshold_db) leaves nothing as it is. What lies far below the threshold is turned up by
# the threshold and 3.75 dB more: at -1 dB a quiet passage gains 4.75 dB, at -20 dB 23.75. Nor is the threshold a
# ceiling: what passes it goes up to 0 dBFS, where it is clipped, and the lower the threshold, the sooner. No parameter
# turns the gain off; a Gain of threshold_db - 3.75 behind it takes it back.
#
# Seen, peak of a tone of 1 kHz, in and out in dBFS, and the highest sample on the way:
#   threshold -1: -60 gives -55.25 (-55.25), -20 gives -15.25 (-15.25), -3 gives -3.29 (+0.00), +0 gives -2.54 (+0.00)
#   threshold -6: -60 gives -50.25 (-50.25), -20 gives -10.25 (-10.25), -3 gives +0.00 (+0.00), +0 gives +0.00 (+0.00)
#   threshold -20: -60 gives -36.25 (-36.25), -20 gives +0.00 (+0.00), -3 gives +0.00 (+0.00), +0 gives +0.00 (+0.00)
# What follows for us: bench/quality tries the gain in front of it until what comes out is as loud as asked.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pedalboard==0.9.26 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import numpy as np
from pedalboard import Limiter

RATE_HZ = 48_000
tone = np.sin(2.0 * np.pi * 1000.0 * np.arange(2 * RATE_HZ) / RATE_HZ)


def peak_dbfs(samples):
    return 20.0 * np.log10(np.abs(samples).max())


for threshold_db in (-1, -6, -20):
    words = []
    for level_db in (-60, -20, -3, 0):
        out = Limiter(threshold_db=threshold_db)((10.0 ** (level_db / 20.0) * tone).astype(np.float32), RATE_HZ)
        settled, highest = (round(peak_dbfs(part), 2) + 0.0 for part in (out[RATE_HZ:], out))
        words.append(f"{level_db:+d} gives {settled:+.2f} ({highest:+.2f})")
    print(f"threshold {threshold_db}: {', '.join(words)}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
threshold -1: -60 gives -55.25 (-55.25), -20 gives -15.25 (-15.25), -3 gives -3.29 (+0.00), +0 gives -2.54 (+0.00)
threshold -6: -60 gives -50.25 (-50.25), -20 gives -10.25 (-10.25), -3 gives +0.00 (+0.00), +0 gives +0.00 (+0.00)
threshold -20: -60 gives -36.25 (-36.25), -20 gives +0.00 (+0.00), -3 gives +0.00 (+0.00), +0 gives +0.00 (+0.00)
SEEN
echo "pedalboard 0.9.26 still does so."
