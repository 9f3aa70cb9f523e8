#!/usr/bin/env bash
# PipeWire 0.3.65 as a JACK server does not pass MIDI on as it is: a note-on with velocity 0 arrives as a note-off with
# velocity 64. To a synthesiser that is the same; to a controller whose lights are note-ons, with the velocity as the
# colour and 0 as dark, it is not, nor to who compares bytes. A note-off with velocity 0 and a control change with
# value 0 arrive unchanged. jackd passes the first on as it is, too.
#
# Seen, from one client to another:
#   90 24 00 arrives as 80 24 40
#   90 24 01 arrives as 90 24 01
#   80 24 00 arrives as 80 24 00
#   b0 24 00 arrives as b0 24 00
# What follows for us: nothing in what we hear, where both are a release; a light is put out by either.
#
# Debian 12's packages; needs root, and starts a PipeWire of its own in a folder that is gone afterwards.
set -euo pipefail
apt-get install -y -qq --no-install-recommends --allow-downgrades pipewire=0.3.65-3+deb12u1 \
    pipewire-bin=0.3.65-3+deb12u1 pipewire-jack=0.3.65-3+deb12u1 python3-venv >/dev/null
folder=$(mktemp -d)
server=""
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check JACK-Client==0.5.7
export XDG_RUNTIME_DIR="$folder" PIPEWIRE_RUNTIME_DIR="$folder" HOME="$folder"
pipewire >/dev/null 2>&1 &
server=$!
until [ -e "$folder/pipewire-0" ]; do sleep 0.1; done
cat >"$folder/try.py" <<'PY'
import time

import jack

sent = [bytes(message) for message in ((0x90, 36, 0), (0x90, 36, 1), (0x80, 36, 0), (0xB0, 36, 0))]
waiting, came = [], []
sender, hearer = (jack.Client(name, no_start_server=True) for name in ("sender", "hearer"))
out, hears = sender.midi_outports.register("out"), hearer.midi_inports.register("in")


@sender.set_process_callback
def say(frames):
    out.clear_buffer()
    if waiting:
        out.write_midi_event(0, waiting.pop(0))


@hearer.set_process_callback
def hear(frames):
    came.extend(bytes(data) for _, data in hears.incoming_midi_events())


sender.activate(), hearer.activate()
sender.connect(out, hears)
for message in sent:
    del came[:]
    deadline = time.monotonic() + 20.0
    while not came and time.monotonic() < deadline:  # what has just been joined may not carry yet
        waiting.append(message)
        time.sleep(0.3)
    print(f"{message.hex(' ')} arrives as {came[0].hex(' ')}")
    time.sleep(0.5)
sender.close(), hearer.close()
PY
pw-jack "$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
90 24 00 arrives as 80 24 40
90 24 01 arrives as 90 24 01
80 24 00 arrives as 80 24 00
b0 24 00 arrives as b0 24 00
SEEN
echo "PipeWire 0.3.65 still does so."
