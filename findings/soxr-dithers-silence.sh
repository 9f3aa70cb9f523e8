#!/usr/bin/env bash
# soxr 1.1.0 (Python): to int16 it adds dither, and no parameter turns that off. Digital silence comes back as noise of
# -97 dBFS, so whoever looks for zeros (silence, the gap between songs, a muted channel) finds none, even where both
# rates are the same and nothing is resampled. The dither depends on how the stream is cut: in blocks four samples in
# ten are others than at once. int32, float32 and float64 have none and agree to the bit.
#
# Seen, one second at 48 kHz to 44.1 kHz:
#   int16: silence gives -1 0 1; 48 to 48 kHz gives -1 0 1; in blocks of 480 OTHER samples
#   int32: silence gives 0; 48 to 48 kHz gives 0; in blocks of 480 the same samples
#   float32: silence gives 0; 48 to 48 kHz gives 0; in blocks of 480 the same samples
#   float64: silence gives 0; 48 to 48 kHz gives 0; in blocks of 480 the same samples
# What follows for us: our own resampler is given floats, and dither comes once, at the very end.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check soxr==1.1.0 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import numpy as np
import soxr

IN_HZ, OUT_HZ, BLOCK = 48_000, 44_100, 480
noise = np.random.default_rng(1).normal(0.0, 0.1, IN_HZ)


def in_blocks(samples):
    stream = soxr.ResampleStream(IN_HZ, OUT_HZ, 1, dtype=samples.dtype.name)
    starts = range(0, IN_HZ, BLOCK)
    return np.concatenate([stream.resample_chunk(samples[k : k + BLOCK], last=k + BLOCK == IN_HZ) for k in starts])


for kind in (np.int16, np.int32, np.float32, np.float64):
    scale = np.iinfo(kind).max if np.issubdtype(kind, np.integer) else 1.0
    song, silence = (noise * scale).astype(kind), np.zeros(IN_HZ, kind)
    found = [" ".join(f"{x:.0f}" for x in np.unique(soxr.resample(silence, IN_HZ, hz))) for hz in (OUT_HZ, IN_HZ)]
    same = np.array_equal(in_blocks(song), soxr.resample(song, IN_HZ, OUT_HZ))
    cut = f"in blocks of {BLOCK} {'the same' if same else 'OTHER'} samples"
    print(f"{kind.__name__}: silence gives {found[0]}; 48 to 48 kHz gives {found[1]}; {cut}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
int16: silence gives -1 0 1; 48 to 48 kHz gives -1 0 1; in blocks of 480 OTHER samples
int32: silence gives 0; 48 to 48 kHz gives 0; in blocks of 480 the same samples
float32: silence gives 0; 48 to 48 kHz gives 0; in blocks of 480 the same samples
float64: silence gives 0; 48 to 48 kHz gives 0; in blocks of 480 the same samples
SEEN
echo "soxr 1.1.0 still does so."
