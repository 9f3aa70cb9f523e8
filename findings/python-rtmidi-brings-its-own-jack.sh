#!/usr/bin/env bash
# python-rtmidi 1.5.8: the wheel for Linux brings a libjack of its own and finds it by a path inside itself, so that
# LD_LIBRARY_PATH, by which pw-jack leads programs to PipeWire's, does not lead this one. Under pw-jack JACK-Client in
# the same process finds the server and opens MIDI ports; python-rtmidi lists the API as compiled in and says that no
# JACK server is running.
#
# Seen under pw-jack:
#   JACK-Client: desk:out
#   python-rtmidi has UNIX_JACK: yes
#   python-rtmidi: MidiInJack::initialize: JACK server not running?
# What follows for us: io/midi/jackmidi.py is a client of our own.
#
# Debian 12's packages; needs root, and starts a PipeWire of its own in a folder that is gone afterwards.
set -euo pipefail
apt-get install -y -qq --no-install-recommends --allow-downgrades pipewire=0.3.65-3+deb12u1 \
    pipewire-bin=0.3.65-3+deb12u1 pipewire-jack=0.3.65-3+deb12u1 python3-venv >/dev/null
folder=$(mktemp -d)
server=""
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check JACK-Client==0.5.7 python-rtmidi==1.5.8
export XDG_RUNTIME_DIR="$folder" PIPEWIRE_RUNTIME_DIR="$folder" HOME="$folder"
pipewire >/dev/null 2>&1 &
server=$!
until [ -e "$folder/pipewire-0" ]; do sleep 0.1; done
cat >"$folder/try.py" <<'PY'
import jack
import rtmidi

client = jack.Client("desk", no_start_server=True)
client.midi_outports.register("out")
client.activate()
print(f"JACK-Client: {', '.join(port.name for port in client.midi_outports)}")
print(f"python-rtmidi has UNIX_JACK: {'yes' if rtmidi.API_UNIX_JACK in rtmidi.get_compiled_api() else 'no'}")
try:
    print(f"python-rtmidi: {rtmidi.MidiIn(rtmidi.API_UNIX_JACK).get_ports()}")
except Exception as error:
    print(f"python-rtmidi: {error}")
client.close()
PY
pw-jack "$folder/venv/bin/python" "$folder/try.py" 2>/dev/null | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
JACK-Client: desk:out
python-rtmidi has UNIX_JACK: yes
python-rtmidi: MidiInJack::initialize: JACK server not running?
SEEN
echo "python-rtmidi 1.5.8 still does so."
