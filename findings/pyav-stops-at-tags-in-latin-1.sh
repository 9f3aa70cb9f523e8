#!/usr/bin/env bash
# PyAV 18.1.0: av.open reads the tags at once, as UTF-8 and strictly. A WAV whose INFO list is Latin-1, as Windows
# programs write it, raises UnicodeDecodeError, which is no FFmpegError: who catches those alone shows a traceback for
# a file whose sound is whole. A stream without a known codec has no attribute `rate`: AttributeError, no FFmpegError.
#
# Seen, a WAV with the artist "Bj\xf6rk":
#   as it is: UnicodeDecodeError
#   metadata_errors="replace": 1000 samples
# What follows for us: io/files/foreign.py opens with metadata_errors="replace" and asks for the codec first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import io
import struct

import av


def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


info = chunk(b"LIST", b"INFO" + chunk(b"IART", b"Bj\xf6rk\0"))
fmt = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 48000, 96000, 2, 16))
body = b"WAVE" + fmt + info + chunk(b"data", bytes(2000))
song = b"RIFF" + struct.pack("<I", len(body)) + body
for name, options in (("as it is", {}), ('metadata_errors="replace"', {"metadata_errors": "replace"})):
    try:
        with av.open(io.BytesIO(song), **options) as container:
            print(f"{name}: {sum(frame.samples for frame in container.decode(audio=0))} samples")
    except Exception as error:
        print(f"{name}: {type(error).__name__}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
as it is: UnicodeDecodeError
metadata_errors="replace": 1000 samples
SEEN
echo "PyAV 18.1.0 still does so."
