#!/usr/bin/env bash
# pedalboard 0.9.26: Convolution scales every impulse response to one energy (1/64), so its own gain is lost: a unit
# impulse, which should change nothing, turns down by 18.06 dB, and so does one of a quarter. Filters that differ in
# level only sound alike, and a correction measured at a loudspeaker comes out at whatever level its shape gives it.
# With mix below 1 the dry sound is not scaled, so wet and dry are 18 dB off. In Reverb it is the dry one: dry_level=1
# is +6.02 dB. There is no switch for either.
#
# Seen, gain of a tone of 1 kHz:
#   impulse of 1: -18.06 dB
#   impulse of 0.25: -18.06 dB
#   two impulses of 0.5, one after the other: -15.07 dB
#   impulse of 1, mix=0.5: -5.00 dB
#   Reverb, dry_level=1, wet_level=0: +6.02 dB
# What follows for us: no peer in bench is built on these two.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pedalboard==0.9.26 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import numpy as np
from pedalboard import Convolution, Reverb

RATE_HZ = 48_000
tone = (0.1 * np.sin(2.0 * np.pi * 1000.0 * np.arange(2 * RATE_HZ) / RATE_HZ)).astype(np.float32)


def convolution(*taps, mix=1.0):
    return Convolution(np.array([taps], np.float32), mix=mix, sample_rate=RATE_HZ)


for title, effect in (
    ("impulse of 1", convolution(1.0)),
    ("impulse of 0.25", convolution(0.25)),
    ("two impulses of 0.5, one after the other", convolution(0.5, 0.5)),
    ("impulse of 1, mix=0.5", convolution(1.0, mix=0.5)),
    ("Reverb, dry_level=1, wet_level=0", Reverb(dry_level=1.0, wet_level=0.0)),
):
    gain = np.std(effect(tone, RATE_HZ)[RATE_HZ:]) / np.std(tone[RATE_HZ:])
    print(f"{title}: {20.0 * np.log10(gain):+.2f} dB")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
impulse of 1: -18.06 dB
impulse of 0.25: -18.06 dB
two impulses of 0.5, one after the other: -15.07 dB
impulse of 1, mix=0.5: -5.00 dB
Reverb, dry_level=1, wet_level=0: +6.02 dB
SEEN
echo "pedalboard 0.9.26 still does so."
