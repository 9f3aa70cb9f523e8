#!/usr/bin/env bash
# PipeWire 0.3.65 as a JACK server lets two clients have one name, though each asked for exactly that name or none
# (JackUseExactName): both are opened, no status flag says so, and both report the name as theirs. jackd refuses the
# second. What a port is called then depends on who asks: the first sees the other's under a number, the second sees
# two ports of one name, and a link by that name goes to either.
#
# Seen, two clients opened as "desk" with use_exact_name, each with an output "out":
#   first: desk, status 0
#   second: desk, status 0
#   the first sees desk-N:out and desk:out
#   the second sees desk:out and desk:out
# What follows for us: before opening, the list of ports is searched for the name; a lock says who is there.
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
import re
import time

import jack

clients = []
for which in ("first", "second"):
    client = jack.Client("desk", use_exact_name=True, no_start_server=True)
    client.outports.register("out")
    client.activate()
    clients.append(client)
    print(f"{which}: {client.name}, status {int(client.status._code)}")
time.sleep(1.0)
for which, client in zip(("first", "second"), clients):
    names = sorted(re.sub(r"-\d+:", "-N:", port.name) for port in client.get_ports("out"))
    print(f"the {which} sees {' and '.join(names)}")
for client in clients:
    client.close()
PY
pw-jack "$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
first: desk, status 0
second: desk, status 0
the first sees desk-N:out and desk:out
the second sees desk:out and desk:out
SEEN
echo "PipeWire 0.3.65 still does so."
