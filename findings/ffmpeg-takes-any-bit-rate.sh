#!/usr/bin/env bash
# ffmpeg 5.1.9, -b:a of its audio encoders: a rate that there is not is another one, mostly without a word. libmp3lame
# takes the nearest there is; its own AAC needs no more than 300 to 390 kbit/s at 44.1 kHz in stereo, asked for 500;
# libvorbis fails at 88.2 and 96 kHz with rates that it has at 44.1. Only libopus says what it allows.
#
# Seen (asked: got, in kbit/s, rounded to tens; words of ffmpeg at the level of warnings):
#   mp3 300: 320, 0 words
#   mp3 8: 30, 0 words
#   aac 500: 380, 0 words
#   vorbis 192 at 96 kHz: failed
#   opus 520: failed, and says: between 500 and 512000
# What follows for us: rt_automix/io/lossy/codecs.py checks rates itself, resamples for Vorbis, and what is reported is
# the rate that the file has.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
sides="anoisesrc=r=44100:d=10:a=0.2:seed=1[l];anoisesrc=r=44100:d=10:a=0.2:seed=2[r];[l][r]join=channel_layout=stereo"
ffmpeg -v error -f lavfi -i "$sides" -c:a pcm_f32le noise.wav
ffmpeg -v error -i noise.wav -ar 96000 fast.wav

got() { # name, encoder, kbit/s, ending
    ffmpeg -v warning -guess_layout_max 0 -channel_layout stereo -i noise.wav -c:a "$2" -b:a "$3k" "x.$4" 2>said
    bits=$(ffprobe -v error -show_entries stream=bit_rate -of csv=p=0 "x.$4" | tr -d ,)
    echo "$1 $3: $(((bits + 5000) / 10000 * 10)), $(wc -w <said) words"
    rm "x.$4"
}
{
    got mp3 libmp3lame 300 mp3
    got mp3 libmp3lame 8 mp3
    got aac aac 500 m4a
    ffmpeg -v error -i fast.wav -c:a libvorbis -b:a 192k x.ogg 2>said || echo "vorbis 192 at 96 kHz: failed"
    ffmpeg -v error -i noise.wav -c:a libopus -b:a 520k x.opus 2>said ||
        echo "opus 520: failed, and says: $(grep -o 'between [0-9]* and [0-9]*' said)"
} | tee seen
diff seen - <<'SEEN'
mp3 300: 320, 0 words
mp3 8: 30, 0 words
aac 500: 380, 0 words
vorbis 192 at 96 kHz: failed
opus 520: failed, and says: between 500 and 512000
SEEN
echo "ffmpeg $(ffmpeg -version | sed -n 's/ffmpeg version \([0-9.]*\).*/\1/p') still does so."
