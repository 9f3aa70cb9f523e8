#!/usr/bin/env bash
# ffmpeg 5.1.9: of 7.1, ebur128 counts the back channels 1.41 times, as it does those at the sides. BS.1770-5 (annex 3,
# position-dependent weightings) has 1.41 for 60 to 120 degrees to the side and 1.00 for all others, and the backs of
# 7.1 stand at 135 (BS.2051, system I). Music in the backs alone reads 1.49 LU too loud; 5.0 and 5.1 are right, where
# the back channels are the surrounds at 110 degrees.
#
# Seen, a tone of 1 kHz at -20 dBFS in one channel, against the same in the left one:
#   5.1: BL +1.5 LU
#   7.1: SL +1.5 LU, BL +1.5 LU
# What follows for us: we count the backs once, and 7.1 measures up to 1.5 LU less than ffmpeg says.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
integrated() { # layout, channel
  ffmpeg -hide_banner -nostats -f lavfi -i "sine=f=1000:r=48000:d=5,volume=0.8,pan=$1|$2=c0" -af ebur128 -f null - 2>&1 |
    awk '/Summary/ {on = 1} on && $1 == "I:" {print $2; exit}'
}
above() { # layout, channel
  awk -v one="$(integrated "$1" "$2")" -v left="$(integrated "$1" FL)" 'BEGIN {printf "%+.1f LU", one - left}'
}
{
  echo "5.1: BL $(above 5.1 BL)"
  echo "7.1: SL $(above 7.1 SL), BL $(above 7.1 BL)"
} | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
5.1: BL +1.5 LU
7.1: SL +1.5 LU, BL +1.5 LU
SEEN
echo "ffmpeg $(ffmpeg -version | awk 'NR == 1 {print $3}') still does so."
