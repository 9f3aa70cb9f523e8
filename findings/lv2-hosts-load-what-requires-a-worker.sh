#!/usr/bin/env bash
# lv2apply (lilv 0.24.14) and ffmpeg 5.1's lv2 filter load and run a plug-in that *requires* the worker
# (lv2:requiredFeature work:schedule), and give it none: the feature is not among those passed to instantiate, and
# no word is said. LV2's core has it that a host must not load what requires a feature it does not have, so a
# plug-in that takes what it requires for granted reads an address that is none. lilv lists the feature correctly.
#
# Seen:
#   lv2apply: worker given: no; sound came out
#   ffmpeg: worker given: no; sound came out
#   lilv lists as required: http://lv2plug.in/ns/ext/worker#schedule
# What follows for us: the worker is asked for and done without; what it would do is done in line.
#
# Debian 12's packages; needs root.
set -euo pipefail
apt-get install -y -qq --no-install-recommends --allow-downgrades lilv-utils=0.24.14-1 ffmpeg=7:5.1.9-0+deb12u1 \
    lv2-dev=1.18.4-2 gcc libc6-dev >/dev/null
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p lv2/asks.lv2
cat >lv2/asks.lv2/manifest.ttl <<'TTL'
@prefix lv2: <http://lv2plug.in/ns/lv2core#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
<urn:example:asks> a lv2:Plugin ; lv2:binary <asks.so> ; rdfs:seeAlso <asks.ttl> .
TTL
cat >lv2/asks.lv2/asks.ttl <<'TTL'
@prefix doap: <http://usefulinc.com/ns/doap#> .
@prefix lv2: <http://lv2plug.in/ns/lv2core#> .
@prefix work: <http://lv2plug.in/ns/ext/worker#> .
<urn:example:asks> a lv2:Plugin ; doap:name "Asks for a worker" ;
    lv2:requiredFeature work:schedule ; lv2:extensionData work:interface ;
    lv2:port [ a lv2:AudioPort , lv2:InputPort ; lv2:index 0 ; lv2:symbol "in" ; lv2:name "In" ] ,
             [ a lv2:AudioPort , lv2:OutputPort ; lv2:index 1 ; lv2:symbol "out" ; lv2:name "Out" ] .
TTL
cat >asks.c <<'C'
#include <stdio.h>
#include <string.h>

#include "lv2/core/lv2.h"
#include "lv2/worker/worker.h"

static const float *in;
static float *out;

static LV2_Handle instantiate(const LV2_Descriptor *d, double rate, const char *path, const LV2_Feature *const *all) {
  (void)d, (void)rate, (void)path;
  int given = 0;
  for (; *all; all++) given |= !strcmp((*all)->URI, LV2_WORKER__schedule);
  fprintf(stderr, "worker given: %s\n", given ? "yes" : "no");
  return &in;
}
static void connect_port(LV2_Handle h, uint32_t port, void *to) {
  (void)h;
  if (port == 0) in = to;
  if (port == 1) out = to;
}
static void run(LV2_Handle h, uint32_t count) {
  (void)h;
  memmove(out, in, count * sizeof *out);
}
static void cleanup(LV2_Handle h) { (void)h; }
static LV2_Worker_Status work(LV2_Handle h, LV2_Worker_Respond_Function f, LV2_Worker_Respond_Handle r, uint32_t n,
                              const void *data) {
  (void)h, (void)f, (void)r, (void)n, (void)data;
  return LV2_WORKER_SUCCESS;
}
static const void *extension_data(const char *uri) {
  static const LV2_Worker_Interface worker = {work, NULL, NULL};
  return strcmp(uri, LV2_WORKER__interface) ? NULL : &worker;
}
LV2_SYMBOL_EXPORT const LV2_Descriptor *lv2_descriptor(uint32_t index) {
  static const LV2_Descriptor only = {"urn:example:asks", instantiate, connect_port, NULL, run, NULL, cleanup,
                                      extension_data};
  return index ? NULL : &only;
}
C
gcc -shared -fPIC -o lv2/asks.lv2/asks.so asks.c
export LV2_PATH="$folder/lv2"
ffmpeg -v error -f lavfi -i "sine=440:d=1" -ar 48000 in.wav
came_out() { [ -s "$1" ] && echo "sound came out" || echo "nothing came out"; }
{
    echo "lv2apply: $(lv2apply -i in.wav -o one.wav urn:example:asks 2>&1); $(came_out one.wav)"
    echo "ffmpeg: $(ffmpeg -v error -i in.wav -af 'lv2=p=urn\\:example\\:asks' two.wav 2>&1); $(came_out two.wav)"
    echo "lilv lists as required: $(lv2info urn:example:asks | sed -n 's/.*Required Features: *//p')"
} | tee seen
diff seen - <<'SEEN'
lv2apply: worker given: no; sound came out
ffmpeg: worker given: no; sound came out
lilv lists as required: http://lv2plug.in/ns/ext/worker#schedule
SEEN
echo "lilv 0.24.14 and ffmpeg 5.1.9 still do so."
