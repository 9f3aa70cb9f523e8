#!/usr/bin/env bash
# essentia 2.1b6.dev1389: LoudnessEBUR128 takes any sampleRate, and above 88.2 kHz its filter, in single precision as
# all there, is no longer stable: a tone of -23 LUFS read -70 at 96 kHz, +16.3 at 176.4 kHz and -22.3 at 192 kHz;
# at 96 kHz the momentary loudness is no number. Nothing is raised or logged. -70 is where the standard's gate begins,
# so it looks like silence: who normalises by it turns the song up by 47 dB. Up to 88.2 kHz it is right.
#
# Seen, a tone of 1 kHz at -23 dBFS in both channels, integrated loudness against -23.0 LUFS:
#   44100 Hz: right
#   48000 Hz: right
#   88200 Hz: right
#   96000 Hz: -70.0 LUFS, momentary nan
#   176400 Hz: off by more than 0.5 LU
#   192000 Hz: off by more than 0.5 LU
# What follows for us: our filter is worked out and run in double precision, and 192 kHz is in the tests.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check essentia==2.1b6.dev1389 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import essentia
import numpy as np

essentia.log.infoActive = False
import essentia.standard  # noqa: E402

for rate_hz in (44_100, 48_000, 88_200, 96_000, 176_400, 192_000):
    seconds = np.arange(10 * rate_hz) / rate_hz
    tone = (10.0 ** (-23.0 / 20.0) * np.sin(2.0 * np.pi * 997.0 * seconds)).astype(np.float32)
    meter = essentia.standard.LoudnessEBUR128(sampleRate=rate_hz)
    momentary, _, integrated, _ = meter(np.stack([tone, tone], axis=1))
    wrong = "off by more than 0.5 LU" if np.isfinite(momentary).all() else f"{integrated:.1f} LUFS, momentary nan"
    off_lu = abs(integrated + 23.0)
    print(f"{rate_hz} Hz: {'right' if off_lu < 0.05 else wrong if off_lu > 0.5 else 'NEARLY RIGHT'}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
44100 Hz: right
48000 Hz: right
88200 Hz: right
96000 Hz: -70.0 LUFS, momentary nan
176400 Hz: off by more than 0.5 LU
192000 Hz: off by more than 0.5 LU
SEEN
echo "essentia 2.1b6.dev1389 still does so."
