#!/usr/bin/env bash
# ffmpeg 5.1.9 into icecast2 2.4.4: whether anyone but the first listener hears an Ogg stream depends on a header that
# looks like a label. Icecast gives the start of an Ogg, without which nothing decodes, to everyone who joins, but only
# where the source has called itself audio/ogg or application/ogg. ffmpeg calls whatever it sends audio/mpeg, -f ogg or
# not; and audio/opus and audio/flac, which name the sound more exactly, are taken as bare bytes as well. Whoever joins
# within the first seconds, as one does to see whether it works, is served from the start and hears it.
#
# Seen, Opus in Ogg at 64 kbit/s, for listeners who join within seconds and after a quarter of a minute:
#   no -content_type: the early one hears it, the late one gets bytes and no sound
#   audio/opus: the early one hears it, the late one gets bytes and no sound
#   audio/ogg: the early one hears it, the late one hears it
#   application/ogg: the early one hears it, the late one hears it
# What follows for us: each line in docs/outputs.md has its -content_type, and is tested by one who joins late.
#
# Debian 12's packages; needs root, and starts an icecast of its own on the loopback.
set -euo pipefail
apt-get install -y -qq --no-install-recommends --allow-downgrades icecast2=2.4.4-4+b1 ffmpeg=7:5.1.9-0+deb12u1 curl >/dev/null
folder=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
chmod 777 "$folder"
cd "$folder"
port=$(python3 -c 'import socket; one = socket.create_server(("127.0.0.1", 0)); print(one.getsockname()[1])')
cat >icecast.xml <<XML
<icecast>
  <authentication>
    <source-password>P</source-password><admin-user>a</admin-user><admin-password>P</admin-password>
  </authentication>
  <listen-socket><port>$port</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <paths>
    <logdir>$folder</logdir><webroot>/usr/share/icecast2/web</webroot>
    <adminroot>/usr/share/icecast2/admin</adminroot>
  </paths>
</icecast>
XML
setpriv --reuid=nobody --clear-groups icecast2 -c icecast.xml >/dev/null 2>&1 & # it refuses to be root
pids+=($!)
running() { curl -s -m 1 -o /dev/null "http://127.0.0.1:$port/"; }
on_air() { curl -s -m 1 "http://127.0.0.1:$port/status-json.xsl" | grep -q listenurl; }
off_air() { ! on_air; }
until_it_is() { for _ in {1..100}; do "$1" && return || sleep 0.2; done; }
until_it_is running

listen() { # three seconds of it
    curl -s -m 3 "http://127.0.0.1:$port/live" -o heard || true
    [ "$(stat -c %s heard)" -gt 4000 ] || { echo "gets NOTHING"; return; }
    samples=$(ffmpeg -v quiet -f ogg -i heard -f s16le -ac 1 -ar 48000 - | wc -c)
    if [ "$samples" -gt 48000 ]; then echo "hears it"; else echo "gets bytes and no sound"; fi
}
for name in "no -content_type" audio/opus audio/ogg application/ogg; do
    options=()
    [ "$name" = "no -content_type" ] || options=(-content_type "$name")
    ffmpeg -v quiet -re -f lavfi -i "anoisesrc=r=48000:d=60:a=0.2:seed=1" -c:a libopus -b:a 64k -f ogg "${options[@]}" \
        "icecast://source:P@127.0.0.1:$port/live" &
    source=$!
    pids+=("$source")
    until_it_is on_air
    early=$(listen)
    sleep 12
    echo "$name: the early one $early, the late one $(listen)"
    kill "$source"
    wait "$source" 2>/dev/null || true
    until_it_is off_air
done | tee seen
diff seen - <<'SEEN'
no -content_type: the early one hears it, the late one gets bytes and no sound
audio/opus: the early one hears it, the late one gets bytes and no sound
audio/ogg: the early one hears it, the late one hears it
application/ogg: the early one hears it, the late one hears it
SEEN
echo "icecast2 2.4.4 and ffmpeg $(ffmpeg -version | awk 'NR == 1 {print $3}') still do so."
