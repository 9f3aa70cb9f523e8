#!/usr/bin/env bash
# mido 1.3.3: Parser, through which the bytes of a serial line, a socket or a raw MIDI device go, forgets the message
# that a real-time byte interrupts. MIDI lets clock, start, stop and active sensing stand between any two bytes; mido
# allows it within system exclusive alone. A note-on with a clock in it is lost, and so is a note-off, and then a note
# hangs. Running status it does not know at all: of a knob that is turned, the first value arrives and no other. No
# error is raised. Files are read by another part, which does know it.
#
# Seen:
#   90 3c 40: note_on
#   90 f8 3c 40: clock
#   90 3c f8 40: clock
#   f0 01 f8 02 f7: clock sysex
#   b0 07 10 07 20 07 30: control_change
#   the same three in a file: control_change control_change control_change
# What follows for us: bytes come from the drivers as whole messages; what reads a line needs a parser of its own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mido==1.3.3
cat >"$folder/try.py" <<'PY'
import io
import struct

import mido

for line in ("90 3c 40", "90 f8 3c 40", "90 3c f8 40", "f0 01 f8 02 f7", "b0 07 10 07 20 07 30"):
    print(f"{line}: {' '.join(message.type for message in mido.parse_all(bytes.fromhex(line)))}")
events = bytes.fromhex("00 b0 07 10  00 07 20  00 07 30  00 ff 2f 00")
song = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, 480) + struct.pack(">4sI", b"MTrk", len(events)) + events
found = [message.type for message in mido.MidiFile(file=io.BytesIO(song)) if not message.is_meta]
print(f"the same three in a file: {' '.join(found)}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
90 3c 40: note_on
90 f8 3c 40: clock
90 3c f8 40: clock
f0 01 f8 02 f7: clock sysex
b0 07 10 07 20 07 30: control_change
the same three in a file: control_change control_change control_change
SEEN
echo "mido 1.3.3 still does so."
