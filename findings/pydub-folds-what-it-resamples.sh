#!/usr/bin/env bash
# pydub 0.25.1: set_frame_rate draws straight lines between samples (it is audioop.ratecv, whose filter is off) and
# filters nothing: to a lower rate, all that lies above its half comes back below it, at full level. Cymbals of a song
# brought from 48 to 16 kHz become whistles amid the voice: 9 kHz is heard at 7 kHz, 15 kHz at 1 kHz. Between 48 and
# 44.1 kHz treble is lost and tones appear that were not there. An export at another rate (parameters=["-ar", ...])
# goes through ffmpeg instead, which filters.
#
# Seen, tones at 48 kHz: where each is heard, the change of its level; the next loudest tone and how far it lies below:
#   to 16000 Hz, 9000 Hz: heard at 7000, +0.0 dB
#   to 16000 Hz, 15000 Hz: heard at 1000, +0.0 dB
#   to 44100 Hz, 9000 Hz: heard at 9000, -1.0 dB; 5100 Hz 25 dB below
#   to 44100 Hz, 15000 Hz: heard at 15000, -2.7 dB; 11100 Hz 14 dB below
# What follows for us: songs that were prepared so keep what folded; mixes are to be given at the rate they have.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pydub==0.25.1 numpy==2.4.6 \
    'audioop-lts==0.2.2; python_version >= "3.13"'
cat >"$folder/try.py" <<'PY'
import numpy as np
from pydub import AudioSegment

RATE_HZ = 48_000
for to_hz in (16_000, 44_100):
    for tone_hz in (9_000, 15_000):
        tone = (16_384.0 * np.sin(2.0 * np.pi * tone_hz * np.arange(RATE_HZ) / RATE_HZ)).astype("<i2")
        segment = AudioSegment(tone.tobytes(), frame_rate=RATE_HZ, sample_width=2, channels=1)
        heard = np.array(segment.set_frame_rate(to_hz).get_array_of_samples(), float)
        spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
        first_hz = int(spectrum.argmax())  # a second of sound: a bin is one Hz
        change_db = 20.0 * np.log10(np.std(heard) / np.std(tone))
        heard_as = f"to {to_hz} Hz, {tone_hz} Hz: heard at {first_hz}, {round(change_db, 1) + 0.0:+.1f} dB"
        highest = spectrum[first_hz]
        spectrum[max(first_hz - 50, 0) : first_hz + 50] = 0.0
        below_db = 20.0 * np.log10(highest / spectrum.max())
        print(heard_as + (f"; {spectrum.argmax()} Hz {below_db:.0f} dB below" if below_db < 60.0 else ""))
PY
"$folder/venv/bin/python" -W ignore "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
to 16000 Hz, 9000 Hz: heard at 7000, +0.0 dB
to 16000 Hz, 15000 Hz: heard at 1000, +0.0 dB
to 44100 Hz, 9000 Hz: heard at 9000, -1.0 dB; 5100 Hz 25 dB below
to 44100 Hz, 15000 Hz: heard at 15000, -2.7 dB; 11100 Hz 14 dB below
SEEN
echo "pydub 0.25.1 still does so."
