#!/usr/bin/env bash
# jackd2 1.9.21: the socket at which a client waits for its server while it opens is called after the client and the
# user, and not after the server (/dev/shm/jack_NAME_UID_0). So two programs that open clients of one name at the same
# time, each on a server of its own, take it from one another: jack_client_open fails now and then with "Cannot open
# same client", in words that say nothing of another server, while both servers run and have room. Two instances of
# one service, started together at boot, are such programs.
#
# Seen, two programs beside two servers for five seconds, each opening and closing a client again and again:
#   names that differ: all were opened
#   one name: some were refused
# What follows for us: a client that is refused while its server listens asks again (io/devices/system.py).
set -euo pipefail
folder=$(mktemp -d)
one=one-$$ other=other-$$ servers=()
trap 'kill "${servers[@]}" 2>/dev/null; wait; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check JACK-Client==0.5.5
for name in "$one" "$other"; do
  jackd -n "$name" -d dummy -p 1024 >"$folder/$name.log" 2>&1 &
  servers+=($!)
  timeout 20 env JACK_DEFAULT_SERVER="$name" jack_wait -w >/dev/null 2>&1
done
cat >"$folder/open.py" <<'PY'
import sys
import time

import jack

jack.set_error_function(lambda message: None)
jack.set_info_function(lambda message: None)
end = time.monotonic() + 5
refused = 0
while time.monotonic() < end:
    try:
        jack.Client(sys.argv[2], servername=sys.argv[1], no_start_server=True).close()
    except jack.JackOpenError:
        refused += 1
print(refused)
PY
both() { # a client's name on the one server, on the other
  "$folder/venv/bin/python" "$folder/open.py" "$one" "$1" >"$folder/first" 2>/dev/null &
  local first=$!
  "$folder/venv/bin/python" "$folder/open.py" "$other" "$2" >"$folder/second" 2>/dev/null
  wait "$first"
  if [ "$(($(cat "$folder/first") + $(cat "$folder/second")))" = 0 ]; then echo "all were opened"; else echo "some were refused"; fi
}
{
  echo "names that differ: $(both "master-$$-a" "master-$$-b")"
  echo "one name: $(both "master-$$" "master-$$")"
} | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
names that differ: all were opened
one name: some were refused
SEEN
echo "jackd $(jackd --version 2>/dev/null | awk '/jackdmp version/ {print $3}') still does so."
