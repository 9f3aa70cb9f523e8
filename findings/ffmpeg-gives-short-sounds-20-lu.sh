#!/usr/bin/env bash
# ffmpeg 5.1.9, ebur128: a sound of 3.0 to 3.3 s has a loudness range of 20.0 LU, whatever it is, also a tone that never
# changes. A tenth of so few values is none, and what is then shown as the low end is the relative gate, 20 LU below.
# Shorter ones have 0.0, and from 3.4 s on it is right. Who sorts spots and jingles by their range gets the calmest ones
# as the most lively.
#
# Seen, a tone of 1 kHz at -23 dBFS in both channels:
#   2.9 s: 0.0 LU
#   3.0 s: 20.0 LU, from -43.0 to -23.0
#   3.3 s: 20.0 LU, from -43.0 to -23.0
#   3.4 s: 0.0 LU
# What follows for us: a jingle's range in ffmpeg is no figure to compare ours with.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{
    for seconds in 2.9 3.0 3.3 3.4; do
        tone="0.0708*sin(2*PI*1000*t)"
        ffmpeg -hide_banner -nostats -f lavfi -i "aevalsrc=$tone|$tone:s=48000:d=$seconds" -af ebur128 -f null - 2>&1 |
            awk -v seconds="$seconds" '/Summary/ {on = 1} on && $1 == "LRA:" {range = $2}
                on && /LRA low/ {low = $3} on && /LRA high/ {high = $3}
                END {print seconds " s: " range " LU" (range > 0 ? ", from " low " to " high : "")}'
    done
} | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
2.9 s: 0.0 LU
3.0 s: 20.0 LU, from -43.0 to -23.0
3.3 s: 20.0 LU, from -43.0 to -23.0
3.4 s: 0.0 LU
SEEN
echo "ffmpeg $(ffmpeg -version | awk 'NR == 1 {print $3}') still does so."
