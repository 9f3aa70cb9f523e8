#!/usr/bin/env bash
# ffmpeg 5.1.9, volume=replaygain=track, and GStreamer 1.22's rgvolume: whether a gain that is written in a file is
# applied depends on the container. ffmpeg obeys the tag in FLAC and MP3; in Ogg Vorbis and Opus, where its ffprobe
# shows the very same words, it does nothing and says nothing. GStreamer obeys it in all four. What Opus has of its own
# (RFC 7845), R128_TRACK_GAIN, is obeyed by neither, though GStreamer obeys the one that the RFC advises against: a list
# of Opus songs that were tagged by the book plays as loud as each was made.
#
# Seen, a tag of -6 dB, written by mutagen; change of the level in whole dB:
#   FLAC, REPLAYGAIN_TRACK_GAIN: ffmpeg -6, GStreamer -6
#   MP3, REPLAYGAIN_TRACK_GAIN: ffmpeg -6, GStreamer -6
#   Vorbis, REPLAYGAIN_TRACK_GAIN: ffmpeg +0, GStreamer -6
#   Opus, REPLAYGAIN_TRACK_GAIN: ffmpeg +0, GStreamer -6
#   Opus, R128_TRACK_GAIN: ffmpeg +0, GStreamer +0
# What follows for us: tags are a courtesy; who needs a loudness behind these programs masters to it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mutagen==1.48.1 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import os
import subprocess
import sys

import mutagen
import numpy as np
from mutagen.id3 import TXXX

os.chdir(sys.argv[1])
RATE_HZ = 48_000
TONE = f"aevalsrc=0.1*sin(2*PI*1000*t):s={RATE_HZ}:d=2"


def level_db(*command):
    subprocess.run(command, check=True)
    heard = np.fromfile("heard", "<f4")[RATE_HZ // 2 : RATE_HZ]
    return 20.0 * np.log10(np.std(heard))


def by_ffmpeg(path, replaygain):
    how = ("-af", f"volume=replaygain={replaygain}", "-f", "f32le", "heard")
    return level_db("ffmpeg", "-v", "error", "-y", "-i", path, *how)


def by_gstreamer(path, *stage):
    source = ("gst-launch-1.0", "-q", "filesrc", f"location={path}", "!", "decodebin", "!", "audioconvert")
    sink = ("!", "audioconvert", "!", "audio/x-raw,format=F32LE", "!", "filesink", "location=heard")
    return level_db(*source, *stage, *sink)


for name, ending, codec, tag, gain in (
    ("FLAC", "flac", "flac", "REPLAYGAIN_TRACK_GAIN", "-6.00 dB"),
    ("MP3", "mp3", "libmp3lame", "REPLAYGAIN_TRACK_GAIN", "-6.00 dB"),
    ("Vorbis", "ogg", "libvorbis", "REPLAYGAIN_TRACK_GAIN", "-6.00 dB"),
    ("Opus", "opus", "libopus", "REPLAYGAIN_TRACK_GAIN", "-6.00 dB"),
    ("Opus", "opus", "libopus", "R128_TRACK_GAIN", str(-6 * 256)),
):
    path = f"song.{ending}"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", TONE, "-c:a", codec, path], check=True)
    file = mutagen.File(path)
    if ending == "mp3":
        file.tags.add(TXXX(encoding=3, desc=tag, text=[gain]))
    else:
        file[tag] = gain
    file.save()
    shown = ["ffprobe", "-v", "error", "-show_entries", "format_tags:stream_tags", path]
    assert f"{tag}={gain}" in subprocess.run(shown, capture_output=True, text=True, check=True).stdout
    changes = (
        by_ffmpeg(path, "track") - by_ffmpeg(path, "drop"),
        by_gstreamer(path, "!", "rgvolume", "album-mode=false") - by_gstreamer(path),
    )
    ours, theirs = (f"{round(change):+d}" for change in changes)
    print(f"{name}, {tag}: ffmpeg {ours}, GStreamer {theirs}", flush=True)
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
FLAC, REPLAYGAIN_TRACK_GAIN: ffmpeg -6, GStreamer -6
MP3, REPLAYGAIN_TRACK_GAIN: ffmpeg -6, GStreamer -6
Vorbis, REPLAYGAIN_TRACK_GAIN: ffmpeg +0, GStreamer -6
Opus, REPLAYGAIN_TRACK_GAIN: ffmpeg +0, GStreamer -6
Opus, R128_TRACK_GAIN: ffmpeg +0, GStreamer +0
SEEN
echo "ffmpeg $(ffmpeg -version | awk 'NR == 1 {print $3}') and GStreamer 1.22 still do so."
