#!/usr/bin/env bash
# mutagen 1.47.0: an ID3v2.4 date (TDRC) that is given text takes the first digits for the year, whatever they are. A
# Vorbis comment or a WAV's INFO list holds a date as free text, and many people's begin with the day: carried from FLAC
# to MP3 or WAV such a date becomes one of the first century, and one that begins with a word is lost. No error is raised.
#
# Seen, given and then read from the file again:
#   2003-05-12: 2003-05-12
#   12.05.2003: 0012-05-2003
#   05/12/2003: 0005-12-2003
#   May 2003: nothing
#   2003 (remaster 2011): 2003
# What follows for us: io/files/tags.py writes text that is no ISO date as TXXX, and a date only of a year found in it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mutagen==1.47.0
cat >"$folder/try.py" <<'PY'
import wave
from pathlib import Path

from mutagen.id3 import TDRC
from mutagen.wave import WAVE

song = Path(__file__).with_name("song.wav")
for given in ("2003-05-12", "12.05.2003", "05/12/2003", "May 2003", "2003 (remaster 2011)"):
    with wave.open(str(song), "wb") as out:
        out.setparams((1, 2, 48000, 0, "NONE", ""))
        out.writeframes(bytes(96000))
    file = WAVE(song)
    file.add_tags()
    file.tags.add(TDRC(encoding=3, text=[given]))
    file.save()
    found = WAVE(song).tags
    print(f"{given}: {found['TDRC'] if found and 'TDRC' in found else 'nothing'}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
2003-05-12: 2003-05-12
12.05.2003: 0012-05-2003
05/12/2003: 0005-12-2003
May 2003: nothing
2003 (remaster 2011): 2003
SEEN
echo "mutagen 1.47.0 still does so."
