#!/usr/bin/env bash
# ffmpeg 5.1.9, libmp3lame 3.100: what decodes is neither as high nor as loud as what went in. A master that was clipped
# at -1 dBFS (drums and saw waves, 10 dB too hot) comes out of ffmpeg's own AAC with peaks 3 dB and more higher, at 256
# kbit/s as at 128; LAME turns constant rates of 160 kbit/s and less down by 0.4 LU, and of 256 not at all. Vorbis and
# Opus keep the loudness. ffmpeg's decoders hand the overs out as floats; whoever decodes to integers clips them.
#
# Seen (change of the true peak in dB, of the loudness in LU):
#   aac 128: +3.6 dB, +0.0 LU
#   aac 256: +3.0 dB, +0.0 LU
#   mp3 128: +1.6 dB, -0.4 LU
#   mp3 256: +0.1 dB, +0.0 LU
#   opus 96: +1.8 dB, +0.0 LU
#   vorbis 160: +1.8 dB, +0.0 LU
# What follows for us: `render --deliver` decodes and measures instead of trusting a margin of 1 dB.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
drums="2*random(0)*exp(-30*mod(t\,0.25))-exp(-30*mod(t\,0.25))"
saw="0.8*(mod(110*t\,1)-0.5)+0.5*(mod(164.8*t\,1)-0.5)"
dull="lowpass=f=4000,lowpass=f=4000"
ffmpeg -v error -f lavfi -i "aevalsrc=$drums+$saw:s=44100:d=10,$dull,aeval=clip(3*val(0)\,-0.891\,0.891)" \
    -af "pan=stereo|c0=c0|c1=c0" -c:a pcm_f32le master.wav

measure() { # a file's loudness and true peak
    ffmpeg -hide_banner -nostats -i "$1" -af ebur128=peak=true -f null - 2>&1 | sed -n '/Summary/,$p' |
        awk '/I:/ { lufs = $2 } /Peak:/ { peak = $2 } END { print lufs, peak }'
}
changed() { # name, ending, options of the encoder
    name=$1 ending=$2
    shift 2
    ffmpeg -v error -i master.wav "$@" "x.$ending"
    echo "$(measure master.wav) $(measure "x.$ending")" |
        awk -v name="$name" '{ printf "%s: %+.1f dB, %+.1f LU\n", name, $4 - $2, $3 - $1 }'
    rm "x.$ending"
}
{
    changed "aac 128" m4a -c:a aac -b:a 128k
    changed "aac 256" m4a -c:a aac -b:a 256k
    changed "mp3 128" mp3 -c:a libmp3lame -b:a 128k
    changed "mp3 256" mp3 -c:a libmp3lame -b:a 256k
    changed "opus 96" opus -c:a libopus -b:a 96k
    changed "vorbis 160" ogg -c:a libvorbis -b:a 160k
} | tee seen
diff seen - <<'SEEN'
aac 128: +3.6 dB, +0.0 LU
aac 256: +3.0 dB, +0.0 LU
mp3 128: +1.6 dB, -0.4 LU
mp3 256: +0.1 dB, +0.0 LU
opus 96: +1.8 dB, +0.0 LU
vorbis 160: +1.8 dB, +0.0 LU
SEEN
echo "ffmpeg $(ffmpeg -version | sed -n 's/ffmpeg version \([0-9.]*\).*/\1/p') still does so."
