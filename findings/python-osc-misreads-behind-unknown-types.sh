#!/usr/bin/env bash
# python-osc 1.10.2: an argument of a type that it does not know ("S", a symbol, and "c", a character: both in the
# OSC 1.0 specification) loses its type tag but not its bytes. Every argument behind it is read from the wrong place:
# a symbol "sym" and the number 5 arrive as one number, 1937337600, which is the word. No error is raised, only a
# warning is logged.
#
# Seen, the arguments that arrive:
#   i 5           [5]
#   S "sym", i 5  [1937337600]
#   c "A", i 5    [65]
#   I, i 5        [5]
# What follows for us: panel/osc.py reads the type tags first, and answers a message with such a type with a sentence.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-osc==1.10.2
cat >"$folder/try.py" <<'PY'
import logging
import struct

from pythonosc.osc_packet import OscPacket

logging.disable()


def text(value):
    return value.encode() + bytes(4 - len(value) % 4)


five = struct.pack(">i", 5)
for name, tags, data in (
    ("i 5", "i", five),
    ('S "sym", i 5', "Si", text("sym") + five),
    ('c "A", i 5', "ci", struct.pack(">i", ord("A")) + five),
    ("I, i 5", "Ii", five),
):
    (timed,) = OscPacket(text("/fader") + text("," + tags) + data).messages
    print(f"{name:12}  {timed.message.params}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
i 5           [5]
S "sym", i 5  [1937337600]
c "A", i 5    [65]
I, i 5        [5]
SEEN
echo "python-osc 1.10.2 still does so."
