#!/usr/bin/env bash
# ffmpeg 5.1.9 with -write_bext 1, the way to keep a broadcast WAV's header: the time reference, at which a DAW places
# the file, is copied as it stands. It counts samples since midnight, not seconds, so at 96 kHz a take of 10:00:00 is
# placed at 05:00:00, and at 44.1 kHz at 10:53:04. Nor does cutting move it: what begins two seconds later in the take
# is placed where the take began.
#
# Seen, a take of 48 kHz that began at 10:00:00:
#   as it is: 10:00:00
#   -c copy: 10:00:00
#   -ar 96000: 05:00:00
#   -ar 44100: 10:53:04
#   -ss 2: 10:00:00
# What follows for us: io/files/containers/chunks.py keeps a bext only where the rate stays.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
ffmpeg -v error -f lavfi -i "sine=f=440:r=48000:d=4" -write_bext 1 -metadata time_reference=1728000000 take.wav
shown() { # name, options
    name=$1
    shift
    ffmpeg -v error -y -i take.wav "$@" -write_bext 1 x.wav
    ffprobe -v error -show_entries stream=sample_rate:format_tags=time_reference -of default=nw=1 x.wav |
        awk -F= -v name="$name" '/rate/ {rate = $2} /reference/ {at = int($2 / rate + 0.5)}
            END {printf "%s: %02d:%02d:%02d\n", name, at / 3600, at % 3600 / 60, at % 60}'
}
{
    shown "as it is"
    shown "-c copy" -c copy
    shown "-ar 96000" -ar 96000
    shown "-ar 44100" -ar 44100
    shown "-ss 2" -ss 2
} | tee seen
diff seen - <<'SEEN'
as it is: 10:00:00
-c copy: 10:00:00
-ar 96000: 05:00:00
-ar 44100: 10:53:04
-ss 2: 10:00:00
SEEN
echo "ffmpeg $(ffmpeg -version | awk 'NR == 1 {print $3}') still does so."
