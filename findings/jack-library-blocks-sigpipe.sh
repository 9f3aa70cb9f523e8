#!/usr/bin/env bash
# jackd2 1.9.21, its client library: jack_client_open leaves SIGPIPE blocked in the thread that called it, also where
# there is no server and nothing came of it. A mask is inherited by every program that is started from then on, unlike
# a handler: Python puts the default action back in what it starts, and that does not help against a mask. What should
# end quietly when its reader goes gets an error from its write instead.
#
# Seen, `cat` of endless zeros started by Python, whose reader goes away, before and after such a call:
#   before: cat is ended by SIGPIPE
#   after jack_client_open: cat ends by itself with 1
# What follows for us: no test asks how a writer ended; PortAudio looks for JACK by the same call.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check JACK-Client==0.5.5
cat >"$folder/try.py" <<'PY'
import subprocess

import jack

jack.set_error_function(lambda message: None)
jack.set_info_function(lambda message: None)


def ends():
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(["cat", "/dev/zero"], **pipes) as endless:
        endless.stdout.read(1)
        endless.stdout.close()
        code = endless.wait(10)
    return "is ended by SIGPIPE" if code == -13 else f"ends by itself with {code}"


print("before: cat", ends())
try:
    jack.Client("asks", servername="a-server-that-is-not-there", no_start_server=True)
except jack.JackOpenError:
    print("after jack_client_open: cat", ends())
PY
"$folder/venv/bin/python" "$folder/try.py" 2>/dev/null | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
before: cat is ended by SIGPIPE
after jack_client_open: cat ends by itself with 1
SEEN
echo "jackd $(jackd --version 2>/dev/null | awk '/jackdmp version/ {print $3}') still does so."
