#!/usr/bin/env bash
# ffmpeg 5.1.9: how loud a mix-down is depends on the samples' format on its way out. Where they are integers the
# coefficients are scaled until nothing can clip, where they are floats they are not: the same `-ac 1` of a stereo file
# is 3 dB louder as a float WAV, AAC or Vorbis than as 24-bit WAV or FLAC, `-ac 2` of 5.1 is 8 dB louder and may clip.
# MP3 and Opus take what the source has: the same sound, once in 16 bits and once in floats, encodes to two levels. A
# filter behind the mix-down that works in floats (volume) changes its level, too; a mono file comes out 3 dB lower as
# stereo in either. Coefficients of one's own (pan) hold in all.
#
# Seen, one tone in all channels, change of its level (RMS) in whole dB:
#   2 to 1, 16-bit source: s16 +0, s24 +0, flac +0, float +3, aac +3, vorbis +3, mp3 +0, opus +0
#   2 to 1, float source: s16 +0, s24 +0, flac +0, float +3, aac +3, vorbis +3, mp3 +3, opus +3
#   6 to 2, 16-bit source: s16 +0, s24 +0, flac +0, float +8, aac +8, vorbis +8, mp3 +0, opus +0
#   6 to 2, float source: s16 +0, s24 +0, flac +0, float +8, aac +8, vorbis +8, mp3 +8, opus +8
#   1 to 2: s16 -3, float -3
#   2 to 1 to 16 bits, and volume=0dB behind it: +3; by pan: +0
# What follows for us: whoever mixes down in front of `pipe` says how (pan=mono|c0=0.5*c0+0.5*c1).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
level() {
    ffmpeg -hide_banner -i "$1" -af atrim=0.5:1.5,astats=measure_perchannel=none -f null - 2>&1 |
        awk '/RMS level/ {print $NF}'
}
changed() { # source, target, options
    source=$1 target=$2
    shift 2
    ffmpeg -v error -y -i "$source" "$@" "$target"
    echo "$(level "$target") $(level "$source")" | awk '{dB = sprintf("%.0f", $1 - $2); printf "%+d", dB}'
}
all() { # source, channels
    list="s16 $(changed "$1" x.wav -ac "$2"), s24 $(changed "$1" x.wav -ac "$2" -c:a pcm_s24le)"
    list+=", flac $(changed "$1" x.flac -ac "$2"), float $(changed "$1" x.wav -ac "$2" -c:a pcm_f32le)"
    list+=", aac $(changed "$1" x.m4a -ac "$2" -b:a 192k), vorbis $(changed "$1" x.ogg -ac "$2" -b:a 128k)"
    echo "$list, mp3 $(changed "$1" x.mp3 -ac "$2" -b:a 256k), opus $(changed "$1" x.opus -ac "$2" -b:a 192k)"
}
for format in s16 f32; do
    ffmpeg -v error -f lavfi -i "aevalsrc=0.1*sin(2*PI*1000*t):s=48000:d=2" -c:a "pcm_${format}le" "1-$format.wav"
    ffmpeg -v error -i "1-$format.wav" -af "pan=stereo|c0=c0|c1=c0" -c:a "pcm_${format}le" "2-$format.wav"
    six="pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0"
    ffmpeg -v error -i "1-$format.wav" -af "$six" -c:a "pcm_${format}le" "6-$format.wav"
done
{
    echo "2 to 1, 16-bit source: $(all 2-s16.wav 1)"
    echo "2 to 1, float source: $(all 2-f32.wav 1)"
    echo "6 to 2, 16-bit source: $(all 6-s16.wav 2)"
    echo "6 to 2, float source: $(all 6-f32.wav 2)"
    echo "1 to 2: s16 $(changed 1-s16.wav x.wav -ac 2), float $(changed 1-s16.wav x.wav -ac 2 -c:a pcm_f32le)"
    behind=$(changed 2-s16.wav x.wav -af aformat=channel_layouts=mono,volume=0dB)
    panned=$(changed 2-s16.wav x.wav -af "pan=mono|c0=0.5*c0+0.5*c1")
    echo "2 to 1 to 16 bits, and volume=0dB behind it: $behind; by pan: $panned"
} | tee seen
diff seen - <<'SEEN'
2 to 1, 16-bit source: s16 +0, s24 +0, flac +0, float +3, aac +3, vorbis +3, mp3 +0, opus +0
2 to 1, float source: s16 +0, s24 +0, flac +0, float +3, aac +3, vorbis +3, mp3 +3, opus +3
6 to 2, 16-bit source: s16 +0, s24 +0, flac +0, float +8, aac +8, vorbis +8, mp3 +0, opus +0
6 to 2, float source: s16 +0, s24 +0, flac +0, float +8, aac +8, vorbis +8, mp3 +8, opus +8
1 to 2: s16 -3, float -3
2 to 1 to 16 bits, and volume=0dB behind it: +3; by pan: +0
SEEN
echo "ffmpeg $(ffmpeg -version | awk 'NR == 1 {print $3}') still does so."
